//! The object picker on a real Active Directory (Samba): found as typed, domains that are trusted and such as do not
//! answer, accounts that can't be used. Pictures of it go to `target/screens`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{Context, Key, Theme, vec2};
use eframe::egui_wgpu::{RenderState, RendererOptions, WgpuConfiguration};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::wgpu::{WgpuTestRenderer, default_wgpu_setup};
use sent_items_update::directory::{Directory, Options, SignIn};
use sent_items_update::panel::background::Background;
use sent_items_update::panel::picker::{Outcome, Picker, Purpose};
use sent_items_update::panel::style;
use sent_items_update::settings::DirectorySettings;
use tokio::runtime::Runtime;

struct Picking {
    picker: Option<Picker>,
    outcome: Option<Outcome>,
}

struct Window {
    harness: Harness<'static, Picking>,
    pictures: bool,
    runtime: Runtime,
}

fn draw(ctx: &Context, picking: &mut Picking) {
    if let Some(picker) = &mut picking.picker
        && let Some(outcome) = picker.show(ctx)
    {
        picking.outcome = Some(outcome);
        picking.picker = None;
    }
}

/// None where the machine can't draw; what the picker does is looked at all the same.
fn renderer() -> Option<WgpuTestRenderer> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let wgpu_setup = default_wgpu_setup();
    let instance = runtime.block_on(wgpu_setup.new_instance());
    let configuration = WgpuConfiguration { wgpu_setup, ..WgpuConfiguration::default() };
    let state = RenderState::create(&configuration, &instance, None, RendererOptions::PREDICTABLE);
    runtime.block_on(state).ok().map(WgpuTestRenderer::from_render_state)
}

impl Window {
    /// Signed in as the service account, which the trusted domain knows, too.
    fn new(purpose: Purpose) -> Option<Self> {
        let Ok(domain) = std::env::var("SIU_AD_DOMAIN") else {
            eprintln!("NOT RUN: Samba: SIU_AD_DOMAIN is not set; `tests/run active-directory` starts one and sets it");
            return None;
        };
        let must = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let settings = DirectorySettings {
            controllers: vec![must("SIU_AD_CONTROLLER")],
            extra_roots: vec![std::fs::read_to_string(must("SIU_AD_CA")).unwrap()],
            domain: domain.clone(),
        };
        let sign_in = SignIn::Password { upn: format!("svc-siu@{domain}"), password: must("SIU_AD_PASSWORD").into() };
        let name_server = Some(must("SIU_AD_NAME_SERVER").parse().unwrap());
        let options = Options { name_server, ..Options::default() };
        let directory = Arc::new(Directory::with_options(&settings, sign_in, &options).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let picker = Picker::new(purpose, directory, Background::new(runtime.handle().clone(), || {}));
        let mut builder = Harness::builder()
            .with_size(vec2(900.0, 680.0))
            .with_theme(Theme::Light)
            .with_max_steps(30)
            .with_context_setup(style::set)
            .allow_missing_glyphs();
        let renderer = renderer();
        let pictures = renderer.is_some();
        if let Some(renderer) = renderer {
            builder = builder.renderer(renderer);
        }
        let picking = Picking { picker: Some(picker), outcome: None };
        let harness = builder.build_ui_state(|ui, picking| draw(&ui.ctx().clone(), picking), picking);
        Some(Self { harness, pictures, runtime })
    }

    /// Until these words are on the screen.
    #[track_caller]
    fn wait(&mut self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.harness.query_all_by_label_contains(words).next().is_none() {
            assert!(Instant::now() < deadline, "{words} never comes");
            self.harness.run_steps(2);
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
        self.harness.run_steps(4);
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run_steps(4);
    }

    fn search(&mut self, text: &str) {
        let clear = self.harness.query_by_label("Clear the search");
        if let Some(clear) = clear {
            clear.click();
            self.harness.run_steps(4);
        }
        let field = self.harness.get_by_label("Search");
        field.focus();
        field.type_text(text);
        self.harness.run_steps(2);
        // What is typed is searched for at once.
        self.harness.key_press(Key::Enter);
        self.harness.run_steps(4);
    }

    fn greyed(&self, label: &str) -> bool {
        self.harness.get_by_label(label).accesskit_node().is_disabled()
    }

    fn picture(&mut self, name: &str) {
        if self.pictures {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screens");
            std::fs::create_dir_all(&folder).unwrap();
            self.harness.render().unwrap().save(folder.join(format!("{name}.png"))).unwrap();
        }
    }
}

/// W4: whoever can't be the service account is shown with the reason, and can't be picked.
#[test]
fn a_service_account_is_picked_in_a_real_domain_but_none_that_can_not_sign_in() {
    let Some(mut window) = Window::new(Purpose::ServiceAccount) else { return };
    window.wait("found");
    for (name, remark, why) in
        [("No UPN", "no UPN", "no user principal name"), ("Disabled", "disabled", "This account is disabled")]
    {
        window.search(name);
        window.wait("1 found");
        assert!(window.harness.query_all_by_label_contains(remark).next().is_some(), "{name} without {remark}");
        window.click(name);
        window.wait(why);
        assert!(window.greyed("OK"), "{name} can be picked");
    }
    window.picture("picker-domain-disabled");
    window.search("SIU Serv");
    window.wait("1 found");
    window.click("SIU Service");
    window.click("OK");
    let Some(Outcome::Picked(picked)) = &window.harness.state().outcome else { panic!("nothing was picked") };
    assert!(picked[0].upn.as_deref().is_some_and(|upn| upn.starts_with("svc-siu@")), "{picked:?}");
}

/// W4, S2: *Locations…* shows trusted domains; one that does not answer says so, the other is searched.
#[test]
fn a_trusted_domain_is_searched_and_one_that_is_gone_can_not_be_chosen() {
    let Some(mut window) = Window::new(Purpose::Scope { present: [].into() }) else { return };
    window.wait("found");
    window.picture("picker-domain");
    window.click("Locations…");
    window.wait("gone.example.test");
    assert!(window.greyed("gone.example.test") && !window.greyed("lab.example.test"));
    window.picture("picker-domain-locations");
    window.click("lab.example.test");
    // The topmost dialog's is drawn last.
    window.harness.get_all_by_label("OK").last().unwrap().click();
    window.harness.run_steps(4);
    window.search("Liv");
    window.wait("Liv Lab");
    window.wait("1 found");
    window.click("Liv Lab");
    window.picture("picker-domain-trusted");
    window.click("OK");
    let Some(Outcome::Picked(picked)) = &window.harness.state().outcome else { panic!("nothing was picked") };
    assert_eq!((picked[0].name.as_str(), picked[0].domain.as_str()), ("Liv Lab", "lab.example.test"));
}
