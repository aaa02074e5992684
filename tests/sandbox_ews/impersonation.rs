//! Who may act for whom, and mailboxes in trouble.

use crate::organisation::{ANNA, As, BO, Organisation, SERVICE, item_id};
use sent_items_update::sandbox::directory::MailboxState;

const INBOX: &[(&str, &str)] = &[("shape", "IdOnly"), ("folders", "<t:DistinguishedFolderId Id=\"inbox\"/>")];

fn inbox_of(address: &str) -> String {
    format!(
        "<t:DistinguishedFolderId Id=\"inbox\"><t:Mailbox><t:EmailAddress>{address}</t:EmailAddress></t:Mailbox>\
         </t:DistinguishedFolderId>"
    )
}

/// X1
#[tokio::test]
async fn without_the_right_nobody_is_impersonated_and_with_it_from_the_next_request_on() {
    let organisation = Organisation::new().await;
    organisation.directory.withdraw_impersonation(SERVICE).unwrap();
    let who = As::service("PrimarySmtpAddress", ANNA);
    let reply = organisation.ask(&who, "get_folder", INBOX).await;
    reply.is_fault("ErrorImpersonateUserDenied");
    assert_eq!(reply.text_of("faultstring"), "The account does not have permission to impersonate the requested user.");
    organisation.directory.grant_impersonation(SERVICE).unwrap();
    organisation.ask(&who, "get_folder", INBOX).await.ok();
}

/// X1
#[tokio::test]
async fn an_address_must_be_that_of_a_mailbox_and_where_asked_for_the_primary_one() {
    let organisation = Organisation::new().await;
    for nobody in ["nobody@n.example", "dora@n.example", "team@n.example"] {
        let who = As::service("PrimarySmtpAddress", nobody);
        organisation.ask(&who, "get_folder", INBOX).await.is_fault("ErrorNonExistentMailbox");
    }
    let who = As::service("PrimarySmtpAddress", "a.berg@n.example");
    let reply = organisation.ask(&who, "get_folder", INBOX).await;
    reply.is_fault("ErrorNonPrimarySmtpAddress");
    assert_eq!((reply.attribute("Value", "Name").as_str(), reply.text_of("Value").as_str()), ("Primary", ANNA));
    organisation.ask(&As::service("SmtpAddress", "A.Berg@n.example"), "get_folder", INBOX).await.ok();
}

/// X1
#[tokio::test]
async fn a_principal_name_and_a_security_identifier_must_be_known() {
    let organisation = Organisation::new().await;
    let reply = organisation.ask(&As::service("PrincipalName", "x@n.example"), "get_folder", INBOX).await;
    reply.is_fault("ErrorInvalidUserPrincipalName");
    organisation.ask(&As::service("SID", "S-1-5-21-1"), "get_folder", INBOX).await.is_fault("ErrorInvalidUserSid");
    organisation.ask(&As::service("SID", ""), "get_folder", INBOX).await.is_fault("ErrorSchemaValidation");
    let sid = organisation.directory.person(ANNA).unwrap().sid.clone();
    organisation.ask(&As::service("SID", &sid), "get_folder", INBOX).await.ok();
    organisation.ask(&As::service("PrincipalName", "ANNA@n.example"), "get_folder", INBOX).await.ok();
}

/// X1
#[tokio::test]
async fn each_trouble_of_a_mailbox_has_its_own_code_and_ends_with_it() {
    let organisation = Organisation::new().await;
    let who = As::service("PrimarySmtpAddress", ANNA);
    for (state, code, fault) in [
        (MailboxState::Disabled, "ErrorAccountDisabled", true),
        (MailboxState::Gone, "ErrorNonExistentMailbox", true),
        (MailboxState::Moving, "ErrorMailboxMoveInProgress", false),
        (MailboxState::Unavailable, "ErrorMailboxStoreUnavailable", false),
    ] {
        organisation.directory.set_state(ANNA, state).unwrap();
        let reply = organisation.ask(&who, "get_folder", INBOX).await;
        if fault {
            reply.is_fault(code)
        } else {
            reply.is_error(code)
        };
    }
    organisation.directory.set_state(ANNA, MailboxState::Normal).unwrap();
    organisation.ask(&who, "get_folder", INBOX).await.ok();
}

/// X1
#[tokio::test]
async fn a_full_mailbox_can_be_read_and_emptied_but_takes_nothing_more() {
    let organisation = Organisation::new().await;
    let id = organisation.deliver(ANNA, "inbox", "Subject: x\nMessage-ID: <1@n>\n\nx\n").await;
    organisation.directory.set_state(ANNA, MailboxState::Full).unwrap();
    let ids = item_id(&id);
    organisation.anna("create_draft", &[("subject", "x")]).await.is_error("ErrorQuotaExceeded");
    organisation.anna("create_attachment", &[("id", &id)]).await.is_error("ErrorQuotaExceeded");
    let copy = [("operation", "CopyItem"), ("to", "drafts"), ("ids", ids.as_str())];
    organisation.anna("move_copy_item", &copy).await.is_error("ErrorQuotaExceeded");
    organisation.anna("get_item", &[("shape", "Default"), ("options", ""), ("ids", &ids)]).await.ok();
    organisation.anna("delete_item", &[("how", "HardDelete"), ("ids", &ids)]).await.ok();
}

/// X1
#[tokio::test]
async fn others_mailboxes_are_closed_to_those_without_a_right_to_them() {
    let organisation = Organisation::new().await;
    let id = organisation.deliver(BO, "inbox", "Subject: x\n\nx\n").await;
    let folders = inbox_of(BO);
    let folder = [("shape", "IdOnly"), ("folders", folders.as_str())];
    organisation.anna("get_folder", &folder).await.is_error("ErrorAccessDenied");
    let ids = item_id(&id);
    let item = [("shape", "IdOnly"), ("options", ""), ("ids", ids.as_str())];
    organisation.anna("get_item", &item).await.is_error("ErrorItemNotFound");
    let nobody = inbox_of("nobody@n.example");
    let folder_of_nobody = [("shape", "IdOnly"), ("folders", nobody.as_str())];
    organisation.anna("get_folder", &folder_of_nobody).await.is_error("ErrorNonExistentMailbox");
    organisation.directory.change_person(BO, |bo| bo.full_access.push(ANNA.into())).unwrap();
    organisation.anna("get_folder", &folder).await.ok();
    organisation.anna("get_item", &item).await.ok();
}

/// X1
#[tokio::test]
async fn an_account_without_a_mailbox_has_no_inbox_of_its_own_and_an_unknown_one_nothing_at_all() {
    let organisation = Organisation::new().await;
    organisation.ask(&As::own(SERVICE), "get_folder", INBOX).await.is_error("ErrorNonExistentMailbox");
    let stranger = organisation.ask(&As::own("x@n.example"), "get_folder", INBOX).await;
    stranger.is_fault("ErrorCallerIsInvalidADAccount");
}
