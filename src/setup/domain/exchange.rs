//! Testing the right: opens Sent Items of a mailbox, and changes nothing (W10).

use secrecy::SecretString;

use super::Domain;
use crate::ews::auth::credentials;
use crate::ews::autodiscover::Version;
use crate::ews::{Client, ClientError, Concern, Endpoint, ErrorClass, EwsError, Explanation, FolderId};
use crate::ews::{ResponseCode, ServerVersion};
use crate::settings::{Connection, SmtpAddress};
use crate::setup::{Access, AccessOutcome, Failure, Page, failures};

impl Domain {
    pub(super) async fn tested(&self, access: &Access) -> Result<AccessOutcome, Failure> {
        let client = client(&access.connection, &access.upn, &access.password).map_err(|error| {
            let explained = error.explain();
            failure(explained, None)
        })?;
        let mailboxes = match &access.mailbox {
            Some(mailbox) => vec![mailbox.clone()],
            None => self.some_mailboxes().await.map_err(|error| failures::no_mailbox_to_test(vec![error.what]))?,
        };
        let mut first = None;
        for mailbox in mailboxes {
            match open(&client, &mailbox).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => {
                    let explained = error.explain(&access.upn);
                    // Another mailbox may do where the trouble is the mailbox's own, or the right is limited to some.
                    let goes_on = matches!(explained.concern, Concern::Mailbox | Concern::Right);
                    let failure = of_error(&error, explained, &access.upn, &mailbox);
                    if !goes_on {
                        return Err(failure);
                    }
                    // A right that is missing says more than a mailbox that can't be used.
                    let better =
                        failure.code.is_some() && is_denied(&failure) && !first.as_ref().is_some_and(is_denied);
                    if first.is_none() || better {
                        first = Some(failure);
                    }
                }
            }
        }
        Err(first.unwrap_or_else(|| failures::no_mailbox_to_test(Vec::new())))
    }
}

fn is_denied(failure: &Failure) -> bool {
    failure.code.as_deref() == Some("ErrorImpersonateUserDenied")
}

pub(super) fn client(connection: &Connection, upn: &str, password: &SecretString) -> Result<Client, ClientError> {
    let url = connection.ews_url.parse().map_err(|_| ClientError::Address(connection.ews_url.clone()))?;
    let credentials = credentials(connection, upn, password.clone());
    Client::new(Endpoint {
        extra_roots: connection.extra_roots.clone(),
        allow_unencrypted: connection.allow_unencrypted,
        connections: 1,
        request_timeout: std::time::Duration::from_secs(30),
        ..Endpoint::new(url, credentials)
    })
}

/// Opens Sent Items, under the primary address if this is another one.
async fn open(client: &Client, mailbox: &SmtpAddress) -> Result<AccessOutcome, EwsError> {
    match open_exactly(client, mailbox).await {
        Err(error) => match error.class() {
            ErrorClass::NonPrimaryAddress(primary) => open_exactly(client, &primary).await,
            _ => Err(error),
        },
        outcome => outcome,
    }
}

async fn open_exactly(client: &Client, mailbox: &SmtpAddress) -> Result<AccessOutcome, EwsError> {
    let folder = client.mailbox(mailbox).get_folder(&FolderId::SENT_ITEMS).await?;
    let version = client.server_version().as_ref().map(product).unwrap_or_default();
    Ok(AccessOutcome { mailbox: mailbox.clone(), items: folder.total_count.unwrap_or(0), version })
}

fn of_error(error: &EwsError, explained: Explanation, upn: &str, mailbox: &SmtpAddress) -> Failure {
    let code = error.code();
    if matches!(code, Some(ResponseCode::ErrorImpersonateUserDenied | ResponseCode::ErrorImpersonationDenied)) {
        let mut failure = failures::impersonation_refused(upn, mailbox.as_str(), None, vec![explained.details]);
        failure.code = Some("ErrorImpersonateUserDenied".to_owned());
        return failure;
    }
    failure(explained, code)
}

/// An explanation of EWS as the failure window has it.
pub(super) fn failure(explained: Explanation, code: Option<&ResponseCode>) -> Failure {
    let page = match explained.concern {
        Concern::Server => Page::Connection,
        Concern::Account | Concern::Right | Concern::Mailbox => Page::Account,
        Concern::Moment => Page::Configure,
    };
    Failure {
        what: explained.what,
        cause: explained.cause,
        advice: explained.advice,
        details: vec![explained.details],
        code: code.map(ToString::to_string),
        offer_test: matches!(explained.concern, Concern::Right | Concern::Mailbox | Concern::Moment),
        page: Some(page),
        ..Failure::default()
    }
}

/// The product that has this version, and the version.
pub(super) fn product(version: &ServerVersion) -> String {
    format!("{} ({version})", product_name(version.major, version.minor, version.major_build))
}

/// The same of what Autodiscover tells.
pub(super) fn product_told(Version { major, minor, build }: Version) -> String {
    format!("{} ({major}.{minor}.{build})", product_name(major, minor, build))
}

fn product_name(major: u32, minor: u32, build: u32) -> &'static str {
    match (major, minor, build) {
        (15, 0, _) => "Exchange Server 2013",
        (15, 1, _) => "Exchange Server 2016",
        (15, 2, ..2562) => "Exchange Server 2019",
        (15, 2, _) => "Exchange Server Subscription Edition",
        (15, 20.., _) => "Exchange Online",
        (14, _, _) => "Exchange Server 2010",
        _ => "Exchange Server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_by_the_products_name() {
        let version =
            |minor, major_build| ServerVersion { major: 15, minor, major_build, minor_build: 1, schema: None };
        for (minor, build, name) in [
            (0, 1497, "Exchange Server 2013 (15.0.1497.1)"),
            (1, 2507, "Exchange Server 2016 (15.1.2507.1)"),
            (2, 1544, "Exchange Server 2019 (15.2.1544.1)"),
            (2, 2562, "Exchange Server Subscription Edition (15.2.2562.1)"),
            (20, 8422, "Exchange Online (15.20.8422.1)"),
        ] {
            assert_eq!(product(&version(minor, build)), name);
        }
    }
}
