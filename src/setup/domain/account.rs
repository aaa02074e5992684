//! Who configures, and the service account: created, or looked at condition by condition (W3, W11, W12).

use futures_util::StreamExt as _;
use secrecy::SecretString;

use super::Domain;
use crate::directory::{AccountCheck, AccountCondition, AccountVerdict, DirectoryObject, DirectorySearch as _};
use crate::directory::{Kinds, Query, SearchError};
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
        let failed = checks.iter().any(|check| matches!(check.verdict, AccountVerdict::Failed { .. }));
        let right = |check: &AccountCheck| {
            check.condition == AccountCondition::PasswordRight && check.verdict == AccountVerdict::Met
        };
        let in_order = !failed && checks.iter().any(right);
        let mut conditions: Vec<_> = checks.into_iter().map(|check| condition(check, upn)).collect();
        if environment == Environment::Hybrid {
            conditions.push(self.organisation_management(upn).await);
            let (entra, roots) = (&self.options.entra, &self.options.extra_roots);
            conditions.extend(entra.conditions(upn, in_order.then_some(password), roots).await);
        }
        Ok(conditions)
    }

    /// Hybrid: the account is in Organization Management. The administration knows the role group's own members, the
    /// directory those of groups in it as well; whichever knows the account as one will do.
    async fn organisation_management(&self, upn: &str) -> Condition {
        let verdict = match (self.is_listed_member(upn).await, self.is_nested_member(upn).await) {
            (Ok(true), _) | (_, Ok(true)) => Verdict::Met,
            (Ok(false) | Err(_), Ok(false)) => Verdict::Failed(Box::new(not_in_organisation_management(upn))),
            (Ok(false) | Err(_), Err(why)) => Verdict::Unknown(why),
        };
        Condition { name: "member of Organization Management".to_owned(), verdict }
    }

    async fn is_listed_member(&self, upn: &str) -> Result<bool, String> {
        let administration = self.administration(self.found().as_ref());
        let administration = administration.ok_or("there is no way to Exchange's administration")?;
        let administration = administration.map_err(|error| error.to_string())?;
        let members = administration.organisation_management_members().await;
        administration.close().await;
        Ok(members.map_err(|error| error.to_string())?.iter().any(|member| member.is(upn)))
    }

    pub(super) async fn is_nested_member(&self, upn: &str) -> Result<bool, String> {
        let directory = &self.options.directory;
        let group = self.find(ORGANISATION_MANAGEMENT, Kinds { users: false, groups: true }, |object| {
            object.name.eq_ignore_ascii_case(ORGANISATION_MANAGEMENT)
                || object.account_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(ORGANISATION_MANAGEMENT))
        });
        let Some(group) = group.await? else {
            return Err(
                "the directory has no group Organization Management; see its members with Get-RoleGroupMember \
                        \"Organization Management\""
                    .to_owned(),
            );
        };
        let user = self.find(upn, Kinds { users: true, groups: false }, |object| {
            object.upn.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(upn))
        });
        let Some(user) = user.await? else { return Err(format!("the directory does not show {upn}")) };
        let members = directory.members(&[group.id]).await.map_err(|error| error.to_string())?;
        Ok(members.into_iter().flatten().flatten().any(|member| member.id == user.id))
    }

    /// The first object on the first page that is the one.
    async fn find(
        &self,
        text: &str,
        kinds: Kinds,
        is_it: impl Fn(&DirectoryObject) -> bool,
    ) -> Result<Option<DirectoryObject>, String> {
        let query = Query { text: text.to_owned(), kinds, domain: None, page_size: 100 };
        let page = self.options.directory.search(query).next().await;
        let page = page.transpose().map_err(|error: SearchError| error.what)?;
        Ok(page.unwrap_or_default().into_iter().find(|object| is_it(object)))
    }
}

/// The role group whose members may do everything in Exchange; a group of the directory as well.
const ORGANISATION_MANAGEMENT: &str = "Organization Management";

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
    fn the_missing_role_group_comes_with_its_cmdlet() {
        let failure = not_in_organisation_management("svc@corp.example");
        assert!(failure.cmdlet.unwrap().contains("Add-RoleGroupMember"));
    }
}
