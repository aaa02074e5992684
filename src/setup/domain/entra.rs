//! Hybrid: what only Microsoft Entra knows of the account (W11).
//!
//! First it is asked whose the account is, which needs no secret. Only where Microsoft Entra checks the password itself, a
//! token is asked for with it: that is refused where multi-factor authentication or a policy stands in the way. The token
//! is not used for anything.

use secrecy::SecretString;

use crate::ews::ClientError;
use crate::ews::auth::oauth::{About, Endpoint, Grant, Issuer as _, OAuth, Realm, Refusal, TokenProblem, realm_of};
use crate::setup::{Condition, Failure, Verdict, failures};

/// Where Microsoft Entra is, and as which application it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entra {
    /// Such as `https://login.microsoftonline.com`; national clouds have their own.
    pub authority: String,
    /// An application that an account may sign in to with its password alone.
    pub client_id: String,
}

impl Default for Entra {
    fn default() -> Self {
        Self {
            authority: "https://login.microsoftonline.com".to_owned(),
            // "Microsoft Exchange REST API Based PowerShell", as which Connect-ExchangeOnline signs in. It is a public
            // client (no secret), Microsoft's own and in every tenant, so that nobody has to register or consent to
            // anything, and its tokens are for Exchange Online: what its sign-in meets, the account would meet there.
            client_id: "fb78d390-0c51-40cd-8e17-fdbfab77341b".to_owned(),
        }
    }
}

const SCOPE: &str = "https://outlook.office365.com/.default";

const FEDERATION: &str = "no federated domain (ADFS) in the user principal name";
const SIGN_IN: &str = "let in by Microsoft Entra with its password";
const MULTI_FACTOR: &str = "no multi-factor authentication";

impl Entra {
    /// The conditions that are Microsoft Entra's to judge. Without a password nobody signs in: one that the domain has
    /// refused already would only count towards a lock.
    pub(super) async fn conditions(
        &self,
        upn: &str,
        password: Option<&SecretString>,
        extra_roots: &[String],
    ) -> [Condition; 3] {
        let (federation, sign_in, multi_factor) = match realm_of(&self.authority, upn, extra_roots).await {
            Ok(Realm::Managed) => {
                let signed_in = match password {
                    Some(password) => judged(upn, self.sign_in(upn, password, extra_roots).await),
                    None => both_unknown("it is asked once the account is in order in Active Directory"),
                };
                (Verdict::Met, signed_in.0, signed_in.1)
            }
            Ok(Realm::Federated { service }) => federated(failed(in_federated_domain(upn, service.as_deref()))),
            Ok(Realm::Unknown) => federated(failed(in_unknown_domain(upn))),
            Err(error) => {
                let (sign_in, multi_factor) = both_unknown("Microsoft Entra could not be asked");
                (Verdict::Unknown(error.to_string()), sign_in, multi_factor)
            }
        };
        [(FEDERATION, federation), (SIGN_IN, sign_in), (MULTI_FACTOR, multi_factor)]
            .map(|(name, verdict)| Condition { name: name.to_owned(), verdict })
    }

    async fn sign_in(&self, upn: &str, password: &SecretString, extra_roots: &[String]) -> Result<(), ClientError> {
        let oauth = OAuth {
            authority: self.authority.clone(),
            // One of the tenant's names. An application that only this tenant knows is found there as well.
            tenant: domain_of(upn).to_owned(),
            client_id: self.client_id.clone(),
            scope: SCOPE.to_owned(),
            grant: Grant::Password { user: upn.to_owned(), password: password.clone(), client_secret: None },
            extra_roots: extra_roots.to_vec(),
        };
        Endpoint::new(&oauth)?.issue().await.map(|_| ()).map_err(ClientError::Token)
    }
}

fn domain_of(upn: &str) -> &str {
    upn.rsplit_once('@').map_or(upn, |(_, domain)| domain)
}

fn failed(failure: Failure) -> Verdict {
    Verdict::Failed(Box::new(failure))
}

fn both_unknown(why: &str) -> (Verdict, Verdict) {
    (Verdict::Unknown(why.to_owned()), Verdict::Unknown(why.to_owned()))
}

/// The password is not sent.
fn federated(verdict: Verdict) -> (Verdict, Verdict, Verdict) {
    let (sign_in, multi_factor) = both_unknown("the password is not sent for an account of such a domain");
    (verdict, sign_in, multi_factor)
}

/// What a sign-in says: of being let in, and of multi-factor authentication.
fn judged(upn: &str, signed_in: Result<(), ClientError>) -> (Verdict, Verdict) {
    let refusal = match signed_in {
        Ok(()) => return (Verdict::Met, Verdict::Met),
        Err(ClientError::Token(TokenProblem::Refused(refusal))) => refusal,
        Err(error) => return both_unknown(&error.to_string()),
    };
    match refusal.about() {
        // It is asked for after the password only.
        About::SecondFactor => (Verdict::Met, failed(wants_second_factor(upn, &refusal))),
        About::Account => {
            let why = "it is seen once Microsoft Entra lets the account in";
            (failed(not_let_in(upn, refusal)), Verdict::Unknown(why.to_owned()))
        }
        About::Application => {
            both_unknown(&format!("{refusal}; siu-updater configure --client-id asks as another application"))
        }
        About::Moment | About::Unclear => both_unknown(&refusal.to_string()),
    }
}

fn in_federated_domain(upn: &str, service: Option<&str>) -> Failure {
    let service = service.map_or_else(|| "a federation service (AD FS)".to_owned(), |host| format!("{host} (AD FS)"));
    failures::condition(
        &format!("{upn} is in a federated domain"),
        &format!(
            "Microsoft Entra does not check the account's password itself but leaves that to {service}, with which a \
             service can't sign in to Exchange Online"
        ),
        &[
            "Use an account whose user principal name is in a managed domain, such as name@tenant.onmicrosoft.com",
            "Or have the domain changed from federated to managed, with password hash synchronisation or pass-through \
             authentication (Microsoft Entra Connect)",
        ],
    )
}

fn in_unknown_domain(upn: &str) -> Failure {
    let domain = domain_of(upn);
    failures::condition(
        &format!("{upn} can't be in Microsoft Entra under this name"),
        &format!(
            "No tenant has {domain} as a verified domain, so that the account is there under another name, or not at all"
        ),
        &[
            "Give the account a user principal name with a domain that stands as verified in the Microsoft Entra admin \
             center under Custom domain names",
            "Then let Microsoft Entra Connect synchronise it, and enter the new name on the page Account",
        ],
    )
}

fn wants_second_factor(upn: &str, refusal: &Refusal) -> Failure {
    Failure {
        details: vec![refusal.to_string()],
        code: code(refusal),
        ..failures::condition(
            &format!("{upn} has to confirm its sign-in by multi-factor authentication"),
            "Microsoft Entra accepts the password and wants a second proof, which only a person can give",
            &[
                "See the account's sign-in log in the Microsoft Entra admin center for what wants it: security defaults, a \
                 Conditional Access policy, or per-user MFA",
                "Exempt the account there, and limit it to this machine's address instead",
            ],
        )
    }
}

fn not_let_in(upn: &str, refusal: Refusal) -> Failure {
    let (details, code, number) = (vec![refusal.to_string()], code(&refusal), refusal.code);
    let what = format!("Microsoft Entra does not let {upn} in");
    let failure = match number {
        // The domain has just accepted it, and Microsoft Entra checks passwords itself.
        Some(50126) => failures::condition(
            &what,
            "It has another password for the account than Active Directory, which accepts the one that was entered",
            &[
                "Wait some minutes if the password was changed a short while ago: it is synchronised by then",
                "Otherwise see whether Microsoft Entra Connect synchronises passwords and covers the account's \
                 organisational unit",
            ],
        ),
        Some(50020 | 90072) => failures::condition(
            &what,
            "The account belongs to another tenant than the domain of its name",
            &["Use an account of the tenant that Exchange is connected to"],
        ),
        _ => {
            let told = TokenProblem::Refused(refusal).told();
            failures::condition(&what, told.cause, told.advice)
        }
    };
    Failure { details, code, ..failure }
}

fn code(refusal: &Refusal) -> Option<String> {
    refusal.code.map(|number| format!("AADSTS{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPN: &str = "svc@corp.example";

    fn refused(code: u32) -> (Verdict, Verdict) {
        let refusal = Refusal::new("invalid_grant", &format!("AADSTS{code}: So it is."), &[code]);
        judged(UPN, Err(ClientError::Token(TokenProblem::Refused(refusal))))
    }

    fn failure(verdict: Verdict) -> Failure {
        match verdict {
            Verdict::Failed(failure) => *failure,
            other => panic!("{other:?}"),
        }
    }

    /// W11
    #[test]
    fn each_refusal_has_its_own_message() {
        let mut causes = std::collections::HashSet::new();
        for code in [50126, 50034, 50053, 50055, 50057, 50105, 53003, 90072, 80_001] {
            let (sign_in, multi_factor) = refused(code);
            let failure = failure(sign_in);
            assert!(failure.what.contains(UPN) && failure.cause.ends_with('.'), "{failure:?}");
            assert!(!failure.advice.is_empty() && !format!("{failure:?}").contains("connection.oauth"), "{failure:?}");
            assert_eq!(failure.code, Some(format!("AADSTS{code}")));
            assert!(failure.details[0].contains("So it is"), "{failure:?}");
            causes.insert(failure.cause);
            assert!(matches!(multi_factor, Verdict::Unknown(_)), "{code}");
        }
        assert_eq!(causes.len(), 9);
    }

    /// W11: a second proof is asked for when the password was right.
    #[test]
    fn multi_factor_authentication_fails_that_condition_alone() {
        for code in [50072, 50074, 50076, 50079, 50158] {
            let (sign_in, multi_factor) = refused(code);
            assert_eq!(sign_in, Verdict::Met);
            assert!(failure(multi_factor).what.contains("multi-factor"));
        }
    }

    /// W11: what says nothing of the account is no verdict on it.
    #[test]
    fn what_is_not_about_the_account_leaves_the_question_open() {
        for code in [7_000_218, 65001, 700_016, 90033, 99_999_999] {
            let (sign_in, multi_factor) = refused(code);
            let Verdict::Unknown(why) = &sign_in else { panic!("{code}: {sign_in:?}") };
            assert!(why.contains(&code.to_string()), "{why}");
            assert_eq!(sign_in, multi_factor);
        }
    }

    /// W11: the name of the federation service is told where it is known.
    #[test]
    fn a_federated_domain_is_told_with_who_checks_its_passwords() {
        assert!(in_federated_domain(UPN, Some("sts.corp.example")).cause.contains("sts.corp.example"));
        assert!(in_federated_domain(UPN, None).cause.contains("federation service"));
        assert!(in_unknown_domain(UPN).cause.contains("corp.example"));
    }

    /// W11: an authority that is not asked over HTTPS gets nothing.
    #[tokio::test]
    async fn nothing_is_sent_without_encryption() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let entra = Entra { authority: format!("http://{}", listener.local_addr().unwrap()), ..Entra::default() };
        let conditions = entra.conditions(UPN, Some(&"geheim".into()), &[]).await;
        assert!(conditions.iter().all(|condition| matches!(condition.verdict, Verdict::Unknown(_))), "{conditions:?}");
        let Verdict::Unknown(why) = &conditions[0].verdict else { panic!("{conditions:?}") };
        assert!(why.contains("https"), "{why}");
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}
