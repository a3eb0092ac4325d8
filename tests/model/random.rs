//! Random: setups so tight that every limit is struck, and commands that mostly make sense.
//!
//! The generator looks at the model to know what would make sense; it decides nothing itself. What
//! it makes is complete: a list of commands can be played again without it, also with some left out.

mod orders;
mod pick;
mod world;

use super::Model;
use super::shrink::Command;
use portcullis::message::{Frame, Header, Kind, LinkState, OrderType, Scope, Tick, TimeInForce};
use portcullis::reject::RejectReason;
use portcullis::risk::setup::{
    Account, Answer, Borrow, Broker, Calendar, Capacity, CostMethod, Currency, Desk, ExitPolicy,
    ExitTerms, FeeRate, Fees, Group, Limits, LossAnswer, LossResume, PhaseChange, Rate, RateSource,
    Ratio, ReferenceKind, Response, Returns, SelfMatch, Session, Setup, ShortSales, Strategy,
    Symbol, TailTerms, Trigger,
};
use portcullis::units::{
    AccountId, BrokerId, CalendarId, DeskId, Money, Nanos, Notional, Price, Qty, StrategyId,
    SymbolId,
};

/// Marsaglia's xorshift: small, and the same everywhere. Before it, what somebody gives to draw by.
pub(crate) struct Random {
    state: u64,
    /// The next byte last.
    given: Vec<u8>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            given: Vec::new(),
        }
    }

    /// Draws by `bytes`, as few for each number as it needs.
    pub(crate) fn given(bytes: &[u8]) -> Self {
        Self {
            given: bytes.iter().rev().copied().collect(),
            ..Self::new(0)
        }
    }

    /// True once nothing is left of what was given.
    pub(crate) fn is_spent(&self) -> bool {
        self.given.is_empty()
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// From 0 to `count` - 1.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        let count = count.max(1);
        match (self.given.pop(), count) {
            (Some(byte), ..=256) => u64::from(byte) % count,
            (Some(byte), _) => {
                let high = self.given.pop().unwrap_or(0);
                u64::from(u16::from_le_bytes([byte, high])) % count
            }
            (None, _) => (self.next() >> 11) % count,
        }
    }

    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn maybe<T>(&mut self, percent: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.percent(percent).then(|| make(self))
    }
}

/// Spans of time that limits and commands share, so that edges are hit exactly.
const SPANS: [u64; 6] = [1, 5, 20, 50, 100, 300];
/// Sizes of one price and one quantity step: small ones, and such that sums do not fit.
const SCALES: [(i64, u64); 4] = [(1, 1), (5, 10), (1, 1), (1 << 54, 1 << 55)];

pub(crate) fn setup(random: &mut Random) -> (Setup, Style) {
    let scale = if random.once_in(30) {
        3
    } else {
        random.below(3) as usize
    };
    let (tick, lot) = SCALES[scale];
    // Few limits in some runs, many in others: with many, little is accepted.
    let density = random.one_of(&[2, 4, 8, 15]);
    // With limits on tails much is refused: only some runs have them.
    let tails = if random.once_in(3) { density } else { 0 };
    // Some worlds know of no exits but those of persons.
    let leaves = random.percent(50);
    let style = Style {
        tick,
        lot,
        tails,
        leaves,
        next_id: 0,
    };
    let firm = limits(random, &style, density);
    let desks: Vec<Desk> = (0..random.below(3))
        .map(|_| Desk {
            enabled: !random.once_in(15),
            limits: limits(random, &style, density),
            ..Desk::default()
        })
        .collect();
    let accounts: Vec<Account> = (0..random.between(1, 3))
        .map(|_| Account {
            desk: match random.below(desks.len() as u64 + 1) as u32 {
                0 => None,
                desk => Some(DeskId(desk - 1)),
            },
            enabled: !random.once_in(60),
            has_limits: !random.once_in(60),
            limits: limits(random, &style, density),
            restricted: restricted(random),
            owner: match random.below(3) {
                0 => String::new(),
                _ => "one".to_owned(),
            },
            cuts_orders: random.percent(25),
            short_sales: random.one_of(&[
                ShortSales::Off,
                ShortSales::Off,
                ShortSales::Off,
                ShortSales::Check,
                ShortSales::Check,
                ShortSales::Refuse,
            ]),
            cost_method: random.one_of(&[CostMethod::Average, CostMethod::FirstInFirstOut]),
            funds: random.maybe(density, |random| {
                let steps = u128::from(random.between(5, 60)) * 100;
                let step = u128::from(style.tick.unsigned_abs()) * u128::from(style.lot);
                Notional::from_raw(steps * step)
            }),
            self_match: random.one_of(&[
                SelfMatch::Off,
                SelfMatch::Off,
                SelfMatch::Off,
                SelfMatch::CancelNewest,
                SelfMatch::CancelOldest,
                SelfMatch::CancelBoth,
            ]),
            ..Account::default()
        })
        .collect();
    let strategies = (0..random.between(1, 3))
        .map(|_| Strategy {
            enabled: !random.once_in(60),
            limits: limits(random, &style, density),
            accounts: (0..accounts.len() as u32)
                .filter(|_| random.percent(96))
                .map(AccountId)
                .collect(),
            acknowledge: random.percent(50),
            restricted: restricted(random),
            exits: if leaves {
                exit_terms(random)
            } else {
                ExitTerms::NONE
            },
            orders_unattended_max: random.maybe(10, |random| random.between(1, 40) as u32),
            cost_method: random.one_of(&[CostMethod::Average, CostMethod::FirstInFirstOut]),
            ..Strategy::default()
        })
        .collect();
    let brokers = (0..random.between(1, 2))
        .map(|_| Broker {
            reports_fees: random.once_in(3),
            ..Broker::default()
        })
        .collect::<Vec<_>>();
    let calendars: Vec<Calendar> = match random.below(4) {
        0 => (0..random.between(1, 2))
            .map(|_| calendar(random))
            .collect(),
        _ => Vec::new(),
    };
    let calendar_of = |random: &mut Random| match calendars.len() {
        0 => None,
        count => random.maybe(70, |random| CalendarId(random.below(count as u64) as u32)),
    };
    let symbols: Vec<Symbol> = (0..random.between(1, 3))
        .map(|_| Symbol {
            calendar: calendar_of(random),
            ..symbol(random, &style, density, brokers.len() as u64)
        })
        .collect();
    let mut symbols = symbols;
    let currencies = currencies(random, &mut symbols);
    let symbol_count = symbols.len();
    let day_calendar = calendar_of(random);
    let groups = (0..random.below(3))
        .map(|_| Group {
            enabled: !random.once_in(15),
            limits: limits(random, &style, density),
            symbols: (0..symbols.len() as u32)
                .filter(|_| random.percent(60))
                .map(SymbolId)
                .collect(),
            ..Group::default()
        })
        .collect();
    // Some runs have hardly any room, most have enough.
    let mut room = |least, most, enough| {
        if random.once_in(4) {
            random.between(least, most) as u32
        } else {
            enough
        }
    };
    let orders = room(2, 16, 40);
    let client_order_ids = room(3, 60, 2000);
    let positions = room(2, 14, 40);
    let duplicates_per_window = room(1, 6, 30);
    let parents = room(1, 3, 10);
    let lots = room(0, 4, 40);
    let setup = Setup {
        capacity: Capacity {
            orders,
            orders_closed: random.between(1, u64::from(orders.min(5)) - 1) as u32,
            client_order_ids,
            client_order_id_horizon: Nanos::from_raw(random.one_of(&SPANS)),
            positions,
            duplicates_per_window,
            lots,
            parents,
            parent_horizon: Nanos::from_raw(random.one_of(&SPANS)),
            executions: random.between(1, 8) as u32,
            continuation_frames_max: random.one_of(&[0, 1, 2, 4, 4, 4]),
        },
        hash_seed: random.next(),
        firm,
        accounts,
        strategies,
        symbols,
        desks,
        groups,
        calendars,
        day_calendar,
        brokers,
        operators: vec![String::new(); random.between(1, 4) as usize],
        responses: match random.below(5) {
            0 => (0..random.between(1, 3))
                .map(|_| response(random))
                .collect(),
            _ => Vec::new(),
        },
        soft: match random.below(3) {
            0 => vec![
                RejectReason::QtyAboveMax,
                RejectReason::NotionalAboveMax,
                RejectReason::PositionQtyAboveMax,
                RejectReason::OrderRateAboveMax,
                RejectReason::GrossExposureAboveMax,
            ],
            _ => Vec::new(),
        },
        hard_limits: match random.once_in(3) {
            true => limits(random, &style, density),
            false => Limits::default(),
        },
        loosen_factor: random.maybe(30, |random| random.between(10_000, 30_000)),
        warn_share: 0,
        raise_persons: random.between(1, 3) as u32,
        raise_window: Nanos::from_raw(random.one_of(&SPANS)),
        answer_timeout: Nanos::from_raw(random.one_of(&SPANS)),
        checkpoint_events: 1000,
        currencies,
        exit_policy: ExitPolicy {
            retry: Nanos::from_raw(random.one_of(&[5, 20, 50, 300])),
            timeout: Nanos::from_raw(random.one_of(&SPANS)),
            attempts_max: random.between(1, 4) as u32,
            slippage: random.one_of(&[0, 10_000, 1_000_000, 1_000_001, 60_000_000, 100_000_000]),
        },
        mark_age_max: Nanos::from_raw(random.one_of(&[50, 300, 5_000, 5_000])),
        tail: tail(random, &style, symbol_count),
    };
    (setup, style)
}

fn limits(random: &mut Random, style: &Style, density: u64) -> Limits {
    let tick = style.tick.unsigned_abs();
    let lot = style.lot;
    let span = |random: &mut Random| Nanos::from_raw(random.one_of(&SPANS));
    let money = |random: &mut Random, lots: u64| {
        let steps = u128::from(random.between(1, lots)) * 100;
        Notional::from_raw(steps * u128::from(tick) * u128::from(lot))
    };
    let loss = |random: &mut Random| match random.below(12) {
        0 => Notional::from_raw(u128::from(random.next())),
        _ => money(random, 12),
    };
    let rate = |random: &mut Random| Rate {
        count: random.between(1, 5) as u32,
        window: Nanos::from_raw(random.one_of(&SPANS)),
    };
    Limits {
        order_qty_max: random.maybe(density, |random| Qty::from_raw(random.between(2, 9) * lot)),
        order_notional_max: random.maybe(density, |random| money(random, 8)),
        price_collar: random.maybe(density, |random| {
            random.one_of(&[0, 500_000, 1_000_000, 1_500_000, 3_333_333, 10_000_000])
        }),
        reference_age_max: random.maybe(density / 2, span),
        order_rate: (0..random.between(1, 2))
            .filter_map(|_| random.maybe(density, rate))
            .collect(),
        duplicate_window: random.maybe(density, span),
        open_orders_max: random.maybe(density, |random| random.between(1, 6) as u32),
        open_notional_max: random.maybe(density, |random| money(random, 30)),
        position_qty_max: random
            .maybe(density, |random| Qty::from_raw(random.between(3, 20) * lot)),
        position_value_max: random.maybe(density, |random| money(random, 25)),
        gross_exposure_max: random.maybe(density, |random| money(random, 40)),
        net_exposure_max: random.maybe(density / 2, |random| money(random, 25)),
        new_order_rate: random.maybe(density / 4, rate).into_iter().collect(),
        replace_rate: random
            .maybe(density, |random| Rate {
                count: random.between(1, 2) as u32,
                ..rate(random)
            })
            .into_iter()
            .collect(),
        cancel_rate: random.maybe(density / 2, rate).into_iter().collect(),
        day_qty_max: random.maybe(density / 3, |random| {
            Qty::from_raw(random.between(5, 60) * lot)
        }),
        day_value_max: random.maybe(density / 3, |random| money(random, 60)),
        day_orders_max: random.maybe(density / 3, |random| random.between(3, 40) as u32),
        order_to_trade: random.maybe(density / 3, ratio),
        cancel_to_trade: random.maybe(density / 2, |random| Ratio {
            free: random.between(0, 4) as u32,
            ..ratio(random)
        }),
        basket_lines_max: random.maybe(density / 3, |random| random.between(1, 3) as u32),
        basket_notional_max: random.maybe(density / 3, |random| money(random, 12)),
        duplicate_count: random.maybe(30, |random| random.between(1, 3) as u32),
        value_at_risk_max: random.maybe(style.tails, |random| loss(random)),
        expected_shortfall_max: random.maybe(style.tails, |random| loss(random)),
        stress_loss_max: random.maybe(style.tails, |random| loss(random)),
        margin_max: random.maybe(style.tails, |random| loss(random)),
        cluster_share_max: random.maybe(style.tails, |random| {
            random.one_of(&[0, 300_000, 500_000, 700_001, 1_000_000])
        }),
        cluster_share_free: random.maybe(80, |random| loss(random)),
        ..losses(random, style, density)
    }
}

/// What may be lost: a few steps of the price of some lots.
fn losses(random: &mut Random, style: &Style, density: u64) -> Limits {
    let density = density.div_ceil(6);
    let step = u128::from(style.tick.unsigned_abs()) * u128::from(style.lot);
    let money =
        |random: &mut Random, most| Notional::from_raw(u128::from(random.between(0, most)) * step);
    let share = |random: &mut Random| random.one_of(&[0, 10_000, 50_000, 300_000]);
    Limits {
        capital: Some(money(random, 1_000)),
        day_loss_max: random.maybe(density, |random| money(random, 40)),
        day_loss_share_max: random.maybe(density, share),
        drawdown_max: random.maybe(density, |random| money(random, 60)),
        drawdown_share_max: random.maybe(density, share),
        rolling_loss_max: random.maybe(density, |random| money(random, 30)),
        rolling_loss_window: Some(Nanos::from_raw(random.one_of(&SPANS))),
        loss_answer: random.one_of(&[LossAnswer::Refuse, LossAnswer::Cancel, LossAnswer::Flatten]),
        loss_resume: random.one_of(&[LossResume::Raise, LossResume::NextDay]),
        ..Limits::default()
    }
}

/// Mostly none beside the firm's own; else some symbols are counted in another, at a rate that stands or
/// follows the first.
fn currencies(random: &mut Random, symbols: &mut [Symbol]) -> Vec<Currency> {
    if !random.once_in(3) {
        return Vec::new();
    }
    let currency = |rate| Currency {
        name: String::new(),
        rate,
    };
    let own = currency(RateSource::Fixed(Price::default()));
    let other = currency(match random.below(3) {
        0 => RateSource::Fixed(Price::from_raw(random.one_of(&[1, 1_500_000_001, 1 << 40]))),
        is_inverted => RateSource::Symbol {
            symbol: SymbolId(0),
            is_inverted: is_inverted == 1,
        },
    });
    for symbol in symbols.iter_mut().skip(1) {
        symbol.currency = u32::from(random.percent(70));
        symbol.settlement = symbol.currency;
    }
    vec![own, other]
}

/// When a strategy's positions are closed: mostly by little, seldom by anything.
fn exit_terms(random: &mut Random) -> ExitTerms {
    let share = |random: &mut Random| match random.below(12) {
        0 => 1,
        1 => 100_000_000_000,
        _ => random.one_of(&[500_000, 1_000_000, 1_010_101, 2_000_000, 5_000_000]),
    };
    ExitTerms {
        stop_loss: random.maybe(25, share),
        take_profit: random.maybe(15, share),
        trailing: random.maybe(20, share),
        break_even: random.maybe(20, share),
        hold_max: random.maybe(20, |random| {
            Nanos::from_raw(random.one_of(&[1, 50, 300, 2_000, 10_000]))
        }),
    }
}

fn fees(random: &mut Random) -> Fees {
    let rate = |random: &mut Random| FeeRate {
        per_unit: Money::from_raw(random.one_of(&[0, 1, -3, 5_000_000])),
        of_value: random.one_of(&[0, 20_000, -10_000, 333_333]),
    };
    let bound = |random: &mut Random| Money::from_raw(random.one_of(&[0, 1, 1_000]));
    Fees {
        maker: rate(random),
        taker: rate(random),
        order_min: random.maybe(30, bound),
        order_max: random.maybe(30, |random| Money::from_raw(bound(random).raw() + 2_000)),
        order_share_max: random.maybe(30, |random| random.one_of(&[0, 100_000, 50_000_000])),
    }
}

/// Scenarios of a few days: some are the same, some symbols have none.
fn tail(random: &mut Random, style: &Style, symbols: usize) -> TailTerms {
    let step = u128::from(style.tick.unsigned_abs()) * u128::from(style.lot);
    let names = |count: u64| vec![String::new(); count as usize];
    let days = random.one_of(&[0, 1, 3, 8, 20, 20, 33, 33, 60]);
    let (stress, margin) = (random.between(0, 3), random.between(0, 3));
    let returns = |random: &mut Random, count: u64| -> Vec<i32> {
        let count = if random.once_in(30) { 0 } else { count };
        let widest = random.one_of(&[50_000, 200_000, 1_000_000, 2_000_001]);
        (0..count)
            .map(|_| match random.below(8) {
                0 => 0,
                1 => widest,
                2 => -widest,
                _ => random.below(2 * widest as u64 + 1) as i32 - widest,
            })
            .collect()
    };
    TailTerms {
        // Seldom so small that not even small books fit.
        unit: Notional::from_raw(match random.below(20) {
            0 => (step >> 36).max(1),
            1..=8 => step,
            9..=13 => (step / 3).max(1),
            _ => step * 7 + 1,
        }),
        history_count: days as u32,
        stress: names(stress),
        margin: names(margin),
        value_at_risk_share: random.one_of(&[500_000, 900_000, 950_000, 999_000]),
        expected_shortfall_share: random.one_of(&[500_000, 870_000, 975_000, 999_999]),
        returns: (0..symbols)
            .map(|_| Returns {
                history: returns(random, days),
                stress: returns(random, stress),
                margin: returns(random, margin),
            })
            .collect(),
        clusters: match random.below(3) {
            0 => Vec::new(),
            _ => (0..symbols)
                .map(|at| random.below(at as u64 + 1) as u32)
                .collect(),
        },
    }
}

fn ratio(random: &mut Random) -> Ratio {
    Ratio {
        max: random.between(1, 6) as u32,
        free: random.between(0, 20) as u32,
    }
}

fn response(random: &mut Random) -> Response {
    let on = random.one_of(&[
        Trigger::Refusals,
        Trigger::Refusals,
        Trigger::Rejects,
        Trigger::Fills,
        Trigger::Moves,
        Trigger::BadPrices,
    ]);
    let span = |random: &mut Random| Nanos::from_raw(random.one_of(&SPANS));
    Response {
        name: String::new(),
        on,
        reasons: match random.below(3) {
            0 => vec![RejectReason::QtyAboveMax, RejectReason::OrderRateAboveMax],
            _ => Vec::new(),
        },
        scope: match on {
            Trigger::Moves | Trigger::BadPrices => random.one_of(&[Scope::Firm, Scope::Symbol]),
            _ => random.one_of(&[Scope::Firm, Scope::Account, Scope::Strategy, Scope::Symbol]),
        },
        count: random.between(1, 5) as u32,
        window: span(random),
        answer: random.one_of(&[
            Answer::Warn,
            Answer::Slow,
            Answer::Refuse,
            Answer::Cancel,
            Answer::Kill,
        ]),
        pause: span(random),
        slow_interval: span(random),
    }
}

/// Phases that come and go all the time.
fn calendar(random: &mut Random) -> Calendar {
    let sessions: Vec<Session> = (0..random.between(1, 3))
        .map(|_| Session {
            order_types: match random.below(3) {
                0 => vec![OrderType::Limit],
                _ => OrderType::ALL.to_vec(),
            },
            times_in_force: match random.below(3) {
                0 => vec![TimeInForce::Day, TimeInForce::ImmediateOrCancel],
                _ => TimeInForce::ALL.to_vec(),
            },
            reference: random.one_of(&[
                ReferenceKind::Mid,
                ReferenceKind::Mid,
                ReferenceKind::Last,
                ReferenceKind::Close,
            ]),
            ..Session::default()
        })
        .collect();
    let (mut time, mut day, mut changes) = (0, 0, Vec::new());
    for _ in 0..random.between(2, 60) {
        time += random.one_of(&[1, 20, 100, 500, 2_000]);
        day += u32::from(random.once_in(3));
        let session = random.below(sessions.len() as u64) as u16;
        changes.push(PhaseChange {
            time: Nanos::from_raw(time),
            session: (!random.once_in(5)).then_some(session),
            day,
        });
    }
    Calendar {
        sessions,
        changes,
        ..Calendar::default()
    }
}

fn symbol(random: &mut Random, style: &Style, density: u64, brokers: u64) -> Symbol {
    let is_often = |random: &mut Random| random.percent(97);
    let qty =
        |random: &mut Random, least, most| Qty::from_raw(random.between(least, most) * style.lot);
    let price = |steps: i64| Price::from_raw(steps * style.tick);
    Symbol {
        enabled: !random.once_in(60),
        limits: limits(random, style, density),
        tick: Price::from_raw(style.tick),
        lot: Qty::from_raw(style.lot),
        price_min: random.maybe(25, |random| price(random.one_of(&[-5, 0, 97, 99]))),
        price_max: random.maybe(20, |random| price(random.one_of(&[101, 103, 105]))),
        qty_min: random.maybe(15, |random| qty(random, 1, 2)),
        qty_max: random.maybe(15, |random| qty(random, 5, 10)),
        order_types: match random.once_in(4) {
            true => vec![OrderType::Limit],
            false => {
                let all = OrderType::ALL.iter().copied();
                all.filter(|_| is_often(random)).collect()
            }
        },
        times_in_force: TimeInForce::ALL
            .iter()
            .copied()
            .filter(|_| is_often(random))
            .collect(),
        broker: BrokerId(random.below(brokers) as u32),
        slippage: random.one_of(&[0, 0, 50_000, 1_000_001]),
        borrow: random.one_of(&[Borrow::None, Borrow::Easy, Borrow::Hard, Borrow::Hard]),
        multiplier: random.one_of(&[0, 0, 0, 1_000_000_000, 500_000_000, 1_500_000_001]),
        spread_max: random.maybe(10, |random| {
            random.one_of(&[500_000, 1_000_000, 10_000_000])
        }),
        jump: random.maybe(40, |random| {
            random.one_of(&[1_000_000, 3_000_000, 30_000_000])
        }),
        jump_confirmations: random.below(4) as u32,
        notional_min: random.maybe(10, |random| {
            let lots = u128::from(random.between(1, 4) * style.lot);
            Notional::from_raw(lots * 100 * u128::from(style.tick.unsigned_abs()))
        }),
        move_max: random.maybe(15, |random| {
            random.one_of(&[500_000, 1_000_000, 3_000_000, 10_000_000])
        }),
        move_window: Nanos::from_raw(random.one_of(&SPANS)),
        is_inverse: random.once_in(8),
        fees: random.maybe(40, fees),
        ..Symbol::default()
    }
}

/// Seldom, one of the first symbols.
fn restricted(random: &mut Random) -> Vec<SymbolId> {
    let one = random.maybe(4, |random| SymbolId(random.below(3) as u32));
    one.into_iter().collect()
}

/// What the commands of one run are made of.
pub(crate) struct Style {
    pub(crate) tick: i64,
    pub(crate) lot: u64,
    /// How many of a hundred levels have each limit on tails.
    tails: u64,
    /// Orders say when what they make is closed.
    leaves: bool,
    next_id: u64,
}

/// The next command, after what the model has become.
pub(crate) fn command(random: &mut Random, style: &mut Style, model: &Model) -> Command {
    let time = match random.once_in(100) {
        // A clock that was turned back.
        true => model.now.saturating_sub(random.one_of(&SPANS)),
        false => model.now + step_of_time(random, model),
    };
    let mut header = Header {
        time: Nanos::from_raw(time),
        strategy: StrategyId::NONE,
        ..Header::default()
    };
    style.next_id += 1;
    header.correlation = style.next_id;
    let links_down = model.links.iter().any(|link| *link != LinkState::Up);
    let quotes_missing = model
        .references
        .iter()
        .any(|reference| !reference[0].is_usable);
    // Without live orders there is little to talk about.
    let is_idle = model.orders.iter().all(|order| !order.is_live());
    let choices = if is_idle && random.percent(85) {
        400
    } else {
        1000
    };
    let choice = random.below(choices);
    if links_down && random.percent(25) {
        return world::link(random, header, model, LinkState::Up);
    }
    if !model.latches.is_empty() && random.percent(30) {
        return world::raise(random, header, model);
    }
    if model.is_any_leaving() && random.percent(20) {
        return orders::exit_report(random, header, style, model);
    }
    if model.is_any_leaving() && random.percent(2) {
        return world::adjust(random, header, style, model);
    }
    if quotes_missing && random.percent(20) {
        return world::quote(random, header, style, model);
    }
    match choice {
        0..=374 => orders::new_order(random, header, style, model),
        375..=379 => world::change_exit(random, header, model),
        380..=399 => orders::basket(random, header, style, model),
        400..=469 => orders::cancel(random, header, style, model),
        470..=569 => orders::replace(random, header, style, model),
        570..=869 => orders::report(random, header, style, model),
        870..=939 => world::quote(random, header, style, model),
        940..=942 => world::kill(random, header, model),
        943..=944 => world::raise(random, header, model),
        945..=956 => {
            let state = random.one_of(LinkState::ALL);
            world::link(random, header, model, state)
        }
        957..=961 => world::session_change(random, header, model),
        962..=976 => world::settle(random, header, style, model),
        977..=979 => world::locate(random, header, style, model),
        980..=982 => world::adjust(random, header, style, model),
        983..=984 => world::change_limit(random, header, model),
        985..=988 => world::ask_override(random, header, style, model),
        989..=996 => pick::alone(Frame::new(Kind::Tick, header, Tick::default())),
        _ => world::odd(random, header),
    }
}

/// Time often stands still, and often comes exactly to an edge.
fn step_of_time(random: &mut Random, model: &Model) -> u64 {
    match random.below(20) {
        0..=11 => 0,
        12..=16 => random.between(1, 3),
        17 => random.one_of(&SPANS) - random.below(2),
        18 => {
            let deadlines = model
                .orders
                .iter()
                .filter_map(|order| model.deadline(order));
            let turn = model.next_turn().min(model.next_age());
            let turns = [turn, model.next_exit()].into_iter();
            let turns = turns.filter(|turn| *turn != u64::MAX);
            let next = deadlines.chain(turns).min().unwrap_or(model.now);
            let edge = next.saturating_sub(model.now + random.below(2));
            // Orders say their times in seconds.
            let is_far = edge < 20_000_000_000 && !model.is_any_leaving() && random.once_in(4);
            if edge < 1000 || is_far { edge } else { 1 }
        }
        _ if random.once_in(6) => 1000,
        _ => random.one_of(&SPANS),
    }
}
