//! Rows of a form: label on the left, control on the right, what is to be said about it below.

use eframe::egui::{Align, Color32, Id, Label, Layout, Response, RichText, Ui, vec2};

use super::Icon;
use crate::panel::style::{CONTROL, LABEL, TINY, Tone};

/// What is said about a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    Hint(String),
    Good(String),
    Warning(String),
    Error(String),
}

impl Note {
    /// As most checks give it.
    #[must_use]
    pub fn error(problem: Option<String>) -> Option<Self> {
        problem.map(Self::Error)
    }

    fn parts(&self) -> (Option<Icon>, Tone, &str) {
        match self {
            Self::Hint(text) => (None, Tone::Quiet, text),
            Self::Good(text) => (Some(Icon::Ok), Tone::Good, text),
            Self::Warning(text) => (Some(Icon::Warning), Tone::Warning, text),
            Self::Error(text) => (Some(Icon::Error), Tone::Bad, text),
        }
    }
}

/// The words with their icon, wrapped.
pub fn note(ui: &mut Ui, note: &Note) -> Response {
    let (icon, tone, text) = note.parts();
    let colour: Color32 = tone.colour(ui.visuals());
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = TINY + 2.0;
        if let Some(icon) = icon {
            icon.show(ui, colour);
        }
        ui.add(Label::new(RichText::new(text).color(colour)).wrap())
    })
    .inner
}

/// Lays rows out so that labels and controls stand in two columns.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    label: f32,
}

impl Default for Form {
    fn default() -> Self {
        Self { label: LABEL }
    }
}

impl Form {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With labels as wide as this.
    #[must_use]
    pub fn label_width(self, width: f32) -> Self {
        Self { label: width }
    }

    /// A row. The control gets the label's id, for [`Response::labelled_by`]: [`super::TextField`] takes it.
    pub fn row<R>(&self, ui: &mut Ui, label: &str, said: Option<&Note>, control: impl FnOnce(&mut Ui, Id) -> R) -> R {
        ui.horizontal_top(|ui| {
            let id = ui
                .allocate_ui_with_layout(vec2(self.label, CONTROL), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_min_size(vec2(self.label, CONTROL));
                    ui.add(Label::new(label).wrap()).id
                })
                .inner;
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = TINY;
                let result = ui.horizontal(|ui| control(ui, id)).inner;
                if let Some(said) = said {
                    note(ui, said);
                }
                result
            })
            .inner
        })
        .inner
    }
}
