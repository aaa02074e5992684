//! The small design system: what every page and dialog is made of.
//!
//! Every control has an accessible name, shows the keyboard's place by a ring, and says by a word or a shape whatever it
//! says by a colour.

mod banner;
mod button;
mod card;
mod choice;
mod dialog;
mod empty;
mod form;
mod icon;
mod password;
mod status;
mod table;
mod tabs;
mod text_field;

pub use banner::{Banner, Pressed, banner};
pub use button::{Button, ButtonStyle, danger, icon_button, link, primary, secondary};
pub use card::{Facts, card, counter, fact, separator, titled_card, weak, wrapped};
pub use choice::{check, radio};
pub use dialog::{Dialog, DialogButton, initial_focus, takes_enter};
pub use empty::{Empty, waiting};
pub use form::{Form, Note, note};
pub use icon::Icon;
pub use password::{PasswordField, TypedPassword};
pub use status::{busy, signal, tone_icon};
pub use table::{Column, Row, Sort, Table, TableResponse};
pub use tabs::tabs;
pub use text_field::TextField;

#[cfg(test)]
mod tests;
