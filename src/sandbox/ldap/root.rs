//! The root of the directory (rootDSE): what the server is, for everybody to read.

use ldap3_proto::proto::LdapPartialAttribute;

use super::tree::{CONTROLLER, World};
use super::value::{generalized_time, now};

/// Controls that the server takes.
pub mod control {
    pub const PAGED: &str = "1.2.840.113556.1.4.319";
    pub const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
    pub const SORT: &str = "1.2.840.113556.1.4.473";
    pub const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
    pub const SEARCH_OPTIONS: &str = "1.2.840.113556.1.4.1338";
    pub const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
    pub const ALL: &[&str] = &[PAGED, SHOW_DELETED, SORT, SD_FLAGS, SEARCH_OPTIONS, DOMAIN_SCOPE];
}

pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// Active Directory, since 2003, since 2008, since 2012, and that it is no AD LDS.
const CAPABILITIES: &[&str] = &[
    "1.2.840.113556.1.4.800",
    "1.2.840.113556.1.4.1670",
    "1.2.840.113556.1.4.1791",
    "1.2.840.113556.1.4.1935",
    "1.2.840.113556.1.4.2080",
    "1.2.840.113556.1.4.2237",
];

/// What a client gets that asks for these attributes; all of them when it names none.
pub fn attributes(world: &World, asked: &[String], types_only: bool) -> Vec<LdapPartialAttribute> {
    let (root, configuration, schema) = (world.root(), world.configuration(), world.schema());
    let contexts = [&root, &configuration, &schema].map(ToString::to_string);
    let zones = ["DomainDnsZones", "ForestDnsZones"].map(|zone| root.child("DC", zone).to_string());
    let server = configuration
        .child("CN", "Sites")
        .child("CN", "Default-First-Site-Name")
        .child("CN", "Servers")
        .child("CN", CONTROLLER);
    let limits =
        ["MaxPageSize", "MaxValRange", "MaxReceiveBuffer", "MaxConnections", "MaxConnIdleTime", "InitRecvTimeout"];
    let all: Vec<(&str, Vec<String>)> = vec![
        ("domainFunctionality", vec!["7".into()]),
        ("forestFunctionality", vec!["7".into()]),
        ("domainControllerFunctionality", vec!["7".into()]),
        ("rootDomainNamingContext", vec![contexts[0].clone()]),
        (
            "ldapServiceName",
            vec![format!("{0}:{1}$@{2}", world.domain, CONTROLLER.to_lowercase(), world.domain.to_uppercase())],
        ),
        ("isGlobalCatalogReady", vec!["TRUE".into()]),
        // Signing in by Kerberos needs a domain around the controller; only the simple bind works here.
        ("supportedSASLMechanisms", ["GSSAPI", "GSS-SPNEGO", "EXTERNAL", "DIGEST-MD5"].map(str::to_owned).into()),
        ("supportedLDAPVersion", vec!["3".into(), "2".into()]),
        ("supportedLDAPPolicies", limits.map(str::to_owned).into()),
        ("supportedControl", control::ALL.iter().map(ToString::to_string).collect()),
        ("supportedCapabilities", CAPABILITIES.iter().map(ToString::to_string).collect()),
        ("supportedExtension", vec![START_TLS.into(), WHO_AM_I.into()]),
        ("subschemaSubentry", vec![schema.child("CN", "Aggregate").to_string()]),
        ("serverName", vec![server.to_string()]),
        ("schemaNamingContext", vec![contexts[2].clone()]),
        ("namingContexts", contexts.iter().cloned().chain(zones).collect()),
        ("isSynchronized", vec!["TRUE".into()]),
        ("highestCommittedUSN", vec!["20481".into()]),
        ("dsServiceName", vec![server.child("CN", "NTDS Settings").to_string()]),
        ("dnsHostName", vec![world.controller()]),
        ("defaultNamingContext", vec![contexts[0].clone()]),
        ("currentTime", vec![generalized_time(now())]),
        ("configurationNamingContext", vec![contexts[1].clone()]),
    ];
    let every = asked.is_empty() || asked.iter().any(|name| name == "*" || name == "+");
    let wanted = |name: &str| every || asked.iter().any(|asked| asked.eq_ignore_ascii_case(name));
    let found = all.into_iter().filter(|(name, _)| wanted(name));
    let values = |values: Vec<String>| values.into_iter().map(String::into_bytes).collect();
    found
        .map(|(name, found)| LdapPartialAttribute {
            atype: name.to_owned(),
            vals: if types_only { Vec::new() } else { values(found) },
        })
        .collect()
}
