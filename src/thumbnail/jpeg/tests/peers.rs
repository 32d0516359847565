//! Against zune-jpeg, an independent decoder.
//!
//! It hands out samples only at the picture's full size, chroma enlarged with a filter of its own:
//! components that are smaller than the picture are not compared here (they are with the reference
//! in [`super::layouts`], and with djpeg in `tests/djpeg`). Its inverse transform is another one: one
//! level may differ. It reads no sequential scans of single components, no DNL, and at most 100 scans.

use dataset::jpeg::{Process, write};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::super::super::planes::Effort;
use super::layouts::layouts;
use super::*;

#[test]
fn an_independent_decoder_gives_the_same_samples() {
    let usual: &[&[(u8, u8)]] = &[
        &[(1, 1)],
        &[(1, 1), (1, 1), (1, 1)],
        &[(2, 1), (1, 1), (1, 1)],
        &[(1, 2), (1, 1), (1, 1)],
        &[(2, 2), (1, 1), (1, 1)],
    ];
    let mut compared = 0;
    for (seed, samplings) in (50..).zip(usual) {
        for (width, height) in [(77, 50), (16, 16), (9, 35)] {
            let frame = picture(width, height, samplings, seed);
            let count = samplings.len();
            for layout in layouts(&frame) {
                let alone = layout.scans[0].components.len() < count;
                let alone = alone && layout.process != Process::Progressive;
                if alone || layout.dnl || layout.scans.len() > 100 {
                    continue;
                }
                let file = write(&frame, &layout);
                let planes = read(&file, ALL, Effort::Default).unwrap();
                let space = if count == 1 {
                    ColorSpace::Luma
                } else {
                    ColorSpace::YCbCr
                };
                let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
                let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&file), options);
                let pixels = decoder.decode().unwrap();
                for (i, plane) in planes.planes.iter().enumerate() {
                    if (plane.width, plane.height) != (usize::from(width), usize::from(height)) {
                        continue;
                    }
                    let theirs = pixels.iter().skip(i).step_by(count);
                    let worst = plane
                        .samples
                        .iter()
                        .zip(theirs)
                        .map(|(a, b)| a.abs_diff(*b))
                        .max();
                    assert!(worst <= Some(1), "{samplings:?} {i}: {worst:?} {layout:?}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 200, "{compared}");
}
