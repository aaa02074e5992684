//! The order in which services are asked, and what follows from their answers.

use std::collections::HashSet;

use reqwest::Url;
use reqwest::header::HeaderValue;
use tokio::time::Instant;

use super::exchange::{Exchange, NoAnswer};
use super::pox::{self, Answer, Version};
use super::rule::Rule;
use super::{Attempt, Credentials, Found, MOST_REDIRECTIONS, NotFound, Options, PATH};
use crate::ews::transport;
use crate::settings::SmtpAddress;

/// How many services may refuse the password before it is given to none any more.
const MOST_REFUSALS: usize = 2;

/// How asking at one place ended.
enum End {
    Found(Vec<Url>, Option<Version>),
    /// All places are to be asked for this address.
    Elsewhere(SmtpAddress),
    Nothing,
}

/// Nothing more is to be tried.
struct Enough;

struct Search<'a> {
    exchange: &'a Exchange,
    options: &'a Options,
    authorization: Option<HeaderValue>,
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
    let authorization = match credentials.map(transport::authorization).transpose() {
        Ok(authorization) => authorization.flatten(),
        Err(error) => {
            let attempt = Attempt { place: "the account".to_owned(), outcome: error.to_string() };
            return Err(NotFound { attempts: vec![attempt], ..NotFound::default() });
        }
    };
    let mut search = Search {
        exchange,
        options,
        authorization,
        rule: Rule::new(address.domain(), &options.known, &options.trusted),
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
        let mut known = self.options.known.clone();
        known.extend(self.connection_points().await);
        let mut address = address.clone();
        let mut again = true;
        while again {
            again = false;
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
                    End::Nothing => {}
                }
            }
        }
        Ok(None)
    }

    async fn connection_points(&mut self) -> Vec<Url> {
        let Some(points) = &self.options.connection_points else { return Vec::new() };
        let found = tokio::time::timeout_at(self.until, points.urls()).await;
        match found.unwrap_or_else(|_| Err("the directory gave no answer in time".to_owned())) {
            Ok(urls) => {
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
            Place::Service(url) => self.follow(url.clone(), address).await,
            Place::Redirection(url) => match self.redirection(url, address).await? {
                Some(target) => self.follow(target, address).await,
                None => Ok(End::Nothing),
            },
            Place::Record(domain) => {
                for url in self.services(domain).await {
                    match self.follow(url, address).await? {
                        End::Nothing => {}
                        end => return Ok(end),
                    }
                }
                Ok(End::Nothing)
            }
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
            let answer = match self.ask(&url, address).await? {
                Ok(answer) => answer,
                Err(why) => {
                    self.note(url.as_str(), &why);
                    return Ok(End::Nothing);
                }
            };
            match answer {
                Answer::Settings(urls, version) => {
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
                    return Ok(End::Nothing);
                }
            }
        }
    }

    /// Asks without the password first: most that answer at such addresses are not Exchange and don't want it.
    async fn ask(&mut self, url: &Url, address: &SmtpAddress) -> Result<Result<Answer, String>, Enough> {
        let mut signed_in = false;
        loop {
            self.in_time()?;
            let authorization = self.authorization.clone().filter(|_| signed_in);
            let asking = self.exchange.post(url, pox::request(address), authorization.as_ref(), address);
            let answered = match tokio::time::timeout_at(self.until, asking).await {
                Ok(Ok(answered)) => answered,
                Ok(Err(no_answer)) => return Ok(Err(self.unanswered(no_answer, url))),
                Err(_) => return Ok(Err("no answer before the time for all attempts was up".to_owned())),
            };
            return Ok(match answered.status {
                200..=299 => pox::read(&answered.content),
                301 | 302 | 303 | 307 | 308 => {
                    let target = answered.location.as_deref().and_then(|location| url.join(location).ok());
                    target
                        .map(Answer::RedirectUrl)
                        .ok_or_else(|| format!("HTTP status {} without a place", answered.status))
                }
                401 if signed_in => {
                    // What the directory names is Exchange, and its word on the password is final.
                    self.refusals += if self.rule.names(url) { MOST_REFUSALS } else { 1 };
                    self.told.password_refused = true;
                    self.told.closed.push(url.clone());
                    Err("does not accept the account: its name or password is wrong, or it is locked or disabled"
                        .to_owned())
                }
                401 if self.authorization.is_none() => {
                    self.told.closed.push(url.clone());
                    Err("asks to sign in, and there is no account to sign in with yet".to_owned())
                }
                401 if !answered.offers_basic() => {
                    let offers = answered.offers.join(", ");
                    Err(format!("offers to sign in by {offers:?} only; this version signs in by Basic"))
                }
                401 if self.refusals >= MOST_REFUSALS => {
                    Err("asks to sign in; the password was not given again, lest the account be locked".to_owned())
                }
                401 => {
                    signed_in = true;
                    continue;
                }
                404 => Err("there is no Autodiscover (HTTP status 404)".to_owned()),
                status => Err(format!("HTTP status {status}")),
            });
        }
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
