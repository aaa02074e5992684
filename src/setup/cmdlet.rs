//! The Exchange cmdlets that do by hand what failed (W9), quoted so that they can be pasted as they are.

/// Longest name that Exchange takes for a role assignment.
const LONGEST_NAME: usize = 64;

/// Name of the role assignment that gives an account its right. The same everywhere, so that it is recognised.
#[must_use]
pub fn assignment_name(upn: &str) -> String {
    let account = upn.rsplit_once('@').map_or(upn, |(name, _)| name);
    format!("SentItemsUpdate-{account}").chars().take(LONGEST_NAME).collect()
}

/// Gives an account the right to impersonate every mailbox.
#[must_use]
pub fn grant(upn: &str) -> String {
    grant_within(upn, None)
}

/// The same for the mailboxes of a management scope.
#[must_use]
pub fn grant_within(upn: &str, scope: Option<&str>) -> String {
    let scope = scope.map_or_else(String::new, |scope| format!(" -CustomRecipientWriteScope {}", quoted(scope)));
    format!(
        "New-ManagementRoleAssignment -Name {} -Role ApplicationImpersonation -User {}{scope}",
        quoted(&assignment_name(upn)),
        quoted(upn)
    )
}

/// Shows whether an account has the right.
#[must_use]
pub fn look(upn: &str) -> String {
    format!("Get-ManagementRoleAssignment -Role ApplicationImpersonation -RoleAssignee {}", quoted(upn))
}

/// Makes an account a member of Organization Management.
#[must_use]
pub fn add_to_organisation_management(upn: &str) -> String {
    format!("Add-RoleGroupMember -Identity \"Organization Management\" -Member {}", quoted(upn))
}

/// A string of PowerShell in double quotes that stands for exactly this text. PowerShell takes typographical quotes for
/// plain ones, and expands `$` and the backtick; control characters would end the line and are left out.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '`' | '$' | '\u{201C}' | '\u{201D}' | '\u{201E}') {
            quoted.push('`');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a string in double quotes as PowerShell does (about_Quoting_Rules), from its first character on. Gives
    /// what it stands for, and what follows it.
    fn read(text: &str) -> Option<(String, &str)> {
        const QUOTES: [char; 4] = ['"', '\u{201C}', '\u{201D}', '\u{201E}'];
        let mut characters = text.char_indices();
        characters.next().filter(|(_, first)| QUOTES.contains(first))?;
        let mut value = String::new();
        while let Some((at, character)) = characters.next() {
            match character {
                '`' => value.push(characters.next()?.1),
                '$' => return None,
                quote if QUOTES.contains(&quote) => return Some((value, &text[at + quote.len_utf8()..])),
                other => value.push(other),
            }
        }
        None
    }

    /// W9
    #[test]
    fn the_cmdlet_is_the_exact_one_for_the_account() {
        assert_eq!(
            grant("svc-siu@corp.example"),
            "New-ManagementRoleAssignment -Name \"SentItemsUpdate-svc-siu\" -Role ApplicationImpersonation -User \
             \"svc-siu@corp.example\""
        );
    }

    /// W9
    #[test]
    fn a_scope_stands_in_the_cmdlet_as_it_is_called() {
        let cmdlet = grant_within("svc-siu@corp.example", Some("Sales $1"));
        assert!(
            cmdlet.ends_with("-User \"svc-siu@corp.example\" -CustomRecipientWriteScope \"Sales `$1\""),
            "{cmdlet}"
        );
    }

    /// W9
    #[test]
    fn a_name_with_characters_of_powershell_stands_for_itself() {
        assert_eq!(quoted("a$b`c\"d\u{201D}e"), "\"a`$b``c`\"d`\u{201D}e\"");
        assert!(assignment_name(&format!("{}@corp.example", "x".repeat(64))).chars().count() <= LONGEST_NAME);
    }

    proptest! {
        /// W9
        #[test]
        fn whatever_the_name_powershell_reads_it_back_and_nothing_more(name in "\\PC{0,60}") {
            let line = quoted(&name);
            prop_assert_eq!(read(&line), Some((name, "")));
        }

        /// W9
        #[test]
        fn a_line_break_in_a_name_can_not_begin_another_command(name in any::<String>()) {
            prop_assert!(!grant(&name).chars().any(char::is_control));
        }
    }
}
