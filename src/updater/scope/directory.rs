//! The members as Active Directory tells them.

use std::sync::Arc;

use super::membership::Membership;
use crate::updater::settings_store::InForce;

/// The way to the directory that the settings name, with the service account.
///
/// # Errors
/// When they name none, in words.
pub fn of_the_directory(in_force: &InForce) -> Result<Arc<dyn Membership>, String> {
    if in_force.settings.directory.is_none() {
        return Err("the settings name no directory; run the configuration, or set directory.domain".to_owned());
    }
    Err("this version can't ask the directory".to_owned())
}
