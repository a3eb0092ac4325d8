//! What the file may say.

use super::{FULL, good};
use crate::config::brokers::{BrokerKind, SimLiquidity};
use crate::config::limits::LIMIT_KEYS;
use crate::config::sessions::{CancelOnDisconnect, Credential, UnixUser};
use crate::config::{DEFAULT_TOML, controls, parse};
use crate::recon::judge::Halt;
use crate::units::{AccountId, BrokerId, Nanos, Notional, Price, Qty};
use std::path::PathBuf;

#[test]
fn an_empty_file_is_every_default() {
    let config = good("");
    assert_eq!(config.setup.answer_timeout, Nanos::from_secs(5));
    assert_eq!(config.setup.capacity.orders, 131_072);
    assert_eq!(config.setup.raise_persons, 2);
    assert_eq!(config.setup.hash_seed, 0);
    assert_eq!(config.ring_messages, 4096);
    assert_eq!(config.listen.tcp, "127.0.0.1:7001".parse().ok());
    assert_eq!(config.admin.mode, 0o660);
    assert_eq!(config.admin.socket, PathBuf::from("run/admin.sock"));
}

#[test]
fn every_key_is_read_exactly() {
    let config = parse(FULL, "/etc/gate/gate.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let setup = &config.setup;
    assert_eq!(setup.firm.order_qty_max, Some(Qty::ZERO));
    assert_eq!(
        setup.firm.order_notional_max,
        Notional::parse("250000.000000001").ok()
    );
    assert_eq!(setup.firm.price_collar, Some(105_000));
    assert_eq!(setup.firm.order_rate.len(), 2);
    assert_eq!(
        setup.accounts[0].limits.position_qty_max,
        Qty::parse("1000").ok()
    );
    assert_eq!(
        setup.accounts[0].limits.position_value_max,
        Some(Notional::from_raw(1))
    );
    assert_eq!(setup.strategies[0].accounts, [AccountId(1), AccountId(0)]);
    assert_eq!(setup.symbols.len(), 4);
    assert_eq!(setup.symbols[0].tick, Price::from_raw(250_000_000));
    assert_eq!(setup.symbols[0].lot, Qty::from_raw(1));
    assert_eq!(setup.symbols[0].price_min, Price::parse("-100").ok());
    assert_eq!(setup.symbols[2].name, "Z Z");
    assert_eq!(setup.symbols[2].broker, BrokerId(1));
    assert_eq!(setup.symbols[3].order_types.len(), 2);
    assert_eq!(
        config.sessions[0].cancel_on_disconnect,
        CancelOnDisconnect::After(Nanos::ZERO)
    );
    assert_eq!(
        config.sessions[1].credential,
        Credential::UnixUser(UnixUser::Id(0))
    );
    let reconcile = &config.reconcile;
    assert_eq!(reconcile.statement, Some("/etc/gate/s.csv".into()));
    assert_eq!(reconcile.drop_copy, Some("/data/d.jsonl".into()));
    assert_eq!(reconcile.terms.heal_qty_max, 1_050_000_000);
    assert_eq!(reconcile.terms.heal_value_max, 1000 * 10i128.pow(17));
    assert_eq!(reconcile.terms.halt, Halt::Firm);
    assert_eq!(reconcile.terms.history, 16);
    assert_eq!(reconcile.cash[0].cash, -100_000_025 * 10i128.pow(15));
    let key_file = Credential::KeyFile(PathBuf::from("/etc/gate/keys/u.key"));
    assert_eq!(config.sessions[2].credential, key_file);
    assert_eq!(config.brokers[0].breaker, None);
    let BrokerKind::Sim(sim) = &config.brokers[0].kind else {
        panic!("not a sim")
    };
    assert_eq!(
        (sim.seed, sim.liquidity, sim.reject_share, sim.lose_share),
        (u64::MAX, SimLiquidity::None, 1, 1_000_000)
    );
    let BrokerKind::Native(native) = &config.brokers[1].kind else {
        panic!("not native")
    };
    assert_eq!(native.key_file, PathBuf::from("/etc/broker.key"));
    assert_eq!(
        (native.orders_max, native.send_buffer_bytes),
        (512, 64 << 10)
    );
    let breaker = config.brokers[1].breaker.expect("it is on");
    let rules = (breaker.reject_share, breaker.rejects, breaker.unanswered);
    assert_eq!(rules, (Some(750_000), Some(3), Some(9)));
}

#[test]
fn the_demo_arms_every_account() {
    let config = good(DEFAULT_TOML);
    assert!(
        config
            .setup
            .accounts
            .iter()
            .all(|account| account.has_limits)
    );
    let firm = &config.setup.firm;
    assert_eq!(firm.position_value_max, Notional::parse("1000000").ok());
    assert_eq!(firm.gross_exposure_max, Notional::parse("5000000").ok());
    assert_eq!(firm.capital, Notional::parse("5000000").ok());
    let shares = (firm.day_loss_share_max, firm.drawdown_share_max);
    assert_eq!(shares, (Some(100_000), Some(200_000)));
    for name in ["alpha", "beta", "coins"] {
        let account = config
            .setup
            .accounts
            .iter()
            .find(|account| account.name == name);
        let limits = &account.expect("it is there").limits;
        assert_eq!(limits.position_value_max, Notional::parse("1000000").ok());
        assert_eq!(limits.gross_exposure_max, Notional::parse("5000000").ok());
    }
}

#[test]
fn an_account_has_limits_once_every_one_is_written_somewhere() {
    let account = "[[account]]\nname = \"A\"\n";
    let has = |text: &str| good(text).setup.accounts[0].has_limits;
    assert!(!has(account));
    assert!(has(&format!(
        "{account}[account.limits]\nothers = \"off\"\n"
    )));
    assert!(has(&format!("{account}[limits]\nothers = \"off\"\n")));
    for absent in LIMIT_KEYS {
        let written = |keys: &mut dyn Iterator<Item = &str>| {
            keys.map(|key| format!("{key} = \"off\"\n"))
                .collect::<String>()
        };
        let mut own = LIMIT_KEYS.into_iter().take(5).filter(|key| *key != absent);
        let mut firm = LIMIT_KEYS.into_iter().skip(5).filter(|key| *key != absent);
        let (own, firm) = (written(&mut own), written(&mut firm));
        let text = format!("{account}[account.limits]\n{own}[limits]\n{firm}");
        let config = good(&text);
        assert!(!config.setup.accounts[0].has_limits, "{absent}");
        assert_eq!(controls::missing(&config, 0), [absent]);
        assert!(has(&format!("{text}{absent} = \"off\"\n")) || own.contains(absent));
    }
}
