//! Roles and role groups.

use serde_json::{Map, Value, json};

use super::{Cmdlet, Management, ManagementError};

/// The role that lets an account work in the mailboxes of others.
const IMPERSONATION: &str = "ApplicationImpersonation";

/// The role group whose members may do everything in Exchange.
const ORGANISATION_MANAGEMENT: &str = "Organization Management";

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

impl Management {
    /// The assignments that give this account the right to impersonate, through groups as well.
    pub async fn role_assignments(&self, upn: &str) -> Result<Vec<RoleAssignment>, ManagementError> {
        let parameters = json!({ "Role": IMPERSONATION, "RoleAssignee": upn });
        let (objects, _) = self.invoke(Cmdlet::GetManagementRoleAssignment, parameters).await?;
        Ok(objects.iter().map(assignment).collect())
    }

    /// Gives the account the right to impersonate every mailbox. Returns the cmdlet's warnings.
    pub async fn grant_impersonation(&self, upn: &str, name: &str) -> Result<Vec<String>, ManagementError> {
        let parameters = json!({ "Name": name, "Role": IMPERSONATION, "User": upn });
        Ok(self.invoke(Cmdlet::NewManagementRoleAssignment, parameters).await?.1)
    }

    /// The members of Organization Management.
    pub async fn organisation_management_members(&self) -> Result<Vec<Member>, ManagementError> {
        let parameters = json!({ "Identity": ORGANISATION_MANAGEMENT });
        let (objects, _) = self.invoke(Cmdlet::GetRoleGroupMember, parameters).await?;
        Ok(objects.iter().map(member).collect())
    }
}

fn assignment(object: &Map<String, Value>) -> RoleAssignment {
    RoleAssignment {
        name: text(object, "Name").unwrap_or_default(),
        role: text(object, "Role").unwrap_or_default(),
        // An object that does not say otherwise is in force.
        enabled: object.get("Enabled").and_then(Value::as_bool).unwrap_or(true),
        scope: text(object, "CustomRecipientWriteScope"),
    }
}

fn member(object: &Map<String, Value>) -> Member {
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
