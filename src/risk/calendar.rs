//! Calendar: which phase of its trading day a market is in, by the time of events.
//!
//! Pure. Hot path.
//!
//! The configuration has every change of phase worked out, in UTC. What an order meets is the phase under
//! way: one row. Whatever a calendar does not cover is closed.

use super::core::Core;
use super::setup::{self, PhaseChange, ReferenceKind, Setup};
use crate::message::{OrderType, TimeInForce};
use crate::units::{Nanos, SymbolId};

/// What holds in one phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Phase {
    /// What it takes, as bits of [`OrderType`] and of [`TimeInForce`]: none where it is closed.
    pub(super) order_types: u8,
    pub(super) times_in_force: u8,
    pub(super) reference: ReferenceKind,
}

impl Phase {
    const CLOSED: Self = Self {
        order_types: 0,
        times_in_force: 0,
        reference: ReferenceKind::Mid,
    };
    const ALWAYS_OPEN: Self = Self {
        order_types: u8::MAX,
        times_in_force: u8::MAX,
        reference: ReferenceKind::Mid,
    };

    fn new(session: &setup::Session) -> Self {
        Self {
            order_types: order_type_bits(&session.order_types),
            times_in_force: time_in_force_bits(&session.times_in_force),
            reference: session.reference,
        }
    }

    #[inline]
    pub(super) const fn is_closed(self) -> bool {
        self.order_types == 0
    }
}

pub(super) fn order_type_bits(of: &[OrderType]) -> u8 {
    of.iter().fold(0, |set, of| set | 1 << *of as u8)
}

pub(super) fn time_in_force_bits(of: &[TimeInForce]) -> u8 {
    of.iter().fold(0, |set, of| set | 1 << *of as u8)
}

/// True where a set of bits has that of a byte.
#[inline]
pub(super) fn has_bit(set: u8, byte: u8) -> bool {
    set.checked_shr(byte.into()).unwrap_or(0) & 1 == 1
}

/// One market's days.
#[derive(Debug)]
pub(super) struct Calendar {
    /// The phase under way.
    pub(super) phase: Phase,
    /// Day orders up to this acceptance are over.
    pub(super) expire_through: u64,
    phases: Box<[Phase]>,
    changes: Box<[PhaseChange]>,
    /// How many changes have come.
    came: usize,
    /// The trading day under way, or that comes next.
    day: u32,
}

const DAY_NANOS: u64 = 86_400_000_000_000;

/// All calendars. The first is that of symbols that have none.
#[derive(Debug)]
pub(super) struct Calendars {
    rows: Vec<Calendar>,
    /// When the next phase of any of them begins.
    next_change: Nanos,
    /// The place of the calendar whose days are those of limits; none: days of UTC.
    of_days: Option<u32>,
    /// When the trading day under way ends.
    day_end: Nanos,
}

impl Calendar {
    fn always_open() -> Self {
        Self {
            phase: Phase::ALWAYS_OPEN,
            expire_through: 0,
            phases: Box::default(),
            changes: Box::default(),
            came: 0,
            day: 0,
        }
    }

    fn new(setup: &setup::Calendar) -> Self {
        Self {
            phase: Phase::CLOSED,
            phases: setup.sessions.iter().map(Phase::new).collect(),
            changes: setup.changes.clone().into_boxed_slice(),
            ..Self::always_open()
        }
    }

    fn next_change(&self) -> Nanos {
        self.changes
            .get(self.came)
            .map_or(Nanos::MAX, |change| change.time)
    }

    /// When the trading day under way ends.
    fn day_end(&self) -> Nanos {
        let mut later = self.changes[self.came..].iter();
        later
            .find(|change| change.day != self.day)
            .map_or(Nanos::MAX, |change| change.time)
    }

    fn advance(&mut self, now: Nanos) {
        while let Some(change) = self.changes.get(self.came).filter(|of| of.time <= now) {
            self.came += 1;
            self.day = change.day;
            self.phase = match change.session {
                Some(session) => self.phases[usize::from(session)],
                None => Phase::CLOSED,
            };
        }
    }
}

impl Calendars {
    pub(super) fn new(setup: &Setup) -> Self {
        let rows = setup.calendars.iter().map(Calendar::new);
        let mut calendars = Self {
            rows: std::iter::once(Calendar::always_open())
                .chain(rows)
                .collect(),
            next_change: Nanos::MAX,
            of_days: setup.day_calendar.map(|id| id.0 + 1),
            day_end: Nanos::MAX,
        };
        calendars.find_next(Nanos::ZERO);
        calendars
    }

    /// The same moment under another setup.
    pub(super) fn adopted(&self, setup: &Setup, now: Nanos) -> Self {
        let mut calendars = Self::new(setup);
        for (row, old) in calendars.rows.iter_mut().zip(&self.rows) {
            row.expire_through = old.expire_through;
        }
        for row in &mut calendars.rows {
            row.advance(now);
        }
        calendars.find_next(now);
        calendars
    }

    fn find_next(&mut self, now: Nanos) {
        let next = self.rows.iter().map(Calendar::next_change).min();
        self.next_change = next.unwrap_or(Nanos::MAX);
        self.day_end = match self.of_days {
            Some(at) => self.rows[at as usize].day_end(),
            None => Nanos::from_raw((now.raw() / DAY_NANOS + 1).saturating_mul(DAY_NANOS)),
        };
    }

    /// Of a symbol's calendar, as [`place`] has it.
    #[inline]
    pub(super) fn row(&self, at: u32) -> &Calendar {
        &self.rows[at as usize]
    }

    /// When the trading day by which levels count is over.
    pub(super) const fn day_end(&self) -> Nanos {
        self.day_end
    }

    /// Bytes that they take.
    pub(super) fn size_bytes(setup: &Setup) -> usize {
        let changes = setup.calendars.iter().map(|of| of.changes.len());
        changes.sum::<usize>() * size_of::<PhaseChange>()
    }

    /// Enters them into a hash of the state.
    pub(super) fn hash(&self, mut add: impl FnMut(u64, u64)) {
        for row in &self.rows {
            add(row.came as u64, row.expire_through);
        }
        add(self.day_end.raw(), 0);
    }
}

/// The place of a symbol's calendar in the list of all.
pub(super) fn place(symbol: &setup::Symbol) -> u32 {
    symbol.calendar.map_or(0, |id| id.0 + 1)
}

impl Core {
    /// When time alone changes something.
    #[inline]
    pub(super) fn next_turn(&self) -> Nanos {
        let calendars = &self.calendars;
        // Before anything has come there is no day that could end.
        match self.now {
            Nanos::ZERO => calendars.next_change,
            _ => calendars
                .next_change
                .min(calendars.day_end)
                .min(self.freshness.deadline()),
        }
    }

    /// A phase, or a trading day, has come to its end.
    #[cold]
    pub(super) fn turn(&mut self) {
        let now = self.now;
        let mut is_valued_anew = false;
        for at in 0..self.calendars.rows.len() as u32 {
            let calendar = &mut self.calendars.rows[at as usize];
            let (came, day) = (calendar.came, calendar.day);
            let phase = calendar.phase;
            calendar.advance(now);
            if calendar.came == came {
                continue;
            }
            let has_ended = calendar.day != day;
            let is_measured_anew = phase.reference != calendar.phase.reference;
            if has_ended {
                calendar.expire_through = self.serial;
                self.start_sweep();
            }
            if has_ended || is_measured_anew {
                self.measure_anew(at, has_ended);
                is_valued_anew = true;
            }
        }
        // What all of it comes to is looked at once: in between, one symbol is ahead of another.
        if self.age_prices(now) | is_valued_anew {
            self.look_at_all_profits();
        }
        // The last day that time has room for does not end.
        let day_end = self.calendars.day_end;
        let is_over = day_end <= now && day_end != Nanos::MAX;
        self.calendars.find_next(now);
        if is_over {
            self.exposure.roll_days();
            self.roll_losses(now);
            self.forget_located();
        }
    }

    /// Prices that are too old value nothing; while a market is closed, its last does.
    fn age_prices(&mut self, now: Nanos) -> bool {
        let mut is_any = false;
        while let Some(symbol) = self.freshness.expire(now) {
            if self.is_closed(symbol as usize) {
                self.freshness.note(symbol, now);
            } else {
                self.value(SymbolId(symbol));
                is_any = true;
            }
        }
        is_any
    }

    /// The symbols of a calendar are measured by another price, or yesterday's close is old.
    fn measure_anew(&mut self, calendar: u32, has_ended: bool) {
        for at in 0..self.symbols.len() {
            if self.symbols[at].calendar != calendar {
                continue;
            }
            if has_ended {
                self.references[at].forget_close();
            }
            self.value(SymbolId(at as u32));
        }
    }
}
