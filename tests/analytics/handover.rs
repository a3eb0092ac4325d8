//! Handover: the core is given the returns that the files have, in a text that needs no file.

use crate::data::{Folder, prices};
use portcullis::analytics::handover::fill;
use portcullis::config::effective::{effective_toml, parse_effective};
use portcullis::config::{Config, parse};

const BASE: &str = r#"
[limits]
others = "off"
value_at_risk_max = "1000"
[[account]]
name = "A"
[[strategy]]
name = "S"
accounts = ["A"]
[[broker]]
name = "sim"
kind = "sim"
[[symbol]]
names = ["A1", "A2", "NEW"]
tick = "0.01"
lot = "1"
broker = "sim"
[[scenario]]
name = "crash"
others = "-0.25"
[[scenario.shock]]
index = "I"
change = "-0.1"
[[scenario]]
name = "flat"
others = "-0.3"
"#;

fn config(folder: &Folder, tail: &str) -> Config {
    let text = format!("{BASE}[analytics]\nhistory = [\"p.csv\"]\nreturns_min = 2\n[tail]\n{tail}");
    parse(&text, folder.path("gate.toml").to_str().unwrap())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn returns_betas_and_clusters_are_written_out_and_read_back() {
    let folder = Folder::new("handover");
    folder.write(
        "p.csv",
        "Date,A1,A2,I,NEW\n2020-01-01,100,50,10,\n2020-01-02,110,60,11,\n2020-01-03,99,48,9.9,5\n\
         2020-01-06,108.9,57.6,10.89,6\n",
    );
    let tail = "history_days = 3\nstress = [\"crash\", \"flat\"]\nmargin = [\"flat\"]\n\
                cluster_correlation = \"0.9\"\n";
    let mut config = config(&folder, tail);
    assert!(config.setup.tail.returns[0].history.is_empty());
    assert!(
        config.setup.tail.returns[0].stress.is_empty(),
        "a beta needs history"
    );
    fill(&mut config).unwrap();
    let [one, two, new] = &config.setup.tail.returns[..] else {
        panic!("three symbols");
    };
    assert_eq!(one.history, [100_000, -100_000, 100_000]);
    assert_eq!(two.history, [200_000, -200_000, 200_000]);
    // Its beta is one, of the other two.
    assert_eq!(
        (&one.stress[..], &two.stress[..]),
        (&[-100_000, -300_000][..], &[-200_000, -300_000][..])
    );
    // It has prices on too few days: nothing is guessed.
    assert!(new.history.is_empty());
    assert!(new.stress.is_empty());
    assert_eq!(new.margin, [-300_000]);
    assert_eq!(config.setup.tail.clusters, [0, 0, 2]);
    // What opens the journal says it all, and needs no file.
    folder.write("p.csv", "");
    let again = parse_effective(&effective_toml(&config)).unwrap();
    assert_eq!(again, config);
    let mut filled = again.clone();
    filled.analytics.history.clear();
    fill(&mut filled).unwrap();
    assert_eq!(filled.setup, config.setup);
}

#[test]
fn a_history_that_cannot_be_read_is_told_and_a_short_one_gives_no_returns() {
    let folder = Folder::new("handover-short");
    folder.write(
        "p.csv",
        prices(7, 2, 40).replace("S0", "A1").replace("S1", "A2"),
    );
    let mut short = config(&folder, "history_days = 41\n");
    fill(&mut short).unwrap();
    assert!(
        short
            .setup
            .tail
            .returns
            .iter()
            .all(|of| of.history.is_empty())
    );
    let mut enough = config(&folder, "history_days = 39\n");
    fill(&mut enough).unwrap();
    assert_eq!(enough.setup.tail.returns[1].history.len(), 39);
    folder.write("p.csv", "Date,A1\n2020-01-01,nothing\n");
    let told = fill(&mut config(&folder, "history_days = 2\n")).unwrap_err();
    assert!(told.to_string().contains("p.csv:2"), "{told}");
}
