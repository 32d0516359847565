//! The fixed tables of T.81: zig-zag order and Annex K's quantisation, by libjpeg's quality scale.

use super::super::super::kernels::fdct::SAMPLES;

/// Where the coefficient at each place of the zig-zag order (T.81, figure 5) is found in a block
/// that is stored column by column: vertical frequency v and horizontal frequency u at `8 * u + v`.
pub(super) const ZIGZAG: [u8; SAMPLES] = zigzag();

/// [`ZIGZAG`] for masks: the bits of one column, moved to their places of the zig-zag order. The mask
/// of a block is the union of its eight columns.
pub(super) static MASKS: [[u64; 256]; 8] = masks();

/// Luminance and chrominance (T.81, tables K.1 and K.2), row by row.
const ANNEX_K: [[u8; SAMPLES]; 2] = [
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69,
        56, 14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81,
        104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ],
    [
        17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99,
        99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    ],
];

/// Quantisation values for luminance and chrominance at a quality of 1 to 100 on libjpeg's scale,
/// column by column.
pub(super) fn quantisation(quality: u8) -> [[u8; SAMPLES]; 2] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    ANNEX_K.map(|table| {
        std::array::from_fn(|n| {
            let (u, v) = (n / 8, n % 8);
            let value = (u32::from(table[8 * v + u]) * percent + 50) / 100;
            // Baseline has 8-bit values, and none is 0.
            u8::try_from(value.max(1)).unwrap_or(u8::MAX)
        })
    })
}

const fn zigzag() -> [u8; SAMPLES] {
    let mut order = [0; SAMPLES];
    let (mut n, mut u, mut v) = (0, 0_u8, 0_u8);
    while n < SAMPLES {
        order[n] = 8 * u + v;
        n += 1;
        // Even diagonals are walked upwards to the right, odd ones downwards to the left.
        if (u + v).is_multiple_of(2) {
            if u == 7 {
                v += 1;
            } else if v == 0 {
                u += 1;
            } else {
                u += 1;
                v -= 1;
            }
        } else if v == 7 {
            u += 1;
        } else if u == 0 {
            v += 1;
        } else {
            u -= 1;
            v += 1;
        }
    }
    order
}

const fn masks() -> [[u64; 256]; 8] {
    let mut masks = [[0; 256]; 8];
    let mut n = 0;
    while n < SAMPLES {
        let (u, v) = ((ZIGZAG[n] / 8) as usize, ZIGZAG[n] % 8);
        let mut bits = 0;
        while bits < 256 {
            if bits >> v & 1 == 1 {
                masks[u][bits] |= 1 << n;
            }
            bits += 1;
        }
        n += 1;
    }
    masks
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_zig_zag_order_begins_and_ends_as_in_figure_5() {
        // As (u, v).
        let begins = [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1), (2, 0), (3, 0)];
        for (place, (u, v)) in begins.into_iter().enumerate() {
            assert_eq!(ZIGZAG[place], 8 * u + v, "{place}");
        }
        let ends = [(5, 7), (6, 7), (7, 6), (7, 7)].map(|(u, v)| 8 * u + v);
        assert_ne!(
            ZIGZAG[60..],
            ends,
            "6,7 comes after 7,6 on an even diagonal"
        );
        let mut every = ZIGZAG;
        every.sort_unstable();
        assert!(every.iter().copied().eq(0..64));
    }

    #[test]
    fn quality_scales_as_libjpeg_does() {
        let of = |quality| quantisation(quality)[0];
        assert_eq!(
            of(50)[..3],
            [16, 12, 14],
            "the table itself, down its first column"
        );
        assert_eq!(of(75)[..3], [8, 6, 7]);
        assert_eq!(of(100), [1; SAMPLES]);
        assert_eq!(of(1), [255; SAMPLES]);
        assert_eq!(of(10)[0], 80);
    }
}
