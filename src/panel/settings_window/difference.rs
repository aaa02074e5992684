//! What differs between settings, field by field, and how changes of two people come together.

use crate::panel::style::grouped;
use crate::settings::{Environment, ScopeMode, SendersScope, Settings};

/// Something that is set as a whole.
pub struct Field {
    /// As it is called in the window.
    pub name: &'static str,
    show: fn(&Settings) -> String,
    same: fn(&Settings, &Settings) -> bool,
    take: fn(&Settings, &mut Settings),
}

macro_rules! fields {
    ($($name:literal $($part:ident).+ => $show:expr;)+) => {
        /// All of them, in the order of the window.
        pub const FIELDS: &[Field] = &[$(Field {
            name: $name,
            show: |settings| {
                let show: fn(&Settings) -> String = $show;
                show(settings)
            },
            same: |one, other| one.$($part).+ == other.$($part).+,
            take: |from, to| to.$($part).+ = from.$($part).+.clone(),
        }),+];
    };
}

fields! {
    "Sent Items Update status" enabled => |s| on(s.enabled);
    "Environment" environment => |s| environment(s.environment).to_owned();
    "Connection" connection => |s| s.connection.as_ref().map_or_else(none, |connection| connection.ews_url.clone());
    "Account" account => |s| s.account.as_ref().map_or_else(none, |account| account.user.clone());
    "Directory" directory => |s| s.directory.as_ref().map_or_else(none, |directory| directory.domain.clone());
    "Senders' scope" scope => |s| summary(&s.scope);
    "Create a copy" options.create_copy => |s| on(s.options.create_copy);
    "Message splitting" options.message_splitting => |s| on(s.options.message_splitting);
    "Save all split messages" options.save_all_split_messages => |s| on(s.options.save_all_split_messages);
    "Both copies of a message on behalf" options.both_copies => |s| on(s.options.both_copies);
    "SMTP" intake.smtp => |s| s.intake.smtp.as_ref().map_or_else(closed, |smtp| {
        format!("{}{}", smtp.listen, if smtp.allow_remote { ", other machines too" } else { "" })
    });
    "Pickup folder" intake.pickup => |s| {
        s.intake.pickup.as_ref().map_or_else(closed, |pickup| pickup.folder.display().to_string())
    };
    "Shared queue" queue => |s| s.queue.as_ref().map_or_else(none, |queue| queue.address.clone());
    "Largest message" intake.max_message_bytes => |s| megabytes(s.intake.max_message_bytes);
    "Pauses while no copy is found" schedule.not_found_pauses => |s| pauses(&s.schedule.not_found_pauses);
    "Pauses after an error" schedule.error_pauses => |s| pauses(&s.schedule.error_pauses);
    "Give up after" schedule.give_up_after => |s| format!("{} seconds", s.schedule.give_up_after);
    "Keep finished messages" schedule.keep_finished_days => |s| format!("{} days", s.schedule.keep_finished_days);
    "Connections to Exchange" limits.connections => |s| s.limits.connections.to_string();
    "Messages of one mailbox at a time" limits.per_mailbox => |s| s.limits.per_mailbox.to_string();
    "Longest request" limits.request_timeout => |s| format!("{} seconds", s.limits.request_timeout);
    "Time to stop" limits.stop_within => |s| format!("{} seconds", s.limits.stop_within);
}

fn on(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn none() -> String {
    "none".to_owned()
}

fn closed() -> String {
    "closed".to_owned()
}

fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::OnPremises => "on-premises Exchange Server",
        Environment::Hybrid => "hybrid",
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1024 * 1024))
}

pub fn pauses(pauses: &[u32]) -> String {
    pauses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// *Senders' scope* in a line (T5).
#[must_use]
pub fn summary(scope: &SendersScope) -> String {
    let (entries, addresses) = (scope.entries.len(), scope.list.len());
    let count = |count: usize, one: &str, many: &str| {
        let shown = grouped(i64::try_from(count).unwrap_or(i64::MAX));
        if count == 1 { format!("1 {one}") } else { format!("{shown} {many}") }
    };
    let listed = match (entries, addresses) {
        (0, 0) => "nobody, for the list is empty".to_owned(),
        (entries, 0) => count(entries, "user or group", "users and groups"),
        (0, addresses) => count(addresses, "address", "addresses"),
        (entries, addresses) => format!(
            "{} and {}",
            count(entries, "user or group", "users and groups"),
            count(addresses, "address", "addresses")
        ),
    };
    match scope.mode {
        ScopeMode::AllMailboxes => "All mailboxes".to_owned(),
        ScopeMode::OnlyListed => format!("Only the list: {listed}"),
        ScopeMode::AllExceptListed => format!("All mailboxes except the list: {listed}"),
    }
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub name: &'static str,
    pub theirs: String,
    pub mine: String,
    /// Both of us changed it.
    pub both: bool,
}

/// Where two changes of the same settings differ.
#[must_use]
pub fn differences(base: &Settings, theirs: &Settings, mine: &Settings) -> Vec<Difference> {
    let differing = FIELDS.iter().filter(|field| !(field.same)(theirs, mine));
    differing
        .map(|field| {
            let both = !(field.same)(base, theirs) && !(field.same)(base, mine);
            let (theirs, mut mine) = ((field.show)(theirs), (field.show)(mine));
            // A long list may differ in what its summary does not say.
            if theirs == mine {
                mine.push_str(" (another one)");
            }
            Difference { name: field.name, theirs, mine, both }
        })
        .collect()
}

/// What I changed, on top of what they changed.
#[must_use]
pub fn merged(base: &Settings, theirs: &Settings, mine: &Settings) -> Settings {
    let mut merged = theirs.clone();
    for field in FIELDS.iter().filter(|field| !(field.same)(base, mine)) {
        (field.take)(mine, &mut merged);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{
        Account, Connection, DirectorySettings, IntakeSettings, Limits, Options, PickupSettings, QueueSettings,
        Schedule, SmtpSettings,
    };

    /// Everything other than the default. Written out in full, so that a new setting can't be forgotten here, and by that
    /// not in [`FIELDS`].
    fn all_different() -> Settings {
        Settings {
            enabled: true,
            environment: Environment::Hybrid,
            connection: Some(Connection::manual("https://mail/EWS/Exchange.asmx")),
            account: Some(Account { user: "a@x".into() }),
            directory: Some(DirectorySettings { domain: "x".into(), ..DirectorySettings::default() }),
            scope: SendersScope { mode: ScopeMode::OnlyListed, ..SendersScope::default() },
            options: Options {
                create_copy: true,
                message_splitting: true,
                save_all_split_messages: true,
                both_copies: true,
            },
            intake: IntakeSettings {
                max_message_bytes: 5_000_000,
                smtp: Some(SmtpSettings { listen: ([127, 0, 0, 1], 25).into(), allow_remote: false }),
                pickup: Some(PickupSettings { folder: "/p".into() }),
            },
            queue: Some(QueueSettings { address: "postgres://db/siu".into() }),
            schedule: Schedule {
                not_found_pauses: vec![1],
                error_pauses: vec![1],
                give_up_after: 1,
                keep_finished_days: 1,
            },
            limits: Limits { connections: 1, per_mailbox: 1, request_timeout: 5, stop_within: 1 },
        }
    }

    /// P3
    #[test]
    fn no_field_is_forgotten() {
        let (base, mine) = (Settings::default(), all_different());
        assert_eq!(merged(&base, &base, &mine), mine);
        assert_eq!(merged(&base, &mine, &base), mine);
        assert_eq!(differences(&base, &base, &mine).len(), FIELDS.len());
    }

    /// P3
    #[test]
    fn changes_of_different_fields_come_together_and_the_same_field_is_mine() {
        let base = Settings::default();
        let mut theirs = base.clone();
        theirs.options.create_copy = true;
        theirs.limits.connections = 2;
        let mut mine = base.clone();
        mine.options.message_splitting = true;
        mine.limits.connections = 3;
        let both = merged(&base, &theirs, &mine);
        assert!(both.options.create_copy && both.options.message_splitting);
        assert_eq!(both.limits.connections, 3);
        let differences = differences(&base, &theirs, &mine);
        let both: Vec<_> = differences.iter().filter(|difference| difference.both).map(|d| d.name).collect();
        assert_eq!((differences.len(), both), (3, vec!["Connections to Exchange"]));
    }

    /// T5
    #[test]
    fn the_scope_is_summed_up() {
        let list = vec!["a@x".parse().unwrap(); 1];
        let scope = SendersScope { mode: ScopeMode::AllExceptListed, list, ..SendersScope::default() };
        assert_eq!(summary(&scope), "All mailboxes except the list: 1 address");
        let scope = SendersScope { mode: ScopeMode::OnlyListed, ..SendersScope::default() };
        assert_eq!(summary(&scope), "Only the list: nobody, for the list is empty");
        assert_eq!(summary(&SendersScope::default()), "All mailboxes");
    }
}
