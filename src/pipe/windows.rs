//! The pipe on Windows: a named pipe.
//!
//! Who may connect is in the pipe's security descriptor, [`ACCESS`], and nowhere else: the system refuses everybody
//! else before we hear of it. Remote clients are rejected, and the first instance must be ours, so that nobody can
//! have put a pipe of that name there before us. The client, in turn, looks who owns the pipe before it says
//! anything: a squatter's pipe belongs to the squatter.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::windows::io::AsRawHandle as _;
use std::path::{Path, PathBuf};
use std::ptr;

use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    EqualSid, GetTokenInformation, IsWellKnownSid, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID,
    SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser, WinBuiltinAdministratorsSid, WinLocalSystemSid,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::listener::{Peer, Verdict};

pub type Stream = NamedPipeServer;

/// Full access for LocalSystem, Administrators and the pipe's owner, which is the account the updater runs as;
/// nothing inherited, nobody else.
const ACCESS: &str = "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;OW)";

pub fn default_path() -> PathBuf {
    PathBuf::from(r"\\.\pipe\sent-items-update")
}

pub struct Listener {
    path: PathBuf,
    /// The instance that the next client will connect to.
    next: NamedPipeServer,
}

impl Listener {
    #[allow(clippy::unused_async)] // the same name and form as on Unix
    pub async fn bind(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), next: instance(path, true)? })
    }

    pub async fn accept(&mut self) -> io::Result<(Stream, Verdict)> {
        self.next.connect().await?;
        let connected = std::mem::replace(&mut self.next, instance(&self.path, false)?);
        Ok((connected, Verdict::Welcome(Peer { name: "an administrator or the updater's own account".to_owned() })))
    }
}

fn instance(path: &Path, first: bool) -> io::Result<NamedPipeServer> {
    let descriptor = Descriptor::from_text(ACCESS)?;
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(u32::MAX),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    // SAFETY: `attributes` is a valid SECURITY_ATTRIBUTES, and the descriptor that it points to outlives the call.
    unsafe {
        ServerOptions::new()
            .first_pipe_instance(first)
            .reject_remote_clients(true)
            .create_with_security_attributes_raw(path, ptr::from_mut(&mut attributes).cast::<c_void>())
    }
}

/// A security descriptor that the system allocated for us.
struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    fn from_text(text: &str) -> io::Result<Self> {
        let wide: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let mut descriptor = ptr::null_mut();
        // SAFETY: `wide` ends with a zero, and `descriptor` is a place for the result; its size is not asked for.
        let done = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                wide.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(descriptor)) }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: allocated by the system with LocalAlloc, and freed once.
        unsafe { LocalFree(self.0) };
    }
}

pub fn client_builder(path: &Path) -> reqwest::ClientBuilder {
    reqwest::Client::builder().windows_named_pipe(path.as_os_str().to_owned())
}

/// A pipe that somebody else put there could collect passwords: only LocalSystem's, the administrators' and our
/// own are spoken to.
pub fn check_owner(path: &Path) -> io::Result<()> {
    let pipe = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
    let mut owner: PSID = ptr::null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the handle is open; `owner` points into `descriptor`, which `_descriptor` below frees at the end.
    let status = unsafe {
        GetSecurityInfo(
            pipe.as_raw_handle() as HANDLE,
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if status != 0 {
        return Err(io::Error::from_raw_os_error(status.cast_signed()));
    }
    let _descriptor = Descriptor(descriptor);
    // SAFETY: `owner` is a valid SID as long as `_descriptor` lives.
    let known = unsafe {
        IsWellKnownSid(owner, WinLocalSystemSid) != 0 || IsWellKnownSid(owner, WinBuiltinAdministratorsSid) != 0
    };
    if known || is_own_user(owner)? {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{} belongs to neither the system, nor the administrators, nor you", path.display()),
    ))
}

fn is_own_user(sid: PSID) -> io::Result<bool> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the pseudo handle of the own process needs no closing; `token` is a place for the result.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // TOKEN_USER and the SID behind it: 68 bytes of SID at the most. u64 for the alignment.
    let mut buffer = [0_u64; 32];
    let mut length = 0;
    // SAFETY: the buffer is as long as is said; the token is open and closed once.
    let result = unsafe {
        let done = GetTokenInformation(
            token,
            TokenUser,
            buffer.as_mut_ptr().cast::<c_void>(),
            u32::try_from(size_of_val(&buffer)).unwrap_or(0),
            &raw mut length,
        );
        let result = if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        CloseHandle(token);
        result
    };
    result?;
    // SAFETY: the system filled the buffer with a TOKEN_USER, whose SID lies in the same buffer.
    Ok(unsafe { EqualSid((*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid, sid) } != 0)
}
