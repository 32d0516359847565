//! One binary for all tests that see the library from outside.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod storage;
