//! A gate in small: a real core and a real journal, stepped by hand.

use crate::folder::Folder;
use portcullis::config::{Config, parse};
use portcullis::journal::Settings;
use portcullis::journal::keeper::Keeper;
use portcullis::journal::opening;
use portcullis::journal::reader::Tail;
use portcullis::journal::recovery::recover;
use portcullis::journal::segment::Disk;
use portcullis::journal::writer::Writer;
use portcullis::message::{
    Body, Frame, Header, Kind, NewOrder, OrderType, Quote, Side, Text, Tick, TimeInForce,
};
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Decision, Effects};
use portcullis::topology::options::CORE_VERSION;
use portcullis::topology::rebuild::opening_text;
use portcullis::units::{AccountId, Nanos, Price, Qty, StrategyId, SymbolId};
use std::path::PathBuf;

/// A core, and the journal of what it decided. The folder goes with it.
pub(crate) struct Gate {
    pub(crate) core: Core,
    pub(crate) writer: Writer,
    pub(crate) keeper: Keeper,
    pub(crate) config: Config,
    folder: Folder,
    effects: Effects,
    now: Nanos,
}

/// When the tests begin.
pub(crate) const START: Nanos = Nanos::from_secs(1_700_000_000);

impl Gate {
    pub(crate) fn new(config: &Config) -> Self {
        let folder = Folder::new("gate");
        let settings = Settings {
            segment_size: 1 << 20,
            reserve_size: 64 << 10,
            fault_ahead_size: 64 << 10,
            ..Settings::new(folder.join("journal"), 7, CORE_VERSION)
        };
        let (writer, keeper) = recover(settings, Box::new(Disk)).unwrap().open().unwrap();
        let mut gate = Self {
            core: Core::new(&config.setup),
            writer,
            keeper,
            config: config.clone(),
            folder,
            effects: Effects::default(),
            now: START,
        };
        gate.open();
        gate
    }

    /// A run begins.
    pub(crate) fn open(&mut self) {
        let text = opening_text(&self.config);
        let keeper = &mut self.keeper;
        let now = self.now;
        opening::append(&mut self.writer, now, CORE_VERSION, text.as_bytes(), || {
            keeper.poll(now);
        })
        .unwrap();
    }

    /// Where the journal lies.
    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    pub(crate) fn tail(&self) -> Tail {
        self.keeper.tail().unwrap()
    }

    pub(crate) const fn now(&self) -> Nanos {
        self.now
    }

    pub(crate) fn advance(&mut self, span: Nanos) {
        self.now = self.now.after(span);
    }

    /// Decides and records, deadlines first.
    pub(crate) fn take(&mut self, frame: Frame) -> Decision {
        self.now = self.now.max(frame.header.time);
        while self.core.next_deadline() <= self.now {
            let time = self.core.now().max(self.core.next_deadline());
            let header = Header {
                time,
                strategy: StrategyId::NONE,
                ..Header::default()
            };
            self.record(Frame::new(Kind::Tick, header, Tick::default()));
        }
        let mut frame = frame;
        frame.header.time = self.now;
        self.record(frame)
    }

    /// Decides and records, whatever is due.
    pub(crate) fn record(&mut self, frame: Frame) -> Decision {
        self.effects.clear();
        let decision = self.core.step(&frame, &[], &mut self.effects);
        self.append(frame, &decision, self.core.digest());
        decision
    }

    /// Records what the core may never have decided.
    pub(crate) fn append(&mut self, frame: Frame, decision: &Decision, digest: u64) {
        self.keeper.poll(self.now);
        let _ = self.writer.room();
        self.writer.append(&[frame], decision, digest);
    }

    pub(crate) fn frame<B: Body>(&self, kind: Kind, strategy: StrategyId, body: B) -> Frame {
        let header = Header {
            time: self.now,
            strategy,
            ..Header::default()
        };
        Frame::new(kind, header, body)
    }

    pub(crate) fn quote(&mut self, symbol: u32, bid: &str, ask: &str) -> Decision {
        let quote = Quote {
            symbol: SymbolId(symbol),
            bid: Price::parse(bid).unwrap(),
            ask: Price::parse(ask).unwrap(),
            ..Quote::default()
        };
        self.take(self.frame(Kind::Quote, StrategyId::NONE, quote))
    }

    pub(crate) fn order(&mut self, account: u32, id: &str, qty: &str, price: &str) -> Decision {
        let order = order(account, 0, id, Side::Buy, qty, price);
        self.take(self.frame(Kind::NewOrder, StrategyId(0), order))
    }
}

pub(crate) fn order(
    account: u32,
    symbol: u32,
    id: &str,
    side: Side,
    qty: &str,
    price: &str,
) -> NewOrder {
    NewOrder {
        account: AccountId(account),
        symbol: SymbolId(symbol),
        client_order_id: Text::new(id).unwrap(),
        side: side as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::Day as u8,
        qty: Qty::parse(qty).unwrap(),
        price: Price::parse(price).unwrap(),
        ..NewOrder::default()
    }
}

/// Two of everything, small tables, limits that a random flow breaks now and then.
pub(crate) fn config() -> Config {
    let text = std::fs::read_to_string("tests/follower/gate.toml").unwrap();
    parse(&text, "gate.toml").unwrap()
}
