//! The doors through which processed messages come in (U2).

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{SettingsProblem, wrong};

/// What the updater listens to beside the local API, which is always there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntakeSettings {
    /// Larger messages are refused. 150 MB is the largest that Exchange itself delivers by default settings.
    pub max_message_bytes: u64,
    /// SMTP listener; none: closed.
    pub smtp: Option<SmtpSettings>,
    /// Pickup folder; none: not watched.
    pub pickup: Option<PickupSettings>,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self { max_message_bytes: 150 * 1024 * 1024, smtp: None, pickup: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// Address and port, on loopback unless `allow_remote` is set.
    pub listen: SocketAddr,
    /// Listen on an address that other machines can reach. There is no sign-in on this door.
    #[serde(default)]
    pub allow_remote: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PickupSettings {
    /// `*.eml` files that appear in it are taken.
    pub folder: PathBuf,
}

impl IntakeSettings {
    pub(super) fn check(&self) -> Result<(), SettingsProblem> {
        if self.max_message_bytes < 1024 {
            return Err(wrong("intake.max_message_bytes", "below 1024 bytes no message fits"));
        }
        if let Some(smtp) = &self.smtp
            && !smtp.listen.ip().is_loopback()
            && !smtp.allow_remote
        {
            let problem = format!("{} can be reached from other machines; set allow_remote to mean it", smtp.listen);
            return Err(wrong("intake.smtp.listen", problem));
        }
        if let Some(pickup) = &self.pickup
            && !pickup.folder.is_absolute()
        {
            return Err(wrong("intake.pickup.folder", "give the whole path, from the root"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smtp_door_stays_on_loopback_unless_meant_otherwise() {
        let mut settings = IntakeSettings {
            smtp: Some(SmtpSettings { listen: "0.0.0.0:2525".parse().unwrap(), allow_remote: false }),
            ..IntakeSettings::default()
        };
        assert!(settings.check().is_err());
        settings.smtp.as_mut().unwrap().allow_remote = true;
        assert_eq!(settings.check(), Ok(()));
    }
}
