//! Exchange: a broker's process to try the gateway against, which survives the gateway's crashes.
//!
//! It speaks the native protocol, trades by price and time, makes the mistakes it is told to, and
//! writes down every request it received and every report it sent: one line of JSON each.

use clap::Args;
use portcullis::broker::exchange::{Entry, ExchangeOptions, Faults};
use portcullis::broker::server::{Cut, Server, ServerOptions};
use portcullis::message::{Quote, Text};
use portcullis::protocol::native::key::Key;
use portcullis::sys::clock::Clock;
use portcullis::sys::poller::Poller;
use portcullis::units::{Nanos, Price, Qty, SymbolId};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the process is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Where to listen; port 0 takes a free one, and the address is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A gate that may log on, and the file with its key: 64 hexadecimal digits. May be repeated.
    #[arg(long = "gate", value_name = "NAME=FILE", required = true)]
    gates: Vec<String>,
    /// Every request received and every report sent is appended here, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// A quote that stands from the start, without a bound on its size. May be repeated.
    #[arg(long = "quote", value_name = "SYMBOL_NUMBER=BID/ASK")]
    quotes: Vec<String>,
    /// How often something must be heard, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    heartbeat_ms: u64,
    /// From a request to its effect, in microseconds.
    #[arg(long, default_value_t = 0)]
    latency_us: u64,
    /// Up to so much more, in microseconds.
    #[arg(long, default_value_t = 0)]
    jitter_us: u64,
    /// Of everything that is left to chance.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Orders and replaces rejected without a cause, of a million.
    #[arg(long, default_value_t = 0)]
    reject_per_million: u32,
    /// Reports never sent, of a million.
    #[arg(long, default_value_t = 0)]
    lose_per_million: u32,
    /// Reports sent twice, of a million.
    #[arg(long, default_value_t = 0)]
    duplicate_per_million: u32,
    /// Cancels confirmed and filled all the same, of a million.
    #[arg(long, default_value_t = 0)]
    late_fill_per_million: u32,
    /// The connection is cut behind every so-manyth request; 0 is never.
    #[arg(long, default_value_t = 0)]
    disconnect_requests: u64,
    /// At most so often.
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    disconnects_max: u64,
    /// How it is cut.
    #[arg(long, default_value = "close", value_parser = ["close", "mid-message", "reset"])]
    cut: String,
    /// Silent from this request on; 0 is never.
    #[arg(long, default_value_t = 0)]
    silence_request: u64,
    /// For so long, in milliseconds.
    #[arg(long, default_value_t = 10_000)]
    silence_ms: u64,
}

/// A signal that comes just before the wait is noticed after so long.
const WAIT_MAX: Nanos = Nanos::from_millis(100);

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&is_stopped))?;
    }
    let mut ledger = arguments.ledger.as_ref().map(open_ledger).transpose()?;
    let mut clock = Clock::new(Nanos::ZERO);
    let mut poller = Poller::new(256)?;
    let sockets = Some(poller.sockets()?);
    let options = options(arguments)?;
    let mut server = Server::bind(arguments.listen, options, sockets, clock.now())
        .map_err(|error| format!("--listen {}: {error}", arguments.listen))?;
    for quote in &arguments.quotes {
        server.quote(clock.now(), &parse_quote(quote)?);
    }
    let mut out = io::stdout();
    writeln!(out, "listening on {}", server.address()?)?;
    out.flush()?;
    while !is_stopped.load(Ordering::Relaxed) {
        let now = clock.now();
        let count = server.poll(now);
        let entries = server.take_ledger();
        if let Some(ledger) = &mut ledger {
            write_ledger(ledger, &entries)?;
        }
        let wait = match count {
            0 => server.deadline(now).since(now).min(WAIT_MAX),
            _ => Nanos::ZERO,
        };
        // Which socket it was does not matter: the server tries them all.
        poller.park(Some(wait), |_, _| {})?;
    }
    Ok(())
}

fn open_ledger(path: &PathBuf) -> Result<BufWriter<File>, String> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map(BufWriter::new)
        .map_err(|error| format!("--ledger {}: {error}", path.display()))
}

fn write_ledger(ledger: &mut BufWriter<File>, entries: &[Entry]) -> io::Result<()> {
    for entry in entries {
        writeln!(ledger, "{}", entry.to_json())?;
    }
    ledger.flush()
}

fn options(arguments: &Arguments) -> Result<ServerOptions, Box<dyn Error>> {
    let mut nonce_seed = [0; 32];
    let filled = rustix::rand::getrandom(&mut nonce_seed, rustix::rand::GetRandomFlags::empty())?;
    assert!(filled == nonce_seed.len());
    let gates: Result<Vec<_>, _> = arguments
        .gates
        .iter()
        .map(|gate| parse_gate(gate))
        .collect();
    Ok(ServerOptions {
        name: Text::new("exchange").expect("printable"),
        gates: gates?,
        exchange: ExchangeOptions {
            seed: arguments.seed,
            latency: micros(arguments.latency_us),
            latency_jitter: micros(arguments.jitter_us),
            has_ledger: arguments.ledger.is_some(),
            faults: Faults {
                reject_per_million: arguments.reject_per_million,
                lose_per_million: arguments.lose_per_million,
                duplicate_per_million: arguments.duplicate_per_million,
                late_fill_per_million: arguments.late_fill_per_million,
                disconnect_requests: arguments.disconnect_requests,
                disconnects_max: arguments.disconnects_max,
                silence_request: arguments.silence_request,
                silence_span: Nanos::from_millis(arguments.silence_ms),
                ..Faults::default()
            },
            ..ExchangeOptions::default()
        },
        heartbeat: Nanos::from_millis(arguments.heartbeat_ms),
        logon_timeout: Nanos::from_secs(5),
        nonce_seed,
        cut: match arguments.cut.as_str() {
            "mid-message" => Cut::MidMessage,
            "reset" => Cut::Reset,
            _ => Cut::Close,
        },
    })
}

const fn micros(micros: u64) -> Nanos {
    Nanos::from_raw(micros.saturating_mul(1_000))
}

fn parse_gate(text: &str) -> Result<(Text, Key), String> {
    let help = "write --gate NAME=FILE, as in --gate portcullis=gate.key";
    let (name, path) = text.split_once('=').ok_or(help)?;
    let name = Text::new(name).filter(Text::is_id).ok_or(help)?;
    let key = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let key = parse_key(key.trim_end());
    let key = key.ok_or_else(|| format!("{path}: not a key; write 64 hexadecimal digits"))?;
    Ok((name, Key::new(key)))
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if text.len() != 2 * key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(key)
}

fn parse_quote(text: &str) -> Result<Quote, String> {
    let parse = || {
        let (symbol, prices) = text.split_once('=')?;
        let (bid, ask) = prices.split_once('/')?;
        Some(Quote {
            symbol: SymbolId(symbol.parse().ok()?),
            bid: Price::parse(bid).ok()?,
            ask: Price::parse(ask).ok()?,
            bid_qty: Qty::ZERO,
            ask_qty: Qty::ZERO,
            ..Quote::default()
        })
    };
    parse().ok_or_else(|| {
        format!("--quote {text}: write SYMBOL_NUMBER=BID/ASK, as in --quote 0=99.5/100.5")
    })
}
