//! What is written: the effective text, the example, the report.

use super::{BROKER, FULL, every_key, good};
use crate::config::DEFAULT_TOML;
use crate::config::check::{Format, report};
use crate::config::effective::{digest, effective_toml, parse_effective};
use crate::config::example::example_toml;
use crate::config::schema::{Given, ROOT};
use crate::risk::view::memory_bytes;

#[test]
fn the_effective_text_reads_back_as_the_same_and_says_everything() {
    for text in ["", FULL, DEFAULT_TOML, &example_toml()] {
        let config = good(text);
        let effective = effective_toml(&config);
        let again = parse_effective(&effective).expect("canonical");
        assert_eq!(again, config, "{effective}");
        assert_eq!(effective_toml(&again), effective);
        assert_eq!(digest(&effective_toml(&again)), digest(&effective));
    }
    let effective = effective_toml(&good(FULL));
    every_key(&ROOT, &mut |section, name, given| {
        // `names` says what `name` says; `others` is spelled out.
        let is_said = matches!(given, Given::Table(_) | Given::List(_)) || name == "others";
        let line = format!("\n{name} = ");
        assert!(
            is_said || effective.contains(&line),
            "{}.{name} in\n{effective}",
            section.name
        );
    });
}

#[test]
fn another_rule_is_another_digest() {
    let base = effective_toml(&good(FULL));
    let other = effective_toml(&good(
        &FULL.replace("answer_timeout = \"7s\"", "answer_timeout = \"8s\""),
    ));
    assert_ne!(digest(&base), digest(&other));
}

#[test]
fn the_example_names_every_key_with_its_true_default() {
    let example = example_toml();
    let plain = good(&example);
    let mut spelled = example.clone();
    every_key(&ROOT, &mut |section, name, given| {
        let line = match given {
            Given::Default(literal) | Given::Optional(literal) => {
                format!("\n# {name} = {literal}\n")
            }
            Given::Required(literal) | Given::Shown(literal) => format!("{name} = {literal}\n"),
            Given::Table(_) | Given::List(_) => format!("{name}]"),
        };
        assert!(
            example.contains(&line),
            "{}.{name} in\n{example}",
            section.name
        );
        // Two tables are not live, so their keys cannot be.
        let is_live = !["native", "webhook"].contains(&section.name);
        if matches!(given, Given::Default(_)) && is_live {
            spelled = spelled.replace(&line, &line.replacen("# ", "", 1));
        }
    });
    for (table, next) in [
        ("# [broker.native]", "[[feed]]"),
        ("# [subscriber.webhook]", "[reconcile]"),
    ] {
        let begin = spelled.find(table).expect("the table is there");
        let end = spelled.find(next).expect("it is followed by another");
        spelled.replace_range(begin..end, "");
    }
    assert!(example.lines().count() > 150);
    assert_eq!(good(&spelled), plain);
}

#[test]
fn the_report_says_who_can_send_nothing_and_what_is_tightest() {
    let config = good(&format!(
        "{DEFAULT_TOML}[[account]]\nname = \"bare\"\n[account.limits]\n"
    ));
    let page = report(&config, &[], Format::Text { is_coloured: false });
    assert!(!page.contains('\x1b'));
    let bare = good("[limits]\norder_qty_max = 5\n[[account]]\nname = \"bare\"\n");
    let page = report(&bare, &[], Format::Text { is_coloured: true });
    assert!(
        page.contains("bare     no        not set: order_notional_max, price_collar_bps"),
        "{page}"
    );
    assert!(page.contains("\x1b[1mAccounts\x1b[0m"));

    // Of two times in which nothing may be repeated the longer is the tighter.
    let text = "[limits]\nothers = \"off\"\nduplicate_window = \"1ms\"\n[[account]]\nname = \"A\"\n\
                [account.limits]\nduplicate_window = \"5ms\"\n";
    let symbol = "[[symbol]]\nname = \"X\"\ntick = 1\nlot = 1\nbroker = \"sim\"\n";
    let page = report(
        &good(&format!("{text}{BROKER}{symbol}")),
        &[],
        Format::Text { is_coloured: false },
    );
    assert!(
        page.contains("duplicate_window         5ms (account)"),
        "{page}"
    );

    let config = good(FULL);
    let page = report(&config, &[], Format::Text { is_coloured: false });
    for line in [
        "price_collar_bps         3 (symbol)",
        "order_qty_max            0 (firm)",
        "order_rate               100 in 1s (firm), 1000 in 1m (firm)",
        "  B        no        enabled = false",
        "One person alone can raise what was killed.",
        "feed = 0.0.0.0:1 is beyond loopback and not encrypted.",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&report(&config, &[], Format::Json)).expect("it is JSON");
    assert_eq!(json["accounts"][0]["can_send"], true);
    assert_eq!(json["accounts"][1]["can_send"], false);
    assert_eq!(
        json["controls"][0]["controls"]["price_collar_bps"],
        "3 (symbol)"
    );
    assert!(
        memory_bytes(&config.setup)
            .iter()
            .all(|(_, bytes)| *bytes < 1 << 30)
    );
}
