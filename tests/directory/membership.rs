//! Who belongs to a group (S3, S4).

use std::collections::{BTreeSet, HashMap};

use sent_items_update::directory::{Directory, Member, Nesting, Options, Presence};
use uuid::Uuid;

use crate::fixture::{Fixture, USERS, all, query};

/// First addresses of the members of a group, or their GUIDs where they have none.
async fn members(fixture: &Fixture, directory: &Directory, group: &str) -> BTreeSet<String> {
    let id = fixture.named(directory, fixture.group(group)).await.id;
    let members = directory.members(&[id]).await.unwrap().remove(0).unwrap();
    let count = members.len();
    let first = |member: Member| member.addresses.first().map_or_else(|| member.id.to_string(), ToString::to_string);
    let set: BTreeSet<_> = members.into_iter().map(first).collect();
    assert_eq!(set.len(), count, "everybody once");
    set
}

fn at(fixture: &Fixture, names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("{name}@{}", fixture.domain)).collect()
}

/// S3
pub async fn nested_membership_counts_and_a_cycle_ends(fixture: &Fixture) {
    let directory = fixture.reader();
    let everybody = at(fixture, &["anna", "ben", "carla", "dora"]);
    assert_eq!(members(fixture, &directory, "nested in a cycle").await, everybody);
    assert_eq!(members(fixture, &directory, "inside of it").await, everybody);
    assert_eq!(members(fixture, &directory, "distribution").await, at(fixture, &["dora"]));
}

/// S3, where the controller can't follow nested membership itself.
pub async fn members_are_the_same_when_groups_are_walked(fixture: &Fixture) {
    let options = Options { nesting: Nesting::Walk, ..fixture.options() };
    let walking = Directory::with_options(&fixture.settings(), fixture.sign_in("service"), &options).unwrap();
    let asking = fixture.reader();
    for group in ["nested in a cycle", "inside of it", "distribution", "odd", "empty", "primary", "large"] {
        let (walked, asked) = (members(fixture, &walking, group).await, members(fixture, &asking, group).await);
        assert_eq!(walked, asked, "{group}");
    }
}

/// S3: Domain Users has no members to be seen, and everybody belongs to it.
pub async fn primary_groups_count_as_membership(fixture: &Fixture) {
    let directory = fixture.reader();
    let erik = fixture.named(&directory, "Erik Falk").await.id;
    let outsider = fixture.named(&directory, "Outsider").await.id;
    let crew: BTreeSet<_> = [erik, outsider].iter().map(Uuid::to_string).collect();
    assert_eq!(members(fixture, &directory, "primary").await, crew);
    let everybody = members(fixture, &directory, "everybody").await;
    assert!(everybody.len() > fixture.bulk);
    assert!(everybody.is_superset(&at(fixture, &["anna", "jurgen", "bulk00000"])));
    assert!(!everybody.contains(&outsider.to_string()));
}

pub async fn odd_group_names_and_empty_groups_are_no_trouble(fixture: &Fixture) {
    let directory = fixture.reader();
    assert_eq!(members(fixture, &directory, "odd").await, at(fixture, &["o'brien", "quote", "jurgen"]));
    assert!(members(fixture, &directory, "empty").await.is_empty());
}

/// More than a controller gives at a time, of results (1,000) and of values (1,500).
pub async fn a_group_of_thousands_is_complete(fixture: &Fixture) {
    let directory = fixture.reader();
    assert_eq!(members(fixture, &directory, "large").await.len(), fixture.bulk.min(5000));
}

/// S4
pub async fn a_group_that_is_gone_is_told_from_an_empty_one(fixture: &Fixture) {
    // In the trusted domain every location can be searched, so that what is not found is not there.
    let mut settings = fixture.settings();
    settings.domain.clone_from(&fixture.trusted);
    settings.controllers.clear();
    let directory = Directory::with_options(&settings, fixture.sign_in("service"), &fixture.options()).unwrap();
    assert_eq!(directory.members(&[Uuid::from_u128(7)]).await.unwrap(), [None]);
    assert_eq!(directory.addresses(&[Uuid::from_u128(7)]).await.unwrap(), [None]);
    assert_eq!(directory.members(&[]).await.unwrap(), []);
}

/// S4: although a trusted domain can't be reached, in which something never seen could be.
pub async fn what_went_after_it_was_looked_for_where_it_was_is_gone(fixture: &Fixture) {
    let directory = fixture.reader();
    let id = Uuid::from_u128(9);
    assert!(directory.members(&[id]).await.is_err());
    assert_eq!(directory.presence(&[(id, &fixture.domain)]).await, [Presence::Gone]);
    assert_eq!(directory.members(&[id]).await.unwrap(), [None]);
    assert_eq!(directory.addresses(&[id]).await.unwrap(), [None]);
}

/// S3
pub async fn users_send_by_all_their_addresses(fixture: &Fixture) {
    let directory = fixture.reader();
    let ids: HashMap<String, Uuid> =
        all(&directory, query("", USERS)).await.into_iter().map(|object| (object.name, object.id)).collect();
    let users = [ids["Anna Berg"], ids["Erik Falk"]];
    let found = directory.addresses(&users).await.unwrap();
    let anna: Vec<_> = found[0].as_ref().unwrap().addresses.iter().map(ToString::to_string).collect();
    assert_eq!(anna, ["anna", "anna.berg"].map(|name| format!("{name}@{}", fixture.domain)));
    assert!(found[1].as_ref().unwrap().addresses.is_empty());
}
