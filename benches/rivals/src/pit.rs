//! Pit: OpenPit's engine with its stock policies, set up as its documentation does.
//!
//! Timed: `execute_pre_trade` (start stage and main stage) with an order that is moved in, and
//! `commit` of the reservation; with funds also the clone of the reservation's lock, which the
//! caller must keep until the fill. A refusal is timed up to the drop of its list of rejects.
//! Not timed: building the order, and `apply_execution_report` of the fill.
//!
//! The set-up is the cheapest that the engine allows: `no_sync`, and the size and rate limits on
//! the broker's axis, which needs no look-up by account or asset. The engine reads the clock once
//! per order by itself. It has no client order ids.

use std::time::Duration;

use openpit::param::{
    AccountId, AdjustmentAmount, Asset, Fee, Pnl, PositionSize, Price, Quantity, Trade,
    TradeAmount, Volume,
};
use openpit::pretrade::policies::{
    OrderSizeBrokerBarrier, OrderSizeLimit, OrderSizeLimitPolicy, OrderSizeLimitSettings,
    OrderValidationPolicy, PnlBoundsBrokerBarrier, PnlBoundsKillSwitchPolicy,
    PnlBoundsKillSwitchSettings, RateLimit, RateLimitBrokerBarrier, RateLimitPolicy,
    RateLimitSettings, SpotFundsPolicy, SpotFundsSettings,
};
use openpit::pretrade::{PreTradeLock, RejectCode};
use openpit::storage::NoLocking;
use openpit::{
    AccountAdjustmentAmount, AccountAdjustmentBalanceOperation, AccountAdjustmentBounds, Engine,
    ExecutionReportFillDetails, ExecutionReportOperation, FinancialImpact, Instrument, LocalEngine,
    LocalSync, OrderOperation, SpotFundsMarketData, SpotFundsPricingSource,
    WithAccountAdjustmentAmount, WithAccountAdjustmentBalanceOperation,
    WithAccountAdjustmentBounds, WithExecutionReportFillDetails, WithExecutionReportOperation,
    WithFinancialImpact,
};
use rust_decimal::Decimal;

use crate::contest::{Contestant, Verdict};
use crate::flow::{LOSS_MAX_USD, MONEY_USD, NOTIONAL_MAX_USD, Order, QTY_MAX, SHARES, Side};

type Report = WithExecutionReportOperation<WithFinancialImpact<WithExecutionReportFillDetails<()>>>;
type Adjustment = WithAccountAdjustmentAmount<
    WithAccountAdjustmentBounds<WithAccountAdjustmentBalanceOperation<AccountAdjustmentAmount>>,
>;

pub struct Pit {
    engine: LocalEngine<OrderOperation, Report, Adjustment>,
    instrument: Instrument,
    with_funds: bool,
    batch: Vec<Order>,
    orders: Vec<OrderOperation>,
    answers: Vec<Option<RejectCode>>,
    locks: Vec<PreTradeLock>,
}

impl Pit {
    /// Validation, rate limit, size limit (quantity and notional), P&L kill switch.
    pub fn with_four_policies() -> Self {
        Self::new(false, ORDERS_PER_SECOND_MAX)
    }

    /// The four, and the reservation of funds: the only stock policy that holds anything for an
    /// open order.
    pub fn with_funds() -> Self {
        Self::new(true, ORDERS_PER_SECOND_MAX)
    }

    fn new(with_funds: bool, orders_per_second_max: usize) -> Self {
        let builder = Engine::builder::<OrderOperation, Report, Adjustment>().no_sync();
        let rate = RateLimitPolicy::new(
            RateLimitSettings::new(
                Some(RateLimitBrokerBarrier {
                    limit: RateLimit {
                        max_orders: orders_per_second_max,
                        window: Duration::from_secs(1),
                    },
                }),
                [],
                [],
                [],
            )
            .expect("the window is positive"),
            builder.storage_builder(),
        );
        let loss = PnlBoundsKillSwitchPolicy::new(
            PnlBoundsKillSwitchSettings::new(
                [PnlBoundsBrokerBarrier {
                    settlement_asset: asset("USD"),
                    lower_bound: Some(Pnl::new(-Decimal::from(LOSS_MAX_USD))),
                    upper_bound: None,
                }],
                [],
            )
            .expect("one bound is given"),
            builder.storage_builder(),
        );
        let funds = SpotFundsPolicy::<LocalSync, LocalSync>::new(
            SpotFundsSettings::new(0, SpotFundsPricingSource::Mark, []).expect("no slippage"),
            None::<SpotFundsMarketData<LocalSync>>,
            builder.storage_builder(),
        );
        let size = OrderSizeLimitPolicy::<NoLocking>::new(
            OrderSizeLimitSettings::new(
                Some(OrderSizeBrokerBarrier {
                    limit: OrderSizeLimit {
                        max_quantity: Some(quantity(QTY_MAX)),
                        max_notional: Some(
                            Volume::new(Decimal::from(NOTIONAL_MAX_USD)).expect("positive"),
                        ),
                    },
                }),
                [],
                [],
            )
            .expect("both caps are given"),
        );
        let four = builder
            .pre_trade(OrderValidationPolicy::new())
            .pre_trade(loss)
            .pre_trade(rate)
            .pre_trade(size);
        let engine = if with_funds {
            four.pre_trade(funds).build()
        } else {
            four.build()
        }
        .expect("the policies have names of their own");

        engine.accounts().set_currency(account(), asset("USD"));
        if with_funds {
            let owned = [
                balance("USD", MONEY_USD, None),
                balance(
                    "AAPL",
                    SHARES,
                    Some(price(crate::flow::REFERENCE_PRICE_CENTS)),
                ),
            ];
            engine
                .apply_account_adjustment(account(), &owned)
                .expect("no bounds are set");
        }
        Self {
            engine,
            instrument: Instrument::new(asset("AAPL"), asset("USD")),
            with_funds,
            batch: Vec::new(),
            orders: Vec::new(),
            answers: Vec::new(),
            locks: Vec::new(),
        }
    }

    fn report(&self, order: &Order, pnl_usd: i64, lock: PreTradeLock) -> Report {
        WithExecutionReportOperation {
            inner: WithFinancialImpact {
                inner: WithExecutionReportFillDetails {
                    inner: (),
                    fill: ExecutionReportFillDetails {
                        last_trade: Some(Trade {
                            price: price(order.price_cents),
                            quantity: quantity(order.qty),
                        }),
                        fee: None,
                        remaining_reserved_quantity: Quantity::ZERO,
                        lock,
                        is_final: true,
                    },
                },
                financial_impact: FinancialImpact {
                    pnl: Pnl::new(Decimal::from(pnl_usd)),
                    fee: Fee::new(Decimal::ZERO),
                },
            },
            operation: ExecutionReportOperation {
                instrument: self.instrument.clone(),
                account_id: account(),
                side: side(order.side),
            },
        }
    }

    fn ask(&mut self, order: Order) -> Verdict {
        let mut verdicts = Vec::new();
        self.prepare(&[order]);
        self.decide();
        self.settle(&mut verdicts);
        verdicts[0]
    }
}

impl Contestant for Pit {
    fn name(&self) -> &'static str {
        if self.with_funds {
            "openpit, 4 policies and funds"
        } else {
            "openpit, 4 policies"
        }
    }

    fn prepare(&mut self, orders: &[Order]) {
        self.batch.clear();
        self.batch.extend_from_slice(orders);
        self.answers.clear();
        self.answers.reserve(orders.len());
        self.locks.reserve(orders.len());
        self.orders
            .extend(orders.iter().map(|order| OrderOperation {
                instrument: self.instrument.clone(),
                account_id: account(),
                side: side(order.side),
                trade_amount: TradeAmount::Quantity(quantity(order.qty)),
                price: Some(price(order.price_cents)),
            }));
    }

    fn decide(&mut self) {
        for order in self.orders.drain(..) {
            self.answers
                .push(match self.engine.execute_pre_trade(order) {
                    Ok(mut reservation) => {
                        if self.with_funds {
                            self.locks.push(reservation.lock().clone());
                        }
                        reservation.commit();
                        None
                    }
                    Err(rejects) => rejects.first().map(|reject| reject.code),
                });
        }
    }

    fn settle(&mut self, verdicts: &mut Vec<Verdict>) {
        let mut locks = std::mem::take(&mut self.locks);
        let mut kept = locks.drain(..);
        for (order, answer) in self.batch.iter().zip(&self.answers) {
            verdicts.push(verdict(*answer));
            if answer.is_some() {
                continue;
            }
            // A sell wins back what the buy before it lost, so that the loss stays put.
            let pnl_usd = match order.side {
                Side::Buy => -1,
                Side::Sell => 1,
            };
            let lock = kept.next().unwrap_or_default();
            let result = self
                .engine
                .apply_execution_report(&self.report(order, pnl_usd, lock));
            assert!(result.account_blocks.is_empty(), "{result:?}");
        }
        drop(kept);
        self.locks = locks;
    }
}

/// Every control refuses what it is there to refuse, each on an engine of its own.
///
/// # Panics
///
/// If one of them does not.
pub fn verify() {
    let fine = Order {
        client_order_id: 1,
        side: Side::Buy,
        qty: 10,
        price_cents: 20_000,
    };
    for with_funds in [false, true] {
        let mut pit = Pit::new(with_funds, 4);
        assert_eq!(pit.ask(fine), Verdict::Accepted);
        assert_eq!(pit.ask(Order { qty: 0, ..fine }), Verdict::Invalid);
        let cheap = Order {
            qty: QTY_MAX + 1,
            price_cents: 1,
            ..fine
        };
        assert_eq!(pit.ask(cheap), Verdict::QtyAboveMax);
        let dear = Order { qty: 501, ..fine };
        assert_eq!(pit.ask(dear), Verdict::NotionalAboveMax);
        assert_eq!(pit.ask(fine), Verdict::RateAboveMax);

        let mut pit = Pit::new(with_funds, ORDERS_PER_SECOND_MAX);
        let exactly = Order { qty: 500, ..fine };
        assert_eq!(pit.ask(exactly), Verdict::Accepted);
        let loss = pit.report(&fine, -(LOSS_MAX_USD as i64) - 10, PreTradeLock::new());
        pit.engine.apply_execution_report(&loss);
        assert_eq!(pit.ask(fine), Verdict::LossAboveMax);
    }
    let mut pit = Pit::new(true, ORDERS_PER_SECOND_MAX);
    let nothing = [balance("USD", 1_999, None)];
    pit.engine
        .apply_account_adjustment(account(), &nothing)
        .expect("no bounds are set");
    assert_eq!(pit.ask(fine), Verdict::FundsShort);
}

fn verdict(answer: Option<RejectCode>) -> Verdict {
    match answer {
        None => Verdict::Accepted,
        Some(RejectCode::InvalidFieldValue) => Verdict::Invalid,
        Some(RejectCode::OrderQtyExceedsLimit) => Verdict::QtyAboveMax,
        Some(RejectCode::OrderNotionalExceedsLimit) => Verdict::NotionalAboveMax,
        Some(RejectCode::RateLimitExceeded) => Verdict::RateAboveMax,
        Some(RejectCode::PnlKillSwitchTriggered) => Verdict::LossAboveMax,
        Some(RejectCode::InsufficientFunds) => Verdict::FundsShort,
        Some(RejectCode::AccountBlocked) => Verdict::Halted,
        Some(_) => Verdict::Other,
    }
}

fn balance(name: &str, total: u64, average_entry_price: Option<Price>) -> Adjustment {
    WithAccountAdjustmentAmount {
        inner: WithAccountAdjustmentBounds {
            inner: WithAccountAdjustmentBalanceOperation {
                inner: AccountAdjustmentAmount::default(),
                operation: AccountAdjustmentBalanceOperation {
                    asset: asset(name),
                    average_entry_price,
                },
            },
            bounds: AccountAdjustmentBounds::default(),
        },
        amount: AccountAdjustmentAmount {
            balance: Some(AdjustmentAmount::Absolute(PositionSize::new(
                Decimal::from(total),
            ))),
            held: None,
            incoming: None,
        },
    }
}

fn account() -> AccountId {
    AccountId::from_u64(1)
}

fn asset(name: &str) -> Asset {
    Asset::new(name).expect("a name")
}

fn quantity(qty: u64) -> Quantity {
    Quantity::new(Decimal::from(qty)).expect("not negative")
}

fn price(cents: u64) -> Price {
    Price::new(Decimal::new(cents as i64, 2))
}

fn side(side: Side) -> openpit::param::Side {
    match side {
        Side::Buy => openpit::param::Side::Buy,
        Side::Sell => openpit::param::Side::Sell,
    }
}

/// Armed and counted, yet out of reach of one core.
const ORDERS_PER_SECOND_MAX: usize = 1_000_000_000;
