//! Controls: prices, links, kills, sessions, and what time alone brings.

use super::answer::{Answer, ToBroker};
use super::order::{Level, Order};
use super::{Good, Model, Raise, Sweep};
use portcullis::message::{
    Control, Exec, Header, Kind, Link, LinkState, Quote, Scope, SessionChange, Text,
};
use portcullis::risk::decision::Outcome;

impl Model {
    pub(super) fn quote(&mut self, quote: &Quote) -> Answer {
        let Some(symbol) = self.setup.symbols.get(quote.symbol.0 as usize) else {
            return Answer::of(Outcome::Implausible);
        };
        let (bid, ask) = (quote.bid.raw(), quote.ask.raw());
        let may_be_negative = symbol.price_min.is_some_and(|min| min.raw() < 0);
        let (jump, confirmations) = (symbol.jump, symbol.jump_confirmations);
        let now = self.now;
        let reference = &mut self.references[quote.symbol.0 as usize];

        let is_negative = bid < 0 || ask < 0;
        if bid > ask || bid == 0 || ask == 0 || (is_negative && !may_be_negative) {
            reference.is_usable = false;
            reference.candidate = None;
            return Answer::of(Outcome::Implausible);
        }

        let sum = i128::from(bid) + i128::from(ask);
        if let (Some(jump), true, Some(good)) = (jump, confirmations > 0, reference.good) {
            let is_far =
                |from: i128| (sum - from).abs() * 100_000_000 > i128::from(jump) * from.abs();
            if is_far(good.sum) {
                let confirmed = match reference.candidate {
                    Some((candidate, confirmed)) if !is_far(candidate) => confirmed + 1,
                    _ => 0,
                };
                if confirmed < confirmations {
                    reference.candidate = Some((sum, confirmed));
                    reference.is_usable = false;
                    return Answer::of(Outcome::Applied);
                }
            }
        }
        reference.good = Some(Good {
            sum,
            ask,
            time: now,
        });
        reference.is_usable = true;
        reference.candidate = None;
        Answer::of(Outcome::Applied)
    }

    pub(super) fn link(&mut self, link: &Link) -> Answer {
        let broker = link.broker.0 as usize;
        let Some(state) = LinkState::from_byte(link.state) else {
            return Answer::of(Outcome::Implausible);
        };
        if broker >= self.links.len() {
            return Answer::of(Outcome::Implausible);
        }
        self.links[broker] = state;
        match state {
            LinkState::Down => {
                self.unasked[broker] = true;
                for order in &mut self.orders {
                    if order.is_live() && order.broker == link.broker.0 {
                        order.is_in_doubt = true;
                    }
                }
            }
            LinkState::Up if self.unasked[broker] => {
                self.unasked[broker] = false;
                let broker = link.broker.0;
                self.sweeps.push(Sweep::Status { broker });
            }
            LinkState::Up | LinkState::BreakerOpen | LinkState::HalfOpen => {}
        }
        Answer::of(Outcome::Applied)
    }

    pub(super) fn kill(&mut self, control: &Control) -> Answer {
        let is_gate = control.operator == u32::MAX;
        let latch = self.latch(control);
        let (Some(latch), true) = (latch, is_gate || self.is_operator(control.operator)) else {
            return Answer::of(Outcome::NotPermitted);
        };
        // Who wanted to raise it did not know of this.
        self.latches.insert(latch, Vec::new());
        self.sweeps.push(Sweep::Killed);
        Answer::of(Outcome::Applied)
    }

    pub(super) fn raise(&mut self, control: &Control) -> Answer {
        let (now, window) = (self.now, self.setup.raise_window.raw());
        let is_known = self.is_operator(control.operator);
        let latch = self.latch(control);
        let raises = latch.and_then(|latch| self.latches.get_mut(&latch));
        let (Some(latch), Some(raises), true) = (latch, raises, is_known) else {
            return Answer::of(Outcome::NotPermitted);
        };
        if raises
            .first()
            .is_some_and(|first| now - first.time >= window)
        {
            raises.clear();
        }
        let operator = control.operator;
        if raises.iter().any(|raise| raise.operator == operator) {
            return Answer::of(Outcome::NotPermitted);
        }
        raises.push(Raise {
            operator,
            time: now,
        });
        if raises.len() >= self.setup.raise_persons as usize {
            self.latches.remove(&latch);
        }
        Answer::of(Outcome::Applied)
    }

    pub(super) fn session_change(&mut self, header: &Header, change: &SessionChange) -> Answer {
        let strategy = header.strategy.0;
        let state = LinkState::from_byte(change.state);
        if strategy as usize >= self.setup.strategies.len() || state.is_none() {
            return Answer::of(Outcome::Implausible);
        }
        if state == Some(LinkState::Down) && change.cancel_orders == 1 {
            self.sweeps.push(Sweep::Session {
                strategy,
                serial_max: self.orders.len() as u64,
            });
        }
        Answer::of(Outcome::Applied)
    }

    /// Time has come: work that was put off, and requests without an answer.
    pub(super) fn tick(&mut self) -> Answer {
        let mut answer = Answer::of(Outcome::Applied);
        for sweep in std::mem::take(&mut self.sweeps) {
            for serial in 1..=self.orders.len() as u64 {
                answer.to_broker.extend(self.sweep(&sweep, serial));
            }
        }
        for serial in 1..=self.orders.len() as u64 {
            let order = &self.orders[serial as usize - 1];
            if self
                .deadline(order)
                .is_none_or(|deadline| self.now < deadline)
            {
                continue;
            }
            let order = self.order_of_serial(serial);
            order.unanswered_since = None;
            order.is_in_doubt = true;
            let broker = order.broker;
            answer = answer.tells(self.execution(serial, Exec::InDoubt));
            if self.links[broker as usize] != LinkState::Down {
                answer.to_broker.push(self.ask(serial));
            }
        }
        answer
    }

    fn sweep(&mut self, sweep: &Sweep, serial: u64) -> Option<ToBroker> {
        let order = &self.orders[serial as usize - 1];
        if !order.is_live() {
            return None;
        }
        let must_be_cancelled = match *sweep {
            Sweep::Killed => Level::ALL
                .iter()
                .any(|&level| self.is_killed(level, level.owner(order.who))),
            Sweep::Session {
                strategy,
                serial_max,
            } => order.who.strategy == strategy && serial <= serial_max,
            Sweep::Status { broker } => {
                let is_asked = order.broker == broker && order.is_in_doubt;
                return is_asked.then(|| self.ask(serial));
            }
        };
        if !must_be_cancelled || order.is_cancel_pending {
            return None;
        }
        Some(self.send_cancel(serial, Text::EMPTY))
    }

    fn ask(&self, serial: u64) -> ToBroker {
        let id = self.orders[serial as usize - 1].client_order_id;
        ToBroker::Request(self.request(serial, Kind::BrokerStatus, id))
    }

    /// When an order is in doubt for want of an answer.
    pub(super) fn deadline(&self, order: &Order) -> Option<u64> {
        let timeout = self.setup.answer_timeout.raw();
        let since = order.unanswered_since.filter(|_| order.is_live())?;
        Some(since.saturating_add(timeout))
    }

    pub(super) fn is_operator(&self, operator: u32) -> bool {
        (operator as usize) < self.setup.operators.len()
    }

    pub(super) fn is_killed(&self, level: Level, owner: u32) -> bool {
        let scope = match level {
            Level::Firm => Scope::Firm,
            Level::Account => Scope::Account,
            Level::Strategy => Scope::Strategy,
            Level::Symbol => Scope::Symbol,
        };
        self.latches.contains_key(&(scope as u8, owner))
    }

    /// What a kill or a raise is about, if there is such a thing.
    fn latch(&self, control: &Control) -> Option<(u8, u32)> {
        let (scope, count) = match Scope::from_byte(control.scope)? {
            Scope::Firm => return Some((control.scope, 0)),
            scope @ Scope::Account => (scope, self.setup.accounts.len()),
            scope @ Scope::Strategy => (scope, self.setup.strategies.len()),
            scope @ Scope::Symbol => (scope, self.setup.symbols.len()),
        };
        ((control.target as usize) < count).then_some((scope as u8, control.target))
    }
}
