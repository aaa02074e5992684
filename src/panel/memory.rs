//! Where the window was and how large: remembered from one start to the next, a person each.

use std::path::PathBuf;

use eframe::egui::{Context, ViewportBuilder, pos2, vec2};
use serde::{Deserialize, Serialize};

/// The window as it was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    position: Option<(f32, f32)>,
    size: (f32, f32),
    maximized: bool,
}

const USUAL: Place = Place { position: None, size: (1120.0, 740.0), maximized: false };

/// Smaller is of no use.
pub const LEAST: (f32, f32) = (800.0, 560.0);

/// No screen is larger, in points.
const MOST: f32 = 20_000.0;

fn file() -> Option<PathBuf> {
    let places = directories::ProjectDirs::from("", "", "sent-items-update")?;
    Some(places.config_local_dir().join("panel-window.json"))
}

impl Place {
    /// From the last time. Whatever is wrong with what is kept, a window opens.
    #[must_use]
    pub fn remembered() -> Self {
        file().and_then(|file| std::fs::read(file).ok()).map_or(USUAL, |text| Self::read(&text))
    }

    fn read(text: &[u8]) -> Self {
        let place = serde_json::from_slice::<Self>(text).unwrap_or(USUAL);
        let within = |value: f32, least: f32| (least..=MOST).contains(&value);
        let fits = within(place.size.0, LEAST.0) && within(place.size.1, LEAST.1);
        let seen = place.position.is_none_or(|(x, y)| x.abs() <= MOST && y.abs() <= MOST);
        if fits && seen { place } else { USUAL }
    }

    /// As it is now.
    #[must_use]
    pub fn now(context: &Context, before: Self) -> Self {
        context.input(|input| {
            let viewport = input.viewport();
            let maximized = viewport.maximized.unwrap_or(false) || viewport.fullscreen.unwrap_or(false);
            match (viewport.inner_rect, viewport.outer_rect) {
                // What a maximised window goes back to is what it was before.
                _ if maximized => Self { maximized, ..before },
                (Some(inner), outer) if inner.width() >= LEAST.0 && inner.height() >= LEAST.1 => Self {
                    position: outer.map(|outer| (outer.left(), outer.top())),
                    size: (inner.width(), inner.height()),
                    maximized,
                },
                _ => Self { maximized, ..before },
            }
        })
    }

    #[must_use]
    pub fn apply(self, viewport: ViewportBuilder) -> ViewportBuilder {
        let viewport = viewport
            .with_inner_size(vec2(self.size.0, self.size.1))
            .with_min_inner_size(vec2(LEAST.0, LEAST.1))
            .with_maximized(self.maximized);
        match self.position {
            Some((x, y)) => viewport.with_position(pos2(x, y)),
            None => viewport,
        }
    }

    #[must_use]
    pub fn has_position(self) -> bool {
        self.position.is_some()
    }

    /// At the end. That it can't be kept is no reason to keep anybody from going home.
    pub fn keep(self) {
        let kept = file().ok_or_else(|| std::io::Error::other("there is no home folder")).and_then(|file| {
            std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
            std::fs::write(file, serde_json::to_vec(&self)?)
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "the window's place is not remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_kept_a_window_opens_that_can_be_seen() {
        let place = Place { position: Some((10.0, 20.0)), size: (900.0, 600.0), maximized: true };
        assert_eq!(Place::read(&serde_json::to_vec(&place).unwrap()), place);
        for bad in [
            "",
            "{}",
            r#"{"position":null,"size":[1,1],"maximized":false}"#,
            r#"{"position":[1e30,0],"size":[900,600],"maximized":false}"#,
            r#"{"position":null,"size":[900,1e30],"maximized":false}"#,
        ] {
            assert_eq!(Place::read(bad.as_bytes()), USUAL, "{bad}");
        }
    }
}
