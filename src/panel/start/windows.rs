//! Services of Windows.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;

use tokio::process::{Child, Command};
use windows_sys::Win32::Foundation::{ERROR_CANCELLED, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, GetExitCodeProcess, INFINITE, WaitForSingleObject,
};
use windows_sys::Win32::UI::Shell::{SEE_MASK_NOASYNC, SEE_MASK_NOCLOSEPROCESS, SHELLEXECUTEINFOW, ShellExecuteExW};
use windows_sys::Win32::UI::WindowsAndMessaging::SW_HIDE;

use super::{StartError, program};
use crate::service::{self, ServiceError};

/// Starts the service. False: it is not installed here.
pub async fn start_service() -> Result<bool, StartError> {
    // The manager answers at once, but it may have to be waited for, and so may a person's consent.
    match tokio::task::spawn_blocking(ask).await {
        Ok(result) => result,
        Err(error) => Err(StartError::Service(format!("Asking Windows broke off: {error}."))),
    }
}

fn ask() -> Result<bool, StartError> {
    match service::start() {
        Ok(()) => Ok(true),
        Err(ServiceError::NotInstalled) => Ok(false),
        // The panel runs with no more rights than it was started with. For this one thing an administrator is asked.
        Err(ServiceError::NotPermitted) => as_administrator().map(|()| true),
        Err(error) => Err(StartError::Service(format!("Windows says: {error}."))),
    }
}

/// Lets the updater's program start the service, after Windows has asked whether it may do so as an administrator.
fn as_administrator() -> Result<(), StartError> {
    let failed = |error: io::Error| match error.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_CANCELLED) => StartError::Service("Only an administrator may start it, and you said no.".to_owned()),
        _ => StartError::Service(format!("An administrator could not be asked: {error}.")),
    };
    match run_elevated(&program()?, "service start").map_err(failed)? {
        0 => Ok(()),
        status => Err(StartError::Service(format!(
            "Started as an administrator, siu-updater ended with status {status}; the Application log of the event viewer \
             has the reason."
        ))),
    }
}

/// Runs a program as an administrator, without a window, and waits for its end.
fn run_elevated(program: &Path, arguments: &str) -> io::Result<u32> {
    let verb: Vec<u16> = "runas".encode_utf16().chain([0]).collect();
    let file: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();
    let parameters: Vec<u16> = arguments.encode_utf16().chain([0]).collect();
    let mut order = SHELLEXECUTEINFOW {
        cbSize: u32::try_from(size_of::<SHELLEXECUTEINFOW>()).unwrap_or(0),
        fMask: SEE_MASK_NOCLOSEPROCESS | SEE_MASK_NOASYNC,
        lpVerb: verb.as_ptr(),
        lpFile: file.as_ptr(),
        lpParameters: parameters.as_ptr(),
        nShow: SW_HIDE,
        ..SHELLEXECUTEINFOW::default()
    };
    // SAFETY: the structure says its size, and its texts end with a zero and outlive the call.
    if unsafe { ShellExecuteExW(&raw mut order) } == 0 {
        return Err(io::Error::last_os_error());
    }
    if order.hProcess.is_null() {
        return Err(io::Error::other("no program was started"));
    }
    // SAFETY: the system gave us the handle of the process, to be closed once.
    let process = unsafe { OwnedHandle::from_raw_handle(order.hProcess) };
    let handle = process.as_raw_handle() as HANDLE;
    let mut status = 0;
    // SAFETY: the handle is open; `status` is a place for the result.
    unsafe {
        if WaitForSingleObject(handle, INFINITE) != WAIT_OBJECT_0 || GetExitCodeProcess(handle, &raw mut status) == 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(status)
}

/// Without a console window, and deaf to Ctrl-C in the panel's.
pub fn detach(command: &mut Command) {
    command.creation_flags(CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP);
}

/// There is no gentle way to a process without a console. Nothing that it accepted is lost by this.
pub fn ask_to_stop(child: &mut Child) {
    // One that is gone already needs no ending.
    let _ = child.start_kill();
}

/// Waits until this process is told to end. For ever, when that can't be heard.
pub async fn told_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
