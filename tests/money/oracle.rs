//! Oracle: the same trades, worked out by a script with decimals that nothing rounds.

use super::world::{Entry, OWNERS, SYMBOLS, What, World, seed};
use portcullis::risk::setup::{CostMethod, FeeRate, RateSource};
use portcullis::units::{Amount, Price, SymbolId, write_decimal};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Has `oracle.py` answer.
fn ask(question: &Value) -> Value {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/money/oracle.py");
    let mut child = Command::new("python3")
        .arg(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need Python 3");
    let mut to = child.stdin.take().unwrap();
    to.write_all(question.to_string().as_bytes()).unwrap();
    drop(to);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "oracle.py");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn decimal(raw: i128, digits: u32) -> String {
    let mut text = String::new();
    write_decimal(&mut text, raw, digits).unwrap();
    text
}

/// One line for each thing that was done.
fn csv(world: &World) -> String {
    let mut lines = "kind,account,strategy,symbol,qty,price,cash,fee,liquidity,order\n".to_owned();
    for entry in &world.entries {
        let Entry {
            account,
            strategy,
            symbol,
            qty,
            price,
            cash,
            fee,
            order,
            ..
        } = entry;
        let kind = match entry.kind {
            What::Fill => "fill",
            What::Adjust(kind) => kind.text(),
        };
        let name = &world.setup.symbols[*symbol as usize].name;
        let liquidity = if entry.is_maker { "maker" } else { "taker" };
        lines.push_str(&format!(
            "{kind},{account},{strategy},{name},{qty},{price},{cash},{fee},{liquidity},{order}\n"
        ));
    }
    lines
}

/// What the script must know of symbols.
fn terms(world: &World) -> Value {
    let rate = |rate: FeeRate| {
        json!({
            "per_unit": rate.per_unit.to_string(),
            "of_value": decimal(rate.of_value.into(), 8),
        })
    };
    let rows = world
        .setup
        .symbols
        .iter()
        .zip(world.sums)
        .map(|(symbol, sum)| {
            let currency = &world.setup.currencies[symbol.settlement as usize];
            let one = Price::parse("1").unwrap();
            let exchange = match currency.rate {
                RateSource::Fixed(rate) if symbol.settlement != 0 => rate,
                _ => one,
            };
            let fees = symbol.fees.map(|fees| {
                json!({
                    "maker": rate(fees.maker),
                    "taker": rate(fees.taker),
                    "order_min": fees.order_min.map(|min| min.to_string()),
                    "order_max": fees.order_max.map(|max| max.to_string()),
                    "order_share_max": fees.order_share_max.map(|max| decimal(max.into(), 8)),
                })
            });
            let multiplier = match symbol.multiplier {
                0 => one,
                multiplier => Price::from_raw(multiplier as i64),
            };
            let terms = json!({
                "multiplier": multiplier.to_string(),
                "is_inverse": symbol.is_inverse,
                "rate": exchange.to_string(),
                "mid": sum.map(|sum| decimal(sum * 5, 10)),
                "fees": fees,
            });
            (symbol.name.clone(), terms)
        });
    Value::Object(rows.collect())
}

/// The same to 1e-9, and written in cents the same.
fn is_same(found: Amount, wanted: &Value) -> bool {
    let wanted = Amount::parse(wanted.as_str().unwrap()).unwrap();
    const CENT: i128 = 1_000_000_000_000_000;
    let cents = |of: Amount| (of.raw() + CENT / 2).div_euclid(CENT);
    let near = (found.raw() - wanted.raw()).abs() <= CENT / 10_000_000;
    near && cents(found) == cents(wanted)
}

#[test]
fn books_say_what_decimals_say_to_the_cent() {
    let first = seed();
    for case in 0..8 {
        let mut world = World::new(first.wrapping_add(1_000 + case));
        (0..400).for_each(|_| world.happen());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trades-{case}.csv"));
        std::fs::write(&path, csv(&world)).unwrap();
        let fifo = |method| method == CostMethod::FirstInFirstOut;
        let accounts: Vec<_> = world
            .setup
            .accounts
            .iter()
            .map(|of| fifo(of.cost_method))
            .collect();
        let strategies: Vec<_> = world
            .setup
            .strategies
            .iter()
            .map(|of| fifo(of.cost_method))
            .collect();
        assert!(accounts.contains(&true) && accounts.contains(&false));
        let said = ask(&json!({
            "trades": path,
            "terms": terms(&world),
            "is_fifo": { "account": accounts, "strategy": strategies },
        }));
        let mut compared = 0;
        for (is_account, kind) in [(true, "account"), (false, "strategy")] {
            for (owner, symbol) in (0..OWNERS).flat_map(|of| (0..SYMBOLS).map(move |at| (of, at))) {
                let id = SymbolId(symbol);
                let Some(cell) = world.core.position(is_account, owner, id) else {
                    continue;
                };
                let ledger = world.core.ledger(is_account, owner, id).unwrap();
                let value = world.core.settlement_value(id, cell.position);
                let name = &world.setup.symbols[symbol as usize].name;
                let wanted = &said[kind][owner as usize][name];
                assert_eq!(wanted["position"], cell.position.to_string());
                let unrealized = value.map_or(Amount::ZERO, |value| value.less(ledger.cost));
                for (key, found) in [
                    ("cost", ledger.cost),
                    ("realized", ledger.realized),
                    ("fees", ledger.fees),
                    ("cash", ledger.cash()),
                    ("unrealized", unrealized),
                    ("profit", cell.profit),
                ] {
                    let wanted = &wanted[key];
                    assert!(
                        is_same(found, wanted),
                        "case {case}: {key} of {kind} {owner} in {name}: {found}, not {wanted}"
                    );
                    compared += 1;
                }
            }
        }
        assert!(60 < compared, "{compared}");
    }
}
