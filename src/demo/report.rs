//! Says how the demo went.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table};

use super::{Played, Report};
use crate::pipe::types::{OutcomeKind, Rule};

/// The table, what is wrong, and a summary; `width` in columns of the terminal.
#[must_use]
pub fn render(report: &Report, width: u16) -> String {
    let mut table = Table::new();
    table
        .load_preset(comfy_table::presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(["Message", "Sender", "Came by", "Outcome", "Reason", "Time", ""]);
    for message in &report.messages {
        table.add_row(row(message));
    }
    let mut text = format!("{table}\n\n");
    for message in report.messages.iter().filter(|message| !message.problems.is_empty()) {
        for problem in &message.problems {
            // Writing to a string can't fail.
            let _ = writeln!(text, "UNEXPECTED  {} ({}): {problem}", message.name, message.subject);
        }
    }
    text + &summary(report)
}

fn row(message: &Played) -> [String; 7] {
    let mark = if message.problems.is_empty() { "✓" } else { "✗" }.to_owned();
    let door = message.door.to_string();
    match &message.listed {
        None => {
            [message.name.clone(), String::new(), door, "nothing recorded".into(), String::new(), String::new(), mark]
        }
        Some(listed) => [
            if listed.subject.is_empty() { message.name.clone() } else { listed.subject.clone() },
            listed.sender.clone(),
            door,
            listed.rule.map_or_else(|| "not ended".to_owned(), |rule| rule_name(rule).replace('-', " ")),
            listed.reason.clone(),
            listed.finished_at.map_or_else(String::new, |finished| seconds(finished - listed.accepted_at)),
            mark,
        ],
    }
}

fn seconds(milliseconds: i64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// The rule's stable name.
pub(super) fn rule_name(rule: Rule) -> String {
    serde_json::to_value(rule).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn summary(report: &Report) -> String {
    let all = report.messages.len();
    let of = |kind: OutcomeKind| {
        let rules = report.messages.iter().filter_map(|message| message.listed.as_ref()?.rule);
        rules.filter(|rule| rule.kind() == kind).count()
    };
    let hundredths = (report.requests * 100).checked_div(all as u64).unwrap_or(0);
    let counts = format!(
        "{all} messages: {} updated, {} left alone by a rule, {} not updated; {} requests to Exchange, {}.{:02} a message.",
        of(OutcomeKind::Updated),
        of(OutcomeKind::Skipped),
        of(OutcomeKind::Failed),
        report.requests,
        hundredths / 100,
        hundredths % 100,
    );
    let wrong = report.messages.iter().filter(|message| !message.problems.is_empty()).count();
    let verdict = if wrong == 0 {
        "All of it as it should be, checked by reading the mailboxes back.".to_owned()
    } else {
        format!("{wrong} of them NOT as they should be; see above.")
    };
    format!("{counts}\n{verdict}\nBefore and after, side by side: {}\n", report.page.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::doors::Door;
    use crate::pipe::types::{Listed, State};

    fn played(rule: Rule, problems: &[&str]) -> Played {
        let listed = Listed {
            id: 1,
            state: State::Updated,
            message_id: "<1@x>".into(),
            sender: "anna@nordwind.example".into(),
            subject: "Angebot für Jörg".into(),
            size: 1,
            source: "api".into(),
            accepted_at: 1_000,
            due_at: None,
            finished_at: Some(2_340),
            rule: Some(rule),
            reason: String::new(),
            tries: 0,
        };
        let problems = problems.iter().map(|&problem| problem.to_owned()).collect();
        Played {
            name: "sample".into(),
            subject: listed.subject.clone(),
            door: Door::Api,
            listed: Some(listed),
            problems,
        }
    }

    #[test]
    fn a_good_end_is_counted_and_says_where_to_look() {
        let messages = vec![played(Rule::UpdatedInPlace, &[]), played(Rule::SmimeSigned, &[])];
        let report = Report { messages, requests: 3, page: "/tmp/x/index.html".into() };
        let text = render(&report, 160);
        assert!(report.is_good());
        for part in [
            "updated in place",
            "1.3 s",
            "1 updated, 1 left alone",
            "1.50 a message",
            "/tmp/x/index.html",
            "as it should",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn whatever_is_unexpected_is_listed_in_words() {
        let messages = vec![played(Rule::Refused, &["it ended with refused"]), played(Rule::UpdatedInPlace, &[])];
        let report = Report { messages, requests: 3, page: "index.html".into() };
        let text = render(&report, 120);
        assert!(!report.is_good());
        assert!(text.contains("UNEXPECTED  sample (Angebot für Jörg): it ended with refused"), "{text}");
        assert!(text.contains("1 of them NOT as they should be"), "{text}");
    }
}
