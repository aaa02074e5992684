//! An updater that has nothing but settings.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State as Extracted;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use secrecy::{ExposeSecret, SecretString};

use crate::pipe::client::Client;
use crate::pipe::listener::{Access, Listener, Peer};
use crate::pipe::types::{Problem, SettingsChange, SettingsDocument};
use crate::settings::Settings;

#[derive(Default)]
pub struct InForce {
    pub settings: Settings,
    pub password: Option<SecretString>,
    version: u32,
    /// What somebody else changes just before the next changes of ours arrive, one each.
    pub meddling: VecDeque<fn(&mut Settings)>,
}

impl InForce {
    pub fn password(&self) -> Option<&str> {
        self.password.as_ref().map(ExposeSecret::expose_secret)
    }
}

pub struct FakeUpdater {
    in_force: Arc<Mutex<InForce>>,
    folder: tempfile::TempDir,
    serving: tokio::task::JoinHandle<()>,
}

impl FakeUpdater {
    pub async fn start(settings: Settings, password: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = password.map(SecretString::from);
        let in_force = Arc::new(Mutex::new(InForce { settings, password, ..InForce::default() }));
        let routes = Router::new().route("/v1/settings", get(read).put(change)).with_state(in_force.clone());
        let listener = Listener::bind(&folder.path().join("updater.sock"), Access::default()).await.unwrap();
        let serving = tokio::spawn(async move {
            axum::serve(listener, routes.into_make_service_with_connect_info::<Peer>()).await.unwrap();
        });
        Self { in_force, folder, serving }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.folder.path().join("updater.sock")).unwrap()
    }

    pub fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap()
    }
}

impl Drop for FakeUpdater {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Context = Extracted<Arc<Mutex<InForce>>>;

async fn read(Extracted(in_force): Context) -> Response {
    let now = in_force.lock().unwrap();
    let document = SettingsDocument { settings: now.settings.clone(), password_stored: now.password.is_some() };
    ([(ETAG, format!("\"{}\"", now.version))], Json(document)).into_response()
}

async fn change(Extracted(in_force): Context, headers: HeaderMap, Json(change): Json<SettingsChange>) -> Response {
    let mut now = in_force.lock().unwrap();
    if let Some(meddle) = now.meddling.pop_front() {
        meddle(&mut now.settings);
        now.version += 1;
    }
    if headers[IF_MATCH] != format!("\"{}\"", now.version) {
        let problem = Problem { code: "x".to_owned(), message: "changed".to_owned(), temporary: false };
        return (StatusCode::PRECONDITION_FAILED, Json(problem)).into_response();
    }
    now.settings = change.settings;
    if change.password.is_some() {
        now.password = change.password;
    }
    now.version += 1;
    (StatusCode::NO_CONTENT, [(ETAG, format!("\"{}\"", now.version))]).into_response()
}
