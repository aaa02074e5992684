//! What a setup asks of Exchange's administration, whichever way the cmdlets are run.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::{Cmdlet, ManagementError, Member, RoleAssignment, role};

/// What a cmdlet gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// Properties by name. What is no text, number or truth value is there as the text that the server gives for it.
    pub objects: Vec<Map<String, Value>>,
    /// Word for word.
    pub warnings: Vec<String>,
}

/// The administration of an organisation. Whoever calls may drop what a method returns at any time: that cancels it.
pub trait Administration: Send + Sync {
    /// Runs a cmdlet with its parameters: texts, numbers and truth values.
    fn run(&self, cmdlet: Cmdlet, parameters: Map<String, Value>) -> BoxFuture<'_, Result<Output, ManagementError>>;

    /// Leaves; what was opened on the server is closed there. It is opened again when it is needed.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// The assignments that give this account the right to impersonate, through groups as well.
    fn role_assignments<'a>(&'a self, upn: &'a str) -> BoxFuture<'a, Result<Vec<RoleAssignment>, ManagementError>> {
        Box::pin(async move {
            let parameters = json!({ "Role": role::IMPERSONATION, "RoleAssignee": upn, "GetEffectiveUsers": false });
            let output = self.run(Cmdlet::GetManagementRoleAssignment, object(parameters)).await?;
            Ok(output.objects.iter().map(role::assignment).collect())
        })
    }

    /// Gives the account the right to impersonate every mailbox, or those of a management scope. Returns the cmdlet's
    /// warnings.
    fn grant_impersonation<'a>(
        &'a self,
        upn: &'a str,
        name: &'a str,
        scope: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<String>, ManagementError>> {
        Box::pin(async move {
            let mut parameters = object(json!({ "Name": name, "Role": role::IMPERSONATION, "User": upn }));
            if let Some(scope) = scope {
                parameters.insert("CustomRecipientWriteScope".to_owned(), scope.into());
            }
            Ok(self.run(Cmdlet::NewManagementRoleAssignment, parameters).await?.warnings)
        })
    }

    /// The members of Organization Management.
    fn organisation_management_members(&self) -> BoxFuture<'_, Result<Vec<Member>, ManagementError>> {
        Box::pin(async move {
            let parameters = json!({ "Identity": role::ORGANISATION_MANAGEMENT });
            let output = self.run(Cmdlet::GetRoleGroupMember, object(parameters)).await?;
            Ok(output.objects.iter().map(role::member).collect())
        })
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
