//! Tests of the local cloud from outside, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod api;
mod bad_input;
mod binary;
mod client;
mod cloud;
mod completions;
mod events;
mod experiment;
mod gated;
mod instances;
mod job_cloud;
mod job_ends;
mod jobs;
mod keys;
mod letters;
mod mischief;
mod objects;
mod page;
mod refusals;
mod retries;
mod stand_in;
mod tokens;
mod transcripts;
