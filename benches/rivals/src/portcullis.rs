//! Portcullis: the core's decision on a new order, with every control armed that does not change an
//! order; with the eleven limits that an account must have set; and with these and the record of each
//! decision stored in the journal first.
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
use ::portcullis::message::{Exec, Frame, Header, Kind, NewOrder, Quote, Report, SaleMark, Text};
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
    name: &'static str,
    journal: Option<(Writer, Keeper, Directory)>,
    /// Of sales, as a `SaleMark`.
    mark: u8,
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
    /// Every control: those of the account and the symbol, and what watches over them.
    pub fn with_every_control() -> Self {
        let text = text(EVERY_LIMIT, EVERY_CONTROL_OF_ACCOUNT, EVERY_CONTROL_OF_SYMBOL) + EVERY_OTHER;
        Self::of("portcullis, every control", &text, None, SaleMark::Short as u8)
    }

    /// The limits that must be set or written off, and the terms of the symbol.
    pub fn with_eleven_limits(with_journal: bool) -> Self {
        let name = match with_journal {
            false => "portcullis, 11 limits",
            true => "portcullis, 11 limits, journal",
        };
        Self::of(name, &text("", "", ""), with_journal.then(journal), 0)
    }

    fn of(
        name: &'static str,
        text: &str,
        journal: Option<(Writer, Keeper, Directory)>,
        mark: u8,
    ) -> Self {
        let config = config::parse(text, "contest.toml").unwrap_or_else(|errors| panic!("{errors}"));
        let core = Core::new(&config.setup);
        core.tables(memory::claim);
        let mut gate = Self {
            core,
            effects: Effects::default(),
            name,
            journal,
            mark,
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

/// What is armed, with further lines for the account's limits, the account and the symbol.
fn text(limits: &str, account: &str, symbol: &str) -> String {
    format!(
        "[capacity]\norders = 16384\norders_closed = 4096\nclient_order_ids = 65536\n\
         client_order_id_horizon = \"0s\"\nduplicates_per_window = 4096\nexecutions = 4096\n\
         [limits]\nothers = \"off\"\nreference_age_max = \"1h\"\n\
         [[account]]\nname = \"A\"\n{account}[account.limits]\norder_qty_max = {QTY_MAX}\n\
         order_notional_max = {NOTIONAL_MAX_USD}\nprice_collar_bps = 600\nreference_age_max = \"1h\"\n\
         order_rate = [{{ max = 20000, window = \"1ms\" }}]\nduplicate_window = \"1us\"\n\
         open_orders_max = 10000\nopen_notional_max = 1000000000\nposition_qty_max = 10000000\n\
         position_value_max = 5000000000\ngross_exposure_max = 5000000000\n{limits}\
         [[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n[[broker]]\nname = \"sim\"\nkind = \"sim\"\n\
         [[symbol]]\nname = \"X\"\ntick = \"0.01\"\nlot = \"1\"\nbroker = \"sim\"\nprice_min = \"1\"\n\
         price_max = \"1000\"\nqty_min = \"1\"\nqty_max = \"100000\"\n{symbol}"
    )
}

const EVERY_LIMIT: &str = "\
    new_order_rate = [{ max = 20000, window = \"1ms\" }]\n\
    replace_rate = [{ max = 20000, window = \"1ms\" }]\n\
    cancel_rate = [{ max = 20000, window = \"1ms\" }]\nnet_exposure_max = 5000000000\n\
    day_qty_max = 10000000000\nday_value_max = 10000000000000000\nday_orders_max = 4000000000\n\
    order_to_trade_max = 100\norder_to_trade_free = 4000000000\ncancel_to_trade_max = 100\n\
    cancel_to_trade_free = 4000000000\nbasket_lines_max = 10\nbasket_notional_max = 100000\n";

const EVERY_CONTROL_OF_ACCOUNT: &str = "\
    self_match = \"cancel_newest\"\nshort_sales = \"check\"\nfunds = 100000000000000\n";

const EVERY_CONTROL_OF_SYMBOL: &str = "\
    borrow = \"easy\"\nnotional_min = 1\nreference_move_bps = 1000\ncalendar = \"always\"\n";

const EVERY_OTHER: &str = r#"
[gateway]
soft = ["QtyAboveMax"]
[[operator]]
name = "alice"
uid = 1
[[operator]]
name = "bob"
uid = 2
[[calendar]]
name = "always"
time_zone = "UTC"
first_day = "2023-11-01"
last_day = "2023-11-30"
weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
[[calendar.session]]
name = "continuous"
from = "00:00"
to = "24:00"
[[response]]
name = "own"
on = "refusals"
reasons = ["SelfMatch"]
scope = "strategy"
count = 20
window = "1s"
answer = "refuse"
"#;

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
        self.name
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
                mark: match order.side {
                    Side::Buy => 0,
                    Side::Sell => self.mark,
                },
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
