//! A sign-in that came to nothing, for the person who configures: what, why, what to do.

use super::oauth::TokenProblem;
use super::problem::{KerberosRefusal, SignInProblem, TicketRefusal};
use crate::ews::error::At;
use crate::ews::explain::{Concern, Told, owned};

/// `ticket` is what the server said of a Kerberos ticket, if it did.
pub(in crate::ews) fn explain(problem: &SignInProblem, ticket: Option<TicketRefusal>, at: &At, account: &str) -> Told {
    let host = at.host();
    match problem {
        SignInProblem::Refused { .. } if let Some(ticket) = ticket => refused_ticket(ticket, host, account),
        SignInProblem::NothingFits { offered, why } => Told {
            concern: Concern::Server,
            what: format!("{host} and the settings have no way to sign in in common."),
            cause: format!(
                "The server offers {}; {}.",
                if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") },
                why.join(", ")
            ),
            advice: owned([
                "See what is switched on with Get-WebServicesVirtualDirectory | Format-List *Authentication*.",
                "Switch Windows authentication on with Set-WebServicesVirtualDirectory -WindowsAuthentication $true, or \
                 change connection.auth_order.",
            ]),
        },
        SignInProblem::NotAsked { title } => Told {
            concern: Concern::Server,
            what: format!("{host} lets everybody in without asking who it is."),
            cause: match title {
                None => {
                    "Exchange never does that: another web service answers, or a proxy signs in by itself.".to_owned()
                }
                Some(title) => format!(
                    "Exchange never does that. What answers is a page titled {title:?}: that of another web service, or of \
                     a network that wants people to sign in before it lets them through."
                ),
            },
            advice: vec![format!("Check that {} is the address of Exchange Web Services.", at.url())],
        },
        SignInProblem::Refused { scheme, bound } => {
            let mut advice = vec![
                "Enter the password again; mind upper and lower case.".to_owned(),
                format!("Check in Active Directory that {account} is enabled and not locked."),
            ];
            if *bound {
                advice.push(
                    "If a proxy or load balancer opens the encryption on the way, let this machine go around it, or set \
                     Extended Protection for EWS to Allow or Off on the server."
                        .to_owned(),
                );
            }
            Told {
                concern: Concern::Account,
                what: format!("{host} does not accept {account} by {}.", scheme.name()),
                cause:
                    "The user name or the password is wrong, the account is locked, disabled or expired, or a policy \
                        of the domain forbids this way to sign in."
                        .to_owned(),
                advice,
            }
        }
        SignInProblem::Kerberos(refusal) => kerberos(*refusal, host, account),
        SignInProblem::NoTicket(_) => Told {
            concern: Concern::Server,
            what: "No domain controller gives this machine a Kerberos ticket.".to_owned(),
            cause: "None can be reached on port 88, or none is known for the domain of the account's name.".to_owned(),
            advice: owned([
                "Check that the domain's name servers are set on this machine, and that port 88 is open.",
                "Name a domain controller as connection.kdc, or add ntlm to connection.auth_order.",
            ]),
        },
        SignInProblem::LoggedOn(_) => Told {
            concern: Concern::Account,
            what: "The user that this program runs as can't sign in to Exchange.".to_owned(),
            cause: "It is no account of the domain, or has no Kerberos ticket.".to_owned(),
            advice: owned(["Run the service as an account of the domain, or enter an account and its password."]),
        },
        SignInProblem::NotUnderstood { scheme, .. } => Told {
            concern: Concern::Server,
            what: format!("What {host} answers while signing in by {} makes no sense.", scheme.name()),
            cause: "Something between this machine and Exchange changes what they say to each other.".to_owned(),
            advice: owned(["Let this machine reach Exchange without a proxy in between.", "Use basic over HTTPS."]),
        },
        SignInProblem::Endless { scheme, .. } | SignInProblem::Closed { scheme } => Told {
            concern: Concern::Server,
            what: format!("Signing in to {host} by {} does not come to an end.", scheme.name()),
            cause: "A proxy or load balancer in between sends the parts of one sign-in over different connections, or \
                    closes them in the middle."
                .to_owned(),
            advice: owned([
                "Let the load balancer keep one connection to one server (no multiplexing for EWS).",
                "Put basic first in connection.auth_order, if Basic authentication is switched on for EWS.",
            ]),
        },
        SignInProblem::Token(problem) => token(problem, account),
    }
}

/// The domain let the account in, and the server does not take its word for it.
fn refused_ticket(ticket: TicketRefusal, host: &str, account: &str) -> Told {
    use TicketRefusal as R;
    let (concern, cause, advice): (_, String, Vec<String>) = match ticket {
        R::Expired | R::NotYetValid | R::ClockSkew => (
            Concern::Server,
            format!(
                "The clocks of {host}, of this machine and of the domain controller do not agree; Kerberos allows five \
                 minutes."
            ),
            owned(["Compare the three clocks (w32tm /query /status), and let all of them follow the domain's time."]),
        ),
        R::WrongKey => (
            Concern::Server,
            format!(
                "{host} does not have the key to which the domain encrypts tickets for HTTP/{host}: the name is \
                 registered for another account than the one that answers, or its password was changed and the servers \
                 (or a keytab) still have the former one."
            ),
            vec![
                format!("See whose the name is: setspn -Q HTTP/{host}; it has to be one account alone."),
                "Behind a load balancer, give all Exchange servers the same alternate service account \
                 (RollAlternateServiceAccountPassword.ps1)."
                    .to_owned(),
                "Renew the keytab, if a proxy in front of Exchange signs people in.".to_owned(),
            ],
        ),
        R::NotForIt => (
            Concern::Server,
            format!("What answers under the name {host} calls itself otherwise, and takes tickets for that name only."),
            owned([
                "Use the name by which the server knows itself in the address of EWS, or register this one for it \
                 (setspn -S).",
            ]),
        ),
        R::Repeated => (
            Concern::Moment,
            "Two sign-ins looked the same to the server, or something on the way sent one of them twice.".to_owned(),
            owned([
                "Try again.",
                "If it happens often, let this machine reach Exchange without a proxy in between, and check the clocks.",
            ]),
        ),
        R::Other(code) => (
            Concern::Server,
            format!("It answers with error {code} of Kerberos and says no more."),
            owned([
                "See the security log of the server, and the log of a proxy in front of it, at this moment.",
                "Add ntlm to connection.auth_order.",
            ]),
        ),
    };
    Told { concern, what: format!("{host} does not accept the Kerberos ticket of {account}."), cause, advice }
}

fn kerberos(refusal: KerberosRefusal, host: &str, account: &str) -> Told {
    use KerberosRefusal as R;
    let (concern, cause, advice): (_, &str, Vec<String>) = match refusal {
        R::WrongPassword => (
            Concern::Account,
            "The password is wrong.",
            owned(["Enter the password again; mind upper and lower case."]),
        ),
        R::UnknownAccount => (
            Concern::Account,
            "The domain has no account of this name.",
            owned(["Check the user principal name of the account in Active Directory."]),
        ),
        R::Disabled => (
            Concern::Account,
            "The account is disabled, locked or expired.",
            vec![format!("Enable or unlock {account} in Active Directory.")],
        ),
        R::PasswordExpired => (
            Concern::Account,
            "The password has expired or must be changed.",
            owned(["Give the account a new password that never expires.", "Run the configuration again and enter it."]),
        ),
        R::UnknownService => (
            Concern::Server,
            "No account of the domain has the service principal name that belongs to the server's name.",
            vec![
                format!("Register it for the account of the Exchange servers: setspn -S HTTP/{host} ACCOUNT."),
                "Add ntlm to connection.auth_order.".to_owned(),
            ],
        ),
        R::ClockSkew => (
            Concern::Server,
            "The clocks of this machine and of the domain controller differ by more than five minutes.",
            owned(["Set the clock of this machine, and let it follow the domain's time."]),
        ),
        R::TicketExpired => (
            Concern::Moment,
            "The ticket expired on the way, or a clock is wrong.",
            owned(["Try again, and check the clocks."]),
        ),
        R::Policy => (
            Concern::Account,
            "A policy forbids the account to sign in from here or at this time.",
            owned(["See the account's logon hours, logon computers and authentication policy in Active Directory."]),
        ),
        R::NoEncryption => (
            Concern::Account,
            "The account has no key of a kind that the domain controller accepts.",
            owned(["Set the password of the account anew, which makes its keys anew."]),
        ),
        R::WrongRealm | R::Other(_) => (
            Concern::Account,
            "The domain controller can't help with an account of this name.",
            owned(["Write the account as name@domain, with the full name of its domain.", "Check connection.kdc."]),
        ),
    };
    Told {
        concern,
        what: format!("The domain gives {account} no Kerberos ticket for {host}."),
        cause: cause.to_owned(),
        advice,
    }
}

fn token(problem: &TokenProblem, account: &str) -> Told {
    let told = problem.told();
    let concern = match problem {
        TokenProblem::Unreachable { .. } | TokenProblem::Busy { .. } => Concern::Moment,
        TokenProblem::NotHttps(_) | TokenProblem::NotUnderstood { .. } => Concern::Server,
        TokenProblem::NotAccepted => Concern::Right,
        TokenProblem::Refused(_) | TokenProblem::Certificate(_) => Concern::Account,
    };
    Told {
        concern,
        what: told.what.replace("{account}", account),
        cause: told.cause.to_owned(),
        advice: told.advice.iter().map(|advice| (*advice).to_owned()).collect(),
    }
}
