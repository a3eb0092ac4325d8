//! Arbitrary bytes to `tests/fuzz_corpus/config.rs`, which says what must hold.

#![no_main]

#[path = "../../tests/fuzz_corpus/config.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
