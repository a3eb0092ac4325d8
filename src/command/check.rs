//! `portcullis check`: is the configuration sound, what does it arm, what will it take?

use super::Failure;
use crate::config::check::{Format, report};
use crate::config::{Config, example};

/// What is told of a sound configuration.
pub fn run(config: &Config, json: bool, is_coloured: bool) -> Result<String, Failure> {
    let format = if json {
        Format::Json
    } else {
        Format::Text { is_coloured }
    };
    Ok(report(config, format))
}

/// A file with every key, its default and what it means.
pub fn example() -> String {
    example::example_toml()
}
