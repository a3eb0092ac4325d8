//! Session: one strategy's thread, from logon to logout, and what it saw.

use super::strategies::{Behaviour, Role, Strategy, Wish};
use super::walk::Market;
use crate::message::{Exec, Execution, Kind, NewOrder, OrderState, Refusal, Side, Text};
use crate::protocol::native::client::Event;
use crate::protocol::native::key::Key;
use crate::reject::RejectReason;
use crate::strategy::client::{ClientError, ClientOptions, StrategyClient, Target};
use crate::sys::clock::Clock;
use crate::units::{Nanos, OrderId};
use hdrhistogram::Histogram;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Where and when.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) tcp: Target,
    pub(super) unix: Target,
    pub(super) market: Market,
    pub(super) clock: Clock,
    pub(super) start: Nanos,
    pub(super) duration: Nanos,
    pub(super) seed: u64,
}

/// What others may see while it runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) fills: AtomicU64,
    pub(super) live: AtomicU64,
    pub(super) position: AtomicI64,
    pub(super) is_killed: AtomicBool,
}

/// What it saw in all.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) refusals: BTreeMap<RejectReason, u64>,
    /// From an order sent to its first report read, in nanoseconds.
    pub(super) round_trips: Histogram<u64>,
    /// Orders without any answer.
    pub(super) unanswered: u64,
    /// How many orders stood when it left without a word, and how many it then heard were cancelled.
    pub(super) left: Option<(u64, u64)>,
    /// How the gate ended the session, if it did.
    pub(super) cut: Option<String>,
}

struct Book<'a> {
    tally: &'a Tally,
    pending: HashMap<Text, (Nanos, NewOrder)>,
    live: BTreeMap<OrderId, NewOrder>,
    position: i64,
    seen: Seen,
}

/// How long answers are waited for at the end.
const PATIENCE: Nanos = Nanos::from_secs(2);

/// How long the deaf one does not listen: it is cut off in the meantime.
const DEAF_MAX: Nanos = Nanos::from_millis(1_600);
/// A gate that reads nothing for so long reads no more: on a busy machine it may rest for a while.
const STALLED: Nanos = Nanos::from_millis(300);

/// Runs one strategy to its end.
pub(super) fn run(
    role: Role,
    key: Option<Key>,
    stage: &Stage,
    tally: &Tally,
    is_over: &AtomicBool,
) -> Result<Seen, ClientError> {
    let mut clock = stage.clock.clone();
    let mut options = ClientOptions {
        target: if role.is_unix {
            stage.unix.clone()
        } else {
            stage.tcp.clone()
        },
        name: Text::new(role.name).unwrap_or_default(),
        key,
        report_sequence_last: 0,
        logon_timeout: Nanos::from_secs(5),
        queue_bytes_max: 1 << 18,
    };
    let mut client = StrategyClient::connect(options.clone(), clock.now())?;
    client.log_on(&mut clock, |_| {})?;
    let mut strategy =
        Strategy::new(role, stage.seed, client.names()).ok_or(ClientError::NotReady)?;
    let mut book = Book::new(tally);
    let part = |percent: u64| {
        stage
            .start
            .after(Nanos::from_raw(stage.duration.raw() / 100 * percent))
    };
    let end = part(100);
    // The deaf one listens at last, to hear what it was told: the gate does not wait for ever.
    let deaf_until = if role.behaviour == Behaviour::Deaf {
        part(80).min(stage.start.after(DEAF_MAX))
    } else {
        Nanos::ZERO
    };
    let mut leaves_at = if role.behaviour == Behaviour::Leaver {
        part(40)
    } else {
        Nanos::MAX
    };
    let mut next_at = stage.start;
    let mut is_listening = false;
    let mut sent_at = stage.start;
    loop {
        let now = clock.now();
        if deaf_until <= now || is_listening {
            let told = client.poll(now, |event| book.tell(event, clock.now()));
            if let Err(error) = told {
                book.seen.cut = Some(error.to_string());
                break;
            }
        }
        if leaves_at <= now {
            leaves_at = Nanos::MAX;
            book.seen.left = Some((book.live.len() as u64, 0));
            options.report_sequence_last = client.report_sequence_last();
            drop(client);
            std::thread::sleep(part(50).since(now).to_duration());
            client = StrategyClient::connect(options.clone(), clock.now())?;
            client.log_on(&mut clock, |event| book.tell(event, now))?;
            continue;
        }
        let is_done = end <= now || is_over.load(Ordering::Acquire);
        let is_answered = book.pending.is_empty() || end.after(PATIENCE) <= now;
        if is_done && is_answered {
            break;
        }
        if !is_done && next_at <= now && !is_listening {
            next_at = next_at
                .after(role.interval)
                .max(Nanos::from_raw(now.raw().saturating_sub(BACKLOG.raw())));
            let is_deaf = deaf_until != Nanos::ZERO;
            let sent = match is_deaf && client.queued_bytes() != 0 {
                true => client.flush().map(|_| ()),
                false => book.send(&mut strategy, &mut client, stage, &mut clock),
            };
            if client.queued_bytes() == 0 {
                sent_at = now;
            }
            // A gate that reads no more has ended the session: hear why.
            is_listening |= sent.is_err() || is_deaf && STALLED < now.since(sent_at);
            continue;
        }
        let wake_at = if is_done {
            now.after(SHORT)
        } else {
            next_at.max(now.after(TURN_MIN))
        };
        match now < deaf_until && !is_listening {
            true => std::thread::sleep(next_at.since(now).to_duration()),
            false => client.wait(wake_at.since(now))?,
        }
    }
    if book.seen.cut.is_none() {
        client.log_out()?;
    }
    book.seen.unanswered = book.pending.len() as u64;
    Ok(book.seen)
}

impl<'a> Book<'a> {
    fn new(tally: &'a Tally) -> Self {
        Self {
            tally,
            pending: HashMap::new(),
            live: BTreeMap::new(),
            position: 0,
            seen: Seen {
                refusals: BTreeMap::new(),
                round_trips: super::latency::histogram(),
                unanswered: 0,
                left: None,
                cut: None,
            },
        }
    }

    /// One turn of the strategy.
    fn send(
        &mut self,
        strategy: &mut Strategy,
        client: &mut StrategyClient,
        stage: &Stage,
        clock: &mut Clock,
    ) -> Result<(), ClientError> {
        let ids: Vec<Text> = self
            .live
            .values()
            .map(|order| order.client_order_id)
            .collect();
        let mut result = Ok(());
        strategy.turn(
            |symbol| stage.market.mid(symbol),
            &ids,
            self.position,
            &mut |wish| {
                if result.is_err() {
                    return;
                }
                let now = clock.now();
                result = match wish {
                    Wish::Cancel(cancel) => client.cancel(cancel, now),
                    Wish::Order(order) => {
                        self.tally.sent.fetch_add(1, Ordering::Relaxed);
                        self.pending.insert(order.client_order_id, (now, order));
                        client.new_order(order, &[], now)
                    }
                }
                .and_then(|_| client.flush());
            },
        );
        result
    }

    fn tell(&mut self, event: Event<'_>, now: Nanos) {
        match event {
            Event::Execution(_, execution) => self.executed(execution, now),
            Event::Refusal(_, refusal) => self.refused(refusal, now),
            _ => {}
        }
        let of = self.tally;
        of.live.store(self.live.len() as u64, Ordering::Relaxed);
        of.position.store(self.position, Ordering::Relaxed);
    }

    fn answered(&mut self, id: &Text, now: Nanos) -> Option<NewOrder> {
        let (sent, order) = self.pending.remove(id)?;
        let span = now.since(sent).raw().max(1);
        self.seen.round_trips.saturating_record(span);
        Some(order)
    }

    fn executed(&mut self, execution: &Execution, now: Nanos) {
        let id = execution.order_id;
        if !self.live.contains_key(&id)
            && let Some(order) = self.answered(&execution.client_order_id, now)
        {
            self.tally.accepted.fetch_add(1, Ordering::Relaxed);
            self.live.insert(id, order);
        }
        let Some(order) = self.live.get(&id) else {
            return;
        };
        match Exec::from_byte(execution.exec) {
            Some(Exec::Trade) => {
                let is_buy = order.side == Side::Buy as u8;
                let qty = execution.qty.raw() as i64;
                self.position += if is_buy { qty } else { -qty };
                self.tally.fills.fetch_add(1, Ordering::Relaxed);
            }
            Some(Exec::Canceled) => {
                if let Some((_, cancelled)) = &mut self.seen.left {
                    *cancelled += 1;
                }
            }
            _ => {}
        }
        let is_over = matches!(
            OrderState::from_byte(execution.state),
            Some(
                OrderState::Filled
                    | OrderState::Cancelled
                    | OrderState::Rejected
                    | OrderState::Expired
            )
        );
        if is_over {
            self.live.remove(&id);
        }
    }

    fn refused(&mut self, refusal: &Refusal, now: Nanos) {
        if refusal.command != Kind::NewOrder as u8 {
            return;
        }
        let Some(reason) = refusal.reason() else {
            return;
        };
        self.answered(&refusal.client_order_id, now);
        *self.seen.refusals.entry(reason).or_default() += 1;
        self.tally.refused.fetch_add(1, Ordering::Relaxed);
        let is_killed = [
            RejectReason::FirmKilled,
            RejectReason::AccountKilled,
            RejectReason::StrategyKilled,
        ];
        if is_killed.contains(&reason) {
            self.tally.is_killed.store(true, Ordering::Relaxed);
        }
    }
}

const SHORT: Nanos = Nanos::from_millis(5);
const TURN_MIN: Nanos = Nanos::from_raw(200_000);
/// A thread that was kept from running catches up by so much, and no more.
const BACKLOG: Nanos = Nanos::from_millis(100);
