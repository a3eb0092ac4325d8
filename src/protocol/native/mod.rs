//! Native: the gate's own protocol, towards strategies, brokers' processes and feeds of prices.
//!
//! Pure: no socket, clock, randomness or thread. Bytes, `now`, nonces and salts are handed in; frames
//! are handed back.
//!
//! One protocol has three uses. In all, the end that connects is the **initiator** and sends commands;
//! the end that listens is the **acceptor** and sends reports.
//!
//! | initiator | acceptor | commands | reports |
//! |---|---|---|---|
//! | a strategy | the gate | new order, cancel, replace | execution, refusal |
//! | the gate | a broker's process | new, cancel, replace, status request | report |
//! | a feed of prices | the gate | quote | none |
//!
//! What follows is all that a client needs, in any language.
//!
//! # The stream
//!
//! A stream socket, TCP or Unix, carries **frames** of 128 bytes, one after the other, nothing
//! between them. A frame is a header of 32 bytes and a body of 96 whose layout depends on `kind`.
//! Integers are little-endian. What is called reserved is zero; a reserved byte that is not zero
//! ends the session. A text is printable ASCII, filled up with zero bytes; all 36 bytes may be used.
//!
//! Prices are signed integers of 1e-9, quantities unsigned integers of 1e-8, fees signed integers of
//! 1e-9 of the quote currency, times nanoseconds since 1970 UTC. 223.81 is 223810000000.
//!
//! A new order or a replace may carry `passthrough_size` bytes for the broker. They follow the head
//! in `continuation_count` frames of 128 bytes without a header, the last filled up with zeros:
//! exactly as many as are needed, at most 255. The gate refuses an order with more of them than it
//! is configured to take; the session goes on. No other message has any.
//!
//! # A session
//!
//! ```text
//! initiator                                acceptor
//!     |------------- connects ------------->|
//!     |<------------ Challenge -------------|   nonce, version, heartbeat, proof wanted
//!     |------------- Logon ---------------->|   name, last report it has, MAC
//!     |<------------ Welcome ---------------|   next command, first report that follows, MAC
//!     |<------------ Definition x n --------|   the numbers of accounts and symbols
//!     |<------------ reports it missed -----|
//!     |------------- commands ------------->|   from now on both ways, in any order
//!     |<------------ reports ---------------|
//!     |<------------ Heartbeat ------------>|   when nothing was sent for an interval
//!     |<------------ Logout --------------->|   either end; then the connection closes
//! ```
//!
//! Commands may be sent after the welcome; the initiator waits for the definitions only to know the
//! numbers. Between the gate and a broker the welcome announces no definitions: there the initiator
//! knows the names, and sends definitions itself, after the welcome, before the orders that need them.
//!
//! ## Proof
//!
//! Over TCP both ends have the same 32-byte key, and prove it (`proof` = 1). The logon's `mac` is
//! the BLAKE3 keyed hash, 32 bytes, of these bytes in a row:
//!
//! 1. the 16 bytes `portcullis-logon`,
//! 2. the 96 bytes of the challenge's body,
//! 3. the 96 bytes of the logon's body, with zeros for `mac`.
//!
//! The welcome's `mac` is the acceptor's own proof, which the initiator checks before it believes
//! anything: the keyed hash of `portcullis-welcm`, the challenge's body, the logon's body (with its
//! `mac`), and the welcome's body with zeros for `mac`. The nonce is never used twice, and neither
//! is the salt, so nothing that was recorded is of any use. An initiator that has a key refuses a
//! challenge that does not ask for it. What follows the logon is neither encrypted nor signed: outside
//! of one machine it belongs into a tunnel.
//!
//! Over a Unix socket the kernel says which user is at the other end (`proof` = 2), and the
//! configuration says whether that user may use the name. Both `mac` are zero.
//!
//! An unknown name, a wrong key and a wrong user get one and the same answer after the same work.
//!
//! ## Sequences
//!
//! Commands and reports are counted by their sender, from 1, for as long as the journal lives: over
//! connections and restarts of either end. Messages of the session layer (kinds from 128) have
//! sequence 0.
//!
//! The welcome says which sequence the next command must have: every command before it has
//! arrived, no other has. So after a lost connection nothing is sent again blindly. What was sent and
//! did not arrive is known, and may be sent again as a new command, with the sequence the
//! welcome asks for. A command whose sequence is not exactly the next ends the session, a repeat as
//! well as a gap: nothing is ever applied twice.
//!
//! The logon says which report the initiator has last. Those after it are sent again, from
//! `report_sequence_first` on. When that is not the one after the last, the ones between are no
//! longer kept: the initiator knows that it must ask elsewhere what became of its orders. A last
//! report that was never sent is refused: one end has lost its memory.
//!
//! Nobody counts to the end of 64 bits. An initiator refuses a welcome with a sequence above
//! 2^63 - 1, so whatever an acceptor says, there is always a next number.
//!
//! One report is not counted: a refusal with sequence 0. The gate's journal could not remember it, so
//! it is told once, and not sent again after a lost connection.
//!
//! A feed's quotes are counted from 1 again in each session: a quote that was lost is worth nothing
//! once the next one is there. Its logon has seen report 0.
//!
//! A name has one session. A second logon is refused while the first lives, which is at most two and
//! a half heartbeat intervals after its network was cut.
//!
//! ## Heartbeats
//!
//! An end that has sent nothing for the interval of the challenge sends a heartbeat. An end that has
//! heard nothing for two and a half intervals ends the session.
//!
//! ## The end
//!
//! A logout says why. The gate closes once it has sent it; what the other end still sends is thrown
//! away. Depending on the configuration the gate cancels the strategy's live orders when its session
//! ends, however it ends, at once or when it is not back in time.
//!
//! ### Why a session ends
//!
//! | reason | name | what it means |
//! |---|---|---|
//! | 1 | `Done` | The sender is done. |
//! | 2 | `Shutdown` | The gate stops. |
//! | 10 | `LogonRefused` | Unknown name or wrong key: which of the two is not told. |
//! | 11 | `VersionUnknown` | The other end speaks another version. |
//! | 12 | `LogonTimeout` | No logon in time. |
//! | 13 | `SessionInUse` | This name has a session already; that one stays. |
//! | 14 | `ReportUnknown` | The last report that the initiator says it has was never sent. |
//! | 15 | `AcceptorRefused` | The acceptor does not have the key, or asks for less proof than was agreed. |
//! | 20 | `Malformed` | A message breaks the format: `detail` says how. |
//! | 21 | `Unexpected` | Not a message for this moment of the session. |
//! | 22 | `SequenceGap` | A command's or report's sequence is above the next one: something is lost. |
//! | 23 | `SequenceRepeated` | A sequence that was used before. Nothing is ever applied twice. |
//! | 24 | `PeerSilent` | Nothing was heard for two and a half heartbeat intervals. |
//! | 25 | `SlowConsumer` | It does not read what is sent to it. |
//! | 26 | `InternalFault` | A fault of the sender of this message. The session can be opened again. |
//! | 27 | `SequenceSpent` | No sequence is left to count with, or a welcome asks to go on from above the half of them. |
//!
//! ### How a message is malformed
//!
//! `detail` of a logout whose reason is `Malformed`.
//!
//! | detail | name | what it means |
//! |---|---|---|
//! | 1 | `KindUnknown` | `kind` names nothing. |
//! | 2 | `KindNotAllowed` | A message of this kind never comes this way. |
//! | 3 | `FlagsNotZero` | `flags` is not zero. |
//! | 4 | `StrategyNotZero` | `strategy` is not zero, on the way to the gate. |
//! | 5 | `SequenceNotZero` | A message that does not count has a sequence. |
//! | 6 | `ReservedNotZero` | A reserved byte of the body is not zero. |
//! | 7 | `ContinuationCountWrong` | `continuation_count` is not what `passthrough_size` needs. |
//!
//! A side, order type or other enumeration with a byte that names nothing is not malformed: the order is
//! refused, with its own reason, and the session goes on.
//!
//! # Messages
//!
//! ### Kinds
//!
//! | kind | name | from | to |
//! |---|---|---|---|
//! | 1 | `NewOrder` | strategy | gate |
//! | 2 | `Cancel` | strategy | gate |
//! | 3 | `Replace` | strategy | gate |
//! | 4 | `Basket` | strategy | gate |
//! | 16 | `Execution` | gate | strategy |
//! | 17 | `Refusal` | gate | strategy |
//! | 32 | `BrokerNew` | gate | broker |
//! | 33 | `BrokerCancel` | gate | broker |
//! | 34 | `BrokerReplace` | gate | broker |
//! | 35 | `BrokerStatus` | gate | broker |
//! | 48 | `Report` | broker | gate |
//! | 64 | `Quote` | feed | gate |
//! | 128 | `Challenge` | acceptor | initiator |
//! | 129 | `Logon` | initiator | acceptor |
//! | 130 | `Welcome` | acceptor | initiator |
//! | 131 | `Definition` | gate | strategy, broker, feed |
//! | 132 | `Heartbeat` | both | both |
//! | 133 | `Logout` | both | both |
//!
//! ## The header
//!
//! #### Header
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 0 | 8 | `sequence` | see Sequences |
//! | 8 | 8 | `time` | from the gate: when it took in what this is about; to the gate: the sender's, or 0 |
//! | 16 | 8 | `correlation` | from the gate: the same in all that follows from one command; from a strategy: 0 |
//! | 24 | 4 | `strategy` | to the gate: 0; from it: the strategy's number |
//! | 28 | 2 | `flags` | 0 |
//! | 30 | 1 | `kind` | see Kinds |
//! | 31 | 1 | `continuation_count` | frames behind this one |
//!
//! ## Commands and reports of a strategy
//!
//! The numbers of enumerations stand in [`crate::message`] ([`Side`](crate::message::Side),
//! [`OrderType`](crate::message::OrderType), [`TimeInForce`](crate::message::TimeInForce),
//! [`Exec`](crate::message::Exec), [`OrderState`](crate::message::OrderState),
//! [`Scope`](crate::message::Scope)), those of refusals in [`crate::reject`].
//!
//! #### NewOrder
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `price` | limit price; 0 for a market order |
//! | 40 | 8 | `qty` | how much |
//! | 48 | 4 | `account` | number, from the definitions |
//! | 52 | 4 | `symbol` | number, from the definitions |
//! | 56 | 36 | `client_order_id` | text, never used before in this account |
//! | 92 | 1 | `side` | 1 buy, 2 sell |
//! | 93 | 1 | `order_type` | 1 market, 2 limit |
//! | 94 | 1 | `time_in_force` | 1 day, 2 until cancelled, 3 immediate or cancel, 4 fill or kill |
//! | 95 | 1 | `mark` | of a sale, a `SaleMark`; 0 nothing said |
//! | 96 | 2 | `passthrough_size` | bytes in the continuation frames |
//! | 98 | 2 | `trailing_stop_bps` | where the position is closed by the gate: once its price has turned so far from its best, in basis points of that; 0 in all five: as the strategy's are |
//! | 100 | 2 | `break_even_bps` | likewise, at no gain once it has gained so much, in basis points of its cost |
//! | 102 | 2 | `hold_max_secs` | likewise, after so many seconds |
//! | 104 | 8 | `parent` | number of the parent order, the strategy's own in the account; 0 none |
//! | 112 | 8 | `parent_qty` | how much the parent is: its children never come to more |
//! | 120 | 4 | `stop_loss_bps` | likewise, at such a loss, in 1e-2 of a basis point of its cost |
//! | 124 | 4 | `take_profit_bps` | likewise, at such a gain |
//!
//! #### Cancel
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 36 | `client_order_id` | text, the id of this request |
//! | 68 | 36 | `original_id` | text, the order to be cancelled |
//! | 104 | 4 | `account` | number |
//! | 108 | 20 | `reserved` | 0 |
//!
//! #### Replace
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `price` | new limit price |
//! | 40 | 8 | `qty` | new quantity in all, what is filled included |
//! | 48 | 4 | `account` | number |
//! | 52 | 36 | `client_order_id` | text, the order's id once replaced |
//! | 88 | 36 | `original_id` | text, the order to be replaced |
//! | 124 | 2 | `passthrough_size` | bytes in the continuation frames |
//! | 126 | 2 | `reserved` | 0 |
//!
//! #### Basket
//!
//! Behind it as many continuation frames as it has orders, each a whole new order of which the header is
//! zero but for its kind. Either all of them pass or none does; of a basket that is refused each order
//! has a refusal of its own.
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 36 | `client_order_id` | text, of the basket |
//! | 68 | 60 | `reserved` | 0 |
//!
//! #### Execution
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `order_id` | the gate's number of the order |
//! | 40 | 8 | `qty` | of this fill, or 0 |
//! | 48 | 8 | `price` | of this fill, or the order's |
//! | 56 | 8 | `leaves` | what still stands |
//! | 64 | 8 | `filled` | filled in all |
//! | 72 | 8 | `fee` | of this fill |
//! | 80 | 4 | `account` | number |
//! | 84 | 36 | `client_order_id` | text, of the order or of the request that this answers |
//! | 120 | 1 | `exec` | what happened: an `Exec` |
//! | 121 | 1 | `state` | an `OrderState` |
//! | 122 | 2 | `broker_reason` | the broker's own number, or 0 |
//! | 124 | 4 | `reserved` | 0 |
//!
//! #### Refusal
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 16 | `limit` | the limit, signed, in the unit of the reason |
//! | 48 | 16 | `value` | what was found, likewise |
//! | 64 | 16 | `failed` | a bit for every control that failed, by the number of its reason |
//! | 80 | 4 | `account` | as in the command |
//! | 84 | 36 | `client_order_id` | text, of the refused command |
//! | 120 | 2 | `reason` | a `RejectReason` |
//! | 122 | 1 | `command` | the kind of the refused command |
//! | 123 | 1 | `scope` | whose limit it was: a `Scope`, or 0 |
//! | 124 | 4 | `target` | which of that scope |
//!
//! ## Commands and reports of a broker
//!
//! `BrokerNew`, `BrokerCancel`, `BrokerReplace` and `BrokerStatus` have one body. A report gives back the
//! correlation of the request that it is about.
//!
//! A `BrokerStatus` asks how an order stands. The broker answers each once, in their order: with a
//! status, or that it never received the order. The answer speaks of what had arrived before the question;
//! of a request that left after it the gate learns nothing. What was asked over a connection that was lost
//! is answered before the next one is up, or never.
//!
//! #### BrokerRequest
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `order_id` | by which the broker knows the order |
//! | 40 | 8 | `price` | limit price; 0 for a market order |
//! | 48 | 8 | `qty` | how much; of a replace the new quantity in all |
//! | 56 | 4 | `symbol` | number |
//! | 60 | 4 | `account` | number |
//! | 64 | 4 | `request` | which request about this order, from 0 |
//! | 68 | 4 | `broker` | number of the link |
//! | 72 | 36 | `client_order_id` | text, the strategy's own id |
//! | 108 | 1 | `side` | 1 buy, 2 sell |
//! | 109 | 1 | `order_type` | 1 market, 2 limit |
//! | 110 | 1 | `time_in_force` | as in a new order |
//! | 111 | 1 | `mark` | of a sale, a `SaleMark`; 0 nothing said |
//! | 112 | 2 | `passthrough_size` | bytes in the continuation frames |
//! | 114 | 14 | `reserved` | 0 |
//!
//! #### Report
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `order_id` | which order |
//! | 40 | 8 | `qty` | of this fill; of a status, filled in all |
//! | 48 | 8 | `price` | of this fill |
//! | 56 | 8 | `leaves` | of a restatement or status, what still stands |
//! | 64 | 8 | `fee` | of this fill |
//! | 72 | 8 | `broker_time` | the broker's own time |
//! | 80 | 4 | `broker` | 0; the gate knows |
//! | 84 | 36 | `exec_id` | text: the same id twice is the same event |
//! | 120 | 1 | `exec` | what happened: an `Exec` |
//! | 121 | 1 | `state` | of a status, an `OrderState` |
//! | 122 | 2 | `broker_reason` | the broker's own number, or 0 |
//! | 124 | 4 | `request` | of a status, how many requests have arrived |
//!
//! ## Quotes of a feed
//!
//! The gate takes the last quote of each symbol, at most one per interval of its configuration, and
//! judges it: a crossed price, a zero or a jump makes the symbol's reference unusable until a good price
//! comes. Where nobody buys or sells, the price there is 0. A quote with neither bid nor ask tells of a
//! trade or a close alone. A symbol that was not defined is passed over.
//!
//! #### Quote
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `bid` | the best price to sell at |
//! | 40 | 8 | `ask` | the best price to buy at |
//! | 48 | 8 | `bid_qty` | how much stands at the bid; 0 not said |
//! | 56 | 8 | `ask_qty` | how much stands at the ask; 0 not said |
//! | 64 | 8 | `source_time` | the feed's own time |
//! | 72 | 4 | `symbol` | number, from the definitions |
//! | 76 | 4 | `reserved_0` | 0 |
//! | 80 | 8 | `last` | the price of the last trade; 0 not said |
//! | 88 | 8 | `close` | the last close; 0 not said |
//! | 96 | 32 | `reserved` | 0 |
//!
//! ## The session layer
//!
//! A heartbeat's body is all reserved.
//!
//! #### Challenge
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `heartbeat` | the interval, in nanoseconds; not 0 |
//! | 40 | 32 | `nonce` | random, never used before |
//! | 72 | 36 | `acceptor` | text, its name |
//! | 108 | 4 | `version` | 1 |
//! | 112 | 1 | `proof` | 1 key, 2 kernel |
//! | 113 | 15 | `reserved` | 0 |
//!
//! #### Logon
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `report_sequence_last` | the last report that the initiator has; 0 none |
//! | 40 | 32 | `mac` | see Proof |
//! | 72 | 36 | `name` | text, its name |
//! | 108 | 4 | `version` | 1 |
//! | 112 | 12 | `salt` | never used before with this key |
//! | 124 | 1 | `role` | 1 strategy, 2 gate, 3 feed |
//! | 125 | 3 | `reserved` | 0 |
//!
//! #### Welcome
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `command_sequence_next` | the sequence of the next command |
//! | 40 | 8 | `report_sequence_next` | the first report that is not yet made |
//! | 48 | 8 | `report_sequence_first` | the first report that follows |
//! | 56 | 8 | `heartbeat` | as in the challenge |
//! | 64 | 32 | `mac` | see Proof |
//! | 96 | 4 | `definition_count` | so many definitions follow |
//! | 100 | 4 | `strategy` | the initiator's number |
//! | 104 | 24 | `reserved` | 0 |
//!
//! #### Definition
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `tick` | of a symbol: prices are whole numbers of it |
//! | 40 | 8 | `lot` | of a symbol: quantities are whole numbers of it |
//! | 48 | 4 | `id` | the number |
//! | 52 | 36 | `name` | text, the name |
//! | 88 | 1 | `scope` | 2 account, 4 symbol |
//! | 89 | 39 | `reserved` | 0 |
//!
//! #### Logout
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 32 | 8 | `expected` | what was expected, or 0 |
//! | 40 | 8 | `found` | what was found, or 0 |
//! | 48 | 72 | `text` | for people, filled up with zeros |
//! | 120 | 2 | `reason` | see above |
//! | 122 | 2 | `detail` | see above, or 0 |
//! | 124 | 4 | `reserved` | 0 |
//!
//! # Example
//!
//! The key is 32 times `2a`. The strategy `alpha` has seen report 7.
//!
//! #### The challenge
//!
//! ```text
//! 000  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! 010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 80 00
//! 020  00 f2 05 2a 01 00 00 00 00 01 02 03 04 05 06 07
//! 030  08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17
//! 040  18 19 1a 1b 1c 1d 1e 1f 67 61 74 65 2d 31 00 00
//! 050  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! 060  00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00
//! 070  01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! ```
//!
//! #### The logon
//!
//! ```text
//! 000  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! 010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 81 00
//! 020  07 00 00 00 00 00 00 00 32 07 2b 1b bb 20 3c 81
//! 030  eb 27 f9 ac 0d 6e ff 3d 86 fa ad 07 c0 01 d6 34
//! 040  b0 d1 9f 1d 36 df 65 bf 61 6c 70 68 61 00 00 00
//! 050  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! 060  00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00
//! 070  f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb 01 00 00 00
//! ```
//!
//! #### The welcome
//!
//! ```text
//! 000  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! 010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 82 00
//! 020  0c 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 00
//! 030  08 00 00 00 00 00 00 00 00 f2 05 2a 01 00 00 00
//! 040  1b 0c fd 6f 37 24 32 c7 8e c7 68 ac f3 d2 f9 06
//! 050  2b 20 b4 61 9f 83 b4 cf ed 08 91 5e 07 d8 27 16
//! 060  00 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00
//! 070  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! ```
//!
//! #### The order
//!
//! Buy 5 at 223.81 for account 1, symbol 3, limit, day, as command 12.
//!
//! ```text
//! 000  0c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! 010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00
//! 020  80 94 1d 1c 34 00 00 00 00 65 cd 1d 00 00 00 00
//! 030  01 00 00 00 03 00 00 00 61 6c 70 68 61 2d 30 30
//! 040  30 30 30 31 00 00 00 00 00 00 00 00 00 00 00 00
//! 050  00 00 00 00 00 00 00 00 00 00 00 00 01 02 01 00
//! 060  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! 070  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
//! ```

pub mod bodies;
pub mod client;
pub mod key;
pub mod parser;
pub mod session;
#[cfg(test)]
mod tests;
