//! Act: what an operator has asked for, sent to risk or to the follower.

use crate::admin::request::{Action, Named};
use crate::admin::{Admin, Waiting, What, failed, unconfirmed};
use crate::follower::exit;
use crate::follower::query::Query;
use crate::message::{
    Adjust, AdjustKind, Body, Control, ExitChange, Frame, Header, Kind, LimitChange, LimitKey,
    Locate, Override, Scope, Settle,
};
use crate::units::{AccountId, Nanos, OrderId, StrategyId};

impl Admin {
    pub(super) fn act(&mut self, place: usize, action: Action, now: Nanos) {
        let operator = self.sessions[place]
            .as_ref()
            .map_or(u32::MAX, |session| session.operator);
        match action {
            Action::Ask(query) => self.ask(place, query, What::View, now),
            Action::Control(kind, control) => {
                let scope = Scope::from_byte(control.scope).unwrap_or(Scope::Firm);
                let (name, note) = (self.names.name(scope, control.target), control.note);
                let about = format!("{} {name} ({note})", scope.text());
                self.push(
                    place,
                    kind,
                    Control {
                        operator,
                        ..control
                    },
                    &about,
                    now,
                );
            }
            Action::Locate(locate) => {
                let account = self.names.accounts.name(locate.account.0);
                let symbol = self.names.symbols.name(locate.symbol.0);
                let (qty, note) = (locate.qty, locate.note);
                let about = format!("{qty} of {symbol} for {account} ({note})");
                let locate = Locate { operator, ..locate };
                self.push(place, Kind::Locate, locate, &about, now);
            }
            Action::Override(asked) => {
                let account = self.names.accounts.name(asked.account.0);
                let (id, note) = (asked.client_order_id, asked.note);
                let about = format!("order {id} of {account} ({note})");
                let asked = Override { operator, ..asked };
                self.push(place, Kind::Override, asked, &about, now);
            }
            Action::Limit(change) => {
                let scope = Scope::from_byte(change.scope).unwrap_or(Scope::Firm);
                let (name, note) = (self.names.name(scope, change.target), change.note);
                let key = LimitKey::from_byte(change.limit);
                let said = key.map(|key| format!("{} {}", key.text(), key.show(change.value())));
                let said = said.unwrap_or_default();
                let about = format!("{} {name} {said} ({note})", scope.text());
                let change = LimitChange { operator, ..change };
                self.push(place, Kind::Limit, change, &about, now);
            }
            Action::Adjust(adjust) => {
                let whose = match adjust.account {
                    AccountId::NONE => "every account",
                    account => self.names.accounts.name(account.0),
                };
                let symbol = self.names.symbols.name(adjust.symbol.0);
                let kind = AdjustKind::from_byte(adjust.kind).map_or("?", AdjustKind::text);
                let Adjust {
                    qty,
                    price,
                    cash,
                    note,
                    ..
                } = adjust;
                let about =
                    format!("{kind} of {qty} {symbol} at {price}, cash {cash}, {whose} ({note})");
                let adjust = Adjust { operator, ..adjust };
                self.push(place, Kind::Adjust, adjust, &about, now);
            }
            Action::Exit(change) => {
                let account = self.names.accounts.name(change.account.0);
                let symbol = self.names.symbols.name(change.symbol.0);
                let (wanted, note) = (exit::wanted(&change), change.note);
                let about = format!("{symbol} of {account}: {wanted} ({note})");
                let change = ExitChange { operator, ..change };
                self.push(place, Kind::Exit, change, &about, now);
            }
            Action::Settle(Named::Number(order_id), settle) => {
                self.settle(place, Settle { order_id, ..settle }, now);
            }
            Action::Settle(Named::Id(account, client_order_id), settle) => {
                let query = Query::Order {
                    account,
                    client_order_id,
                };
                self.ask(place, query, What::Order(settle), now);
            }
        }
    }

    pub(super) fn settle(&mut self, place: usize, settle: Settle, now: Nanos) {
        if settle.order_id == OrderId::NONE {
            self.reply(place, failed("order_id: no order has this number"), now);
            return;
        }
        let operator = self.sessions[place]
            .as_ref()
            .map_or(u32::MAX - 1, |it| it.operator);
        let Settle {
            order_id,
            filled,
            leaves,
            price,
            ..
        } = settle;
        let about = format!(
            "order {}: filled {filled} at {price}, leaves {leaves}",
            order_id.0
        );
        self.push(
            place,
            Kind::Settle,
            Settle { operator, ..settle },
            &about,
            now,
        );
    }

    fn ask(&mut self, place: usize, query: Query, what: What, now: Nanos) {
        let token = self.wait(place, what, now);
        if self.ends.views.ask(token, query, &self.reply).is_err() {
            self.take_waiting(place);
            self.reply(place, failed("the follower is busy: try again"), now);
        }
    }

    /// Sends an act to risk, and waits for its record.
    fn push<B: Body>(&mut self, place: usize, kind: Kind, body: B, about: &str, now: Nanos) {
        let correlation = self.next_correlation(now);
        let header = Header {
            time: now,
            correlation,
            strategy: StrategyId::NONE,
            ..Header::default()
        };
        let operator = self.operator(place).to_owned();
        tracing::warn!(operator, ?kind, correlation, about, "an operator acts");
        let token = self.wait(place, What::Act(kind, correlation), now);
        let until = now.after(self.settings.answer_timeout);
        let query = Query::Act { correlation, until };
        let is_watched = self.ends.views.ask(token, query, &self.reply).is_ok();
        if self
            .ends
            .admin_to_risk
            .push(Frame::new(kind, header, body))
            .is_err()
        {
            self.take_waiting(place);
            tracing::error!(
                operator,
                ?kind,
                correlation,
                "admin_to_risk is full: not done"
            );
            self.reply(
                place,
                failed("not done: the gate does not take it in; try again"),
                now,
            );
            return;
        }
        self.ends.risk_doorbell.ring();
        if !is_watched {
            self.take_waiting(place);
            self.reply(place, unconfirmed(kind, Nanos::ZERO), now);
        }
    }

    /// Later than any of an earlier run, which the follower may still be reading.
    pub(super) fn next_correlation(&mut self, now: Nanos) -> u64 {
        self.correlation = (self.correlation + 1).max(CORRELATION_BIT | now.raw());
        self.correlation
    }

    fn wait(&mut self, place: usize, what: What, now: Nanos) -> u64 {
        self.token += 1;
        let token = self.token;
        let deadline = now.after(self.settings.answer_timeout);
        if let Some(session) = &mut self.sessions[place] {
            session.waiting = Some(Waiting {
                token,
                deadline,
                what,
            });
        }
        token
    }
}

/// Set in the correlation of every act: no other stage gives out such.
const CORRELATION_BIT: u64 = 1 << 63;
