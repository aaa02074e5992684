//! Where the directory is, and who asks it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use super::failure::Failure;
use super::password;
use crate::directory::{Directory, DirectoryError, Options, SignIn};
use crate::settings::DirectorySettings;

/// Name of the variable that may hold the password of `--user`.
const PASSWORD: &str = "SIU_DIRECTORY_PASSWORD";

/// How to reach Active Directory.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Active Directory")]
pub struct DirectoryPlace {
    /// DNS name of the domain, as in corp.example.com [default: that of the account in question]
    #[arg(long, value_name = "NAME", env = "SIU_DIRECTORY_DOMAIN")]
    pub domain: Option<String>,
    /// A domain controller: name, name:port, ldaps://name or ldap://name (then StartTLS); may be given several times
    /// [default: those that DNS names]
    #[arg(long = "controller", value_name = "NAME")]
    pub controllers: Vec<String>,
    /// File with certificate authorities (PEM) to trust beside the system's; may be given several times
    #[arg(long = "ca", value_name = "FILE")]
    pub ca_files: Vec<PathBuf>,
    /// Name server to ask for the domain's controllers and for Autodiscover [default: those of the system]
    #[arg(long = "name-server", value_name = "ADDRESS:PORT")]
    pub name_server: Option<SocketAddr>,
    /// User principal name to sign in with; its password is taken from SIU_DIRECTORY_PASSWORD [default: the logged-on
    /// user, by Kerberos]
    #[arg(long, value_name = "UPN")]
    pub user: Option<String>,
    /// Read the password of --user from the first line of standard input
    #[arg(long, requires = "user")]
    pub user_password_stdin: bool,
}

impl DirectoryPlace {
    /// Settings, with the domain of this UPN unless another is given.
    pub fn settings(&self, upn: Option<&str>) -> Result<DirectorySettings, Failure> {
        let of_upn = || upn.or(self.user.as_deref())?.rsplit_once('@').map(|(_, domain)| domain.to_owned());
        let domain = self.domain.clone().or_else(of_upn);
        let domain = domain.ok_or_else(|| Failure::new("say with --domain which domain it is about"))?;
        let read = |file: &PathBuf| {
            std::fs::read_to_string(file)
                .map_err(|error| Failure::new(format!("{} can't be read: {error}", file.display())))
        };
        let extra_roots = self.ca_files.iter().map(read).collect::<Result<_, _>>()?;
        Ok(DirectorySettings { domain, controllers: self.controllers.clone(), extra_roots })
    }

    /// The directory, not yet connected to. Reads a line of standard input if it was told to.
    pub fn directory(&self, upn: Option<&str>) -> Result<Directory, Failure> {
        let options = Options { name_server: self.name_server, ..Options::default() };
        Ok(Directory::with_options(&self.settings(upn)?, self.sign_in()?, &options)?)
    }

    /// Who asks. Reads a line of standard input if it was told to.
    pub fn sign_in(&self) -> Result<SignIn, Failure> {
        let Some(upn) = self.user.clone() else { return Ok(SignIn::LoggedOn) };
        let password: Option<SecretString> =
            if self.user_password_stdin { Some(password::line()?) } else { password::variable(PASSWORD)? };
        let password = password.ok_or_else(|| {
            Failure::new(format!(
                "the password of {upn} is missing; put it into {PASSWORD}, or use --user-password-stdin"
            ))
        })?;
        Ok(SignIn::Password { upn, password })
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        let advice = error.advice();
        Self::new(if advice.is_empty() { error.to_string() } else { format!("{error}. {advice}") })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        place: DirectoryPlace,
    }

    fn place(words: &[&str]) -> DirectoryPlace {
        Line::parse_from(std::iter::once("x").chain(words.iter().copied())).place
    }

    #[test]
    fn the_domain_is_that_of_the_account_unless_another_is_named() {
        let domain = |words: &[&str], upn| place(words).settings(upn).map(|settings| settings.domain).ok();
        assert_eq!(domain(&[], Some("svc@a.test")).as_deref(), Some("a.test"));
        assert_eq!(domain(&["--domain", "b.test"], Some("svc@a.test")).as_deref(), Some("b.test"));
        assert_eq!(domain(&["--user", "me@c.test"], None).as_deref(), Some("c.test"));
        assert_eq!(domain(&[], None), None);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = place(&["--ca", "no/such.pem"]).settings(Some("a@b.test")).unwrap_err();
        assert!(error.message.contains("no/such.pem"), "{error}");
    }
}
