//! Data: folders of a test, files in them, and the command on them.

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty folder of this name.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("analytics-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(file);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs `portcullis analyze` on a configuration of this text.
    pub(crate) fn analyze(&self, config: &str, arguments: &[&str]) -> Output {
        let config = self.write("gate.toml", config);
        Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["analyze", "--config"])
            .arg(config)
            .arg("--out")
            .arg(self.path("pictures"))
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What it says for machines.
    pub(crate) fn figures(&self, config: &str, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        let output = self.analyze(config, &arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}\n{config}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Why it refuses, with the folder left out of every path.
    pub(crate) fn refusal(&self, config: &str, arguments: &[&str]) -> String {
        let output = self.analyze(config, arguments);
        assert_eq!(output.status.code(), Some(2), "{config}");
        assert!(output.stdout.is_empty());
        let error = String::from_utf8(output.stderr).unwrap();
        let error = error.replace(&format!("{}/", self.0.display()), "");
        let error = error.strip_prefix("portcullis: ").unwrap();
        error.trim_end().to_owned()
    }
}

/// Numbers that look drawn by chance, the same each time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to below 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }

    /// About a normal deviation.
    pub(crate) fn deviate(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// The so-manyth day of a calendar without weekends.
pub(crate) fn day(at: usize) -> String {
    let (year, at) = (2000 + at / 336, at % 336);
    format!("{year}-{:02}-{:02}", 1 + at / 28, 1 + at % 28)
}

/// Prices of so many symbols that move with each other, `S0` and further, under a line of names. The
/// first moves as the index would.
pub(crate) fn prices(seed: u64, symbols: usize, days: usize) -> String {
    let mut random = Random::new(seed);
    let mut prices: Vec<f64> = (0..symbols).map(|at| 20.0 + 7.0 * at as f64).collect();
    let mut text = String::from("Date");
    (0..symbols).for_each(|at| text.push_str(&format!(",S{at}")));
    text.push('\n');
    for at in 0..days {
        text.push_str(&day(at));
        let market = random.deviate() * 0.01;
        for (symbol, price) in prices.iter_mut().enumerate() {
            let own = random.deviate() * 0.008 * symbol as f64 / symbols as f64;
            *price *= 1.0 + market + own;
            let _ = write!(text, ",{price:.4}");
        }
        text.push('\n');
    }
    text
}

/// The files of real prices, or one line that says what was left out.
pub(crate) fn real() -> Option<[PathBuf; 2]> {
    let folder = std::env::var_os("PORTCULLIS_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let files = ["skfolio_sp500_dataset.csv.gz", "skfolio_sp500_index.csv.gz"];
    let files = files.map(|file| folder.join("daily").join(file));
    if let Some(absent) = files.iter().find(|file| !file.exists()) {
        // Past the capture of the test's output: it must be seen.
        use std::io::Write as _;
        let absent = absent.display();
        let _ = writeln!(
            std::io::stderr(),
            "left out: no {absent} (set PORTCULLIS_REAL_DATA)"
        );
        return None;
    }
    Some(files)
}
