//! Quotes on their way: what risk and the simulated exchanges are handed, and when.

use crate::harness::{Gate, INTERVAL, START, SYMBOLS, options, send};
use portcullis::market::MarketStage;
use portcullis::message::{Frame, Header, Kind, Quote};
use portcullis::topology::Stage;
use portcullis::units::{Nanos, Price, Qty, StrategyId, SymbolId};

/// Whatever thread the configuration gives it.
const _: fn() = || {
    fn is_movable<T: Stage + Send + 'static>() {}
    is_movable::<MarketStage>();
};

#[test]
fn a_quote_goes_to_risk_and_to_the_simulated_exchange() {
    let mut gate = Gate::new(options());
    let mut client = gate.log_on();
    assert_eq!(client.names().symbols().count(), SYMBOLS);
    assert_eq!(client.names().accounts().count(), 0);
    let symbol = client.names().symbol("S2").unwrap().id;
    let (bid, ask) = (Price::parse("99.5").unwrap(), Price::parse("100").unwrap());
    let (few, many) = (Qty::parse("3").unwrap(), Qty::parse("900").unwrap());
    let source_time = Nanos::from_secs(5);
    client
        .quote(symbol, (bid, few), (ask, many), source_time)
        .unwrap();
    client.flush().unwrap();
    let frame = gate.until(|gate| gate.to_risk.pop());
    let quote = Quote {
        bid,
        ask,
        bid_qty: few,
        ask_qty: many,
        source_time,
        symbol: SymbolId(2),
        ..Quote::default()
    };
    let header = Header {
        time: START,
        strategy: StrategyId::NONE,
        ..Header::default()
    };
    assert_eq!(frame, Frame::new(Kind::Quote, header, quote));
    assert_eq!(gate.to_broker.pop(), Some(frame));
    assert_eq!((gate.to_risk.pop(), gate.to_broker.pop()), (None, None));
}

#[test]
fn a_burst_becomes_its_first_and_its_last_an_interval_apart() {
    let mut gate = Gate::new(options());
    let mut client = gate.log_on();
    send(&mut client, 1, 100, START);
    gate.until_quotes(1);
    assert_eq!(gate.taken(), [(1, 100, START)]);
    for bid in 101..=1_000 {
        send(&mut client, 1, bid, START);
    }
    gate.until_quotes(901);
    assert_eq!(gate.taken(), []);
    assert_eq!(gate.stage.counters().conflated, 899);
    let due = START.after(INTERVAL);
    assert_eq!(gate.stage.deadline(), due);
    gate.now = Nanos::from_raw(due.raw() - 1);
    gate.step();
    assert_eq!(gate.taken(), []);
    gate.now = due;
    gate.step();
    assert_eq!(gate.taken(), [(1, 1_000, due)]);
    assert!(due < gate.stage.deadline(), "nothing is pending any more");
}

#[test]
fn of_two_feeds_the_latest_quote_wins() {
    let mut gate = Gate::new(options());
    let mut first = gate.log_on();
    let mut second = gate.connect(1, "other");
    gate.until_ready(&mut second);
    send(&mut first, 0, 10, START);
    gate.until_quotes(1);
    send(&mut first, 0, 11, START);
    gate.until_quotes(2);
    send(&mut second, 0, 12, START);
    gate.until_quotes(3);
    gate.pass(INTERVAL);
    gate.step();
    let bids: Vec<_> = gate.taken().iter().map(|(_, bid, _)| *bid).collect();
    assert_eq!(bids, [10, 12]);
}

#[test]
fn a_full_ring_keeps_the_latest_back_until_it_would_no_longer_be_true() {
    let late_max = options().late_max;
    let mut gate = Gate::with_rings(options(), 1, 1024);
    let mut client = gate.log_on();
    for (count, symbol) in [(1, 0), (2, 1), (3, 2)] {
        send(&mut client, symbol, 100, START);
        gate.until_quotes(count);
    }
    let deadline = gate.stage.deadline();
    assert!(START < deadline && deadline < START.after(INTERVAL));
    send(&mut client, 1, 200, START);
    gate.until_quotes(4);
    assert_eq!(gate.taken(), [(0, 100, START)]);
    gate.step();
    assert_eq!(gate.taken(), [(1, 200, START)], "the latest, in its turn");

    gate.pass(Nanos::from_raw(late_max.raw() + 1));
    gate.step();
    assert_eq!(gate.taken(), [], "it is too old to be handed on as new");
    assert_eq!(gate.stage.counters().late, 1);
    send(&mut client, 2, 300, gate.now);
    gate.until_quotes(5);
    assert_eq!(gate.taken(), [(2, 300, gate.now)]);
}

#[test]
fn an_exchange_without_room_misses_a_quote_and_gets_the_next() {
    let mut gate = Gate::with_rings(options(), 1024, 1);
    let mut client = gate.log_on();
    for (count, symbol) in [(1, 0), (2, 1)] {
        send(&mut client, symbol, 100, START);
        gate.until_quotes(count);
    }
    assert_eq!(gate.taken().len(), 2);
    assert_eq!(gate.stage.counters().skipped, 1);
    assert_eq!(gate.to_broker.pop().unwrap().body::<Quote>().symbol.0, 0);
    send(&mut client, 2, 100, START);
    gate.until_quotes(3);
    assert_eq!(gate.to_broker.pop().unwrap().body::<Quote>().symbol.0, 2);
}

#[test]
fn a_symbol_that_does_not_exist_is_passed_over() {
    let mut gate = Gate::new(options());
    let mut client = gate.log_on();
    for symbol in [SYMBOLS as u32, u32::MAX, 0] {
        send(&mut client, symbol, 100, START);
    }
    gate.until_quotes(3);
    assert_eq!(gate.stage.counters().unknown, 2);
    assert_eq!(gate.taken(), [(0, 100, START)]);
    assert!(gate.stage.is_up(0));
}

/// Many quotes of few symbols, by two feeds, time going on now and then: whatever the sockets do,
/// what risk sees is spaced, in order, and ends with the last.
#[test]
fn under_random_load_quotes_are_spaced_and_the_last_arrives() {
    let seed = 0x5851_f42d_4c95_7f2du64;
    println!("seed {seed:#x}");
    let mut state = seed;
    let mut random = move |bound: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % bound
    };
    let mut gate = Gate::with_rings(options(), 2, 2);
    let mut clients = [gate.log_on(), gate.connect(1, "other")];
    gate.until_ready(&mut clients[1]);
    let mut sent = 0;
    let mut last = [0; SYMBOLS];
    let mut taken: Vec<(u32, i64, Nanos)> = Vec::new();
    for _ in 0..2_000 {
        for _ in 0..random(8) {
            sent += 1;
            let symbol = random(SYMBOLS as u64) as usize;
            last[symbol] = sent;
            send(&mut clients[0], symbol as u32, sent, gate.now);
        }
        if random(4) == 0 {
            // One feed at a time, so that there is one order to compare with.
            gate.until_quotes(sent as u64);
            clients.swap(0, 1);
        }
        gate.step();
        gate.pass(Nanos::from_raw(random(INTERVAL.raw() / 2)));
        if random(3) == 0 {
            taken.extend(gate.taken());
        }
    }
    gate.until_quotes(sent as u64);
    for _ in 0..2 * SYMBOLS {
        gate.pass(INTERVAL);
        gate.step();
        taken.extend(gate.taken());
    }
    for (symbol, last) in last.into_iter().enumerate() {
        let of_symbol = taken.iter().filter(|taken| taken.0 == symbol as u32);
        let of_symbol: Vec<_> = of_symbol.collect();
        assert_eq!(of_symbol.last().unwrap().1, last);
        for pair in of_symbol.windows(2) {
            assert!(pair[0].1 < pair[1].1, "an older quote came later");
            assert!(INTERVAL <= pair[1].2.since(pair[0].2), "too soon");
        }
    }
    let counters = gate.stage.counters();
    assert_eq!(counters.handed_on, taken.len() as u64);
    assert_eq!(counters.quotes, counters.handed_on + counters.conflated);
}
