//! The Settings window (T1–T8). It edits a copy; nothing is sent to the updater before OK or Apply. When somebody else
//! changed the settings meanwhile, both changes are shown.

mod conflict;
mod difference;
mod editor;
mod fields;
mod general;
mod organisation;
mod sent_items;
mod splitting;

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::Context;

use self::conflict::Conflict;
use self::editor::Editor;
use self::organisation::Organisation;
use super::app::{Surroundings, View};
use super::background::{Polled, Task};
use super::files::{self, FileError, Files};
use super::state::{Intent, Notice, Tab};
use super::style::{Tone, sentence};
use super::widgets::{Banner, Button, Dialog, DialogButton, Pressed, tabs, waiting, weak};
use crate::pipe::client::{PipeError, SettingsVersion};
use crate::pipe::types::{SettingsChange, SettingsDocument};
use crate::settings::Settings;

pub use difference::{Difference, differences, merged, summary};

const WIDTH: f32 = 680.0;
const HEIGHT: f32 = 440.0;

type Read = Task<Result<(SettingsDocument, SettingsVersion), PipeError>>;

/// Something done with a file that the person chooses.
enum FileWork {
    Folder(Task<Option<PathBuf>>),
    Export(Task<Option<Result<PathBuf, FileError>>>),
    Import(Task<Option<Result<Vec<u8>, FileError>>>),
}

/// The window.
pub struct SettingsView {
    tab: Tab,
    content: Content,
    saving: Option<Saving>,
    file: Option<FileWork>,
    organisation: Organisation,
    /// What went wrong the last time, or went well.
    said: Option<Notice>,
}

enum Content {
    /// Asked for by the first draw.
    Nothing,
    Reading(Read),
    Failed(String),
    Editing(Box<Editor>),
    Conflict(Box<Conflict>),
}

/// A change that is on its way.
struct Saving {
    answer: Task<Result<SettingsVersion, PipeError>>,
    sent: Settings,
    close: bool,
}

/// What the buttons mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Ok,
    Cancel,
    Apply,
    Reload,
    KeepMine,
}

impl SettingsView {
    #[must_use]
    pub fn new(tab: Tab) -> Self {
        Self {
            tab,
            content: Content::Nothing,
            saving: None,
            file: None,
            organisation: Organisation::default(),
            said: None,
        }
    }

    fn read(&mut self, around: &Surroundings<'_>) {
        let pipe = around.pipe.clone();
        self.content = Content::Reading(around.background.task(async move { pipe.settings().await }));
    }

    fn poll(&mut self, around: &Surroundings<'_>) -> Vec<Intent> {
        if let Content::Nothing = self.content {
            self.read(around);
        }
        if let Content::Reading(task) = &mut self.content {
            match task.poll() {
                Polled::Running => {}
                Polled::Ready(Ok((document, version))) => {
                    self.content = Content::Editing(Box::new(Editor::new(document.settings, version)));
                }
                Polled::Ready(Err(why)) => self.content = Content::Failed(sentence(&why.to_string())),
                Polled::Gone => self.content = Content::Failed("Reading the settings broke off.".to_owned()),
            }
        }
        self.organisation.poll(around);
        self.poll_reread(around);
        self.poll_files();
        self.poll_saving(around)
    }

    fn poll_saving(&mut self, around: &Surroundings<'_>) -> Vec<Intent> {
        let (Some(saving), Content::Editing(editor)) = (&mut self.saving, &mut self.content) else {
            return Vec::new();
        };
        let result = match saving.answer.poll() {
            Polled::Running => return Vec::new(),
            Polled::Ready(result) => result,
            Polled::Gone => Err(PipeError::Timeout),
        };
        let Some(Saving { sent, close, .. }) = self.saving.take() else { return Vec::new() };
        match result {
            Ok(version) => {
                editor.saved(sent, version);
                if close {
                    return vec![Intent::Close];
                }
                self.said = Some(Notice::done("The settings are in force."));
            }
            Err(PipeError::Conflict) => {
                let pipe = around.pipe.clone();
                editor.reread = Some(around.background.task(async move { pipe.settings().await }));
            }
            Err(why) => {
                self.said = Some(Notice::problem(not_saved(&why)));
            }
        }
        Vec::new()
    }

    /// The settings were read again: after a conflict, or because the wizard changed them.
    fn poll_reread(&mut self, around: &Surroundings<'_>) {
        let Content::Editing(editor) = &mut self.content else { return };
        if editor.stale {
            editor.stale = false;
            let pipe = around.pipe.clone();
            editor.silent = true;
            editor.reread = Some(around.background.task(async move { pipe.settings().await }));
        }
        let Some(task) = &mut editor.reread else { return };
        match task.poll() {
            Polled::Running => return,
            Polled::Ready(Ok((document, version))) => {
                editor.reread = None;
                if editor.silent {
                    editor.silent = false;
                    editor.rebase(document.settings, version);
                } else {
                    let conflict = Conflict::new(editor, document.settings, version);
                    self.content = Content::Conflict(Box::new(conflict));
                }
                return;
            }
            Polled::Ready(Err(why)) => self.said = Some(Notice::problem(sentence(&why.to_string()))),
            Polled::Gone => {}
        }
        editor.reread = None;
    }

    fn poll_files(&mut self) {
        let Some(file) = &mut self.file else { return };
        match file {
            FileWork::Folder(task) => match task.poll() {
                Polled::Running => return,
                Polled::Ready(Some(folder)) => {
                    if let Content::Editing(editor) = &mut self.content {
                        editor.typed.folder = folder.display().to_string();
                    }
                }
                Polled::Ready(None) | Polled::Gone => {}
            },
            FileWork::Export(task) => match task.poll() {
                Polled::Running => return,
                Polled::Ready(Some(Ok(path))) => {
                    let text = format!("Exported to {}. The password is not in it.", path.display());
                    self.said = Some(Notice::done(text));
                }
                Polled::Ready(Some(Err(why))) => self.said = Some(Notice::problem(why.to_string())),
                Polled::Ready(None) | Polled::Gone => {}
            },
            FileWork::Import(task) => match task.poll() {
                Polled::Running => return,
                Polled::Ready(Some(Ok(content))) => self.import(&content),
                Polled::Ready(Some(Err(why))) => self.said = Some(Notice::problem(why.to_string())),
                Polled::Ready(None) | Polled::Gone => {}
            },
        }
        self.file = None;
    }

    fn import(&mut self, content: &[u8]) {
        let Content::Editing(editor) = &mut self.content else { return };
        let settings = serde_json::from_slice::<Settings>(content)
            .map_err(|error| sentence(&error.to_string()))
            .and_then(|settings| match settings.check() {
                Ok(()) => Ok(settings),
                Err(problem) => Err(sentence(&problem.to_string())),
            });
        self.said = Some(match settings {
            Ok(settings) => {
                editor.edit(settings);
                Notice::done("Imported. Look it over; it takes effect with OK or Apply. The password stays as it is.")
            }
            Err(why) => Notice::problem(format!("The file holds no settings that can be used. {why}")),
        });
    }

    fn save(&mut self, around: &Surroundings<'_>, close: bool) {
        let Content::Editing(editor) = &self.content else { return };
        let Some(settings) = editor.result() else { return };
        let (pipe, version, sent) = (around.pipe.clone(), editor.version.clone(), settings.clone());
        let answer = around
            .background
            .task(async move { pipe.change_settings(&SettingsChange { settings, password: None }, &version).await });
        self.said = None;
        self.saving = Some(Saving { answer, sent, close });
    }

    fn act(&mut self, action: Action, around: &Surroundings<'_>) -> Vec<Intent> {
        match action {
            Action::Cancel => return vec![Intent::Close],
            Action::Ok | Action::Apply => {
                let changed = matches!(&self.content, Content::Editing(editor) if editor.changed());
                if action == Action::Ok && !changed {
                    return vec![Intent::Close];
                }
                self.save(around, action == Action::Ok);
            }
            Action::Reload | Action::KeepMine => {
                if let Content::Conflict(conflict) = std::mem::replace(&mut self.content, Content::Nothing) {
                    self.content = Content::Editing(Box::new(conflict.solve(action == Action::KeepMine)));
                    if action == Action::KeepMine {
                        self.save(around, false);
                    }
                }
            }
        }
        Vec::new()
    }

    fn dialog(&self) -> Dialog<'static, Action> {
        let dialog = Dialog::new("settings", "Settings").width(WIDTH).height(HEIGHT).without_scrolling();
        match &self.content {
            Content::Conflict(_) => dialog
                .button(DialogButton::new(Action::KeepMine, "Keep mine").default())
                .button(DialogButton::new(Action::Reload, "Reload theirs"))
                .button(DialogButton::new(Action::Cancel, "Cancel").cancels()),
            content => {
                let (changed, wrong) = match content {
                    Content::Editing(editor) => (editor.changed(), editor.problems.any()),
                    _ => (false, false),
                };
                let greyed = if self.saving.is_some() {
                    Some("The settings are being sent.")
                } else if wrong {
                    Some("Something typed can't be used; it is marked on the General tab.")
                } else {
                    None
                };
                let nothing = (!changed).then_some("Nothing is changed.");
                dialog
                    .button(DialogButton::new(Action::Ok, "OK").default().greyed(greyed))
                    .button(DialogButton::new(Action::Cancel, "Cancel").cancels())
                    .button(DialogButton::new(Action::Apply, "Apply").greyed(greyed.or(nothing)))
            }
        }
    }
}

/// Why settings were not taken over; or that this is not known.
fn not_saved(why: &PipeError) -> String {
    let words = sentence(&why.to_string());
    let says_so = words.starts_with("Nothing was changed");
    match why {
        PipeError::Refused { problem, .. }
            if says_so || matches!(problem.code.as_str(), "outcome-unknown" | "published-only") =>
        {
            words
        }
        _ => format!("Nothing was changed. {words}"),
    }
}

/// What a tab wants beside changes of what is typed.
#[derive(Debug, PartialEq)]
enum Wish {
    Intent(Intent),
    Folder,
    Export,
    Import,
}

impl View for SettingsView {
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<Intent> {
        let mut wanted = self.poll(around);
        let dialog = self.dialog();
        let (mut wishes, mut again) = (Vec::new(), false);
        let (action, ()) = dialog.show(ctx, |ui| {
            let said = self.said.clone();
            match &mut self.content {
                Content::Nothing | Content::Reading(_) => waiting(ui, "The settings are being read…"),
                Content::Failed(why) => {
                    let text = format!("The settings can't be read. {why}");
                    again = Banner::new(Tone::Bad, &text).action(Button::new("Try again")).show(ui).is_some();
                }
                Content::Conflict(conflict) => conflict.show(ui),
                Content::Editing(editor) => {
                    let marked = |tab: Tab, name: &'static str| {
                        // The dot says: not saved yet.
                        (tab, if editor.changed_on(tab) { format!("{name} •") } else { name.to_owned() })
                    };
                    let names = [
                        marked(Tab::General, "General"),
                        marked(Tab::MessageSplitting, "Message splitting"),
                        marked(Tab::SentItemsUpdate, "Sent Items Update"),
                    ];
                    let all: Vec<_> = names.iter().map(|(tab, name)| (*tab, name.as_str())).collect();
                    self.tab = tabs(ui, self.tab, &all);
                    ui.add_space(super::style::MEDIUM);
                    if let Some(said) = said {
                        if Banner::new(said.tone, &said.text).dismissible().show(ui) == Some(Pressed::Dismissed) {
                            self.said = None;
                        }
                        ui.add_space(super::style::SMALL);
                    }
                    let foot = 22.0;
                    let height = (ui.available_height() - foot).max(80.0);
                    eframe::egui::ScrollArea::vertical().id_salt(self.tab).auto_shrink(false).max_height(height).show(
                        ui,
                        |ui| {
                            ui.set_width(ui.available_width() - 6.0);
                            wishes = match self.tab {
                                Tab::General => general::show(ui, editor, &mut self.organisation, around.state),
                                Tab::MessageSplitting => splitting::show(ui, editor),
                                Tab::SentItemsUpdate => sent_items::show(ui, editor, around.state.status()),
                            };
                        },
                    );
                    if editor.changed() {
                        weak(ui, "• Changed, and not in force before OK or Apply.");
                    }
                    editor.check();
                }
            }
        });
        if again {
            self.read(around);
        }
        for wish in wishes {
            self.grant(wish, around, &mut wanted);
        }
        if let Some(action) = action {
            wanted.extend(self.act(action, around));
        }
        wanted
    }

    fn told(&mut self, intent: &Intent) {
        if let Intent::Configured = intent {
            self.organisation.ask_again();
        }
        match (intent, &mut self.content) {
            (Intent::ScopeChosen(scope), Content::Editing(editor)) => {
                editor.draft.scope.clone_from(scope);
            }
            (Intent::Configured, Content::Editing(editor)) => editor.stale = true,
            _ => {}
        }
    }
}

impl SettingsView {
    fn grant(&mut self, wish: Wish, around: &Surroundings<'_>, wanted: &mut Vec<Intent>) {
        let files: &Arc<dyn Files> = around.files;
        match wish {
            Wish::Intent(intent) => wanted.push(intent),
            Wish::Folder => {
                self.file = Some(FileWork::Folder(around.background.task(files.folder("Pickup folder"))));
            }
            Wish::Export => {
                let Content::Editing(editor) = &self.content else { return };
                let Some(settings) = editor.result() else { return };
                let chosen = files.save("Export the settings", "sent-items-update.json");
                self.file = Some(FileWork::Export(around.background.task(async move {
                    let path = chosen.await?;
                    // Settings have no password in them.
                    let text = serde_json::to_vec_pretty(&settings).unwrap_or_default();
                    Some(files::write(path, text).await)
                })));
            }
            Wish::Import => {
                let chosen = files.open("Import settings");
                let work = async move { Some(files::read(chosen.await?).await) };
                self.file = Some(FileWork::Import(around.background.task(work)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
