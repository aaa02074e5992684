//! Addresses in header fields (RFC 5322, section 3.4), without the names beside them.

/// The addresses of an address list, in order, as they are written: groups opened, names, comments and routes
/// left out. An entry in angle brackets counts whatever is in them; one without must have an `@`.
pub(super) fn addresses(list: &str) -> Vec<String> {
    let mut reader = Reader::default();
    let mut characters = list.chars().peekable();
    let mut comment = 0_u32;
    let mut quoted = false;
    while let Some(c) = characters.next() {
        if quoted {
            reader.push(c);
            match c {
                '\\' => characters.next().into_iter().for_each(|c| reader.push(c)),
                '"' => quoted = false,
                _ => {}
            }
        } else if comment > 0 {
            match c {
                '\\' => drop(characters.next()),
                '(' => comment += 1,
                ')' => comment -= 1,
                _ => {}
            }
        } else {
            match c {
                '"' => {
                    reader.push(c);
                    quoted = true;
                }
                '(' => comment = 1,
                '<' => reader.open(),
                '>' => reader.close(),
                // A group ends with a semicolon; Outlook's users also separate by it.
                ',' | ';' if !reader.in_brackets => reader.end(),
                ':' if !reader.in_brackets => reader.group(),
                _ => reader.push(c),
            }
        }
    }
    reader.end();
    reader.found
}

#[derive(Default)]
struct Reader {
    /// Text of the entry outside of angle brackets.
    outside: String,
    /// Text inside of the last angle brackets.
    inside: Option<String>,
    in_brackets: bool,
    found: Vec<String>,
}

impl Reader {
    fn push(&mut self, c: char) {
        match &mut self.inside {
            Some(inside) if self.in_brackets => inside.push(c),
            _ => self.outside.push(c),
        }
    }

    fn open(&mut self) {
        self.in_brackets = true;
        self.inside = Some(String::new());
    }

    fn close(&mut self) {
        self.in_brackets = false;
    }

    fn group(&mut self) {
        // What stands before the colon is the group's name.
        self.outside.clear();
        self.inside = None;
    }

    fn end(&mut self) {
        let outside = std::mem::take(&mut self.outside);
        self.in_brackets = false;
        if let Some(inside) = self.inside.take() {
            // An obsolete route: <@relay,@relay:address>.
            let inside = inside.trim();
            let address = match inside.split_once(':') {
                Some((route, address)) if route.starts_with('@') => address,
                _ => inside,
            };
            if !address.is_empty() {
                self.found.push(tight(address));
            }
        } else {
            let outside = tight(&outside);
            if let Some(address) = words(&outside).into_iter().rfind(|word| word.contains('@')) {
                let quotes = ['"', '\''];
                self.found.push(address.trim_matches(quotes).to_owned());
            }
        }
    }
}

/// Without the blanks that obsolete syntax allows around `@` and `.`.
fn tight(text: &str) -> String {
    let mut tight = String::with_capacity(text.len());
    let mut quoted = false;
    let mut characters = text.trim().chars().peekable();
    while let Some(c) = characters.next() {
        if c == '"' {
            quoted = !quoted;
        }
        if c.is_whitespace() && !quoted {
            while characters.next_if(|next| next.is_whitespace()).is_some() {}
            let joins = |c: char| c == '@' || c == '.';
            if !(tight.ends_with(joins) || characters.peek().copied().is_some_and(joins)) {
                tight.push(' ');
            }
        } else {
            tight.push(c);
        }
    }
    tight
}

/// Splits at blanks outside of quotes.
fn words(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        if c == '"' {
            quoted = !quoted;
        }
        c.is_whitespace() && !quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(list: &str, expected: &[&str]) {
        assert_eq!(addresses(list), expected, "{list}");
    }

    #[test]
    fn nothing_is_made_up_where_no_address_is() {
        check("", &[]);
        check("Anna Berg", &[]);
        check("undisclosed-recipients:;", &[]);
        check("<>", &[]);
        check("(anna@x.example)", &[]);
    }

    #[test]
    fn the_address_is_found_beside_any_name() {
        for written in [
            "anna@x.example",
            "<anna@x.example>",
            "Anna Berg <anna@x.example>",
            "\"Berg, Anna\" <anna@x.example>",
            "\"Berg \\\"Anni\\\" <boss@y.example>, Anna\" <anna@x.example>",
            "=?utf-8?Q?Berg,_Anna?= <anna@x.example>",
            "Berg, Anna <anna@x.example>",
            "anna@x.example (Anna Berg)",
            "Anna (at (work)) <anna@x.example> (really \\) her)",
            "anna@other.example <anna@x.example>",
            "Anna anna@x.example",
            "anna @ x . example",
            "< anna@x.example >",
            "<@relay.example,@second.example:anna@x.example>",
            "Team: Anna <anna@x.example>;",
            "Anna Berg <anna@x.example",
            "Anna: Sales <anna@x.example>",
            "\"anna@x.example\"",
            "'anna@x.example'",
        ] {
            check(written, &["anna@x.example"]);
        }
    }

    #[test]
    fn lists_and_groups_are_opened_in_order() {
        check("a@x.example, B <b@x.example>,, c@x.example (C)", &["a@x.example", "b@x.example", "c@x.example"]);
        check("Team: a@x.example, b@x.example;, c@x.example", &["a@x.example", "b@x.example", "c@x.example"]);
        check("a@x.example; b@x.example", &["a@x.example", "b@x.example"]);
    }

    #[test]
    fn unusual_addresses_are_kept_as_they_are() {
        check("<\"anna berg\"@x.example>", &["\"anna berg\"@x.example"]);
        check("Jörg <jörg@bücher.example>", &["jörg@bücher.example"]);
        check("<anna>", &["anna"]);
        check("<IMCEAEX-_O=ORG_OU=X_cn=Anna@x.example>", &["IMCEAEX-_O=ORG_OU=X_cn=Anna@x.example"]);
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(list in "[\\PC\"<>(),:;@. \\\\]{0,80}") {
            let _ = addresses(&list);
        }
    }
}
