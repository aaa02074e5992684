//! Roles and role groups.

use serde_json::{Map, Value};

/// The role that lets an account work in the mailboxes of others.
pub(super) const IMPERSONATION: &str = "ApplicationImpersonation";

/// The role group whose members may do everything in Exchange.
pub(super) const ORGANISATION_MANAGEMENT: &str = "Organization Management";

/// What gives a role to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    pub name: String,
    pub role: String,
    pub enabled: bool,
    /// The management scope that limits it to some mailboxes.
    pub scope: Option<String>,
}

/// A member of a role group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// Every name by which it can be known: user principal name, addresses.
    pub known_as: Vec<String>,
}

impl Member {
    #[must_use]
    pub fn is(&self, upn: &str) -> bool {
        self.known_as.iter().any(|name| name.eq_ignore_ascii_case(upn))
    }
}

pub(super) fn assignment(object: &Map<String, Value>) -> RoleAssignment {
    RoleAssignment {
        name: text(object, "Name").unwrap_or_default(),
        role: text(object, "Role").unwrap_or_default(),
        // An object that does not say otherwise is in force.
        enabled: object.get("Enabled").and_then(Value::as_bool).unwrap_or(true),
        scope: text(object, "CustomRecipientWriteScope"),
    }
}

pub(super) fn member(object: &Map<String, Value>) -> Member {
    let names = [
        "UserPrincipalName",
        "WindowsLiveID",
        "PrimarySmtpAddress",
        "WindowsEmailAddress",
        "ExternalDirectoryObjectId",
    ];
    Member {
        name: text(object, "DisplayName").or_else(|| text(object, "Name")).unwrap_or_default(),
        known_as: names.iter().filter_map(|name| text(object, name)).collect(),
    }
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}
