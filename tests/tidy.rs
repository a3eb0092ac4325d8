//! The rules of the house that a machine can check.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|of| of == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no source");
    found
}

/// The lines of code: no comments, and nothing behind the tests' own module.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text
        .lines()
        .position(|line| line.trim() == "#[cfg(test)]")
        .unwrap_or(usize::MAX);
    text.lines()
        .enumerate()
        .take(tests)
        .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or("")))
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name == "tests.rs")
}

/// Fails for each line below `folder` that has one of `words`, unless `allowed` says its path.
fn forbid(folder: &str, words: &[&str], allowed: &[&str], why: &str) {
    let mut found = Vec::new();
    for (path, text) in sources(folder) {
        let shown = path.display().to_string();
        if is_test(&path) || allowed.iter().any(|part| shown.contains(part)) {
            continue;
        }
        for (number, line) in code(&text) {
            if words.iter().any(|word| contains_word(line, word)) {
                found.push(format!("{shown}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

fn contains_word(line: &str, word: &str) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    line.match_indices(word).any(|(at, _)| {
        let bytes = line.as_bytes();
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !is_part(before) && !is_part(bytes.get(at + word.len()))
    })
}

#[test]
fn only_the_clock_reads_a_clock() {
    let words = ["Instant::now", "SystemTime", "clock_gettime", "elapsed"];
    forbid(
        "src",
        &words,
        &["src/sys/clock.rs", "src/command/"],
        "one clock",
    );
}

#[test]
fn unsafe_code_stands_where_it_may() {
    forbid(
        "src",
        &["unsafe"],
        &["src/ring/", "src/sys/"],
        "`unsafe` only in ring and sys",
    );
}

#[test]
fn what_decides_has_no_float_no_lock_and_no_world() {
    let words = [
        "f32",
        "f64",
        "Mutex",
        "RwLock",
        "Condvar",
        "Once",
        "HashMap",
        "HashSet",
        "std::fs",
        "std::net",
        "std::thread",
        "std::time",
        "println",
        "format",
        "Box::new(dyn",
    ];
    forbid(
        "src/risk",
        &words,
        &["src/risk/core.rs", "src/risk/adopt.rs", "src/risk/view.rs"],
        "risk is pure",
    );
    let words = [
        "f32",
        "f64",
        "Mutex",
        "RwLock",
        "Condvar",
        "std::fs",
        "std::net",
        "std::thread",
        "std::time",
    ];
    forbid("src/risk", &words, &[], "risk is pure");
    forbid("src/protocol", &words, &[], "protocol is pure");
    let words = ["Mutex", "RwLock", "Condvar", "f32", "f64"];
    for folder in [
        "src/ring",
        "src/strategy",
        "src/broker",
        "src/journal",
        "src/market",
    ] {
        forbid(folder, &words, &[], "no lock and no float on the path");
    }
}

#[test]
fn arrows_point_one_way() {
    // risk's own modules, its loop and what the journal needs of it apart, nothing may look up.
    let upwards = |of: &str, words: &[&str]| {
        forbid(
            of,
            words,
            &["src/risk/mod.rs", "src/risk/held.rs"],
            "arrows point one way",
        )
    };
    let stages = [
        "crate::strategy",
        "crate::broker",
        "crate::market",
        "crate::admin",
        "crate::follower",
        "crate::events",
        "crate::analytics",
        "crate::config",
        "crate::command",
        "crate::topology",
    ];
    upwards("src/risk", &stages);
    upwards(
        "src/risk",
        &[
            "crate::journal",
            "crate::ring",
            "crate::sys",
            "crate::protocol",
        ],
    );
    upwards("src/protocol", &stages);
    upwards(
        "src/protocol",
        &["crate::journal", "crate::ring", "crate::sys"],
    );
    upwards(
        "src/ring",
        &[
            "crate::message",
            "crate::risk",
            "crate::sys",
            "crate::journal",
        ],
    );
    let low = [
        "crate::risk",
        "crate::journal",
        "crate::ring",
        "crate::strategy",
        "crate::broker",
        "crate::protocol",
    ];
    upwards("src/sys", &low);
    let sideways: Vec<&str> = stages
        .iter()
        .copied()
        .filter(|of| !of.ends_with("topology"))
        .collect();
    upwards("src/journal", &sideways);
    // Statistics are worked out from files alone: whoever wants a table asks for it.
    for on_the_path in [
        "src/strategy",
        "src/broker",
        "src/market",
        "src/config",
        "src/follower",
    ] {
        upwards(on_the_path, &["crate::analytics"]);
    }
    let unrelated: Vec<&str> = low
        .into_iter()
        .filter(|of| *of != "crate::risk")
        .chain(
            stages
                .into_iter()
                .filter(|of| !KNOWN_TO_ANALYTICS.contains(of)),
        )
        .chain(["crate::risk::core", "crate::sys"])
        .collect();
    upwards("src/analytics", &unrelated);
}

/// What statistics may name: themselves, and the configuration that defines them.
const KNOWN_TO_ANALYTICS: [&str; 2] = ["crate::analytics", "crate::config"];

/// Statistics, pictures, and what operators are shown: everywhere else numbers are exact.
#[test]
fn floats_stand_where_nothing_is_decided() {
    forbid(
        "src",
        &["f32", "f64"],
        &["src/analytics/", "src/command/", "src/admin/"],
        "floats only in analytics, commands and admin",
    );
}

#[test]
fn nothing_is_left_to_do_later() {
    for folder in ["src", "tools", "benches"] {
        let words = ["TODO", "FIXME", "XXX", "HACK"];
        for (path, text) in sources(folder) {
            for (number, line) in text.lines().enumerate() {
                let found = words.iter().find(|word| contains_word(line, word));
                assert!(found.is_none(), "{}:{}: {line}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for (path, text) in sources("src") {
        let begins = text.lines().find(|line| !line.starts_with("#!"));
        assert!(
            begins.is_some_and(|line| line.starts_with("//!")),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_release_build_checks_overflow() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let release = manifest.split("[profile.release]").nth(1).unwrap();
    assert!(
        release
            .split("[profile")
            .next()
            .unwrap()
            .contains("overflow-checks = true")
    );
}

/// The rows of the table from requirement to test, and those that ask for what is built elsewhere.
#[test]
fn every_requirement_names_tests_that_exist_or_what_is_open() {
    const FILE: &str = "tests/requirements.md";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(FILE)).unwrap();
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, row, shown_by, open, _] = cells[..] else {
            panic!("{FILE}: {line}: three cells");
        };
        if row == "row" {
            continue;
        }
        rows.push(row);
        assert!(
            !shown_by.is_empty() || !open.is_empty(),
            "{FILE}: {row} says nothing"
        );
        for test in shown_by.split(", ").filter(|test| !test.is_empty()) {
            let (file, function) = test.split_once("::").expect("a file and a function");
            let code = fs::read_to_string(root.join(file)).unwrap_or_default();
            assert!(
                code.contains(&format!("fn {function}(")),
                "{FILE}: {row}: no {test}"
            );
        }
    }
    let families = [("G", 1..=12), ("R", 926..=969), ("P", 1..=9)];
    for (letter, numbers) in families {
        for number in numbers {
            let row = format!("{letter}{number}");
            assert_eq!(
                rows.iter().filter(|of| **of == row).count(),
                1,
                "{FILE}: {row}"
            );
        }
    }
}
