//! What an error of Exchange means for the person who configures: what happened, the likely cause, what to do.
//!
//! The errors themselves are one sentence each, for the log and the list of messages. Where a person sits in front of
//! the screen and wants to get on (the wizard's steps, the impersonation test) more is to be said, and it differs from
//! code to code: this is the place for it.

use super::auth;
use super::client::ClientError;
use super::error::{At, ConnectProblem, ErrorClass, EwsError, Refusal};
use super::response_code::ResponseCode;
use crate::tls::TlsProblem;

/// An error, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whose matter it is: where something has to be changed.
    pub concern: Concern,
    /// What went wrong, as one sentence.
    pub what: String,
    /// The likely cause, as whole sentences.
    pub cause: String,
    /// What to do, one sentence each, in order.
    pub advice: Vec<String>,
    /// What the other side said, word for word.
    pub details: String,
}

/// Where something has to be changed before it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Concern {
    /// The server, its address, its certificate, or the way there.
    Server,
    /// The service account: its name, its password, its state.
    Account,
    /// What the service account may do.
    Right,
    /// The mailbox that was tried; others may work.
    Mailbox,
    /// Nothing: it passes.
    Moment,
}

impl EwsError {
    /// `account` is the service account that signed in.
    #[must_use]
    pub fn explain(&self, account: &str) -> Explanation {
        let told = match self {
            Self::Response(refusal) | Self::Fault(refusal) => refused(refusal, account, &self.class()),
            Self::Http { status, at, .. } => http(*status, at, account),
            Self::SignIn { problem, ticket, at } => auth::explain(problem, *ticket, at, account),
            Self::Redirected { target_host, at, .. } => redirected(target_host.as_deref(), at),
            Self::RequestTooLarge { at, .. } => Told {
                concern: Concern::Server,
                what: format!("{} refuses a request because of its size.", at.host()),
                cause: "The limit is that of IIS or of something in front of Exchange.".to_owned(),
                advice: vec![
                    "Raise maxAllowedContentLength in the web.config of EWS on the server, and the limit of any \
                     reverse proxy in front of it."
                        .to_owned(),
                ],
            },
            Self::NotEws { title, at, .. } => not_ews(title.as_deref(), at),
            Self::Malformed { at, .. } => Told {
                concern: Concern::Server,
                what: format!("The answer of {} can't be understood.", at.host()),
                cause: "Something between this machine and Exchange changes or cuts what the server answers, or it is \
                        not Exchange that answers."
                    .to_owned(),
                advice: vec![
                    format!("Check that {} is the address of Exchange Web Services.", at.url()),
                    "Let this machine reach Exchange without a proxy in between, and try again.".to_owned(),
                ],
            },
            Self::TooLarge { at, .. } => Told {
                concern: Concern::Mailbox,
                what: format!("The answer of {} is larger than what is read of one answer.", at.host()),
                cause: "The item is unusually large, or it is not Exchange that answers.".to_owned(),
                advice: vec![format!("Check that {} is the address of Exchange Web Services.", at.url())],
            },
            Self::Connect { problem, at, .. } => connect(*problem, at),
            Self::Tls { problem, at, .. } => tls(problem, at),
            Self::Timeout { after, at, .. } => Told {
                concern: Concern::Server,
                what: format!("{} gave no answer within {} seconds.", at.host(), after.as_secs()),
                cause: "The connection came about, so the server is there; it is overloaded, or something in between \
                        swallows the request."
                    .to_owned(),
                advice: vec![
                    "Try again in a minute.".to_owned(),
                    format!("If it stays so, look at the load of {} and at the firewall in between.", at.host()),
                ],
            },
            Self::Dropped { at, .. } => Told {
                concern: Concern::Moment,
                what: format!("The connection to {} broke before the answer was complete.", at.host()),
                cause: "The server or something in front of it ended the connection: a restart of IIS, a load \
                        balancer's time limit, a firewall."
                    .to_owned(),
                advice: vec![
                    "Try again.".to_owned(),
                    format!("If it happens each time, look into the event log of {}.", at.host()),
                ],
            },
        };
        told.explained(self.to_string())
    }
}

impl ClientError {
    /// A connection that is wrong before anything was tried.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let (concern, what, advice) = match self {
            Self::Unencrypted(_) => (
                Concern::Server,
                "The address of Exchange Web Services is not encrypted.",
                "Use an address that begins with https.",
            ),
            Self::Address(_) => (
                Concern::Server,
                "The address of Exchange Web Services is not understood.",
                "Give an address such as https://mail.example.com/EWS/Exchange.asmx.",
            ),
            Self::User(_) => (
                Concern::Account,
                "The name of the service account can't be used to sign in.",
                "Use the user principal name of the account, as in name@domain.",
            ),
            Self::ExtraRoot { .. } => (
                Concern::Server,
                "One of the certificate authorities that were added can't be read.",
                "Give each as PEM text: what stands from BEGIN CERTIFICATE to END CERTIFICATE.",
            ),
            Self::NoConnections => {
                (Concern::Server, "No connection to Exchange is allowed.", "Set limits.connections to at least 1.")
            }
            Self::Http(_) | Self::Tls(_) => (
                Concern::Server,
                "This machine can't make encrypted connections.",
                "Check that its store of trusted certificates can be read.",
            ),
            Self::Token(_) => (
                Concern::Account,
                "The settings for tokens of Microsoft Entra can't be used.",
                "Check connection.oauth, and the secret or certificate that belongs to it.",
            ),
        };
        let cause = "The settings say so; nothing was sent to a server.".to_owned();
        let told = Told { concern, what: what.to_owned(), cause, advice: vec![advice.to_owned()] };
        told.explained(self.to_string())
    }
}

/// An explanation, without what the other side said.
pub(super) struct Told {
    pub concern: Concern,
    pub what: String,
    pub cause: String,
    pub advice: Vec<String>,
}

impl Told {
    fn explained(self, details: String) -> Explanation {
        let Self { concern, what, cause, advice } = self;
        Explanation { concern, what, cause, advice, details }
    }
}

pub(super) fn owned<const N: usize>(sentences: [&str; N]) -> Vec<String> {
    sentences.map(str::to_owned).to_vec()
}

/// Exchange answered, and with a code.
fn refused(refusal: &Refusal, account: &str, class: &ErrorClass) -> Told {
    right(refusal, account)
        .or_else(|| sign_in(refusal, account))
        .or_else(|| mailbox(refusal))
        .or_else(|| server(refusal))
        .unwrap_or_else(|| by_class(class, &refusal.code, refusal.at.mailbox().as_str(), refusal.at.host()))
}

/// What the account may do.
fn right(refusal: &Refusal, account: &str) -> Option<Told> {
    use ResponseCode as Code;
    let mailbox = refusal.at.mailbox();
    Some(match &refusal.code {
        Code::ErrorImpersonateUserDenied | Code::ErrorImpersonationDenied => Told {
            concern: Concern::Right,
            what: format!("{account} has no right to impersonate {mailbox}."),
            cause:
                "The account does not have the role ApplicationImpersonation, its scope leaves this mailbox out, or \
                    it was granted only a moment ago."
                    .to_owned(),
            advice: vec![
                "A new assignment takes some minutes to have an effect: wait, and test again.".to_owned(),
                format!(
                    "See what the account has with Get-ManagementRoleAssignment -Role ApplicationImpersonation \
                     -RoleAssignee {account} -GetEffectiveUsers, and grant it with New-ManagementRoleAssignment -Role \
                     ApplicationImpersonation -User {account}."
                ),
                "Look at CustomRecipientWriteScope of the assignment if only some mailboxes are refused.".to_owned(),
            ],
        },
        Code::ErrorAccessDenied | Code::ErrorCreateItemAccessDenied => Told {
            concern: Concern::Right,
            what: format!("Exchange does not let {account} into {mailbox}, although it may act in its name."),
            cause: "Exchange Web Services are switched off for this mailbox, or an access policy for EWS keeps this \
                    program out."
                .to_owned(),
            advice: vec![
                format!(
                    "See EwsEnabled, EwsApplicationAccessPolicy, EwsAllowList and EwsBlockList with Get-CASMailbox \
                     {mailbox}, and those of the organisation with Get-OrganizationConfig."
                ),
                format!("Switch EWS on for the mailbox with Set-CASMailbox {mailbox} -EwsEnabled $true."),
            ],
        },
        Code::ErrorOrganizationAccessBlocked => Told {
            concern: Concern::Right,
            what: "The organisation does not let this program use Exchange Web Services.".to_owned(),
            cause: "EWS is switched off for the organisation, as Exchange Online does step by step.".to_owned(),
            advice: owned([
                "See EwsEnabled and EwsApplicationAccessPolicy with Get-OrganizationConfig.",
                "Connect to an Exchange server on premises where mailboxes are there.",
            ]),
        },
        _ => return None,
    })
}

/// The account itself.
fn sign_in(refusal: &Refusal, account: &str) -> Option<Told> {
    use ResponseCode as Code;
    Some(match &refusal.code {
        Code::ErrorPasswordExpired | Code::ErrorPasswordChangeRequired => Told {
            concern: Concern::Account,
            what: format!("The password of {account} has expired or must be changed."),
            cause: "The domain's password policy applies to the account, or it was created with \"User must change \
                    password at next logon\"."
                .to_owned(),
            advice: owned([
                "Give the account a new password that never expires.",
                "Run the configuration again and enter the new password.",
            ]),
        },
        Code::ErrorCallerIsInvalidADAccount | Code::ErrorInvalidAuthorizationContext | Code::ErrorInvalidLogonType => {
            Told {
                concern: Concern::Account,
                what: format!("Exchange does not accept {account} as somebody who may call it."),
                cause: "The account is not one of Active Directory, was deleted and made anew, or is not known yet to \
                        the domain controller that Exchange asks."
                    .to_owned(),
                advice: owned([
                    "Wait until the domain controllers have exchanged their changes, and try again.",
                    "Use another account if it stays so.",
                ]),
            }
        }
        _ => return None,
    })
}

/// The mailbox, for good or for the moment.
fn mailbox(refusal: &Refusal) -> Option<Told> {
    use ResponseCode as Code;
    let mailbox = refusal.at.mailbox();
    Some(match &refusal.code {
        Code::ErrorImpersonationFailed => Told {
            concern: Concern::Mailbox,
            what: format!("Exchange could not take on the identity of {mailbox}."),
            cause: "The user of this mailbox is disabled, is a linked account whose domain does not answer, or is not \
                    known yet to the domain controller that Exchange asks."
                .to_owned(),
            advice: owned([
                "Check in Active Directory that the user is enabled.",
                "Try another mailbox: if that works, the service account is in order.",
            ]),
        },
        Code::ErrorNonPrimarySmtpAddress => {
            let primary = refusal.primary_smtp_address.as_deref();
            let named = primary.map_or_else(String::new, |primary| format!(": it is {primary}"));
            Told {
                concern: Concern::Mailbox,
                what: format!("{mailbox} is not the primary address of a mailbox{named}."),
                cause: "It is a further address of the mailbox. When it updates messages, Sent Items Update goes over \
                        to the primary address by itself."
                    .to_owned(),
                advice: vec![match primary {
                    Some(primary) => format!("Test with {primary}."),
                    None => "Test with the primary address of the mailbox.".to_owned(),
                }],
            }
        }
        Code::ErrorAccountDisabled => Told {
            concern: Concern::Mailbox,
            what: format!("The user who owns {mailbox} is disabled."),
            cause: "Exchange opens no mailbox in the name of a disabled user; a shared or resource mailbox belongs to \
                    such a user as well."
                .to_owned(),
            advice: owned(["Test with the mailbox of a user who can sign in."]),
        },
        Code::ErrorNonExistentMailbox
        | Code::ErrorMissingExchangePrincipal
        | Code::ErrorMailboxConfiguration
        | Code::ErrorInvalidMailbox
        | Code::ErrorCannotFindUser
        | Code::ErrorNameResolutionNoMailbox => Told {
            concern: Concern::Mailbox,
            what: format!("No mailbox has the address {mailbox}."),
            cause: "It is mistyped, belongs to a distribution group, a contact or a public folder, or its mailbox is \
                    in another organisation (in a hybrid one: in Exchange Online)."
                .to_owned(),
            advice: vec![
                format!("See what has the address with Get-Recipient {mailbox}."),
                "Test with the address of a user who has a mailbox on this server's organisation.".to_owned(),
            ],
        },
        Code::ErrorInvalidSmtpAddress => Told {
            concern: Concern::Mailbox,
            what: format!("Exchange does not take {mailbox} for an address."),
            cause: "It is mistyped, or it has characters that this version of Exchange does not know in addresses."
                .to_owned(),
            advice: owned(["Test with the primary address of a mailbox, as in name@domain."]),
        },
        Code::ErrorMailboxMoveInProgress => Told {
            concern: Concern::Moment,
            what: format!("{mailbox} is being moved to another database."),
            cause: "Exchange lets nobody write to a mailbox during the last part of its move.".to_owned(),
            advice: owned(["Test with another mailbox, or wait until the move is finished."]),
        },
        Code::ErrorMailboxStoreUnavailable | Code::ErrorMailboxFailover | Code::ErrorMailboxLogonFailed => Told {
            concern: Concern::Moment,
            what: format!("The database of {mailbox} can't be opened at the moment."),
            cause: "It is not mounted, or is being switched over to another server.".to_owned(),
            advice: owned([
                "See whether it is mounted with Get-MailboxDatabase -Status.",
                "Test with a mailbox in another database.",
            ]),
        },
        Code::ErrorFolderNotFound | Code::ErrorItemNotFound => Told {
            concern: Concern::Mailbox,
            what: format!("{mailbox} has no Sent Items, or Exchange does not show it."),
            cause: "Nobody has opened the mailbox yet, so that its folders are not made, or it is an archive or a \
                    public folder's mailbox."
                .to_owned(),
            advice: owned(["Open the mailbox once with Outlook, or test with another one."]),
        },
        _ => return None,
    })
}

/// The server, or what it needs.
fn server(refusal: &Refusal) -> Option<Told> {
    use ResponseCode as Code;
    let mailbox = refusal.at.mailbox();
    let host = refusal.at.host();
    Some(match &refusal.code {
        Code::ErrorADUnavailable | Code::ErrorADOperation | Code::ErrorADSessionFilter => Told {
            concern: Concern::Server,
            what: format!("{host} can't reach Active Directory."),
            cause: "Exchange looks the mailbox up there, and no domain controller answers it.".to_owned(),
            advice: owned([
                "Check the domain controllers, and the event log of the Exchange server (MSExchange ADAccess).",
            ]),
        },
        Code::ErrorInvalidServerVersion | Code::ErrorIncorrectSchemaVersion | Code::ErrorWrongServerVersion => Told {
            concern: Concern::Server,
            what: format!("{host} is older than Exchange Server 2013."),
            cause: "It does not know the version of Exchange Web Services that is asked for.".to_owned(),
            advice: owned(["Connect to a server with Exchange 2013, 2016, 2019 or Subscription Edition."]),
        },
        Code::ErrorInvalidLicense => Told {
            concern: Concern::Server,
            what: format!("The Exchange licence of {host} is not valid."),
            cause: "Its trial period is over, or no product key was entered.".to_owned(),
            advice: owned(["Enter the product key with Set-ExchangeServer -ProductKey."]),
        },
        Code::ErrorNoRespondingCASInDestinationSite
        | Code::ErrorNoApplicableProxyCASServersAvailable
        | Code::ErrorNoDestinationCASDueToKerberosRequirements
        | Code::ErrorNoDestinationCASDueToSSLRequirements
        | Code::ErrorNoDestinationCASDueToVersionMismatch
        | Code::ErrorCrossSiteRequest
        | Code::ErrorProxyCallFailed
        | Code::ErrorProxyGroupSidLimitExceeded
        | Code::ErrorProxyRequestNotAllowed
        | Code::ErrorProxyRequestProcessingFailed
        | Code::ErrorProxyServiceDiscoveryFailed
        | Code::ErrorProxySoapException
        | Code::ErrorServiceDiscoveryFailed
        | Code::ErrorAutoDiscoverFailed => Told {
            concern: Concern::Server,
            what: format!("{host} can't hand the request on to the server that has {mailbox}."),
            cause: "The mailbox is on another Exchange server or site, and the servers do not reach each other."
                .to_owned(),
            advice: owned([
                "Connect to the server, or through the load balancer, that is meant for this mailbox.",
                "Check the internal addresses of EWS with Get-WebServicesVirtualDirectory.",
            ]),
        },
        _ => return None,
    })
}

/// A code without an explanation of its own: by what it asks for.
fn by_class(class: &ErrorClass, code: &ResponseCode, mailbox: &str, host: &str) -> Told {
    match class {
        ErrorClass::Throttled { .. } => Told {
            concern: Concern::Moment,
            what: format!("Exchange asks to leave {mailbox} alone for a while."),
            cause: "More was asked of it than its throttling policy allows; the load is charged to the mailbox."
                .to_owned(),
            advice: owned([
                "Try again in a minute: Sent Items Update waits by itself as long as Exchange wants.",
                "If it happens often, see EwsMaxConcurrency and its neighbours with Get-ThrottlingPolicy.",
            ]),
        },
        ErrorClass::QuotaExceeded => Told {
            concern: Concern::Mailbox,
            what: format!("{mailbox} is full."),
            cause: "Its quota does not allow anything to be changed.".to_owned(),
            advice: owned(["Raise the quota of the mailbox, or make room in it."]),
        },
        ErrorClass::MailboxTemporary => Told {
            concern: Concern::Moment,
            what: format!("Exchange can't open {mailbox} at the moment ({code})."),
            cause: "It reports a trouble that usually passes.".to_owned(),
            advice: vec![
                "Try again in a minute.".to_owned(),
                format!("If it stays so, look into the event log of {host}."),
            ],
        },
        _ => Told {
            concern: Concern::Server,
            what: format!("Exchange refuses the request for {mailbox} ({code})."),
            cause: "What Exchange said stands in the details.".to_owned(),
            advice: vec![format!("Look into the event log of {host}, and try with another mailbox.")],
        },
    }
}

/// A status, and nothing of Exchange beside it.
fn http(status: u16, at: &At, account: &str) -> Told {
    let host = at.host();
    match status {
        401 => Told {
            concern: Concern::Account,
            what: format!("{host} does not accept {account} with this password."),
            cause: "The password is wrong, the account is locked, disabled or expired, or Basic authentication is not \
                    switched on for Exchange Web Services."
                .to_owned(),
            advice: vec![
                "Enter the password again; mind upper and lower case.".to_owned(),
                format!("Check in Active Directory that {account} is enabled and not locked."),
                "See BasicAuthentication with Get-WebServicesVirtualDirectory.".to_owned(),
            ],
        },
        403 => Told {
            concern: Concern::Right,
            what: format!("{host} forbids the access."),
            cause: "Exchange Web Services are blocked for the account or the organisation by an access policy, or a \
                    firewall in front of Exchange turns this machine away."
                .to_owned(),
            advice: vec![
                format!(
                    "See EwsEnabled and EwsApplicationAccessPolicy with Get-CASMailbox {account} and with Get-OrganizationConfig."
                ),
                "Let this machine reach Exchange without a proxy in between.".to_owned(),
            ],
        },
        404 => Told {
            concern: Concern::Server,
            what: format!("There are no Exchange Web Services at {}.", at.url()),
            cause: "The server or the path is another one.".to_owned(),
            advice: owned([
                "The path on an Exchange server is /EWS/Exchange.asmx.",
                "See the address with Get-WebServicesVirtualDirectory, or let Autodiscover find it.",
            ]),
        },
        407 => Told {
            concern: Concern::Server,
            what: "A proxy in between asks for a user name and a password.".to_owned(),
            cause: "This machine does not reach Exchange directly.".to_owned(),
            advice: owned(["Let this machine reach Exchange without a proxy."]),
        },
        429 | 503 => Told {
            concern: Concern::Moment,
            what: format!("{host} takes no requests at the moment."),
            cause: "It is busy, is starting, or its application pool for EWS is stopped.".to_owned(),
            advice: vec![
                "Try again in a minute.".to_owned(),
                format!("If it stays so, check the application pool MSExchangeServicesAppPool on {host}."),
            ],
        },
        440 | 456 | 457 => Told {
            concern: Concern::Account,
            what: format!("{host} blocks {account}."),
            cause: "The account is locked, or its password has expired or must be changed.".to_owned(),
            advice: owned([
                "Unlock the account, or give it a new password that never expires.",
                "Run the configuration again and enter the password.",
            ]),
        },
        502 | 504 => Told {
            concern: Concern::Server,
            what: format!("What stands in front of Exchange on {host} gets no answer from the server behind it."),
            cause: "The Exchange server is down, or the load balancer or reverse proxy has lost it.".to_owned(),
            advice: owned(["Check the Exchange server, and the load balancer's view of it."]),
        },
        300..=599 => Told {
            concern: if (400..500).contains(&status) { Concern::Server } else { Concern::Moment },
            what: format!("{host} answers with an error of its own (HTTP status {status})."),
            cause: "The web server broke off before Exchange could answer.".to_owned(),
            advice: vec!["Try again.".to_owned(), format!("If it stays so, look into the event log of {host}.")],
        },
        _ => Told {
            concern: Concern::Server,
            what: format!("{host} answers with HTTP status {status} and nothing of Exchange."),
            cause: "It is probably not an Exchange server.".to_owned(),
            advice: vec![format!("Check that {} is the address of Exchange Web Services.", at.url())],
        },
    }
}

fn redirected(target: Option<&str>, at: &At) -> Told {
    let to = target.unwrap_or("another page of the same server");
    Told {
        concern: Concern::Server,
        what: format!("{} sends us on to {to}.", at.host()),
        cause: "A login page, a portal or a new server stands at this address. It was not followed, because the \
                password would have gone there too."
            .to_owned(),
        advice: vec![match target {
            Some(target) => format!("If {target} is the right server, connect to that."),
            None => "Check the path: on an Exchange server it is /EWS/Exchange.asmx.".to_owned(),
        }],
    }
}

fn not_ews(title: Option<&str>, at: &At) -> Told {
    let page = title.map_or_else(String::new, |title| format!(", a page titled {title:?}"));
    Told {
        concern: Concern::Server,
        what: format!("Something else than Exchange answers at {}{page}.", at.url()),
        cause: "It is another web server, or a proxy or login page stands in between.".to_owned(),
        advice: owned([
            "Check the name of the server; the path is /EWS/Exchange.asmx.",
            "Let this machine reach Exchange without a proxy or portal in between.",
        ]),
    }
}

fn connect(problem: ConnectProblem, at: &At) -> Told {
    let host = at.host();
    let (what, cause, advice) = match problem {
        ConnectProblem::Name => (
            format!("The name {host} is not known."),
            "It is mistyped, or the name service of this machine does not know it.",
            owned(["Check the name.", "See what nslookup says of it on this machine."]),
        ),
        ConnectProblem::Refused => (
            format!("{host} is there, and nothing listens on this port."),
            "IIS does not run, or the port is another one.",
            owned(["Check that IIS and its default site are started.", "Check the port; it is 443 as a rule."]),
        ),
        ConnectProblem::Unreachable => (
            format!("There is no way to {host}."),
            "A route or a firewall is in between, or the network is down.",
            owned(["Check the network of this machine, and the firewalls in between."]),
        ),
        ConnectProblem::Timeout => (
            format!("{host} does not react."),
            "The server is down, or a firewall drops what is sent to it.",
            owned(["Check that the server is up.", "Let the firewall pass connections to its port 443."]),
        ),
        ConnectProblem::Other => (
            format!("No connection to {host} came about."),
            "What the system said stands in the details.",
            owned(["Check the network of this machine, and the name of the server."]),
        ),
    };
    Told { concern: Concern::Server, what, cause: cause.to_owned(), advice }
}

fn tls(problem: &TlsProblem, at: &At) -> Told {
    let host = at.host();
    let (what, cause, advice) = match problem {
        TlsProblem::Expired => (
            format!("The certificate of {host} has expired."),
            "It was not renewed in time, or the clock of this machine is wrong.".to_owned(),
            owned(["Renew the certificate and assign it to IIS with Enable-ExchangeCertificate."]),
        ),
        TlsProblem::NotYetValid => (
            format!("The certificate of {host} is not valid yet."),
            "The clock of this machine is behind, or the certificate was issued for later.".to_owned(),
            owned(["Check the clock of this machine."]),
        ),
        TlsProblem::UnknownIssuer => (
            format!("The certificate of {host} was issued by an authority that this machine does not trust."),
            "It is the organisation's own authority, or the certificate that Exchange's setup made for itself."
                .to_owned(),
            owned([
                "Install the authority's certificate among the trusted root authorities of this machine.",
                "Or add it to this configuration alone, as connection.extra_roots.",
            ]),
        ),
        TlsProblem::WrongName(names) => (
            format!("The certificate is not for {host}."),
            if names.is_empty() {
                "The server is known by another name.".to_owned()
            } else {
                format!("It is for {}.", names.join(", "))
            },
            owned(["Connect to the server by a name that stands in its certificate."]),
        ),
        TlsProblem::Revoked => (
            format!("The certificate of {host} was revoked by its issuer."),
            "It was replaced by another, or its key was stolen.".to_owned(),
            owned(["Assign a valid certificate to IIS with Enable-ExchangeCertificate."]),
        ),
        TlsProblem::BadCertificate(why) => (
            format!("The certificate of {host} can't be used."),
            format!("It is not meant for a server, or signed in a way that is no longer accepted ({why})."),
            owned(["Assign another certificate to IIS with Enable-ExchangeCertificate."]),
        ),
        TlsProblem::NotTls => (
            format!("What listens on {host} does not speak TLS."),
            "The port is that of another service.".to_owned(),
            owned(["Check the port; it is 443 as a rule."]),
        ),
        TlsProblem::NoAgreement(why) => (
            format!("{host} and this machine could not agree on how to encrypt."),
            format!("The server offers only old versions of TLS, or broke off ({why})."),
            owned(["Switch TLS 1.2 or 1.3 on at the server.", "Check what stands in front of it."]),
        ),
        TlsProblem::Other(why) => (
            format!("No encrypted connection to {host} came about."),
            format!("The reason given is: {why}."),
            owned(["Check the certificate of the server, and what stands in front of it."]),
        ),
    };
    Told { concern: Concern::Server, what, cause, advice }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::time::Duration;

    use super::super::auth::{SignInProblem, TicketRefusal};
    use super::super::error::Malformed;
    use super::super::response_code::NAMED;
    use super::super::tests::at;
    use super::*;

    const ACCOUNT: &str = "svc@nordwind.example";

    fn refusal(code: ResponseCode) -> EwsError {
        EwsError::Response(Box::new(Refusal {
            code,
            message: "in the server's words".into(),
            primary_smtp_address: None,
            back_off: None,
            property: None,
            at: at(),
        }))
    }

    fn sentence(text: &str) -> bool {
        text.ends_with('.') && text.starts_with(|first: char| !first.is_whitespace()) && !text.contains("  ")
    }

    fn check(error: &EwsError) -> Explanation {
        let told = error.explain(ACCOUNT);
        assert!(sentence(&told.what) && sentence(&told.cause), "{told:?}");
        assert!(!told.advice.is_empty() && told.advice.iter().all(|advice| sentence(advice)), "{told:?}");
        assert_eq!(told.details, error.to_string());
        told
    }

    /// W10
    #[test]
    fn every_code_is_explained_in_sentences_and_those_that_a_test_meets_each_in_its_own() {
        for code in NAMED {
            check(&refusal(code.clone()));
        }
        let own = [
            ResponseCode::ErrorImpersonateUserDenied,
            ResponseCode::ErrorImpersonationFailed,
            ResponseCode::ErrorAccessDenied,
            ResponseCode::ErrorNonExistentMailbox,
            ResponseCode::ErrorNonPrimarySmtpAddress,
            ResponseCode::ErrorAccountDisabled,
            ResponseCode::ErrorPasswordExpired,
            ResponseCode::ErrorServerBusy,
            ResponseCode::ErrorMailboxMoveInProgress,
            ResponseCode::ErrorMailboxStoreUnavailable,
            ResponseCode::ErrorInvalidServerVersion,
            ResponseCode::ErrorADUnavailable,
        ];
        let told: HashSet<_> = own.iter().map(|code| check(&refusal(code.clone())).what).collect();
        assert_eq!(told.len(), own.len());
    }

    /// W10
    #[test]
    fn it_is_told_whose_matter_an_error_is() {
        let concern = |code| check(&refusal(code)).concern;
        assert_eq!(concern(ResponseCode::ErrorImpersonateUserDenied), Concern::Right);
        assert_eq!(concern(ResponseCode::ErrorAccessDenied), Concern::Right);
        assert_eq!(concern(ResponseCode::ErrorNonExistentMailbox), Concern::Mailbox);
        assert_eq!(concern(ResponseCode::ErrorPasswordExpired), Concern::Account);
        assert_eq!(concern(ResponseCode::ErrorServerBusy), Concern::Moment);
        assert_eq!(concern(ResponseCode::ErrorInvalidServerVersion), Concern::Server);
    }

    /// U11, W8: a ticket that the server refuses is no matter of the account's password.
    #[test]
    fn each_reason_for_refusing_a_ticket_has_its_own_words() {
        let error = |ticket| EwsError::SignIn {
            problem: Box::new(SignInProblem::Refused { scheme: crate::settings::AuthScheme::Negotiate, bound: true }),
            ticket,
            at: at(),
        };
        let without = check(&error(None));
        assert_eq!(without.concern, Concern::Account);
        let mut causes = HashSet::from([without.cause]);
        for ticket in [
            TicketRefusal::Expired,
            TicketRefusal::WrongKey,
            TicketRefusal::NotForIt,
            TicketRefusal::Repeated,
            TicketRefusal::Other(60),
        ] {
            let told = check(&error(Some(ticket)));
            assert_ne!(told.concern, Concern::Account);
            assert!(told.what.contains("ticket of"), "{told:?}");
            assert!(told.details.contains(&ticket.to_string()), "{told:?}");
            causes.insert(told.cause);
        }
        assert_eq!(causes.len(), 6);
    }

    /// W9
    #[test]
    fn a_missing_right_names_the_account_and_the_cmdlet() {
        let told = check(&refusal(ResponseCode::ErrorImpersonateUserDenied));
        assert!(told.what.contains(ACCOUNT) && told.what.contains("anna.berg@nordwind.example"), "{told:?}");
        assert!(told.advice.iter().any(|advice| advice.contains(&format!("-User {ACCOUNT}"))), "{told:?}");
    }

    #[test]
    fn the_primary_address_is_given_where_the_server_tells_it() {
        let EwsError::Response(mut refusal) = refusal(ResponseCode::ErrorNonPrimarySmtpAddress) else { unreachable!() };
        refusal.primary_smtp_address = Some("anna.bergstroem@nordwind.example".into());
        let told = check(&EwsError::Response(refusal));
        assert!(told.advice[0].contains("anna.bergstroem@nordwind.example"), "{told:?}");
    }

    /// W10
    #[test]
    fn each_status_and_each_trouble_of_the_connection_has_its_own_words() {
        let http = |status| EwsError::Http { status, retry_after: None, detail: None, at: at() };
        let mut told: HashMap<String, String> = HashMap::new();
        let mut add = |name: String, error: &EwsError| {
            let what = check(error).what;
            assert!(told.insert(what.clone(), name).is_none(), "{what} stands for two");
        };
        for status in [401, 403, 404, 407, 418, 429, 440, 500, 502] {
            add(status.to_string(), &http(status));
        }
        add("redirected".into(), &EwsError::Redirected { status: 302, target_host: Some("sso.x".into()), at: at() });
        add("login page".into(), &EwsError::NotEws { status: 200, content_type: None, title: None, at: at() });
        add("malformed".into(), &EwsError::Malformed { problem: Malformed::Empty, at: at() });
        let after = Duration::from_secs(100);
        add("time-out".into(), &EwsError::Timeout { after, may_have_taken_effect: true, at: at() });
        let problems = [
            TlsProblem::Expired,
            TlsProblem::NotYetValid,
            TlsProblem::UnknownIssuer,
            TlsProblem::WrongName(vec!["mail.other.example".into()]),
            TlsProblem::Revoked,
            TlsProblem::BadCertificate("odd".into()),
            TlsProblem::NotTls,
            TlsProblem::NoAgreement("odd".into()),
            TlsProblem::Other("odd".into()),
        ];
        for problem in &problems {
            let what = super::tls(problem, &at()).what;
            assert!(told.insert(what.clone(), format!("{problem:?}")).is_none(), "{what} stands for two");
        }
        for problem in [
            ConnectProblem::Name,
            ConnectProblem::Refused,
            ConnectProblem::Unreachable,
            ConnectProblem::Timeout,
            ConnectProblem::Other,
        ] {
            let what = super::connect(problem, &at()).what;
            assert!(told.insert(what.clone(), format!("{problem:?}")).is_none(), "{what} stands for two");
        }
    }
}
