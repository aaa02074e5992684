//! What can go wrong between us and the administration.

use std::fmt;

/// The cmdlets that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cmdlet {
    GetManagementRoleAssignment,
    NewManagementRoleAssignment,
    GetRoleGroupMember,
}

impl Cmdlet {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GetManagementRoleAssignment => "Get-ManagementRoleAssignment",
            Self::NewManagementRoleAssignment => "New-ManagementRoleAssignment",
            Self::GetRoleGroupMember => "Get-RoleGroupMember",
        }
    }
}

impl fmt::Display for Cmdlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// In words for the administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManagementError {
    #[error("the address of Exchange's administration can't be used: {0}")]
    Address(String),
    #[error("the account's name or token has characters that can't be used to sign in")]
    Account,
    #[error("Exchange's administration on {host} can't be reached: {why}")]
    NotReachable { host: String, why: String, untrusted: bool },
    #[error("Exchange's administration does not let us in (HTTP status {status}){}", behind(.told))]
    SignIn { status: u16, told: String },
    #[error("{cmdlet} is not allowed (HTTP status 403){}", behind(.told))]
    NotAllowed { cmdlet: Cmdlet, told: String },
    #[error("there is no REST administration of Exchange at this address (HTTP status {status})")]
    NotThere { status: u16 },
    /// What the cmdlet itself says, word for word.
    #[error("{cmdlet} failed: {message}")]
    Refused {
        cmdlet: Cmdlet,
        message: String,
        /// The exception's type, such as `ManagementObjectNotFoundException`.
        exception: Option<String>,
    },
    #[error("{cmdlet} gave no answer within {seconds} seconds")]
    Timeout { cmdlet: Cmdlet, seconds: u64 },
    #[error("the answer to {cmdlet} is not understood: {why}")]
    NotUnderstood { cmdlet: Cmdlet, why: String },
}

impl ManagementError {
    /// The cmdlet did not find what it was to work on.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.exception_is("ManagementObjectNotFoundException")
    }

    fn exception_is(&self, name: &str) -> bool {
        matches!(self, Self::Refused { exception: Some(exception), .. } if exception == name)
    }
}

fn behind(told: &str) -> String {
    if told.is_empty() { String::new() } else { format!(": {told}") }
}
