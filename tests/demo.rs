//! The demo, run for two seconds in this process, holds what it says.

use portcullis::command::demo::{Options, Show, perform};
use portcullis::reject::RejectReason;
use portcullis::units::Nanos;
use std::path::Path;

#[test]
fn a_short_demo_shows_every_mistake_refused_and_replays_without_a_difference() {
    const SEED: u64 = 7;
    let options = Options {
        duration: Nanos::from_secs(2),
        seed: SEED,
        out: Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo"),
        is_kept: false,
        show: Show::Nothing,
    };
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let summary = perform(&options, &cores, &mut std::io::sink()).unwrap();
    let text = &summary.text;
    assert!(
        summary.failures.is_empty(),
        "seed {SEED}: {:?}\n{text}",
        summary.failures
    );
    assert!(
        100 < summary.accepted && summary.accepted < summary.orders,
        "seed {SEED}: {text}"
    );
    assert_eq!(summary.replay.difference_count, 0, "seed {SEED}");
    assert!(summary.orders < summary.replay.decisions);

    let told = [
        ("runaway", RejectReason::OrderRateAboveMax),
        ("fat-finger", RejectReason::PriceOutsideCollar),
        ("too-large", RejectReason::QtyAboveMax),
        ("same-id", RejectReason::ClientOrderIdDuplicate),
        ("wrong-symbol", RejectReason::SymbolUnknown),
        ("coins", RejectReason::AccountKilled),
    ];
    for (name, reason) in told {
        assert!(
            summary.heard[name].contains_key(&reason),
            "seed {SEED}: {name}: {text}"
        );
        assert!(
            summary.refused.contains_key(&reason),
            "seed {SEED}: {name}: {text}"
        );
    }
    assert!(
        !summary.heard["maker"].contains_key(&RejectReason::PriceOutsideCollar),
        "{text}"
    );

    // The guide's limits are in force.
    let limits =
        "The firm: at most 1000000 in any one position, 5000000 in all; of 5000000 it may lose";
    assert!(text.contains(limits), "{text}");
    let firm = &summary.json["firm"];
    assert_eq!(firm["capital"], "5000000");
    let lost: Vec<_> = firm["limits"].as_array().unwrap().iter().collect();
    assert_eq!((lost.len(), &firm["halted"]), (2, &serde_json::Value::Null));
    for (limit, share) in lost.iter().zip(["0.1", "0.2"]) {
        let of_share: f64 = share.parse::<f64>().unwrap() * 5e6;
        let max: f64 = limit["max"].as_str().unwrap().parse().unwrap();
        // A part of what the firm was worth when the day began, or at its highest.
        assert!((max / of_share - 1.0).abs() < 0.01, "{firm}");
    }

    let picture = std::fs::read_to_string(&summary.picture).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("</svg>"));
    assert!(2 < picture.matches("<polyline").count());
    assert!(
        summary
            .latencies
            .iter()
            .all(|series| !series.times.is_empty()),
        "{text}"
    );
    assert_eq!(summary.json["replay"]["differences"], 0);
}
