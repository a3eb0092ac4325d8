//! A configuration: any text is read or refused with a place, and what is read is written in full
//! and reported on.

use portcullis::config::check::{Format, report};
use portcullis::config::effective::{effective_toml, parse_effective};
use portcullis::config::parse;

/// `data`: the text of a file.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse(text, "gate.toml") {
        Ok(config) => {
            let effective = effective_toml(&config);
            let again = parse_effective(&effective)
                .unwrap_or_else(|errors| panic!("its own text: {errors}\n{effective}"));
            assert!(again == config, "written as\n{effective}");
            assert_eq!(effective_toml(&again), effective);
            for format in FORMATS {
                assert!(!report(&config, &[], format).is_empty());
            }
        }
        Err(errors) => {
            assert!(!errors.errors.is_empty() && errors.errors.len() <= ERRORS_MAX);
            let line_count = text.lines().count().max(1) as u32 + 1;
            for error in &errors.errors {
                assert!(error.line <= line_count, "{error}");
                assert!(!error.problem.is_empty());
            }
            assert!(!errors.to_string().is_empty());
        }
    }
}

const FORMATS: [Format; 2] = [Format::Text { is_coloured: true }, Format::Json];
/// More than a person reads.
const ERRORS_MAX: usize = 200;
