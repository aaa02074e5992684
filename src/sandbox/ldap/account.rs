//! People, groups and contacts as objects of the directory.

use super::super::directory::{Directory, Group, GroupKind, Kind, MailboxState, PasswordState, Person};
use super::tree::{Attributes, World};
use super::value::{NEVER, file_time, guid, sid_bytes};

/// Relative identifier of Domain Users in every domain.
pub const DOMAIN_USERS: u32 = 513;

/// `userAccountControl`
pub mod control {
    pub const DISABLED: i64 = 0x2;
    pub const LOCKED: i64 = 0x10;
    pub const PASSWORD_NOT_REQUIRED: i64 = 0x20;
    pub const NORMAL: i64 = 0x200;
    pub const NEVER_EXPIRES: i64 = 0x1_0000;
    pub const PASSWORD_EXPIRED: i64 = 0x80_0000;
}

/// Attributes of people that are kept as they were written.
pub const MORE: &[&str] = &[
    "c",
    "co",
    "company",
    "department",
    "l",
    "manager",
    "mobile",
    "physicalDeliveryOfficeName",
    "st",
    "streetAddress",
    "telephoneNumber",
    "title",
];

/// When the organisation's accounts got their passwords, and when those that have expired did: fixed, so that a
/// search finds the same at each start.
const PASSWORD_SET: i64 = 1_775_000_000;
const PASSWORD_SET_LONG_AGO: i64 = 1_000_000_000;
const LOCKED_AT: i64 = 1_775_000_000;

pub fn person(world: &World, directory: &Directory, person: &Person, failures: u32) -> Attributes {
    let mut all = Attributes::default()
        .texts("objectClass", ["top", "person", "organizationalPerson", "user"])
        .text("cn", person.common_name())
        .text("sn", &person.surname)
        .text("givenName", &person.given_name)
        .text("displayName", &person.display_name)
        .text("description", &person.description)
        .text("sAMAccountName", &person.account_name)
        .number("sAMAccountType", 805_306_368)
        .number("userAccountControl", account_control(person))
        .number("primaryGroupID", DOMAIN_USERS)
        .number("pwdLastSet", password_set(person))
        .number("accountExpires", person.expires.map_or(NEVER, file_time))
        .number("badPwdCount", failures)
        .number("codePage", 0)
        .number("countryCode", 0);
    if !person.without_upn {
        all = all.text("userPrincipalName", &person.upn);
    }
    if let Some(sid) = sid_bytes(&person.sid) {
        all = all.bytes("objectSid", sid);
    }
    if person.locked {
        all = all.number("lockoutTime", file_time(LOCKED_AT));
    }
    if directory.is_member(&person.upn, "Domain Admins") {
        all = all.number("adminCount", 1);
    }
    all = all.text("mail", &person.primary);
    for name in MORE {
        all = all.texts(name, person.more.get(*name).into_iter().flatten());
    }
    if person.mailbox { mailbox(world, person, all) } else { all }
}

/// What Exchange adds to somebody with a mailbox.
fn mailbox(world: &World, person: &Person, all: Attributes) -> Attributes {
    let group = "/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)";
    let organisation = &world.organisation;
    let name = person.upn.split('@').next().unwrap_or_default();
    let details = match person.kind {
        Kind::User => 1,
        Kind::Shared => 4,
        Kind::Room => 16,
        Kind::Equipment => 32,
    };
    let display: i64 = match person.kind {
        Kind::User => 1_073_741_824,
        Kind::Shared => 0,
        Kind::Room => 7,
        Kind::Equipment => 8,
    };
    all.text("mailNickname", name)
        .texts("proxyAddresses", proxy_addresses(person.addresses()))
        .text("legacyExchangeDN", format!("/o={organisation}{group}/cn=Recipients/cn={name}"))
        .text("homeMDB", super::surroundings::database(world).to_string())
        .text("msExchHomeServerName", format!("/o={organisation}{group}/cn=Configuration/cn=Servers/cn=EX01"))
        .bytes("msExchMailboxGuid", guid(format!("mailbox {}", person.sid).as_bytes()).to_bytes_le().to_vec())
        .number("msExchRecipientTypeDetails", details)
        .number("msExchRecipientDisplayType", display)
        .number("msExchVersion", 1_130_555_651_091_488_i64)
}

pub fn group(world: &World, group: &Group) -> Attributes {
    const GLOBAL: i64 = 0x2;
    const UNIVERSAL: i64 = 0x8;
    const SECURITY: i64 = -0x8000_0000;
    let well_known =
        group.sid.rsplit_once('-').and_then(|(_, rid)| rid.parse::<u32>().ok()).is_some_and(|rid| rid < 1000);
    let kind = match group.kind {
        GroupKind::Distribution => UNIVERSAL,
        GroupKind::Security if well_known => SECURITY | GLOBAL,
        GroupKind::Security => SECURITY | UNIVERSAL,
    };
    let mut all = Attributes::default()
        .texts("objectClass", ["top", "group"])
        .text("cn", &group.account_name)
        .text("displayName", &group.display_name)
        .text("description", &group.description)
        .text("sAMAccountName", &group.account_name)
        .number("sAMAccountType", if group.kind == GroupKind::Security { 268_435_456 } else { 268_435_457 })
        .number("groupType", kind);
    if let Some(sid) = sid_bytes(&group.sid) {
        all = all.bytes("objectSid", sid);
    }
    if group.primary.is_empty() {
        return all;
    }
    let name = group.primary.split('@').next().unwrap_or_default();
    all.text("mail", &group.primary)
        .text("mailNickname", name)
        .texts("proxyAddresses", proxy_addresses(group.addresses()))
        .text(
            "legacyExchangeDN",
            format!(
                "/o={}/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={name}",
                world.organisation
            ),
        )
        .number("msExchRecipientDisplayType", if group.kind == GroupKind::Security { 1_073_741_833 } else { 1 })
}

/// Somebody outside the organisation.
pub fn contact(address: &str) -> Attributes {
    Attributes::default()
        .texts("objectClass", ["top", "person", "organizationalPerson", "contact"])
        .text("cn", address)
        .text("displayName", address)
        .text("mail", address)
        .texts("proxyAddresses", proxy_addresses(std::iter::once(address)))
        .number("msExchRecipientDisplayType", 6)
}

/// The primary address has its kind in capital letters.
fn proxy_addresses<'a>(addresses: impl Iterator<Item = &'a str>) -> Vec<String> {
    let kind = |index| if index == 0 { "SMTP" } else { "smtp" };
    addresses.enumerate().map(|(index, address)| format!("{}:{address}", kind(index))).collect()
}

/// `userAccountControl`, in which nothing is said of locks and expiry any more.
pub fn account_control(person: &Person) -> i64 {
    let mut flags = control::NORMAL;
    if person.state == MailboxState::Disabled {
        flags |= control::DISABLED;
    }
    if person.password_never_expires {
        flags |= control::NEVER_EXPIRES;
    }
    if person.password == PasswordState::None {
        flags |= control::PASSWORD_NOT_REQUIRED;
    }
    flags
}

/// `msDS-User-Account-Control-Computed`
pub fn computed_control(person: &Person) -> i64 {
    let mut flags = 0;
    if person.locked {
        flags |= control::LOCKED;
    }
    if password_expired(person) {
        flags |= control::PASSWORD_EXPIRED;
    }
    flags
}

pub fn password_expired(person: &Person) -> bool {
    match person.password {
        PasswordState::MustChange => true,
        PasswordState::Expired => !person.password_never_expires,
        PasswordState::Valid | PasswordState::None => false,
    }
}

fn password_set(person: &Person) -> i64 {
    match person.password {
        PasswordState::Valid => file_time(PASSWORD_SET),
        PasswordState::Expired => file_time(PASSWORD_SET_LONG_AGO),
        PasswordState::MustChange | PasswordState::None => 0,
    }
}

/// `msDS-UserPasswordExpiryTimeComputed`: the domain lets passwords live for [`super::surroundings::PASSWORD_DAYS`].
pub fn password_expiry(person: &Person) -> i64 {
    if person.password_never_expires {
        return NEVER;
    }
    match password_set(person) {
        0 => 0,
        set => set + super::surroundings::PASSWORD_DAYS * super::surroundings::DAY,
    }
}
