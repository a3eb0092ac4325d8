//! Poller: what a thread waits in, and the doorbell that wakes it.
//!
//! One thread has one poller; the stages on it register their sockets under tokens of their own. A
//! thread that spins asks the poller without waiting; a thread that parks waits in it, and whoever
//! pushes into a ring that it drains rings its doorbell.
//!
//! The doorbell is one flag and one eventfd. Both sides write, fence and then read: who parks raises
//! the flag ([`Poller::prepare`]), fences, looks at its rings and sleeps if they are empty; who pushes
//! publishes, fences and looks at the flag ([`Doorbell::ring`]). One of the two fences comes first,
//! and who comes second sees what the other wrote. The eventfd remembers a ring, so that one which
//! comes between the look and the sleep ends the sleep at once. The flag is taken down by whoever
//! sees it, so a thread is woken once for each time it lies down.

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
    /// The peer has closed, or the connection has failed. Until then a read that does not fill its
    /// buffer has emptied the socket, and what comes later is told anew.
    pub is_closed: bool,
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
                is_closed: event.is_read_closed() || event.is_error(),
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
        self.ring_if(|| true);
    }

    /// To be called after `taken` messages were taken out of a ring that holds `capacity` of them:
    /// who fills it may have parked for want of room. `left` tells how many messages are in it now.
    ///
    /// Who has found room rings nobody, so the bell stays silent over a ring that was less than half
    /// full; who parks for want of room must therefore have found more than half of it taken. Then no
    /// wake-up is lost. The last look of who parks, after its flag, either sees the room that was
    /// made here, or else this here sees the flag and all that was in the ring at that look: what was
    /// taken now and what is left are no less.
    #[inline]
    pub fn ring_for_room(&self, capacity: usize, taken: usize, left: impl FnOnce() -> usize) {
        if taken != 0 {
            self.ring_if(|| capacity / 2 <= taken + left());
        }
    }

    /// Whether a ring would wake somebody.
    #[cfg(test)]
    pub(crate) fn is_parked(&self) -> bool {
        let bell = self.0.as_ref();
        bell.is_some_and(|bell| bell.is_parked.load(Ordering::Relaxed))
    }

    #[inline]
    fn ring_if(&self, is_news: impl FnOnce() -> bool) {
        let Some(bell) = &self.0 else { return };
        // Pairs with the fence in `Poller::prepare`.
        fence(Ordering::SeqCst);
        if bell.is_parked.load(Ordering::Relaxed) && is_news() {
            bell.wake();
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

    #[test]
    fn room_is_told_to_who_parks_and_only_where_it_may_have_waited_for_it() {
        let poller = Poller::new(8).unwrap();
        let doorbell = poller.doorbell();
        let is_told = |taken, left| {
            poller.prepare();
            doorbell.ring_for_room(16, taken, || left);
            !doorbell.is_parked()
        };
        for (taken, left, expected) in [
            (0, 16, false),
            (1, 6, false),
            (1, 7, true),
            (8, 0, true),
            (7, 0, false),
            (1, 15, true),
        ] {
            assert_eq!(is_told(taken, left), expected, "{taken} taken, {left} left");
        }
        poller.stay();
        doorbell.ring_for_room(16, 1, || panic!("nobody parks"));
    }

    /// Sleeps, and asserts that it was the bell that ended it: that of this sleep, or that of an
    /// earlier one which was rung when its sleeper had found work and gone on.
    fn sleep_until_rung(poller: &mut Poller) {
        poller
            .wait(Some(Nanos::from_secs(60)), |_, _| {})
            .map(drop)
            .unwrap();
        let is_rung = poller.events.iter().any(|event| event.token() == BELL);
        assert!(is_rung, "a wake-up was lost");
    }

    /// A ring as small as can be between two threads that park whenever they cannot go on: every
    /// message and every bit of room must wake the other.
    #[test]
    fn two_threads_that_park_for_messages_and_for_room_never_sleep_both() {
        const COUNT: u64 = 200_000;
        let (mut producer, mut consumer) = crate::ring::ring::<u64>(4);
        let (mut here, mut there) = (Poller::new(8).unwrap(), Poller::new(8).unwrap());
        let (bell_here, bell_there) = (here.doorbell(), there.doorbell());
        let capacity = producer.capacity();
        let thread = std::thread::spawn(move || {
            let mut next = 0;
            while next < COUNT {
                there.prepare();
                let taken = consumer.drain(3).inspect(|found| {
                    assert_eq!(*found, next);
                    next += 1;
                });
                match taken.count() {
                    0 => sleep_until_rung(&mut there),
                    taken => {
                        there.stay();
                        bell_here.ring_for_room(capacity, taken, || consumer.len());
                    }
                }
            }
        });
        for number in 0..COUNT {
            loop {
                here.prepare();
                // Less than half of it free is no room, as for a stage that pushes several at once.
                if 2 <= producer.free_count() {
                    here.stay();
                    break;
                }
                sleep_until_rung(&mut here);
            }
            producer.push(number).unwrap();
            bell_there.ring();
        }
        thread.join().unwrap();
    }
}
