//! Ways to an organisation: a real domain, or the sandbox that runs with the panel.

mod active_directory;
mod rehearsed;
mod remembered;

pub use active_directory::ActiveDirectory;
pub use rehearsed::Rehearsed;

use futures_util::StreamExt as _;

use crate::directory::{Directory, DirectorySearch as _, Kinds, Query};
use crate::setup::{Failure, failures};

/// Signs in, by asking something small: what is wrong is better told here than in the middle of a step.
async fn try_out(directory: &Directory) -> Result<(), Failure> {
    let kinds = Kinds { users: true, groups: false };
    let query = Query { text: String::new(), kinds, domain: None, page_size: 1 };
    match directory.search(query).next().await {
        Some(Err(problem)) => Err(failures::directory("to sign you in", &problem)),
        Some(Ok(_)) | None => Ok(()),
    }
}
