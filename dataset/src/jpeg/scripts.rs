//! Scan scripts.

use super::layout::Scan;

/// Sequential: one scan with all components.
#[must_use]
pub fn sequential(components: usize) -> Vec<Scan> {
    vec![Scan::all(&(0..components).collect::<Vec<_>>())]
}

/// Sequential: a scan for each component.
#[must_use]
pub fn one_by_one(components: usize) -> Vec<Scan> {
    (0..components).map(|i| Scan::all(&[i])).collect()
}

/// Progressive, as libjpeg does it unless told otherwise: DC with one bit less first, luma's low
/// frequencies, chroma, the rest; then the missing bits. Component 0 counts as luma.
#[must_use]
pub fn libjpeg(components: usize) -> Vec<Scan> {
    let all: Vec<usize> = (0..components).collect();
    let others = || (1..components).rev();
    let mut scans = vec![Scan::dc(&all, 0, 1), Scan::ac(0, 1..=5, 0, 2)];
    scans.extend(others().map(|i| Scan::ac(i, 1..=63, 0, 1)));
    scans.push(Scan::ac(0, 6..=63, 0, 2));
    scans.push(Scan::ac(0, 1..=63, 2, 1));
    scans.push(Scan::dc(&all, 1, 0));
    scans.extend(others().map(|i| Scan::ac(i, 1..=63, 1, 0)));
    scans.push(Scan::ac(0, 1..=63, 1, 0));
    scans
}

/// Component, first and last coefficient, high, low.
type Band = (usize, u8, u8, u8, u8);

/// Progressive YCbCr as in the paper's photographs: three full DC scans first, then luma coarse to
/// fine; chroma mostly after it. Which of the six such scripts, `number` decides.
///
/// The photographs have 73 scripts of 7 to 16 scans, whose first luma band is 1-2, 1-5 or 1-63 with
/// its last one to three bits left for later. These are in that spirit, not copies of them.
#[must_use]
pub fn photograph(number: u64) -> Vec<Scan> {
    const SCRIPTS: [&[Band]; 6] = [
        // 8 scans: the low band early, one bit left over.
        &[
            (0, 1, 5, 0, 1),
            (0, 6, 63, 0, 1),
            (0, 1, 63, 1, 0),
            (2, 1, 63, 0, 0),
            (1, 1, 63, 0, 0),
        ],
        // 9 scans.
        &[
            (0, 1, 2, 0, 1),
            (0, 3, 63, 0, 1),
            (0, 1, 63, 1, 0),
            (1, 1, 2, 0, 0),
            (1, 3, 63, 0, 0),
            (2, 1, 63, 0, 0),
        ],
        // 11 scans, libjpeg's bands.
        &[
            (0, 1, 5, 0, 2),
            (0, 6, 63, 0, 2),
            (0, 1, 63, 2, 1),
            (0, 1, 63, 1, 0),
            (2, 1, 63, 0, 1),
            (1, 1, 63, 0, 1),
            (2, 1, 63, 1, 0),
            (1, 1, 63, 1, 0),
        ],
        // 11 scans: the whole band at once, three bits left over.
        &[
            (0, 1, 63, 0, 3),
            (0, 1, 63, 3, 2),
            (0, 1, 63, 2, 1),
            (0, 1, 63, 1, 0),
            (1, 1, 8, 0, 0),
            (1, 9, 63, 0, 0),
            (2, 1, 8, 0, 0),
            (2, 9, 63, 0, 0),
        ],
        // 13 scans: chroma's low band between luma's.
        &[
            (0, 1, 2, 0, 2),
            (0, 3, 63, 0, 2),
            (0, 1, 63, 2, 1),
            (1, 1, 5, 0, 1),
            (2, 1, 5, 0, 1),
            (0, 1, 63, 1, 0),
            (1, 6, 63, 0, 1),
            (2, 6, 63, 0, 1),
            (1, 1, 63, 1, 0),
            (2, 1, 63, 1, 0),
        ],
        // 15 scans.
        &[
            (0, 1, 5, 0, 3),
            (0, 6, 14, 0, 3),
            (0, 15, 63, 0, 3),
            (0, 1, 63, 3, 2),
            (0, 1, 63, 2, 1),
            (0, 1, 63, 1, 0),
            (1, 1, 63, 0, 2),
            (2, 1, 63, 0, 2),
            (1, 1, 63, 2, 1),
            (2, 1, 63, 2, 1),
            (1, 1, 63, 1, 0),
            (2, 1, 63, 1, 0),
        ],
    ];
    let bands = SCRIPTS[usize::try_from(number % SCRIPTS.len() as u64).unwrap_or(0)];
    (0..3)
        .map(|component| Scan::dc(&[component], 0, 0))
        .chain(bands.iter().map(|&(component, first, last, high, low)| {
            Scan::ac(component, first..=last, high, low)
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lowest bit that has come of every coefficient, as the scans go by (T.81, G.1.1.1.1).
    fn complete(scans: &[Scan]) -> bool {
        let mut left = [[14_u8; 64]; 3];
        for scan in scans {
            for component in &scan.components {
                for k in scan.band.clone() {
                    let left = &mut left[*component][usize::from(k)];
                    let before = if *left == 14 { 0 } else { *left };
                    assert_eq!(before, scan.high, "{scan:?}");
                    assert!(scan.high == 0 || scan.high == scan.low + 1, "{scan:?}");
                    *left = scan.low;
                }
            }
        }
        left.iter().flatten().all(|bits| *bits == 0)
    }

    #[test]
    fn every_script_brings_every_bit_once() {
        assert!(complete(&libjpeg(3)));
        assert!(complete(&sequential(3)) && complete(&one_by_one(3)));
        let scripts: Vec<Vec<Scan>> = (0..6).map(photograph).collect();
        let lengths: Vec<usize> = scripts.iter().map(Vec::len).collect();
        assert_eq!(lengths, [8, 9, 11, 11, 13, 15]);
        assert!(scripts.iter().all(|scans| complete(scans)));
        assert_eq!(photograph(6), scripts[0]);
    }
}
