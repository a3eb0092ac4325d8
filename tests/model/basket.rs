//! Basket: orders that pass together or not at all.

use super::Model;
use super::answer::{Answer, Refusal, ToStrategy};
use super::checks::{Findings, wide};
use super::order::{Level, Who};
use super::respond::About;
use portcullis::message::{
    Basket, Body, Frame, Header, Kind, NewOrder, OrderType, Scope, Side, flags,
};
use portcullis::reject::RejectReason::*;
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::Trigger;

impl Model {
    pub(super) fn basket(&mut self, header: &Header, basket: &Basket, lines: &[Frame]) -> Answer {
        let mut findings = Findings::default();
        let max = self.setup.capacity.continuation_frames_max;
        let is_above = lines.len() > usize::from(max)
            || lines.len() != usize::from(header.continuation_count)
            || lines.is_empty();
        findings.bound(ContinuationsAboveMax, is_above, max, lines.len() as u32);
        let is_line = |line: &Frame| {
            let order: &NewOrder = line.body();
            let head = Header {
                kind: Kind::NewOrder as u8,
                ..Header::default()
            };
            line.header == head && order.reserved_is_zero() && order.passthrough_size == 0
        };
        let is_clean = basket.reserved_is_zero()
            && header.flags & !flags::ALL == 0
            && lines.iter().all(is_line);
        findings.fact(ReservedBitSet, !is_clean);
        if !findings.is_empty() {
            let refused = (u32::MAX, basket.client_order_id, Kind::Basket);
            return self.refuse(header, findings, refused);
        }

        let before = self.clone();
        let mut all = Answer::of(Outcome::Accepted);
        let mut notional = 0u128;
        for (at, line) in lines.iter().enumerate() {
            let order: &NewOrder = line.body();
            let mut findings = Findings::default();
            let judged = self.judge_new(&mut findings, header, order, 0);
            if let Some((value_price, _)) = judged {
                let who = Who {
                    symbol: order.symbol.0,
                    strategy: header.strategy.0,
                    account: order.account.0,
                };
                let side = Side::from_byte(order.side).unwrap();
                let is_market = order.order_type == OrderType::Market as u8;
                let price = order.price.raw();
                let was_clear = findings.is_empty();
                let met = self.check_own(&mut findings, who, side, is_market, price);
                findings.bound(
                    SelfMatch,
                    was_clear && findings.is_empty() && !met.is_empty(),
                    price,
                    price,
                );
                let is_known =
                    !findings.has(TimeInForceInvalid) && !findings.has(ClientOrderIdDuplicate);
                let value = u128::from(value_price) * u128::from(order.qty.raw());
                if is_known {
                    notional = notional.saturating_add(value);
                    self.check_basket(&mut findings, who, lines.len(), notional);
                }
            }
            if !findings.is_empty() {
                return self.refuse_basket(header, lines, at, findings, before);
            }
            let mut head = *header;
            head.continuation_count = 0;
            let (value_price, covered) = judged.unwrap();
            // So that reports can name each.
            head.correlation |= (at as u64 + 1) << 40;
            let answer = self.accept(&head, order, value_price, covered, &[]);
            if at == 0 {
                all.serial = answer.serial;
            }
            all.absorb(answer);
        }
        all
    }

    fn check_basket(&self, findings: &mut Findings, who: Who, lines: usize, notional: u128) {
        for level in [
            Level::new(Scope::Strategy, who.strategy as usize),
            Level::new(Scope::Account, who.account as usize),
            Level::FIRM,
        ] {
            let limits = self.limits(level);
            if let Some(max) = limits.basket_lines_max
                && lines > max as usize
            {
                findings.limit(level, BasketLinesAboveMax, max.into(), lines as i128);
            }
            if let Some(max) = limits.basket_notional_max
                && notional > max.raw()
            {
                findings.limit(
                    level,
                    BasketNotionalAboveMax,
                    wide(max.raw()),
                    wide(notional),
                );
            }
        }
    }

    /// As if none had come, but for what any order that is refused leaves behind.
    fn refuse_basket(
        &mut self,
        header: &Header,
        lines: &[Frame],
        at: usize,
        findings: Findings,
        before: Self,
    ) -> Answer {
        let tried = std::mem::replace(self, before);
        self.compared = tried.compared;
        self.stages = tried.stages;
        // Books that were opened stay, empty; ids that had to make room stay forgotten.
        for key in tried.account_positions.keys() {
            self.account_positions.entry(*key).or_insert(0);
        }
        for key in tried.strategy_positions.keys() {
            self.strategy_positions.entry(*key).or_insert(0);
        }
        (self.parents, self.left_count) = (tried.parents, tried.left_count);
        self.leave_parents(lines[..at].iter().map(|line| {
            let order: &NewOrder = line.body();
            (order.account.0, order.parent)
        }));
        let count = self.orders.len() as u64;
        self.ids = tried.ids;
        self.ids.retain(|id| id.serial <= count);
        let order: &NewOrder = lines[at].body();
        let who = Who {
            symbol: order.symbol.0,
            strategy: header.strategy.0,
            account: order.account.0,
        };
        self.respond(Trigger::Refusals, About::Order(who), &findings.failed());
        let mut told = findings;
        let mut answer = Answer::of(Outcome::Refused);
        for (line, frame) in lines.iter().enumerate() {
            let order: &NewOrder = frame.body();
            let refused = (order.account.0, order.client_order_id, Kind::Basket);
            let one = match line == at {
                true => self.refuse(header, std::mem::take(&mut told), refused),
                false => {
                    let mut other = Findings::default();
                    other.fact(BasketRefused, true);
                    self.refuse(header, other, refused)
                }
            };
            if line == at {
                answer.reason = one.reason;
                answer.failed.clone_from(&one.failed);
                (answer.limit, answer.value) = (one.limit, one.value);
            }
            let refusals = one.to_strategy.into_iter();
            let is_refusal =
                |told: &ToStrategy| matches!(told, ToStrategy::Refusal(Refusal { .. }));
            answer.to_strategy.extend(refusals.filter(is_refusal));
        }
        answer
    }
}
