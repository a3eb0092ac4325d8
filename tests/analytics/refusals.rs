//! Refusals: history that is not sound is told with its file, line, column and remedy.

use crate::data::{Folder, day, prices};

/// What is said of a file of this text, where three returns are enough.
fn told(folder: &Folder, text: impl AsRef<[u8]>, terms: &str) -> String {
    let file = folder.write("p.csv", text);
    let config = format!("[analytics]\nhistory = [{file:?}]\nreturns_min = 3\n{terms}");
    folder.refusal(&config, &[])
}

#[test]
fn a_cell_that_is_no_price_is_told_with_line_and_column() {
    let folder = Folder::new("cells");
    let with = |cell: &str| {
        format!(
            "Date,A,B\n2020-01-01,1,2\n\n2020-01-02,{cell},3\n2020-01-03,1,2\n2020-01-04,1,2\n\
             2020-01-05,1,2\n"
        )
    };
    let number = "not a number; write the price, or leave the cell empty where there is none";
    let above = "not above zero, so no return can be made of it; correct the price, or leave the \
                 cell empty where there is none";
    let digits = "not a number; write digits with at most one point, or leave the cell empty";
    for (cell, value, problem) in [
        ("0", "0", above),
        ("-3.5", "-3.5", above),
        ("-0.0", "-0.0", above),
        ("NaN", "NaN", digits),
        ("nan", "nan", digits),
        ("inf", "inf", digits),
        ("-Infinity", "-Infinity", digits),
        ("1e999", "1e999", number),
        ("1e13", "1e13", "higher than any price; correct it"),
        (
            "1e-13",
            "1e-13",
            "closer to zero than any price; correct it",
        ),
        ("$5", "$5", digits),
        ("#N/A", "#N/A", digits),
        (
            "\"1,234.5\"",
            "1,234.5",
            "not a number; write a point before decimals and nothing between thousands",
        ),
        (
            "",
            "",
            "no price; write it, or leave such days out with analytics.missing = \"drop\"",
        ),
        (
            "  ",
            "",
            "no price; write it, or leave such days out with analytics.missing = \"drop\"",
        ),
    ] {
        let value = match value {
            "" => String::new(),
            value => format!(" = {value}"),
        };
        let expected = format!("p.csv:4: A{value}: {problem}");
        assert_eq!(told(&folder, with(cell), ""), expected);
    }
    let jump = told(&folder, with("1002"), "");
    let expected = "p.csv:4: A = 1002: more than 1000 times 1, the price before it; correct one of \
                    them";
    assert_eq!(jump, expected);
}

#[test]
fn a_row_that_is_none_is_told_with_its_line() {
    let folder = Folder::new("rows");
    let lines = "2020-01-01,1,2\n2020-01-02,1,3\n2020-01-03,2,2\n";
    let told = |row: &str| told(&folder, format!("Date,A,B\n{lines}{row}\n"), "");
    let cells = "cells where the first line has 3; write one for each column, empty where there is \
                 no price, and quote cells that have a comma";
    let day = "not a day; write it as in 2026-12-31, or say by analytics.date_order how it is \
               written";
    for (row, expected) in [
        ("2020-01-04,1", format!("2 {cells}")),
        ("2020-01-04,1,2,", format!("4 {cells}")),
        ("2020-01-04,1,000,2", format!("4 {cells}")),
        ("04/01/2020,1,2", format!("Date = 04/01/2020: {day}")),
        ("2020-02-30,1,2", format!("Date = 2020-02-30: {day}")),
        (",1,2", format!("Date: {day}")),
        (
            "2020-01-02,1,2",
            "the day 2020-01-02 is there already, in line 3; keep one of them".to_owned(),
        ),
    ] {
        assert_eq!(told(row), format!("p.csv:5: {expected}"));
    }
    // Read in the order that it is not written in.
    let file = format!("Date,A,B\n{lines}");
    let expected = "p.csv:2: Date = 2020-01-01: not a day; write it as in 31-12-2026, or say by \
                    analytics.date_order how it is written";
    assert_eq!(
        super::refusals::told(&folder, file, "date_order = \"dmy\"\n"),
        expected
    );
}

#[test]
fn names_that_are_none_are_told() {
    let folder = Folder::new("names");
    let told = |text: &str| told(&folder, text, "");
    for (text, expected) in [
        (
            "",
            "p.csv: empty; write a line of names and a row below for each entry",
        ),
        (
            "\n\n",
            "p.csv: nothing but empty lines; write a line of names and a row for each day",
        ),
        (
            "Date,A\n",
            "p.csv: no row of prices below the names; add one for each day",
        ),
        (
            "2020-01-01,1\n2020-01-02,2\n",
            "p.csv:1: column 1 = 2020-01-01: a day where the names belong; write a first line that \
             names the columns",
        ),
        (
            "Date\n2020-01-01\n",
            "p.csv:1: no column of prices behind the dates; add one for each symbol",
        ),
        (
            "Date,A,A\n2020-01-01,1,1\n",
            "p.csv:1: A: a second column of this name; keep one of them",
        ),
        (
            "Date,A,\n2020-01-01,1,1\n",
            "p.csv:1: column 3 has no name; name it, or take it out of every line",
        ),
    ] {
        assert_eq!(told(text), expected);
    }
    let told = super::refusals::told(&folder, b"Date,A\n2020-01-01,\xff\n", "");
    assert_eq!(
        told,
        "p.csv:2: column 2 is not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn a_history_that_is_too_short_or_absent_is_told() {
    let folder = Folder::new("short");
    let one = told(&folder, "Date,A\n2020-01-01,5\n", "");
    let expected = "too short a history: A has 0 daily returns where analytics.returns_min asks for \
                    3; add rows, or write a lower one (p.csv from 2020-01-01 to 2020-01-01)";
    assert_eq!(one, expected);
    let file = folder.write("p.csv", prices(1, 2, 50));
    let told = folder.refusal(&format!("[analytics]\nhistory = [{file:?}]\n"), &[]);
    let expected = format!(
        "too short a history: S0 and S1 have 49 daily returns in common where \
         analytics.returns_min asks for 100; add rows, or write a lower one (p.csv from {} to {})",
        day(0),
        day(49)
    );
    assert_eq!(told, expected);
    let told = folder.refusal("[analytics]\n", &[]);
    assert_eq!(
        told,
        "no price history; name its files in analytics.history"
    );
    let config = format!("[analytics]\nhistory = [{:?}]\n", folder.path("none.csv"));
    let told = folder.refusal(&config, &[]);
    assert!(
        told.starts_with("none.csv: cannot be read: No such file"),
        "{told}"
    );
    assert!(told.ends_with("see that it exists and is a file"), "{told}");
}

#[test]
fn an_index_without_a_common_day_an_unknown_one_and_one_that_stands_still_are_told() {
    let folder = Folder::new("index");
    let file = folder.write("p.csv", prices(1, 2, 50));
    let rows = (100..150).map(|at| format!("{},{}\n", day(at), 10 + at % 3));
    let index = folder.write("i.csv", format!("Date,I\n{}", rows.collect::<String>()));
    let told = |terms: &str| {
        let config =
            format!("[analytics]\nhistory = [{file:?}, {index:?}]\nreturns_min = 3\n{terms}");
        folder.refusal(&config, &[])
    };
    let expected = format!(
        "S0 and I have no day in common; see that their files overlap and write dates alike (p.csv \
         from {} to {}; i.csv from {} to {})",
        day(0),
        day(49),
        day(100),
        day(149)
    );
    assert_eq!(told("index = \"I\"\n"), expected);
    let expected = "no price history of \"DAX\": no column of p.csv, i.csv has this name; add a \
                    file that has it to analytics.history";
    let of_x = "beta = [{ index = \"I\", account = \"x\" }]\n[[account]]\nname = \"x\"\n";
    assert_eq!(told(&format!("index = \"DAX\"\n{of_x}")), expected);

    let still: String = (0..50).map(|at| format!("{},7\n", day(at))).collect();
    folder.write("i.csv", format!("Date,I\n{still}"));
    let expected = "scenario \"s\": I does not move in its history, so nothing has a beta against \
                    it; name another index";
    let shock =
        "[[scenario]]\nname = \"s\"\n[[scenario.shock]]\nindex = \"I\"\nchange = \"-0.1\"\n";
    assert_eq!(told(&format!("index = \"I\"\n{shock}")), expected);
}

#[test]
fn a_name_in_two_files_is_told() {
    let folder = Folder::new("twice");
    let (one, other) = (prices(1, 2, 20), prices(2, 1, 20));
    let (one, other) = (
        folder.write("one.csv", one),
        folder.write("other.csv", other),
    );
    let told = folder.refusal(
        &format!("[analytics]\nhistory = [{one:?}, {other:?}]\n"),
        &[],
    );
    assert!(
        told.starts_with("other.csv: S0: a column of this name is in "),
        "{told}"
    );
    assert!(told.ends_with("one.csv too; keep one"), "{told}");
}

#[test]
fn a_damaged_file_is_told() {
    let folder = Folder::new("damaged");
    for (bytes, expected) in [
        (
            b"\x1f\x8b\x08\x00abc".as_slice(),
            "p.csv: cannot be unpacked: ",
        ),
        (b"PAR1 and no more".as_slice(), "p.csv: not sound Parquet: "),
        (b"\x00\x01\x02\x03".as_slice(), "p.csv:1: "),
    ] {
        let told = told(&folder, bytes, "");
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn an_unknown_scenario_is_told_with_the_known_ones() {
    let folder = Folder::new("scenarios");
    let file = folder.write("p.csv", prices(1, 2, 200));
    let config = format!("[analytics]\nhistory = [{file:?}]\n");
    let told = folder.refusal(&config, &["--scenario", "crash"]);
    assert_eq!(
        told,
        "unknown scenario \"crash\"; known: none; write a [[scenario]]"
    );
    let scenarios =
        "[[scenario]]\nname = \"1987\"\nothers = \"-0.2\"\n[[scenario]]\nname = \"calm\"\n";
    let config = format!("{config}{scenarios}");
    let told = folder.refusal(&config, &["--scenario", "crash"]);
    assert_eq!(told, "unknown scenario \"crash\"; known: 1987, calm");
    let figures = folder.figures(&config, &["--scenario", "1987"]);
    let stress = figures["stress"].as_array().unwrap();
    assert_eq!(stress.len(), 1);
    assert!((stress[0]["gain"].as_f64().unwrap() + 0.2).abs() < 1e-12);
    // With no scenario named, every one.
    assert_eq!(
        folder.figures(&config, &[])["stress"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn holdings_that_are_not_sound_are_told() {
    let folder = Folder::new("holdings");
    let file = folder.write("p.csv", prices(1, 2, 200));
    let config = format!(
        "[analytics]\nhistory = [{file:?}]\nholdings = \"h.csv\"\n[[account]]\nname = \"x\"\n"
    );
    let form = "the first line must name the columns symbol and qty, and may name account";
    for (text, expected) in [
        ("\n", format!("h.csv: empty; {form}")),
        ("S0,5\n", format!("h.csv:1: s0: unknown column; {form}")),
        ("symbol\n", format!("h.csv:1: {form}")),
        ("symbol,qty\n", "h.csv: nothing is held; write a row for each symbol".to_owned()),
        ("symbol,qty\nS0\n", "h.csv:2: 1 cells where the first line has 2; write one for each column".to_owned()),
        ("symbol,qty\nS0,\n", "h.csv:2: qty: empty; write how much is held, below zero where it is short".to_owned()),
        ("symbol,qty\nS0,inf\n", "h.csv:2: qty = inf: not a number; write digits with at most one point, or leave the cell empty".to_owned()),
        ("symbol,qty\nS0,1e30\n", "h.csv:2: qty = 1e30: more than there is of anything; correct it".to_owned()),
        ("symbol,qty\n,5\n", "h.csv:2: symbol: empty; write its name".to_owned()),
        ("symbol,qty\nS0,5\nS0,6\n", "h.csv:3: symbol = S0: named twice; write it once, with all that is held".to_owned()),
        ("symbol,qty\nZZ,5\n", "no price history of \"ZZ\": no column of p.csv has this name; add a file that has it to analytics.history".to_owned()),
    ] {
        folder.write("h.csv", text);
        assert_eq!(folder.refusal(&config, &[]), expected);
    }
    folder.write("h.csv", "account,symbol,qty\ny,S0,5\n");
    let told = folder.refusal(&config, &["--account", "x"]);
    assert_eq!(told, "h.csv: nothing is held by account x; known: y");
    let told = folder.refusal(&config, &["--account", "z"]);
    assert_eq!(told, "no account \"z\"; known: x");
}
