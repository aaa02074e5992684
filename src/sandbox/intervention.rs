//! What happens to one EWS request beside its execution: counting, throttling, faults.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::ews::{FaultHook, Refusal, RequestFacts, SoapAnswer, Verdict};
use super::faults::{Fault, Sentence};
use super::limits::{Permit, server_busy};
use super::site::Site;

/// How the answer is to be spoilt on its way out.
#[derive(Debug, Default)]
pub struct Treatment {
    pub fault: Option<Fault>,
}

impl Treatment {
    /// Whether the answer that Exchange made is the one that goes out.
    pub fn is_soap(&self) -> bool {
        !matches!(self.fault, Some(Fault::Status { .. } | Fault::Html { .. } | Fault::Garbage { .. }))
    }
}

/// Accompanies one request.
pub struct Intervention<'a> {
    site: &'a Site,
    state: Mutex<State<'a>>,
}

#[derive(Default)]
struct State<'a> {
    fault: Option<Fault>,
    permit: Option<Permit>,
    counted: Option<Box<dyn Send + 'a>>,
}

impl<'a> Intervention<'a> {
    pub fn new(site: &'a Site) -> Self {
        Self { site, state: Mutex::default() }
    }

    /// The request is answered: its place is free again, its time charged.
    pub fn finish(self) -> Treatment {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(permit) = state.permit {
            permit.leave(Instant::now());
        }
        Treatment { fault: state.fault }
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn judge(&self, request: &RequestFacts) -> Verdict {
        let mailbox = if request.mailbox.is_empty() { &request.acting_as } else { &request.mailbox };
        self.state().counted = Some(Box::new(self.site.statistics.acting_on(mailbox, request.operation)));
        match self.site.throttle.enter(&request.acting_as, Instant::now()) {
            Ok(permit) => self.state().permit = Some(permit),
            Err(refusal) => {
                self.site.statistics.count(|counts| counts.throttled += 1);
                return Verdict::Refuse(*refusal);
            }
        }
        let Sentence { delay_milliseconds, fault } =
            self.site.faults.judge(request.operation, |named| self.is_mailbox(named, &request.acting_as));
        if delay_milliseconds > 0 || fault.is_some() {
            self.site.statistics.count(|counts| counts.faults += 1);
        }
        self.site.delay(delay_milliseconds).await;
        let Some(fault) = fault else { return Verdict::Continue };
        let verdict = match &fault {
            Fault::RefuseItems { from, count, code, back_off_milliseconds } => Verdict::RefuseParts {
                from: *from,
                count: *count,
                refusal: refusal(code, None, *back_off_milliseconds, None),
            },
            _ if fault.executes() => Verdict::Continue,
            Fault::Drop { .. } => Verdict::DropConnection,
            Fault::Refuse { code, message, back_off_milliseconds, fault } => {
                Verdict::Refuse(refusal(code, message.as_deref(), *back_off_milliseconds, *fault))
            }
            _ => Verdict::Answer(SoapAnswer { status: 200, body: Bytes::new(), drop_connection: false }),
        };
        self.state().fault = Some(fault);
        verdict
    }

    /// Whether a rule that names a mailbox by UPN or address means the one with this UPN.
    fn is_mailbox(&self, named: &str, upn: &str) -> bool {
        match self.site.directory.account(named) {
            Some(person) => person.upn.eq_ignore_ascii_case(upn),
            None => named.eq_ignore_ascii_case(upn),
        }
    }
}

fn refusal(code: &str, message: Option<&str>, back_off: Option<u64>, fault: Option<u16>) -> Refusal {
    let busy = server_busy(Duration::from_millis(back_off.unwrap_or_default()));
    let default = if code == busy.code { busy.message } else { "The operation failed.".to_owned() };
    Refusal {
        code: code.to_owned(),
        message: message.map_or(default, str::to_owned),
        values: if back_off.is_some() { busy.values } else { Vec::new() },
        fault,
    }
}

impl FaultHook for Intervention<'_> {
    fn before<'a>(&'a self, request: &'a RequestFacts) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        Box::pin(self.judge(request))
    }

    fn after<'a>(
        &'a self,
        _request: &'a RequestFacts,
        _answer: &'a SoapAnswer,
    ) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        let cut = matches!(self.state().fault, Some(Fault::Drop { executed: true }));
        Box::pin(std::future::ready(if cut { Verdict::DropConnection } else { Verdict::Continue }))
    }
}
