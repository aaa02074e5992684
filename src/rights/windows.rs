//! Security descriptors.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{CloseHandle, ERROR_ALREADY_EXISTS, HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW,
    GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT, SE_KERNEL_OBJECT, SetNamedSecurityInfoW,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, EqualSid, GetSecurityDescriptorControl, GetSecurityDescriptorDacl,
    GetSecurityDescriptorOwner, GetTokenInformation, IsWellKnownSid, OWNER_SECURITY_INFORMATION,
    PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SE_DACL_PROTECTED, SECURITY_ATTRIBUTES,
    TOKEN_QUERY, TOKEN_USER, TokenUser, WinBuiltinAdministratorsSid, WinLocalSystemSid,
};
use windows_sys::Win32::Storage::FileSystem::CreateDirectoryW;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Makes a folder if it isn't there, for us, the system and the administrators alone. In the folder for the data of all
/// programs, where the service's lies, every user may read, and may make folders: so one that is there already must
/// belong to somebody trustworthy, and is closed to everybody else unless somebody has closed it already.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let own = own_account()?;
    let wanted = Descriptor::from_text(&format!("O:{own}D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{own})"))?;
    let path = wide(folder);
    let attributes = wanted.attributes();
    // SAFETY: the path ends with a zero, and what `attributes` points to outlives the call.
    if unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) } != 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(ERROR_ALREADY_EXISTS.cast_signed()) || !folder.is_dir() {
        return Err(error);
    }
    let found = Descriptor::of(Object::Path(folder))?;
    if !found.has_trusted_owner()? {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to neither the system, nor the administrators, nor the updater's own account",
        ));
    }
    if found.is_protected()? { Ok(()) } else { wanted.protect(&path) }
}

/// Whether something belongs to the system, the administrators or ourselves.
pub fn trusted_owner(object: Object<'_>) -> io::Result<bool> {
    Descriptor::of(object)?.has_trusted_owner()
}

/// What has a security descriptor.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// A file or folder.
    Path(&'a Path),
    /// An open end of a pipe.
    Pipe(BorrowedHandle<'a>),
}

/// A security descriptor that the system allocated for us.
pub struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    /// From the text form of descriptors (SDDL).
    pub fn from_text(text: &str) -> io::Result<Self> {
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

    /// Owner and list of rights of something.
    fn of(object: Object<'_>) -> io::Result<Self> {
        let wanted = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        // SAFETY: handle and name are valid through the call; what is not asked for has no place; `descriptor` is a place
        // for the result.
        let status = unsafe {
            let (none, none_of_a_list) = (ptr::null_mut(), ptr::null_mut());
            match object {
                Object::Path(path) => GetNamedSecurityInfoW(
                    wide(path).as_ptr(),
                    SE_FILE_OBJECT,
                    wanted,
                    none,
                    none,
                    none_of_a_list,
                    none_of_a_list,
                    &raw mut descriptor,
                ),
                Object::Pipe(handle) => GetSecurityInfo(
                    handle.as_raw_handle() as HANDLE,
                    SE_KERNEL_OBJECT,
                    wanted,
                    none,
                    none,
                    none_of_a_list,
                    none_of_a_list,
                    &raw mut descriptor,
                ),
            }
        };
        if status == 0 { Ok(Self(descriptor)) } else { Err(io::Error::from_raw_os_error(status.cast_signed())) }
    }

    /// To make something with. Lives no longer than the descriptor.
    pub fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(u32::MAX),
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        }
    }

    fn has_trusted_owner(&self) -> io::Result<bool> {
        let (mut owner, mut defaulted): (PSID, i32) = (ptr::null_mut(), 0);
        // SAFETY: the descriptor is valid; the results have their places. `owner` points into the descriptor.
        if unsafe { GetSecurityDescriptorOwner(self.0, &raw mut owner, &raw mut defaulted) } == 0 {
            return Err(io::Error::last_os_error());
        }
        if owner.is_null() {
            return Ok(false);
        }
        // SAFETY: `owner` is a valid SID as long as the descriptor lives.
        let known = unsafe {
            IsWellKnownSid(owner, WinLocalSystemSid) != 0 || IsWellKnownSid(owner, WinBuiltinAdministratorsSid) != 0
        };
        // SAFETY: both are valid SIDs.
        Ok(known || with_own_sid(|own| unsafe { EqualSid(own, owner) != 0 })?)
    }

    /// Whether nothing is inherited from the folder above.
    fn is_protected(&self) -> io::Result<bool> {
        let (mut control, mut revision) = (0, 0);
        // SAFETY: the descriptor is valid; the results have their places.
        if unsafe { GetSecurityDescriptorControl(self.0, &raw mut control, &raw mut revision) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(control & SE_DACL_PROTECTED != 0)
    }

    /// Gives a folder, and what is in it, our list of rights in place of what it inherited.
    fn protect(&self, path: &[u16]) -> io::Result<()> {
        let (mut present, mut defaulted, mut list) = (0, 0, ptr::null_mut());
        // SAFETY: the descriptor is valid; the results have their places. `list` points into the descriptor.
        if unsafe { GetSecurityDescriptorDacl(self.0, &raw mut present, &raw mut list, &raw mut defaulted) } == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the path ends with a zero, and the list is valid as long as the descriptor lives.
        let status = unsafe {
            SetNamedSecurityInfoW(
                path.as_ptr(),
                SE_FILE_OBJECT,
                DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                ptr::null_mut(),
                ptr::null_mut(),
                list,
                ptr::null(),
            )
        };
        if status == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(status.cast_signed())) }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: allocated by the system with LocalAlloc, and freed once.
        unsafe { LocalFree(self.0) };
    }
}

/// The account that this process runs as, in the text form of SIDs.
pub fn own_account() -> io::Result<String> {
    with_own_sid(|sid| {
        let mut text = ptr::null_mut();
        // SAFETY: the SID is valid, and `text` is a place for the result.
        if unsafe { ConvertSidToStringSidW(sid, &raw mut text) } == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the system gave us a text that ends with a zero, to be freed once with LocalFree.
        unsafe {
            let mut length = 0;
            while *text.add(length) != 0 {
                length += 1;
            }
            let result = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
            LocalFree(text.cast());
            Ok(result)
        }
    })?
}

/// Hands over the SID of the account that this process runs as.
fn with_own_sid<T>(use_it: impl FnOnce(PSID) -> T) -> io::Result<T> {
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
    Ok(use_it(unsafe { (*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid }))
}

fn wide(path: &Path) -> Vec<u16> {
    path.as_os_str().encode_wide().chain([0]).collect()
}
