//! Losses, duplicates, reorders and restarts, ten thousand times: our books become the broker's, or the
//! account is halted.

use super::super::execution::Execution;
use super::super::finding::FindingKind;
use super::super::statement::Statement;
use super::Random;
use super::broker::{Broker, frame};
use super::world::{ACCOUNTS, SYMBOLS, UNIT, World, terms};
use crate::message::{Frame, LinkState, Report, Side};
use crate::units::{Nanos, OrderId};
use std::collections::BTreeMap;

/// What became of all cases.
#[derive(Debug, Default)]
struct Figures {
    cases: u64,
    accounts_converged: u64,
    accounts_halted: u64,
    orders_accepted: u64,
    executions: u64,
    reports_lost: u64,
    reports_twice: u64,
    reports_late: u64,
    lines_lost: u64,
    lines_twice: u64,
    amended: u64,
    restarts: u64,
    adjustments: u64,
    looks: u64,
    probes_accepted: u64,
    probes_refused: u64,
    /// Looks from the last message to the last difference.
    looks_to_agree_max: u64,
    found: BTreeMap<FindingKind, u64>,
}

/// Everything that is between the broker and the gate.
struct Case<'a> {
    random: Random,
    world: World,
    broker: Broker,
    /// Reports on their way.
    reports: Vec<(Nanos, u64, Frame)>,
    /// Lines that the drop copy is still to tell.
    lines: Vec<(Nanos, u64, Execution)>,
    told: Vec<Execution>,
    statements: Vec<(Nanos, Statement)>,
    statement: Option<Statement>,
    count: u64,
    /// There is no statement, and the drop copy tells everything.
    is_copy_alone: bool,
    is_calm: bool,
    looked: Nanos,
    figures: &'a mut Figures,
}

impl Case<'_> {
    fn now(&self) -> Nanos {
        self.world.now
    }

    fn later(&mut self, millis: u64) -> Nanos {
        let span = Nanos::from_millis(self.random.below(millis.max(1)));
        self.now().after(span)
    }

    /// A report leaves the broker; it may be lost, come late, or twice.
    fn send(&mut self, report: Report) {
        let times = match self.random.below(100) {
            0..12 if !self.is_calm => {
                self.figures.reports_lost += 1;
                0
            }
            12..20 => {
                self.figures.reports_twice += 1;
                2
            }
            _ => 1,
        };
        for _ in 0..times {
            let is_late = self.random.percent(20) && !self.is_calm;
            self.figures.reports_late += u64::from(is_late);
            let due = self.later(if is_late { 9_000 } else { 400 });
            self.count += 1;
            let frame = frame(report, due);
            self.reports.push((due, self.count, frame));
        }
    }

    /// What the drop copy tells, at some time, once or twice or never.
    fn tell(&mut self, line: &Execution) {
        let times = match self.random.below(100) {
            0..3 if !self.is_copy_alone => {
                self.figures.lines_lost += 1;
                0
            }
            0..13 => {
                self.figures.lines_twice += 1;
                2
            }
            _ => 1,
        };
        for _ in 0..times {
            let due = self.later(6_000);
            self.count += 1;
            self.lines.push((due, self.count, line.clone()));
        }
    }

    fn serve(&mut self) {
        for request in std::mem::take(&mut self.world.requests) {
            if self.random.percent(4) && !self.is_calm {
                continue;
            }
            if let Some(report) = self.broker.take(&request) {
                self.send(report);
            }
        }
    }

    fn order(&mut self, account: u32) -> bool {
        let symbol = self.random.below(SYMBOLS.into()) as u32;
        let side = if self.random.percent(50) {
            Side::Buy
        } else {
            Side::Sell
        };
        let qty = 1 + self.random.below(40);
        let price = (90 + self.random.below(20) as i64) * 1_000_000_000;
        let id = self.world.order((account, symbol), side, qty, price);
        self.figures.orders_accepted += u64::from(id.is_some());
        self.serve();
        id.is_some()
    }

    fn fill(&mut self) {
        let live = self.broker.orders.values().filter(|order| order.is_live);
        let live: Vec<_> = live
            .map(|order| (order.id, order.qty - order.filled))
            .collect();
        if live.is_empty() {
            return;
        }
        let (id, left): (OrderId, u64) = live[self.random.below(live.len() as u64) as usize];
        let qty = (1 + self.random.below(left / UNIT)) * UNIT;
        let better = self.random.below(3) as i64 * 10_000_000;
        let fee = self.random.below(200) as i64 * 10_000_000;
        let now = self.now();
        let report = self.broker.fill(id, qty, better, fee, now);
        self.figures.executions += 1;
        let line = self.broker.executions.last().unwrap().clone();
        self.tell(&line);
        self.send(report);
    }

    fn amend(&mut self) {
        let count = self.broker.executions.len() as u64;
        if count == 0 {
            return;
        }
        let at = self.random.below(count) as usize;
        let price = self.broker.executions[at].price.raw() + 50_000_000;
        let price = self.random.percent(50).then_some(price);
        let now = self.now();
        let line = self.broker.amend(at, price, now);
        self.figures.amended += 1;
        self.tell(&line);
    }

    fn restart(&mut self) {
        self.figures.restarts += 1;
        self.figures.adjustments += self.world.reconciler.counts().healed;
        let before = self.figures.adjustments;
        self.world.restart(&self.told, self.statement.as_ref());
        // The journal has them all again.
        self.figures.adjustments = before - self.world.reconciler.counts().healed;
        self.world.link(LinkState::Down);
        self.world.link(LinkState::Up);
        self.serve();
    }

    /// What has come by now, in the order it came.
    fn deliver(&mut self) {
        let now = self.now();
        let is_due = |due: &Nanos| *due <= now;
        let mut reports: Vec<_> = self.reports.extract_if(.., |of| is_due(&of.0)).collect();
        reports.sort_by_key(|of| (of.0, of.1));
        for (_, _, frame) in reports {
            self.world.take(frame);
        }
        let mut lines: Vec<_> = self.lines.extract_if(.., |of| is_due(&of.0)).collect();
        lines.sort_by_key(|of| (of.0, of.1));
        for (_, _, line) in lines {
            self.world.reconciler.told(&line);
            self.told.push(line);
        }
        let statements = self.statements.extract_if(.., |of| is_due(&of.0));
        for (_, statement) in statements.collect::<Vec<_>>() {
            if self.world.reconciler.state(&statement) {
                self.statement = Some(statement);
            }
        }
        self.serve();
    }

    fn advance(&mut self, millis: u64) {
        self.world.advance(Nanos::from_millis(millis));
        self.serve();
        self.deliver();
        if self.now().since(self.looked) < Nanos::from_secs(1) {
            return;
        }
        self.looked = self.now();
        let verdict = self.world.look();
        self.figures.looks += 1;
        for judged in verdict.findings.iter().filter(|judged| judged.is_news) {
            *self.figures.found.entry(judged.finding.kind).or_default() += 1;
        }
        self.serve();
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..40 => {
                let account = self.random.below(ACCOUNTS.into()) as u32;
                self.order(account);
            }
            40..78 => self.fill(),
            78..82 => {
                self.world.link(LinkState::Down);
                self.world.link(LinkState::Up);
                self.serve();
            }
            82..86 => self.restart(),
            86..88 => self.amend(),
            88..94 => self.state(3_000),
            _ => {}
        }
        let millis = 50 + self.random.below(1_200);
        self.advance(millis);
    }

    fn state(&mut self, delay: u64) {
        if self.is_copy_alone {
            return;
        }
        let statement = self.broker.statement(ACCOUNTS, self.now());
        let due = self.later(delay);
        self.statements.push((due, statement));
    }

    /// Nothing more happens at the broker, and what is on its way comes. Then every account has what
    /// the broker says it has, or is halted.
    fn calm(&mut self) {
        self.is_calm = true;
        let mut agreed_after = 0;
        for look in 0..40 {
            if [8, 16, 24].contains(&look) {
                self.state(500);
            }
            if look < 16 && self.random.percent(5) {
                self.restart();
            }
            self.advance(1_000);
            if (0..ACCOUNTS).any(|account| !self.agrees(account)) {
                agreed_after = look + 1;
            }
        }
        let all = 0..ACCOUNTS;
        if all.clone().all(|account| !self.world.is_killed(account)) {
            let max = &mut self.figures.looks_to_agree_max;
            *max = (*max).max(agreed_after);
        }
        for account in all {
            // An order that passes is one that passes through no difference.
            let is_accepted = self.order(account);
            match is_accepted {
                true => self.figures.probes_accepted += 1,
                false => self.figures.probes_refused += 1,
            }
            assert_eq!(is_accepted, !self.world.is_killed(account));
            if is_accepted && !self.agrees(account) {
                self.complain(account);
            }
        }
        self.is_calm = false;
    }

    fn complain(&mut self, account: u32) {
        for symbol in 0..SYMBOLS {
            let theirs = self.broker.positions.get(&(account, symbol)).copied();
            println!(
                "symbol {symbol}: ours {}, theirs {}",
                self.world.position(account, symbol),
                theirs.unwrap_or_default()
            );
        }
        println!(
            "cash: ours {}, theirs {:?}",
            self.world.cash(account),
            self.broker.cash.get(&account)
        );
        println!("drop copy: {}", self.world.reconciler.drop_copy().is_some());
        for judged in self.world.look().findings {
            println!("{judged:?}");
        }
        for entry in self.world.reconciler.books().entries() {
            println!("{entry:?}");
        }
        for line in self
            .told
            .iter()
            .filter(|line| line.account == format!("a{account}"))
        {
            println!("{line:?}");
        }
        println!("{:?}", self.statement);
        panic!("account {account} trades through a difference");
    }

    fn agrees(&self, account: u32) -> bool {
        let is_held = |symbol| {
            let held = self.broker.positions.get(&(account, symbol));
            self.world.position(account, symbol) == held.copied().unwrap_or_default()
        };
        let cash = self.broker.cash.get(&account).copied().unwrap_or_default();
        let apart = (self.world.cash(account) - cash).abs();
        (0..SYMBOLS).all(is_held) && apart <= terms(0).cash_tolerance
    }
}

fn run(seed: u64, figures: &mut Figures) {
    let mut random = Random(seed);
    let has_drop_copy = random.percent(85);
    let is_copy_alone = has_drop_copy && random.percent(30);
    // Often enough for all that is lost here, or for little of it, or for nothing.
    let heal_qty_max = [60, 60, 15, 0][random.below(4) as usize];
    let world = World::new(terms(heal_qty_max), has_drop_copy);
    let mut case = Case {
        random,
        looked: world.now,
        world,
        broker: Broker::default(),
        reports: Vec::new(),
        lines: Vec::new(),
        told: Vec::new(),
        statements: Vec::new(),
        statement: None,
        count: 0,
        is_copy_alone,
        is_calm: false,
        figures,
    };
    for _ in 0..2 {
        let steps = 5 + case.random.below(30);
        for _ in 0..steps {
            case.step();
        }
        case.calm();
    }
    case.figures.cases += 1;
    for account in 0..ACCOUNTS {
        match case.world.is_killed(account) {
            true => case.figures.accounts_halted += 1,
            false => case.figures.accounts_converged += 1,
        }
    }
    case.figures.adjustments += case.world.reconciler.counts().healed;
}

#[test]
fn ten_thousand_random_faults_converge_or_halt_and_nothing_trades_through() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("PORTCULLIS_TEST_SEED").unwrap_or(20_261_122);
    let cases: u64 = number("PORTCULLIS_TEST_CASES").unwrap_or(10_000);
    println!("PORTCULLIS_TEST_SEED={seed}");
    let mut figures = Figures::default();
    for case in 0..cases {
        let seed = seed.wrapping_add(case);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(seed, &mut figures);
        }));
        if let Err(panic) = result {
            println!("PORTCULLIS_TEST_SEED={seed} PORTCULLIS_TEST_CASES=1");
            std::panic::resume_unwind(panic);
        }
    }
    println!("{figures:#?}");
    if 1_000 <= cases {
        assert!(cases / 2 < figures.accounts_converged, "{figures:?}");
        assert!(cases / 5 < figures.accounts_halted, "{figures:?}");
        assert!(cases / 2 < figures.adjustments && cases < figures.restarts);
    }
}
