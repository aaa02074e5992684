//! Signing in as the logged-on user: Kerberos, by GSSAPI on Unix and SSPI on Windows.

use std::fmt;

/// Why the logged-on user can't sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KerberosProblem {
    /// This program was built without it.
    NotBuilt,
    /// The controller is named by its address.
    NeedsName,
    NoTicket,
    TicketExpired,
    /// The clocks of this machine and of the controller differ too much.
    ClockSkew,
    UnknownRealm,
    /// No controller answers for Kerberos.
    NoKdc,
    /// The domain does not know the controller under this name.
    UnknownServer,
    /// With what the system, or the controller, says.
    Other(String),
}

impl KerberosProblem {
    /// What the text of a GSSAPI or SSPI error means.
    #[must_use]
    pub fn of(said: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        // Words of MIT Kerberos and Heimdal, and Windows' codes.
        if says(&["Clock skew", "lock skew", "0x80090324", "machines are skewed"]) {
            Self::ClockSkew
        } else if says(&["expired", "0x80090317"]) {
            Self::TicketExpired
        } else if says(&[
            "Cannot find KDC",
            "annot contact any KDC",
            "unable to reach any KDC",
            "0x80090311",
            "No authority could be contacted",
        ]) {
            if says(&["Cannot find KDC"]) { Self::UnknownRealm } else { Self::NoKdc }
        } else if says(&["realm", "Realm"]) {
            Self::UnknownRealm
        } else if says(&["not found in Kerberos database", "0x80090303", "target is unknown"]) {
            Self::UnknownServer
        } else if says(&[
            "o credentials",
            "No Kerberos credentials",
            "o Kerberos credentials",
            "0x8009030e",
            "0x8009030E",
        ]) {
            Self::NoTicket
        } else {
            Self::Other(said.to_owned())
        }
    }

    pub(super) fn advice(&self) -> String {
        match self {
            Self::NotBuilt => {
                "Sign in with a user principal name and a password, or use a build with the feature gssapi."
            }
            Self::NeedsName => "Name the domain controller by its full DNS name.",
            Self::NoTicket | Self::TicketExpired => {
                "Log on to the domain (on Linux: kinit name@REALM), or sign in with a user principal name and a password."
            }
            Self::ClockSkew => "Set the clock of this machine, and let it follow the domain's time.",
            Self::UnknownRealm => "Check the domain's realm in the Kerberos configuration of this machine (krb5.conf), and DNS.",
            Self::NoKdc => "Check that the domain controllers can be reached on port 88.",
            Self::UnknownServer => "Name the domain controller by its full DNS name, as the domain knows it.",
            Self::Other(_) => "Check the Kerberos configuration of this machine.",
        }
        .to_owned()
    }
}

impl fmt::Display for KerberosProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuilt => "this program was built without Kerberos (feature gssapi)",
            Self::NeedsName => "Kerberos needs the name of the domain controller instead of its address",
            Self::NoTicket => "there is no Kerberos ticket",
            Self::TicketExpired => "the Kerberos ticket has expired",
            Self::ClockSkew => {
                "the clocks of this machine and of the domain controller differ by more than Kerberos allows"
            }
            Self::UnknownRealm => "the Kerberos realm is not known to this machine",
            Self::NoKdc => "no domain controller answers for Kerberos",
            Self::UnknownServer => "the domain does not know the domain controller under this name",
            Self::Other(said) => return write!(f, "Kerberos failed ({said})"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kerberos_says_is_told_in_words() {
        let cases = [
            ("GSSAPI … Clock skew too great", KerberosProblem::ClockSkew),
            ("No Kerberos credentials available (default cache: FILE:/tmp/x)", KerberosProblem::NoTicket),
            ("Ticket expired", KerberosProblem::TicketExpired),
            ("Cannot find KDC for realm \"X\"", KerberosProblem::UnknownRealm),
            ("Cannot contact any KDC for realm 'X'", KerberosProblem::NoKdc),
            ("Server ldap/x@X not found in Kerberos database", KerberosProblem::UnknownServer),
            // As Windows words them, its code in brackets.
            ("No credentials are available in the security package (0x8009030E)", KerberosProblem::NoTicket),
            ("No authority could be contacted for authentication. (0x80090311)", KerberosProblem::NoKdc),
            ("The specified target is unknown or unreachable (0x80090303)", KerberosProblem::UnknownServer),
            ("The clocks on the client and server machines are skewed. (0x80090324)", KerberosProblem::ClockSkew),
            // Where it leaves the code out.
            ("step failed The clocks on the client and server machines are skewed.", KerberosProblem::ClockSkew),
            ("step failed The specified target is unknown or unreachable", KerberosProblem::UnknownServer),
            ("The context has expired and can no longer be used. (0x80090317)", KerberosProblem::TicketExpired),
        ];
        for (said, meant) in cases {
            assert_eq!(KerberosProblem::of(said), meant);
        }
    }
}
