//! A name server that knows what a test says, and that there is nothing else.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

pub struct NameServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is known. Every host is on loopback.
#[derive(Default)]
pub struct Records {
    hosts: Vec<String>,
    services: HashMap<String, Vec<(u16, String, u16)>>,
}

impl Records {
    pub fn host(mut self, name: &str) -> Self {
        self.hosts.push(name.to_lowercase());
        self
    }

    /// A service of a domain, such as `_ldap._tcp.dc._msdcs`, on a port of a host. Those named first are preferred.
    pub fn service(self, service: &str, domain: &str, host: &str, port: u16) -> Self {
        let mut known = self.host(host);
        let places = known.services.entry(format!("{service}.{domain}").to_lowercase()).or_default();
        let priority = u16::try_from(places.len()).unwrap();
        places.push((priority, host.to_owned(), port));
        known
    }
}

impl NameServer {
    pub async fn start(records: Records) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = asked.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                noted.lock().unwrap().extend(question.queries.iter().map(name));
                let answer = answer(&records, &question).to_vec().unwrap();
                let _ = socket.send_to(&answer, from).await;
            }
        });
        Self { address, asked, task }
    }

    /// The names that were asked for.
    #[allow(dead_code, reason = "not every test looks")]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn name(query: &Query) -> String {
    query.name().to_utf8().trim_end_matches('.').to_lowercase()
}

fn answer(records: &Records, question: &Message) -> Message {
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_available = true;
    answer.add_queries(question.queries.iter().cloned());
    answer.metadata.response_code = ResponseCode::NXDomain;
    if let Some(query) = question.queries.first()
        && let Some(data) = find(records, query)
    {
        answer.metadata.response_code = ResponseCode::NoError;
        answer.add_answers(data.into_iter().map(|data| Record::from_rdata(query.name().clone(), 60, data)));
    }
    answer
}

/// None when there is no such name; nothing in it when the name has no record of that type.
fn find(records: &Records, query: &Query) -> Option<Vec<RData>> {
    let name = name(query);
    if let Some(places) = records.services.get(&name) {
        let places = places.iter().filter(|_| query.query_type() == RecordType::SRV);
        let service = |(priority, host, port): &(u16, String, u16)| {
            RData::SRV(SRV::new(*priority, 100, *port, Name::from_utf8(format!("{host}.")).unwrap()))
        };
        return Some(places.map(service).collect());
    }
    let address = (query.query_type() == RecordType::A).then_some(RData::A(A(Ipv4Addr::LOCALHOST)));
    records.hosts.contains(&name).then(|| address.into_iter().collect())
}
