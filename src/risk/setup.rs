//! Setup: what the core is built from, every bound decided.
//!
//! The configuration is compiled into this once; the core reads nothing else. Ids are places in
//! these lists.

pub use super::money::fees::{FeeRate, Fees};
pub use super::money::ledger::CostMethod;
use crate::message::{OrderType, Scope, TimeInForce};
use crate::reject::RejectReason;
use crate::units::{
    AccountId, BrokerId, CalendarId, DeskId, Nanos, Notional, Price, Qty, SymbolId,
};

/// Everything the core is built from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    /// How many of each thing there may be.
    pub capacity: Capacity,
    /// Decides where ids land in tables, never what is decided: an attacker must not know it.
    pub hash_seed: u64,
    /// Limits on the firm as a whole.
    pub firm: Limits,
    /// By [`AccountId`].
    pub accounts: Vec<Account>,
    /// By [`crate::units::StrategyId`].
    pub strategies: Vec<Strategy>,
    /// By [`crate::units::SymbolId`].
    pub symbols: Vec<Symbol>,
    /// By [`BrokerId`].
    pub brokers: Vec<Broker>,
    /// The first is the firm's own, in which limits are written; none stands for that one alone.
    pub currencies: Vec<Currency>,
    /// How positions are closed.
    pub exit_policy: ExitPolicy,
    /// A price older than this values no position, where a limit on losses or a rate hangs on it.
    pub mark_age_max: Nanos,
    /// By [`CalendarId`].
    pub calendars: Vec<Calendar>,
    /// Whose days are those by which levels count; without one, days are those of UTC.
    pub day_calendar: Option<CalendarId>,
    /// By [`DeskId`].
    pub desks: Vec<Desk>,
    /// Named groups of symbols.
    pub groups: Vec<Group>,
    /// Names of those who may act, by the number in [`crate::message::Control::operator`].
    pub operators: Vec<String>,
    /// How many operators must raise what one has killed. At least 1.
    pub raise_persons: u32,
    /// A first `raise` counts for this long while it waits for the others.
    pub raise_window: Nanos,
    /// What the gate does by itself when too much of something happens.
    pub responses: Vec<Response>,
    /// The controls that an override may let an order pass.
    pub soft: Vec<RejectReason>,
    /// A limit above these takes two persons.
    pub hard_limits: Limits,
    /// One that is loosened by more than this factor, in 1e-4, takes two persons.
    pub loosen_factor: Option<u64>,
    /// A broker that has not answered for so long leaves the order in doubt.
    pub answer_timeout: Nanos,
    /// At which share of a limit those who watch are warned, in millionths. Nothing is decided by it.
    pub warn_share: u32,
    /// Write the digest into the journal after so many events.
    pub checkpoint_events: u32,
    /// The scenarios by which tails are measured.
    pub tail: TailTerms,
}

/// Scenarios, and how losses in them are measured. All returns are in millionths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TailTerms {
    /// What the values of positions are rounded up to; nothing: a cent.
    pub unit: Notional,
    /// How many days of history there are. At most 4096.
    pub history_count: u32,
    /// The names of the scenarios that are stresses.
    pub stress: Vec<String>,
    /// The names of those that margin is for.
    pub margin: Vec<String>,
    /// Of value at risk, in millionths.
    pub value_at_risk_share: u32,
    /// Of expected shortfall, in millionths.
    pub expected_shortfall_share: u32,
    /// By [`SymbolId`]. What is missing is not known.
    pub returns: Vec<Returns>,
    /// By [`SymbolId`]: which cluster each is in. Where nothing is said, each is alone.
    pub clusters: Vec<u32>,
}

/// The returns of one symbol in each scenario; of a set that is not known, none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Returns {
    /// By day.
    pub history: Vec<i32>,
    /// By stress.
    pub stress: Vec<i32>,
    /// By scenario of margin.
    pub margin: Vec<i32>,
}

impl Setup {
    /// The limits of every level.
    pub fn limits(&self) -> impl Iterator<Item = &Limits> {
        let symbols = self.symbols.iter().map(|of| &of.limits);
        let strategies = self.strategies.iter().map(|of| &of.limits);
        let accounts = self.accounts.iter().map(|of| &of.limits);
        let desks = self.desks.iter().map(|of| &of.limits);
        let groups = self.groups.iter().map(|of| &of.limits);
        let narrow = symbols.chain(strategies).chain(accounts);
        narrow.chain([&self.firm]).chain(desks).chain(groups)
    }
}

/// How many of each thing there may be. All memory is taken at start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Orders, live and remembered after their end. At most 2^24.
    pub orders: u32,
    /// Of these, how many closed ones are remembered at the least, for late reports.
    pub orders_closed: u32,
    /// Client order ids remembered against duplicates.
    pub client_order_ids: u32,
    /// A closed order's id may be forgotten after so long, when room is needed.
    pub client_order_id_horizon: Nanos,
    /// Pairs of account and symbol, and of strategy and symbol, that ever traded.
    pub positions: u32,
    /// Orders in each window against duplicates.
    pub duplicates_per_window: u32,
    /// Lots of positions that are taken first in first out, beside the newest of each.
    pub lots: u32,
    /// Parent orders remembered.
    pub parents: u32,
    /// One without a live child may be forgotten after so long, when room is needed.
    pub parent_horizon: Nanos,
    /// Execution ids remembered against duplicate reports.
    pub executions: u32,
    /// Continuation frames behind one head.
    pub continuation_frames_max: u8,
}

/// How many groups a symbol may be in.
pub const GROUPS_PER_SYMBOL_MAX: usize = 8;

/// Limits of one level. `None` is off. The tightest of symbol, strategy, account, firm, desk and
/// groups applies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// On one order.
    pub order_qty_max: Option<Qty>,
    /// On one order: price times quantity.
    pub order_notional_max: Option<Notional>,
    /// On one order: how far the price may be from the reference, in 1e-4 of a basis point.
    pub price_collar: Option<u64>,
    /// How old the reference may be where one is needed.
    pub reference_age_max: Option<Nanos>,
    /// Accepted orders and replaces within any window.
    pub order_rate: Vec<Rate>,
    /// Accepted orders alone.
    pub new_order_rate: Vec<Rate>,
    /// Accepted replaces alone.
    pub replace_rate: Vec<Rate>,
    /// Cancels. They pass in any case; above it, orders and replaces do not.
    pub cancel_rate: Vec<Rate>,
    /// The same side, price and quantity again within this time is refused.
    pub duplicate_window: Option<Nanos>,
    /// If it has come so often within that time; once, where nothing is said.
    pub duplicate_count: Option<u32>,
    /// Live orders of this level.
    pub open_orders_max: Option<u32>,
    /// Value of the live orders of this level.
    pub open_notional_max: Option<Notional>,
    /// Net position in any one symbol of this level, if the worst of its live orders fill.
    pub position_qty_max: Option<Qty>,
    /// The same as a value, at the reference price.
    pub position_value_max: Option<Notional>,
    /// Sum over symbols and accounts of the worst net position's value.
    pub gross_exposure_max: Option<Notional>,
    /// The value of all positions together, bought less sold, whichever way is worse.
    pub net_exposure_max: Option<Notional>,
    /// What is traded in a day, live orders counted as if they had filled.
    pub day_qty_max: Option<Qty>,
    /// The same in money.
    pub day_value_max: Option<Notional>,
    /// Accepted orders and replaces in a day.
    pub day_orders_max: Option<u32>,
    /// Accepted orders, replaces and cancels to each trade of a day.
    pub order_to_trade: Option<Ratio>,
    /// Cancels to each trade of a day. They pass in any case; above it, orders and replaces do not.
    pub cancel_to_trade: Option<Ratio>,
    /// Orders in one basket; of a strategy, an account and the firm.
    pub basket_lines_max: Option<u32>,
    /// Their value together, likewise.
    pub basket_notional_max: Option<Notional>,
    /// What shares of a loss are shares of, before anything is earned or lost.
    pub capital: Option<Notional>,
    /// What may be lost since the trading day began, open positions at their price.
    pub day_loss_max: Option<Notional>,
    /// The same as a share of what there was when it began, in 1e-6.
    pub day_loss_share_max: Option<u32>,
    /// How far profit may fall from its highest.
    pub drawdown_max: Option<Notional>,
    /// The same as a share of what there was then, in 1e-6.
    pub drawdown_share_max: Option<u32>,
    /// How far profit may fall from its highest within a window.
    pub rolling_loss_max: Option<Notional>,
    /// That window.
    pub rolling_loss_window: Option<Nanos>,
    /// What is done where one of these is passed.
    pub loss_answer: LossAnswer,
    /// When trading goes on.
    pub loss_resume: LossResume,
    /// The loss that few days of history exceed, live orders counted as if they had filled where that is
    /// worse. Of a strategy, an account, a desk and the firm, as all below.
    pub value_at_risk_max: Option<Notional>,
    /// The mean loss of the worst days.
    pub expected_shortfall_max: Option<Notional>,
    /// The loss in the worst stress.
    pub stress_loss_max: Option<Notional>,
    /// The loss in the worst scenario of margin.
    pub margin_max: Option<Notional>,
    /// Of what each symbol could lose alone, added up: the part of one cluster, in millionths.
    pub cluster_share_max: Option<u32>,
    /// However large its part, a cluster may hold so much of it.
    pub cluster_share_free: Option<Notional>,
}

/// What is done where too much is lost. Each does what those before it do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LossAnswer {
    /// Nothing passes that does not only reduce a position.
    Refuse,
    /// What lives is cancelled.
    #[default]
    Cancel,
    /// Every position is closed.
    Flatten,
}

/// When trading goes on after too much was lost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LossResume {
    /// Once as many persons raise the level as raise a kill.
    #[default]
    Raise,
    /// Likewise; and after a loss of the day, when the next begins.
    NextDay,
}

/// So many to each trade, and so many in any case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// To each trade.
    pub max: u32,
    /// However few trades there are.
    pub free: u32,
}

impl Ratio {
    /// How many there may be with so many trades.
    pub fn allowed(self, trades: u64) -> u64 {
        let allowed = u64::from(self.max).saturating_mul(trades);
        allowed.max(self.free.into())
    }
}

impl Limits {
    /// True where any limit is on a trading day.
    pub fn has_day(&self) -> bool {
        self.day_qty_max.is_some()
            || self.day_value_max.is_some()
            || self.day_orders_max.is_some()
            || self.order_to_trade.is_some()
            || self.cancel_to_trade.is_some()
    }

    /// True where anything is limited that may be lost.
    pub fn has_loss(&self) -> bool {
        self.day_loss_max.is_some()
            || self.day_loss_share_max.is_some()
            || self.drawdown_max.is_some()
            || self.drawdown_share_max.is_some()
            || self.rolling_loss_max.is_some()
    }

    /// True where any limit is on a tail.
    pub fn has_tail(&self) -> bool {
        self.value_at_risk_max.is_some()
            || self.expected_shortfall_max.is_some()
            || self.stress_loss_max.is_some()
            || self.margin_max.is_some()
            || self.cluster_share_max.is_some()
    }

    /// How often the same order may come within `duplicate_window`.
    pub fn duplicates(&self) -> u32 {
        self.duplicate_count.unwrap_or(1).max(1)
    }
}

/// Never more than `count` in any span of `window`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many. At least 1.
    pub count: u32,
    /// In which time.
    pub window: Nanos,
}

/// An account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// As users write it.
    pub name: String,
    /// False refuses everything new.
    pub enabled: bool,
    /// False where some limit is neither set nor written off, here or for the firm: then it can
    /// send nothing.
    pub has_limits: bool,
    /// Its limits.
    pub limits: Limits,
    /// Symbols that it may not trade.
    pub restricted: Vec<SymbolId>,
    /// The desk that it belongs to.
    pub desk: Option<DeskId>,
    /// Whose it is: accounts of one owner must not trade with each other. Empty: nobody else's.
    pub owner: String,
    /// What is done with an order that would meet one of the same owner.
    pub self_match: SelfMatch,
    /// What is done with a sale of more than it owns.
    pub short_sales: ShortSales,
    /// The cash that it may spend.
    pub funds: Option<Notional>,
    /// An order that is too large is cut to what the limits allow, not refused.
    pub cuts_orders: bool,
    /// How cost is taken from a position that is reduced.
    pub cost_method: CostMethod,
}

/// When a position is closed: parts of what it has cost, in 1e-8, and how long it is held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExitTerms {
    /// At such a loss.
    pub stop_loss: Option<u64>,
    /// At such a gain.
    pub take_profit: Option<u64>,
    /// Once its price has turned so far from its best.
    pub trailing: Option<u64>,
    /// Once it has gained so much, at no gain.
    pub break_even: Option<u64>,
    /// After so long.
    pub hold_max: Option<Nanos>,
}

/// How positions are closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExitPolicy {
    /// After an order that brought nothing, the pause before the next; it doubles each time.
    pub retry: Nanos,
    /// An order that has not filled by then is cancelled; what else stands is waited for as long.
    pub timeout: Nanos,
    /// After so many that brought nothing somebody must look.
    pub attempts_max: u32,
    /// How far from the reference the price of a limit order is, for each attempt; in 1e-8.
    pub slippage: u64,
}

/// A currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Currency {
    /// As users write it.
    pub name: String,
    /// What it is worth in the first; of that itself of no meaning.
    pub rate: RateSource,
}

/// Where a rate of exchange comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RateSource {
    /// The configuration.
    Fixed(Price),
    /// The price of a symbol.
    Symbol {
        /// Which.
        symbol: SymbolId,
        /// It says how much of this currency one of the firm's is worth.
        is_inverted: bool,
    },
}

/// What is done with a sale of more than the account owns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ShortSales {
    /// Nothing.
    #[default]
    Off,
    /// It passes if it is marked, and what is hard to borrow was located.
    Check,
    /// It is refused.
    Refuse,
}

/// Whether a symbol can be borrowed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Borrow {
    /// Not at all, as far as anybody has said.
    #[default]
    None,
    /// Easily: no locate is needed.
    Easy,
    /// Only what was located.
    Hard,
}

/// What is done with an order that would trade with a live one of the same owner.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SelfMatch {
    /// Nothing.
    #[default]
    Off,
    /// The new one is refused.
    CancelNewest,
    /// Those that stand are cancelled before it leaves.
    CancelOldest,
    /// The new one is refused and those that stand are cancelled.
    CancelBoth,
}

/// When a market trades: every change of phase, worked out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calendar {
    /// As users write it.
    pub name: String,
    /// The phases that a day may have.
    pub sessions: Vec<Session>,
    /// In the order of their times, no two at one. Before the first it is closed, behind the last it
    /// stays as that says.
    pub changes: Vec<PhaseChange>,
}

/// A phase of the trading day: what passes in it, and what it is measured by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// As users write it.
    pub name: String,
    /// What it takes. Not empty.
    pub order_types: Vec<OrderType>,
    /// What it takes.
    pub times_in_force: Vec<TimeInForce>,
    /// The price that orders are measured by.
    pub reference: ReferenceKind,
}

/// Another phase begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseChange {
    /// When.
    pub time: Nanos,
    /// The place of its session; `None`: it is closed.
    pub session: Option<u16>,
    /// Counts trading days: that under way or, behind the last session of one, the next.
    pub day: u32,
}

/// The price that orders are measured by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ReferenceKind {
    /// Half way between the best bid and the best ask.
    #[default]
    Mid,
    /// The last trade.
    Last,
    /// The last close, as long as the trading day lasts in which it was told.
    Close,
}

/// What is done when too much of something happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// As users write it.
    pub name: String,
    /// What is counted.
    pub on: Trigger,
    /// Of refusals: for which reasons; none named: for any but those that stop a sender for a while.
    pub reasons: Vec<RejectReason>,
    /// For each of what it is counted, and who is answered: the firm, accounts, strategies or symbols.
    pub scope: Scope,
    /// At the so-manyth it answers. At least 1.
    pub count: u32,
    /// If that many come within this time.
    pub window: Nanos,
    /// How.
    pub answer: Answer,
    /// For how long, where the answer does not stand until persons raise it.
    pub pause: Nanos,
    /// Of slowing down: how far apart orders pass.
    pub slow_interval: Nanos,
}

/// What a response counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// New orders and replaces that the gate refused.
    Refusals,
    /// Orders that a broker rejected.
    Rejects,
    /// Fills.
    Fills,
    /// Prices that have moved further than the symbol's `move_max`.
    Moves,
    /// Prices that cannot be believed.
    BadPrices,
}

/// What a response does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is told to those who watch.
    Warn,
    /// Orders pass one at a time, so far apart.
    Slow,
    /// Nothing new passes.
    Refuse,
    /// Nothing new passes, and what lives is cancelled.
    Cancel,
    /// The kill switch drops.
    Kill,
}

/// A desk: accounts under one roof.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    /// As users write it.
    pub name: String,
    /// False refuses everything new of its accounts.
    pub enabled: bool,
    /// Its limits.
    pub limits: Limits,
}

/// A named group of symbols: a sector, an issuer, a venue, or what you like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// As users write it.
    pub name: String,
    /// False refuses everything new in its symbols.
    pub enabled: bool,
    /// Its limits.
    pub limits: Limits,
    /// What is in it, each once.
    pub symbols: Vec<SymbolId>,
}

/// A strategy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strategy {
    /// As users write it.
    pub name: String,
    /// False refuses everything new.
    pub enabled: bool,
    /// Its limits.
    pub limits: Limits,
    /// The accounts it may trade for.
    pub accounts: Vec<AccountId>,
    /// Symbols that it may not trade.
    pub restricted: Vec<SymbolId>,
    /// So many orders pass before a person must raise it (RTS 6, article 15(3)).
    pub orders_unattended_max: Option<u32>,
    /// The person who answers for it.
    pub trader: String,
    /// True: it hears `accepted` at once, before the broker's `new`.
    pub acknowledge: bool,
    /// How cost is taken from a position that is reduced.
    pub cost_method: CostMethod,
    /// When its positions are closed.
    pub exits: ExitTerms,
}

/// A symbol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Symbol {
    /// As users write it.
    pub name: String,
    /// False refuses everything new.
    pub enabled: bool,
    /// Its limits.
    pub limits: Limits,
    /// Prices are whole numbers of it. Positive.
    pub tick: Price,
    /// Quantities are whole numbers of it. Positive.
    pub lot: Qty,
    /// The lowest price; one tick where none is set.
    pub price_min: Option<Price>,
    /// The highest price.
    pub price_max: Option<Price>,
    /// The smallest order.
    pub qty_min: Option<Qty>,
    /// The largest order that the venue takes.
    pub qty_max: Option<Qty>,
    /// The least that an order may be worth, unless it only reduces the account's position.
    pub notional_min: Option<Notional>,
    /// How much worse than its price an order is expected to fill, where it is cut to what the limits
    /// allow; in 1e-4 of a basis point.
    pub slippage: u64,
    /// Whether it can be borrowed, for short sales.
    pub borrow: Borrow,
    /// When it trades; without one, always.
    pub calendar: Option<CalendarId>,
    /// What one unit of price and one of quantity are worth together, in 1e-9: a thousand million
    /// for one. Zero stands for that too.
    pub multiplier: u64,
    /// The place of the currency that its value is counted in: zero for the firm's own.
    pub currency: u32,
    /// Of the one that it settles in: the same, but for an inverse contract.
    pub settlement: u32,
    /// It is worth its size, in `currency`, by its price in what it settles in.
    pub is_inverse: bool,
    /// What a fill costs where its broker does not say.
    pub fees: Option<Fees>,
    /// What it takes.
    pub order_types: Vec<OrderType>,
    /// What it takes.
    pub times_in_force: Vec<TimeInForce>,
    /// Where its orders go.
    pub broker: BrokerId,
    /// A quote whose ask is further from its bid is not believed; in 1e-4 of a basis point.
    pub spread_max: Option<u64>,
    /// A quote whose mid is further from the last good one is not believed at once; in 1e-4 of a
    /// basis point.
    pub jump: Option<u64>,
    /// How many quotes near the new price confirm a jump.
    pub jump_confirmations: u32,
    /// How far the reference may have moved within the window; in 1e-4 of a basis point.
    pub move_max: Option<u64>,
    /// See there.
    pub move_window: Nanos,
}

/// A link to a broker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Broker {
    /// As users write it.
    pub name: String,
    /// Its reports tell every fee: one of nothing is none.
    pub reports_fees: bool,
}
