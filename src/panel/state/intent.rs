//! What the person at the screen wants. Views return it; [`crate::panel::app`] sees to it.

use uuid::Uuid;

use super::{Side, Sorting, Span};
use crate::pipe::types::State as MessageState;
use crate::settings::SendersScope;

/// A dialog that can be opened.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    Settings(Tab),
    /// *Configure*, *Click to change* and *Change…* of the account.
    Wizard,
    /// *Scope of updated mailboxes*, with what stands in the Settings window at the moment. It answers with
    /// [`Intent::ScopeChosen`].
    Scope(SendersScope),
    ImpersonationTest,
    /// *Register…* and *Register again…*: this updater gets a share in the organisation's configuration.
    Register,
    /// *Remove…*: an updater loses it.
    Remove(Uuid),
    /// *Leave…*, where the share is lost already.
    Leave,
    Diagnostics,
    About,
}

/// Tabs of the Settings window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tab {
    General,
    MessageSplitting,
    SentItemsUpdate,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Opens it above what is open.
    Open(Dialog),
    /// Closes the dialog that returned this.
    Close,
    /// Puts a text on the clipboard.
    Copy(String),
    /// Connects to the updater at once instead of when the pause is over.
    TryNow,
    /// OK in the scope dialog: the Settings window takes it over and sends it with the rest.
    ScopeChosen(SendersScope),
    /// The settings of the updater, or whom it shares them with, were changed: they are to be read again.
    Configured,
    /// Something that the person must see although the dialog that it came from is gone.
    Tell(super::Notice),
    /// The notice of this number was read.
    Dismiss(usize),
    /// Starts the updater (M2).
    StartUpdater,
    /// Shows only these messages.
    Filter {
        state: Option<MessageState>,
        search: String,
    },
    Sort(Sorting),
    /// The list's end came into sight.
    More,
    /// Reads the list again after it could not be read.
    Reload,
    Select(Option<i64>),
    /// Shows this side of the selected message; again, it is fetched anew.
    Look(Side),
    Retry(i64),
    RetryFailed,
    Plot(Span),
    /// Submits the sandbox's sample messages.
    SendSamples,
}
