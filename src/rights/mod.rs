//! Who may reach what belongs to the updater: its data folder, and on Windows its pipe.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

pub use platform::private_folder;
#[cfg(windows)]
pub use platform::{Descriptor, Object, own_account, trusted_owner};
