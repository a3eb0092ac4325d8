//! Controls: what each costs an accepted order, alone and all together.
//!
//! `cargo bench --bench decision -- controls`; with `rounds=100` behind it, so many.
//!
//! The floor is a gate on which nothing is armed that can be off. Beside it stands one for each control,
//! with that alone. All see the same orders, every other one a sale, of which none would meet another.
//! They remember few, so that their tables stay in the caches: what memory costs is in the tables of
//! `growth`.
//!
//! A gate and the floor take batches in turn. What its control costs is the median of its batches, each
//! less the floor's beside it. A gate on which nothing is armed either tells how much of that is noise.
//! Every outcome is checked in the timed loop.

use super::{BATCH, Bench};
use portcullis::config;
use portcullis::message::{Frame, Kind, Locate, NewOrder, SaleMark, Side};
use portcullis::risk::decision::Outcome;
use portcullis::units::{Price, Qty};

/// A gate and what it took.
struct Row {
    name: &'static str,
    gate: Bench,
    /// Nanoseconds an order, by batch.
    nanos: Vec<f64>,
    /// How many more than on the floor.
    more: Vec<f64>,
}

/// Measures and prints the table.
pub(super) fn run(is_bench: bool) {
    let rounds = std::env::args().find_map(|it| it.strip_prefix("rounds=")?.parse().ok());
    let rounds = rounds.unwrap_or(if is_bench { 50 } else { 1 });
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let mut floor = Row::new("floor", FLOOR);
    let mut rows = rows();
    for _ in 0..rounds {
        for row in &mut rows {
            row.measure(&mut floor);
        }
    }
    println!("controls: nanoseconds an accepted order; {rounds} rounds, load average {load}");
    println!("{:<36}{:>9}{:>9}{:>20}", "", "p50", "more", "quartiles");
    println!("{:<36}{:>9.1}", floor.name, quantile(&floor.nanos, 0.5));
    for row in &rows {
        row.gate.core.verify();
        println!(
            "{:<36}{:>9.1}{:>9.1}{:>10.1} ..{:>7.1}",
            row.name,
            quantile(&row.nanos, 0.5),
            quantile(&row.more, 0.5),
            quantile(&row.more, 0.25),
            quantile(&row.more, 0.75),
        );
    }
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[(sorted.len() as f64 * share) as usize]
}

impl Row {
    fn new(name: &'static str, text: &str) -> Self {
        let config = config::parse(text, name).unwrap_or_else(|errors| panic!("{errors}"));
        let mut gate = Bench::of(&config.setup);
        let locate = Locate {
            qty: Qty::parse("1000000").expect("a quantity"),
            ..Locate::default()
        };
        let frame = Frame::new(Kind::Locate, gate.header(), locate);
        gate.core.step(&frame, &[], &mut gate.effects);
        Self {
            name,
            gate,
            nanos: Vec::new(),
            more: Vec::new(),
        }
    }

    /// Batches in turn with the floor's; the first bring both into the caches.
    fn measure(&mut self, floor: &mut Self) {
        for turn in 0..UNTIMED + TIMED {
            // Either goes first as often as the other.
            let (nanos, below) = if turn % 2 == 0 {
                let nanos = self.decide();
                (nanos, floor.decide())
            } else {
                let below = floor.decide();
                (self.decide(), below)
            };
            if UNTIMED <= turn {
                self.nanos.push(nanos);
                self.more.push(nanos - below);
                floor.nanos.push(below);
            }
        }
    }

    fn decide(&mut self) -> f64 {
        let orders = self.orders();
        let elapsed = self.gate.decide(&orders, Outcome::Accepted);
        elapsed.as_nanos() as f64 / BATCH as f64
    }

    /// Like the others', but sales are above all purchases, and marked.
    fn orders(&mut self) -> Vec<Frame> {
        let mut frames = self.gate.orders(100_000_000);
        for frame in &mut frames {
            let mut order = *frame.body::<NewOrder>();
            if order.side == Side::Sell as u8 {
                order.price = Price::from_raw(order.price.raw() + 4_000_000_000);
                order.mark = SaleMark::Short as u8;
            }
            *frame = Frame::new(Kind::NewOrder, frame.header, order);
        }
        frames
    }
}

/// Nothing, each control alone, and what is armed together.
fn rows() -> Vec<Row> {
    let limits = CONTROLS.into_iter().filter(|(place, _)| *place == LIMITS);
    let limits: Vec<_> = limits.collect();
    let mut eight_levels = vec![(ACCOUNT, r#"desk = "D""#), (FILE, OTHER_LEVELS)];
    eight_levels.extend(&limits);
    eight_levels.extend(limits.iter().map(|(_, lines)| (LEVEL, *lines)));
    let mut rows = vec![Row::new("nothing: noise", FLOOR)];
    rows.extend(CONTROLS.map(|control| Row::new(name(control), &armed(&[control]))));
    rows.push(Row::new("all", &armed(&CONTROLS)));
    rows.push(Row::new("all limits, at one level", &armed(&limits)));
    rows.push(Row::new(
        "all limits, at eight levels",
        &armed(&eight_levels),
    ));
    rows
}

/// The floor's text with these controls.
fn armed(controls: &[Control]) -> String {
    let mut text = FLOOR.to_owned();
    for (place, lines) in controls {
        assert!(text.contains(place), "{lines}");
        text = text.replace(place, &format!("{lines}\n{place}"));
    }
    text
}

/// Its first word.
fn name((_, lines): Control) -> &'static str {
    lines.split_whitespace().next().expect("a word")
}

/// Batches of a round that are not counted, and that are.
const UNTIMED: usize = 4;
const TIMED: usize = 8;

/// Where it is written, and what: wide enough that all orders pass.
type Control = (&'static str, &'static str);

const CONTROLS: [Control; 29] = [
    (LIMITS, r#"order_qty_max = "1000""#),
    (LIMITS, r#"order_notional_max = "1000000""#),
    (LIMITS, COLLAR),
    (LIMITS, r#"order_rate = [{ max = 2000, window = "100us" }]"#),
    (
        LIMITS,
        r#"new_order_rate = [{ max = 2000, window = "100us" }]"#,
    ),
    (
        LIMITS,
        r#"replace_rate = [{ max = 2000, window = "100us" }]"#,
    ),
    (
        LIMITS,
        r#"cancel_rate = [{ max = 2000, window = "100us" }]"#,
    ),
    (LIMITS, r#"duplicate_window = "10us""#),
    (LIMITS, "open_orders_max = 100000"),
    (LIMITS, r#"open_notional_max = "1000000000""#),
    (LIMITS, r#"position_qty_max = "1000000000""#),
    (LIMITS, r#"position_value_max = "1000000000""#),
    (LIMITS, r#"gross_exposure_max = "1000000000""#),
    (LIMITS, r#"net_exposure_max = "1000000000""#),
    (LIMITS, r#"day_qty_max = "1000000000""#),
    (LIMITS, r#"day_value_max = "1000000000""#),
    (LIMITS, "day_orders_max = 4000000000"),
    (LIMITS, ORDER_TO_TRADE),
    (LIMITS, CANCEL_TO_TRADE),
    (SYMBOL, r#"notional_min = "1""#),
    (SYMBOL, r#"reference_move_bps = "1000""#),
    (SYMBOL, r#"calendar = "always""#),
    (ACCOUNT, r#"self_match = "reject""#),
    (ACCOUNT, r#"short_sales = "check""#),
    (ACCOUNT, r#"funds = "1000000000""#),
    (ACCOUNT, "cut_orders = true"),
    (STRATEGY, "orders_unattended_max = 4000000000"),
    (GATEWAY, r#"soft = ["QtyAboveMax"]"#),
    (FILE, RESPONSE),
];

const COLLAR: &str = r#"
price_collar_bps = "1000"
reference_age_max = "1h"
"#;

const ORDER_TO_TRADE: &str = "
order_to_trade_max = 100
order_to_trade_free = 4000000000
";

const CANCEL_TO_TRADE: &str = "
cancel_to_trade_max = 100
cancel_to_trade_free = 4000000000
";

// Where a control is written: comments of the floor's text.
const GATEWAY: &str = "# gateway\n";
const LIMITS: &str = "# limits\n";
const ACCOUNT: &str = "# account\n";
const STRATEGY: &str = "# strategy\n";
const SYMBOL: &str = "# symbol\n";
const FILE: &str = "# file\n";
/// The limits of each other level.
const LEVEL: &str = "# level\n";

const FLOOR: &str = r#"
[capacity]
orders = 1280
orders_closed = 256
client_order_ids = 2048
client_order_id_horizon = "0s"
positions = 64
duplicates_per_window = 1024
executions = 1024
[gateway]
# gateway
[limits]
others = "off"
# limits
[[calendar]]
name = "always"
time_zone = "UTC"
first_day = "2023-11-01"
last_day = "2023-11-30"
[[calendar.session]]
name = "continuous"
from = "00:00"
to = "24:00"
[[account]]
name = "A"
# account
[account.limits]
# level
[[strategy]]
name = "S"
accounts = ["A"]
# strategy
[strategy.limits]
# level
[[symbol]]
name = "X"
tick = "0.01"
lot = "1"
broker = "sim"
borrow = "hard"
# symbol
[symbol.limits]
# level
[[broker]]
name = "sim"
kind = "sim"
[[operator]]
name = "alice"
uid = 1
[[operator]]
name = "bob"
uid = 2
# file
"#;

const OTHER_LEVELS: &str = r#"
[[desk]]
name = "D"
[desk.limits]
# level
[[group]]
name = "one"
symbols = ["X"]
[group.limits]
# level
[[group]]
name = "two"
symbols = ["X"]
[group.limits]
# level
[[group]]
name = "three"
symbols = ["X"]
[group.limits]
# level
"#;

const RESPONSE: &str = r#"
[[response]]
name = "runaway"
on = "refusals"
scope = "strategy"
count = 20
window = "1s"
answer = "refuse"
"#;
