//! Which dialog is which view.

use super::View;
use crate::panel::about::AboutView;
use crate::panel::diagnostics::DiagnosticsView;
use crate::panel::settings_window::SettingsView;
use crate::panel::state::Dialog;
use crate::panel::{impersonation_test, registration, scope, wizard};

/// A dialog, fresh.
pub(super) fn open(dialog: Dialog) -> Box<dyn View> {
    match dialog {
        Dialog::Settings(tab) => Box::new(SettingsView::new(tab)),
        Dialog::Wizard => Box::<wizard::Dialog>::default(),
        Dialog::Scope(scope) => Box::new(scope::Dialog::new(scope)),
        Dialog::ImpersonationTest => Box::<impersonation_test::Dialog>::default(),
        Dialog::Register => Box::<registration::Joining>::default(),
        Dialog::Remove(updater) => Box::new(registration::Removing::of(updater)),
        Dialog::Leave => Box::<registration::Removing>::default(),
        Dialog::Diagnostics => Box::<DiagnosticsView>::default(),
        Dialog::About => Box::new(AboutView),
    }
}
