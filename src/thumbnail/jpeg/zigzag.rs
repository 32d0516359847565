//! The order of coefficients in a block (T.81, Figure A.6).

/// Row and column of the coefficient at each place of the zigzag sequence, as row * 8 + column.
pub(super) const NATURAL: [u8; 64] = natural();

const fn natural() -> [u8; 64] {
    let mut order = [0; 64];
    let (mut row, mut column) = (0_u8, 0_u8);
    let mut k = 0;
    while k < 64 {
        order[k] = row * 8 + column;
        let up = (row + column).is_multiple_of(2);
        if up && column == 7 || !up && row == 7 {
            if up {
                row += 1;
            } else {
                column += 1;
            }
        } else if up && row == 0 {
            column += 1;
        } else if !up && column == 0 {
            row += 1;
        } else if up {
            row -= 1;
            column += 1;
        } else {
            row += 1;
            column -= 1;
        }
        k += 1;
    }
    order
}

/// Marks a coefficient that is not kept.
pub(super) const NOWHERE: u8 = 64;

/// Where the n x n lowest coefficients of a block are kept.
#[derive(Debug)]
pub(super) struct Places {
    /// By place in the zigzag sequence: row * n + column, or [`NOWHERE`].
    pub(super) index: [u8; 64],
    /// The same with that of DC for what is not kept, where it is overwritten afterwards: writing
    /// without a question is faster.
    pub(super) or_dc: [u8; 64],
    /// The last place in the zigzag sequence that is kept.
    pub(super) last: usize,
}

impl Places {
    const fn new(n: u8) -> Self {
        let mut index = [NOWHERE; 64];
        let mut or_dc = [0; 64];
        let mut last = 0;
        let mut k = 0;
        while k < 64 {
            let (row, column) = (NATURAL[k] / 8, NATURAL[k] % 8);
            if row < n && column < n {
                index[k] = row * n + column;
                or_dc[k] = index[k];
                last = k;
            }
            k += 1;
        }
        Self { index, or_dc, last }
    }

    /// For n = 1, 2, 4 or 8.
    pub(super) fn of(n: usize) -> &'static Self {
        static PLACES: [Places; 4] = [
            Places::new(1),
            Places::new(2),
            Places::new(4),
            Places::new(8),
        ];
        &PLACES[n.ilog2() as usize & 3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_standard() {
        assert_eq!(NATURAL[..10], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]);
        assert_eq!(NATURAL[60..], [47, 55, 62, 63]);
        let mut all = NATURAL;
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..64));
        assert_eq!([1, 2, 4, 8].map(|n| Places::of(n).last), [0, 4, 24, 63]);
    }
}
