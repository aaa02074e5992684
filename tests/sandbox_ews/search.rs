//! FindItem.

use crate::organisation::{ANNA, As, Organisation, Reply, item_id};
use sent_items_update::sandbox::ews::ServiceLimits;
use sent_items_update::sandbox::store::{Delivery, StoredProperty};

struct Search {
    folder: &'static str,
    traversal: &'static str,
    shape: &'static str,
    additional: &'static str,
    view: &'static str,
    restriction: String,
    order: &'static str,
    query: &'static str,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            folder: "inbox",
            traversal: "Shallow",
            shape: "Default",
            additional: "",
            view: "",
            restriction: String::new(),
            order: "",
            query: "",
        }
    }
}

impl Search {
    async fn run(self, organisation: &Organisation) -> Reply {
        self.run_as(organisation, &As::own(ANNA)).await
    }

    async fn run_as(self, organisation: &Organisation, who: &As) -> Reply {
        let values = [
            ("folder", self.folder),
            ("traversal", self.traversal),
            ("shape", self.shape),
            ("additional", self.additional),
            ("view", self.view),
            ("restriction", &self.restriction),
            ("order", self.order),
            ("query", self.query),
        ];
        organisation.ask(who, "find_item", &values).await
    }
}

fn equal(path: &str, value: &str) -> String {
    format!(
        "<t:IsEqualTo>{path}<t:FieldURIOrConstant><t:Constant Value=\"{value}\"/></t:FieldURIOrConstant></t:IsEqualTo>"
    )
}

fn restricted(expression: &str) -> Search {
    Search { restriction: format!("<m:Restriction>{expression}</m:Restriction>"), ..Search::default() }
}

const MARK: &str = "<t:ExtendedFieldURI DistinguishedPropertySetId=\"PublicStrings\" PropertyName=\"SentItemsUpdate\" PropertyType=\"String\"/>";
const ID: &str = "<t:FieldURI FieldURI=\"message:InternetMessageId\"/>";

async fn filled_inbox() -> Organisation {
    let organisation = Organisation::new().await;
    for number in 1..=5 {
        let mime = format!(
            "From: Bo <bo@n.example>\nTo: anna@n.example\nSubject: Message {number}\nMessage-ID: <{number}@n>\nDate: Fri, 1 Mar 2024 10:0{number}:00 +0000\n\nbody {number}\n"
        );
        let mark = StoredProperty {
            set: "PublicStrings".into(),
            name: "SentItemsUpdate".into(),
            kind: "String".into(),
            values: vec![format!("mark-{}", number % 2)],
        };
        let received = format!("2024-03-01T10:0{number}:30Z").parse().unwrap();
        let options =
            Delivery { read: number > 3, received: Some(received), extended: vec![mark], ..Delivery::default() };
        organisation.deliver_with(ANNA, "inbox", &mime, options).await;
    }
    organisation
}

/// X1
#[tokio::test]
async fn bodies_attachments_and_recipients_are_not_to_be_had_from_finding() {
    let organisation = filled_inbox().await;
    for uri in ["item:Body", "item:Attachments", "item:MimeContent", "message:ToRecipients", "item:UniqueBody"] {
        let additional: &'static str = Box::leak(
            format!("<t:AdditionalProperties><t:FieldURI FieldURI=\"{uri}\"/></t:AdditionalProperties>")
                .into_boxed_str(),
        );
        let reply = Search { additional, ..Search::default() }.run(&organisation).await;
        reply.is_error("ErrorInvalidPropertyRequest");
        assert_eq!(reply.attribute("FieldURI", "FieldURI"), uri);
    }
    let all = Search { shape: "AllProperties", ..Search::default() }.run(&organisation).await;
    assert_eq!(all.ok().texts("Subject").len(), 5);
    for absent in ["Body", "Attachments", "ToRecipients", "MimeContent"] {
        assert!(all.texts(absent).is_empty(), "{absent}");
    }
    assert_eq!(all.texts("DisplayTo")[0], "anna@n.example");
}

/// X1
#[tokio::test]
async fn what_cannot_be_searched_for_or_sorted_by_is_refused() {
    let organisation = filled_inbox().await;
    let size = "<t:FieldURI FieldURI=\"item:Size\"/>";
    for (expression, code) in [
        (equal(size, "big"), "ErrorInvalidValueForProperty"),
        (equal("<t:FieldURI FieldURI=\"item:Attachments\"/>", "x"), "ErrorUnsupportedPathForQuery"),
        (format!("<t:Contains>{size}<t:Constant Value=\"1\"/></t:Contains>"), "ErrorContainsFilterWrongType"),
        (format!("<t:Excludes>{ID}<t:Bitmask Value=\"0x1\"/></t:Excludes>"), "ErrorInvalidExcludesRestriction"),
    ] {
        restricted(&expression).run(&organisation).await.is_error(code);
    }
    let order = "<m:SortOrder><t:FieldOrder Order=\"Ascending\"><t:FieldURI FieldURI=\"item:Attachments\"/></t:FieldOrder></m:SortOrder>";
    Search { order, ..Search::default() }.run(&organisation).await.is_error("ErrorUnsupportedPathForSortGroup");
    let view = "<m:IndexedPageItemView MaxEntriesReturned=\"0\" Offset=\"0\" BasePoint=\"Beginning\"/>";
    Search { view, ..Search::default() }.run(&organisation).await.is_error("ErrorInvalidPagingMaxRows");
    let view = "<m:CalendarView StartDate=\"2024-01-01T00:00:00Z\" EndDate=\"2024-02-01T00:00:00Z\"/>";
    let reply = Search { view, ..Search::default() }.run(&organisation).await;
    reply.is_error("ErrorCalendarFolderIsInvalidForCalendarView");
    let archive = Search { folder: "archiveroot", ..Search::default() }.run(&organisation).await;
    archive.is_error("ErrorFolderNotFound");
    let query = "<m:QueryString>flavour:sweet</m:QueryString>";
    Search { query, ..Search::default() }.run(&organisation).await.is_error("ErrorInvalidArgument");
}

/// U3
#[tokio::test]
async fn a_message_is_found_by_its_message_id_with_the_mark_beside_it() {
    let organisation = filled_inbox().await;
    let additional: &'static str = "<t:AdditionalProperties><t:FieldURI FieldURI=\"message:InternetMessageId\"/>\
        <t:ExtendedFieldURI DistinguishedPropertySetId=\"PublicStrings\" PropertyName=\"SentItemsUpdate\" PropertyType=\"String\"/>\
        </t:AdditionalProperties>";
    let found =
        Search { shape: "IdOnly", additional, ..restricted(&equal(ID, "&lt;3@n&gt;")) }.run(&organisation).await;
    assert_eq!(found.ok().texts("InternetMessageId"), ["<3@n>"]);
    assert_eq!(found.texts("Value"), ["mark-1"]);
    assert_eq!(found.attribute("RootFolder", "TotalItemsInView"), "1");
    let none = restricted(&equal(ID, "&lt;9@n&gt;")).run(&organisation).await;
    assert_eq!(none.ok().attribute("RootFolder", "TotalItemsInView"), "0");
    let elsewhere = Search { folder: "sentitems", ..restricted(&equal(ID, "&lt;3@n&gt;")) }.run(&organisation).await;
    assert!(elsewhere.ok().texts("Subject").is_empty());
}

/// U8
#[tokio::test]
async fn marked_items_are_found_by_the_mark_and_unmarked_ones_by_its_absence() {
    let organisation = filled_inbox().await;
    organisation.deliver(ANNA, "inbox", "Subject: unmarked\n\nx\n").await;
    let subjects = async |expression: &str| {
        let mut subjects = restricted(expression).run(&organisation).await.ok().texts("Subject");
        subjects.sort();
        subjects
    };
    assert_eq!(subjects(&equal(MARK, "mark-0")).await, ["Message 2", "Message 4"]);
    let both = format!("<t:And>{}{}</t:And>", equal(MARK, "mark-1"), equal(ID, "&lt;1@n&gt;"));
    assert_eq!(subjects(&both).await, ["Message 1"]);
    let either = format!("<t:Or>{}{}</t:Or>", equal(MARK, "mark-0"), equal(ID, "&lt;1@n&gt;"));
    assert_eq!(subjects(&either).await, ["Message 1", "Message 2", "Message 4"]);
    assert_eq!(subjects(&format!("<t:Not><t:Exists>{MARK}</t:Exists></t:Not>")).await, ["unmarked"]);
    let tag = "<t:ExtendedFieldURI PropertyTag=\"0x1035\" PropertyType=\"String\"/>";
    assert_eq!(subjects(&equal(tag, "&lt;5@n&gt;")).await, ["Message 5"]);
    let unread = "<t:Excludes><t:ExtendedFieldURI PropertyTag=\"0x0E07\" PropertyType=\"Integer\"/><t:Bitmask Value=\"0x1\"/></t:Excludes>";
    assert_eq!(subjects(unread).await, ["Message 1", "Message 2", "Message 3", "unmarked"]);
}

/// X1
#[tokio::test]
async fn bodies_and_headers_are_searched_too() {
    let organisation = filled_inbox().await;
    let body = "<t:Contains ContainmentMode=\"Substring\" ContainmentComparison=\"IgnoreCase\"><t:FieldURI FieldURI=\"item:Body\"/><t:Constant Value=\"BODY 4\"/></t:Contains>";
    assert_eq!(restricted(body).run(&organisation).await.ok().texts("Subject"), ["Message 4"]);
    let query = "<m:QueryString>from:bo body:\"body 2\"</m:QueryString>";
    assert_eq!(Search { query, ..Search::default() }.run(&organisation).await.ok().texts("Subject"), ["Message 2"]);
}

/// X1
#[tokio::test]
async fn results_come_in_the_order_and_the_pages_that_are_asked_for() {
    let organisation = filled_inbox().await;
    assert_eq!(Search::default().run(&organisation).await.ok().texts("Subject")[0], "Message 5");
    let order = "<m:SortOrder><t:FieldOrder Order=\"Descending\"><t:FieldURI FieldURI=\"message:IsRead\"/></t:FieldOrder>\
        <t:FieldOrder Order=\"Ascending\"><t:FieldURI FieldURI=\"item:DateTimeReceived\"/></t:FieldOrder></m:SortOrder>";
    let view = "<m:IndexedPageItemView MaxEntriesReturned=\"2\" Offset=\"1\" BasePoint=\"Beginning\"/>";
    let page = Search { view, order, ..Search::default() }.run(&organisation).await;
    assert_eq!(page.ok().texts("Subject"), ["Message 5", "Message 1"]);
    assert_eq!(page.attribute("RootFolder", "IndexedPagingOffset"), "3");
    assert_eq!(page.attribute("RootFolder", "TotalItemsInView"), "5");
    assert_eq!(page.attribute("RootFolder", "IncludesLastItemInRange"), "false");
    let view = "<m:FractionalPageItemView MaxEntriesReturned=\"9\" Numerator=\"4\" Denominator=\"5\"/>";
    let rest = Search { view, order, ..Search::default() }.run(&organisation).await;
    assert_eq!(rest.ok().texts("Subject"), ["Message 3"]);
    let view = "<m:SeekToConditionPageItemView MaxEntriesReturned=\"1\" BasePoint=\"Beginning\"><t:Condition><t:IsEqualTo>\
        <t:FieldURI FieldURI=\"item:Subject\"/><t:FieldURIOrConstant><t:Constant Value=\"message 1\"/></t:FieldURIOrConstant>\
        </t:IsEqualTo></t:Condition></m:SeekToConditionPageItemView>";
    let sought = Search { view, order, ..Search::default() }.run(&organisation).await;
    assert_eq!(sought.ok().texts("Subject"), ["Message 1"]);
}

fn any_subject_of(subjects: &[&str]) -> String {
    let is = |subject: &&str| {
        format!(
            "<t:IsEqualTo><t:FieldURI FieldURI=\"item:Subject\"/><t:FieldURIOrConstant><t:Constant Value=\"{subject}\"/>\
             </t:FieldURIOrConstant></t:IsEqualTo>"
        )
    };
    format!("<m:Restriction><t:Or>{}</t:Or></m:Restriction>", subjects.iter().map(is).collect::<String>())
}

/// X1
#[tokio::test]
async fn a_restriction_of_more_conditions_than_allowed_is_too_complex() {
    let limits = ServiceLimits { max_restriction: 4, ..ServiceLimits::default() };
    let organisation = Organisation::with_limits(limits).await;
    for subject in ["a", "b", "c"] {
        organisation.deliver(ANNA, "inbox", &format!("Subject: {subject}\n\nx\n")).await;
    }
    let search = |subjects: &[&str]| Search { restriction: any_subject_of(subjects), ..Search::default() };
    let found = search(&["a", "b", "x"]).run(&organisation).await;
    assert_eq!(found.ok().texts("Subject").len(), 2);
    search(&["a", "b", "c", "d"]).run(&organisation).await.is_error("ErrorRestrictionTooComplex");
}

/// X1
#[tokio::test]
async fn an_item_that_meets_several_conditions_is_found_once() {
    let organisation = Organisation::new().await;
    organisation.deliver(ANNA, "inbox", "Message-ID: <1@n>\nSubject: x\n\nx\n").await;
    let id = |id: &str| {
        format!(
            "<t:IsEqualTo><t:FieldURI FieldURI=\"message:InternetMessageId\"/><t:FieldURIOrConstant>\
             <t:Constant Value=\"&lt;{id}&gt;\"/></t:FieldURIOrConstant></t:IsEqualTo>"
        )
    };
    let restriction = format!("<m:Restriction><t:Or>{}{}{}</t:Or></m:Restriction>", id("1@n"), id("1@N"), id("2@n"));
    let found = Search { restriction, ..Search::default() }.run(&organisation).await;
    assert_eq!(found.ok().texts("Subject"), ["x"]);
}

/// X1
#[tokio::test]
async fn more_than_the_limit_is_given_in_pages_only() {
    let limits = ServiceLimits { max_find: 3, ..ServiceLimits::default() };
    let organisation = Organisation::with_limits(limits).await;
    for _ in 0..4 {
        organisation.deliver(ANNA, "inbox", "Subject: x\n\nx\n").await;
    }
    Search::default().run(&organisation).await.is_error("ErrorExceededFindCountLimit");
    let view = "<m:IndexedPageItemView MaxEntriesReturned=\"1000\" Offset=\"0\" BasePoint=\"Beginning\"/>";
    let page = Search { view, ..Search::default() }.run(&organisation).await;
    assert_eq!(page.ok().texts("Subject").len(), 3);
    assert_eq!(page.attribute("RootFolder", "IncludesLastItemInRange"), "false");
}

/// X1
#[tokio::test]
async fn soft_deleted_items_are_found_where_they_were_and_hidden_ones_by_asking_for_them() {
    let organisation = Organisation::new().await;
    let id = organisation.deliver(ANNA, "inbox", "Subject: gone\n\nx\n").await;
    organisation.anna("delete_item", &[("how", "SoftDelete"), ("ids", &item_id(&id))]).await.ok();
    assert!(Search::default().run(&organisation).await.ok().texts("Subject").is_empty());
    let deleted = Search { traversal: "SoftDeleted", ..Search::default() }.run(&organisation).await;
    assert_eq!(deleted.ok().texts("Subject"), ["gone"]);
    let hidden = "<t:Message><t:Subject>hidden</t:Subject><t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"0x0E07\" \
        PropertyType=\"Integer\"/><t:Value>65</t:Value></t:ExtendedProperty></t:Message>";
    let folder = "<m:SavedItemFolderId><t:DistinguishedFolderId Id=\"inbox\"/></m:SavedItemFolderId>";
    let create = [("disposition", "MessageDisposition=\"SaveOnly\""), ("folder", folder), ("items", hidden)];
    organisation.anna("create_item", &create).await.ok();
    assert!(Search::default().run(&organisation).await.ok().texts("Subject").is_empty());
    let associated = Search { traversal: "Associated", ..Search::default() }.run(&organisation).await;
    assert_eq!(associated.ok().texts("Subject"), ["hidden"]);
}

/// X1
#[tokio::test]
async fn an_old_client_gets_nothing_that_its_version_does_not_know() {
    let organisation = filled_inbox().await;
    let old = As { version: "Exchange2007_SP1", ..As::own(ANNA) };
    let reply = Search { shape: "AllProperties", ..Search::default() }.run_as(&organisation, &old).await;
    assert!(reply.ok().texts("ConversationId").is_empty() && reply.texts("Preview").is_empty());
    let new = Search { shape: "AllProperties", ..Search::default() }.run(&organisation).await;
    assert!(!new.texts("ConversationId").is_empty() && !new.texts("Preview").is_empty());
}
