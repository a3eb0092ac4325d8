//! The command line, thin.

use clap::{Args, Parser, Subcommand};
use portcullis::admin::client;
use portcullis::admin::request::Request;
use portcullis::analytics::handover;
use portcullis::command::{self, Failure};
use portcullis::config::{self, Config};
use portcullis::events::filter::Wanted;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A pre-trade risk gateway: every order passes through one gate.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    long_about = "A pre-trade risk gateway: every order passes through one gate.\n\n\
Strategies connect to it, it decides each order against its limits, remembers every decision in a \
journal, and sends what passed to the broker. Start with `portcullis demo`, then write a file with \
`portcullis check --example > gate.toml`, look at what it arms with `portcullis check --config \
gate.toml`, test your limits with `portcullis try`, and run it with `portcullis run`."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it at work for some seconds: strategies, mistakes, a kill, times. Needs no file.
    Demo {
        /// How long strategies send.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
        seconds: u64,
        /// Of the prices and of what strategies draw by chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where the picture goes.
        #[arg(long, value_name = "DIR", default_value = "portcullis-demo")]
        out: PathBuf,
        /// Keep the configuration, the keys and the journal.
        #[arg(long)]
        keep: bool,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Play disasters that happened: what leaves with each control, and what without.
    #[command(after_help = command::drill::about())]
    Drill {
        /// One of those below, `all`, or `list`.
        #[arg(default_value = "all")]
        name: String,
        /// Where the pictures go: a folder, or for one drill a file that ends in .svg.
        #[arg(long, value_name = "FILE|DIR", default_value = "portcullis-drill")]
        out: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Run the gateway until SIGTERM or SIGINT.
    Run(ConfigFile),
    /// Say whether a configuration is sound, what it arms for whom, and what memory it takes.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE", required_unless_present = "example")]
        config: Option<PathBuf>,
        /// Print a file with every key, its default and what it means.
        #[arg(long)]
        example: bool,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Every control: what it means, which rule demands it, how far it is built, where it is armed.
    Controls {
        /// Says where each is armed by this configuration.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// For machines.
        #[arg(long, conflicts_with = "markdown")]
        json: bool,
        /// As a page: `docs/controls.md` is made so.
        #[arg(long, conflicts_with = "config")]
        markdown: bool,
    },
    /// Say what price history tells of what is held: volatility, correlation, beta, value at risk,
    /// concentration, stress. As tables and pictures.
    #[command(after_help = command::analyze::DEFINITIONS)]
    Analyze(Analyze),
    /// Decide a scenario in virtual time: one JSON line in, one decision out.
    Try {
        #[command(flatten)]
        file: ConfigFile,
        /// End with counts, live orders, positions and the state hash.
        #[arg(long)]
        summary: bool,
    },
    /// Ask a running gateway where everything stands.
    Status(Operators),
    /// Live orders of a running gateway.
    Orders {
        #[command(flatten)]
        at: Operators,
        #[command(flatten)]
        only: Only,
    },
    /// Positions of a running gateway.
    Positions {
        #[command(flatten)]
        at: Operators,
        #[command(flatten)]
        only: Only,
    },
    /// When a running gateway closes positions, and which it is closing.
    Exits {
        #[command(flatten)]
        at: Operators,
        /// Of this account alone.
        #[arg(long)]
        account: Option<String>,
        /// In this symbol alone.
        #[arg(long)]
        symbol: Option<String>,
    },
    /// What each level of a running gateway has at risk.
    Levels(Operators),
    /// What each level of a running gateway has earned, is worth, and may still lose.
    #[command(after_help = PORTFOLIO_HELP)]
    Portfolio {
        #[command(flatten)]
        at: Operators,
        /// Levels of this kind alone: firm, desk, account, strategy, symbol or group.
        scope: Option<String>,
        /// This one alone.
        name: Option<String>,
    },
    /// What has happened: the last events of a running gateway, or those of a journal.
    Events(Events),
    /// Drop a kill switch: nothing new passes below it, and what lives is cancelled.
    Kill(Switch),
    /// Ask to raise a kill switch. As many persons as `raise_persons` says must ask.
    Raise(Switch),
    /// Say what became of an order in doubt, as the broker told you.
    Settle {
        #[command(flatten)]
        at: Operators,
        /// The order's account.
        #[arg(long)]
        account: String,
        /// The order's client order id.
        #[arg(long)]
        id: String,
        /// How much of it was filled in all.
        #[arg(long)]
        filled: String,
        /// The average price of what was filled and not reported; needed where some was.
        #[arg(long)]
        price: Option<String>,
        /// How much of it still stands at the broker.
        #[arg(long, default_value = "0")]
        leaves: String,
    },
    /// Say what may be borrowed today for short sales of an account, beside what was said before.
    Locate {
        #[command(flatten)]
        at: Operators,
        /// By which account.
        #[arg(long)]
        account: String,
        /// Of what.
        #[arg(long)]
        symbol: String,
        /// How much.
        #[arg(long)]
        qty: String,
        /// From whom, in a few words.
        #[arg(long)]
        note: Option<String>,
    },
    /// Ask to let one order that is still to come pass the limits that `gateway.soft` names. Another
    /// person must ask for it too.
    Override {
        #[command(flatten)]
        at: Operators,
        /// Of which account.
        #[arg(long)]
        account: String,
        /// The client order id that it will have.
        #[arg(long)]
        id: String,
        /// Why, in a few words.
        #[arg(long)]
        note: Option<String>,
    },
    /// Change one limit of a running gateway. What loosens it beyond `gateway.loosen_factor`, or above
    /// `[hard_limits]`, another person must say too. Write it into the configuration as well: that holds
    /// from the next start on.
    #[command(
        after_help = "Example: portcullis limit --config gate.toml account A order_qty_max 500 \
--note 'fat fingers'"
    )]
    Limit {
        #[command(flatten)]
        at: Operators,
        /// firm, desk, account, strategy, symbol or group.
        scope: String,
        /// The name of the level, but for the firm; then the limit and its value, or `off`.
        #[arg(value_name = "[NAME] LIMIT VALUE", num_args = 2..=3, required = true)]
        rest: Vec<String>,
        /// Why, in a few words.
        #[arg(long)]
        note: String,
    },
    /// Put an edited configuration beside what a running gateway has in force, and its limits in force.
    #[command(after_help = RELOAD_HELP)]
    Reload {
        /// The edited file; its `admin.socket` is where the gateway is asked.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The operators' socket, where the file names another one.
        #[arg(long, value_name = "PATH")]
        socket: Option<PathBuf>,
        /// Why, in a few words; where nothing is said, the name of the file.
        #[arg(long)]
        note: Option<String>,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Put limits in force also where other keys differ, which wait for a restart.
        #[arg(long)]
        limits_only: bool,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Correct a book by hand: what no order of the gate explains.
    #[command(after_help = ADJUST_HELP)]
    Adjust {
        #[command(flatten)]
        at: Operators,
        /// trade, transfer, cash or split.
        kind: String,
        /// Whose book; none for a split, which is of every position in the symbol.
        #[arg(long)]
        account: Option<String>,
        /// The strategy whose book it is beside the account's.
        #[arg(long)]
        strategy: Option<String>,
        /// In what.
        #[arg(long)]
        symbol: String,
        /// How much the position changes: bought is positive, sold negative. Of a split, how many there
        /// are now for each `--price` of them before.
        #[arg(long, allow_hyphen_values = true)]
        qty: Option<String>,
        /// At which price.
        #[arg(long, allow_hyphen_values = true)]
        price: Option<String>,
        /// What is received beside that, in the currency that the symbol settles in; paid is negative. Of
        /// a trade, its fee.
        #[arg(long, allow_hyphen_values = true)]
        cash: Option<String>,
        /// Why, in a few words; of a fill, the broker's id of it.
        #[arg(long)]
        note: String,
    },
    /// Set when the gate closes a position, or have it closed now.
    #[command(after_help = EXIT_HELP)]
    Exit {
        #[command(flatten)]
        at: Operators,
        /// Whose position.
        #[arg(long)]
        account: String,
        /// In what.
        #[arg(long)]
        symbol: String,
        /// Close it at such a loss: basis points of what it has cost, or off.
        #[arg(long, value_name = "BPS")]
        stop_loss: Option<String>,
        /// Close it at such a gain: likewise.
        #[arg(long, value_name = "BPS")]
        take_profit: Option<String>,
        /// Close it once its price has turned so far from its best, from now on: basis points of that, or
        /// off.
        #[arg(long, value_name = "BPS")]
        trailing_stop: Option<String>,
        /// Once it has gained so much, close it where it gains nothing: basis points of what it has cost,
        /// or off.
        #[arg(long, value_name = "BPS")]
        break_even: Option<String>,
        /// Close it so long from now, as 30m; or off.
        #[arg(long, value_name = "TIME")]
        hold_max: Option<String>,
        /// Close it now.
        #[arg(long)]
        now: bool,
        /// Why, in a few words.
        #[arg(long)]
        note: String,
    },
    /// Look into a journal.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Tell one order's story in plain words: what was asked, what each control found, what came of it.
    Explain {
        /// The journal's directory.
        journal: PathBuf,
        /// The client order id.
        order: String,
        /// The order's account, where several have used the id.
        #[arg(long)]
        account: Option<String>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Search a journal: every command, decision, fill and act, by who, what, when and what came of it.
    #[command(after_help = FIND_HELP)]
    Find(Find),
    /// Compare a journal's books with what the broker says of executions, positions and cash. Ends with 1
    /// where they differ.
    #[command(
        after_help = "Example: portcullis reconcile run/journal --statement eod.csv \
--drop-copy executions.csv\n\nA statement is `account,symbol,position[,average_price]` and \
`account,currency,cash`, each table behind its\nline of names, and `# as_of = 2026-03-02T21:00:00Z`. A \
drop copy is `exec_id,time,account,symbol,side,qty,price`\nwith `fee`, `order_id`, `client_order_id`, \
`type` (trade, correct, bust) and `refers_to` if wanted, or the same as\nlines of JSON. The terms are \
those of [reconcile] in the journal's last run."
    )]
    Reconcile {
        /// The journal's directory.
        journal: PathBuf,
        /// The broker's positions and cash.
        #[arg(long, value_name = "FILE", required_unless_present = "drop_copy")]
        statement: Option<PathBuf>,
        /// The broker's executions.
        #[arg(long, value_name = "FILE")]
        drop_copy: Option<PathBuf>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Every change of a limit: its version, when, who, from what to what, and why.
    Versions {
        /// The journal's directory.
        journal: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// What journals say of whole trading days: orders, refusals, fills, profit, drawdown.
    #[command(after_help = STATISTICS_HELP)]
    Statistics {
        /// The journals' directories: of one gate over time, or of several, which are added up.
        #[arg(required = true)]
        journal: Vec<PathBuf>,
        /// What has a line each: day, account, strategy or symbol.
        #[arg(long, default_value = "day", value_parser = command::statistics::By::from_text)]
        by: command::statistics::By,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Derive every decision of a journal again and compare, bit for bit.
    Replay {
        /// The journal's directory.
        journal: PathBuf,
        /// Other limits: say which decisions they would have changed.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Go on beside the gate that writes the journal, until SIGTERM or SIGINT: the other limits are
        /// its shadow, and each decision that they would change is told as it is made.
        #[arg(long, requires = "config")]
        follow: bool,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Analyze {
    #[command(flatten)]
    file: ConfigFile,
    /// What is held: lines of symbol,qty and perhaps account, in place of `analytics.holdings`.
    #[arg(long, value_name = "FILE")]
    holdings: Option<PathBuf>,
    /// Equal weights, also where `analytics.holdings` names a file.
    #[arg(long, conflicts_with = "holdings")]
    equal: bool,
    /// Of this account alone: what it holds, against its index.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// A [[scenario]] to stress by; may be repeated. Every one, where none is named.
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// As if this day, as in 2020-02-28, were the last of the history.
    #[arg(long, value_name = "DAY")]
    until: Option<jiff::civil::Date>,
    /// The folder that the pictures go to.
    #[arg(long, value_name = "DIR", default_value = "portcullis-analytics")]
    out: PathBuf,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Operators {
    /// The configuration of the running gateway, which names its socket.
    #[arg(long, value_name = "FILE", required_unless_present = "socket")]
    config: Option<PathBuf>,
    /// The operators' socket itself.
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    socket: Option<PathBuf>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Events {
    /// The configuration of the running gateway, which names its socket.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["socket", "journal", "list"])]
    config: Option<PathBuf>,
    /// The operators' socket itself.
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    socket: Option<PathBuf>,
    /// A journal's directory: no gateway needs to run.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "socket"])]
    journal: Option<PathBuf>,
    /// Every kind of event there is, its severity and what it carries.
    #[arg(long, conflicts_with_all = ["config", "socket", "journal"])]
    list: bool,
    /// As grave as this and graver: info, notice, warning, critical.
    #[arg(long)]
    severity: Option<String>,
    /// Of this kind alone.
    #[arg(long)]
    kind: Option<String>,
    /// Of this account alone.
    #[arg(long)]
    account: Option<String>,
    /// From then on, as in 2026-01-31T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many: the last.
    #[arg(long, default_value_t = 100)]
    count: u32,
    /// For machines.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As a page: `docs/events.md` is made so.
    #[arg(long, requires = "list")]
    markdown: bool,
}

#[derive(Debug, Args)]
struct Find {
    /// The journal's directory.
    journal: PathBuf,
    /// From then on, as in 2026-01-31T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of this account alone.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Of this strategy alone.
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// Of this symbol alone.
    #[arg(long, value_name = "NAME")]
    symbol: Option<String>,
    /// About one order: its client order id, or the gate's number of it.
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Of this kind; may be repeated. Those below; of any, where none is named.
    #[arg(long)]
    kind: Vec<String>,
    /// That ended so: accepted or refused for what strategies ask; applied or not_permitted for what
    /// persons do; also duplicate, late_fill, over_fill, implausible, order_unknown.
    #[arg(long)]
    outcome: Option<String>,
    /// Where this control failed, first or beside others, as in QtyAboveMax.
    #[arg(long, value_name = "NAME")]
    reason: Option<String>,
    /// Done by this person; `gate`: by the gate in a person's stead.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// What follows from one command, by the number that the gate gave to it.
    #[arg(long, value_name = "N")]
    correlation: Option<u64>,
    /// Where the line has this in it, be it large or small.
    #[arg(long, value_name = "WORD")]
    text: Option<String>,
    /// At most so many: the last.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: Option<u32>,
    /// For machines: one object per line, with the event as `journal dump` writes it.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Only {
    /// Of this account alone.
    #[arg(long)]
    account: Option<String>,
    /// Of this strategy alone.
    #[arg(long)]
    strategy: Option<String>,
    /// Of this symbol alone.
    #[arg(long)]
    symbol: Option<String>,
}

#[derive(Debug, Args)]
struct Switch {
    #[command(flatten)]
    at: Operators,
    /// firm, desk, account, strategy, symbol or group.
    scope: String,
    /// The name of the account, strategy or symbol; none for the firm.
    name: Option<String>,
    /// Why, in a few words.
    #[arg(long)]
    note: Option<String>,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Write every event as a line of a scenario, which `try` reads.
    Dump {
        /// The journal's directory.
        journal: PathBuf,
    },
    /// Check every byte of every record.
    Verify {
        /// The journal's directory.
        journal: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

const EXIT_HELP: &str = r"What is not named stays as it is. The position keeps its terms until it is closed or
an order that adds to it brings others.

Examples (each with --config gate.toml --account main --symbol X):
    portcullis exit --stop-loss 50 --take-profit 200 --note 'the desk wants it tighter'
    portcullis exit --trailing-stop 75 --hold-max 30m --note 'news at noon'
    portcullis exit --stop-loss off --note 'hedged elsewhere'
    portcullis exit --now --note 'out'";

const ADJUST_HELP: &str = r"Examples (each with --config gate.toml):
  A fill that was never reported: 100 bought at 10.50, with a fee of 1.20.
    portcullis adjust trade --account main --strategy S --symbol X --qty 100 --price 10.50 \
      --cash -1.20 --note E-4711
  The same fill, taken back by the broker: the opposite trade, which gives the fee back too.
    portcullis adjust trade --account main --strategy S --symbol X --qty -100 --price 10.50 \
      --cash 1.20 --note 'bust of E-4711'
  An opening balance: a position comes with what it has cost, and no cash moves.
    portcullis adjust transfer --account main --symbol X --qty 500 --price 9.80 --note 'old system'
  A dividend of 25 received. Interest or a fee that is paid is negative.
    portcullis adjust cash --account main --symbol X --cash 25 --note 'dividend of June'
  A split, 4 for 1: every position in the symbol becomes four times as many, at the same cost.
    portcullis adjust split --symbol X --qty 4 --price 1 --note '4 for 1'

The gate says no, and why, where no book could take it: an unknown name, a trade without a price,
a split while an order is live in the symbol or where a position would not come out whole, a full
table of positions. Every correction is a record of the journal and an event, and counts in the
loss limits at once.";

const FIND_HELP: &str = "\
All that is said must hold. Names are those of the configurations in the journal.

Kinds:
  order basket cancel replace              what strategies ask
  exit                                     an order that the gate sends by itself
  fill report link                         what brokers say
  quote session tick run                   prices, sessions, the gate's clock, its starts
  kill raise settle locate override limit adjust exit-terms
                                           what persons do

Examples:
  What an operator has done, and why:
    portcullis find journal --person alice
  Every refusal of an account on one morning:
    portcullis find journal --account main --outcome refused \\
      --since 2026-01-31T09:30:00Z --until 2026-01-31T12:00:00Z
  How often a control has spoken, and the limit and the value each time:
    portcullis find journal --reason QtyAboveMax
  All that concerns one order, also behind a replace and a restart:
    portcullis find journal --order 4711
  The last 20 fills and orders of the gate's own in a symbol:
    portcullis find journal --symbol X --kind fill --kind exit --count 20

Ends with 1 where the journal is not whole, and says what is missing.";

const STATISTICS_HELP: &str = "\
passed     orders that the gate accepted; refused: the others, with the most frequent reasons below
cancels    that passed; replaces are in --json
fill %     orders that had their first fill, of those that passed: may be more than 100 where they
           passed on another day
o/t        new orders and replaces that passed, for each fill
qty        bought and sold together; value: what that came to
realized   what closed parts have brought, fees left aside; at the rate of that moment, where a
           symbol settles in another currency than the firm's
profit     realized and unrealized, fees taken off, and what corrections brought, from the end of the
           day before: as `portcullis portfolio` says it
drawdown   of a day: how far the firm's profit was below its highest of that day at the most; of any
           other line: the deepest there ever was; of several journals the deepest of one
exits      positions that the gate began to close; kills: by persons and by the gate; adjusted:
           corrections of books. They stand with the names that they say: those of the firm with all.
gain days  of all trading days that have a record

A trading day is that of gateway.trading_day, or a day of UTC, and is called by the date of its last
moment in UTC. A dash stands for a part of nothing. --json has every digit and every reason.

Examples:
  portcullis statistics journal
  portcullis statistics journal --by strategy
  portcullis statistics monday/journal tuesday/journal --json";

const RELOAD_HELP: &str = "\
The file is checked as `portcullis check` does; one that is not sound changes nothing. Then every
difference to what is in force is listed: a limit that is one number is put in force as if
`portcullis limit` had said it, as a version in the journal, by the person who reloads; what loosens it
beyond gateway.loosen_factor or [hard_limits] waits until another person reloads the same file.
Everything else - windows, ages, permissions, symbols, the rule itself - is read at a start: where the
file changes any of it, nothing is put in force, unless --limits-only is written.

Each limit is an event of its own: orders between two of them are decided under the first and not the
second. Those that tighten go first. If the gate ends in between, the rest was not put in force; reload
again. A dry run reckons from the limits in force: where one person has loosened a limit before, the
gate counts the steps together, and may want a second person all the same. What is read from price
files at a start is compared only as far as the file writes it.

Ends with 1 where nothing could be put in force or the gate has refused a limit; the table says which
are in force. Ends with 3 where it is not known.

Examples:
  portcullis reload --config gate.toml --dry-run
  portcullis reload --config gate.toml --note 'limits of June'";

const PORTFOLIO_HELP: &str = "\
equity    capital (limits.capital of the level, or none) and profit
profit    what the books have brought and would bring at the last good price, fees taken off
day       since the trading day began, or persons raised the level in it; % of the equity then
peak      the highest equity since persons last raised the level
drawdown  how far equity is below its peak; % of that. deepest: the same at its worst
gross     what all positions are worth, each counted as more; net: what is short counted as less
value     what they would bring; these three without live orders, which `levels` counts in
unvalued  how many books have no price, or no rate, that can be believed now
used      the largest part of a limit on losses that is used
risk      low; medium: half of one is used; high: gateway.warn_share of it (0.8 where that is off);
          critical: all of it, or the level is halted

A dash stands where nobody knows, and for a share of nothing or of a debt. --json has every digit,
each limit with what is used of it, and why and until when a level is halted. docs/money.md has
the formulas.";

fn main() -> ExitCode {
    // Asked for before any thread is pinned: a pinned thread sees one core only.
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let arguments = Arguments::parse();
    match execute(arguments.command, &cores) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("portcullis: {}", failure.text);
            ExitCode::from(failure.status)
        }
    }
}

fn execute(command: Command, cores: &[core_affinity::CoreId]) -> Result<ExitCode, Failure> {
    use portcullis::admin::request::Command as Act;
    match command {
        Command::Demo {
            seconds,
            seed,
            out,
            keep,
            json,
        } => {
            let show = match (json, io::stdout().is_terminal()) {
                (true, _) => command::demo::Show::Nothing,
                (false, true) => command::demo::Show::Live,
                (false, false) => command::demo::Show::Lines,
            };
            let duration = portcullis::units::Nanos::from_secs(seconds);
            let options = command::demo::Options {
                duration,
                seed,
                out,
                is_kept: keep,
                show,
            };
            command::demo::run(&options, json, cores, &mut io::stdout().lock())
        }
        Command::Drill { name, out, json } => {
            let options = command::drill::Options {
                name,
                out,
                is_json: json,
            };
            print(&command::drill::run(&options)?)
        }
        Command::Run(file) => {
            log_to_standard_error();
            command::run::run(load(&file.config)?, cores)
        }
        Command::Check { example: true, .. } => print(&command::check::example()),
        Command::Check { config, json, .. } => {
            let is_coloured = io::stdout().is_terminal();
            let config = load(&config.unwrap_or_default())?;
            let ids: Vec<_> = cores.iter().map(|core| core.id).collect();
            print(&command::check::run(&config, &ids, json, is_coloured)?)
        }
        Command::Controls {
            config,
            json,
            markdown,
        } => {
            let config = config.map(|file| load(&file)).transpose()?;
            let form = match (json, markdown) {
                (true, _) => command::controls::Form::Json,
                (_, true) => command::controls::Form::Markdown,
                _ => command::controls::Form::Text,
            };
            print(&command::controls::run(config.as_ref(), form))
        }
        Command::Analyze(asked) => {
            let config = load(&asked.file.config)?;
            let options = command::analyze::Options {
                holdings: asked.holdings,
                account: asked.account,
                is_equal: asked.equal,
                scenarios: asked.scenario,
                until: asked.until,
                out: asked.out,
                is_json: asked.json,
            };
            print(&command::analyze::run(&config, &options)?)
        }
        Command::Try { file, summary } => {
            let setup = load(&file.config)?.setup;
            command::trial::run(setup, io::stdin().lock(), io::stdout().lock(), summary)
        }
        Command::Journal(JournalCommand::Dump { journal }) => {
            command::journal::dump(&journal, io::BufWriter::new(io::stdout().lock()))
        }
        Command::Journal(JournalCommand::Verify { journal, json }) => {
            report(command::journal::verify(&journal, json)?)
        }
        Command::Explain {
            journal,
            order,
            account,
            json,
        } => report(command::explain::run(
            &journal,
            &order,
            account.as_deref(),
            json,
        )?),
        Command::Find(asked) => find(asked),
        Command::Reconcile {
            journal,
            statement,
            drop_copy,
            json,
        } => {
            let sources = command::reconcile::Sources {
                statement: statement.as_deref(),
                drop_copy: drop_copy.as_deref(),
            };
            report(command::reconcile::run(&journal, sources, json)?)
        }
        Command::Versions { journal, json } => report(command::versions::run(&journal, json)?),
        Command::Statistics { journal, by, json } => {
            report(command::statistics::run(&journal, by, json)?)
        }
        Command::Replay {
            journal,
            config,
            follow,
            json,
        } => {
            let other = config.map(|path| load(&path)).transpose()?;
            let other = other.map(|config| config.setup);
            if let Some(other) = other.as_ref().filter(|_| follow) {
                let mut out = io::stdout().lock();
                return report(command::replay::follow(&journal, other, json, &mut out)?)
                    .map(|()| ExitCode::SUCCESS);
            }
            report(command::replay::run(&journal, other, json)?)
        }
        Command::Status(at) => {
            return ask(
                at,
                Request {
                    command: Act::Status,
                    ..Request::default()
                },
            );
        }
        Command::Levels(at) => {
            return ask(
                at,
                Request {
                    command: Act::Levels,
                    ..Request::default()
                },
            );
        }
        Command::Portfolio { at, scope, name } => {
            let request = Request {
                command: Act::Portfolio,
                scope,
                name,
                ..Request::default()
            };
            return ask(at, request);
        }
        Command::Adjust {
            at,
            kind,
            account,
            strategy,
            symbol,
            qty,
            price,
            cash,
            note,
        } => {
            let request = Request {
                command: Act::Adjust,
                kind: Some(kind),
                account,
                strategy,
                symbol: Some(symbol),
                qty,
                price,
                cash,
                note: Some(note),
                ..Request::default()
            };
            return ask(at, request);
        }
        Command::Exit {
            at,
            account,
            symbol,
            stop_loss,
            take_profit,
            trailing_stop,
            break_even,
            hold_max,
            now,
            note,
        } => {
            let request = Request {
                command: Act::Exit,
                account: Some(account),
                symbol: Some(symbol),
                stop_loss_bps: stop_loss,
                take_profit_bps: take_profit,
                trailing_stop_bps: trailing_stop,
                break_even_bps: break_even,
                hold_max,
                close: now.then_some(true),
                note: Some(note),
                ..Request::default()
            };
            return ask(at, request);
        }
        Command::Exits {
            at,
            account,
            symbol,
        } => {
            let request = Request {
                command: Act::Exits,
                account,
                symbol,
                ..Request::default()
            };
            return ask(at, request);
        }
        Command::Orders { at, only } => return ask(at, filtered(Act::Orders, only)),
        Command::Positions { at, only } => return ask(at, filtered(Act::Positions, only)),
        Command::Events(asked) => return events(asked),
        Command::Kill(switch) => return throw(Act::Kill, switch),
        Command::Raise(switch) => return throw(Act::Raise, switch),
        Command::Locate {
            at,
            account,
            symbol,
            qty,
            note,
        } => {
            let request = Request {
                command: Act::Locate,
                account: Some(account),
                symbol: Some(symbol),
                qty: Some(qty),
                note,
                ..Request::default()
            };
            return ask(at, request);
        }
        Command::Override {
            at,
            account,
            id,
            note,
        } => {
            let request = Request {
                command: Act::Override,
                account: Some(account),
                id: Some(id),
                note,
                ..Request::default()
            };
            return ask(at, request);
        }
        Command::Limit {
            at,
            scope,
            mut rest,
            note,
        } => {
            let (value, limit) = (rest.pop(), rest.pop());
            let request = Request {
                command: Act::Limit,
                scope: Some(scope),
                name: rest.pop(),
                limit,
                value,
                note: Some(note),
                ..Request::default()
            };
            return ask(at, request);
        }
        Command::Reload {
            config,
            socket,
            note,
            dry_run,
            limits_only,
            json,
        } => {
            let edited = config::load(&config).map_err(Failure::of)?;
            // What a start would read beside it must be there, too.
            handover::fill(&mut edited.clone()).map_err(Failure::of)?;
            let socket = socket.unwrap_or_else(|| edited.admin.socket.clone());
            let options = command::reload::Options {
                place: client::Place::Socket(socket),
                note,
                is_dry_run: dry_run,
                limits_only,
                is_json: json,
            };
            report(command::reload::run(&config, &edited, &options)?)
        }
        Command::Settle {
            at,
            account,
            id,
            filled,
            price,
            leaves,
        } => {
            let request = Request {
                command: Act::Settle,
                account: Some(account),
                id: Some(id),
                filled: Some(filled),
                price,
                leaves: Some(leaves),
                ..Request::default()
            };
            return ask(at, request);
        }
    }
    .map(|()| ExitCode::SUCCESS)
}

fn events(asked: Events) -> Result<ExitCode, Failure> {
    let form = match (asked.json, asked.markdown) {
        (true, _) => command::events::Form::Json,
        (_, true) => command::events::Form::Markdown,
        _ => command::events::Form::Text {
            is_coloured: io::stdout().is_terminal(),
        },
    };
    if asked.list {
        print(&command::events::list(form))?;
    } else if let Some(journal) = asked.journal {
        let wanted = Wanted::parse(
            asked.severity.as_deref(),
            asked.kind.as_deref(),
            asked.since.as_deref(),
        );
        let wanted = Wanted {
            account: asked.account.as_deref(),
            ..wanted.map_err(Failure::of)?
        };
        let count = asked.count as usize;
        report(command::events::run(&journal, &wanted, count, form)?)?;
    } else {
        let at = Operators {
            config: asked.config,
            socket: asked.socket,
            json: asked.json,
        };
        let request = Request {
            command: portcullis::admin::request::Command::Events,
            severity: asked.severity,
            kind: asked.kind,
            account: asked.account,
            since: asked.since,
            count: Some(asked.count),
            ..Request::default()
        };
        return ask(at, request);
    }
    Ok(ExitCode::SUCCESS)
}

fn find(asked: Find) -> Result<(), Failure> {
    let wanted = command::find::Asked {
        since: asked.since,
        until: asked.until,
        account: asked.account,
        strategy: asked.strategy,
        symbol: asked.symbol,
        order: asked.order,
        kinds: asked.kind,
        outcome: asked.outcome,
        reason: asked.reason,
        person: asked.person,
        correlation: asked.correlation,
        text: asked.text,
        count_max: asked.count.map(|count| count as usize),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    command::find::run(&asked.journal, &wanted, asked.json, &mut out)
}

fn filtered(command: portcullis::admin::request::Command, only: Only) -> Request {
    let Only {
        account,
        strategy,
        symbol,
    } = only;
    Request {
        command,
        account,
        strategy,
        symbol,
        ..Request::default()
    }
}

fn throw(
    command: portcullis::admin::request::Command,
    switch: Switch,
) -> Result<ExitCode, Failure> {
    let Switch {
        at,
        scope,
        name,
        note,
    } = switch;
    ask(
        at,
        Request {
            command,
            scope: Some(scope),
            name,
            note,
            ..Request::default()
        },
    )
}

fn ask(at: Operators, request: Request) -> Result<ExitCode, Failure> {
    let place = match (at.config, at.socket) {
        (_, Some(socket)) => client::Place::Socket(socket),
        (config, None) => client::Place::Config(config.unwrap_or_default()),
    };
    client::run(&request, &client::Options::new(place, at.json)).map_err(Failure::of)
}

fn load(path: &Path) -> Result<Config, Failure> {
    let mut config = config::load(path).map_err(Failure::of)?;
    handover::fill(&mut config).map_err(Failure::of)?;
    Ok(config)
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_err(Failure::of)
}

/// The whole of it first, so that a finding does not hide what was found.
fn report(report: command::Report) -> Result<(), Failure> {
    print(&report.text)?;
    report.failure.map_or(Ok(()), Err)
}

/// The level is `info` unless `RUST_LOG` says otherwise.
fn log_to_standard_error() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init();
}
