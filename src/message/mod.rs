//! The processed message: what arrived, from whom, of which kind, and what the sender's copy should show.
//! No I/O happens here.

mod problem;

pub use problem::MessageProblem;
