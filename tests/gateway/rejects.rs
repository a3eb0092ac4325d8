//! Each reason once: where it refuses, and just beside it where it does not.

use crate::harness::{Gate, OPEN};
use portcullis::reject::RejectReason;

/// The stories: limits, then lines.
const STORIES: &[(&str, &str)] = &[
    (
        "",
        "order id=1 not_ready=1 -> GateNotReady\n order id=2 -> accepted",
    ),
    (
        "",
        "order id=1 journal_full=1 -> JournalFull\n order id=2 -> accepted",
    ),
    (
        "",
        "order id=1 journal_failed=1 -> JournalFailed\n order id=2 -> accepted",
    ),
    ("", "order id=1 busy=1 -> GateBusy\n order id=2 -> accepted"),
    (
        "[capacity]\ncontinuation_frames_max = 1\n",
        "order id=1 passthrough=LONG -> ContinuationsAboveMax 1 2\n order id=2 passthrough=short -> accepted",
    ),
    (
        "",
        "kill scope=firm\n order id=1 -> FirmKilled\n raise scope=firm operator=alice\n \
         order id=2 -> FirmKilled\n raise scope=firm operator=alice -> not_permitted\n \
         order id=3 -> FirmKilled\n raise scope=firm operator=bob\n order id=4 -> accepted",
    ),
    (
        "",
        "order id=1 account=Z -> AccountUnknown\n order id=1 account=B -> accepted",
    ),
    (
        "",
        "kill scope=account name=A\n order id=1 -> AccountKilled\n order id=1 account=B -> accepted",
    ),
    (
        "",
        "order id=1 strategy=Z -> StrategyUnknown\n order id=1 strategy=T -> accepted",
    ),
    (
        "",
        "kill scope=strategy name=S\n order id=1 -> StrategyKilled\n order id=1 strategy=T -> accepted",
    ),
    (
        "",
        "order id=1 strategy=T account=B -> AccountNotPermitted\n order id=1 account=B -> accepted",
    ),
    (
        "",
        "order id=1 symbol=Z -> SymbolUnknown\n order id=1 symbol=Y -> accepted",
    ),
    (
        "",
        "kill scope=symbol name=X\n order id=1 -> SymbolKilled\n order id=1 symbol=Y -> accepted",
    ),
    (
        "",
        "link broker=sim state=down\n order id=1 -> BrokerLinkDown\n link broker=sim state=up\n order id=2 -> accepted",
    ),
    (
        "",
        "link broker=sim state=breaker_open\n order id=1 -> BreakerOpen\n \
         link broker=sim state=half_open\n order id=2 -> accepted",
    ),
    (
        "",
        "order id=1 -> accepted\n order id=1 -> ClientOrderIdDuplicate\n order id=1 account=B -> accepted",
    ),
    (
        "",
        "order id=1 side=both -> SideInvalid\n order id=1 side=sell -> accepted",
    ),
    (
        "",
        "order id=1 type=iceberg -> OrderTypeInvalid\n order id=1 -> accepted",
    ),
    (
        "",
        "order id=1 tif=never -> TimeInForceInvalid\n order id=1 tif=gtc -> accepted",
    ),
    (
        "",
        "quote\n order id=1 type=market price=100 -> PriceNotAllowed 0 100\n order id=1 type=market -> accepted",
    ),
    (
        "",
        "order id=1 price=100.25 -> PriceOffTick 0.5 100.25\n order id=1 price=100.5 -> accepted",
    ),
    (
        "",
        "order id=1 qty=0 -> QtyZero 1 0\n order id=1 -> accepted",
    ),
    (
        "",
        "order id=1 qty=1.5 -> QtyOffLot 1 1.5\n order id=1 qty=2 -> accepted",
    ),
    (
        "",
        "cancel id=1 orig=9 -> OrderUnknown\n order id=9\n cancel id=1 orig=9 -> accepted",
    ),
    (
        "",
        "order id=9\n report id=9 exec=canceled\n cancel id=1 orig=9 -> OrderClosed",
    ),
    (
        "",
        "order id=9\n replace id=10 orig=9 qty=2 -> accepted\n replace id=11 orig=9 qty=3 -> ReplacePending\n \
         report id=10 orig=9 exec=replaced\n replace id=11 orig=10 qty=3 -> accepted",
    ),
    (
        "",
        "order id=9\n cancel id=10 orig=9\n replace id=11 orig=9 qty=3 -> CancelPending\n \
         report id=10 orig=9 exec=cancel_rejected\n replace id=11 orig=9 qty=3 -> accepted",
    ),
    (
        "",
        "order id=9\n link broker=sim state=down\n link broker=sim state=up\n replace id=10 orig=9 -> OrderInDoubt\n \
         cancel id=11 orig=9 -> accepted",
    ),
    (
        "",
        "quote\n order id=9 type=market\n replace id=10 orig=9 -> ReplaceOfMarketOrder",
    ),
    (
        "",
        "order id=9 qty=5\n report id=9 exec=trade exec_id=e qty=3 price=100\n \
         replace id=10 orig=9 qty=3 -> QtyBelowFilled 3 3\n replace id=10 orig=9 qty=4 -> accepted",
    ),
    (
        "order_qty_max = 10",
        "order id=1 qty=11 -> QtyAboveMax 10 11\n order id=1 qty=10 -> accepted",
    ),
    (
        "order_notional_max = 1000",
        "order id=1 qty=10 price=100.5 -> NotionalAboveMax 1000 1005\n order id=1 qty=10 -> accepted",
    ),
    (
        "",
        "order id=1 type=market -> ReferenceAbsent\n quote\n order id=1 type=market -> accepted",
    ),
    (
        "price_collar_bps = 100",
        "quote\n order id=1 price=101.5 -> PriceOutsideCollar 101 101.5\n order id=1 price=101 -> accepted\n \
         order id=2 price=98.5 -> PriceOutsideCollar 99 98.5\n order id=2 price=99 -> accepted",
    ),
    (
        "price_collar_bps = 100",
        "quote\n quote bid=101 ask=100\n order id=1 -> ReferenceUnusable\n quote\n order id=1 -> accepted\n \
         quote bid=0 ask=100\n order id=2 -> ReferenceUnusable",
    ),
    (
        "price_collar_bps = 100\nreference_age_max = \"10ms\"",
        "quote\n order id=1 after=10 -> accepted\n order id=2 -> ReferenceStale 10000000 11000000",
    ),
    (
        "order_rate = [{ max = 2, window = \"10ms\" }]",
        "order id=1\n order id=2 -> accepted\n order id=3 -> OrderRateAboveMax 2 3\n \
         order id=4 after=7 -> OrderRateAboveMax 2 3\n order id=5 -> accepted\n \
         order id=6 -> accepted\n order id=7 -> OrderRateAboveMax 2 3\n cancel id=8 orig=1 -> accepted",
    ),
    (
        "duplicate_window = \"10ms\"",
        "order id=1\n order id=2 after=9 -> OrderDuplicate 10000000 9000000\n \
         order id=3 after=10 -> accepted\n order id=4 qty=2 -> accepted\n order id=5 side=sell -> accepted",
    ),
    (
        "open_orders_max = 1",
        "order id=1\n order id=2 -> OrdersOpenAboveMax 1 2\n report id=1 exec=canceled\n order id=2 -> accepted",
    ),
    (
        "open_notional_max = 200",
        "order id=1\n order id=2 qty=2 -> OpenNotionalAboveMax 200 300\n order id=2 -> accepted",
    ),
    (
        "position_qty_max = 2",
        "order id=1 qty=2\n order id=2 -> PositionQtyAboveMax 2 3\n order id=2 side=sell qty=2 -> accepted\n \
         order id=3 side=sell -> PositionQtyAboveMax 2 3",
    ),
    (
        "position_value_max = 200",
        "quote\n order id=1 qty=3 price=50 -> PositionValueAboveMax 200 300\n order id=1 qty=2 price=50 -> accepted",
    ),
    (
        "gross_exposure_max = 300",
        "quote\n quote symbol=Y\n order id=1 qty=2\n order id=2 symbol=Y side=sell qty=2 -> GrossExposureAboveMax 300 400\n \
         order id=2 symbol=Y side=sell -> accepted",
    ),
    (
        "",
        "order id=1 qty=40000000000 price=9000000000 -> ExposureOverflow\n order id=1 -> accepted",
    ),
    (
        "[capacity]\norders = 2\norders_closed = 1\n",
        "order id=1\n order id=2 -> OrdersFull 1 2\n report id=1 exec=canceled\n order id=2 -> accepted",
    ),
    (
        "[capacity]\norders = 2\norders_closed = 1\nclient_order_ids = 2\nclient_order_id_horizon = \"5ms\"\n",
        "order id=1\n report id=1 exec=canceled\n order id=2\n report id=2 exec=canceled\n \
         order id=3 -> ClientOrderIdsFull 2 2\n order id=3 after=5 -> accepted",
    ),
    (
        "[capacity]\npositions = 2\n",
        "order id=1\n order id=2 symbol=Y -> PositionsFull 2 2\n order id=2 -> accepted",
    ),
    (
        "[capacity]\nduplicates_per_window = 1\n[limits]\nduplicate_window = \"10ms\"",
        "order id=1 qty=5\n order id=2 qty=6 -> DuplicatesFull 1 1\n order id=3 qty=6 after=10 -> accepted",
    ),
];

/// Reasons whose story needs a configuration of its own, below.
const BELOW: &[RejectReason] = &[
    RejectReason::ReservedBitSet,
    RejectReason::AccountDisabled,
    RejectReason::StrategyDisabled,
    RejectReason::SymbolDisabled,
    RejectReason::LimitsAbsent,
    RejectReason::ClientOrderIdInvalid,
    RejectReason::OrderTypeNotPermitted,
    RejectReason::TimeInForceNotPermitted,
    RejectReason::PriceBelowMin,
    RejectReason::PriceAboveMax,
    RejectReason::QtyBelowMin,
    RejectReason::QtyAboveSymbolMax,
    // Told of the other orders of a basket.
    RejectReason::BasketRefused,
];

fn limits_of(text: &str) -> String {
    if text.is_empty() {
        return OPEN.to_owned();
    }
    let age = if text.contains("reference_age_max") {
        ""
    } else {
        "reference_age_max = \"off\"\n"
    };
    let open = format!("others = \"off\"\n{age}");
    match (text.contains("[limits]"), text.starts_with('[')) {
        (true, _) => format!("{text}\n{open}"),
        (false, true) => format!("{text}\n[limits]\n{open}"),
        (false, false) => format!("[limits]\n{open}{text}\n"),
    }
}

#[test]
fn every_story_ends_as_told() {
    for (limits, story) in STORIES {
        let story = story.replace("LONG", &"x".repeat(129));
        Gate::new(&limits_of(limits)).check(&story);
    }
}

#[test]
fn every_reason_has_a_story() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controls");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let scenarios: String = files.collect();
    for &reason in RejectReason::ALL {
        let is_told = STORIES
            .iter()
            .any(|(_, story)| story.contains(&format!("-> {}", reason.name())));
        let mut lines = scenarios.lines();
        let is_in_scenario = lines.any(|line| line.split(' ').next() == Some(reason.name()));
        assert!(
            is_told || is_in_scenario || BELOW.contains(&reason),
            "{} has no story",
            reason.name()
        );
    }
}

#[test]
fn the_terms_of_a_symbol_are_exact() {
    let symbol = "[limits]\nothers = \"off\"\nreference_age_max = \"off\"\n[[account]]\nname = \"A\"\n\
        [[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n[[broker]]\nname = \"sim\"\nkind = \"sim\"\n\
        [[symbol]]\nname = \"X\"\ntick = \"0.5\"\nlot = \"1\"\nbroker = \"sim\"\nprice_min = \"90\"\n\
        price_max = \"110\"\nqty_min = \"5\"\nqty_max = \"20\"\norder_types = [\"limit\"]\n\
        times_in_force = [\"day\", \"ioc\"]\n";
    Gate::of(symbol).check(
        "order id=1 qty=5 price=89.5 -> PriceBelowMin 90 89.5
         order id=1 qty=5 price=90 -> accepted
         order id=2 qty=5 price=110.5 -> PriceAboveMax 110 110.5
         order id=2 qty=5 price=110 -> accepted
         order id=3 qty=4 -> QtyBelowMin 5 4
         order id=3 qty=21 -> QtyAboveSymbolMax 20 21
         order id=3 qty=20 -> accepted
         order id=4 qty=5 tif=fok -> TimeInForceNotPermitted
         order id=4 qty=5 tif=ioc -> accepted
         quote
         order id=5 qty=5 type=market -> OrderTypeNotPermitted",
    );
}

#[test]
fn a_price_of_zero_or_less_must_be_asked_for() {
    let symbol = |price_min: &str| {
        format!(
            "[limits]\nothers = \"off\"\nreference_age_max = \"off\"\n[[account]]\nname = \"A\"\n\
             [[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n[[broker]]\nname = \"sim\"\nkind = \"sim\"\n\
             [[symbol]]\nname = \"X\"\ntick = \"0.5\"\nlot = \"1\"\nbroker = \"sim\"\n{price_min}\n"
        )
    };
    Gate::of(&symbol("")).check(
        "order id=1 price=0 -> PriceBelowMin 0.5 0
         order id=1 price=-0.5 -> PriceBelowMin 0.5 -0.5
         order id=1 price=0.5 -> accepted",
    );
    Gate::of(&symbol("price_min = \"-1\"")).check(
        "order id=1 price=-1.5 -> PriceBelowMin -1 -1.5
         order id=1 price=-1 -> accepted
         order id=2 price=0 -> accepted",
    );
}

#[test]
fn what_is_disabled_or_has_no_limits_sends_nothing() {
    let text = |account: &str, strategy: &str, symbol: &str, limits: &str| {
        format!(
            "{limits}\n[[account]]\nname = \"A\"\n{account}\n[[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n{strategy}\n\
             [[broker]]\nname = \"sim\"\nkind = \"sim\"\n[[symbol]]\nname = \"X\"\ntick = \"0.5\"\nlot = \"1\"\nbroker = \"sim\"\n{symbol}\n"
        )
    };
    let off = "enabled = false";
    Gate::of(&text(off, "", "", OPEN)).check("order id=1 -> AccountDisabled");
    Gate::of(&text("", off, "", OPEN)).check("order id=1 -> StrategyDisabled");
    Gate::of(&text("", "", off, OPEN)).check("order id=1 -> SymbolDisabled");
    Gate::of(&text("", "", "", "")).check("order id=1 -> LimitsAbsent");
    Gate::of(&text("", "", "", OPEN)).check("order id=1 -> accepted");
}

#[test]
fn a_reserved_bit_or_a_dirty_id_is_refused() {
    use portcullis::message::{Frame, Header, Kind, NewOrder, Replace, Text};
    use portcullis::risk::core::Core;
    use portcullis::risk::decision::Effects;
    use portcullis::units::{Nanos, Price, Qty, StrategyId};
    let config = portcullis::config::parse(
        &format!(
            "{OPEN}[[account]]\nname = \"A\"\n[[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n[[broker]]\nname = \"sim\"\n\
             kind = \"sim\"\n[[symbol]]\nname = \"X\"\ntick = \"0.5\"\nlot = \"1\"\nbroker = \"sim\"\n"
        ),
        "test.toml",
    )
    .unwrap();
    let mut core = Core::new(&config.setup);
    let good = NewOrder {
        price: Price::parse("100").unwrap(),
        qty: Qty::parse("1").unwrap(),
        client_order_id: Text::new("1").unwrap(),
        side: 1,
        order_type: 2,
        time_in_force: 1,
        ..NewOrder::default()
    };
    let header = Header {
        time: Nanos::from_raw(1),
        strategy: StrategyId(0),
        ..Header::default()
    };
    let frame = Frame::new(Kind::NewOrder, header, good);
    core.step(&frame, &[], &mut Effects::default());
    // Every bit of the body that no field owns, one at a time; an order has none.
    for bit in 0..2 * 8 {
        let mut replace = Replace {
            client_order_id: Text::new("2").unwrap(),
            original_id: Text::new("1").unwrap(),
            ..Replace::default()
        };
        replace.reserved[bit / 8] ^= 1 << (bit % 8);
        let frame = Frame::new(Kind::Replace, header, replace);
        let reason = core.step(&frame, &[], &mut Effects::default()).reason;
        assert_eq!(reason, Some(RejectReason::ReservedBitSet), "bit {bit}");
    }
    let mut reason = |order: NewOrder, header: Header| {
        let frame = Frame::new(Kind::NewOrder, header, order);
        core.step(&frame, &[], &mut Effects::default()).reason
    };
    for flag in 4..16 {
        let header = Header {
            flags: 1 << flag,
            ..header
        };
        assert_eq!(
            reason(good, header),
            Some(RejectReason::ReservedBitSet),
            "flag {flag}"
        );
    }
    for at in 0..36 {
        let mut bytes: [u8; 96] = bytemuck::cast(good);
        bytes[24 + at] = 7;
        let order: NewOrder = bytemuck::cast(bytes);
        assert_eq!(
            reason(order, header),
            Some(RejectReason::ClientOrderIdInvalid),
            "byte {at}"
        );
    }
    let other = NewOrder {
        client_order_id: Text::new("3").unwrap(),
        ..good
    };
    assert_eq!(reason(other, header), None);
}
