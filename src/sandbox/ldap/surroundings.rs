//! What every domain with Exchange has beside people and groups: containers, the domain's rules, sites, servers, the
//! service connection point of Autodiscover, and what is known of other domains.

use super::super::directory::DOMAIN_SID;
use super::dn::Dn;
use super::schema;
use super::tree::{Attributes, CONTROLLER, World};
use super::value::{generalized_time, sid_bytes};

/// Days after which a password expires.
pub const PASSWORD_DAYS: i64 = 3650;
/// Shortest password (`minPwdLength`).
pub const PASSWORD_LENGTH: usize = 12;
/// Exchange's keyword for the URL of Autodiscover (MS-OXDISCO).
const AUTODISCOVER_URL: &str = "77378F46-2C66-4aa9-A6A6-3E7A48B19596";
/// A day as times of Windows are counted.
pub const DAY: i64 = 864_000_000_000;
const CREATED: i64 = 1_767_225_600;
const SITE: &str = "Default-First-Site-Name";
const EXCHANGE_GROUP: &str = "Exchange Administrative Group (FYDIBOHF23SPDLT)";
/// The two groups of all Windows machines that a domain's accounts end up in.
const BUILTIN: &[(&str, &str)] = &[("Administrators", "S-1-5-32-544"), ("Users", "S-1-5-32-545")];

fn object(classes: &[&str]) -> Attributes {
    Attributes::default().texts("objectClass", std::iter::once(&"top").chain(classes))
}

fn container(cn: &str) -> Attributes {
    object(&["container"]).text("cn", cn)
}

fn exchange(world: &World) -> Dn {
    let services = world.configuration().child("CN", "Services");
    services.child("CN", "Microsoft Exchange").child("CN", &world.organisation)
}

fn exchange_group(world: &World) -> Dn {
    exchange(world).child("CN", "Administrative Groups").child("CN", EXCHANGE_GROUP)
}

/// The mailbox database.
pub fn database(world: &World) -> Dn {
    exchange_group(world).child("CN", "Databases").child("CN", "DB01")
}

/// What each object has, whatever it is.
pub fn common(world: &World, dn: &Dn, own: &Attributes) -> Attributes {
    let class = own.0.iter().find(|(name, _)| *name == "objectClass").and_then(|(_, values)| values.last());
    let class = class.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
    let category = schema::category(&class).unwrap_or("Top");
    let created = generalized_time(CREATED);
    Attributes::default()
        .text("distinguishedName", dn.to_string())
        .text("name", dn.0.first().map_or("", |step| &step.value))
        .text("objectCategory", world.schema().child("CN", category).to_string())
        .number("instanceType", if dn.0.first().is_some_and(|step| step.attribute == "DC") { 5 } else { 4 })
        .text("whenCreated", &created)
        .text("whenChanged", &created)
        .number("uSNCreated", 8194)
        .number("uSNChanged", 8194)
}

/// Everything that doesn't depend on people and groups; parents come before their children.
pub fn objects(world: &World) -> Vec<(Dn, Attributes)> {
    let mut all = domain(world);
    all.extend(configuration(world));
    all.extend(schema_objects(world));
    all.extend(exchange_objects(world));
    all
}

fn domain(world: &World) -> Vec<(Dn, Attributes)> {
    let root = world.root();
    let (users, system) = (root.child("CN", "Users"), root.child("CN", "System"));
    let controllers = root.child("OU", "Domain Controllers");
    let builtin = root.child("CN", "Builtin");
    let first = world.domain.split('.').next().unwrap_or_default();
    let rules = object(&["domain", "domainDNS"])
        .text("dc", first)
        .bytes("objectSid", sid_bytes(DOMAIN_SID).unwrap_or_default())
        .number("maxPwdAge", -PASSWORD_DAYS * DAY)
        .number("minPwdAge", 0)
        .number("minPwdLength", i64::try_from(PASSWORD_LENGTH).unwrap_or_default())
        .number("pwdProperties", 1)
        .number("pwdHistoryLength", 24)
        .number("lockoutThreshold", super::super::authentication::LOCKED_AFTER)
        // Until somebody unlocks it.
        .number("lockoutDuration", i64::MIN)
        .number("lockOutObservationWindow", -18_000_000_000_i64)
        .number("msDS-Behavior-Version", 7)
        .texts(
            "wellKnownObjects",
            [
                format!("B:32:A9D1CA15768811D1ADED00C04FD8D5CD:{users}"),
                format!("B:32:A361B2FFFFD211D1AA4B00C04FD7D83A:{controllers}"),
                format!("B:32:AB1D30F3768811D1ADED00C04FD8D5CD:{system}"),
            ],
        );
    let controller = object(&["person", "organizationalPerson", "user", "computer"])
        .text("cn", CONTROLLER)
        .text("sAMAccountName", format!("{CONTROLLER}$"))
        .number("sAMAccountType", 805_306_369)
        .number("userAccountControl", 532_480)
        .number("primaryGroupID", 516)
        .bytes("objectSid", sid_bytes(&format!("{DOMAIN_SID}-1000")).unwrap_or_default())
        .text("dNSHostName", world.controller());
    let mut all = vec![
        (root.clone(), rules),
        (users, container("Users")),
        (root.child("CN", "Computers"), container("Computers")),
        (system.clone(), container("System")),
        (builtin.clone(), object(&["builtinDomain"]).text("cn", "Builtin")),
        (controllers.clone(), object(&["organizationalUnit"]).text("ou", "Domain Controllers")),
        (controllers.child("CN", CONTROLLER), controller),
    ];
    for (name, sid) in BUILTIN {
        let group = object(&["group"])
            .text("cn", name)
            .text("sAMAccountName", name)
            .number("sAMAccountType", 536_870_912)
            .number("groupType", -2_147_483_643)
            .bytes("objectSid", sid_bytes(sid).unwrap_or_default());
        all.push((builtin.child("CN", name), group));
    }
    for trust in &world.trusts {
        let mut object = object(&["leaf", "trustedDomain"])
            .text("cn", &trust.domain)
            .text("trustPartner", &trust.domain)
            .text("flatName", &trust.netbios)
            .number("trustDirection", trust.direction)
            .number("trustType", trust.kind)
            // Between Active Directories, a trust is one of whole forests here.
            .number("trustAttributes", if trust.kind == 2 { 8 } else { 0 });
        if let Some(sid) = sid_bytes(&trust.sid) {
            object = object.bytes("securityIdentifier", sid);
        }
        all.push((system.child("CN", &trust.domain), object));
    }
    all
}

fn configuration(world: &World) -> Vec<(Dn, Attributes)> {
    let (root, configuration, schema) = (world.root(), world.configuration(), world.schema());
    let partitions = configuration.child("CN", "Partitions");
    let sites = configuration.child("CN", "Sites");
    let subnets = sites.child("CN", "Subnets");
    let site = sites.child("CN", SITE);
    let servers = site.child("CN", "Servers");
    let server = servers.child("CN", CONTROLLER);
    let cross = |name: &str, context: &Dn, root: &str, flags: i64| {
        let object = object(&["crossRef"]).text("cn", name).text("nCName", context.to_string()).text("dnsRoot", root);
        (partitions.child("CN", name), object.number("systemFlags", flags))
    };
    let (name, mut own) = cross(&world.netbios, &root, &world.domain, 3);
    own = own.text("nETBIOSName", &world.netbios).number("msDS-Behavior-Version", 7);
    let dns = |zone: &str| (root.child("DC", zone), format!("{zone}.{}", world.domain));
    let ((zones, zones_at), (forest, forest_at)) = (dns("DomainDnsZones"), dns("ForestDnsZones"));
    let subnets_there = world.subnets.iter().map(|subnet| {
        let of_site = sites.child("CN", &subnet.site).to_string();
        let object = object(&["subnet"]).text("cn", &subnet.network).text("siteObject", of_site);
        (subnets.child("CN", &subnet.network), object)
    });
    let mut all = vec![
        (configuration.clone(), object(&["configuration"]).text("cn", "Configuration")),
        (schema.clone(), object(&["dMD"]).text("cn", "Schema").number("objectVersion", 88)),
        (
            partitions.clone(),
            object(&["crossRefContainer"]).text("cn", "Partitions").number("msDS-Behavior-Version", 7),
        ),
        cross("Enterprise Configuration", &configuration, &world.domain, 1),
        cross("Enterprise Schema", &schema, &world.domain, 1),
        (name, own),
        cross("DomainDnsZones", &zones, &zones_at, 5),
        cross("ForestDnsZones", &forest, &forest_at, 5),
        (sites.clone(), object(&["sitesContainer"]).text("cn", "Sites")),
        (subnets.clone(), object(&["subnetContainer"]).text("cn", "Subnets")),
        (site, object(&["site"]).text("cn", SITE)),
        (servers, object(&["serversContainer"]).text("cn", "Servers")),
        (
            server,
            object(&["server"])
                .text("cn", CONTROLLER)
                .text("dNSHostName", world.controller())
                .text("serverReference", root.child("OU", "Domain Controllers").child("CN", CONTROLLER).to_string()),
        ),
        (configuration.child("CN", "Services"), container("Services")),
    ];
    all.extend(subnets_there);
    all
}

/// What the schema says of each attribute: enough to see which there are, and whether it knows Exchange.
fn schema_objects(world: &World) -> impl Iterator<Item = (Dn, Attributes)> {
    schema::ATTRIBUTES.iter().map(|attribute| {
        let cn = schema::common_name(attribute.name);
        let object = object(&["attributeSchema"])
            .text("cn", &cn)
            .text("lDAPDisplayName", attribute.name)
            .text("isSingleValued", if attribute.many { "FALSE" } else { "TRUE" });
        (world.schema().child("CN", &cn), object)
    })
}

fn exchange_objects(world: &World) -> Vec<(Dn, Attributes)> {
    let top = world.configuration().child("CN", "Services").child("CN", "Microsoft Exchange");
    let (organisation, group) = (exchange(world), exchange_group(world));
    let site = world.configuration().child("CN", "Sites").child("CN", SITE);
    let groups = organisation.child("CN", "Administrative Groups");
    let (servers, databases) = (group.child("CN", "Servers"), group.child("CN", "Databases"));
    let server = servers.child("CN", "EX01");
    let protocols = server.child("CN", "Protocols");
    let autodiscover = protocols.child("CN", "Autodiscover");
    let legacy = format!("/o={}/ou={EXCHANGE_GROUP}", world.organisation);
    let further = world.connection_points.iter().map(|point| {
        let object = object(&["leaf", "connectionPoint", "serviceConnectionPoint"])
            .text("cn", &point.name)
            .texts("keywords", &point.keywords)
            .text("serviceClassName", "ms-Exchange-AutoDiscover-Service")
            .text("serviceBindingInformation", &point.binding);
        (autodiscover.child("CN", &point.name), object)
    });
    let own = world.autodiscover_url.iter().map(|url| {
        let object = object(&["leaf", "connectionPoint", "serviceConnectionPoint"])
            .text("cn", "EX01")
            .texts("keywords", [AUTODISCOVER_URL.to_owned(), format!("Site={SITE}")])
            .text("serviceClassName", "ms-Exchange-AutoDiscover-Service")
            .text("serviceDNSName", "EX01")
            .text("serviceBindingInformation", url);
        (autodiscover.child("CN", "EX01"), object)
    });
    let mut all = vec![
        (top, object(&["container", "msExchConfigurationContainer"]).text("cn", "Microsoft Exchange")),
        (
            organisation,
            object(&["container", "msExchOrganizationContainer"])
                .text("cn", &world.organisation)
                .text("legacyExchangeDN", format!("/o={}", world.organisation))
                .number("objectVersion", 16_763),
        ),
        (groups, object(&["msExchAdminGroupContainer"]).text("cn", "Administrative Groups")),
        (group, object(&["msExchAdminGroup"]).text("cn", EXCHANGE_GROUP).text("legacyExchangeDN", &legacy)),
        (servers, object(&["msExchServersContainer"]).text("cn", "Servers")),
        (
            server,
            object(&["server", "msExchExchangeServer"])
                .text("cn", "EX01")
                .text("legacyExchangeDN", format!("{legacy}/cn=Configuration/cn=Servers/cn=EX01"))
                .texts("networkAddress", [format!("ncacn_ip_tcp:{}", super::super::iis::SERVER)])
                .text("serialNumber", "Version 15.2 (Build 32562.17)")
                .text("msExchServerSite", site.to_string())
                .number("msExchVersion", 1_130_555_651_091_488_i64),
        ),
        (protocols, container("Protocols")),
        (autodiscover.clone(), object(&["msExchProtocolCfgSharedContainer"]).text("cn", "Autodiscover")),
        (databases.clone(), object(&["msExchContainer"]).text("cn", "Databases")),
        (databases.child("CN", "DB01"), object(&["msExchMDB", "msExchPrivateMDB"]).text("cn", "DB01")),
    ];
    all.extend(own.chain(further));
    all
}
