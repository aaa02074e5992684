//! What is typed on the General tab, and what it means.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::difference::pauses;
use crate::settings::{PickupSettings, Settings, SmtpSettings};

const MEGABYTE: u64 = 1024 * 1024;
const HOUR: u64 = 3_600;

/// The typed texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    pub smtp: bool,
    pub listen: String,
    pub allow_remote: bool,
    pub pickup: bool,
    pub folder: String,
    pub largest: String,
    pub give_up: String,
    pub keep: String,
    pub not_found_pauses: String,
    pub error_pauses: String,
    pub connections: String,
    pub per_mailbox: String,
    pub request_timeout: String,
    pub stop_within: String,
}

/// Why a field can't be used, by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    pub listen: Option<String>,
    pub folder: Option<String>,
    pub largest: Option<String>,
    pub give_up: Option<String>,
    pub keep: Option<String>,
    pub not_found_pauses: Option<String>,
    pub error_pauses: Option<String>,
    pub connections: Option<String>,
    pub per_mailbox: Option<String>,
    pub request_timeout: Option<String>,
    pub stop_within: Option<String>,
}

impl Problems {
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

impl Fields {
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let Settings { intake, schedule, limits, .. } = settings;
        Self {
            smtp: intake.smtp.is_some(),
            listen: intake.smtp.as_ref().map_or_else(|| "127.0.0.1:2525".to_owned(), |smtp| smtp.listen.to_string()),
            allow_remote: intake.smtp.as_ref().is_some_and(|smtp| smtp.allow_remote),
            pickup: intake.pickup.is_some(),
            folder: intake.pickup.as_ref().map_or_else(String::new, |pickup| pickup.folder.display().to_string()),
            largest: fraction(intake.max_message_bytes, MEGABYTE),
            give_up: fraction(schedule.give_up_after, HOUR),
            keep: schedule.keep_finished_days.to_string(),
            not_found_pauses: pauses(&schedule.not_found_pauses),
            error_pauses: pauses(&schedule.error_pauses),
            connections: limits.connections.to_string(),
            per_mailbox: limits.per_mailbox.to_string(),
            request_timeout: limits.request_timeout.to_string(),
            stop_within: limits.stop_within.to_string(),
        }
    }

    /// Takes what was typed over into the settings, as far as it can be used.
    pub fn apply(&self, settings: &mut Settings) -> Problems {
        let mut problems = Problems::default();
        let shown = Self::of(settings);
        settings.intake.smtp = if self.smtp { self.smtp(&mut problems).or(settings.intake.smtp.take()) } else { None };
        settings.intake.pickup =
            if self.pickup { self.pickup(&mut problems).or(settings.intake.pickup.take()) } else { None };
        let Settings { intake, schedule, limits, .. } = settings;
        // What stands there as it came stays as exact as it came.
        if self.largest != shown.largest {
            match parts(&self.largest, MEGABYTE, 1..=10_240) {
                Ok(bytes) => intake.max_message_bytes = bytes,
                Err(problem) => problems.largest = Some(problem),
            }
        }
        if self.give_up != shown.give_up {
            match parts(&self.give_up, HOUR, 1..=8_760) {
                Ok(seconds) => schedule.give_up_after = seconds,
                Err(problem) => problems.give_up = Some(problem),
            }
        }
        set(&self.keep, 1..=3_650, "days", &mut schedule.keep_finished_days, &mut problems.keep);
        set_pauses(&self.not_found_pauses, &mut schedule.not_found_pauses, &mut problems.not_found_pauses);
        set_pauses(&self.error_pauses, &mut schedule.error_pauses, &mut problems.error_pauses);
        set(&self.connections, 1..=256, "", &mut limits.connections, &mut problems.connections);
        let range = 1..=27;
        set(&self.per_mailbox, range, "", &mut limits.per_mailbox, &mut problems.per_mailbox);
        set(&self.request_timeout, 5..=3_600, "seconds", &mut limits.request_timeout, &mut problems.request_timeout);
        set(&self.stop_within, 0..=600, "seconds", &mut limits.stop_within, &mut problems.stop_within);
        problems
    }

    fn smtp(&self, problems: &mut Problems) -> Option<SmtpSettings> {
        let Ok(listen) = self.listen.trim().parse::<SocketAddr>() else {
            problems.listen = Some("Give an IP address and a port, as in 127.0.0.1:2525.".to_owned());
            return None;
        };
        if !listen.ip().is_loopback() && !self.allow_remote {
            let problem =
                format!("{} can be reached from other machines. Allow that below, or use 127.0.0.1.", listen.ip());
            problems.listen = Some(problem);
            return None;
        }
        Some(SmtpSettings { listen, allow_remote: self.allow_remote && !listen.ip().is_loopback() })
    }

    fn pickup(&self, problems: &mut Problems) -> Option<PickupSettings> {
        let folder = PathBuf::from(self.folder.trim());
        if self.folder.trim().is_empty() {
            problems.folder = Some("Choose a folder.".to_owned());
        } else if !folder.is_absolute() {
            problems.folder = Some("Give the whole path, from the root.".to_owned());
        } else {
            return Some(PickupSettings { folder });
        }
        None
    }
}

/// In whole units when it is one, else with a decimal fraction.
#[allow(clippy::cast_precision_loss)] // sizes and times far below
fn fraction(value: u64, unit: u64) -> String {
    if value.is_multiple_of(unit) { (value / unit).to_string() } else { format!("{:.3}", value as f64 / unit as f64) }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // within the range
fn parts(text: &str, unit: u64, range: std::ops::RangeInclusive<u32>) -> Result<u64, String> {
    let value = text.trim().replace(',', ".").parse::<f64>().ok().filter(|value| value.is_finite());
    match value {
        Some(value) if (f64::from(*range.start()) / 1_000.0..=f64::from(*range.end())).contains(&value) => {
            Ok(((value * unit as f64).round() as u64).max(1))
        }
        _ => Err(format!("Give a number up to {}.", range.end())),
    }
}

fn set<T: TryFrom<u32> + Copy>(
    text: &str,
    range: std::ops::RangeInclusive<u32>,
    unit: &str,
    to: &mut T,
    problem: &mut Option<String>,
) {
    let value = text.trim().parse::<u32>().ok().filter(|value| range.contains(value));
    if let Some(value) = value.and_then(|value| T::try_from(value).ok()) {
        *to = value;
    } else {
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        *problem = Some(format!("Give a whole number from {} to {}{unit}.", range.start(), range.end()));
    }
}

fn set_pauses(text: &str, to: &mut Vec<u32>, problem: &mut Option<String>) {
    let parts = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace()).filter(|part| !part.is_empty());
    let values: Result<Vec<u32>, _> = parts.map(str::parse).collect();
    match values {
        Ok(values) if !values.is_empty() && !values.contains(&0) => *to = values,
        _ => *problem = Some("Give seconds as whole numbers from 1 on, with commas between them.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_means_what_it_came_from() {
        for max_message_bytes in [1_024, 150 * MEGABYTE, 157_286_401] {
            let mut settings = Settings::default();
            settings.intake.max_message_bytes = max_message_bytes;
            settings.schedule.give_up_after = 30;
            let before = settings.clone();
            assert!(!Fields::of(&settings).apply(&mut settings).any());
            assert_eq!(settings, before);
        }
    }

    #[test]
    fn every_problem_stands_at_its_field_and_the_rest_is_taken_over() {
        let mut settings = Settings::default();
        let mut fields = Fields::of(&settings);
        fields.smtp = true;
        fields.pickup = true;
        fields.listen = "localhost".into();
        fields.folder = "pickup".into();
        fields.largest = "-1".into();
        fields.give_up = "soon".into();
        fields.keep = "0".into();
        fields.not_found_pauses = "1, 0".into();
        fields.error_pauses = String::new();
        fields.connections = "257".into();
        fields.per_mailbox = "28".into();
        fields.request_timeout = "4".into();
        fields.stop_within = "7".into();
        let problems = fields.apply(&mut settings);
        let all = [
            &problems.listen,
            &problems.folder,
            &problems.largest,
            &problems.give_up,
            &problems.keep,
            &problems.not_found_pauses,
            &problems.error_pauses,
            &problems.connections,
            &problems.per_mailbox,
            &problems.request_timeout,
        ];
        assert!(all.iter().all(|problem| problem.is_some()), "{problems:?}");
        assert_eq!((problems.stop_within, settings.limits.stop_within), (None, 7));
    }

    #[test]
    fn what_is_accepted_here_the_updater_accepts_too() {
        let mut settings = Settings::default();
        let mut fields = Fields::of(&settings);
        fields.smtp = true;
        fields.listen = "[::1]:25".into();
        fields.pickup = true;
        fields.folder = if cfg!(windows) { "C:\\pickup" } else { "/srv/pickup" }.into();
        fields.largest = "0,5".into();
        fields.give_up = "0.001".into();
        assert!(!fields.apply(&mut settings).any());
        assert_eq!(settings.check(), Ok(()));
        assert_eq!(settings.intake.max_message_bytes, MEGABYTE / 2);
        fields.listen = "0.0.0.0:25".into();
        assert!(fields.apply(&mut settings).listen.unwrap().contains("other machines"));
        fields.allow_remote = true;
        assert!(!fields.apply(&mut settings).any());
        assert_eq!(settings.check(), Ok(()));
    }
}
