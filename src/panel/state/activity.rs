//! The activity list: the newest messages, older ones as far as somebody scrolled.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::pipe::types::{Filter, Listed, State as MessageState};

/// Messages asked for at a time.
pub const PAGE: u32 = 500;

/// More are not kept: what is older is found by searching.
pub const MOST: usize = 200_000;

/// A column to sort by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortBy {
    #[default]
    Time,
    State,
    Sender,
    Subject,
    Reason,
}

/// How the list is sorted: the newest first unless asked otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sorting {
    pub by: SortBy,
    pub ascending: bool,
}

impl Default for Sorting {
    fn default() -> Self {
        Self { by: SortBy::Time, ascending: false }
    }
}

/// What a row is compared by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u8, Box<str>, i64);

/// The list, with what it is filtered and sorted by.
#[derive(Debug, Default)]
pub struct Messages {
    /// By number, the newest first.
    rows: VecDeque<Arc<Listed>>,
    /// The rows in another order, when sorted by something other than the time.
    order: Option<Vec<(Key, i64)>>,
    sorting: Sorting,
    state: Option<MessageState>,
    search: String,
    /// There are no older ones.
    complete: bool,
    /// Raised whenever what is asked for changes: answers to older questions are thrown away.
    generation: u64,
    /// The first answer came.
    loaded: bool,
    /// What was told while the first page was on its way: it may be newer than the page.
    early: Vec<Listed>,
    /// Why the list, or its next page, could not be read.
    problem: Option<String>,
    selected: Option<i64>,
}

impl Messages {
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether the first page is there.
    #[must_use]
    pub fn loaded(&self) -> bool {
        self.loaded
    }

    #[must_use]
    pub fn complete(&self) -> bool {
        self.complete
    }

    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    #[must_use]
    pub fn sorting(&self) -> Sorting {
        self.sorting
    }

    #[must_use]
    pub fn state(&self) -> Option<MessageState> {
        self.state
    }

    #[must_use]
    pub fn search(&self) -> &str {
        &self.search
    }

    #[must_use]
    pub fn filtered(&self) -> bool {
        self.state.is_some() || !self.search.is_empty()
    }

    /// The row at this place of the shown order.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<&Arc<Listed>> {
        let Some(order) = &self.order else {
            let last = self.rows.len().checked_sub(1)?;
            return self.rows.get(if self.sorting.ascending { last.checked_sub(place)? } else { place });
        };
        let last = order.len().checked_sub(1)?;
        let place = if self.sorting.ascending { place } else { last.checked_sub(place)? };
        self.get(order.get(place)?.1)
    }

    /// Where a message is in the shown order.
    #[must_use]
    pub fn place_of(&self, id: i64) -> Option<usize> {
        let found = self.find(id).ok()?;
        let last = self.rows.len() - 1;
        let Some(order) = &self.order else {
            return Some(if self.sorting.ascending { last - found } else { found });
        };
        let key = (key(&self.rows[found], self.sorting.by), id);
        let place = order.binary_search(&key).ok()?;
        Some(if self.sorting.ascending { place } else { last - place })
    }

    #[must_use]
    pub fn get(&self, id: i64) -> Option<&Arc<Listed>> {
        self.find(id).ok().map(|at| &self.rows[at])
    }

    #[must_use]
    pub fn selected(&self) -> Option<i64> {
        self.selected
    }

    pub fn select(&mut self, id: Option<i64>) {
        self.selected = id;
    }

    fn find(&self, id: i64) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| id.cmp(&row.id))
    }

    /// What is to be asked of the updater next: the first page, or the one that follows.
    #[must_use]
    pub fn next_page(&self) -> Filter {
        let search = self.search.trim();
        Filter {
            state: self.state,
            search: (!search.is_empty()).then(|| search.to_owned()),
            before: self.rows.back().filter(|_| self.loaded).map(|row| row.id),
            limit: Some(PAGE),
        }
    }

    /// Whether more should be fetched although nobody has scrolled there: a list sorted by something else than the time
    /// is of no use in parts.
    #[must_use]
    pub fn wants_everything(&self) -> bool {
        (self.order.is_some() || self.sorting.ascending) && !self.complete
    }

    /// Shows only what fits. Returns whether the list must be read anew.
    pub fn filter(&mut self, state: Option<MessageState>, search: &str) -> bool {
        if self.state == state && self.search == search {
            return false;
        }
        let same_question = self.state == state && self.search.trim() == search.trim();
        self.state = state;
        search.clone_into(&mut self.search);
        if !same_question {
            self.renew();
        }
        !same_question
    }

    /// What is listed may be wrong or incomplete: it is replaced by the next first page.
    pub fn renew(&mut self) {
        self.generation += 1;
        self.early.clear();
        self.problem = None;
        self.loaded = false;
        self.complete = false;
    }

    pub fn sort(&mut self, sorting: Sorting) {
        let by_before = self.sorting.by;
        self.sorting = sorting;
        if sorting.by == SortBy::Time {
            self.order = None;
        } else if self.order.is_none() || sorting.by != by_before {
            let mut order: Vec<_> = self.rows.iter().map(|row| (key(row, sorting.by), row.id)).collect();
            order.sort_unstable();
            self.order = Some(order);
        }
    }

    /// A page arrived, newest first; with the generation that it was asked in.
    pub fn page(&mut self, generation: u64, page: Vec<Listed>) {
        if generation != self.generation {
            return;
        }
        if !self.loaded {
            self.rows.clear();
            if let Some(order) = &mut self.order {
                order.clear();
            }
            self.loaded = true;
        }
        self.complete = page.len() < PAGE as usize || self.rows.len() + page.len() >= MOST;
        let oldest = self.rows.back().map_or(i64::MAX, |row| row.id);
        let mut more = Vec::new();
        for listed in page.into_iter().filter(|listed| listed.id < oldest) {
            if self.order.is_some() {
                more.push((key(&listed, self.sorting.by), listed.id));
            }
            self.rows.push_back(Arc::new(listed));
        }
        if let Some(order) = &mut self.order {
            more.sort_unstable();
            merge(order, more);
        }
        for listed in std::mem::take(&mut self.early) {
            self.heard(listed);
        }
    }

    /// A page could not be had; nothing is asked for until the list is renewed.
    pub fn page_failed(&mut self, generation: u64, why: String) {
        if generation == self.generation {
            self.problem = Some(why);
        }
    }

    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The updater tells of a message as it happens.
    pub fn heard(&mut self, listed: Listed) {
        if !self.loaded {
            self.early.push(listed);
            return;
        }
        let fits = self.fits(&listed);
        match self.find(listed.id) {
            Ok(at) => {
                let old = key(&self.rows[at], self.sorting.by);
                let (new, id) = (key(&listed, self.sorting.by), listed.id);
                if fits {
                    self.rows[at] = Arc::new(listed);
                } else {
                    self.rows.remove(at);
                }
                if let Some(order) = &mut self.order
                    && (old != new || !fits)
                {
                    if let Ok(place) = order.binary_search(&(old, id)) {
                        order.remove(place);
                    }
                    if fits {
                        insert(order, (new, id));
                    }
                }
            }
            // Older than everything that is listed: it will come with its page.
            Err(at) if fits && (at < self.rows.len() || self.complete || self.rows.is_empty()) => {
                if let Some(order) = &mut self.order {
                    insert(order, (key(&listed, self.sorting.by), listed.id));
                }
                self.rows.insert(at, Arc::new(listed));
            }
            Err(_) => {}
        }
    }

    /// By the same rules as the updater's list.
    fn fits(&self, listed: &Listed) -> bool {
        let search = self.search.trim().to_ascii_lowercase();
        let contains = |text: &str| text.to_ascii_lowercase().contains(&search);
        self.state.is_none_or(|state| state == listed.state)
            && (search.is_empty()
                || contains(&listed.sender)
                || contains(&listed.subject)
                || contains(&listed.message_id))
    }
}

fn key(row: &Listed, by: SortBy) -> Key {
    let text = |text: &str| Key(0, text.to_lowercase().into_boxed_str(), row.id);
    match by {
        SortBy::Time => Key(0, Box::default(), row.id),
        SortBy::State => Key(place(row.state), Box::default(), row.id),
        SortBy::Sender => text(&row.sender),
        SortBy::Subject => text(&row.subject),
        SortBy::Reason => text(&row.reason),
    }
}

fn place(state: MessageState) -> u8 {
    match state {
        MessageState::Failed => 0,
        MessageState::Working => 1,
        MessageState::Waiting => 2,
        MessageState::Skipped => 3,
        MessageState::Updated => 4,
    }
}

fn insert(order: &mut Vec<(Key, i64)>, entry: (Key, i64)) {
    if let Err(place) = order.binary_search(&entry) {
        order.insert(place, entry);
    }
}

/// Two sorted lists become one.
fn merge(order: &mut Vec<(Key, i64)>, more: Vec<(Key, i64)>) {
    let old = std::mem::replace(order, Vec::with_capacity(order.len() + more.len()));
    let (mut old, mut more) = (old.into_iter().peekable(), more.into_iter().peekable());
    loop {
        let next = match (old.peek(), more.peek()) {
            (Some(one), Some(other)) if one.cmp(other) == Ordering::Greater => more.next(),
            (Some(_), _) => old.next(),
            (None, _) => more.next(),
        };
        match next {
            Some(entry) => order.push(entry),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn listed(id: i64) -> Listed {
        Listed {
            id,
            state: MessageState::Updated,
            message_id: format!("<{id}@x>"),
            sender: format!("{}@x", ["anna", "Ben", "cleo"][usize::try_from(id % 3).unwrap()]),
            subject: format!("Number {id}"),
            size: 1,
            source: "api".into(),
            accepted_at: id * 1000,
            due_at: None,
            finished_at: None,
            rule: None,
            reason: String::new(),
            tries: 0,
        }
    }

    fn ids(messages: &Messages) -> Vec<i64> {
        (0..messages.len()).map(|place| messages.at(place).unwrap().id).collect()
    }

    fn filled(newest: i64, count: i64) -> Messages {
        let mut messages = Messages::default();
        messages.page(0, (newest - count + 1..=newest).rev().map(listed).collect());
        messages
    }

    /// M3
    #[test]
    fn pages_follow_each_other_and_an_answer_to_an_older_question_is_thrown_away() {
        let mut messages = Messages::default();
        assert_eq!(messages.next_page().before, None);
        messages.page(0, (501..=1000).rev().map(listed).collect());
        assert!(messages.loaded() && !messages.complete());
        assert_eq!(messages.next_page().before, Some(501));
        messages.page(0, (401..=500).rev().map(listed).collect());
        assert!(messages.complete());
        assert_eq!(messages.len(), 600);
        assert!(messages.filter(Some(MessageState::Failed), ""));
        messages.page(0, vec![listed(1)]);
        assert!(!messages.loaded());
        messages.page(1, Vec::new());
        assert_eq!((messages.len(), messages.loaded()), (0, true));
    }

    /// M3
    #[test]
    fn what_happens_is_seen_at_once_in_every_order() {
        for by in [SortBy::Time, SortBy::State, SortBy::Sender, SortBy::Subject, SortBy::Reason] {
            for ascending in [false, true] {
                let mut messages = filled(9, 9);
                messages.sort(Sorting { by, ascending });
                messages.heard(listed(10));
                messages.heard(Listed { state: MessageState::Failed, reason: "why".into(), ..listed(4) });
                let mut expected = Messages::default();
                let rows = (1..=10).rev().map(|id| match id {
                    4 => Listed { state: MessageState::Failed, reason: "why".into(), ..listed(4) },
                    id => listed(id),
                });
                expected.page(0, rows.collect());
                expected.sort(Sorting { by, ascending });
                assert_eq!(ids(&messages), ids(&expected), "{by:?} {ascending}");
                for (place, id) in ids(&messages).into_iter().enumerate() {
                    assert_eq!(messages.place_of(id), Some(place), "{by:?} {ascending}");
                }
            }
        }
    }

    #[test]
    fn sorting_goes_without_regard_to_case_and_pages_are_merged_in() {
        let mut messages = Messages::default();
        messages.page(0, (4..=503).rev().map(listed).collect());
        messages.sort(Sorting { by: SortBy::Sender, ascending: true });
        assert!(messages.wants_everything());
        messages.page(0, (1..=3).rev().map(listed).collect());
        assert!(!messages.wants_everything());
        let senders: Vec<_> =
            (0..messages.len()).map(|place| messages.at(place).unwrap().sender.to_lowercase()).collect();
        assert!(senders.is_sorted());
        assert_eq!(senders.len(), 503);
    }

    /// M3
    #[test]
    fn a_message_that_does_not_fit_the_filter_any_more_goes_and_another_does_not_come() {
        let mut messages = Messages::default();
        messages.filter(Some(MessageState::Failed), " anna ");
        let failed = |id| Listed { state: MessageState::Failed, ..listed(id) };
        messages.page(1, vec![failed(9), failed(6), failed(3)]);
        messages.heard(listed(6));
        messages.heard(failed(10));
        messages.heard(failed(12));
        assert_eq!(ids(&messages), [12, 9, 3]);
        assert!(!messages.filter(Some(MessageState::Failed), "anna"), "spaces around it ask nothing new");
    }

    #[test]
    fn an_event_about_something_far_older_waits_for_its_page() {
        let mut messages = Messages::default();
        messages.page(0, (501..=1000).rev().map(listed).collect());
        messages.heard(listed(7));
        assert_eq!(messages.len(), 500);
    }
}
