//! Summary: what a demo has shown, for people and for machines, and whether all that must hold did.

use super::audit::Audit;
use super::latency::{self, Series};
use super::session::{Seen, Tally};
use super::strategies::{Behaviour, KILLED_ACCOUNT, Role};
use super::table;
use crate::admin::money::cut;
use crate::admin::table::Table;
use crate::follower::replay::Report;
use crate::reject::RejectReason;
use crate::risk::setup::Limits;
use crate::units::Notional;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;

/// All of it.
#[derive(Debug)]
pub struct Summary {
    /// Of the prices and of what strategies draw by chance.
    pub seed: u64,
    /// Orders that the journal has.
    pub orders: u64,
    /// Of them: how many passed.
    pub accepted: u64,
    /// Of them: how many did not, by the reason told.
    pub refused: BTreeMap<RejectReason, u64>,
    /// What each strategy heard, by its name.
    pub heard: BTreeMap<&'static str, BTreeMap<RejectReason, u64>>,
    /// What a replay of the journal found.
    pub replay: Report,
    /// What was measured.
    pub latencies: Vec<Series>,
    /// Where the picture is.
    pub picture: PathBuf,
    /// What did not hold; nothing should be here.
    pub failures: Vec<String>,
    /// For people.
    pub text: String,
    /// For machines.
    pub json: Value,
}

/// What a run leaves.
pub(super) struct Run<'a> {
    pub(super) seed: u64,
    pub(super) roles: &'a [Role],
    pub(super) tallies: &'a [Tally],
    pub(super) seen: Vec<Result<Seen, String>>,
    pub(super) kill: Result<String, String>,
    /// As an operator saw it at the end.
    pub(super) firm: Result<Value, String>,
    pub(super) firm_limits: &'a Limits,
    pub(super) audit: Audit,
    pub(super) replay: Report,
    pub(super) latencies: Vec<Series>,
    pub(super) picture: PathBuf,
    /// What is known to have gone wrong already.
    pub(super) failures: Vec<String>,
}

impl Run<'_> {
    pub(super) fn summary(mut self) -> Summary {
        self.failures.extend(self.judge());
        let text = self.text();
        let json = self.json();
        let heard = self
            .roles
            .iter()
            .zip(&self.seen)
            .filter_map(|(role, seen)| {
                let seen = seen.as_ref().ok()?;
                Some((role.name, seen.refusals.clone()))
            });
        Summary {
            seed: self.seed,
            orders: self.audit.orders,
            accepted: self.audit.accepted,
            refused: self
                .audit
                .reasons
                .iter()
                .map(|(reason, of)| (*reason, of.count))
                .collect(),
            heard: heard.collect(),
            replay: self.replay,
            latencies: self.latencies,
            picture: self.picture,
            failures: self.failures,
            text,
            json,
        }
    }

    /// All that must hold and does not.
    fn judge(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .audit
            .breaches
            .iter()
            .map(|breach| format!("passed in spite of {breach}"))
            .collect();
        let mut must = |holds: bool, what: String| {
            if !holds {
                found.push(what);
            }
        };
        must(self.audit.accepted != 0, "no order passed".to_owned());
        must(
            self.replay.difference_count == 0,
            format!(
                "the replay differs in {} places",
                self.replay.difference_count
            ),
        );
        must(
            self.replay.decisions != 0,
            "the journal has no events".to_owned(),
        );
        if let Err(problem) = &self.kill {
            must(
                false,
                format!("the kill of account {KILLED_ACCOUNT}: {problem}"),
            );
        }
        match &self.firm {
            Err(problem) => must(false, format!("what the firm may lose: {problem}")),
            Ok(firm) => must(
                firm["limits"].as_array().is_some_and(|of| of.len() == 2)
                    && firm["halted"].is_null(),
                format!("two limits on what the firm may lose, and none reached: {firm}"),
            ),
        }
        must(
            self.audit.killed == [KILLED_ACCOUNT],
            format!(
                "killed at the end: {:?} instead of {KILLED_ACCOUNT} alone",
                self.audit.killed
            ),
        );
        for (role, seen) in self.roles.iter().zip(&self.seen) {
            let name = role.name;
            let seen = match seen {
                Ok(seen) => seen,
                Err(problem) => {
                    must(false, format!("{name}: {problem}"));
                    continue;
                }
            };
            if let Some(reason) = role.expected {
                must(
                    seen.refusals.contains_key(&reason),
                    format!("{name} was never told {}", reason.name()),
                );
            }
            if let Some((stood, cancelled)) = seen.left {
                must(
                    stood != 0 && stood == cancelled,
                    format!("{name} left {stood} orders, {cancelled} were cancelled"),
                );
            }
            if role.behaviour == Behaviour::Deaf {
                let is_cut = seen
                    .cut
                    .as_ref()
                    .is_some_and(|cut| cut.contains("too slowly"));
                must(
                    is_cut,
                    format!(
                        "{name} was not cut off for reading too slowly: {:?}",
                        seen.cut
                    ),
                );
                continue;
            }
            must(
                seen.unanswered == 0,
                format!("{name} has {} orders without an answer", seen.unanswered),
            );
            must(
                seen.cut.is_none(),
                format!("{name} was cut off: {:?}", seen.cut),
            );
        }
        found
    }

    fn text(&self) -> String {
        let audit = &self.audit;
        let mut out = format!("\n{}\n", table::HEAD.replace(" rate ", "      "));
        for (role, tally) in self.roles.iter().zip(self.tallies) {
            let _ = writeln!(out, "{}", table::row(role, tally, None));
        }
        let _ = write!(
            out,
            "\nOf {} orders {} passed and {} were refused; {} fills; {} quotes were heeded.\n\nWhy orders were refused, and the first of each:\n",
            audit.orders,
            audit.accepted,
            audit.orders - audit.accepted,
            audit.fills,
            audit.quotes
        );
        for (reason, of) in &audit.reasons {
            let _ = writeln!(out, "{:>8}  {:<24}{}", of.count, reason.name(), of.example);
        }
        out.push_str("\nThe most at risk at one time:\n");
        let _ = writeln!(
            out,
            "{:<10}{:>12}{:>18}{:>18}{:>18}",
            "account", "live orders", "open notional", "gross exposure", "its limit"
        );
        for peak in &audit.accounts {
            let limit = peak.gross_max.map_or_else(|| "off".to_owned(), whole);
            let _ = writeln!(
                out,
                "{:<10}{:>12}{:>18}{:>18}{:>18}",
                peak.name,
                peak.open_count,
                whole(peak.open_notional),
                whole(peak.gross),
                limit
            );
        }
        let _ = write!(
            out,
            "live orders: at most {}, {} at the end; killed: {}\n\n",
            audit.orders_open_peak,
            audit.orders_open,
            audit.killed.join(", ")
        );
        self.show_firm(&mut out);
        let (Ok(kill) | Err(kill)) = &self.kill;
        let _ = writeln!(out, "{kill}");
        for (role, seen) in self.roles.iter().zip(&self.seen) {
            let Ok(seen) = seen else { continue };
            if let Some((stood, cancelled)) = seen.left {
                let _ = writeln!(
                    out,
                    "{} left while {stood} of its orders stood: {cancelled} were cancelled",
                    role.name
                );
            }
            if let Some(cut) = &seen.cut {
                let _ = writeln!(out, "{}: {cut}", role.name);
            }
        }
        let _ = write!(
            out,
            "\nTimes, on this machine, with everybody on it:\n{}",
            latency::table(&self.latencies)
        );
        let _ = write!(
            out,
            "\npicture: {}\naudit: {} accepted orders checked again, {} passed a limit\nreplay: {} decisions, {} differences\n",
            self.picture.display(),
            audit.accepted,
            audit.breaches.len(),
            self.replay.decisions,
            self.replay.difference_count
        );
        for failure in &self.failures {
            let _ = writeln!(out, "DOES NOT HOLD: {failure}");
        }
        out
    }

    /// What the firm as a whole may hold and lose, and how far it was from that.
    fn show_firm(&self, out: &mut String) {
        let most = |limit: Option<Notional>| limit.map_or_else(|| "off".to_owned(), whole);
        let limits = self.firm_limits;
        let _ = writeln!(
            out,
            "The firm: at most {} in any one position, {} in all; of {} it may lose",
            most(limits.position_value_max),
            most(limits.gross_exposure_max),
            most(limits.capital)
        );
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let Ok(firm) = &self.firm else { return };
        let mut table = Table::new(&["limit", "at most", "lost", "used"]);
        for limit in firm["limits"].as_array().into_iter().flatten() {
            let of = |key: &str| cut(&word(&limit[key]));
            let name = word(&limit["limit"]);
            table.row(vec![name, of("max"), of("lost"), word(&limit["used"])]);
        }
        table.write(out);
        let (equity, risk) = (cut(&word(&firm["equity"])), word(&firm["risk"]));
        let _ = writeln!(out, "it is worth {equity}, its risk is {risk}\n");
    }

    fn json(&self) -> Value {
        let reasons: serde_json::Map<String, Value> = self
            .audit
            .reasons
            .iter()
            .map(|(reason, of)| {
                (
                    reason.name().to_owned(),
                    json!({ "count": of.count, "example": of.example }),
                )
            })
            .collect();
        let strategies: Vec<Value> = self
            .roles
            .iter()
            .zip(self.tallies)
            .zip(&self.seen)
            .map(|((role, tally), seen)| {
                let seen = seen.as_ref().ok();
                let refused: BTreeMap<&str, u64> = seen
                    .into_iter()
                    .flat_map(|seen| &seen.refusals)
                    .map(|(reason, count)| (reason.name(), *count))
                    .collect();
                json!({
                    "name": role.name, "account": role.account,
                    "sent": tally.sent.load(Relaxed), "accepted": tally.accepted.load(Relaxed),
                    "refused": refused, "fills": tally.fills.load(Relaxed),
                    "unanswered": seen.map(|seen| seen.unanswered),
                    "cut": seen.and_then(|seen| seen.cut.clone()),
                })
            })
            .collect();
        json!({
            "seed": self.seed, "orders": self.audit.orders, "accepted": self.audit.accepted,
            "fills": self.audit.fills, "refused": reasons, "strategies": strategies,
            "killed": self.audit.killed, "firm": self.firm.as_ref().ok(), "latencies": latency::json(&self.latencies),
            "picture": self.picture.to_string_lossy(),
            "replay": { "decisions": self.replay.decisions, "differences": self.replay.difference_count },
            "failures": self.failures,
        })
    }
}

/// Without what stands behind the point, upwards.
fn whole(notional: Notional) -> String {
    notional
        .raw()
        .div_ceil(10u128.pow(Notional::DIGITS))
        .to_string()
}
