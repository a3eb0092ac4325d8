//! Options: what the stages are built from, out of the one configuration.

use crate::broker::breaker::BreakerOptions;
use crate::broker::exchange::{ExchangeOptions, Faults, Liquidity};
use crate::broker::native::NativeOptions;
use crate::broker::registry::LinkOptions;
use crate::broker::sim::SimOptions;
use crate::config::Config;
use crate::config::brokers::{BrokerKind, SimLiquidity};
use crate::config::keys::Keys;
use crate::config::process::Policy;
use crate::config::sessions::{CancelOnDisconnect, Credential, Endpoint, UnixUser};
use crate::journal;
use crate::market::options as market;
use crate::message::{Scope, Text};
use crate::protocol::native::bodies::Definition;
use crate::protocol::native::key::Key;
use crate::risk::core::Core;
use crate::strategy::options as strategy;
use crate::sys::stream::Address;
use crate::sys::{random, user};
use crate::units::{AccountId, Nanos, StrategyId};
use std::io;

/// The version of what the core decides: a journal of another cannot be continued.
pub const CORE_VERSION: u32 = 8;

/// The journal's settings.
pub fn journal(config: &Config) -> journal::Settings {
    let from = &config.journal;
    journal::Settings {
        segment_size: from.segment_size_bytes,
        reserve_size: from.reserve_bytes,
        fault_ahead_size: from.ahead_bytes,
        policy: match from.policy {
            Policy::Process => journal::Policy::Process,
            Policy::Sync => journal::Policy::Sync,
        },
        sync_interval: from.sync_interval,
        ..journal::Settings::new(&from.directory, random_id(), CORE_VERSION)
    }
}

fn random_id() -> u128 {
    random::bytes().map_or(1, |bytes: [u8; 32]| {
        u128::from_le_bytes(bytes[..16].try_into().unwrap_or([1; 16]))
    })
}

/// A number that nobody can know before.
pub fn random_seed() -> u64 {
    random_id() as u64
}

/// A name as a text of a frame; the configuration has seen that it fits.
fn text(name: &str) -> Text {
    Text::new(name).unwrap_or(Text::EMPTY)
}

/// What the strategy stage is built from; `core` knows where sequences go on.
pub fn strategies(config: &Config, keys: &Keys, core: &Core) -> io::Result<strategy::Options> {
    let listen = &config.listen;
    let mut sessions = Vec::new();
    for (at, setup) in config.setup.strategies.iter().enumerate() {
        let session = &config.sessions[at];
        let (inbound_sequence, report_sequence) =
            core.session(StrategyId(at as u32)).unwrap_or_default();
        sessions.push(strategy::SessionOptions {
            name: text(&setup.name),
            key: keys.strategies[at]
                .as_ref()
                .map(|key| Key::new(*key.bytes())),
            uids: uids(&session.credential)?,
            accounts: setup.accounts.clone(),
            cancel_on_disconnect: match session.cancel_on_disconnect {
                CancelOnDisconnect::Never => strategy::CancelOnDisconnect::Never,
                CancelOnDisconnect::After(Nanos::ZERO) => strategy::CancelOnDisconnect::AtOnce,
                CancelOnDisconnect::After(grace) => strategy::CancelOnDisconnect::After(grace),
            },
            start: strategy::SessionStart {
                inbound_sequence,
                report_sequence,
            },
        });
    }
    let batch_max = config.threads.batch_max as usize;
    Ok(strategy::Options {
        gate: text(&config.gateway.name),
        tcp: listen.tcp,
        unix: listen.unix.clone(),
        sessions,
        accounts: config
            .setup
            .accounts
            .iter()
            .map(|account| text(&account.name))
            .collect(),
        symbols: config
            .setup
            .symbols
            .iter()
            .map(|symbol| strategy::SymbolOptions {
                name: text(&symbol.name),
                tick: symbol.tick,
                lot: symbol.lot,
            })
            .collect(),
        heartbeat: listen.heartbeat,
        logon_timeout: listen.logon_timeout,
        half_open_max: listen.sessions_max as usize,
        commands_per_poll_max: batch_max,
        reports_per_poll_max: batch_max * 2,
        outbound_bytes_max: usize::try_from(listen.outbound_bytes_max).unwrap_or(usize::MAX),
        reports_replay: listen.reports_replay as usize,
        continuations_max: config.setup.capacity.continuation_frames_max,
        ..strategy::Options::default()
    })
}

/// What the market stage is built from.
pub fn feeds(config: &Config, keys: &Keys) -> io::Result<market::Options> {
    let mut feeds = Vec::new();
    for (feed, key) in config.feeds.iter().zip(&keys.feeds) {
        feeds.push(market::FeedOptions {
            name: text(&feed.name),
            listen: match &feed.listen {
                Endpoint::Tcp(address) => Address::Tcp(*address),
                Endpoint::Unix(path) => Address::Unix(path.clone()),
            },
            key: key.as_ref().map(|key| Key::new(*key.bytes())),
            uids: uids(&feed.credential)?,
            interval_min: feed.interval_min,
        });
    }
    Ok(market::Options {
        gate: text(&config.gateway.name),
        feeds,
        symbols: definitions(config)
            .into_iter()
            .filter(|of| of.scope == Scope::Symbol as u8)
            .collect(),
        heartbeat: config.listen.heartbeat,
        logon_timeout: config.listen.logon_timeout,
        quotes_per_poll_max: config.threads.batch_max as usize,
        ..market::Options::default()
    })
}

/// The users that a credential names.
fn uids(credential: &Credential) -> io::Result<Vec<u32>> {
    Ok(match credential {
        Credential::UnixUser(UnixUser::Id(uid)) => vec![*uid],
        Credential::UnixUser(UnixUser::Name(name)) => vec![user::uid_of(name)?],
        Credential::KeyFile(_) | Credential::None => Vec::new(),
    })
}

/// What a broker's link is opened from, and its breaker.
pub fn broker(config: &Config, keys: &Keys, at: usize) -> (Box<dyn LinkOptions>, BreakerOptions) {
    let link = &config.brokers[at];
    let breaker = link
        .breaker
        .map_or_else(BreakerOptions::off, |of| BreakerOptions {
            reject_share_per_million: of.reject_share.unwrap_or(0),
            answers_count: of.reject_share_answers,
            burst_count: of.rejects.unwrap_or(0),
            burst_window: of.rejects_window,
            unanswered_count: of.unanswered.unwrap_or(0),
            unanswered_time: of.unanswered_time,
            pause: of.pause,
            probes_count: of.trial_orders,
            ..BreakerOptions::default()
        });
    let options: Box<dyn LinkOptions> = match &link.kind {
        BrokerKind::Sim(sim) => Box::new(SimOptions {
            exchange: ExchangeOptions {
                seed: sim.seed,
                latency: sim.latency,
                latency_jitter: sim.latency_jitter,
                liquidity: match sim.liquidity {
                    SimLiquidity::None => Liquidity::None,
                    SimLiquidity::Quoted => Liquidity::AsTold,
                    SimLiquidity::QuotedOrUnlimited => Liquidity::UnlimitedUnlessTold,
                    SimLiquidity::Unlimited => Liquidity::Unlimited,
                },
                fee_per_million: sim.fee_share,
                symbols_max: config.setup.symbols.len().max(1) as u32,
                faults: Faults {
                    reject_per_million: sim.reject_share,
                    cancel_reject_per_million: sim.cancel_reject_share,
                    lose_per_million: sim.lose_share,
                    duplicate_per_million: sim.duplicate_share,
                    restate_per_million: sim.restate_share,
                    late_fill_per_million: sim.late_fill_share,
                    late_fill_delay: sim.late_fill_delay,
                    disconnect_requests: sim.disconnect_requests.map_or(0, u64::from),
                    silence_request: sim.silence_request.map_or(0, u64::from),
                    silence_span: sim.silence_time,
                    ..Faults::default()
                },
                ..ExchangeOptions::default()
            },
            reconnect: link.reconnect_min,
            ..SimOptions::default()
        }),
        BrokerKind::Native(native) => {
            let key = keys.brokers[at]
                .as_ref()
                .map_or([0; 32], |key| *key.bytes());
            let defaults =
                NativeOptions::new(native.address, text(&native.logon_name), Key::new(key));
            Box::new(NativeOptions {
                definitions: definitions(config),
                connect_timeout: native.connect_timeout,
                logon_timeout: native.logon_timeout,
                user_timeout: native.unacknowledged_timeout,
                send_buffer_size: native.send_buffer_bytes as usize,
                orders_max: native.orders_max as usize,
                cancels_max: native.cancels_max as usize,
                accepts_missed_reports: native.accept_missed_reports,
                reconnect_min: link.reconnect_min,
                reconnect_max: link.reconnect_max,
                jitter_seed: random_seed(),
                ..defaults
            })
        }
    };
    (options, breaker)
}

/// What the numbers of accounts and symbols mean, as a broker is told.
fn definitions(config: &Config) -> Vec<Definition> {
    let accounts = config
        .setup
        .accounts
        .iter()
        .zip(0u32..)
        .map(|(account, id)| Definition {
            id: AccountId(id).0,
            name: text(&account.name),
            scope: Scope::Account as u8,
            ..Definition::default()
        });
    let symbols = config
        .setup
        .symbols
        .iter()
        .zip(0u32..)
        .map(|(symbol, id)| Definition {
            tick: symbol.tick,
            lot: symbol.lot,
            id,
            name: text(&symbol.name),
            scope: Scope::Symbol as u8,
            ..Definition::default()
        });
    accounts.chain(symbols).collect()
}
