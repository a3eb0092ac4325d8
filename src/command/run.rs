//! `portcullis run`: the main job.

use super::Failure;
use crate::config::keys::load_keys;
use crate::config::{self, Config};
use crate::journal::recovery;
use crate::topology::gateway::Gateway;
use crate::topology::supervisor::{End, Running};
use core_affinity::CoreId;

/// Runs the gateway until a signal ends it. `cores` were asked for first thing in `main`.
pub fn run(config: Config, cores: &[CoreId]) -> Result<(), Failure> {
    let keys = load_keys(&config).map_err(Failure::of)?;
    let pinned = pinned(&config, cores)?;
    let armed = config::check::armed(&config);
    let gateway = Gateway::open(config, &keys, cores.len()).map_err(Failure::of)?;
    let start = gateway.start.clone();
    let mut running = Running::spawn(gateway, &pinned)
        .map_err(|error| Failure::of(format!("a thread cannot be started: {error}")))?;
    running.heed_signals().map_err(Failure::of)?;
    for line in &armed {
        tracing::info!("{line}");
    }
    for (scope, name) in &start.killed {
        tracing::warn!(
            scope = scope.text(),
            name,
            "killed: it stays so until it is raised"
        );
    }
    for path in &start.set_aside {
        tracing::error!(path = %path.display(), "{}", recovery::remedy(path));
    }
    tracing::info!(
        journal_sequence = start.sequence,
        orders_open = start.orders_open_count,
        orders_in_doubt = start.orders_in_doubt_count,
        strategy_tcp = start.strategy_tcp.map(tracing::field::display),
        "ready"
    );
    match running.wait() {
        End::Drained => Ok(()),
        End::DrainTimedOut => {
            tracing::warn!("stopped before everything was sent: gateway.drain_timeout ran out");
            Ok(())
        }
        End::Shut { stage, message } => Err(Failure::found(format!(
            "the gate is shut: {stage} failed: {message}"
        ))),
    }
}

/// The cores that the configuration names, as far as this process may use them.
fn pinned(config: &Config, cores: &[CoreId]) -> Result<Vec<CoreId>, Failure> {
    let named =
        config.threads.cores.iter().map(|id| {
            let id = *id as usize;
            cores.iter().copied().find(|core| core.id == id).ok_or_else(|| {
            let known: Vec<_> = cores.iter().map(|core| core.id.to_string()).collect();
            Failure::of(format!(
                "threads.cores names core {id}, which this process may not use; it may use {}",
                known.join(", ")
            ))
        })
        });
    named.collect()
}
