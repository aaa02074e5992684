//! Services of Windows: the Service Control Manager.
#![allow(unsafe_code)]

use std::io;
use std::ptr;

use tokio::process::{Child, Command};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_DISABLED, ERROR_SERVICE_DOES_NOT_EXIST,
};
use windows_sys::Win32::System::Services::{
    CloseServiceHandle, OpenSCManagerW, OpenServiceW, SC_HANDLE, SC_MANAGER_CONNECT, SERVICE_START, StartServiceW,
};
use windows_sys::Win32::System::Threading::{CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW};

use super::StartError;

const SERVICE: &str = "sent-items-update";

/// Starts the service. False: it is not installed here.
pub async fn start_service() -> Result<bool, StartError> {
    // The manager answers at once, but it may have to be waited for after the start of the computer.
    match tokio::task::spawn_blocking(ask).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) => match error.raw_os_error().and_then(|code| u32::try_from(code).ok()) {
            Some(ERROR_SERVICE_DOES_NOT_EXIST) => Ok(false),
            // It is on its way, or hangs: whether it answers is found out by who asks.
            Some(ERROR_SERVICE_ALREADY_RUNNING) => Ok(true),
            Some(ERROR_ACCESS_DENIED) => {
                Err(StartError::Service("You may not start services; run the panel as an administrator.".to_owned()))
            }
            Some(ERROR_SERVICE_DISABLED) => {
                Err(StartError::Service("It is disabled; change its start type in the Services console.".to_owned()))
            }
            _ => Err(StartError::Service(format!("Windows says: {error}."))),
        },
        Err(error) => Err(StartError::Service(format!("Asking Windows broke off: {error}."))),
    }
}

/// A handle of the manager that is closed in the end.
struct Handle(SC_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it was opened by us and is closed once.
        unsafe { CloseServiceHandle(self.0) };
    }
}

fn opened(handle: SC_HANDLE) -> io::Result<Handle> {
    if handle.is_null() { Err(io::Error::last_os_error()) } else { Ok(Handle(handle)) }
}

fn ask() -> io::Result<()> {
    let name: Vec<u16> = SERVICE.encode_utf16().chain([0]).collect();
    // SAFETY: null names mean this computer and its usual database.
    let manager = opened(unsafe { OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_CONNECT) })?;
    // SAFETY: the manager's handle is open, and the name ends with a zero.
    let service = opened(unsafe { OpenServiceW(manager.0, name.as_ptr(), SERVICE_START) })?;
    // SAFETY: the service's handle is open with the right to start it; no arguments are given.
    if unsafe { StartServiceW(service.0, 0, ptr::null()) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
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
        std::future::pending().await
    }
}
