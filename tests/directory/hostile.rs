//! Controllers that misbehave, and certificates that are not good.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use sent_items_update::directory::{
    Directory, DirectoryError, DirectorySearch as _, KerberosProblem, Kinds, Limit, Options, Query, SignIn, Timeouts,
    TlsProblem,
};
use sent_items_update::settings::DirectorySettings;

use crate::controller::{Authority, Controller, Manner};

const PASSWORD: &str = "s3cret-of-una";
const SHORT: Duration = Duration::from_millis(400);

struct Scene {
    authority: Authority,
    controllers: Vec<Controller>,
}

impl Scene {
    async fn new(manners: &[Manner]) -> Self {
        let authority = Authority::new();
        let mut controllers = Vec::new();
        for manner in manners {
            controllers.push(Controller::start(authority.certificate("127.0.0.1", |_| {}), *manner).await);
        }
        Self { authority, controllers }
    }

    fn settings(&self) -> DirectorySettings {
        DirectorySettings {
            domain: "corp.test".into(),
            controllers: self.controllers.iter().map(|controller| controller.address.clone()).collect(),
            extra_roots: vec![self.authority.pem()],
        }
    }

    fn directory(&self) -> Directory {
        directory(&self.settings())
    }
}

fn directory(settings: &DirectorySettings) -> Directory {
    let sign_in = SignIn::Password { upn: "una@corp.test".into(), password: PASSWORD.into() };
    let timeouts = Timeouts { connect: SHORT, bind: SHORT, operation: SHORT };
    Directory::with_options(settings, sign_in, &Options { timeouts, ..Options::default() }).unwrap()
}

/// Names that a search finds, or what is wrong, with the advice behind it.
async fn search(directory: &Directory) -> Result<Vec<String>, String> {
    let kinds = Kinds { users: true, groups: false };
    let mut pages = directory.search(Query { text: "u".into(), kinds, domain: None, page_size: 10 });
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            assert!(!error.what.contains(PASSWORD) && !error.advice.is_empty(), "{error:?}");
            format!("{} {}", error.what, error.advice)
        })?;
        names.extend(page.into_iter().map(|object| object.name));
    }
    Ok(names)
}

#[tokio::test]
async fn a_controller_that_hangs_after_the_sign_in_is_given_up_in_time() {
    let scene = Scene::new(&[Manner::Hangs]).await;
    let begun = Instant::now();
    let error = search(&scene.directory()).await.unwrap_err();
    assert!(error.contains("gave no answer within 0.4 seconds"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(scene.controllers[0].asked(), 1, "no use in asking it again");
}

/// S2: a search in the picker that is given up ends on the controller, too.
#[tokio::test]
async fn a_search_that_nobody_waits_for_is_abandoned() {
    let scene = Scene::new(&[Manner::Hangs]).await;
    let mut settings = scene.settings();
    settings.controllers.truncate(1);
    let sign_in = SignIn::Password { upn: "una@corp.test".into(), password: PASSWORD.into() };
    let directory = Directory::new(&settings, sign_in).unwrap();
    let controller = &scene.controllers[0];
    {
        let searching = search(&directory);
        tokio::pin!(searching);
        while controller.asked() == 0 {
            assert!(futures_util::poll!(&mut searching).is_pending());
            tokio::task::yield_now().await;
        }
    }
    while controller.abandoned.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn when_a_controller_hangs_another_is_asked_and_remembered() {
    let scene = Scene::new(&[Manner::Hangs, Manner::Serves]).await;
    let directory = scene.directory();
    for _ in 0..3 {
        assert_eq!(search(&directory).await.unwrap(), ["Una"]);
    }
    assert_eq!(scene.controllers[0].asked(), 1);
    assert_eq!(scene.controllers[1].bound(), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_is_made_anew() {
    let scene = Scene::new(&[Manner::ClosesOnce]).await;
    assert_eq!(search(&scene.directory()).await.unwrap(), ["Una"]);
    assert_eq!(scene.controllers[0].bound(), 2);
}

#[tokio::test]
async fn controllers_that_are_down_or_silent_are_passed_over() {
    let mut scene = Scene::new(&[Manner::Silent, Manner::Serves, Manner::Serves]).await;
    // Nothing listens there any more.
    let down = scene.controllers.remove(1);
    let mut settings = scene.settings();
    settings.controllers.insert(0, down.address.clone());
    drop(down);
    assert_eq!(search(&directory(&settings)).await.unwrap(), ["Una"]);
    settings.controllers.truncate(2);
    let error = search(&directory(&settings)).await.unwrap_err();
    assert!(error.contains("no domain controller of corp.test can be used"), "{error}");
    assert!(error.contains("agreeing on encryption"), "{error}");
}

#[tokio::test]
async fn limits_referrals_and_babble_are_told_apart() {
    for (manner, words) in [
        (Manner::Says(3), "took longer than it allows"),
        (Manner::Says(4), "more objects than it gives out"),
        (Manner::Says(11), "more of its resources"),
        (Manner::Says(10), "sends us on to another one (ldap://elsewhere.test/DC=corp,DC=test), which is not followed"),
        (Manner::Says(51), "is busy"),
        (Manner::OfOther, "is a domain controller of other.test, not of corp.test"),
    ] {
        let scene = Scene::new(&[manner]).await;
        let error = search(&scene.directory()).await.unwrap_err();
        assert!(error.contains(words), "{manner:?}: {error}");
    }
    let scene = Scene::new(&[Manner::Babbles]).await;
    let error = scene.directory().addresses(&[uuid::Uuid::nil()]).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Malformed { .. } | DirectoryError::Lost { .. }), "{error:?}");
}

#[tokio::test]
async fn a_size_limit_never_passes_for_the_whole_membership() {
    let scene = Scene::new(&[Manner::Says(4)]).await;
    let error = scene.directory().members(&[uuid::Uuid::nil()]).await.unwrap_err();
    assert!(matches!(error, DirectoryError::Limit { limit: Limit::Size, .. }), "{error:?}");
}

/// A wrong password on every controller in turn would lock the account.
#[tokio::test]
async fn a_sign_in_that_is_refused_is_tried_once_and_nowhere_else() {
    let scene = Scene::new(&[Manner::Refuses("data 52e"), Manner::Serves]).await;
    let directory = scene.directory();
    for _ in 0..5 {
        let error = search(&directory).await.unwrap_err();
        assert!(error.contains("the user name or the password is wrong"), "{error}");
    }
    assert_eq!((scene.controllers[0].bound(), scene.controllers[1].bound()), (1, 0));
}

#[tokio::test]
async fn certificates_that_are_not_good_are_told_apart_and_nothing_is_sent() {
    let (good, other) = (Authority::new(), Authority::new());
    let past = |parameters: &mut rcgen::CertificateParams| {
        parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
    };
    let future = |parameters: &mut rcgen::CertificateParams| {
        parameters.not_before = rcgen::date_time_ymd(2101, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2102, 1, 1);
    };
    let cases = [
        (good.certificate("127.0.0.1", past), TlsProblem::Expired),
        (good.certificate("127.0.0.1", future), TlsProblem::NotYetValid),
        (other.certificate("127.0.0.1", |_| {}), TlsProblem::UnknownIssuer),
        (good.certificate("dc9.corp.test", |_| {}), TlsProblem::WrongName(vec!["dc9.corp.test".into()])),
    ];
    for (tls, expected) in cases {
        let controller = Controller::start(tls, Manner::Serves).await;
        let settings = DirectorySettings {
            domain: "corp.test".into(),
            controllers: vec![controller.address.clone()],
            extra_roots: vec![good.pem()],
        };
        let error = directory(&settings).is_domain_admin().await.unwrap_err();
        let DirectoryError::Tls { problem, .. } = &error else { panic!("{expected:?}: {error:?}") };
        assert_eq!(*problem, expected);
        assert!(!error.advice().is_empty());
        assert_eq!(controller.bound(), 0);
    }
}

#[tokio::test]
async fn settings_that_can_not_be_used_are_told_before_anything_is_connected_to() {
    let settings = |controllers: &[&str], roots: &[&str], domain: &str| DirectorySettings {
        domain: domain.into(),
        controllers: controllers.iter().map(ToString::to_string).collect(),
        extra_roots: roots.iter().map(ToString::to_string).collect(),
    };
    for (bad, words) in [
        (settings(&["http://dc1"], &[], "corp.test"), "\"http://dc1\" does not name a domain controller"),
        (settings(&[], &["no PEM"], "corp.test"), "no. 1 of directory.extra_roots"),
        (settings(&[], &[], ""), "the DNS name of the domain is missing"),
    ] {
        let error = Directory::new(&bad, SignIn::LoggedOn).unwrap_err();
        assert!(matches!(&error, DirectoryError::Settings(what) if what.contains(words)), "{error:?}");
    }
}

#[tokio::test]
async fn the_logged_on_user_is_told_what_is_missing() {
    let scene = Scene::new(&[Manner::Serves]).await;
    let directory = Directory::new(&scene.settings(), SignIn::LoggedOn).unwrap();
    let error = directory.is_domain_admin().await.unwrap_err();
    let expected = if cfg!(feature = "gssapi") { KerberosProblem::NeedsName } else { KerberosProblem::NotBuilt };
    assert!(matches!(&error, DirectoryError::Kerberos { problem, .. } if *problem == expected), "{error:?}");
    assert!(!error.advice().is_empty());
}
