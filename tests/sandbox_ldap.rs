//! The sandbox's directory as independent clients meet it: the `ldap3` crate, and raw bytes where a client would not do
//! such a thing.

mod by_hand;

use std::collections::HashSet;
use std::time::Duration;

use ldap3::controls::{PagedResults, RawControl};
use ldap3::{Ldap, LdapResult, Mod, Scope, SearchEntry, SearchOptions};
use secrecy::ExposeSecret as _;
use sent_items_update::sandbox::control::{Fault, MailboxState, Rule};
use sent_items_update::sandbox::directory::{Group, Person};
use sent_items_update::sandbox::ldap::LdapLimits;
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

const ROOT: &str = "DC=nordwind,DC=example";
const ANNA: &str = "anna.bergstroem@nordwind.example";
const ADMIN: &str = "admin@nordwind.example";
const EVERYBODY: &str = "Kompass-48-Nord";

struct Scene {
    sandbox: Sandbox,
    folder: TempDir,
}

fn options(folder: &TempDir) -> SandboxOptions {
    SandboxOptions { organisation: Organisation::embedded().without_messages(), ..SandboxOptions::new(folder.path()) }
}

async fn start() -> Scene {
    start_with(|_| {}).await
}

async fn start_with(change: impl FnOnce(&mut SandboxOptions)) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    change(&mut options);
    Scene { sandbox: Sandbox::start(options).await.unwrap(), folder }
}

impl Scene {
    async fn restart(self) -> Self {
        self.sandbox.stop().await;
        let sandbox = Sandbox::start(options(&self.folder)).await.unwrap();
        Self { sandbox, folder: self.folder }
    }

    async fn stop(self) {
        self.sandbox.stop().await;
    }

    async fn open(&self, url: &str, start_tls: bool) -> Ldap {
        by_hand::connect(url, start_tls, self.sandbox.ca_pem()).await
    }

    /// An encrypted connection on which nobody is signed in.
    async fn stranger(&self) -> Ldap {
        self.open(&self.sandbox.ldaps_url(), false).await
    }

    async fn signed_in(&self, upn: &str) -> Ldap {
        let password = self.sandbox.control().password(upn);
        by_hand::signed_in(&self.sandbox.ldaps_url(), self.sandbox.ca_pem(), upn, password.expose_secret()).await
    }

    async fn admin(&self) -> Ldap {
        self.signed_in(ADMIN).await
    }

    async fn bind(&self, name: &str, password: &str) -> LdapResult {
        self.stranger().await.simple_bind(name, password).await.unwrap()
    }

    fn fault(&self, rule: Rule) {
        self.sandbox.control().add_fault(rule).unwrap();
    }
}

async fn find(ldap: &mut Ldap, base: &str, scope: Scope, filter: &str, attributes: &[&str]) -> Vec<SearchEntry> {
    let (entries, _) = ldap.search(base, scope, filter, attributes.to_vec()).await.unwrap().success().unwrap();
    entries.into_iter().map(SearchEntry::construct).collect()
}

/// Common names of what a filter finds in the domain, in alphabetical order.
async fn names(ldap: &mut Ldap, filter: &str) -> Vec<String> {
    let found = find(ldap, ROOT, Scope::Subtree, filter, &["cn"]).await;
    let mut names: Vec<_> = found.iter().map(|entry| entry.attrs["cn"][0].clone()).collect();
    names.sort();
    names
}

async fn one(ldap: &mut Ldap, filter: &str, attributes: &[&str]) -> SearchEntry {
    let mut found = find(ldap, ROOT, Scope::Subtree, filter, attributes).await;
    assert_eq!(found.len(), 1, "{filter}");
    found.remove(0)
}

async fn dn(ldap: &mut Ldap, filter: &str) -> String {
    one(ldap, filter, &["cn"]).await.dn
}

async fn outcome(ldap: &mut Ldap, base: &str, scope: Scope, filter: &str) -> LdapResult {
    ldap.search(base, scope, filter, vec!["cn"]).await.unwrap().1
}

fn set<'a>(values: &[&'a str]) -> HashSet<&'a [u8]> {
    values.iter().map(|value| value.as_bytes()).collect()
}

/// As `unicodePwd` takes it.
fn quoted(password: &str) -> Vec<u8> {
    format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

// ---- who gets in

/// W11
#[tokio::test]
async fn each_trouble_of_an_account_has_its_own_sub_code_and_a_stranger_learns_none_but_the_lock() {
    let scene = start().await;
    let troubles = [
        ("abgelaufen", "532"),
        ("neuling", "773"),
        ("deaktiviert", "533"),
        ("befristet", "701"),
        ("gesperrt", "775"),
        ("niemand", "52e"),
    ];
    for (name, code) in troubles {
        let upn = format!("{name}@nordwind.example");
        let refused = scene.bind(&upn, EVERYBODY).await;
        let text =
            format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563\0");
        assert_eq!((refused.rc, refused.text), (49, text), "{name}");
        let guessed = scene.bind(&upn, "guessed").await;
        let code = if name == "gesperrt" { "775" } else { "52e" };
        assert!(guessed.rc == 49 && guessed.text.contains(&format!("data {code},")), "{name}: {}", guessed.text);
    }
    scene.stop().await;
}

/// X1, U11
#[tokio::test]
async fn no_password_is_taken_over_a_connection_without_encryption() {
    let scene = start().await;
    let mut plain = scene.open(&scene.sandbox.ldap_url(), false).await;
    let refused = plain.simple_bind(ANNA, EVERYBODY).await.unwrap();
    assert_eq!(refused.rc, 8);
    assert!(refused.text.starts_with("00002028: LdapErr:"), "{}", refused.text);
    let mut encrypted = scene.open(&scene.sandbox.ldap_url(), true).await;
    encrypted.simple_bind(ANNA, EVERYBODY).await.unwrap().success().unwrap();
    assert_eq!(names(&mut encrypted, "(sAMAccountName=jonas.weber)").await, ["Jonas Weber"]);
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn a_sign_in_without_a_password_succeeds_and_is_one_of_nobody() {
    let scene = start().await;
    let mut ldap = scene.stranger().await;
    for name in ["", ANNA] {
        ldap.simple_bind(name, "").await.unwrap().success().unwrap();
        let refused = outcome(&mut ldap, ROOT, Scope::Subtree, "(cn=*)").await;
        assert_eq!(refused.rc, 1);
        assert!(refused.text.starts_with("000004DC: LdapErr:"), "{}", refused.text);
    }
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn an_account_signs_in_by_upn_domain_and_name_distinguished_name_or_display_name() {
    let scene = start().await;
    let container = format!("CN=Users,{ROOT}");
    for name in [
        "Thomas.MUELLER@nordwind.example".replace("Thomas.MUELLER", "TMueller"),
        "NORDWIND\\tmueller".into(),
        "nordwind.example\\tmueller".into(),
        format!("cn=thomas müller, {container}"),
        "Thomas Müller".into(),
        "tmueller@nordwind.example".into(),
    ] {
        assert_eq!(scene.bind(&name, EVERYBODY).await.rc, 0, "{name}");
    }
    // An account without a UPN has an implicit one.
    assert_eq!(scene.bind("ohne.upn@nordwind.example", EVERYBODY).await.rc, 0);
    assert_eq!(scene.bind("SUEDWIND\\tmueller", EVERYBODY).await.rc, 49);
    assert_eq!(scene.stranger().await.sasl_external_bind().await.unwrap().rc, 7);
    scene.stop().await;
}

/// W11
#[tokio::test]
async fn five_wrong_passwords_lock_an_account_everywhere_until_an_administrator_unlocks_it() {
    let scene = start().await;
    for _ in 0..4 {
        assert!(scene.bind(ANNA, "guessed").await.text.contains("data 52e"));
    }
    assert_eq!(scene.bind(ANNA, EVERYBODY).await.rc, 0, "the right one begins the count anew");
    for _ in 0..5 {
        assert!(scene.bind(ANNA, "guessed").await.text.contains("data 52e"));
    }
    assert!(scene.bind(ANNA, EVERYBODY).await.text.contains("data 775"));
    let scene = scene.restart().await;
    assert!(scene.bind(ANNA, EVERYBODY).await.text.contains("data 775"));
    let mut admin = scene.admin().await;
    let entry = one(&mut admin, &format!("(userPrincipalName={ANNA})"), &["msDS-User-Account-Control-Computed"]).await;
    assert_eq!(entry.attrs["msDS-User-Account-Control-Computed"], ["16"]);
    admin.modify(&entry.dn, vec![Mod::Replace("lockoutTime", HashSet::from(["0"]))]).await.unwrap().success().unwrap();
    assert_eq!(scene.bind(ANNA, EVERYBODY).await.rc, 0);
    scene.stop().await;
}

// ---- the root, and what is where

/// X1
#[tokio::test]
async fn everybody_may_read_the_root_and_nothing_else() {
    let scene = start().await;
    for url in [scene.sandbox.ldaps_url(), scene.sandbox.ldap_url()] {
        let mut ldap = scene.open(&url, false).await;
        let root = find(&mut ldap, "", Scope::Base, "(objectClass=*)", &[]).await.remove(0);
        assert_eq!(root.attrs["defaultNamingContext"], [ROOT]);
        assert_eq!(root.attrs["configurationNamingContext"], [format!("CN=Configuration,{ROOT}")]);
        assert_eq!(root.attrs["dnsHostName"], ["dc01.nordwind.example"]);
        assert!(root.attrs["supportedCapabilities"].contains(&"1.2.840.113556.1.4.800".to_owned()));
        assert!(root.attrs["supportedControl"].contains(&"1.2.840.113556.1.4.319".to_owned()));
        let part = find(&mut ldap, "", Scope::Base, "(objectClass=*)", &["DNSHOSTNAME"]).await.remove(0);
        assert_eq!(part.attrs.len(), 1);
        assert_eq!(outcome(&mut ldap, ROOT, Scope::Base, "(objectClass=*)").await.rc, 1);
        assert_eq!(outcome(&mut ldap, "", Scope::Subtree, "(objectClass=*)").await.rc, 1);
    }
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn an_object_that_is_not_there_is_answered_with_the_lowest_one_above_it() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let missing = outcome(&mut ldap, &format!("CN=x,OU=y,CN=Users,{ROOT}"), Scope::Base, "(cn=*)").await;
    assert_eq!((missing.rc, missing.matched), (32, format!("CN=Users,{ROOT}")));
    assert!(missing.text.starts_with("0000208D: NameErr:"), "{}", missing.text);
    let nowhere = outcome(&mut ldap, "CN=Users", Scope::Base, "(cn=*)").await;
    assert_eq!((nowhere.rc, nowhere.matched.as_str()), (32, ""));
    let nonsense = outcome(&mut ldap, "Users and so on", Scope::Base, "(cn=*)").await;
    assert_eq!(nonsense.rc, 34);
    scene.stop().await;
}

/// W4
#[tokio::test]
async fn another_domain_is_referred_to_and_the_domain_refers_to_what_is_below_it() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let elsewhere = outcome(&mut ldap, "CN=Users,DC=suedwind,DC=example", Scope::Subtree, "(cn=*)").await;
    assert_eq!(elsewhere.rc, 10);
    assert_eq!(elsewhere.refs, ["ldap://suedwind.example/CN=Users,DC=suedwind,DC=example"]);
    let domain = outcome(&mut ldap, ROOT, Scope::Subtree, "(sAMAccountName=tmueller)").await;
    assert_eq!(domain.refs.len(), 3, "{domain:?}");
    assert!(domain.refs.contains(&format!("ldap://nordwind.example/CN=Configuration,{ROOT}")), "{domain:?}");
    // Below the domain, the configuration is not searched, although its name says that it is there.
    assert!(names(&mut ldap, "(objectClass=crossRef)").await.is_empty());
    scene.stop().await;
}

/// W4
#[tokio::test]
async fn domains_of_the_forest_and_trusted_ones_are_found() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let partitions = format!("CN=Partitions,CN=Configuration,{ROOT}");
    // The domain itself: an NC of a domain in this forest.
    let filter = "(&(objectCategory=crossRef)(systemFlags:1.2.840.113556.1.4.803:=3))";
    let own = find(&mut ldap, &partitions, Scope::OneLevel, filter, &["dnsRoot", "nETBIOSName", "nCName"]).await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].attrs["dnsRoot"], ["nordwind.example"]);
    assert_eq!(own[0].attrs["nETBIOSName"], ["NORDWIND"]);
    let system = format!("CN=System,{ROOT}");
    let trust = find(&mut ldap, &system, Scope::OneLevel, "(objectClass=trustedDomain)", &[]).await.remove(0);
    assert_eq!(trust.attrs["trustPartner"], ["suedwind.example"]);
    assert_eq!((&trust.attrs["trustDirection"][0], &trust.attrs["trustType"][0]), (&"3".to_owned(), &"2".to_owned()));
    assert_eq!(trust.bin_attrs["securityIdentifier"][0][..2], [1, 4]);
    scene.stop().await;
}

/// W2
#[tokio::test]
async fn the_service_connection_point_leads_to_autodiscover() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let configuration = format!("CN=Configuration,{ROOT}");
    let filter = "(&(objectClass=serviceConnectionPoint)(keywords=77378f46-2c66-4AA9-a6a6-3e7a48b19596))";
    let point = find(&mut ldap, &configuration, Scope::Subtree, filter, &[]).await.remove(0);
    assert_eq!(point.attrs["serviceBindingInformation"], [scene.sandbox.autodiscover_url()]);
    assert!(point.dn.contains("CN=Microsoft Exchange,CN=Services,CN=Configuration"), "{}", point.dn);
    scene.stop().await;
}

// ---- filters

/// S2
#[tokio::test]
async fn filters_find_what_they_mean() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let finds: &[(&str, &[&str])] = &[
        ("(sAMAccountName=JONAS.WEBER)", &["Jonas Weber"]),
        ("(displayName=*wag*)", &[]),
        ("(&(objectCategory=person)(objectClass=user)(displayName=so*ros*i))", &["Sofia Rossi"]),
        ("(displayName=Élise*)", &["Élise Moreau"]),
        ("(displayName=*美咲)", &["田中 美咲"]),
        ("(proxyAddresses=smtp:weber@nordwind.example)", &["Jonas Weber"]),
        ("(|(givenName=Wei)(givenName=伟)(sn=Rossi))", &["Sofia Rossi", "王伟"]),
        ("(&(sn=Rossi)(!(givenName=Sofia)))", &[]),
        ("(anr=ann)", &["Anna Bergström"]),
        ("(anr=anna b)", &["Anna Bergström"]),
        ("(anr=bergström anna)", &["Anna Bergström"]),
        ("(anr=anna weber)", &[]),
        ("(anr==anna)", &["Anna Bergström"]),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", &["Dora Deaktiviert", "Renate Vogel"]),
        ("(groupType:1.2.840.113556.1.4.804:=2)", &["Domain Admins", "Domain Users", "Enterprise Admins", "Users"]),
        ("(&(objectCategory=person)(!(userPrincipalName=*))(sAMAccountName=*))", &["Olga Ohne"]),
        ("(&(objectCategory=group)(displayName>=Wa)(displayName<=Wb))", &["Wartung"]),
        ("(primaryGroupID>=516)", &["DC01"]),
        ("(colour=blue)", &[]),
        ("(!(colour=blue))", &[]),
        ("(unicodePwd=*)", &[]),
        ("(description=Has no user principal name)", &["Olga Ohne"]),
    ];
    for (filter, expected) in finds {
        let expected: Vec<_> = match *filter {
            // Machines' groups of Windows are among them.
            "(groupType:1.2.840.113556.1.4.804:=2)" => expected.iter().filter(|name| **name != "Users").collect(),
            _ => expected.iter().collect(),
        };
        assert_eq!(names(&mut ldap, filter).await.iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    scene.stop().await;
}

/// S4
#[tokio::test]
async fn an_object_is_found_by_its_bytes_and_keeps_its_identifier_across_a_restart_and_a_new_name() {
    let scene = start().await;
    let mut ldap = scene.admin().await;
    let anna = one(&mut ldap, &format!("(userPrincipalName={ANNA})"), &["objectGUID", "objectSid"]).await;
    let guid =
        anna.bin_attrs["objectGUID"].first().cloned().unwrap_or_else(|| anna.attrs["objectGUID"][0].clone().into());
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    assert_eq!(dn(&mut ldap, &format!("(objectGUID={})", escaped(&guid))).await, anna.dn);
    assert_eq!(dn(&mut ldap, &format!("(objectSid={})", escaped(&anna.bin_attrs["objectSid"][0]))).await, anna.dn);
    ldap.modifydn(&anna.dn, "CN=Anna Lind", true, None).await.unwrap().success().unwrap();
    let scene = scene.restart().await;
    let mut ldap = scene.admin().await;
    let renamed = dn(&mut ldap, &format!("(objectGUID={})", escaped(&guid))).await;
    assert_eq!(renamed, format!("CN=Anna Lind,CN=Users,{ROOT}"));
    let hexadecimal: String = guid.iter().map(|byte| format!("{byte:02x}")).collect();
    let by_guid = find(&mut ldap, &format!("<GUID={hexadecimal}>"), Scope::Base, "(objectClass=*)", &["cn"]).await;
    assert_eq!(by_guid[0].dn, renamed);
    let users = format!("<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,{ROOT}>");
    let users = find(&mut ldap, &users, Scope::Base, "(objectClass=*)", &["cn"]).await;
    assert_eq!(users[0].dn, format!("CN=Users,{ROOT}"));
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn a_name_with_everything_in_it_is_found_by_filter_and_by_distinguished_name() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let name = "O'Neill, \"Kit\" (Extern) #7 + Söhne \\ Co";
    let entry = one(&mut ldap, &format!("(cn={})", ldap3::ldap_escape(name)), &["cn", "canonicalName"]).await;
    assert_eq!(entry.attrs["cn"], [name]);
    assert!(entry.dn.ends_with(&format!("OU=Partner\\, Extern,OU=Rehearsal,{ROOT}")), "{}", entry.dn);
    assert!(entry.attrs["canonicalName"][0].starts_with("nordwind.example/Rehearsal/Partner, Extern/O'Neill"));
    let again = find(&mut ldap, &entry.dn, Scope::Base, "(objectClass=*)", &["cn"]).await;
    assert_eq!(again[0].dn, entry.dn);
    scene.stop().await;
}

/// W12, S3
#[tokio::test]
async fn nested_membership_is_followed_both_ways_and_a_cycle_ends() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let group = dn(&mut ldap, "(sAMAccountName=Domain Admins)").await;
    let admin = dn(&mut ldap, &format!("(userPrincipalName={ADMIN})")).await;
    let chain = |attribute: &str, dn: &str| format!("({attribute}:1.2.840.113556.1.4.1941:={dn})");
    assert_eq!(names(&mut ldap, &format!("(memberOf={group})")).await, ["IT-Administration"]);
    let all = names(&mut ldap, &chain("memberOf", &group)).await;
    assert_eq!(all, ["IT-Administration", "Nordwind Administrator"]);
    let groups = names(&mut ldap, &chain("member", &admin)).await;
    assert_eq!(groups, ["Administrators", "Domain Admins", "IT-Administration", "Organization Management"]);
    let cycle = dn(&mut ldap, "(sAMAccountName=Leitstand)").await;
    let members = names(&mut ldap, &format!("(&(objectCategory=person){})", chain("memberOf", &cycle))).await;
    assert_eq!(members, ["Jonas Weber", "Élise Moreau"]);
    assert!(names(&mut ldap, &chain("memberOf", "CN=nobody,DC=x")).await.is_empty());
    scene.stop().await;
}

/// W11, W12
#[tokio::test]
async fn the_primary_group_is_in_token_groups_and_not_in_member_of() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let admin = dn(&mut ldap, &format!("(userPrincipalName={ADMIN})")).await;
    let asked = ["memberOf", "tokenGroups", "primaryGroupID"];
    let entry = find(&mut ldap, &admin, Scope::Base, "(objectClass=*)", &asked).await.remove(0);
    assert_eq!(entry.attrs["primaryGroupID"], ["513"]);
    assert_eq!(entry.attrs["memberOf"], [format!("CN=IT-Administration,CN=Users,{ROOT}")]);
    let rids: HashSet<u32> = entry.bin_attrs["tokenGroups"]
        .iter()
        .map(|sid| u32::from_le_bytes(sid[sid.len() - 4..].try_into().unwrap()))
        .collect();
    assert!([512, 513, 544, 545].iter().all(|rid| rids.contains(rid)), "{rids:?}");
    let wider = ldap.search(ROOT, Scope::Subtree, "(cn=*)", vec!["tokenGroups"]).await.unwrap().1;
    assert_eq!(wider.rc, 18);
    assert_eq!(outcome(&mut ldap, ROOT, Scope::Subtree, "(tokenGroups=x)").await.rc, 18);
    scene.stop().await;
}

/// U6
#[tokio::test]
async fn who_has_a_mailbox_has_the_attributes_of_exchange_and_nobody_else() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let anna = one(&mut ldap, &format!("(mail={ANNA})"), &[]).await;
    assert_eq!(anna.attrs["proxyAddresses"][0], format!("SMTP:{ANNA}"));
    assert_eq!(anna.attrs["proxyAddresses"][1], "smtp:a.bergstroem@nordwind.example");
    assert_eq!(anna.attrs["msExchRecipientTypeDetails"], ["1"]);
    assert!(anna.attrs["homeMDB"][0].starts_with("CN=DB01,CN=Databases,"));
    assert!(anna.attrs["legacyExchangeDN"][0].ends_with("/cn=Recipients/cn=anna.bergstroem"));
    assert!(!anna.attrs.contains_key("tokenGroups") && !anna.attrs.contains_key("canonicalName"));
    let kofi = one(&mut ldap, "(sAMAccountName=kofi.mensah)", &[]).await;
    assert_eq!(kofi.attrs["mail"], ["kofi.mensah@nordwind.example"]);
    assert!(!kofi.attrs.contains_key("msExchRecipientTypeDetails") && !kofi.attrs.contains_key("homeMDB"));
    assert_eq!(names(&mut ldap, "(msExchRecipientTypeDetails=4)").await, ["Nordwind Info"]);
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn only_the_attributes_that_were_asked_for_come_and_only_their_names_when_that_is_enough() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let filter = format!("(userPrincipalName={ANNA})");
    let some = one(&mut ldap, &filter, &["DISPLAYNAME", "nothing", "unicodePwd"]).await;
    assert_eq!(some.attrs.keys().collect::<Vec<_>>(), ["displayName"]);
    assert!(one(&mut ldap, &filter, &["1.1"]).await.attrs.is_empty());
    ldap.with_search_options(SearchOptions::new().typesonly(true));
    let types = one(&mut ldap, &filter, &["mail"]).await;
    assert!(types.attrs["mail"].is_empty());
    scene.stop().await;
}

// ---- many

fn crowd(scene: &Scene, count: usize) {
    let directory = scene.sandbox.control().directory();
    let mut members = Vec::new();
    for number in 0..count {
        let upn = format!("crowd{number:05}@nordwind.example");
        members.push(upn.clone());
        let person = Person {
            upn,
            display_name: format!("Crowd {number:05}"),
            container: "OU=Crowd".into(),
            ..Person::default()
        };
        directory.add_person(person).unwrap();
    }
    directory.add_group(Group { account_name: "Crowd".into(), members, ..Group::default() }).unwrap();
}

async fn page(ldap: &mut Ldap, size: i32, cookie: Vec<u8>) -> (Vec<SearchEntry>, LdapResult) {
    ldap.with_controls(RawControl::from(PagedResults { size, cookie }));
    let found =
        ldap.search(&format!("OU=Crowd,{ROOT}"), Scope::Subtree, "(objectClass=user)", vec!["cn"]).await.unwrap();
    (found.0.into_iter().map(SearchEntry::construct).collect(), found.1)
}

fn cookie(result: &LdapResult) -> Vec<u8> {
    result.ctrls[0].1.parse::<PagedResults>().cookie
}

/// S2
#[tokio::test]
async fn without_pages_a_thousand_objects_come_and_then_the_limit_is_told() {
    let scene = start().await;
    crowd(&scene, 2300);
    let mut ldap = scene.signed_in(ANNA).await;
    let found = ldap.search(ROOT, Scope::Subtree, "(cn=Crowd *)", vec!["cn"]).await.unwrap();
    assert_eq!((found.0.len(), found.1.rc), (1000, 4));
    ldap.with_search_options(SearchOptions::new().sizelimit(3));
    let found = ldap.search(ROOT, Scope::Subtree, "(cn=Crowd *)", vec!["cn"]).await.unwrap();
    assert_eq!((found.0.len(), found.1.rc), (3, 4));
    scene.stop().await;
}

/// S2
#[tokio::test]
async fn pages_bring_everything_once_however_large_they_are_asked_for() {
    let scene = start().await;
    crowd(&scene, 2300);
    let mut ldap = scene.signed_in(ANNA).await;
    for (size, pages) in [(700, 4), (5000, 3)] {
        let (mut seen, mut next, mut count) = (HashSet::new(), Vec::new(), 0);
        loop {
            let (found, result) = page(&mut ldap, size, next).await;
            count += 1;
            assert!(result.rc == 0 && found.len() <= 1000);
            assert!(found.iter().all(|entry| seen.insert(entry.dn.clone())));
            next = cookie(&result);
            if next.is_empty() {
                break;
            }
        }
        assert_eq!((seen.len(), count), (2300, pages));
    }
    scene.stop().await;
}

/// S2
#[tokio::test]
async fn a_cookie_of_another_connection_or_of_none_is_refused() {
    let scene = start().await;
    crowd(&scene, 20);
    let (mut ldap, mut other) = (scene.signed_in(ANNA).await, scene.signed_in(ANNA).await);
    let next = cookie(&page(&mut ldap, 5, Vec::new()).await.1);
    assert!(!next.is_empty());
    for wrong in [next.clone(), b"made up".to_vec()] {
        let (found, result) = page(&mut other, 5, wrong).await;
        assert!(found.is_empty() && result.rc == 12 && result.text.starts_with("00000057"), "{result:?}");
    }
    assert_eq!(page(&mut ldap, 5, next).await.0.len(), 5);
    scene.stop().await;
}

/// S3
#[tokio::test]
async fn a_large_group_gives_its_members_range_by_range() {
    let scene = start().await;
    crowd(&scene, 3100);
    let mut ldap = scene.signed_in(ANNA).await;
    let whole = one(&mut ldap, "(sAMAccountName=Crowd)", &["member"]).await;
    assert!(whole.attrs["member"].is_empty());
    assert_eq!(whole.attrs["member;range=0-1499"].len(), 1500);
    let mut seen: HashSet<_> = whole.attrs["member;range=0-1499"].iter().cloned().collect();
    for (asked, given, count) in [("1500-*", "1500-2999", 1500), ("3000-*", "3000-*", 100)] {
        let part = one(&mut ldap, "(sAMAccountName=Crowd)", &[&format!("member;range={asked}")]).await;
        let values = &part.attrs[&format!("member;range={given}")];
        assert_eq!(values.len(), count);
        seen.extend(values.iter().cloned());
    }
    assert_eq!(seen.len(), 3100);
    scene.stop().await;
}

// ---- writing

async fn add(ldap: &mut Ldap, cn: &str, attributes: &[(&str, &str)], password: Option<&str>) -> LdapResult {
    let password = password.map(quoted);
    let mut all = vec![(&b"objectClass"[..], set(&["top", "person", "organizationalPerson", "user"]))];
    all.extend(attributes.iter().map(|(name, value)| (name.as_bytes(), set(&[value]))));
    if let Some(password) = &password {
        all.push((b"unicodePwd", HashSet::from([password.as_slice()])));
    }
    ldap.add(&format!("CN={cn},CN=Users,{ROOT}"), all).await.unwrap()
}

/// What an administrator's program writes for a new account.
const AGENT: &[(&str, &str)] = &[
    ("sAMAccountName", "CodeTwoSiuAgent"),
    ("userPrincipalName", "CodeTwoSiuAgent@nordwind.example"),
    ("userAccountControl", "66048"),
];

/// W3, W12
#[tokio::test]
async fn nobody_but_a_domain_admin_writes() {
    let scene = start().await;
    let mut stranger = scene.stranger().await;
    assert_eq!(add(&mut stranger, "Agent", AGENT, None).await.rc, 1);
    let mut anna = scene.signed_in(ANNA).await;
    let refused = add(&mut anna, "Agent", AGENT, Some("Rueckenwind-12-Sturm")).await;
    assert!(refused.rc == 50 && refused.text.contains("INSUFF_ACCESS_RIGHTS"), "{refused:?}");
    let jonas = dn(&mut anna, "(sAMAccountName=jonas.weber)").await;
    let title = vec![Mod::Replace("title", HashSet::from(["x"]))];
    assert_eq!(anna.modify(&jonas, title).await.unwrap().rc, 50);
    assert_eq!(anna.delete(&jonas).await.unwrap().rc, 50);
    assert_eq!(anna.modifydn(&jonas, "CN=x", true, None).await.unwrap().rc, 50);
    scene.stop().await;
}

/// W3
#[tokio::test]
async fn an_account_that_was_made_signs_in_at_once_and_after_a_restart_and_not_any_more_when_it_is_deleted() {
    let scene = start().await;
    let mut admin = scene.admin().await;
    let (upn, password) = ("CodeTwoSiuAgent@nordwind.example", "Rueckenwind-12-Sturm");
    assert_eq!(add(&mut admin, "Agent", AGENT, Some(password)).await.rc, 0);
    let entry = one(&mut admin, &format!("(userPrincipalName={upn})"), &[]).await;
    assert_eq!(entry.attrs["userAccountControl"], ["66048"]);
    assert_eq!(scene.bind(upn, password).await.rc, 0);
    assert_eq!(ews_status(&scene, upn, password).await, 200);
    assert_eq!(scene.bind(upn, EVERYBODY).await.rc, 49);
    let scene = scene.restart().await;
    assert_eq!(scene.bind("NORDWIND\\CodeTwoSiuAgent", password).await.rc, 0);
    assert_eq!(ews_status(&scene, upn, password).await, 200);
    let mut admin = scene.admin().await;
    let again = one(&mut admin, &format!("(userPrincipalName={upn})"), &[]).await;
    assert_eq!((&again.dn, &again.bin_attrs["objectSid"]), (&entry.dn, &entry.bin_attrs["objectSid"]));
    admin.delete(&again.dn).await.unwrap().success().unwrap();
    assert_eq!(ews_status(&scene, upn, password).await, 401);
    let scene = scene.restart().await;
    assert_eq!(scene.bind(upn, password).await.rc, 49);
    scene.stop().await;
}

async fn ews_status(scene: &Scene, upn: &str, password: &str) -> u16 {
    let certificate = reqwest::Certificate::from_pem(scene.sandbox.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap();
    let answer = client.get(scene.sandbox.ews_url()).basic_auth(upn, Some(password)).send().await.unwrap();
    answer.status().as_u16()
}

/// W3
#[tokio::test]
async fn what_an_account_can_not_be_is_refused_in_the_words_of_a_controller() {
    let scene = start().await;
    let mut admin = scene.admin().await;
    let strong = Some("Rueckenwind-12-Sturm");
    assert_eq!(add(&mut admin, "Agent", AGENT, strong).await.rc, 0);
    let refused = |result: LdapResult, rc: u32, start: &str| {
        assert!(result.rc == rc && result.text.starts_with(start), "{result:?}");
    };
    refused(add(&mut admin, "Agent", &[], None).await, 68, "00002071");
    refused(add(&mut admin, "Other", &[("sAMAccountName", "codetwosiuagent")], None).await, 68, "00000524");
    refused(add(&mut admin, "Other", &[("sAMAccountName", "domain admins")], None).await, 68, "00000524");
    refused(add(&mut admin, "Other", &[("userPrincipalName", AGENT[1].1)], None).await, 19, "000021C8");
    refused(add(&mut admin, "Other", &[("sAMAccountName", "a/b")], None).await, 19, "00000523");
    refused(add(&mut admin, "Other", &[("userAccountControl", "512")], None).await, 53, "0000052D");
    refused(add(&mut admin, "Other", &[("userAccountControl", "512")], Some("kurz")).await, 19, "0000052D");
    refused(add(&mut admin, "Other", &[("colour", "blue")], None).await, 16, "00000057");
    refused(add(&mut admin, "Other", &[("objectSid", "S-1-5-18")], None).await, 53, "0000209A");
    let mut attributes = vec![(&b"objectClass"[..], set(&["user"]))];
    let below = format!("CN=Other,OU=nowhere,{ROOT}");
    refused(admin.add(&below, attributes.clone()).await.unwrap(), 32, "0000208D");
    attributes[0].1 = set(&["printQueue"]);
    refused(admin.add(&format!("CN=Other,CN=Users,{ROOT}"), attributes).await.unwrap(), 53, "00000032");
    assert!(names(&mut admin, "(cn=Other)").await.is_empty());
    // Without more, an account is made as a controller makes it: disabled, with a name of its own.
    assert_eq!(add(&mut admin, "Other", &[], None).await.rc, 0);
    let other = one(&mut admin, "(cn=Other)", &[]).await;
    assert_eq!(other.attrs["userAccountControl"], ["546"]);
    assert!(other.attrs["sAMAccountName"][0].starts_with('$') && !other.attrs.contains_key("userPrincipalName"));
    scene.stop().await;
}

/// W3
#[tokio::test]
async fn an_account_is_changed_attribute_by_attribute() {
    let scene = start().await;
    let mut admin = scene.admin().await;
    let upn = "CodeTwoSiuAgent@nordwind.example";
    add(&mut admin, "Agent", AGENT, Some("Rueckenwind-12-Sturm")).await.success().unwrap();
    let agent = format!("CN=Agent,CN=Users,{ROOT}");
    let mut change = async |changes: Vec<Mod<Vec<u8>>>| admin.modify(&agent, changes).await.unwrap();
    let replace = |name: &str, value: Vec<u8>| Mod::Replace(name.as_bytes().to_vec(), HashSet::from([value]));
    assert_eq!(change(vec![replace("unicodePwd", quoted("Gegenwind-34-Flaute"))]).await.rc, 0);
    assert_eq!(scene.bind(upn, "Gegenwind-34-Flaute").await.rc, 0);
    assert_eq!(change(vec![replace("unicodePwd", b"plain text".to_vec())]).await.rc, 53);
    assert_eq!(change(vec![replace("pwdLastSet", b"0".to_vec())]).await.rc, 0);
    assert!(scene.bind(upn, "Gegenwind-34-Flaute").await.text.contains("data 773"));
    assert_eq!(change(vec![replace("pwdLastSet", b"-1".to_vec())]).await.rc, 0);
    assert_eq!(change(vec![replace("userAccountControl", b"514".to_vec())]).await.rc, 0);
    assert!(scene.bind(upn, "Gegenwind-34-Flaute").await.text.contains("data 533"));
    assert_eq!(change(vec![replace("userAccountControl", b"512".to_vec())]).await.rc, 0);
    assert_eq!(change(vec![replace("accountExpires", b"132223104000000000".to_vec())]).await.rc, 0);
    assert!(scene.bind(upn, "Gegenwind-34-Flaute").await.text.contains("data 701"));
    assert_eq!(change(vec![replace("accountExpires", b"0".to_vec())]).await.rc, 0);
    let department = |value: &str| HashSet::from([value.as_bytes().to_vec()]);
    assert_eq!(change(vec![Mod::Add(b"department".to_vec(), department("IT"))]).await.rc, 0);
    assert_eq!(change(vec![Mod::Add(b"department".to_vec(), department("it"))]).await.rc, 20);
    assert_eq!(change(vec![Mod::Delete(b"department".to_vec(), department("HR"))]).await.rc, 16);
    assert_eq!(change(vec![replace("cn", b"x".to_vec())]).await.rc, 67);
    assert_eq!(change(vec![replace("memberOf", b"x".to_vec())]).await.rc, 53);
    // Either all changes are carried out or none is.
    let both = vec![replace("department", b"HR".to_vec()), replace("colour", b"blue".to_vec())];
    assert_eq!(change(both).await.rc, 16);
    let renamed = b"siu.agent@nordwind.example".to_vec();
    assert_eq!(change(vec![replace("userPrincipalName", renamed)]).await.rc, 0);
    assert_eq!(scene.bind("siu.agent@nordwind.example", "Gegenwind-34-Flaute").await.rc, 0);
    assert_eq!(scene.bind(upn, "Gegenwind-34-Flaute").await.rc, 0, "the implicit name stays");
    let entry = one(&mut scene.admin().await, "(cn=Agent)", &["department", "userPrincipalName"]).await;
    assert_eq!(entry.attrs["department"], ["IT"]);
    scene.stop().await;
}

/// W11
#[tokio::test]
async fn somebody_changes_their_own_password_knowing_the_former_one() {
    let scene = start().await;
    let mut anna = scene.signed_in(ANNA).await;
    let own = dn(&mut anna, &format!("(userPrincipalName={ANNA})")).await;
    let change = |old: &str, new: &str| {
        let one = |password: &str| HashSet::from([quoted(password)]);
        vec![Mod::Delete(b"unicodePwd".to_vec(), one(old)), Mod::Add(b"unicodePwd".to_vec(), one(new))]
    };
    let wrong = anna.modify(&own, change("guessed", "Gegenwind-34-Flaute")).await.unwrap();
    assert!(wrong.rc == 19 && wrong.text.starts_with("00000056"), "{wrong:?}");
    assert_eq!(anna.modify(&own, change(EVERYBODY, "kurz")).await.unwrap().rc, 19);
    assert_eq!(anna.modify(&own, change(EVERYBODY, "Gegenwind-34-Flaute")).await.unwrap().rc, 0);
    assert_eq!(scene.bind(ANNA, "Gegenwind-34-Flaute").await.rc, 0);
    let jonas = dn(&mut anna, "(sAMAccountName=jonas.weber)").await;
    assert_eq!(anna.modify(&jonas, change(EVERYBODY, "Gegenwind-34-Flaute")).await.unwrap().rc, 50);
    scene.stop().await;
}

/// S3
#[tokio::test]
async fn membership_changes_count_at_once_and_after_a_restart() {
    let scene = start().await;
    let mut admin = scene.admin().await;
    let group = dn(&mut admin, "(sAMAccountName=Domain Admins)").await;
    let anna = dn(&mut admin, &format!("(userPrincipalName={ANNA})")).await;
    let mut change = async |change: fn(&'static str, HashSet<&'static str>) -> Mod<&'static str>, member: &str| {
        let member: &'static str = member.to_owned().leak();
        admin.modify(&group, vec![change("member", HashSet::from([member]))]).await.unwrap()
    };
    assert_eq!(change(Mod::Delete, &anna).await.rc, 53);
    assert_eq!(change(Mod::Add, &format!("CN=nobody,{ROOT}")).await.rc, 32);
    assert_eq!(change(Mod::Add, &anna).await.rc, 0);
    let again = change(Mod::Add, &anna).await;
    assert!(again.rc == 68 && again.text.starts_with("00000562"), "{again:?}");
    let scene = scene.restart().await;
    let mut ldap = scene.signed_in(ANNA).await;
    assert_eq!(names(&mut ldap, &format!("(&(memberOf={group})(objectClass=user))")).await, ["Anna Bergström"]);
    // Anna is an administrator now, and may take herself out again.
    ldap.modify(&group, vec![Mod::Delete("member", HashSet::from([anna.as_str()]))]).await.unwrap().success().unwrap();
    assert_eq!(ldap.delete(&anna).await.unwrap().rc, 50);
    scene.stop().await;
}

/// S4
#[tokio::test]
async fn an_account_moves_to_another_container_and_leaves_its_groups_when_it_is_deleted() {
    let scene = start().await;
    let mut admin = scene.admin().await;
    let jonas = dn(&mut admin, "(sAMAccountName=jonas.weber)").await;
    assert_eq!(admin.modifydn(&jonas, "CN=Sofia Rossi", true, None).await.unwrap().rc, 68);
    assert_eq!(admin.modifydn(&jonas, "OU=Jonas", true, None).await.unwrap().rc, 64);
    let nowhere = format!("OU=nowhere,{ROOT}");
    assert_eq!(admin.modifydn(&jonas, "CN=Jonas", true, Some(&nowhere)).await.unwrap().rc, 32);
    let unit = format!("OU=Rehearsal,{ROOT}");
    assert_eq!(admin.modifydn(&jonas, "CN=Jonas W.", true, Some(&unit)).await.unwrap().rc, 0);
    let moved = format!("CN=Jonas W.,{unit}");
    assert_eq!(names(&mut admin, &format!("(member={moved})")).await, ["Leitstand", "Technik"]);
    assert_eq!(admin.delete(&unit).await.unwrap().rc, 66);
    assert_eq!(admin.delete(&moved).await.unwrap().rc, 0);
    let group = one(&mut admin, "(sAMAccountName=Leitstand)", &["member"]).await;
    assert_eq!(group.attrs["member"], [format!("CN=Wartung,CN=Users,{ROOT}")]);
    assert!(names(&mut admin, "(objectClass=contact)").await.iter().all(|name| !name.contains("jonas")));
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn a_change_through_control_is_seen_by_the_next_search() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let filter = "(&(objectCategory=person)(userAccountControl:1.2.840.113556.1.4.803:=2)(cn=Jonas*))";
    assert!(names(&mut ldap, filter).await.is_empty());
    scene.sandbox.control().set_state("jonas.weber@nordwind.example", MailboxState::Disabled).unwrap();
    assert_eq!(names(&mut ldap, filter).await, ["Jonas Weber"]);
    scene.stop().await;
}

// ---- hostile bytes, faults, bounds

/// Reads until the server closes; the first bytes of what it sent.
async fn until_closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut answer = Vec::new();
    // A connection that is reset is closed, too.
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("not closed");
    answer
}

fn authority(url: &str) -> String {
    url.split_once("://").unwrap().1.to_owned()
}

/// X1
#[tokio::test]
async fn bytes_that_are_no_message_end_the_connection_with_a_notice_and_nothing_else() {
    let scene = start().await;
    let address = authority(&scene.sandbox.ldap_url());
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff],
        &[0x30, 0x80, 0, 0],
        &[0x30, 0x03, 0x02, 0x01, 0x01],
        &[0x30, 0x05, 0x02, 0x01, 0x01, 0x63, 0x00],
        // An answer in place of a question.
        &[0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00],
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let answer = until_closed(&mut stream).await;
        let notice = b"1.3.6.1.4.1.1466.20036";
        assert!(answer.is_empty() || answer.windows(notice.len()).any(|part| part == notice), "{bytes:?}: {answer:?}");
    }
    let mut ldap = scene.signed_in(ANNA).await;
    assert_eq!(names(&mut ldap, "(sAMAccountName=jonas.weber)").await.len(), 1);
    scene.stop().await;
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    if length > 0x7f {
        bytes.push(0x83);
        bytes.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes()[1..]);
    } else {
        bytes.push(u8::try_from(length).unwrap());
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A search of the domain with this filter.
fn search(id: u8, filter: &[u8]) -> Vec<u8> {
    let mut request = element(4, ROOT.as_bytes());
    request.extend_from_slice(&[10, 1, 2, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0]);
    request.extend_from_slice(filter);
    request.extend_from_slice(&element(0x30, &element(4, b"cn")));
    let mut message = vec![2, 1, id];
    message.extend_from_slice(&element(0x63, &request));
    element(0x30, &message)
}

fn bind(id: u8, name: &str, password: &str) -> Vec<u8> {
    let mut request = vec![2, 1, 3];
    request.extend_from_slice(&element(4, name.as_bytes()));
    request.extend_from_slice(&element(0x80, password.as_bytes()));
    let mut message = vec![2, 1, id];
    message.extend_from_slice(&element(0x60, &request));
    element(0x30, &message)
}

fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(element(0x87, b"cn"), |filter, _| element(0xa2, &filter))
}

async fn encrypted(scene: &Scene) -> tokio_rustls::client::TlsStream<TcpStream> {
    let stream = TcpStream::connect(authority(&scene.sandbox.ldaps_url())).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(by_hand::trusting(scene.sandbox.ca_pem()));
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

/// Result code of the answer to a search that finds nothing.
async fn code(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> u8 {
    let mut received = vec![0; 4096];
    let count = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut received)).await.unwrap().unwrap();
    let at = received[..count].windows(2).position(|pair| pair == [10, 1]).expect("a result");
    received[at + 2]
}

/// X1
#[tokio::test]
async fn a_filter_that_is_nested_too_deeply_or_too_long_is_refused_and_the_connection_goes_on() {
    let scene = start().await;
    let mut stream = encrypted(&scene).await;
    stream.write_all(&bind(1, ANNA, EVERYBODY)).await.unwrap();
    assert_eq!(code(&mut stream).await, 0);
    stream.write_all(&search(2, &nested(120))).await.unwrap();
    assert_eq!(code(&mut stream).await, 11);
    let many: Vec<u8> = std::iter::repeat_n(element(0x87, b"cn"), 5000).flatten().collect();
    stream.write_all(&search(3, &element(0xa1, &many))).await.unwrap();
    assert_eq!(code(&mut stream).await, 11);
    stream.write_all(&search(4, &nested(50_000))).await.unwrap();
    let notice = until_closed(&mut stream).await;
    assert!(notice.windows(5).any(|part| part == b"20036"), "{notice:?}");
    assert_eq!(scene.bind(ANNA, EVERYBODY).await.rc, 0);
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn a_stranger_can_not_make_the_directory_hold_a_large_message() {
    let scene = start().await;
    let mut stream = encrypted(&scene).await;
    stream.write_all(&[0x30, 0x83, 0x10, 0, 0]).await.unwrap();
    let notice = until_closed(&mut stream).await;
    assert!(notice.windows(5).any(|part| part == b"20036"), "{notice:?}");
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn connections_are_bounded_and_a_place_is_free_again_when_one_is_closed() {
    let limits = LdapLimits { connections: 3, ..LdapLimits::default() };
    let scene = start_with(|options| options.ldap_limits = limits).await;
    let address = authority(&scene.sandbox.ldap_url());
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let mut refused = TcpStream::connect(&address).await.unwrap();
    assert!(until_closed(&mut refused).await.is_empty());
    idle.pop();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let mut byte = [0];
        let _ = stream.write_all(&search(1, &element(0x87, b"cn"))).await;
        if stream.read(&mut byte).await.is_ok_and(|count| count == 1) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "no place became free");
    }
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn what_is_sent_behind_the_request_for_tls_is_not_taken_as_encrypted() {
    let scene = start().await;
    let mut stream = TcpStream::connect(authority(&scene.sandbox.ldap_url())).await.unwrap();
    let mut message = vec![2, 1, 1];
    message.extend_from_slice(&element(0x77, &element(0x80, b"1.3.6.1.4.1.1466.20037")));
    let mut bytes = element(0x30, &message);
    bytes.extend_from_slice(&bind(2, ANNA, EVERYBODY));
    stream.write_all(&bytes).await.unwrap();
    until_closed(&mut stream).await;
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn faults_make_the_directory_busy_unavailable_silent_or_gone() {
    let scene = start().await;
    scene.fault(Rule::every(Fault::Result { code: 51 }).on("LdapSearch").times(1));
    scene.fault(Rule::every(Fault::Result { code: 52 }).on("LdapBind").times(1));
    assert_eq!(scene.bind(ANNA, EVERYBODY).await.rc, 52);
    let mut ldap = scene.signed_in(ANNA).await;
    assert_eq!(outcome(&mut ldap, ROOT, Scope::Base, "(objectClass=*)").await.rc, 51);
    assert_eq!(outcome(&mut ldap, ROOT, Scope::Base, "(objectClass=*)").await.rc, 0);
    scene.fault(Rule::every(Fault::Hang).on("LdapSearch").of(ANNA).times(1));
    ldap.with_timeout(Duration::from_millis(200));
    let hung = ldap.search(ROOT, Scope::Base, "(objectClass=*)", vec!["cn"]).await;
    assert!(matches!(hung, Err(ldap3::LdapError::Timeout { .. })), "{hung:?}");
    assert_eq!(outcome(&mut ldap, ROOT, Scope::Base, "(objectClass=*)").await.rc, 0);
    scene.fault(Rule::every(Fault::Drop { executed: false }).on("LdapSearch").times(1));
    assert!(ldap.search(ROOT, Scope::Base, "(objectClass=*)", vec!["cn"]).await.is_err());
    let delayed = Rule::every(Fault::Delay { milliseconds: 1100 }).on("LdapSearch").times(1);
    scene.fault(delayed);
    let mut ldap = scene.signed_in(ANNA).await;
    ldap.with_search_options(SearchOptions::new().timelimit(1));
    assert_eq!(outcome(&mut ldap, ROOT, Scope::Subtree, "(objectClass=*)").await.rc, 3);
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn a_search_that_is_given_up_is_not_answered_and_the_next_one_is() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    scene.fault(Rule::every(Fault::Delay { milliseconds: 60_000 }).on("LdapSearch").times(1));
    let mut waiting = ldap.streaming_search(ROOT, Scope::Subtree, "(cn=*)", vec!["cn"]).await.unwrap();
    let id = waiting.ldap_handle().last_id();
    ldap.abandon(id).await.unwrap();
    assert_eq!(names(&mut ldap, "(sAMAccountName=jonas.weber)").await, ["Jonas Weber"]);
    ldap.unbind().await.unwrap();
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn a_control_that_is_critical_and_unknown_is_refused() {
    let scene = start().await;
    let mut ldap = scene.signed_in(ANNA).await;
    let control = |crit| RawControl { ctype: "1.2.3.4".into(), crit, val: None };
    ldap.with_controls(control(true));
    assert_eq!(outcome(&mut ldap, ROOT, Scope::Base, "(objectClass=*)").await.rc, 12);
    ldap.with_controls(control(false));
    assert_eq!(outcome(&mut ldap, ROOT, Scope::Base, "(objectClass=*)").await.rc, 0);
    let me = ldap.extended(ldap3::exop::WhoAmI).await.unwrap().success().unwrap().0;
    assert_eq!(me.parse::<ldap3::exop::WhoAmIResp>().authzid, "u:NORDWIND\\anna.bergstroem");
    scene.stop().await;
}
