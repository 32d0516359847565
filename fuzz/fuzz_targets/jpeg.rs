//! Any bytes to the JPEG reader, and its planes to thumbnails. What must hold is said beside the
//! reader, in `src/thumbnail/jpeg/invariants.rs`.
#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../src/thumbnail/mod.rs"]
mod thumbnail;

libfuzzer_sys::fuzz_target!(|input: &[u8]| thumbnail::hold(input));
