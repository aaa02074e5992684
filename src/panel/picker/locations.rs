//! *Locations…*: the domains that can be searched, as a tree (W4).

use crate::directory::{Location, LocationKind};

/// A domain in the tree, with how deep it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    pub location: Location,
    pub depth: usize,
}

/// The tree from top to bottom: the own domain with those below it, the rest of the forest, then trusted domains. A
/// domain whose parent is not in the list, or that is its own ancestor, stands at the top.
pub fn tree(locations: &[Location]) -> Vec<Branch> {
    let mut order: Vec<&Location> = locations.iter().collect();
    order.sort_by_key(|location| match location.kind {
        LocationKind::Own => 0,
        LocationKind::Forest => 1,
        LocationKind::Trusted => 2,
    });
    let parent_of = |location: &Location| {
        let parent = location.parent.as_deref()?;
        order.iter().position(|other| same(&other.domain, parent) && !same(&other.domain, &location.domain))
    };
    let parents: Vec<Option<usize>> = order.iter().map(|location| parent_of(location)).collect();
    let mut placed = vec![false; order.len()];
    let mut tree = Vec::with_capacity(order.len());
    // The forest's root may come after its children in the list, and yet they stand below it.
    let roots = (0..order.len()).filter(|at| parents[*at].is_none());
    let own_root = order.first().map(|_| root_of(0, &parents));
    for root in own_root.into_iter().chain(roots).chain(0..order.len()) {
        let mut waiting = vec![(root, 0)];
        while let Some((at, depth)) = waiting.pop() {
            if std::mem::replace(&mut placed[at], true) {
                continue;
            }
            tree.push(Branch { location: order[at].clone(), depth });
            waiting
                .extend((0..order.len()).rev().filter(|child| parents[*child] == Some(at)).map(|at| (at, depth + 1)));
        }
    }
    tree
}

/// The top of the tree in which this one stands; this one itself when the parents go round in a circle.
fn root_of(at: usize, parents: &[Option<usize>]) -> usize {
    let mut root = at;
    for _ in 0..parents.len() {
        match parents[root] {
            Some(parent) => root = parent,
            None => return root,
        }
    }
    at
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// What is said of a domain beside its name.
pub fn remark(location: &Location) -> &'static str {
    match location.kind {
        LocationKind::Own => "your domain",
        LocationKind::Forest => "same forest",
        LocationKind::Trusted => "trusted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(domain: &str, kind: LocationKind, parent: Option<&str>) -> Location {
        Location { domain: domain.into(), kind, parent: parent.map(Into::into), problem: None }
    }

    fn drawn(locations: &[Location]) -> Vec<String> {
        tree(locations).iter().map(|branch| format!("{}{}", "-".repeat(branch.depth), branch.location.domain)).collect()
    }

    /// W4
    #[test]
    fn children_stand_below_their_parent_and_trusted_domains_at_the_end() {
        use LocationKind::{Forest, Own, Trusted};
        let locations = [
            location("partner.example", Trusted, None),
            location("sales.corp.example", Forest, Some("corp.example")),
            location("corp.example", Own, None),
            location("west.sales.corp.example", Forest, Some("Sales.corp.example")),
            location("dev.corp.example", Forest, Some("corp.example")),
        ];
        assert_eq!(
            drawn(&locations),
            [
                "corp.example",
                "-sales.corp.example",
                "--west.sales.corp.example",
                "-dev.corp.example",
                "partner.example"
            ]
        );
    }

    #[test]
    fn the_own_domain_may_stand_below_the_root_of_its_forest() {
        use LocationKind::{Forest, Own};
        let locations = [
            location("emea.corp.example", Own, Some("corp.example")),
            location("other.example", Forest, None),
            location("corp.example", Forest, None),
        ];
        assert_eq!(drawn(&locations), ["corp.example", "-emea.corp.example", "other.example"]);
    }

    #[test]
    fn nonsense_in_the_directory_loses_no_domain_and_ends() {
        use LocationKind::{Forest, Own};
        let locations = [
            location("a.example", Own, Some("b.example")),
            location("b.example", Forest, Some("a.example")),
            location("c.example", Forest, Some("c.example")),
            location("d.example", Forest, Some("nowhere.example")),
        ];
        let mut shown = drawn(&locations);
        assert_eq!(shown.len(), 4);
        shown.sort();
        shown.dedup();
        assert_eq!(shown.len(), 4);
        assert!(tree(&[]).is_empty());
    }
}
