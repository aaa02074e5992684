//! An embedded organisation that behaves as Exchange does, for trying, rehearsing and testing.
//! It imports nothing from [`crate::ews`]: it reads the wire by itself.

pub mod directory;
pub mod ews;
pub mod store;
