//! What can go wrong between us and the administration.

use std::fmt;

use crate::ews::auth::oauth::TokenProblem;

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
    /// No token of Microsoft Entra, or one that is not accepted.
    #[error(transparent)]
    Token(#[from] TokenProblem),
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
        /// What else it said, word for word: further errors, and its warnings.
        also: Vec<String>,
    },
    #[error("{cmdlet} gave no answer within {seconds} seconds")]
    Timeout { cmdlet: Cmdlet, seconds: u64 },
    #[error("the answer to {cmdlet} is not understood: {why}")]
    NotUnderstood { cmdlet: Cmdlet, why: String },
    #[error("{cmdlet} asks a question, and there is nobody to answer it: {question}")]
    Asks { cmdlet: Cmdlet, question: String },
    /// Remote PowerShell lets the account in and opens no session for it.
    #[error("Exchange opens no remote PowerShell session for this account{}", behind(.told))]
    NoSession { told: String, denied: bool },
    #[error("Exchange opened no remote PowerShell session within {seconds} seconds")]
    SlowSession { seconds: u64 },
    #[error("the connection to {host} was lost while {doing}")]
    Lost { host: String, doing: String },
    #[error("there is no remote PowerShell of Exchange at {url}: {found}")]
    NoPowerShell { url: String, found: String },
    #[error("the server leads remote PowerShell to {to}, and there it may not go: {why}")]
    Redirected { to: String, why: String },
    #[error("remote PowerShell at {host} answers in a way that is not understood: {why}")]
    Protocol { host: String, why: String },
}

impl ManagementError {
    /// The cmdlet did not find what it was to work on.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.exception_is("ManagementObjectNotFoundException")
    }

    /// The person who asks may not do it. Exchange shows nobody a cmdlet, or a parameter of one, that no role of theirs
    /// allows: it answers as if there were none.
    #[must_use]
    pub fn is_not_allowed(&self) -> bool {
        const SAYING_SO: [&str; 4] = [
            "CommandNotFoundException",
            "ParameterBindingException",
            "UnauthorizedAccessException",
            "CmdletAccessDeniedException",
        ];
        matches!(self, Self::NotAllowed { .. } | Self::NoSession { denied: true, .. })
            || SAYING_SO.iter().any(|name| self.exception_is(name))
    }

    /// Everything that the other side said, word for word.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        let mut details = vec![self.to_string()];
        if let Self::Refused { also, .. } = self {
            details.extend(also.iter().cloned());
        }
        details
    }

    fn exception_is(&self, name: &str) -> bool {
        matches!(self, Self::Refused { exception: Some(exception), .. } if exception == name)
    }
}

fn behind(told: &str) -> String {
    if told.is_empty() { String::new() } else { format!(": {told}") }
}
