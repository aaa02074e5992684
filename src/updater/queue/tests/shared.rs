//! What a shared queue promises beside: several updaters work on it, and its database may be away for a while.
