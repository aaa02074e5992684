//! Who configures, and the service account: created, or looked at condition by condition (W3, W11, W12).

use secrecy::SecretString;

use super::Domain;
use crate::directory::{AccountCheck, AccountCondition, AccountVerdict, SearchError};
use crate::settings::Environment;
use crate::setup::{Condition, CreatedAccount, Failure, Verdict, failures};

impl Domain {
    /// W12
    pub(super) async fn administrator(&self) -> Result<String, Failure> {
        match self.options.directory.is_domain_admin().await {
            Ok((name, true)) => Ok(name),
            Ok((name, false)) => Err(failures::not_an_administrator(&name, self.options.directory.domain())),
            Err(error) => Err(failures::directory("whether you are a domain administrator", &SearchError::from(error))),
        }
    }

    pub(super) async fn created(&self, name: &str) -> Result<CreatedAccount, Failure> {
        let directory = &self.options.directory;
        let created = directory.create_service_account(name).await.map_err(|error| {
            let problem = SearchError { what: error.to_string(), advice: error.advice() };
            failures::account_not_created(&format!("{name}@{}", directory.domain()), &problem)
        })?;
        Ok(CreatedAccount { upn: created.upn, password: created.password, taken_over: created.taken_over })
    }

    pub(super) async fn verified(
        &self,
        upn: &str,
        password: &SecretString,
        environment: Environment,
    ) -> Result<Vec<Condition>, Failure> {
        let checks = self.options.directory.verify(upn, password).await;
        let checks = checks.map_err(|error| failures::directory(&format!("about {upn}"), &SearchError::from(error)))?;
        let mut conditions: Vec<_> = checks.into_iter().map(|check| condition(check, upn)).collect();
        if environment == Environment::Hybrid {
            conditions.push(self.organisation_management(upn).await);
            conditions.extend(cloud_conditions());
        }
        Ok(conditions)
    }

    /// Hybrid: the account is in Organization Management.
    async fn organisation_management(&self, upn: &str) -> Condition {
        let verdict = match self.administration(self.found().as_ref()) {
            None => Verdict::Unknown(
                "Exchange's administration is not reachable with a name and a password; see it with \
                 Get-RoleGroupMember \"Organization Management\""
                    .to_owned(),
            ),
            Some(Err(error)) => Verdict::Unknown(error.to_string()),
            Some(Ok(administration)) => {
                let members = administration.organisation_management_members().await;
                administration.close().await;
                match members {
                    Err(error) => Verdict::Unknown(error.to_string()),
                    Ok(members) if members.iter().any(|member| member.is(upn)) => Verdict::Met,
                    Ok(_) => Verdict::Failed(Box::new(not_in_organisation_management(upn))),
                }
            }
        };
        Condition { name: "member of Organization Management".to_owned(), verdict }
    }
}

fn not_in_organisation_management(upn: &str) -> Failure {
    Failure {
        cmdlet: Some(crate::setup::cmdlet::add_to_organisation_management(upn)),
        ..failures::condition(
            &format!("{upn} is not a member of Organization Management"),
            "In a hybrid environment the account manages Exchange Online as well, and this role group gives it the \
             rights for that",
            &["Add it with the cmdlet below, or in the Exchange admin center under Roles, Admin roles"],
        )
    }
}

/// Hybrid: what only Microsoft Entra knows. It is not guessed at: a wrong "met" would cost more than an open question.
fn cloud_conditions() -> [Condition; 2] {
    let unknown =
        |name: &str, reason: &str| Condition { name: name.to_owned(), verdict: Verdict::Unknown(reason.to_owned()) };
    [
        unknown(
            "no federated domain (ADFS) in the user principal name",
            "it is seen in the Microsoft Entra admin center under Custom domain names",
        ),
        unknown(
            "no multi-factor authentication",
            "it is seen in the Microsoft Entra admin center under Conditional Access and per-user MFA",
        ),
    ]
}

fn condition(check: AccountCheck, upn: &str) -> Condition {
    let verdict = match check.verdict {
        AccountVerdict::Met => Verdict::Met,
        AccountVerdict::Unknown(reason) => Verdict::Unknown(reason),
        AccountVerdict::Failed { what, advice } => {
            let what = format!("{upn} can't be used: {what}");
            Verdict::Failed(Box::new(failures::condition(&what, cause(check.condition), &[advice.as_str()])))
        }
    };
    Condition { name: check.condition.to_string(), verdict }
}

/// Why it is a condition.
fn cause(condition: AccountCondition) -> &'static str {
    match condition {
        AccountCondition::ValidUpn => "The updater signs in to Exchange with the user principal name",
        AccountCondition::DomainUsers => {
            "Exchange and the directory give their ordinary rights to members of Domain Users"
        }
        AccountCondition::Enabled | AccountCondition::NotLocked | AccountCondition::NotExpired => {
            "The updater could not sign in"
        }
        AccountCondition::PasswordRight => {
            "The domain controller did not accept the password for this account; it was tried once"
        }
        AccountCondition::PasswordNotExpired | AccountCondition::PasswordNeedsNoChange => {
            "The updater could not sign in, because Exchange lets nobody in until the password is changed"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W11
    #[test]
    fn each_condition_that_fails_has_its_own_message_with_what_to_do() {
        let mut told = Vec::new();
        for one in AccountCondition::ALL {
            let verdict = AccountVerdict::Failed { what: format!("It is {one}."), advice: "Do this.".to_owned() };
            match condition(AccountCheck { condition: one, verdict }, "svc@corp.example").verdict {
                Verdict::Failed(failure) => {
                    assert!(failure.what.contains("svc@corp.example") && failure.cause.ends_with('.'), "{failure:?}");
                    assert_eq!(failure.advice, ["Do this."]);
                    told.push(failure.what);
                }
                other => panic!("{other:?}"),
            }
        }
        told.dedup();
        assert_eq!(told.len(), AccountCondition::ALL.len());
    }

    /// W11
    #[test]
    fn what_only_the_cloud_knows_is_not_called_met() {
        assert!(cloud_conditions().iter().all(|condition| matches!(condition.verdict, Verdict::Unknown(_))));
    }

    /// W11
    #[test]
    fn the_missing_role_group_comes_with_its_cmdlet() {
        let failure = not_in_organisation_management("svc@corp.example");
        assert!(failure.cmdlet.unwrap().contains("Add-RoleGroupMember"));
    }
}
