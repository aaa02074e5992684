//! A failure as the failure window has it: what, why, what to do, the cmdlet, the details.

use crate::setup::Failure;

/// Columns to the left of what is explained.
const INDENT: &str = "  ";

pub fn failure(failure: &Failure, width: usize) -> String {
    let Failure { what, cause, advice, cmdlet, details, offer_test, .. } = failure;
    let mut text = format!("{what}\n");
    section(&mut text, "Cause", std::slice::from_ref(cause), width);
    let numbered: Vec<_> = advice.iter().enumerate().map(|(index, line)| format!("{}. {line}", index + 1)).collect();
    section(&mut text, "What to do", &numbered, width);
    if let Some(cmdlet) = cmdlet {
        // Not wrapped: it is there to be copied.
        text.push_str(&format!("\n{INDENT}Cmdlet\n{INDENT}{INDENT}{cmdlet}\n"));
    }
    if *offer_test {
        let command = "siu-updater test MAILBOX".to_owned();
        section(&mut text, "To test by hand, once the configuration is saved", &[command], width);
    }
    section(&mut text, "Details", details, width);
    text
}

fn section(text: &mut String, title: &str, lines: &[String], width: usize) {
    if lines.iter().all(String::is_empty) {
        return;
    }
    text.push_str(&format!("\n{INDENT}{title}\n"));
    for line in lines {
        for (index, part) in wrapped(line, width.saturating_sub(2 * INDENT.len()).max(20)).iter().enumerate() {
            // What goes on in the next line stands under its words, not under its number.
            let hanging = if index > 0 && starts_with_number(line) { "   " } else { "" };
            text.push_str(&format!("{INDENT}{INDENT}{hanging}{part}\n"));
        }
    }
}

fn starts_with_number(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_digit()) && line.contains(". ")
}

/// Lines of at most so many characters, as far as words allow; control characters of foreign texts are left out.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let word: String = word.chars().filter(|character| !character.is_control()).collect();
        let line =
            lines.last_mut().filter(|line| line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width);
        match line {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) => line.extend([" ", &word]),
            None => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W8, W9
    #[test]
    fn everything_that_the_window_has_is_shown_and_the_cmdlet_stays_in_one_line() {
        let cmdlet = format!("New-ManagementRoleAssignment -User \"{}@corp.example\"", "x".repeat(60));
        let shown = failure(
            &Failure {
                what: "It failed.".to_owned(),
                cause: "Because of this and that, which takes more than one line to say.".to_owned(),
                advice: vec!["Do this, and take your time over it, as it is long.".to_owned(), "Then that.".to_owned()],
                cmdlet: Some(cmdlet.clone()),
                details: vec!["Exchange answers \u{1b}[31mno".to_owned()],
                offer_test: true,
                ..Failure::default()
            },
            40,
        );
        for part in ["It failed.", "Cause", "1. Do this", "       ", "2. Then that.", "Details", "siu-updater test"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(shown.contains(&cmdlet), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        let rest = shown.lines().filter(|line| !line.contains("New-Management"));
        assert!(rest.map(|line| line.chars().count()).all(|length| length <= 55), "{shown}");
    }
}
