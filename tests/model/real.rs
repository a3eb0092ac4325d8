//! Real: the core behind the same face as the model.

use super::answer::{
    Answer, Cell, Earned, Execution, ExitView, Gate, OrderView, Refusal, Request, Sums, ToBroker,
    ToStrategy, Views,
};
use portcullis::message::{self, Exec, Frame, Kind, OrderState, Scope, Side};
use portcullis::reject::{Failed, RejectReason};
use portcullis::risk::cell;
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Decision, Effects, Outcome};
use portcullis::risk::margins::Margin;
use portcullis::risk::setup::{ExitTerms, Setup};
use portcullis::units::{AccountId, Nanos, OrderId, SymbolId};

pub(crate) struct Real {
    core: Core,
    setup: Setup,
    effects: Effects,
    /// The ids of all orders that were accepted, by serial from 1.
    ids: Vec<OrderId>,
}

impl Real {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            core: Core::new(setup),
            setup: setup.clone(),
            effects: Effects::default(),
            ids: Vec::new(),
        }
    }

    /// What is sent to a broker as new is the next order.
    fn note_ids(&mut self) {
        let mut behind = 0;
        for approved in &self.effects.to_broker {
            let frame = approved.frame();
            if behind > 0 {
                behind -= 1;
                continue;
            }
            behind = frame.header.continuation_count;
            if frame.kind() == Some(Kind::BrokerNew) {
                let id = frame.body::<message::BrokerRequest>().order_id;
                self.ids.push(id);
                assert_eq!(id.serial(), self.ids.len() as u64);
            }
        }
    }

    /// Whatever of an exit's order fills, the position comes no further than to zero: else it is being
    /// cancelled, or that was refused.
    fn check_exits(&self) {
        for exit in self.core.exits() {
            let order = self.core.order(exit.order);
            let Some(order) = order.filter(|order| order.end.is_none()) else {
                continue;
            };
            let mut cells = self.core.account_positions();
            let of = (exit.account.0, exit.symbol.0);
            let cell = cells.find(|cell| (cell.owner, cell.symbol) == of).unwrap();
            let (held, open) = match order.side {
                Side::Sell => (cell.position.raw(), cell.open_sell),
                Side::Buy => (-cell.position.raw(), cell.open_buy),
            };
            let reduces = i128::from(open.raw()) <= i128::from(held);
            assert!(
                reduces || order.is_cancel_pending || order.request > 0,
                "{exit:?} {order:?} {cell:?}"
            );
        }
    }

    fn sums(&self, scope: Scope, target: u32) -> Sums {
        let level = self.core.level(scope, target).expect("the level is set up");
        Sums {
            open_count: level.open_count,
            open_notional: level.open_notional.raw(),
            gross: level.gross.raw(),
            net: level.net,
            earned: Earned {
                profit: level.profit.raw(),
                blind: level.blind_count,
                before: level.profit_before.raw(),
                peak: level.profit_peak.raw(),
                drawdown: level.drawdown_peak.raw(),
                is_halted: level.is_halted,
            },
        }
    }
}

impl Gate for Real {
    fn step(&mut self, event: &Frame, continuations: &[Frame]) -> Answer {
        self.effects.clear();
        let is_new = event.kind() == Some(Kind::NewOrder);
        let margins = match is_new {
            true => self.core.margins(&event.header, event.body()),
            false => Vec::new(),
        };
        let decision = self.core.step(event, continuations, &mut self.effects);
        check_margins(&margins, &decision);
        let before = self.ids.len();
        self.note_ids();
        let opens = matches!(event.kind(), Some(Kind::NewOrder | Kind::Basket));
        if opens && decision.outcome == Outcome::Accepted {
            assert_eq!(decision.order_id, self.ids[before]);
        }
        self.check_exits();
        Answer {
            outcome: decision.outcome,
            reason: decision.reason,
            failed: decision.failed.iter().collect(),
            limit: decision.limit,
            value: decision.value,
            serial: decision.order_id.serial(),
            to_strategy: self.effects.to_strategy.iter().map(to_strategy).collect(),
            to_broker: to_broker(&self.effects),
        }
    }

    fn next_deadline(&self) -> Nanos {
        self.core.next_deadline()
    }

    fn views(&self) -> Views {
        let cells = |cells: &mut dyn Iterator<Item = &cell::Cell>| {
            cells.map(|of| ((of.owner, of.symbol), cell(of))).collect()
        };
        let mut views = Views {
            accounts: cells(&mut self.core.account_positions()),
            strategies: cells(&mut self.core.strategy_positions()),
            ..Views::default()
        };
        for of in self.core.symbol_positions() {
            views.symbols.insert(of.symbol, cell(of));
        }
        let setup = &self.setup;
        for (scope, count) in [
            (Scope::Symbol, setup.symbols.len()),
            (Scope::Strategy, setup.strategies.len()),
            (Scope::Account, setup.accounts.len()),
            (Scope::Firm, 1),
            (Scope::Desk, setup.desks.len()),
            (Scope::Group, setup.groups.len()),
        ] {
            for target in 0..count as u32 {
                let sums = self.sums(scope, target);
                views.levels.insert((scope as u8, target), sums);
            }
        }
        for id in &self.ids {
            if let Some(order) = self.core.order(*id) {
                let view = OrderView {
                    state: self.core.state(order),
                    filled: order.filled.raw(),
                    leaves: order.reserved.raw(),
                    notional: order.reserved_notional.raw(),
                };
                views.orders.insert(id.serial(), view);
            }
        }
        for exit in self.core.exits() {
            let view = ExitView {
                cause: exit.cause,
                since: exit.since.raw(),
                serial: match exit.order {
                    OrderId::NONE => 0,
                    id => id.serial(),
                },
                attempts: exit.attempts,
                is_failing: exit.is_failing,
            };
            views.exits.insert((exit.account.0, exit.symbol.0), view);
        }
        for account in 0..setup.accounts.len() as u32 {
            for symbol in 0..setup.symbols.len() as u32 {
                let terms = self.core.exit_terms(AccountId(account), SymbolId(symbol));
                if terms != (ExitTerms::NONE, None) {
                    views.exit_terms.insert((account, symbol), terms);
                }
            }
        }
        views.exit_counts = self.core.exit_counts();
        views
    }

    fn order_count(&self) -> u64 {
        self.ids.len() as u64
    }

    fn order_id(&self, serial: u64) -> OrderId {
        self.ids[serial as usize - 1]
    }

    fn verify(&self) {
        self.core.verify();
    }
}

fn cell(of: &cell::Cell) -> Cell {
    Cell {
        position: of.position.raw(),
        open_buy: of.open_buy.raw().into(),
        open_sell: of.open_sell.raw().into(),
    }
}

fn to_strategy(frame: &Frame) -> ToStrategy {
    let strategy = frame.header.strategy.0;
    match frame.kind() {
        Some(Kind::Execution) => {
            let body = frame.body::<message::Execution>();
            ToStrategy::Execution(Execution {
                strategy,
                serial: body.order_id.serial(),
                exec: Exec::from_byte(body.exec),
                state: OrderState::from_byte(body.state),
                qty: body.qty.raw(),
                price: body.price.raw(),
                leaves: body.leaves.raw(),
                filled: body.filled.raw(),
                fee: body.fee.raw(),
                account: body.account.0,
                client_order_id: body.client_order_id,
                broker_reason: body.broker_reason,
            })
        }
        Some(Kind::Refusal) => {
            let body = frame.body::<message::Refusal>();
            ToStrategy::Refusal(Refusal {
                strategy,
                reason: RejectReason::from_number(body.reason),
                failed: Failed::from_bits(body.failed.bits()).iter().collect(),
                limit: message::join_wide(body.limit),
                value: message::join_wide(body.value),
                account: body.account.0,
                client_order_id: body.client_order_id,
                command: body.command,
                whose: Scope::from_byte(body.scope).map(|scope| (scope, body.target)),
            })
        }
        other => panic!("nothing of {other:?} goes to a strategy"),
    }
}

/// Heads as what they ask, and the frames behind a head as bytes.
fn to_broker(effects: &Effects) -> Vec<ToBroker> {
    let mut rest = 0;
    let mut sent = Vec::new();
    for approved in &effects.to_broker {
        let frame = approved.frame();
        if rest > 0 {
            rest -= 1;
            sent.push(ToBroker::Continuation(frame.bytes().to_vec()));
            continue;
        }
        rest = frame.header.continuation_count;
        let body = frame.body::<message::BrokerRequest>();
        sent.push(ToBroker::Request(Request {
            kind: frame.header.kind,
            strategy: frame.header.strategy.0,
            serial: body.order_id.serial(),
            broker: body.broker.0,
            account: body.account.0,
            symbol: body.symbol.0,
            request: body.request,
            price: body.price.raw(),
            qty: body.qty.raw(),
            client_order_id: body.client_order_id,
            side: body.side,
            order_type: body.order_type,
            time_in_force: body.time_in_force,
            mark: body.mark,
            passthrough_size: body.passthrough_size,
            continuation_count: frame.header.continuation_count,
        }));
    }
    assert_eq!(rest, 0, "a head says how many frames follow it");
    sent
}

/// What is told of an order before it is decided is what decides it.
fn check_margins(margins: &[Margin], decision: &Decision) {
    let mut breached = margins.iter().filter(|margin| margin.is_breached);
    assert!(
        breached
            .clone()
            .all(|margin| decision.failed.contains(margin.reason)),
        "{margins:?} {decision:?}"
    );
    let told = breached
        .clone()
        .any(|margin| Some(margin.reason) == decision.reason);
    let is_same = |margin: &Margin| {
        Some(margin.reason) == decision.reason
            && (margin.limit, margin.value) == (decision.limit, decision.value)
    };
    assert!(!told || breached.any(is_same), "{margins:?} {decision:?}");
}
