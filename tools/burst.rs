//! Burst: what a strategy that has run away costs another one.
//!
//! A steady session sends at times that do not wait for the gate; beside it, in every second round, a
//! session sends orders that are refused, as fast as the gate takes them. The latency of the steady
//! one is told for both kinds of round, and the ratio of its 99th percentiles. Each session has a
//! thread; it ends by itself after its rounds.
//!
//! What is measured is the gate, not the machine: where both threads have one processor, the runaway gives
//! way to the steady one, which sleeps until shortly before its next order is due and so leaves it the
//! rest.

use crate::arguments::{duration, price, qty};
use crate::ids::Ids;
use crate::latency::{Latency, table};
use crate::link::parse_target;
use crate::schedule::{Schedule, ScheduleOptions};
use crate::session::{Identity, Session};
use portcullis::message::{NewOrder, OrderType, Side, TimeInForce};
use portcullis::protocol::native::client::Event;
use portcullis::strategy::client::Target;
use portcullis::sys::clock::Clock;
use portcullis::sys::random;
use portcullis::units::{Nanos, Price, Qty};
use rustix::process::setpriority_process;
use rustix::thread::gettid;
use serde_json::json;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Where to, who and how much.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the gate listens: tcp:ADDRESS or unix:PATH.
    #[arg(long, value_parser = parse_target)]
    target: Target,
    /// The steady strategy, and the file with its key; the name alone on a unix socket.
    #[arg(long, value_name = "NAME[=FILE]", value_parser = Identity::parse)]
    steady: Identity,
    /// The strategy that runs away, likewise.
    #[arg(long, value_name = "NAME[=FILE]", value_parser = Identity::parse)]
    runaway: Identity,
    /// So many orders a second of the steady one, evenly.
    #[arg(long, default_value_t = 2_000)]
    rate: u64,
    /// Each round takes so long.
    #[arg(long, value_parser = duration, default_value = "1s")]
    round: Nanos,
    /// So many rounds of each kind, in turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Of each order of the steady one.
    #[arg(long, value_parser = price)]
    price: Price,
    /// Of each order of the steady one; those of the other have none, which is refused everywhere.
    #[arg(long, value_parser = qty, default_value = "1")]
    qty: Qty,
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// What the threads tell each other.
#[derive(Default)]
struct Signals {
    is_running: AtomicBool,
    /// It has its answers and sends nothing.
    is_quiet: AtomicBool,
    is_over: AtomicBool,
}

/// A session, and the order that it sends again and again.
struct Sender {
    session: Session,
    clock: Clock,
    ids: Ids,
    order: NewOrder,
    number: u64,
}

/// Plays the rounds and says how they were.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut steady = Sender::open(arguments, &arguments.steady, arguments.qty)?;
    let runaway = Sender::open(arguments, &arguments.runaway, Qty::ZERO)?;
    let signals = Signals::default();
    let (mut alone, mut beside) = (Latency::new(), Latency::new());
    let (played, refused) = thread::scope(|scope| {
        let other = scope.spawn(|| run_away(runaway, &signals));
        let played = (0..arguments.rounds).try_for_each(|_| {
            steady.play(arguments, &mut alone)?;
            signals.is_quiet.store(false, Ordering::Relaxed);
            signals.is_running.store(true, Ordering::Release);
            let played = steady.play(arguments, &mut beside);
            signals.is_running.store(false, Ordering::Release);
            played?;
            steady.wait(|| signals.is_quiet.load(Ordering::Acquire) || other.is_finished())
        });
        signals.is_over.store(true, Ordering::Release);
        let refused = other.join().map_err(|_| "the runaway's thread has ended")?;
        Ok::<_, &str>((played, refused))
    })?;
    let refused = refused?;
    played?;
    steady.session.log_out();
    tell(arguments, &alone, &beside, refused);
    Ok(())
}

fn tell(arguments: &Arguments, alone: &Latency, beside: &Latency, refused: u64) {
    let of = |latency: &Latency| latency.percentile(99_000).raw().max(1);
    let ratio = of(beside) as f64 / of(alone) as f64;
    let seconds = arguments.round.raw() as f64 * f64::from(arguments.rounds) / 1e9;
    let rate = refused as f64 / seconds;
    if arguments.json {
        let told = json!({
            "alone": alone.to_json(),
            "beside": beside.to_json(),
            "p99_ratio": ratio,
            "refused": refused,
            "refused_per_sec": rate,
        });
        println!("{told}");
        return;
    }
    print!(
        "{}",
        table([("alone", alone), ("beside a runaway", beside)])
    );
    println!("the runaway: {refused} refused, {rate:.0} a second");
    println!("p99 beside / alone: {ratio:.2}");
}

impl Sender {
    fn open(arguments: &Arguments, identity: &Identity, qty: Qty) -> Result<Self, Box<dyn Error>> {
        let mut clock = Clock::new(Nanos::ZERO);
        let mut session = Session::connect(&arguments.target, identity, clock.now())?;
        session.log_on(&mut clock)?;
        // It is read whenever there is time: nobody polls the socket.
        session.link.is_readable = true;
        let name = session.name;
        let names = session.client.names();
        let account = names.accounts().next();
        let (_, account) = account.ok_or_else(|| format!("{name}: it has no account"))?;
        let symbol = names.symbols().next();
        let (_, symbol) = symbol.ok_or("the gate has no symbols")?;
        let order = NewOrder {
            price: arguments.price,
            qty,
            account,
            symbol: symbol.id,
            side: Side::Buy as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::ImmediateOrCancel as u8,
            ..NewOrder::default()
        };
        Ok(Self {
            session,
            clock,
            ids: Ids::new(u64::from_le_bytes(random::bytes()?)),
            order,
            number: 0,
        })
    }

    /// Queues the next order.
    #[inline]
    fn order(&mut self, now: Nanos) {
        let order = NewOrder {
            client_order_id: self.ids.text(self.number),
            ..self.order
        };
        // It is live: a session that ends is an error of its poll.
        if let Some(frame) = self.session.client.new_order(order, &[], now) {
            self.session.link.queue(&frame);
            self.number += 1;
        }
    }

    /// One round, until all is answered.
    fn play(&mut self, arguments: &Arguments, latency: &mut Latency) -> Result<(), String> {
        let options = ScheduleOptions {
            rate_per_sec: arguments.rate,
            duration: arguments.round,
            count_max: u64::MAX,
            ..ScheduleOptions::default()
        };
        let mut schedule = Schedule::new(options, self.clock.now().after(LEAD));
        let first = self.number;
        let mut intended = Vec::with_capacity(schedule.total() as usize);
        let mut unanswered = 0;
        let give_up = self.clock.now().after(arguments.round).after(LINGER);
        while schedule.peek().is_some() || unanswered != 0 {
            let now = self.clock.now();
            while let Some(at) = schedule.peek().filter(|at| *at <= now) {
                schedule.next();
                intended.push(at);
                unanswered += 1;
                self.order(now);
            }
            if give_up <= now {
                return Err(format!("{unanswered} orders are unanswered"));
            }
            let due = schedule.peek().filter(|_| unanswered == 0);
            let spare = due.map_or(Nanos::ZERO, |at| at.since(now.after(WAKING)));
            if spare != Nanos::ZERO {
                thread::sleep(Duration::from_nanos(spare.raw()));
                continue;
            }
            let (ids, clock) = (self.ids, &mut self.clock);
            self.session.link.is_readable = true;
            let polled = self.session.poll(now, |event| {
                let id = match event {
                    Event::Execution(_, body) => body.client_order_id,
                    Event::Refusal(_, body) => body.client_order_id,
                    _ => return,
                };
                let at = ids.number(&id).and_then(|number| number.checked_sub(first));
                let at = at.and_then(|at| intended.get_mut(at as usize));
                // The first answer counts.
                if let Some(at) = at.filter(|at| **at != Nanos::MAX) {
                    latency.record(clock.now().since(*at));
                    *at = Nanos::MAX;
                    unanswered -= 1;
                }
            });
            polled.map_err(|error| format!("{}: {error}", self.session.name))?;
        }
        Ok(())
    }

    /// Keeps the session alive until something is so.
    fn wait(&mut self, is_so: impl Fn() -> bool) -> Result<(), String> {
        while !is_so() {
            self.session.link.is_readable = true;
            let polled = self.session.poll(self.clock.now(), |_| {});
            polled.map_err(|error| format!("{}: {error}", self.session.name))?;
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// Sends what is refused while it is told to run; how much was.
fn run_away(mut of: Sender, signals: &Signals) -> Result<u64, String> {
    // Anybody may ask for less.
    setpriority_process(Some(gettid()), NICE_MOST).map_err(|error| error.to_string())?;
    let mut refused = 0;
    while !signals.is_over.load(Ordering::Acquire) {
        let now = of.clock.now();
        let is_running = signals.is_running.load(Ordering::Acquire);
        if is_running {
            for _ in of.number - refused..WAITING_MAX {
                of.order(now);
            }
        } else if refused == of.number {
            signals.is_quiet.store(true, Ordering::Release);
            thread::sleep(PAUSE);
        }
        of.session.link.is_readable = true;
        let polled = of.session.poll(now, |event| {
            refused += u64::from(matches!(event, Event::Refusal(..)));
        });
        polled.map_err(|error| format!("{}: {error}", of.session.name))?;
    }
    of.session.log_out();
    Ok(refused)
}

/// The first order of a round is meant for so long after its begin.
const LEAD: Nanos = Nanos::from_millis(5);
/// Answers that take longer than this are waited for no more.
const LINGER: Nanos = Nanos::from_secs(20);
/// So many orders of the runaway wait for their answers at most: more than a gate takes at a time.
const WAITING_MAX: u64 = 4_096;
/// The least that a thread may ask for.
const NICE_MOST: i32 = 19;
/// Before an order is due, its sender is awake.
const WAKING: Nanos = Nanos::from_raw(100_000);
/// Between two looks at a session that has nothing to do.
const PAUSE: Duration = Duration::from_micros(200);
