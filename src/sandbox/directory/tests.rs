use super::*;

fn person(upn: &str, primary: &str, secondary: &[&str]) -> Person {
    Person {
        upn: upn.into(),
        display_name: upn.into(),
        primary: primary.into(),
        secondary: secondary.iter().map(|&address| address.to_owned()).collect(),
        mailbox: true,
        ..Person::default()
    }
}

/// X1
#[test]
fn an_address_that_belongs_to_somebody_else_is_refused_and_nothing_changes() {
    let directory = Directory::new();
    directory.add_person(person("anna@n.example", "anna@n.example", &["a.berg@n.example"])).unwrap();
    let taken = directory.add_person(person("bo@n.example", "A.Berg@N.example", &[]));
    assert_eq!(
        taken,
        Err(DirectoryError::AddressTaken { address: "A.Berg@N.example".into(), owner: "anna@n.example".into() })
    );
    assert_eq!(directory.people().len(), 1);
    let group = Group { primary: "ANNA@n.example".into(), ..Group::default() };
    assert!(matches!(directory.add_group(group), Err(DirectoryError::AddressTaken { .. })));
}

/// X1
#[test]
fn an_account_without_upn_or_a_mailbox_without_address_is_refused() {
    let directory = Directory::new();
    assert!(matches!(directory.add_person(person("anna", "a@n.example", &[])), Err(DirectoryError::NoUpn(_))));
    let refused = directory.add_person(person("anna@n.example", "", &[]));
    assert_eq!(refused, Err(DirectoryError::MailboxWithoutAddress("anna@n.example".into())));
}

/// X1
#[test]
fn a_right_can_be_granted_and_withdrawn_and_only_to_an_account_that_exists() {
    let directory = Directory::new();
    assert!(directory.grant_impersonation("svc@n.example").is_err());
    directory.add_person(Person { upn: "svc@n.example".into(), ..Person::default() }).unwrap();
    directory.grant_impersonation("SVC@n.example").unwrap();
    assert!(directory.may_impersonate("svc@N.example"));
    directory.withdraw_impersonation("svc@n.example").unwrap();
    assert!(!directory.may_impersonate("svc@n.example"));
}

/// X1
#[test]
fn an_address_that_a_person_gave_up_leads_nowhere_and_the_sid_stays() {
    let directory = Directory::new();
    let before = directory.add_person(person("anna@n.example", "anna@n.example", &["old@n.example"])).unwrap();
    let after = directory.change_person("anna@n.example", |anna| anna.secondary.clear()).unwrap();
    assert_eq!(directory.find("old@n.example"), None);
    assert_eq!(before.sid, after.sid);
    assert_eq!(directory.person_by_sid(&after.sid).unwrap().upn, "anna@n.example");
}

/// X1
#[test]
fn groups_that_contain_each_other_reach_everybody_once() {
    let directory = Directory::new();
    directory.add_person(person("anna@n.example", "anna@n.example", &["a@n.example"])).unwrap();
    let group = |primary: &str, members: &[&str]| Group {
        primary: primary.into(),
        members: members.iter().map(|&member| member.to_owned()).collect(),
        ..Group::default()
    };
    directory.add_group(group("all@n.example", &["team@n.example", "anna@n.example"])).unwrap();
    directory.add_group(group("team@n.example", &["all@n.example", "a@n.example", "guest@o.example"])).unwrap();
    let (people, unknown) = directory.deliverable("all@n.example");
    assert_eq!(people.iter().map(|person| person.upn.as_str()).collect::<Vec<_>>(), ["anna@n.example"]);
    assert_eq!(unknown, ["guest@o.example"]);
}

/// W12
#[test]
fn membership_is_followed_through_groups_and_a_cycle_ends() {
    let directory = Directory::new();
    directory.add_person(person("anna@n.example", "a@n.example", &[])).unwrap();
    let group = |name: &str, members: &[&str]| Group {
        account_name: name.into(),
        members: members.iter().map(|&member| member.to_owned()).collect(),
        ..Group::default()
    };
    directory.add_group(group("Admins", &["Inner"])).unwrap();
    directory.add_group(group("Inner", &["admins", "anna@n.example"])).unwrap();
    assert!(directory.is_member("ANNA@n.example", "ADMINS"));
    directory.set_members("inner", vec!["Admins".into()]).unwrap();
    assert!(!directory.is_member("anna@n.example", "Admins"));
    assert!(!directory.is_member("anna@n.example", "Nobody"));
    assert!(matches!(directory.add_group(Group::default()), Err(DirectoryError::NoAddress(_))));
}

/// X1
#[test]
fn account_names_are_given_once_and_free_again_when_the_account_is_removed() {
    let directory = Directory::new();
    let name =
        |upn: &str| directory.add_person(Person { upn: upn.into(), ..Person::default() }).unwrap().account_name.clone();
    assert_eq!(name("a.very.long.name.indeed@n.example"), "a.very.long.name.ind");
    assert_eq!(name("a.very.long.name.indeed@o.example"), "a.very.long.name.2");
    let taken = Person { upn: "b@n.example".into(), account_name: "A.Very.Long.Name.Ind".into(), ..Person::default() };
    assert!(matches!(directory.add_person(taken.clone()), Err(DirectoryError::AccountNameTaken(_))));
    directory.remove_person("A.very.long.name.indeed@n.example").unwrap();
    directory.add_person(taken).unwrap();
    assert!(directory.remove_person("nobody@n.example").is_err());
}

/// S4
#[test]
fn an_identifier_is_never_given_twice_even_after_a_removal() {
    let directory = Directory::new();
    let sid = directory.fresh_sid();
    let made = Person { upn: "made@n.example".into(), sid: sid.clone(), ..Person::default() };
    directory.add_person(made).unwrap();
    directory.remove_person("made@n.example").unwrap();
    assert_ne!(directory.fresh_sid(), sid);
    // Kept from an earlier run.
    let kept = Person { upn: "kept@n.example".into(), sid: format!("{DOMAIN_SID}-7000"), ..Person::default() };
    directory.add_person(kept).unwrap();
    assert_eq!(directory.fresh_sid(), format!("{DOMAIN_SID}-7001"));
}

/// W10
#[test]
fn a_right_that_is_to_come_is_not_there_yet() {
    let directory = Directory::new();
    directory.add_person(Person { upn: "svc@n.example".into(), ..Person::default() }).unwrap();
    directory.grant_impersonation_in("svc@n.example", Duration::from_secs(3600)).unwrap();
    assert!(!directory.may_impersonate("svc@n.example"));
    assert_eq!(directory.impersonators(), ["svc@n.example"]);
    directory.finish_granting();
    assert!(directory.may_impersonate("svc@n.example"));
}
