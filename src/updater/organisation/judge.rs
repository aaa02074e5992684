//! What is found is taken over, left, or refused. What was in force stays so in the last case.

use secrecy::SecretString;
use tracing::{info, warn};
use uuid::Uuid;

use super::Organisation;
use super::error::ChangeError;
use super::state::{Seen, Trouble};
use crate::organisation::Found;
use crate::organisation::document::{Document, differences};
use crate::organisation::key::{Bound, KeyError};
use crate::organisation::registration::{Adopted, JoinedTo};
use crate::settings::Settings;
use crate::updater::settings_store::InForce;

/// How what was found stands to what is in force.
pub(super) enum Judged {
    /// Nothing is published.
    Nothing,
    /// It is in force here. `secret`: what of it could be read.
    InForce { document: Box<Document>, text: String, secret: Option<SecretString> },
    /// With the reason, a phrase.
    Refused(String),
}

impl Organisation {
    /// Remembers who takes part. Whether this updater does is told by its registration alone.
    pub(super) fn notice(&self, found: &Found) -> Result<(), ChangeError> {
        let own = self.key()?;
        let mut state = self.state();
        let id = state.membership()?.id;
        let registration = found.updaters.iter().find(|updater| updater.id == id);
        let result = match registration {
            None => Err(ChangeError::NotRegistered),
            Some(registration) if registration.key != own.public() => Err(ChangeError::OtherKey { id }),
            Some(_) => Ok(()),
        };
        state.registered = result.is_ok();
        state.last_read = Some(self.0.clock.now());
        state.seen = Seen {
            updaters: found.updaters.clone(),
            sightings: found.sightings.clone(),
            recipients: None,
            problems: found.problems.clone(),
        };
        result
    }

    /// Judges what was found and takes it over if it is good and new.
    pub(super) async fn take_in(&self, joined: &JoinedTo, found: &Found) -> Result<Judged, ChangeError> {
        if let Err(error) = self.notice(found) {
            let words = match &error {
                ChangeError::NotRegistered => {
                    "This updater is no longer registered in the organisation. It works on with the configuration that it \
                     has and takes no other. An administrator registers it again, or has it leave: on the tab General of \
                     the panel's settings, or with siu-updater register and siu-updater organisation leave."
                        .to_owned()
                }
                other => format!("{other}."),
            };
            self.trouble(Trouble::Published, words);
            return Err(error);
        }
        let Some(text) = &found.configuration else {
            self.nothing_published(joined);
            return Ok(Judged::Nothing);
        };
        let document = match Self::usable(joined, text) {
            Ok(document) => document,
            Err((trouble, why)) => {
                let words =
                    format!("The organisation's configuration is refused, and what was in force stays so: {why}.");
                self.trouble(trouble, words);
                return Ok(Judged::Refused(why));
            }
        };
        self.state().seen.recipients = document.secret().map(|secret| secret.recipients.clone());
        let secret = self.read_secret(joined, &document);
        let password = secret.as_ref().ok().cloned().flatten();
        let before = self.0.settings.get();
        let adopted = joined.adopted.as_ref();
        let is_known = adopted.is_some_and(|adopted| adopted.write == document.write());
        if !is_known && let Some(own) = adopted.filter(|own| own.own && own.version == document.version()) {
            self.overtaken(own, &before.settings, &document);
        }
        if adopted.is_none()
            && let Err(error) = self.keep_own(&before, document.settings())
        {
            self.trouble(Trouble::Here, format!("The organisation's configuration is not in force here: {error}."));
            return Err(error);
        }
        let now = match self.0.settings.adopt(document.settings(), password.clone()).await {
            Ok(now) => now,
            Err(error) => {
                let words = format!("The organisation's configuration could not be put in force here: {error}.");
                self.trouble(Trouble::Here, words);
                return Err(ChangeError::Store(error));
            }
        };
        if !is_known || now.is_some() {
            info!(
                version = document.version(),
                changed_by = document.changed_by(),
                changed_on = document.changed_on(),
                fields = differences(&before.settings, document.settings()).join(", "),
                "the organisation's configuration is in force"
            );
        }
        if !is_known {
            self.remember(Adopted::new(&document, text, false))?;
        }
        self.state().set_problem(None, self.now());
        self.tell_of_secret(secret.err());
        Ok(Judged::InForce { document: Box::new(document), text: text.clone(), secret: password })
    }

    /// Keeps a copy of the settings that are this computer's own, before those of the organisation take their place: the
    /// first time only, for what comes later replaces what was the organisation's already. Settings that nobody has made are
    /// no loss, nor are the doors, which stay.
    fn keep_own(&self, own: &InForce, published: &Settings) -> Result<(), ChangeError> {
        let without_doors = |settings: &Settings| Settings { intake: Settings::default().intake, ..settings.clone() };
        let ours = without_doors(&own.settings);
        let is_kept = self.state().kept.as_ref() == Some(&own.version);
        if is_kept || ours == Settings::default() || ours == without_doors(published) {
            return Ok(());
        }
        let path = self.0.place.keep_settings(&own.settings, self.0.clock.now())?;
        info!(path = %path.display(), "a copy of this computer's own settings is kept");
        self.state().kept = Some(own.version.clone());
        Ok(())
    }

    /// The document, if it may be taken over.
    fn usable(joined: &JoinedTo, text: &str) -> Result<Document, (Trouble, String)> {
        let document = Document::parse(text).map_err(|problem| (Trouble::Published, problem.to_string()))?;
        if document.organisation() != joined.organisation {
            let why = format!(
                "it belongs to another organisation ({}, and this updater has joined {})",
                document.organisation(),
                joined.organisation
            );
            return Err((Trouble::Published, why));
        }
        if document.version() < joined.highest {
            let why = format!(
                "its version {} is older than version {}, which was in force already; the domain controller has not \
                 caught up yet, or an older state was put back. If it is to be in force again, or stays like this, an \
                 administrator publishes what is right with siu-updater organisation publish",
                document.version(),
                joined.highest
            );
            return Err((Trouble::Older, why));
        }
        Ok(document)
    }

    /// The account's password, if it is in the document; else why it can't be read.
    fn read_secret(&self, joined: &JoinedTo, document: &Document) -> Result<Option<SecretString>, String> {
        let (Some(secret), Some(account)) = (document.secret(), &document.settings().account) else { return Ok(None) };
        if secret.user != account.user {
            return Err(format!("it is the one of {}, and the account is {}", secret.user, account.user));
        }
        let known = joined.highest_secret;
        if !(known..=document.version()).contains(&secret.serial) {
            return Err(format!("it is number {}, and number {known} was in force already", secret.serial));
        }
        let key = self.key().map_err(|error| error.to_string())?;
        let bound = Bound { organisation: document.organisation(), serial: secret.serial, user: &secret.user };
        key.open(&secret.sealed, bound).map(Some).map_err(|error| match error {
            KeyError::NotForUs => {
                "it is not encrypted to this updater yet, which every other updater of the organisation does within a \
                 minute when it runs"
                    .to_owned()
            }
            other => other.to_string(),
        })
    }

    fn tell_of_secret(&self, problem: Option<String>) {
        // Where a password is at hand, nobody has to do anything.
        let missing = self.0.settings.get().password.is_none();
        if let Some(problem) = &problem {
            warn!(problem, missing, "the account's password can't be read from what is published");
        }
        self.state().secret_problem = problem.filter(|_| missing).map(|problem| {
            format!("The account's password can't be read from what is published: {problem}. Or enter it here again.")
        });
    }

    fn nothing_published(&self, joined: &JoinedTo) {
        self.state().secret_problem = None;
        if joined.adopted.is_none() && !self.0.settings.get().settings.is_configured() {
            return self.state().set_problem(None, self.now());
        }
        let words = "No configuration is published in the organisation, and what was in force stays so. It is published \
                     with the next change of the settings, or with siu-updater organisation publish.";
        self.trouble(Trouble::Published, words.to_owned());
    }

    fn overtaken(&self, own: &Adopted, ours: &Settings, document: &Document) {
        let fields = differences(ours, document.settings());
        let fields = if fields.is_empty() { "no field differs".to_owned() } else { fields.join(", ") };
        warn!(version = own.version, by = document.changed_by(), fields, "a change of this updater was overtaken");
        let words = format!(
            "A change that {} made here was overtaken by one that {} made on {} at the same time. What was set here and is \
             otherwise now: {fields}.",
            own.changed_by,
            document.changed_by(),
            document.changed_on(),
        );
        let now = self.now();
        self.state().set_overtaken(words, now);
    }

    /// Writes down which configuration is in force.
    pub(super) fn remember(&self, adopted: Adopted) -> Result<(), ChangeError> {
        let mut membership = self.state().membership()?.clone();
        if let Some(joined) = &mut membership.joined {
            joined.highest = joined.highest.max(adopted.version);
            joined.highest_secret = joined.highest_secret.max(adopted.secret);
            joined.adopted = Some(adopted);
        }
        let written = self.0.place.write(&membership);
        // What it knows, it knows, whether the disk takes it or not.
        self.state().set_membership(membership);
        self.tell();
        Ok(written?)
    }

    pub(super) fn trouble(&self, trouble: Trouble, words: String) {
        let now = self.now();
        let mut state = self.state();
        if state.problem.as_ref().is_none_or(|problem| problem.words != words) {
            warn!(problem = words, "the organisation's configuration");
        }
        state.set_problem(Some((trouble, words)), now);
    }

    /// What the updater itself is called.
    pub(super) fn id(&self) -> Result<Uuid, ChangeError> {
        Ok(self.state().membership()?.id)
    }
}
