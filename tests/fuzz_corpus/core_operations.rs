//! The core takes any sequence of events: its sums hold after each, and a second core agrees,
//! and so does the slow model.

use crate::beside_model;
use crate::bytes::Bytes;
use crate::small_world::{TICK, id, price, qty, setup};
use portcullis::message::{
    Basket, BrokerRequest, Cancel, Control, Frame, Header, Kind, LimitChange, Link, Locate,
    NewOrder, Override, Quote, Replace, Report, Scope, SessionChange, Settle, Text, Tick,
};
use portcullis::reject::RejectReason;
use portcullis::risk::adopt::AdoptError;
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Decision, Effects, Outcome};
use portcullis::risk::setup::{Account, Setup};
use portcullis::units::{AccountId, BrokerId, Nanos, OrderId, Price, StrategyId, SymbolId};

/// `data`: by the first byte either which limits there are, then events of 16 bytes each; or the
/// seed of a setup, then what the commands are drawn by that the slow model must answer as well.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    if bytes.byte() & 128 != 0 {
        beside_model::check(&mut bytes);
        return;
    }
    let setup = setup(bytes.byte());
    let mut bench = Bench::new(&setup);
    for _ in 0..EVENTS_MAX {
        if bytes.is_empty() {
            break;
        }
        let fields = bytes.array::<16>();
        bench.pass(fields[1]);
        if fields[0] % 16 == 15 && fields[3] == 254 {
            bench.restart(fields);
            continue;
        }
        let (head, continuations) = bench.event(fields);
        bench.step(head, continuations);
    }
    bench.check_again(&setup);
    if bench.restarts.is_empty() {
        let is_tick = |(head, _): &&(Frame, Vec<Frame>)| head.kind() == Some(Kind::Tick);
        let commands = bench.events.iter().filter(|event| !is_tick(event));
        beside_model::play(&setup, commands.cloned());
    }
}

struct Bench {
    core: Core,
    setup: Setup,
    effects: Effects,
    /// The setups that the core went on under, and before which event.
    restarts: Vec<(usize, Setup)>,
    /// Everything the core was given, and what it answered.
    events: Vec<(Frame, Vec<Frame>)>,
    decisions: Vec<Decision>,
    order_ids: Vec<OrderId>,
    /// Of each of these, whose it is and what its sender calls it.
    owners: Vec<(StrategyId, AccountId, Text)>,
    now: Nanos,
    /// True from a kill of the firm until somebody speaks of raising it.
    is_firm_killed: bool,
}

impl Bench {
    fn new(setup: &Setup) -> Self {
        Self {
            core: Core::new(setup),
            setup: setup.clone(),
            effects: Effects::default(),
            restarts: Vec::new(),
            events: Vec::new(),
            decisions: Vec::new(),
            order_ids: Vec::new(),
            owners: Vec::new(),
            now: Nanos::from_secs(1),
            is_firm_killed: false,
        }
    }

    /// Time goes on, and what falls due is done as the gate does it.
    fn pass(&mut self, step: u8) {
        let span = match step {
            0..128 => u64::from(step) * 1_000_000,
            _ => u64::from(step & 127) * 100_000_000,
        };
        self.now = self.now.after(Nanos::from_raw(span));
        let mut ticks = 0;
        while self.core.next_deadline() <= self.now {
            let time = self.core.now().max(self.core.next_deadline());
            let header = Header {
                time,
                strategy: StrategyId::NONE,
                ..Header::default()
            };
            self.step(Frame::new(Kind::Tick, header, Tick::default()), Vec::new());
            ticks += 1;
            assert!(ticks <= TICKS_MAX, "a sweep that does not end");
        }
    }

    fn step(&mut self, head: Frame, continuations: Vec<Frame>) {
        self.effects.clear();
        self.core.foresee(&head, |_| {});
        let decision = self.core.step(&head, &continuations, &mut self.effects);
        self.core.verify();
        self.check_decision(&head, &decision);
        for approved in &self.effects.to_broker {
            let frame = approved.frame();
            if frame.kind() == Some(Kind::BrokerNew) && decision.outcome == Outcome::Accepted {
                let order = frame.body::<BrokerRequest>();
                self.order_ids.push(order.order_id);
                self.owners
                    .push((head.header.strategy, order.account, order.client_order_id));
            }
        }
        self.events.push((head, continuations));
        self.decisions.push(decision);
    }

    fn check_decision(&mut self, head: &Frame, decision: &Decision) {
        let kind = head.kind();
        let adds_risk = matches!(kind, Some(Kind::NewOrder | Kind::Replace | Kind::Basket));
        let is_refused = decision.outcome == Outcome::Refused;
        let is_cut = decision.reason == Some(RejectReason::OrderCut);
        assert!(is_cut || decision.reason == decision.failed.first());
        if is_cut {
            let (cut, asked) = (decision.limit, decision.value);
            let requests = self.effects.to_broker.iter().map(|sent| sent.frame());
            let mut sent = requests.filter(|frame| frame.kind() == Some(Kind::BrokerNew));
            let sent_qty = sent
                .next()
                .map(|sent| sent.body::<BrokerRequest>().qty.raw());
            assert!(!is_refused && 0 < cut && cut <= asked);
            assert_eq!(sent_qty.map(i128::from), Some(cut));
        }
        // What passes in spite of a control has been let pass, and that control is soft.
        let is_soft = decision
            .failed
            .iter()
            .all(|it| self.setup.soft.contains(&it));
        assert!(!is_refused || decision.reason.is_some());
        let may_pass = kind == Some(Kind::NewOrder) && (is_soft || is_cut);
        assert!(is_refused || may_pass || decision.reason.is_none());
        if is_refused {
            // In place of an order that would trade with them, orders may be cancelled.
            let mut sent = self
                .effects
                .to_broker
                .iter()
                .map(|approved| approved.frame());
            let is_cancel = |frame: &Frame| frame.kind() == Some(Kind::BrokerCancel);
            assert!(sent.all(is_cancel), "refused and sent");
        }
        if adds_risk && decision.outcome == Outcome::Accepted {
            assert!(!self.is_firm_killed, "accepted after a kill");
            assert_eq!(head.header.flags, 0, "accepted although not ready");
        }
        if matches!(kind, Some(Kind::Kill | Kind::Raise)) {
            let is_firm = head.body::<Control>().scope == Scope::Firm as u8;
            if is_firm && decision.outcome == Outcome::Applied {
                self.is_firm_killed = kind == Some(Kind::Kill);
            }
        }
    }

    /// Goes on under other limits and more room, or is refused and goes on as before.
    fn restart(&mut self, fields: [u8; 16]) {
        let mut new = setup(fields[4]);
        new.capacity = self.setup.capacity;
        let capacity = &mut new.capacity;
        let grow = |count: &mut u32, by: u8| *count += u32::from(by % 4);
        grow(&mut capacity.orders_closed, fields[5]);
        capacity.orders += u32::from(fields[5] % 4);
        grow(&mut capacity.orders, fields[6]);
        grow(&mut capacity.client_order_ids, fields[7]);
        grow(&mut capacity.positions, fields[8]);
        grow(&mut capacity.executions, fields[9]);
        grow(&mut capacity.duplicates_per_window, fields[10]);
        let is_smaller = fields[11] == 255;
        capacity.positions -= u32::from(is_smaller) * 4;
        if new.accounts.len() < self.setup.accounts.len() || fields[12] & 1 != 0 {
            new.accounts.push(Account {
                name: "a2".to_owned(),
                ..new.accounts[0].clone()
            });
        }
        let room = capacity.orders + capacity.positions + capacity.client_order_ids;
        if ROOM_MAX < room {
            return;
        }
        let before = self.core.state_hash();
        match self.core.adopt(&self.setup, &new) {
            Ok(()) => {
                assert!(self.setup.capacity.positions <= new.capacity.positions);
                self.restarts.push((self.events.len(), new.clone()));
                self.setup = new;
            }
            Err(error) => {
                let is_other = matches!(error, AdoptError::MultiplierMoved { .. });
                assert!((is_smaller || is_other) && self.core.state_hash() == before);
            }
        }
        self.core.verify();
    }

    /// The same events, the same decisions, the same state.
    fn check_again(&self, setup: &Setup) {
        let other_seed = |setup: &Setup| Setup {
            hash_seed: !setup.hash_seed,
            ..setup.clone()
        };
        let mut setup = other_seed(setup);
        let mut core = Core::new(&setup);
        let mut effects = Effects::default();
        let mut restarts = self.restarts.iter().peekable();
        for at in 0..=self.events.len() {
            while let Some((_, new)) = restarts.next_if(|restart| restart.0 == at) {
                let new = other_seed(new);
                core.adopt(&setup, &new).unwrap();
                setup = new;
            }
            let Some((head, continuations)) = self.events.get(at) else {
                break;
            };
            effects.clear();
            let decision = core.step(head, continuations, &mut effects);
            assert_eq!(decision, self.decisions[at]);
        }
        assert_eq!(core.digest(), self.core.digest());
        assert_eq!(core.state_hash(), self.core.state_hash());
        assert_eq!(core.next_deadline(), self.core.next_deadline());
    }

    /// An event by its bytes: 0 which, 1 time, 2 who, 3 about what, 4 to 15 numbers.
    fn event(&self, fields: [u8; 16]) -> (Frame, Vec<Frame>) {
        let [which, _, who, what, ..] = fields;
        let strategy = match who & 7 {
            7 => StrategyId(u32::MAX),
            6 => StrategyId(2),
            index => StrategyId(u32::from(index & 1)),
        };
        let header = Header {
            // Of strategies and brokers alike; what came last may come again.
            sequence: self.events.len() as u64 / 2 + 1,
            time: self.now,
            correlation: self.events.len() as u64,
            strategy,
            flags: if who & 0xf0 == 0xf0 {
                1 << (who & 3)
            } else {
                0
            },
            ..Header::default()
        };
        let account = AccountId(match who >> 3 & 7 {
            7 => 2,
            index => u32::from(index & 1),
        });
        let (price, qty, leaves) = (
            price(fields[4], fields[5]),
            qty(fields[6], fields[7]),
            qty(fields[8], fields[9]),
        );
        let order_id = self.order(what);
        let symbol = SymbolId(match fields[10] {
            0..240 => u32::from(fields[10] & 1),
            _ => 2,
        });
        let mut continuations = Vec::new();
        let head = match which % 16 {
            0..4 => {
                let count = usize::from(fields[15].saturating_sub(240) % 4);
                continuations = vec![Frame::from_bytes(&[what; 128]); count];
                let order = NewOrder {
                    price: match fields[12] {
                        1..32 => Price::from_raw(0),
                        _ => price,
                    },
                    qty,
                    account,
                    symbol,
                    client_order_id: id(what),
                    side: 1 + fields[11] % 2 + fields[11] / 255,
                    order_type: 2 - u8::from(fields[12] < 32) + fields[12] / 255,
                    time_in_force: 1 + fields[13] % 4 + fields[13] / 255,
                    mark: match fields[11] % 2 {
                        0 => 0,
                        _ => fields[14] / 64,
                    },
                    passthrough_size: (count * 128) as u16,
                    ..NewOrder::default()
                };
                if fields[14] < 32 && count == 0 {
                    // Two of them, that pass together.
                    let mut other = order;
                    other.client_order_id = id(what.wrapping_add(1));
                    other.side = 3 - order.side.min(2);
                    continuations = [order, other]
                        .map(|order| Frame::new(Kind::NewOrder, Header::default(), order))
                        .to_vec();
                    let header = Header {
                        continuation_count: 2,
                        ..header
                    };
                    let basket = Basket::default();
                    return (Frame::new(Kind::Basket, header, basket), continuations);
                }
                Frame::new(Kind::NewOrder, header, order)
            }
            4 => {
                let (header, account, original_id) = self.owner(what, header, account);
                let cancel = Cancel {
                    client_order_id: id(fields[14]),
                    original_id,
                    account,
                    ..Cancel::default()
                };
                Frame::new(Kind::Cancel, header, cancel)
            }
            5 | 6 => {
                let (header, account, original_id) = self.owner(what, header, account);
                let replace = Replace {
                    price,
                    qty,
                    account,
                    client_order_id: id(fields[14]),
                    original_id,
                    ..Replace::default()
                };
                Frame::new(Kind::Replace, header, replace)
            }
            7..11 => {
                let report = Report {
                    order_id,
                    qty,
                    price,
                    leaves,
                    broker: if who == 255 {
                        BrokerId(1)
                    } else {
                        BrokerId::NONE
                    },
                    exec_id: if fields[14] < 64 {
                        Text::EMPTY
                    } else {
                        id(fields[14])
                    },
                    exec: fields[11] % 16,
                    state: fields[12] % 12,
                    request: u32::from(fields[13] % 4),
                    ..Report::default()
                };
                Frame::new(Kind::Report, header, report)
            }
            11 | 12 => {
                let quote = Quote {
                    bid: price,
                    ask: Price::from_raw(price.raw().saturating_add(i64::from(fields[6]) * TICK)),
                    symbol,
                    ..Quote::default()
                };
                Frame::new(Kind::Quote, header, quote)
            }
            13 => {
                let kind = if what & 1 == 0 {
                    Kind::Kill
                } else {
                    Kind::Raise
                };
                let control = Control {
                    target: match fields[4] % 6 {
                        1 => u32::MAX,
                        _ => u32::from(fields[5]) % 3,
                    },
                    operator: if fields[6] == 255 {
                        u32::MAX
                    } else {
                        u32::from(fields[6]) % 3
                    },
                    scope: fields[4] % 6,
                    ..Control::default()
                };
                Frame::new(kind, header, control)
            }
            14 if what & 1 == 0 => {
                let link = Link {
                    broker: BrokerId(u32::from(fields[4]) % 3),
                    state: fields[5] % 6,
                    ..Link::default()
                };
                Frame::new(Kind::Link, header, link)
            }
            14 => {
                let change = SessionChange {
                    state: 1 + fields[4] % 2,
                    cancel_orders: fields[5] % 2,
                    ..SessionChange::default()
                };
                Frame::new(Kind::SessionChange, header, change)
            }
            _ if what < 24 => {
                let locate = Locate {
                    qty,
                    account,
                    symbol,
                    operator: u32::from(fields[14]) % 3,
                    ..Locate::default()
                };
                Frame::new(Kind::Locate, header, locate)
            }
            _ if what < 48 => {
                let asked = Override {
                    account,
                    operator: u32::from(fields[14]) % 3,
                    client_order_id: id(fields[13]),
                    ..Override::default()
                };
                Frame::new(Kind::Override, header, asked)
            }
            _ if what < 64 => {
                let change = LimitChange {
                    value: [u64::from(fields[10]) * 100_000_000, 0],
                    target: [u32::MAX, 0, 1, 2][fields[11] as usize % 4],
                    operator: u32::from(fields[14]) % 3,
                    scope: fields[12] % 8,
                    limit: fields[13] % 16,
                    ..LimitChange::default()
                };
                Frame::new(Kind::Limit, header, change)
            }
            _ if what == 255 => {
                let mut frame = Frame::from_bytes(&[fields[4]; 128]);
                frame.header = Header {
                    kind: fields[5],
                    ..header
                };
                frame
            }
            _ => {
                let settle = Settle {
                    order_id,
                    filled: qty,
                    price,
                    leaves,
                    operator: u32::from(fields[14]) % 3,
                    ..Settle::default()
                };
                Frame::new(Kind::Settle, header, settle)
            }
        };
        (head, continuations)
    }

    /// Who says what about which order: mostly its own strategy.
    fn owner(&self, what: u8, header: Header, account: AccountId) -> (Header, AccountId, Text) {
        if self.owners.is_empty() || 240 <= what {
            return (header, account, id(what));
        }
        let back = usize::from(what) % self.owners.len();
        let (strategy, account, text) = self.owners[self.owners.len() - 1 - back];
        (Header { strategy, ..header }, account, text)
    }

    /// One of the orders there were, or an id that was never given out.
    fn order(&self, what: u8) -> OrderId {
        if self.order_ids.is_empty() || what == 255 {
            return OrderId(u64::from(what) << 20);
        }
        // The newest are meant most often.
        let back = usize::from(what) % self.order_ids.len();
        self.order_ids[self.order_ids.len() - 1 - back]
    }
}

/// So many events, that every run ends soon.
const EVENTS_MAX: usize = 400;
/// No table of a core that was restarted often is larger than this.
const ROOM_MAX: u32 = 200;
/// Far more than all orders could need.
const TICKS_MAX: usize = 100;
