//! Process: the gateway's own name and bounds, its journal, its threads.

use crate::config::Config;
use crate::config::effective::{Writer, list};
use crate::config::exits;
use crate::config::notation::{BPS_DIGITS, SHARE_DIGITS, quote, write_digits, write_size};
use crate::config::reader::Table;
use crate::config::values::{choice, count, duration, flag, name, power_of_two, size, text};
use crate::journal;
use crate::risk::setup::{Capacity, Setup};
use crate::units::{Nanos, OrderId};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// `[gateway]`, but for what the core reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gateway {
    /// What it calls itself towards strategies, brokers and in its journal.
    pub name: String,
    /// The bound on an orderly stop: then it stops as it is.
    pub drain_timeout: Nanos,
    /// True: every live order is cancelled when the gateway must end for a fault of its own.
    pub cancel_on_panic: bool,
}

/// `[journal]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    /// Where segments lie.
    pub directory: PathBuf,
    /// What must have happened before an effect leaves.
    pub policy: Policy,
    /// The size of one segment.
    pub segment_size_bytes: u64,
    /// How far ahead of the writer the file's pages are made ready.
    pub ahead_bytes: u64,
    /// Kept back for cancels and reports once the disk is full.
    pub reserve_bytes: u64,
    /// What was written is synced at least this often.
    pub sync_interval: Nanos,
}

/// What a record survives before its effect leaves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Policy {
    /// The death of the process: it is in the page cache.
    #[default]
    Process,
    /// The loss of power: it is on the disk. Cancels do not wait.
    Sync,
}

/// `[threads]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Threads {
    /// Which thread runs which stage.
    pub layout: Layout,
    /// What a thread with nothing to do does.
    pub idle: Idle,
    /// The cores to pin to, in the order of the stages; empty: the gateway chooses.
    pub cores: Vec<u32>,
    /// How long a thread looks again before it rests.
    pub spin: Nanos,
    /// How many messages a stage takes in one round.
    pub batch_max: u32,
}

/// Which thread runs which stage.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Layout {
    /// As the machine has cores.
    #[default]
    Auto,
    /// One pinned thread for each stage.
    Dedicated,
    /// All stages of the path on one pinned thread.
    Shared,
}

/// What a thread with nothing to do does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Idle {
    /// Sleeps until it is rung.
    #[default]
    Park,
    /// Looks ever less often, then gives up its turn, never sleeps.
    Backoff,
    /// Looks again at once, for ever: one core each.
    Spin,
}

pub(crate) const POLICIES: [(&str, Policy); 2] =
    [("process", Policy::Process), ("sync", Policy::Sync)];

pub(crate) const LAYOUTS: [(&str, Layout); 3] = [
    ("auto", Layout::Auto),
    ("dedicated", Layout::Dedicated),
    ("shared", Layout::Shared),
];

pub(crate) const IDLES: [(&str, Idle); 3] = [
    ("park", Idle::Park),
    ("backoff", Idle::Backoff),
    ("spin", Idle::Spin),
];

/// What a person may have to wait for.
pub(crate) const PATIENCE: RangeInclusive<Nanos> = Nanos::from_millis(1)..=Nanos::from_secs(86_400);
const DAYS_366: Nanos = Nanos::from_secs(366 * 86_400);
const ORDERS_MAX: u32 = 1 << OrderId::SLOT_BITS;
/// Bounds a table to what a machine of today can hold.
const ITEMS_MAX: u32 = 1 << 28;
/// A head and its continuations are one unit of what a step may send.
const CONTINUATION_FRAMES_MAX: u8 = 16;
/// Room for the largest output of one step, and some to work with.
const RING_MESSAGES: RangeInclusive<u32> = 128..=1 << 20;
const SEGMENT_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 34;
const AHEAD_BYTES: RangeInclusive<u64> = 1 << 16..=1 << 30;
const RESERVE_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 34;
const CORES_MAX: u32 = 4095;

/// Reads `[gateway]`; what the core needs of it goes into the setup.
pub(crate) fn read_gateway(table: &Table<'_>, setup: &mut Setup) -> Gateway {
    let operators = setup.operators.len();
    let raise_persons = table.get("raise_persons", count(1..=64u32));
    if let Some(persons) =
        raise_persons.filter(|persons| 0 < operators && operators < *persons as usize)
    {
        table.refuse(
            "raise_persons",
            format!("{persons} persons must raise and {operators} can; write fewer or add an [[operator]]"),
        );
    }
    setup.raise_persons = raise_persons.unwrap_or_default();
    setup.raise_window = table
        .get("raise_window", duration(PATIENCE))
        .unwrap_or_default();
    setup.answer_timeout = table
        .get("answer_timeout", duration(PATIENCE))
        .unwrap_or_default();
    setup.checkpoint_events = table
        .get("checkpoint_events", count(1..=u32::MAX))
        .unwrap_or_default();
    Gateway {
        name: table.get("name", name).unwrap_or_default(),
        drain_timeout: table
            .get("drain_timeout", duration(PATIENCE))
            .unwrap_or_default(),
        cancel_on_panic: table.get("cancel_on_panic", flag).unwrap_or_default(),
    }
}

/// Reads `[capacity]`, but for the rings.
pub(crate) fn read_capacity(table: &Table<'_>) -> Capacity {
    let items = |key| table.get(key, count(1..=ITEMS_MAX));
    let orders = table.get("orders", count(2..=ORDERS_MAX));
    let orders_closed = table.get("orders_closed", count(0..=ORDERS_MAX));
    let client_order_ids = items("client_order_ids");
    if let (Some(orders), Some(closed)) = (orders, orders_closed)
        && orders <= closed
    {
        let problem =
            format!("no room for a live order; write less than capacity.orders = {orders}");
        table.refuse("orders_closed", problem);
    }
    if let (Some(orders), Some(ids)) = (orders, client_order_ids)
        && ids < orders
    {
        let problem = format!("each order has an id; write at least capacity.orders = {orders}");
        table.refuse("client_order_ids", problem);
    }
    Capacity {
        orders: orders.unwrap_or_default(),
        orders_closed: orders_closed.unwrap_or_default(),
        client_order_ids: client_order_ids.unwrap_or_default(),
        client_order_id_horizon: table
            .get("client_order_id_horizon", duration(Nanos::ZERO..=DAYS_366))
            .unwrap_or_default(),
        positions: items("positions").unwrap_or_default(),
        duplicates_per_window: items("duplicates_per_window").unwrap_or_default(),
        lots: items("lots").unwrap_or_default(),
        parents: items("parents").unwrap_or_default(),
        parent_horizon: table
            .get("parent_horizon", duration(Nanos::ZERO..=DAYS_366))
            .unwrap_or_default(),
        executions: items("executions").unwrap_or_default(),
        continuation_frames_max: table
            .get(
                "continuation_frames_max",
                count(0..=CONTINUATION_FRAMES_MAX),
            )
            .unwrap_or_default(),
    }
}

/// Reads the slots of each ring.
pub(crate) fn read_ring_messages(table: &Table<'_>) -> u32 {
    table
        .get("ring_messages", power_of_two(RING_MESSAGES))
        .unwrap_or_default()
}

/// Reads `[journal]`.
pub(crate) fn read_journal(table: &Table<'_>) -> Journal {
    let segment = table.get("segment_size_bytes", size(SEGMENT_BYTES));
    if let Some(bytes) = segment.filter(|bytes| !bytes.is_power_of_two()) {
        let above = bytes.next_power_of_two();
        let problem = format!("not a power of two; write \"{}\"", write_size(above));
        table.refuse("segment_size_bytes", problem);
    }
    let reserve = table.get("reserve_bytes", size(RESERVE_BYTES));
    if let (Some(segment), Some(reserve)) = (segment, reserve)
        && segment.is_power_of_two()
        && segment < journal::segment_size_min(reserve)
    {
        let least = journal::segment_size_min(reserve).next_power_of_two();
        let problem = format!(
            "too small beside a reserve_bytes of \"{}\"; write at least \"{}\"",
            write_size(reserve),
            write_size(least)
        );
        table.refuse("segment_size_bytes", problem);
    }
    let ahead = table.get("ahead_bytes", size(AHEAD_BYTES));
    if let (Some(segment), Some(ahead)) = (segment, ahead)
        && segment < ahead
    {
        let problem = "more than a segment; write at most segment_size_bytes".to_owned();
        table.refuse("ahead_bytes", problem);
    }
    Journal {
        directory: table
            .get("directory", text)
            .map(|path| table.resolve(&path))
            .unwrap_or_default(),
        policy: table.get("policy", choice(&POLICIES)).unwrap_or_default(),
        segment_size_bytes: segment.unwrap_or_default(),
        ahead_bytes: ahead.unwrap_or_default(),
        reserve_bytes: reserve.unwrap_or_default(),
        sync_interval: table
            .get(
                "sync_interval",
                duration(Nanos::from_raw(1_000)..=Nanos::from_secs(60)),
            )
            .unwrap_or_default(),
    }
}

/// Reads `[threads]`.
pub(crate) fn read_threads(table: &Table<'_>) -> Threads {
    let mut cores = Vec::new();
    for value in table.elements("cores") {
        match count(0..=CORES_MAX)(value.get_ref()) {
            Ok(core) if cores.contains(&core) => {
                table.refuse_value(
                    "cores",
                    value,
                    "the same core twice; keep one of them".to_owned(),
                );
            }
            Ok(core) => cores.push(core),
            Err(problem) => table.refuse_value("cores", value, problem),
        }
    }
    Threads {
        layout: table.get("layout", choice(&LAYOUTS)).unwrap_or_default(),
        idle: table.get("idle", choice(&IDLES)).unwrap_or_default(),
        cores,
        spin: table
            .get("spin", duration(Nanos::ZERO..=Nanos::from_secs(1)))
            .unwrap_or_default(),
        batch_max: table
            .get("batch_max", count(1..=4096u32))
            .unwrap_or_default(),
    }
}

pub(crate) fn write(out: &mut Writer, config: &Config) {
    let setup = &config.setup;
    out.table("[gateway]");
    out.put("name", quote(&config.gateway.name));
    out.span("answer_timeout", setup.answer_timeout);
    out.put("raise_persons", setup.raise_persons);
    out.span("raise_window", setup.raise_window);
    out.put("checkpoint_events", setup.checkpoint_events);
    let soft: Vec<_> = setup
        .soft
        .iter()
        .map(|reason| quote(reason.name()))
        .collect();
    out.put("soft", list(&soft));
    let share = write_digits(u64::from(setup.warn_share), SHARE_DIGITS);
    if let Some(factor) = setup.loosen_factor {
        out.put("loosen_factor", quote(&write_digits(factor, BPS_DIGITS)));
    }
    out.put("warn_share", quote(&share));
    if let Some(currency) = setup.currencies.first() {
        out.put("currency", quote(&currency.name));
    }
    out.span("mark_age_max", setup.mark_age_max);
    let calendar = setup
        .day_calendar
        .and_then(|id| config.calendars.get(id.0 as usize));
    if let Some(calendar) = calendar {
        out.put("trading_day", quote(&calendar.name));
    }
    out.span("drain_timeout", config.gateway.drain_timeout);
    out.put("cancel_on_panic", config.gateway.cancel_on_panic);

    exits::write_policy(out, &setup.exit_policy);

    let capacity = &setup.capacity;
    out.table("[capacity]");
    out.put("orders", capacity.orders);
    out.put("orders_closed", capacity.orders_closed);
    out.put("client_order_ids", capacity.client_order_ids);
    out.span("client_order_id_horizon", capacity.client_order_id_horizon);
    out.put("positions", capacity.positions);
    out.put("duplicates_per_window", capacity.duplicates_per_window);
    out.put("lots", capacity.lots);
    out.put("parents", capacity.parents);
    out.span("parent_horizon", capacity.parent_horizon);
    out.put("executions", capacity.executions);
    out.put("continuation_frames_max", capacity.continuation_frames_max);
    out.put("ring_messages", config.ring_messages);

    let journal = &config.journal;
    out.table("[journal]");
    out.path("directory", &journal.directory);
    out.word("policy", &POLICIES, &journal.policy);
    out.put(
        "segment_size_bytes",
        quote(&write_size(journal.segment_size_bytes)),
    );
    out.put("ahead_bytes", quote(&write_size(journal.ahead_bytes)));
    out.put("reserve_bytes", quote(&write_size(journal.reserve_bytes)));
    out.span("sync_interval", journal.sync_interval);

    let threads = &config.threads;
    out.table("[threads]");
    out.word("layout", &LAYOUTS, &threads.layout);
    out.word("idle", &IDLES, &threads.idle);
    let cores: Vec<String> = threads.cores.iter().map(u32::to_string).collect();
    out.put("cores", list(&cores));
    out.span("spin", threads.spin);
    out.put("batch_max", threads.batch_max);
}
