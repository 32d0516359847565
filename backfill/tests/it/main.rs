//! One test binary: the loop, the HTTP target, the listing, the modes and the program itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod binary;
mod fakes;
mod http;
mod modes;
mod originals;
mod replay;
