//! A named event of the user's session.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr;

use tracing::warn;
use windows_sys::Win32::Foundation::{ERROR_ALREADY_EXISTS, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, SetEvent, WaitForSingleObject};
use windows_sys::Win32::UI::WindowsAndMessaging::{ASFW_ANY, AllowSetForegroundWindow};

use super::Claim;

/// The right to be the only one. Goes with the process, however that ends.
pub struct Seat {
    event: OwnedHandle,
}

pub fn claim(name: &str) -> io::Result<Claim> {
    // "Local" is the session: another user of the same server has another one.
    let name: Vec<u16> = format!(r"Local\sent-items-update-panel-{name}").encode_utf16().chain([0]).collect();
    // SAFETY: the name ends with a zero; the event is ours alone, resets itself, and is not yet signalled.
    let event = unsafe { CreateEventW(ptr::null(), 0, 0, name.as_ptr()) };
    let already = io::Error::last_os_error();
    if event.is_null() {
        return Err(already);
    }
    // SAFETY: the handle is open and nobody else's.
    let event = unsafe { OwnedHandle::from_raw_handle(event) };
    if already.raw_os_error() != Some(ERROR_ALREADY_EXISTS.cast_signed()) {
        return Ok(Claim::First(Seat { event }));
    }
    // SAFETY: plain calls; the event's handle is open. Whoever was started last may bring a window to the front, and
    // passes this right on; without it, the window only shows in the taskbar that it wants to be seen.
    let told = unsafe {
        AllowSetForegroundWindow(ASFW_ANY);
        SetEvent(event.as_raw_handle() as HANDLE)
    };
    if told == 0 { Err(io::Error::last_os_error()) } else { Ok(Claim::Raised) }
}

impl Seat {
    /// From now on, calls `raise` for everyone who comes later.
    pub fn listen(self, raise: impl Fn() + Send + 'static) {
        let listening = std::thread::Builder::new().name("single".to_owned()).spawn(move || {
            // SAFETY: the handle is open as long as this thread has it.
            while unsafe { WaitForSingleObject(self.event.as_raw_handle() as HANDLE, INFINITE) } == WAIT_OBJECT_0 {
                raise();
            }
        });
        if let Err(problem) = listening {
            warn!(%problem, "a second start will not be heard of");
        }
    }
}
