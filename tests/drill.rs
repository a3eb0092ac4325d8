//! The drills: what leaves is what can be worked out by hand, to the order.

use portcullis::command::drill::{Control, DRILLS, Drill, Options, Run, Scene, run};
use portcullis::reject::RejectReason as Reason;
use portcullis::units::{Nanos, Notional, Qty};
use std::path::{Path, PathBuf};

fn scenes(name: &str) -> Vec<Scene> {
    (Drill::find(name).unwrap().scenes)()
}

/// Plays a scene with the one of its controls that begins so.
fn play(scene: &Scene, control: &str) -> Run {
    let found = scene
        .controls
        .iter()
        .find(|of| of.name().starts_with(control));
    scene.play(found.expect(control)).unwrap()
}

fn play_without(scene: &Scene) -> Run {
    scene.play(&Control::default()).unwrap()
}

fn money(text: &str) -> Notional {
    Notional::parse(text).unwrap()
}

fn qty(text: &str) -> Qty {
    Qty::parse(text).unwrap()
}

#[test]
fn knight_stops_after_four_thousand_children() {
    let [scene] = scenes("knight-2012").try_into().unwrap();
    let run = play(&scene, "gross_exposure_max");
    // 45 minutes of 1,481 orders a second; 20,000,000 = 4,000 children of 100 at 50.
    assert_eq!(run.sent.orders, 1_481 * 2_700);
    assert_eq!(run.sent.qty, qty("399870000"));
    assert_eq!(run.left.orders, 4_000);
    assert_eq!(run.left.qty, qty("400000"));
    assert_eq!(run.left.money, money("20000000"));
    assert_eq!(run.refused.len(), 1);
    let after = Nanos::from_raw(4_000 * 1_000_000_000 / 1_481);
    assert_eq!(run.first, Some((Reason::GrossExposureAboveMax, after)));
    // 2,000 shares in each of 154 symbols; a first child in each; 100 in each second.
    assert_eq!(play(&scene, "position_qty_max").left.orders, 154 * 20);
    assert_eq!(play(&scene, "duplicate_window").left.orders, 154);
    assert_eq!(play(&scene, "order_rate").left.orders, 100 * 2_700);
}

#[test]
fn everbright_stops_after_89_buys_and_the_same_basket_never_passes_again() {
    let [basket, again] = scenes("everbright-2013").try_into().unwrap();
    let off = play_without(&basket);
    assert_eq!((off.sent.orders, off.left), (26_082, off.sent));
    assert_eq!(off.left.money, money("23399987940"));
    let run = play(&basket, "open_notional_max");
    assert_eq!(run.left.orders, 89);
    assert_eq!(run.left.money, money("79848130"));
    assert_eq!(run.refused[&Reason::OpenNotionalAboveMax], 25_993);
    assert_eq!(run.refused.len(), 1);
    assert_eq!(play(&basket, "gross_exposure_max").left.orders, 89);
    assert_eq!(play(&basket, "open_orders_max").left.orders, 1_000);
    assert_eq!(play(&basket, "order_rate").left.orders, 200);

    let run = play_without(&again);
    assert_eq!((run.sent.orders, run.left.orders), (26_082, 0));
    assert_eq!(run.refused[&Reason::ClientOrderIdDuplicate], 26_082);
}

#[test]
fn goldman_sells_nothing_at_one_and_one_operator_raises_nothing() {
    let [absent, stale, good, lifts] = scenes("goldman-2013").try_into().unwrap();
    for (scene, reason) in [
        (absent, Reason::ReferenceAbsent),
        (stale, Reason::ReferenceStale),
        (good, Reason::PriceOutsideCollar),
    ] {
        assert_eq!(play_without(&scene).left.orders, 16_000);
        let run = play(&scene, "price_collar_bps");
        assert_eq!((run.sent.orders, run.left.orders), (16_000, 0));
        assert_eq!(run.refused[&reason], 16_000, "{}", scene.name);
        assert_eq!(run.first, Some((reason, Nanos::ZERO)));
    }
    let run = play_without(&lifts);
    assert_eq!((run.raises_asked, run.raises_done), (5, 5));
    assert_eq!(run.left.orders, 16_000);
    let run = play(&lifts, "raise_persons");
    assert_eq!((run.raises_asked, run.raises_done), (5, 0));
    assert_eq!(run.left.orders, 0);
    assert_eq!(run.refused[&Reason::AccountKilled], 16_000);
}

#[test]
fn citi_sends_nothing_as_typed_and_everything_as_meant() {
    let [typed, meant] = scenes("citi-2022").try_into().unwrap();
    let off = play_without(&typed);
    assert_eq!(off.left.orders, 349);
    assert_eq!(off.left.money, money("444647720000"));
    let run = play(&typed, "order_notional_max");
    assert_eq!(run.left.orders, 0);
    assert_eq!(run.refused[&Reason::NotionalAboveMax], 349);
    // An exposure limit alone lets go what it has room for: three lines of 166,000 at 2,000.
    let run = play(&typed, "gross_exposure_max");
    assert_eq!((run.left.orders, run.left.money), (3, money("996000000")));
    for run in meant.runs().unwrap() {
        assert_eq!(run.left.orders, 349, "{}", run.control);
        assert_eq!(run.left.money, money("58000000"));
        assert!(run.refused.is_empty());
    }
}

#[test]
fn flash_holds_the_program_at_its_position_and_lets_nothing_trade_at_a_stub() {
    let [program, stubs] = scenes("flash-2010").try_into().unwrap();
    let off = play_without(&program);
    assert_eq!(off.left.qty, qty("75000"));
    // 3,600 in the first minute and 90 a second then: the 16th of these would pass 5,000.
    let run = play(&program, "position_qty_max");
    assert_eq!(run.left.qty, qty("4950"));
    assert_eq!(
        run.first,
        Some((Reason::PositionQtyAboveMax, Nanos::from_secs(75)))
    );
    let run = play(&program, "order_rate");
    assert_eq!(
        run.first,
        Some((Reason::OrderRateAboveMax, Nanos::from_secs(30)))
    );
    assert_eq!(run.left.qty, qty("40500"));
    let run = play(&program, "reference_age_max");
    // The pause leaves prices older than two seconds for three orders.
    assert_eq!(run.refused[&Reason::ReferenceStale], 3);

    let off = play_without(&stubs);
    assert_eq!((off.sent.orders, off.left.orders), (20_000, 20_000));
    let by_control = [
        ("price_collar_bps", 10_000),
        ("reference_jump_bps", 10_000),
        ("order_notional_max", 5_000),
    ];
    for (control, left) in by_control {
        assert_eq!(play(&stubs, control).left.orders, left, "{control}");
    }
    let all = stubs.play(&Control::all(&stubs.controls)).unwrap();
    assert_eq!(all.left.orders, 0);
}

fn printed(name: &str, out: PathBuf, is_json: bool) -> String {
    let name = name.to_owned();
    run(&Options { name, out, is_json }).unwrap()
}

#[test]
fn two_runs_print_and_draw_the_same_bytes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill");
    let file = folder.join("one.svg");
    for name in ["citi-2022", "flash-2010"] {
        let text = printed(name, folder.clone(), false);
        let picture = std::fs::read(folder.join(format!("{name}.svg"))).unwrap();
        assert_eq!(printed(name, folder.clone(), false), text);
        let json = printed(name, file.clone(), true);
        assert_eq!(std::fs::read(&file).unwrap(), picture);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let first = &value["drills"][0];
        assert_eq!(first["name"], name);
        assert_eq!(first["scenes"].as_array().unwrap().len(), 2);
        let picture = String::from_utf8(picture).unwrap();
        let curves = first["scenes"].as_array().unwrap().iter();
        let curves: usize = curves.map(|of| of["runs"].as_array().unwrap().len()).sum();
        assert_eq!(picture.matches("<polyline").count(), curves);
    }
}

#[test]
fn what_is_not_a_drill_is_told_with_what_is() {
    let options = |name: &str, out: &str| Options {
        name: name.to_owned(),
        out: out.into(),
        is_json: false,
    };
    let failure = run(&options("mizuho", "nowhere")).unwrap_err();
    assert_eq!(failure.status, 2);
    assert!(
        failure.text.contains("citi-2022, all or list"),
        "{}",
        failure.text
    );
    assert!(run(&options("all", "one.svg")).is_err());
    let list = run(&options("list", "nowhere")).unwrap();
    for drill in DRILLS {
        assert!(list.contains(drill.name) && list.contains(drill.title));
        assert_eq!(drill.facts.lines().count(), 2);
        assert!(drill.facts.lines().all(|line| line.len() <= 98));
    }
}
