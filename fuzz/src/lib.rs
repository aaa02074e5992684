//! The doors of `tests/fuzz`, for libFuzzer: one target each.
//!
//! With a nightly compiler, `cargo fuzz run mime` does everything by itself. With a stable one, `fuzz/instrumented` adds the
//! coverage to the product's own code alone, so that the dependencies are those of every other build (`tests/run fuzz`).

#[path = "../../tests/fuzz/doors/mod.rs"]
pub mod doors;

use std::cell::RefCell;

use doors::{Door, Open};

thread_local! {
    static OPEN: RefCell<Option<Open>> = const { RefCell::new(None) };
}

/// Tries one input; the door is opened at the first.
pub fn try_it(door: &Door, input: &[u8]) {
    OPEN.with_borrow_mut(|open| (open.get_or_insert_with(door.open).try_it)(input));
}
