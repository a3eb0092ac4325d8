//! Shrink: plays commands to two gates, compares all that they say, and finds out how few commands
//! show a difference.

use super::answer::{Answer, Gate, Views};
use portcullis::message::{Frame, Header, Kind, Report, Settle, Tick};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::Setup;
use portcullis::units::{Nanos, OrderId, StrategyId};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One event from outside.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) frame: Frame,
    pub(crate) continuations: Vec<Frame>,
    /// Of a report or settlement: the correlation of the command that brought the order it is
    /// about. Its id is filled in when it is played, so that other commands may be left out.
    pub(crate) about: Option<u64>,
}

/// Where two gates did not agree.
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) model: String,
    pub(crate) other: String,
}

impl fmt::Debug for Difference {
    /// From the first line that differs to the last.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (model, other): (Vec<_>, Vec<_>) =
            (self.model.lines().collect(), self.other.lines().collect());
        let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
        let before = model.iter().zip(&other).take_while(same).count();
        let (model, other) = (&model[before..], &other[before..]);
        let after = model.iter().rev().zip(other.iter().rev());
        let after = after.take_while(same).count();
        writeln!(out, "{} differ from line {before} on", self.what)?;
        for line in &model[..model.len() - after] {
            writeln!(out, "  model {line}")?;
        }
        for line in &other[..other.len() - after] {
            writeln!(out, "  other {line}")?;
        }
        Ok(())
    }
}

/// Two gates that are asked the same.
pub(crate) struct Match<'a, M> {
    pub(crate) model: M,
    other: Box<dyn Gate + 'a>,
    ids: BTreeMap<u64, OrderId>,
    /// The last order whose id is known.
    learnt: u64,
    last: Nanos,
    /// What the ticks brought that were due before the last command.
    pub(crate) ticked: Answer,
}

impl<'a, M: Gate> Match<'a, M> {
    pub(crate) fn new(model: M, other: Box<dyn Gate + 'a>) -> Self {
        Self {
            model,
            other,
            ids: BTreeMap::new(),
            learnt: 0,
            last: Nanos::ZERO,
            ticked: Answer::of(Outcome::Applied),
        }
    }

    /// Plays one command, and the ticks that are due before and after it.
    pub(crate) fn play(&mut self, command: &Command) -> Result<Answer, Difference> {
        let mut frame = command.frame;
        let id = command.about.and_then(|about| self.ids.get(&about));
        if let (Some(_), id) = (command.about, *id.unwrap_or(&OrderId(u64::MAX))) {
            match frame.kind() {
                Some(Kind::Report) => frame.body_mut::<Report>().order_id = id,
                Some(Kind::Settle) => frame.body_mut::<Settle>().order_id = id,
                _ => {}
            }
        }
        let time = self.last.max(frame.header.time);
        self.tick_until(time)?;
        self.last = time;

        let mut model = self.model.step(&frame, &command.continuations);
        let mut other = guarded(&model, || self.other.step(&frame, &command.continuations))?;
        self.learn();
        // A mass cancel may send at once or by and by, and in any order.
        let is_swept = matches!(
            frame.kind(),
            Some(Kind::Kill | Kind::Link | Kind::SessionChange)
        );
        let deadlines = [self.model.next_deadline(), self.other.next_deadline()];
        if is_swept || deadlines.contains(&Nanos::ZERO) {
            model.absorb(ticks(&mut self.model, time));
            other.absorb(guarded(&model, || ticks(&mut *self.other, time))?);
            self.learn();
            model.sort();
            other.sort();
        }
        compare("answers", &model, &other)?;
        if self.model.next_deadline() < self.other.next_deadline() {
            let deadlines = (self.model.next_deadline(), self.other.next_deadline());
            compare("deadlines", &deadlines.0, &deadlines.1)?;
        }
        Ok(model)
    }

    /// What each order is called that both know of by now.
    fn learn(&mut self) {
        let count = self.model.order_count().min(self.other.order_count());
        for serial in self.learnt + 1..=count {
            let id = self.other.order_id(serial);
            self.model.call(id);
            self.ids.insert(self.model.correlation(serial), id);
            self.learnt = serial;
        }
    }

    fn tick_until(&mut self, time: Nanos) -> Result<(), Difference> {
        let last = self.last;
        let mut model = ticks_from(&mut self.model, last, time);
        let mut other = guarded(&model, || ticks_from(&mut *self.other, last, time))?;
        model.sort();
        other.sort();
        self.learn();
        compare("what ticks brought", &model, &other)?;
        self.ticked = model;
        Ok(())
    }

    /// Compares all that both hold.
    pub(crate) fn compare_views(&self) -> Result<(), Difference> {
        let views: Views = self.model.views();
        let others = guarded(&views, || {
            self.other.verify();
            self.other.views()
        })?;
        compare("accounts' cells", &views.accounts, &others.accounts)?;
        compare("strategies' cells", &views.strategies, &others.strategies)?;
        compare("symbols' cells", &views.symbols, &others.symbols)?;
        compare("levels' sums", &views.levels, &others.levels)?;
        compare("orders", &views.orders, &others.orders)?;
        compare("exits", &views.exits, &others.exits)?;
        compare("exits' terms", &views.exit_terms, &others.exit_terms)?;
        compare("exits' counts", &views.exit_counts, &others.exit_counts)
    }
}

/// Every tick that is due up to `time`, in one answer.
fn ticks_from(gate: &mut dyn Gate, last: Nanos, time: Nanos) -> Answer {
    let mut all = Answer::of(Outcome::Applied);
    let mut now = last;
    let mut count = 0;
    while gate.next_deadline() <= time {
        now = now.max(gate.next_deadline());
        let header = Header {
            time: now,
            strategy: StrategyId::NONE,
            ..Header::default()
        };
        all.absorb(gate.step(&Frame::new(Kind::Tick, header, Tick::default()), &[]));
        count += 1;
        assert!(count < 1_000_000, "ticks go on for ever");
    }
    all
}

fn ticks(gate: &mut dyn Gate, time: Nanos) -> Answer {
    ticks_from(gate, time, time)
}

fn compare<T: PartialEq + std::fmt::Debug>(
    what: &str,
    model: &T,
    other: &T,
) -> Result<(), Difference> {
    if model == other {
        return Ok(());
    }
    Err(Difference {
        what: what.to_owned(),
        model: format!("{model:#?}"),
        other: format!("{other:#?}"),
    })
}

/// A panic of the other side is a difference like any other.
fn guarded<T>(model: &impl std::fmt::Debug, ask: impl FnOnce() -> T) -> Result<T, Difference> {
    catch_unwind(AssertUnwindSafe(ask)).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Difference {
            what: "a panic".to_owned(),
            model: format!("{model:#?}"),
            other: text.unwrap_or("(no text)").to_owned(),
        }
    })
}

/// Makes two fresh gates to play against each other.
pub(crate) type Pair<'a, M> = dyn Fn(&Setup) -> Match<'a, M> + 'a;

/// Plays all commands; the first difference and how many commands it took.
pub(crate) fn first_difference<M: Gate>(
    pair: &Pair<'_, M>,
    setup: &Setup,
    commands: &[Command],
) -> Option<(usize, Difference)> {
    let mut both = pair(setup);
    for (at, command) in commands.iter().enumerate() {
        let played = both.play(command).and_then(|_| both.compare_views());
        if let Err(difference) = played {
            return Some((at + 1, difference));
        }
    }
    None
}

/// Leaves out commands as long as some difference stays: first many at once, then one by one.
pub(crate) fn shrink<M: Gate>(
    pair: &Pair<'_, M>,
    setup: &Setup,
    mut commands: Vec<Command>,
) -> Vec<Command> {
    match first_difference(pair, setup, &commands) {
        Some((count, _)) => commands.truncate(count),
        None => return commands,
    }
    let mut size = commands.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < commands.len() {
            let mut fewer = commands.clone();
            fewer.drain(at..(at + size).min(commands.len()));
            match first_difference(pair, setup, &fewer) {
                Some((count, _)) => {
                    fewer.truncate(count);
                    commands = fewer;
                }
                None => at += size,
            }
        }
        size /= 2;
    }
    commands
}
