//! Distinguished names, as far as we need to understand them.

/// The DNS name of the domain that an object belongs to: its `DC` parts. Empty when it has none.
pub(super) fn domain(dn: &str) -> String {
    let mut labels: Vec<String> = Vec::new();
    for part in parts(dn).iter().rev() {
        match part.split_once('=') {
            Some((kind, label)) if kind.trim().eq_ignore_ascii_case("dc") => {
                labels.insert(0, label.trim().to_lowercase())
            }
            _ => break,
        }
    }
    labels.join(".")
}

/// The parts between the commas that separate.
fn parts(dn: &str) -> Vec<&str> {
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
}
