//! `portcullis explain`: one order in plain words, from the journal alone: what was asked, what each
//! control found, by which prices, what was decided, and what came of it.

use super::journal::{ending, foreign_core};
use super::{Failure, Report};
use crate::admin::table::Table;
use crate::follower::names::Names;
use crate::follower::view::time;
use crate::journal::reader::Record;
use crate::journal::recovery::Survey;
use crate::message::{
    Basket, Cancel, Exec, Frame, Kind, NewOrder, OrderState, OrderType, Replace, Scope, Settle,
    Side, Text, TimeInForce,
};
use crate::protocol::scenario::answer::outcome_text;
use crate::reject::{RejectReason, Unit};
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Outcome};
use crate::risk::margins::Margin;
use crate::topology::rebuild::{Rebuild, Taken};
use crate::units::{AccountId, Nanos, Notional, OrderId, Price, Qty, write_decimal};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// One order, as the journal has it.
struct Story {
    record: u64,
    /// Which run of the gateway, and when it began.
    run: (u64, Nanos),
    /// Of the limits that it was decided under.
    version: u64,
    time: Nanos,
    account_id: AccountId,
    account: String,
    desk: String,
    strategy: String,
    trader: String,
    asked: String,
    reference: Option<String>,
    margins: Vec<((&'static str, String), Margin)>,
    decision: Decision,
    /// Record, time, what happened, what became of the order.
    events: Vec<(u64, Nanos, String, String)>,
}

/// Finds every order of an id, of one account if that is said, and tells its story.
pub fn run(
    directory: &Path,
    id: &str,
    account: Option<&str>,
    json: bool,
) -> Result<Report, Failure> {
    let wanted = Text::new(id).filter(Text::is_id).ok_or_else(|| {
        Failure::of(format!(
            "{id:?} is no client order id: at most 36 printable characters"
        ))
    })?;
    let (stories, failure) = read(directory, &wanted, account)?;
    if stories.is_empty() {
        if let Some(failure) = failure {
            return Err(failure);
        }
        let of = account.map_or(String::new(), |account| format!(" of account {account}"));
        return Err(Failure::found(format!(
            "{}: no order {id:?}{of}; `portcullis journal dump` shows what there is",
            directory.display()
        )));
    }
    let text = match json {
        true => format!(
            "{:#}\n",
            json!({"orders": stories.iter().map(to_json).collect::<Vec<_>>()})
        ),
        false => stories.iter().map(to_text).collect::<Vec<_>>().join("\n"),
    };
    Ok(Report { text, failure })
}

/// The stories, and what is wrong with the journal that they come from.
fn read(
    directory: &Path,
    wanted: &Text,
    account: Option<&str>,
) -> Result<(Vec<Story>, Option<Failure>), Failure> {
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    if let Some(foreign) = foreign_core(survey.records(), directory) {
        eprintln!("portcullis: {foreign}");
    }
    let mut rebuild = Rebuild::new(directory);
    let (mut names, mut run) = (Names::default(), (0, Nanos::ZERO));
    let mut stories: Vec<Story> = Vec::new();
    while let Some(record) = survey.records().next().map_err(Failure::of)? {
        let [head, ..] = record.frames else {
            continue;
        };
        let found = rebuild
            .core_mut()
            .and_then(|core| ask(core, head, &record, wanted, account, &names, run));
        match rebuild.take(&record).map_err(Failure::of)? {
            Taken::Opened => {
                names = Names::new(rebuild.setup());
                run = (run.0 + 1, head.header.time);
            }
            Taken::Event { recorded, .. } => {
                let core = rebuild.core();
                let id = recorded.order_id;
                let known = stories
                    .iter_mut()
                    .find(|story| id != OrderId::NONE && story.decision.order_id == id);
                if let (Some(story), Some(core)) = (known, core) {
                    let event = (record.sequence, head.header.time);
                    let (what, became) = happened(head, &recorded, core, &names);
                    story.events.push((event.0, event.1, what, became));
                } else if let Some(story) = found {
                    // Of a basket the decision names its first order alone.
                    let core = rebuild.core();
                    let id = core.and_then(|core| core.order_id(story.account_id, wanted));
                    let order_id = match recorded.outcome {
                        Outcome::Accepted => id.unwrap_or(recorded.order_id),
                        _ => recorded.order_id,
                    };
                    stories.push(Story {
                        decision: Decision {
                            order_id,
                            ..recorded
                        },
                        ..story
                    });
                }
            }
            _ => {}
        }
    }
    Ok((stories, ending(survey).failure))
}

/// The beginning of a story, where a record is the order that is looked for.
fn ask(
    core: &mut Core,
    head: &Frame,
    record: &Record<'_>,
    wanted: &Text,
    account: Option<&str>,
    names: &Names,
    run: (u64, Nanos),
) -> Option<Story> {
    // An order stands for itself, or in a basket.
    let (orders, basket) = match head.kind() {
        Some(Kind::NewOrder) => (&record.frames[..1], None),
        Some(Kind::Basket) => (&record.frames[1..], Some(head.body::<Basket>())),
        _ => return None,
    };
    let order = orders
        .iter()
        .map(|frame| frame.body::<NewOrder>())
        .find(|order| {
            let is_of = |account| names.accounts.name(order.account.0) == account;
            order.client_order_id == *wanted && account.is_none_or(is_of)
        })?;
    let of = names.accounts.name(order.account.0);
    let margins = core.margins(&head.header, order).into_iter();
    let margins = margins
        .map(|margin| (whose(&margin, names), margin))
        .collect();
    let price = match OrderType::from_byte(order.order_type) {
        Some(OrderType::Market) => "at the market".to_owned(),
        _ => format!("at {}", order.price),
    };
    let tif = TimeInForce::from_byte(order.time_in_force).map_or("?", TimeInForce::text);
    let asked = format!(
        "{} {} {} {price}, {tif}",
        Side::from_byte(order.side).map_or("?", Side::text),
        order.qty,
        names.symbols.name(order.symbol.0),
    );
    let reference = core.reference(order.symbol).map(|(sum, at, is_usable)| {
        let mut mid = String::new();
        // Half of the sum of bid and ask: one digit more than a price has.
        let _ = write_decimal(&mut mid, sum * 5, Price::DIGITS + 1);
        let usable = if is_usable {
            ""
        } else {
            ", not to be believed"
        };
        let age = span(head.header.time.since(at));
        format!("mid {mid}, {age} old{usable}")
    });
    let asked = match basket {
        Some(basket) => format!("{asked}, in the basket {}", basket.client_order_id),
        None => asked,
    };
    Some(Story {
        record: record.sequence,
        account_id: order.account,
        run,
        version: core.limits_version(),
        time: head.header.time,
        account: of.to_owned(),
        desk: by_place(&names.account_desks, order.account.0),
        trader: by_place(&names.traders, head.header.strategy.0),
        strategy: names.strategies.name(head.header.strategy.0).to_owned(),
        asked,
        reference,
        margins,
        decision: record.line.decision()?,
        events: Vec::new(),
    })
}

/// What an event did to an order, in words, and what the order is now.
fn happened(head: &Frame, decision: &Decision, core: &Core, names: &Names) -> (String, String) {
    let what = match head.kind() {
        Some(Kind::Cancel) => format!(
            "cancel {} was asked for",
            head.body::<Cancel>().client_order_id
        ),
        Some(Kind::Replace) => {
            let replace = head.body::<Replace>();
            format!(
                "replace {} by {} at {} was asked for",
                replace.client_order_id, replace.qty, replace.price
            )
        }
        Some(Kind::Report) => {
            let report = head.body::<crate::message::Report>();
            let exec = Exec::from_byte(report.exec).map_or("?", Exec::text);
            match Exec::from_byte(report.exec) {
                Some(Exec::Trade) => format!(
                    "the broker filled {} at {}, fee {}",
                    report.qty, report.price, report.fee
                ),
                _ => format!("the broker said {exec}"),
            }
        }
        Some(Kind::Settle) => {
            let settle = head.body::<Settle>();
            format!(
                "{} settled it: {} filled, {} left",
                names.operator(settle.operator),
                settle.filled,
                settle.leaves
            )
        }
        _ => "something".to_owned(),
    };
    let outcome = match decision.outcome {
        Outcome::Applied | Outcome::Accepted => String::new(),
        Outcome::Refused => format!(
            ", and refused: {}",
            decision.reason.map_or("?", RejectReason::name)
        ),
        other => format!(", {}", outcome_text(other)),
    };
    let became = core
        .order(decision.order_id)
        .map_or(String::new(), |order| {
            let state: OrderState = core.state(order);
            format!("{}, {} of {} filled", state.text(), order.filled, order.qty)
        });
    (format!("{what}{outcome}"), became)
}

/// A limit or a value, in the unit of its reason.
pub(super) fn number(reason: RejectReason, value: i128) -> String {
    let digits = match reason.unit() {
        Unit::None => return String::new(),
        Unit::Nanos => return span(Nanos::from_raw(u64::try_from(value).unwrap_or(u64::MAX))),
        Unit::Count => 0,
        Unit::Price => Price::DIGITS,
        Unit::Qty => Qty::DIGITS,
        Unit::Notional => Notional::DIGITS,
    };
    let mut text = String::new();
    let _ = write_decimal(&mut text, value, digits);
    text
}

/// A span as people say it: three digits are enough.
fn span(span: Nanos) -> String {
    let nanos = span.raw();
    let (divisor, unit) = match nanos {
        0..1_000 => return format!("{nanos} ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let thousandths = u128::from(nanos) * 1_000 / divisor;
    let mut text = String::new();
    let _ = write_decimal(&mut text, thousandths as i128, 3);
    format!("{text} {unit}")
}

fn by_place(names: &[String], place: u32) -> String {
    names.get(place as usize).cloned().unwrap_or_default()
}

/// What is known of somebody, behind a name.
fn aside(kind: &str, name: &str) -> String {
    match name.is_empty() {
        true => String::new(),
        false => format!(" ({kind} {name})"),
    }
}

/// Whose limit it is: of what kind, and its name.
fn whose(margin: &Margin, names: &Names) -> (&'static str, String) {
    let name = |(scope, target): (Scope, u32)| (scope.text(), names.name(scope, target).to_owned());
    margin.whose.map(name).unwrap_or_default()
}

/// How far a control was from its limit: the share of it that was used, or that it refused.
fn room(margin: &Margin) -> String {
    if margin.is_breached {
        return "REFUSED".to_owned();
    }
    let left = (margin.limit - margin.value).abs();
    number(margin.reason, left)
}

fn to_text(story: &Story) -> String {
    let mut out = String::new();
    let mut say = |title: &str, text: &str| {
        let _ = writeln!(out, "{title:<10}{text}");
    };
    say("asked", &story.asked);
    say(
        "by",
        &format!(
            "strategy {}{} for account {}{}",
            story.strategy,
            aside("trader", &story.trader),
            story.account,
            aside("desk", &story.desk)
        ),
    );
    say(
        "at",
        &format!("{} (record {})", time(story.time), story.record),
    );
    say(
        "under",
        &format!(
            "version {} of the limits, in run {}, begun {}",
            story.version,
            story.run.0,
            time(story.run.1)
        ),
    );
    say("reference", story.reference.as_deref().unwrap_or("none"));
    let decision = &story.decision;
    match decision.reason {
        None => say("decided", outcome_text(decision.outcome)),
        Some(reason) => {
            let how = match (decision.outcome, reason) {
                (Outcome::Accepted, RejectReason::OrderCut) => "accepted",
                (Outcome::Accepted, _) => "accepted by an override, in spite of",
                _ => "refused:",
            };
            say(
                "decided",
                &format!("{how} {} {}", reason.name(), reason.text()),
            );
            if reason == RejectReason::OrderCut {
                let approved = number(reason, decision.limit);
                let asked = number(reason, decision.value);
                say("", &format!("{approved} of the {asked} asked for"));
            } else if reason.unit() != Unit::None {
                let limit = number(reason, decision.limit);
                let value = number(reason, decision.value);
                say("", &format!("limit {limit}, found {value}"));
            }
            let others = decision.failed.iter().filter(|other| *other != reason);
            let others: Vec<_> = others.map(RejectReason::name).collect();
            if !others.is_empty() {
                say("also", &others.join(", "));
            }
        }
    }
    if !story.margins.is_empty() {
        out.push('\n');
        let mut table = Table::new(&["control", "of", "limit", "found", "room"]);
        for ((scope, name), margin) in &story.margins {
            table.row(vec![
                margin.reason.name().to_owned(),
                format!("{scope} {name}").trim_end().to_owned(),
                number(margin.reason, margin.limit),
                number(margin.reason, margin.value),
                room(margin),
            ]);
        }
        table.write(&mut out);
    }
    if !story.events.is_empty() {
        out.push('\n');
        let mut table = Table::new(&["record", "after", "what happened", "the order then"]);
        for (record, at, what, became) in &story.events {
            table.row(vec![
                record.to_string(),
                span(at.since(story.time)),
                what.clone(),
                became.clone(),
            ]);
        }
        table.write(&mut out);
    }
    out
}

fn to_json(story: &Story) -> Value {
    let decision = &story.decision;
    let margins = story.margins.iter().map(|((scope, name), margin)| {
        json!({
            "control": margin.reason.name(),
            "scope": scope,
            "name": name,
            "limit": number(margin.reason, margin.limit),
            "value": number(margin.reason, margin.value),
            "refuses": margin.is_breached,
        })
    });
    let events = story.events.iter().map(|(record, at, what, became)| {
        json!({"record": record, "time": time(*at), "what": what, "order": became})
    });
    json!({
        "record": story.record,
        "time": time(story.time),
        "run": story.run.0,
        "limits_version": story.version,
        "run_began": time(story.run.1),
        "account": story.account,
        "desk": story.desk,
        "trader": story.trader,
        "strategy": story.strategy,
        "asked": story.asked,
        "reference": story.reference,
        "decision": outcome_text(decision.outcome),
        "reason": decision.reason.map(RejectReason::name),
        "failed": decision.failed.iter().map(RejectReason::name).collect::<Vec<_>>(),
        "margins": margins.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
    })
}
