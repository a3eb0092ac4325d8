//! The exchange in stories, and against a slow model.

mod model;
mod stories;

use super::*;
use crate::message::{BrokerRequest, Exec, Header, Kind, OrderType, Report, Side, TimeInForce};
use crate::units::Price;

/// What a report says: which order, what, the fill, its price, what still stands.
type Told = (u64, Exec, u64, i64, u64);

/// One gate at one exchange.
struct Desk {
    exchange: Exchange,
    party: Party,
    next: u64,
    now: Nanos,
}

impl Desk {
    fn new(options: ExchangeOptions) -> Self {
        let mut exchange = Exchange::new(options, Nanos::from_raw(1));
        let party = exchange.join(1);
        Self {
            exchange,
            party,
            next: 1,
            now: Nanos::from_raw(1_000),
        }
    }

    fn ask(&mut self, kind: Kind, request: BrokerRequest) {
        let frame = Frame::new(kind, Header::default(), request);
        self.exchange.request(self.now, self.party, &frame);
    }

    fn order(&mut self, serial: u64, side: Side, tif: TimeInForce, price: Option<i64>, qty: u64) {
        let request = order(serial, side, tif, price, qty);
        self.ask(Kind::BrokerNew, request);
    }

    fn buy(&mut self, serial: u64, price: i64, qty: u64) {
        self.order(serial, Side::Buy, TimeInForce::Day, Some(price), qty);
    }

    fn sell(&mut self, serial: u64, price: i64, qty: u64) {
        self.order(serial, Side::Sell, TimeInForce::Day, Some(price), qty);
    }

    fn cancel(&mut self, serial: u64, request: u32) {
        self.ask(Kind::BrokerCancel, about(serial, request, 0, 0));
    }

    fn replace(&mut self, serial: u64, request: u32, price: i64, qty: u64) {
        self.ask(Kind::BrokerReplace, about(serial, request, price, qty));
    }

    fn status(&mut self, serial: u64) {
        self.ask(Kind::BrokerStatus, about(serial, 0, 0, 0));
    }

    fn quote(&mut self, bid: (i64, u64), ask: (i64, u64)) {
        let quote = Quote {
            bid: Price::from_raw(bid.0),
            bid_qty: Qty::from_raw(bid.1),
            ask: Price::from_raw(ask.0),
            ask_qty: Qty::from_raw(ask.1),
            ..Quote::default()
        };
        self.exchange.quote(self.now, &quote);
    }

    fn report(&mut self) -> Option<Report> {
        let frame = self.exchange.report(self.now, self.party, self.next)?;
        assert_eq!(frame.header.sequence, self.next);
        let report = *frame.body::<Report>();
        self.exchange.reports_taken(self.party, self.next);
        self.next += 1;
        Some(report)
    }

    fn told(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.report()).map(told).collect()
    }
}

fn told(report: Report) -> Told {
    (
        report.order_id.serial(),
        Exec::from_byte(report.exec).unwrap(),
        report.qty.raw(),
        report.price.raw(),
        report.leaves.raw(),
    )
}

fn order(
    serial: u64,
    side: Side,
    time_in_force: TimeInForce,
    price: Option<i64>,
    qty: u64,
) -> BrokerRequest {
    let order_type = match price {
        Some(_) => OrderType::Limit,
        None => OrderType::Market,
    };
    BrokerRequest {
        side: side as u8,
        order_type: order_type as u8,
        time_in_force: time_in_force as u8,
        ..about(serial, 0, price.unwrap_or(0), qty)
    }
}

fn about(serial: u64, request: u32, price: i64, qty: u64) -> BrokerRequest {
    BrokerRequest {
        order_id: OrderId::new(serial, 7),
        request,
        price: Price::from_raw(price),
        qty: Qty::from_raw(qty),
        ..BrokerRequest::default()
    }
}
