//! SyncFolderItems and SyncFolderHierarchy.

use crate::organisation::{ANNA, Organisation, Reply, filled, item_id};

async fn sync(organisation: &Organisation, state: &str, max: &str) -> Reply {
    organisation.anna("sync_items", &[("folder", "inbox"), ("state", state), ("max", max)]).await
}

/// X1
#[tokio::test]
async fn a_state_that_is_none_or_of_another_folder_is_refused() {
    let organisation = Organisation::new().await;
    sync(&organisation, "AAAA", "9").await.is_error("ErrorInvalidSyncStateData");
    let sent = organisation.anna("sync_items", &[("folder", "sentitems"), ("state", ""), ("max", "9")]).await;
    let state = sent.ok().text_of("SyncState");
    sync(&organisation, &state, "9").await.is_error("ErrorInvalidSyncStateData");
    let missing = organisation.anna("sync_items", &[("folder", "archiveroot"), ("state", ""), ("max", "9")]).await;
    missing.is_error("ErrorSyncFolderNotFound");
    sync(&organisation, "", "513").await.is_fault("ErrorSchemaValidation");
}

/// X1
#[tokio::test]
async fn each_change_is_told_once_as_what_it_is() {
    let organisation = Organisation::new().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(organisation.deliver(ANNA, "inbox", &format!("Subject: {number}\n\nx\n")).await);
    }
    let first = sync(&organisation, "", "3").await;
    assert_eq!((first.ok().texts("Create").len(), first.text_of("IncludesLastItemInRange").as_str()), (3, "false"));
    let rest = sync(&organisation, &first.text_of("SyncState"), "3").await;
    assert_eq!((rest.ok().texts("Create").len(), rest.text_of("IncludesLastItemInRange").as_str()), (1, "true"));
    let state = rest.text_of("SyncState");
    let change = async |id: &str, updates: String| {
        let values = [
            ("resolution", "AlwaysOverwrite"),
            ("disposition", "SaveOnly"),
            ("id", &item_id(id)),
            ("updates", &updates),
        ];
        organisation.anna("update_item", &values).await.ok();
    };
    change(&ids[0], filled("set_subject", &[("subject", "changed")])).await;
    change(&ids[1], filled("set_read", &[("read", "true")])).await;
    organisation.anna("delete_item", &[("how", "MoveToDeletedItems"), ("ids", &item_id(&ids[2]))]).await.ok();
    // Came and went between two looks: nobody needs to know.
    let short = organisation.deliver(ANNA, "inbox", "Subject: short\n\nx\n").await;
    organisation.anna("delete_item", &[("how", "HardDelete"), ("ids", &item_id(&short))]).await.ok();
    let changes = sync(&organisation, &state, "100").await;
    changes.ok();
    let told = |name: &str| {
        let document = roxmltree::Document::parse(&changes.text).unwrap();
        let named = document.descendants().filter(|node| node.tag_name().name() == name);
        let id = |node: roxmltree::Node<'_, '_>| {
            node.descendants().find_map(|node| node.attribute("Id")).unwrap_or_default().to_owned()
        };
        named.map(id).collect::<Vec<_>>()
    };
    assert_eq!(told("Update"), [ids[0].clone()]);
    assert_eq!(told("ReadFlagChange"), [ids[1].clone()]);
    assert_eq!(told("Delete"), [ids[2].clone()]);
    assert!(told("Create").is_empty());
    let nothing = sync(&organisation, &changes.text_of("SyncState"), "100").await;
    assert_eq!(nothing.ok().texts("ItemId").len(), 0);
}

/// X1
#[tokio::test]
async fn folders_that_come_and_go_are_told() {
    let organisation = Organisation::new().await;
    let hierarchy = async |state: &str| organisation.anna("sync_hierarchy", &[("state", state)]).await;
    let all = hierarchy("").await;
    assert!(all.ok().texts("Create").len() > 10);
    let made = organisation.anna("create_folder", &[("parent", "inbox"), ("name", "Projects")]).await;
    let made = made.attribute("FolderId", "Id");
    let after = hierarchy(&all.text_of("SyncState")).await;
    assert_eq!(after.ok().texts("DisplayName"), ["Projects"]);
    let folder = format!("<t:FolderId Id=\"{made}\"/>");
    organisation.anna("delete_folder", &[("how", "HardDelete"), ("folder", &folder)]).await.ok();
    let last = hierarchy(&after.text_of("SyncState")).await;
    assert_eq!(last.ok().texts("Delete").len(), 1);
    assert_eq!(last.attribute("FolderId", "Id"), made);
}
