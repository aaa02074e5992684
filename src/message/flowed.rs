//! Plain text whose paragraphs were broken into lines for the way (RFC 3676, `format=flowed`).

/// Joins the lines of paragraphs again. `delete_space`: parameter `DelSp`, the blank before a soft line end is not
/// part of the text.
pub(super) fn unwrap(text: &str, delete_space: bool) -> String {
    let mut unwrapped = String::with_capacity(text.len());
    // Depth of quoting of a paragraph that goes on in the next line.
    let mut flows: Option<usize> = None;
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let content = line.trim_start_matches('>');
        let depth = line.len() - content.len();
        // A blank was put before lines that begin with a blank, a ">" or "From ".
        let content = content.strip_prefix(' ').unwrap_or(content);
        let signature = content == "-- ";
        if flows != Some(depth) || signature {
            if index > 0 {
                unwrapped.push('\n');
            }
            unwrapped.extend(std::iter::repeat_n('>', depth));
            if depth > 0 {
                unwrapped.push(' ');
            }
        }
        let soft = content.ends_with(' ') && !signature;
        unwrapped.push_str(if soft && delete_space { &content[..content.len() - 1] } else { content });
        flows = soft.then_some(depth);
    }
    unwrapped
}

#[cfg(test)]
mod tests {
    use super::unwrap;

    #[test]
    fn paragraphs_are_joined_and_fixed_lines_stay() {
        assert_eq!(unwrap("one \r\ntwo\r\n\r\nthree\r\n", false), "one two\n\nthree\n");
        assert_eq!(unwrap("\nfirst line was empty", false), "\nfirst line was empty");
        assert_eq!(unwrap("", false), "");
    }

    #[test]
    fn the_added_blank_is_deleted_when_the_text_says_so() {
        assert_eq!(unwrap("日本 \n語", true), "日本語");
        assert_eq!(unwrap("日本 \n語", false), "日本 語");
    }

    #[test]
    fn quotes_of_different_depth_are_not_joined() {
        assert_eq!(unwrap("> a \n> b \n>> c\nd", false), "> a b \n>> c\nd");
    }

    #[test]
    fn stuffed_blanks_are_removed_and_a_signature_line_never_flows() {
        assert_eq!(unwrap(" From me\n >no quote", false), "From me\n>no quote");
        assert_eq!(unwrap("text \n-- \nAnna", false), "text \n-- \nAnna");
    }
}
