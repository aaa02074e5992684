//! Folders: reading, finding, making, removing.

use crate::organisation::{ANNA, Organisation};

/// X1
#[tokio::test]
async fn of_several_folders_those_that_are_missing_are_told_apart_and_the_rest_is_answered_in_order() {
    let organisation = Organisation::new().await;
    let reply = organisation.anna("get_own_folders", &[]).await;
    let expected =
        ["NoError", "ErrorFolderNotFound", "NoError", "NoError", "NoError", "ErrorFolderNotFound", "NoError"];
    assert_eq!(reply.codes(), expected);
    assert_eq!(reply.texts("DisplayName"), ["Inbox", "Calendar", "Contacts", "Tasks", ""]);
    assert_eq!(reply.texts("DistinguishedFolderId"), ["inbox", "calendar", "contacts", "tasks", "root"]);
    for element in ["Folder", "CalendarFolder", "ContactsFolder", "TasksFolder"] {
        assert!(!reply.texts(element).is_empty(), "{element}");
    }
}

/// X1
#[tokio::test]
async fn ids_that_are_none_are_refused_by_what_is_wrong_with_them() {
    let organisation = Organisation::new().await;
    let item = organisation.deliver(ANNA, "inbox", "Subject: x\n\nx\n").await;
    let gone = organisation.anna("create_folder", &[("parent", "inbox"), ("name", "x")]).await;
    let gone = gone.ok().attribute("FolderId", "Id");
    let folder = format!("<t:FolderId Id=\"{gone}\"/>");
    organisation.anna("delete_folder", &[("how", "HardDelete"), ("folder", &folder)]).await.ok();
    for (id, code) in [
        ("", "ErrorInvalidIdEmpty"),
        ("AAA=", "ErrorInvalidIdMalformed"),
        (item.as_str(), "ErrorCannotUseItemIdForFolderId"),
        (gone.as_str(), "ErrorFolderNotFound"),
    ] {
        let folders = format!("<t:FolderId Id=\"{id}\"/>");
        let reply = organisation.anna("get_folder", &[("shape", "IdOnly"), ("folders", &folders)]).await;
        reply.is_error(code);
    }
}

/// X1
#[tokio::test]
async fn folders_are_found_at_any_depth_in_pages_and_by_name() {
    let organisation = Organisation::new().await;
    organisation.deliver(ANNA, "inbox/Projects/2026", "Subject: x\n\nx\n").await;
    let find = |traversal: &'static str, max: &'static str, offset: &'static str, restriction: &'static str| {
        let organisation = &organisation;
        async move {
            let values = [
                ("traversal", traversal),
                ("max", max),
                ("offset", offset),
                ("restriction", restriction),
                ("parent", "msgfolderroot"),
            ];
            organisation.anna("find_folder", &values).await
        }
    };
    assert!(!find("Shallow", "100", "0", "").await.texts("DisplayName").contains(&"2026".to_owned()));
    let deep = find("Deep", "100", "0", "").await;
    assert!(deep.texts("DisplayName").contains(&"2026".to_owned()));
    let page = find("Deep", "2", "1", "").await;
    assert_eq!(page.texts("DisplayName").len(), 2);
    assert_eq!(page.attribute("RootFolder", "IncludesLastItemInRange"), "false");
    assert_eq!(page.attribute("RootFolder", "TotalItemsInView"), deep.texts("DisplayName").len().to_string());
    let named = "<m:Restriction><t:IsEqualTo><t:FieldURI FieldURI=\"folder:DisplayName\"/><t:FieldURIOrConstant>\
                 <t:Constant Value=\"projects\"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>";
    assert_eq!(find("Deep", "9", "0", named).await.texts("DisplayName"), ["Projects"]);
    assert!(find("SoftDeleted", "9", "0", "").await.texts("DisplayName").is_empty());
}

/// X1
#[tokio::test]
async fn a_folder_can_be_made_once_under_a_name_and_the_usual_ones_stay() {
    let organisation = Organisation::new().await;
    let make = [("parent", "inbox"), ("name", "Projects")];
    let id = organisation.anna("create_folder", &make).await.ok().attribute("FolderId", "Id");
    organisation.anna("create_folder", &make).await.is_error("ErrorFolderExists");
    let in_nothing = [("parent", "archiveroot"), ("name", "x")];
    organisation.anna("create_folder", &in_nothing).await.is_error("ErrorParentFolderNotFound");
    let usual = [("how", "HardDelete"), ("folder", "<t:DistinguishedFolderId Id=\"inbox\"/>")];
    organisation.anna("delete_folder", &usual).await.is_error("ErrorDeleteDistinguishedFolder");
    let folder = format!("<t:FolderId Id=\"{id}\"/>");
    organisation.anna("delete_folder", &[("how", "MoveToDeletedItems"), ("folder", &folder)]).await.ok();
    let below = [("traversal", "Deep"), ("max", "9"), ("offset", "0"), ("restriction", ""), ("parent", "deleteditems")];
    assert_eq!(organisation.anna("find_folder", &below).await.texts("DisplayName"), ["Projects"]);
}

/// X1
#[tokio::test]
async fn emptying_a_folder_takes_what_is_in_it_and_below_and_keeps_the_folder() {
    let organisation = Organisation::new().await;
    organisation.deliver(ANNA, "inbox", "Subject: a\n\nx\n").await;
    organisation.deliver(ANNA, "inbox/Projects", "Subject: b\n\nx\n").await;
    organisation.anna("empty_folder", &[("how", "SoftDelete"), ("folder", "inbox")]).await.ok();
    assert!(organisation.items(ANNA, "inbox").await.is_empty());
    assert_eq!(organisation.items(ANNA, "recoverableitemsdeletions").await.len(), 2);
    let root = organisation.anna("empty_folder", &[("how", "SoftDelete"), ("folder", "msgfolderroot")]).await;
    root.is_error("ErrorCannotEmptyFolder");
}
