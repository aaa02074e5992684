//! Through the window, by accessible label, with a real updater on a directory in memory and a scripted administrator.

use std::sync::Arc;

use eframe::egui::{Context, Key};
use secrecy::SecretString;

use super::*;
use crate::directory::{ConnectProblem, DirectoryError};
use crate::enrolment::scripted::{Other, Registry, SignedInto, configured, domain, updater};
use crate::enrolment::{Choice, join};
use crate::organisation::administration::AdministrationError;
use crate::organisation::in_memory::InMemory;
use crate::panel::app::View;
use crate::panel::scripted::{Around, Connecting, Directory, Organisation, Screen, runtime, user};
use crate::panel::state::Intent;
use crate::pipe::client::Client;
use crate::pipe::types::{OrganisationReport, SettingsChange};
use crate::settings::Settings;
use crate::updater::service::Updater;

const SIZE: [f32; 2] = [760.0, 720.0];

/// A dialog with everything around it. Dropping this stops the updater.
struct Stage {
    dialog: Option<Box<dyn View>>,
    wanted: Vec<Intent>,
    around: Around,
    directory: InMemory,
    registry: Arc<Registry>,
    client: Client,
    updater: Option<Updater>,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self::with(|registry, connecting| connecting.administrators = Some(Arc::new(SignedInto(registry))))
    }

    fn with(connect: impl FnOnce(Arc<Registry>, &mut Connecting)) -> Self {
        let (directory, folder) = (InMemory::default(), tempfile::tempdir().unwrap());
        let updater = runtime().block_on(updater(folder.path(), &directory));
        let pipe = folder.path().join("pipe.sock");
        let registry = Registry::new(directory.clone());
        let found = Arc::new(Directory::with(vec![user("Siu Service")]));
        let mut connecting = Connecting::to(Arc::new(Organisation::new()), found);
        connect(registry.clone(), &mut connecting);
        let around = Around::new(&pipe, Arc::new(connecting));
        Self {
            dialog: None,
            wanted: Vec::new(),
            around,
            directory,
            registry,
            client: Client::new(&pipe).unwrap(),
            updater: Some(updater),
            _folder: folder,
        }
    }

    /// Configured by itself before.
    fn configured(self) -> Self {
        let mut settings = configured();
        settings.limits.connections = 9;
        self.set(settings);
        self
    }

    fn set(&self, settings: Settings) {
        let change = SettingsChange { settings, password: Some(SecretString::from("own")) };
        runtime().block_on(async {
            let (_, version) = self.client.settings().await.unwrap();
            self.client.change_settings(&change, &version).await.unwrap();
        });
    }

    /// Registered and joined already.
    fn joined(self) -> Self {
        let report = self.report();
        let joining = join(&*self.registry, &self.client, &report, domain(), Choice::default(), |_| ());
        runtime().block_on(joining).unwrap();
        self
    }

    fn report(&self) -> OrganisationReport {
        runtime().block_on(self.client.organisation()).unwrap()
    }

    fn look(&self) {
        runtime().block_on(self.client.seal_organisation()).unwrap();
    }

    fn stop(&mut self) {
        if let Some(updater) = self.updater.take() {
            runtime().block_on(updater.stop());
        }
    }

    fn shows(mut self, dialog: impl View + 'static) -> Screen<Self> {
        self.dialog = Some(Box::new(dialog));
        Screen::new(SIZE, self, draw)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop();
    }
}

fn draw(ctx: &Context, stage: &mut Stage) {
    let Some(mut dialog) = stage.dialog.take() else { return };
    let wanted = dialog.show(ctx, &stage.around.surroundings());
    if !wanted.contains(&Intent::Close) {
        stage.dialog = Some(dialog);
    }
    stage.wanted.extend(wanted);
}

fn away() -> AdministrationError {
    let controller = "dc1.corp.example".to_owned();
    DirectoryError::Connect { controller, problem: ConnectProblem::Refused }.into()
}

/// P2: with what is published there, what was here before kept, and the password coming later.
#[test]
fn an_updater_is_registered_and_told_what_became_of_its_own_settings() {
    let stage = Stage::new().configured();
    let other = Other::registered(&stage.directory, "srv2");
    other.publishes(&stage.directory, 17, &configured());
    let mut screen = stage.shows(Joining::default());
    screen.wait("What will happen");
    assert!(screen.says("Version 17 of the organisation's configuration, by CORP\\boris on srv2, takes the place"));
    assert!(screen.says("A copy of them is kept") && screen.says("anna@corp.example, a member of Domain Admins"));
    let stays = screen.dialog().report();
    assert_eq!(stays.joined, None, "nothing is done before it is wanted");
    screen.press(Key::Enter);
    screen.wait("keeps up with it from now on");
    assert!(screen.says("works with version 17") && screen.says("settings.before-joining-"));
    assert!(screen.says("can't be read here yet"));
    // The other updater looks, and so does this one.
    other.publishes(&screen.dialog().directory.clone(), 18, &configured());
    screen.click("Look now");
    screen.wait("password can be read here.");
    assert!(!screen.says("can't be read here yet"));
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().wanted, [Intent::Configured, Intent::Close]);
}

/// P2: the first one.
#[test]
fn where_nothing_is_published_this_configuration_becomes_the_organisations() {
    let mut screen = Stage::new().configured().shows(Joining::default());
    screen.wait("What will happen");
    assert!(screen.says("The place for it is made in Active Directory") && screen.says("becomes the organisation's"));
    screen.click("Register");
    screen.wait("works with version 1");
    assert!(!screen.says("before-joining"), "nothing was replaced");
    assert_eq!(screen.dialog().directory.world().published, [1]);
}

#[test]
fn who_is_no_domain_administrator_is_told_before_and_another_one_can_sign_in() {
    let stage = Stage::new();
    *stage.registry.who.lock().unwrap() = ("ben@corp.example".to_owned(), false);
    stage.registry.fail("register", Registry::not_allowed("register an updater"));
    let mut screen = stage.shows(Joining::default());
    screen.wait("ben@corp.example is not a member of Domain Admins of corp.example");
    screen.click("Register");
    screen.wait("could not be registered.");
    assert!(screen.says("may not register an updater") && screen.says("Sign in as such a member"));
    assert_eq!(screen.dialog().report().joined, None);
    screen.click("Sign in as somebody else…");
    screen.wait("ben@corp.example is not a member of Domain Admins of corp.example");
    assert!(screen.shows("Sign in to the directory"));
    screen.dialog().registry.mend("register");
    *screen.dialog().registry.who.lock().unwrap() = ("anna@corp.example".to_owned(), true);
    screen.type_into("User name", "anna@corp.example");
    screen.type_into("Password", "right");
    screen.press(Key::Enter);
    screen.wait("Signed in as anna@corp.example");
    screen.click("Register");
    screen.wait("is registered");
    assert!(screen.dialog().report().joined.is_some());
}

#[test]
fn a_directory_that_goes_away_in_the_middle_is_told_and_it_is_completed_later() {
    let stage = Stage::new().configured();
    stage.registry.fail("survey", away());
    let mut screen = stage.shows(Joining::default());
    screen.wait("could not be looked at. Nothing was changed.");
    assert!(screen.says("dc1.corp.example"));
    screen.dialog().registry.mend("survey");
    screen.click("Try again");
    screen.wait("What will happen");
    screen.dialog().registry.fail("register", away());
    screen.click("Register");
    screen.wait("could not be registered.");
    assert!(screen.says("Likely cause") && screen.says("what was done already is completed"));
    screen.dialog().registry.mend("register");
    screen.click("Try again");
    screen.wait("What will happen");
    screen.click("Register");
    screen.wait("keeps up with it from now on");
}

#[test]
fn without_an_updater_nothing_is_registered() {
    let mut stage = Stage::new();
    stage.stop();
    let mut screen = stage.shows(Joining::default());
    screen.wait("could not be asked who it is");
    assert!(screen.says("Start the service Sent Items Update."));
    assert_eq!(screen.dialog().registry.calls(), [""; 0]);
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().wanted, [Intent::Close]);
}

/// P2: registered, and the updater does not get there.
#[test]
fn an_updater_that_can_not_join_is_told_with_what_is_done_already() {
    let stage = Stage::new().configured();
    stage.directory.world().away = true;
    let mut screen = stage.shows(Joining::default());
    screen.wait("What will happen");
    screen.click("Register");
    screen.wait("is registered in Active Directory, but its updater could not take that up, and works on as before.");
    assert!(screen.says("Likely cause"));
    let copied = screen.copied_by("Copy").expect("a text");
    assert!(copied.contains("could not take that up") && copied.contains("is registered as the updater"), "{copied}");
    screen.dialog().directory.world().away = false;
    screen.click("Try again");
    screen.wait("What will happen");
    screen.click("Register");
    screen.wait("keeps up with it from now on");
    assert!(screen.dialog().report().joined.unwrap().registered);
}

#[test]
fn it_can_be_left_before_and_stopped_while_it_runs() {
    let mut screen = Stage::new().shows(Joining::default());
    screen.wait("What will happen");
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().wanted, [Intent::Close]);
    assert_eq!(screen.dialog().registry.calls(), ["survey"]);
    let stage = Stage::new();
    stage.registry.hold("register");
    let mut screen = stage.shows(Joining::default());
    screen.wait("What will happen");
    screen.click("Register");
    screen.wait("Have the updater take it up");
    screen.press(Key::Escape);
    assert!(screen.shows("Stop"), "Escape does not break it off by mistake");
    screen.click("Stop");
    screen.wait("was stopped.");
    assert!(screen.says("has the settings that it had"));
    screen.dialog().registry.release("register");
    screen.step();
    assert_eq!(screen.dialog().report().joined, None, "nothing goes on");
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().wanted, [Intent::Configured, Intent::Close]);
}

/// P2, by the keyboard.
#[test]
fn another_account_is_taken_with_its_password_which_is_never_shown() {
    let mut screen = Stage::new().shows(Joining::default());
    screen.wait("What will happen");
    screen.get("Another account, with its password").focus();
    screen.step();
    screen.press(Key::Space);
    screen.press(Key::Enter);
    assert!(screen.says("Enter the account's password."), "Enter does not go past what is missing");
    screen.click("Browse…");
    screen.wait("1 found");
    screen.click("Siu Service");
    screen.press(Key::Enter);
    assert_eq!(screen.get("User name").value().as_deref(), Some("siu.service@corp.example"));
    assert!(screen.says("siu.service@corp.example may read and change"));
    screen.press(Key::Enter);
    // The keyboard goes to what is missing.
    screen.type_text("Quagga-1");
    assert!(!screen.says("Quagga"));
    screen.press(Key::Enter);
    screen.wait("keeps up with it from now on");
    assert!(screen.dialog().registry.calls().contains(&"register siu.service@corp.example".to_owned()));
    assert_eq!(screen.dialog().report().own.account.as_deref(), Some("siu.service@corp.example"));
}

#[test]
fn a_place_that_is_none_is_refused_before_anything_is_done() {
    let mut screen = Stage::new().shows(Joining::default());
    screen.wait("What will happen");
    screen.click("Advanced");
    screen.step();
    screen.type_into("Place", "IT");
    assert!(screen.is_greyed("Register"), "what is there is looked at first");
    screen.press(Key::Enter);
    screen.wait("is no place for the organisation's configuration");
    assert_eq!(screen.dialog().registry.calls(), ["survey"]);
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().report().joined, None);
}

/// X1
#[test]
fn a_directory_that_keeps_nothing_says_so() {
    let mut screen = Stage::with(|_, _| {}).shows(Joining::default());
    screen.wait("This directory keeps no configuration");
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().wanted, [Intent::Close]);
}

/// P2
#[test]
fn an_updater_is_removed_after_it_was_said_what_is_lost() {
    let stage = Stage::new().configured().joined();
    let other = Other::registered(&stage.directory, "srv2");
    stage.look();
    let mut screen = stage.shows(Removing::of(other.id));
    screen.wait("Remove srv2?");
    assert!(screen.says("It works on with the settings that it has") && screen.says("give the account a new password"));
    assert!(!screen.says("Forget the service account's password"), "that is this computer's");
    // What can't be taken back is not what Enter presses.
    screen.press(Key::Enter);
    assert_eq!(screen.dialog().wanted, [Intent::Close]);
    screen.dialog().wanted.clear();
    screen.dialog().dialog = Some(Box::new(Removing::of(other.id)));
    screen.wait("Remove srv2?");
    screen.click("Remove");
    screen.wait("srv2 is removed");
    assert!(screen.says("encrypted to those who are left") && screen.says("a new password now"));
    assert!(!screen.dialog().directory.world().updaters.contains_key(&other.id));
    screen.press(Key::Enter);
    assert_eq!(screen.dialog().wanted, [Intent::Configured, Intent::Close]);
}

/// P2
#[test]
fn the_updater_here_leaves_when_it_is_removed_and_forgets_the_password_when_told_to() {
    let stage = Stage::new().configured().joined();
    let id = stage.report().own.id;
    let mut screen = stage.shows(Removing::of(id));
    screen.wait("It is the last one");
    screen.click("Forget the service account's password on this computer, too");
    screen.click("Remove");
    screen.wait("is removed");
    assert!(screen.says("are this computer's own") && screen.says("nobody can read the password"));
    assert_eq!(screen.dialog().report().joined, None);
    let (read, _) = runtime().block_on(screen.dialog().client.settings()).unwrap();
    assert_eq!((read.settings.limits.connections, read.password_stored), (9, false));
}

#[test]
fn a_removal_that_is_refused_or_too_late_is_told() {
    let stage = Stage::new().configured().joined();
    let other = Other::registered(&stage.directory, "srv2");
    stage.look();
    stage.registry.fail("remove", Registry::not_allowed("remove an updater"));
    let mut screen = stage.shows(Removing::of(other.id));
    screen.wait("Remove srv2?");
    screen.click("Remove");
    screen.wait("srv2 could not be removed.");
    assert!(screen.shows("Sign in as somebody else…") && screen.says("may not remove an updater"));
    screen.dialog().registry.mend("remove");
    screen.dialog().directory.world().unregister(other.id);
    screen.click("Sign in as somebody else…");
    screen.wait("Whoever is signed in is not a member");
    screen.type_into("User name", "anna@corp.example");
    screen.type_into("Password", "right");
    screen.press(Key::Enter);
    screen.wait("Somebody may have removed it already");
    screen.dialog().look();
    screen.click("Try again");
    screen.wait("is not registered any more.");
}

/// P2
#[test]
fn who_has_lost_its_share_leaves_or_is_registered_again() {
    let stage = Stage::new().configured().joined();
    let id = stage.report().own.id;
    stage.directory.world().unregister(id);
    stage.look();
    assert!(!stage.report().joined.unwrap().registered);
    let mut screen = stage.shows(Joining::default());
    screen.wait("What will happen");
    assert!(screen.shows("Register this updater again") && screen.says("stays the organisation's"));
    screen.click("Register");
    screen.wait("keeps up with it from now on");
    assert!(screen.dialog().report().joined.unwrap().registered);

    screen.dialog().directory.world().unregister(id);
    screen.dialog().look();
    screen.dialog().dialog = Some(Box::<Removing>::default());
    screen.wait("Leave the organisation?");
    screen.click("Leave");
    screen.wait("This updater has left");
    assert_eq!(screen.dialog().report().joined, None);
    let (read, _) = runtime().block_on(screen.dialog().client.settings()).unwrap();
    assert_eq!((read.settings.limits.connections, read.password_stored), (9, true));
}
