//! Commands: what strategies ask for: new orders, cancels, replaces.

use super::answer::{Answer, Refusal, Request, ToBroker, ToStrategy};
use super::checks::{Findings, Valuation};
use super::exits;
use super::exposure::Added;
use super::order::{Level, Order, Replacement, Who};
use super::parents::Child;
use super::respond::About;
use super::sizing::Cut;
use super::{Acceptance, Model, RememberedId, Shape};
use portcullis::message::{
    Body, Cancel, Exec, Frame, Header, Kind, NewOrder, OrderType, Replace, SaleMark, Side, Text,
};
use portcullis::reject::RejectReason::{self, *};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{SelfMatch, Trigger};
use portcullis::units::{OrderId, Qty, StrategyId};

impl Model {
    pub(super) fn new_order(
        &mut self,
        header: &Header,
        order: &NewOrder,
        continuations: &[Frame],
    ) -> Answer {
        let mut findings = Findings::default();
        let judged = self.judge_new(&mut findings, header, order, continuations.len());
        let (value_price, covered) = match judged {
            Some((value_price, covered)) => (Some(value_price), covered),
            None => (None, 0),
        };
        let who_orders = who(header, order);
        let met = match value_price {
            Some(_) => {
                let side = Side::from_byte(order.side).unwrap();
                let is_market = order.order_type == OrderType::Market as u8;
                self.check_own(
                    &mut findings,
                    who_orders,
                    side,
                    is_market,
                    order.price.raw(),
                )
            }
            None => Vec::new(),
        };
        let mut cancels = self.cancel_own(&findings, met.clone());
        let id = order.client_order_id;
        let is_overridden =
            value_price.is_some() && self.use_override(order.account.0, id, &findings.failed());
        let is_clear = is_overridden || findings.is_empty();
        if let (Some(_), false) = (value_price, is_clear)
            && let Some(cut) = self.cut(&findings, header, order)
        {
            let cancels = self.cancel_each(met);
            let mut answer = self.accept_cut(header, order, cut, findings, continuations);
            answer.to_broker.splice(0..0, cancels);
            return answer;
        }
        let (Some(value_price), true) = (value_price, is_clear) else {
            let refused = (order.account.0, order.client_order_id, Kind::NewOrder);
            let about = About::Order(who_orders);
            self.respond(Trigger::Refusals, about, &findings.failed());
            let mut answer = self.refuse(header, findings, refused);
            answer.to_broker = cancels;
            return answer;
        };

        let failed = findings.failed();
        if is_overridden
            && failed
                .iter()
                .any(|reason| *reason != RejectReason::SelfMatch)
        {
            cancels = self.cancel_each(met);
        }
        let mut answer = self.accept(header, order, value_price, covered, continuations);
        if let Some((reason, limit, value, _)) = findings.told() {
            (answer.reason, answer.limit, answer.value) = (Some(reason), limit, value);
            answer.failed = findings.failed();
        }
        // What it would have met is cancelled first.
        answer.to_broker.splice(0..0, cancels);
        answer
    }

    /// Takes in what is left of an order that was too large.
    fn accept_cut(
        &mut self,
        header: &Header,
        order: &NewOrder,
        cut: Cut,
        mut findings: Findings,
        continuations: &[Frame],
    ) -> Answer {
        let mut approved = *order;
        approved.qty = Qty::from_raw(cut.qty);
        let (value_price, covered) = (cut.value_price, cut.covered);
        let mut answer = self.accept(header, &approved, value_price, covered, continuations);
        findings.fact(OrderCut, true);
        answer.failed = findings.failed();
        answer.reason = Some(OrderCut);
        (answer.limit, answer.value) = (cut.qty.into(), order.qty.raw().into());
        if answer.to_strategy.is_empty() {
            let told = self.execution(answer.serial, Exec::Accepted);
            answer = answer.tells(told);
        }
        answer
    }

    /// Takes in an order that has passed.
    pub(super) fn accept(
        &mut self,
        header: &Header,
        order: &NewOrder,
        value_price: u64,
        covered: u64,
        continuations: &[Frame],
    ) -> Answer {
        let who = who(header, order);
        let broker = self.setup.symbols[who.symbol as usize].broker.0;
        let serial = self.orders.len() as u64 + 1;
        let side = Side::from_byte(order.side).unwrap();
        let parent = self.take_parent(Child::of(order, side));
        self.orders.push(Order {
            serial,
            id: OrderId::new(serial, 0),
            correlation: header.correlation,
            who,
            broker,
            side,
            is_market: order.order_type == OrderType::Market as u8,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            client_order_id: order.client_order_id,
            price: order.price.raw(),
            qty: order.qty.raw(),
            value_price,
            filled: 0,
            mark: SaleMark::from_byte(order.mark),
            parent,
            covered,
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
            exits: exits::terms_of(order),
            closed: None,
        });
        // The cells exist from now on.
        let (account, strategy) = ((who.account, who.symbol), (who.strategy, who.symbol));
        self.account_positions.entry(account).or_insert(0);
        self.note_accounts();
        self.strategy_positions.entry(strategy).or_insert(0);
        self.remember_acceptance(Kind::NewOrder, who, order.client_order_id, serial);
        self.note_stages(who);
        self.orders_unattended[who.strategy as usize] += 1;

        let mut answer = Answer::about(Outcome::Accepted, serial);
        let mut request = self.request(serial, Kind::BrokerNew, order.client_order_id);
        request.passthrough_size = order.passthrough_size;
        request.continuation_count = continuations.len() as u8;
        answer.to_broker.push(ToBroker::Request(request));
        answer.pass_on(continuations);
        if self.setup.strategies[who.strategy as usize].acknowledge {
            answer = answer.tells(self.execution(serial, Exec::Accepted));
        }
        answer
    }

    /// Finds all that is wrong with a new order. The value of one unit, and how much of a sale is
    /// covered; `None` where the checks could not come to their end.
    pub(super) fn judge_new(
        &mut self,
        findings: &mut Findings,
        header: &Header,
        order: &NewOrder,
        continuation_count: usize,
    ) -> Option<(u64, u64)> {
        let who = who(header, order);
        self.check_permission(
            findings,
            header,
            order.reserved_is_zero(),
            order.passthrough_size,
            continuation_count,
            who,
        )?;

        let (price, qty) = (order.price.raw(), order.qty.raw());
        let side = Side::from_byte(order.side);
        let is_market = order.order_type == OrderType::Market as u8;
        self.check_id(findings, who.account, order.client_order_id);
        findings.fact(SideInvalid, side.is_none());
        let mark = SaleMark::from_byte(order.mark);
        let is_sale = order.side == Side::Sell as u8;
        findings.fact(
            SaleMarkInvalid,
            order.mark != 0 && (mark.is_none() || !is_sale),
        );
        self.check_order_type(findings, who, order.order_type, order.time_in_force);
        if is_market {
            findings.bound(PriceNotAllowed, price != 0, 0, price);
        } else {
            // What is not a known type is checked as what most orders are.
            self.check_price(findings, who, price);
        }
        self.check_qty(findings, who, qty);
        if findings.has(OrderTypeInvalid) || findings.has(QtyZero) {
            return None;
        }
        let side = side?;

        let valuation = self.check_value(findings, who, is_market, price, qty, 0)?;

        self.check_rates(findings, who, Kind::NewOrder);
        let shape = Shape {
            symbol: who.symbol,
            side: order.side,
            order_type: order.order_type,
            price,
            qty,
        };
        self.check_duplicate(findings, who, shape);
        let covered = self.check_added(findings, who, (side, mark), &valuation, qty);
        self.check_parent(findings, Child::of(order, side), qty);

        let capacity = self.setup.capacity;
        let live_max = capacity.orders - capacity.orders_closed;
        let live = self.live_orders(Level::FIRM).count();
        findings.bound(
            OrdersFull,
            live >= live_max as usize,
            live_max,
            live_max + 1,
        );
        self.check_room_for_id(findings);
        let cells = self.account_positions.len() + self.strategy_positions.len();
        let missing_account = !self
            .account_positions
            .contains_key(&(who.account, who.symbol));
        let missing_strategy = !self
            .strategy_positions
            .contains_key(&(who.strategy, who.symbol));
        let missing = usize::from(missing_account) + usize::from(missing_strategy);
        findings.bound(
            PositionsFull,
            missing > 0 && cells + missing > capacity.positions as usize,
            capacity.positions,
            capacity.positions,
        );
        Some((valuation.value_price, covered))
    }

    /// What the limits on sums say of a new order, and how much of it is covered.
    pub(super) fn check_added(
        &self,
        findings: &mut Findings,
        who: Who,
        (side, mark): (Side, Option<SaleMark>),
        valuation: &Valuation,
        qty: u64,
    ) -> u64 {
        let added = Added {
            leaves: qty,
            notional: valuation.notional,
            is_new: true,
        };
        self.check_sums(findings, who, side, valuation, &added);
        self.check_days(findings, who, &added);
        let covered = match side {
            Side::Sell => self.check_short(findings, who, mark, added.leaves, None),
            Side::Buy => Qty::MAX.raw(),
        };
        findings.fact(ExitUnderWay, self.is_leaving(who));
        self.check_losses(findings, who, side, added.leaves);
        self.check_funds(findings, who, side, added.notional);
        self.check_notional_min(findings, who, side, valuation.notional, added.leaves);
        self.check_unrated(findings, who, side, added.leaves);
        covered
    }

    /// A cancel always passes, if there is something to cancel.
    pub(super) fn cancel(&mut self, header: &Header, cancel: &Cancel) -> Answer {
        let refused = (cancel.account.0, cancel.client_order_id, Kind::Cancel);
        let mut findings = Findings::default();
        let Some(serial) = self.find(header.strategy, cancel.account.0, cancel.original_id) else {
            findings.fact(OrderUnknown, true);
            return self.refuse(header, findings, refused);
        };
        if !self.order_of_serial(serial).is_live() {
            findings.fact(OrderClosed, true);
            return self.refuse(header, findings, refused);
        }

        let (kind, time) = (Kind::Cancel, self.now);
        let who = self.order_of_serial(serial).who;
        let day = self.day();
        self.acceptances.push(Acceptance {
            kind,
            who,
            day,
            time,
        });
        let mut answer = Answer::about(Outcome::Accepted, serial);
        answer
            .to_broker
            .push(self.send_cancel(serial, cancel.client_order_id));
        answer
    }

    /// A cancel goes to the broker, whoever wants it.
    pub(super) fn send_cancel(&mut self, serial: u64, cancel_id: Text) -> ToBroker {
        let now = self.now;
        let order = self.order_of_serial(serial);
        order.is_cancel_pending = true;
        order.cancel_id = cancel_id;
        order.request += 1;
        order.asked_since = Some(now);
        order.was_asked = false;
        ToBroker::Request(self.request(serial, Kind::BrokerCancel, cancel_id))
    }

    pub(super) fn replace(
        &mut self,
        header: &Header,
        replace: &Replace,
        continuations: &[Frame],
    ) -> Answer {
        let refused = (replace.account.0, replace.client_order_id, Kind::Replace);
        let mut findings = Findings::default();
        let Some(serial) = self.find(header.strategy, replace.account.0, replace.original_id)
        else {
            findings.fact(OrderUnknown, true);
            return self.refuse(header, findings, refused);
        };
        let value_price =
            self.judge_replace(&mut findings, header, replace, continuations.len(), serial);
        let met = match value_price {
            Some(_) => {
                let order = self.orders[serial as usize - 1].clone();
                let price = replace.price.raw();
                self.check_own(&mut findings, order.who, order.side, false, price)
            }
            None => Vec::new(),
        };
        let cancels = self.cancel_own(&findings, met);
        let (Some(value_price), true) = (value_price, findings.is_empty()) else {
            let about = About::Order(self.orders[serial as usize - 1].who);
            self.respond(Trigger::Refusals, about, &findings.failed());
            let mut answer = self.refuse(header, findings, refused);
            answer.to_broker = cancels;
            return answer;
        };

        let now = self.now;
        let order = self.order_of_serial(serial);
        order.request += 1;
        order.replace = Some(Replacement {
            client_order_id: replace.client_order_id,
            price: replace.price.raw(),
            value_price,
            qty: replace.qty.raw(),
            request: order.request,
        });
        order.asked_since = Some(now);
        order.was_asked = false;
        let who = order.who;
        self.remember_acceptance(Kind::Replace, who, replace.client_order_id, serial);
        self.note_stages(who);

        let mut answer = Answer::about(Outcome::Accepted, serial);
        answer.to_broker = cancels;
        let mut request = self.request(serial, Kind::BrokerReplace, replace.client_order_id);
        request.price = replace.price.raw();
        request.qty = replace.qty.raw();
        request.passthrough_size = replace.passthrough_size;
        request.continuation_count = continuations.len() as u8;
        answer.to_broker.push(ToBroker::Request(request));
        answer.pass_on(continuations);
        answer
    }

    fn judge_replace(
        &mut self,
        findings: &mut Findings,
        header: &Header,
        replace: &Replace,
        continuation_count: usize,
        serial: u64,
    ) -> Option<u64> {
        let order = self.orders[serial as usize - 1].clone();
        self.check_permission(
            findings,
            header,
            replace.reserved_is_zero(),
            replace.passthrough_size,
            continuation_count,
            order.who,
        )?;

        let (price, qty) = (replace.price.raw(), replace.qty.raw());
        self.check_id(findings, order.who.account, replace.client_order_id);
        self.check_phase(findings, order.who, order.order_type, order.time_in_force);
        self.check_price(findings, order.who, price);
        self.check_qty(findings, order.who, qty);
        findings.fact(OrderClosed, !order.is_live());
        findings.fact(ReplacePending, order.replace.is_some());
        findings.fact(CancelPending, order.is_cancel_pending);
        findings.fact(OrderInDoubt, order.is_in_doubt);
        findings.fact(ReplaceOfMarketOrder, order.is_market);
        findings.bound(QtyBelowFilled, qty <= order.filled, order.filled, qty);
        let stops: [RejectReason; 7] = [
            OrderClosed,
            ReplacePending,
            CancelPending,
            OrderInDoubt,
            ReplaceOfMarketOrder,
            QtyBelowFilled,
            QtyZero,
        ];
        if stops.iter().any(|&reason| findings.has(reason)) {
            return None;
        }

        let valuation = self.check_value(findings, order.who, false, price, qty, 0)?;

        self.check_rates(findings, order.who, Kind::Replace);
        let mut replaced = order.clone();
        replaced.replace = Some(Replacement {
            client_order_id: replace.client_order_id,
            price,
            value_price: valuation.value_price,
            qty,
            request: 0,
        });
        let added = Added {
            leaves: replaced.reserved_leaves() - order.reserved_leaves(),
            notional: replaced.reserved_notional() - order.reserved_notional(),
            is_new: false,
        };
        self.check_sums(findings, order.who, order.side, &valuation, &added);
        self.check_days(findings, order.who, &added);
        if order.side == Side::Sell {
            self.check_short(findings, order.who, order.mark, added.leaves, Some(&order));
        }
        self.check_parent_of(findings, order.parent, added.leaves);
        findings.fact(ExitUnderWay, self.is_leaving(order.who));
        self.check_losses(findings, order.who, order.side, added.leaves);
        self.check_funds(findings, order.who, order.side, added.notional);
        let (who, side) = (order.who, order.side);
        self.check_notional_min(findings, who, side, valuation.notional, added.leaves);
        self.check_unrated(findings, who, side, added.leaves);

        self.check_room_for_id(findings);
        Some(valuation.value_price)
    }

    /// Refuses a command: its account, its id and what it was. An unknown strategy has nobody who
    /// could be told.
    pub(super) fn refuse(
        &self,
        header: &Header,
        findings: Findings,
        (account, client_order_id, command): (u32, Text, Kind),
    ) -> Answer {
        let (reason, limit, value, level) = findings.told().expect("a refusal has a reason");
        let failed = findings.failed();
        let mut answer = Answer {
            reason: Some(reason),
            failed: failed.clone(),
            limit,
            value,
            ..Answer::of(Outcome::Refused)
        };
        let strategy = header.strategy.0;
        if (strategy as usize) < self.setup.strategies.len() {
            answer.to_strategy.push(ToStrategy::Refusal(Refusal {
                strategy,
                reason: Some(reason),
                failed,
                limit,
                value,
                account,
                client_order_id,
                command: command as u8,
                whose: level.map(|level| (level.scope, level.owner)),
            }));
        }
        answer
    }

    /// Which live orders of the same owner one would trade with; what is wrong with that, and which of
    /// them are to be cancelled.
    pub(super) fn check_own(
        &self,
        findings: &mut Findings,
        who: Who,
        side: Side,
        is_market: bool,
        price: i64,
    ) -> Vec<u64> {
        let accounts = &self.setup.accounts;
        let mine = &accounts[who.account as usize];
        if mine.self_match == SelfMatch::Off {
            return Vec::new();
        }
        let is_mine = |account: u32| {
            account == who.account
                || !mine.owner.is_empty() && accounts[account as usize].owner == mine.owner
        };
        // The soonest to trade of the prices that it may stand at; a market order at any.
        let stands_at = |order: &Order| {
            let replaced = order.replace.map(|replace| replace.price);
            let prices = [Some(order.price), replaced];
            let prices = prices.into_iter().flatten();
            match order.side {
                _ if order.is_market => None,
                Side::Buy => prices.max(),
                Side::Sell => prices.min(),
            }
        };
        let meets = |order: &&Order| match (is_market, stands_at(order), side) {
            (true, _, _) | (_, None, _) => true,
            (_, Some(at), Side::Buy) => at <= price,
            (_, Some(at), Side::Sell) => at >= price,
        };
        let live = self.orders.iter().filter(|order| order.is_live());
        let others = live.filter(|order| {
            is_mine(order.who.account) && order.who.symbol == who.symbol && order.side != side
        });
        let met: Vec<&Order> = others.filter(meets).collect();
        let is_more = met.len() > 8;
        if !met.is_empty() && (mine.self_match != SelfMatch::CancelOldest || is_more) {
            // Told is the price of the one that would trade first; of a market order, and of one that
            // trades at any price there is, zero.
            let prices = met.iter().map(|order| stands_at(order));
            let prices: Option<Vec<i64>> = prices.collect();
            let first = prices.map_or(0, |prices| match side {
                Side::Buy => prices
                    .into_iter()
                    .min()
                    .filter(|of| *of != i64::MIN)
                    .unwrap_or(0),
                Side::Sell => prices
                    .into_iter()
                    .max()
                    .filter(|of| *of != i64::MAX)
                    .unwrap_or(0),
            });
            findings.bound(SelfMatch, true, first, price);
        }
        if is_more || mine.self_match == SelfMatch::CancelNewest {
            return Vec::new();
        }
        let met = met.iter().filter(|order| !order.is_cancel_pending);
        met.map(|order| order.serial).collect()
    }

    /// Cancels them, if nothing else is wrong.
    fn cancel_own(&mut self, findings: &Findings, met: Vec<u64>) -> Vec<ToBroker> {
        if findings
            .failed()
            .iter()
            .any(|reason| *reason != RejectReason::SelfMatch)
        {
            return Vec::new();
        }
        self.cancel_each(met)
    }

    fn cancel_each(&mut self, met: Vec<u64>) -> Vec<ToBroker> {
        let met = met.into_iter();
        met.map(|serial| self.send_cancel(serial, Text::EMPTY))
            .collect()
    }

    /// The order of a remembered id, if it is that strategy's and not forgotten.
    fn find(&self, strategy: StrategyId, account: u32, id: Text) -> Option<u64> {
        let known = self
            .ids
            .iter()
            .find(|known| known.account == account && known.client_order_id == id)?;
        let order = &self.orders[known.serial as usize - 1];
        let is_theirs = strategy == StrategyId::NONE || strategy.0 == order.who.strategy;
        (order.is_remembered() && is_theirs).then_some(known.serial)
    }

    /// Group 5: a full table makes room only by what is over and old.
    fn check_room_for_id(&self, findings: &mut Findings) {
        let capacity = self.setup.capacity.client_order_ids;
        let has_room = self.ids.len() < capacity as usize || self.may_drop_oldest_id();
        findings.bound(ClientOrderIdsFull, !has_room, capacity, capacity);
    }

    fn may_drop_oldest_id(&self) -> bool {
        let horizon = self.setup.capacity.client_order_id_horizon.raw();
        self.ids.first().is_some_and(|oldest| {
            let order = &self.orders[oldest.serial as usize - 1];
            !order.is_live() && self.now - oldest.accepted > horizon
        })
    }

    fn remember_acceptance(&mut self, kind: Kind, who: Who, client_order_id: Text, serial: u64) {
        if self.ids.len() >= self.setup.capacity.client_order_ids as usize {
            self.ids.remove(0);
        }
        self.ids.push(RememberedId {
            account: who.account,
            client_order_id,
            serial,
            accepted: self.now,
        });
        let time = self.now;
        let day = self.day();
        self.acceptances.push(Acceptance {
            kind,
            who,
            day,
            time,
        });
    }

    pub(super) fn request(&self, serial: u64, kind: Kind, client_order_id: Text) -> Request {
        let order = &self.orders[serial as usize - 1];
        Request {
            kind: kind as u8,
            strategy: order.who.strategy,
            serial,
            broker: order.broker,
            account: order.who.account,
            symbol: order.who.symbol,
            request: order.request,
            price: order.price,
            qty: order.qty,
            client_order_id,
            side: order.side as u8,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            mark: match kind {
                Kind::BrokerNew | Kind::BrokerReplace => order.mark.map_or(0, |mark| mark as u8),
                _ => 0,
            },
            passthrough_size: 0,
            continuation_count: 0,
        }
    }
}

impl Answer {
    fn pass_on(&mut self, continuations: &[Frame]) {
        let bytes = |frame: &Frame| ToBroker::Continuation(frame.bytes().to_vec());
        self.to_broker.extend(continuations.iter().map(bytes));
    }
}

pub(super) fn who(header: &Header, order: &NewOrder) -> Who {
    Who {
        symbol: order.symbol.0,
        strategy: header.strategy.0,
        account: order.account.0,
    }
}
