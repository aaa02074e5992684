use eframe::egui::{Key, Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::panel::state::{
    Dialog, Fetched, Link, Notice, Plot, Preview, Samples, Sandbox, Shown, ShownAttachment, Side, SortBy, Sorting,
    Span, Starting, Tab,
};
use crate::panel::style::Tone;
use crate::panel::testing::{self, NOW, connected, looks_as_approved, messages, not_configured, state, status};
use crate::pipe::types::{Activity, Bucket, DoorStatus, Listed, Series, State as MessageState};

const SIZE: (f32, f32) = (1080.0, 720.0);

struct Seen {
    state: State,
    wanted: Vec<Intent>,
}

fn draw(ui: &mut Ui, seen: &mut Seen) {
    let wanted = show(ui, &seen.state);
    seen.wanted.extend(wanted);
}

fn window(state: State) -> Harness<'static, Seen> {
    let mut window = testing::window(SIZE, Theme::Light, Seen { state, wanted: Vec::new() }, draw);
    window.run_steps(3);
    window
}

fn wanted(window: &mut Harness<'_, Seen>) -> Vec<Intent> {
    window.run_steps(2);
    std::mem::take(&mut window.state_mut().wanted)
}

fn held() -> Status {
    let reason =
        "Exchange does not accept the account svc-siu@nordwind.example (HTTP 401): is its password still right?";
    let until = jiff::Timestamp::from_second(NOW + 113).unwrap();
    status(Activity::Held { reason: reason.into(), until })
}

use crate::pipe::types::Status;

fn listing(status: Status) -> State {
    let mut state = connected(status);
    state.messages.page(0, messages());
    state
}

fn not_running() -> State {
    state(Link::NotRunning { place: "/run/sent-items-update/updater.sock".into() })
}

fn unusable() -> State {
    state(Link::Unusable { reason: "Only administrators and the account that the updater runs as may use it.".into() })
}

fn series() -> Series {
    let query = Span::Day.query(jiff::Timestamp::from_second(NOW).unwrap());
    let bucket = |at: i64| {
        let day = u32::try_from((at - 24).abs()).unwrap();
        let updated = 420_u32.saturating_sub(day * 17) + u32::try_from(at * 37 % 60).unwrap();
        Bucket { updated, skipped: updated / 9, failed: u32::from(at % 11 == 3) * 14 }
    };
    Series { from: query.from, step: query.step, buckets: (0..48).map(bucket).collect() }
}

fn shown() -> Shown {
    Shown {
        what: String::new(),
        subject: "Προσφορά για το έργο".into(),
        body: "Dear Mr Weber,\n\nplease find the quotation attached.\n\nKind regards\nGiorgos Papadopoulos\n\n\
               Nordwind Windkraft GmbH · Am Deich 12 · 25813 Husum\nThis e-mail may contain confidential information."
            .into(),
        cut: false,
        attachments: vec![
            ShownAttachment { name: "quotation.pdf".into(), size: Some(182_044), inline: false },
            ShownAttachment { name: "logo.png".into(), size: Some(4_100), inline: true },
        ],
    }
}

fn selected(side: Side) -> State {
    let mut state = listing(status(Activity::On));
    state.plot = Plot { span: Span::Day, series: Fetched::There(series()) };
    state.messages.select(Some(996));
    let copy = Shown { what: "The copy as the sender's program stored it; it has not been updated.".into(), ..shown() };
    state.preview = Some(Preview { id: 996, side, processed: Fetched::There(shown()), copy: Fetched::There(copy) });
    state
}

/// M1: the status line says each state in a word.
#[test]
fn the_status_line_says_how_things_stand() {
    for (state, word) in [
        (state(Link::Connecting), "connecting"),
        (not_running(), "updater not running"),
        (unusable(), "updater not reachable"),
        (connected(not_configured()), "not configured"),
        (connected(status(Activity::Off)), "off"),
        (connected(status(Activity::On)), "on"),
        (connected(held()), "on, but held"),
    ] {
        assert!(window(state).query_by_label(word).is_some(), "{word} is not shown");
    }
}

/// M1
#[test]
fn click_to_change_opens_the_wizard_until_it_is_configured_and_the_tab_from_then_on() {
    for (status, dialog) in [
        (not_configured(), Dialog::Wizard),
        (status(Activity::Off), Dialog::Settings(Tab::SentItemsUpdate)),
        (held(), Dialog::Settings(Tab::SentItemsUpdate)),
    ] {
        let mut window = window(connected(status));
        window.get_by_label("Click to change").click();
        assert!(wanted(&mut window).contains(&Intent::Open(dialog)));
    }
}

/// M1
#[test]
fn the_toolbar_opens_what_it_names_by_mouse_and_keyboard() {
    let mut window = window(listing(status(Activity::On)));
    for (name, dialog) in [
        ("Settings", Dialog::Settings(Tab::General)),
        ("Impersonation test", Dialog::ImpersonationTest),
        ("Diagnostics", Dialog::Diagnostics),
        ("About", Dialog::About),
    ] {
        window.get_by_label(name).click();
        assert_eq!(wanted(&mut window), [Intent::Open(dialog.clone())], "{name}");
        window.get_by_label(name).focus();
        window.run_steps(2);
        window.key_press(Key::Enter);
        assert_eq!(wanted(&mut window), [Intent::Open(dialog)], "{name}");
    }
}

/// M2
#[test]
fn without_the_updater_its_settings_can_not_be_opened() {
    for state in [not_running(), unusable(), state(Link::Connecting)] {
        let mut window = window(state);
        window.get_by_label("Settings").click();
        assert_eq!(wanted(&mut window), []);
        window.get_by_label("About").click();
        assert_eq!(wanted(&mut window), [Intent::Open(Dialog::About)]);
    }
}

/// M2
#[test]
fn an_updater_that_does_not_run_is_explained_and_can_be_started() {
    let mut window = window(not_running());
    assert!(window.query_by_label_contains("/run/sent-items-update/updater.sock").is_some());
    window.get_by_label("Try now").click();
    window.run_steps(2);
    window.get_by_label("Start the updater").click();
    assert_eq!(wanted(&mut window), [Intent::TryNow, Intent::StartUpdater]);
    window.state_mut().state.starting = Starting::Underway;
    window.run_steps(2);
    assert!(window.query_by_label("Start the updater").is_none());
    window.state_mut().state.starting = Starting::Failed("The updater ended at once. It said: no room".into());
    window.run_steps(2);
    assert!(window.query_by_label_contains("no room").is_some());
    assert!(window.query_by_label("Start the updater").is_some());
}

/// M2
#[test]
fn doors_and_notices_say_what_is_wrong_with_them() {
    let problem = |place: &str, problem: &str| Some(DoorStatus { place: place.into(), problem: Some(problem.into()) });
    let status = Status {
        smtp: problem("127.0.0.1:25", "another program listens on this port already"),
        pickup: problem("/srv/pickup", "the folder is not there"),
        notices: vec!["Other users can look into /var/lib/sent-items-update.".into()],
        ..status(Activity::On)
    };
    let window = window(connected(status));
    for text in ["another program listens", "the folder is not there", "Other users can look into"] {
        assert!(window.query_by_label_contains(text).is_some(), "{text} is not shown");
    }
}

/// M3
#[test]
fn a_click_on_a_number_shows_those_messages_alone() {
    let mut window = window(listing(status(Activity::On)));
    window.get_by_label("Failed: 2").click();
    let filter = Intent::Filter { state: Some(MessageState::Failed), search: String::new() };
    assert_eq!(wanted(&mut window), [filter]);
    window.get_by_label("All: 104565").click();
    assert_eq!(wanted(&mut window), [Intent::Filter { state: None, search: String::new() }]);
}

/// M3
#[test]
fn searching_asks_for_what_is_typed() {
    let mut window = window(listing(status(Activity::On)));
    window.get_by_label("Search messages").focus();
    window.run_steps(2);
    window.get_by_label("Search messages").type_text("anna");
    assert_eq!(wanted(&mut window), [Intent::Filter { state: None, search: "anna".into() }]);
}

/// M3
#[test]
fn what_finds_nothing_says_so_and_offers_everything_again() {
    let mut state = connected(status(Activity::On));
    state.messages.filter(Some(MessageState::Failed), "nobody");
    state.messages.page(1, Vec::new());
    let mut window = window(state);
    assert!(window.query_by_label("No message matches").is_some());
    window.get_by_label("Show all messages").click();
    assert_eq!(wanted(&mut window), [Intent::Filter { state: None, search: String::new() }]);
}

/// M3
#[test]
fn a_list_that_can_not_be_read_says_why_and_can_be_tried_again() {
    let mut state = connected(status(Activity::On));
    state.messages.page_failed(0, "The updater does not answer in time.".into());
    let mut window = window(state);
    assert!(window.query_by_label_contains("does not answer in time").is_some());
    window.get_by_label("Try again").click();
    assert_eq!(wanted(&mut window), [Intent::Reload]);
}

/// M3
#[test]
fn a_title_sorts_and_once_more_turns_the_order_around() {
    let mut window = window(listing(status(Activity::On)));
    window.get_by_label("Sort by Sender").click();
    assert_eq!(wanted(&mut window), [Intent::Sort(Sorting { by: SortBy::Sender, ascending: true })]);
    window.state_mut().state.messages.sort(Sorting { by: SortBy::Sender, ascending: true });
    window.run_steps(2);
    window.get_by_label("Sender, ascending").click();
    assert_eq!(wanted(&mut window), [Intent::Sort(Sorting { by: SortBy::Sender, ascending: false })]);
}

/// M3
#[test]
fn a_message_is_selected_by_mouse_and_by_the_arrow_keys() {
    let mut window = window(listing(status(Activity::On)));
    window.get_by_label("Invoice 2025-1184").click();
    assert_eq!(wanted(&mut window), [Intent::Select(Some(995))]);
    window.state_mut().state.messages.select(Some(995));
    window.run_steps(2);
    for (key, id) in [(Key::ArrowDown, 994), (Key::ArrowUp, 996), (Key::Home, 1000), (Key::End, 993)] {
        window.key_press(key);
        assert_eq!(wanted(&mut window), [Intent::Select(Some(id))], "{key:?}");
    }
}

/// M3
#[test]
fn a_selected_message_shows_its_reason_and_both_sides_and_can_be_retried() {
    let mut window = window(selected(Side::Processed));
    for text in ["over its quota", "please find the quotation attached", "quotation.pdf", "<996@nordwind.example>"] {
        assert!(window.query_all_by_label_contains(text).next().is_some(), "{text} is not shown");
    }
    window.get_by_label("Retry").click();
    assert_eq!(wanted(&mut window), [Intent::Retry(996)]);
    window.get_by_label("In Sent Items now").click();
    assert_eq!(wanted(&mut window), [Intent::Look(Side::SentCopy)]);
    window.state_mut().state = selected(Side::SentCopy);
    window.run_steps(2);
    assert!(window.query_by_label_contains("has not been updated").is_some());
    window.get_by_label("Close the details").click();
    assert_eq!(wanted(&mut window), [Intent::Select(None)]);
}

/// M3
#[test]
fn a_copy_that_exchange_does_not_give_says_why_and_can_be_asked_for_again() {
    let mut state = selected(Side::SentCopy);
    state.preview.as_mut().unwrap().copy = Fetched::Failed("The mailbox is being moved.".into());
    let mut window = window(state);
    assert!(window.query_by_label("The mailbox is being moved.").is_some());
    window.get_by_label("Try again").click();
    assert_eq!(wanted(&mut window), [Intent::Look(Side::SentCopy)]);
}

/// M3
#[test]
fn all_that_failed_is_retried_by_one_button_unless_nothing_failed() {
    let mut window = window(listing(status(Activity::On)));
    window.get_by_label("Retry all failed").click();
    assert_eq!(wanted(&mut window), [Intent::RetryFailed]);
    let mut none = status(Activity::On);
    none.counts.failed = 0;
    window.state_mut().state.link = Link::Connected(Box::new(none));
    window.run_steps(2);
    window.get_by_label("Retry all failed").click();
    assert_eq!(wanted(&mut window), []);
}

/// M3
#[test]
fn the_plot_says_in_words_what_it_shows_and_takes_another_span() {
    let mut window = window(selected(Side::Processed));
    assert!(window.query_by_label_contains("In the last day: ").is_some());
    window.get_by_label("Week").click();
    assert_eq!(wanted(&mut window), [Intent::Plot(Span::Week)]);
}

/// M3
#[test]
fn near_the_end_of_the_list_more_is_asked_for() {
    let mut state = connected(status(Activity::On));
    let rows = (1..=500).rev().map(|id| Listed { id, ..messages().remove(2) });
    state.messages.page(0, rows.collect());
    let mut window = window(state);
    assert_eq!(wanted(&mut window), []);
    window.get_by_label("Messages").focus();
    window.run_steps(2);
    window.key_press(Key::End);
    assert!(wanted(&mut window).contains(&Intent::More));
}

/// X1
#[test]
fn the_sandbox_leads_from_configuring_to_its_sample_messages() {
    let mut state = connected(not_configured());
    state.sandbox = Some(Sandbox::Running { name: "Nordwind".into(), samples: Samples::Here });
    let mut window = window(state);
    assert!(window.query_by_label_contains("made-up organisation").is_some());
    window.get_by_label("Configure").click();
    assert_eq!(wanted(&mut window), [Intent::Open(Dialog::Wizard)]);
    window.state_mut().state.link = Link::Connected(Box::new(status(Activity::On)));
    window.run_steps(2);
    window.get_by_label("Send sample messages").click();
    assert!(wanted(&mut window).contains(&Intent::SendSamples));
    window.state_mut().state.samples(Samples::Sent);
    window.run_steps(2);
    window.get_by_label("Send sample messages").click();
    assert!(!wanted(&mut window).contains(&Intent::SendSamples));
}

#[test]
fn errors_of_the_background_stay_until_they_are_dismissed() {
    let mut state = listing(status(Activity::On));
    state.notices.tell(Notice::problem("Nothing was retried. The updater does not answer in time."));
    let mut window = window(state);
    assert!(window.query_by_label_contains("Nothing was retried").is_some());
    window.get_by_label("Dismiss").click();
    assert_eq!(wanted(&mut window), [Intent::Dismiss(0)]);
}

#[test]
fn hostile_names_of_any_length_and_script_are_drawn() {
    let mut rows = messages();
    rows[0].sender = "\u{202e}live\u{0}\r\n\u{7f}".repeat(40);
    rows[1].subject = "x".repeat(100_000);
    rows[2].subject = "田中 美咲 · مرحبا بالعالم · שלום עולם · 👩‍👩‍👧 · e\u{301}\u{301}\u{301}".into();
    rows[3].reason = "\u{9b}31m\n".repeat(3_000);
    let mut state = connected(status(Activity::On));
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    state.messages.page(0, rows);
    let mut window = window(state);
    for id in ids {
        window.state_mut().state.messages.select(Some(id));
        window.run_steps(2);
    }
    window.state_mut().state.messages.select(Some(997));
    window.run_steps(2);
    assert!(window.query_all_by_label_contains("␛").next().is_none());
}

/// A view that asks for frames all the time would keep a server's processor busy. Only the spinner may.
#[test]
fn nothing_moves_unless_something_changes() {
    for state in [not_running(), unusable(), listing(status(Activity::On)), listing(held()), selected(Side::Processed)]
    {
        let mut state = state;
        state.plot = Plot { span: Span::Day, series: Fetched::There(series()) };
        let mut window = window(state);
        assert!(window.try_run().is_ok());
    }
}

#[test]
fn a_small_window_has_room_for_the_list() {
    let mut window = window(listing(status(Activity::On)));
    window.set_size(vec2(800.0, 560.0));
    window.run_steps(3);
    assert!(window.query_by_label("Re: Delivery dates in December").is_some());
    assert!(window.query_by_label("Click to change").is_some());
}

#[test]
fn every_page_looks_as_it_was_approved_in_light_and_dark() {
    let _easel = testing::easel();
    let mut problems = listing(held());
    problems.plot = Plot { span: Span::Day, series: Fetched::There(series()) };
    problems.notices.tell(Notice::problem("Nothing was retried. The updater does not answer in time."));
    problems.notices.tell(Notice { tone: Tone::Good, text: "3 messages are tried again.".into() });
    let mut sandbox = connected(not_configured());
    sandbox.sandbox = Some(Sandbox::Running { name: "Nordwind".into(), samples: Samples::Here });
    sandbox.messages.page(0, Vec::new());
    sandbox.plot.series =
        Fetched::There(Series { from: series().from, step: series().step, buckets: vec![Bucket::default(); 48] });
    let mut failed = not_running();
    failed.starting =
        Starting::Failed("The service is not installed, and there is no siu-updater beside the panel.".into());
    let pages = [(selected(Side::Processed), "on"), (problems, "held"), (sandbox, "sandbox"), (failed, "not-running")];
    for (state, name) in pages {
        let Some(mut window) = testing::pictured(SIZE, Theme::Light, Seen { state, wanted: Vec::new() }, draw) else {
            return;
        };
        window.run_steps(4);
        looks_as_approved(&mut window, &format!("{name}-light"));
        window.ctx.set_theme(Theme::Dark);
        window.run_steps(4);
        looks_as_approved(&mut window, &format!("{name}-dark"));
    }
}
