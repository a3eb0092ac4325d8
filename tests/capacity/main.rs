//! Every capacity at its limit: what finds no room is refused, the reason names the key to raise, and
//! the gate takes no more memory than it took at start.

#[path = "../support/folder.rs"]
mod folder;
mod gate;
mod meter;

use gate::{Gate, Stage, Told, ordinary};
use portcullis::broker::exchange::Faults;
use portcullis::message::{NewOrder, TimeInForce};
use portcullis::reject::RejectReason;
use portcullis::units::{Qty, SymbolId};

/// Orders that are refused once there is no room.
const REFUSED: u64 = 100_000;

/// Not a byte more, and on the path and in the journal nothing was asked for.
#[track_caller]
fn assert_memory_is_unchanged(gate: &Gate) {
    for (name, spent) in &gate.spent {
        assert_eq!(spent.bytes, 0, "{name}");
        // What is cold may take memory as long as it gives it back.
        assert!(
            *name == "cold" || spent.allocations == 0,
            "{name}: {spent:?}"
        );
    }
}

/// A table, and how it is filled.
struct Case {
    capacity: &'static str,
    limits: &'static str,
    /// So many orders find room.
    room: u64,
    order: fn(u64) -> NewOrder,
    passthrough: &'static [u8],
    reason: RejectReason,
    /// The key that must be raised.
    key: &'static str,
}

impl Case {
    fn check(&self) {
        let text = self.reason.text();
        assert!(text.contains(&format!("`{}`", self.key)), "{text}");
        let mut gate = Gate::new(self.capacity, self.limits, Faults::default());
        for number in 0..self.room {
            let told = gate.order((self.order)(number), self.passthrough);
            assert!(
                matches!(told, Told::Live | Told::Closed),
                "{number}: {told:?}"
            );
            gate.settle();
        }
        assert_memory_is_unchanged(&gate);
        gate.refuse(REFUSED, self.reason, self.order, self.passthrough);
        gate.settle();
        assert_memory_is_unchanged(&gate);
    }
}

#[test]
fn orders() {
    Case {
        capacity: "orders = 72\norders_closed = 8",
        limits: "",
        room: 64,
        order: |_| ordinary(),
        passthrough: b"",
        reason: RejectReason::OrdersFull,
        key: "capacity.orders",
    }
    .check();
}

#[test]
fn client_order_ids() {
    Case {
        capacity: "orders = 72\norders_closed = 8\nclient_order_ids = 80",
        limits: "",
        room: 80,
        // It ends at once, and its id is remembered.
        order: |_| NewOrder {
            time_in_force: TimeInForce::ImmediateOrCancel as u8,
            ..ordinary()
        },
        passthrough: b"",
        reason: RejectReason::ClientOrderIdsFull,
        key: "capacity.client_order_ids",
    }
    .check();
}

#[test]
fn positions() {
    Case {
        // One of the account and one of the strategy.
        capacity: "positions = 2",
        limits: "",
        room: 1,
        order: |number| NewOrder {
            symbol: SymbolId(u32::from(number != 0)),
            ..ordinary()
        },
        passthrough: b"",
        reason: RejectReason::PositionsFull,
        key: "capacity.positions",
    }
    .check();
}

#[test]
fn duplicates() {
    Case {
        capacity: "duplicates_per_window = 64",
        limits: "duplicate_window = \"1h\"",
        room: 64,
        order: |number| NewOrder {
            qty: Qty::parse(&(number + 1).to_string()).unwrap(),
            ..ordinary()
        },
        passthrough: b"",
        reason: RejectReason::DuplicatesFull,
        key: "capacity.duplicates_per_window",
    }
    .check();
}

#[test]
fn rate_windows() {
    Case {
        capacity: "",
        limits: "order_rate = [{ max = 1000, window = \"1ms\" }, { max = 64, window = \"1h\" }]",
        room: 64,
        order: |_| ordinary(),
        passthrough: b"",
        reason: RejectReason::OrderRateAboveMax,
        key: "order_rate",
    }
    .check();
}

#[test]
fn continuation_frames() {
    Case {
        capacity: "continuation_frames_max = 2",
        limits: "",
        room: 0,
        order: |_| ordinary(),
        passthrough: &[b'x'; 2 * 128 + 1],
        reason: RejectReason::ContinuationsAboveMax,
        key: "capacity.continuation_frames_max",
    }
    .check();
}

#[test]
fn continuation_frames_up_to_the_last_that_a_head_can_announce() {
    let mut gate = Gate::new("continuation_frames_max = 2", "", Faults::default());
    for count in [0, 1, 2, 3, 4, 16, 17, 254, 255] {
        let told = gate.order(ordinary(), &vec![b'x'; count * 128]);
        match told {
            Told::Live => assert!(count <= 2, "{count}"),
            Told::Refused(reason, _) => {
                assert!(2 < count, "{count}");
                assert_eq!(reason, Some(RejectReason::ContinuationsAboveMax));
            }
            _ => panic!("{count}: {told:?}"),
        }
        gate.settle();
    }
    assert_memory_is_unchanged(&gate);
}

/// Execution ids refuse nothing: the oldest leave. Every report comes twice and each fill counts once.
#[test]
fn executions() {
    let twice = Faults {
        duplicate_per_million: 1_000_000,
        ..Faults::default()
    };
    let mut gate = Gate::new(
        "orders = 512\norders_closed = 64\nexecutions = 64",
        "",
        twice,
    );
    gate.quote();
    for number in 1..=2_000 {
        assert_ne!(gate.order(ordinary(), b""), Told::Nothing);
        gate.settle();
        let one = Qty::parse("1").unwrap().raw();
        assert_eq!(gate.filled, number * one);
    }
    assert_memory_is_unchanged(&gate);
    gate.refuse(
        REFUSED,
        RejectReason::QtyZero,
        |_| NewOrder {
            qty: Qty::ZERO,
            ..ordinary()
        },
        b"",
    );
    assert_memory_is_unchanged(&gate);
}

/// Nothing takes commands out of the ring: they wait in the strategy's socket, and then in its own
/// queue, which says that it is full.
#[test]
fn the_ring_to_risk() {
    let mut gate = Gate::new(
        "ring_messages = 128\norders = 16384\norders_closed = 64",
        "",
        Faults::default(),
    );
    gate.held = Some(Stage::Risk);
    let (mut sent, mut full) = (Vec::new(), 0u64);
    while full < REFUSED {
        match gate.send(ordinary(), b"") {
            Some(number) => sent.push(number),
            None => full += 1,
        }
        if full % 64 == 0 {
            gate.step();
        }
    }
    assert!(128 < sent.len());
    assert!(gate.told.values().all(|told| *told == Told::Nothing));
    assert_memory_is_unchanged(&gate);
    gate.held = None;
    gate.settle();
    // Nobody's order was lost, and none was taken twice: its id would have been refused.
    assert_eq!(gate.told.len(), sent.len());
    assert!(gate.told.values().all(|told| *told == Told::Live));
    assert_memory_is_unchanged(&gate);
}

/// Nothing takes requests out of the ring: orders are refused, a cancel still finds its share of room.
#[test]
fn the_ring_to_the_broker() {
    let reason = RejectReason::GateBusy;
    assert!(reason.text().contains("`capacity.ring_messages`"));
    let mut gate = Gate::new(
        "ring_messages = 128\norders = 16384\norders_closed = 64",
        "",
        Faults::default(),
    );
    let first = gate.send(ordinary(), b"").unwrap();
    gate.settle();
    gate.held = Some(Stage::Broker);
    let mut room = 0;
    while gate.order(ordinary(), b"") == Told::Live {
        room += 1;
    }
    // Twice the largest output of an event is left free.
    assert_eq!(room, 128 - 2 * 32 + 1);
    assert_memory_is_unchanged(&gate);
    gate.refuse(REFUSED, reason, |_| ordinary(), b"");
    let cancel = gate.cancel(first);
    gate.refuse(1, reason, |_| ordinary(), b"");
    assert_memory_is_unchanged(&gate);
    gate.held = None;
    gate.settle();
    assert_eq!(gate.told[&cancel], Told::Closed);
    assert_eq!(gate.order(ordinary(), b""), Told::Live);
    assert_memory_is_unchanged(&gate);
}

/// Nothing takes reports out of the ring: what would lead to more of them waits.
#[test]
fn the_ring_to_the_strategies() {
    let mut gate = Gate::new(
        "ring_messages = 128\norders = 16384\norders_closed = 64",
        "",
        Faults::default(),
    );
    // Each is told twice of: by the gate and by the broker.
    for _ in 0..100 {
        gate.send(ordinary(), b"").unwrap();
    }
    gate.held = Some(Stage::Risk);
    for _ in 0..100 {
        gate.step();
    }
    gate.held = Some(Stage::Strategy);
    for _ in 0..10_000 {
        gate.step();
    }
    assert!(gate.told.values().all(|told| *told == Told::Nothing));
    assert_memory_is_unchanged(&gate);
    gate.held = None;
    gate.settle();
    assert!(gate.told.values().all(|told| *told == Told::Live));
    gate.refuse(
        REFUSED,
        RejectReason::QtyZero,
        |_| NewOrder {
            qty: Qty::ZERO,
            ..ordinary()
        },
        b"",
    );
    assert_memory_is_unchanged(&gate);
}

/// What `check` says the tables will take is what the core takes.
#[test]
fn the_core_takes_as_much_memory_as_is_said() {
    let text = "[capacity]\norders = 50000\norders_closed = 7000\nclient_order_ids = 70000\n\
        positions = 3000\nduplicates_per_window = 900\nexecutions = 11000\n\
        [limits]\nothers = \"off\"\norder_rate = [{ max = 5000, window = \"1s\" }]\n\
        duplicate_window = \"1s\"\n\
        [[account]]\nname = \"A\"\nlimits = { others = \"off\", duplicate_window = \"2s\" }\n\
        [[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n[[broker]]\nname = \"sim\"\nkind = \"sim\"\n\
        [[symbol]]\nname = \"X\"\ntick = \"0.01\"\nlot = \"1\"\nbroker = \"sim\"\n";
    let setup = portcullis::config::parse(text, "test.toml").unwrap().setup;
    let said = portcullis::risk::view::memory_bytes(&setup);
    let said: usize = said.iter().map(|(_, bytes)| bytes).sum();
    let (_core, spent) = meter::spend(|| portcullis::risk::core::Core::new(&setup));
    let taken = usize::try_from(spent.bytes).unwrap();
    // Names, and a row or two of what there is but once.
    assert!(said <= taken && taken - said < 2_048, "{said} and {taken}");
}
