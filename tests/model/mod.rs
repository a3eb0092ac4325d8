//! Model: the risk core once more, slow and obvious, to be read as what the core must do.
//!
//! It shares no code with the core. Every sum is taken anew over all orders or cells each time,
//! nothing is counted along the way, nothing is ever thrown away but what the rules say is
//! forgotten. Work that the core spreads over many ticks is done by the model in one.
//!
//! Every number here is raw: prices in 1e-9, quantities in 1e-8, times in nanoseconds.

pub(crate) mod answer;
mod basket;
mod calendar;
mod checks;
mod commands;
mod controls;
mod exit_orders;
mod exits;
mod exposure;
mod limits;
mod money;
pub(crate) mod order;
mod parents;
pub(crate) mod random;
pub(crate) mod real;
mod reports;
mod respond;
mod short;
pub(crate) mod shrink;
mod sizing;
mod tail;

use answer::{Answer, Cell, Execution, Gate, OrderView, Sums, ToStrategy, Views};
use order::{Level, Order, Who};
use portcullis::message::{Exec, Frame, Header, Kind, LinkState, Scope, Side, Text};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{Limits, Setup};
use portcullis::units::{DeskId, Nanos, OrderId, SymbolId};
use std::collections::BTreeMap;

#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) setup: Setup,
    pub(crate) now: u64,
    /// Every order ever accepted, in order: the first has serial 1.
    pub(crate) orders: Vec<Order>,
    /// The client order ids that are remembered, oldest first.
    ids: Vec<RememberedId>,
    /// Every new order, replace and cancel of a strategy ever accepted.
    acceptances: Vec<Acceptance>,
    /// Every order that was ever compared with those before it, once for each level that did.
    compared: Vec<Compared>,
    /// What was traded, by account and symbol. A cell is made by the first accepted order.
    account_positions: BTreeMap<(u32, u32), i64>,
    strategy_positions: BTreeMap<(u32, u32), i64>,
    symbol_positions: BTreeMap<u32, i64>,
    /// By symbol and kind of price: mid, last, close.
    references: Vec<[Reference; 3]>,
    /// By symbol: what a unit of it was last worth, and every price by which orders could be measured
    /// when it came: bid + ask, and its time.
    marks: Vec<u128>,
    histories: Vec<Vec<(i128, u64)>>,
    /// Of each calendar: orders up to this serial were of a trading day that is over.
    expire_through: Vec<u64>,
    /// Every fill: whose, on which day of counting, how much, and what it was worth.
    trades: Vec<Trade>,
    /// What accounts were paid beside trades, in the firm's currency.
    payments: Vec<(u32, i128)>,
    money: money::Money,
    exits: exits::Exits,
    located: Vec<short::Located>,
    limit_changes: Vec<limits::Waiting>,
    /// By scope, target and limit: what it was before one person loosened it alone.
    loosened_alone: BTreeMap<(u8, u32, u8), u128>,
    parents: Vec<parents::Parent>,
    /// How often a parent was left without a live child.
    left_count: u64,
    /// Overrides that somebody has asked for.
    asked: Vec<short::Asked>,
    /// What levels are under, by scope and target; and by response and target what has happened since
    /// it last answered.
    stages: BTreeMap<(u8, u32), respond::Stage>,
    happened: BTreeMap<(usize, u32), Vec<u64>>,
    links: Vec<LinkState>,
    /// Orders of a strategy up to this serial went with its session: they are to be cancelled.
    cancel_through: Vec<u64>,
    /// Who has asked to raise what is killed, by scope and target.
    pub(crate) latches: BTreeMap<(u8, u32), Vec<Raise>>,
    /// Who has asked to raise what is not killed but stopped otherwise, by scope and target.
    watched: BTreeMap<(u8, u32), Vec<Raise>>,
    /// Orders of each strategy since a person last raised it.
    orders_unattended: Vec<u64>,
    /// Broker and execution id of the reports seen, oldest first.
    executions: Vec<(u32, Text)>,
    /// The next tick looks at every live order and does what must be done about it.
    sweep_is_due: bool,
}

#[derive(Clone)]
struct RememberedId {
    account: u32,
    client_order_id: Text,
    serial: u64,
    accepted: u64,
}

#[derive(Clone)]
struct Acceptance {
    kind: Kind,
    who: Who,
    day: u64,
    time: u64,
}

#[derive(Clone)]
struct Compared {
    level: Level,
    shape: Shape,
    time: u64,
}

/// What makes two orders the same but for their ids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Shape {
    symbol: u32,
    side: u8,
    order_type: u8,
    price: i64,
    qty: u64,
}

/// What a symbol's prices are measured by.
#[derive(Clone, Debug, Default)]
struct Reference {
    /// The last good quote.
    good: Option<Good>,
    /// True where the last quote was good.
    is_usable: bool,
    /// A jump that waits for confirmation: its bid + ask, and how many quotes confirmed it.
    candidate: Option<(i128, u32)>,
}

#[derive(Clone)]
struct Trade {
    serial: u64,
    who: Who,
    side: Side,
    day: u64,
    qty: u64,
    value: u128,
    /// In the firm's currency.
    fee: i128,
}

#[derive(Clone, Copy, Debug)]
struct Good {
    /// Bid + ask: twice the middle.
    sum: i128,
    ask: i64,
    time: u64,
    /// The middle without its sign, times the multiplier, rounded up.
    mark: u128,
}

/// One person's wish to raise a kill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raise {
    pub(crate) operator: u32,
    pub(crate) time: u64,
}

impl Model {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut model = Self::empty(setup);
        let levels = model.levels().into_iter();
        let levels: Vec<_> = levels
            .map(|level| (level, model.limits(level).has_loss()))
            .collect();
        model.money = money::Money::new(setup, &levels);
        for currency in 0..setup.currencies.len() as u32 {
            model.exchange_all(currency);
        }
        model
    }

    fn empty(setup: &Setup) -> Self {
        Self {
            payments: Vec::new(),
            money: money::Money::default(),
            exits: exits::Exits::default(),
            now: 0,
            orders: Vec::new(),
            ids: Vec::new(),
            acceptances: Vec::new(),
            compared: Vec::new(),
            account_positions: BTreeMap::new(),
            strategy_positions: BTreeMap::new(),
            symbol_positions: BTreeMap::new(),
            references: vec![Default::default(); setup.symbols.len()],
            marks: vec![0; setup.symbols.len()],
            histories: vec![Vec::new(); setup.symbols.len()],
            expire_through: vec![0; setup.calendars.len()],
            trades: Vec::new(),
            located: Vec::new(),
            limit_changes: Vec::new(),
            loosened_alone: BTreeMap::new(),
            parents: Vec::new(),
            left_count: 0,
            asked: Vec::new(),
            stages: BTreeMap::new(),
            happened: BTreeMap::new(),
            // A broker stage that has no link says so at its start.
            links: vec![LinkState::Up; setup.brokers.len()],
            cancel_through: vec![0; setup.strategies.len()],
            latches: BTreeMap::new(),
            watched: BTreeMap::new(),
            orders_unattended: vec![0; setup.strategies.len()],
            executions: Vec::new(),
            sweep_is_due: false,
            setup: setup.clone(),
        }
    }

    fn limits(&self, level: Level) -> &Limits {
        let owner = level.owner as usize;
        match level.scope {
            Scope::Symbol => &self.setup.symbols[owner].limits,
            Scope::Strategy => &self.setup.strategies[owner].limits,
            Scope::Account => &self.setup.accounts[owner].limits,
            Scope::Firm => &self.setup.firm,
            Scope::Desk => &self.setup.desks[owner].limits,
            Scope::Group => &self.setup.groups[owner].limits,
        }
    }

    /// Every level that `who` counts in, in the order in which limits are looked at.
    fn path(&self, who: Who) -> Vec<Level> {
        let mut path = vec![
            Level::new(Scope::Symbol, who.symbol as usize),
            Level::new(Scope::Strategy, who.strategy as usize),
            Level::new(Scope::Account, who.account as usize),
            Level::FIRM,
        ];
        let desk = self.setup.accounts[who.account as usize].desk;
        path.extend(desk.map(|desk| Level::new(Scope::Desk, desk.0 as usize)));
        for (at, group) in self.setup.groups.iter().enumerate() {
            if group.symbols.contains(&SymbolId(who.symbol)) {
                path.push(Level::new(Scope::Group, at));
            }
        }
        path
    }

    /// Whether `who` counts in a level.
    fn is_in(&self, level: Level, who: Who) -> bool {
        let owner = level.owner;
        match level.scope {
            Scope::Firm => true,
            Scope::Symbol => who.symbol == owner,
            Scope::Strategy => who.strategy == owner,
            Scope::Account => who.account == owner,
            Scope::Desk => self.setup.accounts[who.account as usize].desk == Some(DeskId(owner)),
            Scope::Group => {
                let symbols = &self.setup.groups[owner as usize].symbols;
                symbols.contains(&SymbolId(who.symbol))
            }
        }
    }

    /// The smallest of a limit over the levels that set it, and the first level that set so much.
    fn tightest<T: Copy + Ord>(
        &self,
        who: Who,
        limit: impl Fn(&Limits) -> Option<T>,
    ) -> Option<(T, Level)> {
        let path = self.path(who).into_iter();
        path.filter_map(|level| Some((limit(self.limits(level))?, level)))
            .min_by_key(|(limit, _)| *limit)
    }

    /// The live orders that count for a level.
    fn live_orders(&self, level: Level) -> impl Iterator<Item = &Order> {
        self.orders
            .iter()
            .filter(move |order| order.is_live() && self.is_in(level, order.who))
    }

    fn order_of_serial(&mut self, serial: u64) -> &mut Order {
        &mut self.orders[serial as usize - 1]
    }

    /// What is told to the order's strategy. A fill has a quantity; otherwise the price is the
    /// order's.
    fn execution(&self, serial: u64, exec: Exec) -> Execution {
        let order = &self.orders[serial as usize - 1];
        Execution {
            strategy: order.who.strategy,
            serial,
            exec: Some(exec),
            state: Some(order.state()),
            qty: 0,
            price: order.price,
            leaves: order.own_leaves(),
            filled: order.filled,
            fee: 0,
            account: order.who.account,
            client_order_id: order.client_order_id,
            broker_reason: 0,
        }
    }

    /// The order is over. What it reserved is free, what was pending is gone.
    /// Of the closed orders, the last ones are remembered.
    fn close(&mut self, serial: u64, state: portcullis::message::OrderState) {
        let place = self.orders.iter().filter(|order| !order.is_live()).count() as u64;
        let order = self.order_of_serial(serial);
        order.doubt_is_over();
        order.is_cancel_pending = false;
        order.replace = None;
        order.asked_since = None;
        order.closed = Some(order::Closed {
            state,
            place,
            is_forgotten: false,
        });
        let remembered = u64::from(self.setup.capacity.orders_closed);
        for closed in self
            .orders
            .iter_mut()
            .filter_map(|order| order.closed.as_mut())
        {
            closed.is_forgotten |= closed.place + remembered <= place;
        }
        self.leave_parent(self.orders[serial as usize - 1].parent);
    }

    fn cell(&self, position: i64, orders: impl Fn(&Order) -> bool) -> Cell {
        let open = |side| {
            let live = self.orders.iter().filter(|order| order.is_live());
            live.filter(|order| orders(order) && order.side == side)
                .map(|order| u128::from(order.reserved_leaves()))
                .sum()
        };
        Cell {
            position,
            open_buy: open(Side::Buy),
            open_sell: open(Side::Sell),
        }
    }

    fn account_cell(&self, account: u32, symbol: u32) -> Cell {
        let position = self.account_positions.get(&(account, symbol));
        self.cell(*position.unwrap_or(&0), |order| {
            order.who.account == account && order.who.symbol == symbol
        })
    }

    fn strategy_cell(&self, strategy: u32, symbol: u32) -> Cell {
        let position = self.strategy_positions.get(&(strategy, symbol));
        self.cell(*position.unwrap_or(&0), |order| {
            order.who.strategy == strategy && order.who.symbol == symbol
        })
    }

    fn symbol_cell(&self, symbol: u32) -> Cell {
        let position = self.symbol_positions.get(&symbol);
        self.cell(*position.unwrap_or(&0), |order| order.who.symbol == symbol)
    }

    fn desk_position(&self, desk: u32, symbol: u32) -> i64 {
        let is_of = |account: u32| self.setup.accounts[account as usize].desk == Some(DeskId(desk));
        let positions = self.account_positions.iter();
        positions
            .filter(|((account, of), _)| is_of(*account) && *of == symbol)
            .fold(0i64, |sum, (_, position)| sum.saturating_add(*position))
    }

    /// The book of a desk: those of its accounts together.
    fn desk_cell(&self, desk: u32, symbol: u32) -> Cell {
        let is_of = |account: u32| self.setup.accounts[account as usize].desk == Some(DeskId(desk));
        let position = self.desk_position(desk, symbol);
        self.cell(position, |order| {
            is_of(order.who.account) && order.who.symbol == symbol
        })
    }

    /// True where the books that an adjustment needs are there or have room.
    fn has_room_for(&self, who: Who) -> bool {
        let accounts = &self.account_positions;
        let strategies = &self.strategy_positions;
        let is_nobodys = who.strategy == u32::MAX;
        let missing = usize::from(!accounts.contains_key(&(who.account, who.symbol)))
            + usize::from(!is_nobodys && !strategies.contains_key(&(who.strategy, who.symbol)));
        accounts.len() + strategies.len() + missing <= self.setup.capacity.positions as usize
    }

    fn open_positions(&mut self, who: Who) {
        let account = (who.account, who.symbol);
        self.account_positions.entry(account).or_insert(0);
        if who.strategy != u32::MAX {
            let strategy = (who.strategy, who.symbol);
            self.strategy_positions.entry(strategy).or_insert(0);
        }
    }

    fn move_positions(&mut self, who: Who, change: i64) {
        let add = |position: &mut i64| *position = position.saturating_add(change);
        add(self
            .account_positions
            .entry((who.account, who.symbol))
            .or_insert(0));
        if who.strategy != u32::MAX {
            add(self
                .strategy_positions
                .entry((who.strategy, who.symbol))
                .or_insert(0));
        }
        add(self.symbol_positions.entry(who.symbol).or_insert(0));
    }

    fn remember_payment(&mut self, who: Who, paid: i128) {
        self.payments.push((who.account, paid));
    }

    fn remember_adjusted(&mut self, who: Who, side: Side, qty: u64, value: u128, fee: i128) {
        let day = self.day();
        let serial = 0;
        self.trades.push(Trade {
            serial,
            who,
            side,
            day,
            qty,
            value,
            fee,
        });
    }

    fn earnings(&self, level: Level) -> answer::Earned {
        let (profit, blind) = self.earned(level);
        let standing = self.standing(level);
        answer::Earned {
            profit,
            blind,
            before: standing.before,
            peak: standing.peak,
            drawdown: standing.drawdown,
            is_halted: standing.halt.is_some(),
        }
    }

    fn levels(&self) -> Vec<Level> {
        let setup = &self.setup;
        let mut levels = Vec::new();
        for (scope, count) in [
            (Scope::Firm, 1),
            (Scope::Symbol, setup.symbols.len()),
            (Scope::Strategy, setup.strategies.len()),
            (Scope::Account, setup.accounts.len()),
            (Scope::Desk, setup.desks.len()),
            (Scope::Group, setup.groups.len()),
        ] {
            levels.extend((0..count).map(|at| Level::new(scope, at)));
        }
        levels
    }
}

impl Model {
    fn take(&mut self, header: &Header, event: &Frame, continuations: &[Frame]) -> Answer {
        match event.kind() {
            Some(Kind::NewOrder) => self.new_order(header, event.body(), continuations),
            Some(Kind::Cancel) => self.cancel(header, event.body()),
            Some(Kind::Basket) => self.basket(header, event.body(), continuations),
            Some(Kind::Replace) => self.replace(header, event.body(), continuations),
            Some(Kind::Report) => self.report(event.body()),
            Some(Kind::Link) => self.link(event.body()),
            Some(Kind::Quote) => self.quote(event.body()),
            Some(Kind::Kill) => self.kill(event.body()),
            Some(Kind::Raise) => self.raise(event.body()),
            Some(Kind::Settle) => self.settle(event.body()),
            Some(Kind::Locate) => self.locate(event.body()),
            Some(Kind::Override) => self.ask_override(event.body()),
            Some(Kind::Limit) => self.change_limit(event.body()),
            Some(Kind::Adjust) => self.adjust(event.body()),
            Some(Kind::Exit) => self.change_exit(event.body()),
            Some(Kind::Tick) => self.tick(),
            Some(Kind::SessionChange) => self.session_change(header, event.body()),
            _ => Answer::of(Outcome::NotPermitted),
        }
    }
}

impl Gate for Model {
    fn step(&mut self, event: &Frame, continuations: &[Frame]) -> Answer {
        self.turn(event.header.time.raw());
        let header = &event.header;
        let mut answer = self.take(header, event, continuations);
        self.look_at_losses();
        self.carry_exits_on(&mut answer);
        answer
    }

    fn next_deadline(&self) -> Nanos {
        if self.sweep_is_due {
            return Nanos::ZERO;
        }
        let deadlines = self.orders.iter().filter_map(|order| self.deadline(order));
        let deadline = deadlines.min().unwrap_or(u64::MAX);
        Nanos::from_raw(
            deadline
                .min(self.next_turn())
                .min(self.next_age())
                .min(self.next_exit()),
        )
    }

    fn views(&self) -> Views {
        let mut views = Views::default();
        for &(account, symbol) in self.account_positions.keys() {
            let cell = self.account_cell(account, symbol);
            views.accounts.insert((account, symbol), cell);
        }
        for &(strategy, symbol) in self.strategy_positions.keys() {
            let cell = self.strategy_cell(strategy, symbol);
            views.strategies.insert((strategy, symbol), cell);
        }
        for symbol in 0..self.setup.symbols.len() as u32 {
            views.symbols.insert(symbol, self.symbol_cell(symbol));
        }
        for level in self.levels() {
            let sums = Sums {
                open_count: self.live_orders(level).count() as u32,
                open_notional: self.open_notional(level),
                gross: self.gross(level),
                net: [Side::Buy, Side::Sell].map(|side| self.net(level, side)),
                earned: self.earnings(level),
            };
            views.levels.insert((level.scope as u8, level.owner), sums);
        }
        for order in self.orders.iter().filter(|order| order.is_remembered()) {
            let view = OrderView {
                state: order.state(),
                filled: order.filled,
                leaves: order.reserved_leaves(),
                notional: order.reserved_notional(),
            };
            views.orders.insert(order.serial, view);
        }
        self.show_exits(&mut views);
        views
    }

    fn order_count(&self) -> u64 {
        self.orders.len() as u64
    }

    fn correlation(&self, serial: u64) -> u64 {
        self.orders[serial as usize - 1].correlation
    }

    fn order_id(&self, serial: u64) -> OrderId {
        self.orders[serial as usize - 1].id
    }

    fn call(&mut self, id: OrderId) {
        self.order_of_serial(id.serial()).id = id;
    }
}

impl Answer {
    fn tells(mut self, execution: Execution) -> Self {
        self.to_strategy.push(ToStrategy::Execution(execution));
        self
    }
}
