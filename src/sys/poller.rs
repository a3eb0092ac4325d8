//! Poller: what a thread waits in, and the doorbell that wakes it.
//!
//! One thread has one poller; the stages on it register their sockets under tokens of their own. A
//! thread that spins asks the poller without waiting; a thread that parks waits in it, and whoever
//! pushes into a ring that it drains rings its doorbell.

use crate::units::Nanos;
use mio::{Events, Interest, Poll, Token, Waker, event::Source};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// A socket that has something to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Readiness {
    /// The stage's own number of the socket.
    pub token: usize,
    /// There is something to read, or the peer has closed.
    pub is_readable: bool,
    /// There is room to write.
    pub is_writable: bool,
}

/// The stages of one thread wait here.
#[derive(Debug)]
pub struct Poller {
    poll: Poll,
    events: Events,
    doorbell: Doorbell,
    stage_count: usize,
}

/// A stage's place in the poller of its thread: it registers sockets with it.
#[derive(Debug)]
pub struct Sockets {
    registry: mio::Registry,
    stage: usize,
}

/// Wakes the thread that parks in a [`Poller`]. Costs one load while that thread is awake.
#[derive(Clone, Debug, Default)]
pub struct Doorbell(Option<Arc<Bell>>);

#[derive(Debug)]
struct Bell {
    is_parked: AtomicBool,
    waker: Waker,
}

const STAGE_SHIFT: u32 = 48;
const BELL: Token = Token(usize::MAX);

impl Poller {
    /// A poller with room to report `events_max` sockets at a time.
    pub fn new(events_max: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), BELL)?;
        let bell = Bell {
            is_parked: AtomicBool::new(false),
            waker,
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(events_max),
            doorbell: Doorbell(Some(Arc::new(bell))),
            stage_count: 0,
        })
    }

    /// A place for one more stage. Stages are numbered in the order of these calls.
    pub fn sockets(&mut self) -> io::Result<Sockets> {
        let stage = self.stage_count;
        self.stage_count += 1;
        Ok(Sockets {
            registry: self.poll.registry().try_clone()?,
            stage,
        })
    }

    /// What wakes this poller.
    pub fn doorbell(&self) -> Doorbell {
        self.doorbell.clone()
    }

    /// Asks which sockets are ready, without waiting, and tells `ready` the stage and what is.
    pub fn poll(&mut self, ready: impl FnMut(usize, Readiness)) -> io::Result<usize> {
        self.wait(Some(Nanos::ZERO), ready)
    }

    /// Says that the thread is about to park: from now on a ring of the bell wakes it. The caller
    /// looks at its rings once more, then calls [`Poller::park`] or [`Poller::stay`].
    pub fn prepare(&self) {
        if let Some(bell) = &self.doorbell.0 {
            bell.is_parked.store(true, Ordering::Relaxed);
        }
        // Pairs with the fence in `Doorbell::ring`: either the ringer sees the flag, or we see its
        // message when we look at the rings once more.
        fence(Ordering::SeqCst);
    }

    /// There was work after all.
    pub fn stay(&self) {
        if let Some(bell) = &self.doorbell.0 {
            bell.is_parked.store(false, Ordering::Relaxed);
        }
    }

    /// Waits for a socket, the bell or the end of `timeout`.
    pub fn park(
        &mut self,
        timeout: Option<Nanos>,
        ready: impl FnMut(usize, Readiness),
    ) -> io::Result<usize> {
        let result = self.wait(timeout, ready);
        self.stay();
        result
    }

    fn wait(
        &mut self,
        timeout: Option<Nanos>,
        mut ready: impl FnMut(usize, Readiness),
    ) -> io::Result<usize> {
        match self
            .poll
            .poll(&mut self.events, timeout.map(Nanos::to_duration))
        {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            Err(error) => return Err(error),
        }
        let mut count = 0;
        for event in self.events.iter().filter(|event| event.token() != BELL) {
            let token = event.token().0;
            let readiness = Readiness {
                token: token & ((1 << STAGE_SHIFT) - 1),
                is_readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                is_writable: event.is_writable() || event.is_error(),
            };
            ready(token >> STAGE_SHIFT, readiness);
            count += 1;
        }
        Ok(count)
    }
}

impl Sockets {
    /// Watches a socket, reading and writing, on its edges: the stage reads and writes until the
    /// socket would block, or remembers that it did not.
    pub fn register(&self, source: &mut impl Source, token: usize) -> io::Result<()> {
        let token = Token(self.stage << STAGE_SHIFT | token);
        self.registry
            .register(source, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Watches a socket that only ever becomes readable, such as a listener.
    pub fn register_readable(&self, source: &mut impl Source, token: usize) -> io::Result<()> {
        let token = Token(self.stage << STAGE_SHIFT | token);
        self.registry.register(source, token, Interest::READABLE)
    }

    /// Watches it no more.
    pub fn deregister(&self, source: &mut impl Source) -> io::Result<()> {
        self.registry.deregister(source)
    }
}

impl Doorbell {
    /// A bell that wakes nobody: both ends are on one thread, or the other never parks.
    pub const NONE: Self = Self(None);

    /// To be called after a message was published.
    #[inline]
    pub fn ring(&self) {
        if let Some(bell) = &self.0 {
            // Pairs with the fence in `Poller::prepare`.
            fence(Ordering::SeqCst);
            if bell.is_parked.load(Ordering::Relaxed) {
                bell.wake();
            }
        }
    }
}

impl Bell {
    #[cold]
    fn wake(&self) {
        if self.is_parked.swap(false, Ordering::Relaxed) {
            // A failure here is a full counter: the thread is being woken already.
            let _ = self.waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_wakes_who_parks_and_costs_nothing_otherwise() {
        let mut poller = Poller::new(8).unwrap();
        let doorbell = poller.doorbell();
        doorbell.ring();
        assert_eq!(
            poller.poll(|_, _| panic!("nothing is registered")).unwrap(),
            0
        );
        poller.prepare();
        let thread = std::thread::spawn(move || doorbell.ring());
        poller
            .park(None, |_, _| panic!("nothing is registered"))
            .unwrap();
        thread.join().unwrap();
    }
}
