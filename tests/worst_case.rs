//! The worst case is the worst: after each order that passed, every way in which the live orders may end
//! is gone through, and none leads beyond a limit.
//!
//! What may end how is written down here once more, from what brokers may do: a live order fills any
//! whole number of lots up to what stands, on the terms that it has or on those of a replace that waits for
//! its answer. `PORTCULLIS_SEED` plays one history.

use portcullis::message::{
    Cancel, Exec, Frame, Header, Kind, NewOrder, OrderType, Quote, Replace, Report, Side, Text,
    TimeInForce,
};
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Effects, Outcome};
use portcullis::risk::setup::{
    Account, Broker, Capacity, Desk, Group, Limits, Returns, Setup, Strategy, Symbol, TailTerms,
};
use portcullis::units::{
    AccountId, DeskId, Nanos, Notional, OrderId, Price, Qty, StrategyId, SymbolId,
};
use std::time::{SystemTime, UNIX_EPOCH};

const MARK: i64 = 100;
const HISTORIES: u64 = 3_000;
const EVENTS: usize = 30;
/// With more live orders there are too many ways.
const LIVE_MAX: usize = 5;

struct Random(u64);

impl Random {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % count
    }

    fn maybe<T>(&mut self, percent: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(100) < percent).then(|| make(self))
    }
}

/// Every limit that bounds what may come of live orders; prices and quantities are small whole numbers.
fn limits(random: &mut Random) -> Limits {
    let money = |random: &mut Random| {
        let lots = 2 + random.below(8);
        Notional::from_raw(u128::from(lots) * MARK as u128)
    };
    Limits {
        position_qty_max: random.maybe(25, |random| Qty::from_raw(1 + random.below(6))),
        position_value_max: random.maybe(15, money),
        gross_exposure_max: random.maybe(20, money),
        net_exposure_max: random.maybe(20, money),
        ..Limits::default()
    }
}

/// What each symbol gains in each stress, and on each day, in millionths.
const STRESS: [[i32; 3]; 2] = [[-200_000, 150_000, 50_000], [100_000, -300_000, 50_000]];
const DAYS: [[i32; 4]; 2] = [
    [-100_000, 50_000, 100_000, -50_000],
    [-100_000, -50_000, 200_000, 50_000],
];
/// Of four days, one may lose more than the value at risk; the shortfall is of the worst two.
const VALUE_AT_RISK_DAYS: usize = 1;
const SHORTFALL_DAYS: usize = 2;

fn tail() -> TailTerms {
    let returns = |at: usize| Returns {
        history: DAYS[at].to_vec(),
        stress: STRESS[at].to_vec(),
        ..Returns::default()
    };
    TailTerms {
        unit: Notional::from_raw(1),
        history_count: DAYS[0].len() as u32,
        stress: vec![String::new(); STRESS[0].len()],
        value_at_risk_share: 750_000,
        expected_shortfall_share: 500_000,
        returns: vec![returns(0), returns(1)],
        ..TailTerms::default()
    }
}

/// The same, and what may be lost in scenarios: of the levels that may have such a limit.
fn limits_with_tail(random: &mut Random) -> Limits {
    let money = |random: &mut Random| Notional::from_raw(10 + u128::from(random.below(140)));
    Limits {
        stress_loss_max: random.maybe(25, money),
        value_at_risk_max: random.maybe(15, money),
        expected_shortfall_max: random.maybe(15, money),
        ..limits(random)
    }
}

/// In none of these is more lost than a level may lose.
fn check_tail(limits: &Limits, name: &str, positions: [i64; 2]) {
    let lost = |returns: [i32; 2]| {
        let gains = positions.iter().zip(returns);
        -gains
            .map(|(position, gain)| position * MARK * i64::from(gain))
            .sum::<i64>()
    };
    let most = |max: Notional| i64::try_from(max.raw()).unwrap() * 1_000_000;
    if let Some(max) = limits.stress_loss_max {
        for (one, other) in STRESS[0].into_iter().zip(STRESS[1]) {
            let lost = lost([one, other]);
            assert!(lost <= most(max), "{name}: {lost} in a stress");
        }
    }
    let days = DAYS[0].into_iter().zip(DAYS[1]);
    let mut days: Vec<_> = days.map(|(one, other)| lost([one, other])).collect();
    days.sort_unstable_by_key(|lost| -lost);
    if let Some(max) = limits.value_at_risk_max {
        let lost = days[VALUE_AT_RISK_DAYS];
        assert!(lost <= most(max), "{name}: {lost} at risk");
    }
    if let Some(max) = limits.expected_shortfall_max {
        let lost: i64 = days[..SHORTFALL_DAYS].iter().sum();
        assert!(
            lost <= most(max) * SHORTFALL_DAYS as i64,
            "{name}: {lost} short"
        );
    }
}

fn setup(random: &mut Random) -> Setup {
    let symbol = |random: &mut Random| Symbol {
        enabled: true,
        limits: limits(random),
        tick: Price::from_raw(1),
        lot: Qty::from_raw(1),
        order_types: OrderType::ALL.to_vec(),
        times_in_force: TimeInForce::ALL.to_vec(),
        ..Symbol::default()
    };
    let account = |random: &mut Random| Account {
        enabled: true,
        has_limits: true,
        limits: limits_with_tail(random),
        desk: random.maybe(50, |_| DeskId(0)),
        funds: random.maybe(30, |random| {
            Notional::from_raw((3 + random.below(10)) as u128 * MARK as u128)
        }),
        ..Account::default()
    };
    let strategy = |random: &mut Random| Strategy {
        enabled: true,
        limits: limits_with_tail(random),
        accounts: vec![AccountId(0), AccountId(1)],
        ..Strategy::default()
    };
    Setup {
        capacity: Capacity {
            orders: 64,
            orders_closed: 16,
            client_order_ids: 256,
            positions: 16,
            duplicates_per_window: 16,
            lots: 0,
            parents: 4,
            parent_horizon: Nanos::ZERO,
            executions: 16,
            ..Capacity::default()
        },
        hash_seed: 1,
        tail: tail(),
        firm: limits_with_tail(random),
        accounts: vec![account(random), account(random)],
        strategies: vec![strategy(random), strategy(random)],
        symbols: vec![symbol(random), symbol(random)],
        desks: vec![Desk {
            enabled: true,
            limits: limits_with_tail(random),
            ..Desk::default()
        }],
        groups: vec![Group {
            enabled: true,
            limits: limits(random),
            symbols: vec![SymbolId(0)],
            ..Group::default()
        }],
        brokers: vec![Broker::default()],
        answer_timeout: Nanos::from_secs(1_000),
        ..Setup::default()
    }
}

/// An order as a broker has it.
#[derive(Clone)]
struct Order {
    id: OrderId,
    text: Text,
    account: u32,
    strategy: u32,
    symbol: u32,
    side: Side,
    price: i64,
    qty: u64,
    filled: u64,
    /// Price and quantity of a replace that waits for its answer, and its id.
    replace: Option<(i64, u64, Text)>,
    is_cancelled: bool,
    is_over: bool,
}

/// What one book of an account and a strategy has in one symbol: quantity and what it has cost.
#[derive(Clone, Copy, Default)]
struct Book {
    qty: i64,
    cost: i64,
}

struct World {
    core: Core,
    setup: Setup,
    orders: Vec<Order>,
    /// By account, strategy and symbol.
    books: [[[Book; 2]; 2]; 2],
    ids: u64,
    time: u64,
}

impl World {
    fn new(setup: Setup) -> Self {
        let mut world = Self {
            core: Core::new(&setup),
            setup,
            orders: Vec::new(),
            books: Default::default(),
            ids: 0,
            time: 1,
        };
        for symbol in 0..2 {
            let quote = Quote {
                bid: Price::from_raw(MARK),
                ask: Price::from_raw(MARK),
                symbol: SymbolId(symbol),
                ..Quote::default()
            };
            world.step(Frame::new(Kind::Quote, Header::default(), quote));
        }
        world
    }

    fn step(&mut self, mut frame: Frame) -> (Outcome, OrderId) {
        self.time += 1;
        frame.header.time = Nanos::from_raw(self.time);
        let decision = self.core.step(&frame, &[], &mut Effects::default());
        (decision.outcome, decision.order_id)
    }

    fn id(&mut self) -> Text {
        self.ids += 1;
        Text::new(&self.ids.to_string()).unwrap()
    }

    fn live(&self) -> Vec<usize> {
        (0..self.orders.len())
            .filter(|at| !self.orders[*at].is_over)
            .collect()
    }

    /// True where something passed that takes new risk.
    fn random_event(&mut self, random: &mut Random) -> bool {
        let live = self.live();
        let choice = random.below(10);
        if live.is_empty() || choice < 4 && live.len() < LIVE_MAX {
            return self.new_order(random);
        }
        let at = live[random.below(live.len() as u64) as usize];
        match choice {
            0..=4 => return self.replace(random, at),
            5..=6 => self.fill(random, at),
            7 => self.cancel(at),
            _ => self.answer(random, at),
        }
        false
    }

    fn new_order(&mut self, random: &mut Random) -> bool {
        let text = self.id();
        let side = [Side::Buy, Side::Sell][random.below(2) as usize];
        let order = Order {
            id: OrderId::NONE,
            text,
            account: random.below(2) as u32,
            strategy: random.below(2) as u32,
            symbol: random.below(2) as u32,
            side,
            price: MARK - 1 + random.below(3) as i64,
            qty: 1 + random.below(3),
            filled: 0,
            replace: None,
            is_cancelled: false,
            is_over: false,
        };
        let body = NewOrder {
            price: Price::from_raw(order.price),
            qty: Qty::from_raw(order.qty),
            account: AccountId(order.account),
            symbol: SymbolId(order.symbol),
            client_order_id: text,
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::GoodTillCancel as u8,
            ..NewOrder::default()
        };
        let header = Header {
            strategy: StrategyId(order.strategy),
            ..Header::default()
        };
        let (outcome, id) = self.step(Frame::new(Kind::NewOrder, header, body));
        if outcome != Outcome::Accepted {
            return false;
        }
        self.orders.push(Order { id, ..order });
        true
    }

    fn replace(&mut self, random: &mut Random, at: usize) -> bool {
        let text = self.id();
        let order = self.orders[at].clone();
        let (price, qty) = (MARK - 1 + random.below(3) as i64, 1 + random.below(4));
        let body = Replace {
            price: Price::from_raw(price),
            qty: Qty::from_raw(qty),
            account: AccountId(order.account),
            client_order_id: text,
            original_id: order.text,
            ..Replace::default()
        };
        let header = Header {
            strategy: StrategyId(order.strategy),
            ..Header::default()
        };
        let (outcome, _) = self.step(Frame::new(Kind::Replace, header, body));
        if outcome == Outcome::Accepted {
            self.orders[at].replace = Some((price, qty, text));
        }
        outcome == Outcome::Accepted
    }

    fn cancel(&mut self, at: usize) {
        let order = self.orders[at].clone();
        let body = Cancel {
            client_order_id: self.id(),
            original_id: order.text,
            account: AccountId(order.account),
            ..Cancel::default()
        };
        let header = Header {
            strategy: StrategyId(order.strategy),
            ..Header::default()
        };
        let (outcome, _) = self.step(Frame::new(Kind::Cancel, header, body));
        self.orders[at].is_cancelled |= outcome == Outcome::Accepted;
    }

    fn say(&mut self, at: usize, exec: Exec, qty: u64, price: i64) {
        let report = Report {
            order_id: self.orders[at].id,
            qty: Qty::from_raw(qty),
            price: Price::from_raw(price),
            exec: exec as u8,
            ..Report::default()
        };
        let (outcome, _) = self.step(Frame::new(Kind::Report, Header::default(), report));
        assert_eq!(outcome, Outcome::Applied, "{exec:?}");
    }

    /// So much at most, at a price no worse than any that it may have.
    fn fill(&mut self, random: &mut Random, at: usize) {
        let order = self.orders[at].clone();
        let most = ends(&order).into_iter().map(|end| end.qty).max().unwrap();
        if most == 0 {
            return;
        }
        let qty = 1 + random.below(most);
        // On the old terms as long as they allow it.
        let price = match order.replace {
            Some((price, ..)) if order.qty < order.filled + qty => price,
            _ => order.price,
        };
        self.say(at, Exec::Trade, qty, price);
        let book =
            &mut self.books[order.account as usize][order.strategy as usize][order.symbol as usize];
        *book = filled(*book, order.side, qty as i64, price);
        let order = &mut self.orders[at];
        order.filled += qty;
        let is_done = ends(order).iter().all(|end| end.qty == 0);
        order.is_over = is_done;
    }

    /// What is asked for is done, or refused.
    fn answer(&mut self, random: &mut Random, at: usize) {
        let order = self.orders[at].clone();
        let is_done = random.below(2) == 0;
        match order.replace {
            Some((price, qty, text)) => {
                let exec = match is_done {
                    true => Exec::Replaced,
                    false => Exec::ReplaceRejected,
                };
                self.say(at, exec, 0, 0);
                let order = &mut self.orders[at];
                order.replace = None;
                if is_done {
                    (order.price, order.qty, order.text) = (price, qty, text);
                }
                order.is_over = order.qty <= order.filled;
            }
            None if order.is_cancelled && is_done => {
                self.say(at, Exec::Canceled, 0, 0);
                self.orders[at].is_over = true;
            }
            None if order.is_cancelled => {
                self.say(at, Exec::CancelRejected, 0, 0);
                self.orders[at].is_cancelled = false;
            }
            None => self.say(at, Exec::New, 0, 0),
        }
    }

    /// Every way in which all live orders may end, one behind the other.
    fn each_end(&self, live: &[usize], books: &mut Books, see: &mut impl FnMut(&Books)) {
        let Some((first, rest)) = live.split_first() else {
            return see(books);
        };
        let order = &self.orders[*first];
        let (account, strategy, symbol) = (order.account, order.strategy, order.symbol);
        for end in ends(order) {
            for qty in 0..=end.qty {
                let book = &mut books[account as usize][strategy as usize][symbol as usize];
                let before = *book;
                *book = filled(before, order.side, qty as i64, end.price);
                self.each_end(rest, books, see);
                books[account as usize][strategy as usize][symbol as usize] = before;
            }
        }
    }

    fn check(&self) {
        let live = self.live();
        let mut books = self.books;
        self.each_end(&live, &mut books, &mut |books| {
            check_books(&self.setup, books)
        });
    }
}

type Books = [[[Book; 2]; 2]; 2];

/// Terms on which an order may still fill, and how much.
struct End {
    price: i64,
    qty: u64,
}

fn ends(order: &Order) -> Vec<End> {
    let own = End {
        price: order.price,
        qty: order.qty.saturating_sub(order.filled),
    };
    let replaced = order.replace.map(|(price, qty, _)| End {
        price,
        qty: qty.saturating_sub(order.filled),
    });
    std::iter::once(own).chain(replaced).collect()
}

fn filled(book: Book, side: Side, qty: i64, price: i64) -> Book {
    let sign = match side {
        Side::Buy => 1,
        Side::Sell => -1,
    };
    Book {
        qty: book.qty + sign * qty,
        cost: book.cost + sign * qty * price,
    }
}

/// No level is beyond a limit.
fn check_books(setup: &Setup, books: &Books) {
    let all = || (0..2).flat_map(|a| (0..2).flat_map(move |s| (0..2).map(move |x| (a, s, x))));
    let hold = |limits: &Limits, name: &str, is_in: &dyn Fn(usize, usize, usize) -> bool| {
        // Position in each symbol; per account and symbol, or for a strategy its own.
        let mut net = 0;
        let mut gross = 0;
        let mut positions = [0; 2];
        for (symbol, held) in positions.iter_mut().enumerate() {
            let of_symbol = all().filter(|(a, s, x)| *x == symbol && is_in(*a, *s, *x));
            let position: i64 = of_symbol.map(|(a, s, x)| books[a][s][x].qty).sum();
            if let Some(max) = limits.position_qty_max {
                assert!(position.unsigned_abs() <= max.raw(), "{name}: {position}");
            }
            if let Some(max) = limits.position_value_max {
                let value = u128::from(position.unsigned_abs()) * MARK as u128;
                assert!(value <= max.raw(), "{name}: {value}");
            }
            net += position * MARK;
            *held = position;
            let is_strategy = name.starts_with("strategy");
            for account in 0..2 {
                let of_account =
                    all().filter(|(a, s, x)| *a == account && *x == symbol && is_in(*a, *s, *x));
                let position: i64 = of_account.map(|(a, s, x)| books[a][s][x].qty).sum();
                if !is_strategy {
                    gross += position.abs() * MARK;
                }
            }
            if is_strategy {
                gross += position.abs() * MARK;
            }
        }
        check_tail(limits, name, positions);
        if let Some(max) = limits.gross_exposure_max {
            assert!(gross as u128 <= max.raw(), "{name}: gross {gross}");
        }
        if let Some(max) = limits.net_exposure_max {
            assert!(net.unsigned_abs() as u128 <= max.raw(), "{name}: net {net}");
        }
    };
    hold(&setup.firm, "firm", &|_, _, _| true);
    for (at, of_account) in books.iter().enumerate() {
        let account = &setup.accounts[at];
        hold(&account.limits, "account", &|a, _, _| a == at);
        if let Some(funds) = account.funds {
            let cost: i64 = of_account.iter().flatten().map(|book| book.cost).sum();
            assert!(i128::from(cost) <= funds.raw() as i128, "funds: {cost}");
        }
        hold(&setup.strategies[at].limits, "strategy", &|_, s, _| s == at);
        hold(&setup.symbols[at].limits, "symbol", &|_, _, x| x == at);
    }
    let is_of_desk = |a: usize| setup.accounts[a].desk.is_some();
    hold(&setup.desks[0].limits, "desk", &|a, _, _| is_of_desk(a));
    hold(&setup.groups[0].limits, "group", &|_, _, x| x == 0);
}

fn play(seed: u64) -> usize {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut world = World::new(setup(&mut random));
    let mut passed = 0;
    for _ in 0..EVENTS {
        if world.random_event(&mut random) {
            passed += 1;
        }
        world.check();
    }
    passed
}

#[test]
fn no_way_in_which_live_orders_end_leads_beyond_a_limit() {
    if let Ok(seed) = std::env::var("PORTCULLIS_SEED") {
        play(seed.parse().unwrap());
        return;
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = clock.as_nanos() as u64 >> 10;
    let mut passed = 0;
    for seed in first..first + HISTORIES {
        println!("PORTCULLIS_SEED={seed}");
        passed += play(seed);
    }
    assert!(
        HISTORIES as usize * 3 < passed,
        "only {passed} orders passed"
    );
}

/// Where an order that reduces an account's position turns the firm's over: filled it loses as little as
/// before, half filled it would have lost beyond the firm's value at risk.
#[test]
fn a_half_filled_order_that_reduces_is_no_way_beyond_value_at_risk() {
    play(1_753_269_673_166_001);
}
