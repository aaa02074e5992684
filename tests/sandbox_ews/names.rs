//! Names, groups, time zones, identifiers.

use crate::organisation::{ANNA, Organisation};

/// X1
#[tokio::test]
async fn a_name_is_resolved_to_nobody_one_or_several() {
    let organisation = Organisation::new().await;
    let resolve = |entry: &'static str| {
        let organisation = &organisation;
        async move { organisation.anna("resolve_names", &[("entry", entry)]).await }
    };
    resolve("Zoë").await.is_error("ErrorNameResolutionNoResults");
    let several = resolve("a").await;
    several.is_error("ErrorNameResolutionMultipleResults");
    assert_eq!(several.attribute("ResolveNamesResponseMessage", "ResponseClass"), "Warning");
    assert_eq!(several.texts("EmailAddress"), [ANNA, "all@n.example"]);
    for entry in ["anna", "Berg", "smtp:a.berg@n.example", "ANNA@n.example"] {
        let one = resolve(entry).await;
        assert_eq!(one.ok().texts("EmailAddress"), [ANNA], "{entry}");
        assert_eq!(one.text_of("Surname"), "Berg");
    }
    assert_eq!(resolve("team@n.example").await.text_of("MailboxType"), "PublicDL");
}

/// X1
#[tokio::test]
async fn a_group_is_expanded_one_level_deep() {
    let organisation = Organisation::new().await;
    for address in ["nobody@n.example", ANNA] {
        let reply = organisation.anna("expand_dl", &[("address", address)]).await;
        reply.is_error("ErrorNameResolutionNoResults");
    }
    let reply = organisation.anna("expand_dl", &[("address", "TEAM@n.example")]).await;
    reply.ok();
    assert_eq!(reply.texts("EmailAddress"), ["bo@n.example", "all@n.example", "guest@o.example"]);
    assert_eq!(reply.texts("MailboxType"), ["Mailbox", "PublicDL", "OneOff"]);
    assert_eq!(reply.attribute("DLExpansion", "IncludesLastItemInRange"), "true");
}

/// X1
#[tokio::test]
async fn time_zones_come_with_their_rules() {
    let organisation = Organisation::new().await;
    let unknown = [("full", "true"), ("id", "Moon Standard Time")];
    organisation.anna("get_time_zones", &unknown).await.is_error("ErrorTimeZone");
    let berlin = organisation.anna("get_time_zones", &[("full", "true"), ("id", "W. Europe Standard Time")]).await;
    assert_eq!(berlin.ok().attributes("Period", "Bias"), ["-PT1H", "-PT2H"]);
    assert_eq!(berlin.texts("TimeOffset"), ["PT2H", "PT3H"]);
    assert_eq!(berlin.texts("Occurrence"), ["-1", "-1"]);
    organisation.anna("all_time_zones", &[]).await.ok();
}

/// X1
#[tokio::test]
async fn no_configuration_object_is_there_and_its_folder_must_be() {
    let organisation = Organisation::new().await;
    organisation.anna("get_user_configuration", &[]).await.is_error("ErrorItemNotFound");
}

/// X1
#[tokio::test]
async fn identifiers_are_converted_there_and_back() {
    let organisation = Organisation::new().await;
    let id = organisation.deliver(ANNA, "inbox", "Subject: x\n\nx\n").await;
    let convert = |from: &'static str, to: &'static str, id: String| {
        let organisation = &organisation;
        async move { organisation.anna("convert_id", &[("from", from), ("to", to), ("id", &id)]).await }
    };
    convert("EwsId", "EntryId", "DUMMY".into()).await.is_error("ErrorInvalidIdMalformed");
    convert("HexEntryId", "EwsId", "00FF".into()).await.is_error("ErrorInvalidIdMalformed");
    convert("EwsId", "StoreId", id.clone()).await.is_error("ErrorUnsupportedTypeForConversion");
    for format in ["EntryId", "HexEntryId", "OwaId", "EwsLegacyId"] {
        let there = convert("EwsId", format, id.clone()).await.ok().attribute("AlternateId", "Id");
        let back = convert(format, "EwsId", there).await.ok().attribute("AlternateId", "Id");
        assert_eq!(back, id, "{format}");
    }
}
