//! Many connections, bad ones, and what they may cost.

use crate::harness::{Gate, options};
use portcullis::units::Nanos;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

fn connect(gate: &Gate) -> TcpStream {
    let stream = TcpStream::connect(gate.stage.tcp_address().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Reads what is there; true at the end of the stream.
fn is_over(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

#[test]
fn connections_that_do_not_log_on_give_way_and_sessions_do_not() {
    let mut small = options();
    small.half_open_max = 4;
    let mut gate = Gate::new(small);
    let mut beta = gate.log_on(1, "beta");
    let mut storm: Vec<TcpStream> = (0..40).map(|_| connect(&gate)).collect();
    gate.until(|gate| (gate.stage.counters().connections == 41).then_some(()));
    assert_eq!(gate.stage.counters().evictions, 36);
    gate.until(|_| {
        let over = storm
            .iter_mut()
            .filter_map(|stream| is_over(stream).then_some(()));
        (over.count() == 36).then_some(())
    });
    // In the middle of it a strategy gets in, and who is in is served.
    let mut alpha = gate.log_on(0, "alpha");
    gate.report(0);
    gate.report(1);
    assert_eq!(gate.until_reports(&mut alpha, 1), [1]);
    assert_eq!(gate.until_reports(&mut beta, 1), [1]);
}

#[test]
fn a_logon_that_takes_too_long_is_ended() {
    let mut gate = Gate::new(options());
    let mut stream = connect(&gate);
    gate.until(|gate| (gate.stage.counters().connections == 1).then_some(()));
    gate.now = gate.now.after(Nanos::from_millis(4_999));
    stream.write_all(&[0; 64]).unwrap();
    for _ in 0..100 {
        gate.step();
    }
    assert!(!is_over(&mut stream));
    gate.now = gate.now.after(Nanos::from_millis(1));
    gate.until(|_| is_over(&mut stream).then_some(()));
}

#[test]
fn garbage_ends_only_the_session_that_sends_it() {
    let seed = 0x5eed_u64;
    println!("seed {seed:#x}");
    let mut gate = Gate::new(options());
    let mut alpha = gate.log_on(0, "alpha");
    let mut state = seed;
    for _ in 0..50 {
        let mut stream = connect(&gate);
        let bytes: Vec<u8> = (0..1000)
            .map(|_| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect();
        stream.write_all(&bytes).unwrap();
        gate.until(|_| is_over(&mut stream).then_some(()));
    }
    gate.report(0);
    assert_eq!(gate.until_reports(&mut alpha, 1), [1]);
    assert_eq!(gate.stage.counters().faults, 50);
    assert!(gate.to_risk.pop().is_none());
}
