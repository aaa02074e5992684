//! How it looks: with names that are the same on every computer.

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::enrolment::{Removal, Sealing};
use crate::organisation::Registration;
use crate::organisation::administration::Removed;
use crate::panel::scripted::{Around, Connecting, Directory, Organisation, Pictures};
use crate::pipe::types::SecretState;

struct Stage {
    dialog: Removing,
    around: Around,
}

fn draw(ctx: &Context, stage: &mut Stage) {
    stage.dialog.show(ctx, &stage.around.surroundings());
}

fn updater(id: u128, name: &str, this: bool) -> UpdaterReport {
    UpdaterReport {
        id: Uuid::from_u128(id),
        name: name.into(),
        this,
        account: format!("{}$", name.to_uppercase()),
        registered_by: "anna@corp.example".into(),
        registered_at: Timestamp::UNIX_EPOCH,
        last_seen: None,
        program: None,
        configuration: Some(17),
        backlog: None,
        problem: None,
        secret: SecretState::Sealed,
    }
}

fn stage(id: u128, step: Step) -> Stage {
    let joined = Joined {
        organisation: Uuid::from_u128(7),
        directory: crate::enrolment::scripted::domain(),
        place: "corp.example".into(),
        container: None,
        configuration: None,
        highest_seen: 17,
        last_read: None,
        last_look: None,
        next_look: None,
        problem: None,
        registered: true,
        updaters: vec![updater(1, "srv1", true), updater(2, "srv2", false), updater(3, "srv3", false)],
    };
    let dialog = Removing { updater: Some(Uuid::from_u128(id)), joined: Some(joined), step, ..Removing::default() };
    let connecting = Connecting::to(Arc::new(Organisation::new()), Arc::new(Directory::with(Vec::new())));
    let around = Around::new(std::path::Path::new("/nonexistent/updater.sock"), Arc::new(connecting));
    Stage { dialog, around }
}

fn removal() -> Removal {
    let registration = Registration {
        format: 1,
        id: Uuid::from_u128(2),
        name: "srv2".into(),
        key: "age1q".into(),
        account: "SRV2$".into(),
        registered_by: "anna@corp.example".into(),
        registered_at: Timestamp::UNIX_EPOCH,
    };
    Removal { removed: Removed { registration, left: 2, notes: Vec::new() }, own: false, sealing: Sealing::Done }
}

#[test]
fn removing_looks_as_it_was_approved() {
    let mut pictures = Pictures::new();
    let size = [620.0, 420.0];
    pictures.take("remove", size, || stage(2, Step::Confirming), draw, |screen| screen.wait("Remove srv2?"));
    pictures.take(
        "remove-own",
        [620.0, 420.0],
        || stage(1, Step::Confirming),
        draw,
        |screen| screen.wait("Remove srv1?"),
    );
    let done = || stage(2, Step::Removed(Box::new(removal())));
    pictures.take("remove-done", size, done, draw, |screen| screen.wait("srv2 is removed"));
}
