//! Books: the ledgers of all owners, and the prices that they are valued at.
//!
//! Pure. Touched by fills and prices.

use super::super::cell::Change;
use super::super::setup::{self, Setup};
use super::ledger::{CostMethod, Ledger, Lots};
use super::worth::{AMOUNT_MAX, Contract, ONE, exchanged};
use crate::message::Side;
use crate::units::{Amount, Position};

/// A ledger for every cell, by its place.
#[derive(Debug)]
pub(crate) struct Books {
    ledgers: Vec<Ledger>,
    lots: Lots,
    /// By symbol.
    prices: Vec<Pricing>,
    /// Of strategies and of accounts, by place.
    methods: [Vec<CostMethod>; 2],
}

/// What a symbol's positions are valued at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Pricing {
    contract: Contract,
    /// Twice the last price that was believed.
    pub(crate) sum: Option<i128>,
    /// That can be believed now.
    pub(crate) is_sound: bool,
    /// What the currency that it settles in is worth, in 1e-9; `None` where nobody has said yet,
    pub(crate) rate: Option<u64>,
    /// and whether that can be believed now.
    pub(crate) has_sound_rate: bool,
}

fn methods(setup: &Setup) -> [Vec<CostMethod>; 2] {
    let strategies = setup.strategies.iter().map(|of| of.cost_method);
    let accounts = setup.accounts.iter().map(|of| of.cost_method);
    [strategies.collect(), accounts.collect()]
}

impl Pricing {
    fn new(symbol: &setup::Symbol) -> Self {
        let is_own = symbol.settlement == 0;
        Self {
            contract: Contract::new(symbol),
            sum: None,
            is_sound: false,
            rate: is_own.then_some(ONE),
            has_sound_rate: is_own,
        }
    }
}

impl Pricing {
    /// So many new units stand for so many old ones, and are worth as much: rounded down.
    pub(crate) fn split(&mut self, ratio: (i128, i128)) {
        let (new, old) = self.contract.split_price(ratio);
        self.sum = self.sum.map(|sum| sum.saturating_mul(old).div_euclid(new));
    }
}

impl Books {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            ledgers: Vec::with_capacity(setup.capacity.positions as usize),
            lots: Lots::new(setup.capacity.lots as usize),
            prices: setup.symbols.iter().map(Pricing::new).collect(),
            methods: methods(setup),
        }
    }

    /// Goes on under another setup; `cells` tells of each ledger whether it is an account's, whose, and
    /// the position.
    pub(crate) fn adopt(
        &mut self,
        setup: &Setup,
        cells: impl Iterator<Item = (bool, u32, Position)>,
    ) {
        let room = setup.capacity.positions as usize;
        self.ledgers.reserve_exact(room - self.ledgers.len());
        self.lots.grow(setup.capacity.lots as usize);
        self.methods = methods(setup);
        for (ledger, (is_account, owner, position)) in self.ledgers.iter_mut().zip(cells) {
            let method = self.methods[usize::from(is_account)][owner as usize];
            ledger.adopt(&mut self.lots, method, position);
        }
        let prices = setup.symbols.iter().enumerate().map(|(at, symbol)| {
            let new = Pricing::new(symbol);
            let old = self.prices.get(at);
            old.map_or(new, |old| Pricing {
                contract: new.contract,
                ..*old
            })
        });
        self.prices = prices.collect();
    }

    /// Bytes that they take, prices left aside.
    pub(crate) const fn size_bytes(setup: &Setup) -> usize {
        setup.capacity.positions as usize * size_of::<Ledger>()
            + Lots::size_bytes(setup.capacity.lots as usize)
    }

    /// Bytes for each symbol.
    pub(crate) const SYMBOL_SIZE: usize = size_of::<Pricing>();

    /// A ledger for the cell that comes next.
    pub(crate) fn open(&mut self, is_account: bool, owner: u32) {
        let method = self.methods[usize::from(is_account)][owner as usize];
        self.ledgers.push(Ledger::new(method));
    }

    pub(crate) fn ledger(&self, at: u32) -> Option<&Ledger> {
        self.ledgers.get(at as usize)
    }

    pub(crate) fn contract(&self, symbol: u32) -> Contract {
        self.prices[symbol as usize].contract
    }

    pub(crate) fn pricing(&self, symbol: u32) -> &Pricing {
        &self.prices[symbol as usize]
    }

    /// A symbol is valued so from now on: true where that is not as it was.
    pub(crate) fn price(&mut self, symbol: u32, change: impl FnOnce(&mut Pricing)) -> bool {
        let pricing = &mut self.prices[symbol as usize];
        let before = *pricing;
        change(pricing);
        *pricing != before
    }

    /// How many lots had no room.
    pub(crate) const fn lots_merged(&self) -> u64 {
        self.lots.merged()
    }

    /// Books what was filled into the ledger of a cell, whose position is still as before.
    pub(in crate::risk) fn fill(&mut self, at: u32, position: Position, change: &Change) {
        let ledger = &mut self.ledgers[at as usize];
        let filled = change.filled.raw() as i64;
        let signed = match change.side {
            Side::Buy => filled,
            Side::Sell => -filled,
        };
        ledger.book(&mut self.lots, position, signed, change.cost);
        ledger.fees = ledger.fees.plus(change.fee);
    }

    /// Changes a ledger by hand.
    pub(crate) fn amend(&mut self, at: u32, change: impl FnOnce(&mut Ledger, &mut Lots)) {
        change(&mut self.ledgers[at as usize], &mut self.lots);
    }

    /// What a cell has brought and would bring now, in the firm's currency, and whether that is only as
    /// far as is known.
    pub(crate) fn profit(&self, at: u32, symbol: u32, position: Position) -> (Amount, bool) {
        let (ledger, pricing) = (&self.ledgers[at as usize], &self.prices[symbol as usize]);
        let held = match position {
            Position::ZERO => Some(Amount::ZERO),
            _ => pricing
                .sum
                .and_then(|sum| pricing.contract.held(sum, position)),
        };
        let is_priced = position == Position::ZERO || held.is_some() && pricing.is_sound;
        let own = ledger
            .realized
            .less(ledger.fees)
            .plus(held.unwrap_or(ledger.cost))
            .less(ledger.cost);
        let is_anything = own != Amount::ZERO || position != Position::ZERO;
        let is_blind = !is_priced || !pricing.has_sound_rate && is_anything;
        let profit = pricing
            .rate
            .map_or(Amount::ZERO, |rate| exchanged(own, rate));
        let most = AMOUNT_MAX as i128;
        let capped = Amount::from_raw(profit.raw().clamp(-most, most));
        (capped, is_blind)
    }

    /// What the position of a cell is worth now, in the firm's currency.
    pub(crate) fn market_value(&self, symbol: u32, position: Position) -> Option<Amount> {
        let held = self.settlement_value(symbol, position)?;
        match held {
            Amount::ZERO => Some(held),
            _ => Some(exchanged(held, self.prices[symbol as usize].rate?)),
        }
    }

    /// The same in the currency that it settles in.
    pub(crate) fn settlement_value(&self, symbol: u32, position: Position) -> Option<Amount> {
        let pricing = &self.prices[symbol as usize];
        match position {
            Position::ZERO => Some(Amount::ZERO),
            _ => pricing.contract.held(pricing.sum?, position),
        }
    }

    /// Enters them into a hash of the state.
    pub(crate) fn hash(&self, add: &mut impl FnMut(u64, u64)) {
        for ledger in &self.ledgers {
            ledger.hash(add);
        }
        for pricing in &self.prices {
            let sum = pricing.sum.unwrap_or_default();
            add(sum as u64, pricing.rate.unwrap_or_default());
            add(
                u64::from(pricing.is_sound),
                u64::from(pricing.has_sound_rate),
            );
        }
    }
}
