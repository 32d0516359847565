//! The loops over samples that are measurably worth instructions of their own: the only module with
//! `unsafe`, which does nothing but call a function compiled for AVX2 after asking the processor.
//!
//! Every kernel has a portable twin and gives the same bytes as it.
#![allow(unsafe_code, reason = "see above; every other module is without")]

mod idct;

pub(super) use idct::{Dequantiser, row_of_blocks};
