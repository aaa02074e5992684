//! Where messages wait.

use serde::{Deserialize, Serialize};

use super::{SettingsProblem, wrong};

/// The queue that this updater shares with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSettings {
    /// `postgres://user@server/database`. Without a password: that has its place in a password file.
    pub address: String,
}

impl QueueSettings {
    pub(super) fn check(&self) -> Result<(), SettingsProblem> {
        const FIELD: &str = "queue.address";
        let Some((_, rest)) =
            self.address.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"))
        else {
            return Err(wrong(FIELD, "it must begin with postgres://"));
        };
        // Settings are shown to whoever may use the panel, and lie in a file.
        if has_password(rest) {
            return Err(wrong(
                FIELD,
                "a password does not belong there; put it into a password file (PGPASSFILE, ~/.pgpass or passfile=…)",
            ));
        }
        Ok(())
    }
}

/// Whether there is a password in what follows the scheme of an address, or what may be a part of one: a password with a
/// `?` ends the place too early, and its rest stands before the `@`.
pub(crate) fn has_password(rest: &str) -> bool {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let in_place = place.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    let in_query = |pair: &str| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        // No word of an address needs an escape.
        name == "password" || name.contains('%')
    };
    in_place || query.contains('@') || query.split('&').any(in_query)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U11
    #[test]
    fn an_address_with_a_password_is_not_taken_over_nor_repeated() {
        let check =
            |address: &str| QueueSettings { address: address.to_owned() }.check().map_err(|error| error.to_string());
        for address in [
            "postgres://siu:s3cret@db/siu",
            "postgresql://db/siu?user=siu&password=s3cret",
            "postgres://db/siu?p%61ssword=s3cret",
            "postgres://siu:s3?cret@db/siu",
            "postgres://siu:s3/cret@db/siu",
        ] {
            let problem = check(address).unwrap_err();
            assert!(
                problem.contains("password file") && !problem.contains("s3") && !problem.contains("cret"),
                "{problem}"
            );
        }
        assert!(check("mysql://db/siu").unwrap_err().contains("postgres://"));
        assert_eq!(check("postgres://siu@db:5433/siu?lease=60"), Ok(()));
    }
}
