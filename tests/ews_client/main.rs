//! The client of Exchange Web Services against a web server that follows a script: what is on the wire, what is read
//! from it, and what becomes of everything that can go wrong.

mod answers;
mod requests;
mod server;
mod sign_in;
mod tls;
mod trouble;
