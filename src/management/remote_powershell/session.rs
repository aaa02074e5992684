//! A session: a shell on the server with one runspace in it, in which cmdlets run one after the other.

use std::time::Duration;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::clixml::{Unreadable, Value as Clixml, read};
use super::fragment::{Assembler, Bounds, cut};
use super::http::Http;
use super::message::{self, Kind, Message};
use super::records::{self, Said, Trouble};
use super::wsman::{Answer, Fault, Operation, Outcome};
use super::{PowerShellEndpoint, pipeline};
use crate::management::{Cmdlet, ManagementError, Output};

/// Answers in a row that bring nothing at all, before a server is taken to be out of order. One that has nothing to say
/// holds the question back for 20 seconds, so that they are few.
const MOST_EMPTY: usize = 100;

/// How long taking leave may take.
const LEAVE: Duration = Duration::from_secs(5);

pub struct Session {
    http: Http,
    /// What the server calls it.
    shell: String,
    pool: Uuid,
    /// The number that the next message has.
    next: u64,
    /// Nothing went wrong but what a cmdlet itself refused: it can be used further.
    pub sound: bool,
}

const OPENING: &str = "opening a session";

impl Session {
    pub async fn open(endpoint: &PowerShellEndpoint) -> Result<Self, ManagementError> {
        let mut http = Http::new(endpoint)?;
        let pool = Uuid::new_v4();
        let message = |number, kind, data: &str| cut(number, &message::write(kind, pool, Uuid::nil(), data)).concat();
        let mut fragments = message(1, Kind::SessionCapability, pipeline::SESSION_CAPABILITY);
        fragments.extend(message(2, Kind::InitRunspacePool, &pipeline::init_runspace_pool()));
        let create = Operation::Create { shell: pool, fragments: &fragments };
        let created = match http.ask(create, None, OPENING).await? {
            Outcome::Answer(created) => created,
            Outcome::Fault(fault) => return Err(no_session(&fault)),
        };
        // A server may give it another name than was proposed.
        let shell = created.shell.unwrap_or_else(|| pool.hyphenated().to_string().to_uppercase());
        let mut session = Self { http, shell, pool, next: 3, sound: true };
        session.opened().await?;
        Ok(session)
    }

    /// Waits until the runspace is there.
    async fn opened(&mut self) -> Result<(), ManagementError> {
        let mut stream = Stream::default();
        loop {
            let answer = match self.receive(None, OPENING).await? {
                Ok(answer) => answer,
                Err(fault) => return Err(no_session(&fault)),
            };
            for message in stream.messages(&answer).map_err(|why| self.http.not_understood(&why))? {
                if self.is_open(&message)? {
                    return Ok(());
                }
            }
            if answer.done {
                return Err(self.http.not_understood("the session ended before it was open"));
            }
        }
    }

    fn is_open(&self, message: &Message) -> Result<bool, ManagementError> {
        let unreadable = |why: Unreadable| self.http.not_understood(&why.to_string());
        match message.kind {
            Kind::SessionCapability => {
                let version = read(&message.data).map_err(unreadable)?;
                let version = version.get("protocolversion").and_then(Clixml::as_text).unwrap_or_default();
                if !version.starts_with("2.") {
                    return Err(self.http.not_understood(&format!("it speaks version {version:?} of the protocol")));
                }
                Ok(false)
            }
            Kind::RunspacePoolState => {
                let state = read(&message.data).map_err(unreadable)?;
                match state.get("RunspaceState").and_then(Clixml::as_int) {
                    Some(2) => Ok(true),
                    // Closed, closing, broken
                    Some(3..=5) => {
                        let told = state.get("ExceptionAsErrorRecord").map(records::error);
                        let denied = told.as_ref().and_then(|told| told.exception.as_deref())
                            == Some("UnauthorizedAccessException");
                        let told = told.map(|told| told.message).unwrap_or_default();
                        Err(ManagementError::NoSession { told, denied })
                    }
                    _ => Ok(false),
                }
            }
            _ => Ok(false),
        }
    }

    /// Runs a cmdlet.
    pub async fn run(&mut self, cmdlet: Cmdlet, parameters: &Map<String, Value>) -> Result<Output, ManagementError> {
        // Also when this is dropped in its middle.
        self.sound = false;
        let id = Uuid::new_v4();
        let doing = format!("{cmdlet} was running");
        let data = pipeline::create_pipeline(cmdlet.name(), parameters);
        let number = self.next;
        self.next += 1;
        let fragments = cut(number, &message::write(Kind::CreatePipeline, self.pool, id, &data));
        for (position, fragment) in fragments.iter().enumerate() {
            let operation = match position {
                0 => Operation::Command { pipeline: id, fragment },
                _ => Operation::Send { pipeline: id, fragment },
            };
            if let Outcome::Fault(fault) = self.http.ask(operation, Some(&self.shell), &doing).await? {
                return Err(of_cmdlet(cmdlet, &fault));
            }
        }
        let mut stream = Stream::default();
        let mut said = Said::default();
        let not_understood = |why: String| ManagementError::NotUnderstood { cmdlet, why };
        while !said.is_over() {
            let answer = match self.receive(Some(id), &doing).await? {
                Ok(answer) => answer,
                Err(fault) => return Err(of_cmdlet(cmdlet, &fault)),
            };
            for message in stream.messages(&answer).map_err(not_understood)? {
                said.hear(&message).map_err(|trouble| match trouble {
                    Trouble::Unreadable(why) => not_understood(why.to_string()),
                    Trouble::TooMuch => not_understood("it says more than any such cmdlet does".to_owned()),
                    Trouble::Asks(question) => ManagementError::Asks { cmdlet, question },
                })?;
            }
            if answer.done {
                break;
            }
        }
        stream.finish().map_err(not_understood)?;
        let output = said.conclude(cmdlet);
        self.sound = matches!(output, Ok(_) | Err(ManagementError::Refused { .. }));
        // What the cmdlet gave is known whatever becomes of this; a session that is lost shows at the next cmdlet.
        let terminate = Operation::Terminate { pipeline: id };
        let _ = tokio::time::timeout(LEAVE, self.http.ask(terminate, Some(&self.shell), &doing)).await;
        output
    }

    /// Asks until there is something to be had.
    async fn receive(&mut self, pipeline: Option<Uuid>, doing: &str) -> Result<Result<Answer, Fault>, ManagementError> {
        for _ in 0..MOST_EMPTY {
            match self.http.ask(Operation::Receive { pipeline }, Some(&self.shell), doing).await? {
                Outcome::Answer(answer) if answer.stream.is_empty() && !answer.done => {}
                Outcome::Answer(answer) => return Ok(Ok(answer)),
                Outcome::Fault(fault) if fault.is_nothing_yet() => {}
                Outcome::Fault(fault) => return Ok(Err(fault)),
            }
        }
        Err(self.http.not_understood("it answers again and again, and says nothing"))
    }

    /// The server forgets the session. It would by itself after two minutes.
    pub async fn close(mut self) {
        let leaving = self.http.ask(Operation::Delete, Some(&self.shell), "leaving");
        let _ = tokio::time::timeout(LEAVE, leaving).await;
    }
}

/// Messages of one stream.
struct Stream(Assembler);

impl Default for Stream {
    fn default() -> Self {
        Self(Assembler::new(Bounds::default()))
    }
}

impl Stream {
    fn messages(&mut self, answer: &Answer) -> Result<Vec<Message>, String> {
        let messages = self.0.push(&answer.stream).map_err(|broken| broken.to_string())?;
        messages.iter().map(|bytes| message::read(bytes).map_err(|why| why.to_string())).collect()
    }

    fn finish(&self) -> Result<(), String> {
        self.0.finish().map_err(|broken| broken.to_string())
    }
}

fn no_session(fault: &Fault) -> ManagementError {
    ManagementError::NoSession { told: fault.to_string(), denied: fault.is_access_denied() }
}

fn of_cmdlet(cmdlet: Cmdlet, fault: &Fault) -> ManagementError {
    if fault.is_access_denied() {
        return ManagementError::NotAllowed { cmdlet, told: fault.to_string() };
    }
    ManagementError::Refused { cmdlet, message: fault.to_string(), exception: None, also: Vec::new() }
}
