//! Breaker: when a link is not to be trusted with new orders, by what comes back on it.
//!
//! Pure. Exact: counts and integer shares, no float. Cancels always pass; it is not asked about them.
//!
//! Closed, it opens when too many of the last answers are rejects, when rejects come in a burst,
//! when too many requests stay without an answer, or when it is told to. Open, it waits; then it is
//! half open and lets a few orders through: all answered well, it closes; one not, it opens again.

use crate::message::{Exec, Kind, LinkState};
use crate::units::{Nanos, OrderId};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};

/// When a breaker opens and closes. A count or share of zero turns its rule off.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerOptions {
    /// Opens when so large a share of the last answers to new orders are rejects, in millionths.
    /// Default: half.
    pub reject_share_per_million: u32,
    /// So many answers are looked at, and must have come before the share says anything.
    /// Default: 50.
    pub answers_count: u32,
    /// Opens at so many rejects ... Default: 20.
    pub burst_count: u32,
    /// ... within this time. Default: 1 s.
    pub burst_window: Nanos,
    /// Opens when so many requests are without an answer ... Default: 10.
    pub unanswered_count: u32,
    /// ... for so long. Default: 5 s. A half-open breaker opens at the first of its orders.
    pub unanswered_time: Nanos,
    /// Stays open for so long. Default: 5 s.
    pub pause: Nanos,
    /// Then lets so many orders through to see. Default: 3; at least 1.
    pub probes_count: u32,
    /// So many requests are watched for their answer; more pass unwatched. Default: 16,384.
    pub watched_max: usize,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            reject_share_per_million: 500_000,
            answers_count: 50,
            burst_count: 20,
            burst_window: Nanos::from_secs(1),
            unanswered_count: 10,
            unanswered_time: Nanos::from_secs(5),
            pause: Nanos::from_secs(5),
            probes_count: 3,
            watched_max: 1 << 14,
        }
    }
}

impl BreakerOptions {
    /// Opens only when it is told to.
    pub fn off() -> Self {
        Self {
            reject_share_per_million: 0,
            burst_count: 0,
            unanswered_count: 0,
            ..Self::default()
        }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Closed,
    Open {
        /// Half open from then on.
        until: Nanos,
    },
    HalfOpen {
        /// Orders that may still be let through.
        unsent: u32,
        /// Orders that must still be answered well, those not let through yet included.
        awaited: u32,
    },
}

/// What moves it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Input {
    /// An order was let through.
    Sent,
    /// An order that was let through while half open was answered well.
    Good,
    /// Such an order was rejected or stayed without an answer.
    Bad,
    /// A rule says that it must open.
    Trip,
    /// Time has passed.
    Time,
}

impl State {
    /// The whole table of transitions. It holds for every call that leaves the gate: what trips a
    /// breaker is its owner's to say.
    pub(crate) fn next(self, input: Input, now: Nanos, options: &BreakerOptions) -> Self {
        let open = Self::Open {
            until: now.after(options.pause),
        };
        match (self, input) {
            (Self::Closed, Input::Trip) => open,
            (Self::Closed, _) => Self::Closed,
            (Self::Open { until }, Input::Time) if until <= now => Self::HalfOpen {
                unsent: options.probes_count.max(1),
                awaited: options.probes_count.max(1),
            },
            (Self::Open { until }, _) => Self::Open { until },
            (Self::HalfOpen { .. }, Input::Bad | Input::Trip) => open,
            (Self::HalfOpen { unsent, awaited }, Input::Sent) => Self::HalfOpen {
                unsent: unsent.saturating_sub(1),
                awaited,
            },
            (Self::HalfOpen { awaited: 0 | 1, .. }, Input::Good) => Self::Closed,
            (Self::HalfOpen { unsent, awaited }, Input::Good) => Self::HalfOpen {
                unsent,
                awaited: awaited - 1,
            },
            (Self::HalfOpen { unsent, awaited }, Input::Time) => Self::HalfOpen { unsent, awaited },
        }
    }
}

/// One link's breaker.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    state: State,
    /// True for a reject: the last answers to new orders.
    answers: VecDeque<bool>,
    answers_rejected: u32,
    /// When the last rejects came.
    rejects: VecDeque<Nanos>,
    watched: HashMap<Request, Watched, BuildHasherDefault<DefaultHasher>>,
    /// The watched in the order they were sent; those answered since are skipped.
    sent: VecDeque<(Nanos, Request)>,
    late_count: u32,
    /// The orders that were let through while half open and are not answered.
    probes: Vec<OrderId>,
}

/// What is answered as one: the order itself, or what was asked about it later.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Request {
    order_id: OrderId,
    is_new: bool,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    sent: Nanos,
    is_late: bool,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(options: BreakerOptions) -> Self {
        Self {
            state: State::Closed,
            answers: VecDeque::with_capacity(options.answers_count as usize + 1),
            answers_rejected: 0,
            rejects: VecDeque::with_capacity(options.burst_count as usize + 1),
            watched: HashMap::with_capacity_and_hasher(options.watched_max, Default::default()),
            sent: VecDeque::with_capacity(options.watched_max),
            late_count: 0,
            probes: Vec::with_capacity(options.probes_count.max(1) as usize),
            options,
        }
    }

    /// What the core is to be told: [`LinkState::HalfOpen`] only while an order may still pass.
    pub fn state(&self) -> LinkState {
        match self.state {
            State::Closed => LinkState::Up,
            State::HalfOpen { unsent: 1.., .. } => LinkState::HalfOpen,
            State::Open { .. } | State::HalfOpen { unsent: 0, .. } => LinkState::BreakerOpen,
        }
    }

    /// Whether a new order or a replace may be sent now.
    pub fn admits(&self) -> bool {
        self.state() != LinkState::BreakerOpen
    }

    /// A request was handed to the link.
    pub fn sent(&mut self, now: Nanos, order_id: OrderId, kind: Kind) {
        let is_new = kind == Kind::BrokerNew;
        if matches!(self.state, State::HalfOpen { .. }) && (is_new || kind == Kind::BrokerReplace) {
            self.probes.push(order_id);
            self.apply(now, Input::Sent);
        }
        let request = Request { order_id, is_new };
        let watched = Watched {
            sent: now,
            is_late: false,
        };
        let has_room = self.sent.len().max(self.watched.len()) < self.options.watched_max;
        if has_room && !self.watched.contains_key(&request) {
            self.watched.insert(request, watched);
            self.sent.push_back((now, request));
        }
    }

    /// A report came in.
    pub fn heard(&mut self, now: Nanos, order_id: OrderId, exec: Exec) {
        let is_first_answer = self.forget(Request {
            order_id,
            is_new: true,
        });
        let is_about_order_only = matches!(
            exec,
            Exec::New | Exec::Rejected | Exec::Trade | Exec::Restated | Exec::Expired
        );
        if !is_about_order_only {
            self.forget(Request {
                order_id,
                is_new: false,
            });
        }
        let is_reject = exec == Exec::Rejected;
        if let Some(at) = self.probes.iter().position(|&probe| probe == order_id) {
            self.probes.swap_remove(at);
            self.apply(now, if is_reject { Input::Bad } else { Input::Good });
        }
        if (is_first_answer || is_reject) && self.state == State::Closed {
            self.count(now, is_reject);
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Nanos) {
        self.apply(now, Input::Time);
        let time = self.options.unanswered_time;
        while let Some(&(sent, request)) = self.sent.front() {
            let watched = self.watched.get_mut(&request);
            let watched = watched.filter(|watched| watched.sent == sent && !watched.is_late);
            let Some(watched) = watched else {
                self.sent.pop_front();
                continue;
            };
            if now < sent.after(time) {
                break;
            }
            watched.is_late = true;
            self.sent.pop_front();
            self.late_count += 1;
            if self.probes.contains(&request.order_id) {
                self.apply(now, Input::Bad);
            }
        }
        let count_max = self.options.unanswered_count;
        if count_max != 0 && count_max <= self.late_count && self.state == State::Closed {
            self.trip(now);
        }
    }

    /// Opens, whatever the rules say.
    pub fn trip(&mut self, now: Nanos) {
        self.apply(now, Input::Trip);
    }

    /// The connection is lost: what has no answer is in doubt, not late, and what was let through
    /// to see has shown nothing good.
    pub fn lose(&mut self, now: Nanos) {
        self.unwatch();
        if !self.probes.is_empty() {
            self.apply(now, Input::Bad);
        }
    }

    /// When [`Breaker::tick`] has something to do.
    pub fn deadline(&self) -> Nanos {
        let time = self.options.unanswered_time;
        let late = self.sent.front().map(|&(sent, _)| sent.after(time));
        match self.state {
            State::Open { until } => until.min(late.unwrap_or(Nanos::MAX)),
            State::Closed | State::HalfOpen { .. } => late.unwrap_or(Nanos::MAX),
        }
    }

    /// Counts an answer to a new order while closed.
    fn count(&mut self, now: Nanos, is_reject: bool) {
        let options = &self.options;
        self.answers.push_back(is_reject);
        self.answers_rejected += u32::from(is_reject);
        if (options.answers_count as usize) < self.answers.len() {
            let oldest = self.answers.pop_front();
            self.answers_rejected -= u32::from(oldest == Some(true));
        }
        let is_full = self.answers.len() == options.answers_count as usize;
        let share = u64::from(options.reject_share_per_million) * u64::from(options.answers_count);
        let is_share = options.reject_share_per_million != 0
            && is_full
            && share <= u64::from(self.answers_rejected) * 1_000_000;
        if is_reject {
            self.rejects.push_back(now);
            if (options.burst_count as usize) < self.rejects.len() {
                self.rejects.pop_front();
            }
        }
        let is_burst = options.burst_count != 0
            && self.rejects.len() == options.burst_count as usize
            && self
                .rejects
                .front()
                .is_some_and(|&first| now.since(first) <= options.burst_window);
        if is_reject && (is_share || is_burst) {
            self.trip(now);
        }
    }

    /// Whether the request was still waiting for its answer.
    fn forget(&mut self, request: Request) -> bool {
        let watched = self.watched.remove(&request);
        let is_late = watched.is_some_and(|watched| watched.is_late);
        self.late_count -= u32::from(is_late);
        watched.is_some()
    }

    /// What was counted before a change of state says nothing after it.
    fn apply(&mut self, now: Nanos, input: Input) {
        let before = std::mem::discriminant(&self.state);
        self.state = self.state.next(input, now, &self.options);
        if std::mem::discriminant(&self.state) != before {
            self.answers.clear();
            self.answers_rejected = 0;
            self.rejects.clear();
            self.probes.clear();
            self.unwatch();
        }
    }

    fn unwatch(&mut self) {
        self.watched.clear();
        self.sent.clear();
        self.late_count = 0;
    }
}

#[cfg(test)]
mod tests;
