//! Which dialog is which view.

use super::View;
use crate::panel::about::AboutView;
use crate::panel::diagnostics::DiagnosticsView;
use crate::panel::settings_window::SettingsView;
use crate::panel::state::{Dialog, Notice};

/// A dialog, fresh.
pub(super) fn open(dialog: Dialog) -> Result<Box<dyn View>, Notice> {
    let missing = match dialog {
        Dialog::Settings(tab) => return Ok(Box::new(SettingsView::new(tab))),
        Dialog::Diagnostics => return Ok(Box::<DiagnosticsView>::default()),
        Dialog::About => return Ok(Box::new(AboutView)),
        Dialog::Wizard => "The configuration wizard",
        Dialog::Scope(_) => "The senders' scope",
        Dialog::ImpersonationTest => "The impersonation test",
    };
    Err(Notice::problem(format!("{missing} is not part of this build.")))
}
