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

use fast_image_resize::{MulDiv, Resizer};

/// Whether this processor has AVX2. The standard library asks it once and remembers.
#[cfg(target_arch = "x86_64")]
fn avx2() -> bool {
    #[cfg(test)]
    if !pretend::may_use_avx2() {
        return false;
    }
    is_x86_feature_detected!("avx2")
}

/// The resizer of pixels. It asks the processor, too, and gives the same bytes on each: its sums are
/// of whole numbers.
pub(super) fn resizer() -> Resizer {
    #[allow(unused_mut, reason = "tests change it")]
    let mut resizer = Resizer::new();
    #[cfg(test)]
    // SAFETY: these are some of the extensions that it found.
    unsafe {
        resizer.set_cpu_extensions(pretend::extensions());
    }
    resizer
}

/// What multiplies and divides by alpha, likewise.
pub(super) fn mul_div() -> MulDiv {
    #[allow(unused_mut, reason = "tests change it")]
    let mut mul_div = MulDiv::new();
    #[cfg(test)]
    // SAFETY: these are some of the extensions that it found.
    unsafe {
        mul_div.set_cpu_extensions(pretend::extensions());
    }
    mul_div
}

/// Lets a test pretend that the processor can do less.
#[cfg(test)]
pub(super) mod pretend {
    use std::cell::Cell;

    use fast_image_resize::CpuExtensions;

    thread_local! {
        static MOST: Cell<Option<CpuExtensions>> = const { Cell::new(None) };
    }

    /// Runs `work` as if this thread's processor had these extensions, as far as it has them.
    pub(in super::super) fn at_most<T>(extensions: CpuExtensions, work: impl FnOnce() -> T) -> T {
        let before = MOST.replace(Some(extensions));
        let result = work();
        MOST.set(before);
        result
    }

    pub(super) fn extensions() -> CpuExtensions {
        let pretended = MOST.get().filter(CpuExtensions::is_supported);
        pretended.unwrap_or_default()
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn may_use_avx2() -> bool {
        extensions() == CpuExtensions::Avx2
    }
}
