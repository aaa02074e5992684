//! Somebody else changed the settings meanwhile (P3): what differs, and whose it is to be.

use eframe::egui::{self, RichText, ScrollArea, Ui};

use super::editor::Editor;
use super::{Difference, differences};
use crate::panel::style::{SMALL, Tone, legible};
use crate::panel::widgets::{Column, Icon, Table, banner, weak};
use crate::pipe::client::SettingsVersion;
use crate::settings::Settings;

/// Both changes.
pub struct Conflict {
    base: Settings,
    mine: Settings,
    theirs: Settings,
    version: SettingsVersion,
    differences: Vec<Difference>,
}

impl Conflict {
    #[must_use]
    pub fn new(editor: &Editor, theirs: Settings, version: SettingsVersion) -> Self {
        let differences = differences(&editor.base, &theirs, &editor.draft);
        Self { base: editor.base.clone(), mine: editor.draft.clone(), theirs, version, differences }
    }

    /// Goes on with my changes on top of theirs, or with theirs alone.
    #[must_use]
    pub fn solve(self, keep_mine: bool) -> Editor {
        let merged = keep_mine.then(|| super::merged(&self.base, &self.theirs, &self.mine));
        let mut editor = Editor::new(self.theirs, self.version);
        if let Some(merged) = merged {
            editor.edit(merged);
        }
        editor
    }

    pub fn show(&self, ui: &mut Ui) {
        banner(
            ui,
            Tone::Warning,
            "Somebody else changed the settings while this window was open. Nothing of yours was sent.",
        );
        ui.add_space(SMALL);
        if self.differences.is_empty() {
            weak(ui, "Their change is the same as yours.");
            return;
        }
        weak(
            ui,
            "Keep mine: what you changed wins, everything else is as they left it. Reload theirs: your changes are dropped.",
        );
        ui.add_space(SMALL);
        let columns = [Column::new("Setting", 210.0), Column::new("Theirs, in force now", 200.0), Column::rest("Mine")];
        ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
            Table::new("Differences", &columns).show(ui, self.differences.len(), |row| {
                let difference = &self.differences[row.index()];
                row.cell(|ui| {
                    ui.add(egui::Label::new(difference.name).truncate().selectable(false));
                    if difference.both {
                        let colour = Tone::Warning.colour(ui.visuals());
                        Icon::Warning.named(ui, colour, "You and somebody else both changed this");
                    }
                });
                row.text(legible(&difference.theirs).into_owned());
                row.text(RichText::new(legible(&difference.mine)));
            });
        });
    }
}
