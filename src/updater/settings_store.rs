//! The settings' one owner: it reads and writes the file, checks every change, and tells who watches.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, watch};

use crate::directory::SignIn;
use crate::pipe::types::SettingsChange;
use crate::secret::{SecretError, SecretStore};
use crate::settings::{OAuthGrant, Settings, SettingsProblem};
use crate::updater::exchange::Servers;

/// Settings in force, with what the account signs in with.
#[derive(Debug, Clone)]
pub struct InForce {
    pub settings: Settings,
    pub password: Option<SecretString>,
    /// Fingerprint of the settings: what a change must be based on.
    pub version: String,
    /// Counts changes of settings or password in this process.
    pub change: u64,
    /// What was found of servers while these are in force.
    pub servers: Arc<Servers>,
}

impl InForce {
    /// How to sign in to the directory: with the account's password. Where what is kept is the secret of an application,
    /// which a domain controller must not get to see, or where nothing is kept, it is the account that the service runs
    /// as.
    ///
    /// # Errors
    /// When there is no account or no password, in words.
    pub fn directory_sign_in(&self) -> Result<SignIn, String> {
        let Some(account) = &self.settings.account else {
            return Err("no account is configured to sign in to the directory with".to_owned());
        };
        let connection = self.settings.connection.as_ref();
        let oauth = connection.and_then(|connection| connection.oauth.as_ref());
        if connection.is_some_and(|connection| connection.as_service)
            || oauth.is_some_and(|oauth| oauth.grant != OAuthGrant::Password)
        {
            return Ok(SignIn::LoggedOn);
        }
        match self.password.clone() {
            Some(password) => Ok(SignIn::Password { upn: account.user.clone(), password }),
            None => Err(format!("no password is stored for {} (enter it again)", account.user)),
        }
    }
}

/// Why settings could not be read or taken over. Those before stay in force.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the settings {} can't be used: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "the settings {} are not understood: {source}; correct the file, or move it away to start afresh",
        path.display()
    )]
    NotUnderstood { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Wrong(#[from] SettingsProblem),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the settings were changed by somebody else since they were read")]
    Conflict,
    #[error("an account needs a password, and none is stored for {user}; give it with the change")]
    NoPassword { user: String },
}

/// A change that was checked and not made yet.
#[derive(Debug)]
pub struct Prepared {
    based_on: String,
    pub settings: Settings,
    /// What the account is to sign in with; none: there is nothing.
    pub password: Option<SecretString>,
    /// It was given with the change.
    pub new_password: bool,
}

/// Owner of the settings file.
pub struct SettingsStore {
    path: PathBuf,
    secrets: SecretStore,
    in_force: watch::Sender<Arc<InForce>>,
    changing: Mutex<()>,
    secret_problem: Option<SecretError>,
}

impl SettingsStore {
    /// Reads the file; without one, the settings of a fresh installation are in force. A password that can't be
    /// read back is missing, not an error: it can be given anew only to an updater that runs.
    pub fn open(path: &Path, secrets: SecretStore) -> Result<Self, StoreError> {
        let settings = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice::<Settings>(&text)
                .map_err(|source| StoreError::NotUnderstood { path: path.to_owned(), source })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
            Err(source) => return Err(StoreError::File { path: path.to_owned(), source }),
        };
        settings.check()?;
        let (password, secret_problem) = match settings.account.as_ref().map(|account| secrets.load(&account.user)) {
            Some(Ok(password)) => (password, None),
            Some(Err(problem)) => (None, Some(problem)),
            None => (None, None),
        };
        let in_force = InForce { version: version(&settings), settings, password, change: 0, servers: Arc::default() };
        Ok(Self {
            path: path.to_owned(),
            secrets,
            in_force: watch::channel(Arc::new(in_force)).0,
            changing: Mutex::new(()),
            secret_problem,
        })
    }

    /// Why the stored password could not be read back, until another one is given.
    #[must_use]
    pub fn secret_problem(&self) -> Option<&SecretError> {
        let missing = self.in_force.borrow().password.is_none();
        self.secret_problem.as_ref().filter(|_| missing)
    }

    #[must_use]
    pub fn get(&self) -> Arc<InForce> {
        self.in_force.borrow().clone()
    }

    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.subscribe()
    }

    /// Takes a change over as a whole, if `based_on` is still the version in force. It is on disk when this
    /// returns.
    pub async fn change(&self, change: SettingsChange, based_on: &str) -> Result<Arc<InForce>, StoreError> {
        let prepared = self.prepare(&change, based_on)?;
        self.commit(prepared).await
    }

    /// Checks a change without making it.
    pub fn prepare(&self, change: &SettingsChange, based_on: &str) -> Result<Prepared, StoreError> {
        let before = self.get();
        if before.version != based_on {
            return Err(StoreError::Conflict);
        }
        let SettingsChange { settings, password } = change;
        settings.check()?;
        let (password, new_password) = match (&settings.account, password) {
            (None, _) => (None, false),
            (Some(_), Some(password)) => (Some(password.clone()), true),
            (Some(account), None) if before.settings.account.as_ref() == Some(account) => {
                (before.password.clone(), false)
            }
            // The service signs in as itself.
            (Some(_), None) if settings.connection.as_ref().is_some_and(|connection| connection.as_service) => {
                (None, false)
            }
            (Some(account), None) => return Err(StoreError::NoPassword { user: account.user.clone() }),
        };
        Ok(Prepared { based_on: based_on.to_owned(), settings: settings.clone(), password, new_password })
    }

    /// Makes a change that was checked, if nothing else was changed meanwhile.
    pub async fn commit(&self, prepared: Prepared) -> Result<Arc<InForce>, StoreError> {
        let _one_at_a_time = self.changing.lock().await;
        let before = self.get();
        if before.version != prepared.based_on {
            return Err(StoreError::Conflict);
        }
        let Prepared { settings, password, new_password, .. } = prepared;
        if new_password && let (Some(account), Some(password)) = (&settings.account, &password) {
            self.secrets.store(&account.user, password)?;
        }
        self.put_in_force(&before, settings, password)
    }

    /// Puts the organisation's settings in force, with the doors of this computer left as they are. Without a password, the
    /// one that is stored stays, if the account does. `None`: all of it was in force already.
    pub async fn adopt(
        &self,
        published: &Settings,
        password: Option<SecretString>,
    ) -> Result<Option<Arc<InForce>>, StoreError> {
        let _one_at_a_time = self.changing.lock().await;
        let before = self.get();
        let settings = Settings { intake: before.settings.intake.clone(), ..published.clone() };
        let same_account = settings.account == before.settings.account;
        let (kept, new) = (before.password.as_ref().filter(|_| same_account), password.as_ref());
        let is_new = new.is_some_and(|new| kept.is_none_or(|kept| kept.expose_secret() != new.expose_secret()));
        if settings == before.settings && !is_new {
            return Ok(None);
        }
        settings.check()?;
        match (&settings.account, new) {
            (Some(account), Some(password)) if is_new => self.secrets.store(&account.user, password)?,
            // It was another account's.
            _ if kept.is_none() => self.secrets.forget()?,
            _ => {}
        }
        let password = if settings.account.is_some() { new.or(kept).cloned() } else { None };
        self.put_in_force(&before, settings, password).map(Some)
    }

    /// Forgets the account's password.
    pub async fn forget_password(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.changing.lock().await;
        let before = self.get();
        self.secrets.forget()?;
        let now = InForce { password: None, change: before.change + 1, servers: Arc::default(), ..(*before).clone() };
        self.in_force.send_replace(Arc::new(now));
        Ok(())
    }

    fn put_in_force(
        &self,
        before: &InForce,
        settings: Settings,
        password: Option<SecretString>,
    ) -> Result<Arc<InForce>, StoreError> {
        self.write(&settings).map_err(|source| StoreError::File { path: self.path.clone(), source })?;
        let now = InForce {
            version: version(&settings),
            settings,
            password,
            change: before.change + 1,
            servers: Arc::default(),
        };
        let now = Arc::new(now);
        self.in_force.send_replace(now.clone());
        Ok(now)
    }

    fn write(&self, settings: &Settings) -> std::io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, settings)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

fn version(settings: &Settings) -> String {
    let text = serde_json::to_vec(settings).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(text).into();
    digest[..8].iter().fold(String::new(), |version, byte| version + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Account, Connection, OAuthSettings};

    fn open(folder: &Path) -> Result<SettingsStore, StoreError> {
        SettingsStore::open(&folder.join("settings.json"), SecretStore::new(folder))
    }

    fn configured() -> Settings {
        Settings {
            enabled: true,
            connection: Some(Connection::manual("https://mail/EWS/Exchange.asmx")),
            account: Some(Account { user: "svc@x".into() }),
            ..Settings::default()
        }
    }

    fn with_password(settings: Settings) -> SettingsChange {
        SettingsChange { settings, password: Some(SecretString::from("secret")) }
    }

    #[tokio::test]
    async fn a_change_is_there_after_a_restart_with_the_password_and_without_it_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        let version = store.get().version.clone();
        store.change(with_password(configured()), &version).await.unwrap();
        let again = open(folder.path()).unwrap().get();
        assert_eq!(again.settings, configured());
        assert_eq!(again.password.as_ref().unwrap().expose_secret(), "secret");
        assert!(!std::fs::read_to_string(folder.path().join("settings.json")).unwrap().contains("secret"));
    }

    /// P3
    #[tokio::test]
    async fn a_change_based_on_an_older_version_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        let version = store.get().version.clone();
        let first = store.change(with_password(configured()), &version).await.unwrap();
        let second = store.change(with_password(Settings::default()), &version).await;
        assert!(matches!(second, Err(StoreError::Conflict)));
        assert_eq!(store.get().version, first.version);
    }

    /// P1: settings from the directory.
    #[tokio::test]
    async fn what_is_adopted_leaves_the_doors_and_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        let mut own = Settings::default();
        own.intake.max_message_bytes = 4096;
        let change = SettingsChange { settings: own.clone(), password: None };
        store.change(change, &store.get().version).await.unwrap();
        let password = Some(SecretString::from("Zebra-7"));
        let now = store.adopt(&configured(), password.clone()).await.unwrap().unwrap();
        assert_eq!(now.settings, Settings { intake: own.intake, ..configured() });
        let again = open(folder.path()).unwrap().get();
        assert_eq!((&again.settings, again.password.is_some()), (&now.settings, true));
        assert!(store.adopt(&configured(), password).await.unwrap().is_none(), "nothing is begun anew");
        assert!(store.adopt(&configured(), None).await.unwrap().is_none(), "the password stays");
        let new = store.adopt(&configured(), Some(SecretString::from("Zebra-8"))).await.unwrap().unwrap();
        assert_eq!(new.password.as_ref().unwrap().expose_secret(), "Zebra-8");
    }

    /// P2
    #[tokio::test]
    async fn a_password_does_not_stay_for_another_account() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        store.change(with_password(configured()), &store.get().version).await.unwrap();
        let other = Settings { account: Some(Account { user: "other@x".into() }), ..configured() };
        assert!(store.adopt(&other, None).await.unwrap().unwrap().password.is_none());
        let again = open(folder.path()).unwrap();
        assert!(again.get().password.is_none() && again.secret_problem().is_none());
        store.change(with_password(other), &store.get().version).await.unwrap();
        store.forget_password().await.unwrap();
        assert!(store.get().password.is_none() && open(folder.path()).unwrap().get().password.is_none());
    }

    #[tokio::test]
    async fn a_new_account_needs_a_password_and_the_same_account_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        let change = SettingsChange { settings: configured(), password: None };
        let refused = store.change(change, &store.get().version).await;
        assert!(matches!(refused, Err(StoreError::NoPassword { .. })));
        store.change(with_password(configured()), &store.get().version).await.unwrap();
        let off = Settings { enabled: false, ..configured() };
        let now = store.change(SettingsChange { settings: off, password: None }, &store.get().version).await.unwrap();
        assert!(now.password.is_some());
    }

    /// U11
    #[tokio::test]
    async fn a_service_that_signs_in_as_itself_needs_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        let mut settings = configured();
        let connection = crate::settings::Connection::manual("https://mail.corp.example/EWS/Exchange.asmx");
        settings.connection = Some(crate::settings::Connection { as_service: true, ..connection });
        let change = SettingsChange { settings, password: None };
        let now = store.change(change, &store.get().version).await.unwrap();
        assert!(now.password.is_none());
        // Where tickets of the system are at hand, a client is made of it; elsewhere signing in tells what is missing.
        assert!(crate::updater::exchange::connect(&now, crate::updater::clock::Clock::system()).is_ok());
    }

    /// U11: what is kept for tokens may be the secret of an application.
    #[tokio::test]
    async fn the_directory_is_shown_a_password_and_never_the_secret_of_an_application() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        let mut in_force = (*store.change(with_password(configured()), &store.get().version).await.unwrap()).clone();
        let manual = Connection::manual("https://mail.corp.example/EWS/Exchange.asmx");
        let with = |grant| OAuthSettings::new("corp.example", "7d3f", grant);
        for (connection, password) in [
            (manual.clone(), true),
            (Connection { oauth: Some(with(OAuthGrant::Password)), ..manual.clone() }, true),
            (Connection { oauth: Some(with(OAuthGrant::Secret)), ..manual.clone() }, false),
            (Connection { oauth: Some(with(OAuthGrant::Certificate)), ..manual.clone() }, false),
            (Connection { as_service: true, ..manual }, false),
        ] {
            in_force.settings.connection = Some(connection);
            let shown = in_force.directory_sign_in().unwrap();
            assert_eq!(matches!(shown, SignIn::Password { .. }), password, "{:?}", in_force.settings.connection);
        }
        in_force.settings.connection = None;
        in_force.password = None;
        assert!(in_force.directory_sign_in().unwrap_err().contains("no password is stored"));
    }

    #[tokio::test]
    async fn a_password_that_can_not_be_read_back_is_said_to_be_so_until_another_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        store.change(with_password(configured()), &store.get().version).await.unwrap();
        std::fs::write(folder.path().join("account.secret"), "damaged").unwrap();
        let store = open(folder.path()).unwrap();
        assert!(store.get().password.is_none());
        assert!(store.secret_problem().unwrap().to_string().contains("enter the password again"));
        store.change(with_password(configured()), &store.get().version).await.unwrap();
        assert!(store.secret_problem().is_none());
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_as_it_is_and_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("settings.json"), "{\"enabled\": maybe}").unwrap();
        let error = open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("settings.json") && error.contains("line 1"), "{error}");
        assert!(folder.path().join("settings.json").exists());
    }
}
