//! A day of real prices, traded by a simple strategy whose positions the gate closes: what it has earned,
//! beside what Python works out from the same fills in decimal arithmetic.

use super::world::*;
use portcullis::message::{OrderType, Side};
use portcullis::risk::setup::{CostMethod, ExitTerms, FeeRate, Fees, Setup};
use portcullis::units::{Amount, Money, Nanos, Position, Price, SymbolId};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Real data, or one visible line that it is left out.
fn file() -> Option<PathBuf> {
    let folder = std::env::var_os("PORTCULLIS_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let file = folder.join("lobster/AMZN_2012-06-21_orderbook_1.csv");
    if !file.exists() {
        let _ = writeln!(
            std::io::stderr(),
            "left out: no {} (set PORTCULLIS_REAL_DATA)",
            file.display()
        );
        return None;
    }
    Some(file)
}

/// The best bid and ask of each row that has others than the row before.
fn touches(path: &Path) -> Vec<(Price, Price)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut touches: Vec<(Price, Price)> = Vec::new();
    for line in text.lines() {
        let mut columns = line
            .split(',')
            .map(|text| text.trim().parse::<i64>().unwrap());
        // In 1e-4: the ask, its size, the bid, its size.
        let (ask, bid) = (columns.next().unwrap(), columns.nth(1).unwrap());
        let of = |raw: i64| Price::from_raw(raw * 100_000);
        let touch = (of(bid), of(ask));
        if touches.last() != Some(&touch) && 0 < bid && bid < ask {
            touches.push(touch);
        }
    }
    touches
}

fn of_day(method: CostMethod) -> Setup {
    let mut setup = setup(ExitTerms {
        stop_loss: Some(300_000),
        take_profit: Some(350_000),
        trailing: Some(400_000),
        break_even: Some(200_000),
        hold_max: None,
    });
    setup.accounts[0].cost_method = method;
    setup.strategies[0].cost_method = method;
    setup.capacity.lots = 64;
    setup.mark_age_max = Nanos::from_secs(86_400);
    setup.symbols[0].fees = Some(Fees {
        taker: FeeRate {
            per_unit: Money::parse("0.005").unwrap(),
            of_value: 0,
        },
        order_min: Some(Money::parse("1").unwrap()),
        order_share_max: Some(1_000_000),
        ..Fees::default()
    });
    setup
}

struct Day {
    world: World,
    /// What the gate has done by itself, by cause.
    exits: HashMap<&'static str, u32>,
    fills: String,
    fill_count: u32,
}

impl Day {
    fn fill(&mut self, lots: u64, at: Price) {
        let of = self.world.standing[0].clone();
        self.world.fill(of.id, lots, at);
        let side = of.side.text();
        writeln!(self.fills, "{},{side},{lots},{at}", of.id.0).unwrap();
        self.fill_count += 1;
    }

    /// Everything arrives; what stands fills at the touch, a part of it first.
    fn arrive(&mut self, (bid, ask): (Price, Price)) {
        loop {
            if let Some(of) = self.world.standing.first() {
                let at = if of.side == Side::Buy { ask } else { bid };
                let part = if of.leaves > 40 { 40 } else { of.leaves };
                self.fill(part, at);
            } else if !self.world.requests.is_empty() {
                self.world.deliver_request(false);
            } else if !self.world.reports.is_empty() {
                self.world.deliver_report();
            } else if self.world.is_due() {
                self.world.tick();
            } else {
                return;
            }
        }
    }
}

fn play(touches: &[(Price, Price)], method: CostMethod) -> Day {
    let mut day = Day {
        world: World::new(&of_day(method)),
        exits: HashMap::new(),
        fills: String::new(),
        fill_count: 0,
    };
    let mut flat_for = 0;
    for (at, touch) in touches.iter().enumerate() {
        day.world.now += 1_000_000;
        day.world.quote_of(0, touch.0, touch.1);
        let cause = day.world.core.exits().next().map(|exit| exit.cause.text());
        if let Some(cause) = cause {
            *day.exits.entry(cause).or_default() += 1;
        }
        day.arrive(*touch);
        let position = day.world.positions[0];
        flat_for = if position == 0 { flat_for + 1 } else { 0 };
        // A fresh position now and then, and sometimes more of it.
        let is_more = position != 0 && at % 97 == 0 && position.abs() < 300;
        if flat_for % 25 == 24 || is_more {
            let side = match position {
                0 if at % 2 == 0 => Side::Buy,
                0 => Side::Sell,
                long if 0 < long => Side::Buy,
                _ => Side::Sell,
            };
            let limit = if side == Side::Buy { touch.1 } else { touch.0 };
            let lots = 50 + at as u64 % 70;
            day.world
                .order_with(side, lots, 1, |order| {
                    order.price = limit;
                    order.order_type = OrderType::Limit as u8;
                })
                .unwrap();
            day.arrive(*touch);
        }
    }
    day
}

/// What Python makes of the fills.
fn worked_out(day: &Day, mid: &str) -> HashMap<String, Amount> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exits/day.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(day.fills.as_bytes()).unwrap();
    writeln!(stdin, "mid,{mid}").unwrap();
    drop(stdin);
    let out = python.wait_with_output().unwrap();
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines()
        .map(|line| {
            let (name, value) = line.split_once(' ').unwrap();
            (name.to_owned(), Amount::parse(value).unwrap())
        })
        .collect()
}

#[test]
fn a_real_day_with_stops_earns_what_an_independent_calculation_says() {
    let Some(path) = file() else { return };
    let touches = touches(&path);
    let (bid, ask) = *touches.last().unwrap();
    let mid = Amount::from_raw(i128::from(bid.raw() + ask.raw()) * 50_000_000).to_string();
    for (method, name) in [
        (CostMethod::Average, "average"),
        (CostMethod::FirstInFirstOut, "fifo"),
    ] {
        let day = play(&touches, method);
        let worked_out = worked_out(&day, &mid);
        let symbol = SymbolId(0);
        let of = |is_account| *day.world.core.ledger(is_account, 0, symbol).unwrap();
        let (account, strategy) = (of(true), of(false));
        assert_eq!(
            (account.cost, account.realized),
            (strategy.cost, strategy.realized)
        );
        let position = Position::from_raw(day.world.positions[0] * LOT as i64);
        let held = day.world.core.market_value(symbol, position).unwrap();
        let open = held.less(account.cost);
        println!(
            "{} prices, {} fills, {:?}: realized {}, fees {}, open {open}",
            touches.len(),
            day.fill_count,
            day.exits,
            account.realized,
            account.fees
        );
        for (what, ours) in [
            ("fees".to_owned(), account.fees),
            (format!("{name}_realized"), account.realized),
            (format!("{name}_open"), open),
        ] {
            // Python rounds to nine digits; average cost is rounded here at each reduction.
            let apart = ours.less(worked_out[&what]).raw().abs();
            assert!(
                apart <= 1_000_000_000,
                "{what}: {ours} and {}",
                worked_out[&what]
            );
        }
        assert!(
            day.fill_count > 200 && day.exits.len() >= 3,
            "{:?}",
            day.exits
        );
    }
}
