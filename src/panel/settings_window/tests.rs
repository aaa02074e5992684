use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{Key, Theme};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use secrecy::SecretString;

use super::*;
use crate::organisation::Registration;
use crate::organisation::document::{self, Document};
use crate::organisation::in_memory::{InMemory, Lost};
use crate::panel::files::tests::Answers;
use crate::panel::state::{Dialog, State};
use crate::panel::testing::{self, Around, Shown, looks_as_approved, until};
use crate::pipe::client::Client;
use crate::pipe::listener::Access;
use crate::pipe::types::{Join, JoinSignIn, Outcome, Rule};
use crate::settings::{Account, Connection, DirectorySettings, ScopeMode, SendersScope};
use crate::updater::clock::Clock;
use crate::updater::dispatcher::{Attempt, Engine};
use crate::updater::organisation::{Reach, in_active_directory};
use crate::updater::queue::Job;
use crate::updater::service::{Updater, UpdaterOptions};

struct Idle;

impl Engine for Idle {
    async fn attempt(&self, _: &Job) -> Attempt {
        Attempt::Finished(Outcome::new(Rule::UpdatedInPlace, ""))
    }
}

type Window = Harness<'static, Shown<SettingsView>>;

/// The window on a real updater.
struct Stage {
    folder: tempfile::TempDir,
    window: Window,
    updater: Option<Updater>,
}

const SIZE: (f32, f32) = (760.0, 640.0);

fn configured() -> Settings {
    Settings {
        enabled: true,
        connection: Some(Connection::manual("https://mail.nordwind.example/EWS/Exchange.asmx")),
        account: Some(Account { user: "svc-siu@nordwind.example".into() }),
        ..Settings::default()
    }
}

impl Stage {
    fn new(settings: Option<Settings>, tab: Tab) -> Self {
        Self::drawn(settings, tab, |around, view| {
            Some(testing::window(SIZE, Theme::Light, Shown::new(view, around), Shown::draw))
        })
        .unwrap()
    }

    /// The same on an updater that shares its configuration with others, in this directory.
    fn sharing(directory: &InMemory, tab: Tab) -> Self {
        let published = directory.clone();
        let reach: Arc<Reach> = Arc::new(move |_, _| Ok(Arc::new(published.clone())));
        let window = |around, view| Some(testing::window(SIZE, Theme::Light, Shown::new(view, around), Shown::draw));
        let joins = |around: &Around| around.runtime.block_on(join(&around.pipe, directory));
        Self::on(reach, Some(configured()), tab, joins, window).unwrap()
    }

    fn drawn(
        settings: Option<Settings>,
        tab: Tab,
        window: impl FnOnce(Around, SettingsView) -> Option<Window>,
    ) -> Option<Self> {
        Self::on(Arc::new(in_active_directory), settings, tab, |_| {}, window)
    }

    fn on(
        reach: Arc<Reach>,
        settings: Option<Settings>,
        tab: Tab,
        before: impl FnOnce(&Around),
        window: impl FnOnce(Around, SettingsView) -> Option<Window>,
    ) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.sock");
        let around = Around::new(State::default(), &pipe);
        let options = UpdaterOptions {
            data: folder.path().join("data"),
            pipe,
            access: Access::default(),
            sandbox: false,
            clock: Clock::system(),
        };
        let updater = around
            .runtime
            .block_on(Updater::start_in(reach, None, options, Updater::directory(), |_, _| Ok(Idle)))
            .unwrap();
        if let Some(settings) = settings {
            change(&around.runtime, &around.pipe, settings);
        }
        before(&around);
        let mut window = window(around, SettingsView::new(tab))?;
        until(&mut window, "the settings are there", |window| window.query_by_label("General").is_some());
        Some(Self { folder, window, updater: Some(updater) })
    }

    fn in_force(&self) -> Settings {
        let around = &self.window.state().around;
        around.runtime.block_on(around.pipe.settings()).unwrap().0.settings
    }

    fn press(&mut self, label: &str) {
        self.window.get_by_label(label).scroll_to_me();
        self.window.run_steps(3);
        self.window.get_by_label(label).click();
        self.window.run_steps(2);
    }

    fn type_into(&mut self, label: &str, text: &str) {
        self.window.get_by_label(label).focus();
        self.window.run_steps(2);
        self.window.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::A);
        self.window.run_steps(1);
        self.window.get_by_label(label).type_text(text);
        self.window.run_steps(2);
    }

    fn comes_to(&mut self, text: &str) {
        until(&mut self.window, text, |window| window.query_all_by_label_contains(text).next().is_some());
    }

    fn wanted(&mut self) -> Vec<Intent> {
        std::mem::take(&mut self.window.state_mut().wanted)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(updater) = self.updater.take() {
            self.window.state().around.runtime.block_on(updater.stop());
        }
    }
}

/// What `siu-updater register` does.
async fn join(pipe: &Client, directory: &InMemory) {
    let own = pipe.organisation().await.unwrap().own;
    directory.world().register(Registration {
        format: 1,
        id: own.id,
        name: own.name,
        key: own.key,
        account: "SRV1$".into(),
        registered_by: "NORDWIND\\admin".into(),
        registered_at: jiff::Timestamp::UNIX_EPOCH,
    });
    let join = Join {
        organisation: uuid::Uuid::from_u128(7),
        directory: DirectorySettings { domain: "nordwind.example".into(), ..DirectorySettings::default() },
        place: None,
        sign_in: JoinSignIn::Service,
    };
    pipe.join_organisation(&join).await.unwrap();
}

/// What an updater on another computer publishes.
fn published_elsewhere(directory: &InMemory, settings: Settings) {
    let text = directory.world().configuration.clone().unwrap();
    let now = Document::parse(&text).unwrap();
    let next = now.next(document::Change {
        version: now.version() + 1,
        write: uuid::Uuid::from_u128(99),
        changed_by: "NORDWIND\\boris".into(),
        changed_on: "srv2".into(),
        changed_at: now.changed_at(),
        settings,
        secret: now.secret().cloned(),
    });
    directory.world().put(next.to_text().unwrap());
}

/// What another administrator, or the wizard, does.
fn change(runtime: &tokio::runtime::Runtime, pipe: &Client, settings: Settings) {
    runtime.block_on(async {
        let (_, version) = pipe.settings().await.unwrap();
        let password = Some(SecretString::from("Zebra-7"));
        pipe.change_settings(&SettingsChange { settings, password }, &version).await.unwrap();
    });
}

/// T1
#[test]
fn an_updater_that_does_not_answer_is_told_and_can_be_tried_again() {
    let around = Around::new(State::default(), std::path::Path::new("/nonexistent/updater.sock"));
    let shown = Shown::new(SettingsView::new(Tab::General), around);
    let mut window = testing::window(SIZE, Theme::Light, shown, Shown::draw);
    let failed = |window: &Window| window.query_by_label_contains("The settings can't be read.").is_some();
    until(&mut window, "it is told", failed);
    window.get_by_label("Try again").click();
    window.run_steps(2);
    until(&mut window, "it is told again", failed);
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert_eq!(window.state().wanted, [Intent::Close]);
}

/// T1
#[test]
fn nothing_is_sent_before_ok_or_apply() {
    let mut stage = Stage::new(Some(configured()), Tab::SentItemsUpdate);
    stage.press("Create a copy of the original message when updating Sent Items");
    assert!(stage.window.query_by_label_contains("not in force before OK or Apply").is_some());
    assert!(stage.window.query_by_label("Sent Items Update •").is_some(), "the tab is marked");
    assert!(!stage.in_force().options.create_copy);
    stage.press("Apply");
    stage.comes_to("The settings are in force.");
    assert!(stage.in_force().options.create_copy);
    assert_eq!(stage.wanted(), [], "it stays open");
    assert!(stage.window.query_by_label("Sent Items Update •").is_none());
}

/// U3
#[test]
fn a_message_on_behalf_can_be_updated_in_both_mailboxes() {
    let mut stage = Stage::new(Some(configured()), Tab::SentItemsUpdate);
    stage.press("Update both copies of a message on behalf of another mailbox");
    stage.press("Apply");
    stage.comes_to("The settings are in force.");
    assert!(stage.in_force().options.both_copies);
}

/// T1
#[test]
fn ok_sends_and_closes_and_cancel_sends_nothing() {
    let mut stage = Stage::new(Some(configured()), Tab::MessageSplitting);
    stage.press("Messages are split into several copies");
    stage.press("Cancel");
    assert_eq!(stage.wanted(), [Intent::Close]);
    assert!(!stage.in_force().options.message_splitting);
    stage.press("OK");
    until(&mut stage.window, "it closes", |window| window.state().wanted.contains(&Intent::Close));
    assert!(stage.in_force().options.message_splitting);
}

/// T2
#[test]
fn after_a_fresh_installation_the_tab_offers_nothing_but_configure() {
    let mut stage = Stage::new(None, Tab::SentItemsUpdate);
    for absent in ["Switch on", "Change…", "Create a copy of the original message when updating Sent Items"] {
        assert!(stage.window.query_by_label(absent).is_none(), "{absent}");
    }
    stage.press("Configure");
    assert_eq!(stage.wanted(), [Intent::Open(Dialog::Wizard)]);
}

/// W7
#[test]
fn when_the_wizard_has_configured_it_the_options_are_there_and_what_was_typed_stays() {
    let mut stage = Stage::new(None, Tab::MessageSplitting);
    stage.press("Messages are split into several copies");
    stage.press("Sent Items Update");
    let around = &stage.window.state().around;
    change(&around.runtime, &around.pipe, configured());
    stage.window.state_mut().view.told(&Intent::Configured);
    stage.comes_to("Switch off");
    assert!(stage.window.query_by_label_contains("svc-siu@nordwind.example").is_some());
    stage.press("Apply");
    stage.comes_to("The settings are in force.");
    assert!(stage.in_force().options.message_splitting);
    assert_eq!(stage.in_force().account, configured().account);
}

/// T3, T4, T5
#[test]
fn status_account_and_scope_are_shown_and_changed() {
    let mut stage = Stage::new(Some(configured()), Tab::SentItemsUpdate);
    stage.press("Switch off");
    assert!(stage.window.query_by_label("It is switched off with OK or Apply.").is_some());
    stage.press("Change…");
    stage.press("Change the senders' scope…");
    let scope = Dialog::Scope(SendersScope::default());
    assert_eq!(stage.wanted(), [Intent::Open(Dialog::Wizard), Intent::Open(scope)]);
    let chosen = SendersScope {
        mode: ScopeMode::OnlyListed,
        list: vec!["anna@nordwind.example".parse().unwrap()],
        ..SendersScope::default()
    };
    stage.window.state_mut().view.told(&Intent::ScopeChosen(chosen.clone()));
    stage.comes_to("Only the list: 1 address");
    stage.press("Apply");
    stage.comes_to("The settings are in force.");
    assert_eq!((stage.in_force().enabled, stage.in_force().scope), (false, chosen));
}

/// T7
#[test]
fn the_option_for_split_messages_is_greyed_until_splitting_is_on_and_says_why() {
    const OPTION: &str =
        "If message splitting is activated, apply changes to all split messages and save them in Sent Items";
    let mut stage = Stage::new(Some(configured()), Tab::SentItemsUpdate);
    stage.press(OPTION);
    assert!(stage.window.query_by_label("Sent Items Update •").is_none(), "it can't be chosen");
    stage.window.get_by_label(OPTION).hover();
    stage.comes_to("switch that on in the tab Message splitting first");
    stage.press("Message splitting");
    stage.press("Messages are split into several copies");
    stage.press("Sent Items Update");
    stage.press(OPTION);
    assert!(stage.window.query_by_label("Sent Items Update •").is_some());
}

#[test]
fn what_is_typed_wrong_is_marked_and_can_not_be_sent() {
    let mut stage = Stage::new(Some(configured()), Tab::General);
    stage.press("SMTP");
    stage.type_into("Address and port", "0.0.0.0:25");
    assert!(stage.window.query_by_label_contains("can be reached from other machines").is_some());
    stage.press("Apply");
    assert_eq!(stage.in_force().intake.smtp, None);
    stage.type_into("Address and port", "127.0.0.1:0");
    stage.press("Apply");
    stage.comes_to("The settings are in force.");
    assert!(stage.in_force().intake.smtp.is_some());
}

/// U2
#[test]
fn a_pickup_folder_is_chosen_with_the_systems_dialog() {
    let mut stage = Stage::new(Some(configured()), Tab::General);
    let folder = stage.folder.path().join("pickup");
    stage.window.state_mut().around.files = Arc::new(Answers::with(&folder));
    stage.press("Pickup folder");
    stage.press("Browse…");
    let shown = folder.display().to_string();
    until(&mut stage.window, "the folder is taken", |window| {
        window.get_by_label("Folder").value().as_deref() == Some(shown.as_str())
    });
    stage.press("Apply");
    stage.comes_to("The settings are in force.");
    assert_eq!(stage.in_force().intake.pickup.unwrap().folder, folder);
}

/// P3
#[test]
fn a_change_of_another_administrator_is_shown_and_mine_is_kept_on_top_of_it() {
    let mut stage = Stage::new(Some(configured()), Tab::SentItemsUpdate);
    stage.press("Create a copy of the original message when updating Sent Items");
    let mut theirs = configured();
    theirs.limits.connections = 3;
    let around = &stage.window.state().around;
    change(&around.runtime, &around.pipe, theirs.clone());
    stage.press("Apply");
    stage.comes_to("Somebody else changed the settings");
    assert_eq!(stage.in_force(), theirs, "nothing is overwritten");
    for text in ["Connections to Exchange", "Create a copy"] {
        assert!(stage.window.query_by_label(text).is_some(), "{text} is not shown");
    }
    stage.press("Keep mine");
    stage.comes_to("The settings are in force.");
    theirs.options.create_copy = true;
    assert_eq!(stage.in_force(), theirs);
}

/// P1, P3
#[test]
fn a_change_made_on_another_computer_is_shown_as_one_and_mine_is_kept_on_top_of_it() {
    let directory = InMemory::default();
    let mut stage = Stage::sharing(&directory, Tab::General);
    stage.comes_to("Active Directory, nordwind.example");
    stage.comes_to("(this one)");
    stage.press("Sent Items Update");
    stage.press("Create a copy of the original message when updating Sent Items");
    let mut theirs = configured();
    theirs.limits.connections = 3;
    published_elsewhere(&directory, theirs.clone());
    stage.press("Apply");
    stage.comes_to("Somebody else changed the settings");
    for text in ["Connections to Exchange", "Create a copy"] {
        assert!(stage.window.query_by_label(text).is_some(), "{text} is not shown");
    }
    stage.press("Keep mine");
    stage.comes_to("The settings are in force.");
    theirs.options.create_copy = true;
    assert_eq!(stage.in_force(), theirs);
    let text = directory.world().configuration.clone().unwrap();
    assert_eq!(Document::parse(&text).unwrap().settings(), &theirs, "for all updaters");
}

/// P1
#[test]
fn while_the_directory_is_away_the_window_says_why_nothing_was_changed_and_when_that_is_not_known() {
    let directory = InMemory::default();
    let mut stage = Stage::sharing(&directory, Tab::SentItemsUpdate);
    stage.press("Create a copy of the original message when updating Sent Items");
    directory.world().away = true;
    stage.press("Apply");
    stage.comes_to("Nothing was changed: dc1.corp.example refuses the connection");
    assert!(!stage.in_force().options.create_copy);
    directory.world().away = false;
    directory.world().lost = Some(Lost::After);
    stage.press("Apply");
    stage.comes_to("Whether the configuration was published is not known");
    assert!(stage.window.query_by_label_contains("Nothing was changed").is_none());
}

/// P3
#[test]
fn of_two_changes_theirs_can_be_kept_alone() {
    let mut stage = Stage::new(Some(configured()), Tab::SentItemsUpdate);
    stage.press("Switch off");
    let theirs = Settings {
        enabled: true,
        limits: crate::settings::Limits { connections: 3, ..Default::default() },
        ..configured()
    };
    let around = &stage.window.state().around;
    change(&around.runtime, &around.pipe, theirs.clone());
    stage.press("OK");
    stage.comes_to("Somebody else changed the settings");
    stage.press("Reload theirs");
    stage.comes_to("Switch off");
    assert!(stage.window.query_by_label_contains("not in force before").is_none());
    assert_eq!((stage.in_force(), stage.wanted()), (theirs, vec![]));
}

#[test]
fn settings_are_exported_without_the_password_and_imported_again() {
    let mut stage = Stage::new(Some(configured()), Tab::General);
    let path = stage.folder.path().join("settings.json");
    stage.window.state_mut().around.files = Arc::new(Answers::with(&path));
    stage.press("Export…");
    stage.comes_to("The password is not in it.");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("svc-siu@nordwind.example") && !text.contains("Zebra-7"), "{text}");
    let mut other: Settings = serde_json::from_str(&text).unwrap();
    other.schedule.keep_finished_days = 7;
    std::fs::write(&path, serde_json::to_string(&other).unwrap()).unwrap();
    stage.press("Import…");
    stage.comes_to("it takes effect with OK or Apply");
    assert_eq!(stage.in_force(), configured(), "importing alone sends nothing");
    stage.press("Apply");
    stage.comes_to("The settings are in force.");
    assert_eq!(stage.in_force(), other);
}

#[test]
fn a_place_without_permission_and_a_file_of_nonsense_are_told_in_words() {
    let mut stage = Stage::new(Some(configured()), Tab::General);
    let missing: PathBuf = stage.folder.path().join("missing/settings.json");
    stage.window.state_mut().around.files = Arc::new(Answers::with(&missing));
    stage.press("Export…");
    stage.comes_to("can't be written");
    stage.press("Import…");
    stage.comes_to("can't be read");
    let nonsense = stage.folder.path().join("nonsense.json");
    std::fs::write(&nonsense, r#"{"enabeld": true}"#).unwrap();
    stage.window.state_mut().around.files = Arc::new(Answers::with(&nonsense));
    stage.press("Import…");
    stage.comes_to("enabeld");
    assert!(stage.window.query_by_label_contains("not in force before").is_none(), "nothing is taken over");
}

#[test]
fn every_tab_looks_as_it_was_approved_in_light_and_dark() {
    let _easel = testing::easel();
    let mut settings = configured();
    settings.scope.mode = ScopeMode::AllExceptListed;
    settings.scope.list = vec!["anna@nordwind.example".parse().unwrap(), "board@nordwind.example".parse().unwrap()];
    for (tab, name) in [(Tab::General, "settings-general"), (Tab::SentItemsUpdate, "settings-sent-items")] {
        let pictured = |around, view| testing::pictured(SIZE, Theme::Light, Shown::new(view, around), Shown::draw);
        let Some(mut stage) = Stage::drawn(Some(settings.clone()), tab, pictured) else { return };
        if tab == Tab::General {
            stage.press("SMTP");
            stage.type_into("Address and port", "0.0.0.0:25");
        } else {
            stage.press("Switch off");
        }
        stage.window.remove_cursor();
        stage.window.run_steps(4);
        looks_as_approved(&mut stage.window, &format!("{name}-light"));
        stage.window.ctx.set_theme(Theme::Dark);
        stage.window.run_steps(4);
        looks_as_approved(&mut stage.window, &format!("{name}-dark"));
    }
}

/// P3
#[test]
fn a_conflict_looks_as_it_was_approved() {
    let _easel = testing::easel();
    let pictured = |around, view| testing::pictured(SIZE, Theme::Light, Shown::new(view, around), Shown::draw);
    let Some(mut stage) = Stage::drawn(Some(configured()), Tab::SentItemsUpdate, pictured) else { return };
    stage.press("Switch off");
    let mut theirs = configured();
    theirs.enabled = true;
    theirs.limits.connections = 3;
    theirs.scope.mode = ScopeMode::OnlyListed;
    let around = &stage.window.state().around;
    change(&around.runtime, &around.pipe, theirs);
    stage.press("Apply");
    stage.comes_to("Somebody else changed the settings");
    stage.window.remove_cursor();
    stage.window.run_steps(4);
    looks_as_approved(&mut stage.window, "settings-conflict-light");
}
