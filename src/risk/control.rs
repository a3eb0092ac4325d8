//! Control: kills and raises, links and sessions, deadlines, and the sweep that carries them out.
//!
//! Pure.
//!
//! What concerns many orders at once is done by a sweep over the slots, a bounded part of it in each
//! tick, so that no event takes long. The sweep needs no memory of who started it: it looks at each
//! live order and does what the latches, links and sessions say must be done.

use super::core::Core;
use super::decision::{EFFECTS_MAX, Effects, Outcome};
use super::level::Level;
use super::setup::Setup;
use crate::message::{
    Control, Exec, Header, Link, LinkState, Scope, SessionChange, Text, TimeInForce,
};
use crate::units::{Nanos, SymbolId};
use arrayvec::ArrayVec;

/// How many slots one tick looks at.
const SWEEP_SLOTS: u32 = 1024;
/// How many raises may wait for a second person at a time.
const RAISES_MAX: usize = 64;

/// Raises that wait for further persons.
#[derive(Debug)]
pub(super) struct Raises {
    waiting: ArrayVec<Raise, RAISES_MAX>,
    operator_count: usize,
    persons: usize,
    window: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Raise {
    scope: Scope,
    target: u32,
    operator: u32,
    time: Nanos,
}

impl Raises {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            waiting: ArrayVec::new(),
            operator_count: setup.operators.len(),
            persons: setup.raise_persons.max(1) as usize,
            window: setup.raise_window,
        }
    }

    pub(super) const fn operator_count(&self) -> usize {
        self.operator_count
    }

    /// True once enough persons agree; `None` where this one may not.
    fn take(&mut self, raise: Raise) -> Option<bool> {
        let same = |other: &Raise| other.scope == raise.scope && other.target == raise.target;
        let window = self.window;
        self.waiting
            .retain(|other| raise.time.since(other.time) <= window);
        if self
            .waiting
            .iter()
            .any(|other| same(other) && other.operator == raise.operator)
        {
            return None;
        }
        let agreed = self.waiting.iter().filter(|other| same(other)).count() + 1;
        if self.persons <= agreed {
            self.waiting.retain(|other| !same(other));
            return Some(true);
        }
        self.waiting.try_push(raise).ok().map(|()| false)
    }

    pub(super) fn is_waiting(&self, scope: Scope, target: u32) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|raise| raise.scope == scope && raise.target == target)
    }

    /// A new kill forgets who had agreed to raise the one before.
    fn forget(&mut self, scope: Scope, target: u32) {
        self.waiting
            .retain(|other| other.scope != scope || other.target != target);
    }
}

impl Core {
    /// Drops a kill switch. One person, or the gate itself, is enough.
    pub(super) fn kill(&mut self, control: &Control) -> Outcome {
        let is_known = control.operator == u32::MAX
            || (control.operator as usize) < self.raises.operator_count;
        let Some((scope, level)) = self.level_mut(control).filter(|_| is_known) else {
            return Outcome::NotPermitted;
        };
        level.is_killed = true;
        self.raises.forget(scope, control.target);
        self.start_sweep();
        Outcome::Applied
    }

    /// Drops the kill switch of a level, without a person.
    pub(super) fn kill_level(&mut self, scope: Scope, target: u32) {
        let target = if scope == Scope::Firm {
            u32::MAX
        } else {
            target
        };
        let control = Control {
            target,
            operator: u32::MAX,
            scope: scope as u8,
            ..Control::default()
        };
        self.kill(&control);
    }

    /// Raises a kill switch, once as many persons as it needs have said so. For a strategy that may
    /// not send for ever without a person, that is the word of a person, killed or not.
    pub(super) fn raise(&mut self, control: &Control) -> Outcome {
        let is_known = (control.operator as usize) < self.raises.operator_count;
        let time = self.now;
        let Some((scope, level)) = self.level_mut(control) else {
            return Outcome::NotPermitted;
        };
        let is_killed = level.is_killed;
        let strategy = match scope {
            Scope::Strategy => self.strategies.get(control.target as usize),
            _ => None,
        };
        let responses = self.responses.as_ref();
        let is_watched = strategy.is_some_and(|row| row.orders_unattended_max != u64::MAX)
            || responses.is_some_and(|all| all.is_answered(scope, control.target, time));
        let is_halted = self.is_halted(
            scope,
            if scope == Scope::Firm {
                0
            } else {
                control.target
            },
        );
        if !is_known || !(is_killed || is_watched || is_halted) {
            return Outcome::NotPermitted;
        }
        let raise = Raise {
            scope,
            target: control.target,
            operator: control.operator,
            time,
        };
        match self.raises.take(raise) {
            None => return Outcome::NotPermitted,
            Some(false) => {}
            Some(true) => {
                if let Some((_, level)) = self.level_mut(control) {
                    level.is_killed = false;
                }
                if let Some(responses) = &mut self.responses {
                    responses.raise(scope, control.target);
                }
                self.resume(
                    scope,
                    if scope == Scope::Firm {
                        0
                    } else {
                        control.target
                    },
                );
                if scope == Scope::Strategy
                    && let Some(row) = self.strategies.get_mut(control.target as usize)
                {
                    row.orders_unattended = 0;
                }
            }
        }
        Outcome::Applied
    }

    fn level_mut(&mut self, control: &Control) -> Option<(Scope, &mut Level)> {
        let (scope, at) = (Scope::from_byte(control.scope)?, control.target as usize);
        let level = match scope {
            Scope::Firm => (control.target == u32::MAX).then_some(&mut self.exposure.firm),
            Scope::Account => self.exposure.accounts.get_mut(at),
            Scope::Strategy => self.exposure.strategies.get_mut(at),
            Scope::Symbol => self.exposure.symbols.get_mut(at),
            Scope::Desk | Scope::Group => self.exposure.other_mut(scope, control.target),
        };
        level.map(|level| (scope, level))
    }

    /// A link to a broker came, went or is held back by its breaker.
    pub(super) fn link(&mut self, event: &Link) -> Outcome {
        let state = LinkState::from_byte(event.state);
        let (Some(link), Some(state)) = (self.links.get_mut(event.broker.0 as usize), state) else {
            return Outcome::NotPermitted;
        };
        let was_down = link.is_down;
        link.is_down = state == LinkState::Down;
        link.is_breaker_open = state == LinkState::BreakerOpen;
        link.state = event.state;
        if link.is_down != was_down {
            link.losses += u32::from(link.is_down);
            self.start_sweep();
        }
        Outcome::Applied
    }

    /// A strategy's session came or went.
    pub(super) fn session_change(&mut self, header: &Header, change: &SessionChange) -> Outcome {
        let serial = self.serial;
        let Some(strategy) = self.strategies.get_mut(header.strategy.0 as usize) else {
            return Outcome::NotPermitted;
        };
        if change.cancel_orders == 1 && change.state == LinkState::Down as u8 {
            strategy.cancel_through = serial;
            self.start_sweep();
        }
        Outcome::Applied
    }

    /// Day orders in a symbol up to this acceptance are over.
    fn expire_through(&self, symbol: SymbolId) -> u64 {
        let calendar = self.symbols[symbol.0 as usize].calendar;
        self.calendars.row(calendar).expire_through
    }

    pub(super) fn start_sweep(&mut self) {
        self.sweep_slots = self.orders.used_count() as u32;
        self.sweep_remaining = self.sweep_slots;
    }

    /// Time has come to a deadline, or a sweep goes on.
    pub(super) fn tick(&mut self, effects: &mut Effects) -> Outcome {
        while let Some((slot, deadline)) = self.orders.first_waiting() {
            if self.now < deadline || !has_room(effects) {
                break;
            }
            self.orders.answered(slot);
            self.counts.timeouts += 1;
            self.doubt(effects, slot);
            if !self.links[self.orders.get(slot).broker.0 as usize].is_down {
                self.ask(effects, slot);
            }
        }
        let mut looked = 0;
        while self.sweep_remaining != 0 && looked < SWEEP_SLOTS && has_room(effects) {
            let slot = self.sweep_next;
            self.sweep_next += 1;
            // Round all slots that there were: what has been accepted since needs no sweep, and
            // must not take the place of what does.
            if self.sweep_slots <= self.sweep_next {
                self.sweep_next = 0;
            }
            self.sweep_remaining -= 1;
            looked += 1;
            self.sweep(effects, slot);
        }
        Outcome::Applied
    }

    /// Does for one order what latches, links and sessions ask for.
    fn sweep(&mut self, effects: &mut Effects, slot: u32) {
        let order = self.orders.get(slot);
        if !order.is_live() {
            return;
        }
        let link = self.links[order.broker.0 as usize];
        let who = (order.account, order.strategy, order.symbol);
        let cancel_through = self.strategies[order.strategy.0 as usize].cancel_through;
        let must_go = self.exposure.firm.is_killed
            || self.exposure.accounts[order.account.0 as usize].is_killed
            || self.exposure.strategies[order.strategy.0 as usize].is_killed
            || self.exposure.symbols[order.symbol.0 as usize].is_killed
            || self
                .exposure
                .is_killed_beside(order.account.0, order.symbol.0)
            || order.id.serial() <= cancel_through
            || self.is_halted_with_cancel(who, order.id.serial())
            || self.exits.is_leaving(order.account_cell)
                && !self.exits.is_exit(order.account_cell, order.id)
            || self.responses.is_some() && self.is_answered_with_cancel(who, order.id.serial())
            || order.time_in_force == TimeInForce::Day
                && order.id.serial() <= self.expire_through(order.symbol);
        let must_cancel = must_go && !order.is_cancel_pending;
        let is_lost = !order.is_in_doubt && order.link_losses < link.losses;
        let correlation = order.correlation;
        if is_lost {
            self.doubt(effects, slot);
        }
        if must_cancel {
            self.send_cancel(effects, slot, correlation, &Text::EMPTY);
        }
        let order = self.orders.get(slot);
        if self.is_in_doubt(order) && !link.is_down && order.asked_after != link.losses {
            self.ask(effects, slot);
        }
    }

    /// Nobody knows what became of an order: it counts in full, and its strategy is told.
    fn doubt(&mut self, effects: &mut Effects, slot: u32) {
        let order = self.orders.get_mut(slot);
        order.is_in_doubt = true;
        let id = order.client_order_id;
        self.tell_execution(effects, slot, Exec::InDoubt, &id);
    }
}

/// True while one more order's effects fit: two frames to its broker, one to its strategy.
pub(super) fn has_room(effects: &Effects) -> bool {
    effects.to_broker.len() + 2 <= EFFECTS_MAX && effects.to_strategy.len() < EFFECTS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Tick;
    use crate::message::{Frame, Header, Kind, Link, LinkState, NewOrder, OrderType, Side};
    use crate::risk::setup::{Account, Broker, Capacity, Setup, Strategy, Symbol};
    use crate::units::{AccountId, BrokerId, Nanos, OrderId, Price, Qty};
    use std::collections::BTreeSet;

    fn setup() -> Setup {
        let capacity = Capacity {
            orders: 512,
            orders_closed: 64,
            client_order_ids: 1_024,
            positions: 8,
            executions: 16,
            ..Capacity::default()
        };
        let strategy = Strategy {
            enabled: true,
            accounts: vec![AccountId(0)],
            ..Strategy::default()
        };
        let account = Account {
            enabled: true,
            has_limits: true,
            ..Account::default()
        };
        let symbol = Symbol {
            enabled: true,
            tick: Price::from_raw(1),
            lot: Qty::from_raw(1),
            order_types: vec![OrderType::Limit],
            times_in_force: vec![TimeInForce::Day],
            ..Symbol::default()
        };
        Setup {
            capacity,
            accounts: vec![account],
            strategies: vec![strategy],
            symbols: vec![symbol],
            brokers: vec![Broker::default()],
            answer_timeout: Nanos::from_secs(1_000),
            ..Setup::default()
        }
    }

    /// Takes one event and says which orders the broker is asked about.
    fn step(core: &mut Core, frame: &Frame) -> Vec<OrderId> {
        let mut effects = Effects::default();
        core.step(frame, &[], &mut effects);
        let asked = effects.to_broker.iter().map(|approved| approved.frame());
        let asked = asked.filter(|frame| frame.kind() == Some(Kind::BrokerStatus));
        asked
            .map(|frame| frame.body::<crate::message::BrokerRequest>().order_id)
            .collect()
    }

    fn link(core: &mut Core, state: LinkState) {
        let link = Link {
            broker: BrokerId(0),
            state: state as u8,
            ..Link::default()
        };
        step(core, &Frame::new(Kind::Link, Header::default(), link));
    }

    fn tick(core: &mut Core) -> Vec<OrderId> {
        step(
            core,
            &Frame::new(Kind::Tick, Header::default(), Tick::default()),
        )
    }

    fn accept(core: &mut Core, count: usize) {
        for _ in 0..count {
            let serial = core.counts().orders;
            let order = NewOrder {
                price: Price::from_raw(1),
                qty: Qty::from_raw(1),
                client_order_id: Text::new(&serial.to_string()).unwrap(),
                side: Side::Buy as u8,
                order_type: OrderType::Limit as u8,
                time_in_force: TimeInForce::Day as u8,
                ..NewOrder::default()
            };
            step(core, &Frame::new(Kind::NewOrder, Header::default(), order));
        }
    }

    /// Orders that are accepted while the sweep goes on took the turns of old ones.
    #[test]
    fn a_sweep_reaches_every_order_while_new_ones_are_accepted() {
        let mut core = Core::new(&setup());
        link(&mut core, LinkState::Up);
        accept(&mut core, 100);
        for round in 1..=4 {
            link(&mut core, LinkState::Down);
            while core.next_deadline() == Nanos::ZERO {
                tick(&mut core);
            }
            let in_doubt: BTreeSet<_> = core.orders().map(|order| order.id).collect();
            assert_eq!(in_doubt.len(), 90 + 10 * round);
            link(&mut core, LinkState::Up);
            let mut asked = BTreeSet::from_iter(tick(&mut core));
            accept(&mut core, 10);
            while core.next_deadline() == Nanos::ZERO {
                asked.extend(tick(&mut core));
            }
            assert_eq!(asked, in_doubt, "round {round}");
        }
    }
}
