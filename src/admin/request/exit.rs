//! Exit: when an operator wants a position closed.
//!
//! Pure.

use super::{Action, Request, said};
use crate::config::limits::SPAN;
use crate::config::notation::parse_duration;
use crate::follower::names::Names;
use crate::message::ExitChange;
use crate::units::Nanos;

impl Request {
    /// What is wrong with it whatever is held is said here; the rest, by who reads the journal.
    pub(super) fn change_exit(&self, names: &Names) -> Result<Action, String> {
        let (account, symbol) = (self.account(names)?, self.symbol(names)?);
        let part = |key: &str, text: &Option<String>| match text {
            None => Ok(0),
            Some(text) => ExitChange::parse_part(text).map_err(|_| {
                let most = ExitChange::show_part(u32::MAX - 1);
                let remedy = format!("write basis points from 0.01 to {most}, or off");
                said(key, &remedy)
            }),
        };
        let hold_max = match self.hold_max.as_deref() {
            None => Nanos::ZERO,
            Some("off") => ExitChange::TIME_OFF,
            Some(text) => {
                let found = parse_duration(text).ok().filter(|time| SPAN.contains(time));
                found.ok_or_else(|| said("hold_max", "write a time such as 30m, or off"))?
            }
        };
        let trailing_stop_bps = part("trailing_stop_bps", &self.trailing_stop_bps)?;
        if (TRAILING_END..ExitChange::PART_OFF).contains(&trailing_stop_bps) {
            let remedy = "the whole price: it would never be reached; write less than 10000";
            return Err(said("trailing_stop_bps", remedy));
        }
        let change = ExitChange {
            hold_max,
            account: account.ok_or_else(|| said("account", "required: whose position?"))?,
            symbol: symbol.ok_or_else(|| said("symbol", "required: in what?"))?,
            stop_loss_bps: part("stop_loss_bps", &self.stop_loss_bps)?,
            take_profit_bps: part("take_profit_bps", &self.take_profit_bps)?,
            trailing_stop_bps,
            break_even_bps: part("break_even_bps", &self.break_even_bps)?,
            note: self.note()?,
            close: u8::from(self.close == Some(true)),
            ..ExitChange::default()
        };
        if change.note.is_empty() {
            return Err(said("note", "required: why?"));
        }
        if change.close == 0 && !change.tells_terms() {
            let remedy = "what is to change? Write stop_loss_bps, take_profit_bps, trailing_stop_bps, \
                          break_even_bps or hold_max, or close: true";
            return Err(remedy.to_owned());
        }
        Ok(Action::Exit(change))
    }
}

/// The whole of the best price.
const TRAILING_END: u32 = 1_000_000;
