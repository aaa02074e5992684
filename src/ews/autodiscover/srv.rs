//! Which servers DNS names for Autodiscover (RFC 2782), and where they are.

use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use reqwest::dns::{Name, Resolve, Resolving};

use super::Services;
use crate::name_service;

/// The name servers of the system, or one.
#[derive(Debug, Clone, Copy, Default)]
pub struct DnsServices {
    server: Option<SocketAddr>,
}

impl DnsServices {
    /// The name server at this address.
    #[must_use]
    pub fn at(server: SocketAddr) -> Self {
        Self { server: Some(server) }
    }
}

impl Services for DnsServices {
    fn autodiscover<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<(String, u16)>, String>> {
        Box::pin(async move {
            let resolver = name_service::resolver(self.server, 1)
                .map_err(|error| format!("the system's name servers are not known ({error})"))?;
            let found = name_service::services(&resolver, &format!("_autodiscover._tcp.{domain}")).await;
            found.map_err(|error| format!("the name service gives no answer ({error})"))
        })
    }
}

/// Hosts, for the HTTP client.
impl Resolve for DnsServices {
    fn resolve(&self, name: Name) -> Resolving {
        let server = self.server;
        Box::pin(async move {
            let found = name_service::resolver(server, 1)?.lookup_ip(format!("{}.", name.as_str())).await?;
            // The port is that of the address that is asked for.
            let addresses: Vec<_> = found.iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as _)
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
