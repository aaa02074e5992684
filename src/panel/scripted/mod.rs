//! What the panel's tests share: a scripted organisation and directory, and a window without a screen.

mod directory;
mod organisation;
mod screen;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

pub use directory::{Directory, group, user, users};
pub use organisation::{Connecting, Organisation, failure};
pub use screen::{Around, Pictures, Screen};

use super::background::Background;

/// How long something may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a condition, but not for ever.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One for all tests, like the panel's own.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// Tests look again and again; nobody has to wake them.
pub fn background() -> Background {
    Background::new(runtime().handle().clone(), || {})
}
