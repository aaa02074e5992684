use eframe::egui::{Context, Key, Theme, Ui, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::panel::style;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Ok,
    Cancel,
}

#[derive(Default)]
struct Typed {
    text: String,
    password: TypedPassword,
    on: bool,
    pressed: Vec<Choice>,
    clicked: Vec<&'static str>,
}

fn dialog(ui: &mut Ui, typed: &mut Typed) {
    let context: Context = ui.ctx().clone();
    let (pressed, ()) = Dialog::new("test", "A dialog")
        .button(DialogButton::new(Choice::Ok, "OK").default())
        .button(DialogButton::new(Choice::Cancel, "Cancel").cancels())
        .show(&context, |ui| {
            Form::new().row(ui, "Name", None, |ui, label| {
                let field = TextField::new(&mut typed.text).labelled_by(label).show(ui);
                initial_focus(ui, &field);
            });
            Form::new().row(ui, "Password", None, |ui, label| {
                PasswordField::new(&mut typed.password).labelled_by(label).show(ui);
            });
            check(ui, &mut typed.on, "Also this", "What it is good for.", None);
            if link(ui, "More about it").clicked() {
                typed.clicked.push("link");
            }
        });
    typed.pressed.extend(pressed);
}

fn window() -> Harness<'static, Typed> {
    let mut harness = Harness::builder()
        .with_size(vec2(640.0, 480.0))
        .with_theme(Theme::Light)
        .with_context_setup(style::set)
        .build_ui_state(dialog, Typed::default());
    harness.run();
    harness
}

#[test]
fn a_dialog_gives_its_first_field_the_keyboard_and_keeps_it() {
    let mut window = window();
    assert!(window.get_by_label("Name").is_focused());
    let mut order = Vec::new();
    for _ in 0..7 {
        window.key_press(Key::Tab);
        window.run();
        let name = ["Name", "Password", "Also this", "More about it", "OK", "Cancel"]
            .into_iter()
            .find(|name| window.get_all_by_label(name).any(|node| node.is_focused()));
        order.push(name.unwrap_or("nothing"));
    }
    assert_eq!(order, ["Password", "Also this", "More about it", "OK", "Cancel", "Name", "Password"]);
}

#[test]
fn enter_is_the_default_button_and_escape_cancels() {
    let mut window = window();
    window.get_by_label("Name").type_text("anna");
    window.run();
    window.key_press(Key::Enter);
    window.run();
    window.key_press(Key::Escape);
    window.run();
    assert_eq!(window.state().text, "anna");
    assert_eq!(window.state().pressed, [Choice::Ok, Choice::Cancel]);
}

#[test]
fn enter_on_a_link_or_another_button_is_not_the_default_button() {
    let mut window = window();
    window.get_by_label("More about it").focus();
    window.run();
    window.key_press(Key::Enter);
    window.run();
    assert_eq!((window.state().clicked.len(), window.state().pressed.len()), (1, 0));
    window.get_by_label("Cancel").focus();
    window.run();
    window.key_press(Key::Enter);
    window.run();
    assert_eq!(window.state().pressed, [Choice::Cancel]);
}

/// W3
#[test]
fn a_password_is_never_shown_and_can_not_be_got_back_by_undo() {
    use secrecy::ExposeSecret as _;
    let mut window = window();
    window.get_by_label("Password").focus();
    window.run();
    window.get_by_label("Password").type_text("Zebra-7\nend");
    window.run();
    assert_eq!(window.state().password.secret().expose_secret(), "Zebra-7");
    assert_eq!(format!("{:?}", window.state().password), "(a password)");
    let shown = format!("{:?}", window.get_by_label("Password").value());
    assert!(!shown.contains("Zebra"), "{shown}");
    window.state_mut().password.wipe();
    window.run();
    window.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::Z);
    window.run();
    assert!(window.state().password.is_empty());
}

#[test]
fn every_icon_is_there() {
    use eframe::egui::{SizeHint, TextureOptions, load::TexturePoll};
    let context = Context::default();
    style::set(&context);
    for icon in Icon::ALL {
        let image = icon.image(16.0, eframe::egui::Color32::WHITE);
        let source = image.source(&context);
        let loaded = source.load(
            &context,
            TextureOptions::LINEAR,
            SizeHint::Size { width: 16, height: 16, maintain_aspect_ratio: true },
        );
        assert!(matches!(loaded, Ok(TexturePoll::Ready { .. })), "{icon:?}: {:?}", loaded.err());
    }
}

/// Banners with other buttons, or none, stand below each other: all of each is within the window, and nothing moves.
#[test]
fn banners_below_each_other_do_not_take_each_others_room() {
    let draw = |ui: &mut Ui| {
        Banner::new(style::Tone::Info, "The first.").action(Button::new("With a long button")).show(ui);
        banner(ui, style::Tone::Warning, "The second has none.");
    };
    let mut window = Harness::builder().with_size(vec2(600.0, 120.0)).with_context_setup(style::set).build_ui(draw);
    window.run_steps(4);
    for _ in 0..4 {
        window.step();
        let button = window.get_by_label("With a long button").rect();
        assert!(button.right() <= 600.0, "the button ends at {}", button.right());
        assert!(!window.ctx.has_requested_repaint(), "it does not come to rest");
    }
}
