//! `ConvertId` (MS-OXWSCVTID): identifiers of items and folders in the forms that other programs know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use super::{Context, Operation, list};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::Session;
use crate::sandbox::store::ids::{self, Id, IdKind};

pub struct ConvertId {
    ids: Vec<AlternateId>,
    to: String,
}

struct AlternateId {
    format: String,
    id: String,
    mailbox: String,
}

impl Operation for ConvertId {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        let attribute = |node: Node<'_, '_>, name| node.attribute(name).unwrap_or_default().to_owned();
        let id = |node: Node<'_, '_>| AlternateId {
            format: attribute(node, "Format"),
            id: attribute(node, "Id"),
            mailbox: attribute(node, "Mailbox"),
        };
        Ok(Self { ids: list(node, "SourceIds").map(id).collect(), to: attribute(node, "DestinationFormat") })
    }

    fn parts(&self) -> usize {
        self.ids.len()
    }

    async fn execute(self, _: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let mut answer = Answer::new(name);
        for source in &self.ids {
            let converted = parse(&source.format, &source.id).and_then(|id| write(&self.to, &id));
            answer.outcome(converted, |xml, id| {
                xml.empty(
                    "m:AlternateId",
                    &[
                        ("xsi:type", "t:AlternateIdType"),
                        ("Format", &self.to),
                        ("Id", &id),
                        ("Mailbox", &source.mailbox),
                    ],
                );
            });
        }
        Ok(answer.finish())
    }
}

fn parse(format: &str, text: &str) -> Result<Id, Problem> {
    let entry = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| ids::from_entry(&bytes));
    let id = match format {
        "EntryId" => entry(STANDARD.decode(text).ok()),
        "HexEntryId" => entry(bytes(text)),
        "OwaId" => ids::parse(&unescaped(text)).ok(),
        "StoreId" => return Err(unsupported()),
        _ => ids::parse(text).ok(),
    };
    id.ok_or_else(Problem::malformed_id)
}

fn write(format: &str, id: &Id) -> Result<String, Problem> {
    let entry = || ids::entry_of(id).ok_or_else(unsupported);
    let own = || match &id.kind {
        IdKind::Folder(folder) => ids::folder_id(&id.mailbox, *folder),
        IdKind::Item(item) => ids::item_id(&id.mailbox, *item),
        IdKind::Attachment(item, way) => ids::attachment_id(&id.mailbox, *item, way),
        IdKind::Conversation(conversation) => ids::conversation_id(&id.mailbox, *conversation),
    };
    Ok(match format {
        "EntryId" => STANDARD.encode(entry()?),
        "HexEntryId" => entry()?.iter().map(|byte| format!("{byte:02X}")).collect(),
        "OwaId" => own().replace('/', "%2F").replace('+', "%2B").replace('=', "%3D"),
        "StoreId" => return Err(unsupported()),
        _ => own(),
    })
}

fn unsupported() -> Problem {
    Problem::new("ErrorUnsupportedTypeForConversion", "The type is not supported for conversion.")
}

fn unescaped(text: &str) -> String {
    text.replace("%2F", "/").replace("%2B", "+").replace("%3D", "=")
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(byte).collect())?
}
