//! Terms that come to a position which stands: what each of them counts from.

use super::world::*;
use portcullis::message::{Adjust, AdjustKind, Kind, Side};
use portcullis::risk::decision::Outcome;
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::ExitTerms;
use portcullis::units::{AccountId, Position, StrategyId};

const PER_CENT: u64 = 1_000_000;

fn cause(world: &World) -> Option<ExitCause> {
    world.core.exits().next().map(|exit| exit.cause)
}

/// Tried: an inverse contract splits. What it is worth stays, so its price is twice what it was, and its best
/// with it: a stop that trails it is where it was.
#[test]
fn a_trailing_stop_of_an_inverse_contract_goes_through_a_split() {
    for side in [Side::Buy, Side::Sell] {
        let mut setup = setup(ExitTerms {
            trailing: Some(10 * PER_CENT),
            ..ExitTerms::NONE
        });
        setup.symbols[0].is_inverse = true;
        let mut world = World::new(&setup);
        world.hold(if side == Side::Buy { 10 } else { -10 });
        let splits = Adjust {
            qty: Position::from_raw(2 * LOT as i64),
            price: price(1),
            account: AccountId::NONE,
            strategy: StrategyId::NONE,
            operator: 0,
            kind: AdjustKind::Split as u8,
            ..Adjust::default()
        };
        let outcome = world.step(Kind::Adjust, StrategyId::NONE, splits).outcome;
        assert_eq!(outcome, Outcome::Applied);
        let towards = if side == Side::Buy { -1 } else { 1 };
        for at in [200, 200 + 19 * towards] {
            world.quote(at, 100);
            assert_eq!(cause(&world), None, "{side:?} {at}");
        }
        world.quote(200 + 20 * towards, 100);
        assert_eq!(cause(&world), Some(ExitCause::TrailingStop), "{side:?}");
    }
}
