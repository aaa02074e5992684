//! Distinguished names, as far as we need to understand them.

use uuid::Uuid;

/// The DNS name of the domain that an object belongs to: its `DC` parts. Empty when it has none.
pub(crate) fn domain(dn: &str) -> String {
    let mut labels: Vec<String> = Vec::new();
    for part in parts(dn).iter().rev() {
        match part.split_once('=') {
            Some((kind, label)) if kind.trim().eq_ignore_ascii_case("dc") => {
                labels.insert(0, label.trim().to_lowercase());
            }
            _ => break,
        }
    }
    labels.join(".")
}

/// The name of a domain: `DC=corp,DC=example`.
pub(crate) fn of_domain(domain: &str) -> String {
    let labels = domain.trim_end_matches('.').split('.');
    labels.map(|label| format!("DC={}", ldap3::dn_escape(label))).collect::<Vec<_>>().join(",")
}

/// The first part of a name, and what it lies in; none when there is nothing above it.
pub(crate) fn split(dn: &str) -> (&str, Option<&str>) {
    let first = parts(dn)[0];
    (first.trim(), dn.get(first.len() + 1..).map(str::trim))
}

/// A name that comes with the GUID of its object: `<GUID=0e2a…>;<SID=S-1-…>;CN=Anna,DC=corp`. No GUID: the controller
/// gives none.
pub(super) fn extended(name: &str) -> (Option<Uuid>, &str) {
    let (mut guid, mut rest) = (None, name);
    while let Some((part, behind)) = rest.strip_prefix('<').and_then(|rest| rest.split_once(">;")) {
        if let Some(text) = part.strip_prefix("GUID=") {
            guid = Uuid::try_parse(text).ok();
        }
        rest = behind;
    }
    (guid, rest)
}

/// The parts between the commas that separate.
pub(crate) fn parts(dn: &str) -> Vec<&str> {
    let (mut parts, mut from, mut escaped, mut quoted) = (Vec::new(), 0, false, false);
    for (index, c) in dn.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&dn[from..index]);
                from = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&dn[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_what_stands_in_the_dc_parts() {
        assert_eq!(domain("CN=Anna,CN=Users,DC=Corp,DC=example,DC=test"), "corp.example.test");
        assert_eq!(domain("CN=\\\"Quote\\\"\\, (Ops)\\,DC=no,OU=DC,DC=corp, dc=test"), "corp.test");
        assert_eq!(domain("CN=Configuration"), "");
        assert_eq!(domain(""), "");
    }

    #[test]
    fn a_name_lies_in_another() {
        assert_eq!(of_domain("corp.example.test"), "DC=corp,DC=example,DC=test");
        assert_eq!(split("CN=a\\, b, OU=IT,DC=x"), ("CN=a\\, b", Some("OU=IT,DC=x")));
        assert_eq!(split("DC=x"), ("DC=x", None));
    }

    #[test]
    fn a_name_may_come_with_a_guid() {
        let id = Uuid::from_u128(7);
        assert_eq!(extended(&format!("<GUID={id}>;<SID=S-1-5-7>;CN=a\\<b\\>;,DC=x")), (Some(id), "CN=a\\<b\\>;,DC=x"));
        assert_eq!(extended("CN=a,DC=x"), (None, "CN=a,DC=x"));
        assert_eq!(extended("<GUID=zz>;CN=a"), (None, "CN=a"));
    }
}
