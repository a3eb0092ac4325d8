//! Seat: what remains of a strategy between its connections.

use crate::message::{Frame, Header, Kind, LinkState, Scope, SessionChange, Text};
use crate::protocol::native::bodies::{Definition, Logon};
use crate::protocol::native::session::Admission;
use crate::ring::Producer;
use crate::strategy::history::History;
use crate::strategy::options::{CancelOnDisconnect, Options, SessionOptions};
use crate::units::{AccountId, Nanos, StrategyId};
use bytemuck::Zeroable;

/// Two batches of so many frames are under way to risk at most, and what the last command of each has more.
/// Larger ones would let a strategy put its orders by the thousand before those of another; smaller ones
/// would leave risk waiting for the next.
const BATCH_FRAMES: usize = 8;

/// A strategy that may log on, and where it stands.
pub(super) struct Seat {
    pub(super) options: SessionOptions,
    pub(super) strategy: StrategyId,
    /// The definitions of its accounts.
    pub(super) accounts: Vec<Frame>,
    pub(super) history: History,
    /// How many of the reports in the history are promised to who comes back.
    reports_replay: u64,
    /// Its connection.
    pub(super) slot: Option<usize>,
    /// The sequence of the first command that risk has not been handed.
    pub(super) command_sequence_next: u64,
    /// Where its last full batch of commands ends in the ring to risk, and how many frames it has sent since.
    batch_end: u64,
    batch_frames: usize,
    /// Risk was told that the session is up, and not yet that it is down.
    is_up: bool,
    /// Risk must be told that the session is down, and whether to cancel.
    down: Option<bool>,
    /// When its orders are cancelled unless it is back.
    pub(super) cancel_at: Nanos,
}

impl Seat {
    pub(super) fn new(index: usize, options: &Options, outbound_frames_max: usize) -> Self {
        let session = &options.sessions[index];
        let name = |id: &AccountId| options.accounts.get(id.0 as usize).copied();
        let accounts = session.accounts.iter().filter_map(|id| {
            let definition = Definition {
                id: id.0,
                name: name(id)?,
                scope: Scope::Account as u8,
                ..Definition::zeroed()
            };
            Some(Frame::new(Kind::Definition, Header::default(), definition))
        });
        Self {
            strategy: StrategyId(index as u32),
            accounts: accounts.collect(),
            history: History::new(
                options.reports_replay + outbound_frames_max,
                session.start.report_sequence + 1,
            ),
            reports_replay: options.reports_replay as u64,
            slot: None,
            command_sequence_next: session.start.inbound_sequence + 1,
            batch_end: 0,
            batch_frames: 0,
            is_up: false,
            down: None,
            cancel_at: Nanos::MAX,
            options: session.clone(),
        }
    }

    /// Whether it may hand risk another command: no more than two batches of one strategy are under way,
    /// so that who sends too much waits for itself, and nobody else for it.
    #[inline]
    pub(super) fn may_send(&mut self, strategy_to_risk: &mut Producer<Frame>) -> bool {
        if self.batch_frames < BATCH_FRAMES {
            return true;
        }
        if !strategy_to_risk.is_taken(self.batch_end) {
            return false;
        }
        (self.batch_end, self.batch_frames) = (strategy_to_risk.position(), 0);
        true
    }

    /// It has handed risk a command of so many frames.
    #[inline]
    pub(super) fn sent(&mut self, command: &Header, frames: usize) {
        self.command_sequence_next = command.sequence + 1;
        self.batch_frames += frames;
    }

    /// The gate has started. The session that there was before went down with it.
    pub(super) fn start(&mut self, now: Nanos) {
        let next = self.options.start.report_sequence + 1;
        if self.history.next() != next {
            self.history.start_at(next);
        }
        if self.options.start.inbound_sequence != 0 {
            self.is_up = true;
            self.leave(now);
        }
    }

    /// What the acceptor must know to judge a logon under this name.
    pub(super) fn admission(&self, uid: Option<u32>, definition_count: usize) -> Admission<'_> {
        let next = self.history.next();
        Admission {
            key: self.options.key.as_ref(),
            is_permitted: uid.is_some_and(|uid| self.options.uids.contains(&uid)),
            is_in_use: self.slot.is_some(),
            strategy: self.strategy,
            command_sequence_next: self.command_sequence_next,
            report_sequence_next: next,
            report_sequence_oldest: self
                .history
                .oldest()
                .max(next.saturating_sub(self.reports_replay)),
            definition_count: definition_count as u32,
        }
    }

    /// It has a session, on this connection.
    pub(super) fn enter(&mut self, slot: usize) {
        self.slot = Some(slot);
        self.is_up = true;
        self.cancel_at = Nanos::MAX;
    }

    /// It sends nothing more: its orders are dealt with as configured.
    pub(super) fn leave(&mut self, now: Nanos) {
        if !std::mem::take(&mut self.is_up) {
            return;
        }
        let rule = self.options.cancel_on_disconnect;
        self.down = Some(rule == CancelOnDisconnect::AtOnce);
        if let CancelOnDisconnect::After(grace) = rule {
            self.cancel_at = now.after(grace);
        }
    }

    /// The grace is over.
    pub(super) fn expire(&mut self, now: Nanos) {
        if self.cancel_at <= now {
            self.cancel_at = Nanos::MAX;
            self.down = Some(true);
        }
    }

    /// What risk must still be told.
    pub(super) fn down(&self, now: Nanos) -> Option<Frame> {
        self.down
            .map(|cancel| self.change(LinkState::Down, cancel, now))
    }

    pub(super) fn told_down(&mut self) {
        self.down = None;
    }

    /// Tells risk of the session.
    pub(super) fn change(&self, state: LinkState, cancel_orders: bool, now: Nanos) -> Frame {
        let header = Header {
            time: now,
            strategy: self.strategy,
            ..Header::default()
        };
        let body = SessionChange {
            state: state as u8,
            cancel_orders: u8::from(cancel_orders),
            ..SessionChange::zeroed()
        };
        Frame::new(Kind::SessionChange, header, body)
    }
}

/// The seat of a name. Looks at all of them, so that the time does not tell which names there are.
pub(super) fn find(seats: &[Seat], logon: &Logon) -> Option<usize> {
    let is_named = |name: &Text| name.is_id() & (*name == logon.name);
    let names = seats.iter().enumerate();
    names.fold(None, |found, (at, seat)| {
        if is_named(&seat.options.name) {
            Some(at)
        } else {
            found
        }
    })
}

/// What an unknown name is judged by: it fails, after the same work.
pub(super) const NOBODY: Admission<'static> = Admission {
    key: None,
    is_permitted: false,
    is_in_use: false,
    strategy: StrategyId::NONE,
    command_sequence_next: 1,
    report_sequence_next: 1,
    report_sequence_oldest: 1,
    definition_count: 0,
};
