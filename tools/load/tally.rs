//! Tally: which commands wait for an answer, and what the answers were.
//!
//! Hot path: everything is allocated before the first command.

use super::mix::Class;
use crate::ids::Ids;
use crate::latency::{Latency, table};
use portcullis::message::{Exec, Execution, OrderState, Refusal, Text};
use portcullis::protocol::native::client::Event;
use portcullis::reject::RejectReason;
use portcullis::units::Nanos;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What was sent and what became of it.
#[derive(Debug)]
pub(super) struct Tally {
    ids: Ids,
    commands: Vec<Command>,
    /// Orders that stand and that no cancel was sent for, by number.
    standing: Vec<u64>,
    sent: [u64; 3],
    unanswered: u64,
    /// By [`Exec`].
    executions: [u64; 16],
    /// By [`RejectReason`].
    refusals: [u64; 128],
    /// Told about other runs, or told again.
    others: u64,
    accepted: Latency,
    refused: Latency,
    cancelled: Latency,
    /// How late the load itself was.
    lateness: Latency,
}

/// A command that was sent.
#[derive(Clone, Copy, Debug)]
struct Command {
    /// When it was meant to be sent; the latest of all times once it was answered.
    intended: Nanos,
    session: u32,
    class: Class,
    /// Of an order: the number of its cancel; [`NONE`] for none.
    cancel: u32,
}

impl Tally {
    /// Room for so many commands.
    pub(super) fn new(ids: Ids, total: usize) -> Self {
        Self {
            ids,
            commands: Vec::with_capacity(total),
            standing: Vec::with_capacity(total),
            sent: [0; 3],
            unanswered: 0,
            executions: [0; 16],
            refusals: [0; 128],
            others: 0,
            accepted: Latency::new(),
            refused: Latency::new(),
            cancelled: Latency::new(),
            lateness: Latency::new(),
        }
    }

    /// The number of the next command.
    #[inline]
    pub(super) fn number_next(&self) -> u64 {
        self.commands.len() as u64
    }

    /// The next command goes out.
    #[inline]
    pub(super) fn sent(&mut self, class: Class, session: u32, intended: Nanos, now: Nanos) {
        self.commands.push(Command {
            intended,
            session,
            class,
            cancel: NONE,
        });
        self.sent[class as usize] += 1;
        self.unanswered += 1;
        self.lateness.record(now.since(intended));
    }

    /// Whether an order stands that no cancel was sent for.
    #[inline]
    pub(super) fn can_cancel(&self) -> bool {
        !self.standing.is_empty()
    }

    /// The order that was accepted last, and its session: it is to be cancelled by this command.
    #[inline]
    pub(super) fn take_standing(&mut self, cancel: u64) -> Option<(u64, u32)> {
        let number = self.standing.pop()?;
        let command = self.commands.get_mut(number as usize)?;
        command.cancel = cancel as u32;
        Some((number, command.session))
    }

    /// How many wait for their first answer.
    pub(super) fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Something was told.
    #[inline]
    pub(super) fn told(&mut self, event: &Event<'_>, now: Nanos) {
        match event {
            Event::Execution(_, execution) => self.execution(execution, now),
            Event::Refusal(_, refusal) => self.refusal(refusal, now),
            _ => {}
        }
    }

    #[inline]
    fn execution(&mut self, execution: &Execution, now: Nanos) {
        let Some(number) = self.ids.number(&execution.client_order_id) else {
            self.others += 1;
            return;
        };
        self.executions[usize::from(execution.exec) % 16] += 1;
        let exec = Exec::from_byte(execution.exec);
        if exec == Some(Exec::InDoubt) {
            // The gate says that it has no answer itself.
            return;
        }
        if let Some((class, latency)) = self.answer(number, now) {
            match class {
                Class::Cancel => self.cancelled.record(latency),
                Class::Order | Class::Refused => self.accepted.record(latency),
            }
            if class != Class::Cancel && matches!(exec, Some(Exec::Accepted | Exec::New)) {
                self.standing.push(number);
            }
        }
        if OrderState::from_byte(execution.state) == Some(OrderState::Filled) {
            // A cancel that crossed the last fill has its answer in it.
            let cancel = self
                .commands
                .get(number as usize)
                .map_or(NONE, |of| of.cancel);
            if let Some((_, latency)) = self.answer(u64::from(cancel), now) {
                self.cancelled.record(latency);
            }
        }
    }

    #[inline]
    fn refusal(&mut self, refusal: &Refusal, now: Nanos) {
        let Some(number) = self.number(&refusal.client_order_id) else {
            return;
        };
        self.refusals[usize::from(refusal.reason) % 128] += 1;
        if let Some((_, latency)) = self.answer(number, now) {
            self.refused.record(latency);
        }
    }

    #[inline]
    fn number(&mut self, text: &Text) -> Option<u64> {
        let number = self.ids.number(text);
        self.others += u64::from(number.is_none());
        number
    }

    /// The first answer to a command: what it was and how long that took.
    #[inline]
    fn answer(&mut self, number: u64, now: Nanos) -> Option<(Class, Nanos)> {
        let command = self.commands.get_mut(number as usize)?;
        if command.intended == Nanos::MAX {
            return None;
        }
        let latency = now.since(command.intended);
        command.intended = Nanos::MAX;
        self.unanswered -= 1;
        Some((command.class, latency))
    }

    /// The latencies by what the answer was.
    pub(super) fn latencies(&self) -> [(&'static str, &Latency); 4] {
        [
            ("accepted", &self.accepted),
            ("refused", &self.refused),
            ("cancel", &self.cancelled),
            ("lateness of the load", &self.lateness),
        ]
    }

    /// For people.
    pub(super) fn to_text(&self, elapsed: Nanos) -> String {
        let [orders, refused, cancels] = self.sent;
        let total = orders + refused + cancels;
        let mut out = format!(
            "sent {total} in {} ms: {orders} orders, {refused} meant to be refused, {cancels} cancels; \
             {} unanswered\n",
            elapsed.raw() / 1_000_000,
            self.unanswered
        );
        out.push_str(&table(self.latencies()));
        for (exec, count) in self.executions() {
            let _ = writeln!(out, "execution {:<26}{count:>10}", exec.text());
        }
        for (reason, count) in self.refusals() {
            let _ = writeln!(out, "refusal   {:<26}{count:>10}", reason.name());
        }
        out
    }

    /// For machines.
    pub(super) fn to_json(&self, elapsed: Nanos) -> Value {
        let [orders, refused, cancels] = self.sent;
        let executions = self
            .executions()
            .map(|(exec, count)| (exec.text().to_owned(), count.into()));
        let refusals = self
            .refusals()
            .map(|(reason, count)| (reason.name().to_owned(), count.into()));
        let latencies = self
            .latencies()
            .map(|(name, latency)| (name.to_owned(), latency.to_json()));
        json!({
            "elapsed_nanos": elapsed.raw(),
            "sent": { "orders": orders, "meant_to_be_refused": refused, "cancels": cancels },
            "unanswered": self.unanswered,
            "about_others": self.others,
            "executions": serde_json::Map::from_iter(executions),
            "refusals": serde_json::Map::from_iter(refusals),
            "latency": serde_json::Map::from_iter(latencies),
        })
    }

    fn executions(&self) -> impl Iterator<Item = (Exec, u64)> {
        let counts = Exec::ALL
            .iter()
            .map(|exec| (*exec, self.executions[*exec as usize]));
        counts.filter(|(_, count)| *count != 0)
    }

    fn refusals(&self) -> impl Iterator<Item = (RejectReason, u64)> {
        let counts = RejectReason::ALL
            .iter()
            .map(|reason| (*reason, self.refusals[*reason as usize]));
        counts.filter(|(_, count)| *count != 0)
    }
}

/// The number of no command: there are fewer.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis::message::Header;

    const fn at(millis: u64) -> Nanos {
        Nanos::from_millis(millis)
    }

    #[test]
    fn a_latency_counts_from_the_intended_time_to_the_first_answer() {
        let ids = Ids::new(3);
        let mut tally = Tally::new(ids, 5);
        // Meant for 0 ms, sent at 4 ms, answered at 5 ms and again at 9 ms.
        tally.sent(Class::Order, 2, at(0), at(4));
        let header = Header::default();
        let execution = |exec: Exec, number| Execution {
            client_order_id: ids.text(number),
            exec: exec as u8,
            ..Execution::default()
        };
        tally.told(
            &Event::Execution(&header, &execution(Exec::InDoubt, 0)),
            at(1),
        );
        assert_eq!(tally.unanswered(), 1);
        tally.told(&Event::Execution(&header, &execution(Exec::New, 0)), at(5));
        tally.told(
            &Event::Execution(&header, &execution(Exec::Trade, 0)),
            at(9),
        );
        assert_eq!(tally.accepted.count(), 1);
        assert!(tally.accepted.max().raw().abs_diff(at(5).raw()) <= 5_000);
        assert!(tally.lateness.max().raw().abs_diff(at(4).raw()) <= 4_000);
        assert_eq!(tally.take_standing(1), Some((0, 2)));
        assert!(!tally.can_cancel());

        tally.sent(Class::Cancel, 2, at(10), at(10));
        tally.sent(Class::Refused, 0, at(11), at(11));
        tally.told(
            &Event::Execution(&header, &execution(Exec::Canceled, 1)),
            at(12),
        );
        let refusal = Refusal {
            client_order_id: ids.text(2),
            reason: RejectReason::QtyZero as u16,
            ..Refusal::default()
        };
        tally.told(&Event::Refusal(&header, &refusal), at(13));
        assert_eq!(tally.unanswered(), 0);
        let json = tally.to_json(at(13));
        assert_eq!(json["refusals"]["QtyZero"], 1);
        assert_eq!(json["executions"]["canceled"], 1);
        assert_eq!(json["latency"]["cancel"]["count"], 1);
        // A cancel that comes too late is answered by the fill.
        tally.sent(Class::Order, 0, at(20), at(20));
        tally.told(&Event::Execution(&header, &execution(Exec::New, 3)), at(21));
        assert_eq!(tally.take_standing(4), Some((3, 0)));
        tally.sent(Class::Cancel, 0, at(22), at(22));
        let filled = Execution {
            state: OrderState::Filled as u8,
            ..execution(Exec::Trade, 3)
        };
        tally.told(&Event::Execution(&header, &filled), at(23));
        assert_eq!((tally.unanswered(), tally.cancelled.count()), (0, 2));
        // About an order of nobody here.
        let stranger = Execution {
            client_order_id: Ids::new(4).text(0),
            ..execution(Exec::New, 0)
        };
        tally.told(&Event::Execution(&header, &stranger), at(14));
        assert_eq!(tally.to_json(at(14))["about_others"], 1);
    }
}
