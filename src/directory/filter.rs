//! LDAP filters. Values that come from outside are escaped by ldap3.

use ldap3::ldap_escape;
use uuid::Uuid;

use super::object::Kinds;

/// Users, computers left out.
pub(super) const USERS: &str = "(&(objectCategory=person)(objectClass=user))";
/// Security and distribution groups.
pub(super) const GROUPS: &str = "(objectCategory=group)";

/// `LDAP_MATCHING_RULE_IN_CHAIN`: nested membership, followed by the controller.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Objects of these kinds whose name, address or UPN begins like this; none when nothing can be found so.
pub(super) fn search(text: &str, kinds: Kinds) -> Option<String> {
    let kind = match (kinds.users, kinds.groups) {
        (true, true) => format!("(|{USERS}{GROUPS})"),
        (true, false) => USERS.to_owned(),
        (false, true) => GROUPS.to_owned(),
        (false, false) => return None,
    };
    let text = text.trim();
    if text.is_empty() {
        return Some(kind);
    }
    // No name has these. A controller may take NUL for the end of what is looked for, and find too much.
    if text.contains(char::is_control) {
        return None;
    }
    let text = ldap_escape(text);
    // Ambiguous name resolution looks at names and proxyAddresses, but neither at mail nor at the UPN.
    Some(format!("(&{kind}(|(anr={text})(mail={text}*)(userPrincipalName={text}*)))"))
}

pub(super) fn equals(attribute: &str, value: &str) -> String {
    format!("({attribute}={})", ldap_escape(value))
}

/// One of these objects.
pub(super) fn ids(ids: &[Uuid]) -> String {
    let equals = |id: &Uuid| format!("(objectGUID={})", bytes(&id.to_bytes_le()));
    if let [id] = ids { equals(id) } else { any(ids.iter().map(equals)) }
}

/// Direct and nested members of a group.
pub(super) fn members_of(group_dn: &str) -> String {
    format!("(memberOf:{IN_CHAIN}:={})", ldap_escape(group_dn))
}

pub(super) fn any(filters: impl IntoIterator<Item = String>) -> String {
    format!("(|{})", filters.into_iter().collect::<String>())
}

/// Any bytes as a value.
pub(super) fn bytes(value: &[u8]) -> String {
    value.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Kinds = Kinds { users: true, groups: true };

    /// Whatever is typed is looked for as it is: nothing of it becomes a part of the filter.
    #[test]
    fn what_is_typed_never_becomes_syntax() {
        let filter = search("*)(cn=a\\", BOTH).unwrap();
        assert!(filter.contains("(anr=\\2a\\29\\28cn=a\\5c)"), "{filter}");
        for typed in ["(", ")", "*", "\\", "a)(|(cn=*", "O'Brien", "\"Quote\", (Ops)", "Žižka", "日本", "&|!=~<>"] {
            assert!(ldap3::parse_filter(search(typed, BOTH).unwrap()).is_ok(), "{typed:?}");
        }
    }

    #[test]
    fn nothing_is_looked_for_when_nothing_can_be_found() {
        assert_eq!(search("a", Kinds { users: false, groups: false }), None);
        assert_eq!(search("a\0b", BOTH), None);
        assert_eq!(search(" ", Kinds { users: true, groups: false }).unwrap(), USERS);
    }
}
