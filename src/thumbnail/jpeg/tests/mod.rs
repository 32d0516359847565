//! The reader against pictures whose coefficients are known: what it gives must be what they stand
//! for, however they are laid out in the file, at every scale; and damage must never pass unseen.

mod another_encoder;
mod blocks;
mod corpus;
mod damage;
mod djpeg;
mod estimate;
mod hostile;
mod layouts;
mod peers;
mod random;
mod runs;
mod scales;
mod segments;

use dataset::jpeg::{Frame, Layout, Process, Samples, Scan, ZIGZAG, libjpeg, quantisation};

use super::super::planes::{Effort, Planes};
use super::super::{Error, Limits, Stop};
use super::{Progress, Reader, Want};

/// A box that no generated picture fills: everything is asked for.
const ALL: u32 = u32::MAX;

/// Sampling factors that occur, and some that only the standard knows.
const SAMPLINGS: &[&[(u8, u8)]] = &[
    &[(1, 1)],
    &[(2, 2)], // grey: the factors mean nothing then
    &[(3, 1)],
    &[(1, 1), (1, 1), (1, 1)], // 4:4:4
    &[(2, 1), (1, 1), (1, 1)], // 4:2:2
    &[(1, 2), (1, 1), (1, 1)], // 4:4:0
    &[(2, 2), (1, 1), (1, 1)], // 4:2:0
    &[(4, 1), (1, 1), (1, 1)], // 4:1:1
    &[(4, 2), (1, 1), (1, 1)], // 4:1:0
    &[(2, 2), (2, 1), (1, 2)],
    &[(3, 1), (1, 1), (2, 1)], // factors that do not divide each other
    &[(2, 3), (1, 1), (1, 2)],
    &[(1, 1), (2, 2), (2, 2)],         // less luma than chroma
    &[(1, 1), (1, 1), (1, 1), (1, 1)], // CMYK
    &[(2, 2), (1, 1), (1, 1), (2, 2)], // YCCK
    &[(4, 4), (3, 2), (1, 1)],         // 23 blocks: too many for one MCU
];

const SIZES: &[(u16, u16)] = &[(1, 1), (8, 8), (7, 17), (33, 16), (64, 5), (77, 50)];

/// `SplitMix64`: numbers that look like chance and are the same each time.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// A picture with smooth parts, edges, texture and plain blocks.
fn picture(width: u16, height: u16, samplings: &[(u8, u8)], seed: u64) -> Frame {
    let mut random = Random(seed);
    let tables = quantisation(60 + u8::try_from(random.below(40)).unwrap());
    let mut components: Vec<Samples> = samplings
        .iter()
        .enumerate()
        .map(|(i, &sampling)| Samples {
            sampling,
            table: if i == 0 { tables.0 } else { tables.1 },
            samples: Vec::new(),
        })
        .collect();
    let empty = Frame::empty(width, height, &components);
    for (i, component) in components.iter_mut().enumerate() {
        let (wide, high) = empty.size(i);
        let (base, slope_x, slope_y) = (random.below(256), random.below(5), random.below(5));
        let (edge, texture) = (random.below(wide + 1), random.below(60) + 1);
        for y in 0..high {
            for x in 0..wide {
                let smooth = base + slope_x * x + slope_y * y;
                let rough = if (x / 16 + y / 16) % 3 == 0 {
                    random.below(texture)
                } else {
                    0
                };
                let level = smooth + rough + if x > edge { 90 } else { 0 };
                // There and back again, so that nothing but the edge is sharp.
                let level = level % 511;
                component
                    .samples
                    .push(u8::try_from(level.min(510 - level)).unwrap());
            }
        }
    }
    Frame::of_samples(width, height, &components)
}

fn fits_one_mcu(frame: &Frame) -> bool {
    let blocks = |(h, v): (u8, u8)| u32::from(h) * u32::from(v);
    frame.components.len() == 1
        || frame
            .components
            .iter()
            .map(|c| blocks(c.sampling))
            .sum::<u32>()
            <= 10
}

/// Scans of several components become scans of one each, if an MCU would be too large (B.2.3).
fn possible(frame: &Frame, scans: Vec<Scan>) -> Vec<Scan> {
    if fits_one_mcu(frame) {
        return scans;
    }
    let alone = |scan: Scan| {
        let one = |i: &usize| Scan {
            components: vec![*i],
            ..scan.clone()
        };
        scan.components.iter().map(one).collect::<Vec<_>>()
    };
    scans.into_iter().flat_map(alone).collect()
}

fn sequential(scans: Vec<Scan>) -> Layout {
    Layout {
        scans,
        ..Layout::default()
    }
}

fn progressive(scans: Vec<Scan>) -> Layout {
    Layout {
        process: Process::Progressive,
        scans,
        ..Layout::default()
    }
}

/// The plainest file of a frame, and a progressive one.
fn two_layouts(frame: &Frame) -> [Layout; 2] {
    let count = frame.components.len();
    [
        sequential(possible(frame, dataset::jpeg::sequential(count))),
        progressive(possible(frame, libjpeg(count))),
    ]
}

fn reader(largest: u32, effort: Effort) -> Reader {
    Reader::new(Want { largest, effort }, Limits::default(), Stop::default())
}

fn read(bytes: &[u8], largest: u32, effort: Effort) -> Result<Planes, Error> {
    let mut reader = reader(largest, effort);
    reader.advance(bytes)?;
    reader.finish(bytes)
}

/// Every n that a component can be read at, with a box that makes it so.
fn boxes(frame: &Frame) -> [u32; 5] {
    let long = u32::from(frame.width.max(frame.height));
    [1, long / 8, long / 4, long / 2, ALL]
}

/// The samples made of each block, each way.
fn scale(frame: &Frame, planes: &Planes, component: usize) -> usize {
    let (h_max, _) = frame.max_sampling();
    let h = f64::from(frame.components[component].sampling.0);
    let exact = f64::from(frame.width) * h / h_max as f64;
    let n = planes.planes[component].span.0 * 8.0 / exact;
    assert!((n - n.round()).abs() < 1e-9, "{n}");
    [1, 2, 4, 8]
        .into_iter()
        .find(|known| (n - *known as f64).abs() < 1e-9)
        .unwrap_or_else(|| panic!("n = {n}"))
}

/// How far a sample of a block may be off by coefficients' bits that a reader may leave out: those
/// that come in later scans, and the diagonal coefficient where n = 2. In levels.
fn left_out(frame: &Frame, layout: &Layout, component: usize, block: usize, n: usize) -> f64 {
    let of = &frame.components[component];
    let mut sum = 0.0;
    for (k, place) in ZIGZAG.into_iter().enumerate() {
        let (v, u) = (place / 8, place % 8);
        if v >= n || u >= n {
            continue;
        }
        let first = layout.scans.iter().find(|scan| {
            scan.components.contains(&component) && scan.band.contains(&u8::try_from(k).unwrap())
        });
        let missing = f64::from((1_u32 << first.map_or(0, |scan| scan.low)) - 1);
        let level = f64::from(of.blocks[block][k]).abs();
        let off = match (n, k) {
            (2, 4) if layout.process == Process::Progressive => level,
            (_, 0) => missing,
            _ => missing.min(level),
        };
        let weight = |place: usize| if place == 0 { 0.5_f64.sqrt() } else { 1.0 };
        sum += off * f64::from(of.table[k]) * weight(u) * weight(v) / 4.0;
    }
    sum
}

/// Holds planes against the coefficients they were made of: at most one level off at n = 8, and at
/// smaller n as far as bits may be left out. Gives n of each component.
fn compare(frame: &Frame, layout: &Layout, planes: &Planes) -> Vec<usize> {
    assert_eq!(planes.intact_rows, planes.height);
    assert_eq!(planes.height, u32::from(frame.height));
    assert_eq!(planes.width, u32::from(frame.width));
    assert_eq!(planes.planes.len(), frame.components.len());
    let mut scales = Vec::new();
    for (i, plane) in planes.planes.iter().enumerate() {
        let n = scale(frame, planes, i);
        scales.push(n);
        assert_eq!(plane.width as f64, plane.span.0.ceil());
        assert_eq!(plane.height as f64, plane.span.1.ceil());
        assert_eq!(plane.samples.len(), plane.width * plane.height);
        let across = frame.blocks(i).0;
        let expected = frame.components[i].samples(across, n);
        for (at, sample) in plane.samples.iter().enumerate() {
            let (x, y) = (at % plane.width, at / plane.width);
            let exact = expected[y * across * n + x];
            let off = (f64::from(*sample) - exact).abs();
            if off > 1.0 {
                let block = (y / n) * across + x / n;
                let allowed = match n {
                    8 => 0.0,
                    _ => left_out(frame, layout, i, block, n),
                };
                assert!(
                    off <= 1.0 + allowed,
                    "component {i}, n {n}, ({x}, {y}): {sample} for {exact}, {allowed} allowed; \
                     {:?}",
                    layout.scans
                );
            }
        }
    }
    scales
}
