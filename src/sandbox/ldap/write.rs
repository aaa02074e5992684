//! Making, changing, renaming and deleting accounts, and changing who belongs to a group.
//!
//! Whoever belongs to Domain Admins may write; everybody may change their own password, knowing the former one.

use std::sync::PoisonError;

use ldap3_proto::proto::{
    LdapAddRequest, LdapCompareRequest, LdapModify, LdapModifyDNRequest, LdapModifyRequest, LdapModifyType, LdapResult,
    LdapResultCode,
};
use rand::Rng as _;
use secrecy::ExposeSecret as _;

use super::super::directory::{DirectoryError, Group, MailboxState, PasswordState, Person, Recipient, folded};
use super::change::{self, Draft};
use super::dn::Dn;
use super::filter::{Filter, Test};
use super::tree::{Object, Tree};
use super::{LdapServer, problem, schema, search};

type Written = Result<(), LdapResult>;

pub fn add(server: &LdapServer, who: Option<&str>, request: &LdapAddRequest) -> LdapResult {
    write(server, || {
        administrator(server, who)?;
        make(server, request)
    })
}

pub fn modify(server: &LdapServer, who: Option<&str>, request: &LdapModifyRequest) -> LdapResult {
    write(server, || {
        let who = who.ok_or_else(problem::bind_first)?;
        let tree = server.tree();
        let at = existing(server, &tree, &request.dn)?;
        match &tree.entries[at].object {
            Object::Person(person) if person.upn.eq_ignore_ascii_case(who) && is_password_change(request) => {
                change_password(server, person, request)
            }
            object => {
                administrator(server, Some(who))?;
                match object {
                    Object::Person(person) => change_person(server, person, request),
                    Object::Group(group) => change_group(server, &tree, group, request),
                    // ERROR_NOT_SUPPORTED
                    Object::Other => Err(problem::unwilling("00000032")),
                }
            }
        }
    })
}

pub fn delete(server: &LdapServer, who: Option<&str>, dn: &str) -> LdapResult {
    write(server, || {
        administrator(server, who)?;
        let tree = server.tree();
        let at = existing(server, &tree, dn)?;
        if !tree.children[at].is_empty() {
            return Err(problem::not_a_leaf());
        }
        let Object::Person(person) = &tree.entries[at].object else { return Err(problem::unwilling("00000032")) };
        replace_member(server, &person.upn, None);
        server.site.directory.remove_person(&person.upn).map_err(refused)?;
        server.kept.note_removal(&person.upn);
        Ok(())
    })
}

pub fn rename(server: &LdapServer, who: Option<&str>, request: &LdapModifyDNRequest) -> LdapResult {
    write(server, || {
        administrator(server, who)?;
        let tree = server.tree();
        let at = existing(server, &tree, &request.dn)?;
        let entry = &tree.entries[at];
        let Object::Person(person) = &entry.object else { return Err(problem::unwilling("00000032")) };
        let new = Dn::parse(&request.newrdn).filter(|dn| dn.0.len() == 1);
        let new = new.ok_or_else(|| problem::bad_name(&request.newrdn))?;
        let step = &new.0[0];
        if !step.attribute.eq_ignore_ascii_case("CN") || step.value.is_empty() {
            return Err(problem::naming_violation());
        }
        if !request.deleteoldrdn {
            return Err(problem::unwilling("00000057"));
        }
        let above = match &request.new_superior {
            Some(above) => tree.entries[existing(server, &tree, above)?].dn.clone(),
            None => entry.dn.parent().unwrap_or_default(),
        };
        let container = relative(server, &above)?;
        if tree.find(&above.child("CN", &step.value)).is_some_and(|other| other != at) {
            return Err(problem::name_taken());
        }
        let renamed = Person { common_name: step.value.clone(), container, ..person.as_ref().clone() };
        server.site.directory.add_person(renamed).map_err(refused)?;
        server.kept.note_person(&person.upn);
        Ok(())
    })
}

pub fn compare(server: &LdapServer, who: Option<&str>, request: &LdapCompareRequest) -> LdapResult {
    let compared = || {
        who.ok_or_else(problem::bind_first)?;
        let tree = server.tree();
        let at = existing(server, &tree, &request.dn)?;
        let filter = Filter::Equal(request.atype.clone(), request.val.clone());
        match Test::new(&server.world, &tree, &filter).matches(&tree, at) {
            Some(true) => Ok(LdapResultCode::CompareTrue),
            Some(false) => Ok(LdapResultCode::CompareFalse),
            None => Err(problem::no_attribute()),
        }
    };
    compared().map_or_else(|refusal| refusal, |code| problem::result(code, ""))
}

/// One write at a time: what it found is still so when it changes it.
fn write(server: &LdapServer, work: impl FnOnce() -> Written) -> LdapResult {
    let _writing = server.writing.lock().unwrap_or_else(PoisonError::into_inner);
    match work() {
        Ok(()) => {
            server.keep();
            problem::success()
        }
        Err(refusal) => refusal,
    }
}

fn administrator(server: &LdapServer, who: Option<&str>) -> Written {
    let who = who.ok_or_else(problem::bind_first)?;
    if server.site.directory.is_member(who, "Domain Admins") { Ok(()) } else { Err(problem::not_allowed()) }
}

fn existing(server: &LdapServer, tree: &Tree, dn: &str) -> Result<usize, LdapResult> {
    let dn = Dn::parse(dn).filter(|parsed| !parsed.0.is_empty()).ok_or_else(|| problem::bad_name(dn))?;
    tree.find(&dn).ok_or_else(|| search::missing(&server.world, tree, &dn))
}

/// A container's name below the domain.
fn relative(server: &LdapServer, container: &Dn) -> Result<String, LdapResult> {
    let (root, configuration) = (server.world.root(), server.world.configuration());
    let steps = container.0.len().saturating_sub(root.0.len());
    let below = Dn(container.0[..steps].to_vec());
    let elsewhere = container.key().ends_with(&configuration.key());
    if below.0.is_empty() || elsewhere {
        return Err(problem::naming_violation());
    }
    Ok(below.to_string())
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn refused(error: DirectoryError) -> LdapResult {
    match error {
        DirectoryError::AccountNameTaken(_) => problem::account_name_taken(),
        DirectoryError::NoUpn(_) => problem::constraint("000021C8", "userPrincipalName"),
        DirectoryError::AddressTaken { .. } | DirectoryError::MailboxWithoutAddress(_) => {
            problem::constraint("000021C8", "mail")
        }
        _ => problem::unwilling("00000057"),
    }
}

fn make(server: &LdapServer, request: &LdapAddRequest) -> Written {
    let dn = Dn::parse(&request.dn).filter(|dn| dn.0.len() > 1).ok_or_else(|| problem::bad_name(&request.dn))?;
    let tree = server.tree();
    let above = dn.parent().unwrap_or_default();
    let Some(parent) = tree.find(&above) else { return Err(search::missing(&server.world, &tree, &above)) };
    if tree.find(&dn).is_some() {
        return Err(problem::name_taken());
    }
    let classes = request.attributes.iter().filter(|it| it.atype.eq_ignore_ascii_case("objectClass"));
    let classes: Vec<_> = classes.flat_map(|it| &it.vals).collect();
    let has = |class: &str| classes.iter().any(|name| name.eq_ignore_ascii_case(class.as_bytes()));
    let user = has("user") || has("inetOrgPerson");
    if classes.is_empty() {
        return Err(problem::class_violation());
    }
    if !user || has("computer") {
        // ERROR_NOT_SUPPORTED: only accounts of people can be made here.
        return Err(problem::unwilling("00000032"));
    }
    let step = &dn.0[0];
    if !step.attribute.eq_ignore_ascii_case("CN") || step.value.is_empty() {
        return Err(problem::naming_violation());
    }
    let container = relative(server, &tree.entries[parent].dn)?;
    // As a domain controller makes it when nothing else is said: disabled, and with a name that nobody would choose.
    let account_name =
        format!("${:06X}-{:012X}", rand::rng().random::<u32>() & 0xff_ffff, rand::rng().random::<u64>() >> 16);
    let person = Person {
        account_name,
        common_name: step.value.clone(),
        container,
        without_upn: true,
        state: MailboxState::Disabled,
        password: PasswordState::None,
        ..Person::default()
    };
    let mut draft = Draft::new(person);
    for attribute in &request.attributes {
        let known = schema::attribute(&attribute.atype).ok_or_else(problem::no_attribute)?;
        match known.name {
            // Rules of the password may speak of names that come later.
            "objectClass" | "unicodePwd" => {}
            "cn" => {
                if !attribute.vals.iter().all(|value| value == step.value.as_bytes()) {
                    return Err(problem::naming_violation());
                }
            }
            _ => draft.change(known, &LdapModifyType::Replace, &attribute.vals)?,
        }
    }
    let must_change = draft.person.password == PasswordState::MustChange;
    for attribute in request.attributes.iter().filter(|it| it.atype.eq_ignore_ascii_case("unicodePwd")) {
        let known = schema::attribute("unicodePwd").ok_or_else(problem::no_attribute)?;
        draft.change(known, &LdapModifyType::Replace, &attribute.vals)?;
    }
    if draft.password.is_none() {
        draft.person.password = PasswordState::None;
    } else if must_change {
        draft.person.password = PasswordState::MustChange;
    }
    draft.check()?;
    draft.person.sid = server.site.directory.fresh_sid();
    store(server, draft, None)
}

fn change_person(server: &LdapServer, person: &Person, request: &LdapModifyRequest) -> Written {
    let mut draft = Draft::new(person.clone());
    for LdapModify { operation, modification } in &request.changes {
        let known = schema::attribute(&modification.atype).ok_or_else(problem::no_attribute)?;
        draft.change(known, operation, &modification.vals)?;
    }
    draft.check()?;
    store(server, draft, Some(person))
}

/// Puts an account into the directory, in place of what it was.
fn store(server: &LdapServer, draft: Draft, before: Option<&Person>) -> Written {
    let Draft { mut person, upn, password, unlocked, .. } = draft;
    let directory = &server.site.directory;
    let old_name = before.map(|before| folded(&before.account_name));
    if old_name.as_deref() != Some(&folded(&person.account_name))
        && directory.is_account_name_taken(&person.account_name)
    {
        return Err(problem::account_name_taken());
    }
    person.without_upn = upn.is_none();
    person.upn = match (upn, before) {
        (Some(upn), _) => upn,
        // Of an account that Exchange knows by it, the name stays, and is only not shown.
        (None, Some(before)) if before.mailbox => before.upn.clone(),
        (None, _) => format!("{}@{}", person.account_name, server.world.domain),
    };
    let moved = before.filter(|before| folded(&before.upn) != folded(&person.upn));
    if (before.is_none() || moved.is_some()) && directory.person(&person.upn).is_some() {
        return Err(problem::upn_taken());
    }
    if moved.is_some_and(|before| before.mailbox) {
        // The mailbox is kept under the name.
        return Err(problem::unwilling("00000032"));
    }
    let upn = person.upn.clone();
    let (sign_in, kept) = (&server.site.sign_in, &server.kept);
    match moved {
        None => drop(directory.add_person(person).map_err(refused)?),
        Some(before) => {
            let own = kept.has_password(&before.upn).then(|| sign_in.password(&before.upn));
            let rights = directory.may_impersonate(&before.upn);
            replace_member(server, &before.upn, Some(&upn));
            directory.remove_person(&before.upn).map_err(refused)?;
            if let Err(error) = directory.add_person(person) {
                // What was taken out goes back in.
                let _ = directory.add_person(before.clone());
                replace_member(server, &upn, Some(&before.upn));
                return Err(refused(error));
            }
            kept.note_removal(&before.upn);
            if let Some(own) = own {
                sign_in.set_password(&upn, own);
                kept.note_password(&upn);
            }
            if rights {
                let _ = directory.grant_impersonation(&upn);
            }
        }
    }
    if let Some(password) = password {
        sign_in.set_password(&upn, password);
        kept.note_password(&upn);
    }
    if unlocked {
        sign_in.reset_failures(&upn);
        server.forget_tree();
    }
    kept.note_person(&upn);
    Ok(())
}

fn is_password_change(request: &LdapModifyRequest) -> bool {
    let of_password = |change: &LdapModify| change.modification.atype.eq_ignore_ascii_case("unicodePwd");
    let kinds: Vec<_> = request.changes.iter().filter(|change| of_password(change)).map(|it| &it.operation).collect();
    kinds.len() == request.changes.len() && kinds == [&LdapModifyType::Delete, &LdapModifyType::Add]
}

/// The former password deleted, the new one added.
fn change_password(server: &LdapServer, person: &Person, request: &LdapModifyRequest) -> Written {
    let value = |at: usize| match request.changes[at].modification.vals.as_slice() {
        [value] => change::password(value),
        _ => Err(problem::unwilling("0000001F")),
    };
    let (old, new) = (value(0)?, value(1)?);
    if server.site.sign_in.password(&person.upn).expose_secret() != old {
        // ERROR_INVALID_PASSWORD
        return Err(problem::constraint("00000056", "unicodePwd"));
    }
    change::check_password(person, &new)?;
    if old == new {
        return Err(problem::weak_password());
    }
    server.site.sign_in.set_password(&person.upn, new.into());
    server.kept.note_password(&person.upn);
    Ok(())
}

fn change_group(server: &LdapServer, tree: &Tree, group: &Group, request: &LdapModifyRequest) -> Written {
    let directory = &server.site.directory;
    let place = |named: &str| -> Option<String> {
        match directory.member(named) {
            Some(Recipient::Person(person)) => Some(folded(&person.upn)),
            Some(Recipient::Group(group)) => Some(group.key()),
            None => Some(folded(named)),
        }
    };
    let mut members = group.members.clone();
    for LdapModify { operation, modification } in &request.changes {
        match schema::attribute(&modification.atype) {
            None => return Err(problem::no_attribute()),
            Some(known) if known.name == "member" => {}
            Some(_) => return Err(problem::unwilling("00000032")),
        }
        if matches!(operation, LdapModifyType::Replace) || (modification.vals.is_empty() && !members.is_empty()) {
            members.clear();
        }
        for value in &modification.vals {
            let text = std::str::from_utf8(value).map_err(|_| problem::bad_syntax("member"))?;
            let at = existing(server, tree, text)?;
            let named = match &tree.entries[at].object {
                Object::Person(person) => person.upn.clone(),
                Object::Group(group) => group.key(),
                Object::Other => tree.entries[at].text("mail").ok_or_else(|| problem::unwilling("00000032"))?,
            };
            let known = members.iter().position(|member| place(member) == place(&named));
            match (operation, known) {
                (LdapModifyType::Delete, Some(at)) => drop(members.remove(at)),
                // ERROR_MEMBER_NOT_IN_ALIAS
                (LdapModifyType::Delete, None) => return Err(problem::unwilling("00000561")),
                (LdapModifyType::Add | LdapModifyType::Replace, None) => members.push(named),
                (LdapModifyType::Replace, Some(_)) => {}
                (LdapModifyType::Add, Some(_)) => return Err(problem::member_already()),
                (LdapModifyType::Increment, _) => return Err(problem::unwilling("00000032")),
            }
        }
    }
    directory.set_members(&group.key(), members).map_err(refused)?;
    server.kept.note_group(&group.key());
    Ok(())
}

/// An account leaves all groups, or stays in them under another name.
fn replace_member(server: &LdapServer, upn: &str, other: Option<&str>) {
    let directory = &server.site.directory;
    for group in directory.groups() {
        let is = |named: &String| match directory.member(named) {
            Some(Recipient::Person(person)) => folded(&person.upn) == folded(upn),
            _ => folded(named) == folded(upn),
        };
        if !group.members.iter().any(is) {
            continue;
        }
        let members = group
            .members
            .iter()
            .filter_map(|named| if is(named) { other.map(str::to_owned) } else { Some(named.clone()) });
        if directory.set_members(&group.key(), members.collect()).is_ok() {
            server.kept.note_group(&group.key());
        }
    }
}
