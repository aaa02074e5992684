//! The account's password at rest.
