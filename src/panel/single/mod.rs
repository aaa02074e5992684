//! One panel for one updater: a second start raises the window of the first, and ends.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::path::Path;

use sha2::{Digest as _, Sha256};

pub use platform::Seat;

/// What came of claiming to be the only one.
pub enum Claim {
    /// It is, as long as the seat is kept.
    First(Seat),
    /// Another one is, and was asked to come to the front.
    Raised,
}

/// Claims to be the only panel of this user for the updater behind a pipe.
///
/// # Errors
/// When the system does not let us find out. The panel can be used then, only twice, too.
pub fn claim(pipe: &Path) -> std::io::Result<Claim> {
    platform::claim(&name(pipe))
}

/// A short name that stands for the pipe.
fn name(pipe: &Path) -> String {
    let digest = Sha256::digest(pipe.as_os_str().as_encoded_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_updater_has_a_name_of_its_own_that_stays_the_same() {
        let (one, other) = (name(Path::new("/run/one.sock")), name(Path::new("/run/other.sock")));
        assert_ne!(one, other);
        assert_eq!(one, name(Path::new("/run/one.sock")));
        assert_eq!(one.len(), 16);
    }
}
