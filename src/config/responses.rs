//! Responses: what the gate does by itself when too much of something happens.

use crate::config::effective::{Writer, list};
use crate::config::limits::SPAN;
use crate::config::notation::quote;
use crate::config::reader::Table;
use crate::config::values::{choice, count, duration, name};
use crate::message::Scope;
use crate::reject::RejectReason;
use crate::risk::setup::{Answer, Response, Trigger};
use crate::units::Nanos;

pub(crate) const TRIGGERS: [(&str, Trigger); 5] = [
    ("refusals", Trigger::Refusals),
    ("rejects", Trigger::Rejects),
    ("fills", Trigger::Fills),
    ("moves", Trigger::Moves),
    ("bad_prices", Trigger::BadPrices),
];

pub(crate) const ANSWERS: [(&str, Answer); 5] = [
    ("warn", Answer::Warn),
    ("slow", Answer::Slow),
    ("refuse", Answer::Refuse),
    ("cancel", Answer::Cancel),
    ("kill", Answer::Kill),
];

pub(crate) const SCOPES: [(&str, Scope); 4] = [
    ("firm", Scope::Firm),
    ("account", Scope::Account),
    ("strategy", Scope::Strategy),
    ("symbol", Scope::Symbol),
];

/// The time of each happening in a window is remembered, for each target.
const COUNT_MAX: u32 = 1 << 16;

/// Reads one `[[response]]`.
pub(crate) fn read(table: &Table<'_>) -> Option<Response> {
    let on = table.get("on", choice(&TRIGGERS));
    let scope = table.get("scope", choice(&SCOPES));
    let is_of_price = matches!(on, Some(Trigger::Moves | Trigger::BadPrices));
    if is_of_price && matches!(scope, Some(Scope::Account | Scope::Strategy)) {
        table.refuse(
            "scope",
            "a price is nobody's; write \"symbol\" or \"firm\"".to_owned(),
        );
    }
    let reasons = reasons(table);
    if on != Some(Trigger::Refusals) && !reasons.is_empty() {
        table.refuse(
            "reasons",
            "means something for refusals alone; leave it out".to_owned(),
        );
    }
    let name = table.get("name", name);
    let count = table.get("count", count(1..=COUNT_MAX));
    let window = table.get("window", duration(SPAN));
    let answer = table.get("answer", choice(&ANSWERS));
    let pause = table.get("pause", duration(SPAN));
    let slow_interval = table.get("slow_interval", duration(Nanos::from_raw(1)..=*SPAN.end()));
    Some(Response {
        name: name?,
        on: on?,
        reasons,
        scope: scope?,
        count: count?,
        window: window?,
        answer: answer?,
        pause: pause?,
        slow_interval: slow_interval?,
    })
}

fn reasons(table: &Table<'_>) -> Vec<RejectReason> {
    let mut reasons = Vec::new();
    for value in table.elements("reasons") {
        let name = value.get_ref().as_str().unwrap_or_default();
        match RejectReason::ALL
            .iter()
            .find(|reason| reason.name() == name)
        {
            Some(reason) if !reasons.contains(reason) => reasons.push(*reason),
            Some(_) => table.refuse_value("reasons", value, "twice; keep one".to_owned()),
            None => {
                let problem = "no such reason; `portcullis controls` names them all";
                table.refuse_value("reasons", value, problem.to_owned());
            }
        }
    }
    reasons
}

pub(crate) fn write(out: &mut Writer, response: &Response) {
    out.table("[[response]]");
    out.put("name", quote(&response.name));
    out.word("on", &TRIGGERS, &response.on);
    let reasons = response.reasons.iter().map(|reason| quote(reason.name()));
    out.put("reasons", list(&reasons.collect::<Vec<_>>()));
    out.word("scope", &SCOPES, &response.scope);
    out.put("count", response.count);
    out.span("window", response.window);
    out.word("answer", &ANSWERS, &response.answer);
    out.span("pause", response.pause);
    out.span("slow_interval", response.slow_interval);
}
