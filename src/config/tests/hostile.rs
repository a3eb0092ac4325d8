//! Files that are very long, very deep or very wrong.

use super::{BROKER, FULL, good, told};
use crate::config::check::{Format, report};
use crate::config::effective::{effective_toml, parse_effective};
use crate::config::{FILE_BYTES_MAX, parse};
use proptest::prelude::*;
use std::time::Instant;

#[test]
fn many_symbols_load_soon_in_either_form() {
    let terms = "tick = \"0.01\"\nlot = \"1\"\nbroker = \"sim\"\n";
    let names: Vec<String> = (0..50_000)
        .map(|number| format!("\"SYM{number}\""))
        .collect();
    let one = format!(
        "{BROKER}[[symbol]]\nnames = [{}]\n{terms}",
        names.join(", ")
    );
    let each: String = names
        .iter()
        .map(|name| format!("[[symbol]]\nname = {name}\n{terms}"))
        .collect();
    let started = Instant::now();
    let compact = good(&one);
    let compact_time = started.elapsed();
    let spelled = good(&format!("{BROKER}{each}"));
    let spelled_time = started.elapsed() - compact_time;
    assert_eq!(compact.setup.symbols.len(), 50_000);
    assert_eq!(compact, spelled);
    let effective = effective_toml(&compact);
    assert_eq!(parse_effective(&effective).expect("canonical"), compact);
    let page = report(&compact, &[], Format::Text { is_coloured: false });
    println!(
        "compact {compact_time:?} spelled {spelled_time:?} report {} bytes",
        page.len()
    );
    assert!(page.len() < 20_000, "{page}");
    // Far above what it takes, so that a busy machine does not fail it.
    assert!(compact_time.as_secs() < 10 && spelled_time.as_secs() < 20);
}

#[test]
fn hostile_files_are_refused_in_bounded_time() {
    let long = "x".repeat(FILE_BYTES_MAX + 1);
    assert!(told(&long).contains("longer than 32MiB"));
    let deep = |open: &str, close: &str, count: usize| {
        format!("a = {}1{}\n", open.repeat(count), close.repeat(count))
    };
    let dotted = format!("{} = 1\n", "a.".repeat(100_000) + "a");
    let nested = format!(
        "{}1{}",
        (["a."; 70].concat() + "a = { ").repeat(70),
        "}".repeat(70)
    );
    let unknown: String = (0..200_000)
        .map(|number| format!("k{number} = 1\n"))
        .collect();
    let texts = [
        deep("[", "]", 100_000),
        deep("{ a = ", "}", 100_000),
        dotted,
        nested,
        unknown,
        "[".repeat(1 << 20),
        "=\n".repeat(1 << 19),
    ];
    // A caller with next to no stack left.
    let caller = std::thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(move || {
            for text in texts {
                let errors = parse(&text, "gate.toml").expect_err("refused");
                assert!(errors.errors.len() <= 200);
            }
        });
    assert!(caller.expect("a thread").join().is_ok());
}

proptest! {
    /// Damage of every kind to a file that says everything.
    #[test]
    fn no_damage_to_a_file_can_stop_the_reader(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "\\PC{0,6}"), 1..6),
    ) {
        let mut characters: Vec<char> = FULL.chars().collect();
        for (place, len, put) in cuts {
            let from = place.index(characters.len() + 1);
            let to = (from + len).min(characters.len());
            characters.splice(from..to, put.chars());
        }
        let text: String = characters.into_iter().collect();
        if let Ok(config) = parse(&text, "gate.toml") {
            prop_assert_eq!(&parse_effective(&effective_toml(&config)).expect("canonical"), &config);
            let _ = report(&config, &[], Format::Json);
        }
    }

    /// Values of every kind in the place of every other.
    #[test]
    fn no_value_can_stop_the_reader(
        place in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "0", "-1", "1", "true", "\"\"", "\"off\"", "[]", "{}", "[[]]", "[{}]", "1e400", "nan",
            "-0.0", "9223372036854775807", "99999999999999999999", "1979-05-27", "\"0ns\"", "\"1d\"",
            "\"9999999999999d\"", "0o7", "0xffffffffffffffffff", "\"\\u0000\"", "\"é\"", "\"-0\"",
        ]),
    ) {
        let keys: Vec<usize> = FULL.lines().enumerate().filter(|(_, line)| line.contains(" = ")).map(|(at, _)| at).collect();
        let at = keys[place.index(keys.len())];
        let lines = FULL.lines().enumerate().map(|(index, line)| match line.split_once(" = ") {
            Some((key, _)) if index == at => format!("{key} = {value}\n"),
            _ => format!("{line}\n"),
        });
        let text: String = lines.collect();
        match parse(&text, "gate.toml") {
            Ok(config) => {
                prop_assert_eq!(&parse_effective(&effective_toml(&config)).expect("canonical"), &config);
            }
            // What the damage breaks elsewhere is told where it breaks, never without a place.
            Err(errors) => prop_assert!(errors.errors.iter().all(|error| error.line > 0), "{errors}"),
        }
    }
}
