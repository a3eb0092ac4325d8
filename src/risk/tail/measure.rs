//! Measure: a level's limits on its tail, and the exact figures.
//!
//! Pure.
//!
//! With n days of history and a share c:
//! - Value at risk is the least loss that no more than floor(n (1 - c)) days exceed (McNeil, Frey and
//!   Embrechts, "Quantitative Risk Management", 2015, definition 2.8).
//! - Expected shortfall is the mean loss of the worst n (1 - c) days; the day at its edge counts for the
//!   part of it that is inside (Acerbi and Tasche, "On the coherence of expected shortfall", 2002). For
//!   any threshold it is at most the threshold plus the mean of what those days lose beyond it
//!   (Rockafellar and Uryasev, "Optimization of conditional value-at-risk", 2000): where that is within
//!   the limit nothing needs to be selected.
//! - Stress loss and margin are the largest loss of some named scenarios.

use super::kernel::{self, wide};
use super::table::{ONE, Table, of};
use super::{Book, Terms};
use crate::reject::RejectReason as Reason;
use crate::risk::setup::Limits;
use std::ops::Range;

/// A level's limits in loss units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    /// By [`Figure`]; `None` is off.
    pub(super) max: [Option<i64>; FIGURES],
    /// Of all that is lost alone, in millionths.
    pub(super) cluster_share: Option<u32>,
    pub(super) cluster_free: i64,
    /// The scenarios that these need.
    pub(super) needs: u8,
}

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Figure {
    ValueAtRisk,
    Shortfall,
    Stress,
    Margin,
}

const FIGURES: usize = 4;

impl Figure {
    pub(super) const ALL: [Self; FIGURES] = [
        Self::ValueAtRisk,
        Self::Shortfall,
        Self::Stress,
        Self::Margin,
    ];

    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::ValueAtRisk => Reason::ValueAtRiskAboveMax,
            Self::Shortfall => Reason::ShortfallAboveMax,
            Self::Stress => Reason::StressLossAboveMax,
            Self::Margin => Reason::MarginAboveMax,
        }
    }

    /// The scenarios that it is about.
    pub(super) fn range(self, table: &Table) -> Range<usize> {
        match self {
            Self::ValueAtRisk | Self::Shortfall => table.history.clone(),
            Self::Stress => table.stress.clone(),
            Self::Margin => table.margin.clone(),
        }
    }

    const fn needs(self) -> u8 {
        match self {
            Self::ValueAtRisk | Self::Shortfall => of::HISTORY,
            Self::Stress => of::STRESS,
            Self::Margin => of::MARGIN,
        }
    }
}

impl Bounds {
    pub(super) fn new(limits: &Limits, table: &Table) -> Self {
        let max = [
            limits.value_at_risk_max,
            limits.expected_shortfall_max,
            limits.stress_loss_max,
            limits.margin_max,
        ];
        let armed = Figure::ALL.iter().zip(&max);
        let needs = armed.fold(0, |needs, (figure, max)| match max {
            Some(_) => needs | figure.needs(),
            None => needs,
        });
        let of_clusters = match limits.cluster_share_max {
            // Without any scenario nothing is known.
            Some(_) if table.sets == 0 => of::HISTORY,
            Some(_) => table.sets,
            None => 0,
        };
        Self {
            max: max.map(|max| max.map(|max| table.limit(max))),
            cluster_share: limits.cluster_share_max,
            cluster_free: limits.cluster_share_free.map_or(0, |max| table.limit(max)),
            needs: needs | of_clusters,
        }
    }
}

impl Terms {
    /// By how much a figure is multiplied so that it is whole: days of the shortfall are cut.
    pub(super) const fn scale(self, figure: Figure) -> i128 {
        match figure {
            Figure::Shortfall => self.days as i128,
            _ => 1,
        }
    }
}

impl Book {
    /// [`measure`], of this book's losses.
    pub(super) fn measure(
        &self,
        (table, terms): (&Table, Terms),
        figure: Figure,
        symbol: u32,
        more: [i64; 2],
        scratch: &mut Vec<i64>,
    ) -> i128 {
        let with = (table, terms);
        measure(self.losses(), with, figure, symbol, more, scratch)
    }

    /// Works out by how much every loss may grow, if everything is brought in. Where the share of a
    /// cluster is limited every order is looked at.
    pub(super) fn measure_headroom(&mut self, table: &Table, terms: Terms, scratch: &mut Vec<i64>) {
        self.headroom = 0;
        let is_free = self.bounds.cluster_share.is_none();
        if !is_free || self.unknown_count != 0 || table.symbols.is_empty() {
            return;
        }
        let mut headroom = i128::from(kernel::LOSS_MAX);
        for (figure, max) in Figure::ALL.into_iter().zip(self.bounds.max) {
            let Some(max) = max else { continue };
            let scale = terms.scale(figure);
            let measured = self.measure((table, terms), figure, 0, [0; 2], scratch);
            headroom = headroom.min(i128::from(max) - div_ceil(measured, scale));
            if figure == Figure::Shortfall {
                self.threshold = terms.edge(scratch);
            }
        }
        let units = u64::try_from(headroom.max(0)).unwrap_or(u64::MAX);
        let headroom = u128::from(units).saturating_mul(table.unit);
        self.headroom = headroom.min(UNKNOWN - 1);
    }
}

/// A figure of some losses with so much more held in a symbol, by side; times its scale.
pub(super) fn measure(
    losses: &[i64],
    (table, terms): (&Table, Terms),
    figure: Figure,
    symbol: u32,
    more: [i64; 2],
    scratch: &mut Vec<i64>,
) -> i128 {
    let range = figure.range(table);
    let moves = [0, 1].map(|side| &table.moves(symbol, side)[range.clone()]);
    let losses = losses[range].iter().zip(moves[0]).zip(moves[1]);
    let losses = losses.map(|((loss, falls), rises)| {
        let added = wide(more[0], *falls).wrapping_add(wide(more[1], *rises));
        loss.wrapping_add(added)
    });
    match figure {
        Figure::Stress | Figure::Margin => losses.max().unwrap_or(0).into(),
        Figure::ValueAtRisk => {
            scratch.clear();
            scratch.extend(losses);
            select(scratch, terms.allowed as usize).1.into()
        }
        Figure::Shortfall => {
            scratch.clear();
            scratch.extend(losses);
            let (whole, part) = ((terms.days / ONE) as usize, terms.days % ONE);
            let (worst, edge) = select(scratch, whole);
            let inside: i128 = worst.iter().copied().map(i128::from).sum();
            inside * i128::from(ONE) + i128::from(edge) * i128::from(part)
        }
    }
}

impl Terms {
    /// The loss at the edge of the shortfall's days, of losses that have just been selected for it.
    pub(super) fn edge(self, selected: &[i64]) -> i64 {
        let edge = selected.get((self.days / ONE) as usize);
        edge.copied().unwrap_or_default()
    }
}

/// The losses above the one at a place from the worst, in no order, and that one; nothing of too few.
fn select(losses: &mut [i64], place: usize) -> (&[i64], i64) {
    if losses.len() <= place {
        return (&[], 0);
    }
    let (worst, edge, _) = losses.select_nth_unstable_by(place, |a, b| b.cmp(a));
    (worst, *edge)
}

/// What an order adds to a loss where nobody knows: more than any headroom.
pub(super) const UNKNOWN: u128 = u128::MAX;

/// Rounded up; the divisor is positive.
pub(super) fn div_ceil(value: i128, by: i128) -> i128 {
    -(-value).div_euclid(by)
}
