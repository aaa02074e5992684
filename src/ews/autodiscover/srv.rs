//! Which servers DNS names for Autodiscover (RFC 2782).

use std::time::Duration;

use futures_util::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;

use super::Services;

/// The name servers of the system.
#[derive(Debug)]
pub struct DnsServices;

impl Services for DnsServices {
    fn autodiscover<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<(String, u16)>, String>> {
        Box::pin(async move {
            let resolver = TokioResolver::builder_tokio().and_then(|mut builder| {
                let options = builder.options_mut();
                options.timeout = Duration::from_secs(2);
                options.attempts = 1;
                builder.build()
            });
            let resolver = resolver.map_err(|error| format!("the system's name servers are not known ({error})"))?;
            // The final dot: the name as it stands, with no search domains tried behind it.
            let lookup = match resolver.srv_lookup(format!("_autodiscover._tcp.{domain}.")).await {
                Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
                Err(error) => return Err(format!("the name service gives no answer ({error})")),
                Ok(lookup) => lookup,
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
            let named = services
                .into_iter()
                .map(|service| (service.target.to_utf8().trim_end_matches('.').to_owned(), service.port));
            // A lone dot says that the service is not offered.
            Ok(named.filter(|(host, _)| !host.is_empty()).collect())
        })
    }
}

/// No name server is asked.
#[derive(Debug)]
pub struct NoServices;

impl Services for NoServices {
    fn autodiscover<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<(String, u16)>, String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
