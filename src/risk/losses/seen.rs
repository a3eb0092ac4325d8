//! Seen: halts, and what is used of limits on losses, for those who watch. Cold.

use super::{Halt, HaltView, Row};
use crate::message::Scope;
use crate::risk::core::Core;
use crate::risk::level::{Level, NO_LOSSES, Whose};
use crate::risk::losses::LossKind;
use crate::units::{Amount, SymbolId};

impl Core {
    /// The levels that are halted.
    pub fn halts(&self) -> impl Iterator<Item = HaltView> {
        self.losses.rows.iter().filter_map(|row| {
            Some(HaltView {
                scope: Scope::from_byte(row.whose.scope())?,
                target: row.whose.target(),
                halt: row.halted?,
            })
        })
    }

    /// Why one level is halted.
    pub fn halt_of(&self, scope: Scope, target: u32) -> Option<Halt> {
        self.losses_of(scope, target)?.1.halted
    }

    /// What the limits on the losses of a level are, and what has been lost of each.
    pub fn used_losses(
        &self,
        scope: Scope,
        target: u32,
    ) -> impl Iterator<Item = (LossKind, Amount, Amount)> {
        let judged = self.losses_of(scope, target).map(|(level, row)| {
            let window = row.bounds.rolling_window;
            let rolling = row.rolling.as_ref();
            let highest = rolling.map_or(level.profit, |of| of.highest(window, self.now));
            let from = [level.profit_before, level.profit_peak, highest];
            row.bounds.judge(level.profit, from)
        });
        judged.into_iter().flatten()
    }

    fn losses_of(&self, scope: Scope, target: u32) -> Option<(&Level, &Row)> {
        let whose = match scope {
            Scope::Firm => Whose::FIRM,
            scope => Whose::new(scope, target),
        };
        let level = self.exposure.level_of(whose)?;
        Some((level, self.losses.rows.get(level.losses as usize)?))
    }

    /// Every level whose losses are limited and whose books the price of a symbol values.
    pub fn loss_levels_in(&self, symbol: SymbolId, mut see: impl FnMut(Scope, u32)) {
        let mut see = |whose: Whose| {
            let level = self.exposure.level_of(whose);
            let is_limited = level.is_some_and(|level| level.losses != NO_LOSSES);
            if let Some(scope) = Scope::from_byte(whose.scope()).filter(|_| is_limited) {
                see(scope, whose.target());
            }
        };
        if self.losses.are_none() {
            return;
        }
        let mut at = self.exposure.first_in(symbol.0);
        while let Some((scope, owner, next)) = self.exposure.owner_in(at) {
            see(Whose::new(scope, owner));
            at = next;
        }
        see(Whose::new(Scope::Symbol, symbol.0));
        see(Whose::FIRM);
        self.exposure
            .others
            .iter()
            .for_each(|level| see(level.whose));
    }

    /// How often any level was halted.
    pub const fn halt_count(&self) -> u64 {
        self.losses.halts
    }
}
