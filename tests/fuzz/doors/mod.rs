//! The places where bytes of others are read, each ready to be tried with one input after the other: by `tests/fuzz` with
//! mutations, and by libFuzzer (`fuzz/`) with the coverage as its guide.

#[cfg(unix)]
mod api;
mod mime;
mod smtp;
mod soap;

use std::path::Path;
use std::time::Duration;

/// One input may take so long, in a build without optimisation on a busy machine.
pub const SLOW: Duration = Duration::from_secs(5);

/// One of them.
pub struct Door {
    pub name: &'static str,
    /// What such input is made of.
    pub words: &'static [&'static [u8]],
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Gets it ready.
    pub open: fn() -> Open,
}

/// Panics where the product, or what it answers, is not as it should be.
type Try = Box<dyn FnMut(&[u8])>;

/// One that is ready.
pub struct Open {
    pub try_it: Try,
    /// Looks at what is left behind.
    pub close: Box<dyn FnOnce()>,
}

impl Open {
    fn new(try_it: impl FnMut(&[u8]) + 'static) -> Self {
        Self { try_it: Box::new(try_it), close: Box::new(|| {}) }
    }
}

pub const MIME: Door = mime::MIME;
pub const JOURNAL: Door = mime::JOURNAL;
pub const SOAP: Door = soap::SOAP;
pub const SMTP: Door = smtp::SMTP;
#[cfg(unix)]
pub const API: Door = api::API;

/// Files of `tests/fixtures` with such names.
pub fn files(folder: &str, endings: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // In the package of libFuzzer's targets it is the folder above.
    let root = if root.ends_with("fuzz") { root.join("..") } else { root.to_owned() };
    let folder = root.join("tests/fixtures").join(folder);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let wanted = |path: &std::path::PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
    let mut paths: Vec<_> = entries.filter(wanted).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}
