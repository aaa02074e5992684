//! Why there is no token, in words; the numbers of Microsoft Entra among them.

use std::fmt;

/// Why there is no token, or none that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    #[error("{0} is not an https address: secrets are not sent there")]
    NotHttps(String),
    #[error("the certificate to sign in with can't be used: {0}")]
    Certificate(String),
    #[error("no token can be had from {host}: {problem}")]
    Unreachable { host: String, problem: String },
    #[error("{host} issues no tokens at the moment (HTTP status {status})")]
    Busy { host: String, status: u16 },
    #[error("what {host} answers is no token: {problem}")]
    NotUnderstood { host: String, problem: String },
    #[error("{0}")]
    Refused(Refusal),
    #[error("Exchange does not accept the token, though it was issued just now")]
    NotAccepted,
}

/// A refusal of Microsoft Entra.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The number behind `AADSTS`.
    pub code: Option<u32>,
    /// The error of OAuth, such as `invalid_grant`.
    pub error: String,
    /// The first sentence of what it said.
    pub said: String,
}

/// Whom a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The password was accepted; what is missing is a second proof.
    SecondFactor,
    /// The account or its password.
    Account,
    /// The application that asks.
    Application,
    /// Later it may be otherwise.
    Moment,
    Unclear,
}

/// Of what a server says, so much is shown.
const SHOWN: usize = 300;

impl Refusal {
    pub(crate) fn new(error: &str, said: &str, codes: &[u32]) -> Self {
        let in_text = said.split_once("AADSTS").and_then(|(_, rest)| {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..end].parse().ok()
        });
        // Behind the first line stand numbers for the support.
        let line = said.split(['\r', '\n']).next().unwrap_or_default();
        let line = line.split(" Trace ID:").next().unwrap_or_default();
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(SHOWN).collect::<String>();
        Self { code: codes.first().copied().or(in_text), error: clean(error), said: clean(line).trim().to_owned() }
    }
}

impl Refusal {
    pub(crate) fn about(&self) -> About {
        match self.code {
            Some(50072 | 50074 | 50076 | 50079 | 50158) => About::SecondFactor,
            Some(
                50020
                | 50034
                | 50053
                | 50055..=50057
                | 50105
                | 50126
                | 50128
                | 50131
                | 50144
                | 51004
                | 53000..=53011
                | 80_001..=80_014
                | 90072,
            ) => About::Account,
            Some(90033 | 90055 | 50196) => About::Moment,
            _ if told(self).what == APPLICATION => About::Application,
            _ => About::Unclear,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = told(self);
        f.write_str("Microsoft Entra issues no token: ")?;
        f.write_str(told.cause.trim_end_matches('.'))?;
        match self.code {
            Some(code) => write!(f, " (AADSTS{code}")?,
            None => write!(f, " ({}", self.error)?,
        }
        if self.said.is_empty() { f.write_str(")") } else { write!(f, ": {})", self.said.trim_end_matches('.')) }
    }
}

/// What, why, what to do. `{account}` stands for the account.
pub(crate) struct InWords {
    pub what: String,
    pub cause: &'static str,
    pub advice: &'static [&'static str],
}

impl TokenProblem {
    pub(crate) fn told(&self) -> InWords {
        let (what, cause, advice): (String, _, &'static [&'static str]) = match self {
            Self::NotHttps(_) => (
                "The address that issues tokens is not encrypted.".to_owned(),
                "Secrets are sent to it, which anybody could read on the way.",
                &["Give connection.oauth.authority as an address that begins with https://."],
            ),
            Self::Certificate(_) => (
                "The application's certificate can't be used.".to_owned(),
                "The certificate or its key is damaged, protected by a password, or not of RSA.",
                &["Export the certificate and its RSA key as PEM text without a password, and enter both again."],
            ),
            Self::Unreachable { host, .. } => (
                format!("{host}, which issues the tokens, can't be reached."),
                "This machine has no way to it: the network, a firewall, the name service, or a certificate that is not trusted.",
                &["Let this machine reach Microsoft Entra on port 443, and try again."],
            ),
            Self::Busy { host, .. } => (
                format!("{host} issues no tokens at the moment."),
                "It is overloaded or being repaired.",
                &["Try again in some minutes.", "See the service health in the Microsoft 365 admin center."],
            ),
            Self::NotUnderstood { host, .. } => (
                format!("What {host} answers is no token."),
                "The address is another one, or a proxy or sign-in page answers in its place.",
                &["Check connection.oauth.authority, and let this machine reach it without a proxy."],
            ),
            Self::NotAccepted => (
                "Exchange does not accept the token that Microsoft Entra has just issued.".to_owned(),
                "The application has no permission for EWS (full_access_as_app, or EWS.AccessAsUser.All for an account), or the \
                 token is for another service.",
                &[
                    "Give the application the permission full_access_as_app of Office 365 Exchange Online, with admin consent.",
                    "Check connection.oauth.scope; for Exchange Online it is https://outlook.office365.com/.default.",
                ],
            ),
            Self::Refused(refusal) => return told(refusal),
        };
        InWords { what, cause, advice }
    }
}

const ACCOUNT: &str = "Microsoft Entra does not let {account} in.";
const APPLICATION: &str = "Microsoft Entra does not let the application in.";

/// What the numbers mean (Microsoft's list of AADSTS error codes).
#[allow(clippy::too_many_lines)] // A table.
fn told(refusal: &Refusal) -> InWords {
    let (what, cause, advice): (_, _, &'static [&'static str]) = match refusal.code {
        Some(50072 | 50074 | 50076 | 50079 | 50158) => (
            ACCOUNT,
            "The account has to confirm by multi-factor authentication, which a service can't do.",
            &[
                "Exempt the account from multi-factor authentication (security defaults, Conditional Access, per-user MFA).",
                "Better: sign in as an application with a certificate, which needs no exemption.",
            ],
        ),
        Some(50126) => (
            ACCOUNT,
            "The user name or the password is wrong, or the domain of the account is federated (AD FS) and Microsoft Entra does \
             not have its password.",
            &[
                "Enter the password again; mind upper and lower case.",
                "Use an account whose user principal name is in a managed domain, such as name@tenant.onmicrosoft.com.",
            ],
        ),
        Some(50056 | 50128 | 51004 | 80_001..=80_014) => (
            ACCOUNT,
            "Microsoft Entra does not hold the account's password: its domain is federated (AD FS), or passwords are checked by \
             an agent on-premises that does not answer.",
            &[
                "Use an account whose user principal name is in a managed domain, such as name@tenant.onmicrosoft.com.",
                "Check the agents of pass-through authentication, if they are in use.",
            ],
        ),
        Some(50034) => (
            ACCOUNT,
            "The tenant has no account of this name.",
            &["Check the user principal name, and that the account is synchronised to this tenant."],
        ),
        Some(50053) => (
            ACCOUNT,
            "The account is locked after too many failed sign-ins, or this machine's address is blocked.",
            &["Wait, or unlock the account, and look for another program that uses an old password."],
        ),
        Some(50055 | 50144) => (
            ACCOUNT,
            "The password has expired.",
            &["Give the account a new password that never expires, and enter it here."],
        ),
        Some(50057) => (ACCOUNT, "The account is disabled.", &["Enable the account, or use another."]),
        Some(50105) => (
            ACCOUNT,
            "The account is not assigned to the application, which wants that.",
            &["Assign the account to the enterprise application in Microsoft Entra."],
        ),
        Some(50020 | 90072) => (
            ACCOUNT,
            "The account belongs to another tenant.",
            &["Check connection.oauth.tenant, or use an account of this tenant."],
        ),
        Some(50131 | 53000..=53011) => (
            ACCOUNT,
            "A Conditional Access policy forbids the sign-in.",
            &[
                "See the sign-in log in Microsoft Entra for the policy, and exempt the account or allow this machine's address.",
            ],
        ),
        Some(65001 | 90094) => (
            APPLICATION,
            "An administrator has not consented to what the application wants to do.",
            &["Grant admin consent to the application's permissions in Microsoft Entra."],
        ),
        Some(7_000_215) => (
            APPLICATION,
            "The client secret is wrong; often its identifier was entered in place of its value.",
            &["Enter the value of a client secret, or make a new one."],
        ),
        Some(7_000_218 | 7_000_216) => (
            APPLICATION,
            "The application has to prove itself by a secret or certificate, and none was sent.",
            &[
                "Switch \"Allow public client flows\" on for the application, if an account's password is used.",
                "Otherwise sign in as the application, with a client secret or a certificate.",
            ],
        ),
        Some(7_000_222) => (
            APPLICATION,
            "The client secret has expired.",
            &["Make a new client secret for the application, and enter its value."],
        ),
        Some(7_000_112) => {
            (APPLICATION, "The application is disabled in this tenant.", &["Enable it in Microsoft Entra."])
        }
        Some(700_016) => (
            APPLICATION,
            "The tenant does not know an application of this identifier.",
            &[
                "Check connection.oauth.client_id and connection.oauth.tenant; both stand on the application's overview page.",
            ],
        ),
        Some(700_027) => (
            APPLICATION,
            "The certificate is not registered with the application, or the key does not belong to it.",
            &["Upload the certificate (its public part) to the application in Microsoft Entra."],
        ),
        Some(700_024) => (
            APPLICATION,
            "The clock of this machine is wrong: what it signs is not valid yet, or no longer.",
            &["Set the clock of this machine, and let it follow a time server."],
        ),
        Some(90002 | 900_023 | 900_021 | 50059) => (
            APPLICATION,
            "There is no such tenant.",
            &["Check connection.oauth.tenant: the identifier of the tenant, or one of its domains."],
        ),
        Some(500_011 | 70011 | 28002 | 28003 | 1_002_012) => (
            APPLICATION,
            "What the token is asked for is not known in this tenant.",
            &["Check connection.oauth.scope; for Exchange Online it is https://outlook.office365.com/.default."],
        ),
        Some(70003 | 70019 | 700_025 | 7_000_113) => (
            APPLICATION,
            "The application may not ask for tokens in this way.",
            &["Check how the application is registered, and connection.oauth.grant."],
        ),
        Some(90033 | 90055 | 50196) => (
            "Microsoft Entra issues no tokens at the moment.",
            "It is busy, or was asked too often.",
            &["Try again in some minutes."],
        ),
        _ => (
            "Microsoft Entra refuses the token.",
            "It says why in its own words below.",
            &[
                "Look the number up at https://login.microsoftonline.com/error, and see the sign-in log in Microsoft Entra.",
            ],
        ),
    };
    InWords { what: what.to_owned(), cause, advice }
}
