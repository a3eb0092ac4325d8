//! Whether the tests would miss a control: each is switched off in turn, and each that has a limit is bent so
//! that it lets pass what is one beyond it; some test must fail every time.
//!
//! `cargo test --features mutations --test mutations -- --nocapture`; a few minutes. The catalogue's
//! scenarios, the gateway's stories and the model are asked, in this order.

use portcullis::reject::{RejectReason, Unit};
use std::process::{Command, Stdio};

const TESTS: [&str; 3] = ["controls", "gateway", "model"];

fn passes(variable: &str, value: &str) -> bool {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["test", "--quiet", "--features", "mutations"])
        .env(variable, value)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for test in TESTS {
        command.args(["--test", test]);
    }
    command.status().expect("cargo").success()
}

/// The names of those whose mutation nobody missed.
fn unseen(variable: &str, reasons: &[RejectReason]) -> Vec<&'static str> {
    let mut unseen = Vec::new();
    for (number, reason) in reasons.iter().enumerate() {
        let is_seen = !passes(variable, reason.name());
        println!(
            "{:<24}{:>3} of {}  {:<26} {}",
            variable,
            number + 1,
            reasons.len(),
            reason.name(),
            if is_seen { "missed" } else { "NOT MISSED" }
        );
        if !is_seen {
            unseen.push(reason.name());
        }
    }
    unseen
}

#[test]
fn every_control_that_is_switched_off_or_bent_is_missed() {
    let off = "PORTCULLIS_SWITCHED_OFF";
    assert!(passes(off, "nothing"), "the tests must pass as things are");
    // What is told of an order that was cut is no limit.
    let is_limit = |of: &RejectReason| of.unit() != Unit::None && *of != RejectReason::OrderCut;
    let limits: Vec<_> = RejectReason::ALL.iter().copied().filter(is_limit).collect();
    let mut missing = unseen(off, RejectReason::ALL);
    missing.extend(unseen("PORTCULLIS_BENT", &limits));
    assert!(missing.is_empty(), "nobody misses {missing:?}");
}
