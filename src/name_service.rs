//! How the name service is asked: by whom, and for how long.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

/// A server that is down shall not hold a person up for long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the system's name servers, or the one at this address, so often.
///
/// # Errors
/// When the system names no name server.
pub fn resolver(server: Option<SocketAddr>, attempts: usize) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio()?,
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let server = NameServerConfig::new(server.ip(), true, connections.into());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.timeout = PATIENCE;
    options.attempts = attempts;
    builder.build()
}

/// Hosts and ports that a service record names, the preferred first; none where there is no such record.
///
/// # Errors
/// When the name service gives no answer.
pub async fn services(resolver: &TokioResolver, record: &str) -> Result<Vec<(String, u16)>, NetError> {
    // The final dot: a name as it stands, with no search domains tried behind it.
    let lookup = match resolver.srv_lookup(format!("{record}.")).await {
        Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
        lookup => lookup?,
    };
    let mut services: Vec<_> = lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(service) => Some(service),
            _ => None,
        })
        .collect();
    services.sort_by_key(|service| (service.priority, std::cmp::Reverse(service.weight)));
    let named =
        services.into_iter().map(|service| (service.target.to_utf8().trim_end_matches('.').to_owned(), service.port));
    // A lone dot says that the service is not offered.
    Ok(named.filter(|(host, _)| !host.is_empty()).collect())
}
