//! Whom the configuration goes to, where this updater shares it with others (P1).

use crate::pipe::types::{Joined, OrganisationReport};

/// Names that are told; more are counted.
const MOST: usize = 6;

/// What is shared with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    pub domain: String,
    /// The others, by name.
    pub others: Vec<String>,
    /// This one takes part.
    pub registered: bool,
}

impl Shared {
    pub fn of(report: OrganisationReport) -> Option<Self> {
        let Joined { directory, updaters, registered, last_read, .. } = report.joined?;
        let others = updaters.into_iter().filter(|one| !one.this).map(|one| one.name).collect();
        // Before the directory has answered once, nothing speaks against it.
        Some(Self { domain: directory.domain, others, registered: registered || last_read.is_none() })
    }

    fn named(&self) -> String {
        let mut names: Vec<_> = self.others.iter().take(MOST).cloned().collect();
        match self.others.len().saturating_sub(MOST) {
            0 => {}
            1 => names.push("another one".to_owned()),
            more => names.push(format!("{more} others")),
        }
        match names.pop() {
            None => String::new(),
            Some(last) if names.is_empty() => last,
            Some(last) => format!("{} and {last}", names.join(", ")),
        }
    }

    /// Before anything is done.
    pub fn before(&self) -> String {
        if !self.registered {
            return format!(
                "This updater is not registered in the organisation ({}) any more, and refuses to be configured. Register \
                 it again, or have it leave: Settings, tab General.",
                self.domain
            );
        }
        if self.others.is_empty() {
            return format!(
                "This is the configuration of the organisation ({}): whichever updater is registered later has it, too.",
                self.domain
            );
        }
        let get = if self.others.len() == 1 { "gets" } else { "get" };
        format!(
            "This is the configuration of the organisation ({}): besides this updater, {} {get} it. The doors for messages stay \
             each computer's own.",
            self.domain,
            self.named()
        )
    }

    /// Once it is in force here.
    pub fn after(&self) -> Option<String> {
        if self.others.is_empty() {
            return None;
        }
        let take = if self.others.len() == 1 { "takes" } else { "take" };
        Some(format!("It is published in {}: {} {take} it over within a minute.", self.domain, self.named()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(others: usize, registered: bool) -> Shared {
        let others = (2..).take(others).map(|number| format!("srv{number}")).collect();
        Shared { domain: "corp.example".into(), others, registered }
    }

    /// P1
    #[test]
    fn it_is_told_whom_a_configuration_goes_to() {
        assert!(with(1, true).before().contains("besides this updater, srv2 gets it."));
        assert!(with(2, true).before().contains("srv2 and srv3 get it."));
        let many = with(9, true).before();
        assert!(many.contains("srv2, srv3, srv4, srv5, srv6, srv7 and 3 others get it."), "{many}");
        assert!(with(7, true).before().contains("srv7 and another one get it."));
        assert_eq!(
            with(1, true).after().unwrap(),
            "It is published in corp.example: srv2 takes it over within a minute."
        );
        assert_eq!(with(0, true).after(), None);
        assert!(with(0, true).before().contains("registered later has it"));
        assert!(with(2, false).before().contains("not registered"));
    }
}
