//! Trader: a strategy that trades at random and comes back after every crash of the gate.

use super::follower::hash;
use super::gate::{ACCOUNTS, KEY, PRICE_TICK, STRATEGIES, SYMBOLS};
use portcullis::broker::exchange::Chance;
use portcullis::message::{
    Exec, Execution, Frame, Kind, NewOrder, OrderType, Side, Text, TimeInForce,
};
use portcullis::protocol::native::client::{Event, Order};
use portcullis::protocol::native::key::Key;
use portcullis::strategy::client::{ClientError, ClientOptions, StrategyClient, Target};
use portcullis::units::{Nanos, Price, Qty};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// So many orders live at a time at most.
const LIVE_MAX: usize = 100;
/// So many commands are remembered to be sent again.
const SENT_MAX: usize = 200;

/// One strategy.
pub(crate) struct Trader {
    place: usize,
    address: SocketAddr,
    client: Option<StrategyClient>,
    is_lost: bool,
    retry_at: Nanos,
    send_at: Nanos,
    serial: u64,
    /// Numbers of own ids of orders that may be live, and their accounts.
    live: BTreeMap<u64, &'static str>,
    /// Orders sent, with their command sequence.
    sent: VecDeque<(u64, NewOrder)>,
    /// Orders of which the strategy does not know whether the gate had them: sent again as they were.
    again: Vec<NewOrder>,
    /// The hash of every report, in sequence.
    seen: Vec<u64>,
    /// Reports that came since the last check: sequence and hash.
    pub(crate) fresh: Vec<(u64, u64)>,
    /// A promise that was broken before the strategy's eyes.
    pub(crate) problem: Option<String>,
    /// Commands sent in all.
    pub(crate) commands: u64,
}

impl Trader {
    /// Not connected.
    pub(crate) fn new(place: usize, address: SocketAddr) -> Self {
        Self {
            place,
            address,
            client: None,
            is_lost: true,
            retry_at: Nanos::ZERO,
            send_at: Nanos::ZERO,
            serial: 0,
            live: BTreeMap::new(),
            sent: VecDeque::new(),
            again: Vec::new(),
            seen: Vec::new(),
            fresh: Vec::new(),
            problem: None,
            commands: 0,
        }
    }

    /// Logged on, and every report known to the gate then is here.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_lost && self.client.as_ref().is_some_and(StrategyClient::is_ready)
    }

    /// The last report.
    pub(crate) fn reports_count(&self) -> u64 {
        self.seen.len() as u64
    }

    /// The sequence of the last command of this session.
    pub(crate) fn command_sequence_last(&mut self) -> u64 {
        let next = self
            .client
            .as_mut()
            .map(StrategyClient::command_sequence_next);
        next.map_or(0, |next| next - 1)
    }

    /// Nothing that is queued has yet to leave.
    pub(crate) fn is_written(&self) -> bool {
        self.client
            .as_ref()
            .is_none_or(|client| client.queued_bytes() == 0)
    }

    /// Connects where it must, sends where it may, and reads.
    pub(crate) fn poll(&mut self, now: Nanos, chance: &mut Chance, is_trading: bool) -> usize {
        if self.is_lost {
            if now < self.retry_at {
                return 0;
            }
            self.retry_at = now.after(Nanos::from_raw(500_000));
            if self.connect(now, chance).is_err() {
                return 0;
            }
            self.is_lost = false;
        }
        if is_trading && self.send_at <= now && self.is_ready() {
            self.send_at = now.after(Nanos::from_raw(chance.up_to(400_000)));
            for _ in 0..=chance.up_to(5) {
                self.trade(now, chance);
            }
        }
        match self.read(now, chance) {
            Ok(count) => count,
            Err(error) => {
                if let ClientError::Fault(fault) = &error {
                    self.problem
                        .get_or_insert(format!("session of a strategy: {fault:?}"));
                }
                self.is_lost = true;
                self.retry_at = now.after(Nanos::from_raw(500_000));
                0
            }
        }
    }

    fn connect(&mut self, now: Nanos, chance: &mut Chance) -> Result<(), ClientError> {
        if let Some(client) = self.client.as_mut().filter(|_| !chance.happens(300_000)) {
            return client.reconnect(now);
        }
        // A strategy that has forgotten its last reports is told them again.
        let last = self.reports_count() - chance.up_to(20.min(self.reports_count()));
        let options = ClientOptions {
            target: Target::Tcp(self.address),
            name: Text::new(STRATEGIES[self.place]).unwrap(),
            key: Some(Key::new(KEY)),
            report_sequence_last: last,
            logon_timeout: Nanos::from_secs(5),
            queue_bytes_max: 1 << 16,
        };
        self.client = Some(StrategyClient::connect(options, now)?);
        Ok(())
    }

    fn read(&mut self, now: Nanos, chance: &mut Chance) -> Result<usize, ClientError> {
        let Some(mut client) = self.client.take() else {
            return Ok(0);
        };
        let mut ready = None;
        let result = client.poll(now, |event| match event {
            Event::Ready { missed } => ready = Some(missed),
            Event::Execution(header, body) => {
                self.hear(Frame::new(Kind::Execution, *header, *body));
                self.follow(body);
            }
            Event::Refusal(header, body) => {
                let frame = Frame::new(Kind::Refusal, *header, *body);
                match header.sequence {
                    // Not journaled, by design, and not counted.
                    0 => {}
                    _ => self.hear(frame),
                }
                if body.command != Kind::Cancel as u8 {
                    self.forget(&body.client_order_id);
                }
            }
            Event::Nothing | Event::Send(_) | Event::Ended(_) => {}
        });
        if let Some(missed) = ready {
            if missed != 0 {
                self.problem
                    .get_or_insert(format!("P5: {missed} reports are no longer kept"));
            }
            self.resume(client.command_sequence_next(), chance);
        }
        self.client = Some(client);
        result
    }

    /// A new session: what the gate has not had may be sent again, and what it has had must be refused.
    fn resume(&mut self, next: u64, chance: &mut Chance) {
        while let Some((sequence, order)) = self.sent.pop_front() {
            let share = if next <= sequence { 500_000 } else { 20_000 };
            if chance.happens(share) {
                self.again.push(order);
            }
        }
    }

    fn hear(&mut self, report: Frame) {
        let (sequence, hash) = (report.header.sequence, hash(&report));
        self.fresh.push((sequence, hash));
        let count = self.reports_count();
        if sequence == count + 1 {
            self.seen.push(hash);
            return;
        }
        let before = sequence
            .checked_sub(1)
            .and_then(|at| self.seen.get(at as usize));
        if before != Some(&hash) {
            let problem =
                format!("P5: report {sequence} behind {count} is new or another: {report:?}");
            self.problem.get_or_insert(problem);
        }
    }

    fn follow(&mut self, execution: &Execution) {
        if execution.leaves == Qty::ZERO && execution.exec != Exec::Accepted as u8 {
            self.forget(&execution.client_order_id);
        }
    }

    fn forget(&mut self, id: &Text) {
        if let Some(serial) = id
            .as_str()
            .rsplit('-')
            .next()
            .and_then(|serial| serial.parse().ok())
        {
            self.live.remove(&serial);
        }
    }

    /// One command at random.
    fn trade(&mut self, now: Nanos, chance: &mut Chance) {
        let Some(mut client) = self.client.take() else {
            return;
        };
        let result = self.command(&mut client, now, chance);
        self.client = Some(client);
        match result {
            Ok(()) => self.commands += 1,
            // The gate reads more slowly than this sends.
            Err(ClientError::Full) => {}
            Err(error) => {
                self.problem
                    .get_or_insert(format!("a command was not queued: {error}"));
            }
        }
    }

    fn command(
        &mut self,
        client: &mut StrategyClient,
        now: Nanos,
        chance: &mut Chance,
    ) -> Result<(), ClientError> {
        if let Some(order) = self.again.pop() {
            return self.order(client, order, now);
        }
        let names = client.names();
        self.serial += 1;
        let own = format!("{}-{}", STRATEGIES[self.place], self.serial);
        let is_full = LIVE_MAX <= self.live.len();
        let old = self.pick(chance);
        if let Some((old, account)) = old.filter(|_| is_full || chance.happens(450_000)) {
            let original = format!("{}-{old}", STRATEGIES[self.place]);
            if chance.happens(600_000) {
                if chance.happens(500_000) {
                    self.live.remove(&old);
                }
                let cancel = names.cancel(account, &own, &original).unwrap();
                return client.cancel(cancel, now).map(drop);
            }
            let (price, qty) = (price(chance), qty(chance));
            let replace = names.replace(account, &own, &original, price, qty).unwrap();
            self.live.insert(self.serial, account);
            return client.replace(replace, &[], now).map(drop);
        }
        let account = match self.place == 0 && chance.happens(500_000) {
            true => ACCOUNTS[0],
            false => ACCOUNTS[1],
        };
        let order = Order {
            account,
            symbol: SYMBOLS[chance.up_to(1) as usize],
            id: &own,
            side: Side::ALL[chance.up_to(1) as usize],
            order_type: OrderType::Limit,
            time_in_force: match chance.happens(100_000) {
                true => TimeInForce::ImmediateOrCancel,
                false => TimeInForce::GoodTillCancel,
            },
            price: price(chance),
            qty: qty(chance),
        };
        let order = names.new_order(&order).unwrap();
        self.live.insert(self.serial, account);
        self.order(client, order, now)
    }

    fn order(
        &mut self,
        client: &mut StrategyClient,
        order: NewOrder,
        now: Nanos,
    ) -> Result<(), ClientError> {
        // Some bring a tail, so that records and units of several frames are killed as well.
        let tail = [0x55; 300];
        let size = if order.qty.raw().is_multiple_of(1_000_000_000) {
            tail.len()
        } else {
            0
        };
        let sequence = client.new_order(order, &tail[..size], now)?;
        self.sent.push_back((sequence, order));
        if SENT_MAX < self.sent.len() {
            self.sent.pop_front();
        }
        Ok(())
    }

    fn pick(&self, chance: &mut Chance) -> Option<(u64, &'static str)> {
        let at = chance.up_to(self.live.len().checked_sub(1)? as u64);
        let picked = self.live.iter().nth(at as usize);
        picked.map(|(serial, account)| (*serial, *account))
    }
}

fn price(chance: &mut Chance) -> Price {
    Price::from_raw((196 + chance.up_to(8)) as i64 * PRICE_TICK.raw())
}

fn qty(chance: &mut Chance) -> Qty {
    Qty::from_raw((1 + chance.up_to(19)) * 100_000_000)
}
