//! Client of Exchange Web Services: one file an operation, one error type that mirrors the response codes.
