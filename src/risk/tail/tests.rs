//! A million orders, fills and prices: the vectors beside ones worked out anew, the decisions beside
//! those of sorting, and beside a core that relies on no headroom.

use super::table::Table;
use crate::message::{
    Exec, Frame, Header, Kind, NewOrder, OrderType, Quote, Report, Scope, Side, Text, TimeInForce,
};
use crate::reject::RejectReason as Reason;
use crate::risk::cell::Cell;
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Effects, Outcome};
use crate::risk::setup::{
    Account, Broker, Capacity, Desk, Limits, Returns, Setup, Strategy, Symbol, TailTerms,
};
use crate::units::{AccountId, DeskId, Nanos, Notional, OrderId, Price, Qty, StrategyId, SymbolId};

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % count
    }
}

const SYMBOLS: u64 = 12;
const DAYS: u32 = 97;

fn limits(value_at_risk: &str, shortfall: &str, stress: &str, margin: &str) -> Limits {
    let money = |text: &str| Notional::parse(text).ok();
    Limits {
        value_at_risk_max: money(value_at_risk),
        expected_shortfall_max: money(shortfall),
        stress_loss_max: money(stress),
        margin_max: money(margin),
        ..Limits::default()
    }
}

fn setup(random: &mut Random) -> Setup {
    let account = |limits: Limits, desk| Account {
        enabled: true,
        has_limits: true,
        limits,
        desk,
        ..Account::default()
    };
    let both = vec![AccountId(0), AccountId(1), AccountId(2)];
    let strategy = |limits: Limits| Strategy {
        enabled: true,
        limits,
        accounts: both.clone(),
        ..Strategy::default()
    };
    let mut returns = |count: u32| -> Vec<i32> {
        (0..count)
            .map(|_| match random.below(9) {
                0 => 0,
                1 => -300_000,
                _ => random.below(120_001) as i32 - 60_000,
            })
            .collect()
    };
    Setup {
        capacity: Capacity {
            lots: 10,
            orders: 400,
            orders_closed: 100,
            client_order_ids: 4_000,
            client_order_id_horizon: Nanos::ZERO,
            positions: 100,
            duplicates_per_window: 10,
            parents: 4,
            parent_horizon: Nanos::ZERO,
            executions: 10,
            continuation_frames_max: 1,
        },
        firm: limits("90000", "99999.99", "150000", "9000000"),
        accounts: vec![
            account(limits("20000", "30000", "60000", "50000"), None),
            account(limits("off", "25000.005", "off", "off"), Some(DeskId(0))),
            account(Limits::default(), Some(DeskId(0))),
        ],
        strategies: vec![
            strategy(Limits::default()),
            strategy(limits("50000", "off", "off", "off")),
        ],
        symbols: (0..SYMBOLS)
            .map(|_| Symbol {
                enabled: true,
                tick: Price::from_raw(10_000_000),
                lot: Qty::from_raw(100_000_000),
                order_types: OrderType::ALL.to_vec(),
                times_in_force: TimeInForce::ALL.to_vec(),
                ..Symbol::default()
            })
            .collect(),
        desks: vec![Desk {
            enabled: true,
            limits: limits("40000", "off", "90000", "off"),
            ..Desk::default()
        }],
        brokers: vec![Broker::default()],
        answer_timeout: Nanos::from_secs(1_000_000),
        tail: TailTerms {
            history_count: DAYS,
            stress: vec![String::new(); 3],
            margin: vec![String::new(); 4],
            value_at_risk_share: 950_000,
            expected_shortfall_share: 925_000,
            returns: (0..SYMBOLS)
                .map(|_| Returns {
                    history: returns(DAYS),
                    stress: returns(3),
                    margin: returns(4),
                })
                .collect(),
            ..TailTerms::default()
        },
        ..Setup::default()
    }
}

/// Two cores that are told the same.
struct Pair {
    cores: [Core; 2],
    effects: Effects,
    now: u64,
    live: Vec<OrderId>,
}

impl Pair {
    fn step<B: crate::message::Body>(&mut self, kind: Kind, strategy: u32, body: B) -> Decision {
        self.now += 1;
        let header = Header {
            time: Nanos::from_raw(self.now),
            strategy: StrategyId(strategy),
            ..Header::default()
        };
        let frame = Frame::new(kind, header, body);
        let [one, other] = &mut self.cores;
        let mut decide = |core: &mut Core| {
            self.effects.clear();
            core.step(&frame, &[], &mut self.effects)
        };
        let decisions = [decide(one), decide(other)];
        assert_eq!(decisions[0], decisions[1], "headroom decides nothing");
        decisions[0]
    }

    fn quote(&mut self, symbol: u32, cents: u64) {
        let price = Price::from_raw(cents as i64 * 10_000_000);
        let quote = Quote {
            bid: price,
            ask: price,
            symbol: SymbolId(symbol),
            ..Quote::default()
        };
        self.step(Kind::Quote, u32::MAX, quote);
    }

    fn order(&mut self, random: &mut Random) -> (NewOrder, u32, Decision) {
        let order = NewOrder {
            price: Price::from_raw(random.below(5_000) as i64 * 10_000_000 + 10_000_000),
            qty: Qty::from_raw((1 + random.below(400)) * 100_000_000),
            account: AccountId(random.below(3) as u32),
            symbol: SymbolId(random.below(SYMBOLS) as u32),
            client_order_id: Text::new(&format!("{}", self.now)).unwrap(),
            side: 1 + random.below(2) as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            ..NewOrder::default()
        };
        let strategy = random.below(2) as u32;
        let decision = self.step(Kind::NewOrder, strategy, order);
        if decision.outcome == Outcome::Accepted {
            self.live.push(decision.order_id);
        }
        (order, strategy, decision)
    }

    fn report(&mut self, random: &mut Random) {
        if self.live.is_empty() {
            return;
        }
        let at = random.below(self.live.len() as u64) as usize;
        let order_id = self.live[at];
        let Some(leaves) = self.cores[0].order(order_id).map(|order| order.reserved) else {
            self.live.swap_remove(at);
            return;
        };
        let (exec, qty) = match random.below(3) {
            0 => (Exec::Canceled, Qty::ZERO),
            // Now and then more than was asked for.
            1 if random.below(20) == 0 => (Exec::Trade, Qty::from_raw(leaves.raw() * 2 + 1)),
            1 => (
                Exec::Trade,
                Qty::from_raw(1 + random.below(leaves.raw().max(1))),
            ),
            _ => (Exec::Trade, leaves.max(Qty::from_raw(1))),
        };
        let report = Report {
            order_id,
            qty,
            price: Price::from_raw(10_000_000),
            exec: exec as u8,
            ..Report::default()
        };
        self.step(Kind::Report, u32::MAX, report);
    }
}

/// A book worked out anew: what each cell holds, and its symbol.
type Book = Vec<(u32, [i128; 2])>;

fn ceil(value: i128) -> i128 {
    const CENT: i128 = 1_000_000_000_000_000;
    -(-value).div_euclid(CENT)
}

impl Pair {
    /// What a level holds, as [`Cell`]s say.
    fn book<'c>(&self, cells: impl Iterator<Item = &'c Cell>) -> Book {
        let held = |cell: &Cell| {
            let mark = i128::from(self.cores[0].exposure.mark(cell.symbol).raw());
            let position = i128::from(cell.position.raw());
            let (buy, sell) = (cell.open_buy.raw(), cell.open_sell.raw());
            let long = ceil((position + i128::from(buy)) * mark);
            let short = ceil((i128::from(sell) - position) * mark);
            (cell.symbol, [long, short])
        };
        cells.map(held).collect()
    }
}

/// Every loss, by scenario.
fn by_scenario(book: &Book, setup: &Setup, of: fn(&Returns) -> &Vec<i32>) -> Vec<i128> {
    let mut losses = vec![0; of(&setup.tail.returns[0]).len()];
    for (symbol, [long, short]) in book {
        let returns = of(&setup.tail.returns[*symbol as usize]);
        for (loss, change) in losses.iter_mut().zip(returns) {
            let change = i128::from(*change);
            *loss += long * (-change).max(0) + short * change.max(0);
        }
    }
    losses
}

/// The same, the worst first.
fn losses(book: &Book, setup: &Setup, of: fn(&Returns) -> &Vec<i32>) -> Vec<i128> {
    let mut losses = by_scenario(book, setup, of);
    losses.sort_by_key(|loss| -loss);
    losses
}

/// True where a scenario of a limit loses more in one book than in another, and more than the limit.
fn worsens(reason: Reason, books: [&Book; 2], setup: &Setup, limits: &Limits) -> bool {
    let units = |max: Option<Notional>| max.map_or(0, |max| max.raw() as i128 / 1_000_000_000);
    let (max, of): (_, fn(&Returns) -> &Vec<i32>) = match reason {
        Reason::ValueAtRiskAboveMax => (limits.value_at_risk_max, |of| &of.history),
        Reason::ShortfallAboveMax => (limits.expected_shortfall_max, |of| &of.history),
        Reason::StressLossAboveMax => (limits.stress_loss_max, |of| &of.stress),
        _ => (limits.margin_max, |of| &of.margin),
    };
    let [was, is] = books.map(|book| by_scenario(book, setup, of));
    let mut pairs = was.iter().zip(&is);
    pairs.any(|(was, is)| was < is && units(max) < *is)
}

/// The figures by sorting, each times what makes it whole, with its limit.
fn figures(book: &Book, setup: &Setup, limits: &Limits) -> Vec<(Reason, i128, i128)> {
    let units = |max: Notional| max.raw() as i128 / 1_000_000_000;
    let days = losses(book, setup, |of| &of.history);
    let worst = |of: fn(&Returns) -> &Vec<i32>| losses(book, setup, of)[0];
    // Of 97 days, 4.85 are allowed, and 7.275 are the worst.
    let shortfall = days[..7].iter().sum::<i128>() * 1_000 + days[7] * 275;
    let all = [
        (
            Reason::ValueAtRiskAboveMax,
            limits.value_at_risk_max,
            days[4],
            1,
        ),
        (
            Reason::ShortfallAboveMax,
            limits.expected_shortfall_max,
            shortfall,
            7_275,
        ),
        (
            Reason::StressLossAboveMax,
            limits.stress_loss_max,
            worst(|of| &of.stress),
            1,
        ),
        (
            Reason::MarginAboveMax,
            limits.margin_max,
            worst(|of| &of.margin),
            1,
        ),
    ];
    let armed = all.into_iter();
    armed
        .filter_map(|(reason, max, figure, scale)| Some((reason, units(max?) * scale, figure)))
        .collect()
}

#[test]
fn a_million_events_leave_the_vectors_and_decisions_that_working_out_anew_does() {
    let count =
        std::env::var("PORTCULLIS_COMMANDS").map_or(1_000_000, |text| text.parse().unwrap());
    let seed = 0x5EED_0017;
    println!("seed {seed}");
    let mut random = Random(seed);
    let setup = setup(&mut random);
    let mut pair = Pair {
        cores: [Core::new(&setup), Core::new(&setup)],
        effects: Effects::default(),
        now: 0,
        live: Vec::new(),
    };
    pair.cores[1].exposure.tail.sweeps_always = true;
    let mut cents = vec![5_000; SYMBOLS as usize];
    for symbol in 0..SYMBOLS as u32 {
        pair.quote(symbol, 5_000);
    }
    let (mut refused, mut accepted, mut served) = ([0u64; 128], 0u64, 0u64);
    for event in 0..count {
        match random.below(10) {
            0..=2 => {
                let symbol = random.below(SYMBOLS) as usize;
                cents[symbol] = (cents[symbol] + random.below(121))
                    .saturating_sub(60)
                    .max(100);
                pair.quote(symbol as u32, cents[symbol]);
            }
            3..=5 => pair.report(&mut random),
            _ => {
                let before = [0, 1, 2].map(|level| level_book(&pair, level));
                let (order, strategy, decision) = pair.order(&mut random);
                let is_judged = Reason::ALL.iter().all(|of| {
                    !decision.failed.contains(*of) || (*of as u16) >= Reason::TailUnknown as u16
                });
                if !is_judged {
                    continue;
                }
                accepted += u64::from(decision.outcome == Outcome::Accepted);
                compare(
                    &pair,
                    &setup,
                    &before,
                    (&order, strategy),
                    &decision,
                    &mut refused,
                );
            }
        }
        if event % 4_999 == 0 {
            pair.cores.iter().for_each(Core::verify);
            let books = pair.cores[0].exposure.tail.books.iter();
            served += books.map(|book| u64::from(book.headroom != 0)).sum::<u64>();
        }
    }
    pair.cores.iter().for_each(Core::verify);
    println!("{accepted} accepted; refused by {:?}", &refused[114..]);
    assert!(count < 100_000 || 1_000 < accepted, "{accepted}");
    for reason in [Reason::ValueAtRiskAboveMax, Reason::ShortfallAboveMax] {
        assert!(
            count < 100_000 || 100 < refused[reason as usize],
            "{reason:?}"
        );
    }
    assert!(served != 0, "there was never any headroom");
}

/// The books of the first account, of the second and of the firm.
fn level_book(pair: &Pair, level: u32) -> Book {
    match level {
        2 => pair.book(pair.cores[0].exposure.symbol_cells().iter()),
        account => {
            let cells = pair.cores[0].exposure.cells(true);
            pair.book(cells.filter(|cell| cell.owner == account))
        }
    }
}

/// Whether an order was refused at a level whose limit it breaks, and at no other.
fn compare(
    pair: &Pair,
    setup: &Setup,
    before: &[Book; 3],
    (order, strategy): (&NewOrder, u32),
    decision: &Decision,
    refused: &mut [u64; 128],
) {
    let mark = i128::from(pair.cores[0].exposure.mark(order.symbol.0).raw());
    let symbol = order.symbol.0;
    let cells = pair.cores[0].exposure.cells(true);
    let mut cells = cells.filter(|cell| cell.owner == order.account.0 && cell.symbol == symbol);
    let of_account = cells.next();
    let more = order.qty.raw() as i64;
    let side = Side::from_byte(order.side).unwrap();
    // What was accepted is in the books by now.
    let was_in = if decision.outcome == Outcome::Accepted {
        more
    } else {
        0
    };
    let is_exit = of_account.is_some_and(|cell| {
        let mut cell = *cell;
        let open = match side {
            Side::Buy => &mut cell.open_buy,
            Side::Sell => &mut cell.open_sell,
        };
        *open = Qty::from_raw(open.raw() - was_in as u64);
        cell.only_reduces(side, more)
    });
    let levels = [
        (0, &setup.accounts[0].limits, order.account.0 == 0),
        (1, &setup.accounts[1].limits, order.account.0 == 1),
        (2, &setup.firm, true),
    ];
    let mut expected = Vec::new();
    for (level, limits, is_on_path) in levels {
        if !is_on_path || !limits.has_tail() {
            continue;
        }
        let books = [working, filled].map(|change| {
            let mut book = before[level].clone();
            change(
                &mut book,
                symbol,
                side,
                i128::from(more) * mark,
                &exact(pair, level, symbol, was_in, side),
            );
            book
        });
        let was = figures(&before[level], setup, limits);
        let [working_book, filled_book] = books;
        let is = figures(&working_book, setup, limits);
        let done = figures(&filled_book, setup, limits);
        for ((was, is), done) in was.iter().zip(&is).zip(&done) {
            let pair = [&before[level], &working_book];
            let is_worse = is.1 < is.2 && (was.2 < is.2 || worsens(is.0, pair, setup, limits));
            let moves = is.0 == Reason::ValueAtRiskAboveMax
                && worsens(is.0, [&before[level], &filled_book], setup, limits);
            if is_worse && !(is_exit && done.2 <= was.2 && !moves) {
                expected.push(is.0);
            }
        }
    }
    for reason in &expected {
        assert!(
            decision.failed.contains(*reason),
            "{reason:?} is missed: {decision:?}"
        );
        refused[*reason as usize] += 1;
    }
    // Of others, levels refuse that are not worked out here.
    if (order.account.0, strategy) == (0, 0) {
        let is_expected = |reason: Reason| expected.contains(&reason);
        assert!(
            decision.failed.iter().all(is_expected),
            "{decision:?}, not {expected:?}"
        );
    }
}

/// The exact values of a level's cell before the order, by side.
fn exact(pair: &Pair, level: usize, symbol: u32, was_in: i64, side: Side) -> [i128; 2] {
    let exposure = &pair.cores[0].exposure;
    let mark = i128::from(exposure.mark(symbol).raw());
    let cell = match level {
        2 => Some(exposure.symbol_cell(symbol)),
        account => {
            let mut cells = exposure.cells(true);
            cells.find(|cell| cell.owner == account as u32 && cell.symbol == symbol)
        }
    };
    let mut worst = cell.map_or([0; 2], |cell| {
        [Side::Buy, Side::Sell].map(|side| cell.worst_wide(side))
    });
    worst[side.index()] -= i128::from(was_in);
    worst.map(|worst| worst * mark)
}

fn put(book: &mut Book, symbol: u32, held: [i128; 2]) {
    match book.iter_mut().find(|(of, _)| *of == symbol) {
        Some((_, of)) => *of = held,
        None => book.push((symbol, held)),
    }
}

fn working(book: &mut Book, symbol: u32, side: Side, value: i128, exact: &[i128; 2]) {
    let mut held = *exact;
    held[side.index()] += value;
    put(book, symbol, held.map(ceil));
}

fn filled(book: &mut Book, symbol: u32, side: Side, value: i128, exact: &[i128; 2]) {
    let mut held = *exact;
    held[side.index()] += value;
    held[side.other().index()] -= value;
    put(book, symbol, held.map(ceil));
}

#[test]
fn values_are_rounded_up_whatever_the_unit() {
    let mut random = Random(0x0DD5);
    for _ in 0..100_000 {
        let unit = match random.below(3) {
            0 => 10u128.pow(random.below(22) as u32),
            1 => u128::from(random.below(u64::MAX >> 11)) + 1,
            _ => 1 << random.below(70),
        };
        let setup = Setup {
            tail: TailTerms {
                unit: Notional::from_raw(unit),
                ..TailTerms::default()
            },
            ..Setup::default()
        };
        let table = Table::new(&setup);
        let qty = i128::from(random.below(1 << 50)) - (1 << 49);
        let mark = random.below(1 << 40) as i64 >> random.below(40);
        let exact = -(-(qty * i128::from(mark))).div_euclid(unit as i128);
        if exact.unsigned_abs() < 1 << 60 {
            assert_eq!(
                i128::from(table.value(qty, mark)),
                exact,
                "{qty} {mark} {unit}"
            );
        }
    }
}

#[test]
fn a_level_is_named_by_what_it_is() {
    assert_eq!(super::Kind::of(Scope::Symbol), None);
    assert_eq!(super::Kind::of(Scope::Desk), Some(super::Kind::Desk));
}
