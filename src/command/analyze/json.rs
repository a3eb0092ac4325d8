//! Json: the figures as one object, in full precision. What is not defined is null.

use crate::analytics::analysis::Analysis;
use crate::analytics::moments::ratio;
use crate::config::Config;
use crate::config::analytics::{Quantile, share_text};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::path::PathBuf;

/// All of it.
pub(super) fn page(
    config: &Config,
    of: &Analysis,
    account: Option<&str>,
    pictures: &[PathBuf],
) -> String {
    let terms = &config.analytics;
    let page = json!({
        "account": account,
        "first_day": of.panel.first_day.to_string(),
        "last_day": of.panel.days.last().map(Date::to_string),
        "returns": of.panel.returns_count(),
        "days_left_out": of.panel.left_out_count,
        "terms": {
            "days_per_year": terms.days_per_year,
            "ewma_lambda": share_text(terms.ewma_lambda),
            "quantile": match terms.quantile {
                Quantile::Linear => "linear",
                Quantile::Observed => "observed",
            },
            "condition_max": terms.condition_max,
        },
        "symbols": symbols(config, of),
        "portfolio": portfolio(config, of),
        "tails": tails(of),
        "concentration": concentrations(of),
        "stress": stresses(of),
        "correlation": correlation(of),
        "notes": of.notes,
        "pictures": pictures.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
    });
    format!("{page:#}\n")
}

fn symbols(config: &Config, of: &Analysis) -> Vec<Value> {
    let root = Analysis::year_root(config);
    let symbols = of.panel.names.iter().zip(&of.symbols);
    let symbols = symbols.map(|(name, figures)| {
        json!({
            "symbol": name,
            "qty": figures.qty,
            "price": figures.price,
            "value": figures.value,
            "share_of_gross": ratio(figures.value, of.portfolio.gross),
            "mean_day": figures.mean,
            "volatility_day": figures.deviation,
            "volatility_year": figures.deviation * root,
            "ewma_volatility_day": figures.ewma_deviation,
            "ewma_volatility_year": figures.ewma_deviation.map(|of| of * root),
            "index": figures.index,
            "beta": figures.beta,
        })
    });
    symbols.collect()
}

fn portfolio(config: &Config, of: &Analysis) -> Value {
    let root = Analysis::year_root(config);
    let figures = &of.portfolio;
    let share = |value: Option<f64>| value.and_then(|value| ratio(value, figures.equity));
    let day = |day: Option<(Date, f64)>| {
        day.map(|(day, gain)| {
            json!({ "day": day.to_string(), "gain": gain, "share": share(Some(gain)) })
        })
    };
    json!({
        "gross": figures.gross,
        "net": figures.net,
        "equity": figures.equity,
        "mean_day": share(figures.mean),
        "volatility_day": share(figures.deviation),
        "volatility_year": share(figures.deviation).map(|of| of * root),
        "ewma_volatility_day": share(figures.ewma_deviation),
        "sharpe": figures.sharpe,
        "index": figures.index,
        "beta": figures.beta,
        "worst": day(figures.worst),
        "best": day(figures.best),
        "drawdown": of.drawdown.as_ref().map(|drawdown| json!({
            "deepest": drawdown.deepest,
            "from": drawdown.from.to_string(),
            "to": drawdown.to.to_string(),
            "recovered": drawdown.recovered.as_ref().map(Date::to_string),
        })),
    })
}

fn tails(of: &Analysis) -> Vec<Value> {
    let share = |value: Option<f64>| value.and_then(|value| ratio(value, of.portfolio.equity));
    let tails = of.tails.iter().map(|tail| {
        json!({
            "measure": tail.measure.text(),
            "confidence": share_text(tail.confidence),
            "historical": tail.historical, "historical_share": share(tail.historical),
            "normal": tail.normal, "normal_share": share(tail.normal),
            "ewma": tail.ewma, "ewma_share": share(tail.ewma),
        })
    });
    tails.collect()
}

fn concentrations(of: &Analysis) -> Vec<Value> {
    let all = of.concentrations.iter().map(|concentration| {
        let parts = concentration.parts.iter().map(|part| {
            json!({ "name": part.name, "gross": part.gross, "net": part.net, "share": part.share })
        });
        json!({
            "of": concentration.kind,
            "parts": parts.collect::<Vec<_>>(),
            "herfindahl_index": concentration.index,
            "effective_count": concentration.effective_count,
        })
    });
    all.collect()
}

fn stresses(of: &Analysis) -> Vec<Value> {
    let all = of.stresses.iter().map(|stress| {
        let changes = stress.changes.iter().map(|change| {
            json!({ "symbol": change.symbol, "change": change.change, "gain": change.gain })
        });
        json!({
            "scenario": stress.name,
            "gain": stress.gain,
            "share": stress.share,
            "symbols": changes.collect::<Vec<_>>(),
        })
    });
    all.collect()
}

fn correlation(of: &Analysis) -> Value {
    let count = of.correlation.count();
    let matrix = |cell: &dyn Fn(usize, usize) -> Option<f64>| -> Vec<Vec<Option<f64>>> {
        let row = |one| (0..count).map(|other| cell(one, other)).collect();
        (0..count).map(row).collect()
    };
    json!({
        "symbols": of.panel.names,
        "matrix": matrix(&|one, other| of.correlation.between(one, other)),
        "covariance_day": matrix(&|one, other| Some(of.correlation.covariance(one, other))),
        "condition": of.correlation.condition,
        "shrinkage": of.correlation.shrinkage,
    })
}
