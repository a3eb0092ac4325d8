//! Supervisor: starts the workers, notices when one fails, and stops them in order.

use super::gateway::Gateway;
use super::worker::{Event, Phase, PhaseFlag, Worker};
use crate::events::courier::Working;
use crate::recon::worker::{Watch, Watching};
use crate::sys::poller::Doorbell;
use crate::units::Nanos;
use core_affinity::CoreId;
use crossbeam::channel::{Receiver, Sender, unbounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// A gateway whose workers have threads.
pub struct Running {
    path: Vec<Thread>,
    cold: Vec<Thread>,
    phase: PhaseFlag,
    cold_phase: PhaseFlag,
    events: Receiver<Event>,
    sender: Sender<Event>,
    drain_timeout: Nanos,
    cancel_on_panic: bool,
    signals: Option<(Handle, JoinHandle<()>)>,
    /// They follow what follows the path, and are stopped last.
    subscribers: Vec<Working>,
    /// Of the broker's files, where our books are reconciled.
    watch: Option<Watching>,
}

struct Thread {
    name: &'static str,
    handle: JoinHandle<Worker>,
    doorbell: Doorbell,
    progress: std::sync::Arc<super::worker::Progress>,
}

/// How a run ended.
#[derive(Debug, Eq, PartialEq)]
pub enum End {
    /// Asked to, and everything was sent before.
    Drained,
    /// Asked to, and the bound on the time came first.
    DrainTimedOut,
    /// A stage failed that may not go on.
    Shut {
        /// Which.
        stage: &'static str,
        /// What it said.
        message: String,
    },
}

impl Running {
    /// Gives each worker its thread, pinned to `cores` in turn as far as they go.
    pub fn spawn(gateway: Gateway, cores: &[CoreId]) -> io::Result<Self> {
        let (sender, events) = unbounded();
        let (phase, cold_phase) = (PhaseFlag::default(), PhaseFlag::default());
        let mut running = Self {
            path: Vec::new(),
            cold: Vec::new(),
            phase,
            cold_phase,
            events,
            sender,
            drain_timeout: gateway.drain_timeout,
            cancel_on_panic: gateway.cancel_on_panic,
            signals: None,
            subscribers: Vec::new(),
            watch: None,
        };
        let mut cores = cores.iter().copied();
        for worker in gateway.path {
            let thread = start(worker, cores.next(), &running.phase, &running.sender)?;
            running.path.push(thread);
        }
        for worker in gateway.cold {
            let thread = start(worker, None, &running.cold_phase, &running.sender)?;
            running.cold.push(thread);
        }
        for courier in gateway.subscribers {
            running.subscribers.push(courier.spawn()?);
        }
        running.watch = gateway.watch.map(Watch::spawn).transpose()?;
        Ok(running)
    }

    /// From now on SIGTERM and SIGINT stop the gateway.
    pub fn heed_signals(&mut self) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let (handle, sender) = (signals.handle(), self.sender.clone());
        let thread = Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                if sender.send(Event::Signal).is_err() {
                    return;
                }
            }
        })?;
        self.signals = Some((handle, thread));
        Ok(())
    }

    /// Stops as a signal would.
    pub fn stopper(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Waits until something ends the run, then stops every worker in order.
    pub fn wait(self) -> End {
        self.wait_with_workers().0
    }

    /// The same, and hands the workers of the path back: their meters can be read.
    pub fn wait_with_workers(mut self) -> (End, Vec<Worker>) {
        let end = loop {
            match self.events.recv() {
                Ok(Event::Restarted { stage, message }) => {
                    tracing::error!(stage, message, "a stage panicked and was restarted");
                }
                Ok(Event::Shut { stage, message }) => break End::Shut { stage, message },
                Ok(Event::Signal) | Err(_) => break self.drain(),
                Ok(Event::Ended) => {
                    let message = "its thread ended".to_owned();
                    break End::Shut {
                        stage: "worker",
                        message,
                    };
                }
            }
        };
        let (mut path, mut cold) = self.end();
        if self.cancel_on_panic && matches!(end, End::Shut { .. }) {
            self.cancel_all(&mut path, &mut cold);
        }
        self.tell_the_last(&mut cold);
        // Their sockets and files close with them.
        drop(cold);
        (end, path)
    }

    /// The path first: nothing new comes in, all that is under way goes out.
    fn drain(&self) -> End {
        tracing::info!("stopping: nothing new is taken in");
        self.phase.set(Phase::Draining);
        let round = Duration::from_millis(1);
        let mut rounds_left = self.drain_timeout.to_duration().as_millis().max(1);
        let mut quiet_rounds = 0;
        while quiet_rounds < 5 {
            if rounds_left == 0 {
                return End::DrainTimedOut;
            }
            rounds_left -= 1;
            ring(&self.path);
            match self.events.recv_timeout(round) {
                Ok(Event::Shut { stage, message }) => return End::Shut { stage, message },
                Ok(Event::Signal) => return End::DrainTimedOut,
                _ => {}
            }
            let is_quiet = |thread: &Thread| {
                thread
                    .progress
                    .is_quiet
                    .load(std::sync::atomic::Ordering::Acquire)
            };
            quiet_rounds = if self.path.iter().all(is_quiet) {
                quiet_rounds + 1
            } else {
                0
            };
        }
        End::Drained
    }

    /// Nobody decides any more, so what lives at the brokers is taken back: what the journal says lives.
    /// These cancels are not in it; the next start asks the brokers what became of each order.
    fn cancel_all(&self, path: &mut [Worker], cold: &mut [Worker]) {
        let mut cancels: Vec<_> = cold.iter_mut().flat_map(Worker::last_cancels).collect();
        let count = cancels.len();
        tracing::error!(count, "the gate has failed: cancelling every live order");
        for worker in path {
            let has_sent = worker.send_last(&mut cancels, self.drain_timeout);
            if !has_sent {
                tracing::error!(thread = worker.name(), "not all cancels have left");
            }
        }
    }

    /// What was recorded to the end is told, to each subscriber within one bound.
    fn tell_the_last(&mut self, cold: &mut [Worker]) {
        if let Some(watching) = self.watch.take() {
            watching.stop(self.drain_timeout);
        }
        for worker in cold {
            worker.finish(self.drain_timeout);
        }
        let bound = self.drain_timeout;
        self.subscribers.iter().for_each(|of| of.stop(bound));
        self.subscribers.drain(..).for_each(Working::join);
    }

    /// Ends every thread: the path, then what follows it, so that the journal sees all of it.
    fn end(&mut self) -> (Vec<Worker>, Vec<Worker>) {
        self.phase.set(Phase::Ending);
        ring(&self.path);
        let workers = self.path.drain(..).filter_map(join).collect();
        self.cold_phase.set(Phase::Ending);
        ring(&self.cold);
        let cold = self.cold.drain(..).filter_map(join).collect();
        if let Some((handle, thread)) = self.signals.take() {
            handle.close();
            let _ = thread.join();
        }
        (workers, cold)
    }
}

fn start(
    mut worker: Worker,
    core: Option<CoreId>,
    phase: &PhaseFlag,
    sender: &Sender<Event>,
) -> io::Result<Thread> {
    let (name, doorbell, progress) = (worker.name(), worker.poller().doorbell(), worker.progress());
    let (phase, sender) = (phase.clone(), sender.clone());
    let handle = Builder::new().name(name.to_owned()).spawn(move || {
        if let Some(core) = core
            && !core_affinity::set_for_current(core)
        {
            tracing::warn!(thread = name, core = core.id, "could not be pinned");
        }
        worker.run(&phase, &sender);
        let _ = sender.send(Event::Ended);
        worker
    })?;
    Ok(Thread {
        name,
        handle,
        doorbell,
        progress,
    })
}

fn ring(threads: &[Thread]) {
    for thread in threads {
        thread.doorbell.ring();
    }
}

fn join(thread: Thread) -> Option<Worker> {
    let worker = thread.handle.join();
    if worker.is_err() {
        tracing::error!(thread = thread.name, "ended by a panic outside its stages");
    }
    worker.ok()
}
