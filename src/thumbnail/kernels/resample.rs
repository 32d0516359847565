//! The two passes of a separable resampling, in 16-bit fixed point.
//!
//! Samples between the passes are 16-bit: less 128, so that 0 is in the middle, and with
//! [`FRACTION_BITS`] bits behind the point. That leaves room for overshoot to 4 times the range,
//! beyond which they saturate. Weights have [`WEIGHT_BITS`] bits behind the point. Sums are 32-bit
//! and exact; each is rounded once. So the order of additions, which differs between the kernels,
//! cannot change a result.

/// Bits behind the point of samples between passes.
pub(in super::super) const FRACTION_BITS: u32 = 6;

/// Bits behind the point of weights: those of one target sample add up to `1 << WEIGHT_BITS`.
pub(in super::super) const WEIGHT_BITS: u32 = 14;

/// Target samples that the horizontal pass computes at once.
const GROUP: usize = 8;

/// The weights of each target sample of [`Taps`] are a multiple of these: half a register of AVX2.
const CHUNK: usize = 8;

/// The most that the magnitudes of a target sample's weights may add up to, so that no sum of
/// weighted samples, at most `32,768 * MAX_WEIGHT_SUM + rounding`, exceeds 31 bits.
const MAX_WEIGHT_SUM: u32 = 3 << WEIGHT_BITS;

/// For each target sample along one axis, the source samples that it is made of.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Taps {
    /// First source sample of each target sample; [`GROUP`]s are filled up with the last one's.
    starts: Vec<u32>,
    /// How many weights each has: a multiple of [`CHUNK`].
    per_target: usize,
    /// Those of all target samples, one after the other.
    weights: Vec<i16>,
    /// How many target samples there are.
    targets: usize,
    /// Source samples that must be there, or padding: no start plus `per_target` is beyond.
    reach: usize,
}

impl Taps {
    /// Asks for the weights of each target sample, to be added to a list, and for the first source
    /// sample that they belong to. Their magnitudes must add up to [`MAX_WEIGHT_SUM`] at most.
    pub(in super::super) fn new(
        targets: usize,
        mut of: impl FnMut(usize, &mut Vec<i16>) -> u32,
    ) -> Self {
        let filled = targets.next_multiple_of(GROUP);
        let mut list = Vec::with_capacity(targets * 2 * CHUNK);
        let mut starts = Vec::with_capacity(filled);
        let mut ends = Vec::with_capacity(targets);
        let mut longest = 1;
        for n in 0..targets {
            let before = list.len();
            starts.push(of(n, &mut list));
            ends.push(list.len());
            debug_assert!(
                list[before..]
                    .iter()
                    .map(|w| u32::from(w.unsigned_abs()))
                    .sum::<u32>()
                    <= MAX_WEIGHT_SUM,
                "sums could exceed 31 bits"
            );
            longest = longest.max(list.len() - before);
        }
        let per_target = longest.next_multiple_of(CHUNK);
        let mut weights = vec![0; filled * per_target];
        let mut begin = 0;
        for (slot, end) in weights.chunks_exact_mut(per_target).zip(ends) {
            slot[..end - begin].copy_from_slice(&list[begin..end]);
            begin = end;
        }
        starts.resize(filled, starts.last().copied().unwrap_or(0));
        let furthest = starts.iter().max().copied().unwrap_or(0);
        Self {
            starts,
            per_target,
            weights,
            targets,
            reach: furthest as usize + per_target,
        }
    }

    /// How many target samples there are.
    pub(in super::super) fn targets(&self) -> usize {
        self.targets
    }

    /// How long a row must be that the horizontal pass reads: what lies behind the source samples
    /// is weighted with 0.
    pub(in super::super) fn reach(&self) -> usize {
        self.reach
    }

    /// The first source sample of a target sample, and its weights without the zeros at the end;
    /// an even number.
    pub(in super::super) fn of(&self, target: usize) -> (usize, &[i16]) {
        let weights = &self.weights[target * self.per_target..][..self.per_target];
        let used = weights
            .iter()
            .rposition(|&w| w != 0)
            .map_or(1, |last| last + 1);
        (
            self.starts[target] as usize,
            &weights[..used.next_multiple_of(2)],
        )
    }
}

/// A sample that the vertical pass reads.
///
/// # Safety
///
/// It is `u8` or `i16`.
pub(in super::super) unsafe trait Sample: Copy + Into<i16> {
    /// The sum that stands for 0, before any weighted sample is added: takes away the 128 of 8-bit
    /// samples, and rounds.
    const BIAS: i32;
    /// Bits by which the sum is too long.
    const SHIFT: i32;
}

/// A sample as decoded, 0 to 255.
// SAFETY: it is one of the two.
unsafe impl Sample for u8 {
    const BIAS: i32 = (1 << (Self::SHIFT - 1)) - (128 << WEIGHT_BITS);
    const SHIFT: i32 = (WEIGHT_BITS - FRACTION_BITS).cast_signed();
}

/// A sample between passes.
// SAFETY: it is one of the two.
unsafe impl Sample for i16 {
    const BIAS: i32 = 1 << (Self::SHIFT - 1);
    const SHIFT: i32 = WEIGHT_BITS.cast_signed();
}

/// The vertical pass for one target row: the weighted sum of the rows of `plane` from `first` on.
///
/// `plane` has rows of `stride` samples, of which the first `target.len()` are read. Behind the last
/// row, which an odd weight may ask for, the row before stands in.
///
/// # Panics
///
/// If `plane` has too few rows.
pub(in super::super) fn columns<S: Sample>(
    plane: &[S],
    stride: usize,
    (first, weights): (usize, &[i16]),
    target: &mut [i16],
) {
    #[cfg(target_arch = "x86_64")]
    if super::avx2() && target.len() >= avx2::WIDTH {
        // SAFETY: AVX2 is there.
        unsafe { avx2::columns(plane, stride, (first, weights), target) };
        return;
    }
    portable::columns(plane, stride, (first, weights), target);
}

/// The horizontal pass for one row. `source` is at least [`Taps::reach`] long, `target` exactly
/// [`Taps::targets`].
///
/// # Panics
///
/// If one of them has another length.
pub(in super::super) fn rows(source: &[i16], taps: &Taps, target: &mut [i16]) {
    assert!(source.len() >= taps.reach && target.len() == taps.targets);
    #[cfg(target_arch = "x86_64")]
    if super::avx2() {
        // SAFETY: AVX2 is there, and the lengths have been compared.
        unsafe { avx2::rows(source, taps, target) };
        return;
    }
    portable::rows(source, taps, target);
}

/// The two row numbers of the pair of weights that begins at `pair`; the second may not exist.
fn pair_of_rows(first: usize, pair: usize, rows: usize) -> (usize, usize) {
    let row = first + pair;
    (row, (row + 1).min(rows - 1))
}

fn saturated(sum: i32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "it is clamped to 16 bits")]
    let value = sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    value
}

mod portable {
    use super::{GROUP, Sample, Taps, pair_of_rows, saturated};

    pub(super) fn columns<S: Sample>(
        plane: &[S],
        stride: usize,
        (first, weights): (usize, &[i16]),
        target: &mut [i16],
    ) {
        let rows = plane.len() / stride;
        let width = target.len();
        // Piece by piece, so that the sums stay in the first-level cache.
        for (piece, target) in target.chunks_mut(64).enumerate() {
            let mut sums = [S::BIAS; 64];
            for pair in (0..weights.len()).step_by(2) {
                let (a, b) = pair_of_rows(first, pair, rows);
                let (wa, wb) = (i32::from(weights[pair]), i32::from(weights[pair + 1]));
                let upper = &plane[a * stride..][..width][piece * 64..][..target.len()];
                let lower = &plane[b * stride..][..width][piece * 64..][..target.len()];
                for ((sum, &upper), &lower) in sums.iter_mut().zip(upper).zip(lower) {
                    let (upper, lower): (i16, i16) = (upper.into(), lower.into());
                    *sum += i32::from(upper) * wa + i32::from(lower) * wb;
                }
            }
            for (sample, sum) in target.iter_mut().zip(sums) {
                *sample = saturated(sum >> S::SHIFT);
            }
        }
    }

    pub(super) fn rows(source: &[i16], taps: &Taps, target: &mut [i16]) {
        let groups = taps.starts.chunks_exact(GROUP).flatten();
        let weights = taps.weights.chunks_exact(taps.per_target);
        for ((sample, &start), weights) in target.iter_mut().zip(groups).zip(weights) {
            let sum: i32 = source[start as usize..]
                .iter()
                .zip(weights)
                .map(|(&v, &w)| i32::from(v) * i32::from(w))
                .sum();
            *sample = saturated((sum + i16::BIAS) >> i16::SHIFT);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm_madd_epi16, _mm_packs_epi32, _mm_storeu_si128,
        _mm256_add_epi32, _mm256_castsi256_si128, _mm256_cvtepu8_epi16, _mm256_extracti128_si256,
        _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_loadu2_m128i, _mm256_madd_epi16,
        _mm256_packs_epi32, _mm256_permute2x128_si256, _mm256_permutevar8x32_epi32,
        _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_si256, _mm256_srai_epi32,
        _mm256_storeu_si256, _mm256_unpackhi_epi16, _mm256_unpacklo_epi16, _mm256_zextsi128_si256,
    };

    use super::{CHUNK, GROUP, Sample, Taps};

    /// Samples in a register.
    pub(super) const WIDTH: usize = 16;

    /// Sixteen samples as 16-bit numbers.
    ///
    /// # Safety
    ///
    /// `at` points to sixteen samples.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn load<S: Sample>(at: *const S) -> __m256i {
        // SAFETY: sixteen samples are 16 or 32 bytes, by their size.
        unsafe {
            if size_of::<S>() == 1 {
                _mm256_cvtepu8_epi16(_mm_loadu_si128(at.cast()))
            } else {
                _mm256_loadu_si256(at.cast())
            }
        }
    }

    /// As [`super::columns`], for targets of at least [`WIDTH`].
    #[target_feature(enable = "avx2")]
    pub(super) fn columns<S: Sample>(
        plane: &[S],
        stride: usize,
        (first, weights): (usize, &[i16]),
        target: &mut [i16],
    ) {
        let rows = plane.len() / stride;
        let width = target.len();
        assert!(WIDTH <= width && width <= stride && weights.len() % 2 == 0);
        assert!(weights.is_empty() || first + weights.len() - 2 < rows);
        // The last step overlaps the one before where the width is no multiple of its own.
        let mut x = 0;
        loop {
            // SAFETY: by the first assertion, `x + N * WIDTH` is at most the width, thus within
            // every row of plane and within the target; by the second one, all row numbers that
            // `pair_of_rows` gives are below `rows`.
            unsafe {
                if x + 4 * WIDTH <= width {
                    step::<S, 4>(plane, stride, first, weights, rows, x, target);
                    x += 4 * WIDTH;
                } else {
                    x = x.min(width - WIDTH);
                    step::<S, 1>(plane, stride, first, weights, rows, x, target);
                    x += WIDTH;
                }
            }
            if x == width {
                break;
            }
        }
    }

    /// `N` registers of target samples from `x` on.
    ///
    /// # Safety
    ///
    /// `x + N * WIDTH` is within the target and the rows; the rows are within the plane.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn step<S: Sample, const N: usize>(
        plane: &[S],
        stride: usize,
        first: usize,
        weights: &[i16],
        rows: usize,
        x: usize,
        target: &mut [i16],
    ) {
        let mut sums = [[_mm256_set1_epi32(S::BIAS); 2]; N];
        let Some((last, pairs)) = weights.as_chunks().0.split_last() else {
            return;
        };
        // SAFETY: the caller says that all rows but perhaps the last one are there.
        unsafe {
            let mut upper = plane.as_ptr().add(first * stride + x);
            for pair in pairs {
                add(&mut sums, upper, upper.add(stride), *pair);
                upper = upper.add(2 * stride);
            }
            let beyond = first + weights.len() > rows;
            let lower = if beyond { upper } else { upper.add(stride) };
            add(&mut sums, upper, lower, *last);
        }
        for (n, sums) in sums.into_iter().enumerate() {
            let [low, high] = sums.map(|sums| {
                if S::SHIFT == i16::SHIFT {
                    _mm256_srai_epi32::<{ <i16 as Sample>::SHIFT }>(sums)
                } else {
                    _mm256_srai_epi32::<{ <u8 as Sample>::SHIFT }>(sums)
                }
            });
            // Packing undoes the order in which unpacking left the samples.
            let samples = _mm256_packs_epi32(low, high);
            // SAFETY: the caller says so.
            unsafe {
                let at = target.as_mut_ptr().add(x + n * WIDTH);
                _mm256_storeu_si256(at.cast(), samples);
            }
        }
    }

    /// Adds two weighted rows.
    ///
    /// # Safety
    ///
    /// Both rows have `N * WIDTH` samples.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn add<S: Sample, const N: usize>(
        sums: &mut [[__m256i; 2]; N],
        upper: *const S,
        lower: *const S,
        [a, b]: [i16; 2],
    ) {
        let both = _mm256_set1_epi32(i32::from(b) << 16 | i32::from(a.cast_unsigned()));
        for (n, [low, high]) in sums.iter_mut().enumerate() {
            // SAFETY: the caller says so.
            let (upper, lower) =
                unsafe { (load(upper.add(n * WIDTH)), load(lower.add(n * WIDTH))) };
            let pairs = _mm256_unpacklo_epi16(upper, lower);
            *low = _mm256_add_epi32(*low, _mm256_madd_epi16(pairs, both));
            let pairs = _mm256_unpackhi_epi16(upper, lower);
            *high = _mm256_add_epi32(*high, _mm256_madd_epi16(pairs, both));
        }
    }

    /// As [`super::rows`].
    ///
    /// # Safety
    ///
    /// `source` is at least as long as the reach of `taps`.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn rows(source: &[i16], taps: &Taps, target: &mut [i16]) {
        // SAFETY: the caller says so.
        unsafe {
            match taps.per_target / CHUNK {
                1 => rows_by::<1>(source, taps, target),
                2 => rows_by::<2>(source, taps, target),
                3 => rows_by::<3>(source, taps, target),
                _ => rows_by::<0>(source, taps, target),
            }
        }
    }

    /// With `CHUNKS` chunks of weights for each target sample, or, if that is 0, with any number.
    ///
    /// # Safety
    ///
    /// `source` is at least as long as the reach of `taps`, and `CHUNKS` is right.
    #[target_feature(enable = "avx2")]
    unsafe fn rows_by<const CHUNKS: usize>(source: &[i16], taps: &Taps, target: &mut [i16]) {
        let per_target = match CHUNKS {
            0 => taps.per_target,
            _ => CHUNKS * CHUNK,
        };
        let bias = _mm256_set1_epi32(i16::BIAS);
        let groups = taps.starts.as_chunks::<GROUP>().0;
        let weights = taps.weights.chunks_exact(GROUP * per_target);
        for ((starts, weights), target) in groups.iter().zip(weights).zip(target.chunks_mut(GROUP))
        {
            // SAFETY: starts plus all weights of one target sample are within the reach of the taps
            // and with it within the source; the weights of a group are GROUP times as many.
            let sums = unsafe {
                let at = starts.map(|start| source.as_ptr().add(start as usize));
                let weights = weights.as_ptr();
                if CHUNKS == 1 {
                    // The low halves belong to targets 0, 2, 4, 6, the high halves to 1, 3, 5, 7.
                    let two = |n: usize| {
                        let samples = _mm256_loadu2_m128i(at[n + 1].cast(), at[n].cast());
                        let weights = _mm256_loadu_si256(weights.add(n * CHUNK).cast());
                        _mm256_madd_epi16(samples, weights)
                    };
                    let sums = [two(0), two(2), two(4), two(6)];
                    let sums = halves(sums);
                    _mm256_permutevar8x32_epi32(sums, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
                } else {
                    let one = |n: usize| {
                        let mut sum = _mm256_setzero_si256();
                        let weights = weights.add(n * per_target);
                        let pairs_of_chunks = per_target / (2 * CHUNK);
                        for pair in 0..pairs_of_chunks {
                            let from = pair * 2 * CHUNK;
                            let samples = _mm256_loadu_si256(at[n].add(from).cast());
                            let weights = _mm256_loadu_si256(weights.add(from).cast());
                            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(samples, weights));
                        }
                        if per_target % (2 * CHUNK) != 0 {
                            let from = pairs_of_chunks * 2 * CHUNK;
                            let samples = _mm_loadu_si128(at[n].add(from).cast());
                            let weights = _mm_loadu_si128(weights.add(from).cast());
                            let products = _mm_madd_epi16(samples, weights);
                            sum = _mm256_add_epi32(sum, _mm256_zextsi128_si256(products));
                        }
                        sum
                    };
                    let first = halves([one(0), one(1), one(2), one(3)]);
                    let second = halves([one(4), one(5), one(6), one(7)]);
                    _mm256_add_epi32(
                        _mm256_permute2x128_si256::<0x20>(first, second),
                        _mm256_permute2x128_si256::<0x31>(first, second),
                    )
                }
            };
            let sums = _mm256_add_epi32(sums, bias);
            let sums = _mm256_srai_epi32::<{ <i16 as Sample>::SHIFT }>(sums);
            let samples: __m128i = _mm_packs_epi32(
                _mm256_castsi256_si128(sums),
                _mm256_extracti128_si256::<1>(sums),
            );
            let mut group = [0_i16; GROUP];
            let whole = target.len() == GROUP;
            let at = if whole {
                target.as_mut_ptr()
            } else {
                group.as_mut_ptr()
            };
            // SAFETY: either is as long as the register.
            unsafe { _mm_storeu_si128(at.cast(), samples) };
            if !whole {
                target.copy_from_slice(&group[..target.len()]);
            }
        }
    }

    /// The sums of the lower and of the upper four numbers of each register.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn halves([a, b, c, d]: [__m256i; 4]) -> __m256i {
        _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
