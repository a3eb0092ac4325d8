//! Transcripts of sessions: who gets in, what counts, and what ends it.

use super::{KINDS, empty};
use crate::message::{Frame, Kind, Text};
use crate::protocol::native::bodies::{
    Challenge, Fault, Logon, Logout, LogoutReason, Proof, Role, Welcome,
};
use crate::protocol::native::key::Key;
use crate::protocol::native::session::{
    Acceptor, AcceptorOptions, Admission, Heard, Initiator, InitiatorOptions, Phase, Told,
};
use crate::units::{Nanos, StrategyId};

const BEAT: Nanos = Nanos::from_secs(10);
const START: Nanos = Nanos::from_secs(1_000_000);

fn key() -> Key {
    Key::new([7; 32])
}

fn acceptor_of(proof: Proof, nonce: u8) -> (Acceptor, Frame) {
    let options = AcceptorOptions {
        name: Text::new("gate-1").unwrap(),
        role: Role::Strategy,
        proof,
        heartbeat: BEAT,
        logon_timeout: Nanos::from_secs(3),
    };
    Acceptor::new(&options, [nonce; 32], START)
}

fn options() -> InitiatorOptions {
    InitiatorOptions {
        name: Text::new("alpha").unwrap(),
        role: Role::Strategy,
        key: Some(key()),
        report_sequence_last: 4,
        salt: [9; 12],
        logon_timeout: Nanos::from_secs(3),
    }
}

fn admission(key: Option<&Key>) -> Admission<'_> {
    Admission {
        key,
        is_permitted: false,
        is_in_use: false,
        strategy: StrategyId(3),
        command_sequence_next: 21,
        report_sequence_next: 9,
        report_sequence_oldest: 2,
        definition_count: 0,
    }
}

/// The challenge and its answer.
fn logon(
    acceptor: &mut Acceptor,
    challenge: &Frame,
    options: InitiatorOptions,
) -> (Initiator, Frame) {
    let mut initiator = Initiator::new(options, START);
    let Ok(Told::Challenge(logon)) = initiator.receive(challenge, START) else {
        panic!("the challenge was not answered");
    };
    assert!(matches!(
        acceptor.receive(&logon, START),
        Ok(Heard::Logon(_))
    ));
    (initiator, logon)
}

/// Two live ends.
fn live() -> (Acceptor, Initiator) {
    let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
    let (mut initiator, logon) = logon(&mut acceptor, &challenge, options());
    let key = key();
    let welcome = acceptor
        .admit(logon.body(), &admission(Some(&key)), START)
        .unwrap();
    assert!(matches!(
        initiator.receive(&welcome, START),
        Ok(Told::Welcome { missed: 0, .. })
    ));
    (acceptor, initiator)
}

fn refusal(options: InitiatorOptions, admission: &Admission<'_>) -> Result<Frame, Fault> {
    let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
    let (_, logon) = logon(&mut acceptor, &challenge, options);
    let result = acceptor.admit(logon.body(), admission, START);
    assert_eq!(result.is_ok(), acceptor.phase() == Phase::Live);
    result
}

#[test]
fn a_good_logon_goes_on_where_both_ends_left_off() {
    let (mut acceptor, mut initiator) = live();
    assert!(initiator.is_ready());
    for sequence in 21..30 {
        let mut command = empty(Kind::Cancel, 0);
        initiator.count(&mut command, START);
        assert_eq!(command.header.sequence, sequence);
        assert!(matches!(
            acceptor.receive(&command, START),
            Ok(Heard::Command)
        ));
    }
    for sequence in 5..12 {
        let report = empty(Kind::Execution, sequence);
        assert!(matches!(
            initiator.receive(&report, START),
            Ok(Told::Report)
        ));
        assert_eq!(initiator.report_sequence_last(), sequence);
    }
}

#[test]
fn every_wrong_logon_gets_the_same_answer() {
    let (good, wrong) = (key(), Key::new([8; 32]));
    assert!(refusal(options(), &admission(Some(&good))).is_ok());
    let mut answers = vec![
        refusal(options(), &admission(None)),
        refusal(options(), &admission(Some(&wrong))),
        refusal(
            InitiatorOptions {
                role: Role::Gate,
                ..options()
            },
            &admission(Some(&good)),
        ),
        refusal(
            InitiatorOptions {
                role: Role::Gate,
                ..options()
            },
            &admission(None),
        ),
    ];
    // Who does not have the key is not told either that the name has a session, or what was sent.
    let in_use = Admission {
        is_in_use: true,
        report_sequence_next: 1,
        ..admission(Some(&wrong))
    };
    answers.push(refusal(options(), &in_use));
    for answer in answers {
        let fault = answer.unwrap_err();
        assert_eq!(fault, Fault::new(LogoutReason::LogonRefused));
        assert_eq!(
            fault.frame(),
            Fault::new(LogoutReason::LogonRefused).frame()
        );
    }
}

#[test]
fn any_change_to_a_logon_makes_it_wrong() {
    let key = key();
    for bit in 0..96 * 8 {
        let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
        let (_, mut logon) = logon(&mut acceptor, &challenge, options());
        logon.bytes_mut()[32 + bit / 8] ^= 1 << (bit % 8);
        let result = acceptor.admit(logon.body(), &admission(Some(&key)), START);
        assert_eq!(
            result,
            Err(Fault::new(LogoutReason::LogonRefused)),
            "bit {bit}"
        );
    }
}

#[test]
fn a_logon_cannot_be_used_again() {
    let key = key();
    let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
    let (_, heard) = logon(&mut acceptor, &challenge, options());
    let (mut again, _) = acceptor_of(Proof::Key, 2);
    assert!(matches!(again.receive(&heard, START), Ok(Heard::Logon(_))));
    let result = again.admit(heard.body(), &admission(Some(&key)), START);
    assert_eq!(result, Err(Fault::new(LogoutReason::LogonRefused)));
}

#[test]
fn an_acceptor_without_the_key_is_not_believed() {
    let (key, wrong) = (key(), Key::new([8; 32]));
    let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
    let (initiator, logon) = logon(&mut acceptor, &challenge, options());
    let welcome = acceptor
        .admit(logon.body(), &admission(Some(&key)), START)
        .unwrap();
    for bit in 0..96 * 8 {
        let mut changed = welcome;
        changed.bytes_mut()[32 + bit / 8] ^= 1 << (bit % 8);
        let result = initiator.clone().receive(&changed, START).map(|_| ());
        assert_eq!(
            result,
            Err(Fault::new(LogoutReason::AcceptorRefused)),
            "bit {bit}"
        );
    }
    // A welcome recorded before does not fit a new salt, though nonce and name are the same.
    let mut fresh = Initiator::new(
        InitiatorOptions {
            salt: [10; 12],
            ..options()
        },
        START,
    );
    assert!(fresh.receive(&challenge, START).is_ok());
    assert!(fresh.receive(&welcome, START).is_err());
    let body = welcome.body::<Welcome>();
    assert_ne!(
        wrong.welcome_mac(challenge.body(), logon.body(), body),
        body.mac
    );
}

#[test]
fn nobody_is_talked_into_less_proof() {
    let told = |proof: Proof, key: Option<Key>, change: fn(&mut Challenge)| {
        let (_, mut challenge) = acceptor_of(proof, 1);
        change(challenge.body_mut::<Challenge>());
        let mut initiator = Initiator::new(InitiatorOptions { key, ..options() }, START);
        initiator
            .receive(&challenge, START)
            .map(|_| ())
            .map_err(|fault| fault.reason)
    };
    let refused = Err(LogoutReason::AcceptorRefused);
    assert_eq!(told(Proof::Key, Some(key()), |_| ()), Ok(()));
    assert_eq!(told(Proof::Kernel, None, |_| ()), Ok(()));
    assert_eq!(told(Proof::Kernel, Some(key()), |_| ()), refused);
    assert_eq!(told(Proof::Key, None, |_| ()), refused);
    assert_eq!(
        told(Proof::Key, Some(key()), |body| body.proof = 0),
        refused
    );
    assert_eq!(
        told(Proof::Key, Some(key()), |body| body.heartbeat = Nanos::ZERO),
        refused
    );
    let version = Err(LogoutReason::VersionUnknown);
    assert_eq!(
        told(Proof::Key, Some(key()), |body| body.version = 0),
        version
    );
    let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
    let (_, mut frame) = logon(&mut acceptor.clone(), &challenge, options());
    frame.body_mut::<Logon>().version = 2;
    let fault = acceptor.receive(&frame, START).map(|_| ()).unwrap_err();
    assert_eq!(
        (fault.reason, fault.expected, fault.found),
        (LogoutReason::VersionUnknown, 1, 2)
    );
}

#[test]
fn over_a_unix_socket_the_kernel_decides() {
    let enter = |is_permitted: bool, mac: u8| {
        let (mut acceptor, challenge) = acceptor_of(Proof::Kernel, 1);
        let (_, mut frame) = logon(
            &mut acceptor,
            &challenge,
            InitiatorOptions {
                key: None,
                ..options()
            },
        );
        frame.body_mut::<Logon>().mac[31] = mac;
        let admission = Admission {
            is_permitted,
            ..admission(None)
        };
        acceptor.admit(frame.body(), &admission, START).map(|_| ())
    };
    assert_eq!(enter(true, 0), Ok(()));
    assert_eq!(enter(false, 0), Err(Fault::new(LogoutReason::LogonRefused)));
    assert_eq!(enter(true, 1), Err(Fault::new(LogoutReason::LogonRefused)));
}

#[test]
fn the_first_session_of_a_name_stays() {
    let key = key();
    let in_use = Admission {
        is_in_use: true,
        ..admission(Some(&key))
    };
    assert_eq!(
        refusal(options(), &in_use),
        Err(Fault::new(LogoutReason::SessionInUse))
    );
}

#[test]
fn what_is_missed_is_told_and_what_never_was_is_refused() {
    let key = key();
    // The initiator has 4; the next is 9.
    for (oldest, first, missed) in [(1, 5, 0), (5, 5, 0), (7, 7, 2), (9, 9, 4)] {
        let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
        let (mut initiator, logon) = logon(&mut acceptor, &challenge, options());
        let admission = Admission {
            report_sequence_oldest: oldest,
            ..admission(Some(&key))
        };
        let welcome = acceptor.admit(logon.body(), &admission, START).unwrap();
        assert_eq!(welcome.body::<Welcome>().report_sequence_first, first);
        let told = initiator.receive(&welcome, START).unwrap();
        assert!(matches!(told, Told::Welcome { missed: found, .. } if found == missed));
        assert!(
            initiator
                .receive(&empty(Kind::Refusal, first), START)
                .is_ok()
        );
    }
    let ahead = InitiatorOptions {
        report_sequence_last: 9,
        ..options()
    };
    let fault = refusal(ahead, &admission(Some(&key))).unwrap_err();
    assert_eq!(
        (fault.reason, fault.expected, fault.found),
        (LogoutReason::ReportUnknown, 8, 9)
    );
    let furthest = InitiatorOptions {
        report_sequence_last: u64::MAX - 1,
        ..options()
    };
    assert!(refusal(furthest, &admission(Some(&key))).is_err());
}

#[test]
fn a_gap_or_a_repeat_ends_the_session_with_both_numbers() {
    for (sequence, reason) in [
        (20, LogoutReason::SequenceRepeated),
        (0, LogoutReason::SequenceRepeated),
        (22, LogoutReason::SequenceGap),
        (u64::MAX, LogoutReason::SequenceGap),
    ] {
        let (mut acceptor, _) = live();
        let fault = acceptor
            .receive(&empty(Kind::NewOrder, sequence), START)
            .unwrap_err();
        assert_eq!(
            (fault.reason, fault.expected, fault.found),
            (reason, 21, sequence)
        );
        let logout = acceptor.end(fault);
        let body = logout.body::<Logout>();
        assert_eq!(body.reason(), Some(reason));
        assert_eq!((body.expected, body.found), (21, sequence));
    }
    let (_, mut initiator) = live();
    assert_eq!(
        initiator
            .receive(&empty(Kind::Execution, 6), START)
            .unwrap_err()
            .reason,
        LogoutReason::SequenceGap
    );
}

#[test]
fn a_welcome_to_numbers_that_cannot_be_counted_on_from_is_refused() {
    let key = key();
    let half = u64::MAX / 2;
    let welcomed = |command_sequence_next: u64, report_sequence_next: u64| {
        let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
        let (mut initiator, logon) = logon(&mut acceptor, &challenge, options());
        let admission = Admission {
            command_sequence_next,
            report_sequence_next,
            report_sequence_oldest: report_sequence_next,
            ..admission(Some(&key))
        };
        let welcome = acceptor.admit(logon.body(), &admission, START).unwrap();
        let told = initiator.receive(&welcome, START).map(|_| ());
        assert_eq!(told.is_ok(), initiator.phase() == Phase::Live);
        told.map(|()| initiator)
    };
    for (command, report, found) in [
        (u64::MAX, 9, u64::MAX),
        (half + 1, 9, half + 1),
        (21, u64::MAX, u64::MAX),
        (21, half + 1, half + 1),
    ] {
        let fault = welcomed(command, report).unwrap_err();
        assert_eq!(
            (fault.reason, fault.expected, fault.found),
            (LogoutReason::SequenceSpent, half, found)
        );
    }
    let mut initiator = welcomed(half, half).unwrap();
    let mut command = empty(Kind::Cancel, 0);
    for sequence in [half, half + 1] {
        initiator.count(&mut command, START);
        assert_eq!(command.header.sequence, sequence);
    }
    let report = empty(Kind::Execution, half);
    assert!(initiator.receive(&report, START).is_ok());
    assert_eq!(initiator.report_sequence_last(), half);
}

#[test]
fn the_last_sequence_there_is_ends_the_session() {
    let key = key();
    let (mut acceptor, challenge) = acceptor_of(Proof::Key, 1);
    let (_, logon) = logon(&mut acceptor, &challenge, options());
    let admission = Admission {
        command_sequence_next: u64::MAX,
        ..admission(Some(&key))
    };
    acceptor.admit(logon.body(), &admission, START).unwrap();
    let fault = acceptor
        .receive(&empty(Kind::Cancel, u64::MAX), START)
        .unwrap_err();
    assert_eq!(
        (fault.reason, fault.expected, fault.found),
        (LogoutReason::SequenceSpent, u64::MAX, u64::MAX)
    );
}

#[test]
fn nothing_passes_at_the_wrong_moment() {
    let challenged = || acceptor_of(Proof::Key, 1).0;
    let ended = || {
        let (mut acceptor, _) = live();
        acceptor.end(LogoutReason::Done.into());
        acceptor
    };
    for kind in KINDS {
        let is_heard = |mut acceptor: Acceptor| {
            let logon = Logon {
                version: 1,
                ..Logon::default()
            };
            let mut frame = empty(kind, 21);
            if kind == Kind::Logon {
                *frame.body_mut() = logon;
            }
            acceptor.receive(&frame, START).is_ok()
        };
        assert_eq!(
            is_heard(challenged()),
            matches!(kind, Kind::Logon | Kind::Logout),
            "{kind:?}"
        );
        assert!(!is_heard(ended()), "{kind:?}");
        let is_session = kind as u8 >= 128;
        let expected =
            !is_session || matches!(kind, Kind::Heartbeat | Kind::Logout | Kind::Definition);
        assert_eq!(is_heard(live().0), expected, "{kind:?}");
    }
}

#[test]
fn heartbeats_fill_silence_and_two_and_a_half_intervals_of_it_are_the_end() {
    let at = |millis: u64| START.after(Nanos::from_millis(millis));
    let (mut acceptor, _) = live();
    assert_eq!(acceptor.tick(at(9_999)), Ok(None));
    assert_eq!(acceptor.deadline(), at(10_000));
    let beat = acceptor.tick(at(10_000)).unwrap().unwrap();
    assert_eq!(beat.kind(), Some(Kind::Heartbeat));
    assert_eq!(acceptor.tick(at(19_999)), Ok(None));
    acceptor.sent(at(19_999));
    assert_eq!(acceptor.tick(at(24_999)), Ok(None));
    assert_eq!(acceptor.deadline(), at(25_000));
    assert_eq!(
        acceptor.clone().tick(at(25_000)),
        Err(LogoutReason::PeerSilent.into())
    );
    acceptor
        .receive(&empty(Kind::Heartbeat, 0), at(24_999))
        .unwrap();
    assert!(acceptor.tick(at(49_998)).is_ok());
    assert_eq!(
        acceptor.tick(at(49_999)),
        Err(LogoutReason::PeerSilent.into())
    );

    let (_, mut initiator) = live();
    assert!(matches!(initiator.tick(at(10_000)), Ok(Some(_))));
    assert_eq!(
        initiator.tick(at(25_000)),
        Err(LogoutReason::PeerSilent.into())
    );

    let (mut waiting, _) = acceptor_of(Proof::Key, 1);
    assert_eq!(waiting.tick(at(2_999)), Ok(None));
    assert_eq!(
        waiting.tick(at(3_000)),
        Err(LogoutReason::LogonTimeout.into())
    );
    let mut waiting = Initiator::new(options(), START);
    assert_eq!(waiting.tick(at(2_999)), Ok(None));
    assert_eq!(
        waiting.tick(at(3_000)),
        Err(LogoutReason::LogonTimeout.into())
    );
}

#[test]
fn no_key_is_ever_shown() {
    let shown = format!("{:?} {:?}", key(), options());
    assert!(shown.contains("Key(..)"));
    assert!(!shown.contains("7, 7"), "{shown}");
}
