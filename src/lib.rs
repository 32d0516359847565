//! Event-driven thumbnails for IBM Cloud Object Storage.
//!
//! ```text
//! event -> plan -> fetch -> decode -> resize -> encode -> store -> outcome
//! ```
//!
//! Three leaves that know nothing of each other ([`events`], [`thumbnail`], [`storage`]), one flow
//! that joins them, and the shared words in [`object`].

pub mod config;
pub mod events;
pub mod object;
pub mod outcome;
pub mod plan;
pub mod process;
pub mod render;
pub mod storage;
pub mod thumbnail;
pub mod thumbnailer;
