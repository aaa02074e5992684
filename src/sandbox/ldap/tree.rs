//! All objects of the directory as a client finds them: people and groups as they are now, and what surrounds them.
//!
//! A tree is made anew when people or groups have changed since, and is shared by all searches until then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::directory::{DOMAIN_SID, Directory, Group, Person, Recipient};
use super::account;
use super::dn::Dn;
use super::surroundings;
use super::value::{guid, sid_bytes};

/// What the domain is called, and where.
#[derive(Debug, Clone)]
pub struct World {
    /// DNS name of the domain.
    pub domain: String,
    /// Short name of the domain.
    pub netbios: String,
    /// Display name of the organisation.
    pub organisation: String,
    pub trusts: Vec<Trust>,
    pub connection_points: Vec<ConnectionPoint>,
    pub subnets: Vec<Subnet>,
    /// What the service connection point of the server names; none: there is none.
    pub autodiscover_url: Option<String>,
}

/// Another domain whose people are known here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// DNS name.
    pub domain: String,
    /// Short name.
    pub netbios: String,
    pub sid: String,
    /// `trustDirection`: 1 inbound, 2 outbound, 3 both.
    pub direction: u8,
    /// `trustType`: 1 Windows NT, 2 Active Directory, 3 a Kerberos realm.
    #[serde(default = "active_directory")]
    pub kind: u8,
}

fn active_directory() -> u8 {
    2
}

/// A service connection point of Autodiscover.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionPoint {
    pub name: String,
    /// `serviceBindingInformation`: the address of a service, or `LDAP://` and a domain.
    pub binding: String,
    pub keywords: Vec<String>,
}

/// A network, and the site that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// As in `10.1.0.0/16`.
    pub network: String,
    /// Name of the site.
    pub site: String,
}

/// Host name of the domain controller.
pub const CONTROLLER: &str = "DC01";

impl World {
    pub fn root(&self) -> Dn {
        Dn::of_domain(&self.domain)
    }

    pub fn configuration(&self) -> Dn {
        self.root().child("CN", "Configuration")
    }

    pub fn schema(&self) -> Dn {
        self.configuration().child("CN", "Schema")
    }

    /// Fully qualified name of the domain controller.
    pub fn controller(&self) -> String {
        format!("{}.{}", CONTROLLER.to_lowercase(), self.domain)
    }

    /// Where an object is that says to be in `container`, such as `OU=Sales`.
    pub fn container(&self, container: &str) -> Dn {
        let relative = Dn::parse(if container.is_empty() { "CN=Users" } else { container }).unwrap_or_default();
        let mut steps = relative.0;
        steps.extend(self.root().0);
        Dn(steps)
    }
}

/// What stands behind an entry.
#[derive(Debug, Clone)]
pub enum Object {
    Person(Arc<Person>),
    Group(Arc<Group>),
    /// A mail contact, a container, a server …
    Other,
}

/// An object of the directory.
#[derive(Debug, Clone)]
pub struct Entry {
    pub dn: Dn,
    pub name: String,
    pub key: String,
    pub object: Object,
    /// Attributes that are kept, by their proper names.
    pub attributes: Vec<(&'static str, Vec<Vec<u8>>)>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Tree {
    pub entries: Vec<Entry>,
    pub children: Vec<Vec<usize>>,
    by_key: HashMap<String, usize>,
    /// Direct members of each entry, and the groups it is a direct member of.
    pub members: Vec<Vec<usize>>,
    pub member_of: Vec<Vec<usize>>,
    /// Groups of the domain by their relative identifiers, as `primaryGroupID` names them.
    pub by_relative: HashMap<String, usize>,
}

/// Collects the attributes of an object.
#[derive(Debug, Default)]
pub struct Attributes(pub Vec<(&'static str, Vec<Vec<u8>>)>);

impl Attributes {
    pub fn texts<T: AsRef<str>>(mut self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        let values = values.into_iter().filter(|value| !value.as_ref().is_empty());
        let values: Vec<_> = values.map(|value| value.as_ref().as_bytes().to_vec()).collect();
        if !values.is_empty() {
            self.0.push((name, values));
        }
        self
    }

    pub fn text(self, name: &'static str, value: impl AsRef<str>) -> Self {
        self.texts(name, [value])
    }

    pub fn number(self, name: &'static str, value: impl Into<i64>) -> Self {
        self.text(name, value.into().to_string())
    }

    pub fn bytes(mut self, name: &'static str, value: Vec<u8>) -> Self {
        self.0.push((name, vec![value]));
        self
    }
}

impl Entry {
    pub fn values(&self, name: &str) -> Option<&Vec<Vec<u8>>> {
        self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, values)| values)
    }

    /// The first value, as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.values(name).and_then(|values| values.first()).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    fn is(&self, class: &str) -> bool {
        self.values("objectClass").is_some_and(|all| all.iter().any(|name| name.eq_ignore_ascii_case(class.as_bytes())))
    }

    pub fn is_security_group(&self) -> bool {
        self.is("group") && self.text("groupType").is_some_and(|kind| kind.starts_with('-'))
    }
}

impl Tree {
    /// The directory as it is now. `failures` tells how many wrong passwords in a row an account had.
    pub fn build(world: &World, directory: &Directory, failures: &dyn Fn(&str) -> u32) -> Self {
        let mut tree = Self::default();
        for (dn, attributes) in surroundings::objects(world) {
            tree.add(world, dn, Object::Other, attributes);
        }
        let (people, groups) = (directory.people(), directory.groups());
        let containers = people.iter().map(|it| &it.container).chain(groups.iter().map(|it| &it.container));
        let mut containers: Vec<_> = containers.collect();
        containers.sort();
        containers.dedup();
        for container in containers {
            tree.add_containers(world, &world.container(container));
        }
        let mut people_at = HashMap::new();
        for person in people {
            let dn = world.container(&person.container).child("CN", person.common_name());
            let attributes = account::person(world, directory, &person, failures(&person.upn));
            let upn = super::super::directory::folded(&person.upn);
            people_at.insert(upn, tree.add(world, dn, Object::Person(person), attributes));
        }
        let mut groups_at = HashMap::new();
        for group in &groups {
            let dn = world.container(&group.container).child("CN", &group.account_name);
            let at = tree.add(world, dn, Object::Group(group.clone()), account::group(world, group));
            groups_at.insert(group.key(), at);
            if let Some(relative) = group.sid.strip_prefix(DOMAIN_SID).and_then(|rest| rest.strip_prefix('-')) {
                tree.by_relative.insert(relative.to_owned(), at);
            }
        }
        tree.link(world, directory, &groups, &people_at, &groups_at);
        tree
    }

    /// Fills `member` and `memberOf`.
    fn link(
        &mut self,
        world: &World,
        directory: &Directory,
        groups: &[Arc<Group>],
        people_at: &HashMap<String, usize>,
        groups_at: &HashMap<String, usize>,
    ) {
        let mut pairs = Vec::new();
        for group in groups {
            let Some(&at) = groups_at.get(&group.key()) else { continue };
            for named in &group.members {
                let member = match directory.member(named) {
                    Some(Recipient::Person(person)) => {
                        people_at.get(&super::super::directory::folded(&person.upn)).copied()
                    }
                    Some(Recipient::Group(group)) => groups_at.get(&group.key()).copied(),
                    // Somebody outside: a mail contact.
                    None => {
                        let dn = world.container("CN=Users").child("CN", named);
                        let known = self.by_key.get(&dn.key()).copied();
                        Some(known.unwrap_or_else(|| self.add(world, dn, Object::Other, account::contact(named))))
                    }
                };
                pairs.extend(member.map(|member| (at, member)));
            }
        }
        // What a domain puts into the groups of its machines by itself.
        for (outer, inner) in [("Users", "Domain Users"), ("Administrators", "Domain Admins")] {
            let outer = self.find(&world.container("CN=Builtin").child("CN", outer));
            let inner = groups_at.get(&super::super::directory::folded(inner)).copied();
            pairs.extend(outer.zip(inner));
        }
        self.members = vec![Vec::new(); self.entries.len()];
        self.member_of = vec![Vec::new(); self.entries.len()];
        let mut known = HashSet::new();
        for (group, member) in pairs {
            if known.insert((group, member)) {
                self.members[group].push(member);
                self.member_of[member].push(group);
            }
        }
        for at in 0..self.entries.len() {
            let names = |of: &[usize]| of.iter().map(|&other| self.entries[other].name.as_bytes().to_vec()).collect();
            let (member, member_of): (Vec<_>, Vec<_>) = (names(&self.members[at]), names(&self.member_of[at]));
            for (name, values) in [("member", member), ("memberOf", member_of)] {
                if !values.is_empty() {
                    self.entries[at].attributes.push((name, values));
                }
            }
        }
    }

    /// The object, with everything that each object has.
    fn add(&mut self, world: &World, dn: Dn, object: Object, attributes: Attributes) -> usize {
        let (name, key) = (dn.to_string(), dn.key());
        let at = self.entries.len();
        let parent = dn.parent().and_then(|parent| self.by_key.get(&parent.key()).copied());
        let mut all = surroundings::common(world, &dn, &attributes);
        let has = |name: &str, all: &Attributes| all.0.iter().any(|(known, _)| *known == name);
        if !has("objectGUID", &attributes) {
            let seed = attributes.0.iter().find(|(name, _)| *name == "objectSid");
            let seed = seed.map_or_else(|| key.clone().into_bytes(), |(_, sid)| sid[0].clone());
            // No two sandboxes have the same object, although their SIDs are alike.
            let seed = [world.domain.as_bytes(), &seed].concat();
            all = all.bytes("objectGUID", guid(&seed).to_bytes_le().to_vec());
        }
        all.0.extend(attributes.0);
        self.entries.push(Entry { dn, name, key: key.clone(), object, attributes: all.0 });
        self.children.push(Vec::new());
        if let Some(parent) = parent {
            self.children[parent].push(at);
        }
        self.by_key.insert(key, at);
        at
    }

    fn add_containers(&mut self, world: &World, dn: &Dn) {
        if self.by_key.contains_key(&dn.key()) {
            return;
        }
        let Some(parent) = dn.parent() else { return };
        self.add_containers(world, &parent);
        let step = &dn.0[0];
        let attributes = if step.attribute.eq_ignore_ascii_case("OU") {
            Attributes::default().texts("objectClass", ["top", "organizationalUnit"]).text("ou", &step.value)
        } else {
            Attributes::default().texts("objectClass", ["top", "container"]).text("cn", &step.value)
        };
        self.add(world, dn.clone(), Object::Other, attributes);
    }

    pub fn find(&self, dn: &Dn) -> Option<usize> {
        self.by_key.get(&dn.key()).copied()
    }

    /// The object with this value of an identifying attribute.
    pub fn find_by(&self, attribute: &str, value: &[u8]) -> Option<usize> {
        let has = |entry: &Entry| entry.values(attribute).is_some_and(|values| values.iter().any(|it| it == value));
        self.entries.iter().position(has)
    }

    pub fn find_by_sid(&self, sid: &str) -> Option<usize> {
        self.find_by("objectSid", &sid_bytes(sid)?)
    }

    /// Name of the lowest object at or above `dn` that is there; empty when there is none.
    pub fn best_match(&self, dn: &Dn) -> String {
        let mut open = Some(dn.clone());
        while let Some(dn) = open {
            if let Some(at) = self.find(&dn) {
                return self.entries[at].name.clone();
            }
            open = dn.parent();
        }
        String::new()
    }

    /// Everything that can be reached from an entry, the entry itself left out unless a cycle leads back to it.
    pub fn reachable(&self, from: usize, edges: &[Vec<usize>]) -> Vec<usize> {
        let (mut found, mut open) = (vec![false; self.entries.len()], vec![from]);
        while let Some(at) = open.pop() {
            for &next in &edges[at] {
                if !std::mem::replace(&mut found[next], true) {
                    open.push(next);
                }
            }
        }
        found.iter().enumerate().filter_map(|(at, &found)| found.then_some(at)).collect()
    }
}
