//! About: what a record of the journal is, whom it concerns, and how people say it.

use super::super::explain::number;
use crate::follower::exit;
use crate::follower::names::Names;
use crate::message::{
    Adjust, AdjustKind, Basket, BrokerRequest, Cancel, Control, Exec, ExitChange, Frame, Kind,
    LimitChange, LimitKey, Link, LinkState, Locate, NewOrder, OrderType, Override, Quote, Replace,
    Report, Scope, SessionChange, Settle, Side, Text, TimeInForce,
};
use crate::protocol::scenario::answer::outcome_text;
use crate::reject::{RejectReason, Unit};
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Outcome};
use crate::units::{AccountId, OrderId, Price, StrategyId, SymbolId};

/// What a record may be, as users ask for it.
pub(super) const KINDS: [&str; 20] = [
    "order",
    "basket",
    "cancel",
    "replace",
    "exit",
    "fill",
    "report",
    "quote",
    "link",
    "session",
    "kill",
    "raise",
    "settle",
    "locate",
    "override",
    "limit",
    "adjust",
    "exit-terms",
    "tick",
    "run",
];

/// Whom a record comes from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Who {
    /// The gate's own clock, or its start.
    #[default]
    Gate,
    Strategy(u32),
    Broker(u32),
    Market,
    /// By its place; [`u32::MAX`]: what a person does, done by the gate itself.
    Operator(u32),
}

/// One record.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub(super) kind: &'static str,
    pub(super) who: Who,
    /// The accounts, strategies, symbols and other levels that it concerns.
    pub(super) levels: Vec<(Scope, u32)>,
    /// The orders that it concerns: by the strategy's id, which may be empty, and the gate's number.
    pub(super) orders: Vec<(Text, OrderId)>,
    /// How many cancels the gate has sent because of it.
    cancels: usize,
    /// It was asked for, and others must ask for it too.
    waits: bool,
}

impl About {
    /// What an event says, before the core takes it: behind it an order may be forgotten.
    pub(super) fn event(head: &Frame, lines: &[Frame], core: &Core) -> Self {
        let mut about = Self::default();
        match head.kind() {
            Some(Kind::NewOrder) => about.new_order(head.body(), head),
            Some(Kind::Basket) => {
                about.command("basket", head);
                let id = head.body::<Basket>().client_order_id;
                about.orders.push((id, OrderId::NONE));
                for line in lines {
                    about.line(line.body());
                }
            }
            Some(Kind::Cancel) => {
                let cancel: &Cancel = head.body();
                about.command("cancel", head);
                about.orders.push((cancel.client_order_id, OrderId::NONE));
                about.existing(cancel.account, cancel.original_id, core);
            }
            Some(Kind::Replace) => {
                let replace: &Replace = head.body();
                about.command("replace", head);
                about.existing(replace.account, replace.original_id, core);
                let number = about.orders.first().map_or(OrderId::NONE, |of| of.1);
                about.orders.push((replace.client_order_id, number));
            }
            Some(Kind::Report) => {
                let report: &Report = head.body();
                about.kind = match Exec::from_byte(report.exec) {
                    Some(Exec::Trade) => "fill",
                    _ => "report",
                };
                about.who = Who::Broker(report.broker.0);
                about.order(report.order_id, core);
            }
            Some(Kind::Link) => {
                about.kind = "link";
                about.who = Who::Broker(head.body::<Link>().broker.0);
            }
            Some(Kind::Quote) => {
                about.kind = "quote";
                about.who = Who::Market;
                about.level(Scope::Symbol, head.body::<Quote>().symbol.0);
            }
            Some(Kind::SessionChange) => about.command("session", head),
            Some(kind) => about.act(kind, head, core),
            None => about.kind = "tick",
        }
        about
    }

    /// A run of the gateway begins.
    pub(super) fn run() -> Self {
        Self {
            kind: "run",
            ..Self::default()
        }
    }

    /// An order that the gate has sent by itself.
    pub(super) fn exit(request: &BrokerRequest) -> Self {
        let mut about = Self {
            kind: "exit",
            orders: vec![(request.client_order_id, request.order_id)],
            ..Self::default()
        };
        about.level(Scope::Account, request.account.0);
        about.level(Scope::Symbol, request.symbol.0);
        about
    }

    /// What the core has made of it.
    pub(super) fn decided(
        &mut self,
        head: &Frame,
        decision: &Decision,
        core: &Core,
        sent: &[&Frame],
    ) {
        self.waits = decision.outcome == Outcome::Applied && waits(head, core);
        let is_new = matches!(self.kind, "order" | "basket");
        let accounts: Vec<_> = self.of(Scope::Account).collect();
        if is_new && decision.outcome == Outcome::Accepted {
            for (id, number) in &mut self.orders {
                let mut known = accounts
                    .iter()
                    .filter_map(|account| core.order_id(AccountId(*account), id));
                *number = known.next().unwrap_or(OrderId::NONE);
            }
        }
        if is_new || matches!(self.kind, "cancel" | "replace") {
            return;
        }
        for frame in sent {
            if frame.kind() == Some(Kind::BrokerCancel) {
                let request: &BrokerRequest = frame.body();
                self.orders.push((Text::default(), request.order_id));
                self.cancels += 1;
            }
        }
    }

    /// Those of one kind that it concerns.
    pub(super) fn of(&self, scope: Scope) -> impl Iterator<Item = u32> {
        let levels = self.levels.iter();
        levels.filter(move |of| of.0 == scope).map(|of| of.1)
    }

    fn act(&mut self, kind: Kind, head: &Frame, core: &Core) {
        let (name, operator) = match kind {
            Kind::Kill | Kind::Raise => {
                let control: &Control = head.body();
                self.level_of(control.scope, control.target);
                let name = if kind == Kind::Kill { "kill" } else { "raise" };
                (name, control.operator)
            }
            Kind::Settle => {
                let settle: &Settle = head.body();
                self.order(settle.order_id, core);
                ("settle", settle.operator)
            }
            Kind::Locate => {
                let locate: &Locate = head.body();
                self.level(Scope::Account, locate.account.0);
                self.level(Scope::Symbol, locate.symbol.0);
                ("locate", locate.operator)
            }
            Kind::Override => {
                let asked: &Override = head.body();
                self.level(Scope::Account, asked.account.0);
                self.orders.push((asked.client_order_id, OrderId::NONE));
                ("override", asked.operator)
            }
            Kind::Limit => {
                let change: &LimitChange = head.body();
                self.level_of(change.scope, change.target);
                ("limit", change.operator)
            }
            Kind::Adjust => {
                let adjust: &Adjust = head.body();
                self.level(Scope::Account, adjust.account.0);
                self.level(Scope::Strategy, adjust.strategy.0);
                self.level(Scope::Symbol, adjust.symbol.0);
                ("adjust", adjust.operator)
            }
            Kind::Exit => {
                let change: &ExitChange = head.body();
                self.level(Scope::Account, change.account.0);
                self.level(Scope::Symbol, change.symbol.0);
                ("exit-terms", change.operator)
            }
            _ => {
                self.kind = "tick";
                return;
            }
        };
        self.kind = name;
        self.who = Who::Operator(operator);
    }

    /// What a strategy has sent, or an operator for it.
    fn command(&mut self, kind: &'static str, head: &Frame) {
        self.kind = kind;
        if head.header.strategy != StrategyId::NONE {
            self.who = Who::Strategy(head.header.strategy.0);
            self.level(Scope::Strategy, head.header.strategy.0);
        }
    }

    fn new_order(&mut self, order: &NewOrder, head: &Frame) {
        self.command("order", head);
        self.line(order);
    }

    fn line(&mut self, order: &NewOrder) {
        self.level(Scope::Account, order.account.0);
        self.level(Scope::Symbol, order.symbol.0);
        self.orders.push((order.client_order_id, OrderId::NONE));
    }

    /// An order that a strategy names.
    fn existing(&mut self, account: AccountId, id: Text, core: &Core) {
        let number = core.order_id(account, &id).unwrap_or(OrderId::NONE);
        self.orders.push((id, number));
        self.level(Scope::Account, account.0);
        if let Some(order) = core.order(number) {
            self.level(Scope::Strategy, order.strategy.0);
            self.level(Scope::Symbol, order.symbol.0);
        }
    }

    /// An order that the gate or a broker names.
    fn order(&mut self, number: OrderId, core: &Core) {
        let order = core.order(number);
        let id = order.map_or(Text::default(), |order| order.client_order_id);
        self.orders.push((id, number));
        if let Some(order) = order {
            self.level(Scope::Account, order.account.0);
            self.level(Scope::Strategy, order.strategy.0);
            self.level(Scope::Symbol, order.symbol.0);
        }
    }

    fn level_of(&mut self, scope: u8, target: u32) {
        if let Some(scope) = Scope::from_byte(scope) {
            self.level(scope, target);
        }
    }

    fn level(&mut self, scope: Scope, target: u32) {
        let level = (scope, target);
        if target != u32::MAX && !self.levels.contains(&level) {
            self.levels.push(level);
        }
    }

    /// Whom it comes from, in words, and for which account.
    pub(super) fn who(&self, names: &Names) -> String {
        let who = match self.who {
            Who::Gate => "gate",
            Who::Strategy(place) => names.strategies.name(place),
            Who::Broker(place) => names.brokers.name(place),
            Who::Market => "market",
            Who::Operator(place) => names.operator(place),
        };
        let is_act = matches!(self.kind, "kill" | "raise" | "limit");
        let mut accounts = self.of(Scope::Account);
        match (accounts.next(), accounts.next()) {
            (Some(_), _) if is_act => who.to_owned(),
            (Some(account), None) => format!("{who} for {}", names.accounts.name(account)),
            (Some(_), Some(_)) => format!("{who} for several"),
            _ => who.to_owned(),
        }
    }

    /// What was asked for, told or done.
    pub(super) fn what(&self, head: &Frame, lines: &[Frame], names: &Names) -> String {
        let mut what = self.said(head, lines, names);
        if self.waits {
            what.push_str("; others must ask for it too");
        }
        match (self.cancels, what.is_empty()) {
            (0, _) => what,
            (cancels, true) => format!("{} cancelled", count("order", cancels)),
            (cancels, false) => format!("{what}; {} cancelled", count("order", cancels)),
        }
    }

    fn said(&self, head: &Frame, lines: &[Frame], names: &Names) -> String {
        let symbol = |id: SymbolId| names.symbols.name(id.0);
        let about_order = || self.about_order(names);
        match head.kind() {
            Some(Kind::NewOrder) => asked(head.body(), names),
            Some(Kind::Basket) => {
                let id = head.body::<Basket>().client_order_id;
                let orders: Vec<_> = lines.iter().map(|line| asked(line.body(), names)).collect();
                format!("{id}: {}", orders.join("; "))
            }
            Some(Kind::Cancel) => {
                let cancel: &Cancel = head.body();
                format!("{} cancels {}", cancel.client_order_id, cancel.original_id)
            }
            Some(Kind::Replace) => {
                let Replace {
                    client_order_id,
                    original_id,
                    qty,
                    price,
                    ..
                } = head.body();
                format!("{client_order_id} replaces {original_id} by {qty} at {price}")
            }
            Some(Kind::Report) => {
                let report: &Report = head.body();
                let (order, qty, price) = (about_order(), report.qty, report.price);
                match Exec::from_byte(report.exec) {
                    Some(Exec::Trade) => format!("{order}: {qty} at {price}, fee {}", report.fee),
                    Some(exec) => format!("{order}: {}", exec.text()),
                    None => format!("{order}: ?"),
                }
            }
            Some(Kind::Quote) => {
                let quote: &Quote = head.body();
                match quote.tells_quote() {
                    true => format!("{} {} / {}", symbol(quote.symbol), quote.bid, quote.ask),
                    false => format!("{} last {}", symbol(quote.symbol), quote.last),
                }
            }
            Some(Kind::Link) => state(head.body::<Link>().state).to_owned(),
            Some(Kind::SessionChange) => state(head.body::<SessionChange>().state).to_owned(),
            Some(Kind::Kill | Kind::Raise) => {
                let control: &Control = head.body();
                let level = level(control.scope, control.target, names);
                format!("{level}{}", noted(&control.note))
            }
            Some(Kind::Settle) => {
                let settle: &Settle = head.body();
                let (filled, leaves) = (settle.filled, settle.leaves);
                format!("{}: {filled} filled, {leaves} left", about_order())
            }
            Some(Kind::Locate) => {
                let locate: &Locate = head.body();
                let note = noted(&locate.note);
                format!("{} of {}{note}", locate.qty, symbol(locate.symbol))
            }
            Some(Kind::Override) => {
                let asked: &Override = head.body();
                format!("order {}{}", asked.client_order_id, noted(&asked.note))
            }
            Some(Kind::Limit) => limit(head.body(), names),
            Some(Kind::Adjust) => adjustment(head.body(), names),
            Some(Kind::Exit) => {
                let change: &ExitChange = head.body();
                let (wanted, note) = (exit::wanted(change), noted(&change.note));
                format!("{}: {wanted}{note}", symbol(change.symbol))
            }
            _ => String::new(),
        }
    }

    fn about_order(&self, names: &Names) -> String {
        let Some((id, number)) = self.orders.first() else {
            return "?".to_owned();
        };
        let symbol = self.of(Scope::Symbol).next();
        match symbol {
            Some(symbol) => format!("{id} {}", names.symbols.name(symbol)),
            None => format!("order {}", number.0),
        }
    }
}

/// Whether an act that was taken in does nothing before others ask for it.
fn waits(head: &Frame, core: &Core) -> bool {
    match head.kind() {
        Some(Kind::Limit) => core.limit_persons_missing(head.body()) != 0,
        Some(Kind::Override) => {
            let asked: &Override = head.body();
            let missing = core.override_persons_missing(asked.account, &asked.client_order_id);
            missing.is_some_and(|missing| missing != 0)
        }
        Some(Kind::Raise) => {
            let control: &Control = head.body();
            let Some(scope) = Scope::from_byte(control.scope) else {
                return false;
            };
            let level = core.level(scope, control.target);
            let is_shut = level.is_some_and(|level| level.is_killed || level.is_halted);
            is_shut || core.is_raise_waiting(scope, control.target)
        }
        _ => false,
    }
}

/// An order that the gate sends by itself.
pub(super) fn sent(request: &BrokerRequest, names: &Names) -> String {
    let side = Side::from_byte(request.side).map_or("?", Side::text);
    let price = at(request.order_type, request.price);
    let symbol = names.symbols.name(request.symbol.0);
    format!(
        "{} {side} {} {symbol} {price}",
        request.client_order_id, request.qty
    )
}

/// What was decided, for which reason, and the limit and the value of that.
pub(super) fn outcome(decision: &Decision) -> String {
    let word = outcome_word(decision.outcome);
    let Some(reason) = decision.reason else {
        return word.to_owned();
    };
    match figures(decision) {
        Some((limit, value)) => format!("{word} {} limit {limit} value {value}", reason.name()),
        None => format!("{word} {}", reason.name()),
    }
}

/// The limit and the value of a refusal, where it has any.
pub(super) fn figures(decision: &Decision) -> Option<(String, String)> {
    let reason: RejectReason = decision.reason?;
    let of = |raw| number(reason, raw);
    (reason.unit() != Unit::None).then(|| (of(decision.limit), of(decision.value)))
}

/// An outcome as it is asked for: what the gate says no to is refused, a broker rejects.
pub(super) const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Refused => "refused",
        other => outcome_text(other),
    }
}

fn asked(order: &NewOrder, names: &Names) -> String {
    let side = Side::from_byte(order.side).map_or("?", Side::text);
    let tif = TimeInForce::from_byte(order.time_in_force).map_or("?", TimeInForce::text);
    let price = at(order.order_type, order.price);
    let symbol = names.symbols.name(order.symbol.0);
    let (id, qty) = (order.client_order_id, order.qty);
    format!("{id} {side} {qty} {symbol} {price} {tif}")
}

fn at(order_type: u8, price: Price) -> String {
    match OrderType::from_byte(order_type) {
        Some(OrderType::Market) => "at the market".to_owned(),
        _ => format!("at {price}"),
    }
}

fn limit(change: &LimitChange, names: &Names) -> String {
    let level = level(change.scope, change.target, names);
    let note = noted(&change.note);
    match LimitKey::from_byte(change.limit) {
        Some(key) => format!("{level} {} {}{note}", key.text(), key.show(change.value())),
        None => format!("{level} ?{note}"),
    }
}

fn adjustment(adjust: &Adjust, names: &Names) -> String {
    let symbol = names.symbols.name(adjust.symbol.0);
    let (qty, price, cash) = (adjust.qty, adjust.price, adjust.cash);
    let note = noted(&adjust.note);
    match AdjustKind::from_byte(adjust.kind) {
        Some(AdjustKind::Cash) => format!("cash {cash} in {symbol}{note}"),
        Some(AdjustKind::Split) => format!("split of {symbol}, {qty} for {price}{note}"),
        Some(kind) => format!(
            "{} of {qty} {symbol} at {price}, cash {cash}{note}",
            kind.text()
        ),
        None => format!("? {symbol}{note}"),
    }
}

fn level(scope: u8, target: u32, names: &Names) -> String {
    match Scope::from_byte(scope) {
        Some(Scope::Firm) => "firm".to_owned(),
        Some(scope) => format!("{} {}", scope.text(), names.name(scope, target)),
        None => "?".to_owned(),
    }
}

fn state(state: u8) -> &'static str {
    LinkState::from_byte(state).map_or("?", LinkState::text)
}

fn noted(note: &Text) -> String {
    match note.is_empty() {
        true => String::new(),
        false => format!(" ({note})"),
    }
}

fn count(of: &str, count: usize) -> String {
    match count {
        1 => format!("1 {of}"),
        _ => format!("{count} {of}s"),
    }
}
