//! Tests of the native protocol, and the frames that they share.

mod document;
mod parser;
mod session;

use crate::message::{
    BrokerRequest, Cancel, Execution, Frame, Header, Kind, NewOrder, Quote, Refusal, Replace,
    Report,
};
use crate::protocol::native::bodies::{Challenge, Definition, Heartbeat, Logon, Logout, Welcome};
use crate::protocol::native::client::continuations;
use crate::protocol::native::parser::Path;

pub(super) const PATHS: [Path; 6] = [
    Path::StrategyToGate,
    Path::GateToStrategy,
    Path::GateToBroker,
    Path::BrokerToGate,
    Path::FeedToGate,
    Path::GateToFeed,
];

pub(super) const KINDS: [Kind; 18] = [
    Kind::NewOrder,
    Kind::Cancel,
    Kind::Replace,
    Kind::Basket,
    Kind::Execution,
    Kind::Refusal,
    Kind::BrokerNew,
    Kind::BrokerCancel,
    Kind::BrokerReplace,
    Kind::BrokerStatus,
    Kind::Report,
    Kind::Quote,
    Kind::Challenge,
    Kind::Logon,
    Kind::Welcome,
    Kind::Definition,
    Kind::Heartbeat,
    Kind::Logout,
];

/// A message of this kind with nothing in it.
pub(super) fn empty(kind: Kind, sequence: u64) -> Frame {
    let header = Header {
        sequence,
        ..Header::default()
    };
    match kind {
        Kind::NewOrder => Frame::new(kind, header, NewOrder::default()),
        Kind::Cancel => Frame::new(kind, header, Cancel::default()),
        Kind::Replace => Frame::new(kind, header, Replace::default()),
        Kind::Execution => Frame::new(kind, header, Execution::default()),
        Kind::Refusal => Frame::new(kind, header, Refusal::default()),
        Kind::Report => Frame::new(kind, header, Report::default()),
        Kind::Quote => Frame::new(kind, header, Quote::default()),
        Kind::Challenge => Frame::new(kind, Header::default(), Challenge::default()),
        Kind::Logon => Frame::new(kind, Header::default(), Logon::default()),
        Kind::Welcome => Frame::new(kind, Header::default(), Welcome::default()),
        Kind::Definition => Frame::new(kind, Header::default(), Definition::default()),
        Kind::Heartbeat => Frame::new(kind, Header::default(), Heartbeat::default()),
        Kind::Logout => Frame::new(kind, Header::default(), Logout::default()),
        _ => Frame::new(kind, header, BrokerRequest::default()),
    }
}

/// A message of this kind that carries `size` bytes behind it, where it can, and those frames.
pub(super) fn unit(kind: Kind, sequence: u64, size: u16) -> Vec<Frame> {
    let mut head = empty(kind, sequence);
    let count = usize::from(size).div_ceil(128);
    match kind {
        Kind::NewOrder => head.body_mut::<NewOrder>().passthrough_size = size,
        Kind::Replace => head.body_mut::<Replace>().passthrough_size = size,
        Kind::BrokerNew | Kind::BrokerReplace => {
            head.body_mut::<BrokerRequest>().passthrough_size = size;
        }
        _ => return vec![head],
    }
    head.header.continuation_count = u8::try_from(count).unwrap();
    let passthrough: Vec<u8> = (0..size)
        .map(|at| (at % 251) as u8 ^ sequence as u8)
        .collect();
    let mut frames = vec![head];
    frames.extend(continuations(&passthrough));
    frames
}

pub(super) fn bytes(frames: &[Frame]) -> Vec<u8> {
    bytemuck::cast_slice(frames).to_vec()
}
