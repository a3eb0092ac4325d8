//! A world of trades: a core, and everything that was ever done to its books, written down beside it.

use portcullis::config::parse;
use portcullis::message::{
    Adjust, AdjustKind, Body, Exec, Frame, Header, Kind, Liquidity, NewOrder, OrderType, Quote,
    Report, Side, Text, TimeInForce,
};
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Decision, Effects, Outcome};
use portcullis::risk::setup::Setup;
use portcullis::units::{
    AccountId, BrokerId, Money, Nanos, OrderId, Position, Price, StrategyId, SymbolId,
};

/// X and W are in the firm's currency, Y in another, Z is inverse and settles in what it is about. W's
/// broker says what its fills cost; for the others, there are schedules with every kind of term.
const CONFIG: &str = r#"
limits = { others = "off" }
capacity = { orders = 65536, orders_closed = 1024, client_order_ids = 262144, positions = 64, executions = 262144 }
account = [{ name = "A" }, { name = "B", cost_method = "fifo" }]
currency = [{ name = "EUR", rate = "1.0837" }, { name = "XBT", rate = "51234.567" }]
broker = [{ name = "sim", kind = "sim" }, { name = "says", kind = "sim" }]
[[strategy]]
name = "S"
accounts = ["A", "B"]
key_file = "s.key"
cost_method = "fifo"
[[strategy]]
name = "T"
accounts = ["A", "B"]
key_file = "t.key"
[[fees]]
name = "shares"
maker_per_unit = "-0.002"
taker_per_unit = "0.0035"
order_min = "0.35"
order_max_bps = "100"
[[fees]]
name = "futures"
maker_bps = "0.2"
taker_per_unit = "0.85"
taker_bps = "0.3"
order_max = "40"
[[fees]]
name = "coins"
maker_bps = "-1"
taker_bps = "7.5"
[[symbol]]
name = "X"
tick = "0.0001"
lot = "0.001"
broker = "sim"
fees = "shares"
[[symbol]]
name = "Y"
tick = "0.01"
lot = "1"
broker = "sim"
multiplier = "50"
currency = "EUR"
fees = "futures"
[[symbol]]
name = "Z"
tick = "0.5"
lot = "1"
broker = "sim"
multiplier = "100"
contract = "inverse"
settlement = "XBT"
fees = "coins"
[[symbol]]
name = "W"
tick = "0.01"
lot = "1"
broker = "says"
"#;

pub(crate) const OWNERS: u32 = 2;
pub(crate) const SYMBOLS: u32 = 4;

/// One thing that was done to the books.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: What,
    pub(crate) account: u32,
    pub(crate) strategy: u32,
    pub(crate) symbol: u32,
    /// Bought is positive; of a split, how many there are for each one.
    pub(crate) qty: Position,
    pub(crate) price: Price,
    /// What was received beside it; of a fill, nothing.
    pub(crate) cash: Money,
    /// What the broker said that it cost.
    pub(crate) fee: Money,
    pub(crate) is_maker: bool,
    /// Of which order.
    pub(crate) order: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum What {
    Fill,
    Adjust(AdjustKind),
}

pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) setup: Setup,
    pub(crate) entries: Vec<Entry>,
    /// By symbol: the last bid and ask together, in units of today.
    pub(crate) sums: [Option<i128>; SYMBOLS as usize],
    random: Random,
    effects: Effects,
    now: Nanos,
    count: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let config = parse(CONFIG, "money.toml").unwrap_or_else(|error| panic!("{error}"));
        Self {
            core: Core::new(&config.setup),
            setup: config.setup,
            entries: Vec::new(),
            sums: [None; SYMBOLS as usize],
            random: Random(seed),
            effects: Effects::default(),
            now: Nanos::from_secs(1_700_000_000),
            count: 0,
        }
    }

    /// Something that moves a position, money or a price.
    pub(crate) fn happen(&mut self) {
        let (account, strategy) = (self.below(OWNERS), self.below(OWNERS));
        let symbol = self.below(SYMBOLS);
        match self.below(100) {
            0..60 => {
                let qty = self.any_qty(symbol);
                let parts = 1 + i64::from(self.below(3));
                self.trade((account, strategy, symbol), qty, parts);
            }
            60..75 => self.quote(symbol),
            75..81 => self.correct(AdjustKind::Trade, (account, strategy, symbol)),
            81..87 => self.correct(AdjustKind::Transfer, (account, strategy, symbol)),
            87..93 => self.correct(AdjustKind::Cash, (account, strategy, symbol)),
            93..95 => self.split(symbol),
            _ => {
                let held = self.held(true, account, symbol);
                self.trade_back((account, strategy, symbol), held);
            }
        }
    }

    /// Everything that anybody holds is sold or bought back, and there is a price for all of it.
    pub(crate) fn close_all(&mut self) {
        for symbol in 0..SYMBOLS {
            self.quote(symbol);
            // Accounts hold together what strategies do: what S holds is given away, then the rest.
            let of_strategy = self.held(false, 0, symbol);
            self.trade_back((0, 0, symbol), of_strategy);
            for account in 0..OWNERS {
                let of_account = self.held(true, account, symbol);
                self.trade_back((account, 1, symbol), of_account);
            }
            for owner in 0..OWNERS {
                let rest = [true, false].map(|of| self.held(of, owner, symbol));
                assert_eq!(rest, [0, 0], "{owner} in {symbol}");
            }
        }
    }

    fn trade_back(&mut self, of: (u32, u32, u32), held: i64) {
        if held != 0 {
            self.trade(of, Position::from_raw(-held), 1);
        }
    }

    pub(crate) fn held(&self, is_account: bool, owner: u32, symbol: u32) -> i64 {
        let cell = self.core.position(is_account, owner, SymbolId(symbol));
        cell.map_or(0, |cell| cell.position.raw())
    }

    /// An order that is filled in parts.
    fn trade(&mut self, of: (u32, u32, u32), qty: Position, parts: i64) {
        let (account, strategy, symbol) = of;
        self.count += 1;
        let limit = self.any_price(symbol);
        let side = if qty.raw() < 0 { Side::Sell } else { Side::Buy };
        let order = NewOrder {
            account: AccountId(account),
            symbol: SymbolId(symbol),
            client_order_id: Text::new(&format!("o{}", self.count)).unwrap(),
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            qty: qty.abs(),
            price: limit,
            ..NewOrder::default()
        };
        let decision = self.take(Kind::NewOrder, StrategyId(strategy), order);
        assert_eq!(decision.outcome, Outcome::Accepted, "{decision:?}");
        let lot = self.setup.symbols[symbol as usize].lot.raw() as i64;
        let mut left = qty.raw().abs();
        for part in 1..=parts {
            let some = left / lot / parts * lot;
            let filled = if part == parts { left } else { some };
            if filled != 0 {
                let filled = if qty.raw() < 0 { -filled } else { filled };
                let number = decision.order_id;
                self.fill(of, number, Position::from_raw(filled));
                left -= filled.abs();
            }
        }
    }

    fn fill(
        &mut self,
        (account, strategy, symbol): (u32, u32, u32),
        order_id: OrderId,
        qty: Position,
    ) {
        self.count += 1;
        let says = self.setup.symbols[symbol as usize].broker;
        let is_maker = self.below(2) == 0;
        // Now and then a broker says what a fill costs although there is a schedule: that counts.
        let is_said = says == BrokerId(1) || self.below(20) == 0;
        let fee = match is_said {
            true => Money::from_raw(i64::from(self.below(2_000_000_000)) - 500_000_000),
            false => Money::default(),
        };
        let price = self.any_price(symbol);
        let state = match is_maker {
            true => Liquidity::Maker,
            false => Liquidity::Taker,
        };
        let report = Report {
            order_id,
            qty: qty.abs(),
            price,
            fee,
            broker: says,
            exec: Exec::Trade as u8,
            exec_id: Text::new(&format!("e{}", self.count)).unwrap(),
            state: state as u8,
            ..Report::default()
        };
        let decision = self.take(Kind::Report, StrategyId::NONE, report);
        assert_eq!(decision.outcome, Outcome::Applied, "{decision:?}");
        self.entries.push(Entry {
            kind: What::Fill,
            account,
            strategy,
            symbol,
            qty,
            price,
            cash: Money::default(),
            fee,
            is_maker,
            order: order_id.0,
        });
    }

    fn correct(&mut self, kind: AdjustKind, (account, strategy, symbol): (u32, u32, u32)) {
        let is_cash = kind == AdjustKind::Cash;
        let cash = i64::from(self.below(200_000)) * 1_000_000 - 100_000_000_000;
        let has_cash = is_cash || self.below(2) == 0;
        let is_free = kind == AdjustKind::Transfer && self.below(8) == 0;
        let (qty, price) = match is_cash {
            true => (Position::ZERO, Price::default()),
            false => (self.any_qty(symbol), self.any_price(symbol)),
        };
        self.adjust(Adjust {
            qty,
            price: if is_free { Price::default() } else { price },
            cash: match has_cash {
                true => Money::from_raw(cash),
                false => Money::default(),
            },
            account: AccountId(account),
            symbol: SymbolId(symbol),
            strategy: StrategyId(strategy),
            kind: kind as u8,
            ..Adjust::default()
        });
    }

    fn split(&mut self, symbol: u32) {
        let ratio = 2 + i64::from(self.below(2));
        let is_narrow = (0..OWNERS).all(|owner| {
            let held = [true, false].map(|of| self.held(of, owner, symbol));
            held.iter().all(|held| held.abs() < QTY_MAX)
        });
        if !is_narrow {
            return;
        }
        self.adjust(Adjust {
            qty: Position::from_raw(ratio * 100_000_000),
            price: Price::from_raw(1_000_000_000),
            account: AccountId::NONE,
            symbol: SymbolId(symbol),
            strategy: StrategyId::NONE,
            kind: AdjustKind::Split as u8,
            ..Adjust::default()
        });
        // An inverse contract is worth as much at a price as many times as high.
        let is_inverse = self.setup.symbols[symbol as usize].is_inverse;
        let split = |sum: i128| match is_inverse {
            true => sum * i128::from(ratio),
            false => sum.div_euclid(i128::from(ratio)),
        };
        let sum = &mut self.sums[symbol as usize];
        *sum = sum.map(split);
    }

    fn adjust(&mut self, adjust: Adjust) {
        let adjust = Adjust {
            operator: u32::MAX,
            ..adjust
        };
        let decision = self.take(Kind::Adjust, StrategyId::NONE, adjust);
        assert_eq!(decision.outcome, Outcome::Applied, "{adjust:?}");
        self.entries.push(Entry {
            kind: What::Adjust(AdjustKind::from_byte(adjust.kind).unwrap()),
            account: adjust.account.0,
            strategy: adjust.strategy.0,
            symbol: adjust.symbol.0,
            qty: adjust.qty,
            price: adjust.price,
            cash: adjust.cash,
            fee: Money::default(),
            is_maker: false,
            order: 0,
        });
    }

    fn quote(&mut self, symbol: u32) {
        let (bid, spread) = (self.any_price(symbol), self.below(3));
        let tick = self.setup.symbols[symbol as usize].tick.raw();
        let ask = Price::from_raw(bid.raw() + i64::from(spread) * tick);
        let quote = Quote {
            symbol: SymbolId(symbol),
            bid,
            ask,
            ..Quote::default()
        };
        let decision = self.take(Kind::Quote, StrategyId::NONE, quote);
        assert_eq!(decision.outcome, Outcome::Applied, "{quote:?}");
        self.sums[symbol as usize] = Some(i128::from(bid.raw()) + i128::from(ask.raw()));
    }

    fn any_price(&mut self, symbol: u32) -> Price {
        let tick = self.setup.symbols[symbol as usize].tick.raw();
        let (low, steps) = [
            (100_000, 50_000),
            (400_000, 40_000),
            (80_000, 60_000),
            (900, 300),
        ][symbol as usize];
        Price::from_raw((low + i64::from(self.below(steps))) * tick)
    }

    fn any_qty(&mut self, symbol: u32) -> Position {
        let lot = self.setup.symbols[symbol as usize].lot.raw() as i64;
        let lots = 1 + i64::from(self.below(if symbol == 0 { 900_000 } else { 200 }));
        let is_sold = self.below(2) == 0;
        Position::from_raw(if is_sold { -lots * lot } else { lots * lot })
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random.below(bound)
    }

    fn take<B: Body>(&mut self, kind: Kind, strategy: StrategyId, body: B) -> Decision {
        self.now = self.now.after(Nanos::from_millis(1));
        let header = Header {
            time: self.now,
            strategy,
            ..Header::default()
        };
        self.effects.clear();
        let frame = Frame::new(kind, header, body);
        self.core.step(&frame, &[], &mut self.effects)
    }
}

/// Numbers that a seed decides.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((value ^ value >> 31) % u64::from(bound)) as u32
    }
}

/// The seed of a run: printed, and taken from `PORTCULLIS_TEST_SEED`.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("PORTCULLIS_TEST_SEED").ok();
    let seed = seed
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_261_122);
    println!("PORTCULLIS_TEST_SEED={seed}");
    seed
}

/// What is split further would soon be more than an order can be.
const QTY_MAX: i64 = 1_000_000 * 100_000_000;
