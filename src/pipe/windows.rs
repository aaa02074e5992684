//! The pipe on Windows: a named pipe.
//!
//! Who may connect is in the pipe's security descriptor ([`access`]) and nowhere else: the system refuses everybody
//! else before we hear of it. Remote clients are rejected, and the first instance must be ours, so that nobody can
//! have put a pipe of that name there before us. The client, in turn, looks who owns the pipe before it says
//! anything: a squatter's pipe belongs to the squatter.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::OpenOptions;
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsHandle as _, AsRawHandle as _};
use std::path::{Path, PathBuf};
use std::ptr;

use futures_util::future::select_all;
use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_NO_DATA, ERROR_PIPE_BUSY, ERROR_SEM_TIMEOUT, HANDLE};
use windows_sys::Win32::Storage::FileSystem::SECURITY_IDENTIFICATION;
use windows_sys::Win32::System::Pipes::{GetNamedPipeClientProcessId, GetNamedPipeServerProcessId, WaitNamedPipeW};

use super::listener::{Peer, Verdict};
use crate::rights::{self, Descriptor, Object};
use crate::service;

pub type Stream = NamedPipeServer;

/// Instances that wait for a client. A client that finds none of them free is told that the pipe is busy; so there are more
/// than come at a time.
const WAITING: usize = 16;
/// Milliseconds that a client waits for a free instance.
const PATIENCE: u32 = 5_000;

/// Full access for LocalSystem, Administrators and the account that the updater runs as, which owns it; nothing
/// inherited, nobody else.
fn access() -> io::Result<Descriptor> {
    let own = rights::own_account()?;
    Descriptor::from_text(&format!("O:{own}D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;{own})"))
}

pub fn default_path() -> PathBuf {
    PathBuf::from(r"\\.\pipe\sent-items-update")
}

pub struct Listener {
    path: PathBuf,
    waiting: Vec<NamedPipeServer>,
}

impl Listener {
    #[allow(clippy::unused_async)] // the same name and form as on Unix
    pub async fn bind(path: &Path) -> io::Result<Self> {
        let first = instance(path, true).map_err(|error| match error.raw_os_error().map(i32::cast_unsigned) {
            // This is how the system says that it would not be the first instance.
            Some(ERROR_ACCESS_DENIED) => {
                io::Error::new(io::ErrorKind::AddrInUse, "another program has a pipe of this name")
            }
            _ => error,
        })?;
        let mut waiting = vec![first];
        while waiting.len() < WAITING {
            waiting.push(instance(path, false)?);
        }
        Ok(Self { path: path.to_owned(), waiting })
    }

    pub async fn accept(&mut self) -> io::Result<(Stream, Verdict)> {
        let stream = loop {
            let clients = self.waiting.iter().map(|instance| Box::pin(instance.connect()));
            let (connected, place, _) = select_all(clients).await;
            // One that did not connect is of no further use, either.
            let stream = std::mem::replace(&mut self.waiting[place], instance(&self.path, false)?);
            match connected {
                Ok(()) => break stream,
                // Whoever only looks whose pipe it is may be gone again before we have noticed.
                Err(error) if error.raw_os_error() == Some(ERROR_NO_DATA.cast_signed()) => {}
                Err(error) => return Err(error),
            }
        };
        let name = client_process(&stream).map_or_else(
            || "an administrator or the updater's own account".to_owned(),
            |process| format!("an administrator or the updater's own account (process {process})"),
        );
        Ok((stream, Verdict::Welcome(Peer { name })))
    }
}

fn instance(path: &Path, first: bool) -> io::Result<NamedPipeServer> {
    let access = access()?;
    let mut attributes = access.attributes();
    // SAFETY: `attributes` is a valid SECURITY_ATTRIBUTES, and the descriptor that it points to outlives the call.
    unsafe {
        ServerOptions::new()
            .first_pipe_instance(first)
            .reject_remote_clients(true)
            .create_with_security_attributes_raw(path, ptr::from_mut(&mut attributes).cast::<c_void>())
    }
}

/// Which process is at the other end. For the log; the right to be there was checked by the system.
fn client_process(stream: &Stream) -> Option<u32> {
    let mut process = 0;
    // SAFETY: the handle is open, and `process` is a place for the result.
    let done = unsafe { GetNamedPipeClientProcessId(stream.as_raw_handle() as HANDLE, &raw mut process) };
    (done != 0).then_some(process)
}

pub fn client_builder(path: &Path) -> reqwest::ClientBuilder {
    reqwest::Client::builder().windows_named_pipe(path.as_os_str().to_owned())
}

/// Whoever comes when every instance has a client is sent away and not made to wait.
pub const MAY_HAVE_NO_ROOM: bool = true;

pub fn no_room(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(i32::cast_unsigned);
    // The second is for whoever has waited for it in vain.
    matches!(code, Some(ERROR_PIPE_BUSY | ERROR_SEM_TIMEOUT))
}

/// A pipe that somebody else put there could collect passwords: only LocalSystem's, the administrators' and our own are
/// spoken to, and that of the service, whichever account it was given.
pub async fn check_owner(path: &Path) -> io::Result<()> {
    let path = path.to_owned();
    // It waits for a free instance, which whoever serves the pipe in this process could not make meanwhile.
    let looked = tokio::task::spawn_blocking(move || look_at_owner(&path)).await;
    looked.map_err(io::Error::other)?
}

fn look_at_owner(path: &Path) -> io::Result<()> {
    let pipe = connected(path)?;
    if rights::trusted_owner(Object::Pipe(pipe.as_handle()))? {
        return Ok(());
    }
    let mut process = 0;
    // SAFETY: the handle is open, and `process` is a place for the result.
    let known = unsafe { GetNamedPipeServerProcessId(pipe.as_raw_handle() as HANDLE, &raw mut process) } != 0;
    if known && service::status().is_ok_and(|state| state == service::State::Running { process: Some(process) }) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{} belongs to neither the system, nor the administrators, nor you", path.display()),
    ))
}

/// Connects without saying anything. Whoever is at the other end may see who we are, and not act in our name.
fn connected(path: &Path) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).security_qos_flags(SECURITY_IDENTIFICATION);
    loop {
        match options.open(path) {
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY.cast_signed()) => wait_for_room(path)?,
            other => return other,
        }
    }
}

/// Waits until an instance is free, which another client may take meanwhile.
fn wait_for_room(path: &Path) -> io::Result<()> {
    use std::os::windows::ffi::OsStrExt as _;
    let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: the name ends with a zero.
    if unsafe { WaitNamedPipeW(name.as_ptr(), PATIENCE) } == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
