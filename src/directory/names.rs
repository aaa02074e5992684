//! Which controllers a domain has and where they are, by DNS.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;

use super::controller::Controller;
use super::domain::Which;
use super::error::{ConnectProblem, DirectoryError};
use crate::name_service;

/// The name service.
#[derive(Clone)]
pub(super) struct Names {
    /// None when the system names no name server; said when it is needed.
    resolver: Result<TokioResolver, String>,
    /// Host names, too, are asked for there instead of from the system.
    own_server: bool,
}

impl Names {
    /// Asks the system's name servers, or the one at this address.
    pub fn new(server: Option<SocketAddr>) -> Self {
        let resolver = name_service::resolver(server, 2);
        Self { resolver: resolver.map_err(|error| error.to_string()), own_server: server.is_some() }
    }

    /// The controllers of a domain that will do, the preferred ones first.
    pub async fn controllers(&self, domain: &str, which: Which) -> Result<Vec<Controller>, DirectoryError> {
        let role = match which {
            Which::Any => "dc",
            Which::Writer => "pdc",
        };
        let record = format!("_ldap._tcp.{role}._msdcs.{domain}");
        let services = name_service::services(self.resolver(&record)?, &record).await;
        let services = services.map_err(|error| trouble(&record, &error))?;
        if services.is_empty() {
            return Err(DirectoryError::NoControllers { domain: domain.to_owned(), record });
        }
        let controller = |(host, port)| Controller { host, port: Some(port).filter(|port| *port != 389), scheme: None };
        Ok(services.into_iter().map(controller).collect())
    }

    /// The addresses of a host.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DirectoryError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let unknown = || DirectoryError::Connect { controller: host.to_owned(), problem: ConnectProblem::Name };
        if !self.own_server {
            // The system also knows its hosts file and what else it was told to ask.
            let found = tokio::net::lookup_host((host, port)).await.map_err(|_| unknown())?;
            return Ok(found.collect());
        }
        match self.resolver(host)?.lookup_ip(format!("{host}.")).await {
            Ok(found) => Ok(found.iter().map(|address| SocketAddr::new(address, port)).collect()),
            Err(error) if error.is_no_records_found() => Err(unknown()),
            Err(error) => Err(trouble(host, &error)),
        }
    }

    fn resolver(&self, name: &str) -> Result<&TokioResolver, DirectoryError> {
        self.resolver.as_ref().map_err(|problem| DirectoryError::NameService {
            name: name.trim_end_matches('.').to_owned(),
            problem: problem.clone(),
        })
    }
}

fn trouble(name: &str, error: &NetError) -> DirectoryError {
    let problem = match error {
        NetError::Timeout => "it does not answer".to_owned(),
        other => other.to_string(),
    };
    DirectoryError::NameService { name: name.trim_end_matches('.').to_owned(), problem }
}
