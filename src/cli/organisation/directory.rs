//! Where the organisation's configuration is in the directory, and who administers it.

use clap::Args;

use crate::cli::directory_place::DirectoryPlace;
use crate::cli::failure::Failure;
use crate::directory::{Directory, Options, SignIn};
use crate::organisation::administration::{Administration, AdministrationError, By};
use crate::settings::DirectorySettings;

/// Where it is, and who asks.
#[derive(Debug, Clone, Args)]
pub struct OrganisationPlace {
    /// Container or organisational unit in which the configuration is kept, as a distinguished name
    /// [default: CN=Program Data of the domain]
    #[arg(long, value_name = "DN")]
    pub place: Option<String>,
    #[command(flatten)]
    pub directory: DirectoryPlace,
}

impl OrganisationPlace {
    /// How the directory is reached: as the command line says.
    pub fn settings(&self) -> Result<DirectorySettings, Failure> {
        self.directory.settings(None)
    }

    /// With the rights of whoever is to sign in. Reads a line of standard input if it was told to.
    pub fn administration(&self) -> Result<Administration, Failure> {
        self.administration_at(&self.settings()?, self.directory.sign_in()?, None)
    }

    /// `known` is the place unless another is named.
    pub fn administration_at(
        &self,
        settings: &DirectorySettings,
        sign_in: SignIn,
        known: Option<&str>,
    ) -> Result<Administration, Failure> {
        let options = Options { name_server: self.directory.name_server, ..Options::default() };
        let directory = Directory::with_options(settings, sign_in, &options)?;
        Ok(Administration::new(directory, self.place.as_deref().or(known))?)
    }
}

impl From<AdministrationError> for Failure {
    fn from(error: AdministrationError) -> Self {
        let advice = error.advice(By::CommandLine);
        Self::new(if advice.is_empty() { error.to_string() } else { format!("{error}. {advice}") })
    }
}
