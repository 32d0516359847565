//! Writes small JPEGs of every kind into a folder, each with the two bytes before it that choose what
//! is asked for: what the fuzzer begins with.

use std::fs;
use std::io;
use std::path::PathBuf;

use dataset::jpeg::{
    Frame, Huffman, Layout, Process, Samples, Scan, adobe, exif, icc, jfif, libjpeg, one_by_one,
    photograph, quantisation, sequential, write,
};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .ok_or(io::ErrorKind::InvalidInput)?,
    );
    fs::create_dir_all(&folder)?;
    let mut number = 0_u8;
    for samplings in [
        &[(1, 1)][..],
        &[(1, 1), (1, 1), (1, 1)],
        &[(2, 1), (1, 1), (1, 1)],
        &[(2, 2), (1, 1), (1, 1)],
        &[(3, 1), (1, 1), (2, 1)],
        &[(2, 2), (1, 1), (1, 1), (2, 2)],
    ] {
        for layout in layouts(samplings.len()) {
            // Every box, both efforts, pieces of some lengths.
            let mut input = vec![number % 16, number / 5];
            input.extend(write(&frame(samplings, number), &layout));
            fs::write(folder.join(format!("seed-{number:03}")), input)?;
            number += 1;
        }
    }
    Ok(())
}

/// Some blocks of texture on a slope.
fn frame(samplings: &[(u8, u8)], seed: u8) -> Frame {
    let (width, height) = (20 + u16::from(seed % 30), 12 + u16::from(seed % 17));
    let mut components: Vec<Samples> = samplings
        .iter()
        .map(|&sampling| Samples {
            sampling,
            table: quantisation(50).0,
            samples: Vec::new(),
        })
        .collect();
    let empty = Frame::empty(width, height, &components);
    for (i, component) in components.iter_mut().enumerate() {
        let (wide, high) = empty.size(i);
        component.samples = (0..wide * high)
            .map(|at| (at / wide * 3 + at % 7 * at % 11).to_le_bytes()[0])
            .map(|level| level.wrapping_add(seed * 3))
            .collect();
    }
    Frame::of_samples(width, height, &components)
}

fn layouts(components: usize) -> Vec<Layout> {
    let of = |process, scans| Layout {
        process,
        scans,
        ..Layout::default()
    };
    let restarting = |scans: Vec<Scan>| scans.into_iter().map(|scan| scan.restarting(2)).collect();
    let mut all = vec![
        of(Process::Baseline, sequential(components)),
        of(Process::Extended, one_by_one(components)),
        of(Process::Baseline, restarting(sequential(components))),
        of(Process::Progressive, libjpeg(components)),
        of(Process::Progressive, restarting(libjpeg(components))),
        Layout {
            huffman: Huffman::Example,
            segments: [vec![jfif(), adobe(1), exif(6, true)], icc(&[1; 40], 30)].concat(),
            fill: 1,
            dnl: true,
            ..of(Process::Baseline, sequential(components))
        },
    ];
    if components == 3 {
        all.extend([0, 1, 4].map(|i| of(Process::Progressive, photograph(i))));
    }
    all
}
