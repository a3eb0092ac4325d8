//! Told: what the drop copy has said, whatever the order, duplicates and gaps.
//!
//! Pure.
//!
//! Invariants:
//! - What is told of an execution does not depend on the order in which its lines came, nor on how
//!   often.
//! - So many lines are remembered as it was told. One of which our books say something else is never
//!   forgotten: where there are too many of these, that is told.

use super::entry::{ExecId, Moved, signed, wide};
use super::execution::{Act, Execution, Named};
use super::places::Places;
use crate::units::{AccountId, Nanos, Price, SymbolId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The drop copy so far.
#[derive(Clone, Debug)]
pub struct Told {
    rows: BTreeMap<ExecId, Row>,
    /// Ids that were told of more than one execution.
    clashes: BTreeSet<ExecId>,
    arrivals: VecDeque<ExecId>,
    history: usize,
    begins: Nanos,
    forgotten: Nanos,
    counts: Counts,
}

/// How often each thing happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Lines taken.
    pub lines: u64,
    /// The same line again.
    pub duplicates: u64,
    /// The same id with other terms: the latest holds.
    pub conflicts: u64,
    /// Of accounts, or in symbols, that the configuration has not.
    pub foreign: u64,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    /// What it corrects or takes back.
    refers: Option<ExecId>,
    is_bust: bool,
    net: Net,
}

/// What an execution comes to, once it is corrected or taken back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Net {
    /// Whose.
    pub account: AccountId,
    /// In what.
    pub symbol: SymbolId,
    /// What it moves; nothing where it was taken back.
    pub moved: Moved,
    /// False: the fee is not said, and stands as nothing.
    pub has_fee: bool,
    /// At which price.
    pub price: Price,
    /// When it happened.
    pub time: Nanos,
    /// When it came to be so: when it was corrected or taken back, if it was.
    pub since: Nanos,
    /// The order that it is of, where that is said.
    pub order: Option<Named>,
}

impl Told {
    /// Nothing so far. So many lines are remembered.
    pub fn new(history: usize) -> Self {
        Self {
            rows: BTreeMap::new(),
            clashes: BTreeSet::new(),
            arrivals: VecDeque::new(),
            history,
            begins: Nanos::MAX,
            forgotten: Nanos::ZERO,
            counts: Counts::default(),
        }
    }

    /// How often each thing happened.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How many lines are remembered.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True where nothing is.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// True where an execution of that time would be here if the broker had told of it.
    pub fn covers(&self, time: Nanos) -> bool {
        self.begins <= time && self.forgotten < time
    }

    /// Takes a line in.
    pub fn take(&mut self, execution: &Execution, places: &Places) {
        self.counts.lines += 1;
        let (account, symbol) = (
            places.account(&execution.account),
            places.symbol(&execution.symbol),
        );
        let (Some(account), Some(symbol)) = (account, symbol) else {
            self.counts.foreign += 1;
            return;
        };
        let broker = places.broker(symbol);
        let Some(id) = ExecId::new(broker, &execution.id) else {
            return;
        };
        let refers = match &execution.act {
            Act::Trade => None,
            Act::Correct(of) | Act::Bust(of) => ExecId::new(broker, of).filter(|of| *of != id),
        };
        let is_bust = matches!(execution.act, Act::Bust(_));
        let qty = signed(execution.qty, execution.is_buy);
        let moved = match is_bust {
            true => Moved::ZERO,
            false => Moved {
                qty,
                value: places.value(symbol, execution.price, qty),
                fee: execution.fee.map_or(0, wide),
            },
        };
        let net = Net {
            account,
            symbol,
            moved,
            has_fee: execution.fee.is_some() || is_bust,
            price: execution.price,
            time: execution.time,
            since: execution.time,
            order: execution.order,
        };
        self.insert(
            id,
            Row {
                refers,
                is_bust,
                net,
            },
        );
    }

    fn insert(&mut self, id: ExecId, row: Row) {
        self.begins = self.begins.min(row.net.time);
        let Some(known) = self.rows.get_mut(&id) else {
            self.rows.insert(id, row);
            self.arrivals.push_back(id);
            return;
        };
        if *known == row {
            self.counts.duplicates += 1;
            return;
        }
        self.counts.conflicts += 1;
        if known.is_other(&row) {
            self.clashes.insert(id);
        }
        if rank(&id, known) < rank(&id, &row) {
            *known = row;
        }
    }

    /// Ids that were told in more than one book, or on more than one day: what was executed, nobody can say.
    pub fn clashes(&self) -> impl Iterator<Item = ExecId> {
        self.clashes.iter().copied()
    }

    /// What each execution comes to, by its own id.
    pub fn nets(&self) -> BTreeMap<ExecId, Net> {
        let mut winners: BTreeMap<ExecId, (ExecId, &Row)> = BTreeMap::new();
        for (id, row) in &self.rows {
            let root = self.root(*id);
            winners
                .entry(root)
                .and_modify(|winner| {
                    if rank(&winner.0, winner.1) < rank(id, row) {
                        *winner = (*id, row);
                    }
                })
                .or_insert((*id, row));
        }
        let net = |(root, (_, row)): (ExecId, (ExecId, &Row))| {
            // What happened did so when the first line says, and was of the order that that names.
            let first = self.rows.get(&root).map_or(row.net, |first| first.net);
            let net = Net {
                time: first.time,
                order: first.order.or(row.net.order),
                ..row.net
            };
            (root, net)
        };
        winners.into_iter().map(net).collect()
    }

    /// The execution that a line is about in the end.
    fn root(&self, id: ExecId) -> ExecId {
        let mut root = id;
        let mut lowest = id;
        for _ in 0..CHAIN_MAX {
            match self.rows.get(&root).and_then(|row| row.refers) {
                None => return root,
                Some(next) => root = next,
            }
            lowest = lowest.min(root);
        }
        // They refer to each other in a ring: any of them will do, if it is always the same.
        lowest
    }

    /// Forgets the oldest lines beyond the history of which `is_open` says no. False where there are
    /// more open ones than may be remembered.
    pub fn trim(&mut self, is_open: impl Fn(&ExecId) -> bool) -> bool {
        let mut excess = self.rows.len().saturating_sub(self.history);
        if excess == 0 {
            return true;
        }
        // All lines about one execution go together: without its correction it would be told wrongly.
        let mut groups: BTreeMap<ExecId, Vec<ExecId>> = BTreeMap::new();
        for id in self.rows.keys() {
            groups.entry(self.root(*id)).or_default().push(*id);
        }
        let arrivals = std::mem::take(&mut self.arrivals);
        for id in &arrivals {
            let root = self.root(*id);
            if excess == 0 || !self.rows.contains_key(id) || is_open(&root) {
                continue;
            }
            for id in groups.remove(&root).unwrap_or_default() {
                if let Some(row) = self.rows.remove(&id) {
                    self.forgotten = self.forgotten.max(row.net.time);
                    excess = excess.saturating_sub(1);
                }
            }
        }
        self.arrivals = arrivals;
        self.arrivals.retain(|id| self.rows.contains_key(id));
        self.clashes.retain(|id| self.rows.contains_key(id));
        excess == 0
    }
}

impl Row {
    /// True for a line of the same id that cannot be about the same execution: an id is an execution's in one
    /// book, and of one day.
    fn is_other(&self, other: &Self) -> bool {
        let (one, other) = (&self.net, &other.net);
        let day = |net: &Net| net.time.raw() / DAY.raw();
        (one.account, one.symbol) != (other.account, other.symbol) || day(one) != day(other)
    }
}

/// Of two lines about one execution, the higher one holds: a correction before what it corrects, the
/// later before the earlier.
fn rank(id: &ExecId, row: &Row) -> impl Ord + use<> {
    let net = row.net;
    (
        row.refers.is_some(),
        net.time,
        *id,
        row.is_bust,
        net.moved.qty,
        net.price,
        net.moved.fee,
        (net.account, net.symbol),
    )
}

/// What a line takes, in bytes.
pub(super) const LINE_SIZE: usize = size_of::<Row>() + 2 * size_of::<ExecId>();
const DAY: Nanos = Nanos::from_secs(24 * 60 * 60);
/// How often a correction may itself be corrected.
const CHAIN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Text;
    use crate::recon::execution::Lines;
    use crate::risk::setup::{Account, Setup, Symbol};
    use crate::units::BrokerId;

    fn places() -> Places {
        Places::new(&Setup {
            accounts: vec![Account {
                name: "a".to_owned(),
                ..Account::default()
            }],
            symbols: vec![Symbol {
                name: "s".to_owned(),
                ..Symbol::default()
            }],
            ..Setup::default()
        })
    }

    fn read(lines: &[&str]) -> Vec<Execution> {
        let mut reader = Lines::default();
        let names = "exec_id,time,account,symbol,side,qty,price,fee,type,refers_to";
        reader.read(names, "d").unwrap();
        let read = |line: &&str| reader.read(line, "d").unwrap().unwrap();
        lines.iter().map(read).collect()
    }

    fn id(text: &str) -> ExecId {
        ExecId::new(BrokerId(0), &Text::new(text).unwrap()).unwrap()
    }

    const LINES: [&str; 6] = [
        "e1,1,a,s,buy,10,5,1,,",
        "e2,2,a,s,sell,4,6,,,",
        "c1,3,a,s,buy,10,5.5,1,correct,e1",
        "c2,4,a,s,buy,9,5.5,1,correct,c1",
        "b2,5,a,s,sell,4,6,,bust,e2",
        "e3,6,a,s,buy,1,5,0,,",
    ];

    #[test]
    fn no_order_and_no_duplicate_changes_what_is_told() {
        let (places, lines) = (places(), read(&LINES));
        let mut expected = None;
        // Every order of six lines, and each once more in between.
        let mut order: Vec<usize> = (0..lines.len()).collect();
        let mut count = 0;
        permute(&mut order, 0, &mut |order| {
            let mut told = Told::new(100);
            for at in order.iter().flat_map(|at| [*at, order[0]]) {
                told.take(&lines[at], &places);
            }
            let nets = told.nets();
            assert_eq!(*expected.get_or_insert(nets.clone()), nets, "{order:?}");
            count += 1;
        });
        assert_eq!(count, 720);
        let nets = expected.unwrap();
        assert_eq!(nets.len(), 3);
        assert_eq!(nets[&id("e1")].moved.qty, 900_000_000);
        assert_eq!(nets[&id("e1")].time, Nanos::from_raw(1));
        assert_eq!(nets[&id("e2")].moved, Moved::ZERO);
        assert_eq!(nets[&id("e3")].moved.value, 5 * 10i128.pow(17));
    }

    fn permute(order: &mut Vec<usize>, from: usize, see: &mut impl FnMut(&[usize])) {
        if from == order.len() {
            return see(order);
        }
        for at in from..order.len() {
            order.swap(from, at);
            permute(order, from + 1, see);
            order.swap(from, at);
        }
    }

    #[test]
    fn what_refers_in_a_ring_is_still_told_the_same() {
        let lines = read(&["x,1,a,s,buy,1,5,0,correct,y", "y,1,a,s,buy,2,5,0,correct,x"]);
        let of = |order: [usize; 2]| {
            let mut told = Told::new(9);
            order
                .iter()
                .for_each(|at| told.take(&lines[*at], &places()));
            told.nets()
        };
        assert_eq!(of([0, 1]), of([1, 0]));
        assert_eq!(of([0, 1]).len(), 1);
    }

    #[test]
    fn it_forgets_the_oldest_but_none_that_is_open() {
        let (places, lines) = (places(), read(&LINES));
        let mut told = Told::new(3);
        lines.iter().for_each(|line| told.take(line, &places));
        assert!(told.covers(Nanos::from_raw(1)) && !told.covers(Nanos::ZERO));
        assert!(told.trim(|of| *of == id("e1")));
        // Of e1 two corrections stand, too: all three are of one execution.
        assert_eq!(told.len(), 3);
        assert!(told.nets().contains_key(&id("e1")));
        assert!(!told.covers(Nanos::from_raw(6)));
        told.take(&lines[1], &places);
        assert!(!told.trim(|_| true));
    }

    #[test]
    fn what_is_not_ours_is_counted_and_the_latest_of_a_conflict_holds() {
        let (places, mut told) = (places(), Told::new(9));
        let lines = read(&[
            "e1,1,b,s,buy,10,5,1,,",
            "e1,2,a,s,buy,10,5,1,,",
            "e1,1,a,s,buy,11,5,1,,",
            "e1,2,a,s,buy,10,5,1,,",
        ]);
        lines.iter().for_each(|line| told.take(line, &places));
        let counts = Counts {
            lines: 4,
            duplicates: 1,
            conflicts: 1,
            foreign: 1,
        };
        assert_eq!(told.counts(), counts);
        assert_eq!(told.nets()[&id("e1")].moved.qty, 1_000_000_000);
    }
}
