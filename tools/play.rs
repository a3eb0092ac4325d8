//! Play: a day of real orders, sent to the gate by a strategy as it would have sent them.
//!
//! A new order of the file is an order, a part taken away is a replace by a smaller one, a deletion is
//! a cancel; what fills is up to the broker behind the gate. In step, a row waits for the answer to
//! the one before; otherwise rows go out at their own pace, faster or slower by a factor.
//!
//! A feed sends the book that a row met before the row itself. Nobody acknowledges a quote, so in step
//! a cancel of an order that never was goes behind it: a gate whose stages share a thread has taken
//! the quote when it refuses the cancel.

mod book;
mod quotes;

use crate::ids::Ids;
use crate::link::parse_target;
use crate::lobster::Day;
use crate::lobster::reader::{Kind, Reader};
use crate::session::{Identity, Session};
use book::{Book, Command};
use portcullis::protocol::native::client::Event;
use portcullis::strategy::client::Target;
use portcullis::sys::clock::Clock;
use portcullis::sys::poller::Poller;
use portcullis::sys::random;
use portcullis::units::{Nanos, parse_decimal};
use quotes::Quotes;
use std::error::Error;

/// Which day, to whom, how fast.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    day: Day,
    /// Where the gate listens for strategies: tcp:ADDRESS or unix:PATH.
    #[arg(long, value_parser = parse_target)]
    target: Target,
    /// The strategy, and the file with its key; the name alone on a unix socket.
    #[arg(long, value_name = "NAME[=FILE]", value_parser = Identity::parse)]
    session: Identity,
    /// The account; otherwise the first that the strategy may use.
    #[arg(long)]
    account: Option<String>,
    /// A feed, and the file with its key: it sends the quotes of the order book file.
    #[arg(long, value_name = "NAME[=FILE]", value_parser = Identity::parse, requires = "feed_target")]
    feed: Option<Identity>,
    /// Where the gate listens for this feed.
    #[arg(long, value_name = "TARGET", value_parser = parse_target, requires = "feed")]
    feed_target: Option<Target>,
    /// So many times as fast as the day was; 0 is in step: a row waits for the answer to the last.
    #[arg(long, value_name = "FACTOR", default_value = "0", value_parser = speed)]
    speed: u64,
    /// Only so many rows.
    #[arg(long)]
    rows: Option<u64>,
    /// An answer is waited for so long.
    #[arg(long, value_parser = crate::arguments::duration, default_value = "2s")]
    patience: Nanos,
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// A day as it is played.
struct Play {
    clock: Clock,
    poller: Poller,
    session: Session,
    quotes: Option<Quotes>,
    book: Book,
    patience: Nanos,
}

/// Plays the rows and says what became of them.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (symbol, _, reader) = arguments.day.open()?;
    let mut play = Play::open(arguments, &symbol)?;
    let played = play.rows(arguments, reader);
    play.session.log_out();
    let quotes = play.quotes.as_mut().map_or(0, Quotes::end);
    match arguments.json {
        true => println!("{}", play.book.to_json(quotes)),
        false => print!("{}", play.book.to_text(quotes)),
    }
    played
}

impl Play {
    fn open(arguments: &Arguments, symbol: &str) -> Result<Self, Box<dyn Error>> {
        let mut clock = Clock::new(Nanos::ZERO);
        let mut poller = Poller::new(8)?;
        let sockets = poller.sockets()?;
        let mut session = Session::connect(&arguments.target, &arguments.session, clock.now())?;
        session.log_on(&mut clock)?;
        session.link.register(&sockets, 0)?;
        let names = session.client.names();
        let account = match &arguments.account {
            Some(name) => names.account(name),
            None => names.accounts().next().map(|(_, account)| account),
        };
        let account = account.ok_or("--account: the strategy has no such account")?;
        let symbol = names
            .symbol(symbol)
            .ok_or_else(|| format!("the gate has no symbol {symbol}: give --symbol"))?;
        let quotes = match (&arguments.feed, &arguments.feed_target) {
            (Some(feed), Some(target)) => Some(Quotes::open(target, feed, symbol.id, &mut clock)?),
            _ => None,
        };
        let ids = Ids::new(u64::from_le_bytes(random::bytes()?));
        Ok(Self {
            clock,
            poller,
            book: Book::new(ids, account, symbol.id),
            session,
            quotes,
            patience: arguments.patience,
        })
    }

    fn rows(&mut self, arguments: &Arguments, mut reader: Reader) -> Result<(), Box<dyn Error>> {
        let start = self.clock.now();
        let mut first = None;
        let mut rows = 0;
        while arguments.rows.is_none_or(|rows_max| rows < rows_max) {
            let Some(event) = reader.next()? else {
                break;
            };
            rows += 1;
            let since_first = event.time.since(*first.get_or_insert(event.time)).raw();
            if arguments.speed != 0 {
                let due = u128::from(since_first) * 1_000_000 / u128::from(arguments.speed);
                self.until(start.after(Nanos::from_raw(u64::try_from(due)?)))?;
            }
            if let Some(quotes) = &mut self.quotes {
                quotes.before(&event, self.clock.now())?;
            }
            if arguments.speed == 0 && self.book.concerns(&event) {
                self.settle_quotes()?;
            }
            let command = match event.kind {
                Kind::New => self.book.order(&event),
                Kind::PartialCancel => self.book.reduce(&event),
                Kind::Delete => self.book.cancel(&event),
                Kind::Execution | Kind::HiddenExecution | Kind::Cross | Kind::Halt => None,
            };
            let Some(command) = command else {
                continue;
            };
            self.send(&command)?;
            if arguments.speed == 0 {
                self.until_answered(Book::is_last_answered)?;
            }
        }
        self.until_answered(Book::is_all_answered)
    }

    /// Until the gate has taken the quotes.
    fn settle_quotes(&mut self) -> Result<(), Box<dyn Error>> {
        if self.quotes.as_mut().is_some_and(Quotes::take_news) {
            let probe = self.book.probe();
            self.send(&probe)?;
            self.until_answered(Book::is_last_answered)?;
        }
        Ok(())
    }

    fn send(&mut self, command: &Command) -> Result<(), Box<dyn Error>> {
        let now = self.clock.now();
        let client = &mut self.session.client;
        let frame = match command {
            Command::Order(order) => client.new_order(*order, &[], now),
            Command::Replace(replace) => client.replace(*replace, &[], now),
            Command::Cancel(cancel) => client.cancel(*cancel, now),
        };
        self.session
            .link
            .queue(&frame.ok_or("the session is over")?);
        self.poll()?;
        Ok(())
    }

    /// Polls until a time.
    fn until(&mut self, time: Nanos) -> Result<(), Box<dyn Error>> {
        loop {
            let left = time.since(self.clock.now());
            if left == Nanos::ZERO {
                return Ok(());
            }
            self.wait(left)?;
        }
    }

    /// Polls until the answer is there, or for as long as one is waited for.
    fn until_answered(&mut self, is_answered: fn(&Book) -> bool) -> Result<(), Box<dyn Error>> {
        let deadline = self.clock.now().after(self.patience);
        while !is_answered(&self.book) {
            let left = deadline.since(self.clock.now());
            if left == Nanos::ZERO {
                return Ok(());
            }
            self.wait(left)?;
        }
        Ok(())
    }

    /// Looks, and where nothing came waits in the poller, which counts in milliseconds.
    fn wait(&mut self, left: Nanos) -> Result<(), Box<dyn Error>> {
        if self.poll()? != 0 {
            return Ok(());
        }
        let timeout = match left.raw() / 1_000_000 {
            0 | 1 => Nanos::ZERO,
            millis => Nanos::from_millis((millis - 1).min(WAIT_MILLIS_MAX)),
        };
        let link = &mut self.session.link;
        self.poller.park(Some(timeout), |_, readiness| {
            link.is_readable |= readiness.is_readable;
        })?;
        Ok(())
    }

    fn poll(&mut self) -> Result<usize, Box<dyn Error>> {
        if let Some(quotes) = &mut self.quotes {
            quotes.poll(self.clock.now())?;
        }
        let book = &mut self.book;
        let polled = self.session.poll(self.clock.now(), |event| match event {
            Event::Execution(_, execution) => book.execution(execution),
            Event::Refusal(_, refusal) => book.refusal(refusal),
            _ => {}
        });
        polled.map_err(|error| format!("{}: {error}", self.session.name).into())
    }
}

/// Into millionths.
fn speed(text: &str) -> Result<u64, String> {
    let speed = parse_decimal(text, 6).ok();
    speed
        .and_then(|speed| u64::try_from(speed).ok())
        .ok_or_else(|| "write a factor with at most 6 decimals, as in 10 or 0.5".to_owned())
}

/// Heartbeats are sent meanwhile.
const WAIT_MILLIS_MAX: u64 = 100;
