//! Routes of the control interface; the table is in [`super`].

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    CloudSignIn, Control, ControlError, Counts, Delivery, FlagStatus, ItemFilter, Limits, MailboxState, Rule,
    RuleStatus, view,
};

pub fn router(control: Control, ca_pem: String) -> Router {
    Router::new()
        .route("/", get(about))
        .route("/ca.pem", get(|| async move { ([(header::CONTENT_TYPE, "application/x-pem-file")], ca_pem) }))
        .route("/statistics", get(statistics).delete(reset_statistics))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/limits", get(limits).put(set_limits))
        .route("/connections", delete(cut_connections))
        .route("/accounts/{upn}/impersonation", put(grant).delete(withdraw))
        .route("/accounts/{upn}/password", put(set_password))
        .route("/accounts/{upn}/cloud", get(cloud_sign_in).put(set_cloud_sign_in))
        .route("/granting-delay", put(set_granting_delay))
        .route("/granting-warning", put(set_granting_warning))
        .route("/token-lifetime", put(set_token_lifetime))
        .route("/tokens", delete(revoke_tokens))
        .route("/granting", post(finish_granting))
        .route("/mailboxes/{address}/state", get(state).put(set_state))
        .route("/mailboxes/{address}/items", get(items).post(deliver))
        .route("/mime", get(mime))
        .route("/seed", post(seed))
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(only_from_here))
        .with_state(control)
}

/// A web page that the user looks at meanwhile must not be able to command the sandbox: browsers say where a
/// request comes from, and a name that was made to lead to loopback is not ours.
async fn only_from_here(headers: HeaderMap, request: Request, next: Next) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if headers.contains_key(header::ORIGIN) || !["localhost", "127.0.0.1", "[::1]"].contains(&name) {
        return problem(StatusCode::FORBIDDEN, "the control interface takes no requests from web pages");
    }
    next.run(request).await
}

fn problem(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({ "error": message.into() }))).into_response()
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Directory(_) | Self::NoMailbox(_) | Self::NoSuchRule(_) => StatusCode::NOT_FOUND,
            Self::Rule(_) => StatusCode::BAD_REQUEST,
            Self::Store(_) | Self::Organisation(_) | Self::Show(_) | Self::Keep(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        problem(status, self.to_string())
    }
}

/// Reads JSON whatever content type curl was told to send.
#[allow(clippy::result_large_err)] // the error is the answer
fn read<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|error| problem(StatusCode::BAD_REQUEST, error.to_string()))
}

async fn about(State(control): State<Control>) -> Json<Value> {
    let organisation = control.organisation();
    let people: Vec<_> = control.directory().people().iter().map(|person| json!(**person)).collect();
    let groups: Vec<_> = control.directory().groups().iter().map(|group| json!(**group)).collect();
    Json(json!({
        "name": organisation.name,
        "domain": organisation.domain,
        "further_domains": organisation.further_domains,
        "ews_url": control.ews_url(),
        "http_ews_url": control.http_ews_url(),
        "autodiscover_url": control.autodiscover_url(),
        "ldaps_url": control.ldaps_url(),
        "ldap_url": control.ldap_url(),
        "management_url": control.management_url(),
        "powershell_url": control.powershell_url(),
        "token_authority": control.token_authority(),
        "service_account": control.service_account(),
        "administrator": control.administrator(),
        "impersonators": control.directory().impersonators(),
        "people": people,
        "groups": groups,
    }))
}

async fn statistics(State(control): State<Control>) -> Json<Counts> {
    Json(control.statistics())
}

async fn reset_statistics(State(control): State<Control>) -> StatusCode {
    control.reset_statistics();
    StatusCode::NO_CONTENT
}

async fn faults(State(control): State<Control>) -> Json<Vec<RuleStatus>> {
    Json(control.faults())
}

async fn add_fault(State(control): State<Control>, body: Bytes) -> Result<Json<Value>, Response> {
    let rule: Rule = read(&body)?;
    let id = control.add_fault(rule).map_err(IntoResponse::into_response)?;
    Ok(Json(json!({ "id": id })))
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.clear_faults();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(control): State<Control>, Path(id): Path<u64>) -> Result<StatusCode, ControlError> {
    control.remove_fault(id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn limits(State(control): State<Control>) -> Json<Limits> {
    Json(control.limits())
}

async fn set_limits(State(control): State<Control>, body: Bytes) -> Result<StatusCode, Response> {
    control.set_limits(read(&body)?);
    Ok(StatusCode::NO_CONTENT)
}

async fn cut_connections(State(control): State<Control>) -> StatusCode {
    control.cut_connections();
    StatusCode::NO_CONTENT
}

async fn grant(State(control): State<Control>, Path(upn): Path<String>) -> Result<StatusCode, ControlError> {
    control.grant_impersonation(&upn)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn withdraw(State(control): State<Control>, Path(upn): Path<String>) -> Result<StatusCode, ControlError> {
    control.withdraw_impersonation(&upn)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_granting_delay(State(control): State<Control>, body: Bytes) -> Result<StatusCode, Response> {
    let seconds: u64 = read(&body)?;
    control.set_granting_delay(std::time::Duration::from_secs(seconds));
    Ok(StatusCode::NO_CONTENT)
}

async fn set_granting_warning(State(control): State<Control>, body: Bytes) -> Result<StatusCode, Response> {
    control.set_granting_warning(read(&body)?);
    Ok(StatusCode::NO_CONTENT)
}

async fn set_token_lifetime(State(control): State<Control>, body: Bytes) -> Result<StatusCode, Response> {
    let seconds: u64 = read(&body)?;
    control.set_token_lifetime(std::time::Duration::from_secs(seconds));
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_tokens(State(control): State<Control>) -> StatusCode {
    control.revoke_tokens();
    StatusCode::NO_CONTENT
}

async fn finish_granting(State(control): State<Control>) -> StatusCode {
    control.finish_granting();
    StatusCode::NO_CONTENT
}

async fn set_password(
    State(control): State<Control>,
    Path(upn): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Response> {
    let password: String = read(&body)?;
    control.set_password(&upn, SecretString::from(password)).map_err(IntoResponse::into_response)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cloud_sign_in(
    State(control): State<Control>,
    Path(upn): Path<String>,
) -> Result<Json<CloudSignIn>, ControlError> {
    Ok(Json(control.cloud_sign_in(&upn)?))
}

async fn set_cloud_sign_in(
    State(control): State<Control>,
    Path(upn): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Response> {
    control.set_cloud_sign_in(&upn, read(&body)?).map_err(IntoResponse::into_response)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn state(
    State(control): State<Control>,
    Path(address): Path<String>,
) -> Result<Json<MailboxState>, ControlError> {
    Ok(Json(control.state(&address)?))
}

async fn set_state(
    State(control): State<Control>,
    Path(address): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Response> {
    control.set_state(&address, read(&body)?).map_err(IntoResponse::into_response)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemsQuery {
    folder: Option<String>,
    message_id: Option<String>,
    #[serde(default)]
    content: bool,
}

async fn items(
    State(control): State<Control>,
    Path(address): Path<String>,
    Query(query): Query<ItemsQuery>,
) -> Result<Json<Vec<Value>>, ControlError> {
    let filter = ItemFilter { folder: query.folder, message_id: query.message_id, without_content: false };
    let items = control.items(&address, &filter).await?;
    let shown: Result<Vec<_>, _> = items.into_iter().map(|item| view::item(item, query.content)).collect();
    Ok(Json(shown?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliverQuery {
    #[serde(default = "sent_items")]
    folder: String,
    #[serde(default)]
    unread: bool,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    flag: FlagStatus,
    #[serde(default)]
    categories: String,
}

fn sent_items() -> String {
    "sentitems".to_owned()
}

async fn deliver(
    State(control): State<Control>,
    Path(address): Path<String>,
    Query(query): Query<DeliverQuery>,
    body: Bytes,
) -> Result<Json<Value>, ControlError> {
    let categories = query.categories.split(',').map(str::trim).filter(|name| !name.is_empty());
    let delivery = Delivery {
        read: !query.unread,
        draft: query.draft,
        flag: query.flag,
        categories: categories.map(str::to_owned).collect(),
        ..Delivery::default()
    };
    let item_id = control.deliver(&address, &query.folder, body, delivery).await?;
    Ok(Json(json!({ "item_id": item_id })))
}

#[derive(Deserialize)]
struct MimeQuery {
    item_id: String,
}

async fn mime(State(control): State<Control>, Query(query): Query<MimeQuery>) -> Result<Response, ControlError> {
    Ok(match control.mime(&query.item_id).await? {
        Some(mime) => ([(header::CONTENT_TYPE, "message/rfc822")], mime).into_response(),
        None => problem(StatusCode::NOT_FOUND, "there is no such item"),
    })
}

async fn seed(State(control): State<Control>) -> Result<Json<Value>, ControlError> {
    let stored = control.seed().await?;
    Ok(Json(json!({ "stored": stored })))
}
