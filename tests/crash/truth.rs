//! Truth: what the exchange knows, held against what the journal says.

use super::follower::Follower;
use portcullis::broker::exchange::{Entry, Exchange, Party, Way};
use portcullis::message::{
    BrokerRequest, Exec, Frame, HEADER_SIZE, Kind, OrderState, Report, Side, Text,
};
use portcullis::units::{OrderId, Qty};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// An account and a symbol.
type Place = (u32, u32);

/// What the exchange has received and filled.
#[derive(Default)]
pub(crate) struct Truth {
    received: HashSet<(u64, u32)>,
    orders: HashMap<u64, (Place, Side)>,
    /// Orders that may be live here or there.
    open: BTreeSet<u64>,
    positions: BTreeMap<Place, i128>,
    /// All that the exchange received and sent about each order: for whoever looks at a failure.
    ledger: HashMap<u64, Vec<Entry>>,
    exec_last: Text,
    /// Requests other than questions.
    pub(crate) requests: u64,
    /// Fills.
    pub(crate) fills: u64,
    /// Settled orders of which the gate counts more than the exchange has standing.
    pub(crate) loose: u64,
}

impl Truth {
    /// Takes the ledger, then looks into the journal: what was received must be there by now.
    pub(crate) fn check(
        &mut self,
        entries: &[Entry],
        follower: &mut Follower,
    ) -> Result<(), String> {
        let mut requests = Vec::new();
        for entry in entries {
            let id = match entry.way {
                Way::Received => entry.frame.body::<BrokerRequest>().order_id,
                Way::Sent | Way::Lost => entry.frame.body::<Report>().order_id,
            };
            self.ledger.entry(id.0).or_default().push(*entry);
            match (entry.way, entry.frame.kind()) {
                (Way::Received, Some(Kind::BrokerStatus)) | (Way::Lost, _) => {}
                (Way::Received, _) => {
                    self.receive(&entry.frame)?;
                    requests.push(entry.frame);
                }
                (Way::Sent, _) => self.report(entry.frame.body()),
            }
        }
        follower.advance()?;
        requests.iter().try_for_each(|frame| {
            let body: &BrokerRequest = frame.body();
            let (id, request) = (body.order_id.0, body.request);
            let journaled = follower.request(id, request);
            let is_same = journaled.is_some_and(|of| {
                of.bytes()[HEADER_SIZE..] == frame.bytes()[HEADER_SIZE..]
                    && of.header.kind == frame.header.kind
                    && of.header.correlation == frame.header.correlation
            });
            match is_same {
                true => Ok(()),
                false => Err(format!("P1: received {frame:?}, journaled {journaled:?}")),
            }
        })
    }

    /// What passed between the gate and the exchange about an order, a line each.
    fn passed(&self, id: u64) -> String {
        let entries = self.ledger.get(&id).into_iter().flatten();
        let lines: Vec<_> = entries.map(Entry::to_json).collect();
        lines.join("\n")
    }

    fn receive(&mut self, frame: &Frame) -> Result<(), String> {
        let body: &BrokerRequest = frame.body();
        self.requests += 1;
        if !self.received.insert((body.order_id.0, body.request)) {
            return Err(format!("P2: received twice: {frame:?}"));
        }
        if frame.kind() == Some(Kind::BrokerNew) {
            let side = Side::from_byte(body.side).ok_or("P1: an order without a side")?;
            let place = (body.account.0, body.symbol.0);
            self.orders.insert(body.order_id.0, (place, side));
            self.open.insert(body.order_id.0);
        }
        Ok(())
    }

    fn report(&mut self, report: &Report) {
        // The same report twice has one id, and nothing in between.
        let is_new = std::mem::replace(&mut self.exec_last, report.exec_id) != report.exec_id;
        if report.exec != Exec::Trade as u8 || !is_new {
            return;
        }
        self.fills += 1;
        let (place, side) = self.orders[&report.order_id.0];
        let qty = i128::from(report.qty.raw());
        *self.positions.entry(place).or_default() += match side {
            Side::Buy => qty,
            Side::Sell => -qty,
        };
    }

    /// At any instant: what stands at the exchange is counted, in full, and no order lives there
    /// that the core has ended. The journal has been read after the exchange last moved.
    pub(crate) fn check_exposure(
        &mut self,
        exchange: &Exchange,
        party: Party,
        follower: &Follower,
    ) -> Result<(), String> {
        let Some(core) = follower.core() else {
            return Ok(());
        };
        // What may be bought and sold, at worst.
        let mut worst: BTreeMap<Place, (i128, i128)> = BTreeMap::new();
        for (place, position) in &self.positions {
            worst.insert(*place, (*position, *position));
        }
        let mut ended = Vec::new();
        for &id in &self.open {
            let order = core.order(OrderId(id));
            let Some(standing) = exchange.standing(party, OrderId(id)) else {
                continue;
            };
            let (place, side) = self.orders[&id];
            if !matches!(
                standing.state,
                OrderState::Open | OrderState::PartiallyFilled
            ) {
                if order.is_none_or(|order| !order.is_live()) {
                    ended.push(id);
                }
                continue;
            }
            let reserved = order
                .filter(|order| order.is_live())
                .map(|order| order.reserved);
            if reserved.is_none_or(|reserved| reserved < standing.leaves) {
                let passed = self.passed(id);
                return Err(format!(
                    "P3: {id:x} stands as {standing:?}, here {order:?}\n{passed}"
                ));
            }
            let leaves = i128::from(standing.leaves.raw());
            let worst = worst.entry(place).or_default();
            match side {
                Side::Buy => worst.0 += leaves,
                Side::Sell => worst.1 -= leaves,
            }
        }
        self.open.retain(|id| !ended.contains(id));
        let mut booked: BTreeMap<Place, (i128, i128)> = BTreeMap::new();
        for cell in core.account_positions() {
            let position = i128::from(cell.position.raw());
            let high = position + i128::from(cell.open_buy.raw());
            let low = position - i128::from(cell.open_sell.raw());
            booked.insert((cell.owner, cell.symbol), (high, low));
        }
        for (place, (high, low)) in worst {
            let (booked_high, booked_low) = booked.get(&place).copied().unwrap_or_default();
            if booked_high < high || low < booked_low {
                return Err(format!(
                    "P3: {place:?} may be {low} to {high}, booked {booked_low} to {booked_high}"
                ));
            }
        }
        Ok(())
    }

    /// Once all is settled: the same orders live here and there, and the positions are the fills.
    pub(crate) fn check_settled(
        &mut self,
        exchange: &Exchange,
        party: Party,
        follower: &Follower,
    ) -> Result<(), String> {
        self.check_exposure(exchange, party, follower)?;
        let Some(core) = follower.core() else {
            return Ok(());
        };
        core.verify();
        let mut live = BTreeSet::new();
        for order in core.orders() {
            live.insert(order.id.0);
            let standing = exchange.standing(party, order.id);
            let is_live = standing.is_some_and(|of| of.leaves != Qty::ZERO);
            let filled = standing.map(|of| of.filled);
            if !is_live || filled != Some(order.filled) {
                let passed = self.passed(order.id.0);
                return Err(format!(
                    "P3: settled, and {standing:?} is {order:?} here\n{passed}"
                ));
            }
            self.loose += u64::from(standing.is_some_and(|of| of.leaves < order.reserved));
        }
        if let Some(id) = self.open.iter().find(|id| !live.contains(id)) {
            let standing = exchange.standing(party, OrderId(*id));
            return Err(format!(
                "P3: settled, and {id:x} is open there: {standing:?}\n{}",
                self.passed(*id)
            ));
        }
        let mut booked = BTreeMap::new();
        for cell in core.account_positions() {
            booked.insert((cell.owner, cell.symbol), i128::from(cell.position.raw()));
        }
        for (place, position) in &self.positions {
            let found = booked.remove(place).unwrap_or_default();
            if found != *position {
                return Err(format!(
                    "P3: position {place:?} is {position}, booked {found}"
                ));
            }
        }
        match booked.iter().find(|(_, position)| **position != 0) {
            Some(extra) => Err(format!("P3: a position out of nothing: {extra:?}")),
            None => Ok(()),
        }
    }
}
