//! Tests of the library from outside, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod events;
mod architecture;
mod flow;
mod storage;
