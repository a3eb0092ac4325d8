//! Reference prices: what orders are measured by, and whether they may be.
//!
//! Pure. Hot path.
//!
//! Of each symbol the mid, the last trade and the last close are known; the phase of its trading day says
//! by which of them orders are measured. A crossed price, a zero, a spread too wide, or a jump that
//! nothing has confirmed makes that one unusable until a good price comes: when in doubt about the
//! market, the gate is shut. Age counts from the time the gate received the price.

use super::core::Core;
use super::decision::Outcome;
use super::setup::{self, ReferenceKind, Trigger};
use crate::message::Quote;
use crate::reject::Failed;
use crate::units::{AccountId, Nanos, Price, StrategyId, SymbolId};

pub(super) const SCALE: i128 = 100_000_000;

/// What is known of one symbol's price.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reference {
    mid: Source,
    last: Source,
    close: Source,
}

/// One kind of price.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    good: Option<Good>,
    is_usable: bool,
    /// Twice a price far from the last that waits for confirmation, and how many it has.
    candidate: Option<(i128, u32)>,
}

/// The last price that was believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Good {
    /// Bid plus ask: twice the mid, so that nothing is rounded.
    pub(super) sum: i128,
    ask: Price,
    time: Nanos,
    /// What a unit of a position is worth: the mid times the multiplier, rounded up.
    mark: Price,
}

/// Whether orders may be measured by it now.
pub(super) enum Standing {
    Fresh(Good),
    Absent,
    Unusable,
    Stale(Nanos),
}

/// What became of a price.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Took {
    Believed,
    Doubted,
    Implausible,
}

/// What a price is worth under a multiplier in 1e-9, rounded up; `None` where no price is so high. An
/// inverse contract is worth its size, whatever the price.
#[inline]
pub(super) fn valued(price: u64, multiplier: u64, is_inverse: bool) -> Option<Price> {
    let price = if is_inverse { ONE } else { price };
    if multiplier == ONE {
        return i64::try_from(price).ok().map(Price::from_raw);
    }
    let product = u128::from(price) * u128::from(multiplier);
    let value = product.div_ceil(u128::from(ONE));
    i64::try_from(value).ok().map(Price::from_raw)
}

/// A price that is worse by so much, in 1e-4 of a basis point, rounded up.
#[inline]
pub(super) fn slipped(price: Price, slippage: u64) -> Option<Price> {
    if slippage == 0 {
        return Some(price);
    }
    let scaled = i128::from(price.raw()) * (SCALE + i128::from(slippage));
    let worse = (scaled + SCALE - 1) / SCALE;
    i64::try_from(worse).ok().map(Price::from_raw)
}

/// A multiplier of one.
pub(super) const ONE: u64 = 1_000_000_000;

/// The multiplier of a symbol that may say nothing of one.
pub(super) const fn multiplier(symbol: &setup::Symbol) -> u64 {
    match symbol.multiplier {
        0 => ONE,
        multiplier => multiplier,
    }
}

impl Reference {
    /// True where there was ever a good price of a kind.
    pub(super) const fn has_price(&self, kind: ReferenceKind) -> bool {
        self.source(kind).good.is_some()
    }

    const fn source(&self, kind: ReferenceKind) -> &Source {
        match kind {
            ReferenceKind::Mid => &self.mid,
            ReferenceKind::Last => &self.last,
            ReferenceKind::Close => &self.close,
        }
    }

    #[inline]
    pub(super) fn standing(&self, kind: ReferenceKind, now: Nanos, age_max: Nanos) -> Standing {
        let source = self.source(kind);
        match source.good {
            Some(_) if !source.is_usable => Standing::Unusable,
            None => Standing::Absent,
            // A close is as old as its day, which ends it.
            Some(good) if kind == ReferenceKind::Close => Standing::Fresh(good),
            Some(good) if age_max < now.since(good.time) => Standing::Stale(now.since(good.time)),
            Some(good) => Standing::Fresh(good),
        }
    }

    /// Twice the mid, when it came, and whether the last price could be believed.
    pub(super) fn last_good(&self, kind: ReferenceKind) -> Option<(i128, Nanos, bool)> {
        let source = self.source(kind);
        source
            .good
            .map(|good| (good.sum, good.time, source.is_usable))
    }

    /// The symbol has other terms: what its prices are worth is worked out anew.
    pub(super) fn adopt(&mut self, symbol: &setup::Symbol) {
        for source in [&mut self.mid, &mut self.last, &mut self.close] {
            if let Some(good) = &mut source.good {
                let half = good.sum.unsigned_abs().div_ceil(2);
                let half = u64::try_from(half).unwrap_or(u64::MAX);
                match valued(half, multiplier(symbol), symbol.is_inverse) {
                    Some(mark) => good.mark = mark,
                    None => source.is_usable = false,
                }
            }
        }
    }

    /// The day of the close is over.
    pub(super) fn forget_close(&mut self) {
        self.close = Source::default();
    }

    /// Enters it into a hash of the state.
    pub(super) fn hash(&self, mut add: impl FnMut(u64, u64)) {
        for source in [&self.mid, &self.last, &self.close] {
            let (sum, time) = source
                .good
                .map_or((0, Nanos::ZERO), |good| (good.sum, good.time));
            add(sum as u64, time.raw() ^ u64::from(source.is_usable));
        }
    }
}

impl Source {
    /// Takes a price in, told as bid and ask.
    fn take(&mut self, symbol: &setup::Symbol, bid: Price, ask: Price, now: Nanos) -> Took {
        let sum = i128::from(bid.raw()) + i128::from(ask.raw());
        let half = u64::try_from(sum.unsigned_abs().div_ceil(2)).unwrap_or(u64::MAX);
        let may_be_negative = symbol.price_min.is_some_and(|min| min.raw() < 0);
        let (bid, ask_raw) = (bid.raw(), ask.raw());
        let is_wide = |max: u64| {
            let spread = i128::from(ask_raw) - i128::from(bid);
            i128::from(max) * sum.abs() < 2 * spread * SCALE
        };
        let is_priced = bid <= ask_raw
            && bid != 0
            && ask_raw != 0
            && (0 < bid || may_be_negative)
            && !symbol.spread_max.is_some_and(is_wide);
        let mark = valued(half, multiplier(symbol), symbol.is_inverse);
        let Some(mark) = mark.filter(|_| is_priced) else {
            self.is_usable = false;
            self.candidate = None;
            return Took::Implausible;
        };
        if let (Some(good), Some(jump)) = (self.good, symbol.jump)
            && symbol.jump_confirmations != 0
            && is_far(sum, good.sum, jump)
        {
            let confirmed = match self.candidate {
                Some((near, count)) if !is_far(sum, near, jump) => count + 1,
                _ => 0,
            };
            if confirmed < symbol.jump_confirmations {
                self.candidate = Some((sum, confirmed));
                self.is_usable = false;
                return Took::Doubted;
            }
        }
        *self = Self {
            good: Some(Good {
                sum,
                ask,
                time: now,
                mark,
            }),
            is_usable: true,
            candidate: None,
        };
        Took::Believed
    }
}

impl Good {
    /// What one unit of a market order may cost at the worst, its multiplier left aside: the collar's
    /// upper edge, or the ask if that is higher, for either side. Rounded up.
    #[inline]
    pub(super) fn market_price(&self, collar: u64) -> u64 {
        let scaled = self.sum.abs().saturating_mul(SCALE + i128::from(collar));
        let edge = (scaled + 2 * SCALE - 1) / (2 * SCALE);
        let ask = i128::from(self.ask.raw()).abs();
        i64::try_from(edge.max(ask)).unwrap_or(i64::MAX) as u64
    }

    /// How long ago it came.
    pub(super) fn age(&self, now: Nanos) -> Nanos {
        now.since(self.time)
    }

    /// True where twice a price is further from twice the mid than the collar lets it be.
    #[inline]
    pub(super) fn is_outside(&self, collar: u64, distance: u128) -> bool {
        // Two prices and a collar of 64 bits each: neither product can wrap.
        let band = match u64::try_from(self.sum.unsigned_abs()) {
            Ok(sum) => u128::from(collar) * u128::from(sum),
            Err(_) => u128::from(collar) * self.sum.unsigned_abs(),
        };
        band < distance * SCALE.unsigned_abs()
    }

    /// The last price inside the collar, above or below. Rounded inwards.
    pub(super) fn collar_bound(&self, collar: u64, above: bool) -> i128 {
        let band = i128::from(collar) * self.sum.abs();
        if above {
            (self.sum * SCALE + band).div_euclid(2 * SCALE)
        } else {
            -(-(self.sum * SCALE - band)).div_euclid(2 * SCALE)
        }
    }
}

pub(super) fn is_far(sum: i128, from: i128, jump: u64) -> bool {
    i128::from(jump) * from.abs() < (sum - from).abs() * SCALE
}

impl Core {
    /// The price that a symbol's orders are measured by now.
    #[inline]
    pub(super) fn reference_kind(&self, symbol: usize) -> ReferenceKind {
        match self.symbols[symbol].calendar {
            0 => ReferenceKind::Mid,
            calendar => self.calendars.row(calendar).phase.reference,
        }
    }

    /// Takes prices in: bid and ask, the last trade, the last close, whichever are told.
    pub(super) fn quote(&mut self, quote: &Quote, now: Nanos) -> Outcome {
        let at = quote.symbol.0 as usize;
        if self.references.len() <= at {
            return Outcome::Implausible;
        }
        let kind = self.reference_kind(at);
        let (symbol, reference) = (&self.quoted[at], &mut self.references[at]);
        let nothing = Price::default();
        let mut took = [None; 3];
        if quote.tells_quote() {
            took[0] = Some(reference.mid.take(symbol, quote.bid, quote.ask, now));
        }
        if quote.last != nothing {
            took[1] = Some(reference.last.take(symbol, quote.last, quote.last, now));
        }
        if quote.close != nothing {
            took[2] = Some(reference.close.take(symbol, quote.close, quote.close, now));
        }
        if took[kind as usize] == Some(Took::Believed) {
            self.freshness.note(quote.symbol.0, now);
            let mut has_moved = false;
            if let (Some(moves), Some(good)) = (
                &mut self.symbols[at].moves,
                self.references[at].source(kind).good,
            ) {
                moves.note(good.sum, now);
                has_moved = self.responses.is_some() && moves.breach(good.sum, now).is_some();
            }
            self.mark(quote.symbol);
            self.watch_prices(quote.symbol);
            if has_moved {
                self.respond_about_price(quote.symbol, Trigger::Moves);
            }
        } else if took[kind as usize].is_some() {
            self.mark(quote.symbol);
        }
        let is_bad = |of: &Option<Took>| matches!(of, Some(Took::Implausible | Took::Doubted));
        if self.responses.is_some() && took.iter().any(is_bad) {
            self.respond_about_price(quote.symbol, Trigger::BadPrices);
        }
        match took.contains(&Some(Took::Implausible)) {
            true => Outcome::Implausible,
            false => Outcome::Applied,
        }
    }

    /// Something has happened to a price, which concerns its symbol and the firm.
    #[cold]
    fn respond_about_price(&mut self, symbol: SymbolId, trigger: Trigger) {
        let who = (AccountId::NONE, StrategyId::NONE, symbol);
        self.respond(trigger, who, Failed::NONE);
    }

    /// Values positions in a symbol by the price that its orders are measured by. One that cannot be
    /// believed, or is too old, changes nothing but that.
    pub(super) fn mark(&mut self, symbol: SymbolId) {
        self.value(symbol);
        self.look_at_profits_of(symbol);
        while let Some(at) = self.exchanged.pop() {
            self.look_at_profits_of(SymbolId(at));
        }
    }

    /// The same, before anybody looks at what that comes to.
    pub(super) fn value(&mut self, symbol: SymbolId) {
        self.value_at(symbol, None);
        if self.currencies.are_driven_by(symbol.0 as usize) {
            self.exchange(symbol);
        }
    }

    /// `rate` is that of the currency that the symbol settles in, and whether it can be believed, where
    /// that is another now.
    fn value_at(&mut self, symbol: SymbolId, rate: Option<(Option<u64>, bool)>) {
        let at = symbol.0 as usize;
        let source = self.references[at].source(self.reference_kind(at));
        let is_sound = source.is_usable && self.freshness.is_fresh(symbol.0);
        let mark = source
            .good
            .map_or_else(|| self.exposure.mark(symbol.0), |good| good.mark);
        let sum = source.good.map(|good| good.sum);
        self.exposure.revalue(symbol.0, mark, |pricing| {
            pricing.sum = sum.or(pricing.sum);
            pricing.is_sound = is_sound && sum.is_some();
            if let Some(rate) = rate {
                (pricing.rate, pricing.has_sound_rate) = rate;
            }
        });
    }

    /// Currencies that follow a symbol are worth something else, and so is what is counted in them.
    #[cold]
    fn exchange(&mut self, symbol: SymbolId) {
        let pricing = self.exposure.books.pricing(symbol.0);
        let sum = pricing.sum.filter(|_| pricing.is_sound);
        let mut currencies = std::mem::take(&mut self.currencies);
        currencies.follow(symbol, sum, |currency| {
            for at in 0..self.quoted.len() {
                let of = &self.quoted[at];
                if of.currency == currency || of.settlement == currency {
                    self.exchanged.push(at as u32);
                }
            }
        });
        self.currencies = currencies;
        for place in 0..self.exchanged.len() {
            self.reprice(self.exchanged[place] as usize);
        }
    }

    /// What the currencies of a symbol are worth goes into what its orders and positions are.
    pub(super) fn reprice(&mut self, at: usize) {
        let (currency, settlement) = (self.quoted[at].currency, self.quoted[at].settlement);
        let has_rate = self.currencies.rate(currency).is_some();
        if let Some(rate) = self.currencies.last_rate(currency) {
            let multiplier = self.exposure.books.contract(at as u32).multiplier_at(rate);
            self.quoted[at].multiplier = multiplier;
            self.symbols[at].multiplier = multiplier;
            self.references[at].adopt(&self.quoted[at]);
        }
        self.symbols[at].has_rate = has_rate;
        let rate = self.currencies.last_rate(settlement);
        let is_sound = self.currencies.rate(settlement).is_some();
        self.value_at(SymbolId(at as u32), Some((rate, is_sound)));
    }
}
