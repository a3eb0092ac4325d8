//! Analysis: all that is said of what is held, from its history.

use super::concentration::Concentration;
use super::correlation::Correlation;
use super::error::AnalyticsError;
use super::figures::{Measure, PortfolioFigures, SymbolFigures, TailFigures};
use super::history::History;
use super::holdings::Holding;
use super::moments::{beta, ewma_deviation, mean, ratio};
use super::panel::{Panel, Wanted};
use super::performance::{Drawdown, sharpe};
use super::stress::{self, Change, Stress};
use super::tables::still;
use super::tail::{Gains, normal_expected_shortfall, normal_value_at_risk};
use crate::config::Config;
use crate::config::analytics::GroupKind;
use crate::config::scenarios::{Scenario, ShockTarget};
use crate::units::{AccountId, SymbolId};
use std::collections::HashMap;

/// What is to be analysed.
#[derive(Debug)]
pub struct Question<'q> {
    /// Definitions, symbols, groups and scenarios.
    pub config: &'q Config,
    /// Whose it is, for its indexes; `None`: all accounts' together.
    pub account: Option<AccountId>,
    /// What is held; `None`: equal weights of every symbol, worth the equity, or 1.
    pub holdings: Option<Vec<Holding>>,
    /// What it is stressed by.
    pub scenarios: Vec<&'q Scenario>,
}

/// All of it. Money is in the currency of the prices; deviations, means and shares are parts of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The returns that everything is made of.
    pub panel: Panel,
    /// In the order of the panel.
    pub symbols: Vec<SymbolFigures>,
    /// In the order of the panel.
    pub correlation: Correlation,
    /// Of all together.
    pub portfolio: PortfolioFigures,
    /// By confidence.
    pub tails: Vec<TailFigures>,
    /// By symbol, issuer and sector.
    pub concentrations: Vec<Concentration>,
    /// By scenario.
    pub stresses: Vec<Stress>,
    /// On each day of the panel, in money.
    pub gains: Vec<f64>,
    /// `None` where the equity is zero.
    pub drawdown: Option<Drawdown>,
    /// What may be worth a look.
    pub notes: Vec<String>,
}

/// One, in millionths.
const ONE: f64 = 1e6;

impl Analysis {
    /// Works all of it out; an error where anything that is asked for cannot be.
    pub fn new(history: &History, question: &Question<'_>) -> Result<Self, AnalyticsError> {
        let work = Work::new(history, question);
        let names = work.names()?;
        let panel = Panel::new(history, &names, work.wanted)?;
        let values = work.values(&panel);
        let gross: f64 = values.iter().map(|value| value.abs()).sum();
        let equity = work.equity().unwrap_or(gross);
        let gains: Vec<f64> = (0..panel.returns_count())
            .map(|day| {
                let parts = values.iter().zip(&panel.returns);
                parts.map(|(value, returns)| value * returns[day]).sum()
            })
            .collect();
        let shares: Option<Vec<f64>> = gains.iter().map(|gain| ratio(*gain, equity)).collect();
        let correlation = Correlation::new(&panel, f64::from(work.terms.condition_max))?;
        let symbols = work.symbols(&panel, &values, &correlation)?;
        let portfolio = work.portfolio(&panel, &correlation, (&values, equity), &gains)?;
        let stresses = question.scenarios.iter();
        let stresses = stresses.map(|scenario| work.stress(scenario, &panel, &values, equity));
        Ok(Self {
            tails: work.tails(&gains, &portfolio),
            concentrations: work.concentrations(&panel, &values),
            stresses: stresses.collect::<Result<_, _>>()?,
            drawdown: shares.and_then(|of| Drawdown::new(&of, panel.first_day, &panel.days)),
            notes: work.notes(&panel, &correlation),
            panel,
            symbols,
            correlation,
            portfolio,
            gains,
        })
    }

    /// Trading days in a year, under a root: what makes a day's deviation a year's.
    pub fn year_root(config: &Config) -> f64 {
        f64::from(config.analytics.days_per_year).sqrt()
    }
}

/// What every part of the work needs.
struct Work<'w> {
    history: &'w History,
    question: &'w Question<'w>,
    terms: &'w crate::config::analytics::Analytics,
    wanted: Wanted,
    ids: HashMap<&'w str, SymbolId>,
}

impl<'w> Work<'w> {
    fn new(history: &'w History, question: &'w Question<'w>) -> Self {
        let symbols = question.config.setup.symbols.iter().zip(0..);
        Self {
            history,
            question,
            terms: &question.config.analytics,
            wanted: Wanted::new(&question.config.analytics),
            ids: symbols
                .map(|(symbol, id)| (symbol.name.as_str(), SymbolId(id)))
                .collect(),
        }
    }

    fn id(&self, name: &str) -> Option<SymbolId> {
        self.ids.get(name).copied()
    }

    fn equity(&self) -> Option<f64> {
        // Read back from its own decimal text: the nearest float.
        self.terms
            .equity
            .and_then(|equity| equity.to_string().parse().ok())
    }

    /// What is held; else every configured symbol; else every column that is no index.
    fn names(&self) -> Result<Vec<&'w str>, AnalyticsError> {
        if let Some(holdings) = &self.question.holdings {
            return Ok(holdings.iter().map(|held| held.symbol.as_str()).collect());
        }
        let symbols = &self.question.config.setup.symbols;
        if !symbols.is_empty() {
            return Ok(symbols.iter().map(|symbol| symbol.name.as_str()).collect());
        }
        let betas = self.terms.betas.iter().map(|beta| beta.index.as_str());
        let scenarios = self.question.config.scenarios.iter();
        let shocks = scenarios.flat_map(|scenario| &scenario.shocks);
        let shocked = shocks.filter_map(|shock| match &shock.target {
            ShockTarget::Index(index) => Some(index.as_str()),
            ShockTarget::Symbol(_) | ShockTarget::Group(_) => None,
        });
        let indexes = betas.chain(shocked).chain(self.terms.index.as_deref());
        let indexes: Vec<&str> = indexes.collect();
        let names = self.history.names();
        Ok(names.filter(|name| !indexes.contains(name)).collect())
    }

    fn values(&self, panel: &Panel) -> Vec<f64> {
        match &self.question.holdings {
            Some(holdings) => {
                let values = holdings.iter().zip(&panel.last_prices);
                let values =
                    values.map(|(held, price)| held.qty * price * self.multiplier(&held.symbol));
                values.collect()
            }
            None => {
                let count = panel.names.len();
                vec![self.equity().unwrap_or(1.0) / count as f64; count]
            }
        }
    }

    /// What one unit of price and of quantity are worth together.
    fn multiplier(&self, name: &str) -> f64 {
        const SCALE: f64 = 1e9;
        let symbols = &self.question.config.setup.symbols;
        let symbol = self.id(name).and_then(|id| symbols.get(id.0 as usize));
        symbol.map_or(1.0, |symbol| symbol.multiplier as f64 / SCALE)
    }

    fn symbols(
        &self,
        panel: &Panel,
        values: &[f64],
        correlation: &Correlation,
    ) -> Result<Vec<SymbolFigures>, AnalyticsError> {
        let lambda = f64::from(self.terms.ewma_lambda) / ONE;
        let mut figures = Vec::with_capacity(values.len());
        for (at, name) in panel.names.iter().enumerate() {
            let index = self.terms.index_of(self.question.account, self.id(name));
            let beta = index.map(|index| self.beta(name, index)).transpose()?;
            figures.push(SymbolFigures {
                qty: self.question.holdings.as_ref().map(|held| held[at].qty),
                price: panel.last_prices[at],
                value: values[at],
                mean: mean(&panel.returns[at]),
                deviation: correlation.deviation(at),
                ewma_deviation: ewma_deviation(&panel.returns[at], lambda),
                index: index.map(str::to_owned),
                beta: beta.flatten(),
            });
        }
        Ok(figures)
    }

    /// On the days that the symbol and the index have in common.
    fn beta(&self, name: &str, index: &str) -> Result<Option<f64>, AnalyticsError> {
        let pair = Panel::new(self.history, &[name, index], self.wanted)?;
        Ok(beta(&pair.returns[0], &pair.returns[1]))
    }

    fn portfolio(
        &self,
        panel: &Panel,
        correlation: &Correlation,
        (values, equity): (&[f64], f64),
        gains: &[f64],
    ) -> Result<PortfolioFigures, AnalyticsError> {
        let days = || panel.days.iter().copied().zip(gains.iter().copied());
        let shares: Option<Vec<f64>> = gains.iter().map(|gain| ratio(*gain, equity)).collect();
        let rate = self.terms.risk_free_rate as f64 / ONE;
        let days_per_year = f64::from(self.terms.days_per_year);
        let index = self.terms.index_of(self.question.account, None);
        let beta = index.map(|index| self.portfolio_beta(panel, values, equity, index));
        Ok(PortfolioFigures {
            gross: values.iter().map(|value| value.abs()).sum(),
            net: values.iter().sum(),
            equity,
            mean: mean(gains),
            deviation: correlation.deviation_of(values),
            ewma_deviation: ewma_deviation(gains, f64::from(self.terms.ewma_lambda) / ONE),
            sharpe: shares.and_then(|shares| sharpe(&shares, days_per_year, rate)),
            index: index.map(str::to_owned),
            beta: beta.transpose()?.flatten(),
            worst: days().min_by(|one, other| one.1.total_cmp(&other.1)),
            best: days().max_by(|one, other| one.1.total_cmp(&other.1)),
        })
    }

    /// On the days that every symbol and the index have in common.
    fn portfolio_beta(
        &self,
        panel: &Panel,
        values: &[f64],
        equity: f64,
        index: &str,
    ) -> Result<Option<f64>, AnalyticsError> {
        let mut names: Vec<&str> = panel.names.iter().map(String::as_str).collect();
        names.push(index);
        let both = Panel::new(self.history, &names, self.wanted)?;
        let gains: Vec<f64> = (0..both.returns_count())
            .map(|day| {
                let parts = values.iter().zip(&both.returns);
                parts.map(|(value, returns)| value * returns[day]).sum()
            })
            .collect();
        let of_gains = both.returns.last().and_then(|index| beta(&gains, index));
        Ok(of_gains.and_then(|beta| ratio(beta, equity)))
    }

    fn tails(&self, gains: &[f64], portfolio: &PortfolioFigures) -> Vec<TailFigures> {
        let ordered = Gains::new(gains);
        let mean = portfolio.mean.unwrap_or_default();
        let normal = |of: fn(f64, f64, u32) -> Option<f64>, confidence| TailFigures {
            measure: Measure::ValueAtRisk,
            confidence,
            historical: None,
            normal: portfolio.deviation.and_then(|by| of(mean, by, confidence)),
            ewma: portfolio
                .ewma_deviation
                .and_then(|by| of(0.0, by, confidence)),
        };
        let at_risk = self
            .terms
            .var_confidence
            .iter()
            .map(|confidence| TailFigures {
                historical: ordered.value_at_risk(*confidence, self.terms.quantile),
                ..normal(normal_value_at_risk, *confidence)
            });
        let shortfalls = self
            .terms
            .es_confidence
            .iter()
            .map(|confidence| TailFigures {
                measure: Measure::ExpectedShortfall,
                historical: ordered.expected_shortfall(*confidence),
                ..normal(normal_expected_shortfall, *confidence)
            });
        at_risk.chain(shortfalls).collect()
    }

    /// By symbol, and by issuer and sector where groups say which those are.
    fn concentrations(&self, panel: &Panel, values: &[f64]) -> Vec<Concentration> {
        let names = || panel.names.iter().map(String::as_str);
        let valued = || names().zip(values.iter().copied());
        let mut all = vec![Concentration::new("symbol", valued())];
        if self.has_kind(GroupKind::Issuer) {
            // A symbol that no group names is the only one of its issuer.
            let of = |name| self.group(GroupKind::Issuer, name).unwrap_or(name);
            let valued = valued().map(|(name, value)| (of(name), value));
            all.push(Concentration::new("issuer", valued));
        }
        if self.has_kind(GroupKind::Sector) {
            let of = |name| self.group(GroupKind::Sector, name).unwrap_or("(none)");
            let valued = valued().map(|(name, value)| (of(name), value));
            all.push(Concentration::new("sector", valued));
        }
        all
    }

    fn has_kind(&self, kind: GroupKind) -> bool {
        self.question.config.group_kinds.contains(&kind)
    }

    /// The group of a kind that a symbol is in.
    fn group(&self, kind: GroupKind, name: &str) -> Option<&'w str> {
        let id = self.id(name)?;
        let config = self.question.config;
        let groups = config.setup.groups.iter().zip(&config.group_kinds);
        let mut of_kind = groups.filter(|(_, of)| **of == kind);
        let found = of_kind.find(|(group, _)| group.symbols.contains(&id));
        found.map(|(group, _)| group.name.as_str())
    }

    fn stress(
        &self,
        scenario: &Scenario,
        panel: &Panel,
        values: &[f64],
        equity: f64,
    ) -> Result<Stress, AnalyticsError> {
        let mut changes = Vec::with_capacity(values.len());
        for (name, value) in panel.names.iter().zip(values) {
            let beta = |index: &str| {
                let beta = self.beta(name, index)?;
                beta.ok_or_else(|| still(index))
            };
            let config = self.question.config;
            let change = stress::change_of(scenario, config, self.id(name), beta);
            let change = change.map_err(|mut error| {
                error.problem = format!("scenario {:?}: {}", scenario.name, error.problem);
                error
            })?;
            changes.push(Change {
                symbol: name.clone(),
                change,
                gain: value * change,
            });
        }
        let gain = changes.iter().map(|change| change.gain).sum();
        Ok(Stress {
            name: scenario.name.clone(),
            gain,
            share: ratio(gain, equity),
            changes,
        })
    }

    fn notes(&self, panel: &Panel, correlation: &Correlation) -> Vec<String> {
        let mut notes = self.history.notes();
        if 0 < panel.left_out_count {
            notes.push(format!(
                "{} days are left out: not every symbol has a price on them",
                panel.left_out_count
            ));
        }
        for (at, name) in panel.names.iter().enumerate() {
            if correlation.deviation(at) <= 0.0 {
                notes.push(format!(
                    "{name} does not move: its correlations are not defined, and count as zero"
                ));
            }
        }
        for (kind, word) in [(GroupKind::Issuer, "issuer"), (GroupKind::Sector, "sector")] {
            if !self.has_kind(kind) {
                notes.push(format!(
                    "no [[group]] has kind = {word:?}: concentration by {word} is not known"
                ));
            }
        }
        if 0.0 < correlation.shrinkage {
            let condition = match correlation.condition {
                Some(condition) => format!("of condition number {condition:.0}"),
                None => "singular".to_owned(),
            };
            notes.push(format!(
                "the sampled correlations are {condition}, above analytics.condition_max = {}: each \
                 is shrunk by {:.4} %",
                self.terms.condition_max,
                100.0 * correlation.shrinkage
            ));
        }
        notes
    }
}
