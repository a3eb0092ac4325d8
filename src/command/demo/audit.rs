//! Audit: what the journal of a demo says happened, and whether each order that passed was allowed.
//!
//! The limits are checked again in the plainest way, from the orders, quotes and kills alone: this
//! shares nothing with the core but the numbers in the configuration.

use crate::command::Failure;
use crate::journal::reader::Reader;
use crate::message::{Control, Frame, Kind, NewOrder, OrderType, Quote, Scope, Text};
use crate::reject::{RejectReason, Unit};
use crate::risk::decision::{Decision, Outcome};
use crate::risk::setup::{Limits, Setup};
use crate::topology::rebuild::{Rebuild, Taken};
use crate::units::{AccountId, Nanos, Notional, Price, Qty};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::Path;

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) orders: u64,
    pub(super) accepted: u64,
    pub(super) fills: u64,
    pub(super) quotes: u64,
    pub(super) reasons: BTreeMap<RejectReason, Reason>,
    pub(super) accounts: Vec<AccountPeak>,
    pub(super) killed: Vec<String>,
    pub(super) orders_open: u32,
    pub(super) orders_open_peak: u32,
    /// Orders that passed and should not have.
    pub(super) breaches: Vec<String>,
}

/// How often, and the first time.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    pub(super) count: u64,
    pub(super) example: String,
}

/// The most that an account had at risk.
#[derive(Clone, Debug)]
pub(super) struct AccountPeak {
    pub(super) name: String,
    pub(super) open_count: u32,
    pub(super) open_notional: Notional,
    pub(super) gross: Notional,
    pub(super) gross_max: Option<Notional>,
}

/// What is remembered of the way there.
#[derive(Default)]
struct Past {
    ids: HashSet<(AccountId, Text)>,
    sums: HashMap<u32, i128>,
    killed: HashSet<(u8, u32)>,
    accepted: HashMap<(u8, u32), VecDeque<Nanos>>,
}

/// Reads a journal from its beginning.
pub(super) fn audit(journal: &Path) -> Result<Audit, Failure> {
    let mut reader = Reader::open(journal).map_err(Failure::of)?;
    let mut rebuild = Rebuild::new(journal);
    let (mut audit, mut past) = (Audit::default(), Past::default());
    while let Some(record) = reader.next().map_err(Failure::of)? {
        let taken = rebuild.take(&record).map_err(Failure::of)?;
        let setup = rebuild.setup();
        match taken {
            Taken::Opened => audit.accounts = accounts(setup),
            Taken::Event { recorded, .. } => {
                if let [head, ..] = record.frames {
                    audit.event(head, &recorded, setup, &mut past);
                }
            }
            Taken::Part | Taken::Checkpoint { .. } => {}
        }
        let Some(core) = rebuild.core() else { continue };
        for (peak, id) in audit.accounts.iter_mut().zip(0..) {
            if let Some(level) = core.level(Scope::Account, id) {
                peak.open_count = peak.open_count.max(level.open_count);
                peak.open_notional = peak.open_notional.max(level.open_notional);
                peak.gross = peak.gross.max(level.gross);
            }
        }
    }
    if let Some(core) = rebuild.core() {
        audit.fills = core.counts().fills;
        audit.orders_open = core.orders_open_count();
        audit.orders_open_peak = core.orders_open_peak();
        for (peak, id) in audit.accounts.iter().zip(0..) {
            if core
                .level(Scope::Account, id)
                .is_some_and(|level| level.is_killed)
            {
                audit.killed.push(peak.name.clone());
            }
        }
    }
    Ok(audit)
}

fn accounts(setup: &Setup) -> Vec<AccountPeak> {
    let of = |account: &crate::risk::setup::Account| AccountPeak {
        name: account.name.clone(),
        open_count: 0,
        open_notional: Notional::ZERO,
        gross: Notional::ZERO,
        gross_max: account
            .limits
            .gross_exposure_max
            .or(setup.firm.gross_exposure_max),
    };
    setup.accounts.iter().map(of).collect()
}

impl Audit {
    fn event(&mut self, head: &Frame, decision: &Decision, setup: &Setup, past: &mut Past) {
        match head.kind() {
            Some(Kind::Quote) => {
                self.quotes += 1;
                let quote: &Quote = head.body();
                let sum = i128::from(quote.bid.raw()) + i128::from(quote.ask.raw());
                if decision.outcome == Outcome::Applied {
                    past.sums.insert(quote.symbol.0, sum);
                }
            }
            Some(Kind::Kill) => {
                let control: &Control = head.body();
                past.killed.insert((control.scope, control.target));
            }
            Some(Kind::NewOrder) => self.order(head, decision, setup, past),
            _ => {}
        }
    }

    fn order(&mut self, head: &Frame, decision: &Decision, setup: &Setup, past: &mut Past) {
        self.orders += 1;
        let order: &NewOrder = head.body();
        if decision.outcome == Outcome::Accepted {
            self.accepted += 1;
            for breach in breaches(head, order, setup, past) {
                self.breaches.push(format!(
                    "{} of account {}: {breach}",
                    order.client_order_id, order.account.0
                ));
            }
        } else if let Some(reason) = decision.reason {
            let found = self.reasons.entry(reason).or_insert_with(|| Reason {
                count: 0,
                example: example(order, reason, decision),
            });
            found.count += 1;
        }
    }
}

/// All that an accepted order should have been refused for.
fn breaches(head: &Frame, order: &NewOrder, setup: &Setup, past: &mut Past) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut note = |is_breached: bool, what| {
        if is_breached {
            found.push(what);
        }
    };
    let account = setup.accounts.get(order.account.0 as usize);
    let strategy = setup.strategies.get(head.header.strategy.0 as usize);
    let symbol = setup.symbols.get(order.symbol.0 as usize);
    let (Some(account), Some(strategy), Some(symbol)) = (account, strategy, symbol) else {
        return vec!["account, strategy or symbol that does not exist"];
    };
    note(
        !strategy.accounts.contains(&order.account),
        "not its account",
    );
    note(
        !past.ids.insert((order.account, order.client_order_id)),
        "an id used before",
    );
    let levels: [(Scope, u32, &Limits); 4] = [
        (Scope::Symbol, order.symbol.0, &symbol.limits),
        (Scope::Strategy, head.header.strategy.0, &strategy.limits),
        (Scope::Account, order.account.0, &account.limits),
        (Scope::Firm, u32::MAX, &setup.firm),
    ];
    let is_limit = order.order_type == OrderType::Limit as u8;
    for (scope, target, limits) in levels {
        note(
            past.killed.contains(&(scope as u8, target)),
            "what was killed",
        );
        note(
            limits.order_qty_max.is_some_and(|max| max < order.qty),
            "too much",
        );
        let notional = order.price.notional(order.qty);
        note(
            limits.order_notional_max.is_some_and(|max| max < notional),
            "worth too much",
        );
        if let (true, Some(collar)) = (is_limit, limits.price_collar) {
            let is_outside = past.sums.get(&order.symbol.0).is_none_or(|sum| {
                let away = (2 * i128::from(order.price.raw()) - sum).abs();
                i128::from(collar) * sum < away * 100_000_000
            });
            note(is_outside, "a price outside the collar");
        }
        let times = past.accepted.entry((scope as u8, target)).or_default();
        times.push_back(head.header.time);
        for rate in &limits.order_rate {
            let is_recent = |time: &&Nanos| head.header.time.since(**time) < rate.window;
            let count = times.iter().rev().take_while(is_recent).count();
            note(
                (rate.count as usize) < count,
                "too many in too short a time",
            );
        }
    }
    found
}

/// The first order that was refused so.
fn example(order: &NewOrder, reason: RejectReason, decision: &Decision) -> String {
    let show = |value: i128| match reason.unit() {
        Unit::None => String::new(),
        Unit::Count => value.to_string(),
        Unit::Price => i64::try_from(value).map_or_else(
            |_| value.to_string(),
            |raw| Price::from_raw(raw).to_string(),
        ),
        Unit::Qty => u64::try_from(value)
            .map_or_else(|_| value.to_string(), |raw| Qty::from_raw(raw).to_string()),
        Unit::Notional => u128::try_from(value).map_or_else(
            |_| value.to_string(),
            |raw| Notional::from_raw(raw).to_string(),
        ),
        Unit::Nanos => format!("{value} ns"),
    };
    match reason.unit() {
        Unit::None => order.client_order_id.to_string(),
        _ => format!(
            "{}: limit {}, value {}",
            order.client_order_id,
            show(decision.limit),
            show(decision.value)
        ),
    }
}
