//! `DeleteItem` (MS-OXWSCORE 3.1.4.3).

use super::client::Mailbox;
use super::client::the_one;
use super::error::EwsError;
use super::ids::ItemId;
use super::property::names;
use super::transport::Expect;

names! {
    /// `t:DisposalType`
    DeleteType {
        HardDelete = "HardDelete",
        /// Into *Recoverable Items*.
        SoftDelete = "SoftDelete",
        MoveToDeletedItems = "MoveToDeletedItems",
    }
}

impl Mailbox {
    pub async fn delete_item(&self, id: &ItemId, how: DeleteType) -> Result<(), EwsError> {
        let mut request = self.envelope();
        request
            .start("m:DeleteItem")
            .attribute("DeleteType", how.as_str())
            .attribute("SendMeetingCancellations", "SendToNone")
            .attribute("SuppressReadReceipts", "true");
        ItemId::write_list(std::slice::from_ref(id), &mut request);
        request.end();
        // Success says nothing beside.
        let results = self.call("DeleteItem", request, 1, Expect::Text, || Some(()), |_, _, _| Ok(())).await?;
        the_one(results)
    }
}
