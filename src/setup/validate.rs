//! What is typed into the wizard, checked as it is typed (W2, W3). A refusal is a sentence to stand beside the field.
//!
//! Panel and command line use the same checks, and the engine uses them again before it does anything.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::{AccountChoice, Answers, ConnectionChoice, Page};
use crate::settings::Environment;

/// Path of EWS on every Exchange server.
pub const EWS_PATH: &str = "/EWS/Exchange.asmx";

/// The name that is proposed for an account that is created (W3).
pub const USUAL_ACCOUNT_NAME: &str = "CodeTwoSiuAgent";

/// An Exchange server as it can be given: by name, by address, or by the whole address of EWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    url: Url,
}

impl Server {
    /// Address of EWS there. Always https.
    #[must_use]
    pub fn ews_url(&self) -> &Url {
        &self.url
    }

    /// Name or address, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// A user principal name that can be signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upn {
    text: String,
    at: usize,
}

impl Upn {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[..self.at]
    }

    /// The part behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }
}

impl fmt::Display for Upn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The name of an account to be created, fit to be its `sAMAccountName`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountName(String);

impl AccountName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// W2
///
/// # Errors
/// A sentence that says what is wrong.
pub fn server(text: &str) -> Result<Server, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Enter the name or the IP address of the Exchange server.".to_owned());
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return match scheme.to_ascii_lowercase().as_str() {
            "https" => whole_url(text),
            "http" => {
                Err("http would send the password unencrypted. Enter the name of the server alone, or an address \
                           that begins with https://."
                    .to_owned())
            }
            _ => Err(format!(
                "{scheme}:// is not a way to reach Exchange. Enter the name of the server alone, such as \
                 mail.example.com."
            )),
        };
    }
    if let Some(bad) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return Err(if bad.is_control() {
            "The name contains a character that can't be seen. Type it anew.".to_owned()
        } else {
            "The name of a server has no spaces.".to_owned()
        });
    }
    if text.contains('@') {
        return Err(
            "That looks like an e-mail address. Enter the name of the server, such as mail.example.com.".to_owned()
        );
    }
    if text.contains('\\') {
        return Err(r"Enter the name of the server without \ in it.".to_owned());
    }
    if text.contains(['/', '?', '#']) {
        return Err(format!(
            "Enter the name of the server without a path, or the whole address, such as \
             https://mail.example.com{EWS_PATH}."
        ));
    }
    if let Some(address) = ip_address(text) {
        return address.and_then(usable_address).map(of_address);
    }
    if text.contains(':') {
        return Err(format!(
            "A port can't be given with the name alone. Enter the whole address, such as \
             https://mail.example.com:444{EWS_PATH}."
        ));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    dns_name(name, "server")?;
    let url = Url::parse(&format!("https://{name}{EWS_PATH}"))
        .map_err(|_| format!("{name} can't be the name of a server in DNS."))?;
    Ok(Server { url })
}

fn whole_url(text: &str) -> Result<Server, String> {
    let url = Url::parse(text).map_err(|error| format!("This is not a web address: {error}."))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("An address with a user name in it can't be used. The account has a page of its own.".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || !url.path().eq_ignore_ascii_case(EWS_PATH) {
        return Err(format!("The address of Exchange Web Services ends in {EWS_PATH}."));
    }
    if let Some(name) = url.domain() {
        dns_name(name, "server")?;
    } else {
        // Only an address is left; the brackets of one of version 6 are the web address's, not its own.
        let host = url.host_str().unwrap_or_default();
        ip_address(host).unwrap_or_else(|| Err(no_such_address(host))).and_then(usable_address)?;
    }
    Ok(Server { url })
}

/// W3
///
/// # Errors
/// A sentence that says what is wrong.
pub fn upn(text: &str) -> Result<Upn, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Enter the user principal name of the account, such as svc@example.com.".to_owned());
    }
    if let Some((domain, name)) = text.split_once('\\') {
        return Err(format!(
            r"{domain}\{name} is the account's older form of name. Enter its user principal name, which has an @ in it."
        ));
    }
    let Some((name, domain)) = text.rsplit_once('@') else {
        return Err("A user principal name has an @ and a domain, as in svc@example.com.".to_owned());
    };
    if name.is_empty() || domain.is_empty() {
        let lacks = if name.is_empty() { "a name before the @" } else { "a domain after the @" };
        return Err(format!("A user principal name has {lacks}, as in svc@example.com."));
    }
    if name.chars().any(char::is_control) {
        return Err("The name contains a character that can't be seen. Type it anew.".to_owned());
    }
    if name.chars().any(char::is_whitespace) {
        return Err("An account that is used here has no spaces in its user principal name.".to_owned());
    }
    if let Some(bad) = name.chars().find(|c| FORBIDDEN_IN_NAME.contains(*c)) {
        return Err(format!("A user principal name has no {bad} before the @."));
    }
    if name.chars().count() > 64 {
        return Err("The part before the @ is longer than the 64 characters that a name can have.".to_owned());
    }
    dns_name(domain, "domain")?;
    Ok(Upn { text: text.to_owned(), at: name.len() })
}

/// W3: the name of an account that is created.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn account_name(text: &str) -> Result<AccountName, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("Enter a name for the account, such as {USUAL_ACCOUNT_NAME}."));
    }
    if text.contains('@') {
        return Err("Enter the name alone, without @: the domain is added to it.".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("The name contains a character that can't be seen. Type it anew.".to_owned());
    }
    if text.chars().any(char::is_whitespace) {
        return Err("The name is used to sign in and has no spaces.".to_owned());
    }
    if let Some(bad) = text.chars().find(|c| FORBIDDEN_IN_NAME.contains(*c) || "'()&%".contains(*c)) {
        return Err(format!("The name of an account has no {bad} in it."));
    }
    let length = text.encode_utf16().count();
    if length > LONGEST_ACCOUNT_NAME {
        return Err(format!(
            "The name has {length} characters, and Active Directory takes {LONGEST_ACCOUNT_NAME} at most."
        ));
    }
    if text.ends_with('.') || text.starts_with('.') {
        return Err("The name of an account neither begins nor ends with a dot.".to_owned());
    }
    Ok(AccountName(text.to_owned()))
}

/// W3
///
/// # Errors
/// A sentence that says what is wrong. It tells nothing of the password.
pub fn password(password: &SecretString) -> Result<&SecretString, String> {
    let text = password.expose_secret();
    if text.is_empty() {
        return Err("Enter the password of the account.".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err(
            "The password contains a line break or another character that can't be seen. Type it anew, without \
                    pasting."
                .to_owned(),
        );
    }
    Ok(password)
}

/// Everything that is wrong with the answers, each with the page where it can be changed.
#[must_use]
pub fn answers(answers: &Answers) -> Vec<(Page, String)> {
    let mut problems = Vec::new();
    if let ConnectionChoice::Manual { server: text } = &answers.connection {
        if answers.environment == Environment::Hybrid {
            let problem = "In a hybrid environment the server is found by Autodiscover. Choose that.";
            problems.push((Page::Connection, problem.to_owned()));
        } else if let Err(problem) = server(text) {
            problems.push((Page::Connection, problem));
        }
    }
    match &answers.account {
        AccountChoice::Automatic { .. } if answers.environment == Environment::Hybrid => {
            let problem = "In a hybrid environment an account that exists is used. Choose that.";
            problems.push((Page::Account, problem.to_owned()));
        }
        AccountChoice::Automatic { name } => {
            problems.extend(account_name(name).err().map(|problem| (Page::Account, problem)));
        }
        AccountChoice::Existing { upn: text, password: secret } => {
            problems.extend(upn(text).err().map(|problem| (Page::Account, problem)));
            problems.extend(password(secret).err().map(|problem| (Page::Account, problem)));
        }
    }
    problems
}

/// `sAMAccountName` in characters of UTF-16, as user accounts have it.
const LONGEST_ACCOUNT_NAME: usize = 20;

/// What Active Directory refuses in a `sAMAccountName`, and what can't be signed in with by Basic authentication.
const FORBIDDEN_IN_NAME: &str = "\"/\\[]:;|=,+*?<>@";

/// Nothing if it is not meant as an address; else the address, or what is wrong with it.
fn ip_address(text: &str) -> Option<Result<IpAddr, String>> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        return Some(inner.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| no_such_address(text)));
    }
    if text.contains('%') && text.contains(':') {
        return Some(Err(
            "An address with a zone (the part behind the %) can't be used. Enter the server's name.".to_owned()
        ));
    }
    if text.matches(':').count() > 1 {
        return Some(text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| no_such_address(text)));
    }
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        let address = text.parse::<Ipv4Addr>().map(IpAddr::V4);
        return Some(address.map_err(|_| {
            format!("{text} is not an IP address: that is four numbers from 0 to 255, with dots between them.")
        }));
    }
    None
}

fn no_such_address(text: &str) -> String {
    format!("{text} is not an IP address.")
}

fn usable_address(address: IpAddr) -> Result<IpAddr, String> {
    if address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(format!("{address} is not the address of a server."));
    }
    Ok(address)
}

fn of_address(address: IpAddr) -> Server {
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    match Url::parse(&format!("https://{host}{EWS_PATH}")) {
        Ok(url) => Server { url },
        Err(_) => unreachable!("an address always makes a web address"),
    }
}

/// A name as DNS knows it; letters of other scripts are allowed, DNS gets them encoded.
fn dns_name(name: &str, what: &str) -> Result<(), String> {
    if name.len() > 253 {
        return Err(format!("The name of the {what} is longer than the 253 characters that DNS allows."));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(format!("The name of the {what} has a dot too many."));
        }
        if let Some(bad) = label.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '-' | '_'))) {
            return Err(if bad.is_control() || bad.is_whitespace() {
                format!("The name of the {what} has no spaces or invisible characters.")
            } else {
                format!("The name of the {what} has no {bad} in it.")
            });
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(format!("No part of the name of the {what} begins or ends with a hyphen."));
        }
        if label.len() > 63 {
            return Err(format!("A part of the name of the {what} is longer than the 63 characters that DNS allows."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// W2
    #[test]
    fn what_is_no_server_is_refused_with_a_sentence_that_says_why() {
        for (bad, why) in [
            ("", "Enter the name"),
            ("  ", "Enter the name"),
            ("http://mail.corp.example", "unencrypted"),
            ("ftp://mail.corp.example", "ftp://"),
            ("mail.corp.example/EWS", "path"),
            ("mail.corp.example:443", "port"),
            ("https://mail.corp.example/owa", EWS_PATH),
            ("https://anna:secret@mail.corp.example/EWS/Exchange.asmx", "user name"),
            ("https://mail.corp.example/EWS/Exchange.asmx?x=1", EWS_PATH),
            ("https:///EWS/Exchange.asmx", EWS_PATH),
            ("mail corp", "spaces"),
            ("mail\u{7}", "can't be seen"),
            ("mail..corp", "dot too many"),
            ("-mail.corp", "hyphen"),
            ("anna@corp.example", "e-mail"),
            (r"\\mail", r"\"),
            ("10.0.0.300", "0 to 255"),
            ("10.0.1", "four numbers"),
            ("0.0.0.0", "not the address of a server"),
            ("fe80::1%eth0", "zone"),
            ("1:2:3", "not an IP address"),
            ("mail,corp", "no ,"),
        ] {
            let problem = server(bad).expect_err(bad);
            assert!(problem.contains(why), "{bad:?}: {problem}");
            assert!(problem.ends_with('.'), "{problem}");
        }
        assert!(server(&format!("{}.example", "a".repeat(64))).unwrap_err().contains("63"));
        assert!(server(&vec!["a"; 200].join(".")).unwrap_err().contains("253"));
    }

    /// W2
    #[test]
    fn a_server_is_given_by_name_by_address_or_by_its_whole_address() {
        for (good, url) in [
            ("mail", "https://mail/EWS/Exchange.asmx"),
            (" Mail.Corp.Example. ", "https://mail.corp.example/EWS/Exchange.asmx"),
            ("10.1.2.3", "https://10.1.2.3/EWS/Exchange.asmx"),
            ("fd00::5", "https://[fd00::5]/EWS/Exchange.asmx"),
            ("[fd00::5]", "https://[fd00::5]/EWS/Exchange.asmx"),
            ("https://mail.corp.example:444/ews/exchange.asmx", "https://mail.corp.example:444/ews/exchange.asmx"),
            ("https://127.0.0.1:48443/EWS/Exchange.asmx", "https://127.0.0.1:48443/EWS/Exchange.asmx"),
            ("https://[::1]:48443/EWS/Exchange.asmx", "https://[::1]:48443/EWS/Exchange.asmx"),
            ("post.bücher.example", "https://post.xn--bcher-kva.example/EWS/Exchange.asmx"),
        ] {
            assert_eq!(server(good).expect(good).to_string(), url);
        }
    }

    /// W3
    #[test]
    fn what_is_no_user_principal_name_is_refused_with_a_sentence_that_says_why() {
        for (bad, why) in [
            ("", "Enter"),
            ("svc", "an @"),
            (r"CORP\svc", "older form"),
            ("@corp.example", "before the @"),
            ("svc@", "after the @"),
            ("s vc@corp.example", "spaces"),
            ("svc:x@corp.example", "no :"),
            ("svc@corp..example", "dot too many"),
            ("svc@corp example", "spaces"),
            ("svc@x@corp.example", "no @"),
        ] {
            let problem = upn(bad).expect_err(bad);
            assert!(problem.contains(why), "{bad:?}: {problem}");
        }
        assert!(upn(&format!("{}@corp.example", "a".repeat(65))).unwrap_err().contains("64"));
        let upn = upn(" Svc.Siu@corp.example ").unwrap();
        assert_eq!((upn.as_str(), upn.name(), upn.domain()), ("Svc.Siu@corp.example", "Svc.Siu", "corp.example"));
    }

    /// W3
    #[test]
    fn the_name_of_a_new_account_is_one_that_active_directory_takes() {
        for (bad, why) in [
            ("", "Enter"),
            ("svc@corp.example", "without @"),
            ("svc account", "spaces"),
            ("svc*", "no *"),
            ("o'svc", "no '"),
            ("svc.", "dot"),
            ("abcdefghijklmnopqrstu", "21 characters"),
            ("𝒂𝒂𝒂𝒂𝒂𝒂𝒂𝒂𝒂𝒂𝒂", "22 characters"),
        ] {
            let problem = account_name(bad).expect_err(bad);
            assert!(problem.contains(why), "{bad:?}: {problem}");
        }
        for good in [USUAL_ACCOUNT_NAME, "abcdefghijklmnopqrst", "svc-siu_2", "Überbringer"] {
            assert_eq!(account_name(good).unwrap().as_str(), good);
        }
    }

    /// W3
    #[test]
    fn a_password_has_to_be_there_and_is_not_told() {
        assert!(password(&"".into()).unwrap_err().contains("Enter"));
        let problem = password(&"geheim\n".into()).unwrap_err();
        assert!(problem.contains("line break") && !problem.contains("geheim"), "{problem}");
        assert!(password(&" p:ä$s\"s ".into()).is_ok());
    }

    /// W1, W2, W3
    #[test]
    fn what_a_hybrid_environment_does_not_offer_is_refused_where_it_was_chosen() {
        let refused = answers(&Answers {
            environment: Environment::Hybrid,
            connection: ConnectionChoice::Manual { server: "mail".to_owned() },
            account: AccountChoice::Automatic { name: USUAL_ACCOUNT_NAME.to_owned() },
        });
        let pages: Vec<_> = refused.iter().map(|(page, _)| *page).collect();
        assert_eq!(pages, [Page::Connection, Page::Account]);
    }

    proptest! {
        /// W2
        #[test]
        fn whatever_is_typed_a_server_that_is_taken_is_reached_by_https_and_has_no_credentials(text in "\\PC{0,80}") {
            if let Ok(server) = server(&text) {
                let url = server.ews_url();
                prop_assert_eq!(url.scheme(), "https");
                prop_assert!(url.username().is_empty() && url.password().is_none() && url.query().is_none());
                prop_assert!(!server.host().is_empty());
            }
        }

        /// W2
        #[test]
        fn every_address_is_a_server_as_it_is_written(v4 in any::<[u8; 4]>(), v6 in any::<[u16; 8]>()) {
            for address in [IpAddr::from(v4), IpAddr::from(v6)] {
                if usable_address(address).is_ok() {
                    let host = server(&address.to_string()).unwrap();
                    let host = host.host().trim_matches(['[', ']']);
                    prop_assert_eq!(host.parse::<IpAddr>().unwrap(), address);
                }
            }
        }

        /// W3
        #[test]
        fn a_user_principal_name_that_is_taken_is_made_of_its_two_parts(text in "\\PC{0,40}(@\\PC{0,40})?") {
            if let Ok(upn) = upn(&text) {
                prop_assert_eq!(format!("{}@{}", upn.name(), upn.domain()), upn.as_str());
                prop_assert!(!upn.as_str().contains([':', '\\', ' ']));
            }
        }

        /// W3
        #[test]
        fn a_name_that_is_taken_makes_a_user_principal_name(text in "\\PC{1,24}") {
            if let Ok(name) = account_name(&text) {
                let made = format!("{name}@corp.example");
                prop_assert!(upn(&made).is_ok());
            }
        }
    }
}
