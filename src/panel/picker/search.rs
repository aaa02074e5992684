//! The searching itself, beside the UI thread.

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::state::{Effect, News};
use crate::directory::{DirectorySearch, Location, Query, SearchError};
use crate::panel::background::{Background, Feed, Polled, Task};

/// Carries the state's wishes out. Dropping it ends whatever goes on.
pub struct Searcher {
    directory: Arc<dyn DirectorySearch>,
    background: Background,
    search: Option<Search>,
    locating: Option<Task<Result<Vec<Location>, SearchError>>>,
}

struct Search {
    news: Feed<News>,
    /// Asks for the next page.
    next: UnboundedSender<()>,
}

impl Searcher {
    pub fn new(directory: Arc<dyn DirectorySearch>, background: Background) -> Self {
        Self { directory, background, search: None, locating: None }
    }

    pub fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                // The search before is dropped, and with it cancelled.
                Effect::Search(query) => self.search = Some(self.start(query)),
                Effect::NextPage => {
                    if let Some(search) = &self.search {
                        let _ = search.next.send(());
                    }
                }
                Effect::Locate => {
                    let directory = self.directory.clone();
                    self.locating = Some(self.background.task(async move { directory.locations().await }));
                }
            }
        }
    }

    fn start(&self, query: Query) -> Search {
        let (next, wanted) = mpsc::unbounded_channel();
        // The first page is wanted at once.
        let _ = next.send(());
        let directory = self.directory.clone();
        let news = self.background.feed(pages(directory, query, wanted));
        Search { news, next }
    }

    /// The next news, if there is any; never waits.
    pub fn hear(&mut self) -> Option<News> {
        if let Some(task) = &mut self.locating {
            let located = match task.poll() {
                Polled::Ready(located) => Some(located),
                Polled::Gone => Some(Err(broken_down())),
                Polled::Running => None,
            };
            if let Some(located) = located {
                self.locating = None;
                return Some(News::Located(located));
            }
        }
        match self.search.as_mut()?.news.poll() {
            Polled::Running => None,
            Polled::Gone => {
                self.search = None;
                Some(News::Failed(broken_down()))
            }
            Polled::Ready(news) => {
                if matches!(news, News::Failed(_) | News::Page(_, false)) {
                    self.search = None;
                }
                Some(news)
            }
        }
    }
}

/// What the search gives, a page whenever one is wanted. Ends with the last page, or with an error.
///
/// The pages borrow from the directory, so both live in one future, which hands them over one at a time.
fn pages(
    directory: Arc<dyn DirectorySearch>,
    query: Query,
    mut wanted: UnboundedReceiver<()>,
) -> impl Stream<Item = News> + Send {
    let (give, given) = mpsc::channel(1);
    let search = async move {
        let mut pages = directory.search(query);
        while wanted.recv().await.is_some() {
            let (news, last) = match pages.next().await {
                Some(Ok(page)) => (News::Page(page, true), false),
                Some(Err(error)) => (News::Failed(error), true),
                None => (News::Page(Vec::new(), false), true),
            };
            if give.send(news).await.is_err() || last {
                return;
            }
        }
    };
    let given = stream::unfold(given, |mut given| async { given.recv().await.map(|news| (news, given)) });
    // The search itself gives nothing to the stream, but is polled by it.
    stream::select(given, stream::once(search).filter_map(|()| async { None }))
}

fn broken_down() -> SearchError {
    SearchError {
        what: "The search broke down inside the panel.".to_owned(),
        advice: "Try again; if it happens again, please report it with a diagnostic bundle.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::picker::state::{Intent, Phase, State};
    use crate::panel::picker::{Purpose, state};
    use crate::panel::scripted::{Directory, users, wait_for};

    struct Picking {
        _runtime: tokio::runtime::Runtime,
        state: State,
        searcher: Searcher,
    }

    impl Picking {
        fn on(directory: &Arc<Directory>) -> Self {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let background = Background::new(runtime.handle().clone(), || {});
            let mut searcher = Searcher::new(directory.clone(), background);
            let (state, effects) = State::new(Purpose::Scope { present: [].into() });
            searcher.carry_out(effects);
            Self { _runtime: runtime, state, searcher }
        }

        fn wants(&mut self, intent: Intent) {
            let effects = self.state.wants(intent, std::time::Duration::ZERO);
            self.searcher.carry_out(effects);
        }

        fn until(&mut self, wanted: impl Fn(&State) -> bool) {
            wait_for("the picker's state", || {
                while let Some(news) = self.searcher.hear() {
                    self.state.hears(news);
                }
                wanted(&self.state)
            });
        }
    }

    fn idle(state: &State) -> bool {
        matches!(state.phase, Phase::Shown { .. })
    }

    #[test]
    fn pages_are_fetched_one_by_one_and_only_when_asked_for() {
        let directory = Arc::new(Directory::with(users(250)));
        let mut picking = Picking::on(&directory);
        for (page, expected) in [(1, 100), (2, 200), (3, 250)] {
            picking.until(idle);
            assert_eq!((picking.state.results.len(), directory.pages_given()), (expected, page));
            picking.wants(Intent::More);
        }
        picking.until(|state| state.phase == Phase::Shown { more: false });
        assert_eq!(picking.state.results.len(), 250);
    }

    #[test]
    fn a_new_search_cancels_the_one_that_still_waits() {
        let directory = Arc::new(Directory::with(users(3)));
        directory.hold();
        let mut picking = Picking::on(&directory);
        wait_for("the first search", || directory.searching() == 1);
        picking.wants(Intent::Type("user 2".into()));
        picking.wants(Intent::SearchNow);
        wait_for("the second search alone", || directory.searches_begun() == 2 && directory.searching() == 1);
        directory.release();
        picking.until(idle);
        assert_eq!(picking.state.results.len(), 1);
    }

    #[test]
    fn closing_the_picker_ends_the_search() {
        let directory = Arc::new(Directory::with(users(3)));
        directory.hold();
        let picking = Picking::on(&directory);
        wait_for("the search", || directory.searching() == 1);
        let Picking { searcher, _runtime, .. } = picking;
        drop(searcher);
        wait_for("nothing", || directory.searching() == 0);
    }

    #[test]
    fn an_outage_is_told_in_the_directorys_words() {
        let directory = Arc::new(Directory::with(users(3)));
        directory.fail("No domain controller of corp.example answers.");
        let mut picking = Picking::on(&directory);
        picking.until(|state| matches!(&state.phase, Phase::Failed(error) if error.what.contains("corp.example")));
        picking.until(|state| matches!(&state.locations, state::Locations::Failed(_)));
        directory.mend();
        picking.wants(Intent::Retry);
        picking.until(idle);
        assert_eq!(picking.state.results.len(), 3);
    }
}
