//! Several who write at the same moment, people with other tools among them.

use sent_items_update::organisation::in_directory::InDirectory;
use sent_items_update::organisation::{Published as _, PublishedError};

use crate::lab::{Lab, document, read};

/// Whose document is there afterwards: exactly one of them was taken, and the other was told so.
async fn race(one: &InDirectory, two: &InDirectory, replacing: Option<&str>, version: u64) -> String {
    let (first, second) = (document(version, "first"), document(version, "second"));
    let (a, b) = tokio::join!(one.publish(replacing, &first, version), two.publish(replacing, &second, version));
    let (taken, refused) = match (a, b) {
        (Ok(()), Err(refused)) => (first, refused),
        (Err(refused), Ok(())) => (second, refused),
        other => panic!("{other:?}"),
    };
    assert!(matches!(refused, PublishedError::Conflict), "{refused:?}");
    assert_eq!(read(one).await.configuration.as_deref(), Some(taken.as_str()));
    taken
}

/// P2, P3
pub async fn of_two_who_write_at_the_same_moment_exactly_one_wins(lab: &Lab) {
    lab.register("SRV1").await;
    lab.register("SRV2").await;
    let (one, two) = (lab.published("SRV1$"), lab.published("SRV2$"));
    // Both are connected before it begins.
    read(&one).await;
    read(&two).await;
    let mut there = document(1, "start");
    one.publish(None, &there, 1).await.unwrap();
    for version in 2..20 {
        there = race(&one, &two, Some(&there), version).await;
    }
}

/// P2: although an empty attribute has no value that a change could depend on.
pub async fn of_two_first_documents_exactly_one_is_taken(lab: &Lab) {
    lab.register("SRV1").await;
    lab.register("SRV2").await;
    let (one, two) = (lab.published("SRV1$"), lab.published("SRV2$"));
    read(&one).await;
    read(&two).await;
    for _ in 0..6 {
        race(&one, &two, None, 1).await;
        lab.edit(&[]).await;
    }
}

/// P2
pub async fn what_was_edited_by_hand_after_it_was_read_is_not_overwritten(lab: &Lab) {
    lab.register("SRV1").await;
    let published = lab.published("SRV1$");
    let first = document(1, "port 443");
    published.publish(None, &first, 1).await.unwrap();
    for edited in [first.replace("443", "444"), first.replace("port", "Port")] {
        lab.edit(&[&edited]).await;
        let error = published.publish(Some(&first), &document(2, "mine"), 2).await.unwrap_err();
        assert!(matches!(error, PublishedError::Conflict), "{error:?}");
        assert_eq!(read(&published).await.configuration.as_deref(), Some(edited.as_str()));
    }
    // Taken away by hand, it is not there to be replaced, either.
    lab.edit(&[]).await;
    let error = published.publish(Some(&first), &document(2, "mine"), 2).await.unwrap_err();
    assert!(matches!(error, PublishedError::Conflict), "{error:?}");
}

/// P2
pub async fn values_added_by_hand_are_no_document_and_are_replaced_on_purpose(lab: &Lab) {
    lab.register("SRV1").await;
    let published = lab.published("SRV1$");
    let first = document(1, "one");
    published.publish(None, &first, 1).await.unwrap();
    lab.edit(&[&first, "by hand"]).await;
    let found = read(&published).await;
    assert!(found.problems[0].contains("2 values"), "{found:?}");
    let both = found.configuration.unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&both).is_err(), "{both}");
    for replacing in [None, Some(first.as_str())] {
        let error = published.publish(replacing, &document(2, "two"), 2).await.unwrap_err();
        assert!(matches!(error, PublishedError::Conflict), "{error:?}");
    }
    let second = document(2, "two");
    published.publish(Some(&both), &second, 2).await.unwrap();
    assert_eq!(read(&published).await.configuration.as_deref(), Some(second.as_str()));
}
