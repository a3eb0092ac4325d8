//! Portcullis: the core's decision on a new order, every control armed by the account; and the same
//! with the record of each decision stored in the journal first.
//!
//! Timed: `Core::foresee` of the next order and `Core::step` for each, as the risk stage does with
//! what waits in its ring; the refusal or the request to the broker is written out in full. With the
//! journal also `Writer::room` and `Writer::append`. Not timed: building the frames, the fills that
//! settle a batch, and the journal's keeper, which has a thread of its own in the gateway.

use crate::contest::{Contestant, Verdict};
use crate::flow::{NOTIONAL_MAX_USD, Order, QTY_MAX, REFERENCE_PRICE_CENTS, Side};
use ::portcullis::config;
use ::portcullis::journal::keeper::Keeper;
use ::portcullis::journal::segment::Disk;
use ::portcullis::journal::writer::Writer;
use ::portcullis::journal::{Settings, recovery};
use ::portcullis::message::{Exec, Frame, Header, Kind, NewOrder, Quote, Report, Text};
use ::portcullis::reject::RejectReason;
use ::portcullis::risk::core::Core;
use ::portcullis::risk::decision::{Decision, Effects, Outcome};
use ::portcullis::sys::memory;
use ::portcullis::units::{Nanos, Price, Qty, StrategyId, SymbolId};
use std::path::PathBuf;

/// The gateway's own deciding part.
pub struct Gate {
    core: Core,
    effects: Effects,
    journal: Option<(Writer, Keeper, Directory)>,
    orders: Vec<Frame>,
    decisions: Vec<Decision>,
    serial: u64,
    now: u64,
}

struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Integers of 1e-9 in a cent, and of 1e-8 in a share.
const CENT: i64 = 10_000_000;
const SHARE: u64 = 100_000_000;

impl Gate {
    pub fn new(with_journal: bool) -> Self {
        let text = format!(
            "[capacity]\norders = 16384\norders_closed = 4096\nclient_order_ids = 65536\n\
             client_order_id_horizon = \"0s\"\nduplicates_per_window = 4096\nexecutions = 4096\n\
             [limits]\nothers = \"off\"\nreference_age_max = \"1h\"\n\
             [[account]]\nname = \"A\"\n[account.limits]\norder_qty_max = {QTY_MAX}\n\
             order_notional_max = {NOTIONAL_MAX_USD}\nprice_collar_bps = 600\nreference_age_max = \"1h\"\n\
             order_rate = [{{ max = 20000, window = \"1ms\" }}]\nduplicate_window = \"1us\"\n\
             open_orders_max = 10000\nopen_notional_max = 1000000000\nposition_qty_max = 10000000\n\
             position_value_max = 5000000000\ngross_exposure_max = 5000000000\n\
             [[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n[[broker]]\nname = \"sim\"\nkind = \"sim\"\n\
             [[symbol]]\nname = \"X\"\ntick = \"0.01\"\nlot = \"1\"\nbroker = \"sim\"\nprice_min = \"1\"\n\
             price_max = \"1000\"\nqty_min = \"1\"\nqty_max = \"100000\"\n"
        );
        let config = config::parse(&text, "contest.toml").unwrap_or_else(|errors| panic!("{errors}"));
        let core = Core::new(&config.setup);
        core.tables(memory::claim);
        let mut gate = Self {
            core,
            effects: Effects::default(),
            journal: with_journal.then(journal),
            orders: Vec::new(),
            decisions: Vec::new(),
            serial: 0,
            now: 1_700_000_000_000_000_000,
        };
        let mid = REFERENCE_PRICE_CENTS as i64 * CENT;
        let quote = Quote {
            bid: Price::from_raw(mid - CENT),
            ask: Price::from_raw(mid + CENT),
            symbol: SymbolId(0),
            ..Quote::default()
        };
        let frame = Frame::new(Kind::Quote, gate.header(), quote);
        gate.core.step(&frame, &[], &mut gate.effects);
        gate
    }

    fn header(&mut self) -> Header {
        self.now += 100;
        Header { time: Nanos::from_raw(self.now), strategy: StrategyId(0), ..Header::default() }
    }
}

fn journal() -> (Writer, Keeper, Directory) {
    let name = format!("portcullis-contest-{}", std::process::id());
    let directory = Directory(std::env::temp_dir().join(name));
    let settings = Settings { segment_size: 256 << 20, ..Settings::new(&directory.0, 1, 1) };
    let opened = recovery::recover(settings, Box::new(Disk)).and_then(|journal| journal.open());
    let (writer, keeper) = opened.unwrap_or_else(|error| panic!("{error}"));
    (writer, keeper, directory)
}

impl Contestant for Gate {
    fn name(&self) -> &'static str {
        match self.journal {
            None => "portcullis, all controls",
            Some(_) => "portcullis, all controls, journal",
        }
    }

    fn prepare(&mut self, orders: &[Order]) {
        self.orders.clear();
        self.decisions.clear();
        self.decisions.reserve(orders.len());
        for order in orders {
            self.serial += 1;
            let body = NewOrder {
                price: Price::from_raw(order.price_cents as i64 * CENT),
                qty: Qty::from_raw(order.qty * SHARE),
                client_order_id: Text::new(&format!("order-{}", self.serial)).expect("it is short"),
                side: match order.side {
                    Side::Buy => 1,
                    Side::Sell => 2,
                },
                order_type: 2,
                time_in_force: 1,
                ..NewOrder::default()
            };
            let header = self.header();
            self.orders.push(Frame::new(Kind::NewOrder, header, body));
        }
        if let Some((_, keeper, _)) = &mut self.journal {
            keeper.poll(Nanos::from_raw(self.now));
        }
    }

    fn decide(&mut self) {
        for (at, order) in self.orders.iter().enumerate() {
            if let Some(next) = self.orders.get(at + 1) {
                self.core.foresee(next, memory::prefetch);
            }
            self.effects.clear();
            let decision = self.core.step(order, &[], &mut self.effects);
            if let Some((writer, _, _)) = &mut self.journal {
                std::hint::black_box(writer.room());
                writer.append(std::slice::from_ref(order), &decision, self.core.digest());
            }
            self.decisions.push(decision);
        }
    }

    fn settle(&mut self, verdicts: &mut Vec<Verdict>) {
        for at in 0..self.decisions.len() {
            let decision = self.decisions[at];
            verdicts.push(match (decision.outcome, decision.reason) {
                (Outcome::Accepted, _) => Verdict::Accepted,
                (_, Some(RejectReason::QtyAboveMax)) => Verdict::QtyAboveMax,
                (_, Some(RejectReason::NotionalAboveMax)) => Verdict::NotionalAboveMax,
                (_, Some(RejectReason::OrderRateAboveMax)) => Verdict::RateAboveMax,
                _ => Verdict::Other,
            });
            if decision.outcome == Outcome::Accepted {
                let order = *self.orders[at].body::<NewOrder>();
                let report = Report {
                    order_id: decision.order_id,
                    qty: order.qty,
                    price: order.price,
                    exec: Exec::Trade as u8,
                    ..Report::default()
                };
                let frame = Frame::new(Kind::Report, self.header(), report);
                self.effects.clear();
                self.core.step(&frame, &[], &mut self.effects);
            }
        }
    }
}
