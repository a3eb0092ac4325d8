//! `portcullis journal dump|verify`: what a journal holds, and whether it is whole.

use super::Failure;
use crate::journal::reader::Reader;
use crate::journal::recovery;
use crate::message::{Kind, Text};
use crate::protocol::scenario::names::Names;
use crate::protocol::scenario::write::write_event;
use crate::topology::rebuild::{Rebuild, Taken};
use crate::units::{AccountId, OrderId};
use std::io::Write;
use std::path::Path;

/// Checks every byte of every record; tells what is there.
pub fn verify(directory: &Path, json: bool) -> Result<String, Failure> {
    let found = recovery::verify(directory).map_err(Failure::of)?;
    let is_whole = found.invalid.is_none();
    let text = if json {
        let value = serde_json::json!({
            "journal_id": format!("{:032x}", found.journal_id),
            "segments": found.segment_count,
            "records": found.sequence,
            "durable": found.durable_sequence,
            "is_whole": is_whole,
            "set_aside": found.set_aside,
        });
        format!("{value}\n")
    } else {
        let tail = match found.invalid {
            None => "whole".to_owned(),
            Some(at) => format!(
                "bytes that are no record at segment {} offset {}: recovery will set them aside",
                at.segment, at.offset
            ),
        };
        format!(
            "journal   {:032x}\nsegments  {}\nrecords   {}\ndurable   {}\ntail      {tail}\n",
            found.journal_id, found.segment_count, found.sequence, found.durable_sequence
        )
    };
    Ok(text)
}

/// Writes every event as a line of a scenario, which `try` reads.
pub fn dump(directory: &Path, mut output: impl Write) -> Result<(), Failure> {
    let mut reader = Reader::open(directory).map_err(Failure::of)?;
    let mut rebuild = Rebuild::new(directory);
    let mut names = None;
    let mut out = String::new();
    while let Some(record) = reader.next().map_err(Failure::of)? {
        let [head, continuations @ ..] = record.frames else {
            continue;
        };
        // The names of closed orders may be forgotten by the step itself: look before it.
        if let (Some(names), Some(core), Some(kind)) = (&names, rebuild.core(), head.kind())
            && !matches!(kind, Kind::Checkpoint | Kind::Opening)
        {
            let client_id_of = |id: OrderId| -> Option<(AccountId, Text)> {
                core.order(id)
                    .map(|order| (order.account, order.client_order_id))
            };
            write_event(&mut out, head, continuations, names, client_id_of)
                .map_err(|_| Failure::of(format!("record {} is no event", record.sequence)))?;
        }
        if rebuild.take(&record).map_err(Failure::of)? == Taken::Opened {
            names = Some(Names::new(rebuild.setup()));
        }
        output.write_all(out.as_bytes()).map_err(Failure::of)?;
        out.clear();
    }
    output.flush().map_err(Failure::of)
}
