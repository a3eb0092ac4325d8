//! Numpy: a Python that has it.
//!
//! The one that is called `python3`, the system's, or one in an environment of its own below the target
//! folder, which is made and filled by pip where neither has it.

use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Has `oracle.py` answer.
pub(crate) fn ask(question: &Value) -> Value {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/analytics/oracle.py");
    let mut child = Command::new(python())
        .arg(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let question = question.to_string();
    let mut to = child.stdin.take().unwrap();
    to.write_all(question.as_bytes()).unwrap();
    drop(to);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "oracle.py on {question}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("numpy");
        let known = [
            "python3".into(),
            "/usr/bin/python3".into(),
            own.join("bin/python3"),
        ];
        if let Some(python) = known.into_iter().find(|python| has_numpy(python)) {
            return python;
        }
        let is_made = is_done(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&own),
        );
        let python = own.join("bin/python3");
        let is_filled = is_made
            && is_done(Command::new(&python).args(["-m", "pip", "install", "--quiet", "numpy"]));
        assert!(
            is_filled && has_numpy(&python),
            "no python3 has numpy, and it could not be fetched: install it, as by \
             `apt-get install python3-numpy`"
        );
        python
    })
}

fn has_numpy(python: &Path) -> bool {
    is_done(Command::new(python).args(["-c", "import numpy"]))
}

fn is_done(command: &mut Command) -> bool {
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
