//! States and rules as they are called in the window.

use crate::panel::style::Tone;
use crate::panel::widgets::Icon;
use crate::pipe::types::{Rule, State};

#[must_use]
pub fn state(state: State) -> (Icon, Tone, &'static str) {
    match state {
        State::Waiting => (Icon::Waiting, Tone::Quiet, "Waiting"),
        State::Working => (Icon::Working, Tone::Info, "In work"),
        State::Updated => (Icon::Ok, Tone::Good, "Updated"),
        State::Skipped => (Icon::Skipped, Tone::Quiet, "Skipped"),
        State::Failed => (Icon::Error, Tone::Bad, "Failed"),
    }
}

/// What a rule means, in a few words.
#[must_use]
pub fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::UpdatedInPlace => "The sender's copy was changed in place.",
        Rule::Replaced => "The sender's copy was replaced.",
        Rule::CopyAdded => "The processed message was stored beside the original.",
        Rule::SplitCopyAdded => "The processed message was stored as one more split copy.",
        Rule::AlreadyDone => "The copy was up to date already.",
        Rule::Superseded => "A split copy that was processed later is in place.",
        Rule::ThrownAway => "The sender has thrown the copy away.",
        Rule::OutOfScope => "The sender is outside the senders' scope.",
        Rule::NoMailbox => "The sender has no mailbox.",
        Rule::SmimeSigned => "Signed messages (S/MIME) are left alone.",
        Rule::SmimeEncrypted => "Encrypted messages (S/MIME) are left alone.",
        Rule::RightsProtected => "Rights-protected messages are left alone.",
        Rule::Tnef => "Messages in Outlook's rich text format (TNEF) are left alone.",
        Rule::Calendar => "Meeting requests and their like are left alone.",
        Rule::Report => "Reports and receipts are left alone.",
        Rule::NotFound => "No copy appeared in the mailbox in time.",
        Rule::GaveUp => "The trouble did not end in time.",
        Rule::Refused => "Exchange refused the update.",
        Rule::Unusable => "The message can't be used.",
    }
}

/// A reason as the opening of a sentence. The updater tells it as part of one (`skipped: the sender has no mailbox`); an
/// address at the beginning stays as it is written.
#[must_use]
pub fn opened(reason: &str) -> String {
    let word = reason.split(' ').next().unwrap_or_default();
    let mut characters = reason.chars();
    match characters.next() {
        Some(first) if word.chars().all(|character| character.is_alphabetic() || "',:;".contains(character)) => {
            first.to_uppercase().chain(characters).collect()
        }
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::opened;

    #[test]
    fn a_reason_begins_with_a_capital_unless_it_begins_with_an_address() {
        assert_eq!(opened("body changed, 1 attachment added"), "Body changed, 1 attachment added");
        assert_eq!(opened("\u{e9}crit"), "\u{c9}crit");
        assert_eq!(opened("info@nordwind.example is not in scope"), "info@nordwind.example is not in scope");
        assert_eq!(opened(""), "");
    }
}
