//! What is refused, where, and with which words.

use super::{BROKER, told, wrong};
use crate::config::keys::{Key, load_keys};
use crate::config::{load, parse};

#[test]
fn an_error_names_file_line_key_value_and_remedy() {
    let text =
        "[[account]]\nname = \"A\"\n[account.limits]\norder_qty_max = \"1.5x\"\nothers = \"off\"\n";
    assert_eq!(
        told(text),
        "gate.toml:4: account.A.limits.order_qty_max = \"1.5x\": not a decimal; write digits with at \
         most one point, as in 223.81; or \"off\""
    );
    assert_eq!(
        told("[gateway]\nanswer_timeout = 5\n"),
        "gate.toml:2: gateway.answer_timeout = 5: not a duration; write it in quotes with its unit, \
         as in \"500ms\""
    );
    let text = told("[limits]\norder_qty_mx = 5\n");
    assert!(text.starts_with("gate.toml:2: limits.order_qty_mx: unknown key; did you mean order_qty_max? known: order_qty_max, order_notional_max"), "{text}");
    let text = told("[[broker]]\nname = \"b\"\nkind = \"simm\"\n");
    assert_eq!(
        text,
        "gate.toml:3: broker.b.kind = \"simm\": unknown; did you mean \"sim\"? known: \"sim\", \"native\""
    );
    let text = told("[capacity]\nring_messages = 5000\n");
    assert_eq!(
        text,
        "gate.toml:2: capacity.ring_messages = 5000: not a power of two; write 8192"
    );
}

#[test]
fn every_error_of_a_file_is_told_in_the_order_of_its_lines() {
    let text = "\
[gateway]
raise_persons = 0
nme = \"x\"
[limits]
order_qty_max = -1
price_collar_bps = \"10.00001\"
reference_age_max = \"0s\"
order_rate = [{ max = 0, window = \"1s\" }, { max = 1 }, 7]
[[account]]
enabled = 1
[[strategy]]
name = \"S\"
accounts = [\"A\", 5]
[[symbol]]
name = \"X\"
tick = 0
lot = \"0\"
order_types = []
broker = \"none\"
[threads]
cores = [0, 0, -1]
[wrong]
";
    let expected = [
        "2 gateway.raise_persons",
        "3 gateway.nme",
        "5 limits.order_qty_max",
        "6 limits.price_collar_bps",
        "7 limits.reference_age_max",
        "8 limits.order_rate[1].max",
        "8 limits.order_rate[2].window",
        "8 limits.order_rate",
        "9 account[1].name",
        "10 account[1].enabled",
        "13 strategy.S.accounts",
        "13 strategy.S.accounts",
        "16 symbol.X.tick",
        "17 symbol.X.lot",
        "18 symbol.X.order_types",
        "19 symbol.X.broker",
        "21 threads.cores",
        "21 threads.cores",
        "22 wrong",
    ];
    assert_eq!(wrong(text), expected);
}

#[test]
fn what_analytics_cannot_mean_is_refused_where_it_stands() {
    let world = "[[account]]\nname = \"A\"\n[[broker]]\nname = \"sim\"\nkind = \"sim\"\n[[symbol]]\n\
                 names = [\"X\", \"Y\"]\ntick = 1\nlot = 1\nbroker = \"sim\"\n[[group]]\nname = \"G\"\n\
                 kind = \"sector\"\nsymbols = [\"X\"]\n";
    let lines = world.lines().count();
    for (text, line, error) in [
        (
            "[analytics]\nhistory = [\"a\", \"a\"]",
            2,
            "analytics.history",
        ),
        ("[analytics]\nhistory = \"a\"", 2, "analytics.history"),
        ("[analytics]\nreturns_min = 1", 2, "analytics.returns_min"),
        ("[analytics]\nreturns_max = 99", 2, "analytics.returns_max"),
        ("[analytics]\newma_lambda = 1", 2, "analytics.ewma_lambda"),
        (
            "[analytics]\nrisk_free_rate = 5",
            2,
            "analytics.risk_free_rate",
        ),
        (
            "[analytics]\ndays_per_year = 0",
            2,
            "analytics.days_per_year",
        ),
        (
            "[analytics]\nvar_confidence = []",
            2,
            "analytics.var_confidence",
        ),
        (
            "[analytics]\nvar_confidence = 0.95",
            2,
            "analytics.var_confidence",
        ),
        (
            "[analytics]\nvar_confidence = [0.5]",
            2,
            "analytics.var_confidence",
        ),
        (
            "[analytics]\nes_confidence = [1]",
            2,
            "analytics.es_confidence",
        ),
        (
            "[analytics]\nes_confidence = [0.9, 0.90]",
            2,
            "analytics.es_confidence",
        ),
        (
            "[analytics]\ncondition_max = 0",
            2,
            "analytics.condition_max",
        ),
        ("[analytics]\nequity = -1", 2, "analytics.equity"),
        (
            "[[analytics.beta]]\nindex = \"I\"",
            2,
            "analytics.beta[1].index",
        ),
        (
            "[[analytics.beta]]\naccount = \"A\"",
            1,
            "analytics.beta[1].index",
        ),
        (
            "[[analytics.beta]]\nindex = \"I\"\nsymbols = [\"Q\"]",
            3,
            "analytics.beta[1].symbols",
        ),
        (
            "[[analytics.beta]]\nindex = \"I\"\naccount = \"Q\"",
            3,
            "analytics.beta[1].account",
        ),
        (
            "[[analytics.beta]]\nindex = \"I\"\nsymbols = [\"X\"]\n[[analytics.beta]]\nindex = \"J\"\n\
             symbols = [\"Y\", \"X\"]",
            6,
            "analytics.beta[2].symbols",
        ),
        (
            "[[analytics.beta]]\nindex = \"I\"\naccount = \"A\"\n[[analytics.beta]]\nindex = \"J\"\n\
             account = \"A\"",
            6,
            "analytics.beta[2].account",
        ),
        ("[[scenario]]\nothers = 0", 1, "scenario[1].name"),
        (
            "[[scenario]]\nname = \"s\"\n[[scenario]]\nname = \"s\"",
            4,
            "scenario.s.name",
        ),
        (
            "[[scenario]]\nname = \"s\"\nothers = 101",
            3,
            "scenario.s.others",
        ),
        (
            "[[scenario]]\nname = \"s\"\n[[scenario.shock]]\nchange = 0",
            3,
            "scenario.s.shock[1].symbol",
        ),
        (
            "[[scenario]]\nname = \"s\"\n[[scenario.shock]]\nsymbol = \"X\"\ngroup = \"G\"\nchange = 0",
            5,
            "scenario.s.shock[1].group",
        ),
        (
            "[[scenario]]\nname = \"s\"\n[[scenario.shock]]\ngroup = \"H\"\nchange = 0",
            4,
            "scenario.s.shock[1].group",
        ),
        (
            "[[scenario]]\nname = \"s\"\n[[scenario.shock]]\nsymbol = \"X\"",
            3,
            "scenario.s.shock[1].change",
        ),
        (
            "[[group]]\nname = \"H\"\nkind = \"sector\"\nsymbols = [\"Y\", \"X\"]",
            4,
            "group.H.symbols",
        ),
        (
            "[[group]]\nname = \"H\"\nkind = \"sectr\"\nsymbols = []",
            3,
            "group.H.kind",
        ),
    ] {
        let line = lines + line;
        assert_eq!(
            wrong(&format!("{world}{text}\n")),
            [format!("{line} {error}")],
            "{text}"
        );
    }
    let issuer = "[[group]]\nname = \"H\"\nkind = \"issuer\"\nsymbols = [\"X\"]\n";
    assert!(parse(&format!("{world}{issuer}"), "gate.toml").is_ok());
}

#[test]
fn impossible_values_are_refused_where_they_stand() {
    let symbol = |lines: &str| {
        format!("{BROKER}[[symbol]]\nname = \"X\"\ntick = 1\nlot = 1\nbroker = \"sim\"\n{lines}")
    };
    let strategy = "[[account]]\nname = \"A\"\n[[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n";
    let operators = "[[operator]]\nname = \"a\"\nuid = 1\n[[operator]]\nname = \"b\"\nuid = 1\n";
    let long = "x".repeat(200);
    for (text, error) in [
        (
            "[capacity]\norders = 16777217\n".to_owned(),
            "2 capacity.orders",
        ),
        (
            "[capacity]\norders = 100\norders_closed = 100\n".to_owned(),
            "3 capacity.orders_closed",
        ),
        (
            "[capacity]\nclient_order_ids = 99\n".to_owned(),
            "2 capacity.client_order_ids",
        ),
        (
            "[capacity]\ncontinuation_frames_max = 17\n".to_owned(),
            "2 capacity.continuation_frames_max",
        ),
        (
            "[capacity]\nring_messages = 64\n".to_owned(),
            "2 capacity.ring_messages",
        ),
        (
            "[limits]\nprice_collar_bps = 5\n".to_owned(),
            "2 limits.price_collar_bps",
        ),
        (
            "[limits]\nprice_collar_bps = 5\nothers = \"off\"\n".to_owned(),
            "2 limits.price_collar_bps",
        ),
        ("[limits]\nothers = \"on\"\n".to_owned(), "2 limits.others"),
        (
            "[limits]\norder_rate = []\n".to_owned(),
            "2 limits.order_rate",
        ),
        (
            "[limits]\norder_rate = 5\n".to_owned(),
            "2 limits.order_rate",
        ),
        (
            "[limits]\nopen_orders_max = \"5\"\n".to_owned(),
            "2 limits.open_orders_max",
        ),
        (
            "[limits]\norder_qty_max = inf\n".to_owned(),
            "2 limits.order_qty_max",
        ),
        (
            "[limits]\norder_qty_max = 0x10\n".to_owned(),
            "2 limits.order_qty_max",
        ),
        (
            "[limits]\norder_qty_max = 0.000000001\n".to_owned(),
            "2 limits.order_qty_max",
        ),
        (
            "[limits]\nduplicate_window = \"1S\"\n".to_owned(),
            "2 limits.duplicate_window",
        ),
        ("account = 5\n".to_owned(), "1 account"),
        ("account = [5]\n".to_owned(), "1 account"),
        ("[account]\nname = \"A\"\n".to_owned(), "1 account"),
        ("gateway = 5\n".to_owned(), "1 gateway"),
        (
            "[[account]]\nname = \"A\"\n[[account]]\nname = \"A\"\n".to_owned(),
            "4 account.A.name",
        ),
        (
            "[[account]]\nname = \"A \"\n".to_owned(),
            "2 account.A .name",
        ),
        ("[[account]]\nname = \"\"\n".to_owned(), "2 account..name"),
        (operators.to_owned(), "6 operator.b.uid"),
        (
            "[gateway]\nraise_persons = 2\n[[operator]]\nname = \"a\"\nuid = 1\n".to_owned(),
            "2 gateway.raise_persons",
        ),
        (
            symbol("price_min = 5\nprice_max = 4\n"),
            "10 symbol.X.price_max",
        ),
        (symbol("qty_min = 5\nqty_max = 4\n"), "10 symbol.X.qty_max"),
        (symbol("names = [\"Y\"]\n"), "9 symbol.X.names"),
        (
            symbol("order_types = [\"limit\", \"limit\"]\n"),
            "9 symbol.X.order_types",
        ),
        (
            symbol("times_in_force = [\"gtx\"]\n"),
            "9 symbol.X.times_in_force",
        ),
        (
            symbol("[symbol.limits]\nprice_collar_bps = 1\n"),
            "10 symbol.X.limits.price_collar_bps",
        ),
        (
            symbol("").replace("name = \"X\"", "names = [\"X\", \"X\"]"),
            "5 symbol[1].names",
        ),
        (symbol("").replace("name = \"X\"\n", ""), "4 symbol[1].name"),
        (
            format!("{strategy}unix_user = \"u\"\n"),
            "6 strategy.S.unix_user",
        ),
        (
            format!("{strategy}key_file = \"a\"\nunix_user = \"u\"\n[listen]\nunix = \"s\"\n"),
            "7 strategy.S.unix_user",
        ),
        (
            format!("{strategy}key_file = \"a\"\ncancel_on_disconnect = \"after\"\n"),
            "7 strategy.S.cancel_on_disconnect",
        ),
        (
            format!("{strategy}key_file = \"a\"\n").replace("[\"A\"]", "[\"A\", \"A\"]"),
            "5 strategy.S.accounts",
        ),
        (
            format!("{strategy}key_file = \"a\"\n").replace("accounts = [\"A\"]\n", ""),
            "3 strategy.S.accounts",
        ),
        (
            format!("{strategy}key_file = \"a\"\n[listen]\ntcp = \"off\"\n"),
            "6 strategy.S.key_file",
        ),
        (
            format!("{BROKER}[broker.native]\naddress = \"1.2.3.4:5\"\nkey_file = \"k\"\n"),
            "4 broker.sim.native",
        ),
        (
            format!("{BROKER}reconnect_max = \"1ms\"\n"),
            "4 broker.sim.reconnect_max",
        ),
        (
            format!("{BROKER}[broker.sim]\nreject_share = 1.1\n"),
            "5 broker.sim.sim.reject_share",
        ),
        (
            "[[feed]]\nname = \"f\"\nkey_file = \"k\"\n".to_owned(),
            "1 feed.f.tcp",
        ),
        (
            "[[feed]]\nname = \"f\"\nunix_user = 1\ntcp = \"127.0.0.1:1\"\n".to_owned(),
            "3 feed.f.unix_user",
        ),
        (
            "[[feed]]\nname = \"f\"\nkey_file = \"k\"\ntcp = \"127.0.0.1:7001\"\n".to_owned(),
            "4 feed.f.tcp",
        ),
        (
            "[listen]\ntcp = \"localhost:7001\"\n".to_owned(),
            "2 listen.tcp",
        ),
        (format!("[listen]\nunix = \"{long}\"\n"), "2 listen.unix"),
        ("[admin]\nmode = \"0888\"\n".to_owned(), "2 admin.mode"),
        ("[admin]\nmode = 660\n".to_owned(), "2 admin.mode"),
        (
            "[journal]\nsegment_size_bytes = \"3MiB\"\n".to_owned(),
            "2 journal.segment_size_bytes",
        ),
        (
            "[journal]\nreserve_bytes = \"1MiB\"\nsegment_size_bytes = \"1MiB\"\n".to_owned(),
            "3 journal.segment_size_bytes",
        ),
        (
            "[journal]\nahead_bytes = \"512MiB\"\n".to_owned(),
            "2 journal.ahead_bytes",
        ),
        (
            "[journal]\npolicy = \"synced\"\n".to_owned(),
            "2 journal.policy",
        ),
    ] {
        let errors = wrong(&text);
        assert!(
            errors.iter().any(|told| told == error),
            "{error} not in {errors:?}\n{text}"
        );
        assert!(errors.len() <= 2, "{errors:?}\n{text}");
    }
}

#[test]
fn what_is_not_toml_is_told_by_line() {
    assert_eq!(wrong("a = \nb = 5 5\n[gateway\n"), ["1 ", "2 ", "3 "]);
    assert_eq!(
        told("[gateway]\nname = \"a\"\nname = \"b\"\n"),
        "gate.toml:3: name: written twice; keep one of them"
    );
}

#[test]
fn no_secret_is_told() {
    let secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    for text in [
        format!("[[strategy]]\nname = \"S\"\naccounts = []\nkey_file = \"{secret}\"\n"),
        format!("[[strategy]]\nname = \"S\"\naccounts = []\nkey = \"{secret}\"\n"),
        format!("[[strategy]]\nname = \"S\"\nkey_file = [\"{secret}\"]\n"),
        format!("[[strategy]]\nname = \"S\"\nkey_file = \"{secret}\n"),
        format!("[[strategy]]\nname = \"S\"\nkey_file = {secret}\n"),
        format!("[gateway]\nname = \"{secret}\"\n"),
        format!("[gateway]\n{secret} = 1\n"),
        format!("[gateway]\n{secret} = 1\n{secret} = 2\n"),
        format!("[[account]]\nname = \"{secret}\"\nenabled = 1\n"),
        format!("[secrets]\nS = \"{secret}\"\n"),
    ] {
        let errors = parse(&text, "gate.toml").expect_err("refused");
        let (told, debug) = (errors.to_string(), format!("{errors:?}"));
        let part = &secret[..8];
        assert!(!told.contains(part) && !debug.contains(part), "{told}");
    }
    // What is no key by its looks is not shown where a key may have been meant.
    let text = "[[strategy]]\nname = \"S\"\naccounts = []\nkey_file = [\"hunter2\"]\n";
    assert!(!told(text).contains("hunter2"));
    let key = Key::parse(secret.as_bytes()).expect("a key");
    assert_eq!(format!("{key:?}"), "Key(..)");
}

#[test]
fn key_files_are_read_only_when_nobody_else_can() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("portcullis-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("s.key");
    let secret = "ab".repeat(32);
    let text = "[[account]]\nname = \"A\"\n[[strategy]]\nname = \"S\"\naccounts = [\"A\"]\nkey_file = \"s.key\"\n";
    std::fs::write(folder.join("gate.toml"), text).expect("a file");
    let config = load(&folder.join("gate.toml")).expect("a good file");
    let refused = || load_keys(&config).expect_err("refused").to_string();
    let set_mode = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };

    assert!(refused().contains("s.key: strategy.S.key_file: cannot be opened"));
    std::fs::write(&path, format!("{secret}\n")).expect("a file");
    set_mode(0o640);
    let shown = path.display();
    let problem = format!("mode 0640 lets others at it; run chmod 600 {shown}");
    assert!(refused().ends_with(&problem), "{}", refused());
    set_mode(0o600);
    let keys = load_keys(&config).expect("a good key");
    assert_eq!(
        keys.strategies[0].as_ref().map(Key::bytes),
        Some(&[0xab; 32])
    );
    assert!(!format!("{keys:?}").contains("171"));
    for wrong in ["", "ab", &format!("{secret}00"), &"xy".repeat(32)] {
        std::fs::write(&path, wrong).expect("a file");
        assert!(
            refused().contains("not a key; write 64 hexadecimal digits"),
            "{wrong}"
        );
        assert!(wrong.is_empty() || !refused().contains(&secret));
    }
    std::fs::remove_dir_all(&folder).expect("it is gone");
    assert!(
        load(&folder.join("gate.toml"))
            .expect_err("gone")
            .to_string()
            .contains("cannot be read")
    );
}

#[test]
fn a_limit_is_refused_where_it_would_hold_nothing_back() {
    for level in ["desk", "group", "symbol"] {
        for key in ["basket_lines_max", "basket_notional_max"] {
            let text = format!("[[{level}]]\nname = \"D\"\n[{level}.limits]\n{key} = 1\n");
            let told = parse(&text, "gate.toml").unwrap_err().to_string();
            let place = format!("{level}.D.limits.{key} = 1: baskets are counted for the firm");
            assert!(told.contains(&place), "{told}");
        }
    }
}

#[test]
fn limits_on_tails_are_refused_where_none_is_measured_and_scenarios_where_they_are_not_whole() {
    let told = |text: &str| parse(text, "gate.toml").unwrap_err().to_string();
    for level in ["group", "symbol"] {
        let text = format!("[[{level}]]\nname = \"D\"\n[{level}.limits]\nmargin_max = 1\n");
        let place = format!("{level}.D.limits.margin_max = 1: tails are measured of the firm");
        assert!(told(&text).contains(&place), "{}", told(&text));
    }
    let share = told("[limits]\ncluster_share_max = \"0.5\"\n");
    assert!(share.contains("without cluster_share_free"), "{share}");
    let symbol = "[[broker]]\nname = \"sim\"\nkind = \"sim\"\n[[symbol]]\nname = \"X\"\n\
                  tick = \"1\"\nlot = \"1\"\nbroker = \"sim\"\n";
    for (text, why) in [
        ("[tail]\nhistory_days = 4097\n", "from 1 to 4096"),
        (
            "[tail]\nunit = \"0\"\n",
            "write what values are rounded up to",
        ),
        (
            "[tail]\nvalue_at_risk_share = \"0.4\"\n",
            "value_at_risk_share",
        ),
        (
            "[tail]\nvalue_at_risk_share = \"1\"\n",
            "value_at_risk_share",
        ),
        ("[tail]\nstress = [\"crash\"]\n", "no such scenario"),
        (
            "[tail]\nhistory_days = 2\n[[tail.returns]]\nsymbol = \"X\"\nhistory = \"0.1\"\n",
            "not as many as tail.history_days says, which is 2",
        ),
        (
            "[tail]\nhistory_days = 1\n[[tail.returns]]\nsymbol = \"X\"\nhistory = \"0.0000001\"\n",
            "0.0000001",
        ),
        (
            "[tail]\n[[tail.cluster]]\nsymbols = [\"X\"]\n[[tail.cluster]]\nsymbols = [\"X\"]\n",
            "keep it in one",
        ),
    ] {
        let told = told(&format!("{symbol}{text}"));
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn no_limit_is_above_its_hard_maximum_and_no_factor_below_one() {
    let text = "[gateway]\nloosen_factor = \"0.5\"\n[limits]\norder_qty_max = 11\n\
                [hard_limits]\norder_qty_max = 10\n";
    let told = parse(text, "gate.toml").unwrap_err().to_string();
    assert!(
        told.contains("gate.toml:2: gateway.loosen_factor"),
        "{told}"
    );
    assert!(
        told.contains("gate.toml:6: hard_limits.order_qty_max"),
        "{told}"
    );
    assert!(told.contains("a limit of 11 is above it"), "{told}");
}
