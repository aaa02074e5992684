//! The service account, and who configures it (W3, W6, W11, W12).

use secrecy::{ExposeSecret as _, SecretString};
use sent_items_update::directory::{
    AccountCondition, AccountVerdict, CreateError, DirectoryError, DirectorySearch as _,
};

use crate::fixture::{BOTH, Fixture, all, query};

async fn failing(fixture: &Fixture, upn: &str, password: &SecretString) -> Vec<AccountCondition> {
    let checks = fixture.reader().verify(upn, password).await.unwrap();
    assert_eq!(checks.len(), AccountCondition::ALL.len());
    let failed = checks.into_iter().filter(|check| match &check.verdict {
        AccountVerdict::Failed { what, advice } => {
            assert!(what.ends_with('.') && advice.ends_with('.'), "{what} {advice}");
            true
        }
        _ => false,
    });
    failed.map(|check| check.condition).collect()
}

/// W11
pub async fn each_trouble_of_an_account_fails_its_own_condition(fixture: &Fixture) {
    for (role, condition) in [
        ("disabled", AccountCondition::Enabled),
        ("locked", AccountCondition::NotLocked),
        ("account expired", AccountCondition::NotExpired),
        ("expired password", AccountCondition::PasswordNotExpired),
        ("must-change", AccountCondition::PasswordNeedsNoChange),
        ("no-upn", AccountCondition::ValidUpn),
        ("outsider", AccountCondition::DomainUsers),
        ("nobody", AccountCondition::ValidUpn),
    ] {
        assert_eq!(failing(fixture, &fixture.user(role), &fixture.password).await, [condition], "{role}");
    }
    for upn in ["", "svc-siu", "*@x", "CORP\\anna"] {
        assert_eq!(failing(fixture, upn, &fixture.password).await, [AccountCondition::ValidUpn], "{upn:?}");
    }
    let checks = fixture.reader().verify(&fixture.user("no-upn"), &fixture.password).await.unwrap();
    assert!(format!("{checks:?}").contains("has no user principal name"), "{checks:?}");
}

/// W11
pub async fn a_wrong_password_is_told_from_all_else(fixture: &Fixture) {
    let wrong = SecretString::from("wrong");
    assert_eq!(failing(fixture, &fixture.user("carla"), &wrong).await, [AccountCondition::PasswordRight]);
    let both = [AccountCondition::Enabled, AccountCondition::PasswordRight];
    assert_eq!(failing(fixture, &fixture.user("disabled"), &wrong).await, both);
}

/// W11
pub async fn a_good_account_meets_every_condition(fixture: &Fixture) {
    for role in ["service", "anna"] {
        let checks = fixture.reader().verify(&fixture.user(role), &fixture.password).await.unwrap();
        assert!(checks.iter().all(|check| check.verdict == AccountVerdict::Met), "{checks:?}");
    }
}

/// W12
pub async fn domain_admins_counts_nested_membership(fixture: &Fixture) {
    let (name, admin) = fixture.as_administrator().is_domain_admin().await.unwrap();
    assert!(admin && name.to_lowercase() == fixture.administrator, "{name}");
    assert_eq!(fixture.as_user("nested admin").is_domain_admin().await.unwrap(), (fixture.user("nested admin"), true));
    assert_eq!(fixture.as_user("anna").is_domain_admin().await.unwrap(), (fixture.user("anna"), false));
}

/// W3, W6
pub async fn an_account_is_created_and_taken_over_only_when_it_is_ours(fixture: &Fixture) {
    let directory = fixture.as_administrator();
    let name = unique("siu");
    let made = directory.create_service_account(&name).await.unwrap();
    assert_eq!(made.upn, format!("{name}@{}", fixture.domain));
    assert!(!made.taken_over);
    assert!(!format!("{made:?}").contains(made.password.expose_secret()));
    let checks = fixture.reader().verify(&made.upn, &made.password).await.unwrap();
    assert!(checks.iter().all(|check| check.verdict == AccountVerdict::Met), "{checks:?}");
    // Again: the same account with a new password.
    let again = directory.create_service_account(&name).await.unwrap();
    assert!(again.taken_over && again.upn == made.upn);
    assert_eq!(failing(fixture, &again.upn, &again.password).await, []);
    // The one before may still be taken for an hour (OldPasswordAllowedPeriod), so it isn't tried here.
    assert_ne!(made.password.expose_secret(), again.password.expose_secret());
    fixture.delete(&name);

    for taken in ["anna", "Administrator", "sales", "krbtgt"] {
        let error = directory.create_service_account(taken).await.unwrap_err();
        assert!(matches!(error, CreateError::Taken { .. }), "{taken}: {error:?}");
        assert!(!error.advice().is_empty());
    }
    assert_eq!(failing(fixture, &fixture.user("anna"), &fixture.password).await, []);
    for bad in ["", "a b", "a,b", "a*", "abcdefghijklmnopqrstu"] {
        let error = directory.create_service_account(bad).await.unwrap_err();
        assert!(matches!(error, CreateError::Name { .. }), "{bad:?}: {error:?}");
    }
}

/// W13
pub async fn who_may_not_create_accounts_is_told_so_and_nothing_is_left_behind(fixture: &Fixture) {
    let name = unique("no");
    let directory = fixture.as_user("anna");
    let error = directory.create_service_account(&name).await.unwrap_err();
    assert!(matches!(error, CreateError::Directory(DirectoryError::Denied { .. })), "{error:?}");
    assert!(error.to_string().contains(&fixture.user("anna")), "{error}");
    assert!(all(&directory, query(&name, BOTH)).await.is_empty());
}

/// S4
pub async fn an_account_that_is_renamed_stays_and_one_that_is_deleted_is_gone(fixture: &Fixture) {
    let directory = fixture.as_administrator();
    let name = unique("re");
    directory.create_service_account(&name).await.unwrap();
    let before = fixture.named(&directory, &name).await;
    fixture.rename(&name, "Renamed, (Once)");
    let after = directory.lookup(vec![before.id]).await.unwrap().remove(0).unwrap();
    assert_eq!(after.id, before.id);
    assert_ne!(after.distinguished_name, before.distinguished_name);
    fixture.delete(&name);
    assert_eq!(directory.lookup(vec![before.id]).await.unwrap(), [None]);
    assert_eq!(directory.addresses(&[before.id]).await.unwrap(), [None]);
}

/// A name that no other test, or run, uses.
fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
}
