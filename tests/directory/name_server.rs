//! A name server that knows where some domains have their controllers, and that there is nothing else.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

use hickory_resolver::proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

pub struct NameServer {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NameServer {
    /// `controllers`: for each domain, the name of its controller and the port of LDAPS. All are on loopback.
    pub async fn start(controllers: HashMap<String, (String, u16)>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
                let answer = answer(&controllers, &question).to_vec().unwrap();
                let _ = socket.send_to(&answer, from).await;
            }
        });
        Self { address, task }
    }
}

fn answer(controllers: &HashMap<String, (String, u16)>, question: &Message) -> Message {
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_available = true;
    answer.add_queries(question.queries.iter().cloned());
    answer.metadata.response_code = ResponseCode::NXDomain;
    if let Some(query) = question.queries.first()
        && let Some(data) = find(controllers, query)
    {
        answer.metadata.response_code = ResponseCode::NoError;
        answer.add_answers(data.into_iter().map(|data| Record::from_rdata(query.name().clone(), 60, data)));
    }
    answer
}

/// None when there is no such name; nothing in it when the name has no record of that type.
fn find(controllers: &HashMap<String, (String, u16)>, query: &Query) -> Option<Vec<RData>> {
    let name = query.name().to_utf8().trim_end_matches('.').to_lowercase();
    if let Some(domain) = name.strip_prefix("_ldap._tcp.dc._msdcs.") {
        let (host, port) = controllers.get(domain)?;
        let service = || RData::SRV(SRV::new(0, 100, *port, Name::from_utf8(format!("{host}.")).unwrap()));
        return Some((query.query_type() == RecordType::SRV).then(service).into_iter().collect());
    }
    let known = controllers.values().any(|(host, _)| *host == name);
    let address = (query.query_type() == RecordType::A).then_some(RData::A(A(Ipv4Addr::LOCALHOST)));
    known.then(|| address.into_iter().collect())
}
