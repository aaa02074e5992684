//! `GetItem` (MS-OXWSCORE 3.1.4.4): items with the properties asked for.

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::ItemId;
use super::item::Item;
use super::property::{PropertyPath, names};

/// `m:ItemShape`: what to return of each item.
#[derive(Debug, Clone, Default)]
pub struct ItemShape {
    pub base: BaseShape,
    /// The item as MIME, made by the server as it is at this moment.
    pub include_mime_content: bool,
    /// `None` is the server's choice: the richest form there is.
    pub body_type: Option<BodyTypeResponse>,
    /// `true` removes what may be dangerous in an HTML body. The server's default is not to filter.
    pub filter_html_content: Option<bool>,
    /// Whether an HTML body that was stored in another charset says UTF-8 in its `meta` element. The server's
    /// default is `true`.
    pub convert_html_code_page_to_utf8: Option<bool>,
    pub additional: Vec<PropertyPath>,
}

impl ItemShape {
    /// The id and these properties.
    #[must_use]
    pub fn of(additional: Vec<PropertyPath>) -> Self {
        Self { additional, ..Self::default() }
    }
}

/// `t:DefaultShapeNamesType`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BaseShape {
    #[default]
    IdOnly,
    Default,
    AllProperties,
}

impl BaseShape {
    /// The word in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IdOnly => "IdOnly",
            Self::Default => "Default",
            Self::AllProperties => "AllProperties",
        }
    }
}

names! {
    /// `t:BodyTypeResponseType`
    BodyTypeResponse {
        Best = "Best",
        Html = "HTML",
        Text = "Text",
    }
}

impl Mailbox {
    /// One result for each id, in their order.
    pub async fn get_item(&self, ids: &[ItemId], shape: &ItemShape) -> Result<Vec<Result<Item, EwsError>>, EwsError> {
        todo!()
    }
}
