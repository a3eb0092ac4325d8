//! Explain: the smallest set of events that accounts for a difference.
//!
//! Pure. Exact, and the same each time: of sets of one size the first is taken, in the order in which
//! the candidates stand.
//!
//! A difference is a row of numbers: a quantity for each symbol, money for each currency. Each
//! candidate moves some of them. The search takes the first number that is not zero, which some event
//! of the set must move, and tries those that do; smaller sets are tried before larger ones, so the
//! first that is found is a smallest one. Work is bounded: beyond that nothing is explained.

use arrayvec::ArrayVec;

/// An event that may be missing on one side.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Candidate {
    /// Which numbers it moves, and by how much.
    pub effects: ArrayVec<(usize, i128), 2>,
    /// Of an event of unknown extent: it may move the first of `effects` by anything up to that, and
    /// the second by whatever it likes.
    pub is_open: bool,
}

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// These candidates together, by their places, are the difference.
    Set(Vec<usize>),
    /// No set of that size is.
    Nothing,
    /// There are too many to look through.
    Bound,
}

/// How far is looked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bound {
    /// Events in a set.
    pub size_max: usize,
    /// Sets tried.
    pub tries_max: u32,
}

impl Default for Bound {
    fn default() -> Self {
        Self {
            size_max: 8,
            tries_max: 200_000,
        }
    }
}

/// The smallest set of candidates whose effects add up to `target`, each number to within its
/// `tolerance`. Candidates of unknown extent must stand behind all others.
pub fn smallest(
    target: &[i128],
    tolerance: &[i128],
    candidates: &[Candidate],
    bound: Bound,
) -> Found {
    debug_assert_eq!(target.len(), tolerance.len());
    let mut touching = vec![Vec::new(); target.len()];
    for (at, candidate) in candidates.iter().enumerate() {
        for (number, _) in &candidate.effects {
            if let Some(list) = touching.get_mut(*number) {
                list.push(at);
            }
        }
    }
    let mut search = Search {
        rest: target.to_vec(),
        tolerance,
        candidates,
        touching,
        is_used: vec![false; candidates.len()],
        chosen: Vec::new(),
        tries_left: bound.tries_max,
    };
    for size in 0..=bound.size_max.min(candidates.len()) {
        match search.go(size) {
            Some(true) => {
                search.chosen.sort_unstable();
                return Found::Set(search.chosen);
            }
            Some(false) => {}
            None => return Found::Bound,
        }
    }
    Found::Nothing
}

struct Search<'a> {
    rest: Vec<i128>,
    tolerance: &'a [i128],
    candidates: &'a [Candidate],
    /// By number: the candidates that move it.
    touching: Vec<Vec<usize>>,
    is_used: Vec<bool>,
    chosen: Vec<usize>,
    tries_left: u32,
}

impl Search<'_> {
    /// True where so many further candidates make the rest nothing; `None` at the bound.
    fn go(&mut self, size: usize) -> Option<bool> {
        let is_off = |(rest, tolerance): (&i128, &i128)| *tolerance < rest.abs();
        let Some(number) = self.rest.iter().zip(self.tolerance).position(is_off) else {
            return Some(true);
        };
        if size == 0 {
            return Some(false);
        }
        let mut tried = Vec::new();
        let mut result = Some(false);
        for place in 0..self.touching[number].len() {
            let at = self.touching[number][place];
            if self.is_used[at] || !self.may_help(at, number, size) {
                continue;
            }
            self.tries_left = match self.tries_left.checked_sub(1) {
                Some(left) => left,
                None => {
                    result = None;
                    break;
                }
            };
            let before = self.rest.clone();
            self.is_used[at] = true;
            tried.push(at);
            self.apply(at);
            self.chosen.push(at);
            result = self.go(size - 1);
            if result != Some(false) {
                break;
            }
            self.chosen.pop();
            self.rest = before;
        }
        // Sets with one of these were all tried: those behind need them no more, those above do.
        for at in tried {
            self.is_used[at] = false;
        }
        result
    }

    /// False where it is plain that no set with it can be the one.
    fn may_help(&self, at: usize, number: usize, size: usize) -> bool {
        let candidate = &self.candidates[at];
        let of = candidate.effects.iter().find(|(of, _)| *of == number);
        let Some((_, effect)) = of else {
            return false;
        };
        let rest = self.rest[number];
        if candidate.is_open {
            let (of, most) = candidate.effects[0];
            let rest = self.rest[of];
            return rest != 0 && rest.signum() == most.signum() && rest.abs() <= most.abs();
        }
        1 < size || (rest - effect).abs() <= self.tolerance[number]
    }

    fn apply(&mut self, at: usize) {
        let candidate = &self.candidates[at];
        for (number, effect) in &candidate.effects {
            let rest = &mut self.rest[*number];
            *rest = if candidate.is_open { 0 } else { *rest - effect };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(rows: &[&[(usize, i128)]]) -> Vec<Candidate> {
        let candidate = |row: &&[(usize, i128)]| Candidate {
            effects: row.iter().copied().collect(),
            is_open: false,
        };
        rows.iter().map(candidate).collect()
    }

    fn find(target: &[i128], candidates: &[Candidate]) -> Found {
        let tolerance = vec![0; target.len()];
        smallest(target, &tolerance, candidates, Bound::default())
    }

    #[test]
    fn nothing_explains_nothing_and_the_smallest_set_is_found_first() {
        let rows = candidates(&[&[(0, 3)], &[(0, 4)], &[(0, 7)], &[(0, -7)], &[(0, 7)]]);
        assert_eq!(find(&[0], &rows), Found::Set(vec![]));
        assert_eq!(find(&[7], &rows), Found::Set(vec![2]));
        assert_eq!(find(&[14], &rows), Found::Set(vec![2, 4]));
        assert_eq!(find(&[-4], &rows), Found::Set(vec![0, 3]));
        assert_eq!(find(&[1000], &rows), Found::Nothing);
        assert_eq!(find(&[5], &[]), Found::Nothing);
    }

    #[test]
    fn money_tells_apart_what_quantities_do_not() {
        let rows = candidates(&[&[(0, 10), (1, -100)], &[(0, 10), (1, -101)]]);
        assert_eq!(find(&[10, -101], &rows), Found::Set(vec![1]));
        assert_eq!(find(&[20, -201], &rows), Found::Set(vec![0, 1]));
        let found = smallest(&[10, -102], &[0, 1], &rows, Bound::default());
        assert_eq!(found, Found::Set(vec![1]));
        assert_eq!(find(&[10, -103], &rows), Found::Nothing);
    }

    #[test]
    fn an_event_of_unknown_extent_takes_what_the_others_leave() {
        let mut rows = candidates(&[&[(0, 10), (1, -100)], &[(0, 8), (1, 0)]]);
        rows[1].is_open = true;
        assert_eq!(find(&[5, -3], &rows), Found::Set(vec![1]));
        assert_eq!(find(&[18, -999], &rows), Found::Set(vec![0, 1]));
        assert_eq!(find(&[19, -999], &rows), Found::Nothing);
        assert_eq!(find(&[-1, 0], &rows), Found::Nothing);
    }

    #[test]
    fn the_bound_is_told() {
        let rows: Vec<_> = (0..60)
            .map(|at| Candidate {
                effects: [(0, 2 * (at + 1))].into_iter().collect(),
                is_open: false,
            })
            .collect();
        assert_eq!(find(&[1001], &rows), Found::Bound);
    }

    /// Every subset, the smallest first, in the order of their places.
    fn slow(target: &[i128], rows: &[Candidate]) -> Option<usize> {
        let mut best: Option<usize> = None;
        for bits in 0u32..1 << rows.len() {
            let size = bits.count_ones() as usize;
            let mut sum = vec![0; target.len()];
            for (at, row) in rows.iter().enumerate() {
                if bits >> at & 1 == 1 {
                    for (number, effect) in &row.effects {
                        sum[*number] += effect;
                    }
                }
            }
            if sum == target && best.is_none_or(|best| size < best) {
                best = Some(size);
            }
        }
        best
    }

    #[test]
    fn it_finds_a_set_as_small_as_looking_at_every_one() {
        let seed = 20_261_122u64;
        println!("seed {seed}");
        let mut state = seed;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        let (mut found_count, mut nothing_count) = (0, 0);
        for _ in 0..3000 {
            let count = 1 + draw(9) as usize;
            let rows: Vec<_> = (0..count)
                .map(|_| {
                    let (symbol, qty) = (draw(3) as usize, draw(13) as i128 - 6);
                    Candidate {
                        effects: [(symbol, qty), (3, -qty * (9 + draw(3) as i128))]
                            .into_iter()
                            .collect(),
                        is_open: false,
                    }
                })
                .collect();
            let mut target = vec![0i128; 4];
            for row in &rows {
                if draw(3) == 0 {
                    for (number, effect) in &row.effects {
                        target[*number] += effect;
                    }
                }
            }
            if draw(4) == 0 {
                target[draw(4) as usize] += 1;
            }
            let bound = Bound {
                size_max: 9,
                tries_max: u32::MAX,
            };
            match (
                smallest(&target, &[0; 4], &rows, bound),
                slow(&target, &rows),
            ) {
                (Found::Set(set), Some(size)) => {
                    assert_eq!(set.len(), size);
                    let mut sum = vec![0; 4];
                    for (number, effect) in set.iter().flat_map(|at| &rows[*at].effects) {
                        sum[*number] += effect;
                    }
                    assert_eq!(sum, target);
                    found_count += 1;
                }
                (Found::Nothing, None) => nothing_count += 1,
                other => panic!("{other:?} for {target:?} of {rows:?}"),
            }
        }
        assert!(
            500 < found_count && 300 < nothing_count,
            "{found_count} {nothing_count}"
        );
    }
}
