//! Strategies: who takes part in the demo, and what each of them sends.
//!
//! Pure: what it sends follows from its seed, the prices it is shown and what it holds.

use crate::broker::exchange::chance::Chance;
use crate::message::{Cancel, NewOrder, OrderType, Side, Text, TimeInForce};
use crate::protocol::native::client::Names;
use crate::reject::RejectReason;
use crate::units::{AccountId, Nanos, Price, Qty, SymbolId};

/// Somebody who takes part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Role {
    pub(super) name: &'static str,
    pub(super) account: &'static str,
    pub(super) symbols: &'static [&'static str],
    pub(super) is_unix: bool,
    pub(super) behaviour: Behaviour,
    /// Between two turns.
    pub(super) interval: Nanos,
    /// What it must hear at least once; `None` for whoever behaves.
    pub(super) expected: Option<RejectReason>,
    pub(super) about: &'static str,
}

/// What it does in its turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Behaviour {
    /// Stands on both sides of the market, and moves with it.
    Maker,
    /// Takes what it finds.
    Taker,
    /// A hundred times too much, three times of four.
    TooLarge,
    /// A digit too many in the price, three times of four.
    FatFinger,
    /// Does not stop.
    Runaway,
    /// Uses an id again, three times of four.
    SameId,
    /// Names a symbol that is none, three times of four.
    WrongSymbol,
    /// Never reads what it is told.
    Deaf,
    /// Leaves without a word while its orders stand.
    Leaver,
}

/// What it wants to send.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish {
    Order(NewOrder),
    Cancel(Cancel),
}

/// The state of one.
#[derive(Debug)]
pub(super) struct Strategy {
    role: Role,
    chance: Chance,
    account: AccountId,
    symbols: Vec<(SymbolId, i64, Qty)>,
    turn: u64,
    serial: u64,
    /// The id that is used again.
    first_id: Text,
}

const EQUITIES: &[&str] = &["AMZN", "AAPL", "MSFT"];
const COINS: &[&str] = &["BTC-USDT", "ETH-USDT"];

/// Everybody.
pub(super) const ROLES: [Role; 10] = [
    role(
        "maker",
        "alpha",
        EQUITIES,
        Behaviour::Maker,
        20,
        None,
        "makes a market in three shares",
    ),
    role(
        "momentum",
        "beta",
        EQUITIES,
        Behaviour::Taker,
        4,
        None,
        "takes shares at the market",
    ),
    role(
        "coins",
        "coins",
        COINS,
        Behaviour::Taker,
        8,
        None,
        "takes coins; its account is killed midway",
    ),
    role(
        "runaway",
        "narrow",
        EQUITIES,
        Behaviour::Runaway,
        5,
        Some(RejectReason::OrderRateAboveMax),
        "sends without end",
    ),
    role(
        "fat-finger",
        "beta",
        EQUITIES,
        Behaviour::FatFinger,
        40,
        Some(RejectReason::PriceOutsideCollar),
        "types a digit too many",
    ),
    role(
        "too-large",
        "trainee",
        EQUITIES,
        Behaviour::TooLarge,
        40,
        Some(RejectReason::QtyAboveMax),
        "orders a hundred times too much",
    ),
    role(
        "same-id",
        "trainee",
        EQUITIES,
        Behaviour::SameId,
        40,
        Some(RejectReason::ClientOrderIdDuplicate),
        "uses one id again",
    ),
    role(
        "wrong-symbol",
        "trainee",
        EQUITIES,
        Behaviour::WrongSymbol,
        40,
        Some(RejectReason::SymbolUnknown),
        "names what does not exist",
    ),
    role(
        "deaf",
        "trainee",
        EQUITIES,
        Behaviour::Deaf,
        2,
        None,
        "never reads its reports",
    ),
    role(
        "leaver",
        "trainee",
        EQUITIES,
        Behaviour::Leaver,
        10,
        None,
        "leaves while its orders stand",
    ),
];

/// The account that an operator kills midway.
pub(super) const KILLED_ACCOUNT: &str = "coins";
/// The leaver's orders.
pub(super) const LEFT_ORDERS: u64 = 10;
/// What the deaf one asks for in a turn: each answer is a report that it does not read.
const DEAF_CANCELS: usize = 32;
const DEAF_ORDERS: u64 = 20;

const fn role(
    name: &'static str,
    account: &'static str,
    symbols: &'static [&'static str],
    behaviour: Behaviour,
    interval_millis: u64,
    expected: Option<RejectReason>,
    about: &'static str,
) -> Role {
    // Half of them by each way, so that the two can be compared.
    let is_unix = matches!(
        behaviour,
        Behaviour::Maker | Behaviour::Deaf | Behaviour::Runaway | Behaviour::SameId
    );
    let interval = Nanos::from_millis(interval_millis);
    Role {
        name,
        account,
        symbols,
        is_unix,
        behaviour,
        interval,
        expected,
        about,
    }
}

impl Strategy {
    /// `None` where the gate does not know its account or its symbols.
    pub(super) fn new(role: Role, seed: u64, names: &Names) -> Option<Self> {
        let symbols = role.symbols.iter().map(|name| {
            let symbol = names.symbol(name)?;
            Some((symbol.id, symbol.tick.raw(), symbol.lot))
        });
        Some(Self {
            role,
            chance: Chance::new(seed),
            account: names.account(role.account)?,
            symbols: symbols.collect::<Option<Vec<_>>>()?,
            turn: 0,
            serial: 0,
            first_id: Text::EMPTY,
        })
    }

    /// What it sends now. `live` are its orders, oldest first; `position` is what it holds.
    pub(super) fn turn(
        &mut self,
        mid_of: impl Fn(SymbolId) -> Price,
        live: &[Text],
        position: i64,
        wish: &mut impl FnMut(Wish),
    ) {
        self.turn += 1;
        let at = (self.turn as usize - 1) % self.symbols.len();
        let (symbol, tick, lot) = self.symbols[at];
        let mid = mid_of(symbol).raw() / tick * tick;
        // About a basis point of the price, in whole ticks.
        let near = (mid / 10_000 / tick).max(1) * tick;
        let is_bad = !self.turn.is_multiple_of(4);
        match self.role.behaviour {
            Behaviour::Maker => {
                for id in live.iter().take(live.len().saturating_sub(10)) {
                    wish(Wish::Cancel(self.cancel(*id)));
                }
                for side in [Side::Buy, Side::Sell] {
                    if !is_past(position, side, 100) {
                        let away = near + tick * self.chance.up_to(3) as i64;
                        let price = if side == Side::Buy {
                            mid - away
                        } else {
                            mid + away
                        };
                        wish(Wish::Order(self.order(
                            symbol,
                            side,
                            price,
                            10 * UNIT,
                            TimeInForce::Day,
                        )));
                    }
                }
            }
            Behaviour::Taker => {
                let side = self.side(position, 50);
                // A share is traded by tens; of a coin, what a hundred dollars buy.
                let units = (10 * UNIT).min(100 * UNIT * 1_000_000_000 / mid.unsigned_abs().max(1));
                let qty = (units / lot.raw()).max(1) * lot.raw();
                wish(Wish::Order(self.touch(symbol, side, mid, near, qty)));
            }
            Behaviour::Runaway => {
                let side = if self.turn.is_multiple_of(2) {
                    Side::Buy
                } else {
                    Side::Sell
                };
                let price = mid + tick * (self.chance.up_to(10) as i64 - 5);
                let qty = (1 + self.chance.up_to(8)) * UNIT;
                wish(Wish::Order(self.order(
                    symbol,
                    side,
                    price,
                    qty,
                    TimeInForce::ImmediateOrCancel,
                )));
            }
            Behaviour::TooLarge => {
                let side = self.side(position, 20);
                let qty = if is_bad { 500 * UNIT } else { 5 * UNIT };
                wish(Wish::Order(self.touch(symbol, side, mid, near, qty)));
            }
            Behaviour::FatFinger => {
                let side = self.side(position, 20);
                let mut order = self.touch(symbol, side, mid, near, 5 * UNIT);
                if is_bad {
                    order.price = Price::from_raw(order.price.raw() * 10);
                }
                wish(Wish::Order(order));
            }
            Behaviour::SameId => {
                let side = self.side(position, 20);
                let mut order = self.touch(symbol, side, mid, near, 5 * UNIT);
                match self.first_id.is_empty() {
                    true => self.first_id = order.client_order_id,
                    false if is_bad => order.client_order_id = self.first_id,
                    false => {}
                }
                wish(Wish::Order(order));
            }
            Behaviour::WrongSymbol => {
                let side = self.side(position, 20);
                let mut order = self.touch(symbol, side, mid, near, 5 * UNIT);
                if is_bad {
                    order.symbol = SymbolId(999_999);
                }
                wish(Wish::Order(order));
            }
            Behaviour::Deaf => {
                if self.turn <= DEAF_ORDERS {
                    let price = mid - 250 * near;
                    wish(Wish::Order(self.order(
                        symbol,
                        Side::Buy,
                        price,
                        UNIT,
                        TimeInForce::Day,
                    )));
                }
                for _ in 0..DEAF_CANCELS {
                    wish(Wish::Cancel(self.cancel(Text::EMPTY)));
                }
            }
            Behaviour::Leaver => {
                if self.turn <= LEFT_ORDERS {
                    let price = mid - 250 * near;
                    wish(Wish::Order(self.order(
                        symbol,
                        Side::Buy,
                        price,
                        UNIT,
                        TimeInForce::Day,
                    )));
                }
            }
        }
    }

    /// Towards no position once there is much of it, else by chance.
    fn side(&mut self, position: i64, much: u64) -> Side {
        let by_chance = if self.chance.up_to(1) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        match by_chance {
            Side::Buy if is_past(position, Side::Buy, much) => Side::Sell,
            Side::Sell if is_past(position, Side::Sell, much) => Side::Buy,
            side => side,
        }
    }

    /// An order that trades at once or not at all.
    fn touch(&mut self, symbol: SymbolId, side: Side, mid: i64, near: i64, qty: u64) -> NewOrder {
        let price = if side == Side::Buy {
            mid + 2 * near
        } else {
            mid - 2 * near
        };
        self.order(symbol, side, price, qty, TimeInForce::ImmediateOrCancel)
    }

    fn order(
        &mut self,
        symbol: SymbolId,
        side: Side,
        price: i64,
        qty: u64,
        tif: TimeInForce,
    ) -> NewOrder {
        NewOrder {
            price: Price::from_raw(price),
            qty: Qty::from_raw(qty),
            account: self.account,
            symbol,
            client_order_id: self.next_id(),
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: tif as u8,
            ..NewOrder::default()
        }
    }

    fn cancel(&mut self, original: Text) -> Cancel {
        let client_order_id = self.next_id();
        let original_id = if original.is_empty() {
            client_order_id
        } else {
            original
        };
        Cancel {
            client_order_id,
            original_id,
            account: self.account,
            ..Cancel::default()
        }
    }

    /// Accounts are shared: ids begin with who gave them.
    fn next_id(&mut self) -> Text {
        self.serial += 1;
        Text::new(&format!("{}-{}", self.role.name, self.serial)).unwrap_or_default()
    }
}

fn is_past(position: i64, side: Side, units: u64) -> bool {
    let much = (units * UNIT) as i64;
    match side {
        Side::Buy => much < position,
        Side::Sell => position < -much,
    }
}

/// One share, in raw quantities.
const UNIT: u64 = 100_000_000;
