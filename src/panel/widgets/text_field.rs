//! A line of text to type.

use eframe::egui::{self, Id, Margin, Rect, Response, Stroke, TextEdit, Ui, UiBuilder};

use super::{Icon, icon_button};
use crate::panel::style::{self, Tone};

/// A field, with what it may have. It has either a label of its own (by [`TextField::named`]) or that of its form row.
#[must_use = "it is drawn by show"]
pub struct TextField<'a> {
    text: &'a mut String,
    id: Option<Id>,
    name: Option<&'a str>,
    labelled_by: Option<Id>,
    hint: &'a str,
    wrong: bool,
    width: f32,
    search: bool,
    greyed: Option<&'a str>,
    longest: usize,
}

impl<'a> TextField<'a> {
    pub fn new(text: &'a mut String) -> Self {
        Self {
            text,
            id: None,
            name: None,
            labelled_by: None,
            hint: "",
            wrong: false,
            width: 280.0,
            search: false,
            greyed: None,
            longest: 1_024,
        }
    }

    /// Its accessible name, where no label stands before it.
    pub fn named(self, name: &'a str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The label that names it, from [`super::Form::row`].
    pub fn labelled_by(self, label: Id) -> Self {
        Self { labelled_by: Some(label), ..self }
    }

    pub fn id(self, id: Id) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Shown while it is empty.
    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    /// What is typed can't be used; the reason stands in the row's note.
    pub fn wrong(self, wrong: bool) -> Self {
        Self { wrong, ..self }
    }

    pub fn width(self, width: f32) -> Self {
        Self { width, ..self }
    }

    /// With a magnifying glass, and a cross that empties it.
    pub fn search(self) -> Self {
        Self { search: true, ..self }
    }

    /// Can't be changed, and the pointer is told why.
    pub fn greyed(self, reason: Option<&'a str>) -> Self {
        Self { greyed: reason, ..self }
    }

    /// At the most so many characters.
    pub fn longest(self, characters: usize) -> Self {
        Self { longest: characters, ..self }
    }

    pub fn show(self, ui: &mut Ui) -> Response {
        let cross = self.search && !self.text.is_empty();
        let quiet = ui.visuals().weak_text_color();
        let mut edit = TextEdit::singleline(self.text)
            .hint_text(self.hint.to_owned())
            .char_limit(self.longest)
            .margin(Margin { right: if self.search { 30 } else { 8 }, ..Margin::symmetric(8, 5) })
            .desired_width(self.width);
        if let Some(id) = self.id {
            edit = edit.id(id);
        }
        if self.search {
            edit = edit.prefix(Icon::Search.image(14.0, quiet));
        }
        let enabled = self.greyed.is_none();
        let mut response = ui
            .scope(|ui| {
                let visuals = ui.visuals_mut();
                // Where the keyboard is, the ring says; the border stays thin.
                visuals.selection.stroke = Stroke::new(1.0, style::accent(visuals));
                if self.wrong {
                    let stroke = Stroke::new(1.5, Tone::Bad.colour(visuals));
                    visuals.selection.stroke = stroke;
                    let set = &mut visuals.widgets;
                    for state in [&mut set.inactive, &mut set.hovered, &mut set.active] {
                        state.bg_stroke = stroke;
                    }
                }
                ui.add_enabled(enabled, edit)
            })
            .inner;
        if let Some(label) = self.labelled_by {
            response = response.labelled_by(label);
        }
        if let Some(name) = self.name {
            response = response.accessible_name(name);
        }
        if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
            // Enter may press the dialog's default button, but whoever types stays where they are.
            response.request_focus();
        }
        style::focus_ring(ui, &response);
        if let Some(reason) = self.greyed {
            response = response.on_disabled_hover_text(reason);
        }
        if cross {
            // Within the field, at its end.
            let place =
                Rect::from_min_max(response.rect.right_top() - egui::vec2(style::CONTROL, 0.0), response.rect.max);
            let mut inside = ui.new_child(UiBuilder::new().max_rect(place));
            if icon_button(&mut inside, Icon::Clear, "Clear the search").clicked() {
                self.text.clear();
                response.mark_changed();
                response.request_focus();
            }
        }
        response
    }
}
