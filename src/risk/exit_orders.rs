//! Exit orders: how a position is closed.
//!
//! Pure. Runs in the step of whatever triggers an exit, and in ticks.
//!
//! First everything else of the account in the symbol is cancelled; nothing new passes there. Then one
//! order at a time, of no more than the position that nothing live could reduce already: however fills,
//! cancels and the exit cross, what is live can bring the position to zero and not through it. An
//! order that does not fill in time is cancelled; the next is sent when it has ended, after a pause that
//! doubles. A kill stops exits too: nothing leaves.

use super::approved::Approved;
use super::calendar::has_bit;
use super::cell::{Change, NO_CELL};
use super::control::has_room;
use super::core::Core;
use super::decision::Effects;
use super::exits::Exit;
use super::exposure::Places;
use super::order::Order;
use crate::message::{BrokerRequest, Exec, Header, Kind, OrderType, Side, Text, TimeInForce};
use crate::units::{AccountId, Amount, Nanos, Notional, OrderId, Price, Qty, StrategyId, SymbolId};

/// The pause doubles so often.
const DOUBLINGS_MAX: u32 = 5;
const SCALE: i128 = 100_000_000;

/// How an exit is sent.
struct Shape {
    order_type: OrderType,
    price: Price,
    time_in_force: TimeInForce,
}

impl Core {
    /// Carries every exit under way a step on, as far as there is room.
    #[cold]
    pub(super) fn drive_exits(&mut self, effects: &mut Effects) {
        self.leave_in_time();
        let mut at = 0;
        while let Some(cell) = self.exits.active().get(at).copied() {
            if !has_room(effects) {
                return;
            }
            // One that has ended is no longer in the list.
            at += usize::from(!self.drive(effects, cell));
        }
        self.exits.find_due(|exit| match exit.order {
            OrderId::NONE => exit.next_try,
            _ => exit.next_try.min(exit.deadline),
        });
    }

    /// One exit: true where it is over.
    fn drive(&mut self, effects: &mut Effects, cell: u32) -> bool {
        let of = *self.exposure.cell(cell);
        let Some(mut exit) = self.exits.exit(cell).copied() else {
            return true;
        };
        let position = of.position.raw();
        let (side, open) = match 0 < position {
            true => (Side::Sell, of.open_sell),
            false => (Side::Buy, of.open_buy),
        };
        let opposite = match 0 < position {
            true => of.open_buy,
            false => of.open_sell,
        };
        // What it could trade with itself is to be cancelled before it.
        let is_ahead = opposite != Qty::ZERO && self.sweep_remaining != 0;
        let held = of.position.abs();
        let live = self.orders.slot(exit.order);
        let live = live.filter(|slot| self.orders.get(*slot).is_live());
        if let Some(slot) = live {
            let order = self.orders.get(slot);
            let (is_wrong, is_asked) = (order.side != side || held < open, order.is_cancel_pending);
            let is_late = exit.deadline <= self.now;
            // What the broker says wakes it. A cancel that it refuses is sent again, but not at once: each
            // could be refused.
            exit.next_try = Nanos::MAX;
            if (is_wrong || is_late) && !is_asked {
                let correlation = order.correlation;
                if exit.cancel_from <= self.now {
                    self.send_cancel(effects, slot, correlation, &Text::EMPTY);
                    exit.cancel_from = self.now.after(self.exit_policy.retry);
                } else {
                    exit.next_try = exit.cancel_from;
                }
            }
            // Of another size it goes out again at once.
            exit.is_waiting |= is_wrong;
            if is_late {
                exit.deadline = self.now.after(self.exit_policy.timeout);
            }
            self.put(cell, exit);
            return false;
        }
        if position == 0 {
            self.exits.end(cell);
            return true;
        }
        self.note_attempt(&mut exit);
        if exit.is_waiting && open == Qty::ZERO {
            (exit.is_waiting, exit.next_try) = (false, self.now);
        }
        if exit.next_try <= self.now && !is_ahead {
            self.attempt(effects, (cell, held, open, side), &mut exit);
        }
        self.put(cell, exit);
        false
    }

    fn put(&mut self, cell: u32, exit: Exit) {
        if let Some(row) = self.exits.exit_mut(cell) {
            *row = exit;
        }
    }

    /// An order of the exit has ended: the next follows at once where it has brought something, else
    /// after a pause.
    fn note_attempt(&mut self, exit: &mut Exit) {
        let order = match exit.order {
            OrderId::NONE => return,
            id => self.orders.slot(id).map(|slot| self.orders.get(slot)),
        };
        let has_filled = order.is_some_and(|order| order.filled != Qty::ZERO);
        exit.order = OrderId::NONE;
        exit.deadline = Nanos::MAX;
        if has_filled || exit.is_waiting {
            exit.is_waiting = false;
            (exit.attempts, exit.next_try) = (0, self.now);
            return;
        }
        self.fail_attempt(exit);
    }

    /// One more that brought nothing; after so many somebody must look. What stands in the way, its cancel
    /// refused, is cancelled again.
    fn fail_attempt(&mut self, exit: &mut Exit) {
        exit.attempts += 1;
        self.start_sweep();
        self.pause(exit);
        if self.exit_policy.attempts_max <= exit.attempts && !exit.is_failing {
            exit.is_failing = true;
            self.exits.fail();
        }
    }

    /// Whose order it is: who added to the position last or, where nobody did, the first that may use
    /// the account.
    fn exit_strategy(&self, cell: u32, account: u32) -> Option<StrategyId> {
        let last = self.exits.strategy(cell);
        if last != StrategyId::NONE {
            return Some(last);
        }
        let account = AccountId(account);
        let first = self.strategies.iter().position(|row| row.may_use(account));
        first.map(|at| StrategyId(at as u32))
    }

    /// The strategy's book, taken now if there was none and there is room.
    fn has_cell(&mut self, strategy: StrategyId, symbol: u32) -> bool {
        let at = self.exposure.find(false, strategy.0, symbol);
        let has_room = at != NO_CELL || self.exposure.has_room(1);
        if has_room {
            self.exposure.take(at, false, strategy.0, symbol);
        }
        has_room
    }

    fn pause(&self, exit: &mut Exit) {
        let doublings = exit.attempts.saturating_sub(1).min(DOUBLINGS_MAX);
        let pause = self.exit_policy.retry.raw().saturating_mul(1 << doublings);
        exit.next_try = self.now.after(Nanos::from_raw(pause));
    }

    /// Sends an order where one may be sent.
    fn attempt(
        &mut self,
        effects: &mut Effects,
        (cell, held, open, side): (u32, Qty, Qty, Side),
        exit: &mut Exit,
    ) {
        let of = *self.exposure.cell(cell);
        let policy = self.exit_policy;
        let symbol = &self.symbols[of.symbol as usize];
        let link = &self.links[symbol.broker.0 as usize];
        let is_shut = link.is_down || link.is_breaker_open || self.is_closed(of.symbol as usize);
        let strategy = self.exit_strategy(cell, of.owner);
        let Some(strategy) = strategy.filter(|of_cell| self.has_cell(*of_cell, of.symbol)) else {
            self.fail_attempt(exit);
            return;
        };
        let symbol = &self.symbols[of.symbol as usize];
        if is_shut || self.is_exit_killed(of.owner, strategy, of.symbol) || !self.orders.may_open()
        {
            exit.next_try = self.now.after(policy.retry);
            return;
        }
        // What still stands on this side may reduce the position itself: it is waited for, not for ever.
        let patience = exit.since.after(policy.timeout);
        if open != Qty::ZERO && self.now < patience {
            (exit.is_waiting, exit.next_try) = (true, patience);
            return;
        }
        let (min, max) = (symbol.qty_min, symbol.qty_max.min(Qty::MAX.raw()));
        let whole = |qty: u64| qty - qty % symbol.lot.get();
        let all = whole(held.saturating_sub(open).raw());
        let most = whole(all.min(max));
        // What is left for the next order must be as much as the venue takes.
        let fewer = whole(all.saturating_sub(min));
        let is_rest_small = most < all && all - most < min && min <= fewer;
        let qty = Qty::from_raw(if is_rest_small { fewer } else { most });
        let shape = self.exit_shape(of.symbol, side, exit.attempts);
        let (Some(shape), true) = (shape, qty != Qty::ZERO && min <= qty.raw()) else {
            self.fail_attempt(exit);
            return;
        };
        exit.order = self.send_exit(effects, (cell, strategy), side, qty, &shape);
        exit.is_waiting = false;
        exit.cancel_from = Nanos::ZERO;
        exit.deadline = self.now.after(policy.timeout);
        exit.next_try = Nanos::MAX;
    }

    fn is_exit_killed(&self, account: u32, strategy: StrategyId, symbol: u32) -> bool {
        let exposure = &self.exposure;
        let of_strategy = exposure.strategies.get(strategy.0 as usize);
        exposure.firm.is_killed
            || exposure.accounts[account as usize].is_killed
            || exposure.symbols[symbol as usize].is_killed
            || of_strategy.is_some_and(|level| level.is_killed)
            || exposure.is_killed_beside(account, symbol)
    }

    /// A market order where the symbol and the phase take one; else one that is as good, at a price that
    /// gives way further with each attempt. `None`: neither, for want of a price.
    fn exit_shape(&self, symbol: u32, side: Side, attempts: u32) -> Option<Shape> {
        let row = &self.symbols[symbol as usize];
        let phase = self.calendars.row(row.calendar).phase;
        let takes = |of: OrderType| {
            has_bit(row.order_types, of as u8) && has_bit(phase.order_types, of as u8)
        };
        let takes_time = |of: TimeInForce| {
            has_bit(row.times_in_force, of as u8) && has_bit(phase.times_in_force, of as u8)
        };
        let time_in_force = match takes_time(TimeInForce::ImmediateOrCancel) {
            true => TimeInForce::ImmediateOrCancel,
            false => TimeInForce::Day,
        };
        if takes(OrderType::Market) {
            return Some(Shape {
                order_type: OrderType::Market,
                price: Price::default(),
                time_in_force,
            });
        }
        let sum = self.exposure.books.pricing(symbol).sum?;
        let slippage =
            i128::from(self.exit_policy.slippage).saturating_mul(i128::from(attempts) + 1);
        let far = sum.abs().saturating_mul(slippage) / SCALE;
        let tick = row.tick.get() as i128;
        let (doubled, is_up) = match side {
            Side::Sell => (sum - far, false),
            Side::Buy => (sum + far, true),
        };
        let whole = doubled.div_euclid(2 * tick);
        let has_rest = doubled.rem_euclid(2 * tick) != 0;
        let price = (whole + i128::from(is_up && has_rest)) * tick;
        // The outermost prices that the venue takes are on its tick, too.
        let (min, max) = (i128::from(row.price_min), i128::from(row.price_max));
        let (min, max) = (-(-min).div_euclid(tick) * tick, max.div_euclid(tick) * tick);
        let price = i64::try_from(price.max(min).min(max)).ok()?;
        Some(Shape {
            order_type: OrderType::Limit,
            price: Price::from_raw(price),
            time_in_force,
        })
    }

    /// Takes in an order of the gate's own and hands it to its broker.
    fn send_exit(
        &mut self,
        effects: &mut Effects,
        (cell, strategy): (u32, StrategyId),
        side: Side,
        qty: Qty,
        shape: &Shape,
    ) -> OrderId {
        let of = *self.exposure.cell(cell);
        let (now, symbol) = (self.now, of.symbol);
        let account = AccountId(of.owner);
        let slot = self.orders.open_for_exit();
        self.serial += 1;
        let id = OrderId::new(self.serial, slot);
        let broker = self.symbols[symbol as usize].broker;
        let value_price = self.exposure.mark(symbol);
        let client_order_id = name_of(self.serial);
        let strategy_cell = self.exposure.find(false, strategy.0, symbol);
        *self.orders.get_mut(slot) = Order {
            id,
            price: shape.price,
            value_price,
            qty,
            reserved: qty,
            reserved_notional: value_price.notional(qty),
            account,
            strategy,
            symbol: SymbolId(symbol),
            broker,
            link_losses: self.links[broker.0 as usize].losses,
            account_cell: cell,
            strategy_cell,
            side,
            order_type: shape.order_type,
            time_in_force: shape.time_in_force,
            client_order_id,
            ..Order::default()
        };
        let order = self.orders.get(slot);
        let (places, change) = (Places::of(order), Change::opened(order));
        let notional = order.reserved_notional;
        self.exposure.book(places, &change);
        let open = (Notional::ZERO, notional);
        self.count_funds((account, side), open, (Notional::ZERO, Amount::ZERO));
        self.orders.wait(slot, now.after(self.answer_timeout));
        if self.own.is_some() {
            self.place_own(slot);
        }
        if self.locates.is_some() {
            self.use_located(slot, 0);
        }
        let request = BrokerRequest {
            order_id: id,
            price: shape.price,
            qty,
            symbol: SymbolId(symbol),
            account,
            broker,
            client_order_id,
            side: side as u8,
            order_type: shape.order_type as u8,
            time_in_force: shape.time_in_force as u8,
            ..BrokerRequest::default()
        };
        let head = Header {
            time: now,
            strategy,
            ..Header::default()
        };
        let request = Approved::request(Kind::BrokerNew, head, request);
        Self::send(effects, request, &[]);
        self.tell_execution(effects, slot, Exec::Accepted, &client_order_id);
        id
    }
}

/// What the names of the gate's own orders begin with.
const PREFIX: [u8; 5] = *b"exit-";

/// Whether a strategy may call an order so: a broker that tells orders apart by their names must never take
/// one for an exit.
#[inline]
pub(super) fn may_name(id: &Text) -> bool {
    id.is_id() && id.bytes()[..PREFIX.len()] != PREFIX
}

/// `exit-` and a number that no other order has.
fn name_of(serial: u64) -> Text {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = serial;
    while at == digits.len() || rest != 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    Text::of_parts(&PREFIX, &digits[at..])
}
