//! Which dialog is which view.

use super::View;
use crate::panel::state::{Dialog, Notice};

/// A dialog, fresh.
pub(super) fn open(dialog: Dialog) -> Result<Box<dyn View>, Notice> {
    let name = match dialog {
        Dialog::Settings(_) => "The Settings window",
        Dialog::Wizard => "The configuration wizard",
        Dialog::Scope(_) => "The senders' scope",
        Dialog::ImpersonationTest => "The impersonation test",
        Dialog::Diagnostics => "The diagnostics window",
        Dialog::About => "The about box",
    };
    Err(Notice::problem(format!("{name} is not part of this build.")))
}
