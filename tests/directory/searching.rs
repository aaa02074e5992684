//! The picker's searches.

use std::collections::HashSet;

use futures_util::StreamExt as _;
use sent_items_update::directory::{DirectorySearch as _, Query};
use sent_items_update::settings::EntryKind;
use uuid::Uuid;

use crate::fixture::{BOTH, Fixture, GROUPS, USERS, all, names, query};

/// S2
pub async fn a_page_is_asked_for_when_it_is_wanted_and_all_pages_hold_everybody_once(fixture: &Fixture) {
    let directory = fixture.reader();
    let mut pages = directory.search(Query { page_size: 7, ..query("Bulk User", USERS) });
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 7);
    drop(pages);
    let found = all(&directory, Query { page_size: 1000, ..query("Bulk User", USERS) }).await;
    let ids: HashSet<Uuid> = found.iter().map(|object| object.id).collect();
    assert_eq!((found.len(), ids.len()), (fixture.bulk, fixture.bulk));
}

/// S2, W4
pub async fn a_search_finds_by_the_beginning_of_names_addresses_and_upns(fixture: &Fixture) {
    let directory = fixture.reader();
    for text in ["Anna", "anna b", "berg", "anna@", &fixture.user("anna"), "ANNA BERG", " anna "] {
        let found = all(&directory, query(text, USERS)).await;
        assert!(names(&found).contains(&"Anna Berg"), "{text:?}: {:?}", names(&found));
    }
    // By a part of the UPN that is in no name.
    assert_eq!(names(&all(&directory, query("pat.obrien@", USERS)).await), ["O'Brien, Pat"]);
    assert!(all(&directory, query("nobody is called this", BOTH)).await.is_empty());
}

pub async fn a_search_finds_the_kinds_that_are_wanted(fixture: &Fixture) {
    let directory = fixture.reader();
    let (sales, east) = (fixture.group("nested in a cycle"), fixture.group("inside of it"));
    assert_eq!(names(&all(&directory, query("Sales", GROUPS)).await), [sales, east]);
    assert!(all(&directory, query("Sales", USERS)).await.is_empty());
    assert_eq!(names(&all(&directory, query(fixture.group("distribution"), BOTH)).await), ["Newsletter"]);
    // Every user, and no computer: the controller is one.
    let everybody = all(&directory, Query { page_size: 1000, ..query("", USERS) }).await;
    assert!(everybody.len() > fixture.bulk && everybody.iter().all(|object| object.kind == EntryKind::User));
    assert!(!names(&everybody).iter().any(|name| name.eq_ignore_ascii_case("dc1")));
}

/// S2, W4, U6
pub async fn a_result_says_what_is_shown(fixture: &Fixture) {
    let directory = fixture.reader();
    let anna = fixture.named(&directory, "Anna Berg").await;
    assert_eq!(anna.domain, fixture.domain);
    assert_eq!(anna.upn, Some(fixture.user("anna")));
    assert_eq!(anna.mail, Some(format!("anna@{}", fixture.domain)));
    assert_eq!(anna.account_name.as_deref(), Some("anna"));
    assert_eq!(anna.description.as_deref(), Some("Sales, Bergen"));
    assert!(anna.mailbox && !anna.disabled);
    assert!(fixture.named(&directory, "Disabled").await.disabled);
    assert_eq!(fixture.named(&directory, "No UPN").await.upn, None);
    let group = fixture.named(&directory, fixture.group("distribution")).await;
    assert!(group.kind == EntryKind::Group && !group.mailbox && group.mail.is_some());
}

/// Names with commas, quotes, parentheses and letters of any script; and filters that somebody types.
pub async fn odd_names_are_found_and_what_is_typed_is_never_syntax(fixture: &Fixture) {
    let directory = fixture.reader();
    for name in ["O'Brien, Pat", "\"Quote\", (Ops) + <x> # \\ =", "Jürgen Žižka 日本", fixture.group("odd")] {
        assert_eq!(fixture.named(&directory, name).await.name, name);
    }
    for typed in ["*", "*)(cn=*", "(", ")", "\\", "\0", "a\0", "*)(|(objectClass=*", "&", "日本"] {
        let found = all(&directory, query(typed, USERS)).await;
        assert!(found.len() < 3, "{typed:?} finds {:?}", names(&found));
    }
}

/// A search that nobody waits for any more ends on the controller, and the connection serves on.
pub async fn a_stream_that_is_dropped_asks_nothing_more(fixture: &Fixture) {
    let directory = fixture.reader();
    for _ in 0..20 {
        let mut pages = directory.search(Query { page_size: 1000, ..query("", BOTH) });
        // Begun, and given up before the answer is there.
        let begun = futures_util::poll!(pages.next());
        drop((begun, pages));
    }
    assert_eq!(fixture.named(&directory, "Anna Berg").await.name, "Anna Berg");
}

/// S4
pub async fn objects_are_known_by_guid_and_what_is_gone_is_none(fixture: &Fixture) {
    let directory = fixture.reader();
    let anna = fixture.named(&directory, "Anna Berg").await;
    let group = fixture.named(&directory, fixture.group("odd")).await;
    let found = directory.lookup(vec![group.id, anna.id, group.id]).await.unwrap();
    assert_eq!(found, [Some(group.clone()), Some(anna.clone()), Some(group)]);
    // Somebody unknown could be in the domain that can't be reached: that is not the same as being gone.
    let error = directory.lookup(vec![anna.id, Uuid::from_u128(1)]).await.unwrap_err();
    assert!(error.what.contains("gone.example.test"), "{error:?}");
    assert!(!error.advice.is_empty());
    // Unless it is known to have been here.
    directory.seen_in(Uuid::from_u128(1), &fixture.domain);
    assert_eq!(directory.lookup(vec![Uuid::from_u128(1)]).await.unwrap(), [None]);
    directory.seen_in(Uuid::from_u128(2), &fixture.trusted);
    assert_eq!(directory.members(&[Uuid::from_u128(2)]).await.unwrap(), [None]);
    directory.seen_in(Uuid::from_u128(3), "former.example.test");
    let error = directory.members(&[Uuid::from_u128(3)]).await.unwrap_err();
    assert!(error.to_string().contains("not among the trusted domains any more"), "{error}");
}
