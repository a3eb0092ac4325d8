//! Arbitrary bytes to `tests/fuzz_corpus/session.rs`, which says what must hold.

#![no_main]

#[path = "../../tests/fuzz_corpus/bytes.rs"]
mod bytes;
#[path = "../../tests/fuzz_corpus/initiator.rs"]
mod initiator;
#[path = "../../tests/fuzz_corpus/session.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
