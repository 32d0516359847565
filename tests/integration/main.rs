//! Tests of the library from outside, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod architecture;
mod catalogue;
mod damage;
mod events;
mod flow;
mod golden;
mod model;
mod storage;
