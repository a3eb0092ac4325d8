//! Schema: every key there is, once: its name, its default, and a sentence for people.
//!
//! The reader refuses what is not here, fills in the defaults from here, and `check --example` is
//! printed from here.

/// A table of the file.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its name, without those of the tables around it.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// What may stand in it.
    pub(crate) keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// As users write it.
    pub(crate) name: &'static str,
    /// What it is when it is not written.
    pub(crate) given: Given,
    /// What it means.
    pub(crate) about: &'static str,
}

/// What a key is when it is not written. Literals are as in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given {
    /// It has this value.
    Default(&'static str),
    /// It must be written, as in this example.
    Required(&'static str),
    /// It is absent, which means something; this is an example.
    Optional(&'static str),
    /// Likewise; the example takes it up.
    Shown(&'static str),
    /// A table.
    Table(&'static Section),
    /// A list of tables.
    List(&'static Section),
}

macro_rules! section {
    ($(#[$doc:meta])* $visibility:vis $id:ident, $name:literal, $about:expr; $($key:ident = $given:ident($what:expr), $help:literal;)*) => {
        $(#[$doc])*
        $visibility static $id: Section = Section {
            name: $name,
            about: $about,
            keys: &[$(Key { name: stringify!($key), given: Given::$given($what), about: $help },)*],
        };
    };
}

section! {
    /// The file.
    pub(crate) ROOT, "", "";
    gateway = Table(&GATEWAY), "";
    listen = Table(&LISTEN), "";
    limits = Table(&FIRM_LIMITS), "";
    hard_limits = Table(&HARD_LIMITS), "";
    currency = List(&CURRENCY), "";
    fees = List(&FEES), "";
    exits = Table(&EXITS), "";
    calendar = List(&CALENDAR), "";
    desk = List(&DESK), "";
    account = List(&ACCOUNT), "";
    strategy = List(&STRATEGY), "";
    symbol = List(&SYMBOL), "";
    group = List(&GROUP), "";
    broker = List(&BROKER), "";
    feed = List(&FEED), "";
    response = List(&RESPONSE), "";
    events = Table(&EVENTS), "";
    subscriber = List(&SUBSCRIBER), "";
    reconcile = Table(&RECONCILE), "";
    analytics = Table(&ANALYTICS), "";
    scenario = List(&SCENARIO), "";
    tail = Table(&TAIL), "";
    admin = Table(&ADMIN), "";
    operator = List(&OPERATOR), "";
    journal = Table(&JOURNAL), "";
    threads = Table(&THREADS), "";
    capacity = Table(&CAPACITY), "";
}

section! {
    GATEWAY, "gateway", "The gateway itself.";
    name = Default("\"portcullis\""), "What it calls itself to strategies and brokers.";
    answer_timeout = Default("\"5s\""), "A broker silent for so long leaves the order in doubt: it counts in full until settled.";
    raise_persons = Default("2"), "How many operators must raise what one has killed.";
    raise_window = Default("\"5m\""), "A first raise waits so long for the others.";
    checkpoint_events = Default("4096"), "The state's digest goes into the journal after so many events.";
    soft = Default("[]"), "Limits that two persons may let one order pass, by their reasons, as in [\"QtyAboveMax\"].";
    loosen_factor = Optional("\"1.5\""), "A limit that is loosened by more than this factor while the gateway runs takes two persons; at a restart it is refused.";
    warn_share = Default("\"0.8\""), "Those who watch are warned at this share of a limit.";
    currency = Default("\"USD\""), "The firm's own: values, limits and losses are in it.";
    mark_age_max = Default("\"1m\""), "An older price values no position: while a level whose losses are limited has such a one, only what reduces passes there.";
    trading_day = Optional("\"xnas\""), "The calendar whose days are those of limits on a day; without one, days of UTC.";
    drain_timeout = Default("\"5s\""), "The bound on an orderly stop.";
    cancel_on_panic = Default("false"), "true cancels every live order when the gateway must end for a fault of its own.";
}

section! {
    LISTEN, "listen", "Where strategies connect, and the bounds of each session.";
    tcp = Default("\"127.0.0.1:7001\""), "An address, or \"off\". Not encrypted: beyond loopback, tunnel it.";
    unix = Default("\"off\""), "The path of a unix socket, or \"off\".";
    heartbeat = Default("\"1s\""), "A silent session is spoken to this often; one not heard three times as long is closed.";
    logon_timeout = Default("\"5s\""), "A connection that has not logged on by then is closed.";
    outbound_bytes_max = Default("\"1MiB\""), "A session that leaves more than this unread is closed.";
    reports_replay = Default("4096"), "Reports of each strategy that it can ask for again after a reconnect.";
    sessions_max = Default("64"), "Connections at one time, logged on or not.";
}

section! {
    CURRENCY, "currency", "Another currency than the firm's own. Give `rate` or `rate_symbol`, one of the two.";
    name = Required("\"EUR\""), "At most 36 printable characters.";
    rate = Shown("\"1.08\""), "What one of it is worth in the firm's own, for as long as this stands here.";
    rate_symbol = Optional("\"EUR/USD\""), "The symbol whose price is that. While that is broken or older than `mark_age_max`, nothing new in the currency passes.";
    rate_inverted = Default("false"), "true where that price says how much of this one of the firm's own is worth, as of USD/JPY.";
}

section! {
    FEES, "fees", "What fills cost where the broker does not say. An order in many parts costs what it costs in one.";
    name = Required("\"stocks\""), "At most 36 printable characters.";
    maker_per_unit = Default("\"0\""), "For each share or contract of an order that stood and was met; a rebate is negative.";
    maker_bps = Default("\"0\""), "Of its value.";
    taker_per_unit = Default("\"0\""), "The same of one that met what stood, and of any of which nobody says.";
    taker_bps = Default("\"0\""), "Of its value.";
    order_min = Optional("\"1\""), "What an order costs at the least, once something of it has filled.";
    order_max = Optional("\"50\""), "What it costs at the most.";
    order_max_bps = Optional("\"100\""), "The same as a part of its value.";
}

section! {
    EXITS, "exits", "How the gate closes a position: everything else of the account in the symbol is cancelled, then one order at a time, which only reduces.";
    retry = Default("\"1s\""), "After an order that brought nothing, the pause before the next; it doubles five times at the most.";
    timeout = Default("\"5s\""), "An order that has not filled by then is cancelled; what else stands is waited for as long.";
    attempts_max = Default("5"), "After so many that brought nothing somebody is told to look; it goes on trying.";
    slippage_bps = Default("\"100\""), "Where a symbol takes no market orders: how far from the reference the limit is, so much further with each attempt.";
}

section! {
    STRATEGY_EXITS, "exits", "When its positions are closed by the gate. Parts are of what the position has cost, fees left aside; an order may say others of its own.";
    stop_loss_bps = Optional("\"200\""), "At such a loss.";
    take_profit_bps = Optional("\"500\""), "At such a gain.";
    trailing_stop_bps = Optional("\"150\""), "Once the price has turned so far from its best since the position was opened.";
    break_even_bps = Optional("\"100\""), "Once it has gained so much: as soon as nothing of that is left.";
    hold_max = Optional("\"4h\""), "Once it has been held so long.";
}

section! {
    HARD_LIMITS, "hard_limits", "What one person may change a limit to at the most, at any level; no limit below may be above it.";
    order_qty_max = Optional("\"10000\""), "Of limits of this name, likewise below.";
    order_notional_max = Optional("\"5000000\""), "In money.";
    price_collar_bps = Optional("\"500\""), "In basis points.";
    open_orders_max = Optional("10000"), "Orders.";
    open_notional_max = Optional("\"50000000\""), "In money.";
    position_qty_max = Optional("\"1000000\""), "A quantity.";
    position_value_max = Optional("\"50000000\""), "In money.";
    gross_exposure_max = Optional("\"100000000\""), "In money.";
    net_exposure_max = Optional("\"50000000\""), "In money.";
    day_qty_max = Optional("\"1000000\""), "A quantity.";
    day_value_max = Optional("\"500000000\""), "In money.";
    day_orders_max = Optional("1000000"), "Orders and replaces.";
    basket_lines_max = Optional("16"), "Orders.";
    basket_notional_max = Optional("\"5000000\""), "In money.";
    day_loss_max = Optional("\"500000\""), "In money.";
    drawdown_max = Optional("\"1000000\""), "In money.";
    rolling_loss_max = Optional("\"250000\""), "In money.";
    value_at_risk_max = Optional("\"1000000\""), "In money.";
    expected_shortfall_max = Optional("\"1500000\""), "In money.";
    stress_loss_max = Optional("\"5000000\""), "In money.";
    margin_max = Optional("\"5000000\""), "In money.";
    cluster_share_max = Optional("\"0.8\""), "A part of 1.";
    cluster_share_free = Optional("\"500000\""), "In money.";
}

macro_rules! limits {
    ($visibility:vis $id:ident, $about:literal) => {
        section! {
            $visibility $id, "limits", $about;
            order_qty_max = Shown("\"1000\""), "On one order: its quantity.";
            order_notional_max = Shown("\"250000\""), "On one order: price times quantity.";
            price_collar_bps = Shown("\"50\""), "On one order: how far its price may be from the reference, in basis points.";
            reference_age_max = Shown("\"500ms\""), "How old the reference may be where one is needed. A collar needs this written beside it or for the firm.";
            order_rate = Shown("[{ max = 100, window = \"1s\" }]"), "Accepted orders and replaces within any window; at most 4 windows.";
            duplicate_window = Shown("\"off\""), "The same side, price and quantity again within this time is refused. A quarter of honest orders repeat within a second.";
            open_orders_max = Shown("1000"), "Live orders at one time.";
            open_notional_max = Shown("\"1000000\""), "Value of all live orders.";
            position_qty_max = Shown("\"off\""), "Net position in any one symbol, if the worst of its live orders fill.";
            position_value_max = Shown("\"1000000\""), "The same in money, at the reference price.";
            gross_exposure_max = Shown("\"5000000\""), "Sum over symbols and accounts of the worst position's value.";
            new_order_rate = Optional("[{ max = 50, window = \"1s\" }]"), "Accepted new orders alone, likewise. May be left out, as all below.";
            replace_rate = Optional("[{ max = 80, window = \"1s\" }]"), "Accepted replaces alone.";
            cancel_rate = Optional("[{ max = 80, window = \"1s\" }]"), "Cancels. They pass in any case; while there are more, orders and replaces do not.";
            duplicate_count = Optional("3"), "How often the same order may come within `duplicate_window`; once, where it is absent.";
            net_exposure_max = Optional("\"2000000\""), "The value of all positions together, bought less sold, if the worse side's live orders fill.";
            day_qty_max = Optional("\"50000\""), "What is traded in a day, live orders counted as if they had filled.";
            day_value_max = Optional("\"10000000\""), "The same in money.";
            day_orders_max = Optional("20000"), "Accepted orders and replaces in a day.";
            order_to_trade_max = Optional("100"), "Accepted orders, replaces and cancels to each trade of a day ...";
            order_to_trade_free = Optional("1000"), "... above so many that are free.";
            cancel_to_trade_max = Optional("50"), "Cancels to each trade of a day: they pass in any case; while there are more, orders and replaces do not ...";
            cancel_to_trade_free = Optional("500"), "... above so many that are free.";
            basket_lines_max = Optional("10"), "Orders in one basket; for the firm, an account, a strategy.";
            basket_notional_max = Optional("\"1000000\""), "What the orders of one basket are worth together; likewise.";
            capital = Optional("\"1000000\""), "What shares of a loss are shares of, before anything is earned or lost.";
            day_loss_max = Optional("\"50000\""), "What may be lost in a trading day, fees and open positions at their price counted. Beyond it only what reduces passes.";
            day_loss_share_max = Optional("\"0.1\""), "The same as a part of `capital` and what was earned before the day.";
            drawdown_max = Optional("\"100000\""), "How far that profit may fall from its highest.";
            drawdown_share_max = Optional("\"0.2\""), "The same as a part of `capital` and that highest.";
            rolling_loss_max = Optional("\"20000\""), "How far it may fall from its highest ...";
            rolling_loss_window = Optional("\"1h\""), "... within this window.";
            loss_answer = Optional("\"flatten\""), "Where one of these is passed: \"refuse\" what does not only reduce, \"cancel\" what lives beside that, which is what it does where this is absent, or \"flatten\": close every position too.";
            loss_resume = Optional("\"next_day\""), "When trading goes on: \"raise\", once persons raise the level, which holds where this is absent; or \"next_day\", after a loss of the day when the next begins.";
            value_at_risk_max = Optional("\"100000\""), "The loss that few days of history exceed, live orders counted where they make it worse; see `[tail]`. For the firm, a desk, an account, a strategy, as all below.";
            expected_shortfall_max = Optional("\"150000\""), "The mean loss of the worst days.";
            stress_loss_max = Optional("\"500000\""), "The loss in the worst of `tail.stress`.";
            margin_max = Optional("\"400000\""), "The loss in the worst of `tail.margin`: what is free for margin.";
            cluster_share_max = Optional("\"0.4\""), "Of what each symbol could lose alone, added up: the part that one cluster may hold ...";
            cluster_share_free = Optional("\"50000\""), "... above so much, which it may hold in any case.";
            others = Optional("\"off\""), "\"off\" writes off every limit of this table that is not named in it.";
        }
    };
}

limits!(
    FIRM_LIMITS,
    "Limits of the firm as a whole. The tightest of firm, desk, account, strategy, symbol and groups applies. An account can send nothing until every limit is set or written \"off\", here or for the account."
);
limits!(pub(crate) ACCOUNT_LIMITS, "Limits of the account. What is set here holds beside the firm's own.");
limits!(
    DESK_LIMITS,
    "Limits of all its accounts together. What is absent is off."
);
limits!(
    GROUP_LIMITS,
    "Limits of all its symbols together, over all accounts. What is absent is off."
);
limits!(
    STRATEGY_LIMITS,
    "Limits of the strategy. What is absent is off."
);
limits!(
    SYMBOL_LIMITS,
    "Limits of each symbol named above. What is absent is off."
);

section! {
    /// One window of `order_rate`.
    pub(crate) RATE, "order_rate", "";
    max = Required("100"), "How many. At least 1.";
    window = Required("\"1s\""), "In which time.";
}

section! {
    ACCOUNT, "account", "An account that orders are booked to.";
    name = Required("\"main\""), "At most 36 printable characters.";
    enabled = Default("true"), "false refuses everything new.";
    restricted = Default("[]"), "Symbols that it may not trade.";
    owner = Optional("\"fund one\""), "Whose it is: accounts of one owner must not trade with each other.";
    self_match = Default("\"off\""), "An order that would trade with a live one of its owner: \"reject\" it, \"cancel_oldest\" before it leaves, \"cancel_both\", \"off\".";
    short_sales = Default("\"off\""), "A sale of more than it owns: \"check\" its mark and what was located, \"refuse\" it, \"off\".";
    cut_orders = Default("false"), "true cuts an order that is too large to what the limits allow, in place of refusing it.";
    cost_method = Default("\"average\""), "How cost is taken from a position that is reduced: \"average\" or \"fifo\", first in first out.";
    funds = Default("\"off\""), "The cash that it may spend, from where this figure is written or changed.";
    desk = Shown("\"equities\""), "The desk that it belongs to, if it belongs to one.";
    limits = Table(&ACCOUNT_LIMITS), "";
}

section! {
    CALENDAR, "calendar", "When a market trades, in its own time. What it does not cover is closed.";
    name = Required("\"xnas\""), "At most 36 printable characters.";
    time_zone = Required("\"America/New_York\""), "A name of the zone database.";
    first_day = Required("\"2026-01-01\""), "The first day that it covers.";
    last_day = Required("\"2027-12-31\""), "The last; behind it, it is closed.";
    weekdays = Default("[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]"), "The days of the week on which it trades.";
    holidays = Default("[]"), "Days on which it does not.";
    half_days = Default("[]"), "Days on which the sessions of half days are held.";
    session = List(&SESSION_OF_DAY), "";
}

section! {
    SESSION_OF_DAY, "session", "A phase of the trading day. Between sessions it is closed; behind the last, day orders are cancelled.";
    name = Required("\"continuous\""), "At most 36 printable characters.";
    from = Required("\"09:30\""), "When it begins. One that ends no later than it begins has begun the day before.";
    to = Required("\"16:00\""), "When it ends; at most 24:00.";
    days = Default("\"all\""), "On which days: \"all\", \"full\", \"half\".";
    order_types = Default("[\"limit\", \"market\"]"), "What it takes, of what the symbol takes.";
    times_in_force = Default("[\"day\", \"gtc\", \"ioc\", \"fok\"]"), "Likewise.";
    reference = Default("\"mid\""), "What orders are measured by: \"mid\", \"last\" trade, \"close\".";
}

section! {
    DESK, "desk", "A desk: accounts under one roof.";
    name = Required("\"equities\""), "At most 36 printable characters.";
    enabled = Default("true"), "false refuses everything new of its accounts.";
    limits = Table(&DESK_LIMITS), "";
}

section! {
    GROUP, "group", "Symbols that are limited together: a sector, an issuer, a venue, or what you like.";
    name = Required("\"retail\""), "At most 36 printable characters.";
    enabled = Default("true"), "false refuses everything new in its symbols.";
    kind = Default("\"other\""), "What it is to statistics: \"sector\" or \"issuer\" (a symbol is in at most one of each), \"venue\", \"other\".";
    symbols = Required("[\"AMZN\"]"), "What is in it. A symbol may be in at most 8 groups.";
    limits = Table(&GROUP_LIMITS), "";
}

section! {
    STRATEGY, "strategy", "A strategy that sends orders. It proves who it is by a key or by its unix user, one of the two.";
    name = Required("\"momentum\""), "At most 36 printable characters.";
    enabled = Default("true"), "false refuses everything new.";
    accounts = Required("[\"main\"]"), "The accounts it may trade for.";
    restricted = Default("[]"), "Symbols that it may not trade.";
    orders_unattended_max = Default("\"off\""), "So many orders pass; then a person must raise the strategy, and counting begins anew.";
    key_file = Shown("\"keys/momentum.key\""), "The file of its key: 64 hexadecimal digits, readable by the gateway alone.";
    unix_user = Optional("\"alice\""), "A user's name or number, told by the kernel; needs `listen.unix`.";
    cancel_on_disconnect = Default("\"never\""), "\"never\", \"at once\", or \"after 5s\" unless it is back by then.";
    trader = Shown("\"carol\""), "The person who answers for it.";
    cost_method = Default("\"average\""), "How cost is taken from its positions where they are reduced: \"average\", \"fifo\".";
    acknowledge = Default("false"), "true tells it that the gate has accepted, before the broker answers.";
    exits = Table(&STRATEGY_EXITS), "";
    limits = Table(&STRATEGY_LIMITS), "";
}

section! {
    SYMBOL, "symbol", "An instrument, or several with the same terms. Give `name` or `names`, one of the two.";
    name = Shown("\"AMZN\""), "At most 36 printable characters.";
    names = Optional("[\"AMZN\", \"MSFT\"]"), "Several with the same terms.";
    enabled = Default("true"), "false refuses everything new.";
    tick = Required("\"0.01\""), "Prices are whole numbers of it.";
    lot = Required("\"1\""), "Quantities are whole numbers of it.";
    price_min = Default("\"off\""), "The lowest price; \"off\": one tick. Zero and less must be written, as for spreads.";
    price_max = Default("\"off\""), "The highest price, or \"off\".";
    qty_min = Default("\"off\""), "The smallest order, or \"off\".";
    qty_max = Default("\"off\""), "The largest order that the venue takes, or \"off\".";
    notional_min = Default("\"off\""), "The least that an order may be worth, unless it only reduces the account's position.";
    order_types = Default("[\"limit\", \"market\"]"), "What it takes of limit, market.";
    times_in_force = Default("[\"day\", \"gtc\", \"ioc\", \"fok\"]"), "What it takes of day, gtc, ioc, fok.";
    broker = Required("\"sim\""), "Where its orders go.";
    slippage_bps = Default("\"0\""), "How much worse than its price an order is expected to fill: counted where it is cut.";
    borrow = Default("\"none\""), "For short sales: \"easy\", \"hard\" (only what was located today), \"none\".";
    calendar = Shown("\"xnas\""), "When it trades; without one, always.";
    currency = Optional("\"EUR\""), "What its price is in; without one, the firm's own.";
    contract = Default("\"linear\""), "\"linear\": worth price times quantity times multiplier. \"inverse\": worth quantity times multiplier, and settled in what is traded.";
    settlement = Optional("\"BTC\""), "Of an inverse contract: the currency that it settles in.";
    fees = Optional("\"stocks\""), "What its fills cost where the broker does not say.";
    multiplier = Default("\"1\""), "What one unit of price and one of quantity are worth together, as of a future.";
    reference_spread_bps = Default("\"off\""), "A quote whose ask is further than this from its bid is not believed.";
    reference_jump_bps = Default("\"off\""), "A quote further than this from the last good one is not believed at once.";
    reference_jump_confirmations = Default("3"), "How many quotes near the new price confirm a jump.";
    reference_move_bps = Default("\"off\""), "Nothing new passes while the reference is further than this from where it was ...";
    reference_move_window = Default("\"1m\""), "... at any time within this window.";
    limits = Table(&SYMBOL_LIMITS), "";
}

section! {
    BROKER, "broker", "A link to a broker.";
    name = Required("\"sim\""), "At most 36 printable characters.";
    kind = Required("\"sim\""), "What speaks at the other end: sim, native.";
    reconnect_min = Default("\"100ms\""), "The first pause before a lost connection is made again; it doubles each time.";
    reconnect_max = Default("\"30s\""), "The longest pause.";
    reports_fees = Default("false"), "true: its reports tell every fee, so that none told is none; false: what they do not tell is as `fees` of the symbol says.";
    breaker = Table(&BREAKER), "";
    sim = Table(&SIM), "";
    native = Table(&NATIVE), "";
}

section! {
    BREAKER, "breaker", "When the link is shut for new orders because too much goes wrong on it. Each rule can be \"off\".";
    reject_share = Default("\"0.5\""), "So large a share of the last answers are rejects.";
    reject_share_answers = Default("50"), "Of so many answers.";
    rejects = Default("20"), "So many rejects ...";
    rejects_window = Default("\"1s\""), "... within this time.";
    unanswered = Default("10"), "So many requests without an answer ...";
    unanswered_time = Default("\"5s\""), "... after this time.";
    pause = Default("\"5s\""), "It stays open so long.";
    trial_orders = Default("3"), "Then so many orders are let through to see.";
}

section! {
    SIM, "sim", "For kind = \"sim\": a venue inside the gateway. Shares are parts of 1, as in \"0.01\".";
    seed = Default("1"), "Of all that is left to chance.";
    latency = Default("\"100us\""), "From a request to its effect and its report.";
    latency_jitter = Default("\"0ns\""), "Up to so much more, drawn for each request.";
    liquidity = Default("\"quoted_or_unlimited\""), "The feed's quotes in its book: \"none\", \"quoted\" (with their sizes), \"quoted_or_unlimited\" (where they say no size), \"unlimited\".";
    fee_share = Default("\"0\""), "Of a fill's value.";
    reject_share = Default("\"0\""), "Orders and replaces that it rejects.";
    cancel_reject_share = Default("\"0\""), "Cancels that it rejects although the order stands.";
    lose_share = Default("\"0\""), "Reports that it never sends.";
    duplicate_share = Default("\"0\""), "Reports that it sends twice.";
    restate_share = Default("\"0\""), "Orders that it cuts to half, unasked.";
    late_fill_share = Default("\"0\""), "Cancels that it confirms before a last fill.";
    late_fill_delay = Default("\"1ms\""), "How long after.";
    disconnect_requests = Default("\"off\""), "The link goes down behind every so-manyth request.";
    silence_request = Default("\"off\""), "At this request it falls silent ...";
    silence_time = Default("\"10s\""), "... for so long.";
}

section! {
    NATIVE, "native", "For kind = \"native\": the gateway's own protocol over TCP.";
    address = Required("\"127.0.0.1:9000\""), "Where the broker listens.";
    key_file = Required("\"keys/broker.key\""), "The file of the key that both ends know.";
    logon_name = Default("\"portcullis\""), "Who the gateway says it is.";
    connect_timeout = Default("\"1s\""), "A connection must be made by then.";
    logon_timeout = Default("\"5s\""), "The logon must be answered by then.";
    unacknowledged_timeout = Default("\"10s\""), "A connection is given up when its other end acknowledges nothing for so long.";
    send_buffer = Default("\"256KiB\""), "The kernel holds so much that the broker has not read: in doubt when the link is lost.";
    orders_max = Default("4096"), "So many frames of orders wait for a slow broker; more trips its breaker.";
    cancels_max = Default("4096"), "So many cancels and questions wait beside them.";
    accept_missed_reports = Default("false"), "true brings the link up although the broker no longer has reports that were missed.";
}

section! {
    FEED, "feed", "Where reference prices come in. Give `tcp` or `unix`, and `key_file` or `unix_user`.";
    name = Required("\"prices\""), "At most 36 printable characters.";
    tcp = Shown("\"127.0.0.1:7002\""), "The address at which the feed connects.";
    unix = Optional("\"run/prices.sock\""), "The path of a unix socket instead.";
    key_file = Shown("\"keys/prices.key\""), "The file of its key: who feeds prices moves every collar.";
    unix_user = Optional("\"alice\""), "A user's name or number instead; needs `unix`.";
    interval_min = Default("\"1ms\""), "One symbol's price goes to the core at most this often; the latest wins.";
}

section! {
    RESPONSE, "response", "What the gate does by itself when too much of something happens.";
    name = Required("\"runaway\""), "At most 36 printable characters.";
    on = Required("\"refusals\""), "What is counted: \"refusals\" of the gate, \"rejects\" of brokers, \"fills\", \"moves\" beyond reference_move_bps, \"bad_prices\".";
    reasons = Default("[]"), "Of refusals: for which reasons; none named: for any but those that stop a sender for a while.";
    scope = Required("\"strategy\""), "For each of what, and who is answered: \"firm\", \"account\", \"strategy\", \"symbol\".";
    count = Required("20"), "At the so-manyth ...";
    window = Required("\"1s\""), "... within this time it answers, and counts anew.";
    answer = Required("\"cancel\""), "\"warn\"; \"slow\"; \"refuse\" what is new; \"cancel\" beside that; \"kill\", until persons raise it.";
    pause = Default("\"1m\""), "For how long it is slow or refuses, unless persons raise it.";
    slow_interval = Default("\"100ms\""), "How far apart orders pass while it is slow.";
}

section! {
    RECONCILE, "reconcile", "Our books against the broker's files, all the time: nothing is compared where neither is named.";
    statement = Optional("\"broker/statement.csv\""), "Positions and cash, as the broker says: `account,symbol,position` and `account,currency,cash`. Give it its name when it is whole.";
    drop_copy = Optional("\"broker/executions.csv\""), "Executions, as the broker says, a line for each: `exec_id,time,account,symbol,side,qty,price`, or JSON.";
    interval = Default("\"1s\""), "How often is looked.";
    confirmations = Default("3"), "A difference is healed at the so-manyth look that finds it.";
    settle_time = Default("\"10s\""), "How long a report may be on its way while a live order accounts for it; how sharp a statement's instant is. Two statements more than twice it apart are compared: what differs alike at both is no fill near either.";
    drop_copy_delay = Default("\"1m\""), "How late the drop copy may be.";
    heal_qty_max = Default("\"0\""), "Differences in one book, with what was healed there within a day, up to this ...";
    heal_value_max = Default("\"0\""), "... and up to this in money are healed by an adjustment; beyond, trading is halted.";
    cash_tolerance = Default("\"0.01\""), "Brokers round: cash that is apart by no more agrees.";
    halt = Default("\"account\""), "Who is killed where a difference is not healed: \"account\", \"firm\", or \"off\": it is told, and trading goes on.";
    retries = Default("5"), "So often is a file that cannot be read, or an adjustment that does not arrive, tried again.";
    retry_interval = Default("\"2s\""), "How long is waited for it each time.";
    statement_age_max = Default("\"off\""), "A statement older than this is as bad as none, or \"off\".";
    history = Default("65536"), "So many of our executions, and of the drop copy's, are remembered.";
    cash = List(&RECONCILE_CASH), "";
}

section! {
    RECONCILE_CASH, "cash", "What an account had before the gate; other cash is not compared.";
    account = Required("\"main\""), "Whose.";
    currency = Required("\"USD\""), "In which currency.";
    opening = Required("\"1000000\""), "How much.";
}

section! {
    EVENTS, "events", "What has happened, to be asked for by `portcullis events`.";
    history = Default("10000"), "So many of the last events are remembered.";
    history_severity = Default("\"notice\""), "Those as grave as this and graver: \"info\", \"notice\", \"warning\", \"critical\".";
}

section! {
    SUBSCRIBER, "subscriber", "Who is told what happens. Without one of kind log, warnings but for refusals and rejects go to the log all the same.";
    name = Required("\"desk\""), "At most 36 printable characters.";
    kind = Required("\"file\""), "How it is told: log, file, webhook.";
    severity = Default("\"warning\""), "It is told what is as grave as this and graver.";
    kinds = Default("[]"), "Of these kinds alone, as `portcullis events --list` names them; none named: of all.";
    accounts = Default("[]"), "Of these accounts alone, and what is of no account; none named: of all.";
    queue = Default("4096"), "So many events wait for it; then the oldest is dropped, and that is told.";
    file = Table(&SUBSCRIBER_FILE), "";
    webhook = Table(&SUBSCRIBER_WEBHOOK), "";
}

section! {
    SUBSCRIBER_FILE, "file", "For kind = \"file\": a line of JSON for each event. After a restart it goes on behind its last line.";
    path = Required("\"run/events.jsonl\""), "The file. Those before it are called the same with .1, .2 and so on behind.";
    size_max = Default("\"64MiB\""), "A file of this size is closed and the next one begun.";
    files_max = Default("8"), "So many are kept, the current one included.";
}

section! {
    SUBSCRIBER_WEBHOOK, "webhook", "For kind = \"webhook\": POST of a JSON array, at least once each.";
    url = Required("\"https://alerts.example/gate\""), "The server. It is printed and journaled: no secret may be in it.";
    secret_file = Optional("\"keys/alerts.secret\""), "A file, readable by the gateway alone, whose one line is the value of a header.";
    secret_header = Default("\"Authorization\""), "Of this header.";
    timeout = Default("\"2s\""), "The answer must be there by then.";
    batch_max = Default("256"), "At most so many events in one request.";
    retry_min = Default("\"100ms\""), "The first pause before a request is made again; it doubles each time.";
    retry_max = Default("\"2s\""), "The longest pause.";
    breaker_failures = Default("5"), "At so many failures in a row its breaker opens ...";
    breaker_pause = Default("\"2s\""), "... for so long; then one event is tried.";
    position_file = Optional("\"run/alerts.position\""), "Where the last event that was taken stands, so that a restart goes on behind it; without one, a run tells its own events.";
}

section! {
    ANALYTICS, "analytics", "Statistics of price history, as `portcullis analyze` prints them.";
    history = Default("[]"), "Files of daily prices, .csv, .csv.gz or .parquet: a row for each day, its date first; a column for each symbol or index, named in the first line.";
    date_order = Default("\"ymd\""), "How dates are written in them and in no other way: \"ymd\", \"dmy\", \"mdy\".";
    missing = Default("\"refuse\""), "An empty cell of a symbol that is asked for: \"refuse\", or \"drop\" the day for all symbols.";
    holdings = Optional("\"holdings.csv\""), "A file of symbol,qty and perhaps account; without one, equal weights of every [[symbol]], or of every column that is no index.";
    equity = Default("\"off\""), "The money that gains and losses are a share of; \"off\": the gross value of the holdings.";
    index = Optional("\"SP500\""), "The column of the history that betas are against.";
    beta = List(&BETA), "";
    returns_min = Default("100"), "Fewer daily returns than these are refused: too short a history.";
    returns_max = Default("\"off\""), "Only the last so many returns are used; \"off\": all.";
    days_per_year = Default("252"), "Of trading: a day's volatility is scaled by its root, a day's mean by itself.";
    ewma_lambda = Default("\"0.94\""), "The weight of yesterday's variance in today's; the first is the square of the first return.";
    risk_free_rate = Default("\"0\""), "In a year, as a part of 1: what the Sharpe ratio leaves out.";
    quantile = Default("\"linear\""), "Of historical value at risk: \"linear\" between the two nearest days, \"observed\": the day at or below.";
    var_confidence = Default("[\"0.95\", \"0.99\"]"), "For value at risk.";
    es_confidence = Default("[\"0.975\"]"), "For expected shortfall.";
    condition_max = Default("10000"), "Correlations whose greatest eigenvalue is more than this many times their least are shrunk.";
}

section! {
    BETA, "beta", "Another index, for an account, for symbols, or for symbols of an account. The most specific holds: both, symbols, account, `analytics.index`.";
    index = Required("\"SP500\""), "A column of the history.";
    account = Shown("\"main\""), "For this account alone.";
    symbols = Default("[]"), "For these symbols alone; none named: for all.";
}

section! {
    SCENARIO, "scenario", "A stress: what is held is worth what it would be after these changes of price.";
    name = Required("\"crash\""), "At most 36 printable characters.";
    others = Default("\"0\""), "The change of what no shock below names, as a part of 1.";
    shock = List(&SHOCK), "";
}

section! {
    SHOCK, "shock", "Give `symbol`, `group` or `index`, one of the three. A symbol follows its own, else that of its first group here, else that of the first index.";
    symbol = Shown("\"AMZN\""), "This symbol.";
    group = Optional("\"retail\""), "Every symbol of this group.";
    index = Optional("\"SP500\""), "Every symbol, each by its beta against this index.";
    change = Required("\"-0.2\""), "Of the price, as a part of 1.";
}

section! {
    TAIL, "tail", "Scenarios in which the loss of a level can be limited: days of history, and stresses. What a limit needs and nobody has told is refused.";
    history_days = Default("\"off\""), "So many of the last daily returns of each symbol, read at the start from analytics.history; at most 4096.";
    unit = Default("\"0.01\""), "What each position is worth is rounded up to whole ones of this.";
    value_at_risk_share = Default("\"0.99\""), "On so large a part of the days the loss is no more than the value at risk.";
    expected_shortfall_share = Default("\"0.975\""), "The days beyond this part are those of the expected shortfall.";
    stress = Default("[]"), "The scenarios of `stress_loss_max`, by name.";
    margin = Default("[]"), "The scenarios of `margin_max`, by name.";
    cluster_correlation = Default("\"off\""), "Symbols whose history correlates at least so much, one with the next, are one cluster; beside those named below.";
    returns = List(&TAIL_RETURNS), "";
    cluster = List(&TAIL_CLUSTER), "";
}

section! {
    TAIL_RETURNS, "returns", "The returns of a symbol, in place of those that would be worked out.";
    symbol = Required("\"AMZN\""), "Whose.";
    history = Optional("\"-0.012 0.004\""), "As many as `tail.history_days`, oldest first, as parts of 1; at most six digits behind the point.";
    stress = Optional("\"-0.1\""), "One for each of `tail.stress`.";
    margin = Optional("\"-0.05 0.05\""), "One for each of `tail.margin`.";
}

section! {
    TAIL_CLUSTER, "cluster", "Symbols that move together.";
    symbols = Required("[\"AMZN\"]"), "A symbol is in one cluster at the most; one that is in none is one by itself.";
}

section! {
    ADMIN, "admin", "Where operators connect.";
    socket = Default("\"run/admin.sock\""), "The path of the unix socket.";
    mode = Default("\"0660\""), "Its file mode, in octal digits.";
}

section! {
    OPERATOR, "operator", "A person who may kill and raise.";
    name = Required("\"alice\""), "At most 36 printable characters.";
    uid = Required("1000"), "The user number that the kernel tells of this person; one person each.";
}

section! {
    JOURNAL, "journal", "Every event and every decision, in order, on disk.";
    directory = Default("\"journal\""), "Where its segments lie.";
    policy = Default("\"process\""), "What it survives: \"process\", the death of the process; \"sync\", the loss of power.";
    segment_size_bytes = Default("\"256MiB\""), "The size of one segment; a power of two.";
    ahead_bytes = Default("\"8MiB\""), "How far ahead of the writer pages are made ready.";
    reserve_bytes = Default("\"16MiB\""), "Kept back for cancels and reports once the disk is full.";
    sync_interval = Default("\"100ms\""), "What was written is synced at least this often; at rest the journal's thread wakes as often.";
}

section! {
    THREADS, "threads", "Which thread runs which stage, and what it does when there is nothing to do.";
    layout = Default("\"auto\""), "\"dedicated\": a thread each; \"shared\": all stages of the path on one; \"auto\": as the machine has cores.";
    idle = Default("\"park\""), "\"park\" sleeps until rung; \"backoff\" gives up its turn; \"spin\" burns one core each.";
    cores = Default("[]"), "The cores to pin to, in the order of the stages; empty: the gateway chooses.";
    spin = Default("\"50us\""), "How long a thread looks again before it rests.";
    batch_max = Default("64"), "How many messages a stage takes in one round.";
}

section! {
    CAPACITY, "capacity", "How many of each thing there may be. All memory is taken at start; full is a refusal.";
    orders = Default("131072"), "Orders, live and remembered. At most 16777216.";
    orders_closed = Default("32768"), "Of these, how many closed ones are remembered at the least, for late reports.";
    client_order_ids = Default("1048576"), "Client order ids remembered against duplicates.";
    client_order_id_horizon = Default("\"24h\""), "A closed order's id may be forgotten after so long, when room is needed.";
    positions = Default("8192"), "Pairs of account and symbol, and of strategy and symbol, that ever traded.";
    duplicates_per_window = Default("65536"), "Orders remembered in each window against duplicates.";
    lots = Default("65536"), "Lots of positions that are taken first in first out; what has no room is added to the lot before.";
    parents = Default("16384"), "Parent orders remembered, so that their children never come to more.";
    parent_horizon = Default("\"168h\""), "One without a live child may be forgotten after so long, when room is needed.";
    executions = Default("262144"), "Execution ids remembered against duplicate reports.";
    continuation_frames_max = Default("4"), "Frames of 128 bytes that may follow an order's own. At most 16.";
    ring_messages = Default("4096"), "Slots of each ring between two stages; a power of two.";
}

impl Section {
    /// The key of a name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}
