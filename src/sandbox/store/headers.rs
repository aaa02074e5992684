//! Internet headers as text.

/// The fields of a header block, unfolded, in order.
pub fn fields(block: &str) -> impl Iterator<Item = (&str, String)> {
    let mut lines = block.lines().peekable();
    std::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            let Some((name, first)) = line.split_once(':') else { continue };
            let mut value = first.trim().to_owned();
            while let Some(more) = lines.next_if(|next| next.starts_with([' ', '\t'])) {
                value.push(' ');
                value.push_str(more.trim());
            }
            if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Some((name, value));
            }
        }
    })
}

/// The first field of that name, in any case.
#[must_use]
pub fn field(block: &str, name: &str) -> Option<String> {
    fields(block).find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn folded_fields_are_one_and_lines_that_are_no_fields_are_passed_over() {
        let block = "From mbox\r\nSubject: one\r\n two\r\nbad line\r\n\tfolded\r\nX-Empty:\r\n: none\r\nx-a: 1\r\n";
        let found: Vec<_> = fields(block).collect();
        assert_eq!(found, [("Subject", "one two".into()), ("X-Empty", String::new()), ("x-a", "1".into())]);
        assert_eq!(field(block, "X-A").as_deref(), Some("1"));
    }
}
