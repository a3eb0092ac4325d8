//! Commands: new orders, cancels, replaces. Here it is decided.
//!
//! Pure. Hot path.
//!
//! Each is all reads and refusals, then a marked line, then all writes.

use super::approved::Approved;
use super::calendar::has_bit;
use super::check::{Findings, Sink, Terms, Valuation};
use super::core::{Core, about, refused};
use super::decision::{Decision, Effects, Outcome};
use super::duplicate::{Content, Seen};
use super::exit_orders::may_name;
use super::exposure::Places;
use super::identity::Place;
use super::order::{NEVER, Order, Replacement};
use super::own::Crossing;
use super::rate::Paced;
use super::report::Fill;
use super::rules::each_of;
use super::setup::ExitTerms;
use crate::message::{
    Body, BrokerRequest, Cancel, Exec, FRAME_SIZE, Frame, Header, Kind, NewOrder, OrderType,
    Refusal, Replace, SaleMark, Side, Text, TimeInForce, flags, split_wide,
};
use crate::reject::RejectReason as Reason;
use crate::units::{AccountId, Amount, Notional, OrderId, Qty, StrategyId};

/// What the checks of a new order leave to its acceptance, beside its terms and what it is worth.
#[derive(Debug)]
pub(super) struct Judged {
    route_at: usize,
    time_in_force: TimeInForce,
    /// Where its id goes.
    place: Place,
    /// What it would trade with, and is to be cancelled for it.
    pub(super) crossing: Crossing,
}

impl Core {
    /// Decides a new order.
    #[inline]
    pub(super) fn new_order(
        &mut self,
        header: &Header,
        order: &NewOrder,
        continuations: &[Frame],
        effects: &mut Effects,
    ) -> Decision {
        self.counts.orders += 1;
        let mut found = Findings::NONE;
        self.check_frame(
            &mut found,
            header,
            order,
            order.passthrough_size,
            continuations,
        );
        self.note_command(header);
        let mut terms = Terms::of_new(header.strategy, order);
        let mut valuation = Valuation::default();
        let judged = self.judge(header, order, &terms, &mut found, &mut valuation);
        let Some(judged) = &judged else {
            return self.refuse_new(effects, header, order, &found);
        };
        if !judged.crossing.is_empty() {
            self.cancel_own(effects, &found, &judged.crossing);
        }
        let is_overridden = !self.overrides.are_none()
            && !found.failed.is_empty()
            && self.use_override(order.account, &order.client_order_id, found.failed);
        let is_cut = !is_overridden && !found.failed.is_empty();
        if is_cut {
            match self.cut(&terms, judged.route_at, found.failed) {
                Some(cut) => {
                    (terms, valuation) = cut;
                    found.tell_cut(terms.qty, order.qty);
                }
                None => return self.refuse_new(effects, header, order, &found),
            }
        }
        // What passes in spite of a limit, or cut, must not meet its owner's either.
        if !found.failed.is_only(Reason::SelfMatch) {
            self.cancel_each(effects, &judged.crossing);
        }
        let worth = (&terms, &valuation);
        let slot = self.accept(header, order, worth, judged, continuations, effects);
        // Who is not told what has become of a quantity would believe in its own.
        if is_cut || self.strategies[header.strategy.0 as usize].acknowledge {
            self.tell_execution(effects, slot, Exec::Accepted, &order.client_order_id);
        }
        // What it has failed, if persons have let it pass, stands in its decision.
        Decision {
            outcome: Outcome::Accepted,
            order_id: self.orders.get(slot).id,
            ..refused(&found)
        }
    }

    /// Looks at a new order and says what it is worth; what is wrong with it is noted. `None` where it
    /// cannot be judged to its end.
    #[inline(always)]
    pub(super) fn judge(
        &mut self,
        header: &Header,
        order: &NewOrder,
        terms: &Terms,
        found: &mut Findings,
        valuation: &mut Valuation,
    ) -> Option<Judged> {
        let now = self.now;
        let who = (order.account, header.strategy, order.symbol);
        let Some(route_at) = self.route(who) else {
            self.note_stops(found, header.flags, who);
            return None;
        };
        let route = self.routes.row(route_at);
        self.check_permission(found, header.flags, who, route);

        let previous = self
            .client_order_ids
            .find(order.account, &order.client_order_id);
        let has_id = may_name(&order.client_order_id);
        found.note(Reason::ClientOrderIdInvalid, !has_id);
        found.note(Reason::ClientOrderIdDuplicate, has_id && previous.is_ok());
        let symbol = &self.symbols[order.symbol.0 as usize];
        let side = Side::from_byte(order.side);
        found.note(Reason::SideInvalid, side.is_none());
        let order_type = OrderType::from_byte(order.order_type);
        found.note(Reason::OrderTypeInvalid, order_type.is_none());
        let takes = has_bit(symbol.order_types, order.order_type);
        found.note(
            Reason::OrderTypeNotPermitted,
            order_type.is_some() && !takes,
        );
        let time_in_force = TimeInForce::from_byte(order.time_in_force);
        found.note(Reason::TimeInForceInvalid, time_in_force.is_none());
        let takes = has_bit(symbol.times_in_force, order.time_in_force);
        found.note(
            Reason::TimeInForceNotPermitted,
            time_in_force.is_some() && !takes,
        );
        let (of_type, of_time) = (order.order_type, order.time_in_force);
        self.check_phase(found, order.symbol, of_type, of_time);
        let mark = SaleMark::from_byte(order.mark);
        let is_marked_wrong = order.mark != 0 && (mark.is_none() || side != Some(Side::Sell));
        found.note(Reason::SaleMarkInvalid, is_marked_wrong);
        let may_value = self.check_terms(found, terms) && side.is_some() && order_type.is_some();
        if !may_value || !self.check_limits(found, terms, route, now, valuation) {
            return None;
        }
        let duplicates = route.duplicates;
        if route.has_tail {
            let exposure = &mut self.exposure;
            exposure.check_tail(found, terms, &route.books, valuation);
        }
        if duplicates != 0 {
            self.check_duplicates(found, terms, duplicates);
        }
        let crossing = match self.own.is_some() {
            true => self.check_own(found, terms, self.routes.row(route_at).own_book),
            false => Crossing::new(),
        };
        Some(Judged {
            route_at,
            time_in_force: time_in_force?,
            place: previous.err()?,
            crossing,
        })
    }

    /// Tells why a new order is refused. What it would trade with may be cancelled in its place.
    #[cold]
    fn refuse_new(
        &mut self,
        effects: &mut Effects,
        header: &Header,
        order: &NewOrder,
        found: &Findings,
    ) -> Decision {
        let who = (order.account, header.strategy, order.symbol);
        self.respond_to_refusal(who, found.failed);
        let id = &order.client_order_id;
        self.refuse(effects, header, Kind::NewOrder, order.account, id, found)
    }

    /// Takes in an order that has passed: nothing may fail any more. It is handed to its broker.
    #[inline(always)]
    pub(super) fn accept(
        &mut self,
        header: &Header,
        order: &NewOrder,
        (terms, valuation): (&Terms, &Valuation),
        judged: &Judged,
        continuations: &[Frame],
        effects: &mut Effects,
    ) -> u32 {
        let Judged {
            route_at,
            time_in_force,
            place,
            ..
        } = *judged;
        let (now, who) = (self.now, (terms.account, terms.strategy, terms.symbol));
        let (account, strategy, symbol) = (terms.account.0, terms.strategy.0, terms.symbol.0);
        let route = self.routes.row_mut(route_at);
        if !route.is_complete() {
            let mut take =
                |at, is_account, owner| self.exposure.take(at, is_account, owner, symbol);
            route.books.account_cell = take(route.books.account_cell, true, account);
            route.books.strategy_cell = take(route.books.strategy_cell, false, strategy);
            route.books.desk_cell = self.exposure.cell(route.books.account_cell).above;
        }
        let places = Places {
            symbol,
            strategy,
            account,
            strategy_cell: route.books.strategy_cell,
            account_cell: route.books.account_cell,
        };
        let slot = self.orders.open();
        self.serial += 1;
        let id = OrderId::new(self.serial, slot);
        let broker = self.symbols[symbol as usize].broker;
        let parent = self.take_parent(terms, valuation.reserved);
        *self.orders.get_mut(slot) = Order {
            id,
            price: order.price,
            value_price: valuation.value_price,
            qty: terms.qty,
            filled: Qty::ZERO,
            reserved: valuation.reserved,
            reserved_notional: valuation.reserved_notional,
            correlation: header.correlation,
            account: terms.account,
            strategy: terms.strategy,
            symbol: terms.symbol,
            broker,
            link_losses: self.links[broker.0 as usize].losses,
            account_cell: places.account_cell,
            strategy_cell: places.strategy_cell,
            side: terms.side,
            order_type: terms.order_type,
            time_in_force,
            mark: terms.mark,
            covered: valuation.covered,
            parent,
            client_order_id: order.client_order_id,
            ..Order::default()
        };
        if self.locates.is_some() {
            self.use_located(slot, 0);
        }
        let bought = (terms.account, terms.side);
        let open = (Notional::ZERO, valuation.reserved_notional);
        self.count_funds(bought, open, (Notional::ZERO, Amount::ZERO));
        if let Some(exits) = ExitTerms::of_order(order) {
            self.orders.requests_mut(slot).exits = (id, exits);
        }
        self.orders.wait(slot, now.after(self.answer_timeout));
        self.client_order_ids
            .insert(place, order.account, &order.client_order_id, id, now);
        self.note_pace(route_at, Paced::New, Paced::Orders);
        self.note_stages(who);
        self.exposure.book_new(places, terms.side, valuation);
        let route = self.routes.row(route_at);
        if route.has_tail {
            let charge = valuation.tail_charge;
            self.exposure.note_opened(&route.books, terms.side, charge);
        }
        self.counts.orders_accepted += 1;
        if self.own.is_some() {
            self.place_new_own(slot, route_at);
        }
        let request = BrokerRequest {
            order_id: id,
            price: order.price,
            qty: terms.qty,
            symbol: order.symbol,
            account: order.account,
            broker,
            client_order_id: order.client_order_id,
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            mark: order.mark,
            passthrough_size: order.passthrough_size,
            ..BrokerRequest::default()
        };
        let head = request_header(header, continuations.len());
        Self::send(
            effects,
            Approved::request(Kind::BrokerNew, head, request),
            continuations,
        );
        let row = &mut self.strategies[strategy as usize];
        row.orders_unattended = row.orders_unattended.saturating_add(1);
        slot
    }

    /// Passes a cancel. Nothing but a wrong id stops it.
    pub(super) fn cancel(
        &mut self,
        header: &Header,
        cancel: &Cancel,
        effects: &mut Effects,
    ) -> Decision {
        self.note_command(header);
        let mut found = Findings::NONE;
        let slot = self.find_order(header.strategy, cancel.account, &cancel.original_id);
        match slot.map(|slot| (slot, self.orders.get(slot).is_live())) {
            Some((slot, true)) => {
                self.counts.requests_accepted += 1;
                if self.paces_cancels {
                    self.note_cancel(slot);
                }
                let places = Places::of(self.orders.get(slot));
                self.exposure.count_day(places, |day| day.cancels += 1);
                self.send_cancel(effects, slot, header.correlation, &cancel.client_order_id);
                about(Outcome::Accepted, self.orders.get(slot).id)
            }
            is_closed => {
                found.note(Reason::OrderUnknown, is_closed.is_none());
                found.note(Reason::OrderClosed, is_closed.is_some());
                self.refuse(
                    effects,
                    header,
                    Kind::Cancel,
                    cancel.account,
                    &cancel.client_order_id,
                    &found,
                )
            }
        }
    }

    /// A cancel counts in the windows of cancels, which never stop it.
    #[cold]
    fn note_cancel(&mut self, slot: u32) {
        let order = self.orders.get(slot);
        let who = (order.account, order.strategy, order.symbol);
        if let Some(route_at) = self.route(who) {
            self.note_pace(route_at, Paced::Cancels, Paced::Cancels);
        }
    }

    /// Decides a replace.
    pub(super) fn replace(
        &mut self,
        header: &Header,
        replace: &Replace,
        continuations: &[Frame],
        effects: &mut Effects,
    ) -> Decision {
        let now = self.now;
        let mut found = Findings::NONE;
        self.note_command(header);
        let Some(slot) = self.find_order(header.strategy, replace.account, &replace.original_id)
        else {
            found.note(Reason::OrderUnknown, true);
            return self.refuse(
                effects,
                header,
                Kind::Replace,
                replace.account,
                &replace.client_order_id,
                &found,
            );
        };
        let order = self.orders.get(slot);
        let who = (order.account, order.strategy, order.symbol);
        self.check_frame(
            &mut found,
            header,
            replace,
            replace.passthrough_size,
            continuations,
        );
        let Some(route_at) = self.route(who) else {
            unreachable!("an order's names are known");
        };
        let order = self.orders.get(slot);
        let route = self.routes.row(route_at);
        self.check_permission(&mut found, header.flags, who, route);
        let previous = self
            .client_order_ids
            .find(replace.account, &replace.client_order_id);
        let (of_type, of_time) = (order.order_type as u8, order.time_in_force as u8);
        self.check_phase(&mut found, order.symbol, of_type, of_time);
        let has_id = may_name(&replace.client_order_id);
        found.note(Reason::ClientOrderIdInvalid, !has_id);
        found.note(Reason::ClientOrderIdDuplicate, has_id && previous.is_ok());
        let terms = Terms {
            account: order.account,
            strategy: order.strategy,
            symbol: order.symbol,
            side: order.side,
            order_type: OrderType::Limit,
            price: replace.price,
            qty: replace.qty,
            reserved: order.reserved,
            reserved_notional: order.reserved_notional,
            filled: order.filled,
            mark: order.mark,
            slippage: 0,
            parent: self.asked_parent(order.parent),
            covered: order.covered,
            is_new: false,
        };
        let mut may_go_on = self.check_terms(&mut found, &terms);
        let stops = [
            (Reason::OrderClosed, !order.is_live()),
            (
                Reason::ReplacePending,
                order.is_live() && order.is_replace_pending,
            ),
            (
                Reason::CancelPending,
                order.is_live() && order.is_cancel_pending,
            ),
            (
                Reason::OrderInDoubt,
                order.is_live() && self.is_in_doubt(order),
            ),
            (
                Reason::ReplaceOfMarketOrder,
                order.order_type == OrderType::Market,
            ),
        ];
        for (reason, breached) in stops {
            found.note(reason, breached);
            may_go_on &= !breached;
        }
        let is_filled = replace.qty <= order.filled;
        found.check(Reason::QtyBelowFilled, is_filled, || {
            (order.filled.raw().into(), replace.qty.raw().into())
        });
        may_go_on &= !is_filled;
        let mut valuation = Valuation::default();
        let is_valued =
            may_go_on && self.check_limits(&mut found, &terms, route, now, &mut valuation);
        let own_book = route.own_book;
        if is_valued && route.has_tail {
            let exposure = &mut self.exposure;
            exposure.check_tail(&mut found, &terms, &route.books, &mut valuation);
        }
        let crossing = match is_valued && self.own.is_some() {
            true => self.check_own(&mut found, &terms, own_book),
            false => Crossing::new(),
        };
        let is_clear = found.failed.is_empty();
        let (Err(place), true) = (previous, is_valued && is_clear) else {
            self.cancel_own(effects, &found, &crossing);
            self.respond_to_refusal(who, found.failed);
            return self.refuse(
                effects,
                header,
                Kind::Replace,
                replace.account,
                &replace.client_order_id,
                &found,
            );
        };

        // Past this line the replace is accepted and nothing may fail.
        let order = self.orders.get_mut(slot);
        let replacement = Replacement {
            price: valuation.value_price,
            limit: replace.price,
            qty: replace.qty,
            client_order_id: replace.client_order_id,
            request: order.request + 1,
        };
        order.is_replace_pending = true;
        order.asked_after = NEVER;
        order.request += 1;
        let (id, broker) = (order.id, order.broker);
        let request = BrokerRequest {
            order_id: id,
            price: replace.price,
            qty: replace.qty,
            symbol: order.symbol,
            account: order.account,
            request: order.request,
            broker,
            client_order_id: replace.client_order_id,
            side: order.side as u8,
            order_type: order.order_type as u8,
            time_in_force: order.time_in_force as u8,
            mark: order.mark.map_or(0, |mark| mark as u8),
            passthrough_size: replace.passthrough_size,
            ..BrokerRequest::default()
        };
        let requests = self.orders.requests_mut(slot);
        requests.replacement = replacement;
        requests.questions.replace();
        self.orders.wait(slot, now.after(self.answer_timeout));
        self.client_order_ids
            .insert(place, replace.account, &replace.client_order_id, id, now);
        self.note_pace(route_at, Paced::Orders, Paced::Replaces);
        self.note_stages(who);
        self.rebook(slot, Fill::NONE, 0);
        let places = Places::of(self.orders.get(slot));
        self.exposure.count_day(places, |day| day.orders += 1);
        self.counts.requests_accepted += 1;
        self.cancel_own(effects, &found, &crossing);
        let head = Header {
            strategy: terms.strategy,
            ..request_header(header, continuations.len())
        };
        Self::send(
            effects,
            Approved::request(Kind::BrokerReplace, head, request),
            continuations,
        );
        about(Outcome::Accepted, id)
    }

    /// Cancels what the order would trade with, before it leaves; or in its place, where that is all
    /// that is wrong with it.
    #[inline]
    fn cancel_own(&mut self, effects: &mut Effects, found: &Findings, crossing: &Crossing) {
        if found.failed.is_only(Reason::SelfMatch) {
            self.cancel_each(effects, crossing);
        }
    }

    #[inline]
    fn cancel_each(&mut self, effects: &mut Effects, crossing: &Crossing) {
        for slot in crossing {
            let correlation = self.orders.get(*slot).correlation;
            self.send_cancel(effects, *slot, correlation, &Text::EMPTY);
        }
    }

    /// Asks the broker to cancel an order that lives.
    pub(super) fn send_cancel(
        &mut self,
        effects: &mut Effects,
        slot: u32,
        correlation: u64,
        cancel_id: &Text,
    ) {
        let due = self.now.after(self.answer_timeout);
        let order = self.orders.get_mut(slot);
        order.is_cancel_pending = true;
        order.asked_after = NEVER;
        order.request += 1;
        let request = BrokerRequest {
            order_id: order.id,
            price: order.price,
            qty: order.qty,
            symbol: order.symbol,
            account: order.account,
            request: order.request,
            broker: order.broker,
            client_order_id: *cancel_id,
            side: order.side as u8,
            order_type: order.order_type as u8,
            time_in_force: order.time_in_force as u8,
            ..BrokerRequest::default()
        };
        let head = Header {
            strategy: order.strategy,
            correlation,
            ..Header::default()
        };
        let head = Header {
            time: self.now,
            ..head
        };
        let requests = self.orders.requests_mut(slot);
        requests.cancel_id = *cancel_id;
        requests.questions.cancel();
        self.orders.wait(slot, due);
        Self::send(
            effects,
            Approved::request(Kind::BrokerCancel, head, request),
            &[],
        );
    }

    /// The slot of an order by its client order id, if the strategy may touch it.
    fn find_order(&self, strategy: StrategyId, account: AccountId, id: &Text) -> Option<u32> {
        let slot = self
            .orders
            .slot(self.client_order_ids.find(account, id).ok()?)?;
        let order = self.orders.get(slot);
        (strategy == StrategyId::NONE || strategy == order.strategy).then_some(slot)
    }

    #[inline]
    fn check_frame<B: Body>(
        &self,
        found: &mut Findings,
        header: &Header,
        body: &B,
        passthrough_size: u16,
        continuations: &[Frame],
    ) {
        let needed = usize::from(passthrough_size).div_ceil(FRAME_SIZE);
        let max = usize::from(self.capacity.continuation_frames_max);
        let is_above = max < needed
            || max < usize::from(header.continuation_count)
            || continuations.len() != needed;
        found.check(Reason::ContinuationsAboveMax, is_above, || {
            (max as i128, needed as i128)
        });
        let is_dirty = !body.reserved_is_zero() || header.flags & !flags::ALL != 0;
        found.note(Reason::ReservedBitSet, is_dirty);
    }

    /// Looks for the same order within the windows of all levels, and remembers this one.
    #[inline]
    fn check_duplicates(&mut self, found: &mut Findings, terms: &Terms, levels: u16) {
        let content = Content {
            price: terms.price.raw(),
            qty: terms.qty.raw(),
            symbol: terms.symbol.0,
            terms: (terms.side as u32) << 8 | terms.order_type as u32,
        };
        let hash = content.hash(self.routes.seed());
        let (now, of) = (self.now, i128::from(self.capacity.duplicates_per_window));
        let who = (terms.account, terms.strategy, terms.symbol);
        for level in each_of(levels) {
            let (whose, rules) = self.rules_mut(level, who);
            let Some(window) = &mut rules.recent else {
                continue;
            };
            match window.note(content, hash, now) {
                Seen::New => {}
                Seen::Before(age) => {
                    let span = window.span();
                    found.check_of(whose, Reason::OrderDuplicate, true, || {
                        (span.raw().into(), age.raw().into())
                    });
                }
                Seen::Full => found.check_of(whose, Reason::DuplicatesFull, true, || (of, of)),
            }
        }
    }

    /// The session's last counted command: where it goes on after a reconnect or a restart.
    #[inline]
    pub(super) fn note_command(&mut self, header: &Header) {
        if let Some(row) = self.strategies.get_mut(header.strategy.0 as usize) {
            row.command_sequence = row.command_sequence.max(header.sequence);
        }
    }

    /// Tells the strategy why, and changes nothing.
    #[inline]
    pub(super) fn refuse(
        &mut self,
        effects: &mut Effects,
        header: &Header,
        command: Kind,
        account: AccountId,
        client_order_id: &Text,
        found: &Findings,
    ) -> Decision {
        if command != Kind::NewOrder {
            self.counts.requests_refused += 1;
        }
        let decision = refused(found);
        let refusal = Refusal {
            limit: split_wide(found.limit),
            value: split_wide(found.value),
            failed: found.failed,
            account,
            client_order_id: *client_order_id,
            reason: decision.reason.map_or(0, |reason| reason as u16),
            command: command as u8,
            scope: found.whose.scope(),
            target: found.whose.target(),
        };
        self.tell(
            effects,
            Kind::Refusal,
            header.strategy,
            header.correlation,
            refusal,
        );
        decision
    }
}

#[inline]
fn request_header(header: &Header, continuation_count: usize) -> Header {
    Header {
        time: header.time,
        correlation: header.correlation,
        strategy: header.strategy,
        continuation_count: continuation_count as u8,
        ..Header::default()
    }
}
