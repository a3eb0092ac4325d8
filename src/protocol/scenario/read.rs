//! Read: one line of a scenario to the event that it says.

use crate::message::{
    Adjust, AdjustKind, Basket, Body, Cancel, Control, Exec, ExitChange, Frame, Header, Kind,
    LimitChange, LimitKey, Link, Liquidity, Locate, NewOrder, OrderState, OrderType, Override,
    Quote, Replace, Report, SaleMark, Scope, SessionChange, Settle, Side, Text, Tick, TimeInForce,
};
use crate::protocol::scenario::fields::{self, Fields};
use crate::protocol::scenario::names::{Names, Table};
use crate::protocol::scenario::terms::{
    ADJUST, BASKET, CANCEL, CONTROL, EXIT, LIMIT, LINE, LINE_HEADER, LINK, LOCATE, ORDER, OVERRIDE,
    QUOTE, REPLACE, REPORT, SESSION, SETTLE, TICK, byte, flag_bits, frames, id_required,
    link_state, passthrough, qty, qty_required, time, word,
};
use crate::protocol::scenario::{Command, Line, LineError, OPERATOR_UNKNOWN};
use crate::units::{
    AccountId, BrokerId, Money, Nanos, OrderId, Position, Price, Qty, StrategyId, SymbolId,
};
use crate::units::{DecimalError, parse_decimal};
use serde_json::value::RawValue;

/// Reads the line with this `number`, counted from 1. `None`: nothing but white space.
pub fn read_line(number: u64, bytes: &[u8], names: &Names) -> Result<Option<Line>, LineError> {
    read(bytes, names)
        .map(|read| {
            read.map(|(time, command)| Line {
                number,
                time,
                command,
            })
        })
        .map_err(|error| LineError {
            line: number,
            ..error
        })
}

fn read(bytes: &[u8], names: &Names) -> Result<Option<(Nanos, Command)>, LineError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_ascii_end(),
        Err(error) => return Err(not_utf8(error.valid_up_to())),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let line = Fields::read("", LINE, text)?;
    let missing = || line.missing("t", "write nanoseconds since 1970 UTC, or RFC 3339");
    let time = time(&line, "t")?.ok_or_else(missing)?;
    let Some((name, object)) = line.only(LINE_HEADER.len()) else {
        let is_none = line.present(LINE_HEADER.len()).next().is_none();
        let count = if is_none { "no" } else { "more than one" };
        let commands = LINE[LINE_HEADER.len()..].join(", ");
        let remedy = format!("{count} command; write exactly one of {commands}");
        return Err(LineError {
            line: 0,
            field: String::new(),
            value: fields::shorten(text),
            problem: remedy,
        });
    };
    let mut reader = Reader {
        names,
        header: Header {
            sequence: line.integer("sequence")?.unwrap_or(0),
            time,
            correlation: line.integer("correlation")?.unwrap_or(0),
            strategy: StrategyId::NONE,
            ..Header::default()
        },
    };
    if let Some(strategy) = reader.strategy(&line)? {
        if let "order" | "cancel" | "replace" | "session" | "frame" = name {
            return Err(line.wrong("strategy", "write it within the command"));
        }
        reader.header.strategy = strategy;
    }
    let command = match name {
        "quote" => reader.quote(object),
        "order" => reader.order(object),
        "cancel" => reader.cancel(object),
        "replace" => reader.replace(object),
        "basket" => reader.basket(object),
        "report" => reader.report(object),
        "link" => reader.link(object),
        "session" => reader.session(object),
        "kill" => reader.control(Kind::Kill, object),
        "raise" => reader.control(Kind::Raise, object),
        "settle" => reader.settle(object),
        "locate" => reader.locate(object),
        "override" => reader.ask_override(object),
        "limit" => reader.limit(object),
        "adjust" => reader.adjust(object),
        "exit" => reader.exit(object),
        "tick" => reader.tick(object),
        _ => frames(&line, time).map(|(head, rest)| Command::Event(head, rest)),
    };
    Ok(Some((time, command?)))
}

/// The names, and what stands beside the command.
struct Reader<'n> {
    names: &'n Names,
    header: Header,
}

impl Reader<'_> {
    fn quote(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("quote", QUOTE, object)?;
        let side = |name: &str| {
            fields
                .decimal(name, Price::parse)?
                .ok_or_else(|| fields.missing(name, "write a decimal, \"0\" where nobody quotes"))
        };
        let price = |name| Ok(fields.decimal(name, Price::parse)?.unwrap_or_default());
        let (last, close) = (price("last")?, price("close")?);
        let is_other = last != Price::default() || close != Price::default();
        let has_sides = fields.raw("bid").is_some() || fields.raw("ask").is_some();
        let (bid, ask) = match is_other && !has_sides {
            true => (Price::default(), Price::default()),
            false => (side("bid")?, side("ask")?),
        };
        let quote = Quote {
            last,
            close,
            bid,
            ask,
            bid_qty: qty(&fields, "bid_qty")?.unwrap_or(Qty::ZERO),
            ask_qty: qty(&fields, "ask_qty")?.unwrap_or(Qty::ZERO),
            source_time: time(&fields, "source_time")?.unwrap_or(Nanos::ZERO),
            symbol: self.symbol(&fields)?,
            ..Quote::default()
        };
        self.event(Kind::Quote, &fields, quote)
    }

    fn order(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("order", ORDER, object)?;
        let account = self.account(&fields)?;
        let order_type = byte(&fields, "type", |it| {
            OrderType::from_text(it).map(|it| it as u8)
        })?
        .unwrap_or(OrderType::Limit as u8);
        let price = match fields.decimal("price", Price::parse)? {
            Some(price) => price,
            None if order_type == OrderType::Limit as u8 => {
                return Err(fields.missing("price", "a limit order needs a decimal, \"101.25\""));
            }
            None => Price::from_raw(0),
        };
        let side = byte(&fields, "side", |it| Side::from_text(it).map(|it| it as u8))?;
        let time_in_force = byte(&fields, "tif", |it| {
            TimeInForce::from_text(it).map(|it| it as u8)
        })?;
        let mark = byte(&fields, "mark", |it| {
            SaleMark::from_text(it).map(|it| it as u8)
        })?;
        let (continuations, passthrough_size) = passthrough(&fields)?;
        // Hundredths of a basis point.
        let bps = |text: &str| {
            let raw = parse_decimal(text, 2)?;
            u32::try_from(raw).map_err(|_| DecimalError::OutOfRange)
        };
        let order = NewOrder {
            stop_loss_bps: fields.decimal("stop_loss_bps", bps)?.unwrap_or(0),
            take_profit_bps: fields.decimal("take_profit_bps", bps)?.unwrap_or(0),
            trailing_stop_bps: fields.integer("trailing_stop_bps")?.unwrap_or(0),
            break_even_bps: fields.integer("break_even_bps")?.unwrap_or(0),
            hold_max_secs: fields.integer("hold_max_secs")?.unwrap_or(0),
            parent: fields.integer("parent")?.unwrap_or(0),
            parent_qty: qty(&fields, "parent_qty")?.unwrap_or(Qty::ZERO),
            mark: mark.unwrap_or(0),
            price,
            qty: qty_required(&fields, "qty")?,
            account,
            symbol: self.symbol(&fields)?,
            client_order_id: id_required(&fields, "id")?,
            side: side.ok_or_else(|| fields.missing("side", "write \"buy\" or \"sell\""))?,
            order_type,
            time_in_force: time_in_force.unwrap_or(TimeInForce::Day as u8),
            passthrough_size,
        };
        let strategy = self.strategy(&fields)?;
        let strategy = strategy.or_else(|| self.names.strategy_unsaid(account));
        let remedy = "not exactly one strategy may trade for the account: write which";
        let header = Header {
            strategy: strategy.ok_or_else(|| fields.missing("strategy", remedy))?,
            flags: flag_bits(&fields)?,
            continuation_count: continuations.len() as u8,
            ..self.header
        };
        Ok(Command::Event(
            Frame::new(Kind::NewOrder, header, order),
            continuations,
        ))
    }

    fn basket(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("basket", BASKET, object)?;
        let orders = fields.raw("orders");
        let orders = orders.ok_or_else(|| fields.missing("orders", "write a list of orders"))?;
        let orders: Vec<&RawValue> = serde_json::from_str(orders)
            .map_err(|_| fields.wrong("orders", "write a list of orders, as of `order`"))?;
        let said = self.strategy(&fields)?;
        let mut strategy = said;
        let mut lines = Vec::new();
        for order in orders {
            let Command::Event(mut line, behind) = self.order(order.get())? else {
                return Err(fields.wrong("orders", "write a list of orders, as of `order`"));
            };
            let of = line.header.strategy;
            if !behind.is_empty() || *strategy.get_or_insert(of) != of && said.is_none() {
                let remedy = "orders of one strategy, without passthrough, make a basket";
                return Err(fields.wrong("orders", remedy));
            }
            line.header = Header {
                kind: Kind::NewOrder as u8,
                ..Header::default()
            };
            lines.push(line);
        }
        let basket = Basket {
            client_order_id: id_required(&fields, "id")?,
            ..Basket::default()
        };
        let header = Header {
            strategy: strategy.ok_or_else(|| fields.missing("strategy", "write whose"))?,
            flags: flag_bits(&fields)?,
            continuation_count: u8::try_from(lines.len())
                .map_err(|_| fields.wrong("orders", "write 255 at the most"))?,
            ..self.header
        };
        Ok(Command::Event(
            Frame::new(Kind::Basket, header, basket),
            lines,
        ))
    }

    fn cancel(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("cancel", CANCEL, object)?;
        let cancel = Cancel {
            client_order_id: id_required(&fields, "id")?,
            original_id: id_required(&fields, "orig")?,
            account: self.account(&fields)?,
            ..Cancel::default()
        };
        let header = Header {
            // Absent: nobody, who may touch the order of any strategy.
            strategy: self.strategy(&fields)?.unwrap_or(StrategyId::NONE),
            flags: flag_bits(&fields)?,
            ..self.header
        };
        Ok(Command::Event(
            Frame::new(Kind::Cancel, header, cancel),
            Vec::new(),
        ))
    }

    fn replace(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("replace", REPLACE, object)?;
        let (continuations, passthrough_size) = passthrough(&fields)?;
        let price = fields.decimal("price", Price::parse)?;
        let replace = Replace {
            price: price.ok_or_else(|| fields.missing("price", "write the new limit price"))?,
            qty: qty_required(&fields, "qty")?,
            account: self.account(&fields)?,
            client_order_id: id_required(&fields, "id")?,
            original_id: id_required(&fields, "orig")?,
            passthrough_size,
            ..Replace::default()
        };
        let header = Header {
            // Absent: nobody, who may touch the order of any strategy.
            strategy: self.strategy(&fields)?.unwrap_or(StrategyId::NONE),
            flags: flag_bits(&fields)?,
            continuation_count: continuations.len() as u8,
            ..self.header
        };
        Ok(Command::Event(
            Frame::new(Kind::Replace, header, replace),
            continuations,
        ))
    }

    fn report(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("report", REPORT, object)?;
        let execs = Exec::ALL.iter().map(|it| it.text());
        let exec = word(&fields, "exec", Exec::from_text, execs)?;
        let exec = exec.ok_or_else(|| fields.missing("exec", "write \"trade\" or another"))?;
        let states = OrderState::ALL.iter().map(|it| it.text());
        let state = word(&fields, "state", OrderState::from_text, states)?;
        let liquidities = Liquidity::ALL.iter().map(|it| it.text());
        let liquidity = word(&fields, "liquidity", Liquidity::from_text, liquidities)?;
        let fills = exec == Exec::Trade;
        if liquidity.is_some() && !fills {
            return Err(fields.wrong("liquidity", "only a trade has it: leave it out"));
        }
        if state.is_some() && fills {
            return Err(fields.wrong("state", "a trade has none: leave it out"));
        }
        if fills && fields.raw("qty").is_none() {
            return Err(fields.missing("qty", "a trade needs the quantity of this fill"));
        }
        if fills && fields.raw("price").is_none() {
            return Err(fields.missing("price", "a trade needs the price of this fill"));
        }
        let stands = matches!(exec, Exec::Restated | Exec::Status);
        if stands && fields.raw("leaves").is_none() {
            return Err(fields.missing("leaves", "write the quantity that still stands"));
        }
        // Absent: whoever has the order.
        let broker = match fields.raw("broker") {
            Some(_) => BrokerId(self.id_of(&fields, "broker", &self.names.brokers)?),
            None => BrokerId::NONE,
        };
        let report = Report {
            order_id: OrderId::NONE,
            qty: qty(&fields, "qty")?.unwrap_or(Qty::ZERO),
            price: fields.decimal("price", Price::parse)?.unwrap_or_default(),
            leaves: qty(&fields, "leaves")?.unwrap_or(Qty::ZERO),
            fee: fields.decimal("fee", Money::parse)?.unwrap_or_default(),
            broker_time: time(&fields, "broker_time")?.unwrap_or(Nanos::ZERO),
            broker,
            exec_id: fields.text("exec_id")?.unwrap_or(Text::EMPTY),
            exec: exec as u8,
            state: match liquidity {
                Some(liquidity) => liquidity as u8,
                None => state.map_or(0, |state| state as u8),
            },
            broker_reason: fields.integer("broker_reason")?.unwrap_or(0),
            request: fields.integer("request")?.unwrap_or(0),
        };
        let order_id = self.order_id(&fields)?;
        let report = Report {
            order_id: order_id.unwrap_or(OrderId::NONE),
            ..report
        };
        self.about_order(Kind::Report, &fields, order_id, report)
    }

    fn settle(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("settle", SETTLE, object)?;
        if fields.raw("operator").is_none() {
            return Err(fields.missing("operator", "write the name of who settles"));
        }
        let order_id = self.order_id(&fields)?;
        let settle = Settle {
            order_id: order_id.unwrap_or(OrderId::NONE),
            filled: qty_required(&fields, "filled")?,
            price: fields.decimal("price", Price::parse)?.unwrap_or_default(),
            leaves: qty_required(&fields, "leaves")?,
            operator: self.operator(&fields)?,
            ..Settle::default()
        };
        self.about_order(Kind::Settle, &fields, order_id, settle)
    }

    fn locate(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("locate", LOCATE, object)?;
        if fields.raw("operator").is_none() {
            return Err(fields.missing("operator", "write the name of who has located it"));
        }
        let locate = Locate {
            qty: qty_required(&fields, "qty")?,
            account: self.account(&fields)?,
            symbol: self.symbol(&fields)?,
            operator: self.operator(&fields)?,
            note: fields.text("note")?.unwrap_or(Text::EMPTY),
            ..Locate::default()
        };
        self.event(Kind::Locate, &fields, locate)
    }

    fn adjust(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("adjust", ADJUST, object)?;
        let kinds = AdjustKind::ALL.iter().map(|it| it.text());
        let kind = word(&fields, "kind", AdjustKind::from_text, kinds)?;
        let kind = kind.ok_or_else(|| fields.missing("kind", "write \"trade\" or another"))?;
        // A split is of every account.
        let account = match fields.raw("account") {
            None if kind == AdjustKind::Split => AccountId::NONE,
            _ => self.account(&fields)?,
        };
        let adjust = Adjust {
            qty: fields.decimal("qty", Position::parse)?.unwrap_or_default(),
            price: fields.decimal("price", Price::parse)?.unwrap_or_default(),
            cash: fields.decimal("cash", Money::parse)?.unwrap_or_default(),
            account,
            symbol: self.symbol(&fields)?,
            strategy: self.strategy(&fields)?.unwrap_or(StrategyId::NONE),
            operator: self.operator(&fields)?,
            note: fields.text("note")?.unwrap_or(Text::EMPTY),
            kind: kind as u8,
            ..Adjust::default()
        };
        self.event(Kind::Adjust, &fields, adjust)
    }

    fn exit(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("exit", EXIT, object)?;
        if fields.raw("operator").is_none() {
            return Err(fields.missing("operator", "write the name of who sets it"));
        }
        let part = |key| fields.decimal(key, ExitChange::parse_part);
        let time = match fields.raw("hold_max") {
            Some("\"off\"") => Some(ExitChange::TIME_OFF),
            _ => fields.integer("hold_max")?.map(Nanos::from_raw),
        };
        let change = ExitChange {
            hold_max: time.unwrap_or(Nanos::ZERO),
            account: self.account(&fields)?,
            symbol: self.symbol(&fields)?,
            operator: self.operator(&fields)?,
            stop_loss_bps: part("stop_loss_bps")?.unwrap_or(0),
            take_profit_bps: part("take_profit_bps")?.unwrap_or(0),
            trailing_stop_bps: part("trailing_stop_bps")?.unwrap_or(0),
            break_even_bps: part("break_even_bps")?.unwrap_or(0),
            note: fields.text("note")?.unwrap_or(Text::EMPTY),
            close: u8::from(fields.flag("close")?),
            ..ExitChange::default()
        };
        self.event(Kind::Exit, &fields, change)
    }

    fn limit(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("limit", LIMIT, object)?;
        let (scope, target) = self.scope(&fields)?;
        let name = fields.string("limit")?;
        let limit = name.as_deref().and_then(LimitKey::from_text);
        let remedy = "write the name of one that is one number, such as \"order_qty_max\"";
        let limit = limit.ok_or_else(|| fields.missing("limit", remedy))?;
        let remedy = "write a decimal in a string, or \"off\"";
        let value = fields.string("value")?;
        let value = value.as_deref().and_then(|text| limit.parse(text).ok());
        let value = value.ok_or_else(|| fields.missing("value", remedy))?;
        if fields.raw("operator").is_none() {
            return Err(fields.missing("operator", "write the name of who changes it"));
        }
        let change = LimitChange {
            value: [value as u64, (value >> 64) as u64],
            target,
            operator: self.operator(&fields)?,
            note: fields.text("note")?.unwrap_or(Text::EMPTY),
            scope: scope as u8,
            limit: limit as u8,
            ..LimitChange::default()
        };
        self.event(Kind::Limit, &fields, change)
    }

    fn ask_override(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("override", OVERRIDE, object)?;
        if fields.raw("operator").is_none() {
            return Err(fields.missing("operator", "write the name of who asks for it"));
        }
        let asked = Override {
            account: self.account(&fields)?,
            operator: self.operator(&fields)?,
            client_order_id: id_required(&fields, "id")?,
            note: fields.text("note")?.unwrap_or(Text::EMPTY),
            ..Override::default()
        };
        self.event(Kind::Override, &fields, asked)
    }

    fn link(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("link", LINK, object)?;
        let broker = match (fields.raw("broker"), self.names.broker_unsaid()) {
            (None, Some(broker)) => broker,
            (None, None) => return Err(fields.missing("broker", "write the name of the broker")),
            (Some(_), _) => BrokerId(self.id_of(&fields, "broker", &self.names.brokers)?),
        };
        let link = Link {
            broker,
            state: link_state(&fields)? as u8,
            ..Link::default()
        };
        self.event(Kind::Link, &fields, link)
    }

    fn session(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("session", SESSION, object)?;
        let change = SessionChange {
            state: link_state(&fields)? as u8,
            cancel_orders: u8::from(fields.flag("cancel_orders")?),
            ..SessionChange::default()
        };
        let strategy = self.strategy(&fields)?;
        let header = Header {
            strategy: strategy.ok_or_else(|| fields.missing("strategy", "write whose"))?,
            flags: flag_bits(&fields)?,
            ..self.header
        };
        Ok(Command::Event(
            Frame::new(Kind::SessionChange, header, change),
            Vec::new(),
        ))
    }

    fn control(&self, kind: Kind, object: &str) -> Result<Command, LineError> {
        let path = if kind == Kind::Kill { "kill" } else { "raise" };
        let fields = Fields::read(path, CONTROL, object)?;
        let (scope, target) = self.scope(&fields)?;
        if kind == Kind::Raise && fields.raw("operator").is_none() {
            return Err(fields.missing("operator", "write the name of who raises"));
        }
        let control = Control {
            target,
            operator: self.operator(&fields)?,
            scope: scope as u8,
            note: fields.text("note")?.unwrap_or(Text::EMPTY),
            ..Control::default()
        };
        self.event(kind, &fields, control)
    }

    /// Which level: its scope and its place there.
    fn scope(&self, fields: &Fields<'_>) -> Result<(Scope, u32), LineError> {
        let scopes = Scope::ALL.iter().map(|it| it.text());
        let scope = word(fields, "scope", Scope::from_text, scopes)?;
        let scope = scope.ok_or_else(|| fields.missing("scope", "write \"firm\" or another"))?;
        let target = match (self.names.of(scope), fields.raw("name")) {
            (None, None) => u32::MAX,
            (None, Some(_)) => {
                return Err(fields.wrong("name", "the firm has no name: leave it out"));
            }
            (Some(_), None) => return Err(fields.missing("name", "write whose")),
            (Some(table), Some(_)) => self.id_of(fields, "name", table)?,
        };
        Ok((scope, target))
    }

    fn tick(&self, object: &str) -> Result<Command, LineError> {
        let fields = Fields::read("tick", TICK, object)?;
        self.event(Kind::Tick, &fields, Tick::default())
    }

    fn event<B: Body>(&self, kind: Kind, fields: &Fields, body: B) -> Result<Command, LineError> {
        let header = Header {
            flags: flag_bits(fields)?,
            ..self.header
        };
        Ok(Command::Event(Frame::new(kind, header, body), Vec::new()))
    }

    /// A report or a settlement: by the gate's number of the order, or by the strategy's.
    fn about_order<B: Body>(
        &self,
        kind: Kind,
        fields: &Fields,
        order_id: Option<OrderId>,
        body: B,
    ) -> Result<Command, LineError> {
        let header = Header {
            flags: flag_bits(fields)?,
            ..self.header
        };
        let frame = Frame::new(kind, header, body);
        if order_id.is_some() {
            return Ok(Command::Event(frame, Vec::new()));
        }
        Ok(Command::ByClientId {
            account: self.account(fields)?,
            id: fields.text("id")?.unwrap_or(Text::EMPTY),
            orig: fields.text("orig")?.unwrap_or(Text::EMPTY),
            frame,
        })
    }

    /// The gate's number of the order, where the line has it; else it must have the strategy's.
    fn order_id(&self, fields: &Fields) -> Result<Option<OrderId>, LineError> {
        let order_id = fields.integer("order_id")?.map(OrderId);
        let has_client_id = fields.raw("id").is_some() || fields.raw("orig").is_some();
        match order_id {
            Some(_) if has_client_id || fields.raw("account").is_some() => {
                Err(fields.wrong("order_id", "write either this or account and id"))
            }
            None if !has_client_id => {
                Err(fields.missing("id", "write account and id, or the gate's order_id"))
            }
            order_id => Ok(order_id),
        }
    }

    fn account(&self, fields: &Fields) -> Result<AccountId, LineError> {
        match fields.raw("account") {
            Some(_) => Ok(AccountId(self.id_of(
                fields,
                "account",
                &self.names.accounts,
            )?)),
            None => Err(fields.missing("account", "write the name of the account")),
        }
    }

    fn symbol(&self, fields: &Fields) -> Result<SymbolId, LineError> {
        match fields.raw("symbol") {
            Some(_) => Ok(SymbolId(self.id_of(
                fields,
                "symbol",
                &self.names.symbols,
            )?)),
            None => Err(fields.missing("symbol", "write the name of the symbol")),
        }
    }

    /// Who sends, where the command says it.
    fn strategy(&self, fields: &Fields) -> Result<Option<StrategyId>, LineError> {
        match fields.raw("strategy") {
            Some(raw) if raw.starts_with('"') => {
                let name = fields.string("strategy")?.unwrap_or_default();
                Ok(Some(self.names.strategy(&name)))
            }
            Some(_) => {
                let id = fields.integer("strategy");
                id.map(|id| id.map(StrategyId))
                    .map_err(|_| fields.wrong("strategy", "write a name, in double quotes"))
            }
            None => Ok(None),
        }
    }

    /// Absent: the gate itself.
    fn operator(&self, fields: &Fields) -> Result<u32, LineError> {
        match fields.raw("operator") {
            None => Ok(u32::MAX),
            Some(raw) if raw.starts_with('"') => {
                let name = fields.string("operator")?.unwrap_or_default();
                Ok(self.names.operators.id(&name).unwrap_or(OPERATOR_UNKNOWN))
            }
            Some(_) => Ok(fields.integer("operator")?.unwrap_or(OPERATOR_UNKNOWN)),
        }
    }

    /// The id of a name. A name that nothing has is no error: the core refuses it. An id that has no
    /// name is written as a number.
    fn id_of(&self, fields: &Fields, name: &str, table: &Table) -> Result<u32, LineError> {
        match fields.raw(name) {
            Some(raw) if !raw.starts_with('"') => fields
                .integer(name)
                .map(|id| id.unwrap_or(u32::MAX))
                .map_err(|_| fields.wrong(name, "write a name, in double quotes")),
            _ => {
                let text = fields.string(name)?.unwrap_or_default();
                Ok(table.id(&text).unwrap_or(u32::MAX))
            }
        }
    }
}

#[cold]
fn not_utf8(column: usize) -> LineError {
    LineError {
        line: 0,
        field: String::new(),
        value: String::new(),
        problem: format!("not UTF-8 behind byte {column}; write the line in UTF-8"),
    }
}
