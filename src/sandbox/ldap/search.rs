//! Searches: which objects, in which order, a page at a time, and what of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ldap3_proto::control::{LdapControl, ServerSortResult};
use ldap3_proto::proto::{
    LdapOp, LdapPartialAttribute, LdapResult, LdapResultCode, LdapSearchRequest, LdapSearchResultEntry,
    LdapSearchResultReference, LdapSearchScope,
};
use rand::Rng as _;

use super::account;
use super::dn::Dn;
use super::filter::{Filter, Test, Unreadable};
use super::problem;
use super::root::{self, control};
use super::schema::{self, Origin};
use super::tree::{Object, Tree, World};

/// Objects on a page, and in an answer without pages (`MaxPageSize`).
pub const PAGE: usize = 1000;
/// Values of an attribute in an answer (`MaxValRange`).
pub const VALUES: usize = 1500;
/// Searches by pages that a connection may have open; the oldest is forgotten (`MaxResultSetsPerConn`).
const OPEN_PAGES: usize = 10;

/// Everything that goes back for a search.
pub struct Answer {
    pub found: Vec<LdapOp>,
    pub done: LdapResult,
    pub controls: Vec<LdapControl>,
}

impl Answer {
    pub fn failed(done: LdapResult) -> Self {
        Self { found: Vec::new(), done, controls: Vec::new() }
    }
}

/// Searches by pages that go on, of one connection.
#[derive(Default)]
pub struct Pages {
    open: VecDeque<(Vec<u8>, Rest)>,
}

/// What is left of a search.
struct Rest {
    tree: Arc<Tree>,
    found: Vec<usize>,
    references: Vec<LdapOp>,
}

impl Pages {
    fn keep(&mut self, rest: Rest) -> Vec<u8> {
        if self.open.len() >= OPEN_PAGES {
            self.open.pop_front();
        }
        let cookie = rand::rng().random::<[u8; 16]>().to_vec();
        self.open.push_back((cookie.clone(), rest));
        cookie
    }

    fn take(&mut self, cookie: &[u8]) -> Option<Rest> {
        let at = self.open.iter().position(|(known, _)| known == cookie)?;
        self.open.remove(at).map(|(_, rest)| rest)
    }
}

/// A search request, its filter read apart: values may be any bytes.
pub struct Request {
    pub head: LdapSearchRequest,
    pub filter: Result<Filter, Unreadable>,
    pub controls: Vec<LdapControl>,
    pub arrived: Instant,
}

/// Whether the request is for the root, which everybody may read.
pub fn is_for_root(request: &Request) -> bool {
    request.head.base.is_empty() && request.head.scope == LdapSearchScope::Base
}

pub fn root(world: &World, request: &Request) -> Answer {
    if let Err(problem) = &request.filter {
        return Answer::failed(unreadable(*problem));
    }
    let attributes = root::attributes(world, &request.head.attrs, request.head.typesonly);
    let entry = LdapOp::SearchResultEntry(LdapSearchResultEntry { dn: String::new(), attributes });
    Answer { found: vec![entry], done: problem::success(), controls: Vec::new() }
}

fn unreadable(problem: Unreadable) -> LdapResult {
    match problem {
        Unreadable::Malformed => problem::bad_filter(),
        Unreadable::TooComplex => problem::too_complex(),
    }
}

/// What the controls ask for.
#[derive(Default)]
struct Wishes {
    page: Option<(usize, Vec<u8>)>,
    sort: Option<(String, bool)>,
    /// No references to other naming contexts.
    domain_scope: bool,
    /// All naming contexts as if they were one.
    every_context: bool,
}

fn wishes(controls: &[LdapControl]) -> Result<Wishes, LdapResult> {
    let mut wishes = Wishes::default();
    for one in controls {
        match one {
            LdapControl::SimplePagedResults { size, cookie } => {
                let size = usize::try_from(*size).map_err(|_| problem::bad_control())?;
                wishes.page = Some((size, cookie.clone()));
            }
            LdapControl::ServerSort { sort_requests } => match sort_requests.as_slice() {
                [key] => wishes.sort = Some((key.attribute_name.clone(), key.reverse_order)),
                // Active Directory sorts by one key.
                _ => return Err(problem::bad_control()),
            },
            LdapControl::SearchOptions { flags, .. } => {
                wishes.domain_scope |= flags & 1 != 0;
                wishes.every_context |= flags & 2 != 0;
            }
            LdapControl::Unknown { oid, .. } if oid == control::DOMAIN_SCOPE => wishes.domain_scope = true,
            LdapControl::Unknown { criticality: true, .. }
            | LdapControl::SyncRequest { criticality: true, .. }
            | LdapControl::ManageDsaIT { criticality: true }
            | LdapControl::PasswordPolicyRequest { criticality: true }
            | LdapControl::ExtendedDn { criticality: true, .. } => return Err(problem::bad_control()),
            _ => {}
        }
    }
    Ok(wishes)
}

/// Answers somebody who is signed in.
pub fn answer(world: &World, tree: &Arc<Tree>, pages: &mut Pages, request: &Request) -> Answer {
    let wishes = match wishes(&request.controls) {
        Ok(wishes) => wishes,
        Err(problem) => return Answer::failed(problem),
    };
    let asked = Asked::new(&request.head.attrs);
    if let Some((_, cookie)) = wishes.page.as_ref().filter(|(_, cookie)| !cookie.is_empty()) {
        // The search goes on in the directory as it was when it began.
        return match pages.take(cookie) {
            Some(rest) => deliver(world, pages, request, &wishes, &asked, rest),
            None => Answer::failed(problem::bad_control()),
        };
    }
    match find(world, tree, request, &wishes, &asked) {
        Ok(rest) => deliver(world, pages, request, &wishes, &asked, rest),
        Err(problem) => Answer::failed(problem),
    }
}

fn find(
    world: &World,
    tree: &Arc<Tree>,
    request: &Request,
    wishes: &Wishes,
    asked: &Asked,
) -> Result<Rest, LdapResult> {
    let filter = request.filter.as_ref().map_err(|problem| unreadable(*problem))?;
    if filter.constructed().is_some() {
        return Err(problem::constructed_in_filter());
    }
    let scope = &request.head.scope;
    if asked.names("tokenGroups") && *scope != LdapSearchScope::Base {
        return Err(problem::constructed_in_filter());
    }
    let base = base(world, tree, &request.head.base)?;
    let test = Test::new(world, tree, filter);
    let contexts = [world.configuration().key(), world.schema().key()];
    let border = |at: usize| !wishes.every_context && contexts.contains(&tree.entries[at].key);
    let mut found = Vec::new();
    let mut check = |at: usize| {
        if test.matches(tree, at) == Some(true) {
            found.push(at);
        }
    };
    match scope {
        LdapSearchScope::Base => check(base),
        LdapSearchScope::OneLevel => tree.children[base].iter().filter(|&&at| !border(at)).for_each(|&at| check(at)),
        LdapSearchScope::Subtree | LdapSearchScope::Children => {
            let mut open = vec![base];
            let deadline = deadline(request);
            while let Some(at) = open.pop() {
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Err(problem::result(LdapResultCode::TimeLimitExceeded, ""));
                }
                if at != base || *scope == LdapSearchScope::Subtree {
                    check(at);
                }
                open.extend(tree.children[at].iter().rev().filter(|&&child| !border(child)));
            }
        }
    }
    if let Some((attribute, reverse)) = &wishes.sort {
        found.sort_by_cached_key(|&at| tree.entries[at].text(attribute).map(|text| text.to_lowercase()));
        if *reverse {
            found.reverse();
        }
    }
    found.reverse();
    let references = if wishes.domain_scope || wishes.every_context {
        Vec::new()
    } else {
        references(world, &tree.entries[base].dn, scope)
    };
    Ok(Rest { tree: tree.clone(), found, references })
}

fn deadline(request: &Request) -> Option<Instant> {
    let seconds = u64::try_from(request.head.timelimit).ok().filter(|seconds| *seconds > 0)?;
    Some(request.arrived + Duration::from_secs(seconds))
}

/// Finds where a search begins: by its name, or as `<GUID=…>`, `<SID=…>` or `<WKGUID=…,…>`.
fn base(world: &World, tree: &Tree, text: &str) -> Result<usize, LdapResult> {
    if let Some(special) = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) {
        return special_base(tree, special).ok_or_else(|| problem::no_object(""));
    }
    let dn = Dn::parse(text).ok_or_else(|| problem::bad_name(text))?;
    match tree.find(&dn) {
        Some(at) => Ok(at),
        None => Err(missing(world, tree, &dn)),
    }
}

/// What is said of an object that is not there.
pub fn missing(world: &World, tree: &Tree, dn: &Dn) -> LdapResult {
    let domain = dn.domain();
    if domain.is_empty() || domain.eq_ignore_ascii_case(&world.domain) {
        problem::no_object(&tree.best_match(dn))
    } else {
        problem::elsewhere(&domain, &dn.to_string())
    }
}

fn special_base(tree: &Tree, text: &str) -> Option<usize> {
    let (kind, value) = text.split_once('=')?;
    match kind.to_ascii_uppercase().as_str() {
        "SID" => tree.find_by_sid(value),
        "GUID" => {
            let bytes = match uuid::Uuid::try_parse(value) {
                Ok(guid) if value.contains('-') => guid.to_bytes_le(),
                Ok(bytes) => bytes.into_bytes(),
                Err(_) => return None,
            };
            tree.find_by("objectGUID", &bytes)
        }
        "WKGUID" => {
            let (guid, below) = value.split_once(',')?;
            let entry = &tree.entries[tree.find(&Dn::parse(below)?)?];
            let known = entry.values("wellKnownObjects")?.iter().find_map(|value| {
                let text = std::str::from_utf8(value).ok()?;
                text.strip_prefix(&format!("B:32:{}:", guid.to_uppercase())).map(str::to_owned)
            })?;
            tree.find(&Dn::parse(&known)?)
        }
        _ => None,
    }
}

/// References to the naming contexts below.
fn references(world: &World, base: &Dn, scope: &LdapSearchScope) -> Vec<LdapOp> {
    let (root, configuration) = (world.root(), world.configuration());
    let (one_level, base) = (*scope == LdapSearchScope::OneLevel, base.key());
    let suffix = if one_level { "??base" } else { "" };
    let zone = |zone: &str| format!("ldap://{zone}.{}/{}{suffix}", world.domain, root.child("DC", zone));
    let own = |dn: &Dn| format!("ldap://{}/{dn}{suffix}", world.domain);
    let uris = match scope {
        LdapSearchScope::Base => Vec::new(),
        _ if base == root.key() => vec![zone("ForestDnsZones"), zone("DomainDnsZones"), own(&configuration)],
        _ if base == configuration.key() => vec![own(&world.schema())],
        _ => Vec::new(),
    };
    uris.into_iter().map(|uri| LdapOp::SearchResultReference(LdapSearchResultReference { uris: vec![uri] })).collect()
}

fn deliver(
    world: &World,
    pages: &mut Pages,
    request: &Request,
    wishes: &Wishes,
    asked: &Asked,
    mut rest: Rest,
) -> Answer {
    let client_limit = usize::try_from(request.head.sizelimit).ok().filter(|limit| *limit > 0);
    let mut controls = Vec::new();
    if wishes.sort.is_some() {
        let sort_result = ServerSortResult { result_code: LdapResultCode::Success, attribute_type: None };
        controls.push(LdapControl::ServerSortResult { sort_result });
    }
    let page = wishes.page.as_ref().map(|(size, _)| (*size).min(PAGE));
    let most = page.unwrap_or(PAGE).min(client_limit.unwrap_or(usize::MAX));
    let here = rest.found.split_off(rest.found.len().saturating_sub(most));
    let mut found: Vec<_> = here
        .into_iter()
        .rev()
        .map(|at| {
            let attributes = asked.of(world, &rest.tree, at, request.head.typesonly);
            LdapOp::SearchResultEntry(LdapSearchResultEntry { dn: rest.tree.entries[at].name.clone(), attributes })
        })
        .collect();
    let more = !rest.found.is_empty();
    let mut done = problem::success();
    if let Some(page) = page {
        let limited = more && client_limit.is_some_and(|limit| limit <= page);
        if limited {
            done = problem::result(LdapResultCode::SizeLimitExceeded, "");
        }
        // A client that asks for a page of nothing gives the search up.
        let cookie = if more && !limited && page > 0 { pages.keep(std::mem::take(&mut rest)) } else { Vec::new() };
        controls.push(LdapControl::SimplePagedResults { size: 0, cookie });
    } else if more {
        done = problem::result(LdapResultCode::SizeLimitExceeded, "");
    }
    if !more {
        found.append(&mut rest.references);
    }
    Answer { found, done, controls }
}

impl Default for Rest {
    fn default() -> Self {
        Self { tree: Arc::new(Tree::default()), found: Vec::new(), references: Vec::new() }
    }
}

/// A part of an attribute's values: the first one's number, and the last one's, unless all of them are wanted.
type Range = (usize, Option<usize>);

/// Which attributes a client wants.
struct Asked {
    /// All that are kept.
    all: bool,
    /// By name, with the part of the values.
    named: Vec<(&'static schema::Attribute, Option<Range>)>,
}

impl Asked {
    fn new(names: &[String]) -> Self {
        let all = names.is_empty() || names.iter().any(|name| name == "*");
        let by_name = names.iter().filter_map(|name| {
            let mut parts = name.split(';');
            let attribute = schema::attribute(parts.next()?)?;
            let range = parts.find_map(|option| range(option.to_ascii_lowercase().strip_prefix("range=")?));
            (attribute.origin != Origin::Secret).then_some((attribute, range))
        });
        Self { all, named: by_name.collect() }
    }

    fn names(&self, name: &str) -> bool {
        self.named.iter().any(|(attribute, _)| attribute.name == name)
    }

    fn of(&self, world: &World, tree: &Tree, at: usize, types_only: bool) -> Vec<LdapPartialAttribute> {
        let entry = &tree.entries[at];
        let mut given = Vec::new();
        for (attribute, range) in &self.named {
            let values = match attribute.origin {
                Origin::Constructed => constructed(world, tree, at, attribute.name),
                _ => entry.values(attribute.name).cloned().unwrap_or_default(),
            };
            if !values.is_empty() {
                push(&mut given, attribute.name, values, *range);
            }
        }
        if self.all {
            for (name, values) in &entry.attributes {
                if !self.names(name) {
                    push(&mut given, name, values.clone(), None);
                }
            }
        }
        if types_only {
            for attribute in &mut given {
                attribute.vals.clear();
            }
        }
        given
    }
}

/// `0-1499` or `1500-*`
fn range(text: &str) -> Option<Range> {
    let (low, high) = text.split_once('-')?;
    let low = low.parse().ok()?;
    let high = if high == "*" { None } else { Some(high.parse().ok().filter(|high| *high >= low)?) };
    Some((low, high))
}

/// Adds an attribute; when it has more values than an answer holds, or a part was asked for, with its range
/// (MS-ADTS 3.1.1.3.1.3.3).
fn push(given: &mut Vec<LdapPartialAttribute>, name: &str, values: Vec<Vec<u8>>, range: Option<Range>) {
    let attribute = |atype: String, vals| LdapPartialAttribute { atype, vals };
    if range.is_none() && values.len() <= VALUES {
        given.push(attribute(name.to_owned(), values));
        return;
    }
    if range.is_none() {
        given.push(attribute(name.to_owned(), Vec::new()));
    }
    let (low, high) = range.unwrap_or((0, None));
    let end = high.map_or(usize::MAX, |high| high.saturating_add(1)).min(low.saturating_add(VALUES));
    let part: Vec<_> = values.iter().skip(low).take(end - low).cloned().collect();
    let high = if end >= values.len() { "*".to_owned() } else { (end - 1).to_string() };
    given.push(attribute(format!("{name};range={low}-{high}"), part));
}

/// Works an attribute out.
fn constructed(world: &World, tree: &Tree, at: usize, name: &str) -> Vec<Vec<u8>> {
    let entry = &tree.entries[at];
    let text = |text: String| vec![text.into_bytes()];
    let kept = |name: &str| entry.values(name).cloned().unwrap_or_default();
    let person = match &entry.object {
        Object::Person(person) => Some(person),
        _ => None,
    };
    match (name, person) {
        ("canonicalName", _) => {
            let steps = entry.dn.0.iter().rev().filter(|step| !step.attribute.eq_ignore_ascii_case("DC"));
            let path: Vec<_> = steps.map(|step| step.value.replace('\\', "\\\\").replace('/', "\\/")).collect();
            text(format!("{}/{}", entry.dn.domain(), path.join("/")))
        }
        ("createTimeStamp", _) => kept("whenCreated"),
        ("modifyTimeStamp", _) => kept("whenChanged"),
        ("structuralObjectClass", _) => kept("objectClass"),
        ("subSchemaSubEntry", _) => text(world.schema().child("CN", "Aggregate").to_string()),
        ("msDS-PrincipalName", _) => {
            entry.text("sAMAccountName").map(|name| text(format!("{}\\{name}", world.netbios))).unwrap_or_default()
        }
        ("msDS-User-Account-Control-Computed", Some(person)) => text(account::computed_control(person).to_string()),
        ("msDS-UserPasswordExpired", Some(person)) => {
            text(if account::password_expired(person) { "TRUE" } else { "FALSE" }.to_owned())
        }
        ("msDS-UserPasswordExpiryTimeComputed", Some(person)) => text(account::password_expiry(person).to_string()),
        ("primaryGroupToken", _) => match &entry.object {
            Object::Group(group) => text(group.sid.rsplit('-').next().unwrap_or_default().to_owned()),
            _ => Vec::new(),
        },
        ("tokenGroups", _) => token_groups(tree, at, person.is_some()),
        _ => Vec::new(),
    }
}

/// Identifiers of all security groups that the account belongs to, through others too, the primary group among them.
fn token_groups(tree: &Tree, at: usize, person: bool) -> Vec<Vec<u8>> {
    let mut groups = tree.reachable(at, &tree.member_of);
    if let Some(primary) = tree.domain_users.filter(|_| person) {
        groups.push(primary);
        groups.extend(tree.reachable(primary, &tree.member_of));
        groups.sort_unstable();
        groups.dedup();
    }
    let groups = groups.into_iter().map(|at| &tree.entries[at]).filter(|entry| entry.is_security_group());
    groups.filter_map(|entry| entry.values("objectSid")).flatten().cloned().collect()
}
