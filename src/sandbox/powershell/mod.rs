//! Remote PowerShell at `/PowerShell/`: the cmdlets of the management endpoint, as Exchange Server in an organisation's
//! own network offers them.
//!
//! WS-Management (MS-WSMV) carries the PowerShell Remoting Protocol (MS-PSRP). As in Exchange the runspace knows no
//! language: commands with parameters run, scripts do not. A shell belongs to whoever created it, and is forgotten when
//! nobody uses it.
//!
//! Output comes in fragments of a few kilobytes, and an answer holds only some of them, so that a client must ask again
//! and put things together.

mod envelope;
mod fragment;
mod object;
mod shell;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::ews::Caller;
use super::management::Management;
use envelope::{Asked, Fault, Request};
use shell::Shell;

/// Shells that one user may have open (`PowerShellMaxConcurrency`).
const MOST_SHELLS: usize = 18;

/// What goes back.
pub enum Reply {
    /// HTTP status and envelope.
    Now(u16, String),
    /// There is nothing to say yet: after this time, the envelope.
    After(Duration, u16, String),
}

#[derive(Default)]
pub struct PowerShell {
    shells: Mutex<HashMap<String, Shell>>,
}

impl PowerShell {
    /// Whether the path, in lower case and without a slash at its end, is the one of this endpoint.
    pub fn has(path: &str) -> bool {
        path == "/powershell"
    }

    /// What a request is called among operations: `PowerShellCreate`, `PowerShellReceive`, …
    pub fn operation(body: &[u8]) -> String {
        let known = ["Create", "Command", "Send", "Receive", "Signal", "Delete"];
        let action = envelope::action(body).unwrap_or_default();
        format!("PowerShell{}", known.into_iter().find(|known| *known == action).unwrap_or_default())
    }

    /// A refusal in the form of the service.
    pub fn refusal(body: &[u8], code: &str, message: &str) -> (u16, String) {
        let related = Request::read(body).map(|request| request.message).unwrap_or_default();
        let fault = Fault::new(code.trim().parse().unwrap_or(0), message);
        (500, envelope::fault(&related, &fault))
    }

    /// Answers somebody who is signed in.
    pub fn answer(&self, management: &Management, caller: &Caller, body: &Bytes) -> Reply {
        let request = match Request::read(body) {
            Ok(request) => request,
            Err(fault) => return Reply::Now(500, envelope::fault("", &fault)),
        };
        match self.carry_out(management, caller, &request) {
            Ok(Some(content)) => Reply::Now(200, envelope::answer(&request, &content)),
            Ok(None) => Reply::After(request.timeout, 500, envelope::fault(&request.message, &Fault::nothing_yet())),
            Err(fault) => Reply::Now(500, envelope::fault(&request.message, &fault)),
        }
    }

    /// The content of the answer; none when there is nothing to say yet.
    fn carry_out(&self, management: &Management, caller: &Caller, request: &Request) -> Result<Option<String>, Fault> {
        if !request.is_for_exchange() {
            return Err(Fault::no_resource(&request.resource));
        }
        let mut shells = self.shells();
        let now = Instant::now();
        shells.retain(|_, shell| !shell.is_forgotten(now));
        if let Asked::Create { proposed, idle, fragments } = &request.asked {
            if !management.may_administer(&caller.upn) {
                return Err(Fault::no_role(&caller.upn));
            }
            if shells.values().filter(|shell| shell.owner == caller.upn).count() >= MOST_SHELLS {
                return Err(Fault::too_many_shells(&caller.upn, MOST_SHELLS));
            }
            let shell = Shell::open(&caller.upn, *idle, fragments)?;
            let id = match proposed {
                Some(id) if !shells.contains_key(&id.to_uppercase()) => id.to_uppercase(),
                _ => envelope::guid(),
            };
            let content = envelope::created(&id, &caller.upn);
            shells.insert(id, shell);
            return Ok(Some(content));
        }
        let id = request.shell.to_uppercase();
        if matches!(request.asked, Asked::Delete) {
            let owned = shells.get(&id).is_some_and(|shell| shell.owner == caller.upn);
            return if owned { Ok(shells.remove(&id).map(|_| String::new())) } else { Err(Fault::no_shell(&id)) };
        }
        let shell = shells.get_mut(&id).filter(|shell| shell.owner == caller.upn);
        let shell = shell.ok_or_else(|| Fault::no_shell(&id))?;
        shell.touch(now);
        match &request.asked {
            Asked::Command { id, fragments } => {
                let id = id.clone().unwrap_or_else(envelope::guid).to_uppercase();
                shell.start(management, &id, fragments)?;
                Ok(Some(envelope::started(&id)))
            }
            Asked::Send { command, fragments } => {
                shell.take(management, command.as_deref(), fragments)?;
                Ok(Some("<rsp:SendResponse/>".to_owned()))
            }
            Asked::Receive { command } => {
                let said = shell.say(command.as_deref(), request.most_bytes())?;
                Ok(said.map(|(stream, done)| envelope::received(command.as_deref(), &stream, done)))
            }
            Asked::Signal { command, code } => {
                shell.signal(command, code)?;
                Ok(Some("<rsp:SignalResponse/>".to_owned()))
            }
            Asked::Create { .. } | Asked::Delete => Err(Fault::no_shell(&id)),
        }
    }

    fn shells(&self) -> MutexGuard<'_, HashMap<String, Shell>> {
        self.shells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
