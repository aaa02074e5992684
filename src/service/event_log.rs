//! The event log of Windows: start and stop of the service, warnings and errors, in the log *Application*.
//!
//! The texts of the entries are our own; what the event viewer asks of their source is a table that says so (`%1`),
//! which `build.rs` puts into the program.
#![allow(unsafe_code)]

mod layer;

use std::io;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE, RegisterEventSourceW,
    ReportEventW,
};

pub use layer::EventLogLayer;

/// Who the entries are from.
pub const SOURCE: &str = "Sent Items Update";

/// A string of an entry may have 31,839 characters.
const LONGEST: usize = 30_000;

/// What an entry is about. The number is its event ID, by which a monitoring program can tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    Started = 100,
    Stopped = 101,
    Warning = 200,
    Error = 300,
}

fn key() -> String {
    format!(r"SYSTEM\CurrentControlSet\Services\EventLog\Application\{SOURCE}")
}

/// Tells the event viewer which program has the texts.
///
/// # Errors
/// When the registry can't be written, which takes an administrator.
pub fn register(program: &Path) -> io::Result<()> {
    let key = windows_registry::LOCAL_MACHINE.create(key())?;
    key.set_string("EventMessageFile", program.to_string_lossy())?;
    let types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    key.set_u32("TypesSupported", types.into())?;
    Ok(())
}

/// # Errors
/// When the registry can't be written. That there is nothing to remove is none.
pub fn unregister() -> io::Result<()> {
    if windows_registry::LOCAL_MACHINE.open(key()).is_err() {
        return Ok(());
    }
    Ok(windows_registry::LOCAL_MACHINE.remove_tree(key())?)
}

/// The place where entries are written.
#[derive(Debug)]
pub struct EventLog(HANDLE);

// SAFETY: the system lets every thread of the process use such a handle, several at once.
unsafe impl Send for EventLog {}
// SAFETY: as above.
unsafe impl Sync for EventLog {}

impl EventLog {
    /// # Errors
    /// When the event log's service does not answer.
    pub fn open() -> io::Result<Self> {
        let source = wide(SOURCE);
        // SAFETY: the name ends with a zero; no server's name means this computer.
        let handle = unsafe { RegisterEventSourceW(ptr::null(), source.as_ptr()) };
        if handle.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(handle)) }
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// When the log is full, or its service does not answer.
    pub fn report(&self, kind: Kind, text: &str) -> io::Result<()> {
        let severity = match kind {
            Kind::Started | Kind::Stopped => EVENTLOG_INFORMATION_TYPE,
            Kind::Warning => EVENTLOG_WARNING_TYPE,
            Kind::Error => EVENTLOG_ERROR_TYPE,
        };
        let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
        let text = wide(&text[..end]);
        let strings = [text.as_ptr()];
        // SAFETY: the handle is open, and the one string that is said to be there is, and ends with a zero.
        let done = unsafe {
            ReportEventW(self.0, severity, 0, kind as u32, ptr::null_mut(), 1, 0, strings.as_ptr(), ptr::null())
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        // SAFETY: it was opened by us and is closed once.
        unsafe { DeregisterEventSource(self.0) };
    }
}

/// As the system wants it. What follows a zero in the text would be lost.
fn wide(text: &str) -> Vec<u16> {
    text.replace('\0', " ").encode_utf16().chain([0]).collect()
}
