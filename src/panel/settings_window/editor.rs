//! The copy of the settings that is edited.

use super::fields::{Fields, Problems};
use super::{Read, difference};
use crate::panel::state::Tab;
use crate::pipe::client::SettingsVersion;
use crate::settings::Settings;

/// What is edited, and what it came from.
pub struct Editor {
    /// As they are in force, as far as we know.
    pub base: Settings,
    pub version: SettingsVersion,
    /// As they are to be; what is typed on the General tab is in `typed`.
    pub draft: Settings,
    pub typed: Fields,
    pub problems: Problems,
    pub reread: Option<Read>,
    /// They are to be read again.
    pub stale: bool,
    /// What is read again is taken over without a question: we changed it ourselves.
    pub silent: bool,
}

impl Editor {
    #[must_use]
    pub fn new(settings: Settings, version: SettingsVersion) -> Self {
        let typed = Fields::of(&settings);
        Self {
            draft: settings.clone(),
            base: settings,
            version,
            typed,
            problems: Problems::default(),
            reread: None,
            stale: false,
            silent: false,
        }
    }

    /// Edits these from now on, for example imported ones.
    pub fn edit(&mut self, settings: Settings) {
        self.typed = Fields::of(&settings);
        self.draft = settings;
        self.check();
    }

    /// Looks again at what is typed.
    pub fn check(&mut self) {
        self.problems = self.typed.apply(&mut self.draft);
    }

    /// The settings to send; none while something typed can't be used.
    #[must_use]
    pub fn result(&self) -> Option<Settings> {
        let mut result = self.draft.clone();
        (!self.typed.apply(&mut result).any()).then_some(result)
    }

    #[must_use]
    pub fn changed(&self) -> bool {
        self.draft != self.base || self.problems.any()
    }

    #[must_use]
    pub fn changed_on(&self, tab: Tab) -> bool {
        let (draft, base) = (&self.draft, &self.base);
        match tab {
            Tab::General => {
                draft.intake != base.intake
                    || draft.schedule != base.schedule
                    || draft.limits != base.limits
                    || self.problems.any()
            }
            Tab::MessageSplitting => draft.options.message_splitting != base.options.message_splitting,
            Tab::SentItemsUpdate => {
                draft.enabled != base.enabled
                    || draft.scope != base.scope
                    || draft.account != base.account
                    || draft.connection != base.connection
                    || draft.options.create_copy != base.options.create_copy
                    || draft.options.save_all_split_messages != base.options.save_all_split_messages
            }
        }
    }

    /// They are in force now. What was typed since stays.
    pub fn saved(&mut self, sent: Settings, version: SettingsVersion) {
        self.base = sent;
        self.version = version;
    }

    /// The settings in force changed below our changes.
    pub fn rebase(&mut self, base: Settings, version: SettingsVersion) {
        let draft = difference::merged(&self.base, &base, &self.draft);
        self.base = base;
        self.version = version;
        self.edit(draft);
    }
}
