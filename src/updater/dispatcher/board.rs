//! What is claimed and what is at work, by mailbox.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::task;

use crate::updater::queue::Job;

/// Messages of one mailbox that are worked on together, or a single one.
#[derive(Debug, Clone)]
pub struct Group {
    pub jobs: Arc<[Job]>,
}

impl Group {
    pub fn of(jobs: Vec<Job>) -> Self {
        Self { jobs: jobs.into() }
    }

    pub fn mailbox(&self) -> &str {
        self.jobs.first().map_or("", |job| &job.mailbox)
    }
}

#[derive(Debug, Default)]
pub struct Board {
    ready: VecDeque<Group>,
    at_work: HashMap<task::Id, Group>,
    mailboxes: HashMap<String, Groups>,
}

/// Groups of a mailbox.
#[derive(Debug, Default, Clone, Copy)]
struct Groups {
    ready: usize,
    at_work: usize,
}

impl Board {
    /// One that was claimed, behind all others.
    pub fn add(&mut self, group: Group) {
        self.of(&group).ready += 1;
        self.ready.push_back(group);
    }

    /// One before all others.
    pub fn add_first(&mut self, group: Group) {
        self.of(&group).ready += 1;
        self.ready.push_front(group);
    }

    /// Takes the first whose mailbox has fewer than `cap` at work.
    pub fn next(&mut self, cap: usize) -> Option<Group> {
        let free = |group: &Group| self.mailboxes.get(group.mailbox()).is_none_or(|groups| groups.at_work < cap);
        let at = self.ready.iter().position(free)?;
        let group = self.ready.remove(at)?;
        self.of(&group).ready -= 1;
        self.tidy(group.mailbox());
        Some(group)
    }

    pub fn begin(&mut self, task: task::Id, group: Group) {
        self.of(&group).at_work += 1;
        self.at_work.insert(task, group);
    }

    pub fn end(&mut self, task: task::Id) -> Option<Group> {
        let group = self.at_work.remove(&task)?;
        self.of(&group).at_work -= 1;
        self.tidy(group.mailbox());
        Some(group)
    }

    /// Forgets messages that did not begin and are leased no longer. What is at work goes on: the marks tell.
    pub fn keep(&mut self, leased: &HashSet<i64>) {
        let is_leased = |job: &Job| leased.contains(&job.id);
        if self.ready.iter().all(|group| group.jobs.iter().all(is_leased)) {
            return;
        }
        for group in self.take_back(|_| true) {
            let jobs: Vec<Job> = group.jobs.iter().filter(|job| is_leased(job)).cloned().collect();
            if !jobs.is_empty() {
                self.add(Group::of(jobs));
            }
        }
    }

    /// Takes those that did not begin and are not to.
    pub fn take_back(&mut self, which: impl Fn(&str) -> bool) -> Vec<Group> {
        let (back, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.ready).into_iter().partition(|group| which(group.mailbox()));
        self.ready = kept.into();
        for group in &back {
            self.of(group).ready -= 1;
            self.tidy(group.mailbox());
        }
        back
    }

    /// How many could begin at once as far as their mailboxes are concerned.
    pub fn runnable(&self, cap: usize) -> usize {
        self.mailboxes.values().map(|groups| groups.ready.min(cap.saturating_sub(groups.at_work))).sum()
    }

    /// How many groups each mailbox has here.
    pub fn by_mailbox(&self) -> HashMap<String, usize> {
        self.mailboxes.iter().map(|(mailbox, groups)| (mailbox.clone(), groups.ready + groups.at_work)).collect()
    }

    /// The messages that are leased for it.
    pub fn leased(&self) -> Vec<i64> {
        self.at_work.values().chain(&self.ready).flat_map(|group| group.jobs.iter()).map(|job| job.id).collect()
    }

    pub fn messages_at_work(&self) -> usize {
        self.at_work.values().map(|group| group.jobs.len()).sum()
    }

    fn of(&mut self, group: &Group) -> &mut Groups {
        if !self.mailboxes.contains_key(group.mailbox()) {
            self.mailboxes.insert(group.mailbox().to_owned(), Groups::default());
        }
        self.mailboxes.get_mut(group.mailbox()).unwrap_or_else(|| unreachable!("it was put there"))
    }

    fn tidy(&mut self, mailbox: &str) {
        if self.mailboxes.get(mailbox).is_some_and(|groups| groups.ready + groups.at_work == 0) {
            self.mailboxes.remove(mailbox);
        }
    }
}
