//! Granting the right (W9): by remote PowerShell of the server that was found, or by Exchange's REST administration
//! where that is named.

use std::sync::Arc;

use reqwest::Url;

use super::Domain;
use crate::management::remote_powershell::{Authorise, Negotiated, PowerShellEndpoint, RemotePowerShell, beside};
use crate::management::{Administration, Authorization, Endpoint, Management, ManagementError};
use crate::setup::{Access, Failure, Granted, Located, Page, cmdlet, failures};

/// Hosts of Exchange Online, where remote PowerShell is switched off.
const ONLINE: [&str; 5] = ["office365.com", "office365.us", "outlook.com", "outlook.cn", "apps.mil"];

impl Domain {
    pub(super) async fn granted(&self, upn: &str, located: &Located) -> Result<Granted, Failure> {
        let ews = Url::parse(&located.connection.ews_url).ok();
        let Some(administration) = self.administration(ews.as_ref()) else {
            return self.granted_by_hand(upn, located).await;
        };
        let scope = self.options.write_scope.as_deref();
        let error = match administration {
            Err(error) => error,
            Ok(administration) => {
                let granted = grant(administration.as_ref(), upn, scope).await;
                administration.close().await;
                match granted {
                    Ok(granted) => return Ok(granted),
                    Err(error) => error,
                }
            }
        };
        // Who can't ask may still see whether somebody granted it by hand.
        if let Ok(granted) = self.granted_by_hand(upn, located).await {
            return Ok(granted);
        }
        let mut failure = refused(upn, &error);
        if error.is_not_allowed() {
            failure.details.push(self.membership_of_the_person().await);
        }
        if failure.cmdlet.is_some() {
            failure.cmdlet = Some(cmdlet::grant_within(upn, scope));
        }
        Err(failure)
    }

    /// Whether the person configuring is in Organization Management, as a sentence: that is where the role comes from.
    async fn membership_of_the_person(&self) -> String {
        let Some(person) = &self.options.person else {
            return "Whether you are a member of Organization Management was not looked up, because your name is not \
                    known."
                .to_owned();
        };
        let upn = &person.upn;
        match self.is_nested_member(upn).await {
            Ok(true) => format!(
                "{upn} is a member of Organization Management; a membership takes effect with the next sign-in, and the \
                 role group may have lost the role Role Management."
            ),
            Ok(false) => format!("{upn} is not a member of Organization Management."),
            Err(why) => format!(
                "Whether {upn} is a member of Organization Management could not be found out: {}.",
                why.trim_end_matches('.')
            ),
        }
    }

    /// The administration, signed in as the person configuring. `ews` is where Exchange was found.
    pub(super) fn administration(&self, ews: Option<&Url>) -> Option<Result<Box<dyn Administration>, ManagementError>> {
        match &self.options.management {
            Some(base) => self.rest(base.clone()),
            None => self.remote_powershell(ews),
        }
    }

    fn rest(&self, base: Url) -> Option<Result<Box<dyn Administration>, ManagementError>> {
        let authorization = match (&self.options.management_authorization, &self.options.person) {
            (Some(authorization), _) => authorization.clone(),
            (None, Some(person)) => {
                Authorization::Basic { user: person.upn.clone(), password: person.password.clone() }
            }
            (None, None) => return None,
        };
        let management = Management::new(&Endpoint {
            extra_roots: self.options.extra_roots.clone(),
            ..Endpoint::new(base, self.options.directory.domain(), authorization)
        });
        Some(management.map(|management| Box::new(management) as Box<dyn Administration>))
    }

    fn remote_powershell(&self, ews: Option<&Url>) -> Option<Result<Box<dyn Administration>, ManagementError>> {
        let url = match &self.options.remote_powershell {
            Some(url) => url.clone(),
            None => beside(ews.filter(|ews| !is_online(ews))?)?,
        };
        let authorise: Arc<dyn Authorise> = match (&self.options.authorise, &self.options.person) {
            (Some(authorise), _) => authorise.clone(),
            (None, Some(person)) => match Negotiated::new(&person.upn, &person.password, self.kdc()) {
                Ok(negotiated) => Arc::new(negotiated),
                Err(error) => return Some(Err(error)),
            },
            (None, None) => return None,
        };
        let mut trusted = vec![self.options.directory.domain().to_owned()];
        trusted.extend(self.options.autodiscover.trusted.iter().cloned());
        let endpoint = PowerShellEndpoint {
            extra_roots: self.options.extra_roots.clone(),
            trusted,
            ..PowerShellEndpoint::new(url, authorise)
        };
        Some(RemotePowerShell::new(endpoint).map(|client| Box::new(client) as Box<dyn Administration>))
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

fn is_online(ews: &Url) -> bool {
    let host = ews.host_str().unwrap_or_default().to_ascii_lowercase();
    ONLINE.iter().any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// What exists is recognised and kept.
async fn grant(
    administration: &dyn Administration,
    upn: &str,
    scope: Option<&str>,
) -> Result<Granted, ManagementError> {
    let there = |assignments: &[crate::management::RoleAssignment]| assignments.iter().any(|one| one.enabled);
    match administration.role_assignments(upn).await {
        Ok(assignments) if there(&assignments) => return Ok(Granted::Before),
        Ok(_) => {}
        // Some servers say "not found" of an account that has no assignment.
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    let error = match administration.grant_impersonation(upn, &cmdlet::assignment_name(upn), scope).await {
        Ok(warnings) => return Ok(Granted::Now { warnings }),
        Err(error) => error,
    };
    // Somebody else may have granted it between the two questions, or the answer alone was lost.
    match administration.role_assignments(upn).await {
        Ok(assignments) if there(&assignments) => Ok(Granted::Before),
        _ => Err(error),
    }
}

/// With the administration's own words beside ours.
fn refused(upn: &str, error: &ManagementError) -> Failure {
    let details = error.details();
    let not_granted = |cause: &str| failures::right_not_granted(upn, cause, details.clone());
    match error {
        ManagementError::Refused { message, .. }
            if error.is_not_found() && message.contains("ApplicationImpersonation") =>
        {
            failures::role_gone(upn, details)
        }
        // What the server would take tells why.
        ManagementError::SignIn { told, .. } if told.starts_with("the server offers") && !told.contains("Basic") => {
            let mut failure = not_granted(
                "Exchange's remote PowerShell takes no name with a password: Basic authentication is switched off there, \
                 as it is at first",
            );
            failure.advice.push(
                "Or switch it on for encrypted connections (Set-PowerShellVirtualDirectory with -BasicAuthentication \
                 $true), run this step again, and switch it off afterwards."
                    .to_owned(),
            );
            failure
        }
        ManagementError::SignIn { told, .. } if told.contains("does not work") => {
            let mut failure = not_granted(&format!(
                "There is no way to sign in to Exchange's remote PowerShell from this computer: {told}"
            ));
            failure.advice.push(
                "Check that this computer finds the domain's controllers (DNS) and that its clock is right: Kerberos needs \
                 both."
                    .to_owned(),
            );
            failure
        }
        ManagementError::SignIn { .. } => {
            not_granted("Exchange's administration does not accept the name and password of the person configuring")
        }
        error if error.is_not_allowed() => not_granted(
            "the person configuring may not grant roles: that takes the role Role Management, which members of \
             Organization Management have",
        ),
        ManagementError::Refused { message, .. } => not_granted(&format!("Exchange answers: {message}")),
        other => {
            let mut failure = not_granted(&other.to_string());
            if matches!(other, ManagementError::NotReachable { untrusted: true, .. }) {
                failure.advice.splice(0..0, super::probe::trust_advice(true));
                failure.page = Some(Page::Connection);
            }
            failure
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::BoxFuture;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::management::{Cmdlet, Output};

    const UPN: &str = "svc@corp.example";

    /// An administration that answers in turn.
    struct Scripted {
        answers: Mutex<Vec<Result<Output, ManagementError>>>,
        asked: Mutex<Vec<(Cmdlet, Map<String, Value>)>>,
    }

    impl Scripted {
        fn new(answers: impl IntoIterator<Item = Result<Output, ManagementError>>) -> Self {
            let answers: Vec<_> = answers.into_iter().collect();
            Self { answers: Mutex::new(answers.into_iter().rev().collect()), asked: Mutex::default() }
        }

        fn asked(&self) -> Vec<Cmdlet> {
            self.asked.lock().unwrap().iter().map(|(cmdlet, _)| *cmdlet).collect()
        }
    }

    impl Administration for Scripted {
        fn run(&self, cmdlet: Cmdlet, given: Map<String, Value>) -> BoxFuture<'_, Result<Output, ManagementError>> {
            self.asked.lock().unwrap().push((cmdlet, given));
            let answer = self.answers.lock().unwrap().pop().expect("nothing more is asked");
            Box::pin(async { answer })
        }
    }

    fn nothing() -> Output {
        Output::default()
    }

    fn assignment(enabled: bool) -> Output {
        let Value::Object(one) = json!({ "Name": "x", "Role": "ApplicationImpersonation", "Enabled": enabled }) else {
            unreachable!()
        };
        Output { objects: vec![one], warnings: Vec::new() }
    }

    fn error(message: &str, exception: &str) -> ManagementError {
        ManagementError::Refused {
            cmdlet: Cmdlet::NewManagementRoleAssignment,
            message: message.to_owned(),
            exception: Some(exception.to_owned()),
            also: vec!["WARNING: Careful.".to_owned()],
        }
    }

    const GET: Cmdlet = Cmdlet::GetManagementRoleAssignment;
    const NEW: Cmdlet = Cmdlet::NewManagementRoleAssignment;

    /// W9
    #[tokio::test]
    async fn what_the_cmdlets_say_stands_beside_our_explanation() {
        let refusing = Scripted::new([Ok(nothing()), Err(error("The domain is read-only.", "X")), Ok(nothing())]);
        let failure = refused(UPN, &grant(&refusing, UPN, None).await.unwrap_err());
        assert_eq!(
            failure.details,
            ["New-ManagementRoleAssignment failed: The domain is read-only.", "WARNING: Careful."]
        );
        assert!(failure.cause.contains("The domain is read-only."), "{failure:?}");
        assert_eq!(failure.cmdlet.as_deref(), Some(cmdlet::grant(UPN).as_str()));
        assert_eq!(refusing.asked(), [GET, NEW, GET]);
    }

    /// W9
    #[test]
    fn who_may_not_grant_is_told_which_role_group_may() {
        let denied = ManagementError::NoSession { told: "Access is denied. (error 5)".to_owned(), denied: true };
        let hidden = error("The term 'New-ManagementRoleAssignment' is not recognized.", "CommandNotFoundException");
        for error in [denied, hidden] {
            let failure = refused(UPN, &error);
            assert!(failure.cause.contains("Organization Management"), "{failure:?}");
            assert_eq!(failure.details[0], error.to_string());
        }
    }

    /// W9, U11
    #[test]
    fn a_server_that_takes_no_password_is_told_from_a_wrong_password() {
        let sign_in = |told: &str| refused(UPN, &ManagementError::SignIn { status: 401, told: told.to_owned() });
        let negotiate = sign_in("the server offers Negotiate, Kerberos");
        assert!(negotiate.cause.contains("Basic authentication is switched off"), "{negotiate:?}");
        assert!(negotiate.advice.iter().any(|line| line.contains("Set-PowerShellVirtualDirectory")));
        let no_ticket = sign_in("Kerberos does not work (there is no Kerberos ticket to be had)");
        assert!(no_ticket.cause.contains("no Kerberos ticket"), "{no_ticket:?}");
        assert!(no_ticket.advice.iter().any(|line| line.contains("DNS")));
        let wrong = sign_in("the server offers Negotiate, Basic");
        assert!(wrong.cause.contains("does not accept the name and password"), "{wrong:?}");
    }

    /// W8
    #[tokio::test]
    async fn a_right_that_is_there_is_recognised_and_kept() {
        let there = Scripted::new([Ok(assignment(true))]);
        assert_eq!(grant(&there, UPN, Some("Sales")).await, Ok(Granted::Before));
        assert_eq!(there.asked(), [GET]);
        let meanwhile = Scripted::new([Ok(nothing()), Err(error("It exists.", "X")), Ok(assignment(true))]);
        assert_eq!(grant(&meanwhile, UPN, None).await, Ok(Granted::Before));
    }

    /// W6
    #[tokio::test]
    async fn a_right_that_is_missing_or_switched_off_is_granted_under_its_name() {
        let not_found = Err(error("The operation couldn't be performed.", "ManagementObjectNotFoundException"));
        for before in [Ok(nothing()), Ok(assignment(false)), not_found] {
            let missing = Scripted::new([before, Ok(assignment(true))]);
            assert_eq!(grant(&missing, UPN, None).await, Ok(Granted::Now { warnings: Vec::new() }));
            assert_eq!(missing.asked(), [GET, NEW]);
            let (_, given) = missing.asked.lock().unwrap()[1].clone();
            let expected = json!({ "Name": "SentItemsUpdate-svc", "Role": "ApplicationImpersonation", "User": UPN });
            assert_eq!(Value::Object(given), expected);
        }
    }

    /// W6, W9: what Exchange remarks on a right that it grants is not lost, and a scope limits the right.
    #[tokio::test]
    async fn warnings_are_kept_and_a_scope_is_handed_over() {
        let warned = Output { objects: Vec::new(), warnings: vec!["The scope is empty.".to_owned()] };
        let granting = Scripted::new([Ok(nothing()), Ok(warned)]);
        let warnings = vec!["The scope is empty.".to_owned()];
        assert_eq!(grant(&granting, UPN, Some("Sales")).await, Ok(Granted::Now { warnings }));
        let (_, given) = granting.asked.lock().unwrap()[1].clone();
        assert_eq!(given["CustomRecipientWriteScope"], "Sales");
    }

    #[test]
    fn exchange_online_is_not_asked_for_remote_powershell() {
        let online = |url: &str| is_online(&url.parse().unwrap());
        assert!(online("https://outlook.office365.com/EWS/Exchange.asmx"));
        assert!(!online("https://mail.notoutlook.com/EWS/Exchange.asmx"));
        assert!(!online("https://mail.corp.example/EWS/Exchange.asmx"));
    }
}
