//! With a real updater, on a directory in memory.

use secrecy::SecretString;

use super::scripted::{CONTAINER, Other, Registry, configured, domain, updater};
use super::*;
use crate::organisation::in_memory::InMemory;
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::{Leave, SettingsChange, Source};
use crate::updater::service::Updater;

struct Stage {
    directory: InMemory,
    registry: Arc<Registry>,
    client: Client,
    updater: Updater,
    _folder: tempfile::TempDir,
}

async fn stage() -> Stage {
    let (directory, folder) = (InMemory::default(), tempfile::tempdir().unwrap());
    let updater = updater(folder.path(), &directory).await;
    let client = Client::new(&folder.path().join("pipe.sock")).unwrap();
    Stage { registry: Registry::new(directory.clone()), directory, client, updater, _folder: folder }
}

impl Stage {
    async fn joins(&self) -> Result<Joining, JoinError> {
        let report = self.client.organisation().await.unwrap();
        join(&*self.registry, &self.client, &report, domain(), Choice::default(), |_| ()).await
    }

    async fn configured_with(&self, connections: usize) {
        let (_, version) = self.client.settings().await.unwrap();
        let mut settings = configured();
        settings.limits.connections = connections;
        let change = SettingsChange { settings, password: Some(SecretString::from("own")) };
        self.client.change_settings(&change, &version).await.unwrap();
    }
}

/// P2
#[tokio::test]
async fn the_directory_comes_first_and_what_was_replaced_is_named() {
    let stage = stage().await;
    stage.configured_with(9).await;
    let other = Other::registered(&stage.directory, "srv2");
    other.publishes(&stage.directory, 17, &configured());
    let report = stage.client.organisation().await.unwrap();
    let mut stages = Vec::new();
    let choice = Choice { account: Some("siu@corp.example".into()), password: Some("Quagga-1".into()) };
    let progress = |now| stages.push(now);
    let joining = join(&*stage.registry, &stage.client, &report, domain(), choice, progress).await.unwrap();
    assert_eq!(stages, [super::Stage::Directory, super::Stage::Updater]);
    let told = joining.in_force().join(" ");
    assert!(told.contains("version 17") && told.contains("CORP\\boris") && told.contains("before-joining"), "{told}");
    assert!(joining.waits_for_the_password());
    let joined = joining.report.joined.as_ref().unwrap();
    assert_eq!(joined.container.as_deref(), Some(CONTAINER));
    assert_eq!(joining.report.own.account.as_deref(), Some("siu@corp.example"));
    // The other one looks, then this one.
    other.publishes(&stage.directory, 18, &configured());
    assert!(!joining::waits_for_the_password(&stage.client.seal_organisation().await.unwrap()));
    // Again, nothing of its own is replaced, and the account stays what it was.
    let again = stage.joins().await.unwrap();
    assert_eq!(again.kept, None);
    assert_eq!(stage.registry.calls(), ["register siu@corp.example", "register siu@corp.example"]);
    stage.updater.stop().await;
}

/// P2
#[tokio::test]
async fn a_refusal_of_the_directory_changes_nothing_here() {
    let stage = stage().await;
    stage.registry.fail("register", Registry::not_allowed("register an updater"));
    let error = stage.joins().await.unwrap_err();
    assert!(matches!(error, JoinError::Directory(AdministrationError::NotAllowed { .. })), "{error}");
    let report = stage.client.organisation().await.unwrap();
    assert_eq!((report.source, report.joined), (Source::File, None));
    stage.updater.stop().await;
}

/// P2
#[tokio::test]
async fn an_updater_that_can_not_join_is_told_to_be_registered_all_the_same() {
    let stage = stage().await;
    stage.directory.world().away = true;
    let error = stage.joins().await.unwrap_err();
    let JoinError::Updater { registered, cause: PipeError::Refused { .. } } = &error else { panic!("{error}") };
    assert!(registered.done.iter().any(|done| done.contains("is registered")));
    stage.directory.world().away = false;
    assert!(stage.joins().await.unwrap().report.joined.is_some(), "the second time completes it");
    stage.updater.stop().await;
}

/// P2
#[tokio::test]
async fn the_updater_here_leaves_when_it_is_the_one_that_is_removed() {
    let stage = stage().await;
    stage.configured_with(9).await;
    let joining = stage.joins().await.unwrap();
    let _other = Other::registered(&stage.directory, "srv2");
    let id = joining.registered.registration.id.to_string();
    let removal = remove(&*stage.registry, &stage.client, &id, &Leave::default()).await.unwrap();
    assert!(removal.own);
    let told = removal.told().join(" ");
    assert!(told.contains("computer's own") && told.contains("one that is left encrypts"), "{told}");
    let report = stage.client.organisation().await.unwrap();
    assert_eq!(report.joined, None);
    let (read, _) = stage.client.settings().await.unwrap();
    assert_eq!((read.settings.limits.connections, read.password_stored), (9, true));
    stage.updater.stop().await;
}

/// P2
#[tokio::test]
async fn when_another_one_is_removed_the_one_here_encrypts_the_password_anew() {
    let stage = stage().await;
    stage.configured_with(9).await;
    stage.joins().await.unwrap();
    let other = Other::registered(&stage.directory, "srv2");
    stage.client.seal_organisation().await.unwrap();
    let removal = remove(&*stage.registry, &stage.client, &other.id.to_string(), &Leave::default()).await.unwrap();
    assert_eq!((removal.own, removal.sealing), (false, Sealing::Done));
    assert!(stage.client.organisation().await.unwrap().joined.is_some());
    let error = remove(&*stage.registry, &stage.client, &other.id.to_string(), &Leave::default()).await.unwrap_err();
    assert!(matches!(error, RemoveError::Directory(AdministrationError::NoUpdater { .. })), "{error}");
    stage.updater.stop().await;
}

/// The one that is asked need not run, nor be the one that is removed.
#[tokio::test]
async fn without_an_updater_here_somebody_else_encrypts_it_later() {
    let directory = InMemory::default();
    let (_one, other) = (Other::registered(&directory, "srv1"), Other::registered(&directory, "srv2"));
    let registry = Registry::new(directory);
    let client = Client::new(std::path::Path::new("/nonexistent/updater.sock")).unwrap();
    let removal = remove(&*registry, &client, &other.id.to_string(), &Leave::default()).await.unwrap();
    assert_eq!((removal.own, removal.sealing, removal.removed.left), (false, Sealing::Soon, 1));
}
