//! Events at random, and those that only some tests need.

use crate::gate::{Gate, order};
use portcullis::config::Config;
use portcullis::journal::reader::Reader;
use portcullis::message::{
    Cancel, Checkpoint, Control, Exec, Frame, Kind, Link, LinkState, Quote, Replace, Report, Scope,
    Side, Text,
};
use portcullis::risk::decision::{Decision, Outcome};
use portcullis::units::{AccountId, BrokerId, Nanos, OrderId, Price, Qty, StrategyId, SymbolId};

impl Gate {
    /// The next run, under another configuration.
    pub(crate) fn restart(&mut self, config: &Config) {
        self.core.adopt(&self.config.setup, &config.setup).unwrap();
        self.config = config.clone();
        self.open();
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.journal()).unwrap()
    }

    /// Records the digest of the state, changed by `tamper`.
    pub(crate) fn checkpoint(&mut self, tamper: u64) {
        let body = Checkpoint {
            digest: self.core.digest() ^ tamper,
            event_count: self.core.counts().events,
            orders_open_count: u64::from(self.core.orders_open_count()),
            ..Checkpoint::default()
        };
        let frame = self.frame(Kind::Checkpoint, StrategyId::NONE, body);
        self.append(frame, &APPLIED, self.core.digest());
    }

    pub(crate) fn cancel(&mut self, account: u32, id: &str, original_id: &str) -> Decision {
        let cancel = Cancel {
            account: AccountId(account),
            client_order_id: Text::new(id).unwrap(),
            original_id: Text::new(original_id).unwrap(),
            ..Cancel::default()
        };
        self.take(self.frame(Kind::Cancel, StrategyId(0), cancel))
    }

    pub(crate) fn replace(
        &self,
        account: u32,
        id: &str,
        original_id: &str,
        qty: &str,
        price: &str,
    ) -> Frame {
        let replace = Replace {
            account: AccountId(account),
            client_order_id: Text::new(id).unwrap(),
            original_id: Text::new(original_id).unwrap(),
            qty: Qty::parse(qty).unwrap(),
            price: Price::parse(price).unwrap(),
            ..Replace::default()
        };
        self.frame(Kind::Replace, StrategyId(0), replace)
    }

    pub(crate) fn report(&mut self, order_id: OrderId, exec: Exec, qty: &str) -> Decision {
        let report = Report {
            order_id,
            exec: exec as u8,
            qty: Qty::parse(qty).unwrap(),
            price: Price::parse("100").unwrap(),
            broker: BrokerId(0),
            ..Report::default()
        };
        self.take(self.frame(Kind::Report, StrategyId::NONE, report))
    }

    /// Something that can happen, in one of its forms.
    pub(crate) fn happen(&mut self, random: &mut Random) {
        self.advance(Nanos::from_raw(random.below(20_000_000)));
        let (account, symbol) = (random.below(2) as u32, random.below(2) as u32);
        let strategy = StrategyId(random.below(2) as u32);
        let open: Vec<_> = self
            .core
            .orders()
            .map(|order| (order.id, order.account, order.client_order_id))
            .collect();
        let picked = (!open.is_empty()).then(|| open[random.below(open.len() as u64) as usize]);
        let id = format!("c{}", random.next());
        let side = if random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let qty = random.below(30).to_string();
        let price = (95 + random.below(10)).to_string();
        let frame = match (random.below(100), picked) {
            (0..40, _) => {
                let order = order(account, symbol, &id, side, &qty, &price);
                self.frame(Kind::NewOrder, strategy, order)
            }
            (40..75, Some((order_id, ..))) => {
                let execs = [
                    Exec::New,
                    Exec::New,
                    Exec::Trade,
                    Exec::Trade,
                    Exec::Trade,
                    Exec::Canceled,
                    Exec::Replaced,
                    Exec::Rejected,
                    Exec::CancelRejected,
                    Exec::ReplaceRejected,
                ];
                let report = Report {
                    order_id,
                    exec: execs[random.below(execs.len() as u64) as usize] as u8,
                    qty: Qty::parse(&random.below(20).to_string()).unwrap(),
                    exec_id: Text::new(&format!("e{}", random.below(1 << 40))).unwrap(),
                    ..Report::default()
                };
                self.frame(Kind::Report, StrategyId::NONE, report)
            }
            (75..82, Some((_, account, original_id))) => {
                let client_order_id = Text::new(&id).unwrap();
                let cancel = Cancel {
                    account,
                    client_order_id,
                    original_id,
                    ..Cancel::default()
                };
                self.frame(Kind::Cancel, StrategyId::NONE, cancel)
            }
            (82..89, Some((_, account, original_id))) => {
                let replace = Replace {
                    account,
                    client_order_id: Text::new(&id).unwrap(),
                    original_id,
                    qty: Qty::parse(&qty).unwrap(),
                    price: Price::parse(&price).unwrap(),
                    ..Replace::default()
                };
                self.frame(Kind::Replace, StrategyId::NONE, replace)
            }
            (89, _) => {
                let state = if random.below(3) == 0 {
                    LinkState::Down
                } else {
                    LinkState::Up
                };
                let link = Link {
                    broker: BrokerId(0),
                    state: state as u8,
                    ..Link::default()
                };
                self.frame(Kind::Link, StrategyId::NONE, link)
            }
            (90, _) => self.frame(Kind::Kill, StrategyId::NONE, control(account, 0)),
            (91..95, _) => {
                let operator = random.below(2) as u32;
                self.frame(Kind::Raise, StrategyId::NONE, control(account, operator))
            }
            _ => {
                let bid = 98 + random.below(4) as i64;
                let quote = Quote {
                    symbol: SymbolId(symbol),
                    bid: Price::from_raw(bid * 1_000_000_000),
                    ask: Price::from_raw((bid + 1) * 1_000_000_000),
                    ..Quote::default()
                };
                self.frame(Kind::Quote, StrategyId::NONE, quote)
            }
        };
        self.take(frame);
        if random.below(50) == 0 {
            self.checkpoint(0);
        }
    }
}

/// A kill or a raise of an account.
pub(crate) fn control(account: u32, operator: u32) -> Control {
    Control {
        target: account,
        operator,
        scope: Scope::Account as u8,
        ..Control::default()
    }
}

/// The seed of a random test: given, or always the same, and printed.
pub(crate) fn seed(usual: u64) -> u64 {
    let seed = std::env::var("PORTCULLIS_TEST_SEED");
    let seed = seed
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual);
    println!("PORTCULLIS_TEST_SEED={seed}");
    seed
}

/// Numbers that a seed decides.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ value >> 31
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

pub(crate) const APPLIED: Decision = Decision {
    outcome: Outcome::Applied,
    reason: None,
    failed: portcullis::reject::Failed::NONE,
    limit: 0,
    value: 0,
    order_id: OrderId::NONE,
};
