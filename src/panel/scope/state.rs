//! What the scope dialog knows: a copy of the senders' scope, edited and given back on *OK*. No egui and no I/O.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::panel::selection::{Pick, Selection};
use crate::pipe::types::{EntryState, ScopeReport};
use crate::settings::{EntryKind, ScopeEntry, ScopeMode, SendersScope};

#[derive(Debug)]
pub struct State {
    pub scope: SendersScope,
    pub report: Report,
    pub search: String,
    pub selection: Selection<Key>,
    /// Rows that the search leaves, in the order shown.
    shown: Vec<Key>,
    /// Where a key stands in the scope's lists.
    places: HashMap<Key, usize>,
}

/// What the updater knows of the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Asking,
    Known {
        states: HashMap<Uuid, EntryState>,
        names: HashMap<Uuid, String>,
        problem: Option<String>,
    },
    /// It could not be asked, for a reason.
    Unknown(String),
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    Entry(Uuid),
    /// A sender listed by address alone, folded.
    Address(String),
}

/// A row as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// None: an address.
    pub kind: Option<EntryKind>,
    pub name: &'a str,
    pub domain: &'a str,
    pub address: &'a str,
    /// What the updater knows of it; none: nothing was heard, or it is new.
    pub state: Option<&'a EntryState>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Mode(ScopeMode),
    Search(String),
    Pick {
        at: usize,
        how: Pick,
    },
    /// The keyboard went to this row.
    Go {
        at: usize,
        how: Pick,
    },
    ToggleCursor,
    All,
    Remove,
    Add,
    Refresh,
    Ok,
    Cancel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open the picker, in which these can't be picked again.
    Add {
        present: HashSet<Uuid>,
    },
    /// Ask the updater for the report.
    Ask,
    /// Hand the edited scope over.
    Ok(SendersScope),
    Cancel,
}

impl State {
    pub fn new(scope: SendersScope) -> Self {
        let mut state = Self {
            scope,
            report: Report::Asking,
            search: String::new(),
            selection: Selection::many(),
            shown: Vec::new(),
            places: HashMap::new(),
        };
        state.list();
        state
    }

    /// The list counts in the chosen mode.
    pub fn list_counts(&self) -> bool {
        self.scope.mode != ScopeMode::AllMailboxes
    }

    /// How many rows the search leaves.
    pub fn rows(&self) -> usize {
        self.shown.len()
    }

    /// How many there are in all.
    pub fn total(&self) -> usize {
        self.scope.entries.len() + self.scope.list.len()
    }

    pub fn key(&self, at: usize) -> Option<&Key> {
        self.shown.get(at)
    }

    pub fn row(&self, at: usize) -> Option<Row<'_>> {
        let key = self.shown.get(at)?;
        let place = *self.places.get(key)?;
        Some(match key {
            Key::Entry(id) => {
                let entry = self.scope.entries.get(place)?;
                let (state, name) = match &self.report {
                    Report::Known { states, names, .. } => (states.get(id), names.get(id).map(String::as_str)),
                    Report::Asking | Report::Unknown(_) => (None, None),
                };
                Row {
                    kind: Some(entry.kind),
                    name: name.unwrap_or(&entry.name),
                    domain: &entry.domain,
                    address: entry.address.as_deref().unwrap_or_default(),
                    state,
                }
            }
            Key::Address(_) => {
                let address = self.scope.list.get(place)?.as_str();
                Row { kind: None, name: address, domain: "", address, state: None }
            }
        })
    }

    /// The row with the cursor.
    pub fn cursor(&self) -> Option<usize> {
        let cursor = self.selection.cursor()?;
        self.shown.iter().position(|key| key == cursor)
    }

    #[must_use]
    pub fn wants(&mut self, intent: Intent) -> Option<Effect> {
        match intent {
            Intent::Mode(mode) => self.scope.mode = mode,
            Intent::Search(text) => {
                self.search = text;
                self.list();
            }
            Intent::Pick { at, how } => self.selection.pick(&self.shown, at, how, |_| true),
            Intent::Go { at, how } => self.selection.go(&self.shown, at, how, |_| true),
            Intent::ToggleCursor => {
                if let Some(at) = self.cursor() {
                    self.selection.pick(&self.shown, at, Pick::Toggle, |_| true);
                }
            }
            Intent::All => self.selection.all(&self.shown, |_| true),
            Intent::Remove => self.remove(),
            Intent::Add => {
                return Some(Effect::Add { present: self.scope.entries.iter().map(|entry| entry.id).collect() });
            }
            Intent::Refresh => {
                self.report = Report::Asking;
                return Some(Effect::Ask);
            }
            Intent::Ok => return Some(Effect::Ok(self.scope.clone())),
            Intent::Cancel => return Some(Effect::Cancel),
        }
        None
    }

    /// Adds what was picked; what is there already stays as it is. The new ones are selected, so that they can be seen.
    pub fn add(&mut self, picked: impl IntoIterator<Item = ScopeEntry>) {
        let mut present: HashSet<Uuid> = self.scope.entries.iter().map(|entry| entry.id).collect();
        self.selection.clear();
        for entry in picked {
            if present.insert(entry.id) {
                self.selection.insert(Key::Entry(entry.id));
                self.scope.entries.push(entry);
            }
        }
        self.search.clear();
        self.list();
    }

    fn remove(&mut self) {
        let next = self.shown.iter().position(|key| self.selection.contains(key));
        let selection = &self.selection;
        self.scope.entries.retain(|entry| !selection.contains(&Key::Entry(entry.id)));
        self.scope.list.retain(|address| !selection.contains(&Key::Address(folded(address.as_str()))));
        self.selection.clear();
        self.list();
        // As everywhere: the next one takes its place, so that Delete can be pressed again.
        if let (Some(at), Some(last)) = (next, self.shown.len().checked_sub(1)) {
            self.selection.pick(&self.shown, at.min(last), Pick::Only, |_| true);
        }
    }

    pub fn heard(&mut self, answer: Result<ScopeReport, String>) {
        self.report = match answer {
            Ok(report) => {
                let problem = report.summary.problem;
                let names = report.entries.iter().map(|entry| (entry.id, entry.name.clone())).collect();
                let states = report.entries.into_iter().map(|entry| (entry.id, entry.state)).collect();
                Report::Known { states, names, problem }
            }
            Err(why) => Report::Unknown(why),
        };
        self.list();
    }

    /// Makes the list of rows anew: sorted by name, as the search leaves them.
    fn list(&mut self) {
        let wanted = folded(self.search.trim());
        let fits = |texts: &[&str]| wanted.is_empty() || texts.iter().any(|text| folded(text).contains(&wanted));
        let names = match &self.report {
            Report::Known { names, .. } => Some(names),
            Report::Asking | Report::Unknown(_) => None,
        };
        let mut rows: Vec<(String, Key)> = Vec::with_capacity(self.total());
        self.places.clear();
        for (place, entry) in self.scope.entries.iter().enumerate() {
            let key = Key::Entry(entry.id);
            self.places.insert(key.clone(), place);
            let name = names.and_then(|names| names.get(&entry.id)).unwrap_or(&entry.name);
            if fits(&[name, &entry.name, &entry.domain, entry.address.as_deref().unwrap_or_default()]) {
                rows.push((folded(name), key));
            }
        }
        for (place, address) in self.scope.list.iter().enumerate() {
            let key = Key::Address(folded(address.as_str()));
            self.places.insert(key.clone(), place);
            if fits(&[address.as_str()]) {
                rows.push((folded(address.as_str()), key));
            }
        }
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.shown = rows.into_iter().map(|(_, key)| key).collect();
        let shown: HashSet<&Key> = self.shown.iter().collect();
        self.selection.retain(|key| shown.contains(key));
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::scripted::{group, user, users};
    use crate::pipe::types::ScopeEntryReport;

    fn listed(names: &[&str]) -> State {
        let entries = names.iter().map(|name| user(name).to_entry()).collect();
        State::new(SendersScope { mode: ScopeMode::OnlyListed, entries, ..SendersScope::default() })
    }

    fn shown(state: &State) -> Vec<String> {
        (0..state.rows()).map(|at| state.row(at).unwrap().name.to_owned()).collect()
    }

    fn does(state: &mut State, intent: Intent) {
        assert_eq!(state.wants(intent), None);
    }

    /// S2
    #[test]
    fn what_is_added_twice_is_there_once_even_under_another_name() {
        let mut state = listed(&["Anna"]);
        let renamed = ScopeEntry { name: "Anna Berg".into(), ..user("Anna").to_entry() };
        state.add([renamed, group("Sales").to_entry(), group("Sales").to_entry()]);
        assert_eq!(shown(&state), ["Anna", "Sales"]);
        assert_eq!(state.selection.len(), 1, "the new one is selected");
    }

    /// S2
    #[test]
    fn removing_takes_the_selected_and_goes_on_to_the_next() {
        let mut state = listed(&["Anna", "Ben", "Cora", "Dora"]);
        does(&mut state, Intent::Pick { at: 1, how: Pick::Only });
        does(&mut state, Intent::Remove);
        assert_eq!(shown(&state), ["Anna", "Cora", "Dora"]);
        does(&mut state, Intent::Remove);
        assert_eq!(shown(&state), ["Anna", "Dora"]);
        does(&mut state, Intent::All);
        does(&mut state, Intent::Remove);
        assert!(shown(&state).is_empty());
        does(&mut state, Intent::Remove);
    }

    /// What the search hides is not removed by mistake.
    #[test]
    fn only_what_is_shown_can_be_selected_and_removed() {
        let mut state = listed(&["Anna", "Ben", "Hanna"]);
        does(&mut state, Intent::All);
        does(&mut state, Intent::Search("ANN".into()));
        assert_eq!((shown(&state).len(), state.selection.len()), (2, 2));
        does(&mut state, Intent::Remove);
        does(&mut state, Intent::Search(String::new()));
        assert_eq!(shown(&state), ["Ben"]);
    }

    /// T1, S1: nothing is sent; OK hands the copy over, Cancel forgets it.
    #[test]
    fn ok_hands_the_edited_scope_over_and_cancel_nothing() {
        let mut state = listed(&["Anna"]);
        does(&mut state, Intent::Mode(ScopeMode::AllExceptListed));
        assert!(matches!(state.wants(Intent::Ok), Some(Effect::Ok(scope)) if scope.mode == ScopeMode::AllExceptListed));
        assert_eq!(state.wants(Intent::Cancel), Some(Effect::Cancel));
    }

    /// S4
    #[test]
    fn what_the_updater_knows_of_an_entry_stands_in_its_row() {
        let mut state = listed(&["Anna", "Ben"]);
        let anna = user("Anna");
        let report = ScopeReport {
            entries: vec![ScopeEntryReport {
                id: anna.id,
                kind: EntryKind::User,
                name: "Zoe".into(),
                was: Some("Anna".into()),
                domain: "corp.example".into(),
                state: EntryState::Gone { since: 0 },
            }],
            ..ScopeReport::default()
        };
        state.heard(Ok(report));
        assert_eq!(shown(&state), ["Ben", "Zoe"], "by the name that it has now");
        assert_eq!(state.row(1).unwrap().state, Some(&EntryState::Gone { since: 0 }));
        assert_eq!(state.row(0).unwrap().state, None);
    }

    #[test]
    fn senders_listed_by_address_stand_in_the_list_too() {
        let list = vec!["robot@corp.example".parse().unwrap()];
        let mut state = State::new(SendersScope { list, ..SendersScope::default() });
        assert_eq!((shown(&state), state.row(0).unwrap().kind), (vec!["robot@corp.example".to_owned()], None));
        does(&mut state, Intent::Pick { at: 0, how: Pick::Only });
        does(&mut state, Intent::Remove);
        assert!(state.scope.list.is_empty());
    }

    /// S2
    #[test]
    fn ten_thousand_entries_are_searched_within_a_frame_or_two() {
        let entries = users(10_000).iter().map(crate::directory::DirectoryObject::to_entry).collect();
        let mut state = State::new(SendersScope { entries, ..SendersScope::default() });
        let began = std::time::Instant::now();
        does(&mut state, Intent::Search("user 77".into()));
        assert_eq!(state.rows(), 111);
        // Generous: this is a build without optimisation on a busy machine.
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
