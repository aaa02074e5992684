//! What the sign-in dialog knows, and what happens next. No egui and no I/O.

use std::collections::HashSet;

use crate::panel::session::{Credentials, Prefilled};
use crate::panel::widgets::TypedPassword;
use crate::setup::{Failure, validate};

#[derive(Debug)]
pub struct State {
    pub domain: String,
    pub controller: String,
    pub user: String,
    pub password: TypedPassword,
    /// Certificate authorities, with the name of the file that they are from.
    pub roots: Option<(String, String)>,
    /// Why the chosen file can't be used.
    pub file_problem: Option<String>,
    touched: HashSet<Field>,
    pub phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// As the person logged on, or by what is known beforehand: nothing is asked yet.
    Trying,
    Typing {
        refused: Option<Box<Failure>>,
    },
    SigningIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    Domain,
    Controller,
    User,
    Password,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Domain(String),
    Controller(String),
    User(String),
    /// The password was changed, in place.
    PasswordTyped,
    ChooseFile,
    ForgetFile,
    SignIn,
    /// *Cancel* or Escape: stops what goes on, else closes.
    Cancel,
}

#[derive(Debug, Clone)]
pub enum Effect {
    LoggedOn,
    SignIn(Box<Credentials>),
    ChooseFile,
    Stop,
    Cancel,
}

impl State {
    pub fn new(prefilled: Option<Prefilled>) -> (Self, Effect) {
        let known = prefilled.unwrap_or_default();
        let mut state = Self {
            domain: known.domain,
            controller: known.controller,
            user: known.user,
            password: TypedPassword::default(),
            roots: None,
            file_problem: None,
            touched: HashSet::new(),
            phase: Phase::Trying,
        };
        if !known.extra_roots.is_empty() {
            state.roots = Some(("of last time".to_owned(), known.extra_roots.join("\n")));
        }
        let Some(password) = known.password else { return (state, Effect::LoggedOn) };
        state.password.fill(secrecy::ExposeSecret::expose_secret(&password));
        let effect = Effect::SignIn(Box::new(state.credentials()));
        (state, effect)
    }

    /// Somebody else is to sign in, for this reason.
    pub fn refusing(prefilled: Option<Prefilled>, why: Failure) -> Self {
        let (mut state, _) = Self::new(prefilled);
        state.password.wipe();
        state.phase = Phase::Typing { refused: Some(Box::new(why)) };
        state
    }

    pub fn is_busy(&self) -> bool {
        !matches!(self.phase, Phase::Typing { .. })
    }

    fn credentials(&self) -> Credentials {
        let text = |text: &str| text.trim().to_owned();
        Credentials {
            domain: text(&self.domain),
            controller: Some(text(&self.controller)).filter(|controller| !controller.is_empty()),
            user: text(&self.user),
            password: self.password.secret(),
            extra_roots: self.roots.iter().map(|(_, pem)| pem.clone()).collect(),
        }
    }

    fn is_wrong(&self, field: Field) -> Option<String> {
        match field {
            Field::Domain => domain(&self.domain).err(),
            Field::Controller => controller(&self.controller).err(),
            Field::User => validate::upn(&self.user).err(),
            Field::Password if self.password.is_empty() => Some("Enter your password.".to_owned()),
            Field::Password => None,
        }
    }

    /// What is wrong with a field, once there is a reason to say so.
    pub fn problem(&self, field: Field) -> Option<String> {
        if self.touched.contains(&field) { self.is_wrong(field) } else { None }
    }

    #[must_use]
    pub fn wants(&mut self, intent: Intent) -> Option<Effect> {
        if self.is_busy() {
            if intent != Intent::Cancel {
                return None;
            }
            // While nothing was typed yet, there is nothing to go back to.
            let typed = self.phase == Phase::SigningIn;
            self.phase = Phase::Typing { refused: None };
            return Some(if typed { Effect::Stop } else { Effect::Cancel });
        }
        match intent {
            Intent::Domain(domain) => {
                self.domain = domain;
                self.touched.insert(Field::Domain);
            }
            Intent::Controller(controller) => {
                self.controller = controller;
                self.touched.insert(Field::Controller);
            }
            Intent::User(user) => {
                // Most people's domain stands behind their @: it need not be typed twice.
                let proposed =
                    |user: &str| user.rsplit_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default();
                if self.domain.is_empty() || self.domain == proposed(&self.user) {
                    self.domain = proposed(&user);
                }
                self.user = user;
                self.touched.insert(Field::User);
            }
            Intent::PasswordTyped => {
                self.touched.insert(Field::Password);
            }
            Intent::ChooseFile => return Some(Effect::ChooseFile),
            Intent::ForgetFile => self.roots = None,
            Intent::SignIn => {
                let fields = [Field::User, Field::Password, Field::Domain, Field::Controller];
                self.touched.extend(fields);
                if fields.iter().all(|field| self.is_wrong(*field).is_none()) {
                    self.phase = Phase::SigningIn;
                    return Some(Effect::SignIn(Box::new(self.credentials())));
                }
            }
            Intent::Cancel => return Some(Effect::Cancel),
        }
        None
    }

    /// It did not work. That the person logged on can't be used is no news to somebody outside a domain: then the form
    /// says what is needed instead of complaining.
    pub fn refused(&mut self, failure: Failure) {
        if self.is_busy() {
            self.phase = Phase::Typing { refused: Some(Box::new(failure)) };
        }
    }

    pub fn chose(&mut self, chosen: Result<Option<(String, String)>, String>) {
        match chosen {
            Ok(None) => {}
            Ok(Some(roots)) => (self.roots, self.file_problem) = (Some(roots), None),
            Err(problem) => self.file_problem = Some(problem),
        }
    }
}

fn domain(text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Enter the DNS name of your domain, such as corp.example.com.".to_owned());
    }
    let odd = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if text.contains(odd) || text.split('.').any(str::is_empty) {
        return Err("This is not the DNS name of a domain, such as corp.example.com.".to_owned());
    }
    Ok(())
}

fn controller(text: &str) -> Result<(), String> {
    let text = text.trim();
    let bare = text.strip_prefix("ldaps://").or(text.strip_prefix("ldap://")).unwrap_or(text);
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) || bare.contains("//") || bare.contains('@') {
        return Err("Enter a name or an address, such as dc1.corp.example.com or ldaps://10.0.0.5:636.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typing() -> State {
        let (mut state, effect) = State::new(None);
        assert!(matches!(effect, Effect::LoggedOn));
        state.refused(Failure { what: "Nobody is signed in to a domain here.".into(), ..Failure::default() });
        state
    }

    fn does(state: &mut State, intent: Intent) {
        assert!(state.wants(intent).is_none());
    }

    #[test]
    fn the_person_logged_on_is_tried_before_anything_is_asked() {
        let (state, effect) = State::new(Some(Prefilled { domain: "corp.example".into(), ..Prefilled::default() }));
        assert!(matches!(effect, Effect::LoggedOn) && state.is_busy());
    }

    /// X1: the sandbox signs in by itself.
    #[test]
    fn what_is_known_beforehand_needs_no_typing() {
        let known = Prefilled {
            domain: "nordwind.example".into(),
            user: "admin@nordwind.example".into(),
            password: Some("Secret-1".to_owned().into()),
            ..Prefilled::default()
        };
        let (_, effect) = State::new(Some(known));
        assert!(matches!(effect, Effect::SignIn(as_whom) if as_whom.user == "admin@nordwind.example"));
    }

    #[test]
    fn the_domain_is_proposed_from_the_user_name_unless_it_was_typed() {
        let mut state = typing();
        does(&mut state, Intent::User("anna@corp.example".into()));
        assert_eq!(state.domain, "corp.example");
        does(&mut state, Intent::Domain("other.example".into()));
        does(&mut state, Intent::User("anna@corp.examples".into()));
        assert_eq!(state.domain, "other.example");
    }

    #[test]
    fn nothing_is_sent_before_everything_needed_is_there() {
        let mut state = typing();
        does(&mut state, Intent::SignIn);
        assert!([Field::Domain, Field::User, Field::Password].iter().all(|field| state.problem(*field).is_some()));
        does(&mut state, Intent::User("anna@corp.example".into()));
        state.password.fill("p");
        does(&mut state, Intent::Controller("dc 1".into()));
        does(&mut state, Intent::SignIn);
        assert!(state.problem(Field::Controller).is_some());
        does(&mut state, Intent::Controller("ldaps://dc1.corp.example:636".into()));
        assert!(matches!(state.wants(Intent::SignIn), Some(Effect::SignIn(_))));
        assert!(state.is_busy());
    }

    #[test]
    fn cancel_stops_what_goes_on_first_and_keeps_what_was_typed() {
        let mut state = typing();
        does(&mut state, Intent::User("anna@corp.example".into()));
        state.password.fill("p");
        assert!(state.wants(Intent::SignIn).is_some());
        assert!(matches!(state.wants(Intent::Cancel), Some(Effect::Stop)));
        assert_eq!(state.user, "anna@corp.example");
        state.refused(Failure::default());
        assert_eq!(state.phase, Phase::Typing { refused: None }, "an answer that comes too late is not shown");
        assert!(matches!(state.wants(Intent::Cancel), Some(Effect::Cancel)));
    }
}
