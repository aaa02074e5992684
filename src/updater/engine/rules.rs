//! Messages that are left alone because of what they are (U7). Each class has its rule and its reason.
//!
//! | class | told by | rule |
//! |---|---|---|
//! | signed with S/MIME or PGP/MIME, clear or opaque | MIME, item class `IPM.Note.SMIME.MultipartSigned` | left alone: any change would break the signature |
//! | encrypted | MIME, item class `IPM.Note.SMIME` | left alone: nothing in it can be changed |
//! | rights-protected | MIME, item class `IPM.Note.Rpmsg*` | left alone: likewise |
//! | TNEF | MIME | left alone: what Outlook encoded there would be lost |
//! | meeting request or response | MIME, item class `IPM.Schedule*` | left alone: the calendar works with it |
//! | report, read receipt | MIME, item class `REPORT.*` | left alone: it is not a person's message |
//! | any other | – | updated |

use crate::message::MessageClass;
use crate::pipe::types::{Outcome, Rule};

/// The rule for the processed message, if its class has one.
pub fn by_class(class: MessageClass) -> Option<Outcome> {
    let rule = match class {
        MessageClass::Normal => return None,
        MessageClass::SmimeSignedClear | MessageClass::SmimeSignedOpaque => Rule::SmimeSigned,
        MessageClass::SmimeEncrypted => Rule::SmimeEncrypted,
        MessageClass::RightsProtected => Rule::RightsProtected,
        MessageClass::Tnef => Rule::Tnef,
        MessageClass::Calendar => Rule::Calendar,
        MessageClass::Report => Rule::Report,
    };
    Some(Outcome::new(rule, reason(rule)))
}

/// The rule for the copy in the mailbox, if its item class (MS-OXCMSG `PidTagMessageClass`) has one.
pub fn by_item_class(item_class: &str) -> Option<Outcome> {
    let class = item_class.to_ascii_lowercase();
    let is = |root: &str| class == root || class.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'));
    let rule = if is("ipm.note.smime.multipartsigned") || is("ipm.note.secure.sign") {
        Rule::SmimeSigned
    } else if is("ipm.note.smime") || is("ipm.note.secure") {
        Rule::SmimeEncrypted
    } else if class.starts_with("ipm.note.rpmsg") {
        Rule::RightsProtected
    } else if is("ipm.schedule") || is("ipm.appointment") || is("ipm.task") || is("ipm.taskrequest") {
        Rule::Calendar
    } else if is("report") || class.starts_with("report.") {
        Rule::Report
    } else {
        return None;
    };
    Some(Outcome::new(rule, reason(rule)))
}

fn reason(rule: Rule) -> &'static str {
    match rule {
        Rule::SmimeSigned => "the message is digitally signed; a change would break the signature",
        Rule::SmimeEncrypted => "the message is encrypted; its content can't be changed",
        Rule::RightsProtected => "the message is rights-protected; its content can't be changed",
        Rule::Tnef => "the message is in Outlook's TNEF format (winmail.dat); a change would lose what it encodes",
        Rule::Calendar => "the message belongs to a meeting or a task; calendars work with it as it is",
        Rule::Report => "the message is a report or a read receipt",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U7
    #[test]
    fn the_class_of_the_item_decides_too() {
        let rule = |class| by_item_class(class).map(|outcome| outcome.rule);
        assert_eq!(rule("IPM.Note.SMIME.MultipartSigned"), Some(Rule::SmimeSigned));
        assert_eq!(rule("IPM.Note.SMIME"), Some(Rule::SmimeEncrypted));
        assert_eq!(rule("IPM.Note.rpmsg.Microsoft.Voicemail"), Some(Rule::RightsProtected));
        assert_eq!(rule("IPM.Schedule.Meeting.Request"), Some(Rule::Calendar));
        assert_eq!(rule("REPORT.IPM.Note.IPNRN"), Some(Rule::Report));
        for plain in ["IPM.Note", "ipm.note", "IPM.Note.Custom", "", "IPM.Notebook", "IPM.Scheduler"] {
            assert_eq!(rule(plain), None, "{plain}");
        }
    }

    /// U7: whoever reads the outcome learns why.
    #[test]
    fn every_class_but_the_normal_one_has_a_rule_with_a_reason_and_counts_as_skipped() {
        use MessageClass as C;
        for class in [
            C::SmimeSignedClear,
            C::SmimeSignedOpaque,
            C::SmimeEncrypted,
            C::RightsProtected,
            C::Tnef,
            C::Calendar,
            C::Report,
        ] {
            let outcome = by_class(class).unwrap();
            assert!(!outcome.reason.is_empty(), "{class:?}");
            assert_eq!(outcome.kind(), crate::pipe::types::OutcomeKind::Skipped, "{class:?}");
        }
        assert_eq!(by_class(C::Normal), None);
    }
}
