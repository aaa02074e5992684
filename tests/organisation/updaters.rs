//! The whole way: updaters as processes, registered by command, on one domain and one Exchange organisation.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use sent_items_update::organisation::Published as _;
use sent_items_update::pipe::client::{Client, PipeError};
use sent_items_update::pipe::types::{Activity, SecretState, SettingsChange, Source, State};
use sent_items_update::sandbox::Sandbox;

use crate::lab::{Lab, read};
use crate::process::organisation::{Mail, connect, open, people, store, visible};
use crate::process::{PATIENCE, Place, change, is_root, not_run, text};
use crate::proxy::{Manner, Proxy};
use crate::registration::{administrator, given, register, register_at};

async fn until<T>(what: &str, place: &Place, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    // An updater looks every half minute, give or take some.
    let give_up = Instant::now() + 2 * PATIENCE;
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < give_up, "never: {what}\n{}", place.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Hands a message over and waits until it was updated; looks at what the sender sees.
async fn update(client: &Client, sandbox: &Sandbox, number: usize, place: &Place) {
    let people = people(sandbox.control());
    let mail = Mail { number };
    store(sandbox.control(), &people, [mail]).await;
    let receipt = client.submit(mail.processed(&people)).await.unwrap();
    until("the message is updated", place, async || {
        let listed = client.message(receipt.id).await.unwrap();
        assert_ne!(listed.state, State::Failed, "{listed:?}");
        (listed.state == State::Updated).then_some(())
    })
    .await;
    let shown = visible(sandbox.control(), mail.sender(&people)).await;
    let item = shown.iter().find(|item| item.subject.ends_with(&format!("Message {number}"))).expect("it is there");
    assert_eq!(mail.problem(item), None);
}

/// Both are registered, and the first one's configuration is in force at both, the password included.
async fn two_that_share<'p>(lab: &Lab, places: &'p [Place; 2], sandbox: &Sandbox) -> [crate::process::Updater<'p>; 2] {
    let [one, two] = places;
    let updaters = [one.start().await, two.start().await];
    register(lab, one, "SRV1$");
    connect(&one.client(), sandbox, |_| {}).await;
    register(lab, two, "SRV2$");
    one.prints(&["organisation", "seal"]);
    two.prints(&["organisation", "seal"]);
    assert!(two.client().settings().await.unwrap().0.password_stored, "{}", two.log());
    updaters
}

/// P1, P2, P3: nothing is set up at the second one; what waits for it, comes by itself.
pub async fn what_is_configured_at_one_updater_is_in_force_at_the_other_and_updates_its_mail(lab: &Lab) {
    let (one, two) = (Place::new(), Place::new());
    let sandbox = open(&one.folder().join("exchange")).await;
    let (_one, running) = (one.start().await, two.start().await);
    let told = register(lab, &one, "SRV1$");
    assert!(told.contains("is made") && told.contains("Nothing is published yet"), "{told}");
    connect(&one.client(), &sandbox, |_| {}).await;
    assert_eq!(one.client().status().await.unwrap().configuration.source, Source::Directory);

    let told = register(lab, &two, "SRV2$");
    assert!(told.contains("works with version 1"), "{told}");
    assert!(told.contains("password comes as soon as another updater has looked"), "{told}");
    let status = two.prints(&["status"]);
    assert!(status.contains("configured, source: directory CN=Sent Items Update,OU=Test"), "{status}");
    // The first one looks by itself, sees the newcomer and encrypts the password to it; then the second one looks.
    until("the password has come", &two, async || {
        let read = two.client().settings().await.unwrap().0;
        (read.password_stored && two.client().status().await.unwrap().activity == Activity::On).then_some(())
    })
    .await;
    update(&two.client(), &sandbox, 1, &two).await;
    // After its next start, too, and it keeps up: a change here is in force there.
    running.stop().await;
    let _two = two.start().await;
    update(&two.client(), &sandbox, 2, &two).await;
    change(&two.client(), None, |settings| settings.options.create_copy = true).await;
    until("the change has come", &one, async || {
        one.client().settings().await.unwrap().0.settings.options.create_copy.then_some(())
    })
    .await;
    let report = two.client().organisation().await.unwrap();
    let joined = report.joined.unwrap();
    let secrets: Vec<_> = joined.updaters.iter().map(|one| one.secret).collect();
    assert_eq!(secrets, [SecretState::Sealed; 2]);
    assert!(joined.updaters.iter().all(|one| one.last_seen.is_some()), "{joined:?}");
    // What is published has no password that could be read, and an administrator sees who shares it.
    let published = read(&lab.published("SRV1$")).await;
    let account = sandbox.control().service_account().to_owned();
    let password = sandbox.control().password(&account);
    assert!(!published.configuration.unwrap().contains(password.expose_secret()));
    let mut words = vec!["organisation", "directory"];
    words.extend(administrator(lab, &lab.controller));
    let shown = given(&one, &words, &[lab.administrator_password.expose_secret()]);
    let shown = format!("{}{}", text(&shown.stdout), text(&shown.stderr));
    assert!(shown.contains("a member of Domain Admins") && shown.contains(&report.own.id.to_string()), "{shown}");
    assert!(!shown.contains("Problem"), "{shown}");
}

/// P3
pub async fn two_administrators_at_two_updaters_are_told_of_each_other(lab: &Lab) {
    let places = [Place::new(), Place::new()];
    let sandbox = open(&places[0].folder().join("exchange")).await;
    let _running = two_that_share(lab, &places, &sandbox).await;
    let [one, two] = places.each_ref().map(Place::client);
    let (first, first_read) = one.settings().await.unwrap();
    let (second, second_read) = two.settings().await.unwrap();
    let mut settings = first.settings;
    settings.limits.connections = 3;
    one.change_settings(&SettingsChange { settings, password: None }, &first_read).await.unwrap();
    let mut settings = second.settings;
    settings.options.create_copy = true;
    let late = SettingsChange { settings, password: None };
    let error = two.change_settings(&late, &second_read).await.unwrap_err();
    assert!(matches!(error, PipeError::Conflict), "{error:?}");
    // What the other one did is in force here, so that both can be looked at side by side.
    let (now, _) = two.settings().await.unwrap();
    assert_eq!((now.settings.limits.connections, now.settings.options.create_copy), (3, false));
    change(&two, None, |settings| settings.options.create_copy = true).await;
    one.seal_organisation().await.unwrap();
    let (now, _) = one.settings().await.unwrap();
    assert_eq!((now.settings.limits.connections, now.settings.options.create_copy), (3, true));
}

/// P2
pub async fn an_updater_that_was_removed_works_on_with_what_it_has_and_changes_nothing(lab: &Lab) {
    let places = [Place::new(), Place::new()];
    let sandbox = open(&places[0].folder().join("exchange")).await;
    let _running = two_that_share(lab, &places, &sandbox).await;
    let [one, two] = &places;
    let id = two.client().organisation().await.unwrap().own.id.to_string();
    let mut words = vec!["unregister", &id];
    words.extend(administrator(lab, &lab.controller));
    let output = given(one, &words, &[lab.administrator_password.expose_secret()]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(told.contains("encrypted to those who are left") && told.contains("a new password"), "{told}");
    // The password is encrypted to the first one alone.
    let document = read(&lab.published("SRV1$")).await.configuration.unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let recipients = document["secret"]["recipients"].as_object().unwrap();
    assert!(recipients.len() == 1 && !recipients.contains_key(&id), "{document}");
    // A change at the first one is not seen by the second, which says why, and still updates what comes.
    change(&one.client(), None, |settings| settings.options.create_copy = true).await;
    let report = two.client().seal_organisation().await.unwrap().joined.unwrap();
    let problem = report.problem.expect("it has lost its share");
    assert!(problem.contains("registered"), "{problem}");
    assert!(!two.client().settings().await.unwrap().0.settings.options.create_copy);
    assert!(two.prints(&["status"]).contains(&problem));
    update(&two.client(), &sandbox, 1, two).await;
    let (read, version) = two.client().settings().await.unwrap();
    let mine = SettingsChange { settings: read.settings.clone(), password: Some("mine".into()) };
    let error = two.client().change_settings(&mine, &version).await.unwrap_err().to_string();
    assert!(error.contains("nothing was changed") && error.contains("registered"), "{error}");
    assert_eq!(two.client().settings().await.unwrap().0, read);
}

/// P1: what a computer had of its own, and how it comes back.
pub async fn settings_of_a_computers_own_are_kept_when_it_joins_and_can_be_set_again(lab: &Lab) {
    let (one, two) = (Place::new(), Place::new());
    let sandbox = open(&one.folder().join("exchange")).await;
    let _running = (one.start().await, two.start().await);
    register(lab, &one, "SRV1$");
    connect(&one.client(), &sandbox, |_| {}).await;
    change(&two.client(), None, |settings| settings.limits.connections = 7).await;
    let own = two.client().settings().await.unwrap().0.settings;
    let told = register(lab, &two, "SRV2$");
    let report = two.client().organisation().await.unwrap();
    let kept = report.kept.expect("a copy is kept");
    assert!(told.contains("works with version 1") && told.contains(&kept), "{told}");
    assert_ne!(two.client().settings().await.unwrap().0.settings, own);
    // Removed by a command here, it leaves, and has its own settings again when it is given them.
    let id = report.own.id.to_string();
    let mut words = vec!["unregister", &id];
    words.extend(administrator(lab, &lab.controller));
    let output = given(&two, &words, &[lab.administrator_password.expose_secret()]);
    let told = text(&output.stdout);
    assert!(output.status.success() && told.contains("computer's own"), "{told}{}", text(&output.stderr));
    assert_eq!(two.client().organisation().await.unwrap().joined, None);
    two.prints(&["settings", "set", &kept]);
    assert_eq!(two.client().settings().await.unwrap().0.settings, own);
}

/// P2
pub async fn an_outage_in_the_middle_of_a_publication_changes_nothing_and_ends_by_itself(lab: &Lab) {
    let place = Place::new();
    let sandbox = open(&place.folder().join("exchange")).await;
    let proxy = Proxy::start(&lab.controller).await;
    let running = place.start().await;
    register_at(lab, &place, "SRV1$", &proxy.address);
    connect(&place.client(), &sandbox, |_| {}).await;
    let before = place.client().settings().await.unwrap();
    // The proxy knows a document by its length.
    let mut settings = before.0.settings.clone();
    let many = (0..4000).map(|number| format!("somebody.with.a.long.name.{number}@corp.example.test").parse().unwrap());
    settings.scope.list = many.collect();
    let much = SettingsChange { settings, password: None };
    proxy.set(Manner::CutsBefore, false);
    let client = place.client();
    let (refused, ()) = tokio::join!(client.change_settings(&much, &before.1), proxy.cut());
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("directory") || error.contains("domain controller"), "{error}");
    let unchanged = place.client().settings().await.unwrap();
    assert_eq!(unchanged, before);
    // It works on, after a start in the middle of the outage, too, and says what is wrong.
    update(&place.client(), &sandbox, 1, &place).await;
    running.stop().await;
    let _running = place.start().await;
    update(&place.client(), &sandbox, 2, &place).await;
    until("the outage is told", &place, async || place.client().status().await.unwrap().configuration.problem).await;
    // When the directory is back, it goes on from what is published.
    proxy.reopen();
    until("the outage is over", &place, async || {
        let report = place.client().seal_organisation().await.unwrap().joined.unwrap();
        report.problem.is_none().then_some(())
    })
    .await;
    let (_, version) = place.client().settings().await.unwrap();
    place.client().change_settings(&much, &version).await.unwrap();
    let document = read(&lab.published("SRV1$")).await.configuration.unwrap();
    assert!(document.contains("somebody.with.a.long.name.3999@corp.example.test"));
}

/// P2
pub async fn who_may_not_register_is_told_which_group_it_takes_and_the_updater_stays_by_itself(lab: &Lab) {
    let place = Place::new();
    let _running = place.start().await;
    let anna = lab.upn("anna");
    for command in
        [&["register"][..], &["organisation", "directory"], &["organisation", "repair"], &["unregister", "x"]]
    {
        let mut words = command.to_vec();
        words.extend(["--user", &anna, "--user-password-stdin", "--place", &lab.unit]);
        words.extend(["--controller", &lab.controller, "--ca", &lab.ca_file]);
        if command == ["register"] {
            words.extend(["--account", "SRV1$"]);
        }
        let output = given(&place, &words, &[lab.password.expose_secret()]);
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        if command == ["register"] {
            assert!(told.contains("Domain Admins of corp.example.test") && told.contains(&anna), "{told}");
        } else {
            assert!(told.contains("nothing of an organisation's configuration is at"), "{told}");
        }
        assert!(!told.contains(lab.password.expose_secret()));
    }
    let report = place.client().organisation().await.unwrap();
    assert_eq!((report.source, report.joined), (Source::File, None));
    assert!(lab.published("SRV1$").read(None).await.is_err());
    // An administrator who mistypes the account has made nothing, either.
    let mut words = vec!["register", "--account", "SRV99$"];
    words.extend(administrator(lab, &lab.controller));
    let output = given(&place, &words, &[lab.administrator_password.expose_secret()]);
    assert!(text(&output.stderr).contains("no account SRV99$"), "{}", text(&output.stderr));
}

/// P2: the usual case, with no password of the directory anywhere on the machine.
pub async fn computers_sign_in_with_their_tickets(lab: &Lab) {
    const WHAT: &str = "updaters that sign in by Kerberos";
    if cfg!(not(feature = "gssapi")) {
        return not_run(WHAT, "this build has no Kerberos (feature gssapi)");
    }
    let Some(wrapper) = computer_of_the_domain(lab) else {
        return not_run(WHAT, "only root can have a process ask the domain's name server");
    };
    let (mut one, mut two, mut desk) = (Place::new(), Place::new(), Place::new());
    for (place, principal, password) in [
        (&mut one, "SRV1$", &lab.password),
        (&mut two, "SRV2$", &lab.password),
        (&mut desk, "Administrator", &lab.administrator_password),
    ] {
        let cache = format!("FILE:{}", place.folder().join("tickets").display());
        let mut child = Command::new("kinit")
            .arg(format!("{principal}@{}", lab.domain.to_uppercase()))
            .envs([("KRB5_CONFIG", &lab.kerberos), ("KRB5CCNAME", &cache)])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.expose_secret().as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "kinit {principal}");
        let variables = [("KRB5_CONFIG", lab.kerberos.clone()), ("KRB5CCNAME", cache)];
        place.wrap(wrapper.clone(), variables.map(|(name, value)| (name.to_owned(), value)).to_vec());
    }
    let sandbox = open(&desk.folder().join("exchange")).await;
    let _running = [one.start().await, two.start().await];
    for (place, computer) in [(&one, "SRV1$"), (&two, "SRV2$")] {
        // The controllers are found by DNS, the one to write at by its own record.
        let pipe = place.pipe();
        let words = ["register", "--domain", &lab.domain, "--place", &lab.unit, "--account", computer, "--pipe"];
        let words = [&words[..], &[pipe.to_str().unwrap()]].concat();
        let told = desk.prints(&words);
        if computer == "SRV1$" {
            assert!(told.contains("Nothing is published yet"), "{told}");
            connect(&one.client(), &sandbox, |_| {}).await;
        }
    }
    one.prints(&["organisation", "seal"]);
    two.prints(&["organisation", "seal"]);
    let joined = two.client().organisation().await.unwrap().joined.unwrap();
    assert_eq!((joined.problem, joined.directory.controllers), (None, Vec::new()));
    update(&two.client(), &sandbox, 1, &two).await;
    // No password of the directory's is kept.
    assert!(!two.data().join("directory.secret").exists());
}

/// What runs a program as on a computer that asks the domain's name server.
fn computer_of_the_domain(lab: &Lab) -> Option<Vec<String>> {
    if !is_root() {
        return None;
    }
    let script = format!(
        "set -e; f=$(mktemp); echo nameserver {} >$f; mount --bind $f /etc/resolv.conf; rm $f; exec \"$@\"",
        lab.name_server.ip()
    );
    let wrapper: Vec<String> = ["unshare", "--mount", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
    let tried = Command::new(&wrapper[0]).args(&wrapper[1..]).arg("true").output().ok()?;
    tried.status.success().then_some(wrapper)
}
