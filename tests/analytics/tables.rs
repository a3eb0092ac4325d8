//! Tables: what the core is given is the same on every machine, and the history is read once a day.

use crate::data::{Folder, day, prices};
use portcullis::analytics::panel::Wanted;
use portcullis::analytics::store::Store;
use portcullis::analytics::tables::{Ratio, TableTerms, risk_tables, scenario_returns};
use portcullis::config::analytics::{Analytics, DateOrder, Missing};
use std::path::PathBuf;

fn store(files: &[PathBuf]) -> Store {
    let terms = Analytics {
        history: files.to_vec(),
        date_order: DateOrder::Ymd,
        ..Analytics::default()
    };
    Store::new(&terms, None)
}

const fn wanted(returns_min: usize) -> Wanted {
    Wanted {
        returns_min,
        returns_max: None,
        missing: Missing::Refuse,
    }
}

fn terms(returns_min: usize) -> TableTerms {
    TableTerms {
        wanted: wanted(returns_min),
        ewma_lambda: 0.94,
        condition_max: 10_000.0,
    }
}

#[test]
fn the_history_is_read_once_a_day() {
    let folder = Folder::new("store");
    let files = [
        folder.write("p.csv", prices(1, 2, 50)),
        folder.write("i.csv", prices(2, 1, 50).replace("S0", "I")),
    ];
    let mut store = store(&files);
    assert_eq!(store.files_read_count(), 0);
    let (monday, tuesday) = (jiff::civil::date(2026, 3, 2), jiff::civil::date(2026, 3, 3));
    for _ in 0..100 {
        let history = store.history(monday).unwrap();
        scenario_returns(history, &["S0", "S1", "I"], wanted(10)).unwrap();
        risk_tables(history, &[("S0", Some("I")), ("S1", None)], terms(10)).unwrap();
        assert_eq!(store.files_read_count(), 2);
    }
    // What is changed meanwhile shows on another day.
    folder.write("p.csv", prices(1, 2, 60));
    assert_eq!(count(&mut store, monday), 49);
    assert_eq!(count(&mut store, tuesday), 59);
    assert_eq!(store.files_read_count(), 4);
    // What cannot be read leaves nothing behind that could be taken for it.
    folder.write("p.csv", "Date,S0\n");
    let wednesday = jiff::civil::date(2026, 3, 4);
    assert!(store.history(wednesday).is_err());
    assert!(store.history(tuesday).is_err());
}

fn count(store: &mut Store, today: jiff::civil::Date) -> usize {
    let history = store.history(today).unwrap();
    let scenarios = scenario_returns(history, &["S0", "S1"], wanted(10)).unwrap();
    assert_eq!(scenarios.days.len(), scenarios.returns[1].len());
    scenarios.days.len()
}

/// The bits themselves: another machine, compiler or order of additions would show.
#[test]
fn tables_are_the_same_bits_everywhere() {
    let folder = Folder::new("bits");
    let mut store = store(&[folder.write(
        "p.csv",
        "Date,A,B,I\n2020-01-01,100,50,10\n2020-01-02,110,49,11\n2020-01-03,99,51,10.5\n\
         2020-01-06,108.9,50.5,10.75\n2020-01-07,98.01,52,10\n",
    )]);
    let history = store.history(jiff::civil::date(2026, 1, 1)).unwrap();
    let tables = risk_tables(history, &[("A", Some("I")), ("B", None)], terms(3)).unwrap();
    assert_eq!(tables.scenarios.names, ["A", "B"]);
    let days: Vec<_> = tables
        .scenarios
        .days
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        days,
        ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"]
    );
    // A tenth up and down, to the nearest 2^-48 of the nearest float.
    let tenth = [110.0, 99.0, 108.9, 98.01]
        .into_iter()
        .zip([100.0, 110.0, 99.0, 108.9]);
    let tenth: Vec<Ratio> = tenth
        .map(|(now, before)| Ratio::from_num(now / before - 1.0))
        .collect();
    assert_eq!(tables.scenarios.returns[0], tenth);
    let bits = |ratios: &[Ratio]| {
        ratios
            .iter()
            .map(|ratio| ratio.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&tables.scenarios.returns[0]), BITS[0]);
    assert_eq!(bits(&tables.scenarios.returns[1]), BITS[1]);
    assert_eq!(bits(&tables.deviations), BITS[2]);
    assert_eq!(bits(&tables.ewma_deviations), BITS[3]);
    assert_eq!(bits(&tables.correlations), BITS[4]);
    assert_eq!(tables.betas[1], None);
    assert_eq!(bits(&[tables.betas[0].unwrap()]), BITS[5]);
}

/// Worked out apart from the gateway, in doubles of another language, times 2^48.
const BITS: [&[i64]; 6] = [
    &[
        28_147_497_671_066,
        -28_147_497_671_066,
        28_147_497_671_066,
        -28_147_497_671_066,
    ],
    &[
        -5_629_499_534_213,
        11_488_774_559_619,
        -2_759_558_595_202,
        8_360_642_872_594,
    ],
    &[32_501_930_714_808, 8_333_941_843_121],
    &[28_147_497_671_066, 6_159_826_180_598],
    &[
        281_474_976_710_656,
        -275_321_388_567_597,
        -275_321_388_567_597,
        281_474_976_710_656,
    ],
    &[384_859_426_375_723],
];

#[test]
fn a_history_that_is_missing_or_too_short_gives_no_table() {
    let folder = Folder::new("no-table");
    let text = prices(1, 2, 30).replacen(&format!("{},", day(20)), "2000-01-21,,1#", 1);
    let text: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap().to_owned() + "\n")
        .collect();
    let mut store = store(&[folder.write("p.csv", text)]);
    let history = store.history(jiff::civil::date(2026, 1, 1)).unwrap();
    let fails = |names: &[&str], wanted| {
        scenario_returns(history, names, wanted)
            .unwrap_err()
            .problem
    };
    assert!(fails(&["S1"], wanted(30)).starts_with("too short a history"));
    assert!(fails(&["S0"], wanted(10)).starts_with("no price; write it"));
    assert!(fails(&["S2"], wanted(10)).starts_with("no price history of \"S2\""));
    assert!(fails(&[], wanted(10)).starts_with("no symbol to analyse"));
    assert!(scenario_returns(history, &["S1"], wanted(29)).is_ok());
    let last = Wanted {
        returns_max: Some(5),
        ..wanted(5)
    };
    assert_eq!(
        scenario_returns(history, &["S0"], last).unwrap().days.len(),
        5
    );
    let dropped = Wanted {
        missing: Missing::Drop,
        ..wanted(5)
    };
    assert_eq!(
        scenario_returns(history, &["S0"], dropped)
            .unwrap()
            .days
            .len(),
        28
    );
    assert!(risk_tables(history, &[("S1", Some("S0"))], terms(10)).is_err());
}
