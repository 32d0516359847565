//! The function from outside: its runtime over real connections, and its real binary.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod binary;
mod completions;
mod counted;
mod ends;
mod faults;
mod http;
mod matrix;
mod metrics;
mod place;
mod proxy;
mod readme;
mod render;
mod runtime;
mod senders;
mod serving;
mod transcripts;
