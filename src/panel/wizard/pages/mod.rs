//! The wizard's pages, one a file. A page draws the state and says what is wanted.

mod account;
mod configure;
mod connection;
mod environment;
mod result;

use eframe::egui::{RichText, Ui};

pub use account::account;
pub use configure::{progress, summary};
pub use connection::connection;
pub use environment::environment;
pub use result::result;

use crate::panel::style::{SMALL, TEXT_TITLE};
use crate::panel::widgets::weak;

/// What the page asks, and why.
fn heading(ui: &mut Ui, title: &str, text: &str) {
    ui.label(RichText::new(title).size(TEXT_TITLE).strong());
    if !text.is_empty() {
        weak(ui, text);
    }
    ui.add_space(SMALL);
}
