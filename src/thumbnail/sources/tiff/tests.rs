//! TIFFs to the sample, where the colours of a chart would not show the mistake.

use dataset::golden::{Compression, Photometric, Tiff as Written};

use super::super::super::narrow::{Narrowing, narrow};

use super::*;

const WIDTH: u32 = 13;
const HEIGHT: u32 = 11;

/// The samples of the picture, as they are shown.
fn shown(file: &[u8]) -> Vec<u8> {
    let (limits, stop) = (Limits::default(), Stop::default());
    let (_, tiff) = Tiff::open(file, &limits, &stop).unwrap();
    tiff.read().unwrap().raster.samples.into_owned()
}

/// For each place, row by row, some samples.
fn samples<const N: usize>(of: impl Fn(u16, u16) -> [u16; N]) -> Vec<u16> {
    let places = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    let short = |n: u32| u16::try_from(n).unwrap();
    places.flat_map(|(x, y)| of(short(x), short(y))).collect()
}

#[test]
fn differences_of_16_bits_are_added_in_the_byte_order_of_the_file() {
    // Carries go from each byte to the other, at other places.
    let words = samples(|x, y| [1, 2, 3].map(|n| (x * 3001 + y * 977).wrapping_mul(n)));
    let expected: Vec<u8> = words.iter().map(|&word| narrow(word)).collect();
    for compression in [Compression::Lzw, Compression::Deflate] {
        for big_endian in [false, true] {
            let tiff = Written {
                bits: 16,
                predicted: true,
                compression,
                big_endian,
                ..Written::new(WIDTH, HEIGHT)
            };
            let found = shown(&tiff.write(&words));
            assert_eq!(found, expected, "{compression:?}, {big_endian}");
        }
    }
}

#[test]
fn each_row_of_common_colour_differences_has_its_own_brightness() {
    for (across, down) in [(1, 2), (2, 1), (2, 2), (4, 2), (4, 4)] {
        // The same differences for as many pixels as have them in common.
        let pixels = samples(|x, y| {
            let unit = (x / across + y / down) % 2;
            [(x * 19 + y * 7) % 256, 118 + 20 * unit, 138 - 20 * unit]
        });
        let whole = Written {
            photometric: Photometric::YCbCr,
            piece: (0, 8),
            ..Written::new(WIDTH, HEIGHT)
        };
        let expected = shown(&whole.write(&pixels));
        for compression in [Compression::None, Compression::Lzw] {
            let subsampled = Written {
                subsampling: (across, down),
                compression,
                ..whole.clone()
            };
            let found = shown(&subsampled.write(&pixels));
            assert_eq!(found, expected, "{across} x {down}, {compression:?}");
        }
    }
}

#[test]
fn what_ycbcr_says_of_its_levels_and_can_be_none_is_not_there() {
    let pixels = samples(|x, y| [x * 19, 255 - y * 23, 100 + x * y]);
    let usual = Written {
        photometric: Photometric::YCbCr,
        ..Written::new(WIDTH, HEIGHT)
    };
    let expected = shown(&usual.write(&pixels));
    let levels = |levels: [u32; 6]| levels.map(|level| (level, 1)).to_vec();
    let odd = [
        // Fewer than there should be, and more; of no number, and of no range.
        (529, vec![(1, 3)]),
        (529, vec![(1, 3); 2]),
        (529, vec![(1, 0); 3]),
        (529, vec![(0, 0); 3]),
        (532, vec![(1, 1); 7]),
        (532, levels([16, 16, 128, 240, 128, 240])),
        (532, levels([0, 255, 128, 128, 128, 255])),
    ];
    for fractions in odd {
        let tiff = Written {
            fractions: vec![fractions.clone()],
            ..usual.clone()
        };
        assert_eq!(shown(&tiff.write(&pixels)), expected, "{fractions:?}");
    }
    // Three letters, of which the last one is no NUL, and three numbers with a sign.
    for kind in [2, 6] {
        let tiff = Written {
            fractions: vec![(529, vec![(1, 3); 3])],
            ..usual.clone()
        };
        let mut file = tiff.write(&pixels);
        let at = file
            .windows(4)
            .position(|entry| entry == [0x11, 0x02, 5, 0]);
        file[at.unwrap() + 2] = kind;
        assert_eq!(shown(&file), expected, "type {kind}");
    }
}

#[test]
fn lightness_and_colours_of_16_bits_are_rounded_as_each_form_has_them() {
    let layout = Layout {
        bits: 16,
        stored: 3,
        kept: 3,
        planar: false,
        piece: (1, 1),
        subsampling: (1, 1),
        little_endian: false,
    };
    let narrowing = Narrowing::NEAREST;
    let levels = |signed: bool, words: [u16; 3]| {
        let bytes = words.map(u16::to_be_bytes).concat();
        let mut level = [0; 3];
        let meaning = Meaning::Lab { signed };
        let row = Samples::new(&bytes, &layout, &meaning, &narrowing, 1).row(0, &mut level, None);
        row.unwrap();
        level
    };
    // ICC: white is 0xFF00, no colour 0x8000, and a level 256.
    assert_eq!(levels(false, [0xFF00, 0x8000, 0x8000]), [255, 128, 128]);
    assert_eq!(levels(false, [0xFE80, 0x7F80, 0x7F7F]), [255, 128, 127]);
    assert_eq!(levels(false, [0xFFFF, 0xFFFF, 0]), [255, 255, 0]);
    // TIFF: white is 0xFFFF, no colour 0.
    assert_eq!(levels(true, [0xFFFF, 0, 0]), [255, 128, 128]);
    assert_eq!(levels(true, [0xFF00, 0xFF80, 0xFF7F]), [254, 128, 127]);
    assert_eq!(levels(true, [0, 0x7FFF, 0x8000]), [0, 255, 0]);
}

/// Whether the samples are those of the file itself.
fn is_shown_in_place(file: &[u8]) -> bool {
    let (limits, stop) = (Limits::default(), Stop::default());
    let (_, tiff) = Tiff::open(file, &limits, &stop).unwrap();
    matches!(tiff.read().unwrap().raster.samples, Cow::Borrowed(_))
}

#[test]
fn pixels_are_taken_where_they_stand_if_they_stand_as_they_are_shown() {
    let pixels = samples(|x, y| [x * 19, y * 23, (x + y) * 9]);
    let bytes: Vec<u8> = pixels.iter().map(|&sample| narrow(sample * 257)).collect();
    // 39 bytes a row: odd rows of strips have a byte between them.
    for (piece, in_place) in [((0, 16), true), ((0, 2), true), ((0, 1), false)] {
        let tiff = Written {
            piece,
            ..Written::new(WIDTH, HEIGHT)
        };
        let file = tiff.write(&pixels);
        assert_eq!(
            (shown(&file), is_shown_in_place(&file)),
            (bytes.clone(), in_place)
        );
        let file = tiff.write_backwards(&pixels);
        let one = piece == (0, 16);
        assert_eq!(
            (shown(&file), is_shown_in_place(&file)),
            (bytes.clone(), one)
        );
    }
    let reversed = Written {
        reversed: true,
        ..Written::new(WIDTH, HEIGHT)
    };
    assert_eq!(shown(&reversed.write(&pixels)), bytes);

    let greys = samples(|x, y| [x * 19 + y]);
    let inverted = Written {
        photometric: Photometric::WhiteIsZero,
        channels: 1,
        ..Written::new(WIDTH, HEIGHT)
    };
    let expected: Vec<u8> = greys
        .iter()
        .map(|&sample| 255 - narrow(sample * 257))
        .collect();
    assert_eq!(shown(&inverted.write(&greys)), expected);

    let seen_through = samples(|x, _| [200, 100, 50, x * 21]);
    for (extra, in_place) in [(1, true), (2, false)] {
        let tiff = Written {
            channels: 4,
            extra: Some(extra),
            ..Written::new(WIDTH, HEIGHT)
        };
        let file = tiff.write(&seen_through);
        assert_eq!(is_shown_in_place(&file), in_place);
        let colour = if in_place { 200 } else { 0 };
        assert_eq!(
            shown(&file)[..4],
            [colour, colour / 2, colour / 4, 0],
            "{extra}"
        );
    }

    let first = Written {
        directory_first: true,
        ..Written::new(WIDTH, HEIGHT)
    };
    let file = first.write(&pixels);
    let short = &file[..file.len() - 2];
    let (limits, stop) = (Limits::default(), Stop::default());
    let (_, tiff) = Tiff::open(short, &limits, &stop).unwrap();
    assert!(matches!(tiff.read(), Err(Error::Truncated { .. })));
}
