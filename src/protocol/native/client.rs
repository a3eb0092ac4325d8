//! Client: what a strategy needs besides its socket.
//!
//! Pure. Nothing is allocated for an order.

use crate::message::{
    Basket, Cancel, Execution, FRAME_SIZE, Frame, Header, Kind, NewOrder, OrderType, Quote,
    Refusal, Replace, Scope, Side, Text, TimeInForce,
};
use crate::protocol::native::bodies::{Definition, Fault, LogoutReason};
use crate::protocol::native::session::{Initiator, InitiatorOptions, Phase, Told};
use crate::units::{AccountId, Nanos, Price, Qty, SymbolId};
use bytemuck::Zeroable;

/// A strategy's end of a session, and the names it has learnt.
#[derive(Debug)]
pub struct Client {
    options: InitiatorOptions,
    initiator: Initiator,
    names: Names,
    missed: u64,
}

/// What a strategy has been told.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Nothing to act on.
    Nothing,
    /// Send this now.
    Send(Frame),
    /// Logged on, all names known: orders may be sent. So many reports are lost to this end.
    Ready {
        /// How many reports were no longer kept.
        missed: u64,
    },
    /// Something happened to an order.
    Execution(&'a Header, &'a Execution),
    /// A command was refused.
    Refusal(&'a Header, &'a Refusal),
    /// The gate ended the session, for this reason if it named one that is known.
    Ended(Option<LogoutReason>),
}

/// The numbers of names.
#[derive(Debug, Default)]
pub struct Names {
    /// Sorted by name, as are the symbols.
    accounts: Vec<(Text, AccountId)>,
    symbols: Vec<(Text, Symbol)>,
}

/// A symbol as the gate defined it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Symbol {
    /// Its number.
    pub id: SymbolId,
    /// Prices are whole numbers of it.
    pub tick: Price,
    /// Quantities are whole numbers of it.
    pub lot: Qty,
}

/// An order in words.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// For which account.
    pub account: &'a str,
    /// What.
    pub symbol: &'a str,
    /// The strategy's own id of the order.
    pub id: &'a str,
    /// Which way.
    pub side: Side,
    /// How the price is given.
    pub order_type: OrderType,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// The limit price; zero for a market order.
    pub price: Price,
    /// How much.
    pub qty: Qty,
}

/// Why words cannot be made into a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameError {
    /// The gate has not defined this account for this strategy.
    AccountUnknown,
    /// The gate has not defined this symbol.
    SymbolUnknown,
    /// An id is empty, longer than 36 bytes, or not printable ASCII.
    IdInvalid,
}

impl Client {
    /// A new connection. The gate speaks first.
    pub fn new(options: InitiatorOptions, now: Nanos) -> Self {
        let initiator = Initiator::new(options.clone(), now);
        Self {
            options,
            initiator,
            names: Names::default(),
            missed: 0,
        }
    }

    /// The next connection: goes on behind the last report. `salt` must be new.
    pub fn reconnect(&mut self, salt: [u8; 12], now: Nanos) {
        self.options.report_sequence_last = self.initiator.report_sequence_last();
        self.options.salt = salt;
        self.initiator = Initiator::new(self.options.clone(), now);
        self.names = Names::default();
    }

    /// Its end of the session.
    pub fn session(&mut self) -> &mut Initiator {
        &mut self.initiator
    }

    /// True once orders may be sent.
    pub fn is_ready(&self) -> bool {
        self.initiator.is_ready()
    }

    /// The names it has learnt on this connection.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The last report received: to be kept by who wants to go on behind it after a restart.
    pub fn report_sequence_last(&self) -> u64 {
        self.initiator.report_sequence_last()
    }

    /// Takes a message that the parser let through.
    pub fn receive<'a>(&mut self, head: &'a Frame, now: Nanos) -> Result<Event<'a>, Fault> {
        match self.initiator.receive(head, now)? {
            Told::Report => Ok(match head.kind() {
                Some(Kind::Refusal) => Event::Refusal(&head.header, head.body()),
                _ => Event::Execution(&head.header, head.body()),
            }),
            Told::Challenge(logon) => Ok(Event::Send(logon)),
            Told::Welcome { missed, .. } => {
                self.missed = missed;
                Ok(self.ready())
            }
            Told::Definition(definition) => {
                self.names.learn(definition);
                Ok(self.ready())
            }
            Told::Heartbeat => Ok(Event::Nothing),
            Told::Logout(logout) => Ok(Event::Ended(logout.reason())),
        }
    }

    fn ready<'a>(&self) -> Event<'a> {
        match self.initiator.is_ready() {
            true => Event::Ready {
                missed: self.missed,
            },
            false => Event::Nothing,
        }
    }

    /// An order, counted: send it next, with `passthrough` behind it by [`continuations`]. `None`
    /// while no session is live, or where `passthrough` is longer than any gate takes.
    #[inline]
    pub fn new_order(&mut self, order: NewOrder, passthrough: &[u8], now: Nanos) -> Option<Frame> {
        let (passthrough_size, continuation_count) = sizes(passthrough)?;
        let order = NewOrder {
            passthrough_size,
            ..order
        };
        let header = Header {
            continuation_count,
            ..Header::default()
        };
        self.count(Frame::new(Kind::NewOrder, header, order), now)
    }

    /// A replace, counted, as [`Client::new_order`].
    #[inline]
    pub fn replace(&mut self, replace: Replace, passthrough: &[u8], now: Nanos) -> Option<Frame> {
        let (passthrough_size, continuation_count) = sizes(passthrough)?;
        let replace = Replace {
            passthrough_size,
            ..replace
        };
        let header = Header {
            continuation_count,
            ..Header::default()
        };
        self.count(Frame::new(Kind::Replace, header, replace), now)
    }

    /// A basket, counted: send it next, with `orders` behind it. `None` while no session is live, or
    /// where there are more orders than any unit can have.
    pub fn basket(&mut self, basket: Basket, orders: &[NewOrder], now: Nanos) -> Option<Frame> {
        let header = Header {
            continuation_count: u8::try_from(orders.len()).ok()?,
            ..Header::default()
        };
        self.count(Frame::new(Kind::Basket, header, basket), now)
    }

    /// A cancel, counted.
    #[inline]
    pub fn cancel(&mut self, cancel: Cancel, now: Nanos) -> Option<Frame> {
        self.count(Frame::new(Kind::Cancel, Header::default(), cancel), now)
    }

    /// A quote, counted: for a feed.
    #[inline]
    pub fn quote(&mut self, quote: Quote, now: Nanos) -> Option<Frame> {
        self.count(Frame::new(Kind::Quote, Header::default(), quote), now)
    }

    #[inline]
    fn count(&mut self, mut command: Frame, now: Nanos) -> Option<Frame> {
        if self.initiator.phase() != Phase::Live {
            return None;
        }
        self.initiator.count(&mut command, now);
        Some(command)
    }
}

impl Names {
    fn learn(&mut self, definition: &Definition) {
        let Definition {
            name,
            id,
            tick,
            lot,
            ..
        } = *definition;
        if definition.scope == Scope::Account as u8 {
            insert(&mut self.accounts, name, AccountId(id));
        } else if definition.scope == Scope::Symbol as u8 {
            insert(
                &mut self.symbols,
                name,
                Symbol {
                    id: SymbolId(id),
                    tick,
                    lot,
                },
            );
        }
    }

    /// The number of an account.
    pub fn account(&self, name: &str) -> Option<AccountId> {
        find(&self.accounts, name)
    }

    /// A symbol.
    pub fn symbol(&self, name: &str) -> Option<Symbol> {
        find(&self.symbols, name)
    }

    /// The accounts, by name.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, AccountId)> {
        self.accounts.iter().map(|(name, id)| (name.as_str(), *id))
    }

    /// The symbols, by name.
    pub fn symbols(&self) -> impl Iterator<Item = (&str, Symbol)> {
        self.symbols
            .iter()
            .map(|(name, symbol)| (name.as_str(), *symbol))
    }

    /// An order from words.
    pub fn new_order(&self, order: &Order<'_>) -> Result<NewOrder, NameError> {
        Ok(NewOrder {
            price: order.price,
            qty: order.qty,
            account: self
                .account(order.account)
                .ok_or(NameError::AccountUnknown)?,
            symbol: self
                .symbol(order.symbol)
                .ok_or(NameError::SymbolUnknown)?
                .id,
            client_order_id: id(order.id)?,
            side: order.side as u8,
            order_type: order.order_type as u8,
            time_in_force: order.time_in_force as u8,
            ..NewOrder::zeroed()
        })
    }

    /// A cancel of `original`, under an id of its own.
    pub fn cancel(&self, account: &str, own: &str, original: &str) -> Result<Cancel, NameError> {
        Ok(Cancel {
            client_order_id: id(own)?,
            original_id: id(original)?,
            account: self.account(account).ok_or(NameError::AccountUnknown)?,
            ..Cancel::zeroed()
        })
    }

    /// A replace of `original`, which goes by `own` once it is done.
    pub fn replace(
        &self,
        account: &str,
        own: &str,
        original: &str,
        price: Price,
        qty: Qty,
    ) -> Result<Replace, NameError> {
        Ok(Replace {
            price,
            qty,
            account: self.account(account).ok_or(NameError::AccountUnknown)?,
            client_order_id: id(own)?,
            original_id: id(original)?,
            ..Replace::zeroed()
        })
    }
}

fn insert<T>(names: &mut Vec<(Text, T)>, name: Text, value: T) {
    match names.binary_search_by_key(&name.bytes(), |(name, _)| name.bytes()) {
        Ok(at) => names[at].1 = value,
        Err(at) => names.insert(at, (name, value)),
    }
}

fn find<T: Copy>(names: &[(Text, T)], name: &str) -> Option<T> {
    let name = Text::new(name)?;
    let at = names
        .binary_search_by_key(&name.bytes(), |(name, _)| name.bytes())
        .ok()?;
    names.get(at).map(|(_, value)| *value)
}

fn id(text: &str) -> Result<Text, NameError> {
    Text::new(text)
        .filter(Text::is_id)
        .ok_or(NameError::IdInvalid)
}

#[inline]
fn sizes(passthrough: &[u8]) -> Option<(u16, u8)> {
    let size = u16::try_from(passthrough.len()).ok()?;
    let count = u8::try_from(passthrough.len().div_ceil(FRAME_SIZE)).ok()?;
    Some((size, count))
}

/// The frames that carry the orders of a basket behind its head.
pub fn lines(orders: &[NewOrder]) -> impl Iterator<Item = Frame> {
    let lines = orders.iter();
    lines.map(|order| Frame::new(Kind::NewOrder, Header::default(), *order))
}

/// The frames that carry `passthrough` behind a head.
pub fn continuations(passthrough: &[u8]) -> impl Iterator<Item = Frame> {
    passthrough.chunks(FRAME_SIZE).map(|bytes| {
        let mut frame = Frame::zeroed();
        frame.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        frame
    })
}
