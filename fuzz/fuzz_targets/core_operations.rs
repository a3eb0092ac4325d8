//! Arbitrary bytes to `tests/fuzz_corpus/core_operations.rs`, which says what must hold.

#![no_main]

#[path = "../../tests/fuzz_corpus/beside_model.rs"]
mod beside_model;
#[path = "../../tests/fuzz_corpus/bytes.rs"]
mod bytes;
#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../../tests/fuzz_corpus/small_world.rs"]
mod small_world;
#[path = "../../tests/fuzz_corpus/core_operations.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
