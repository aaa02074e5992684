//! The connection breaks while a document is being published.

use std::time::Duration;

use sent_items_update::directory::{Options, Timeouts};
use sent_items_update::organisation::{Published as _, PublishedError};

use crate::lab::{Lab, document, read};
use crate::proxy::{Manner, Proxy};

/// Long enough for the proxy to know it by its length.
fn long(version: u64, says: &str) -> String {
    document(version, &says.repeat(160 * 1024 / says.len()))
}

/// P2
pub async fn a_write_whose_answer_was_lost_is_known_by_its_number(lab: &Lab) {
    lab.register("SRV1").await;
    let proxy = Proxy::start(&lab.controller).await;
    let published = lab.published_at(&proxy.address, "SRV1$", &lab.options());
    let (first, second) = (long(1, "one"), long(2, "two"));
    proxy.set(Manner::CutsAfter, true);
    published.publish(None, &first, 1).await.unwrap();
    proxy.cut().await;
    assert_eq!(read(&published).await.configuration.as_deref(), Some(first.as_str()));
    proxy.set(Manner::CutsAfter, true);
    published.publish(Some(&first), &second, 2).await.unwrap();
    proxy.cut().await;
    assert_eq!(read(&published).await.configuration.as_deref(), Some(second.as_str()));
}

/// P2
pub async fn a_write_that_never_arrived_is_made_once_more(lab: &Lab) {
    lab.register("SRV1").await;
    let proxy = Proxy::start(&lab.controller).await;
    let published = lab.published_at(&proxy.address, "SRV1$", &lab.options());
    let first = long(1, "one");
    proxy.set(Manner::CutsBefore, true);
    published.publish(None, &first, 1).await.unwrap();
    proxy.cut().await;
    assert_eq!(read(&published).await.configuration.as_deref(), Some(first.as_str()));
}

/// P2
pub async fn a_write_that_was_overtaken_after_its_answer_was_lost_is_a_conflict(lab: &Lab) {
    lab.register("SRV1").await;
    lab.register("SRV2").await;
    let proxy = Proxy::start(&lab.controller).await;
    let published = lab.published_at(&proxy.address, "SRV1$", &lab.options());
    let other = lab.published("SRV2$");
    let (first, second) = (long(1, "one"), long(2, "two"));
    proxy.set(Manner::CutsAfter, false);
    let (told, ()) = tokio::join!(published.publish(None, &first, 1), async {
        proxy.cut().await;
        other.publish(Some(&first), &second, 2).await.unwrap();
        proxy.reopen();
    });
    let error = told.unwrap_err();
    assert!(matches!(error, PublishedError::Conflict), "{error:?}");
    assert_eq!(read(&published).await.configuration.as_deref(), Some(second.as_str()));
}

/// P2: neither "done" nor "not done" would be true.
pub async fn a_directory_that_stays_away_after_the_request_leaves_it_open_in_words(lab: &Lab) {
    lab.register("SRV1").await;
    let proxy = Proxy::start(&lab.controller).await;
    let patience = Duration::from_secs(20);
    let timeouts = Timeouts { connect: Duration::from_secs(3), bind: patience, operation: patience };
    let published = lab.published_at(&proxy.address, "SRV1$", &Options { timeouts, ..lab.options() });
    let first = long(1, "one");
    proxy.set(Manner::CutsAfter, false);
    let error = published.publish(None, &first, 1).await.unwrap_err();
    assert!(matches!(error, PublishedError::Unknown(_)), "{error:?}");
    assert!(error.to_string().contains("is not known"), "{error}");
    // It took effect, and is seen as soon as the directory answers again.
    proxy.reopen();
    assert_eq!(read(&published).await.configuration.as_deref(), Some(first.as_str()));
}
