//! The cmdlets. Parameters are found whatever their case; one that a cmdlet doesn't have is refused, as PowerShell does.

use serde_json::{Map, Value, json};

use super::super::directory::{Group, Kind, Person, Recipient, folded};
use super::assignments::{Assignment, ROLE};
use super::problem::Problem;
use super::{Management, Output};

/// Results of a query when nothing is said (`ResultSize`).
const RESULTS: usize = 1000;
/// Parameters that every cmdlet takes.
const COMMON: &[&str] = &["Confirm", "WhatIf", "ErrorAction", "WarningAction", "DomainController", "Verbose", "Debug"];

/// Parameters as a cmdlet reads them.
struct Parameters<'a>(&'a Map<String, Value>);

impl<'a> Parameters<'a> {
    fn new(given: &'a Map<String, Value>, known: &[&str]) -> Result<Self, Problem> {
        let is_known = |name: &String| known.iter().chain(COMMON).any(|known| known.eq_ignore_ascii_case(name));
        match given.keys().find(|name| !is_known(name)) {
            Some(unknown) => Err(Problem::unknown_parameter(unknown)),
            None => Ok(Self(given)),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).filter(|it| !it.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim())),
            Some(other) => Err(Problem::bad_value(name, other)),
        }
    }

    fn required(&self, name: &str) -> Result<&'a str, Problem> {
        self.text(name)?.ok_or_else(|| Problem::missing_parameter(name))
    }

    fn switch(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(on)) => Ok(*on),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(other) => Err(Problem::bad_value(name, other)),
        }
    }
}

pub fn run(management: &Management, name: &str, given: &Map<String, Value>) -> Result<Output, Problem> {
    match name.to_ascii_lowercase().as_str() {
        "get-managementroleassignment" => get_assignments(
            management,
            &Parameters::new(
                given,
                &["Identity", "Role", "RoleAssignee", "RoleAssigneeType", "GetEffectiveUsers", "Enabled", "Delegating"],
            )?,
        ),
        "new-managementroleassignment" => new_assignment(
            management,
            &Parameters::new(given, &["Name", "Role", "User", "CustomRecipientWriteScope", "Force"])?,
        ),
        "remove-managementroleassignment" => {
            remove_assignment(management, &Parameters::new(given, &["Identity", "Force"])?)
        }
        "get-rolegroupmember" => members(management, &Parameters::new(given, &["Identity", "ResultSize"])?),
        "get-mailbox" => {
            mailboxes(management, &Parameters::new(given, &["Identity", "ResultSize", "RecipientTypeDetails"])?)
        }
        _ => Err(Problem::unknown_cmdlet(name)),
    }
}

/// The account that a parameter names: by UPN, address, account name, `DOMAIN\name`, or display name.
fn account(management: &Management, named: &str) -> Option<std::sync::Arc<Person>> {
    let directory = &management.directory;
    let netbios = management.domains.first().and_then(|domain| domain.split('.').next()).unwrap_or_default();
    let bare = match named.split_once('\\') {
        Some((domain, name)) if domain.eq_ignore_ascii_case(netbios) => name,
        Some(_) => return None,
        None => named,
    };
    directory.account(bare).or_else(|| directory.person_by_account_name(bare)).or_else(|| {
        let people = directory.people();
        let mut found = people.into_iter().filter(|person| folded(&person.display_name) == folded(bare));
        found.next().filter(|_| found.next().is_none())
    })
}

fn get_assignments(management: &Management, parameters: &Parameters<'_>) -> Result<Output, Problem> {
    let identity = parameters.text("Identity")?;
    let role = parameters.text("Role")?;
    if role.is_some_and(|role| !role.eq_ignore_ascii_case(ROLE)) {
        return Err(Problem::not_found(role.unwrap_or_default()));
    }
    let assignee = match parameters.text("RoleAssignee")? {
        Some(named) => Some(account(management, named).ok_or_else(|| Problem::not_found(named))?),
        None => None,
    };
    let kind = parameters.text("RoleAssigneeType")?;
    parameters.switch("GetEffectiveUsers")?;
    let mut all = management.assignments.all(&management.directory);
    all.retain(|one| identity.is_none_or(|identity| folded(&one.name) == folded(identity)));
    all.retain(|one| assignee.as_ref().is_none_or(|person| folded(&person.upn) == folded(&one.upn)));
    all.retain(|_| kind.is_none_or(|kind| kind.eq_ignore_ascii_case("User")));
    if let (Some(identity), true) = (identity, all.is_empty()) {
        return Err(Problem::not_found(identity));
    }
    let values = all.iter().map(|assignment| shown(management, assignment)).collect();
    Ok(Output { values, ..Output::default() })
}

fn shown(management: &Management, assignment: &Assignment) -> Value {
    let person = management.directory.person(&assignment.upn);
    let name = person.as_ref().map_or(assignment.upn.as_str(), |person| person.common_name());
    json!({
        "Name": assignment.name,
        "Identity": assignment.name,
        "Id": assignment.name,
        "Role": ROLE,
        "RoleAssignee": assignment.upn,
        "RoleAssigneeName": name,
        "RoleAssigneeType": "User",
        "EffectiveUserName": name,
        "User": assignment.upn,
        "AssignmentMethod": "Direct",
        "RoleAssignmentDelegationType": "Regular",
        "Enabled": true,
        "RecipientReadScope": "Organization",
        "ConfigReadScope": "None",
        "RecipientWriteScope": "Organization",
        "ConfigWriteScope": "None",
        "CustomRecipientWriteScope": null,
        "IsValid": true,
        "ObjectState": "Changed",
    })
}

fn new_assignment(management: &Management, parameters: &Parameters<'_>) -> Result<Output, Problem> {
    let role = parameters.required("Role")?;
    if !role.eq_ignore_ascii_case(ROLE) {
        return Err(Problem::not_found(role));
    }
    let user = parameters.required("User")?;
    let person = account(management, user).ok_or_else(|| Problem::not_found(user))?;
    if let Some(scope) = parameters.text("CustomRecipientWriteScope")? {
        return Err(Problem::not_found(scope));
    }
    let name = parameters.text("Name")?;
    if name.is_some_and(|name| name.chars().count() > 64) {
        return Err(Problem::bad_value("Name", &json!(name)));
    }
    if parameters.switch("WhatIf")? {
        return Ok(Output::default());
    }
    let added = management.assignments.add(&management.directory, &person.upn, name);
    let assignment = added.ok_or_else(|| Problem::exists(name.unwrap_or_default()))?;
    let granted = management.directory.grant_impersonation_in(&person.upn, management.delay());
    granted.map_err(|_| Problem::not_found(user))?;
    management.keep();
    Ok(Output { values: vec![shown(management, &assignment)], warnings: management.warnings() })
}

fn remove_assignment(management: &Management, parameters: &Parameters<'_>) -> Result<Output, Problem> {
    let identity = parameters.required("Identity")?;
    let all = management.assignments.all(&management.directory);
    let found = all.iter().find(|assignment| folded(&assignment.name) == folded(identity));
    let found = found.ok_or_else(|| Problem::not_found(identity))?;
    if parameters.switch("WhatIf")? {
        return Ok(Output::default());
    }
    if !management.assignments.remove(found) {
        let withdrawn = management.directory.withdraw_impersonation(&found.upn);
        withdrawn.map_err(|_| Problem::not_found(&found.upn))?;
    }
    management.keep();
    Ok(Output::default())
}

fn members(management: &Management, parameters: &Parameters<'_>) -> Result<Output, Problem> {
    let identity = parameters.required("Identity")?;
    let group = management.directory.group(identity).filter(|group| is_role_group(group));
    let group = group.ok_or_else(|| Problem::not_found(identity))?;
    let values = group.members.iter().filter_map(|named| {
        Some(match management.directory.member(named)? {
            Recipient::Person(person) => json!({
                "Name": person.common_name(),
                "DisplayName": person.display_name,
                "PrimarySmtpAddress": person.primary,
                "WindowsLiveID": person.upn,
                "RecipientType": if person.mailbox { "UserMailbox" } else { "User" },
            }),
            Recipient::Group(group) => json!({
                "Name": group.account_name,
                "DisplayName": group.display_name,
                "PrimarySmtpAddress": group.primary,
                "RecipientType": "Group",
            }),
        })
    });
    limited(values.collect(), parameters)
}

/// The groups of Exchange's own container are role groups.
fn is_role_group(group: &Group) -> bool {
    group.container.to_lowercase().contains("exchange security groups")
}

fn mailboxes(management: &Management, parameters: &Parameters<'_>) -> Result<Output, Problem> {
    let kind = |person: &Person| match person.kind {
        Kind::User => "UserMailbox",
        Kind::Shared => "SharedMailbox",
        Kind::Room => "RoomMailbox",
        Kind::Equipment => "EquipmentMailbox",
    };
    let people = match parameters.text("Identity")? {
        Some(named) => {
            let person = account(management, named).filter(|person| person.mailbox);
            vec![person.ok_or_else(|| Problem::not_found(named))?]
        }
        None => management.directory.people().into_iter().filter(|person| person.mailbox).collect(),
    };
    let wanted = parameters.text("RecipientTypeDetails")?;
    let values = people.iter().filter(|person| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind(person))));
    let values = values.map(|person| {
        let addresses = person.addresses().enumerate();
        let addresses = addresses.map(|(at, address)| format!("{}:{address}", if at == 0 { "SMTP" } else { "smtp" }));
        json!({
            "Identity": person.common_name(),
            "Name": person.common_name(),
            "Alias": person.upn.split('@').next(),
            "DisplayName": person.display_name,
            "UserPrincipalName": person.upn,
            "SamAccountName": person.account_name,
            "PrimarySmtpAddress": person.primary,
            "EmailAddresses": addresses.collect::<Vec<_>>(),
            "RecipientType": "UserMailbox",
            "RecipientTypeDetails": kind(person),
            "Database": "DB01",
        })
    });
    limited(values.collect(), parameters)
}

/// At most as many as were asked for; a warning says when there are more.
fn limited(mut values: Vec<Value>, parameters: &Parameters<'_>) -> Result<Output, Problem> {
    let (most, default) = match parameters.get("ResultSize") {
        None => (RESULTS, true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("Unlimited") => (usize::MAX, false),
        Some(value) => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            let number = number.and_then(|number| usize::try_from(number).ok());
            (number.ok_or_else(|| Problem::bad_value("ResultSize", value))?, false)
        }
    };
    let mut warnings = Vec::new();
    if values.len() > most {
        values.truncate(most);
        warnings.push(if default {
            format!(
                "By default, only the first {RESULTS} items are returned. Use the ResultSize parameter to specify the \
                 number of items returned. To return all items, specify \"-ResultSize Unlimited\"."
            )
        } else {
            "There are more results available than are currently displayed. To view them, increase the value for the \
             ResultSize parameter."
                .to_owned()
        });
    }
    Ok(Output { values, warnings })
}
