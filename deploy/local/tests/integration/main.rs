//! Tests of the local cloud from outside, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_input;
mod binary;
mod client;
mod cloud;
mod events;
mod jobs;
mod keys;
mod objects;
mod refusals;
mod retries;
mod stand_in;
