//! Reconciler: what was told so far, and one look at all of it.
//!
//! Pure. Files and acts are somebody else's.

use super::account::{self, Slack};
use super::books::Books;
use super::compare::{Compared, Live, Ours, executions};
use super::execution::Execution;
use super::finding::{Finding, FindingKind, Grace};
use super::holdings::holdings;
use super::judge::{Halt, Judge, Terms, Verdict};
use super::ledger::{self, Ledgers};
use super::places::Places;
use super::source::SourceError;
use super::standing::Earlier;
use super::statement::Statement;
use super::told::Told;
use crate::events::derive::Seen;
use crate::events::event;
use crate::message::{Kind, Scope, Side, Text};
use crate::risk::core::Core;
use crate::risk::setup::Setup;
use crate::units::{AccountId, Nanos, OrderId, Price, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// A file of the broker's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// Of positions and cash.
    Statement = 0,
    /// Of executions.
    DropCopy = 1,
}

/// Our books and the broker's word on them.
#[derive(Debug)]
pub struct Reconciler {
    terms: Terms,
    places: Places,
    books: Books,
    ledgers: Ledgers,
    /// The cash of accounts before the gate.
    opening: BTreeMap<(AccountId, u32), i128>,
    drop_copy: Option<Told>,
    statement: Option<account::Told>,
    /// Those before it.
    earlier: Earlier,
    /// Names of the statement that the configuration has not.
    foreign: BTreeSet<String>,
    judge: Judge,
    troubles: [Option<Trouble>; 2],
    counts: Counts,
    has_overflown: bool,
    /// Nothing has been told since a look that found nothing.
    is_quiet: bool,
}

/// A file that cannot be read.
#[derive(Clone, Debug)]
struct Trouble {
    problem: String,
    since: Nanos,
}

/// How often each thing happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Looks.
    pub looks: u64,
    /// Findings that were new.
    pub found: u64,
    /// Findings that went away.
    pub gone: u64,
    /// Adjustments of the gate that the journal has.
    pub healed: u64,
    /// Adjustments of the gate that were not permitted.
    pub refused: u64,
    /// Halts asked for.
    pub halted: u64,
}

impl Reconciler {
    /// Before the first record. `has_drop_copy`: there will be one; `opening`: the cash of accounts before
    /// the gate, by currency, in 1e-17. Other cash is not compared.
    pub fn new(
        terms: Terms,
        has_drop_copy: bool,
        opening: BTreeMap<(AccountId, u32), i128>,
    ) -> Self {
        let history = terms.history;
        Self {
            terms,
            places: Places::default(),
            books: Books::new(history),
            ledgers: Ledgers::default(),
            opening,
            drop_copy: has_drop_copy.then(|| Told::new(history)),
            statement: None,
            earlier: Earlier::default(),
            foreign: BTreeSet::new(),
            judge: Judge::default(),
            troubles: [None, None],
            counts: Counts::default(),
            has_overflown: false,
            is_quiet: false,
        }
    }

    /// By what it judges.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What names mean.
    pub const fn places(&self) -> &Places {
        &self.places
    }

    /// Our own side.
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// The drop copy, where there is one.
    pub const fn drop_copy(&self) -> Option<&Told> {
        self.drop_copy.as_ref()
    }

    /// The instant of the last statement.
    pub fn statement_as_of(&self) -> Option<Nanos> {
        self.statement.as_ref().map(|statement| statement.as_of)
    }

    /// Names in the statement that the configuration has not.
    pub const fn foreign(&self) -> &BTreeSet<String> {
        &self.foreign
    }

    /// Cash of the statement of which nobody has said what there was before the gate.
    pub fn cash_not_compared(&self) -> Vec<String> {
        let statement = self.statement.iter();
        let cash = statement.flat_map(|statement| statement.cash.keys());
        let unknown = cash.filter(|key| !self.opening.contains_key(key));
        unknown
            .map(|(account, currency)| {
                let account = self.places.names.accounts.name(account.0);
                format!("{account} in {}", self.places.currency_name(*currency))
            })
            .collect()
    }

    /// How often each thing happened.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// A run of the gateway began.
    pub fn open(&mut self, setup: &Setup) {
        self.is_quiet = false;
        self.places = Places::new(setup);
    }

    /// The core has taken a record.
    pub(crate) fn note(&mut self, seen: &Seen<'_>) {
        // What is compared moves by reports and acts alone.
        let moves = [Kind::Report, Kind::Settle, Kind::Adjust];
        self.is_quiet &= !seen.head.kind().is_some_and(|kind| moves.contains(&kind));
        let adjusted = ledger::note(&mut self.books, &mut self.ledgers, seen, &self.places);
        let Some((adjustment, is_booked)) = adjusted else {
            return;
        };
        match is_booked {
            true => self.counts.healed += 1,
            false => self.counts.refused += 1,
        }
        self.judge.arrived(&adjustment, is_booked);
    }

    /// The drop copy tells of an execution.
    pub fn told(&mut self, execution: &Execution) {
        self.is_quiet = false;
        if let Some(drop_copy) = &mut self.drop_copy {
            drop_copy.take(execution, &self.places);
        }
    }

    /// There is a new statement. One that is older than the last is not looked at; false then.
    pub fn state(&mut self, statement: &Statement) -> bool {
        if self
            .statement_as_of()
            .is_some_and(|last| statement.as_of < last)
        {
            return false;
        }
        self.is_quiet = false;
        self.foreign.clear();
        let mut told = account::Told {
            as_of: statement.as_of,
            has_positions: statement.has_positions,
            ..account::Told::default()
        };
        for ((account, symbol), held) in &statement.positions {
            let Some(account) = self.account(account) else {
                continue;
            };
            told.accounts.insert(account);
            match self.places.symbol(symbol) {
                Some(symbol) => {
                    let held = (held.position, held.average_price);
                    told.positions.insert((account, symbol), held);
                }
                None => {
                    self.foreign.insert(format!("symbol {symbol}"));
                }
            }
        }
        for ((account, currency), cash) in &statement.cash {
            let Some(account) = self.account(account) else {
                continue;
            };
            told.accounts.insert(account);
            match self.places.currency_of_name(currency) {
                Some(currency) => {
                    told.cash.insert((account, currency), *cash);
                }
                None => {
                    self.foreign.insert(format!("currency {currency}"));
                }
            }
        }
        self.earlier.take(&told, self.terms.settle_time);
        self.statement = Some(told);
        true
    }

    fn account(&mut self, name: &str) -> Option<AccountId> {
        let account = self.places.account(name);
        if account.is_none() {
            self.foreign.insert(format!("account {name}"));
        }
        account
    }

    /// A file was read, or could not be.
    pub fn source(&mut self, source: Source, result: Result<(), &SourceError>, now: Nanos) {
        let trouble = &mut self.troubles[source as usize];
        match result {
            Ok(()) => *trouble = None,
            Err(error) => {
                let since = trouble.as_ref().map_or(now, |trouble| trouble.since);
                let problem = error.to_string();
                *trouble = Some(Trouble { problem, since });
            }
        }
    }

    /// Compares everything with everything, and says what follows.
    pub fn look(&mut self, core: &Core, now: Nanos) -> Verdict {
        self.counts.looks += 1;
        if self.is_quiet && self.lost(now).is_empty() {
            return Verdict::default();
        }
        let (compared, findings) = self.find(core, now);
        if let Some(drop_copy) = &mut self.drop_copy {
            self.has_overflown = !drop_copy.trim(|id| compared.open.contains(id));
        }
        let is_killed = |scope: Scope, target: u32| {
            core.level(scope, target)
                .is_some_and(|level| level.is_killed)
        };
        let (books, terms) = (&self.books, &self.terms);
        let verdict = self.judge.look(findings, books, terms, &is_killed, now);
        let news = verdict.findings.iter().filter(|judged| judged.is_news);
        self.counts.found += news.count() as u64;
        self.counts.gone += verdict.gone as u64;
        let halts = verdict.acts.iter();
        let halts = halts.filter(|act| matches!(act, super::judge::Act::Halt { .. }));
        self.counts.halted += halts.count() as u64;
        self.is_quiet = verdict.findings.is_empty();
        verdict
    }

    /// An act could not be handed on: the next look asks for it again.
    pub fn withdraw(&mut self, act: &super::judge::Act) {
        if let super::judge::Act::Adjust(adjustment) = act {
            self.judge.withdraw(adjustment);
        }
    }

    fn find(&self, core: &Core, now: Nanos) -> (Compared, Vec<Finding>) {
        let knows = |order: OrderId| core.order(order).is_some();
        let find = |account: AccountId, id: &Text| core.order_id(account, id);
        let lasts = self.last_prices(core);
        let mark = |symbol: SymbolId| mark(core, symbol).or(lasts.get(&symbol).copied());
        let ours = Ours {
            books: &self.books,
            places: &self.places,
            positions: positions(core),
            cash: self.cash(core),
            live: live(core),
            knows: &knows,
            find: &find,
            mark: &mark,
        };
        let slack = Slack {
            cash: self.terms.cash_tolerance,
            time: self.terms.settle_time,
        };
        let mut compared = executions(&ours, self.drop_copy.as_ref(), slack.time);
        let mut findings = Vec::new();
        let mut agreed = BTreeSet::new();
        if let Some(statement) = &self.statement {
            findings = holdings(
                &ours,
                statement,
                &self.earlier,
                &compared,
                slack,
                &mut agreed,
            );
        }
        self.vouch(&mut compared, &agreed);
        findings.extend(self.lost(now));
        if self.has_overflown {
            let detail = "more executions differ than `reconcile.history` may remember".to_owned();
            findings.push(Finding {
                amount: i128::MAX,
                detail,
                ..Finding::new(FindingKind::TooMany, None, None)
            });
        }
        let mut all = std::mem::take(&mut compared.findings);
        all.append(&mut findings);
        (compared, all)
    }

    /// Of two words of the broker, the statement's says that an execution is there, which the drop copy
    /// has not: that is a gap in the drop copy.
    fn vouch(&self, compared: &mut Compared, agreed: &BTreeSet<(AccountId, SymbolId)>) {
        let Some(as_of) = self.statement_as_of() else {
            return;
        };
        let times: BTreeMap<_, _> = self
            .books
            .entries()
            .filter_map(|entry| entry.id.map(|id| (id, entry.time)))
            .collect();
        for finding in &mut compared.findings {
            let (Some(account), Some(symbol)) = (finding.account, finding.symbol) else {
                continue;
            };
            let time = finding.id.and_then(|id| times.get(&id));
            let is_in_statement =
                time.is_some_and(|time| time.after(self.terms.settle_time) <= as_of);
            if finding.kind == FindingKind::NotThere
                && is_in_statement
                && agreed.contains(&(account, symbol))
            {
                finding.grace = Grace::Always;
                finding.detail = "the statement has it".to_owned();
            }
        }
    }

    /// Files that say nothing, or nothing new.
    fn lost(&self, now: Nanos) -> Vec<Finding> {
        let mut lost = Vec::new();
        let mut add = |source: Source, detail: String| {
            lost.push(Finding {
                currency: Some(source as u32),
                amount: i128::MAX,
                detail,
                ..Finding::new(FindingKind::SourceLost, None, None)
            });
        };
        let patience = self.terms.retry_interval.raw();
        let patience = patience.saturating_mul(u64::from(self.terms.retries));
        for source in [Source::Statement, Source::DropCopy] {
            if let Some(trouble) = &self.troubles[source as usize]
                && patience <= now.since(trouble.since).raw()
            {
                add(source, trouble.problem.clone());
            }
        }
        if let (Some(max), Some(as_of)) = (self.terms.statement_age_max, self.statement_as_of())
            && max < now.since(as_of)
        {
            let detail = format!("the last statement is of {}", event::time(as_of));
            add(Source::Statement, detail);
        }
        lost
    }

    /// What a symbol was last traded at, or else what its orders are valued at.
    fn last_prices(&self, core: &Core) -> BTreeMap<SymbolId, Price> {
        let orders = core.orders().map(|order| (order.symbol, order.value_price));
        let entries = self.books.entries();
        let traded = entries.map(|entry| (entry.symbol, entry.price));
        let all = orders.chain(traded);
        all.filter(|(_, price)| *price != Price::default())
            .collect()
    }

    /// What each account has in each currency of which it is known what there was.
    fn cash(&self, core: &Core) -> BTreeMap<(AccountId, u32), i128> {
        let mut cash = self.opening.clone();
        for cell in core.account_positions() {
            let book = (AccountId(cell.owner), SymbolId(cell.symbol));
            let currency = self.places.currency(book.1);
            if let Some(sum) = cash.get_mut(&(book.0, currency)) {
                *sum = sum.saturating_add(ledger::paid(core, book).cash());
            }
        }
        cash
    }
}

/// Half way between bid and ask, or whatever the symbol is measured by.
fn mark(core: &Core, symbol: SymbolId) -> Option<Price> {
    let (twice, _, _) = core.reference(symbol)?;
    i64::try_from(twice / 2).ok().map(Price::from_raw)
}

fn positions(core: &Core) -> BTreeMap<(AccountId, SymbolId), i128> {
    let cells = core.account_positions();
    cells
        .filter(|cell| cell.position.raw() != 0)
        .map(|cell| {
            let book = (AccountId(cell.owner), SymbolId(cell.symbol));
            (book, i128::from(cell.position.raw()))
        })
        .collect()
}

fn live(core: &Core) -> Vec<Live> {
    let orders = core.orders().map(|order| Live {
        id: order.id,
        book: (order.account, order.symbol),
        is_buy: order.side == Side::Buy,
        leaves: i128::from(order.reserved.raw()),
        is_in_doubt: core.state(order) == crate::message::OrderState::InDoubt,
    });
    let mut orders: Vec<_> = orders.collect();
    orders.sort_by_key(|order| order.id);
    orders
}

impl Default for Terms {
    /// What the configuration's defaults say.
    fn default() -> Self {
        Self {
            interval: Nanos::from_secs(1),
            confirmations: 3,
            settle_time: Nanos::from_secs(10),
            drop_copy_delay: Nanos::from_secs(60),
            heal_qty_max: 0,
            heal_value_max: 0,
            cash_tolerance: 10i128.pow(15),
            halt: Halt::Account,
            retries: 5,
            retry_interval: Nanos::from_secs(2),
            statement_age_max: None,
            history: 65_536,
        }
    }
}
