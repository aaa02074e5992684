//! Distinguished names, as Active Directory writes and compares them (RFC 4514; no multi-valued RDNs).

use std::fmt;

/// A distinguished name, from the object itself up to the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dn(pub Vec<Rdn>);

/// One step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdn {
    pub attribute: String,
    pub value: String,
}

impl Dn {
    /// Reads a name; none when it is not written as one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text.trim_matches(' ');
        while !rest.is_empty() {
            let (attribute, after) = rest.split_once('=')?;
            let attribute = attribute.trim();
            if attribute.is_empty()
                || !attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
            {
                return None;
            }
            let (value, after) = value(after)?;
            steps.push(Rdn { attribute: attribute.to_owned(), value });
            match after {
                None => break,
                Some(after) if after.trim().is_empty() => return None,
                Some(after) => rest = after,
            }
        }
        Some(Self(steps))
    }

    /// `DC=corp,DC=example` of `corp.example`.
    pub fn of_domain(domain: &str) -> Self {
        let label = |label: &str| Rdn { attribute: "DC".to_owned(), value: label.to_owned() };
        Self(domain.split('.').filter(|name| !name.is_empty()).map(label).collect())
    }

    /// DNS name of the `DC` steps at the end.
    pub fn domain(&self) -> String {
        let labels = self.0.iter().filter(|step| step.attribute.eq_ignore_ascii_case("DC"));
        labels.map(|step| step.value.as_str()).collect::<Vec<_>>().join(".")
    }

    /// An object below this one.
    pub fn child(&self, attribute: &str, value: &str) -> Self {
        let mut steps = vec![Rdn { attribute: attribute.to_owned(), value: value.to_owned() }];
        steps.extend(self.0.iter().cloned());
        Self(steps)
    }

    /// What it is directly below.
    pub fn parent(&self) -> Option<Self> {
        (self.0.len() > 1).then(|| Self(self.0[1..].to_vec()))
    }

    /// The form in which names are compared.
    pub fn key(&self) -> String {
        self.to_string().to_lowercase()
    }
}

/// Reads a value up to the next comma; and what follows the comma, if there is one.
fn value(text: &str) -> Option<(String, Option<&str>)> {
    let bytes = text.as_bytes();
    let mut at = text.len() - text.trim_start_matches(' ').len();
    let mut value = Vec::new();
    // Spaces at the end belong to the value only when they were escaped.
    let mut kept = 0;
    if bytes.get(at) == Some(&b'"') {
        at += 1;
        loop {
            match (*bytes.get(at)?, bytes.get(at + 1)) {
                (b'"', _) => break,
                (b'\\', Some(next)) => {
                    value.push(*next);
                    at += 2;
                }
                (byte, _) => {
                    value.push(byte);
                    at += 1;
                }
            }
        }
        at += 1;
        let after = text.get(at..)?.trim_start_matches(' ');
        let after = if after.is_empty() { None } else { Some(after.strip_prefix(',')?) };
        return Some((String::from_utf8(value).ok()?, after));
    }
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b',' | b';' => {
                value.truncate(kept.max(value.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1)));
                return Some((String::from_utf8(value).ok()?, text.get(at..)));
            }
            b'\\' => {
                let pair = bytes.get(at..at + 2).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
                let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
                if let Some(code) = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
                    value.push(code);
                    at += 2;
                } else {
                    value.push(*bytes.get(at)?);
                    at += 1;
                }
                kept = value.len();
            }
            b'+' | b'"' | b'<' | b'>' => return None,
            byte => value.push(byte),
        }
    }
    value.truncate(kept.max(value.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1)));
    Some((String::from_utf8(value).ok()?, None))
}

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.attribute)?;
        let last = self.value.chars().count().saturating_sub(1);
        for (index, character) in self.value.chars().enumerate() {
            match character {
                ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => write!(f, "\\{character}")?,
                ' ' if index == 0 || index == last => write!(f, "\\ ")?,
                '#' if index == 0 => write!(f, "\\#")?,
                '\0' | '\n' | '\r' => write!(f, "\\{:02X}", u32::from(character))?,
                character => write!(f, "{character}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            if index > 0 {
                write!(f, ",")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["anna", "CN=a,", "CN=a,b", "=a", "CN=a+SN=b,DC=x", "CN=\"a", "CN=a\\", "C N=x"] {
            assert_eq!(Dn::parse(text), None, "{text}");
        }
    }

    /// X1
    #[test]
    fn special_characters_survive_and_spaces_around_do_not_count() {
        let value = " a,b+c\"d\\e<f>g;h=i#j\u{0}k ";
        let dn = Dn::of_domain("n.example").child("CN", value);
        assert_eq!(Dn::parse(&dn.to_string()).unwrap(), dn);
        let spaced = Dn::parse("cn = Anna Berg  , ou=\"Sales, West\" ,DC=N,DC=example").unwrap();
        assert_eq!(spaced.key(), "cn=anna berg,ou=sales\\, west,dc=n,dc=example");
        assert_eq!(Dn::parse("CN=Stra\\C3\\9Fe").unwrap().0[0].value, "Straße");
        assert_eq!(spaced.domain(), "N.example");
        assert_eq!(Dn::parse("").unwrap(), Dn::default());
    }
}
