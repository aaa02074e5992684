//! The senders' scope against a real Active Directory: Samba, as `tests/run active-directory` starts it.

mod by_hand;
mod process;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ldap3::{Ldap, Mod, Scope as LdapScope, SearchEntry};
use sent_items_update::pipe::types::{EntryState, ScopeReport};
use sent_items_update::settings::{
    Account, Connection, DirectorySettings, EntryKind, ScopeEntry, ScopeMode, SendersScope, Settings,
};
use sent_items_update::updater::clock::Clock;
use sent_items_update::updater::scope::{InScope, Keeper, Scope, of_the_directory};
use sent_items_update::updater::settings_store::InForce;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A domain controller with people in it, and somebody who may change them.
struct Lab {
    domain: String,
    controller: String,
    ca: String,
    password: String,
    administrator: Ldap,
}

impl Lab {
    /// None where there is none.
    async fn open() -> Option<Self> {
        let get = |name: &str| std::env::var(format!("SIU_AD_{name}")).ok();
        let Some(domain) = get("DOMAIN") else {
            eprintln!("NOT RUN: Samba: SIU_AD_DOMAIN is not set; `tests/run active-directory` starts one and sets it");
            return None;
        };
        let must = |name: &str| get(name).unwrap_or_else(|| panic!("SIU_AD_{name} is not set"));
        let ca = std::fs::read_to_string(must("CA")).unwrap();
        let url = format!("ldaps://{}:636", must("CONTROLLER"));
        let administrator =
            by_hand::signed_in(&url, &ca, &must("ADMINISTRATOR"), &must("ADMINISTRATOR_PASSWORD")).await;
        Some(Self { domain, controller: must("CONTROLLER"), ca, password: must("PASSWORD"), administrator })
    }

    fn base(&self) -> String {
        format!("DC={}", self.domain.replace('.', ",DC="))
    }

    fn address(&self, name: &str) -> String {
        format!("{name}@{}", self.domain)
    }

    /// The entry for an object with this account name.
    async fn entry(&mut self, account: &str, kind: EntryKind) -> ScopeEntry {
        let filter = format!("(sAMAccountName={account})");
        let found =
            self.administrator.search(&self.base(), LdapScope::Subtree, &filter, vec!["objectGUID", "cn"]).await;
        let (found, _) = found.unwrap().success().unwrap();
        let found = found.into_iter().map(SearchEntry::construct).find(|entry| !entry.dn.is_empty()).unwrap();
        let guid = found.bin_attrs["objectGUID"][0].as_slice().try_into().unwrap();
        ScopeEntry {
            id: Uuid::from_bytes_le(guid),
            kind,
            name: found.attrs["cn"][0].clone(),
            domain: self.domain.clone(),
            address: None,
        }
    }

    fn settings(&self) -> DirectorySettings {
        DirectorySettings {
            domain: self.domain.clone(),
            controllers: vec![self.controller.clone()],
            extra_roots: vec![self.ca.clone()],
        }
    }
}

/// A group of the test's own, gone again in the end.
struct Group {
    dn: String,
}

impl Group {
    async fn make(lab: &mut Lab, name: &str, members: &[&str]) -> Self {
        let dn = format!("CN={name},OU=Groups,{}", lab.base());
        let _ = lab.administrator.delete(&dn).await;
        let mut attributes = vec![
            ("objectClass", HashSet::from(["group".to_owned()])),
            ("sAMAccountName", HashSet::from([name.to_owned()])),
        ];
        if !members.is_empty() {
            let base = lab.base();
            attributes.push(("member", members.iter().map(|name| format!("CN={name},OU=People,{base}")).collect()));
        }
        let attributes: Vec<(String, HashSet<String>)> =
            attributes.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
        lab.administrator.add(&dn, attributes).await.unwrap().success().unwrap();
        Self { dn }
    }

    async fn set_members(&self, lab: &mut Lab, members: &[&str]) {
        let base = lab.base();
        let members: HashSet<String> = members.iter().map(|name| format!("CN={name},OU=People,{base}")).collect();
        let change = Mod::Replace("member".to_owned(), members);
        lab.administrator.modify(&self.dn, vec![change]).await.unwrap().success().unwrap();
    }

    async fn rename(&mut self, lab: &mut Lab, name: &str) {
        let rdn = format!("CN={name}");
        let parent = self.dn.split_once(',').unwrap().1.to_owned();
        lab.administrator.modifydn(&self.dn, &rdn, true, None).await.unwrap().success().unwrap();
        self.dn = format!("{rdn},{parent}");
    }

    async fn remove(&self, lab: &mut Lab) {
        lab.administrator.delete(&self.dn).await.unwrap().success().unwrap();
    }
}

/// The scope of an updater that runs, with a clock that stands still.
struct Scene {
    folder: tempfile::TempDir,
    clock: Clock,
    scope: Scope,
    settings: watch::Sender<Arc<InForce>>,
    stop: CancellationToken,
    keeper: tokio::task::JoinHandle<()>,
}

fn in_force(lab: &Lab, change: u64, scope: SendersScope, directory: DirectorySettings, password: &str) -> Arc<InForce> {
    let settings = Settings {
        connection: Some(Connection::manual("https://mail.example/EWS/Exchange.asmx")),
        account: Some(Account { user: lab.address("svc-siu") }),
        directory: Some(directory),
        scope,
        ..Settings::default()
    };
    Arc::new(InForce {
        settings,
        password: Some(password.into()),
        version: String::new(),
        change,
        servers: Arc::default(),
    })
}

impl Scene {
    fn new(in_force: Arc<InForce>) -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
        Self::on(tempfile::tempdir().unwrap(), clock, in_force)
    }

    fn on(folder: tempfile::TempDir, clock: Clock, in_force: Arc<InForce>) -> Self {
        let (settings, receiver) = watch::channel(in_force);
        let (scope, stop) = (Scope::open(folder.path()), CancellationToken::new());
        scope.adopt(&receiver.borrow());
        let keeper =
            Keeper::new(scope.clone(), clock.clone(), receiver, stop.clone(), Arc::new(of_the_directory)).run();
        Self { folder, clock, scope, settings, stop, keeper: tokio::spawn(keeper) }
    }

    fn set(&self, in_force: Arc<InForce>) {
        self.scope.adopt(&in_force);
        self.settings.send_replace(in_force);
    }

    async fn refreshed(&self) -> ScopeReport {
        let now = self.clock.now_ms();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let report = self.scope.report();
            if report.summary.next_refresh_at.is_some_and(|next| next > now) {
                return report;
            }
            assert!(tokio::time::Instant::now() < deadline, "no refresh ended: {report:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets the time of the next refresh come, and waits for its end.
    async fn next(&self) -> ScopeReport {
        let next = self.refreshed().await.summary.next_refresh_at.unwrap();
        self.clock.advance(Duration::from_millis((next - self.clock.now_ms()).unsigned_abs()));
        self.refreshed().await
    }

    /// Waits for a refresh that shows this, passing over those in which Samba was too busy to answer at all.
    async fn until(&self, holds: impl Fn(&ScopeReport) -> bool) -> ScopeReport {
        let mut report = self.refreshed().await;
        for _ in 0..20 {
            let busy = report.summary.problem.as_ref().is_some_and(|why| why.contains("gave no answer within"));
            if !busy {
                assert!(holds(&report), "{report:?}");
                return report;
            }
            report = self.next().await;
        }
        panic!("Samba does not answer: {report:?}");
    }

    /// What the refresh after the one before shows, which comes within the interval.
    async fn after_the_interval(&self, holds: impl Fn(&ScopeReport) -> bool) -> ScopeReport {
        let next = self.refreshed().await.summary.next_refresh_at.unwrap();
        assert!(next - self.clock.now_ms() <= 300_000);
        self.next().await;
        self.until(holds).await
    }

    fn ask(&self, sender: &str) -> InScope {
        self.scope.contains(&sender.parse().unwrap())
    }

    async fn stopped(self) -> (tempfile::TempDir, Clock) {
        self.stop.cancel();
        self.keeper.await.unwrap();
        (self.folder, self.clock)
    }
}

fn scope(mode: ScopeMode, entries: Vec<ScopeEntry>) -> SendersScope {
    SendersScope { mode, entries, ..SendersScope::default() }
}

/// S3
#[tokio::test]
async fn groups_count_with_nested_membership_and_people_by_every_address() {
    let Some(mut lab) = Lab::open().await else { return };
    let entries = vec![
        lab.entry("Sales", EntryKind::Group).await,
        lab.entry("Crew", EntryKind::Group).await,
        lab.entry("jurgen", EntryKind::User).await,
    ];
    let scene =
        Scene::new(in_force(&lab, 0, scope(ScopeMode::OnlyListed, entries), lab.settings(), &lab.password.clone()));
    scene.until(|report| report.summary.resolved == 3).await;
    // Anna by her primary and her secondary address, Carla through Sales East, Dora through a distribution group.
    for name in ["anna", "anna.berg", "ben", "carla", "dora", "jurgen"] {
        assert_eq!(scene.ask(&lab.address(name).to_uppercase()), InScope::Yes, "{name}");
    }
    for name in ["svc-siu", "pat.obrien", "bulk00001"] {
        assert_eq!(scene.ask(&lab.address(name)), InScope::No, "{name}");
    }
    scene.stopped().await;
}

/// S3, S4
#[tokio::test]
async fn changes_of_a_group_reach_a_running_updater_within_its_refresh_interval() {
    let Some(mut lab) = Lab::open().await else { return };
    let mut group = Group::make(&mut lab, "Scope changes", &["Anna Berg"]).await;
    let entries = vec![lab.entry("Scope changes", EntryKind::Group).await, lab.entry("ben", EntryKind::User).await];
    let scene =
        Scene::new(in_force(&lab, 0, scope(ScopeMode::OnlyListed, entries), lab.settings(), &lab.password.clone()));
    scene.until(|report| report.summary.resolved == 2).await;
    let (anna, carla) = (lab.address("anna"), lab.address("carla"));
    assert_eq!((scene.ask(&anna), scene.ask(&carla)), (InScope::Yes, InScope::No));

    group.set_members(&mut lab, &["Carla Dorn"]).await;
    scene.after_the_interval(|report| report.summary.resolved == 2).await;
    assert_eq!((scene.ask(&anna), scene.ask(&carla)), (InScope::No, InScope::Yes));

    group.rename(&mut lab, "Scope changed").await;
    let report = scene.after_the_interval(|report| report.entries[0].name == "Scope changed").await;
    assert_eq!(report.entries[0].was.as_deref(), Some("Scope changes"));

    group.remove(&mut lab).await;
    let report = scene.after_the_interval(|report| matches!(report.entries[0].state, EntryState::Gone { .. })).await;
    assert!(matches!(report.entries[1].state, EntryState::Resolved { .. }), "{report:?}");
    assert_eq!(scene.ask(&carla), InScope::No);
    scene.stopped().await;
}

/// S3
#[tokio::test]
async fn what_samba_said_stays_in_force_when_it_is_gone_and_after_a_restart() {
    let Some(mut lab) = Lab::open().await else { return };
    let entries = vec![lab.entry("Sales", EntryKind::Group).await];
    let all_but_sales = || scope(ScopeMode::AllExceptListed, entries.clone());
    let password = lab.password.clone();
    let scene = Scene::new(in_force(&lab, 0, all_but_sales(), lab.settings(), &password));
    scene.until(|report| report.summary.resolved == 1).await;
    let decided = |scene: &Scene| {
        assert_eq!(scene.ask(&lab.address("anna.berg")), InScope::No);
        assert_eq!(scene.ask(&lab.address("erik")), InScope::Yes);
    };
    decided(&scene);

    // Nobody listens there any more.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let elsewhere = DirectorySettings { controllers: vec![format!("ldaps://{free}")], ..lab.settings() };
    let outage = |change| in_force(&lab, change, all_but_sales(), elsewhere.clone(), &password);
    scene.set(outage(1));
    let report = scene.refreshed().await;
    assert!(matches!(&report.entries[0].state, EntryState::Stale { reason, .. } if reason.contains("127.0.0.1")));
    decided(&scene);
    assert!(scene.scope.notices()[0].contains("last known membership stays in force"));

    let (folder, clock) = scene.stopped().await;
    clock.advance(Duration::from_hours(48));
    let scene = Scene::on(folder, clock, outage(0));
    decided(&scene);
    let report = scene.refreshed().await;
    assert!(matches!(report.entries[0].state, EntryState::Stale { .. }), "{report:?}");
    decided(&scene);
    scene.stopped().await;

    // Who has never known anything lets everybody wait.
    let scene = Scene::new(outage(0));
    scene.refreshed().await;
    assert!(matches!(scene.ask(&lab.address("erik")), InScope::Unknown(_)));
    scene.stopped().await;
}

/// S3
#[tokio::test]
async fn a_password_that_samba_does_not_take_is_told_and_is_in_no_message() {
    let Some(mut lab) = Lab::open().await else { return };
    let entries = vec![lab.entry("Sales", EntryKind::Group).await];
    let wrong = in_force(&lab, 0, scope(ScopeMode::OnlyListed, entries), lab.settings(), "Wrong-Secret-1");
    let scene = Scene::new(wrong);
    let report = scene.until(|report| report.summary.unresolved == 1).await;
    let problem = report.summary.problem.clone().unwrap();
    assert!(problem.contains("does not accept") && problem.contains("svc-siu"), "{problem}");
    let InScope::Unknown(reason) = scene.ask(&lab.address("anna")) else { panic!("{report:?}") };
    for text in [problem, reason.to_string(), format!("{report:?} {:?}", scene.scope.notices())] {
        assert!(!text.contains("Wrong-Secret-1"), "{text}");
    }
    scene.stopped().await;
}

/// S2, X2
#[cfg(unix)]
#[tokio::test]
async fn the_list_is_kept_on_the_command_line_without_a_directory() {
    let place = process::Place::new();
    let updater = place.start().await;
    assert!(place.prints(&["scope", "show"]).contains("all mailboxes are updated"));
    assert!(place.prints(&["scope", "set-mode", "only-listed"]).contains("and no others"));
    let added = place.prints(&["scope", "add", "--address", "anna@x.example", "--address", "ben@x.example"]);
    assert_eq!(added, "anna@x.example is on the list\nben@x.example is on the list\n");
    assert!(place.prints(&["scope", "add", "--address", "ANNA@x.example"]).contains("was on the list already"));
    assert!(place.prints(&["scope", "show"]).contains("ben@x.example"));
    assert_eq!(place.prints(&["scope", "remove", "Ben@x.example"]), "ben@x.example is off the list\n");
    let scope = place.client().settings().await.unwrap().0.settings.scope;
    assert_eq!((scope.mode, scope.list.len()), (ScopeMode::OnlyListed, 1));

    let refused = place.output(&["scope", "remove", "nobody@x.example"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(process::text(&refused.stderr).contains("is not on the list"));
    let refused = place.output(&["scope", "add", "Sales"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(process::text(&refused.stderr).contains("--domain"), "{}", process::text(&refused.stderr));
    let nothing = place.output(&["scope", "add"]);
    assert_eq!(nothing.status.code(), Some(2));
    updater.stop().await;
}

/// S2, X2
#[cfg(unix)]
#[tokio::test]
async fn groups_of_samba_are_put_on_the_list_by_name_and_shown_with_their_members() {
    let Some(lab) = Lab::open().await else { return };
    let place = process::Place::new();
    let updater = place.start().await;
    let password = lab.password.clone();
    process::change(&place.client(), Some(&password), |settings| {
        settings.connection = Some(Connection::manual("https://127.0.0.1:9/EWS/Exchange.asmx"));
        settings.account = Some(Account { user: lab.address("svc-siu") });
        settings.directory = Some(lab.settings());
    })
    .await;
    let add = |wanted: &str| {
        let user = lab.address("svc-siu");
        let mut command = place.command(&["scope", "add", "--user", &user, wanted]);
        command.env("SIU_DIRECTORY_PASSWORD", &lab.password).output().unwrap()
    };
    let added = add("Sales");
    assert!(added.status.success(), "{}", process::text(&added.stderr));
    assert!(process::text(&added.stdout).starts_with("Sales ("), "{}", process::text(&added.stdout));
    let several = add("Bulk");
    assert_eq!(several.status.code(), Some(1));
    assert!(process::text(&several.stderr).contains("stands for several"), "{}", process::text(&several.stderr));
    assert!(process::text(&add("nobody of that name").stderr).contains("finds nobody"));
    place.prints(&["scope", "set-mode", "only-listed"]);
    let give_up = std::time::Instant::now() + process::PATIENCE;
    while !place.prints(&["scope", "show"]).contains(" members, as of") {
        assert!(std::time::Instant::now() < give_up, "{}", place.prints(&["scope", "show"]));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(place.prints(&["scope", "remove", "sales"]), "Sales is off the list\n");
    updater.stop().await;
}
