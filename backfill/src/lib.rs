//! Replays the originals of a bucket as synthetic events, and measures what that takes.
//!
//! The three modes are one loop ([`replay`]) over one trait ([`Target`]), with another target and
//! another number in flight: a synthetic event takes exactly the way of a real one.
//!
//! | mode | target | in flight |
//! |---|---|---|
//! | sequential | the flow, in this process | 1 |
//! | parallel | the flow, in this process | 4 per core |
//! | fan-out | the function, over HTTP | 64, and fewer where it answers that this is too much |
//! | fan-out | [instances of a job](job), each the flow in its own process | 4 per core of each |
//!
//! ```text
//! originals (listed page by page) -> replay -> target -> record -> measure -> report
//! ```
//!
//! What was never delivered is found and mended by [`verify`], over an [`audit`] of the bucket.
//!
//! [`record`] holds plain values, the lines of the record file; [`measure`], [`report`] and [`compare`] work on
//! these alone, so all figures, tables and charts can be made anew from record files without any store or
//! network.

mod account;
mod advice;
pub mod args;
pub mod audit;
mod budget;
pub mod cli;
pub mod compare;
pub mod cost;
pub mod engine;
pub mod estimate;
pub mod experiment;
mod explain;
mod failures;
pub mod filter;
pub mod job;
pub mod journal;
pub mod listing;
pub mod measure;
pub mod offline;
pub mod originals;
mod pace;
pub mod plan;
mod progress;
mod prompt;
pub mod record;
pub mod replay;
pub mod report;
pub mod selection;
mod signals;
pub mod statistics;
pub mod target;
pub mod verify;

pub use replay::Replay;
pub use target::{Target, TargetError};
