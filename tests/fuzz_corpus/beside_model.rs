//! The core beside its slow model: both answer every command alike and hold the same.

use crate::bytes::Bytes;
use crate::model::Model;
use crate::model::random::{self, Random};
use crate::model::real::Real;
use crate::model::shrink::{Command, Match};
use portcullis::message::Frame;
use portcullis::risk::setup::Setup;

/// `bytes`: the seed of a setup, then what each command is drawn by.
pub(crate) fn check(bytes: &mut Bytes<'_>) {
    let seed = u64::from(u16::from_le_bytes(bytes.array()));
    let (setup, mut style) = random::setup(&mut Random::new(seed));
    let mut both = Match::new(Model::new(&setup), Box::new(Real::new(&setup)));
    let mut random = Random::given(bytes.rest());
    for count in 1..=COMMANDS_MAX {
        if random.is_spent() {
            break;
        }
        let command = random::command(&mut random, &mut style, &both.model);
        let mut played = both.play(&command).map(|_| ());
        if count % COMMANDS_PER_VIEW == 0 {
            played = played.and_then(|()| both.compare_views());
        }
        if let Err(difference) = played {
            panic!("seed {seed}, command {count}, {command:?}: {difference:?}");
        }
    }
    if let Err(difference) = both.compare_views() {
        panic!("seed {seed}, at the end: {difference:?}");
    }
}

/// Plays events as they are.
pub(crate) fn play(setup: &Setup, events: impl Iterator<Item = (Frame, Vec<Frame>)>) {
    let mut both = Match::new(Model::new(setup), Box::new(Real::new(setup)));
    for (count, (frame, continuations)) in events.enumerate() {
        let command = Command {
            frame,
            continuations,
            about: None,
        };
        let mut played = both.play(&command).map(|_| ());
        if count % COMMANDS_PER_VIEW == 0 {
            played = played.and_then(|()| both.compare_views());
        }
        if let Err(difference) = played {
            panic!("event {count}, {command:?}: {difference:?}");
        }
    }
}

/// The model becomes slower with each.
const COMMANDS_MAX: usize = 300;
const COMMANDS_PER_VIEW: usize = 8;
