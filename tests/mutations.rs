//! Whether the tests would miss a control: each is switched off in turn, and some test must fail.
//!
//! `cargo test --features mutations --test mutations -- --nocapture`; ten minutes or so. The catalogue's
//! scenarios, the gateway's stories and the model are asked, in this order.

use portcullis::reject::RejectReason;
use std::process::{Command, Stdio};

const TESTS: [&str; 3] = ["controls", "gateway", "model"];

fn passes(switched_off: &str) -> bool {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["test", "--quiet", "--features", "mutations"])
        .env("PORTCULLIS_SWITCHED_OFF", switched_off)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for test in TESTS {
        command.args(["--test", test]);
    }
    command.status().expect("cargo").success()
}

#[test]
fn every_control_that_is_switched_off_is_missed() {
    assert!(passes("nothing"), "the tests must pass as things are");
    let mut unseen = Vec::new();
    for (number, reason) in RejectReason::ALL.iter().enumerate() {
        let is_seen = !passes(reason.name());
        println!(
            "{:>2} of {}  {:<26} {}",
            number + 1,
            RejectReason::ALL.len(),
            reason.name(),
            if is_seen { "missed" } else { "NOT MISSED" }
        );
        if !is_seen {
            unseen.push(reason.name());
        }
    }
    assert!(unseen.is_empty(), "nobody misses {unseen:?}");
}
