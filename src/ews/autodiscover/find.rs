//! The order in which services are asked, and what follows from their answers.

use std::collections::HashSet;

use reqwest::Url;
use tokio::time::Instant;

use super::answer::{Answer, Version};
use super::exchange::{Exchange, NoAnswer};
use super::rule::Rule;
use super::sign_in::{NoWay, SignIn, Way};
use super::{Attempt, Credentials, Found, MOST_REDIRECTIONS, NotFound, Options, PATH, Points, SOAP_PATH, pox, soap};
use crate::ews::auth::Offers;
use crate::settings::SmtpAddress;

/// How many services may refuse the password before it is given to none any more.
const MOST_REFUSALS: usize = 2;

/// How asking at one place ended.
enum End {
    Found(Vec<Url>, Option<Version>),
    /// All places are to be asked for this address.
    Elsewhere(SmtpAddress),
    /// A web server answers there, and POX is not there or does not work: SOAP may be.
    NoPox(Url),
    Nothing,
}

/// The protocols, told by the ending of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Pox,
    Soap,
}

impl Protocol {
    fn of(service: &Url) -> Self {
        if service.path().to_ascii_lowercase().ends_with(".svc") { Self::Soap } else { Self::Pox }
    }

    fn request(self, address: &SmtpAddress, service: &Url) -> String {
        match self {
            Self::Pox => pox::request(address),
            Self::Soap => soap::request(address, service),
        }
    }

    fn read(self, content: &[u8]) -> Result<Answer, String> {
        match self {
            Self::Pox => pox::read(content),
            Self::Soap => soap::read(content),
        }
    }
}

/// An answer of Autodiscover, and whether it was given to somebody who had signed in.
struct Told {
    answer: Answer,
    signed_in: bool,
}

/// No answer of Autodiscover, as a phrase.
enum Useless {
    /// The other protocol would fare no better.
    Both(String),
    /// That of this protocol alone.
    One(String),
}

/// Nothing more is to be tried.
struct Enough;

struct Search<'a> {
    exchange: &'a Exchange,
    options: &'a Options,
    sign_in: Option<SignIn>,
    rule: Rule,
    until: Instant,
    redirections: usize,
    refusals: usize,
    /// What was asked already, by address and place.
    asked: HashSet<(String, Url)>,
    told: NotFound,
}

pub(super) async fn find(
    exchange: &Exchange,
    options: &Options,
    address: &SmtpAddress,
    credentials: Option<&Credentials>,
) -> Result<Found, NotFound> {
    let sign_in = match credentials.map(SignIn::new).transpose() {
        Ok(sign_in) => sign_in,
        Err(error) => {
            let attempt = Attempt { place: "the account".to_owned(), outcome: error.to_string() };
            return Err(NotFound { attempts: vec![attempt], ..NotFound::default() });
        }
    };
    let mut search = Search {
        exchange,
        options,
        rule: Rule::new(address.domain(), &options.known, &options.trusted)
            .and_hosts(sign_in.as_ref().map_or(&[], SignIn::hosts)),
        sign_in,
        until: Instant::now() + options.timeout,
        redirections: 0,
        refusals: 0,
        asked: HashSet::new(),
        told: NotFound::default(),
    };
    match search.everywhere(address).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) | Err(Enough) => Err(search.told),
    }
}

impl Search<'_> {
    async fn everywhere(&mut self, address: &SmtpAddress) -> Result<Option<Found>, Enough> {
        let mut address = address.clone();
        let mut points: Option<(String, Vec<Url>)> = None;
        let mut again = true;
        while again {
            again = false;
            let domain = address.domain().to_lowercase();
            // Another domain may have services of its own.
            let known = if let Some((_, known)) = points.take().filter(|(of, _)| *of == domain) {
                known
            } else {
                let mut known = self.options.known.clone();
                known.extend(self.connection_points(&domain).await);
                known
            };
            points = Some((domain, known.clone()));
            for place in Place::in_order(&known, address.domain()) {
                match self.at(&place, &address).await? {
                    End::Found(ews_urls, version) => {
                        let attempts = std::mem::take(&mut self.told.attempts);
                        return Ok(Some(Found { ews_urls, version, address, attempts }));
                    }
                    End::Elsewhere(other) => {
                        (address, again) = (other, true);
                        break;
                    }
                    End::NoPox(_) | End::Nothing => {}
                }
            }
        }
        Ok(None)
    }

    async fn connection_points(&mut self, domain: &str) -> Vec<Url> {
        let Some(points) = &self.options.connection_points else { return Vec::new() };
        // Directories that hang leave time for the other places.
        let until = self.until.min(Instant::now() + self.options.timeout / 2);
        let found = tokio::time::timeout_at(until, points.of(domain)).await;
        match found.unwrap_or_else(|_| Err("the directory gave no answer in time".to_owned())) {
            Ok(Points { urls, pointers }) => {
                self.told.attempts.extend(pointers);
                if urls.is_empty() {
                    self.note("service connection points in the directory", "there are none");
                }
                for url in &urls {
                    self.rule.add(url);
                }
                urls
            }
            Err(problem) => {
                self.note("service connection points in the directory", &problem);
                Vec::new()
            }
        }
    }

    async fn at(&mut self, place: &Place, address: &SmtpAddress) -> Result<End, Enough> {
        match place {
            Place::Service(url) => self.either_way(url.clone(), address).await,
            Place::Redirection(url) => match self.redirection(url, address).await? {
                Some(target) => self.either_way(target, address).await,
                None => Ok(End::Nothing),
            },
            Place::Record(domain) => {
                for url in self.services(domain).await {
                    match self.either_way(url, address).await? {
                        End::NoPox(_) | End::Nothing => {}
                        end => return Ok(end),
                    }
                }
                Ok(End::Nothing)
            }
        }
    }

    /// Asks a service by POX, and by SOAP beside it where POX leads nowhere.
    async fn either_way(&mut self, url: Url, address: &SmtpAddress) -> Result<End, Enough> {
        match self.follow(url, address).await? {
            End::NoPox(last) => match last.join(SOAP_PATH) {
                Ok(soap) => self.follow(soap, address).await,
                Err(_) => Ok(End::Nothing),
            },
            end => Ok(end),
        }
    }

    /// Asks a service, and whatever service it leads to.
    async fn follow(&mut self, mut url: Url, address: &SmtpAddress) -> Result<End, Enough> {
        loop {
            if let Some(why) = self.rule.refuses(&url) {
                self.note(url.as_str(), &format!("not asked: {why}"));
                return Ok(End::Nothing);
            }
            if !self.asked.insert((address.folded().to_owned(), url.clone())) {
                self.note(url.as_str(), "was asked already");
                return Ok(End::Nothing);
            }
            let pox = Protocol::of(&url) == Protocol::Pox;
            let Told { answer, signed_in } = match self.ask(&url, address).await? {
                Ok(told) => told,
                Err(Useless::One(why)) if pox => {
                    self.note(url.as_str(), &why);
                    return Ok(End::NoPox(url));
                }
                Err(Useless::Both(why) | Useless::One(why)) => {
                    self.note(url.as_str(), &why);
                    return Ok(End::Nothing);
                }
            };
            match answer {
                Answer::Settings(urls, version) => {
                    let urls = self.believed(&url, urls, signed_in);
                    if urls.is_empty() {
                        return Ok(End::Nothing);
                    }
                    let names = urls.iter().map(Url::as_str).collect::<Vec<_>>().join(", ");
                    self.note(url.as_str(), &format!("names {names}"));
                    return Ok(End::Found(urls, version));
                }
                Answer::RedirectAddress(other) => {
                    self.note(url.as_str(), &format!("leads to the address {other}"));
                    self.redirect()?;
                    return Ok(End::Elsewhere(other));
                }
                Answer::RedirectUrl(other) => {
                    self.note(url.as_str(), &format!("leads to {other}"));
                    self.redirect()?;
                    url = other;
                }
                Answer::NoSuchMailbox(told) => {
                    self.told.no_such_mailbox = true;
                    self.note(url.as_str(), &format!("knows no mailbox with the address {address} ({told})"));
                    return Ok(End::Nothing);
                }
                Answer::Error(told) => {
                    self.note(url.as_str(), &format!("answers with {told}"));
                    return Ok(if pox { End::NoPox(url) } else { End::Nothing });
                }
            }
        }
    }

    /// Of the addresses that a service names, those that may be given the password. Exchange tells them to nobody who
    /// has not signed in: who names some to everybody may be anybody's web site, and names only hosts that could be
    /// asked themselves.
    fn believed(&mut self, service: &Url, urls: Vec<Url>, signed_in: bool) -> Vec<Url> {
        if signed_in || self.rule.names(service) {
            return urls;
        }
        let mut believed = Vec::with_capacity(urls.len());
        for url in urls {
            match self.rule.refuses(&url) {
                None => believed.push(url),
                Some(why) => self.note(
                    service.as_str(),
                    &format!("names {url} without asking who wants to know; that is not used, because {why}"),
                ),
            }
        }
        believed
    }

    /// Asks without the password first: most that answer at such addresses are not Exchange and don't want it.
    async fn ask(&mut self, url: &Url, address: &SmtpAddress) -> Result<Result<Told, Useless>, Enough> {
        let protocol = Protocol::of(url);
        let mut way = None;
        let mut signed_in = false;
        loop {
            self.in_time()?;
            let asking = self.exchange.post(url, protocol.request(address, url), way.take(), address);
            let answered = match tokio::time::timeout_at(self.until, asking).await {
                Ok(Ok(answered)) => answered,
                Ok(Err(no_answer)) if no_answer.refused => return Ok(Err(self.not_let_in(url, no_answer.why))),
                Ok(Err(no_answer)) => return Ok(Err(Useless::Both(self.unanswered(no_answer, url)))),
                Err(_) => {
                    return Ok(Err(Useless::Both("no answer before the time for all attempts was up".to_owned())));
                }
            };
            let answer = match answered.status {
                200..=299 => protocol.read(&answered.content).map_err(Useless::One),
                // Faults of SOAP come under it.
                500 if protocol == Protocol::Soap => {
                    protocol.read(&answered.content).map_err(|_| Useless::One("HTTP status 500".to_owned()))
                }
                301 | 302 | 303 | 307 | 308 => {
                    let target = answered.location.as_deref().and_then(|location| url.join(location).ok());
                    target
                        .map(Answer::RedirectUrl)
                        .ok_or_else(|| Useless::One(format!("HTTP status {} without a place", answered.status)))
                }
                401 if signed_in => {
                    let why = "does not accept the account: its name or password is wrong, or it is locked or disabled";
                    Err(self.not_let_in(url, why.to_owned()))
                }
                401 => match self.way(url, &answered.offers).await {
                    Ok(found) => {
                        (way, signed_in) = (Some(found), true);
                        continue;
                    }
                    Err(useless) => Err(useless),
                },
                404 => Err(Useless::One("there is no Autodiscover (HTTP status 404)".to_owned())),
                status => Err(Useless::One(format!("HTTP status {status}"))),
            };
            return Ok(answer.map(|answer| Told { answer, signed_in }));
        }
    }

    /// How to sign in to a service that asks for it.
    async fn way(&mut self, url: &Url, offers: &Offers) -> Result<Way, Useless> {
        let Some(sign_in) = &self.sign_in else {
            self.told.closed.push(url.clone());
            return Err(Useless::Both("asks to sign in, and there is no account to sign in with yet".to_owned()));
        };
        if self.refusals >= MOST_REFUSALS {
            let why = "asks to sign in; the password was not given again, lest the account be locked";
            return Err(Useless::Both(why.to_owned()));
        }
        let way = tokio::time::timeout_at(self.until, sign_in.way(url, offers, self.rule.names(url))).await;
        match way {
            Ok(Ok(way)) => Ok(way),
            Ok(Err(NoWay::Unfit(why))) => Err(Useless::Both(why)),
            Ok(Err(NoWay::NoToken(problem))) => Err(self.not_let_in(url, problem.to_string())),
            Err(_) => Err(Useless::Both("no token was issued before the time for all attempts was up".to_owned())),
        }
    }

    fn not_let_in(&mut self, url: &Url, why: String) -> Useless {
        // What the directory names is Exchange, and its word on the password is final.
        self.refusals += if self.rule.names(url) { MOST_REFUSALS } else { 1 };
        self.told.password_refused = true;
        self.told.closed.push(url.clone());
        Useless::Both(why)
    }

    /// Where an unencrypted address leads; it counts only if it says so with 302.
    async fn redirection(&mut self, url: &Url, address: &SmtpAddress) -> Result<Option<Url>, Enough> {
        self.in_time()?;
        let looking = self.exchange.look(url, address);
        let outcome = match tokio::time::timeout_at(self.until, looking).await {
            Err(_) => "no answer before the time for all attempts was up".to_owned(),
            Ok(Err(no_answer)) => self.unanswered(no_answer, url),
            Ok(Ok(answered)) if answered.status == 302 => {
                match answered.location.as_deref().and_then(|location| url.join(location).ok()) {
                    Some(target) => {
                        self.note(url.as_str(), &format!("leads to {target}"));
                        self.redirect()?;
                        return Ok(Some(target));
                    }
                    None => "redirects to no place".to_owned(),
                }
            }
            Ok(Ok(answered)) => format!("does not redirect (HTTP status {})", answered.status),
        };
        self.note(url.as_str(), &outcome);
        Ok(None)
    }

    async fn services(&mut self, domain: &str) -> Vec<Url> {
        let record = format!("SRV record _autodiscover._tcp.{domain}");
        let found = tokio::time::timeout_at(self.until, self.options.services.autodiscover(domain)).await;
        match found.unwrap_or_else(|_| Err("the name service gave no answer in time".to_owned())) {
            Ok(services) if services.is_empty() => self.note(&record, "there is none"),
            Ok(services) => {
                let url = |(host, port): &(String, u16)| Url::parse(&format!("https://{host}:{port}{PATH}")).ok();
                return services.iter().filter_map(url).collect();
            }
            Err(problem) => self.note(&record, &problem),
        }
        Vec::new()
    }

    fn unanswered(&mut self, no_answer: NoAnswer, url: &Url) -> String {
        if no_answer.untrusted && self.told.untrusted.is_none() {
            self.told.untrusted = url.host_str().map(str::to_owned);
        }
        no_answer.why
    }

    fn redirect(&mut self) -> Result<(), Enough> {
        self.redirections += 1;
        if self.redirections > MOST_REDIRECTIONS {
            self.note(
                "redirections",
                &format!("more than {MOST_REDIRECTIONS}, so they go round in a circle or have no end"),
            );
            return Err(Enough);
        }
        Ok(())
    }

    fn in_time(&mut self) -> Result<(), Enough> {
        if Instant::now() < self.until {
            return Ok(());
        }
        let seconds = self.options.timeout.as_secs_f32();
        self.note("everything else", &format!("not asked, because {seconds} seconds were used up"));
        Err(Enough)
    }

    fn note(&mut self, place: &str, outcome: &str) {
        self.told.attempts.push(Attempt { place: place.to_owned(), outcome: outcome.to_owned() });
    }
}

/// Where to ask.
enum Place {
    Service(Url),
    /// An unencrypted address that may lead to a service.
    Redirection(Url),
    /// The SRV record of this domain.
    Record(String),
}

impl Place {
    fn in_order(known: &[Url], domain: &str) -> Vec<Self> {
        let mut places: Vec<_> = known.iter().cloned().map(Self::Service).collect();
        let usual = [format!("https://{domain}{PATH}"), format!("https://autodiscover.{domain}{PATH}")];
        places.extend(usual.iter().filter_map(|url| Url::parse(url).ok()).map(Self::Service));
        let plain = Url::parse(&format!("http://autodiscover.{domain}{PATH}"));
        places.extend(plain.ok().map(Self::Redirection));
        places.push(Self::Record(domain.to_owned()));
        places
    }
}
