//! A password to type: never shown, wiped when it goes.

use std::fmt;
use std::ops::Range;

use eframe::egui::text::{ByteIndex, CharIndex};
use eframe::egui::text_edit::TextEditState;
use eframe::egui::{self, Id, Margin, Response, TextBuffer, TextEdit, Ui};
use secrecy::SecretString;
use secrecy::zeroize::Zeroize as _;

use crate::panel::style;

/// Active Directory takes 256 characters at the most.
const LONGEST: usize = 256;

/// What was typed. It has its whole room from the start, so that it is never moved and left behind somewhere.
pub struct TypedPassword(String);

impl Default for TypedPassword {
    fn default() -> Self {
        Self(String::with_capacity(LONGEST * 4))
    }
}

impl TypedPassword {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For whoever signs in with it.
    #[must_use]
    pub fn secret(&self) -> SecretString {
        SecretString::from(self.0.as_str())
    }

    /// Takes a password over, for example the sandbox's.
    pub fn fill(&mut self, password: &str) {
        self.wipe();
        self.0.extend(password.chars().take(LONGEST));
    }

    pub fn wipe(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for TypedPassword {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for TypedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(no password)" } else { "(a password)" })
    }
}

impl TextBuffer for TypedPassword {
    fn is_mutable(&self) -> bool {
        true
    }

    fn as_str(&self) -> &str {
        &self.0
    }

    fn insert_text(&mut self, text: &str, at: CharIndex) -> usize {
        let room = LONGEST.saturating_sub(self.0.chars().count());
        // A pasted line end ends the password.
        let fits = text.chars().take(room).take_while(|c| !c.is_control());
        let (letters, bytes) = fits.fold((0, 0), |(letters, bytes), c| (letters + 1, bytes + c.len_utf8()));
        let ByteIndex(at) = self.byte_index_from_char_index(at);
        self.0.insert_str(at, &text[..bytes]);
        letters
    }

    fn delete_char_range(&mut self, range: Range<CharIndex>) {
        let (start, end) = (self.byte_index_from_char_index(range.start), self.byte_index_from_char_index(range.end));
        self.0.drain(start.0..end.0);
    }

    fn clear(&mut self) {
        self.wipe();
    }

    fn type_id(&self) -> std::any::TypeId {
        std::any::TypeId::of::<Self>()
    }
}

/// The field for it.
#[must_use = "it is drawn by show"]
pub struct PasswordField<'a> {
    password: &'a mut TypedPassword,
    labelled_by: Option<Id>,
    name: Option<&'a str>,
    width: f32,
}

impl<'a> PasswordField<'a> {
    pub fn new(password: &'a mut TypedPassword) -> Self {
        Self { password, labelled_by: None, name: None, width: 280.0 }
    }

    pub fn labelled_by(self, label: Id) -> Self {
        Self { labelled_by: Some(label), ..self }
    }

    pub fn named(self, name: &'a str) -> Self {
        Self { name: Some(name), ..self }
    }

    pub fn width(self, width: f32) -> Self {
        Self { width, ..self }
    }

    pub fn show(self, ui: &mut Ui) -> Response {
        let output = TextEdit::singleline(self.password)
            .password(true)
            .margin(Margin::symmetric(8, 5))
            .desired_width(self.width)
            .show(ui);
        let mut response = output.response.response;
        // What could be undone would be kept in plain memory.
        if let Some(mut state) = TextEditState::load(ui.ctx(), response.id) {
            state.clear_undoer();
            state.store(ui.ctx(), response.id);
        }
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
        response
    }
}
