//! What the person must see, wherever they are: errors of the background, and what was done.

use crate::panel::style::Tone;

/// Something to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub tone: Tone,
    /// Whole sentences.
    pub text: String,
}

impl Notice {
    #[must_use]
    pub fn done(text: impl Into<String>) -> Self {
        Self { tone: Tone::Good, text: text.into() }
    }

    #[must_use]
    pub fn problem(text: impl Into<String>) -> Self {
        Self { tone: Tone::Bad, text: text.into() }
    }
}

/// At the most so many are kept.
const MOST: usize = 5;

/// Those that are shown, the newest last. They stay until they are dismissed: nobody may miss an error because they were
/// looking elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices {
    shown: Vec<Notice>,
}

impl Notices {
    /// The same again is not shown twice.
    pub fn tell(&mut self, notice: Notice) {
        self.shown.retain(|known| *known != notice);
        if self.shown.len() == MOST {
            // What was good news may go first.
            let at = self.shown.iter().position(|known| known.tone == Tone::Good).unwrap_or(0);
            self.shown.remove(at);
        }
        self.shown.push(notice);
    }

    pub fn dismiss(&mut self, at: usize) {
        if at < self.shown.len() {
            self.shown.remove(at);
        }
    }

    #[must_use]
    pub fn shown(&self) -> &[Notice] {
        &self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_problem_again_is_shown_once_and_old_good_news_goes_first() {
        let mut notices = Notices::default();
        notices.tell(Notice::problem("a"));
        notices.tell(Notice::done("b"));
        for text in ["c", "d", "e", "a", "f"] {
            notices.tell(Notice::problem(text));
        }
        let texts: Vec<_> = notices.shown().iter().map(|notice| notice.text.as_str()).collect();
        assert_eq!(texts, ["c", "d", "e", "a", "f"]);
        notices.dismiss(9);
        notices.dismiss(0);
        assert_eq!(notices.shown().len(), 4);
    }
}
