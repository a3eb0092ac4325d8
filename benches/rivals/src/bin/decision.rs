//! Decision: what one order's decision costs in process, ours against the rivals'.
//!
//! Run: `cargo run --release --features decision --bin decision`, with the options below.
//!
//! One more contestant is one more module here, which implements `Contestant`, and one more line in
//! the list. What each one's figure holds and leaves out stands at the head of its module.

use std::fs;
use std::process::{Command, exit};

#[path = "../contest.rs"]
mod contest;
#[path = "../flow.rs"]
mod flow;
#[path = "../nautilus.rs"]
mod nautilus;
#[path = "../pit.rs"]
mod pit;
#[path = "../portcullis.rs"]
mod portcullis;

use contest::{Contestant, Size};
use nautilus::{Nautilus, Outbox};
use crate::portcullis::Gate;
use pit::Pit;

const USAGE: &str = "\
usage: decision [--orders COUNT] [--rounds COUNT] [--batch COUNT] [--core INDEX]
  --orders  orders per contestant and round   (100000)
  --rounds  rounds, after one of warm-up      (9)
  --batch   orders per reading of the clock   (1000)
  --core    the core that everything runs on  (the last one)";

fn main() {
    let (size, core_index) = options();
    let core = pin(core_index);

    let outbox = Outbox::register();
    pit::verify();
    nautilus::verify(&outbox);

    print_origin(size, core);
    // Twice the batch in the interval between two batches: counted, never in the way.
    let rate = 2 * size.orders_per_batch;
    // The first one is what the others are compared with.
    let mut contestants: Vec<Box<dyn Contestant>> = vec![
        Box::new(Gate::with_every_control()),
        Box::new(Gate::with_eleven_limits(false)),
        Box::new(Gate::with_eleven_limits(true)),
        Box::new(Pit::with_four_policies()),
        Box::new(Pit::with_funds()),
        Box::new(Nautilus::new(&outbox, rate)),
        Box::new(Nautilus::with_100_open_orders(&outbox, rate)),
    ];
    contest::run(&mut contestants, size);
}

fn options() -> (Size, Option<usize>) {
    let mut size = Size {
        orders_per_round: 100_000,
        orders_per_batch: 1_000,
        rounds: 9,
    };
    let mut core_index = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(key) = arguments.next() {
        let Some(value) = arguments.next().and_then(|text| text.parse().ok()) else {
            refuse(&format!("{key} needs a whole number after it"));
        };
        match key.as_str() {
            "--orders" => size.orders_per_round = value,
            "--rounds" => size.rounds = value,
            "--batch" => size.orders_per_batch = value,
            "--core" => core_index = Some(value),
            _ => refuse(&format!("{key} is no option")),
        }
    }
    // A batch ends flat only if it ends with a sell.
    if size.orders_per_batch == 0 || !size.orders_per_batch.is_multiple_of(2) {
        refuse("--batch must be even and above 0");
    }
    if size.orders_per_round < size.orders_per_batch || size.rounds == 0 {
        refuse("--orders must hold one batch, --rounds one round");
    }
    (size, core_index)
}

fn pin(core_index: Option<usize>) -> usize {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let core = match core_index {
        Some(index) => cores.iter().find(|core| core.id == index),
        None => cores.last(),
    };
    let Some(core) = core else {
        refuse("--core names a core that this process may not use");
    };
    if !core_affinity::set_for_current(*core) {
        refuse("the core refuses to be pinned to");
    }
    core.id
}

fn refuse(what: &str) -> ! {
    eprintln!("decision: {what}\n{USAGE}");
    exit(2);
}

/// What a figure is worth nothing without: machine, kernel, commit, versions.
fn print_origin(size: Size, core: usize) {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let commit = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    println!(
        "cpu {cpu}, core {core}, kernel {}, commit {commit}",
        kernel.trim()
    );
    println!(
        "openpit {}, nautilus-risk {}",
        locked_version("openpit"),
        locked_version("nautilus-risk")
    );
    println!(
        "{} orders per round, {} per batch, {} rounds in turns",
        size.orders_per_round, size.orders_per_batch, size.rounds
    );
}

fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let key = format!("name = \"{package}\"\nversion = \"");
    lock.split_once(&key)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("unknown", |(version, _)| version)
}
