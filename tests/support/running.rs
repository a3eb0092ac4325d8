//! Running: the end of a gate with threads.

use portcullis::topology::supervisor::{End, Running};
use portcullis::topology::worker::Event;

pub(crate) fn stop(running: Running) {
    running.stopper().send(Event::Signal).unwrap();
    assert_eq!(running.wait(), End::Drained);
}
