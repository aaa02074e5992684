//! The people of the lab (`tests/lab/active_directory.py`) in sandboxes: the same suite runs there, and where it comes
//! out differently, the sandbox is wrong.

use sent_items_update::sandbox::control::MailboxState;
use sent_items_update::sandbox::directory::{Group, GroupKind, PasswordState, Person};
use sent_items_update::sandbox::ldap::{ConnectionPoint, Subnet, Trust};
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use tempfile::TempDir;

use crate::fixture::Fixture;
use crate::network::{NameServer, Records};

const CORP: &str = "corp.example.test";
const LAB: &str = "lab.example.test";
const PASSWORD: &str = "Passw0rd!lab1";
const ADMINISTRATOR: &str = "administrator@corp.example.test";
const ADMINISTRATOR_PASSWORD: &str = "Passw0rd!adm";
/// More than a page of results and more than an answer's values of an attribute.
const BULK: usize = 1600;

/// What a fixture of sandboxes holds.
pub struct Sandboxes {
    corp: Sandbox,
    lab: Sandbox,
    folder: TempDir,
    _names: NameServer,
}

impl Sandboxes {
    /// Addresses of Autodiscover in the own domain and in the trusted one.
    pub fn autodiscover_urls(&self) -> [String; 2] {
        [self.corp.autodiscover_url(), self.lab.autodiscover_url()]
    }

    pub async fn stop(self) {
        self.corp.stop().await;
        self.lab.stop().await;
        drop(self.folder);
    }
}

impl Fixture {
    /// Sandboxes of their own, one for each domain.
    pub async fn sandbox() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let corp = start(SandboxOptions { organisation: corp(), ..SandboxOptions::new(at("corp")) }).await;
        let lab = start(SandboxOptions { organisation: lab(), ..SandboxOptions::new(at("lab")) }).await;
        let port = |url: String| -> u16 { url.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap() };
        let records = [(CORP, corp.ldaps_url()), (LAB, lab.ldaps_url())].into_iter().fold(
            Records::default(),
            |records, (domain, url)| {
                records.service("_ldap._tcp.dc._msdcs", domain, &format!("dc01.{domain}"), port(url))
            },
        );
        let names = NameServer::start(records).await;
        let ca = corp.ca_pem().to_owned() + lab.ca_pem();
        let ca_file = at("ca.pem");
        std::fs::write(&ca_file, &ca).unwrap();
        Some(Self {
            domain: CORP.to_owned(),
            controllers: vec![corp.ldaps_url()],
            start_tls: corp.ldap_url(),
            ca,
            ca_file: ca_file.to_str().unwrap().to_owned(),
            name_server: Some(names.address),
            administrator: ADMINISTRATOR.to_owned(),
            administrator_password: ADMINISTRATOR_PASSWORD.into(),
            password: PASSWORD.into(),
            trusted: LAB.to_owned(),
            bulk: BULK,
            controller_name: format!("dc01.{CORP}"),
            kerberos: None,
            sandboxes: Some(Sandboxes { corp, lab, folder, _names: names }),
        })
    }
}

async fn start(mut options: SandboxOptions) -> Sandbox {
    options.password = Some(PASSWORD.into());
    Sandbox::start(options).await.unwrap()
}

fn organisation(domain: &str, people: Vec<Person>, groups: Vec<Group>) -> Organisation {
    let mut organisation = Organisation::embedded().without_messages();
    "Lab".clone_into(&mut organisation.name);
    domain.clone_into(&mut organisation.domain);
    organisation.further_domains.clear();
    organisation.service_account = format!("svc-siu@{CORP}");
    organisation.administrator.clear();
    organisation.trusts.clear();
    PASSWORD.clone_into(&mut organisation.people_password);
    organisation.people = people;
    organisation.groups = groups;
    organisation
}

fn lab() -> Organisation {
    let liv = Person { primary: format!("liv@{LAB}"), ..person("liv", "Liv Lab") };
    let people = vec![Person { upn: format!("liv@{LAB}"), ..liv }, person("svc-siu", "SIU Service")];
    let mut organisation = organisation(LAB, people, vec![domain_group("Domain Users", 513, &[])]);
    organisation.connection_points = vec![pointer("back", CORP, Some("circle.example.test"))];
    organisation
}

/// To another directory, for addresses of this domain or of any.
fn pointer(name: &str, to: &str, domain: Option<&str>) -> ConnectionPoint {
    let mut keywords = vec!["67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68".to_owned()];
    keywords.extend(domain.map(|domain| format!("Domain={domain}")));
    ConnectionPoint { name: name.to_owned(), binding: format!("LDAP://{to}"), keywords }
}

/// A service of a site.
fn service(name: &str, site: &str) -> ConnectionPoint {
    ConnectionPoint {
        name: name.to_owned(),
        binding: format!("https://{name}.{CORP}/autodiscover/autodiscover.xml"),
        keywords: vec!["77378F46-2C66-4aa9-A6A6-3E7A48B19596".to_owned(), format!("Site={site}")],
    }
}

fn corp() -> Organisation {
    let trust = |domain: &str, direction, kind| Trust {
        domain: domain.to_owned(),
        netbios: domain.split('.').next().unwrap().to_uppercase(),
        sid: "S-1-5-21-7-1-1".to_owned(),
        direction,
        kind,
    };
    let mut organisation = organisation(CORP, people(), groups());
    ADMINISTRATOR.clone_into(&mut organisation.administrator);
    ADMINISTRATOR_PASSWORD.clone_into(&mut organisation.admin_password);
    organisation.trusts = vec![
        trust(LAB, 3, 2),
        trust("gone.example.test", 3, 2),
        trust("oneway.example.test", 2, 2),
        trust("incoming.example.test", 1, 2),
        trust("MIT.EXAMPLE.TEST", 3, 3),
    ];
    organisation.subnets = vec![
        Subnet { network: "127.0.0.0/8".to_owned(), site: "Loopback".to_owned() },
        Subnet { network: "0.0.0.0/0".to_owned(), site: "Far".to_owned() },
    ];
    organisation.connection_points = vec![
        service("far", "Far"),
        service("near", "Loopback"),
        pointer("any", LAB, None),
        pointer("partner", &format!("dc01.{LAB}:389"), Some("partner.example.test")),
        pointer("circle", LAB, Some("circle.example.test")),
        pointer("outside", "dc.evil.example", Some("outside.example.test")),
        pointer("silent", "gone.example.test", Some("silent.example.test")),
    ];
    organisation
}

fn person(account: &str, name: &str) -> Person {
    Person {
        upn: format!("{account}@{CORP}"),
        account_name: account.to_owned(),
        display_name: name.to_owned(),
        container: "OU=People".to_owned(),
        ..Person::default()
    }
}

/// With a mailbox, under this address.
fn mail(name: &str, person: Person) -> Person {
    Person { primary: format!("{name}@{CORP}"), mailbox: true, ..person }
}

fn people() -> Vec<Person> {
    let crew = |person| Person { primary_group: "Crew".to_owned(), ..person };
    let mut people = vec![
        Person { container: String::new(), ..person("administrator", "Administrator") },
        Person { container: String::new(), state: MailboxState::Disabled, ..person("krbtgt", "krbtgt") },
        Person { password_never_expires: true, ..mail("svc-siu", person("svc-siu", "SIU Service")) },
        Person {
            given_name: "Anna".to_owned(),
            surname: "Berg".to_owned(),
            description: "Sales, Bergen".to_owned(),
            secondary: vec![format!("anna.berg@{CORP}")],
            ..mail("anna", person("anna", "Anna Berg"))
        },
        mail("ben", person("ben", "Ben Carver")),
        mail("carla", person("carla", "Carla Dorn")),
        mail("dora", person("dora", "Dora Ek")),
        crew(person("erik", "Erik Falk")),
        mail("o'brien", person("pat.obrien", "O'Brien, Pat")),
        mail("quote", person("quote", "\"Quote\", (Ops) + <x> # \\ =")),
        mail("jurgen", person("jurgen", "Jürgen Žižka 日本")),
        // Every trouble of W11.
        Person { password: PasswordState::Expired, ..person("pw-expired", "Password Expired") },
        Person { password: PasswordState::MustChange, ..person("must-change", "Must Change") },
        Person { state: MailboxState::Disabled, ..person("disabled", "Disabled") },
        Person { locked: true, ..person("locked", "Locked") },
        Person { expires: Some(0), ..person("gone-by", "Account Expired") },
        Person { without_upn: true, ..person("no-upn", "No UPN") },
        crew(person("outsider", "Outsider")),
        person("nadia", "Nadia Admin"),
    ];
    people.extend((0..BULK).map(|number| {
        let account = format!("bulk{number:05}");
        Person {
            primary: format!("{account}@{CORP}"),
            given_name: "Bulk".to_owned(),
            surname: format!("User {number:05}"),
            container: "OU=Bulk".to_owned(),
            ..person(&account, &format!("Bulk User {number:05}"))
        }
    }));
    people
}

fn group(name: &str, members: &[&str]) -> Group {
    Group {
        display_name: name.to_owned(),
        account_name: name.to_owned(),
        kind: GroupKind::Security,
        container: "OU=Groups".to_owned(),
        members: members.iter().map(ToString::to_string).collect(),
        ..Group::default()
    }
}

fn domain_group(name: &str, relative: u32, members: &[&str]) -> Group {
    Group { sid: relative.to_string(), container: String::new(), ..group(name, members) }
}

fn groups() -> Vec<Group> {
    let user = |account: &str| format!("{account}@{CORP}");
    let [anna, ben, carla, dora, erik, brien, quote, jurgen, outsider, nadia, administrator] =
        ["anna", "ben", "carla", "dora", "erik", "pat.obrien", "quote", "jurgen", "outsider", "nadia", "administrator"]
            .map(user);
    let address = |name: &str| format!("{name}@{CORP}");
    vec![
        domain_group("Domain Users", 513, &[]),
        // Deputies are in it by a detour.
        domain_group("Domain Admins", 512, &[&administrator, "Deputies"]),
        group("Deputies", &[&nadia]),
        // Nested, with a cycle.
        group("Sales East", &[&carla, "Sales"]),
        Group { primary: address("sales"), ..group("Sales", &[&ben, &anna, "Sales East", "Newsletter"]) },
        Group { kind: GroupKind::Distribution, primary: address("newsletter"), ..group("Newsletter", &[&dora]) },
        Group {
            display_name: "(Ops), \"Team\" + Žižka".to_owned(), ..group("Odd names", &[&brien, &quote, &jurgen])
        },
        group("Empty", &[]),
        group("Crew", &[&erik, &outsider]),
        Group { members: (0..BULK).map(|n| user(&format!("bulk{n:05}"))).collect(), ..group("Large", &[]) },
    ]
}
