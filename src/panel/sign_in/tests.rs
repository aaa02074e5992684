//! Through the window, by accessible label.

use std::sync::Arc;

use eframe::egui::Key;

use super::*;
use crate::panel::scripted::{Around, Connecting, Directory, Organisation, Pictures, Screen, failure};
use crate::panel::session::{Connect, Prefilled, Remembering};

const SIZE: [f32; 2] = [580.0, 430.0];

struct Signing {
    dialog: Option<SignInDialog>,
    signed_in: Option<bool>,
    around: Around,
    connecting: Arc<Connecting>,
}

fn connecting() -> Connecting {
    Connecting::to(Arc::new(Organisation::new()), Arc::new(Directory::with(Vec::new())))
}

impl Signing {
    fn to(connecting: Connecting) -> Self {
        let connecting = Arc::new(connecting);
        let around = Around::new(std::path::Path::new("/nonexistent/updater.sock"), connecting.clone());
        let dialog = SignInDialog::new(&around.surroundings());
        Self { dialog: Some(dialog), signed_in: None, around, connecting }
    }

    fn not_logged_on() -> Self {
        let connecting = connecting();
        *connecting.not_logged_on.lock().unwrap() = Some(failure("Nobody is signed in to a domain on this computer."));
        Self::to(connecting)
    }
}

fn draw(ctx: &Context, signing: &mut Signing) {
    if let Some(dialog) = &mut signing.dialog
        && let Some(outcome) = dialog.show(ctx, &signing.around.surroundings())
    {
        signing.signed_in = Some(matches!(outcome, Outcome::SignedIn(_)));
        signing.dialog = None;
    }
}

#[test]
fn a_person_who_is_logged_on_is_asked_nothing() {
    let mut screen = Screen::new(SIZE, Signing::to(connecting()), draw);
    screen.wait_for("the session", |signing| signing.signed_in == Some(true));
}

#[test]
fn others_sign_in_by_name_and_password_and_a_wrong_one_is_told() {
    let mut screen = Screen::new(SIZE, Signing::not_logged_on(), draw);
    screen.wait("Nobody is signed in to a domain on this computer.");
    screen.press(Key::Enter);
    assert!(screen.says("Enter your password."));
    screen.type_into("User name", "anna@corp.example");
    assert_eq!(screen.get("Domain").value().as_deref(), Some("corp.example"));
    screen.type_into("Password", "wrong");
    screen.press(Key::Enter);
    screen.wait("The password is wrong.");
    assert!(!screen.says("wrong@"), "nothing of the password is shown");
    screen.get("Password").focus();
    screen.step();
    for _ in 0..5 {
        screen.press(Key::Backspace);
    }
    screen.type_text("right");
    screen.press(Key::Enter);
    screen.wait_for("the session", |signing| signing.signed_in == Some(true));
    let sign_ins = screen.dialog().connecting.sign_ins.lock().unwrap();
    assert!(
        matches!(&sign_ins[..], [SignIn::LoggedOn, SignIn::As(_), SignIn::As(last)] if last.domain == "corp.example")
    );
}

#[test]
fn escape_leaves_it() {
    let mut screen = Screen::new(SIZE, Signing::not_logged_on(), draw);
    screen.wait("Nobody is signed in");
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().signed_in, Some(false));
}

/// X1
#[test]
fn the_sandbox_signs_in_by_itself() {
    let mut connecting = connecting();
    connecting.prefilled = Some(Prefilled {
        domain: "corp.example".into(),
        user: "admin@corp.example".into(),
        password: Some("right".into()),
        ..Prefilled::default()
    });
    let mut screen = Screen::new(SIZE, Signing::to(connecting), draw);
    screen.wait_for("the session", |signing| signing.signed_in == Some(true));
}

#[test]
fn who_signed_in_once_is_not_asked_again() {
    let connecting = Arc::new(connecting());
    let remembering: Arc<dyn Connect> = Arc::new(Remembering::new(connecting.clone()));
    let around = Around::new(std::path::Path::new("/nonexistent/updater.sock"), remembering);
    let dialog = SignInDialog::new(&around.surroundings());
    let mut screen = Screen::new(SIZE, Signing { dialog: Some(dialog), signed_in: None, around, connecting }, draw);
    screen.wait_for("the session", |signing| signing.signed_in == Some(true));
    let again = SignInDialog::new(&screen.dialog().around.surroundings());
    let signing = screen.dialog();
    (signing.dialog, signing.signed_in) = (Some(again), None);
    screen.step();
    assert_eq!(screen.dialog().signed_in, Some(true), "at once");
    assert_eq!(screen.dialog().connecting.sign_ins.lock().unwrap().len(), 1);
}

#[test]
fn a_file_that_holds_no_certificate_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.cer");
    std::fs::write(&path, [0x30, 0x82, 0xff]).unwrap();
    let runtime = crate::panel::scripted::runtime();
    assert!(runtime.block_on(read(path.clone())).err().unwrap().contains("ca.cer holds no certificate in PEM form"));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n").unwrap();
    assert_eq!(runtime.block_on(read(path)).unwrap().name, "ca.cer");
    assert!(runtime.block_on(read(folder.path().join("gone.pem"))).err().unwrap().contains("can't be read"));
}

#[test]
fn an_authority_of_ones_own_is_chosen_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("corp-ca.pem");
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n").unwrap();
    let mut signing = Signing::not_logged_on();
    signing.around = signing.around.choosing(&path);
    let mut screen = Screen::new(SIZE, signing, draw);
    screen.wait("the system's");
    screen.click("Choose…");
    screen.wait("corp-ca.pem");
    screen.type_into("User name", "anna@corp.example");
    screen.type_into("Password", "right");
    screen.press(Key::Enter);
    screen.wait_for("the session", |signing| signing.signed_in == Some(true));
    let sign_ins = screen.dialog().connecting.sign_ins.lock().unwrap();
    assert!(matches!(sign_ins.last(), Some(SignIn::As(last)) if last.extra_roots.len() == 1));
}

#[test]
fn the_sign_in_looks_as_it_was_approved() {
    let mut pictures = Pictures::new();
    pictures.take("sign-in", SIZE, Signing::not_logged_on, draw, |screen| {
        screen.wait("Nobody is signed in");
        screen.type_into("User name", "anna@corp.example");
    });
}
