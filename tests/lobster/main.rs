//! A day of real orders as a scenario, against what its two files say when they are read plainly.

mod core;

use portcullis::message::{Exec, Kind, NewOrder, Quote, Report, Side};
use portcullis::protocol::scenario::names::Names;
use portcullis::protocol::scenario::read::read_line;
use portcullis::protocol::scenario::{Command, Line};
use portcullis::risk::setup::{Account, Setup, Strategy, Symbol};
use portcullis::units::{AccountId, Nanos};
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

const DAY: &str = "AMZN_2012-06-21";
/// 2012-06-21 00:00 in New York, where it is summer.
const MIDNIGHT: u64 = 1_340_251_200_000_000_000;

/// What a book of resting orders says of a day, in shares and cents of a cent.
#[derive(Clone, Debug, Default, PartialEq)]
struct Book {
    orders: u64,
    live: i64,
    live_max: i64,
    open: i64,
    open_max: i64,
    position: i64,
    position_max: i64,
    position_min: i64,
    /// Side, what is left, price.
    standing: HashMap<i64, (i64, i64, i64)>,
}

impl Book {
    fn insert(&mut self, id: i64, direction: i64, size: i64, price: i64) {
        let before = self.standing.insert(id, (direction, size, price));
        assert_eq!(before, None, "the id {id} twice");
        self.orders += 1;
        self.live += 1;
        self.live_max = self.live_max.max(self.live);
        self.open += size * price;
        self.open_max = self.open_max.max(self.open);
    }

    /// What is left falls to `left`.
    fn reduce(&mut self, id: i64, left: i64) {
        let (_, size, price) = self.standing.get_mut(&id).expect("an order that stands");
        assert!(
            0 <= left && left < *size,
            "order {id} from {size} to {left}"
        );
        self.open -= (*size - left) * *price;
        *size = left;
        if left == 0 {
            self.standing.remove(&id);
            self.live -= 1;
        }
    }

    fn fill(&mut self, id: i64, size: i64) {
        let (direction, standing, _) = self.standing[&id];
        self.position += direction * size;
        self.position_max = self.position_max.max(self.position);
        self.position_min = self.position_min.min(self.position);
        self.reduce(id, standing - size);
    }
}

/// Real data, or one visible line that it is left out.
fn files() -> Option<(PathBuf, PathBuf)> {
    let folder = std::env::var_os("PORTCULLIS_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let file = |name: &str| folder.join(format!("lobster/{DAY}_{name}.csv"));
    let (messages, orderbook) = (file("message"), file("orderbook_1"));
    if messages.exists() && orderbook.exists() {
        return Some((messages, orderbook));
    }
    // Not `eprintln`, which a test that passes does not show.
    let path = messages.display();
    let _ = writeln!(
        io::stderr(),
        "left out: no {path} (set PORTCULLIS_REAL_DATA)"
    );
    None
}

fn tool(messages: &Path, orderbook: &Path, more: &[&str]) -> process::Output {
    process::Command::new(env!("CARGO_BIN_EXE_portcullis-tools"))
        .args(["lobster", "--messages"])
        .arg(messages)
        .arg("--orderbook")
        .arg(orderbook)
        .args(more)
        .output()
        .expect("the tool runs")
}

fn names() -> Names {
    Names::new(&Setup {
        accounts: vec![Account {
            name: "A".into(),
            ..Account::default()
        }],
        strategies: vec![Strategy {
            name: "S".into(),
            accounts: vec![AccountId(0)],
            ..Strategy::default()
        }],
        symbols: vec![Symbol {
            name: "AMZN".into(),
            ..Symbol::default()
        }],
        ..Setup::default()
    })
}

fn lines(text: &[u8]) -> impl Iterator<Item = Line> {
    let names = names();
    text.split(|&byte| byte == b'\n')
        .zip(1..)
        .filter_map(move |(line, number)| {
            read_line(number, line, &names).unwrap_or_else(|error| panic!("{error}"))
        })
}

fn csv(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// What the rows themselves say: the book, and every order with its time and the mid before it,
/// doubled.
type Day = (Book, Vec<(u64, i64, i64, Option<i64>)>);

fn day_of_rows(messages: &Path, orderbook: &Path) -> Day {
    let (mut book, mut orders) = (Book::default(), Vec::new());
    let mut mid = None;
    for (row, best) in csv(messages).iter().zip(csv(orderbook)) {
        let (seconds, fraction) = row[0].split_once('.').unwrap_or((&row[0], ""));
        let nanos: u64 = format!("{fraction:0<9}").parse().unwrap();
        let time = MIDNIGHT + seconds.parse::<u64>().unwrap() * 1_000_000_000 + nanos;
        let [id, size, price, direction] = [2, 3, 4, 5].map(|at| row[at].parse::<i64>().unwrap());
        match row[1].as_str() {
            "1" => {
                book.insert(id, direction, size, price);
                orders.push((time, size, price, mid));
            }
            _ if !book.standing.contains_key(&id) => {}
            "2" | "3" => {
                let left = book.standing[&id].1 - size;
                book.reduce(id, left);
            }
            "4" | "5" => book.fill(id, size),
            _ => {}
        }
        mid = Some(best[0].parse::<i64>().unwrap() + best[2].parse::<i64>().unwrap());
    }
    (book, orders)
}

fn day_of_scenario(text: &[u8]) -> Day {
    let (mut book, mut orders) = (Book::default(), Vec::new());
    let (mut mid, mut time, mut exec_ids) = (None, Nanos::ZERO, HashSet::new());
    for line in lines(text) {
        assert!(time <= line.time, "line {} goes back", line.number);
        time = line.time;
        match line.command {
            Command::Event(frame, _) if frame.kind() == Some(Kind::Quote) => {
                let quote: &Quote = frame.body();
                mid = Some((quote.bid.raw() + quote.ask.raw()) / 100_000);
            }
            Command::Event(frame, _) => {
                assert_eq!(frame.kind(), Some(Kind::NewOrder));
                let order: &NewOrder = frame.body();
                let id = order.client_order_id.as_str().parse().unwrap();
                let direction = if order.side == Side::Buy as u8 { 1 } else { -1 };
                let size = order.qty.raw() as i64 / 100_000_000;
                let price = order.price.raw() / 100_000;
                book.insert(id, direction, size, price);
                orders.push((time.raw(), size, price, mid));
            }
            Command::ByClientId { id, frame, .. } => {
                let report: &Report = frame.body();
                assert!(exec_ids.insert(report.exec_id), "{} twice", report.exec_id);
                let id = id.as_str().parse().unwrap();
                match Exec::from_byte(report.exec).unwrap() {
                    Exec::New => assert!(book.standing.contains_key(&id)),
                    Exec::Trade => book.fill(id, report.qty.raw() as i64 / 100_000_000),
                    Exec::Restated => book.reduce(id, report.leaves.raw() as i64 / 100_000_000),
                    Exec::Canceled => book.reduce(id, 0),
                    exec => panic!("{exec:?}"),
                }
            }
        }
    }
    (book, orders)
}

#[test]
fn a_real_day_played_as_a_book_gives_the_known_integers() {
    let Some((messages, orderbook)) = files() else {
        return;
    };
    let output = tool(&messages, &orderbook, &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    for count in [
        "57515 rows: 27845 new, 16 partial cancels, 18235 deletes, 8974 visible and 2445 hidden",
        "4 partial cancels, 4392 deletes, 3071 visible and 2445 hidden executions; 0 repeated",
    ] {
        assert!(told.contains(count), "{told}");
    }

    let (book, orders) = day_of_scenario(&output.stdout);
    assert_eq!(book.orders, 27_845);
    assert_eq!((book.live_max, book.live), (9_774, 9_769));
    // 189,461,347 to the nearest dollar.
    assert_eq!(book.open_max, 1_894_613_469_200);
    assert_eq!(
        (book.position, book.position_max, book.position_min),
        (15_332, 20_458, -24_830)
    );

    // The quotes stand where each order finds the book that it met.
    let outside = |bps: i64| {
        let is_outside = |(_, _, price, mid): &&(u64, i64, i64, Option<i64>)| {
            mid.is_some_and(|mid| mid * bps < (2 * price - mid).abs() * 10_000)
        };
        orders.iter().filter(is_outside).count()
    };
    assert_eq!((outside(10), outside(25)), (62, 0));
    let above = |notional: i64| {
        let is_above = |(_, size, price, _): &&(u64, i64, i64, _)| notional * 10_000 < size * price;
        orders.iter().filter(is_above).count()
    };
    assert_eq!(
        (above(50_000), above(100_000), above(250_000)),
        (1_441, 297, 58)
    );

    // And nothing differs from the rows read plainly, not the time of one order.
    let (rows_book, rows_orders) = day_of_rows(&messages, &orderbook);
    assert_eq!(orders, rows_orders);
    assert!(book == rows_book, "the books differ");
}

/// Two files of one day in a folder of this test.
fn write_files(name: &str, messages: &str, orderbook: &str) -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let paths = (
        folder.join("XYZ_2021-01-04_34200000_57600000_message_1.csv"),
        folder.join("XYZ_2021-01-04_34200000_57600000_orderbook_1.csv"),
    );
    std::fs::write(&paths.0, messages).unwrap();
    std::fs::write(&paths.1, orderbook).unwrap();
    paths
}

const MESSAGES: &str = "\
34200.5,1,7,400,1000000,1
34200.5,3,7,200,1000000,1
34201,7,0,0,-1,-1
34202.000000001,4,7,150,1000000,1
34203,3,7,50,1000000,1
34204,2,8,50,1000000,-1
";
const ORDERBOOK: &str = "\
9999999999,0,1000000,400,9999999999,0,-9999999999,0
9999999999,0,1000000,200,9999999999,0,-9999999999,0
9999999999,0,1000000,200,9999999999,0,-9999999999,0
1010000,5,1000000,50,9999999999,0,-9999999999,0
1010000,5,-9999999999,0,9999999999,0,-9999999999,0
1010000,5,-9999999999,0,9999999999,0,-9999999999,0
";

#[test]
fn each_row_becomes_what_it_means() {
    let (messages, orderbook) = write_files("rows", MESSAGES, ORDERBOOK);
    let output = tool(&messages, &orderbook, &["--account", "a \"b\""]);
    let scenario = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        scenario,
        // 2021-01-04 09:30 in New York, where it is winter.
        r#"{"t":1609770600500000000,"order":{"account":"a \"b\"","strategy":"S","id":"7","symbol":"XYZ","side":"buy","type":"limit","qty":"400","price":"100","tif":"day"}}
{"t":1609770600500000000,"report":{"account":"a \"b\"","id":"7","exec":"new","exec_id":"row-1"}}
{"t":1609770600500000000,"quote":{"symbol":"XYZ","bid":"100","bid_qty":"400","ask":"0"}}
{"t":1609770600500000000,"report":{"account":"a \"b\"","id":"7","exec":"restated","exec_id":"row-2","leaves":"200"}}
{"t":1609770600500000000,"quote":{"symbol":"XYZ","bid":"100","bid_qty":"200","ask":"0"}}
{"t":1609770602000000001,"report":{"account":"a \"b\"","id":"7","exec":"trade","exec_id":"row-4","qty":"150","price":"100"}}
{"t":1609770602000000001,"quote":{"symbol":"XYZ","bid":"100","bid_qty":"50","ask":"101","ask_qty":"5"}}
{"t":1609770603000000000,"report":{"account":"a \"b\"","id":"7","exec":"canceled","exec_id":"row-5"}}
{"t":1609770603000000000,"quote":{"symbol":"XYZ","bid":"0","ask":"101","ask_qty":"5"}}
"#
    );
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "XYZ 2021-01-04: 6 rows: 1 new, 1 partial cancels, 2 deletes, 1 visible and 0 hidden \
         executions, 0 crosses, 1 halts; 4 quotes. Left out, of unknown orders: 1 partial cancels, \
         0 deletes, 0 visible and 0 hidden executions; 0 repeated orders\n"
    );
}

#[test]
fn the_reference_may_be_the_book_behind_and_the_venue_silent() {
    let (messages, orderbook) = write_files("after", MESSAGES, ORDERBOOK);
    let more = [
        "--reference",
        "after",
        "--acknowledge",
        "false",
        "--zone",
        "UTC",
    ];
    let output = tool(&messages, &orderbook, &more);
    let scenario = String::from_utf8(output.stdout).unwrap();
    let begin = r#"{"t":1609752600500000000,"quote":{"symbol":"XYZ","bid":"100","bid_qty":"400","ask":"0"}}
{"t":1609752600500000000,"order":{"account":"A","strategy":"S","id":"7","#;
    assert!(scenario.starts_with(begin), "{scenario}");
    assert!(!scenario.contains("\"new\""));
}

#[test]
fn a_malformed_row_is_named_with_line_column_and_remedy() {
    for (name, from, to, error) in [
        (
            "type",
            "200.5,3,",
            "200.5,9,",
            "_message_1.csv:2:9: type: \"9\": no such type of event",
        ),
        (
            "id",
            "4,7,150",
            "4,x7,150",
            "_message_1.csv:4:19: order id: \"x7\": write a whole",
        ),
        (
            "size",
            ",50,1000000,1\n",
            ",-50,1000000,1\n",
            ":5:11: size: \"-50\": write a number",
        ),
        (
            "price",
            "34201,7,0,0,-1",
            "34201,7,0,0,1e5",
            ":3:13: price: \"1e5\": write",
        ),
        (
            "early",
            "34203,",
            "34202,",
            ":5:1: time: \"34202\": earlier than the row before",
        ),
        (
            "digits",
            "34203,",
            "34203.0000000001,",
            ":5:1: time: \"34203.0000000001\": write",
        ),
        (
            "short",
            "34204,2,8,50,1000000,-1",
            "34204,2,8,50,1000000",
            ":6:22: direction: missing",
        ),
        (
            "row",
            "34204,2,8,50,1000000,-1\n",
            "",
            "_message_1.csv:6: no row for this line of",
        ),
        (
            "column",
            "34204,2,8,50,1000000,-1",
            "34204,2,8,50,1000000,0",
            ":6:22: direction: \"0\"",
        ),
    ] {
        assert!(MESSAGES.contains(from), "{from}");
        let text = MESSAGES.replace(from, to);
        let (messages, orderbook) = write_files(name, &text, ORDERBOOK);
        let output = tool(&messages, &orderbook, &[]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{name}");
        assert!(told.contains(error), "{name}: {told}");
    }
    let (messages, orderbook) = write_files("zone", MESSAGES, ORDERBOOK);
    for (more, error) in [
        (
            ["--zone", "Europe/Berlin"],
            "neither America/New_York nor UTC nor a POSIX rule",
        ),
        (
            ["--date", "2001-01-04"],
            "the rule is known since 2007-01-01",
        ),
    ] {
        let output = tool(&messages, &orderbook, &more);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(told.contains(error), "{told}");
    }
}
