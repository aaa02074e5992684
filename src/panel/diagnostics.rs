//! *Diagnostics*: everything that helps somebody else to see what is wrong, saved as one file without secrets (X6).

use std::path::PathBuf;

use eframe::egui::Context;
use serde::Serialize;

use super::app::{Surroundings, View};
use super::background::{Polled, Task};
use super::files::{self, FileError};
use super::state::{Intent, Link, Notice};
use super::style::{SMALL, Tone, sentence};
use super::widgets::{Banner, Dialog, DialogButton, Icon, busy, weak, wrapped};
use crate::pipe::types::Diagnostics;

/// What is saved.
#[derive(Serialize)]
struct Bundle {
    panel: PanelFacts,
    /// What the updater says; none when it can't be reached.
    updater: Option<Diagnostics>,
    /// Why the updater says nothing.
    problem: Option<String>,
}

/// The panel's own part.
#[derive(Serialize)]
struct PanelFacts {
    version: &'static str,
    system: &'static str,
    architecture: &'static str,
    pipe: PathBuf,
    /// How the panel sees the updater.
    link: String,
}

/// Saved, with the place and why the updater's part is missing.
type Saved = Option<Result<(PathBuf, Option<String>), FileError>>;

/// The dialog.
#[derive(Default)]
pub struct DiagnosticsView {
    saving: Option<Task<Saved>>,
    said: Option<Notice>,
    saved: Option<PathBuf>,
}

#[derive(Clone, Copy)]
enum Action {
    Save,
    CopyPath,
    Close,
}

impl View for DiagnosticsView {
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<Intent> {
        self.poll();
        let greyed = self.saving.is_some().then_some("The file is being made.");
        let mut dialog = Dialog::new("diagnostics", "Diagnostics")
            .width(520.0)
            .button(DialogButton::new(Action::Save, "Save…").default().greyed(greyed))
            .button(DialogButton::new(Action::Close, "Close").cancels());
        if self.saved.is_some() {
            dialog = dialog.button(DialogButton::new(Action::CopyPath, "Copy path").left());
        }
        let (action, ()) = dialog.show(ctx, |ui| {
            wrapped(ui, "Saves one file for those who help you. In it are:");
            ui.add_space(SMALL / 2.0);
            for text in [
                "how the updater is, its settings, and the state of the senders' scope",
                "which messages failed and why, without their subjects and content",
                "versions of the programs, of Exchange and of the system",
            ] {
                ui.horizontal_top(|ui| {
                    let colour = Tone::Good.colour(ui.visuals());
                    Icon::Ok.show(ui, colour);
                    wrapped(ui, text);
                });
            }
            ui.add_space(SMALL / 2.0);
            weak(
                ui,
                "Passwords are not in it. Names of servers, accounts and senders are: look it over before you send it.",
            );
            if self.saving.is_some() {
                ui.add_space(SMALL);
                busy(ui, "The file is being made…");
            } else if let Some(said) = &self.said {
                ui.add_space(SMALL);
                Banner::new(said.tone, &said.text).show(ui);
            }
        });
        match action {
            Some(Action::Save) => self.save(around),
            Some(Action::CopyPath) => {
                return self.saved.iter().map(|path| Intent::Copy(path.display().to_string())).collect();
            }
            Some(Action::Close) => return vec![Intent::Close],
            None => {}
        }
        Vec::new()
    }
}

impl DiagnosticsView {
    fn poll(&mut self) {
        let Some(task) = &mut self.saving else { return };
        match task.poll() {
            Polled::Running => return,
            Polled::Ready(Some(Ok((path, missing)))) => {
                let place = format!("Saved to {}.", path.display());
                self.said = Some(match missing {
                    None => Notice::done(place),
                    Some(why) => {
                        let text = format!("{place} The updater's part is missing: {why}");
                        Notice { tone: Tone::Warning, text }
                    }
                });
                self.saved = Some(path);
            }
            Polled::Ready(Some(Err(why))) => self.said = Some(Notice::problem(why.to_string())),
            Polled::Ready(None) => {}
            Polled::Gone => self.said = Some(Notice::problem("Making the file broke off.")),
        }
        self.saving = None;
    }

    fn save(&mut self, around: &Surroundings<'_>) {
        let chosen = around.files.save("Save diagnostics", "siu-diagnostics.json");
        let (pipe, link) = (around.pipe.clone(), link(&around.state.link));
        self.said = None;
        self.saving = Some(around.background.task(async move {
            let path = chosen.await?;
            let (updater, problem) = match pipe.diagnostics().await {
                Ok(told) => (Some(told), None),
                Err(why) => (None, Some(sentence(&why.to_string()))),
            };
            let panel = PanelFacts {
                version: env!("CARGO_PKG_VERSION"),
                system: std::env::consts::OS,
                architecture: std::env::consts::ARCH,
                pipe: pipe.path().to_owned(),
                link,
            };
            let bundle = Bundle { panel, updater, problem: problem.clone() };
            let text = serde_json::to_vec_pretty(&bundle).unwrap_or_default();
            Some(files::write(path, text).await.map(|path| (path, problem)))
        }));
    }
}

fn link(link: &Link) -> String {
    match link {
        Link::Connecting => "connecting".to_owned(),
        Link::NotRunning { .. } => "the updater does not run".to_owned(),
        Link::Unusable { reason } => reason.clone(),
        Link::Connected(_) => "connected".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::scripted::{Around, Pictures};

    #[test]
    fn diagnostics_look_as_they_were_approved() {
        let around = std::rc::Rc::new(Around::alone());
        let draw = move |ctx: &Context, view: &mut DiagnosticsView| drop(view.show(ctx, &around.surroundings()));
        Pictures::new().take("diagnostics", [580.0, 360.0], DiagnosticsView::default, draw, |_| ());
    }
}
