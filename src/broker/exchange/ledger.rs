//! Ledger: everything the exchange received and sent, as it happened.

use super::order::Party;
use crate::message::{
    BrokerRequest, Exec, Frame, Kind, OrderState, OrderType, Report, Side, TimeInForce,
};
use crate::units::Nanos;
use serde::Serialize;

/// One line of the ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The exchange's time.
    pub time: Nanos,
    /// Which gate.
    pub party: Party,
    /// Which way.
    pub way: Way,
    /// What.
    pub frame: Frame,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the gate.
    Received,
    /// To the gate.
    Sent,
    /// A report that never left: a fault that was asked for.
    Lost,
}

impl Entry {
    /// As one line of JSON, without its end. Decimals are text: nothing rounds them.
    pub fn to_json(&self) -> String {
        let line = match self.frame.kind() {
            Some(Kind::Report) => self.report(),
            _ => self.request(),
        };
        serde_json::to_string(&line).expect("plain fields become JSON")
    }

    fn line(&self) -> Line<'_> {
        Line {
            time: self.time.raw(),
            gate: self.party.0,
            way: self.way,
            kind: "",
            sequence: self.frame.header.sequence,
            correlation: self.frame.header.correlation,
            order_id: 0,
            request: 0,
            qty: String::new(),
            price: String::new(),
            symbol: None,
            account: None,
            client_order_id: None,
            side: None,
            order_type: None,
            time_in_force: None,
            exec_id: None,
            leaves: None,
            state: None,
            reason: None,
        }
    }

    fn request(&self) -> Line<'_> {
        let request: &BrokerRequest = self.frame.body();
        Line {
            kind: match self.frame.kind() {
                Some(Kind::BrokerNew) => "new",
                Some(Kind::BrokerCancel) => "cancel",
                Some(Kind::BrokerReplace) => "replace",
                Some(Kind::BrokerStatus) => "status",
                _ => "unknown",
            },
            order_id: request.order_id.0,
            request: request.request,
            qty: request.qty.to_string(),
            price: request.price.to_string(),
            symbol: Some(request.symbol.0),
            account: Some(request.account.0),
            client_order_id: Some(request.client_order_id.as_str()),
            side: Side::from_byte(request.side).map(Side::text),
            order_type: OrderType::from_byte(request.order_type).map(OrderType::text),
            time_in_force: TimeInForce::from_byte(request.time_in_force).map(TimeInForce::text),
            ..self.line()
        }
    }

    fn report(&self) -> Line<'_> {
        let report: &Report = self.frame.body();
        Line {
            kind: Exec::from_byte(report.exec).map_or("unknown", Exec::text),
            order_id: report.order_id.0,
            request: report.request,
            qty: report.qty.to_string(),
            price: report.price.to_string(),
            exec_id: Some(report.exec_id.as_str()),
            leaves: Some(report.leaves.to_string()),
            state: OrderState::from_byte(report.state).map(OrderState::text),
            reason: (report.broker_reason != 0).then_some(report.broker_reason),
            ..self.line()
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: u64,
    gate: u32,
    way: Way,
    kind: &'static str,
    sequence: u64,
    correlation: u64,
    order_id: u64,
    request: u32,
    qty: String,
    price: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_in_force: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaves: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<u16>,
}
