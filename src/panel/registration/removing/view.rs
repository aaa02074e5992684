//! Draws the removing of an updater, and the leaving.

use eframe::egui::{Context, Ui};

use super::{Pressed, Removing, Step};
use crate::enrolment::Removal;
use crate::panel::registration::report;
use crate::panel::style::{MEDIUM, SMALL, TINY, Tone, legible};
use crate::panel::widgets::{Banner, Dialog, DialogButton, Icon, busy, check, weak, wrapped};

const WIDTH: f32 = 560.0;

const AFTERWARDS: &str = "Give the service account a new password now";

pub fn show(ctx: &Context, removing: &mut Removing) -> Option<Pressed> {
    let leaves = removing.updater.is_none();
    let plain = if leaves { "Leave the organisation" } else { "Remove an updater" };
    match &removing.step {
        Step::Asking => {
            let cancel = DialogButton::new(Pressed::Close { changed: false }, "Cancel").cancels();
            let dialog = Dialog::new("remove-asking", plain).width(WIDTH).button(cancel);
            dialog.show(ctx, |ui| drop(busy(ui, "The updater is being asked…"))).0
        }
        Step::Confirming => confirming(ctx, removing),
        Step::Removing(_) | Step::Leaving(_) => {
            let words = if leaves { "Leaving…".to_owned() } else { format!("Removing {}…", removing.name()) };
            let dialog =
                Dialog::new("remove-running", plain).width(WIDTH).button(DialogButton::new(Pressed::Stop, "Stop"));
            dialog.show(ctx, |ui| drop(busy(ui, &legible(&words)))).0
        }
        Step::Removed(removal) => removed(ctx, removal, plain),
        Step::Left => {
            let close = DialogButton::new(Pressed::Close { changed: true }, "Close").default().cancels();
            let dialog = Dialog::new("remove-done", plain).width(WIDTH).button(close);
            let text =
                "The settings in force stay so. They are this computer's own, and no change of others comes any more.";
            dialog.show(ctx, |ui| report::done(ui, "This updater has left", text)).0
        }
        Step::Failed { failure, refused } => {
            let dialog = Dialog::new("remove-failed", plain).width(WIDTH);
            let next = if *refused {
                (Pressed::SomebodyElse, "Sign in as somebody else…")
            } else {
                (Pressed::Again, "Try again")
            };
            // Part of it may have come about.
            report::failed(ctx, dialog, failure, Pressed::CopyFailure, next, Pressed::Close { changed: true })
        }
    }
}

fn confirming(ctx: &Context, removing: &mut Removing) -> Option<Pressed> {
    let Some(joined) = &removing.joined else { return None };
    let target = removing.target();
    let leaves = target.is_none();
    let own = target.is_none_or(|one| one.this);
    let domain = joined.directory.domain.as_str();
    let others = joined.updaters.iter().filter(|one| target.is_none_or(|target| target.id != one.id)).count();
    let (title, press, lead) = match target {
        None => (
            "Leave the organisation?".to_owned(),
            "Leave",
            format!(
                "This updater goes its own way: it shares no configuration with the other updaters of {domain} any more."
            ),
        ),
        Some(one) => (
            format!("Remove {}?", one.name),
            "Remove",
            format!("{} loses its share in the configuration of {domain}.", one.name),
        ),
    };
    let mut points = Vec::new();
    if let Some(one) = target {
        points.push(format!(
            "Its registration is taken out of Active Directory, and what {} was allowed there is taken back.",
            one.account
        ));
    }
    points.push(if own {
        "This updater works on with the settings that it has, as this computer's own. Changes of others do not come any more."
            .to_owned()
    } else {
        "It works on with the settings that it has. It takes no change any more, and refuses changes until it leaves or is \
         registered again."
            .to_owned()
    });
    if let Some(one) = target {
        points.push(if others == 0 {
            "It is the last one: nobody can read the password of the service account that is published.".to_owned()
        } else {
            format!(
                "The service account's password is encrypted anew without it. What {} has read it may have kept, so give the \
                 account a new password afterwards.",
                one.name
            )
        });
    }
    let title = legible(&title).into_owned();
    let id = if leaves { "leave" } else { "remove" };
    let dialog = Dialog::new(id, &title)
        .width(WIDTH)
        .button(DialogButton::new(Pressed::Remove, press).danger())
        .button(DialogButton::new(Pressed::Close { changed: false }, "Cancel").default().cancels());
    let forget = &mut removing.forget;
    dialog
        .show(ctx, |ui| {
            wrapped(ui, legible(&lead));
            ui.add_space(SMALL);
            bullets(ui, &points);
            if own {
                ui.add_space(MEDIUM);
                let text = "Nothing is updated here until it is entered again; messages are kept.";
                check(ui, forget, "Forget the service account's password on this computer, too", text, None);
            }
        })
        .0
}

fn bullets(ui: &mut Ui, sentences: &[String]) {
    for sentence in sentences {
        ui.horizontal_top(|ui| {
            let colour = ui.visuals().weak_text_color();
            Icon::Right.show(ui, colour);
            wrapped(ui, legible(sentence));
        });
        ui.add_space(TINY);
    }
}

fn removed(ctx: &Context, removal: &Removal, title: &str) -> Option<Pressed> {
    let close = DialogButton::new(Pressed::Close { changed: true }, "Close").default().cancels();
    let dialog = Dialog::new("remove-done", title).width(WIDTH).button(close);
    dialog
        .show(ctx, |ui| {
            let gone = &removal.removed.registration.name;
            let told = removal.told();
            // Who it was stands above.
            let (first, rest) = told.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
            report::done(ui, &format!("{gone} is removed"), first);
            report::sentences(ui, rest.iter().map(|sentence| (Tone::Info, sentence.as_str())));
            ui.add_space(SMALL);
            let text = format!("{AFTERWARDS}: what {gone} has read it may have kept.");
            Banner::new(Tone::Warning, &legible(&text)).icon(Icon::Key).show(ui);
            ui.add_space(TINY);
            weak(
                ui,
                if removal.own {
                    "At an updater that is left: Change… of the account, on the tab Sent Items Update. It goes to all that are \
                     registered."
                } else {
                    "Change… of the account, on the tab Sent Items Update. It goes to all that are registered."
                },
            );
        })
        .0
}
