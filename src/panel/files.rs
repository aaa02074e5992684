//! Files that the person chooses: the system's dialogs, behind a trait so that tests answer for the person.

use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// The person's answers; none when they cancelled.
pub trait Files: Send + Sync {
    fn folder(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>>;
    fn open(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>>;
    /// Certificates in PEM form.
    fn certificates(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>>;
    /// Where to save a JSON file, with a name to begin with.
    fn save(&self, title: &str, name: &str) -> BoxFuture<'static, Option<PathBuf>>;
}

/// The system's own dialogs.
pub struct SystemFiles;

impl Files for SystemFiles {
    fn folder(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>> {
        chosen(rfd::AsyncFileDialog::new().set_title(title).pick_folder())
    }

    fn open(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>> {
        chosen(rfd::AsyncFileDialog::new().set_title(title).add_filter("JSON", &["json"]).pick_file())
    }

    fn certificates(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>> {
        let dialog = rfd::AsyncFileDialog::new().set_title(title);
        chosen(dialog.add_filter("Certificates", &["pem", "crt", "cer"]).pick_file())
    }

    fn save(&self, title: &str, name: &str) -> BoxFuture<'static, Option<PathBuf>> {
        let dialog = rfd::AsyncFileDialog::new().set_title(title).set_file_name(name);
        chosen(dialog.add_filter("JSON", &["json"]).save_file())
    }
}

fn chosen(
    dialog: impl Future<Output = Option<rfd::FileHandle>> + Send + 'static,
) -> BoxFuture<'static, Option<PathBuf>> {
    dialog.map(|file| file.map(|file| file.path().to_owned())).boxed()
}

/// A file could not be written or read, in words for the person who chose it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{} can't be written: {source}. Choose a place where you may write.", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{} can't be read: {source}.", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is larger than any settings are.", .0.display())]
    TooLarge(PathBuf),
}

/// Larger files than this are no settings, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Writes a file as a whole: what was there before stays when it fails.
pub async fn write(path: PathBuf, content: Vec<u8>) -> Result<PathBuf, FileError> {
    let target = path.clone();
    let written = tokio::task::spawn_blocking(move || write_now(&target, &content)).await;
    match written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        Ok(()) => Ok(path),
        Err(source) => Err(FileError::Write { path, source }),
    }
}

fn write_now(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| without_path(&error))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// tempfile adds the name of its temporary file, which means nothing to the person.
fn without_path(error: &std::io::Error) -> std::io::Error {
    match error.raw_os_error() {
        Some(code) => std::io::Error::from_raw_os_error(code),
        None => std::io::Error::from(error.kind()),
    }
}

pub async fn read(path: PathBuf) -> Result<Vec<u8>, FileError> {
    match tokio::fs::metadata(&path).await {
        Ok(found) if found.len() > LARGEST => return Err(FileError::TooLarge(path)),
        Ok(_) => {}
        Err(source) => return Err(FileError::Read { path, source }),
    }
    match tokio::fs::read(&path).await {
        Ok(content) => Ok(content),
        Err(source) => Err(FileError::Read { path, source }),
    }
}

#[cfg(test)]
pub mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers with these paths, and notes what was asked.
    #[derive(Default)]
    pub struct Answers {
        pub path: Mutex<Option<PathBuf>>,
        pub asked: Mutex<Vec<String>>,
    }

    impl Answers {
        pub fn with(path: impl Into<PathBuf>) -> Self {
            Self { path: Mutex::new(Some(path.into())), asked: Mutex::default() }
        }

        fn answer(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>> {
            self.asked.lock().unwrap().push(title.to_owned());
            std::future::ready(self.path.lock().unwrap().clone()).boxed()
        }
    }

    impl Files for Answers {
        fn folder(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>> {
            self.answer(title)
        }

        fn open(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>> {
            self.answer(title)
        }

        fn certificates(&self, title: &str) -> BoxFuture<'static, Option<PathBuf>> {
            self.answer(title)
        }

        fn save(&self, title: &str, _: &str) -> BoxFuture<'static, Option<PathBuf>> {
            self.answer(title)
        }
    }

    #[tokio::test]
    async fn a_place_that_can_not_be_written_to_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/settings.json");
        let problem = write(path.clone(), b"x".to_vec()).await.unwrap_err().to_string();
        assert!(problem.starts_with(&format!("{} can't be written", path.display())), "{problem}");
        assert!(problem.contains("Choose a place"), "{problem}");
        let problem = read(path).await.unwrap_err().to_string();
        assert!(problem.contains("can't be read"), "{problem}");
    }

    #[tokio::test]
    async fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        std::fs::write(&path, "old and longer").unwrap();
        write(path.clone(), b"new".to_vec()).await.unwrap();
        assert_eq!(read(path).await.unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
