//! Config: one TOML file becomes one [`Config`], every bound decided, every default filled in.
//!
//! In:   the text of the file; key files, by [`keys::load_keys`] alone.
//! Out:  [`Config`], of which [`Config::setup`] is all that the risk core reads.
//!
//! What a key means, its default and its sentence of help stand once, in `schema`; reading,
//! refusing, `check --example` and the effective text all follow it.
//!
//! Invariants:
//! - An error names file, line, key, value and remedy; all errors are told, not only the first.
//! - No secret is ever in a [`Config`]: only the paths of key files are.
//! - `parse(effective_toml(config))` is `config`.
//! - Any input of any length is answered in bounded time, without a panic.

pub mod analytics;
pub mod brokers;
pub mod calendars;
pub mod check;
pub mod effective;
pub mod error;
pub mod example;
pub mod keys;
pub mod limits;
pub mod money;
pub mod process;
pub mod reconcile;
pub mod responses;
pub mod scenarios;
pub mod sessions;
pub mod subscribers;
pub mod tail;

pub(crate) mod controls;
mod exits;
mod levels;
mod names;
pub(crate) mod notation;
mod reader;
mod schema;
mod symbols;
mod values;

#[cfg(test)]
mod tests;

use crate::config::analytics::{Analytics, GroupKind, Names};
use crate::config::brokers::BrokerLink;
use crate::config::calendars::CalendarTerms;
use crate::config::error::ConfigErrors;
use crate::config::limits::{Level, Written};
use crate::config::money::FeeSchedule;
use crate::config::names::{claim, read_name, read_names};
use crate::config::notation::{BPS_DIGITS, SHARE_DIGITS, parse_scaled, write_size};
use crate::config::process::{Gateway, Journal, Threads};
use crate::config::reader::{Reader, Table};
use crate::config::scenarios::Scenario;
use crate::config::sessions::{Admin, Endpoint, Feed, Listen, Operator, Session};
use crate::config::subscribers::{Events, Subscriber, SubscriberKind};
use crate::reject::RejectReason;
use crate::risk::setup::{Broker, Fees, Setup};
use crate::units::{AccountId, BrokerId, CalendarId, SymbolId};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// What `portcullis demo` runs on; a first configuration to change.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// Longer files are refused unread: 50,000 symbols with terms of their own take about half.
pub const FILE_BYTES_MAX: usize = 32 << 20;

const SYMBOLS_MAX: usize = 1 << 20;
const BROKERS_MAX: usize = 64;
const FEEDS_MAX: usize = 64;
const OPERATORS_MAX: usize = 64;
const CALENDARS_MAX: usize = 256;
const RESPONSES_MAX: usize = 64;
/// A factor is held in 1e-4, as a basis point is.
const FACTOR_ONE: u64 = 10_000;
const FACTOR_MAX: u64 = 1_000 * FACTOR_ONE;
const SUBSCRIBERS_MAX: usize = 64;
/// What may be passed by an override: limits, and no other control.
pub(crate) const SOFT: [RejectReason; 23] = {
    use RejectReason::*;
    [
        QtyAboveMax,
        NotionalAboveMax,
        PriceOutsideCollar,
        NotionalBelowMin,
        ReferenceMoved,
        OrderRateAboveMax,
        OrderDuplicate,
        OrdersOpenAboveMax,
        OpenNotionalAboveMax,
        PositionQtyAboveMax,
        PositionValueAboveMax,
        GrossExposureAboveMax,
        NewOrderRateAboveMax,
        CancelRateAboveMax,
        NetExposureAboveMax,
        DayQtyAboveMax,
        DayValueAboveMax,
        DayOrdersAboveMax,
        ValueAtRiskAboveMax,
        ShortfallAboveMax,
        StressLossAboveMax,
        MarginAboveMax,
        ClusterShareAboveMax,
    ]
};

/// Everything that the file decides. Paths are complete: relative ones were relative to the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// What the core is built from. `hash_seed` is zero: the gateway draws it at each start.
    pub setup: Setup,
    /// Which limits somebody has written for the firm, be it as `"off"`.
    pub firm_written: Written,
    /// The same, by [`crate::units::AccountId`].
    pub accounts_written: Vec<Written>,
    /// Slots of each ring between two stages. A power of two.
    pub ring_messages: u32,
    /// `[gateway]`.
    pub gateway: Gateway,
    /// `[listen]`.
    pub listen: Listen,
    /// The session of each strategy, by [`crate::units::StrategyId`].
    pub sessions: Vec<Session>,
    /// The link to each broker, by [`crate::units::BrokerId`].
    pub brokers: Vec<BrokerLink>,
    /// When markets trade, by [`CalendarId`], as it is written.
    pub calendars: Vec<CalendarTerms>,
    /// What fills cost where their broker does not say.
    pub fee_schedules: Vec<FeeSchedule>,
    /// Where reference prices come from.
    pub feeds: Vec<Feed>,
    /// `[events]`.
    pub events: Events,
    /// Who is told what happens.
    pub subscribers: Vec<Subscriber>,
    /// `[reconcile]`.
    pub reconcile: reconcile::Reconcile,
    /// `[admin]`.
    pub admin: Admin,
    /// Who may act, by the number in [`crate::message::Control::operator`].
    pub operators: Vec<Operator>,
    /// `[journal]`.
    pub journal: Journal,
    /// `[threads]`.
    pub threads: Threads,
    /// What each group is to statistics, in the order of [`Setup::groups`].
    pub group_kinds: Vec<GroupKind>,
    /// `[analytics]`.
    pub analytics: Analytics,
    /// Stress scenarios, in the order of the file.
    pub scenarios: Vec<Scenario>,
    /// `[tail]`; what the core needs of it is in [`Setup::tail`].
    pub tail: tail::Sources,
}

/// Reads a file. Relative paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let file = path.to_string_lossy();
    let fail = |problem: String| ConfigErrors::of_file(&file, problem);
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            fail(format!(
                "cannot be read: {error}; see that it exists and is a file"
            ))
        })?;
    if FILE_BYTES_MAX < bytes.len() {
        return Err(fail(too_long()));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        fail(format!("line {line} is not UTF-8; save the file as UTF-8"))
    })?;
    let path = std::path::absolute(path).map_err(|error| {
        fail(format!(
            "its folder cannot be found: {error}; name it in full"
        ))
    })?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    if folder.to_str().is_none() {
        return Err(fail(
            "the name of its folder is not UTF-8; rename the folder".to_owned(),
        ));
    }
    parse_in(&text, &file, folder)
}

/// Reads a text. `file` stands in errors, and relative paths are relative to its folder; nothing
/// is opened.
pub fn parse(text: &str, file: &str) -> Result<Config, ConfigErrors> {
    if FILE_BYTES_MAX < text.len() {
        return Err(ConfigErrors::of_file(file, too_long()));
    }
    parse_in(
        text,
        file,
        Path::new(file).parent().unwrap_or(Path::new("")),
    )
}

fn too_long() -> String {
    let max = write_size(FILE_BYTES_MAX as u64);
    format!("longer than {max}; give symbols with the same terms by `names`")
}

/// Tables may nest some thousands deep before the syntax refuses them, and a table that holds
/// tables is dropped by recursion: on a stack of its own, whatever the caller has left of its own.
fn parse_in(text: &str, file: &str, folder: &Path) -> Result<Config, ConfigErrors> {
    const STACK_BYTES: usize = 32 << 20;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, || read_text(text, file, folder)) {
            Ok(reading) => reading
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => Err(ConfigErrors::of_file(
                file,
                format!("no thread to read it: {error}; free memory"),
            )),
        }
    })
}

fn read_text(text: &str, file: &str, folder: &Path) -> Result<Config, ConfigErrors> {
    let reader = Reader::new(text, file, folder);
    let entries = reader.syntax();
    let config = entries.as_ref().map(|entries| read(&reader.root(entries)));
    reader.finish()?;
    config.ok_or_else(|| ConfigErrors::of_file(file, "not TOML".to_owned()))
}

/// Reads every table. What is refused is noted in the reader, and stands here as nothing.
fn read(root: &Table<'_>) -> Config {
    let firm_table = root.table("limits");
    let firm = limits::read(&firm_table);
    limits::check_collar(&firm_table, &firm, &firm);
    let mut config = Config {
        firm_written: firm.written,
        ..Config::default()
    };
    read_operators(root, &mut config);
    let gateway = root.table("gateway");
    config.gateway = process::read_gateway(&gateway, &mut config.setup);
    let capacity = root.table("capacity");
    config.setup.capacity = process::read_capacity(&capacity);
    config.ring_messages = process::read_ring_messages(&capacity);
    config.journal = process::read_journal(&root.table("journal"));
    config.threads = process::read_threads(&root.table("threads"));
    let brokers = read_brokers(root, &mut config);
    let calendars = read_calendars(root, &mut config);
    config.setup.soft = read_soft(&gateway);
    let share = |text: &str| parse_scaled(text, SHARE_DIGITS, 1_000_000);
    let warn_share = gateway.get("warn_share", values::decimal(share));
    config.setup.warn_share = warn_share.unwrap_or_default() as u32;
    let factor = |text: &str| parse_scaled(text, BPS_DIGITS, FACTOR_MAX);
    config.setup.loosen_factor = gateway
        .find("loosen_factor", values::decimal(factor))
        .flatten();
    if config
        .setup
        .loosen_factor
        .is_some_and(|factor| factor < FACTOR_ONE)
    {
        let problem = "below 1 every limit would be loosened; write 1 or more".to_owned();
        gateway.refuse("loosen_factor", problem);
    }
    config.setup.day_calendar = read_name(&gateway, "trading_day", &calendars, "[[calendar]]");
    config.setup.exit_policy = exits::read_policy(&root.table("exits"));
    let currencies = money::read_names(&gateway, root, &mut config.setup);
    let mark_age_max = gateway.get("mark_age_max", values::duration(limits::SPAN));
    config.setup.mark_age_max = mark_age_max.unwrap_or_default();
    let (schedules, fees) = money::read_schedules(root);
    config.fee_schedules = schedules;
    let of_money = (&currencies, &fees);
    read_symbols(root, &firm, (&brokers, &calendars), of_money, &mut config);
    let symbols = config.setup.symbols.iter().zip(0..);
    let symbols = symbols
        .map(|(symbol, id)| (symbol.name.clone(), SymbolId(id)))
        .collect();
    money::read_rates(root, &symbols, &mut config.setup);
    let desks = levels::read_desks(root, &firm, &mut config);
    let accounts = levels::read_accounts(root, &firm, (&symbols, &desks), &mut config);
    let groups = levels::read_groups(root, &firm, &symbols, &mut config);
    let names = Names {
        symbols: &symbols,
        accounts: &accounts,
        groups: &groups,
    };
    config.analytics = analytics::read(&root.table("analytics"), &names);
    config.scenarios = scenarios::read(root, &names);
    tail::read(&root.table("tail"), &symbols, &mut config);
    read_endpoints(root, &mut config);
    levels::read_strategies(root, &firm, (&accounts, &symbols), &mut config);
    let mut names = HashSet::new();
    for table in root.tables("response", RESPONSES_MAX) {
        if let Some(response) = responses::read(&table) {
            claim(&table, "name", response.name.clone(), &mut names);
            config.setup.responses.push(response);
        }
    }
    config.reconcile = reconcile::read(&root.table("reconcile"), &accounts, &currencies);
    config.events = subscribers::read_events(&root.table("events"));
    read_subscribers(root, &accounts, &mut config);
    config.setup.firm = firm.limits;
    let hard = root.table("hard_limits");
    config.setup.hard_limits = limits::read_hard(&hard);
    limits::check_hard(&hard, &config.setup);
    config
}

fn read_subscribers(root: &Table<'_>, accounts: &HashMap<String, AccountId>, config: &mut Config) {
    let (mut names, mut paths) = (HashSet::new(), HashSet::new());
    for table in root.tables("subscriber", SUBSCRIBERS_MAX) {
        let of = read_names(&table, "accounts", accounts, "[[account]]");
        let of = of.iter().map(|id| &config.setup.accounts[id.0 as usize]);
        let of = of.map(|account| account.name.clone()).collect();
        let Some(subscriber) = subscribers::read(&table, of) else {
            continue;
        };
        claim(&table, "name", subscriber.name.clone(), &mut names);
        let (kind, key, path) = match &subscriber.kind {
            SubscriberKind::Log => ("log", "", None),
            SubscriberKind::File(of) => ("file", "path", Some(of.path.clone())),
            SubscriberKind::Webhook(of) => ("webhook", "position_file", of.position_file.clone()),
        };
        if path.is_some_and(|path| !paths.insert(path)) {
            let problem = "another subscriber writes this file; write another path".to_owned();
            table.table(kind).refuse(key, problem);
        }
        config.subscribers.push(subscriber);
    }
}

/// The controls that an override may let an order pass.
fn read_soft(table: &Table<'_>) -> Vec<RejectReason> {
    let mut soft = Vec::new();
    for value in table.elements("soft") {
        let name = value.get_ref().as_str().unwrap_or_default();
        match SOFT.iter().find(|reason| reason.name() == name) {
            Some(reason) if !soft.contains(reason) => soft.push(*reason),
            Some(_) => table.refuse_value("soft", value, "a word twice; keep one".to_owned()),
            None => {
                let known: Vec<_> = SOFT.iter().map(|reason| reason.name()).collect();
                let known = known.join(", ");
                let problem = format!("no soft limit can be this; known: {known}");
                table.refuse_value("soft", value, problem);
            }
        }
    }
    soft
}

fn read_operators(root: &Table<'_>, config: &mut Config) {
    let (mut names, mut uids) = (HashSet::new(), HashSet::new());
    for table in root.tables("operator", OPERATORS_MAX) {
        let operator = sessions::read_operator(&table);
        claim(&table, "name", operator.name.clone(), &mut names);
        if operator.uid != u32::MAX && !uids.insert(operator.uid) {
            table.refuse(
                "uid",
                "another operator's; one person cannot be two".to_owned(),
            );
        }
        config.setup.operators.push(operator.name.clone());
        config.operators.push(operator);
    }
}

fn read_endpoints(root: &Table<'_>, config: &mut Config) {
    let listen = root.table("listen");
    config.listen = sessions::read_listen(&listen);
    let admin = root.table("admin");
    config.admin = sessions::read_admin(&admin);
    let mut places = Vec::new();
    claim_place(
        &listen,
        "tcp",
        config.listen.tcp.map(Endpoint::Tcp),
        &mut places,
    );
    claim_place(
        &listen,
        "unix",
        config.listen.unix.clone().map(Endpoint::Unix),
        &mut places,
    );
    let socket = Endpoint::Unix(config.admin.socket.clone());
    claim_place(&admin, "socket", Some(socket), &mut places);
    let mut names = HashSet::new();
    for table in root.tables("feed", FEEDS_MAX) {
        let Some(feed) = sessions::read_feed(&table) else {
            continue;
        };
        claim(&table, "name", feed.name.clone(), &mut names);
        let key = if table.has("tcp") { "tcp" } else { "unix" };
        claim_place(&table, key, Some(feed.listen.clone()), &mut places);
        config.feeds.push(feed);
    }
}

fn read_brokers(root: &Table<'_>, config: &mut Config) -> HashMap<String, BrokerId> {
    let (mut names, mut ids) = (HashSet::new(), HashMap::new());
    for table in root.tables("broker", BROKERS_MAX) {
        let link = brokers::read(&table);
        claim(&table, "name", link.name.clone(), &mut names);
        ids.insert(link.name.clone(), BrokerId(config.brokers.len() as u32));
        config.setup.brokers.push(Broker {
            name: link.name.clone(),
            reports_fees: link.reports_fees,
        });
        config.brokers.push(link);
    }
    ids
}

fn read_calendars(root: &Table<'_>, config: &mut Config) -> HashMap<String, CalendarId> {
    let (mut names, mut ids) = (HashSet::new(), HashMap::new());
    for table in root.tables("calendar", CALENDARS_MAX) {
        let (terms, calendar) = calendars::read(&table);
        claim(&table, "name", terms.name.clone(), &mut names);
        let id = CalendarId(config.calendars.len() as u32);
        ids.insert(terms.name.clone(), id);
        config.setup.calendars.push(calendar);
        config.calendars.push(terms);
    }
    ids
}

fn read_symbols(
    root: &Table<'_>,
    firm: &Level,
    (brokers, calendars): (&HashMap<String, BrokerId>, &HashMap<String, CalendarId>),
    of_money: (&HashMap<String, u32>, &HashMap<String, Fees>),
    config: &mut Config,
) {
    let mut names = HashSet::new();
    let mut is_full = false;
    for table in root.tables("symbol", SYMBOLS_MAX) {
        symbols::read(
            &table,
            firm,
            (|name: &str| brokers.get(name).copied(), calendars),
            of_money,
            |key, symbol| {
                if config.setup.symbols.len() < SYMBOLS_MAX {
                    claim(&table, key, symbol.name.clone(), &mut names);
                    config.setup.symbols.push(symbol);
                } else if !is_full {
                    is_full = true;
                    table.refuse(key, format!("more symbols than {SYMBOLS_MAX}; write fewer"));
                }
            },
        );
    }
}

/// Two cannot listen at one place. Port 0 is a new place each time.
fn claim_place(table: &Table<'_>, key: &str, place: Option<Endpoint>, taken: &mut Vec<Endpoint>) {
    let Some(place) = place else { return };
    let is_any_port = matches!(place, Endpoint::Tcp(address) if address.port() == 0);
    if !is_any_port && taken.contains(&place) {
        table.refuse(
            key,
            "something else of this file listens here; write another place".to_owned(),
        );
    }
    taken.push(place);
}
