//! A broker: its own orders, executions and books, by the simplest code there is.

use super::super::execution::{Act, Execution, Named};
use super::super::statement::{Held, Statement};
use crate::message::{BrokerRequest, Exec, Frame, Header, Kind, OrderState, Report, Side, Text};
use crate::units::{BrokerId, Money, Nanos, OrderId, Price, Qty};
use std::collections::BTreeMap;

/// One order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: OrderId,
    pub(super) account: u32,
    pub(super) symbol: u32,
    pub(super) is_buy: bool,
    pub(super) qty: u64,
    pub(super) filled: u64,
    /// Paid for that, in price times quantity.
    paid: u128,
    price: i64,
    pub(super) is_live: bool,
    requests: u32,
}

/// The broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Broker {
    pub(super) orders: BTreeMap<u64, Order>,
    pub(super) executions: Vec<Execution>,
    /// By account and symbol, in 1e-8.
    pub(super) positions: BTreeMap<(u32, u32), i128>,
    /// By account, in 1e-17.
    pub(super) cash: BTreeMap<u32, i128>,
    exec_count: u64,
}

impl Broker {
    /// Takes a request of the gate; its answer.
    pub(super) fn take(&mut self, frame: &Frame) -> Option<Report> {
        let request = frame.body::<BrokerRequest>();
        let id = request.order_id;
        match frame.kind() {
            Some(Kind::BrokerNew) => {
                let order = Order {
                    id,
                    account: request.account.0,
                    symbol: request.symbol.0,
                    is_buy: request.side == Side::Buy as u8,
                    qty: request.qty.raw(),
                    filled: 0,
                    paid: 0,
                    price: request.price.raw(),
                    is_live: true,
                    requests: 0,
                };
                self.orders.insert(id.0, order);
                Some(self.report(id, Exec::New))
            }
            Some(Kind::BrokerCancel) => {
                let order = self.orders.get_mut(&id.0)?;
                order.requests = order.requests.max(request.request);
                let exec = match std::mem::take(&mut order.is_live) {
                    true => Exec::Canceled,
                    false => Exec::CancelRejected,
                };
                Some(self.report(id, exec))
            }
            Some(Kind::BrokerStatus) => Some(self.status(id)),
            _ => None,
        }
    }

    fn report(&mut self, id: OrderId, exec: Exec) -> Report {
        self.exec_count += 1;
        Report {
            order_id: id,
            broker: BrokerId(0),
            exec: exec as u8,
            exec_id: Text::new(&format!("r{}", self.exec_count)).unwrap(),
            ..Report::default()
        }
    }

    fn status(&mut self, id: OrderId) -> Report {
        let Some(order) = self.orders.get(&id.0) else {
            return self.report(id, Exec::NotReceived);
        };
        let (filled, leaves) = (order.filled, order.qty - order.filled);
        let state = match (order.is_live, leaves) {
            (_, 0) => OrderState::Filled,
            (true, _) => OrderState::Open,
            (false, _) => OrderState::Cancelled,
        };
        let average = order.paid.checked_div(u128::from(filled)).unwrap_or(0);
        let (leaves, requests) = (if order.is_live { leaves } else { 0 }, order.requests);
        Report {
            qty: Qty::from_raw(filled),
            price: Price::from_raw(average as i64),
            leaves: Qty::from_raw(leaves),
            state: state as u8,
            request: requests,
            ..self.report(id, Exec::Status)
        }
    }

    /// Fills so much of an order, a little better than its price.
    pub(super) fn fill(
        &mut self,
        id: OrderId,
        qty: u64,
        better: i64,
        fee: i64,
        now: Nanos,
    ) -> Report {
        let order = self.orders.get_mut(&id.0).unwrap();
        let qty = qty.min(order.qty - order.filled);
        let price = order.price + if order.is_buy { -better } else { better };
        order.filled += qty;
        order.paid += u128::from(qty) * price as u128;
        order.is_live &= order.filled < order.qty;
        let order = order.clone();
        let signed = if order.is_buy {
            i128::from(qty)
        } else {
            -i128::from(qty)
        };
        *self
            .positions
            .entry((order.account, order.symbol))
            .or_default() += signed;
        let paid = signed * i128::from(price) + i128::from(fee) * 100_000_000;
        *self.cash.entry(order.account).or_default() -= paid;
        let report = self.report(id, Exec::Trade);
        self.executions.push(Execution {
            id: report.exec_id,
            act: Act::Trade,
            time: now,
            account: format!("a{}", order.account),
            symbol: format!("s{}", order.symbol),
            is_buy: order.is_buy,
            qty: Qty::from_raw(qty),
            price: Price::from_raw(price),
            fee: Some(Money::from_raw(fee)),
            order: Some(Named::Number(id)),
        });
        Report {
            qty: Qty::from_raw(qty),
            price: Price::from_raw(price),
            fee: Money::from_raw(fee),
            broker_time: now,
            ..report
        }
    }

    /// Takes an execution back, or gives it another price; the line that tells so.
    pub(super) fn amend(&mut self, at: usize, price: Option<i64>, now: Nanos) -> Execution {
        let old = self.executions[at].clone();
        let order = match old.order {
            Some(Named::Number(id)) => self.orders[&id.0].clone(),
            _ => unreachable!(),
        };
        let id = self.report(order.id, Exec::Trade).exec_id;
        let qty = old.qty.raw() as i128 * if old.is_buy { 1 } else { -1 };
        let cash = self.cash.entry(order.account).or_default();
        let (before, after) = (old.price.raw(), price.unwrap_or_default());
        *cash += qty * i128::from(before - after);
        let mut line = Execution {
            id,
            act: Act::Bust(old.id),
            time: now,
            ..old.clone()
        };
        match price {
            Some(price) => {
                line.act = Act::Correct(old.id);
                line.price = Price::from_raw(price);
                self.executions[at].price = line.price;
            }
            None => {
                let fee = old.fee.map_or(0, |fee| i128::from(fee.raw()));
                *cash += fee * 100_000_000;
                *self
                    .positions
                    .entry((order.account, order.symbol))
                    .or_default() -= qty;
                self.executions.remove(at);
            }
        }
        line
    }

    /// Everything as it is now.
    pub(super) fn statement(&self, accounts: u32, as_of: Nanos) -> Statement {
        let mut statement = Statement {
            as_of,
            has_positions: true,
            ..Statement::default()
        };
        for ((account, symbol), position) in &self.positions {
            let held = Held {
                position: *position,
                average_price: None,
            };
            let key = (format!("a{account}"), format!("s{symbol}"));
            statement.positions.insert(key, held);
        }
        for account in 0..accounts {
            let cash = self.cash.get(&account).copied().unwrap_or_default();
            let key = (format!("a{account}"), "USD".to_owned());
            statement.cash.insert(key, OPENING + cash);
        }
        statement
    }
}

/// What every account had before the gate, in 1e-17.
pub(super) const OPENING: i128 = 1_000_000 * 10i128.pow(17);

/// A report as the gate takes it in.
pub(super) fn frame(report: Report, now: Nanos) -> Frame {
    let header = Header {
        time: now,
        ..Header::default()
    };
    Frame::new(Kind::Report, header, report)
}
