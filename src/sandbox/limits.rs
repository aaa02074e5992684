//! Throttling as Exchange 2013 and later do it: concurrent requests, and a budget of time.
//!
//! Under impersonation both are charged to the mailbox accessed (*EWS throttling in Exchange*, Microsoft).
//! Whoever goes over gets a SOAP fault under HTTP 500.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ews::Refusal;

/// Longest back-off that is asked for.
const LONGEST: Duration = Duration::from_hours(1);

/// What a mailbox may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests at a time (`EWSMaxConcurrency`); none: as many as come.
    pub max_concurrency: Option<u32>,
    /// None: no budget.
    pub budget: Option<Budget>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_concurrency: Some(27), budget: None }
    }
}

/// A budget of server time that fills up again as time goes by. All values in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// What can be used at once (`EWSMaxBurst`).
    pub max_burst: u64,
    /// What comes back within an hour (`EWSRechargeRate`).
    pub recharge_rate: u64,
    /// How far below nothing a mailbox may get before it is refused (`EWSCutoffBalance`).
    pub cutoff_balance: u64,
    /// What a request costs beside the time it took, so that a rehearsal gets to the bound within seconds.
    pub cost_per_request: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { max_burst: 300_000, recharge_rate: 900_000, cutoff_balance: 3_000_000, cost_per_request: 0 }
    }
}

/// Keeps count of what each mailbox uses.
#[derive(Debug, Default)]
pub struct Throttle {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    limits: Limits,
    running: HashMap<String, u32>,
    accounts: HashMap<String, Account>,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    /// Milliseconds.
    balance: f64,
    at: Instant,
}

/// A request that is running. Its place is free again when this is dropped.
#[derive(Debug)]
pub struct Permit {
    state: Arc<Mutex<State>>,
    mailbox: String,
    started: Instant,
}

impl Throttle {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { state: Arc::new(Mutex::new(State { limits, ..State::default() })) }
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        lock(&self.state).limits.clone()
    }

    /// Takes effect with the next request; every budget starts full.
    pub fn set_limits(&self, limits: Limits) {
        let mut state = lock(&self.state);
        state.limits = limits;
        state.accounts.clear();
    }

    /// Lets a request for `mailbox` (a UPN) in, or refuses it.
    pub fn enter(&self, mailbox: &str, now: Instant) -> Result<Permit, Box<Refusal>> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        if let Some(budget) = &state.limits.budget {
            let account = account(&mut state.accounts, mailbox, budget, now);
            #[allow(clippy::cast_precision_loss)] // milliseconds of a budget stay far below 2^52
            if account.balance < -(budget.cutoff_balance as f64) {
                return Err(Box::new(server_busy(back_off(account.balance, budget))));
            }
        }
        let running = state.running.entry(mailbox.to_owned()).or_default();
        if let Some(most) = state.limits.max_concurrency
            && *running >= most
        {
            return Err(Box::new(too_many(most)));
        }
        *running += 1;
        Ok(Permit { state: self.state.clone(), mailbox: mailbox.to_owned(), started: now })
    }
}

impl Permit {
    /// The request is done: its time is charged, its place is free.
    pub fn leave(self, now: Instant) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        if let Some(budget) = &state.limits.budget {
            let took = now.saturating_duration_since(self.started);
            let account = account(&mut state.accounts, &self.mailbox, budget, now);
            account.balance -= (took + Duration::from_millis(budget.cost_per_request)).as_secs_f64() * 1000.0;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(running) = state.running.get_mut(&self.mailbox) {
            *running -= 1;
            if *running == 0 {
                state.running.remove(&self.mailbox);
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The mailbox's account, recharged up to `now`.
#[allow(clippy::cast_precision_loss)] // milliseconds of a budget stay far below 2^52
fn account<'a>(
    accounts: &'a mut HashMap<String, Account>,
    mailbox: &str,
    budget: &Budget,
    now: Instant,
) -> &'a mut Account {
    let full = budget.max_burst as f64;
    let account = accounts.entry(mailbox.to_owned()).or_insert(Account { balance: full, at: now });
    let passed = now.saturating_duration_since(account.at).as_secs_f64();
    account.balance = full.min(account.balance + passed * budget.recharge_rate as f64 / 3600.0);
    account.at = now;
    account
}

/// Time until the balance is no longer below nothing.
#[allow(clippy::cast_precision_loss)] // milliseconds of a budget stay far below 2^52
fn back_off(balance: f64, budget: &Budget) -> Duration {
    let hours = -balance / (budget.recharge_rate.max(1) as f64);
    Duration::try_from_secs_f64(hours * 3600.0).unwrap_or(LONGEST).min(LONGEST)
}

/// `ErrorServerBusy` with its hint.
#[must_use]
pub fn server_busy(back_off: Duration) -> Refusal {
    Refusal {
        code: "ErrorServerBusy".to_owned(),
        message: "The server cannot service this request right now. Try again later.".to_owned(),
        values: vec![("BackOffMilliseconds".to_owned(), back_off.as_millis().to_string())],
        fault: Some(500),
    }
}

fn too_many(most: u32) -> Refusal {
    let value = |name: &str, value: String| (name.to_owned(), value);
    Refusal {
        code: "ErrorExceededConnectionCount".to_owned(),
        message: "You have exceeded the available concurrent connections for your account.  Try again once your \
                  other requests have completed."
            .to_owned(),
        values: vec![
            value("Policy", "MaxConcurrency".to_owned()),
            value("MaxConcurrencyLimit", most.to_string()),
            value(
                "ErrorMessage",
                format!(
                    "This operation exceeds the throttling budget for policy part 'MaxConcurrency', policy value \
                     '{most}',  Budget type: 'Ews'.  Suggested backoff time 0 ms."
                ),
            ),
        ],
        fault: Some(500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U9
    #[test]
    fn the_28th_request_at_a_time_is_refused_until_one_of_the_others_ends() {
        let throttle = Throttle::new(Limits::default());
        let now = Instant::now();
        let mut running: Vec<_> = (0..27).map(|_| throttle.enter("anna@n.example", now).unwrap()).collect();
        let refused = throttle.enter("anna@n.example", now).unwrap_err();
        assert_eq!(refused.code, "ErrorExceededConnectionCount");
        assert_eq!(refused.values[1], ("MaxConcurrencyLimit".to_owned(), "27".to_owned()));
        assert!(throttle.enter("jonas@n.example", now).is_ok(), "another mailbox has its own places");
        running.pop();
        assert!(throttle.enter("anna@n.example", now).is_ok());
    }

    /// U9
    #[test]
    fn an_overdrawn_mailbox_is_told_how_long_to_wait_and_is_let_in_then() {
        let budget = Budget { max_burst: 1000, recharge_rate: 3_600_000, cutoff_balance: 500, cost_per_request: 800 };
        let throttle = Throttle::new(Limits { budget: Some(budget), ..Limits::default() });
        let start = Instant::now();
        for _ in 0..2 {
            throttle.enter("anna@n.example", start).unwrap().leave(start);
        }
        let refused = throttle.enter("anna@n.example", start).unwrap_err();
        assert_eq!(refused.code, "ErrorServerBusy");
        assert_eq!(refused.values, [("BackOffMilliseconds".to_owned(), "600".to_owned())]);
        assert!(throttle.enter("jonas@n.example", start).is_ok());
        assert!(throttle.enter("anna@n.example", start + Duration::from_millis(600)).is_ok());
    }

    /// U9
    #[test]
    fn limits_can_be_lifted_while_requests_run() {
        let throttle = Throttle::new(Limits { max_concurrency: Some(1), budget: None });
        let now = Instant::now();
        let _first = throttle.enter("anna@n.example", now).unwrap();
        assert!(throttle.enter("anna@n.example", now).is_err());
        throttle.set_limits(Limits { max_concurrency: None, budget: None });
        assert!(throttle.enter("anna@n.example", now).is_ok());
    }
}
