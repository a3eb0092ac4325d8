//! Every order in which fills, partial fills, cancels, replaces, prices, rejects and the exit may cross.
//!
//! A position of 10 with a sale of 4 and a purchase of 3 that stand. The price falls through the stop at
//! any moment; requests and reports arrive in their order, and at any time. Whatever happens first, what
//! the broker has really booked is never short and never more than everything that was bought; and when
//! nothing is under way any more, it is nothing.

use super::world::*;
use portcullis::message::{ExitChange, Kind, OrderType, Side};
use portcullis::risk::setup::ExitTerms;
use portcullis::units::{OrderId, Qty, StrategyId};

/// What may happen beside requests and reports, each once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Price,
    /// An operator wants the position closed now.
    Close,
    /// An operator takes the stop away, and sets a target that is met already.
    Retarget,
    CancelSale,
    ReplaceSale,
    CancelPurchase,
    FillSaleInPart,
    FillSale,
    FillPurchase,
    FillExitInPart,
    RejectExit,
    DropExit,
    Wait,
}

/// One way through: what was chosen at each place, of how many.
#[derive(Default)]
struct Way {
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl Way {
    fn choose(&mut self, count: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, count));
        }
        let (chosen, known) = self.taken[self.at];
        assert_eq!(known, count, "the same choices lead to the same place");
        self.at += 1;
        chosen
    }

    /// The next one: false where all have been.
    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, count)) = self.taken.pop() {
            if chosen + 1 < count {
                self.taken.push((chosen + 1, count));
                return true;
            }
        }
        false
    }
}

struct Story {
    world: World,
    sale: (portcullis::message::Text, OrderId),
    purchase: (portcullis::message::Text, OrderId),
    left: Vec<Act>,
}

impl Story {
    fn new(acts: &[Act]) -> Self {
        let terms = ExitTerms {
            stop_loss: Some(5_000_000),
            ..ExitTerms::NONE
        };
        let mut world = World::new(&setup(terms));
        world.hold(10);
        let sale = world.order(Side::Sell, 4, 104).unwrap();
        let purchase = world.order(Side::Buy, 3, 99).unwrap();
        world.settle(price(100));
        let id = |at: usize| world.standing[at].id;
        Self {
            sale: (sale, id(0)),
            purchase: (purchase, id(1)),
            left: acts.to_vec(),
            world,
        }
    }

    fn leaves(&self, id: OrderId) -> u64 {
        let mut standing = self.world.standing.iter();
        standing.find(|of| of.id == id).map_or(0, |of| of.leaves)
    }

    /// The exit's order where it stands at the broker.
    fn exit(&self) -> Option<(OrderId, u64)> {
        let mut standing = self.world.standing.iter();
        let exit = standing.find(|of| of.order_type == OrderType::Market as u8);
        exit.map(|of| (of.id, of.leaves))
    }

    fn is_possible(&self, act: Act) -> bool {
        let of_exit = self.exit();
        match act {
            Act::Price | Act::CancelSale | Act::ReplaceSale | Act::CancelPurchase => true,
            Act::Close | Act::Retarget => true,
            Act::FillSaleInPart => self.leaves(self.sale.1) > 1,
            Act::FillSale => self.leaves(self.sale.1) > 0,
            Act::FillPurchase => self.leaves(self.purchase.1) > 0,
            Act::FillExitInPart => of_exit.is_some_and(|(_, leaves)| leaves > 3),
            Act::DropExit => of_exit.is_some(),
            Act::RejectExit => self.world.requests.front().is_some_and(|(kind, request)| {
                *kind == Kind::BrokerNew && request.order_type == OrderType::Market as u8
            }),
            Act::Wait => self.world.core.exits().next().is_some(),
        }
    }

    fn act(&mut self, act: Act) {
        let (sale, purchase) = (self.sale, self.purchase);
        match act {
            Act::Price => self.world.quote(94, 100),
            Act::Close => self.change(|change| change.close = 1),
            Act::Retarget => self.change(|change| {
                (change.stop_loss_bps, change.take_profit_bps) = (ExitChange::PART_OFF, 1);
            }),
            Act::CancelSale => self.world.cancel(sale.0),
            Act::ReplaceSale => self.world.replace(sale.0, 7, 103),
            Act::CancelPurchase => self.world.cancel(purchase.0),
            Act::FillSaleInPart => self.world.fill(sale.1, 1, price(104)),
            Act::FillSale => {
                let leaves = self.leaves(sale.1);
                self.world.fill(sale.1, leaves, price(104));
            }
            Act::FillPurchase => self.world.fill(purchase.1, 3, price(99)),
            Act::FillExitInPart => {
                let (id, _) = self.exit().unwrap();
                self.world.fill(id, 2, price(94));
            }
            Act::DropExit => {
                let (id, _) = self.exit().unwrap();
                self.world.drop_rest(id);
            }
            Act::RejectExit => self.world.deliver_request(true),
            Act::Wait => {
                self.world.wait();
            }
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut ExitChange)) {
        let mut body = ExitChange::default();
        change(&mut body);
        self.world.step(Kind::Exit, StrategyId::NONE, body);
    }

    fn check(&self, way: &Way, did: &[String]) {
        let position = self.world.positions[0];
        let bought = 13;
        assert!(
            (0..=bought).contains(&position),
            "{position}: {did:?} {:?}",
            way.taken
        );
        // What is live at the broker could not lead through zero either.
        let sales = self
            .world
            .standing
            .iter()
            .filter(|of| of.side == Side::Sell);
        let sales: u64 = sales.map(|of| of.leaves).sum();
        assert!(sales as i64 <= position, "{sales} of {position}: {did:?}");
    }

    /// Everything arrives, whatever is due comes, and the exit fills.
    fn finish(&mut self) {
        if self.left.contains(&Act::Price) {
            self.act(Act::Price);
        }
        for _ in 0..50 {
            self.world.settle(price(94));
            if self.world.core.exits().next().is_none() {
                break;
            }
            self.world.wait();
        }
    }
}

/// One run along a way: `true` where an exit began while others were under way.
fn run(acts: &[Act], way: &mut Way) -> bool {
    let mut story = Story::new(acts);
    let mut did: Vec<String> = Vec::new();
    let mut crossed = false;
    loop {
        let mut open: Vec<Option<Act>> = Vec::new();
        let possible = story.left.iter().copied();
        open.extend(possible.filter(|act| story.is_possible(*act)).map(Some));
        let deliveries = [
            !story.world.requests.is_empty(),
            !story.world.reports.is_empty(),
            story.world.is_due(),
        ];
        let count = open.len() + deliveries.iter().filter(|of| **of).count();
        let is_exit = story.exit().is_some();
        if count == 0 && !is_exit {
            break;
        }
        // What stands of the exit fills once nothing else happens.
        let chosen = if count == 0 { 0 } else { way.choose(count) };
        match open.get(chosen) {
            Some(Some(act)) => {
                let act = *act;
                did.push(format!("{act:?}"));
                story.left.retain(|of| *of != act);
                story.act(act);
            }
            _ if count == 0 => {
                let (id, leaves) = story.exit().unwrap();
                did.push("exit fills".to_owned());
                story.world.fill(id, leaves, price(94));
            }
            _ => {
                let mut at = chosen - open.len();
                let kinds = (0..3).filter(|kind| deliveries[*kind]);
                let kind = kinds
                    .into_iter()
                    .find(|_| {
                        let is_it = at == 0;
                        at = at.wrapping_sub(1);
                        is_it
                    })
                    .unwrap();
                did.push(["request", "report", "tick"][kind].to_owned());
                match kind {
                    0 => story.world.deliver_request(false),
                    1 => story.world.deliver_report(),
                    _ => story.world.tick(),
                }
            }
        }
        crossed |= story.world.core.exits().next().is_some() && !story.world.requests.is_empty();
        story.check(way, &did);
    }
    story.finish();
    story.check(way, &did);
    assert_eq!(story.world.positions[0], 0, "{did:?}");
    let cells = story.world.core.account_positions();
    let cell = cells.into_iter().next().unwrap();
    assert_eq!(
        (cell.position.raw(), cell.open_sell),
        (0, Qty::ZERO),
        "{did:?}"
    );
    assert_eq!(story.world.core.exits().count(), 0, "{did:?}");
    crossed
}

fn explore(acts: &[Act]) -> usize {
    let (mut way, mut count, mut crossed) = (Way::default(), 0, 0);
    loop {
        crossed += usize::from(run(acts, &mut way));
        count += 1;
        if !way.next() {
            break;
        }
    }
    println!("{acts:?}: {count} ways, in {crossed} of them the exit met others under way");
    assert!(crossed > 0 && count > 20, "{acts:?}");
    count
}

#[test]
fn no_order_of_events_flips_or_doubles_a_position() {
    use Act::*;
    let mut count = 0;
    for acts in [
        &[Price, CancelSale, FillSale][..],
        &[Price, ReplaceSale, FillSaleInPart],
        &[Price, ReplaceSale, FillSale],
        &[Price, FillPurchase, FillSale],
        &[Price, FillPurchase, CancelPurchase],
        &[Price, FillExitInPart, FillPurchase],
        &[Price, RejectExit, FillSaleInPart],
        &[Price, DropExit, FillPurchase],
        &[Price, Wait, FillSaleInPart],
        &[Price, ReplaceSale, FillSaleInPart, FillPurchase],
        &[Price, CancelSale, FillSaleInPart, FillExitInPart],
        &[Price, CancelSale, RejectExit, FillPurchase],
        &[Price, ReplaceSale, DropExit, FillSale],
        &[Close, FillSale, CancelSale],
        &[Close, ReplaceSale, FillSaleInPart],
        &[Close, Price, FillPurchase, FillExitInPart],
        &[Close, RejectExit, Wait, FillSaleInPart],
        &[Retarget, Price, Close, FillSale],
    ] {
        count += explore(acts);
    }
    println!("{count} ways in all");
}
