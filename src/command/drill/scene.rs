//! Scene: what is sent and when, in which world, against which controls.

use crate::command::Failure;
use crate::config;
use crate::message::{
    Control as Switch, Frame, Header, Kind, NewOrder, OrderType, Quote, Scope, Side, Text,
    TimeInForce,
};
use crate::risk::setup::Setup;
use crate::units::{AccountId, Nanos, Price, Qty, StrategyId, SymbolId};

/// A part of a drill.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What is shown, in a few words.
    pub name: &'static str,
    /// What is tried against it, each alone.
    pub controls: Vec<Control>,
    pub(super) world: World,
    pub(super) broker: Broker,
    pub(super) events: fn() -> Events,
}

/// Everything that happens, in the order of its times. What comes before [`START`] is not counted.
pub(super) type Events = Box<dyn Iterator<Item = Frame>>;

/// What there is to trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    pub(super) symbol_count: u32,
    pub(super) tick: &'static str,
}

/// What the other end does with an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Broker {
    /// Fills it at once: at its limit, or at the last quote.
    Fills,
    /// Nothing, and says nothing.
    Silent,
}

/// What is armed, as lines of a configuration. Everything else is off.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Control {
    lines: Vec<(Table, &'static str)>,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Table {
    Gateway,
    Limits,
    Symbol,
}

/// What is written where a control writes nothing else.
const OFF: [(Table, &str); 2] = [
    (Table::Gateway, "raise_persons = 1"),
    (Table::Limits, "reference_age_max = \"off\""),
];
const WORLD: &str = include_str!("world.toml");

impl Control {
    /// Lines of `[limits]`, the limits of the firm.
    pub(super) fn limits<const COUNT: usize>(lines: [&'static str; COUNT]) -> Self {
        Self::of(Table::Limits, &lines)
    }

    /// A line of every `[[symbol]]`.
    pub(super) fn symbol(line: &'static str) -> Self {
        Self::of(Table::Symbol, &[line])
    }

    /// A line of `[gateway]`.
    pub(super) fn gateway(line: &'static str) -> Self {
        Self::of(Table::Gateway, &[line])
    }

    fn of(table: Table, lines: &[&'static str]) -> Self {
        Self {
            lines: lines.iter().map(|line| (table, *line)).collect(),
        }
    }

    /// Several at once. Of two that write the same key, the first writes it.
    pub fn all(controls: &[Self]) -> Self {
        let mut all = Self::default();
        for (table, line) in controls.iter().flat_map(|control| &control.lines) {
            if !all.writes(*table, line) {
                all.lines.push((*table, *line));
            }
        }
        all
    }

    fn writes(&self, table: Table, line: &str) -> bool {
        self.lines
            .iter()
            .any(|(at, written)| *at == table && key(written) == key(line))
    }

    fn table(&self, table: Table) -> String {
        let off = OFF.iter().filter(|(at, line)| !self.writes(*at, line));
        let lines: Vec<&str> = off
            .chain(&self.lines)
            .filter(|(at, _)| *at == table)
            .map(|(_, line)| *line)
            .collect();
        lines.join("\n")
    }

    /// As it is written in a file.
    pub fn name(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|(_, line)| *line).collect();
        match lines.as_slice() {
            [] => "all off".to_owned(),
            lines => lines.join(", "),
        }
    }
}

fn key(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

impl Scene {
    /// The setup of its world with a control, read as any configuration is.
    pub(super) fn setup(&self, control: &Control) -> Result<Setup, Failure> {
        let names: Vec<String> = (1..=self.world.symbol_count)
            .map(|number| format!("\"S{number}\""))
            .collect();
        let text = WORLD
            .replace("<gateway>", &control.table(Table::Gateway))
            .replace("<limits>", &control.table(Table::Limits))
            .replace("<symbol>", &control.table(Table::Symbol))
            .replace("<names>", &names.join(", "))
            .replace("<tick>", self.world.tick);
        let config = config::parse(&text, "drill.toml").map_err(Failure::of)?;
        Ok(config.setup)
    }
}

/// An order to be sent: immediate or cancel, at the market where it has no price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) time: Nanos,
    pub(super) id: u64,
    pub(super) symbol: u32,
    pub(super) side: Side,
    pub(super) price: Option<Price>,
    pub(super) qty: Qty,
}

impl Order {
    pub(super) fn frame(self) -> Frame {
        let order_type = match self.price {
            Some(_) => OrderType::Limit,
            None => OrderType::Market,
        };
        let order = NewOrder {
            price: self.price.unwrap_or_default(),
            qty: self.qty,
            account: ACCOUNT,
            symbol: SymbolId(self.symbol),
            client_order_id: Text::new(&self.id.to_string()).unwrap_or_default(),
            side: self.side as u8,
            order_type: order_type as u8,
            time_in_force: TimeInForce::ImmediateOrCancel as u8,
            ..NewOrder::default()
        };
        Frame::new(Kind::NewOrder, header(self.time), order)
    }
}

/// A price of the market.
pub(super) fn quote(time: Nanos, symbol: u32, bid: Price, ask: Price) -> Frame {
    let quote = Quote {
        bid,
        ask,
        symbol: SymbolId(symbol),
        ..Quote::default()
    };
    Frame::new(Kind::Quote, header(time), quote)
}

/// A kill or a raise of the account, by an operator.
pub(super) fn switch(kind: Kind, time: Nanos, operator: u32) -> Frame {
    let switch = Switch {
        target: ACCOUNT.0,
        operator,
        scope: Scope::Account as u8,
        ..Switch::default()
    };
    Frame::new(kind, header(time), switch)
}

fn header(time: Nanos) -> Header {
    Header {
        time,
        strategy: StrategyId(0),
        ..Header::default()
    }
}

/// When `count` things that are evenly spread over a span come.
pub(super) fn spread(at: u64, count: u64, span: Nanos) -> Nanos {
    let nanos = u128::from(at) * u128::from(span.raw()) / u128::from(count);
    START.after(Nanos::from_raw(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// So long before the start.
pub(super) const fn before(span: Nanos) -> Nanos {
    Nanos::from_raw(START.raw() - span.raw())
}

/// In hundredths of the currency.
pub(super) const fn cents(cents: i64) -> Price {
    Price::from_raw(cents * 10i64.pow(Price::DIGITS - 2))
}

/// In whole units.
pub(super) const fn units(units: u64) -> Qty {
    Qty::from_raw(units * 10u64.pow(Qty::DIGITS))
}

/// The account of every drill.
pub(super) const ACCOUNT: AccountId = AccountId(0);
/// When what is counted begins; there is room before it.
pub(super) const START: Nanos = Nanos::from_secs(7 * 86_400);
