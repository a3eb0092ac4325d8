//! Text: the figures as tables.

use super::Held;
use crate::admin::table::Table;
use crate::analytics::analysis::Analysis;
use crate::analytics::moments::ratio;
use crate::config::Config;
use crate::config::analytics::share_text;
use std::fmt::Write as _;
use std::path::PathBuf;

/// More columns than a screen has: the picture shows them, and `--json` has them.
const CORRELATIONS_MAX: usize = 20;
/// More parts of one kind than anybody reads.
const PARTS_MAX: usize = 10;

/// All of it.
pub(super) fn page(
    config: &Config,
    of: &Analysis,
    held: &Held,
    account: Option<&str>,
    pictures: &[PathBuf],
) -> String {
    let money = Money::new(of);
    let mut out = String::new();
    let count = of.symbols.len();
    let held = match held {
        Held::EqualWeights => "equal weights".to_owned(),
        Held::File(file) => format!("holdings of {}", file.display()),
    };
    let account = account.map_or(String::new(), |name| format!(", account {name}"));
    let days = (of.panel.first_day, of.panel.days.last());
    let last = days.1.map_or(String::new(), |day| day.to_string());
    let _ = writeln!(
        out,
        "{count} symbols, {held}{account}: {} daily returns, {} to {last}",
        of.panel.returns_count(),
        days.0,
    );
    for note in &of.notes {
        let _ = writeln!(out, "note: {note}");
    }
    section(&mut out, "Symbols", &symbols(config, of, &money));
    section(&mut out, "Portfolio", &portfolio(config, of, &money));
    section(
        &mut out,
        "Loss in a day, of the portfolio",
        &tails(of, &money),
    );
    section(&mut out, "Concentration", &concentration(of, &money));
    for concentration in &of.concentrations {
        let _ = writeln!(
            out,
            "{}: Herfindahl index {}, as of {} equal parts",
            concentration.kind,
            cell(concentration.index, 4),
            cell(concentration.effective_count, 1)
        );
    }
    match of.stresses.is_empty() {
        true => out.push_str("\nStress: no [[scenario]] is configured\n"),
        false => section(&mut out, "Stress", &stresses(of, &money)),
    }
    if count <= CORRELATIONS_MAX {
        section(&mut out, "Correlations", &correlations(of));
    }
    let _ = writeln!(
        out,
        "condition number {}, shrunk by {:.4} %",
        cell(of.correlation.condition, 1),
        100.0 * of.correlation.shrinkage
    );
    out.push('\n');
    for picture in pictures {
        let _ = writeln!(out, "picture: {}", picture.display());
    }
    out
}

fn section(out: &mut String, title: &str, table: &Table) {
    let _ = writeln!(out, "\n{title}");
    table.write(out);
}

fn symbols(config: &Config, of: &Analysis, money: &Money) -> Table {
    let year = 100.0 * Analysis::year_root(config);
    let mut table = Table::new(&[
        "symbol",
        "qty",
        "price",
        "value",
        "share %",
        "volatility %",
        "EWMA %",
        "beta",
        "index",
    ]);
    for (name, figures) in of.panel.names.iter().zip(&of.symbols) {
        table.row(vec![
            name.clone(),
            figures.qty.map_or("-".to_owned(), |qty| qty.to_string()),
            figures.price.to_string(),
            money.of(Some(figures.value)),
            percent(ratio(figures.value, of.portfolio.gross)),
            cell(Some(figures.deviation * year), 2),
            cell(figures.ewma_deviation.map(|of| of * year), 2),
            cell(figures.beta, 4),
            figures.index.clone().unwrap_or("-".to_owned()),
        ]);
    }
    table
}

fn portfolio(config: &Config, of: &Analysis, money: &Money) -> Table {
    let days = f64::from(config.analytics.days_per_year);
    let root = Analysis::year_root(config);
    let figures = &of.portfolio;
    let mut table = Table::new(&["", "money", "% of equity", "when"]);
    let mut row = |name: &str, value: Option<f64>, when: String| {
        let share = value.and_then(|value| ratio(value, figures.equity));
        table.row(vec![name.to_owned(), money.of(value), percent(share), when]);
    };
    row("gross value", Some(figures.gross), String::new());
    row("net value", Some(figures.net), String::new());
    row("equity", Some(figures.equity), String::new());
    row(
        "mean gain",
        figures.mean.map(|of| of * days),
        "a year".to_owned(),
    );
    row(
        "volatility",
        figures.deviation.map(|of| of * root),
        "a year".to_owned(),
    );
    row(
        "EWMA volatility",
        figures.ewma_deviation.map(|of| of * root),
        "a year".to_owned(),
    );
    for (name, day) in [("worst day", figures.worst), ("best day", figures.best)] {
        let when = day.map_or(String::new(), |(day, _)| day.to_string());
        row(name, day.map(|(_, gain)| gain), when);
    }
    if let Some(drawdown) = &of.drawdown {
        let until = match drawdown.recovered {
            Some(day) => format!(", recovered {day}"),
            None => ", not recovered".to_owned(),
        };
        table.row(vec![
            "deepest drawdown".to_owned(),
            "-".to_owned(),
            percent(Some(drawdown.deepest)),
            format!("{} to {}{until}", drawdown.from, drawdown.to),
        ]);
    }
    let index = figures.index.as_deref().unwrap_or("no index");
    for (name, value) in [
        ("Sharpe ratio".to_owned(), figures.sharpe),
        (format!("beta against {index}"), figures.beta),
    ] {
        table.row(vec![name, cell(value, 4), "-".to_owned(), String::new()]);
    }
    table
}

fn tails(of: &Analysis, money: &Money) -> Table {
    let mut table = Table::new(&[
        "measure",
        "historical",
        "% of equity",
        "normal",
        "% of equity",
        "EWMA",
        "% of equity",
    ]);
    for tail in &of.tails {
        let mut cells = vec![format!(
            "{} {}",
            tail.measure.text(),
            share_text(tail.confidence)
        )];
        for loss in [tail.historical, tail.normal, tail.ewma] {
            let share = loss.and_then(|loss| ratio(loss, of.portfolio.equity));
            cells.extend([money.of(loss), percent(share)]);
        }
        table.row(cells);
    }
    table
}

fn concentration(of: &Analysis, money: &Money) -> Table {
    let mut table = Table::new(&["of", "name", "gross value", "net value", "% of gross"]);
    for concentration in &of.concentrations {
        for part in concentration.parts.iter().take(PARTS_MAX) {
            table.row(vec![
                concentration.kind.to_owned(),
                part.name.clone(),
                money.of(Some(part.gross)),
                money.of(Some(part.net)),
                percent(part.share),
            ]);
        }
        let more = concentration.parts.get(PARTS_MAX..).unwrap_or_default();
        if !more.is_empty() {
            let share: Option<f64> = more.iter().map(|part| part.share).sum();
            table.row(vec![
                concentration.kind.to_owned(),
                format!("... {} more", more.len()),
                money.of(Some(more.iter().map(|part| part.gross).sum())),
                money.of(Some(more.iter().map(|part| part.net).sum())),
                percent(share),
            ]);
        }
    }
    table
}

fn stresses(of: &Analysis, money: &Money) -> Table {
    let mut table = Table::new(&[
        "scenario",
        "gain",
        "% of equity",
        "worst symbol",
        "its gain",
    ]);
    for stress in &of.stresses {
        let changes = stress.changes.iter();
        let worst = changes.min_by(|one, other| one.gain.total_cmp(&other.gain));
        table.row(vec![
            stress.name.clone(),
            money.of(Some(stress.gain)),
            percent(stress.share),
            worst.map_or("-".to_owned(), |of| of.symbol.clone()),
            money.of(worst.map(|of| of.gain)),
        ]);
    }
    table
}

fn correlations(of: &Analysis) -> Table {
    let names = of.panel.names.iter().map(String::as_str);
    let head: Vec<&str> = std::iter::once("").chain(names).collect();
    let mut table = Table::new(&head);
    for (one, name) in of.panel.names.iter().enumerate() {
        let cells = (0..of.panel.names.len()).map(|other| match other <= one {
            true => cell(of.correlation.between(one, other), 2),
            false => String::new(),
        });
        table.row(std::iter::once(name.clone()).chain(cells).collect());
    }
    table
}

/// How money is written: with cents, or, where all of it is little, with what is little of it.
struct Money {
    digits: usize,
}

impl Money {
    fn new(of: &Analysis) -> Self {
        let digits = if of.portfolio.gross.max(of.portfolio.equity) < 1_000.0 {
            6
        } else {
            2
        };
        Self { digits }
    }

    fn of(&self, value: Option<f64>) -> String {
        cell(value, self.digits)
    }
}

fn percent(share: Option<f64>) -> String {
    cell(share.map(|share| 100.0 * share), 4)
}

/// Zero has one sign.
fn cell(value: Option<f64>, digits: usize) -> String {
    match value {
        Some(value) => {
            let text = format!("{value:.digits$}");
            let is_zero = text.bytes().all(|byte| b"-0.".contains(&byte));
            match is_zero {
                true => text.trim_start_matches('-').to_owned(),
                false => text,
            }
        }
        None => "-".to_owned(),
    }
}
