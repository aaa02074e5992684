//! The panel's own icons, drawn for a grid of 20 points in white and tinted where they are shown.

use eframe::egui::{Color32, Image, ImageSource, Response, Sense, Ui, Vec2, vec2};

macro_rules! icons {
    ($($name:ident $file:literal),+ $(,)?) => {
        /// A picture that goes with a word, or stands for one that a screen reader says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Icon { $($name),+ }

        impl Icon {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            fn source(self) -> ImageSource<'static> {
                match self {
                    $(Self::$name => ImageSource::Bytes {
                        uri: concat!("bytes://panel/", $file, ".svg").into(),
                        bytes: include_bytes!(concat!("../../../resources/icons/panel/", $file, ".svg")).into(),
                    }),+
                }
            }
        }
    };
}

icons! {
    About "about",
    Add "add",
    Attachment "attachment",
    Chart "chart",
    Clear "clear",
    Copy "copy",
    Diagnostics "diagnostics",
    Domain "domain",
    Down "down",
    Error "error",
    Export "export",
    Folder "folder",
    Group "group",
    Import "import",
    Info "info",
    Key "key",
    Left "left",
    Mail "mail",
    Ok "ok",
    Paused "paused",
    Play "play",
    Quiet "quiet",
    Remove "remove",
    Retry "retry",
    Right "right",
    Sandbox "sandbox",
    Search "search",
    Settings "settings",
    Skipped "skipped",
    Test "test",
    Unknown "unknown",
    Up "up",
    User "user",
    UserDisabled "user-disabled",
    UserWithoutMailbox "user-without-mailbox",
    UserWithoutUpn "user-without-upn",
    Waiting "waiting",
    Warning "warning",
    Working "working",
}

/// The usual size, in points.
pub const SIZE: f32 = 16.0;

impl Icon {
    /// As a picture for a button or a label, in this colour.
    pub fn image(self, size: f32, colour: Color32) -> Image<'static> {
        Image::new(self.source()).fit_to_exact_size(Vec2::splat(size)).tint(colour).show_loading_spinner(false)
    }

    /// Beside a word that says the same: silent for a screen reader.
    pub fn show(self, ui: &mut Ui, colour: Color32) -> Response {
        self.sized(ui, SIZE, colour)
    }

    pub fn sized(self, ui: &mut Ui, size: f32, colour: Color32) -> Response {
        // As high as a line, so that it stands in its middle.
        let height = ui.text_style_height(&eframe::egui::TextStyle::Body).max(size);
        let (place, response) = ui.allocate_exact_size(vec2(size, height), Sense::hover());
        let place = eframe::egui::Rect::from_center_size(place.center(), Vec2::splat(size));
        self.image(size, colour).paint_at(ui, place);
        response
    }

    /// Standing alone: a screen reader and the pointer are told what it means.
    pub fn named(self, ui: &mut Ui, colour: Color32, name: &str) -> Response {
        let response = self.show(ui, colour);
        response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Image, true, name));
        response.on_hover_text(name)
    }
}
