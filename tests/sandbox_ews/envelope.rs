//! Requests that are none, or not of the version that they say.

use crate::organisation::{ANNA, As, Organisation};
use sent_items_update::sandbox::ews::{
    Caller, FaultHook, NoFaults, Refusal, RequestFacts, ServiceLimits, SoapAnswer, Verdict,
};

use std::pin::Pin;
use std::sync::Mutex;

/// X1
#[tokio::test]
async fn entity_definitions_are_refused_before_any_is_expanded() {
    let organisation = Organisation::new().await;
    let reply = organisation.whole("bad_dtd").await;
    reply.is_fault("ErrorSchemaValidation");
    assert!(reply.text_of("faultstring").contains("DTD is prohibited"), "{}", reply.text);
}

/// X1
#[tokio::test]
async fn what_is_no_soap_request_is_refused_with_a_fault() {
    let organisation = Organisation::new().await;
    organisation.whole("bad_truncated").await.is_fault("ErrorSchemaValidation");
    for fixture in ["bad_html", "bad_no_body", "bad_empty_body"] {
        organisation.whole(fixture).await.is_fault("ErrorInvalidRequest");
    }
    let caller = Caller { upn: ANNA.into() };
    let bytes = organisation.service.answer(&caller, None, vec![0xff, 0xfe, 0x00].into(), &NoFaults).await;
    assert_eq!(bytes.status, 500);
}

/// X1
#[tokio::test]
async fn a_request_larger_than_the_limit_is_not_read() {
    let organisation = Organisation::with_limits(ServiceLimits { max_request: 1000, ..ServiceLimits::default() }).await;
    let folders = "<t:DistinguishedFolderId Id=\"inbox\"/>".repeat(100);
    let reply = organisation.anna("get_folder", &[("shape", "IdOnly"), ("folders", &folders)]).await;
    reply.is_fault("ErrorMessageSizeExceeded");
}

/// X1
#[tokio::test]
async fn an_unknown_version_is_refused_and_a_missing_one_is_the_first() {
    let organisation = Organisation::new().await;
    let who = As { version: "Exchange2099", ..As::own(ANNA) };
    let reply = organisation.ask(&who, "get_own_folders", &[]).await;
    reply.is_fault("ErrorInvalidServerVersion");
    assert_eq!(reply.text_of("faultstring"), "The specified server version is invalid.");
    let reply = organisation.whole("no_version").await;
    reply.is_fault("ErrorSchemaValidation");
    assert!(reply.text_of("Violation").contains("invalid child element 'Flag'"), "{}", reply.text);
}

/// X1
#[tokio::test]
async fn elements_in_the_wrong_order_are_a_fault_that_says_where() {
    let organisation = Organisation::new().await;
    let reply = organisation.anna("bad_order", &[]).await;
    reply.is_fault("ErrorSchemaValidation");
    assert_eq!(reply.text_of("Message"), "The request failed schema validation.");
    assert!(reply.text_of("faultstring").starts_with("The request failed schema validation: The element 'Message'"));
    assert_eq!((reply.text_of("LineNumber").as_str(), reply.text_of("LinePosition").as_str()), ("14", "2"));
    assert!(reply.text_of("Violation").contains("has invalid child element 'Subject'"));
}

/// X1
#[tokio::test]
async fn an_operation_that_is_not_offered_is_named() {
    let organisation = Organisation::new().await;
    let reply = organisation.anna("unknown_operation", &[]).await;
    reply.is_fault("ErrorInvalidOperation");
    assert!(reply.text_of("faultstring").contains("GetUserOofSettingsRequest"));
}

/// X1
#[tokio::test]
async fn an_answer_names_the_version_of_the_server() {
    let organisation = Organisation::new().await;
    let reply = organisation.anna("get_own_folders", &[]).await;
    assert_eq!(reply.attribute("ServerVersionInfo", "MajorVersion"), "15");
    assert_eq!(reply.attribute("ServerVersionInfo", "MinorVersion"), "2");
    assert!(reply.text.contains("<h:ServerVersionInfo "));
}

type Ruling<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Rules as told, and notes what it saw.
struct Judge {
    before: Verdict,
    after: Verdict,
    seen: Mutex<Vec<RequestFacts>>,
}

impl Judge {
    fn new(before: Verdict, after: Verdict) -> Self {
        Self { before, after, seen: Mutex::default() }
    }
}

impl FaultHook for Judge {
    fn before<'a>(&'a self, request: &'a RequestFacts) -> Ruling<'a> {
        self.seen.lock().unwrap().push(request.clone());
        Box::pin(std::future::ready(self.before.clone()))
    }

    fn after<'a>(&'a self, _: &'a RequestFacts, _: &'a SoapAnswer) -> Ruling<'a> {
        Box::pin(std::future::ready(self.after.clone()))
    }
}

async fn draft(organisation: &Organisation, judge: &Judge) -> crate::organisation::Reply {
    let who = As::service("PrimarySmtpAddress", ANNA);
    organisation.ask_with(&who, "create_draft", &[("subject", "x")], judge).await
}

/// X1
#[tokio::test]
async fn a_hook_can_keep_a_request_from_taking_effect_or_its_answer_from_arriving() {
    let organisation = Organisation::new().await;
    let judge = Judge::new(Verdict::DropConnection, Verdict::Continue);
    assert!(draft(&organisation, &judge).await.dropped);
    assert_eq!(organisation.items(ANNA, "drafts").await.len(), 0);
    let judge = Judge::new(Verdict::Continue, Verdict::DropConnection);
    assert!(draft(&organisation, &judge).await.dropped);
    assert_eq!(organisation.items(ANNA, "drafts").await.len(), 1);
    let facts = judge.seen.lock().unwrap()[0].clone();
    assert_eq!((facts.operation, facts.caller.as_str(), facts.mailbox.as_str()), ("CreateItem", "svc@n.example", ANNA));
    assert!(facts.impersonating && facts.writes && facts.number == 2);
}

/// X1
#[tokio::test]
async fn a_hook_refuses_in_the_words_of_ews_as_a_code_on_each_part_or_as_a_fault() {
    let organisation = Organisation::new().await;
    let refusal = Refusal {
        code: "ErrorServerBusy".into(),
        message: "The server cannot service this request right now. Try again later.".into(),
        values: vec![("BackOffMilliseconds".into(), "1500".into())],
        fault: None,
    };
    let judge = Judge::new(Verdict::Refuse(refusal.clone()), Verdict::Continue);
    let reply = organisation.ask_with(&As::own(ANNA), "get_own_folders", &[], &judge).await;
    assert_eq!(reply.codes(), vec!["ErrorServerBusy"; 7]);
    assert_eq!(reply.attribute("Value", "Name"), "BackOffMilliseconds");
    let judge = Judge::new(Verdict::Refuse(Refusal { fault: Some(500), ..refusal }), Verdict::Continue);
    let reply = organisation.ask_with(&As::own(ANNA), "get_own_folders", &[], &judge).await;
    reply.is_fault("ErrorServerBusy");
    assert_eq!(reply.text_of("Value"), "1500");
}
