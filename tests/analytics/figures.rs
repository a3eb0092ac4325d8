//! Figures: every number that `analyze --json` says, beside numpy's.

use crate::data::{Folder, prices, real};
use crate::numpy;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// How far, as a part of it, a figure may be from numpy's.
const APART_MAX: f64 = 1e-9;

/// What is asked of both.
struct Question {
    files: Vec<PathBuf>,
    index: &'static str,
    holdings: Option<Vec<(&'static str, f64)>>,
    /// Lines of `[analytics]`, and the same for the oracle.
    terms: &'static str,
    said: Value,
}

fn defaults() -> Value {
    json!({
        "equity": null, "days_per_year": 252, "ewma_lambda": 0.94, "risk_free_rate": 0.0,
        "quantile": "linear", "var": ["0.95", "0.99"], "es": ["0.975"], "condition_max": 10000,
        "returns_max": null,
    })
}

/// Compares all that the oracle says, and gives both pages and how far they are apart at the most.
fn compare(name: &str, question: Question) -> (Value, f64) {
    let folder = Folder::new(name);
    let files: Vec<String> = question
        .files
        .iter()
        .map(|file| format!("{file:?}"))
        .collect();
    let config = format!(
        "[analytics]\nhistory = [{}]\nindex = {:?}\n{}\n[[scenario]]\nname = \"of the index\"\n\
         [[scenario.shock]]\nindex = {1:?}\nchange = \"-0.2\"\n",
        files.join(", "),
        question.index,
        question.terms,
    );
    let mut arguments = Vec::new();
    let file;
    if let Some(holdings) = &question.holdings {
        let lines = holdings
            .iter()
            .map(|(symbol, qty)| format!("{symbol},{qty}\n"));
        let text = format!("symbol,qty\n{}", lines.collect::<String>());
        file = folder.write("holdings.csv", text).display().to_string();
        arguments = vec!["--holdings", file.as_str()];
    }
    let figures = folder.figures(&config, &arguments);
    let mut asked = question.said;
    asked["files"] = json!(question.files);
    asked["index"] = json!(question.index);
    asked["holdings"] = json!(question.holdings);
    let expected = numpy::ask(&asked);
    let mut most = (0.0, String::new());
    let count = walk(&expected, &figures, "", &mut most);
    println!(
        "{name}: {count} figures, at most {:e} apart, in {}",
        most.0, most.1
    );
    assert!(
        most.0 <= APART_MAX,
        "{name}: {} is {:e} apart",
        most.1,
        most.0
    );
    assert!(100 < count);
    (figures, most.0)
}

/// Every leaf of what is expected has its like.
fn walk(expected: &Value, found: &Value, path: &str, most: &mut (f64, String)) -> usize {
    match expected {
        Value::Object(fields) => {
            let inner = fields.iter();
            inner
                .map(|(key, value)| walk(value, &found[key], &format!("{path}.{key}"), most))
                .sum()
        }
        Value::Array(items) => {
            let inner = items.iter().enumerate();
            inner
                .map(|(at, value)| walk(value, &found[at], &format!("{path}[{at}]"), most))
                .sum()
        }
        Value::Number(_) => {
            let (expected, is) = (expected.as_f64().unwrap(), found.as_f64());
            let is = is.unwrap_or_else(|| panic!("{path}: {found} where {expected} belongs"));
            let size = expected.abs().max(is.abs());
            // Two figures that are both rounding are alike.
            let apart = if size < 1e-15 {
                0.0
            } else {
                (expected - is).abs() / size
            };
            assert!(
                apart.is_finite(),
                "{path}: {found} where {expected} belongs"
            );
            if most.0 < apart {
                *most = (apart, path.to_owned());
            }
            1
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {
            assert_eq!(found, expected, "{path}");
            1
        }
    }
}

#[test]
fn real_prices_give_what_numpy_gives() {
    let Some(files) = real() else { return };
    let (figures, _) = compare(
        "real",
        Question {
            files: files.to_vec(),
            index: "SP500",
            holdings: None,
            terms: "",
            said: defaults(),
        },
    );
    assert_eq!(figures["symbols"].as_array().unwrap().len(), 20);
    assert_eq!(figures["portfolio"]["worst"]["day"], "2020-03-16");
    let sampled = figures["correlation"]["shrinkage"].as_f64().unwrap();
    assert!(sampled == 0.0);
}

#[test]
fn real_prices_of_a_book_long_and_short_give_what_numpy_gives() {
    let Some(files) = real() else { return };
    let mut said = defaults();
    said["returns_max"] = json!(500);
    said["condition_max"] = json!(5);
    let (figures, _) = compare(
        "real-book",
        Question {
            files: files.to_vec(),
            index: "SP500",
            holdings: Some(vec![
                ("XOM", 1000.0),
                ("AAPL", -250.5),
                ("KO", 4000.0),
                ("CVX", 1.0),
            ]),
            terms: "returns_max = 500\ncondition_max = 5\n",
            said,
        },
    );
    assert!(0.0 < figures["correlation"]["shrinkage"].as_f64().unwrap());
}

fn made(folder: &Folder, text: &str) -> Vec<PathBuf> {
    vec![folder.write("prices.csv", text)]
}

#[test]
fn made_prices_under_every_other_definition_give_what_numpy_gives() {
    let folder = Folder::new("made-prices");
    let said = json!({
        "equity": 12345.5, "days_per_year": 365, "ewma_lambda": 0.97, "risk_free_rate": 0.03,
        "quantile": "observed", "var": ["0.9", "0.999"], "es": ["0.75", "0.95"],
        "condition_max": 10000, "returns_max": 300,
    });
    compare(
        "made",
        Question {
            files: made(&folder, &prices(1, 8, 400)),
            index: "S0",
            holdings: Some(vec![("S3", 10.0), ("S1", -4.0), ("S7", 2.5), ("S5", 0.0)]),
            terms: "equity = \"12345.5\"\ndays_per_year = 365\newma_lambda = \"0.97\"\n\
                    risk_free_rate = \"0.03\"\nquantile = \"observed\"\nvar_confidence = [\"0.9\", \
                    \"0.999\"]\nes_confidence = [\"0.75\", \"0.95\"]\nreturns_max = 300\n",
            said,
        },
    );
}

#[test]
fn more_symbols_than_days_are_shrunk_as_ledoit_and_wolf_shrink_them() {
    let folder = Folder::new("wide-prices");
    let mut said = defaults();
    said["condition_max"] = json!(1_000_000);
    let (figures, _) = compare(
        "wide",
        Question {
            files: made(&folder, &prices(2, 40, 31)),
            index: "S0",
            holdings: None,
            terms: "returns_min = 20\ncondition_max = 1000000\n",
            said,
        },
    );
    assert!(figures["correlation"]["condition"].is_null());
    let shrinkage = figures["correlation"]["shrinkage"].as_f64().unwrap();
    assert!(0.001 < shrinkage && shrinkage < 1.0, "{shrinkage}");
}

/// A symbol under two names: Ledoit and Wolf alone would leave it nearly singular.
#[test]
fn twins_are_shrunk_until_they_are_well_conditioned() {
    let folder = Folder::new("twin-prices");
    let text: String = prices(3, 4, 1000)
        .lines()
        .enumerate()
        .map(|(at, line)| match at {
            0 => format!("{line},TWIN\n"),
            _ => format!("{line},{}\n", line.rsplit(',').next().unwrap()),
        })
        .collect();
    let mut said = defaults();
    said["condition_max"] = json!(100);
    let (figures, _) = compare(
        "twin",
        Question {
            files: made(&folder, &text),
            index: "S0",
            holdings: None,
            terms: "condition_max = 100\n",
            said,
        },
    );
    assert!(figures["correlation"]["condition"].is_null());
}

#[test]
fn the_pictures_are_drawn_and_the_tables_say_the_same() {
    let folder = Folder::new("pictures");
    let file = folder.write("prices.csv", prices(4, 3, 200));
    let config = format!("[analytics]\nhistory = [{file:?}]\nindex = \"S0\"\n");
    let output = folder.analyze(&config, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    for title in [
        "Symbols",
        "Portfolio",
        "Loss in a day",
        "Concentration",
        "Correlations",
    ] {
        assert!(text.contains(title), "{title} in\n{text}");
    }
    let figures = folder.figures(&config, &[]);
    let volatility = figures["symbols"][0]["volatility_year"].as_f64().unwrap();
    assert!(
        text.contains(&format!("{:.2}", 100.0 * volatility)),
        "{text}"
    );
    for (name, mark, count) in [
        ("distribution", "<polyline", 3),
        ("correlation", "<rect", 1 + 2 * 2 + 9),
        ("drawdown", "<polyline", 1),
    ] {
        let path = folder.path(&format!("pictures/{name}.svg"));
        let picture = std::fs::read_to_string(Path::new(&path)).unwrap();
        assert_eq!(picture.matches(mark).count(), count, "{name}");
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
    }
}

/// No movement, no value, no equity: each has an answer, in the tables, in JSON and in the pictures.
#[test]
fn what_is_not_defined_is_null_and_a_dash() {
    let folder = Folder::new("undefined");
    let mut moving = prices(5, 3, 120);
    moving = moving
        .lines()
        .enumerate()
        .fold(String::new(), |text, (at, line)| {
            let still = if at == 0 { "STILL" } else { "7" };
            format!("{text}{line},{still}\n")
        });
    let file = folder.write("p.csv", moving);
    let config = |terms: &str| format!("[analytics]\nhistory = [{file:?}]\n{terms}");
    let holdings = |lines: &str| {
        let file = folder.write("h.csv", format!("symbol,qty\n{lines}"));
        file.display().to_string()
    };
    let drawn = || {
        for name in ["distribution", "correlation", "drawdown"] {
            let picture = std::fs::read_to_string(folder.path(&format!("pictures/{name}.svg")));
            let picture = picture.unwrap();
            assert!(
                !picture.contains("NaN") && !picture.contains("inf"),
                "{picture}"
            );
        }
    };

    let still = holdings("STILL,5\n");
    let page = folder.figures(&config("index = \"S0\"\n"), &["--holdings", &still]);
    drawn();
    assert!(page["portfolio"]["sharpe"].is_null());
    assert_eq!(page["symbols"][0]["volatility_day"], json!(0.0));
    assert_eq!(page["symbols"][0]["beta"], json!(0.0));
    assert!(page["correlation"]["matrix"][0][0].is_null());
    assert_eq!(page["portfolio"]["drawdown"]["deepest"], json!(0.0));
    assert_eq!(page["tails"][0]["historical"], json!(0.0));
    let text = folder.analyze(&config("index = \"S0\"\n"), &["--holdings", &still]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("STILL does not move: its correlations are not defined"),
        "{text}"
    );
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");

    // Against what stands still there is no beta; nor is there any without an index.
    let page = folder.figures(&config("index = \"STILL\"\n"), &[]);
    assert!(page["symbols"][0]["beta"].is_null() && page["portfolio"]["beta"].is_null());
    let page = folder.figures(&config(""), &[]);
    assert!(page["symbols"][0]["beta"].is_null() && page["symbols"][0]["index"].is_null());

    for terms in ["", "equity = 0\n"] {
        let nothing = holdings("S0,0\nS1,0\n");
        let page = folder.figures(&config(terms), &["--holdings", &nothing]);
        drawn();
        assert_eq!(page["portfolio"]["gross"], json!(0.0));
        assert!(page["portfolio"]["volatility_day"].is_null());
        assert!(page["portfolio"]["drawdown"].is_null());
        assert!(page["symbols"][0]["share_of_gross"].is_null());
        assert!(page["concentration"][0]["herfindahl_index"].is_null());
        assert!(page["tails"][0]["historical_share"].is_null());
    }
    // With a value but no equity, money is known and its share is not.
    let page = folder.figures(
        &config("equity = 0\n"),
        &["--holdings", &holdings("S0,3\n")],
    );
    drawn();
    assert!(page["tails"][0]["historical"].as_f64().unwrap() > 0.0);
    assert!(page["tails"][0]["historical_share"].is_null());
}
