//! One connection: its messages in their order, with searches running beside each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindResponse, LdapExtendedRequest, LdapExtendedResponse, LdapMsg, LdapOp, LdapResult, LdapResultCode,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::faults::Fault;
use super::search::{self, Answer, Pages};
use super::wire::{self, Asked};
use super::{LdapServer, bind, problem, root, write};

/// How long a connection may be silent before somebody signs in (`InitRecvTimeout`), and after (`MaxConnIdleTime`).
const SILENT: Duration = Duration::from_secs(120);
const IDLE: Duration = Duration::from_secs(900);
/// Searches of a connection that run at a time; the next message waits.
const SEARCHES: usize = 16;
/// Messages on their way to a client that reads slowly.
const WAITING: usize = 64;

/// How serving a stream ended.
pub enum End<S> {
    Closed,
    /// The client wants TLS on it from now on.
    StartTls(S),
}

/// What goes on after a message.
enum Next {
    Go,
    Close,
    StartTls,
}

struct Connection {
    server: Arc<LdapServer>,
    secure: bool,
    /// UPN of who is signed in.
    who: Option<String>,
    pages: Arc<Mutex<Pages>>,
    /// Searches that run, by the number of their message.
    running: HashMap<i32, CancellationToken>,
    tasks: JoinSet<i32>,
    out: mpsc::Sender<BytesMut>,
    /// A fault rule wants the connection to end.
    cut: CancellationToken,
}

pub async fn serve<S>(stream: S, secure: bool, server: &Arc<LdapServer>) -> End<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut reader, writer) = tokio::io::split(stream);
    let (out, messages) = mpsc::channel(WAITING);
    let writing = tokio::spawn(send(writer, messages));
    let mut connection = Connection {
        server: server.clone(),
        secure,
        who: None,
        pages: Arc::default(),
        running: HashMap::new(),
        tasks: JoinSet::new(),
        out,
        cut: CancellationToken::new(),
    };
    let next = connection.run(&mut reader).await;
    connection.tasks.shutdown().await;
    drop(connection);
    match (next, writing.await) {
        (Next::StartTls, Ok(Some(writer))) => End::StartTls(reader.unsplit(writer)),
        _ => End::Closed,
    }
}

/// Sends messages until there will be no more; none when the client is gone.
async fn send<S: AsyncWrite + Send>(
    mut writer: WriteHalf<S>,
    mut messages: mpsc::Receiver<BytesMut>,
) -> Option<WriteHalf<S>> {
    while let Some(message) = messages.recv().await {
        writer.write_all(&message).await.ok()?;
        if messages.is_empty() {
            writer.flush().await.ok()?;
        }
    }
    Some(writer)
}

impl Connection {
    async fn run<S: AsyncRead + AsyncWrite>(&mut self, reader: &mut ReadHalf<S>) -> Next {
        let mut received = BytesMut::new();
        loop {
            let limits = &self.server.limits;
            let most = if self.who.is_some() { limits.message } else { limits.message_of_strangers };
            let message = match wire::frame(&mut received, most) {
                Ok(Some(message)) => wire::read(&message),
                Ok(None) => {
                    let silence = if self.who.is_some() { IDLE } else { SILENT };
                    tokio::select! {
                        read = tokio::time::timeout(silence, reader.read_buf(&mut received)) => match read {
                            Ok(Ok(count)) if count > 0 => {}
                            _ => return Next::Close,
                        },
                        Some(ended) = self.tasks.join_next() => self.ended(ended.ok()),
                        () = self.cut.cancelled() => return Next::Close,
                    }
                    continue;
                }
                Err(malformed) => Err(malformed),
            };
            let Ok((id, asked)) = message else {
                let notice = problem::result(LdapResultCode::ProtocolError, "The message can't be read.");
                let _ = self.out.send(wire::write(wire::disconnection(notice))).await;
                return Next::Close;
            };
            match self.message(id, asked).await {
                Next::Go => {}
                // What came with the request came unencrypted, and may be anybody's.
                Next::StartTls if !received.is_empty() => return Next::Close,
                end => return end,
            }
        }
    }

    fn ended(&mut self, search: Option<i32>) {
        if let Some(id) = search {
            self.running.remove(&id);
        }
    }

    async fn message(&mut self, id: i32, asked: Asked) -> Next {
        let (operation, op) = match asked {
            Asked::Search(request) => {
                while self.tasks.len() >= SEARCHES {
                    if let Some(ended) = self.tasks.join_next().await {
                        self.ended(ended.ok());
                    }
                }
                return self.search(id, request);
            }
            Asked::Other(LdapOp::UnbindRequest, _) => return Next::Close,
            Asked::Other(LdapOp::AbandonRequest(other), _) => {
                if let Some(search) = self.running.remove(&other) {
                    search.cancel();
                }
                return Next::Go;
            }
            Asked::Other(op, controls) if controls.iter().any(is_critical) => {
                return self.reply(id, answer_to(&op, problem::bad_control())).await;
            }
            Asked::Other(op, _) => match op {
                LdapOp::BindRequest(_) => ("LdapBind", op),
                LdapOp::AddRequest(_) => ("LdapAdd", op),
                LdapOp::ModifyRequest(_) => ("LdapModify", op),
                LdapOp::DelRequest(_) => ("LdapDelete", op),
                LdapOp::ModifyDNRequest(_) => ("LdapModifyDn", op),
                LdapOp::CompareRequest(_) => ("LdapCompare", op),
                LdapOp::ExtendedRequest(_) => ("LdapExtended", op),
                // Answers are the server's to give.
                _ => return Next::Close,
            },
        };
        match judge(&self.server, operation, self.who.as_deref()).await {
            Judged::Go => {}
            Judged::Silent => return Next::Go,
            Judged::Cut => return Next::Close,
            Judged::CutAfter => {
                self.carry_out(op);
                return Next::Close;
            }
            Judged::Answer(result) => {
                let answer = answer_to(&op, result);
                return self.reply(id, answer).await;
            }
        }
        if let LdapOp::ExtendedRequest(request) = &op
            && request.name == root::START_TLS
        {
            let possible = !self.secure && self.tasks.is_empty();
            let res = if possible { problem::success() } else { problem::no_start_tls() };
            let name = Some(root::START_TLS.to_owned());
            let answer = LdapOp::ExtendedResponse(LdapExtendedResponse { res, name, value: None });
            let next = self.reply(id, answer).await;
            return if possible { Next::StartTls } else { next };
        }
        let answer = self.carry_out(op);
        self.reply(id, answer).await
    }

    async fn reply(&self, id: i32, answer: LdapOp) -> Next {
        match self.out.send(wire::write(LdapMsg::new(id, answer))).await {
            Ok(()) => Next::Go,
            Err(_) => Next::Close,
        }
    }

    /// Everything but searches.
    fn carry_out(&mut self, op: LdapOp) -> LdapOp {
        let server = self.server.clone();
        let who = self.who.clone();
        match op {
            LdapOp::BindRequest(request) => {
                // Whatever the outcome, what went on before ends, and nobody is signed in any more.
                self.running.drain().for_each(|(_, search)| search.cancel());
                self.pages = Arc::default();
                self.who = None;
                let res = match bind::answer(&server, &request, self.secure) {
                    Ok(who) => {
                        self.who = who;
                        problem::success()
                    }
                    Err(refusal) => {
                        server.site.statistics.count(|counts| counts.denied += 1);
                        refusal
                    }
                };
                LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None })
            }
            LdapOp::ExtendedRequest(request) => LdapOp::ExtendedResponse(extended(&server, who.as_deref(), &request)),
            LdapOp::AddRequest(request) => LdapOp::AddResponse(write::add(&server, who.as_deref(), &request)),
            LdapOp::ModifyRequest(request) => LdapOp::ModifyResponse(write::modify(&server, who.as_deref(), &request)),
            LdapOp::DelRequest(dn) => LdapOp::DelResponse(write::delete(&server, who.as_deref(), &dn)),
            LdapOp::ModifyDNRequest(request) => {
                LdapOp::ModifyDNResponse(write::rename(&server, who.as_deref(), &request))
            }
            LdapOp::CompareRequest(request) => LdapOp::CompareResult(write::compare(&server, who.as_deref(), &request)),
            other => answer_to(&other, problem::result(LdapResultCode::ProtocolError, "")),
        }
    }

    fn search(&mut self, id: i32, request: search::Request) -> Next {
        let token = CancellationToken::new();
        if self.running.insert(id, token.clone()).is_some() {
            // Two operations of the same number: no answer could be told from the other's.
            return Next::Close;
        }
        let (server, who) = (self.server.clone(), self.who.clone());
        let (pages, out) = (self.pages.clone(), self.out.clone());
        let cut = self.cut.clone();
        let work = async move {
            let verdict = judge(&server, "LdapSearch", who.as_deref()).await;
            let answer = match verdict {
                Judged::Silent => return,
                Judged::Cut | Judged::CutAfter => {
                    cut.cancel();
                    return;
                }
                Judged::Answer(result) => Answer::failed(result),
                Judged::Go if search::is_for_root(&request) => search::root(&server.world, &request),
                Judged::Go if who.is_none() => Answer::failed(problem::bind_first()),
                Judged::Go => {
                    let tree = server.tree();
                    let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
                    search::answer(&server.world, &tree, &mut pages, &request)
                }
            };
            for found in answer.found {
                if out.send(wire::write(LdapMsg::new(id, found))).await.is_err() {
                    return;
                }
            }
            let done = LdapMsg::new_with_ctrls(id, LdapOp::SearchResultDone(answer.done), answer.controls);
            let _ = out.send(wire::write(done)).await;
        };
        let cancelled = token.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = cancelled.cancelled() => {}
            }
            id
        });
        Next::Go
    }
}

/// What fault rules make of an operation.
enum Judged {
    Go,
    /// Never answered.
    Silent,
    Cut,
    /// Carried out, and then cut.
    CutAfter,
    Answer(LdapResult),
}

async fn judge(server: &LdapServer, operation: &str, who: Option<&str>) -> Judged {
    let site = &server.site;
    site.statistics.count(|counts| *counts.operations.entry(operation.to_owned()).or_default() += 1);
    let sentence = site.faults.judge(operation, |named| {
        let upn = site.directory.account(named).map_or_else(|| named.to_owned(), |person| person.upn.clone());
        who.is_some_and(|who| who.eq_ignore_ascii_case(&upn))
    });
    if sentence.delay_milliseconds > 0 || sentence.fault.is_some() {
        site.statistics.count(|counts| counts.faults += 1);
    }
    site.delay(sentence.delay_milliseconds).await;
    match sentence.fault {
        Some(Fault::Drop { executed: false }) => Judged::Cut,
        Some(Fault::Drop { executed: true }) => Judged::CutAfter,
        Some(Fault::Hang) => Judged::Silent,
        Some(Fault::Result { code }) => Judged::Answer(told(code)),
        _ => Judged::Go,
    }
}

/// Whether the operation must not be carried out without the control, which is unknown here.
fn is_critical(control: &LdapControl) -> bool {
    matches!(control, LdapControl::Unknown { criticality: true, .. })
}

/// A result code that a rule names, in the words that a controller has for it.
fn told(code: u8) -> LdapResult {
    let message = match code {
        51 => "00002024: SvcErr: DSID-03141068, problem 5001 (BUSY), data 0\n",
        52 => "0000200F: SvcErr: DSID-0314106B, problem 5002 (UNAVAILABLE), data 0\n",
        _ => "",
    };
    let code = LdapResultCode::try_from(i64::from(code)).unwrap_or(LdapResultCode::Other);
    problem::result(code, message)
}

/// The kind of answer that belongs to an operation.
fn answer_to(op: &LdapOp, res: LdapResult) -> LdapOp {
    match op {
        LdapOp::BindRequest(_) => LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None }),
        LdapOp::AddRequest(_) => LdapOp::AddResponse(res),
        LdapOp::ModifyRequest(_) => LdapOp::ModifyResponse(res),
        LdapOp::DelRequest(_) => LdapOp::DelResponse(res),
        LdapOp::ModifyDNRequest(_) => LdapOp::ModifyDNResponse(res),
        LdapOp::CompareRequest(_) => LdapOp::CompareResult(res),
        _ => LdapOp::ExtendedResponse(LdapExtendedResponse { res, name: None, value: None }),
    }
}

fn extended(server: &LdapServer, who: Option<&str>, request: &LdapExtendedRequest) -> LdapExtendedResponse {
    if request.name != root::WHO_AM_I {
        return LdapExtendedResponse { res: problem::unknown_extension(), name: None, value: None };
    }
    let person = who.and_then(|upn| server.site.directory.person(upn));
    let name = person.map(|person| format!("u:{}\\{}", server.world.netbios, person.account_name));
    LdapExtendedResponse { res: problem::success(), name: None, value: Some(name.unwrap_or_default().into_bytes()) }
}
