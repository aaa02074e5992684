//! `GetItem` (MS-OXWSCORE 3.1.4.4): items with the properties asked for.

use super::client::Mailbox;
use super::error::EwsError;
use super::ids::ItemId;
use super::item::Item;
use super::property::FieldUri;
use super::property::{PropertyPath, names};
use super::soap::read::Ns;
use super::soap::write::Writer;
use super::transport::Expect;

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

impl ItemShape {
    fn asks_for_content(&self) -> bool {
        self.include_mime_content || self.additional.contains(&PropertyPath::Field(FieldUri::MimeContent))
    }

    fn write(&self, to: &mut Writer) {
        to.start("m:ItemShape").element("t:BaseShape", self.base.as_str());
        if self.include_mime_content {
            to.boolean("t:IncludeMimeContent", true);
        }
        if let Some(body_type) = self.body_type {
            to.element("t:BodyType", body_type.as_str());
        }
        if let Some(filter) = self.filter_html_content {
            to.boolean("t:FilterHtmlContent", filter);
        }
        if let Some(convert) = self.convert_html_code_page_to_utf8 {
            to.boolean("t:ConvertHtmlCodePageToUTF8", convert);
        }
        PropertyPath::write_additional(&self.additional, to);
        to.end();
    }
}

impl Mailbox {
    /// One result for each id, in their order.
    pub async fn get_item(&self, ids: &[ItemId], shape: &ItemShape) -> Result<Vec<Result<Item, EwsError>>, EwsError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut request = self.envelope();
        request.start("m:GetItem");
        shape.write(&mut request);
        ItemId::write_list(ids, &mut request);
        request.end();
        let expect = if shape.asks_for_content() { Expect::Content } else { Expect::Text };
        self.call(
            "GetItem",
            request,
            ids.len(),
            expect,
            || None,
            |reader, element, item| {
                if element.name() == (Ns::Messages, "Items") {
                    reader.children(|reader, _| {
                        *item = Some(Item::read(reader)?);
                        Ok(())
                    })?;
                }
                Ok(())
            },
        )
        .await
    }
}
