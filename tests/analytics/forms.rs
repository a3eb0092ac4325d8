//! Forms: the same prices in every form of file give the same figures.

use crate::data::{Folder, day, prices, real};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::basic::{Compression as Packing, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// The figures of a file, less the places of the pictures.
fn figures(folder: &Folder, file: &Path, terms: &str) -> Value {
    let config = format!("[analytics]\nhistory = [{file:?}]\nindex = \"S0\"\n{terms}");
    let mut figures = folder.figures(&config, &[]);
    figures["pictures"] = Value::Null;
    figures
}

#[test]
fn text_in_any_usual_form_says_the_same() {
    let folder = Folder::new("text-forms");
    let plain = prices(1, 3, 150);
    let expected = figures(&folder, &folder.write("plain.csv", &plain), "");
    let quoted: String = plain
        .lines()
        .map(|line| {
            let cells: Vec<_> = line.split(',').map(|cell| format!("\"{cell}\"")).collect();
            format!("{}\n", cells.join(","))
        })
        .collect();
    let (head, rows) = plain.split_once('\n').unwrap();
    let by_year = |line: &str, join: fn(&str, &str, &str) -> String| {
        let (date, rest) = line.split_once(',').unwrap();
        let parts: Vec<_> = date.split('-').collect();
        format!("{},{rest}\n", join(parts[0], parts[1], parts[2]))
    };
    let dated = |join| {
        let rows = rows.lines().map(|line| by_year(line, join));
        format!("{head}\n{}", rows.collect::<String>())
    };
    let blanks = plain
        .replace(',', " , ")
        .replace("\n2000-03", "\n\n  \n,,,\n2000-03");
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(plain.as_bytes()).unwrap();
    let named = plain
        .replace(',', ";")
        .replacen("Date", "\"the, day, of, trading\"", 1);
    let forms: [(&str, Vec<u8>, &str); 15] = [
        ("commas in a name", named.into(), ""),
        ("crlf", plain.replace('\n', "\r\n").into(), ""),
        ("cr", plain.replace('\n', "\r").into(), ""),
        ("no last line end", plain.trim_end().into(), ""),
        ("mark of byte order", format!("\u{feff}{plain}").into(), ""),
        ("quoted", quoted.into(), ""),
        ("blanks", blanks.into(), ""),
        ("semicolons", plain.replace(',', ";").into(), ""),
        ("tabs", plain.replace(',', "\t").into(), ""),
        ("no name of dates", plain.replacen("Date", "", 1).into(), ""),
        (
            "slashes",
            dated(|y, m, d| format!("{y}/{m}/{d}")).into(),
            "",
        ),
        ("digits", dated(|y, m, d| format!("{y}{m}{d}")).into(), ""),
        (
            "times",
            dated(|y, m, d| format!("{y}-{m}-{d} 00:00:00")).into(),
            "",
        ),
        (
            "points",
            dated(|y, m, d| format!("{d}.{m}.{y}")).into(),
            "date_order = \"dmy\"\n",
        ),
        ("packed", packed.finish().unwrap(), ""),
    ];
    for (name, bytes, terms) in forms {
        let file = folder.write("form.csv", bytes);
        assert_eq!(figures(&folder, &file, terms), expected, "{name}");
    }
}

#[test]
fn days_in_any_order_are_put_in_order_and_that_is_said() {
    let folder = Folder::new("order");
    let plain = prices(1, 3, 150);
    let mut expected = figures(&folder, &folder.write("p.csv", &plain), "");
    let mut lines: Vec<&str> = plain.lines().collect();
    lines[1..].reverse();
    let file = folder.write("p.csv", lines.join("\n"));
    let mut found = figures(&folder, &file, "");
    let note = found["notes"][0].as_str().unwrap();
    assert!(
        note.ends_with("p.csv: its days are not in order; they were put in order"),
        "{note}"
    );
    expected["notes"] = Value::Null;
    found["notes"] = Value::Null;
    assert_eq!(found, expected);
}

#[test]
fn a_day_with_an_empty_cell_is_left_out_for_all_where_that_is_asked_for() {
    let folder = Folder::new("dropped");
    let plain = prices(1, 3, 150);
    let mut without: Vec<String> = plain.lines().map(str::to_owned).collect();
    let mut with = without.clone();
    for at in [40, 41, 90] {
        let cells: Vec<_> = with[at].split(',').map(str::to_owned).collect();
        with[at] = format!("{},{},,{}", cells[0], cells[1], cells[3]);
        without[at].clear();
    }
    let mut expected = figures(&folder, &folder.write("p.csv", without.join("\n")), "");
    let file = folder.write("p.csv", with.join("\n"));
    let mut found = figures(&folder, &file, "missing = \"drop\"\n");
    assert_eq!(found["days_left_out"], 3);
    assert_eq!(found["returns"], 146);
    // The index and one of the other symbols have prices on these days: their pair has more.
    for page in [&mut expected, &mut found] {
        page["notes"] = Value::Null;
        page["days_left_out"] = Value::Null;
        for symbol in page["symbols"].as_array_mut().unwrap() {
            symbol["beta"] = Value::Null;
        }
    }
    assert_eq!(found, expected);
    // What lies before the days that are wanted does not matter.
    assert_eq!(
        figures(&folder, &file, "returns_min = 20\nreturns_max = 30\n")["returns"],
        30
    );
}

#[test]
fn files_with_other_days_are_joined_on_the_days_in_common() {
    let folder = Folder::new("joined");
    let stocks = folder.write("stocks.csv", prices(1, 2, 150));
    let rows = (0..200).filter(|at| at % 10 != 3);
    let rows = rows.map(|at| format!("{},{}\n", day(at), 100.0 + (at as f64).sin()));
    let index = folder.write("i.csv", format!("Date,I\n{}", rows.collect::<String>()));
    let config = format!("[analytics]\nhistory = [{stocks:?}, {index:?}]\nindex = \"I\"\n");
    let figures = folder.figures(&config, &[]);
    assert_eq!(figures["returns"], 149);
    assert!(figures["symbols"][1]["beta"].is_number());
    // The index is not a symbol, whoever names it.
    assert_eq!(figures["symbols"].as_array().unwrap().len(), 2);
    let shock = "[[scenario]]\nname = \"s\"\n[[scenario.shock]]\nindex = \"I\"\nchange = -1\n";
    let without = config.replace("index = \"I\"\n", shock);
    let symbols = &folder.figures(&without, &[])["symbols"];
    assert_eq!(symbols.as_array().unwrap().len(), 2);
    let figures = folder.figures(&config, &["--until", &day(120)]);
    assert_eq!(figures["returns"], 120);
    assert_eq!(figures["last_day"], day(120));
}

/// Writes the text of prices as Parquet, with its dates as `dates` says.
fn write_parquet(path: &Path, text: &str, dates: &str, packing: Packing, prices: &str) {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').skip(1).collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let columns: String = names
        .iter()
        .map(|name| format!("optional {prices} {name};"))
        .collect();
    // As pandas writes an index: behind the prices.
    let schema = format!("message schema {{ {columns} required {dates}; }}");
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = WriterProperties::builder().set_compression(packing).build();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    // Two groups of rows.
    for rows in rows.chunks(rows.len().div_ceil(2)) {
        let mut group = writer.next_row_group().unwrap();
        let mut at = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            at += 1;
            let cells: Vec<&str> = rows
                .iter()
                .map(|row| *row.get(at).unwrap_or(&row[0]))
                .collect();
            let levels: Vec<i16> = cells
                .iter()
                .map(|cell| i16::from(!cell.is_empty()))
                .collect();
            let there = cells.iter().filter(|cell| !cell.is_empty());
            let days = cells
                .iter()
                .filter_map(|cell| cell.parse::<jiff::civil::Date>().ok());
            let days = days.map(|day| (day - jiff::civil::date(1970, 1, 1)).get_days());
            match column.untyped() {
                ColumnWriter::DoubleColumnWriter(column) => {
                    let values: Vec<f64> = there.map(|cell| cell.parse().unwrap()).collect();
                    column.write_batch(&values, Some(&levels), None).unwrap();
                }
                ColumnWriter::Int32ColumnWriter(column) => {
                    column
                        .write_batch(&days.collect::<Vec<_>>(), None, None)
                        .unwrap();
                }
                ColumnWriter::Int64ColumnWriter(column) => {
                    let per_day = 86_400_000_000_000;
                    let times: Vec<i64> = days.map(|day| i64::from(day) * per_day).collect();
                    column.write_batch(&times, None, None).unwrap();
                }
                ColumnWriter::ByteArrayColumnWriter(column) => {
                    let values: Vec<ByteArray> = there.map(|cell| ByteArray::from(*cell)).collect();
                    let levels = if at <= names.len() {
                        Some(levels.as_slice())
                    } else {
                        None
                    };
                    column.write_batch(&values, levels, None).unwrap();
                }
                _ => panic!("another column"),
            }
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn parquet_says_the_same_however_dates_are_kept_and_pages_are_packed() {
    let folder = Folder::new("parquet");
    let plain = prices(1, 3, 150);
    let expected = figures(&folder, &folder.write("plain.csv", &plain), "");
    let file = folder.path("prices.parquet");
    let zstd = Packing::ZSTD(ZstdLevel::default());
    for (dates, packing) in [
        ("int32 Date (DATE)", Packing::SNAPPY),
        ("int64 __index_level_0__ (TIMESTAMP(NANOS,false))", zstd),
        (
            "int64 Date (TIMESTAMP(NANOS,true))",
            Packing::GZIP(Default::default()),
        ),
    ] {
        write_parquet(&file, &plain, dates, packing, "double");
        assert_eq!(figures(&folder, &file, ""), expected, "{dates}");
    }
}

#[test]
fn parquet_that_is_no_table_of_prices_is_told() {
    let folder = Folder::new("parquet-refusals");
    let file = folder.path("p.parquet");
    let config = format!("[analytics]\nhistory = [{file:?}]\n");
    let mut lines: Vec<String> = prices(1, 2, 150).lines().map(str::to_owned).collect();
    let plain = lines.join("\n");
    let date = "int32 Date (DATE)";
    write_parquet(&file, &plain, date, Packing::UNCOMPRESSED, "binary");
    let told = folder.refusal(&config, &[]);
    assert!(told.starts_with("p.parquet: row 1: S0 = "), "{told}");
    assert!(told.ends_with("not a column of numbers; write prices as DOUBLE, or leave it out"));
    for (cell, problem) in [
        ("-5", "not above zero"),
        ("NaN", "not a number; write the price"),
        ("inf", "not a number; write the price"),
        ("", "no price; write it, or leave such days out"),
    ] {
        lines[80] = format!("{},1,{cell}", day(79));
        write_parquet(
            &file,
            &lines.join("\n"),
            date,
            Packing::UNCOMPRESSED,
            "double",
        );
        let told = folder.refusal(&config, &[]);
        assert!(told.starts_with("p.parquet: row 80: S1"), "{told}");
        assert!(told.contains(problem), "{told}");
    }
    // Every way to cut it, and every byte of its end turned.
    write_parquet(&file, &plain, date, Packing::SNAPPY, "double");
    let bytes = std::fs::read(&file).unwrap();
    for length in (4..bytes.len()).step_by(bytes.len() / 8) {
        std::fs::write(&file, &bytes[..length]).unwrap();
        assert!(
            folder
                .refusal(&config, &[])
                .starts_with("p.parquet: not sound Parquet: ")
        );
    }
}

/// A book of real stocks in groups: its parts add up, and the account's index is the one that holds.
#[test]
fn real_holdings_are_grouped_and_measured_against_their_own_index() {
    let Some([stocks, index]) = real() else {
        return;
    };
    let folder = Folder::new("book");
    let symbol =
        |name| format!("[[symbol]]\nname = {name:?}\ntick = 1\nlot = 1\nbroker = \"sim\"\n");
    let symbols: String = ["AAPL", "MSFT", "XOM", "CVX", "KO"].map(symbol).concat();
    let config = format!(
        "[analytics]\nhistory = [{stocks:?}, {index:?}]\nindex = \"SP500\"\nholdings = \"h.csv\"\n\
         beta = [{{ index = \"XOM\", account = \"oil\" }}, {{ index = \"MSFT\", symbols = [\"AAPL\"] }}, \
         {{ index = \"KO\", account = \"oil\", symbols = [\"CVX\"] }}]\n\
         [[account]]\nname = \"oil\"\n[[account]]\nname = \"tech\"\n\
         [[broker]]\nname = \"sim\"\nkind = \"sim\"\n{symbols}\
         [[group]]\nname = \"energy\"\nkind = \"sector\"\nsymbols = [\"XOM\", \"CVX\"]\n\
         [[group]]\nname = \"technology\"\nkind = \"sector\"\nsymbols = [\"AAPL\", \"MSFT\"]\n\
         [[group]]\nname = \"big\"\nsymbols = [\"AAPL\", \"XOM\"]\n\
         [[scenario]]\nname = \"oil falls\"\nothers = \"0.01\"\n\
         [[scenario.shock]]\ngroup = \"energy\"\nchange = \"-0.3\"\n\
         [[scenario.shock]]\ngroup = \"big\"\nchange = \"0.5\"\n\
         [[scenario.shock]]\nsymbol = \"CVX\"\nchange = \"-0.4\"\n"
    );
    folder.write(
        "h.csv",
        "account,symbol,qty\noil,XOM,10\noil,CVX,-5\noil,AAPL,2\ntech,AAPL,8\ntech,KO,1\n",
    );
    let all = folder.figures(&config, &[]);
    let price = |name: &str| {
        let symbols = all["symbols"].as_array().unwrap();
        let found = symbols.iter().find(|of| of["symbol"] == name).unwrap();
        found["price"].as_f64().unwrap()
    };
    let near = |value: &Value, expected: f64| {
        let value = value.as_f64().unwrap();
        assert!(
            (value - expected).abs() <= 1e-12 * expected.abs(),
            "{value} is not {expected}"
        );
    };
    let energy = 10.0 * price("XOM") + 5.0 * price("CVX");
    let technology = 10.0 * price("AAPL");
    let gross = energy + technology + price("KO");
    let sectors = &all["concentration"][1];
    assert_eq!(sectors["of"], "sector");
    let find = |name: &str| {
        let parts = sectors["parts"].as_array().unwrap();
        parts.iter().find(|part| part["name"] == name).unwrap()
    };
    near(&find("energy")["gross"], energy);
    near(
        &find("energy")["net"],
        10.0 * price("XOM") - 5.0 * price("CVX"),
    );
    near(&find("technology")["share"], technology / gross);
    near(&find("(none)")["gross"], price("KO"));
    near(&all["portfolio"]["gross"], gross);
    let gain = 10.0 * price("XOM") * -0.3 - 5.0 * price("CVX") * -0.4
        + 10.0 * price("AAPL") * 0.5
        + price("KO") * 0.01;
    near(&all["stress"][0]["gain"], gain);

    let indexes = |page: &Value| -> Vec<String> {
        let symbols = page["symbols"].as_array().unwrap().iter();
        symbols
            .map(|of| format!("{} {}", of["symbol"], of["index"]).replace('"', ""))
            .collect()
    };
    assert_eq!(
        indexes(&all),
        ["XOM SP500", "CVX SP500", "AAPL MSFT", "KO SP500"]
    );
    let oil = folder.figures(&config, &["--account", "oil"]);
    assert_eq!(indexes(&oil), ["XOM XOM", "CVX KO", "AAPL MSFT"]);
    assert_eq!(oil["portfolio"]["index"], "XOM");
    near(&oil["symbols"][0]["beta"], 1.0);
    let tech = folder.figures(&config, &["--account", "tech"]);
    assert_eq!(indexes(&tech), ["AAPL MSFT", "KO SP500"]);
    assert_ne!(oil["symbols"][1]["beta"], all["symbols"][1]["beta"]);
}
