//! The attributes that the directory knows: their syntax, and who writes them.

/// How values are written and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Unicode text, compared without regard to case.
    Text,
    /// `TRUE` or `FALSE`
    Boolean,
    Integer,
    /// 64 bits: times of Windows, counted in 100 ns since 1601.
    Large,
    /// Distinguished name.
    Name,
    /// Bytes, compared one by one.
    Octets,
    /// Security identifier, in bytes; a filter may write it as `S-1-…`.
    Sid,
    /// Name of a class.
    Class,
    /// `20260401120000.0Z`
    Time,
}

/// Where values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Kept, and written by clients.
    Kept,
    /// Kept, and written by the directory itself.
    System,
    /// Worked out when it is asked for by name; never part of `*`, and no filter finds anything by it.
    Constructed,
    /// Written by clients and never read.
    Secret,
}

/// An attribute.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    pub name: &'static str,
    pub syntax: Syntax,
    pub origin: Origin,
    pub many: bool,
}

use Origin::{Constructed, Kept, Secret, System};
use Syntax::{Boolean, Class, Integer, Large, Name, Octets, Sid, Text, Time};

const fn one(name: &'static str, syntax: Syntax, origin: Origin) -> Attribute {
    Attribute { name, syntax, origin, many: false }
}

const fn many(name: &'static str, syntax: Syntax, origin: Origin) -> Attribute {
    Attribute { name, syntax, origin, many: true }
}

/// All of them.
pub const ATTRIBUTES: &[Attribute] = &[
    one("accountExpires", Large, Kept),
    one("adminCount", Integer, System),
    one("badPwdCount", Integer, System),
    one("c", Text, Kept),
    one("canonicalName", Text, Constructed),
    one("cn", Text, Kept),
    one("co", Text, Kept),
    one("codePage", Integer, Kept),
    one("company", Text, Kept),
    one("countryCode", Integer, Kept),
    one("createTimeStamp", Time, Constructed),
    one("dc", Text, Kept),
    one("department", Text, Kept),
    one("description", Text, Kept),
    one("displayName", Text, Kept),
    one("distinguishedName", Name, System),
    one("dNSHostName", Text, Kept),
    one("dnsRoot", Text, Kept),
    one("flatName", Text, System),
    one("givenName", Text, Kept),
    one("groupType", Integer, Kept),
    one("homeMDB", Name, Kept),
    one("instanceType", Integer, System),
    one("isSingleValued", Boolean, System),
    many("keywords", Text, Kept),
    one("l", Text, Kept),
    one("lDAPDisplayName", Text, System),
    one("legacyExchangeDN", Text, Kept),
    one("lockoutDuration", Large, Kept),
    one("lockOutObservationWindow", Large, Kept),
    one("lockoutThreshold", Integer, Kept),
    one("lockoutTime", Large, Kept),
    one("mail", Text, Kept),
    one("mailNickname", Text, Kept),
    one("manager", Name, Kept),
    one("maxPwdAge", Large, Kept),
    many("member", Name, Kept),
    many("memberOf", Name, System),
    one("minPwdAge", Large, Kept),
    one("minPwdLength", Integer, Kept),
    one("mobile", Text, Kept),
    one("modifyTimeStamp", Time, Constructed),
    one("msDS-Behavior-Version", Integer, Kept),
    one("msDS-PrincipalName", Text, Constructed),
    one("msDS-User-Account-Control-Computed", Integer, Constructed),
    one("msDS-UserPasswordExpired", Boolean, Constructed),
    one("msDS-UserPasswordExpiryTimeComputed", Large, Constructed),
    one("msExchHomeServerName", Text, Kept),
    one("msExchMailboxGuid", Octets, Kept),
    one("msExchRecipientDisplayType", Integer, Kept),
    one("msExchRecipientTypeDetails", Large, Kept),
    one("msExchServerSite", Name, Kept),
    one("msExchVersion", Large, Kept),
    one("name", Text, System),
    one("nCName", Name, Kept),
    one("nETBIOSName", Text, Kept),
    many("networkAddress", Text, Kept),
    one("objectCategory", Name, System),
    many("objectClass", Class, Kept),
    one("objectGUID", Octets, System),
    one("objectSid", Sid, System),
    one("objectVersion", Integer, System),
    one("ou", Text, Kept),
    one("physicalDeliveryOfficeName", Text, Kept),
    one("primaryGroupID", Integer, System),
    one("primaryGroupToken", Integer, Constructed),
    many("proxyAddresses", Text, Kept),
    one("pwdHistoryLength", Integer, Kept),
    one("pwdLastSet", Large, Kept),
    one("pwdProperties", Integer, Kept),
    one("sAMAccountName", Text, Kept),
    one("sAMAccountType", Integer, System),
    one("securityIdentifier", Sid, System),
    many("serialNumber", Text, Kept),
    one("serverReference", Name, Kept),
    many("serviceBindingInformation", Text, Kept),
    one("serviceClassName", Text, Kept),
    one("serviceDNSName", Text, Kept),
    many("servicePrincipalName", Text, Kept),
    one("siteObject", Name, Kept),
    many("showInAddressBook", Name, Kept),
    one("sn", Text, Kept),
    one("st", Text, Kept),
    one("streetAddress", Text, Kept),
    one("structuralObjectClass", Class, Constructed),
    one("subSchemaSubEntry", Name, Constructed),
    one("systemFlags", Integer, System),
    one("telephoneNumber", Text, Kept),
    one("title", Text, Kept),
    many("tokenGroups", Sid, Constructed),
    one("trustAttributes", Integer, Kept),
    one("trustDirection", Integer, Kept),
    one("trustPartner", Text, Kept),
    one("trustType", Integer, Kept),
    one("unicodePwd", Octets, Secret),
    one("userAccountControl", Integer, Kept),
    one("userPassword", Octets, Secret),
    one("userPrincipalName", Text, Kept),
    one("uSNChanged", Large, System),
    one("uSNCreated", Large, System),
    many("wellKnownObjects", Text, System),
    one("whenChanged", Time, System),
    one("whenCreated", Time, System),
];

/// The attribute of this name, whatever its case.
pub fn attribute(name: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// Common name of the attribute's object in the schema: its words, joined by hyphens (`ms-Exch-Mailbox-Guid`).
pub fn common_name(attribute: &str) -> String {
    let mut name = String::new();
    let mut before = '-';
    for letter in attribute.chars() {
        if letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            name.push('-');
        }
        name.push(letter);
        before = letter;
    }
    if name.starts_with("ms-") {
        return name;
    }
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What ambiguous name resolution looks into (MS-ADTS 3.1.1.3.1.3.3).
pub const AMBIGUOUS: &[&str] = &[
    "displayName",
    "givenName",
    "legacyExchangeDN",
    "mail",
    "mailNickname",
    "name",
    "physicalDeliveryOfficeName",
    "proxyAddresses",
    "sAMAccountName",
    "sn",
];

/// Common name of the object in the schema that a class's `objectCategory` leads to.
pub fn category(class: &str) -> Option<&'static str> {
    const CATEGORIES: &[(&str, &str)] = &[
        ("attributeSchema", "Attribute-Schema"),
        ("builtinDomain", "Builtin-Domain"),
        ("computer", "Computer"),
        ("configuration", "Configuration"),
        ("contact", "Person"),
        ("container", "Container"),
        ("crossRef", "Cross-Ref"),
        ("crossRefContainer", "Cross-Ref-Container"),
        ("dMD", "DMD"),
        ("domain", "Domain"),
        ("domainDNS", "Domain-DNS"),
        ("group", "Group"),
        ("msExchAdminGroup", "ms-Exch-Admin-Group"),
        ("msExchAdminGroupContainer", "ms-Exch-Admin-Group-Container"),
        ("msExchConfigurationContainer", "ms-Exch-Configuration-Container"),
        ("msExchContainer", "ms-Exch-Container"),
        ("msExchExchangeServer", "ms-Exch-Exchange-Server"),
        ("msExchMDB", "ms-Exch-Private-MDB"),
        ("msExchOrganizationContainer", "ms-Exch-Organization-Container"),
        ("msExchPrivateMDB", "ms-Exch-Private-MDB"),
        ("organizationalPerson", "Person"),
        ("organizationalUnit", "Organizational-Unit"),
        ("person", "Person"),
        ("server", "Server"),
        ("serversContainer", "Servers-Container"),
        ("serviceConnectionPoint", "Service-Connection-Point"),
        ("site", "Site"),
        ("sitesContainer", "Sites-Container"),
        ("subnet", "Subnet"),
        ("subnetContainer", "Subnet-Container"),
        ("trustedDomain", "Trusted-Domain"),
        ("user", "Person"),
    ];
    CATEGORIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(class)).map(|(_, category)| *category)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn no_attribute_is_there_twice_and_each_is_found_whatever_its_case() {
        for (index, attribute) in ATTRIBUTES.iter().enumerate() {
            let twice = ATTRIBUTES[..index].iter().any(|other| other.name.eq_ignore_ascii_case(attribute.name));
            assert!(!twice, "{}", attribute.name);
        }
        assert_eq!(attribute("SAMACCOUNTNAME").unwrap().name, "sAMAccountName");
        assert_eq!(common_name("msExchMailboxGuid"), "ms-Exch-Mailbox-Guid");
        assert_eq!(common_name("userPrincipalName"), "User-Principal-Name");
        assert!(AMBIGUOUS.iter().all(|name| attribute(name).is_some()));
    }
}
