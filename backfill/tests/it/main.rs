//! One test binary: the loop, the HTTP target, the listing, the modes, the audit and its repair, and
//! the program itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod another_recipe;
mod audit;
mod binary;
mod cloud;
mod completions;
mod cost;
mod exit_codes;
mod experiment;
mod failures;
mod fakes;
mod http;
mod journal;
mod kills;
mod left;
mod modes;
mod offline;
mod originals;
mod races;
mod readme;
mod replay;
mod selection;
mod transcripts;
