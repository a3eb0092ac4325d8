//! Cash is conserved: what a book says that it has paid and earned is what was paid and received, fill by
//! fill, to the last unit of 1e-17.

use super::world::{Entry, OWNERS, SYMBOLS, What, World, seed};
use portcullis::message::{AdjustKind, Scope};
use portcullis::risk::setup::{RateSource, Symbol};
use portcullis::units::{Amount, Money, SymbolId};
use std::collections::BTreeMap;

const ONE: i128 = 1_000_000_000;
const MONEY: i128 = 100_000_000;
const WHOLE: i128 = 100_000_000;

/// What was paid and received for one book, in 1e-17 of what its symbol settles in.
#[derive(Clone, Copy, Debug, Default)]
struct Paid {
    position: i128,
    cash: i128,
    fees: i128,
    /// What positions that came with no cash have cost.
    transferred: i128,
}

/// Every book, by whether it is an account's, whose, and the symbol; and what each order was charged.
#[derive(Default)]
struct Books {
    paid: BTreeMap<(bool, u32, u32), Paid>,
    charged: BTreeMap<u64, Charged>,
}

#[derive(Clone, Copy, Default)]
struct Charged {
    rated: i128,
    value: i128,
    fees: i128,
}

fn multiplier(symbol: &Symbol) -> i128 {
    match symbol.multiplier {
        0 => ONE,
        multiplier => multiplier.into(),
    }
}

/// What a trade takes from the cash of who makes it; negative: what it brings.
fn cost(symbol: &Symbol, entry: &Entry) -> i128 {
    let (qty, price) = (i128::from(entry.qty.raw()), i128::from(entry.price.raw()));
    // Division cuts towards zero.
    match symbol.is_inverse {
        _ if price == 0 => 0,
        false => price * qty * multiplier(symbol) / ONE,
        true => -(qty * multiplier(symbol) * ONE / price),
    }
}

impl Books {
    /// What a fill costs: what the broker said, or what its order comes to now less what it did before.
    fn fee(&mut self, symbol: &Symbol, entry: &Entry, cost: i128) -> i128 {
        let money = |money: Money| i128::from(money.raw()) * MONEY;
        let (Some(fees), 0) = (symbol.fees, entry.fee.raw()) else {
            return money(entry.fee);
        };
        let rate = if entry.is_maker {
            fees.maker
        } else {
            fees.taker
        };
        let (qty, value) = (i128::from(entry.qty.raw()).abs(), cost.abs());
        let charged = self.charged.entry(entry.order).or_default();
        charged.rated += i128::from(rate.per_unit.raw()) * qty;
        charged.rated += value * i128::from(rate.of_value) / WHOLE;
        charged.value += value;
        let mut total = charged.rated;
        total = fees.order_min.map_or(total, |min| total.max(money(min)));
        total = fees.order_max.map_or(total, |max| total.min(money(max)));
        total = fees.order_share_max.map_or(total, |share| {
            total.min(charged.value * i128::from(share) / WHOLE)
        });
        total - std::mem::replace(&mut charged.fees, total)
    }

    fn take(&mut self, symbol: &Symbol, entry: &Entry) {
        if entry.kind == What::Adjust(AdjustKind::Split) {
            let ratio = i128::from(entry.qty.raw()) / WHOLE;
            let of_symbol = self
                .paid
                .iter_mut()
                .filter(|(key, _)| key.2 == entry.symbol);
            of_symbol.for_each(|(_, paid)| paid.position *= ratio);
            return;
        }
        let cost = cost(symbol, entry);
        let received = i128::from(entry.cash.raw()) * MONEY;
        let (cash, fee, transferred) = match entry.kind {
            What::Fill => {
                let fee = self.fee(symbol, entry, cost);
                (-cost - fee, fee, 0)
            }
            What::Adjust(AdjustKind::Trade) => (received - cost, -received, 0),
            What::Adjust(AdjustKind::Transfer) => (received, -received, cost),
            What::Adjust(_) => (received, 0, 0),
        };
        for (is_account, owner) in [(true, entry.account), (false, entry.strategy)] {
            let key = (is_account, owner, entry.symbol);
            let paid = self.paid.entry(key).or_default();
            paid.position += i128::from(entry.qty.raw());
            paid.cash += cash;
            paid.fees += fee;
            paid.transferred += transferred;
        }
    }
}

/// What a position would bring at half of the last bid and ask together: never more.
fn worth(symbol: &Symbol, position: i128, sum: i128) -> i128 {
    let multiplier = multiplier(symbol);
    match symbol.is_inverse {
        false => (position * sum * multiplier).div_euclid(2 * ONE),
        true => (-position * multiplier * 2 * ONE).div_euclid(sum),
    }
}

/// In the firm's currency, never more.
fn exchanged(world: &World, symbol: u32, amount: i128) -> i128 {
    let settlement = world.setup.symbols[symbol as usize].settlement;
    match world.setup.currencies[settlement as usize].rate {
        _ if settlement == 0 => amount,
        RateSource::Fixed(rate) => (amount * i128::from(rate.raw())).div_euclid(ONE),
        rate => panic!("{rate:?}"),
    }
}

/// Every book, every level and all of them together say what was paid and received.
fn check(world: &World, books: &Books) {
    let core = &world.core;
    let mut profits = BTreeMap::<(u8, u32), i128>::new();
    for symbol in 0..SYMBOLS {
        let terms = &world.setup.symbols[symbol as usize];
        let mut sums = [(0, 0); 2];
        for (is_account, owner) in [true, false]
            .into_iter()
            .flat_map(|of| (0..OWNERS).map(move |owner| (of, owner)))
        {
            let paid = books.paid.get(&(is_account, owner, symbol));
            let paid = paid.copied().unwrap_or_default();
            let Some(cell) = core.position(is_account, owner, SymbolId(symbol)) else {
                assert_eq!((paid.position, paid.cash), (0, 0));
                continue;
            };
            let ledger = core.ledger(is_account, owner, SymbolId(symbol)).unwrap();
            let found = (
                i128::from(cell.position.raw()),
                ledger.cash().raw(),
                ledger.fees.raw(),
                ledger.transferred.raw(),
            );
            let wanted = (paid.position, paid.cash, paid.fees, paid.transferred);
            assert_eq!(found, wanted, "{is_account} {owner} {symbol}");
            // Realized is what it must be, or nothing unrealized could make up for it.
            let held = match (paid.position, world.sums[symbol as usize]) {
                (0, _) => Some(0),
                (position, Some(sum)) => Some(worth(terms, position, sum)),
                (_, None) => None,
            };
            let own = match held {
                Some(held) => paid.cash - paid.transferred + held,
                // Without a price it is worth what it has cost.
                None => ledger.realized.less(ledger.fees).raw(),
            };
            let unrealized = held.map_or(0, |held| held - ledger.cost.raw());
            assert_eq!(own, ledger.realized.less(ledger.fees).raw() + unrealized);
            let value = core.settlement_value(SymbolId(symbol), cell.position);
            assert_eq!(value.map(Amount::raw), held);
            assert_eq!(cell.profit.raw(), exchanged(world, symbol, own));
            let sum = &mut sums[usize::from(is_account)];
            *sum = (sum.0 + paid.position, sum.1 + ledger.cash().raw());
            let scope = if is_account {
                Scope::Account
            } else {
                Scope::Strategy
            };
            let mut count = |scope, at| {
                *profits.entry((scope as u8, at)).or_default() += cell.profit.raw();
            };
            count(scope, owner);
            if is_account {
                count(Scope::Symbol, symbol);
                count(Scope::Firm, 0);
            }
        }
        assert_eq!(
            sums[0], sums[1],
            "accounts and strategies agree in {symbol}"
        );
    }
    for ((scope, at), profit) in profits {
        let level = core.level(Scope::from_byte(scope).unwrap(), at).unwrap();
        assert_eq!(level.profit.raw(), profit, "{scope} {at}");
        assert!(level.profit <= level.profit_peak);
    }
}

#[test]
fn cash_is_conserved_whatever_is_traded_paid_corrected_and_split() {
    let first = seed();
    for case in 0..60 {
        let mut world = World::new(first.wrapping_add(case));
        let (mut books, mut taken) = (Books::default(), 0);
        let mut follow = |world: &World| {
            for entry in &world.entries[taken..] {
                books.take(&world.setup.symbols[entry.symbol as usize], entry);
            }
            taken = world.entries.len();
            check(world, &books);
        };
        for _ in 0..150 {
            world.happen();
            follow(&world);
        }
        world.close_all();
        follow(&world);
        // Nothing is held: what was earned is what was received, however cost was taken away on the way.
        assert_eq!(world.core.lots_merged(), 0);
        for symbol in 0..SYMBOLS {
            let mut earned = [0; 2];
            for (&(is_account, owner, _), paid) in
                books.paid.iter().filter(|(key, _)| key.2 == symbol)
            {
                let ledger = world.core.ledger(is_account, owner, SymbolId(symbol));
                let ledger = ledger.unwrap();
                let own = ledger.realized.less(ledger.fees).raw();
                assert_eq!(
                    (ledger.cost, own),
                    (Amount::ZERO, paid.cash - paid.transferred)
                );
                earned[usize::from(is_account)] += own;
            }
            assert_eq!(earned[0], earned[1]);
        }
    }
}
