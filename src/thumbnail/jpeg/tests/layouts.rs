//! The same coefficients, laid out in every way: the same samples to the bit.

use dataset::jpeg::{
    Frame, Huffman, Layout, Process, Scan, libjpeg, one_by_one, photograph, write,
};

use super::super::super::planes::{Effort, Plane};
use super::*;

/// Ways to lay a frame out, the plainest first.
pub(super) fn layouts(frame: &Frame) -> Vec<Layout> {
    let count = frame.components.len();
    let [plain, by_libjpeg] = two_layouts(frame);
    let restarting = |layout: &Layout, interval| Layout {
        scans: layout
            .scans
            .iter()
            .map(|scan| scan.clone().restarting(interval))
            .collect(),
        ..layout.clone()
    };
    let mut all = vec![
        plain.clone(),
        restarting(&plain, 1),
        restarting(&plain, 3),
        restarting(&plain, u16::try_from(frame.mcus().0).unwrap()),
        restarting(&plain, u16::MAX),
        sequential(one_by_one(count)),
        sequential(one_by_one(count).into_iter().rev().collect()),
        restarting(&sequential(one_by_one(count)), 2),
        Layout {
            process: Process::Extended,
            huffman: Huffman::Example,
            fill: 2,
            ..plain.clone()
        },
        Layout {
            dnl: true,
            ..plain.clone()
        },
        by_libjpeg.clone(),
        restarting(&by_libjpeg, 1),
        restarting(&by_libjpeg, 7),
        Layout {
            longest_eob_run: 1,
            ..by_libjpeg.clone()
        },
        Layout {
            longest_eob_run: 5,
            fill: 1,
            dnl: true,
            ..by_libjpeg.clone()
        },
        progressive(alone(libjpeg(count))),
        progressive(coefficient_by_coefficient(count)),
        progressive(bit_by_bit(count)),
    ];
    if count == 3 {
        all.extend((0..6).map(|number| progressive(photograph(number))));
        // Two of three components in one MCU.
        all.push(sequential(possible(
            frame,
            vec![Scan::all(&[0]), Scan::all(&[1, 2])],
        )));
    }
    all
}

/// No scan of more than one component.
fn alone(scans: Vec<Scan>) -> Vec<Scan> {
    let split = |scan: Scan| {
        let one = |i: &usize| Scan {
            components: vec![*i],
            ..scan.clone()
        };
        scan.components.iter().map(one).collect::<Vec<_>>()
    };
    scans.into_iter().flat_map(split).collect()
}

/// Spectral selection at its finest.
fn coefficient_by_coefficient(count: usize) -> Vec<Scan> {
    let dc = (0..count).map(|i| Scan::dc(&[i], 0, 0));
    let ac = (1..=63).flat_map(|k| (0..count).map(move |i| Scan::ac(i, k..=k, 0, 0)));
    dc.chain(ac).collect()
}

/// Successive approximation at its finest: all bits that coefficients of 8-bit samples have.
fn bit_by_bit(count: usize) -> Vec<Scan> {
    let bits = |low: u8| (if low == 10 { 0 } else { low + 1 }, low);
    let mut scans = Vec::new();
    for (high, low) in (0..=10).rev().map(bits) {
        scans.extend((0..count).map(|i| Scan::dc(&[i], high, low)));
        scans.extend((0..count).map(|i| Scan::ac(i, 1..=63, high, low)));
    }
    scans
}

fn full_size(frame: &Frame, layout: &Layout) -> Vec<Plane> {
    let planes = read(&write(frame, layout), ALL, Effort::Default).unwrap();
    let scales = compare(frame, layout, &planes);
    assert!(scales.iter().all(|n| *n == 8), "{scales:?}");
    planes.planes
}

#[test]
fn at_full_size_every_layout_gives_the_same_samples() {
    for (seed, samplings) in (0..).zip(SAMPLINGS) {
        for &(width, height) in SIZES {
            let frame = picture(width, height, samplings, seed);
            let all = layouts(&frame);
            let plain = full_size(&frame, &all[0]);
            for layout in &all[1..] {
                let same = full_size(&frame, layout) == plain;
                assert!(same, "{width} x {height} {samplings:?}: {layout:?}");
            }
        }
    }
}

/// A scan of one component has none of the blocks that fill up MCUs, one of several has them all;
/// neither may show in the samples.
#[test]
fn what_fills_up_mcus_is_not_seen() {
    for (seed, samplings) in (0..).zip(SAMPLINGS) {
        let frame = picture(41, 27, samplings, seed);
        let mut other = frame.clone();
        for i in 0..other.components.len() {
            let (across, _) = other.blocks(i);
            let (wide, high) = other.size(i);
            for (at, block) in other.components[i].blocks.iter_mut().enumerate() {
                if at % across >= wide.div_ceil(8) || at / across >= high.div_ceil(8) {
                    *block = [0; 64];
                    block[..3].copy_from_slice(&[-60, 9, -4]);
                }
            }
        }
        for layout in two_layouts(&frame) {
            for largest in boxes(&frame) {
                let read = |frame| read(&write(frame, &layout), largest, Effort::Default).unwrap();
                assert!(read(&frame) == read(&other), "{samplings:?} {layout:?}");
            }
        }
    }
}

/// Tables of quantisation are those in force when a component's first scan begins.
#[test]
fn a_table_may_be_redefined_between_scans() {
    let mut frame = picture(50, 40, &[(1, 1), (1, 1), (1, 1)], 5);
    let tables = [quantisation(90).0, quantisation(70).0, quantisation(50).1];
    for (component, table) in frame.components.iter_mut().zip(tables) {
        (component.table, component.place) = (table, 0);
    }
    full_size(&frame, &sequential(one_by_one(3)));
    full_size(&frame, &progressive(photograph(4)));
}

#[test]
fn steps_may_have_16_bits() {
    let mut frame = picture(30, 30, &[(1, 1)], 6);
    for block in &mut frame.components[0].blocks {
        *block = block.map(i16::signum);
    }
    frame.components[0].table = std::array::from_fn(|k| if k == 0 { 700 } else { 256 });
    let layout = Layout {
        process: Process::Extended,
        ..sequential(vec![Scan::all(&[0])])
    };
    full_size(&frame, &layout);
}

#[test]
fn components_may_have_any_numbers() {
    let mut frame = picture(20, 30, &[(2, 1), (1, 1), (1, 1)], 7);
    for (component, id) in frame.components.iter_mut().zip([255, 0, 82]) {
        component.id = id;
    }
    for layout in two_layouts(&frame) {
        full_size(&frame, &layout);
    }
}
