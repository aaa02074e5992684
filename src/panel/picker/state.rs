//! What the picker knows, and what happens next. No egui and no I/O; the time is handed in.

use std::time::Duration;

use uuid::Uuid;

use super::purpose::Purpose;
use crate::directory::{DirectoryObject, Kinds, Location, Page, Query, SearchError};
use crate::panel::selection::{Pick, Selection};

/// Typing pauses so long before a search begins: nobody wants the results for half a name.
pub const PAUSE: Duration = Duration::from_millis(250);

/// Objects asked for at once: a few screens full.
const PAGE_SIZE: u32 = 100;

/// Everything that the picker's view may show.
#[derive(Debug)]
pub struct State {
    pub purpose: Purpose,
    pub text: String,
    pub kinds: Kinds,
    /// DNS name of the domain to search; none: the own one.
    pub domain: Option<String>,
    pub locations: Locations,
    pub results: Vec<DirectoryObject>,
    pub phase: Phase,
    pub selection: Selection<Uuid>,
    /// What is picked, in the order of picking.
    pub chosen: Vec<Chosen>,
    /// When to search, while somebody types.
    due: Option<Duration>,
}

/// A picked object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub object: DirectoryObject,
    /// It was picked in an earlier search: clicks in the present list leave it alone.
    kept: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The first page of the present query is not there yet; what is shown is from the one before.
    Searching,
    /// What was asked for is there.
    Shown {
        more: bool,
    },
    /// The next page is on its way.
    SearchingMore,
    Failed(SearchError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locations {
    Searching,
    Known(Vec<Location>),
    Failed(SearchError),
}

/// What the person at the screen wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Type(String),
    /// Search without waiting for the pause to pass.
    SearchNow,
    Kinds(Kinds),
    Domain(Option<String>),
    Pick {
        at: usize,
        how: Pick,
    },
    /// The keyboard went to this row.
    Go {
        at: usize,
        how: Pick,
    },
    /// The space bar, or Ctrl and space.
    ToggleCursor,
    All,
    /// Take a picked one out again.
    Drop(Uuid),
    /// The end of the list came into view.
    More,
    Retry,
    RetryLocations,
}

/// What is to be done beside the UI thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// In place of any search that runs.
    Search(Query),
    NextPage,
    Locate,
}

/// What came of it.
#[derive(Debug)]
pub enum News {
    /// The next page, with whether there may be more after it.
    Page(Page, bool),
    Failed(SearchError),
    Located(Result<Vec<Location>, SearchError>),
}

impl State {
    pub fn new(purpose: Purpose) -> (Self, Vec<Effect>) {
        let selection = if purpose.many() { Selection::many() } else { Selection::single() };
        let state = Self {
            kinds: purpose.kinds(),
            purpose,
            text: String::new(),
            domain: None,
            locations: Locations::Searching,
            results: Vec::new(),
            phase: Phase::Searching,
            selection,
            chosen: Vec::new(),
            due: None,
        };
        let effects = vec![Effect::Search(state.query()), Effect::Locate];
        (state, effects)
    }

    fn query(&self) -> Query {
        Query {
            text: self.text.trim().to_owned(),
            kinds: self.kinds,
            domain: self.domain.clone(),
            page_size: PAGE_SIZE,
        }
    }

    pub fn wants(&mut self, intent: Intent, now: Duration) -> Vec<Effect> {
        match intent {
            Intent::Type(text) => {
                let same = self.text.trim() == text.trim();
                self.text = text;
                if !same {
                    self.due = Some(now + PAUSE);
                }
            }
            Intent::SearchNow if self.due.is_some() => return self.search(),
            Intent::Retry => return self.search(),
            Intent::Kinds(kinds) if kinds != self.kinds => {
                self.kinds = kinds;
                return self.search_elsewhere();
            }
            Intent::Domain(domain) if domain != self.domain => {
                self.domain = domain;
                return self.search_elsewhere();
            }
            Intent::RetryLocations => {
                self.locations = Locations::Searching;
                return vec![Effect::Locate];
            }
            Intent::More if self.phase == (Phase::Shown { more: true }) => {
                self.phase = Phase::SearchingMore;
                return vec![Effect::NextPage];
            }
            Intent::Pick { at, how } => self.select(|selection, rows, usable| selection.pick(rows, at, how, usable)),
            Intent::Go { at, how } => self.select(|selection, rows, usable| selection.go(rows, at, how, usable)),
            Intent::ToggleCursor => self.select(|selection, rows, usable| {
                let at = selection.cursor().and_then(|cursor| rows.iter().position(|row| row == cursor));
                if let Some(at) = at {
                    selection.pick(rows, at, Pick::Toggle, usable);
                }
            }),
            Intent::All => self.select(|selection, rows, usable| selection.all(rows, usable)),
            Intent::Drop(id) => {
                self.selection.remove(&id);
                self.chosen.retain(|chosen| chosen.object.id != id);
            }
            Intent::SearchNow | Intent::Kinds(_) | Intent::Domain(_) | Intent::More => {}
        }
        Vec::new()
    }

    /// What is due by now, and after which time to look again.
    pub fn tick(&mut self, now: Duration) -> (Vec<Effect>, Option<Duration>) {
        match self.due {
            Some(due) if now >= due => (self.search(), None),
            Some(due) => (Vec::new(), Some(due.saturating_sub(now))),
            None => (Vec::new(), None),
        }
    }

    pub fn hears(&mut self, news: News) {
        match news {
            News::Page(page, more) => {
                if self.phase == Phase::Searching {
                    self.begin_results();
                }
                self.results.extend(page);
                self.phase = Phase::Shown { more };
                let kept = self.chosen.iter().map(|chosen| chosen.object.id);
                kept.for_each(|id| self.selection.insert(id));
            }
            News::Failed(error) => {
                if self.phase == Phase::Searching {
                    self.begin_results();
                }
                self.phase = Phase::Failed(error);
            }
            News::Located(Ok(locations)) => self.locations = Locations::Known(locations),
            News::Located(Err(error)) => self.locations = Locations::Failed(error),
        }
    }

    /// What OK hands over: what was picked.
    pub fn picked(&self) -> Vec<DirectoryObject> {
        self.chosen.iter().map(|chosen| chosen.object.clone()).collect()
    }

    /// The row with the cursor.
    pub fn cursor(&self) -> Option<usize> {
        let cursor = self.selection.cursor()?;
        self.results.iter().position(|object| object.id == *cursor)
    }

    /// Why the object with the cursor can't be picked.
    pub fn obstacle_at_cursor(&self) -> Option<(&DirectoryObject, &'static str)> {
        let object = self.results.get(self.cursor()?)?;
        Some((object, self.purpose.obstacle(object)?))
    }

    /// DNS name of the domain that is searched, once it is known.
    pub fn domain_shown(&self) -> Option<&str> {
        if let Some(domain) = &self.domain {
            return Some(domain);
        }
        let Locations::Known(locations) = &self.locations else { return None };
        locations.iter().find(|location| location.kind == crate::directory::LocationKind::Own).map(|own| &*own.domain)
    }

    /// Something was typed that was not searched for yet.
    pub fn is_due(&self) -> bool {
        self.due.is_some()
    }

    fn search(&mut self) -> Vec<Effect> {
        self.due = None;
        self.phase = Phase::Searching;
        vec![Effect::Search(self.query())]
    }

    /// What is shown does not belong to what will be: it goes at once.
    fn search_elsewhere(&mut self) -> Vec<Effect> {
        self.begin_results();
        self.search()
    }

    /// Makes room for new results. What was picked so far stays picked, whatever is clicked on from now on.
    fn begin_results(&mut self) {
        self.results.clear();
        self.selection.clear();
        if self.purpose.many() {
            self.chosen.iter_mut().for_each(|chosen| chosen.kept = true);
        } else {
            self.chosen.clear();
        }
    }

    fn select(&mut self, change: impl FnOnce(&mut Selection<Uuid>, &[Uuid], &dyn Fn(&Uuid) -> bool)) {
        let rows: Vec<Uuid> = self.results.iter().map(|object| object.id).collect();
        let unusable: std::collections::HashSet<Uuid> = self
            .results
            .iter()
            .filter(|object| self.purpose.obstacle(object).is_some())
            .map(|object| object.id)
            .collect();
        let before = self.selection.clone();
        change(&mut self.selection, &rows, &|id| !unusable.contains(id));
        // Taken out by itself, a kept one goes; swept away by a click on another, it stays.
        let cursor = self.selection.cursor().copied();
        let alone = |id: &Uuid| cursor == Some(*id) && before.contains(id);
        self.chosen
            .retain(|chosen| self.selection.contains(&chosen.object.id) || (chosen.kept && !alone(&chosen.object.id)));
        for chosen in &self.chosen {
            self.selection.insert(chosen.object.id);
        }
        for object in &self.results {
            if self.selection.contains(&object.id) && !self.chosen.iter().any(|chosen| chosen.object.id == object.id) {
                self.chosen.push(Chosen { object: object.clone(), kept: false });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::scripted::{group, user};

    const START: Duration = Duration::from_secs(100);

    fn scope() -> State {
        State::new(Purpose::Scope { present: [].into() }).0
    }

    fn with(mut state: State, results: &[DirectoryObject]) -> State {
        state.hears(News::Page(results.to_vec(), false));
        state
    }

    fn names(state: &State) -> Vec<String> {
        state.picked().into_iter().map(|object| object.name).collect()
    }

    fn pick(state: &mut State, at: usize, how: Pick) {
        assert!(state.wants(Intent::Pick { at, how }, START).is_empty());
    }

    /// S2: search as you type.
    #[test]
    fn typing_searches_once_when_it_pauses() {
        let mut state = with(scope(), &[]);
        let mut now = START;
        for text in ["a", "an", "ann"] {
            assert!(state.wants(Intent::Type(text.into()), now).is_empty());
            now += PAUSE / 2;
            assert_eq!(state.tick(now), (vec![], Some(PAUSE / 2)), "still typing");
        }
        let (effects, next) = state.tick(now + PAUSE / 2);
        assert!(matches!(&effects[..], [Effect::Search(query)] if query.text == "ann"));
        assert_eq!((next, &state.phase), (None, &Phase::Searching));
        assert_eq!(state.tick(now + PAUSE), (vec![], None), "once is enough");
    }

    #[test]
    fn enter_searches_at_once_and_spaces_around_change_nothing() {
        let mut state = with(scope(), &[]);
        state.wants(Intent::Type("ann".into()), START);
        assert_eq!(state.wants(Intent::SearchNow, START).len(), 1);
        state.wants(Intent::Type("ann ".into()), START);
        assert_eq!(state.tick(START + PAUSE * 2), (vec![], None));
        assert!(state.wants(Intent::SearchNow, START).is_empty(), "there is nothing new to search for");
    }

    #[test]
    fn the_next_page_is_asked_for_once_when_the_end_comes_into_view() {
        let mut state = scope();
        assert!(state.wants(Intent::More, START).is_empty(), "the first page is not there yet");
        state.hears(News::Page(vec![user("Anna")], true));
        assert_eq!(state.wants(Intent::More, START), [Effect::NextPage]);
        assert!(state.wants(Intent::More, START).is_empty());
        state.hears(News::Page(vec![user("Ben")], false));
        assert_eq!(state.results.len(), 2);
        assert!(state.wants(Intent::More, START).is_empty(), "that was all");
    }

    /// S2: what was picked stays picked while one goes on searching for others.
    #[test]
    fn picking_goes_on_over_several_searches() {
        let (anna, ben, sales) = (user("Anna"), user("Ben"), group("Sales"));
        let mut state = with(scope(), &[anna.clone(), ben.clone()]);
        pick(&mut state, 0, Pick::Only);
        state.wants(Intent::Type("sal".into()), START);
        state.tick(START + PAUSE);
        let mut state = with(state, &[sales.clone(), anna.clone()]);
        assert!(state.selection.contains(&anna.id), "it is shown as picked in the new list too");
        pick(&mut state, 0, Pick::Only);
        assert_eq!(names(&state), ["Anna", "Sales"]);
        pick(&mut state, 1, Pick::Toggle);
        assert_eq!(names(&state), ["Sales"], "taken out by itself");
        state.wants(Intent::Drop(sales.id), START);
        assert_eq!(names(&state), [""; 0]);
        assert!(state.selection.is_empty());
    }

    #[test]
    fn within_one_list_a_click_picks_anew_as_everywhere() {
        let mut state = with(scope(), &[user("Anna"), user("Ben"), user("Cora")]);
        pick(&mut state, 0, Pick::Only);
        pick(&mut state, 2, Pick::Range);
        assert_eq!(names(&state), ["Anna", "Ben", "Cora"]);
        pick(&mut state, 1, Pick::Only);
        assert_eq!(names(&state), ["Ben"]);
        state.wants(Intent::Go { at: 2, how: Pick::Toggle }, START);
        state.wants(Intent::ToggleCursor, START);
        assert_eq!(names(&state), ["Ben", "Cora"]);
        state.wants(Intent::All, START);
        assert_eq!(names(&state), ["Ben", "Cora", "Anna"]);
    }

    /// W4
    #[test]
    fn a_user_without_upn_can_be_looked_at_but_not_picked() {
        let without = DirectoryObject { upn: None, ..user("Ben") };
        let mut state = with(State::new(Purpose::ServiceAccount).0, &[without, user("Anna")]);
        pick(&mut state, 0, Pick::Only);
        assert_eq!(names(&state), [""; 0]);
        assert!(state.obstacle_at_cursor().unwrap().1.contains("UPN"));
        pick(&mut state, 1, Pick::Only);
        assert_eq!(names(&state), ["Anna"]);
        assert!(state.obstacle_at_cursor().is_none());
    }

    /// W4
    #[test]
    fn another_domain_shows_nothing_of_the_one_before() {
        let mut state = with(State::new(Purpose::ServiceAccount).0, &[user("Anna")]);
        pick(&mut state, 0, Pick::Only);
        let effects = state.wants(Intent::Domain(Some("partner.example".into())), START);
        assert!(matches!(&effects[..], [Effect::Search(query)] if query.domain.as_deref() == Some("partner.example")));
        assert!(state.results.is_empty() && state.picked().is_empty());
        assert!(state.wants(Intent::Domain(Some("partner.example".into())), START).is_empty(), "it is the same one");
    }

    #[test]
    fn a_failed_search_says_so_and_is_tried_again_when_asked() {
        let mut state = with(scope(), &[user("Anna")]);
        pick(&mut state, 0, Pick::Only);
        state.wants(Intent::Type("x".into()), START);
        state.tick(START + PAUSE);
        let error = SearchError { what: "No domain controller answers.".into(), advice: String::new() };
        state.hears(News::Failed(error.clone()));
        assert_eq!(state.phase, Phase::Failed(error));
        assert_eq!(names(&state), ["Anna"], "what was picked is not lost");
        assert_eq!(state.wants(Intent::Retry, START).len(), 1);
        assert_eq!(state.phase, Phase::Searching);
    }

    #[test]
    fn domains_that_could_not_be_found_are_looked_for_again_when_asked() {
        let mut state = scope();
        let error = SearchError { what: "It took too long.".into(), advice: String::new() };
        state.hears(News::Located(Err(error)));
        assert_eq!(state.wants(Intent::RetryLocations, START), [Effect::Locate]);
        assert_eq!(state.locations, Locations::Searching);
    }
}
