//! Granting the right (W9), by Exchange's REST administration where it is reachable.

use super::Domain;
use crate::management::{Authorization, Endpoint, Management, ManagementError};
use crate::setup::{Access, Failure, Granted, Located, Page, cmdlet, failures};

impl Domain {
    pub(super) async fn granted(&self, upn: &str, located: &Located) -> Result<Granted, Failure> {
        match self.management() {
            Some(management) => grant(&management.map_err(|error| refused(upn, &error))?, upn).await,
            None => self.granted_by_hand(upn, located).await,
        }
    }

    /// The administration, signed in as the person configuring.
    pub(super) fn management(&self) -> Option<Result<Management, ManagementError>> {
        let base = self.options.management.clone()?;
        let person = self.options.person.as_ref()?;
        let authorization = Authorization::Basic { user: person.upn.clone(), password: person.password.clone() };
        Some(Management::new(&Endpoint {
            extra_roots: self.options.extra_roots.clone(),
            ..Endpoint::new(base, self.options.directory.domain(), authorization)
        }))
    }

    /// Whether somebody granted the right already is found out by using it.
    async fn granted_by_hand(&self, upn: &str, located: &Located) -> Result<Granted, Failure> {
        let Some(password) = self.password_of(upn) else {
            return Err(failures::right_to_be_granted_by_hand(upn, Vec::new()));
        };
        let connection = located.connection.clone();
        let access = Access { connection, upn: upn.to_owned(), password, mailbox: None };
        match self.tested(&access).await {
            Ok(_) => Ok(Granted::Before),
            Err(failure) if failure.code.as_deref() == Some("ErrorImpersonateUserDenied") => {
                Err(failures::right_to_be_granted_by_hand(upn, failure.details))
            }
            // It is not about the right. Without an answer to that nothing can be said of it.
            Err(mut failure) => {
                failure.cmdlet = Some(cmdlet::grant(upn));
                Err(failure)
            }
        }
    }
}

/// What exists is recognised and kept.
async fn grant(management: &Management, upn: &str) -> Result<Granted, Failure> {
    let there = |assignments: &[crate::management::RoleAssignment]| assignments.iter().any(|one| one.enabled);
    match management.role_assignments(upn).await {
        Ok(assignments) if there(&assignments) => return Ok(Granted::Before),
        Ok(_) => {}
        // Some servers say "not found" of an account that has no assignment.
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(refused(upn, &error)),
    }
    let Err(error) = management.grant_impersonation(upn, &cmdlet::assignment_name(upn)).await else {
        return Ok(Granted::Now);
    };
    // Somebody else may have granted it between the two questions.
    match management.role_assignments(upn).await {
        Ok(assignments) if there(&assignments) => Ok(Granted::Before),
        _ => Err(refused(upn, &error)),
    }
}

/// With the administration's own words beside ours.
fn refused(upn: &str, error: &ManagementError) -> Failure {
    let details = vec![error.to_string()];
    match error {
        ManagementError::Refused { message, .. }
            if error.is_not_found() && message.contains("ApplicationImpersonation") =>
        {
            failures::role_gone(upn, details)
        }
        ManagementError::SignIn { .. } => {
            let cause = "Exchange's administration does not accept the name and password of the person configuring";
            failures::right_not_granted(upn, cause, details)
        }
        ManagementError::NotAllowed { .. } => {
            let cause = "the person configuring may not grant roles: that takes the role Role Management, which members \
                         of Organization Management have";
            failures::right_not_granted(upn, cause, details)
        }
        ManagementError::Refused { message, .. } => {
            failures::right_not_granted(upn, &format!("Exchange answers: {message}"), details)
        }
        other => {
            let mut failure = failures::right_not_granted(upn, &other.to_string(), details);
            if matches!(other, ManagementError::NotReachable { untrusted: true, .. }) {
                failure.advice.splice(0..0, super::probe::trust_advice(true));
                failure.page = Some(Page::Connection);
            }
            failure
        }
    }
}
