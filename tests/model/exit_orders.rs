//! Exit orders: how an exit is carried out, one order at a time.

use super::Model;
use super::answer::{Answer, ToBroker};
use super::exits::{Key, Leaving};
use super::order::{Level, Order, Who};
use portcullis::message::{Exec, Kind, LinkState, OrderType, Side, Text, TimeInForce};
use portcullis::risk::decision::Outcome;
use portcullis::units::{OrderId, Qty};

/// The whole of what a part is of.
const WHOLE: i128 = 100_000_000;

impl Model {
    /// One exit; `None` where it is over.
    pub(super) fn carry_on(
        &mut self,
        answer: &mut Answer,
        key: Key,
        mut leaving: Leaving,
    ) -> Option<Leaving> {
        let position = self.position(key);
        let cell = self.account_cell(key.0, key.1);
        let (side, open, opposite) = match position > 0 {
            true => (Side::Sell, cell.open_sell, cell.open_buy),
            false => (Side::Buy, cell.open_buy, cell.open_sell),
        };
        let held = position.unsigned_abs();
        if let Some(serial) = leaving.order.filter(|serial| self.is_live(*serial)) {
            let order = &self.orders[serial as usize - 1];
            let is_wrong = order.side != side || open > u128::from(held);
            let is_late = leaving.deadline <= self.now;
            leaving.not_before = u64::MAX;
            if (is_wrong || is_late) && !order.is_cancel_pending {
                if leaving.cancel_from <= self.now {
                    self.did(match is_wrong {
                        true => "cancels what is wrong",
                        false => "cancels what is late",
                    });
                    answer.to_broker.push(self.send_cancel(serial, Text::EMPTY));
                    let retry = self.setup.exit_policy.retry.raw();
                    leaving.cancel_from = self.now.saturating_add(retry);
                } else {
                    self.did("waits to cancel again");
                    leaving.not_before = leaving.cancel_from;
                }
            }
            if is_late {
                // Should that be refused, it is asked for again.
                leaving.deadline = self
                    .now
                    .saturating_add(self.setup.exit_policy.timeout.raw());
            }
            leaving.is_waiting |= is_wrong;
            return Some(leaving);
        }
        if position == 0 {
            self.exits.held.remove(&key);
            self.did("ends");
            return None;
        }
        if let Some(serial) = leaving.order.take() {
            let is_waiting = std::mem::take(&mut leaving.is_waiting);
            if is_waiting || self.orders[serial as usize - 1].filled > 0 {
                leaving.tries.push(true);
                leaving.not_before = self.now;
            } else {
                self.fail(&mut leaving);
            }
        }
        if leaving.is_waiting && open == 0 {
            leaving.is_waiting = false;
            leaving.not_before = self.now;
        }
        // What it could trade with is cancelled first.
        let is_ahead = opposite > 0 && self.sweep_is_due;
        if leaving.not_before <= self.now && !is_ahead {
            self.try_to_leave(answer, key, &mut leaving, (side, held, open));
        }
        Some(leaving)
    }

    /// Something was tried and has brought nothing.
    fn fail(&mut self, leaving: &mut Leaving) {
        self.did("fails");
        leaving.tries.push(false);
        // What stands in the way is cancelled again, where that was refused.
        self.sweep_is_due = true;
        let policy = self.setup.exit_policy;
        let attempts = leaving.attempts();
        let pause = (1..attempts.min(6)).fold(policy.retry.raw(), |pause, _| pause * 2);
        leaving.not_before = self.now.saturating_add(pause);
        if attempts >= policy.attempts_max && !leaving.is_failing {
            self.did("is failing");
            leaving.is_failing = true;
            self.exits.failing += 1;
        }
    }

    fn try_to_leave(
        &mut self,
        answer: &mut Answer,
        key: Key,
        leaving: &mut Leaving,
        (side, held, open): (Side, u64, u128),
    ) {
        let Some(who) = self.who_leaves(key) else {
            return self.fail(leaving);
        };
        let (policy, now) = (self.setup.exit_policy, self.now);
        let terms = self.setup.symbols[key.1 as usize].clone();
        let link = self.links[terms.broker.0 as usize];
        let is_shut = matches!(link, LinkState::Down | LinkState::BreakerOpen)
            || self.is_closed(key.1)
            || self
                .path(who)
                .into_iter()
                .any(|level| self.is_killed(level));
        let live = self.live_orders(Level::FIRM).count();
        if is_shut || live >= self.setup.capacity.orders as usize {
            self.did("is held back");
            leaving.not_before = now.saturating_add(policy.retry.raw());
            return;
        }
        let patience = leaving.since.saturating_add(policy.timeout.raw());
        if open > 0 && now < patience {
            self.did("waits for what stands");
            leaving.is_waiting = true;
            leaving.not_before = patience;
            return;
        }
        let lot = terms.lot.raw();
        let left = u128::from(held).saturating_sub(open) as u64 / lot * lot;
        let most = terms.qty_max.map_or(Qty::MAX, |max| max.min(Qty::MAX));
        let least = terms.qty_min.map_or(1, |min| min.raw().max(1));
        let mut qty = left.min(most.raw()) / lot * lot;
        // Of what remains the venue takes no less than its least.
        let remains = left - qty;
        if remains > 0 && remains < least && left >= least && (left - least) / lot * lot >= least {
            qty = (left - least) / lot * lot;
            self.did("leaves enough for another");
        }
        let price = self.exit_price(key.1, side, leaving.attempts());
        let (Some(price), true) = (price, qty >= least) else {
            return self.fail(leaving);
        };
        let serial = self.send_exit(answer, who, side, qty, price);
        self.did(match price {
            0 => "sends a market order",
            _ => "sends a limit order",
        });
        if u128::from(qty) + open < u128::from(held) {
            self.did("sends a part");
        }
        leaving.order = Some(serial);
        leaving.is_waiting = false;
        leaving.cancel_from = 0;
        leaving.not_before = u64::MAX;
        leaving.deadline = now.saturating_add(policy.timeout.raw());
    }

    /// In whose name: who added to the position last or, where nobody did, the first who may.
    fn who_leaves(&mut self, (account, symbol): Key) -> Option<Who> {
        let last = self.exits.held[&(account, symbol)].strategy;
        let may = |of: &portcullis::risk::setup::Strategy| {
            let mut accounts = of.accounts.iter();
            accounts.any(|id| id.0 == account)
        };
        let first = || self.setup.strategies.iter().position(may);
        let strategy = last.or_else(|| first().map(|at| at as u32))?;
        let who = Who {
            symbol,
            strategy,
            account,
        };
        if !self.has_room_for(who) {
            return None;
        }
        self.open_positions(who);
        Some(who)
    }

    /// The price of an exit's limit order; zero for a market order.
    fn exit_price(&self, symbol: u32, side: Side, attempts: u32) -> Option<i64> {
        if self.takes_type(symbol, OrderType::Market) {
            return Some(0);
        }
        let terms = &self.setup.symbols[symbol as usize];
        let sum = self.money.sums[symbol as usize]?;
        let slippage = i128::from(self.setup.exit_policy.slippage);
        let far = sum.abs() * slippage * i128::from(attempts + 1) / WHOLE;
        let tick = i128::from(terms.tick.raw());
        let down = |doubled: i128| doubled.div_euclid(2 * tick) * tick;
        let up = |doubled: i128| -down(-doubled);
        let price = match side {
            Side::Sell => down(sum - far),
            Side::Buy => up(sum + far),
        };
        let least = up(2 * i128::from(terms.price_min.unwrap_or(terms.tick).raw()));
        let most = terms.price_max.map_or(i64::MAX, |max| max.raw());
        let price = price.max(least).min(down(2 * i128::from(most)));
        i64::try_from(price).ok()
    }

    fn send_exit(
        &mut self,
        answer: &mut Answer,
        who: Who,
        side: Side,
        qty: u64,
        price: i64,
    ) -> u64 {
        self.make_room_for_exit();
        let serial = self.orders.len() as u64 + 1;
        let is_market = self.takes_type(who.symbol, OrderType::Market);
        let is_at_once = self.takes_time(who.symbol, TimeInForce::ImmediateOrCancel);
        let name = Text::new(&format!("exit-{serial}")).unwrap();
        let mine = |order: &&Order| {
            let of = (order.who.account, order.who.symbol);
            order.correlation >> 62 == 1 && of == (who.account, who.symbol)
        };
        let before = self.orders.iter().filter(mine).count() as u64;
        let place = u64::from(who.account) << 48 | u64::from(who.symbol) << 40;
        self.orders.push(Order {
            serial,
            id: OrderId::new(serial, 0),
            correlation: 1 << 62 | place | before,
            who,
            broker: self.setup.symbols[who.symbol as usize].broker.0,
            side,
            is_market,
            order_type: match is_market {
                true => OrderType::Market as u8,
                false => OrderType::Limit as u8,
            },
            time_in_force: match is_at_once {
                true => TimeInForce::ImmediateOrCancel as u8,
                false => TimeInForce::Day as u8,
            },
            client_order_id: name,
            price,
            qty,
            value_price: self.marks[who.symbol as usize] as u64,
            filled: 0,
            mark: None,
            parent: None,
            covered: Qty::MAX.raw(),
            short_before: 0,
            is_acknowledged: false,
            is_in_doubt: false,
            is_untold: false,
            was_asked: false,
            questions: Vec::new(),
            is_unheard: false,
            is_cancel_pending: false,
            cancel_id: Text::EMPTY,
            replace: None,
            request: 0,
            asked_since: Some(self.now),
            exits: None,
            closed: None,
        });
        // The account owns what it sells.
        self.uncover(serial);
        let request = self.request(serial, Kind::BrokerNew, name);
        answer.to_broker.push(ToBroker::Request(request));
        let told = self.execution(serial, Exec::Accepted);
        *answer = std::mem::replace(answer, Answer::of(Outcome::Applied)).tells(told);
        serial
    }

    /// Where all the room is taken, the oldest order that is only remembered is forgotten.
    fn make_room_for_exit(&mut self) {
        let remembered = self.orders.iter().filter(|order| order.is_remembered());
        if remembered.count() < self.setup.capacity.orders as usize {
            return;
        }
        let closed = self
            .orders
            .iter_mut()
            .filter_map(|order| order.closed.as_mut());
        let remembered = closed.filter(|closed| !closed.is_forgotten);
        if let Some(oldest) = remembered.min_by_key(|closed| closed.place) {
            oldest.is_forgotten = true;
            self.did("takes the room of what is remembered");
        }
    }
}
