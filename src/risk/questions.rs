//! Questions: which requests about an order does the broker's answer to a question speak of?
//!
//! Pure.
//!
//! A question and its answer take their time, and the order lives on meanwhile: another report may end
//! the doubt, and a replace leave, before the answer is here. The broker that had not seen that replace
//! when it answered will see it yet. So only a request that left before the question can be missing
//! from the answer.
//!
//! Invariants:
//! - Requests and questions about one order leave in the order they were sent, and the answers come in
//!   the order of the questions.
//! - What was asked before the link was lost, and is unanswered when the link is asked again, stays so.

use crate::units::OrderId;

/// Questions about the order of a slot that wait for their answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Questions {
    /// Of which order: a slot is used again.
    order_id: OrderId,
    /// After so many losses of the link the last one was asked.
    link_losses: u32,
    unanswered: u32,
    /// Of these, asked before the last cancel was sent.
    before_cancel: u32,
    /// Of these, asked before the last replace was sent.
    before_replace: u32,
}

/// Which requests under way an answer speaks of: what it does not know of them will never arrive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Spoken {
    pub(super) of_cancel: bool,
    pub(super) of_replace: bool,
}

impl Spoken {
    /// The last word on all.
    pub(super) const OF_ALL: Self = Self {
        of_cancel: true,
        of_replace: true,
    };
    const OF_NOTHING: Self = Self {
        of_cancel: false,
        of_replace: false,
    };
}

impl Questions {
    /// A question is sent.
    pub(super) fn ask(&mut self, order_id: OrderId, link_losses: u32) {
        if (self.order_id, self.link_losses) != (order_id, link_losses) {
            *self = Self {
                order_id,
                link_losses,
                ..Self::default()
            };
        }
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// A cancel is sent.
    pub(super) fn cancel(&mut self) {
        self.before_cancel = self.unanswered;
    }

    /// A replace is sent.
    pub(super) fn replace(&mut self) {
        self.before_replace = self.unanswered;
    }

    /// An answer has come. One that nobody has asked for may be of any time.
    pub(super) fn answer(&mut self, order_id: OrderId) -> Spoken {
        if self.order_id != order_id || self.unanswered == 0 {
            return Spoken::OF_NOTHING;
        }
        let spoken = Spoken {
            of_cancel: self.before_cancel == 0,
            of_replace: self.before_replace == 0,
        };
        self.unanswered -= 1;
        self.before_cancel = self.before_cancel.saturating_sub(1);
        self.before_replace = self.before_replace.saturating_sub(1);
        spoken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: OrderId = OrderId::new(1, 0);

    #[test]
    fn an_answer_speaks_of_what_left_before_its_question() {
        let mut questions = Questions::default();
        questions.ask(ORDER, 1);
        questions.replace();
        questions.ask(ORDER, 1);
        questions.cancel();
        questions.ask(ORDER, 1);
        let spoken = [(); 4].map(|()| questions.answer(ORDER));
        let of = |of_cancel, of_replace| Spoken {
            of_cancel,
            of_replace,
        };
        assert_eq!(
            spoken,
            [
                of(false, false),
                of(false, true),
                Spoken::OF_ALL,
                Spoken::OF_NOTHING
            ]
        );
    }

    #[test]
    fn what_was_asked_over_a_lost_link_or_of_another_order_counts_no_more() {
        let mut questions = Questions::default();
        questions.ask(ORDER, 1);
        questions.replace();
        questions.ask(ORDER, 2);
        assert_eq!(questions.answer(ORDER), Spoken::OF_ALL);
        let next = OrderId::new(2, 0);
        questions.ask(ORDER, 2);
        questions.cancel();
        assert_eq!(questions.answer(next), Spoken::OF_NOTHING);
        questions.ask(next, 2);
        assert_eq!(questions.answer(next), Spoken::OF_ALL);
    }
}
