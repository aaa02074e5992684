//! Where somebody signed in the last time, a person each: everything but the password.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::panel::session::Prefilled;
use crate::settings::DirectorySettings;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    domain: String,
    controller: String,
    user: String,
    extra_roots: Vec<String>,
}

fn file() -> Option<PathBuf> {
    let places = directories::ProjectDirs::from("", "", "sent-items-update")?;
    Some(places.config_local_dir().join("panel-sign-in.json"))
}

impl Remembered {
    /// Whatever is wrong with what is kept, somebody can sign in.
    pub fn read() -> Option<Self> {
        serde_json::from_slice(&std::fs::read(file()?).ok()?).ok()
    }

    pub fn of(settings: &DirectorySettings, user: &str) -> Self {
        Self {
            domain: settings.domain.clone(),
            controller: settings.controllers.first().cloned().unwrap_or_default(),
            user: user.to_owned(),
            extra_roots: settings.extra_roots.clone(),
        }
    }

    pub fn settings(&self) -> DirectorySettings {
        let controllers = Some(self.controller.clone()).filter(|controller| !controller.is_empty());
        DirectorySettings {
            domain: self.domain.clone(),
            controllers: controllers.into_iter().collect(),
            extra_roots: self.extra_roots.clone(),
        }
    }

    pub fn prefilled(&self) -> Prefilled {
        Prefilled {
            domain: self.domain.clone(),
            controller: self.controller.clone(),
            user: self.user.clone(),
            password: None,
            extra_roots: self.extra_roots.clone(),
        }
    }

    /// That it can't be kept keeps nobody from working.
    pub async fn keep(&self) {
        let Some(file) = file() else { return };
        let kept = async {
            tokio::fs::create_dir_all(file.parent().unwrap_or(&file)).await?;
            tokio::fs::write(&file, serde_json::to_vec(self)?).await
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "the sign-in is not remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_password_is_remembered() {
        let settings = DirectorySettings {
            domain: "corp.example".into(),
            controllers: vec!["dc1.corp.example".into()],
            extra_roots: vec!["PEM".into()],
        };
        let remembered = Remembered::of(&settings, "anna@corp.example");
        assert_eq!(remembered.settings(), settings);
        let prefilled = remembered.prefilled();
        assert_eq!((prefilled.user.as_str(), prefilled.password.is_none()), ("anna@corp.example", true));
        assert!(!serde_json::to_string(&remembered).unwrap().contains("password"));
    }
}
