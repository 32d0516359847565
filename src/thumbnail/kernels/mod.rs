//! The loops over samples that are measurably worth instructions of their own: the only module with
//! `unsafe`, which calls functions compiled for AVX2 after asking the processor, and in these reads
//! and writes whole registers after comparing lengths.
//!
//! Every kernel has a portable twin and gives the same bytes as it.
#![allow(unsafe_code, reason = "see above; every other module is without")]

pub(super) mod fdct;
mod idct;
pub(super) mod resample;

pub(super) use idct::{Dequantiser, row_of_blocks};

/// Whether this processor has AVX2. The standard library asks it once and remembers.
#[cfg(target_arch = "x86_64")]
fn avx2() -> bool {
    is_x86_feature_detected!("avx2")
}
