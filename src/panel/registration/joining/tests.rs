//! How it looks: with names that are the same on every computer.

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::enrolment::scripted::{CONTAINER, Other, Registry, SignedInto, configured};
use crate::organisation::Registration;
use crate::organisation::administration::Registered;
use crate::organisation::in_memory::InMemory;
use crate::panel::scripted::{Around, Connecting, Directory, Organisation, Pictures, background, user};
use crate::panel::session::Session;
use crate::pipe::types::{Joined, OwnUpdater, PublishedVersion, SecretState, Source, UpdaterReport};

const SIZE: [f32; 2] = [700.0, 660.0];

struct Stage {
    dialog: Joining,
    around: Around,
}

fn draw(ctx: &Context, stage: &mut Stage) {
    stage.dialog.show(ctx, &stage.around.surroundings());
}

fn own() -> OwnUpdater {
    OwnUpdater { id: Uuid::from_u128(1), name: "srv1.corp.example".into(), key: "age1q".into(), account: None }
}

fn stage(report: OrganisationReport, who: (&str, bool), step: Option<Step>) -> Stage {
    let directory = InMemory::default();
    Other::registered(&directory, "srv2").publishes(&directory, 17, &configured());
    let registry = Registry::new(directory);
    *registry.who.lock().unwrap() = (who.0.to_owned(), who.1);
    let search = Arc::new(Directory::with(vec![user("Anna Berg")]));
    let connecting = Connecting::to(Arc::new(Organisation::new()), search.clone());
    let around = Around::new(std::path::Path::new("/nonexistent/updater.sock"), Arc::new(connecting));
    let pipe = Client::new(std::path::Path::new("/nonexistent/updater.sock")).unwrap();
    let administrators: Arc<dyn crate::enrolment::Administrators> = Arc::new(SignedInto(registry));
    let organisation = Arc::new(Organisation::new());
    let session = Session { pipe, organisation, search, administrators: Some(administrators.clone()) };
    let mut open = Open::new(Administering { session, administrators }, (report, true), &background());
    if let Some(step) = step {
        open.step = step;
    }
    Stage { dialog: Joining(Phase::Open(Box::new(open))), around }
}

fn alone() -> OrganisationReport {
    OrganisationReport { source: Source::File, own: own(), joined: None, kept: None }
}

fn joining() -> enrolment::Joining {
    let at = Timestamp::from_second(1_764_000_000).unwrap();
    let updater = UpdaterReport {
        id: own().id,
        name: own().name,
        this: true,
        account: "SRV1$".into(),
        registered_by: "anna@corp.example".into(),
        registered_at: at,
        last_seen: None,
        program: None,
        configuration: Some(17),
        backlog: None,
        problem: None,
        secret: SecretState::Waiting,
    };
    let joined = Joined {
        organisation: Uuid::from_u128(7),
        directory: crate::enrolment::scripted::domain(),
        place: format!("{CONTAINER} in corp.example"),
        container: Some(CONTAINER.into()),
        configuration: Some(PublishedVersion {
            version: 17,
            changed_by: "CORP\\boris".into(),
            changed_on: "srv2".into(),
            changed_at: at,
        }),
        highest_seen: 17,
        last_read: Some(at),
        last_look: Some(at),
        next_look: None,
        problem: None,
        registered: true,
        updaters: vec![updater],
    };
    let kept = Some("C:\\ProgramData\\Sent Items Update\\settings.before-joining-20251124T160000Z.json".to_owned());
    let report = OrganisationReport { source: Source::Directory, own: own(), joined: Some(joined), kept: kept.clone() };
    let registration = Registration {
        format: 1,
        id: own().id,
        name: own().name,
        key: "age1q".into(),
        account: "SRV1$".into(),
        registered_by: "anna@corp.example".into(),
        registered_at: at,
    };
    let registered = Registered {
        registration,
        organisation: Uuid::from_u128(7),
        place: CONTAINER.into(),
        done: vec![
            format!("srv1.corp.example is registered as the updater {}.", own().id),
            format!("The rights of CN=Configuration,{CONTAINER} are set."),
        ],
        notes: vec!["The account SRV1$ is disabled.".into()],
    };
    enrolment::Joining { registered, report, kept }
}

#[test]
fn registering_looks_as_it_was_approved() {
    let mut pictures = Pictures::new();
    let admin = ("anna@corp.example", true);
    pictures.take("register", SIZE, || stage(alone(), admin, None), draw, |screen| screen.wait("What will happen"));
    let no_admin = ("ben@corp.example", false);
    pictures.take(
        "register-account",
        [700.0, 820.0],
        || stage(alone(), no_admin, None),
        draw,
        |screen| {
            screen.wait("What will happen");
            screen.click("Another account, with its password");
            screen.type_into("User name", "siu@corp.example");
            screen.click("Advanced");
            screen.step();
            screen.click("Register");
        },
    );
    let done = || stage(alone(), admin, Some(Step::Done { joining: Box::new(joining()), looking: None }));
    pictures.take("register-done", SIZE, done, draw, |screen| screen.wait("is registered"));
    let failed = || {
        let registered = Box::new(joining().registered);
        let message = "nothing was changed: no domain controller of corp.example can be used: dc1.corp.example refuses the \
                       connection";
        let problem =
            crate::pipe::types::Problem { code: "directory".into(), message: message.into(), temporary: true };
        let cause = PipeError::Refused { status: 503, problem };
        let failure = failures::not_joined("srv1.corp.example", &enrolment::JoinError::Updater { registered, cause });
        stage(alone(), admin, Some(Step::Failed { failure: Box::new(failure), refused: false }))
    };
    pictures.take("register-failed", [700.0, 440.0], failed, draw, |screen| screen.wait("could not take that up"));
}
