use super::*;
use crate::pipe::types::{Activity, Counts};

fn status(process: u32) -> Status {
    Status { process, counts: Counts::default(), ..crate::panel::testing::status(Activity::Off) }
}

#[test]
fn counts_before_the_status_have_nothing_to_be_shown_in() {
    let mut state = State::default();
    let counts = Counts { waiting: 1, ..Counts::default() };
    state.heard(Event::Counts(counts));
    assert_eq!(state.link, Link::Connecting);
    state.heard(Event::Status(status(1)));
    state.heard(Event::Counts(counts));
    assert_eq!(state.status().unwrap().counts, counts);
}

#[test]
fn lists_are_read_anew_when_another_process_answers_or_events_were_missed() {
    let mut state = State::default();
    assert!(state.heard(Event::Status(status(1))));
    assert!(!state.heard(Event::Status(status(1))));
    assert!(state.heard(Event::Status(status(2))));
    assert!(state.heard(Event::Missed { events: 3 }));
}

/// M2
#[test]
fn a_lost_updater_is_shown_with_the_reason() {
    let mut state = State::default();
    state.heard(Event::Status(status(1)));
    state.lost(&PipeError::NotRunning { path: "/run/x".into() });
    assert_eq!(state.link, Link::NotRunning { place: "/run/x".into() });
    state.lost(&PipeError::Timeout);
    assert_eq!(state.link, Link::Unusable { reason: "The updater does not answer in time.".into() });
    assert!(state.heard(Event::Status(status(1))), "after a loss the lists may be old");
}
