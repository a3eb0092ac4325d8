//! The slow, obvious exchange: one list, searched from end to end for everything.

use super::*;

#[derive(Clone, Debug)]
struct ModelOrder {
    serial: u64,
    side: Side,
    tif: TimeInForce,
    price: i64,
    qty: u64,
    filled: u64,
    leaves: u64,
    /// When it took its place in the queue; nothing while it stands in none.
    rank: Option<u64>,
    is_live: bool,
}

#[derive(Default)]
struct Model {
    orders: Vec<ModelOrder>,
    /// Price and size of the bid and the ask; no size: unlimited.
    quote: [Option<(i64, Option<u64>)>; 2],
    rank: u64,
    told: Vec<Told>,
}

impl Model {
    fn tell(&mut self, at: usize, exec: Exec, qty: u64, price: i64) {
        let order = &self.orders[at];
        self.told
            .push((order.serial, exec, qty, price, order.leaves));
    }

    /// The best against `side`: price, and which order, or the quote.
    fn best(&self, side: Side) -> Option<(i64, Option<usize>)> {
        let mut best: Option<(i64, Option<usize>)> = None;
        let quote = match side {
            Side::Buy => self.quote[1],
            Side::Sell => self.quote[0],
        };
        if let Some((price, size)) = quote
            && size != Some(0)
        {
            best = Some((price, None));
        }
        let is_better = |price: i64, than: i64| match side {
            Side::Buy => price < than,
            Side::Sell => price > than,
        };
        for (at, order) in self.orders.iter().enumerate() {
            let Some(rank) = order.rank else { continue };
            if order.side == side {
                continue;
            }
            let takes = match best {
                None => true,
                Some((price, _)) if is_better(order.price, price) => true,
                Some((price, Some(than))) => {
                    price == order.price && Some(rank) < self.orders[than].rank
                }
                Some((_, None)) => false,
            };
            if takes {
                best = Some((order.price, Some(at)));
            }
        }
        best
    }

    /// One trade of up to `qty`, if there is one: its price and quantity.
    fn trade(&mut self, side: Side, limit: Option<i64>, qty: u64) -> Option<(i64, u64)> {
        let (price, maker) = self.best(side)?;
        let is_within = match (side, limit) {
            (_, None) => true,
            (Side::Buy, Some(limit)) => price <= limit,
            (Side::Sell, Some(limit)) => price >= limit,
        };
        if !is_within {
            return None;
        }
        let Some(at) = maker else {
            let quote = match side {
                Side::Buy => &mut self.quote[1],
                Side::Sell => &mut self.quote[0],
            };
            let Some((_, size)) = quote else { return None };
            let traded = size.map_or(qty, |size| size.min(qty));
            *size = size.map(|size| size - traded);
            return Some((price, traded));
        };
        let order = &mut self.orders[at];
        let traded = order.leaves.min(qty);
        self.fill(at, price, traded);
        Some((price, traded))
    }

    fn fill(&mut self, at: usize, price: i64, qty: u64) {
        let order = &mut self.orders[at];
        order.leaves -= qty;
        order.filled += qty;
        if order.leaves == 0 {
            (order.is_live, order.rank) = (false, None);
        }
        self.tell(at, Exec::Trade, qty, price);
    }

    fn end(&mut self, at: usize, exec: Exec) {
        let order = &mut self.orders[at];
        (order.is_live, order.rank, order.leaves) = (false, None, 0);
        self.tell(at, exec, 0, 0);
    }

    fn work(&mut self, at: usize, limit: Option<i64>) {
        let order = self.orders[at].clone();
        if order.tif == TimeInForce::FillOrKill {
            // Tried out on a copy.
            let mut copy = Self {
                orders: self.orders.clone(),
                quote: self.quote,
                ..Self::default()
            };
            let mut left = order.leaves;
            while let Some((_, qty)) = copy.trade(order.side, limit, left) {
                left -= qty;
                if left == 0 {
                    break;
                }
            }
            if left != 0 {
                return self.end(at, Exec::Canceled);
            }
        }
        while self.orders[at].leaves != 0 {
            let left = self.orders[at].leaves;
            let Some((price, qty)) = self.trade(order.side, limit, left) else {
                break;
            };
            self.fill(at, price, qty);
        }
        if !self.orders[at].is_live {
            return;
        }
        let rests = matches!(order.tif, TimeInForce::Day | TimeInForce::GoodTillCancel);
        if rests && limit.is_some() {
            self.rank += 1;
            self.orders[at].rank = Some(self.rank);
        } else {
            self.end(at, Exec::Canceled);
        }
    }

    fn order(&mut self, serial: u64, side: Side, tif: TimeInForce, price: Option<i64>, qty: u64) {
        self.orders.push(ModelOrder {
            serial,
            side,
            tif,
            price: price.unwrap_or(0),
            qty,
            filled: 0,
            leaves: qty,
            rank: None,
            is_live: true,
        });
        let at = self.orders.len() - 1;
        self.tell(at, Exec::New, 0, 0);
        self.work(at, price);
    }

    fn cancel(&mut self, serial: u64) {
        match self.orders.iter().position(|order| order.serial == serial) {
            Some(at) if self.orders[at].is_live => self.end(at, Exec::Canceled),
            Some(_) => self.told.push((serial, Exec::CancelRejected, 0, 0, 0)),
            None => self.told.push((serial, Exec::NotReceived, 0, 0, 0)),
        }
    }

    fn replace(&mut self, serial: u64, price: i64, qty: u64) {
        let at = self.orders.iter().position(|order| order.serial == serial);
        let Some(at) = at else {
            return self.told.push((serial, Exec::NotReceived, 0, 0, 0));
        };
        let leaves = self.orders[at].leaves;
        if !self.orders[at].is_live || qty <= self.orders[at].filled {
            return self
                .told
                .push((serial, Exec::ReplaceRejected, 0, 0, leaves));
        }
        let order = &mut self.orders[at];
        let loses_place = order.price != price || order.qty < qty;
        (order.price, order.qty, order.leaves) = (price, qty, qty - order.filled);
        if loses_place {
            order.rank = None;
        }
        self.tell(at, Exec::Replaced, 0, 0);
        if loses_place {
            self.work(at, Some(price));
        }
    }

    fn quote(&mut self, bid: (i64, u64), ask: (i64, u64)) {
        self.quote = [None, None];
        if ask.0 <= bid.0 {
            return;
        }
        let sides = [(Side::Buy, bid), (Side::Sell, ask)];
        let left = sides.map(|(side, (price, size))| {
            let mut left = (size != 0).then_some(size);
            while left != Some(0) {
                match self.trade(side, Some(price), left.unwrap_or(u64::MAX)) {
                    Some((_, qty)) => left = left.map(|left| left - qty),
                    None => break,
                }
            }
            Some((price, left))
        });
        self.quote = left;
    }

    fn end_day(&mut self) {
        let day: Vec<usize> = (0..self.orders.len())
            .filter(|&at| self.orders[at].is_live && self.orders[at].tif == TimeInForce::Day)
            .collect();
        for at in day {
            self.end(at, Exec::Expired);
        }
    }
}

#[test]
fn the_exchange_does_what_the_slow_model_does() {
    for seed in 1..=60 {
        let mut chance = Chance::new(seed);
        let (mut desk, mut model) = (Desk::new(ExchangeOptions::default()), Model::default());
        let (mut serial, mut request) = (0u64, 0u32);
        for step in 0..400 {
            let price = 95 + chance.up_to(10) as i64;
            let qty = 1 + chance.up_to(19);
            // Never a number that is yet to come: it would be disowned, then refused.
            let old = chance.up_to(serial);
            match chance.up_to(99) {
                0..=54 => {
                    serial += 1;
                    let side = Side::ALL[chance.up_to(1) as usize];
                    let tif = TimeInForce::ALL[chance.up_to(3) as usize];
                    let price = (chance.up_to(9) != 0).then_some(price);
                    desk.order(serial, side, tif, price, qty);
                    model.order(serial, side, tif, price, qty);
                }
                55..=69 => {
                    request += 1;
                    desk.cancel(old, request);
                    model.cancel(old);
                }
                70..=84 => {
                    request += 1;
                    desk.replace(old, request, price, qty);
                    model.replace(old, price, qty);
                }
                85..=98 => {
                    let (bid, ask) = (price, price + chance.up_to(6) as i64 - 1);
                    let sizes = [chance.up_to(8), chance.up_to(8)];
                    desk.quote((bid, sizes[0]), (ask, sizes[1]));
                    model.quote((bid, sizes[0]), (ask, sizes[1]));
                }
                _ => {
                    desk.exchange.end_day(desk.now);
                    model.end_day();
                }
            }
            assert_eq!(
                desk.told(),
                std::mem::take(&mut model.told),
                "seed {seed} step {step}"
            );
            desk.exchange.verify();
        }
        let totals = desk.exchange.totals();
        assert!(
            totals.bought != 0 && totals.quotes_bought != 0,
            "seed {seed}"
        );
    }
}
