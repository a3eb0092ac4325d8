//! `portcullis try`: the gate in virtual time, without a network. A scenario in, decisions out.

use super::Failure;
use super::virtual_gate::VirtualGate;
use crate::message::{Frame, Kind, Refusal, Scope};
use crate::protocol::scenario::answer::{Answers, write_decision, write_error};
use crate::protocol::scenario::names::Names;
use crate::protocol::scenario::read::read_line;
use crate::reject::RejectReason;
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Outcome};
use crate::risk::setup::Setup;
use crate::units::Nanos;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

/// A core that a scenario drives.
pub struct Trial {
    setup: Setup,
    gate: VirtualGate,
    names: Names,
    rejected: BTreeMap<RejectReason, u64>,
    failed: BTreeMap<RejectReason, u64>,
    errors: u64,
}

impl Trial {
    /// Before the first line.
    pub fn new(setup: Setup) -> Self {
        Self {
            gate: VirtualGate::new(&setup),
            names: Names::new(&setup),
            setup,
            rejected: BTreeMap::new(),
            failed: BTreeMap::new(),
            errors: 0,
        }
    }

    /// Takes one line; what there is to say of it goes into `out`.
    pub fn take(&mut self, number: u64, line: &[u8], answers: Answers, out: &mut String) {
        let line = match read_line(number, line, &self.names) {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(error) => {
                self.errors += 1;
                return write_error(out, &error);
            }
        };
        let time = self.gate.time();
        if line.time < time {
            self.errors += 1;
            out.push_str(&format!(
                "{{\"line\":{number},\"error\":\"t goes back from {} to {}; order the lines by time\"}}\n",
                time.raw(),
                line.time.raw()
            ));
            return;
        }
        self.tick_until(line.time);
        let core = self.gate.core();
        let (frame, continuations) = line.command.resolve(
            |account, id| core.order_id(account, id),
            |order, id| {
                let replacement = core.order(order).and_then(|order| core.replacement(order));
                replacement.is_some_and(|replacement| replacement.client_order_id == *id)
            },
        );
        let decision = self.gate.step(line.time, &frame, &continuations);
        self.count(&frame, &decision);
        // What is told of a refusal beside the decision itself.
        let refusal = self.gate.effects().to_strategy.first();
        let refusal = refusal.filter(|frame| frame.kind() == Some(Kind::Refusal));
        let whose = refusal.and_then(|frame| {
            let refusal = frame.body::<Refusal>();
            Some((Scope::from_byte(refusal.scope)?, refusal.target))
        });
        let whose = (whose, &self.names);
        write_decision(out, answers, number, &frame, &decision, whose);
    }

    /// Steps every tick that is due up to a time.
    pub fn tick_until(&mut self, time: Nanos) {
        while self.gate.tick(time) {}
    }

    /// The core, to look at.
    pub const fn core(&self) -> &Core {
        self.gate.core()
    }

    fn count(&mut self, frame: &Frame, decision: &Decision) {
        if frame.kind() == Some(Kind::NewOrder) && decision.outcome == Outcome::Refused {
            if let Some(reason) = decision.reason {
                *self.rejected.entry(reason).or_default() += 1;
            }
            for reason in decision.failed.iter() {
                *self.failed.entry(reason).or_default() += 1;
            }
        }
    }

    /// Counts, what lives, positions and the state hash, as one JSON object.
    pub fn summary(&self) -> serde_json::Value {
        let core = self.gate.core();
        let counts = core.counts();
        let by_name = |reasons: &BTreeMap<RejectReason, u64>| -> serde_json::Value {
            reasons
                .iter()
                .map(|(reason, count)| (reason.name().to_owned(), (*count).into()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let firm = core.level(Scope::Firm, 0);
        let account = |at: u32| {
            self.setup
                .accounts
                .get(at as usize)
                .map(|of| of.name.clone())
        };
        let symbol = |at: u32| {
            self.setup
                .symbols
                .get(at as usize)
                .map(|of| of.name.clone())
        };
        let positions: Vec<_> = core
            .account_positions()
            .map(|cell| {
                serde_json::json!({
                    "account": account(cell.owner),
                    "symbol": symbol(cell.symbol),
                    "position": cell.position.to_string(),
                    "highest": cell.position_high.to_string(),
                    "lowest": cell.position_low.to_string(),
                    "open_buy": cell.open_buy.to_string(),
                    "open_sell": cell.open_sell.to_string(),
                })
            })
            .collect();
        serde_json::json!({ "summary": {
            "orders": counts.orders,
            "accepted": counts.orders_accepted,
            "rejected": counts.orders - counts.orders_accepted,
            "rejected_by_reason": by_name(&self.rejected),
            "failed_by_reason": by_name(&self.failed),
            "requests_accepted": counts.requests_accepted,
            "requests_rejected": counts.requests_refused,
            "live_orders": core.orders_open_count(),
            "live_orders_peak": core.orders_open_peak(),
            "orders_in_doubt": core.orders_in_doubt_count(),
            "open_notional": firm.map(|firm| firm.open_notional.to_string()),
            "open_notional_peak": firm.map(|firm| firm.open_notional_peak.to_string()),
            "gross_exposure": firm.map(|firm| firm.gross.to_string()),
            "positions": positions,
            "fills": counts.fills,
            "late_fills": counts.late_fills,
            "over_fills": counts.over_fills,
            "duplicate_reports": counts.duplicate_reports,
            "unknown_reports": counts.unknown_reports,
            "implausible": counts.implausible,
            "timeouts": counts.timeouts,
            "errors": self.errors,
            "digest": format!("{:016x}", core.digest()),
            "state_hash": format!("{:016x}", core.state_hash()),
        }})
    }
}

/// Runs a scenario to its end. Answers leave as soon as no further line is there to be read, so that
/// who writes line by line is answered line by line.
pub fn run(
    setup: Setup,
    input: impl Read,
    mut output: impl Write,
    with_summary: bool,
) -> Result<(), Failure> {
    const FLUSH_SIZE: usize = 1 << 16;
    let mut input = BufReader::with_capacity(FLUSH_SIZE, input);
    let mut trial = Trial::new(setup);
    let mut out = String::with_capacity(2 * FLUSH_SIZE);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let size = input.read_until(b'\n', &mut line);
        if size.map_err(|error| Failure::of(format!("line {number}: {error}")))? == 0 {
            break;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        // Some editors begin a file with a byte order mark.
        let line = match number {
            1 => line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line),
            _ => line,
        };
        trial.take(number, line, Answers::Decisions, &mut out);
        if FLUSH_SIZE < out.len() || input.buffer().is_empty() {
            output
                .write_all(out.as_bytes())
                .and_then(|()| output.flush())
                .map_err(Failure::of)?;
            out.clear();
        }
    }
    trial.tick_until(trial.gate.time());
    if with_summary {
        out.push_str(&trial.summary().to_string());
        out.push('\n');
    }
    output
        .write_all(out.as_bytes())
        .and_then(|()| output.flush())
        .map_err(Failure::of)?;
    match trial.errors {
        0 => Ok(()),
        count => Err(Failure::found(format!(
            "{count} lines could not be read; nothing of them was applied"
        ))),
    }
}
