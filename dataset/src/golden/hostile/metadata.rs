//! Metadata that is longer than its picture.

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use weezl::{BitOrder, encode};

use crate::jpeg::{self, Layout};

use super::super::formats::zlib;
use super::super::tiff::{Compression, Photometric, Tiff};
use super::{Expected, Hostile, of, png_header, small_frame, webp};

/// Profiles, EXIF blocks and texts that are longer than a picture.
pub(super) fn all() -> Vec<Hostile> {
    let header = png_header(16, 16, 8, 2);
    let rows = (*b"IDAT", zlib(&[0; 16 * (1 + 16 * 3)]));
    let end = (*b"IEND", Vec::new());
    let with = |name: &str, kind: [u8; 4], content: Vec<u8>| {
        let chunks = [header.clone(), (kind, content), rows.clone(), end.clone()];
        of(name, super::super::png::raw(&chunks), Expected::Read)
    };
    let zeros = zlib(&vec![0; 256 << 20]);
    let text = [b"Comment\0\0\0\0\0".to_vec(), vec![b'a'; 8 << 20]].concat();
    let mut all = vec![
        with(
            "png-iccp-256-mib",
            *b"iCCP",
            [b"icc\0\0".to_vec(), zeros.clone()].concat(),
        ),
        with(
            "png-ztxt-256-mib",
            *b"zTXt",
            [b"Comment\0\0".to_vec(), zeros].concat(),
        ),
        with("png-itxt-8-mib", *b"iTXt", text),
        with("png-exif-8-mib", *b"eXIf", vec![b'M'; 8 << 20]),
        with("png-exif-overlapping", *b"eXIf", overlapping()),
        with("png-unknown-8-mib", *b"abCd", vec![0; 8 << 20]),
    ];
    // A profile that says it is shorter than what it unpacks to, one that is as long as allowed, and a longer one.
    for (name, says) in [
        ("says-128-bytes", 128_u32),
        ("says-4-mib", 4 << 20),
        ("says-8-mib", 8 << 20),
    ] {
        let profile = [&says.to_be_bytes()[..], &vec![0; 16 << 20]].concat();
        let content = [b"icc\0\0".to_vec(), zlib(&profile)].concat();
        all.push(with(&format!("png-iccp-{name}"), *b"iCCP", content));
    }
    let exif = |length| (*b"eXIf", vec![b'M'; length]);
    let chunks = [header, exif(8), exif(8 << 20), rows, exif(8 << 20), end];
    let twice = super::super::png::raw(&chunks);
    all.push(of("png-exif-three-times", twice, Expected::Read));
    all.extend(webp_metadata());
    all.extend(gif_extensions());
    all.extend(tiff_tags());
    let layout = Layout {
        scans: jpeg::sequential(3),
        segments: jpeg::icc(&vec![0; 8 << 20], 65_519),
        ..Layout::default()
    };
    all.push(of(
        "jpeg-icc-8-mib",
        jpeg::write(&small_frame(16), &layout),
        Expected::Read,
    ));
    // A profile that says it has a table of 4 inks with 255 steps each.
    let mut profile = super::super::spaces::press();
    let lut = profile.windows(4).rposition(|tag| tag == b"mft2");
    if let Some(steps) = lut.and_then(|at| profile.get_mut(at + 10)) {
        *steps = 255;
    }
    let tiff = Tiff {
        channels: 4,
        photometric: Photometric::Cmyk,
        icc: Some(profile),
        ..Tiff::new(16, 16)
    };
    all.push(of(
        "tiff-icc-of-255-steps",
        tiff.write(&[0; 16 * 16 * 4]),
        Expected::Read,
    ));
    all
}

/// An EXIF block whose first directory leads to others, which overlap: read as a directory, each of its
/// entries begins with 34,665, the number of those that follow. A reader that follows them all holds
/// some million entries.
fn overlapping() -> Vec<u8> {
    const EXIF_POINTER: u16 = 34_665;
    const COPYRIGHT: u16 = 33_432;
    const POINTERS: u16 = 100;
    const PLACES: u32 = 512 << 10;
    let mut block = b"II*\0\x08\0\0\0".to_vec();
    block.extend((POINTERS + 1).to_le_bytes());
    let mut entry = |tag: u16, kind: u16, count: u32, value: u32| {
        block.extend([tag, kind].iter().flat_map(|n| n.to_le_bytes()));
        block.extend([count, value].iter().flat_map(|n| n.to_le_bytes()));
    };
    // The counts are, in the other directories, types that nobody knows, of values without a length; so
    // they are not what is usual: 16 places for each, of which the first one is the directory's.
    for n in 0..u32::from(POINTERS) {
        entry(EXIF_POINTER, 4, 16, PLACES + 4 * n);
    }
    let notice = b"(c) 2026 Nobody\0";
    let behind = PLACES + 4 * u32::from(POINTERS + 16);
    entry(COPYRIGHT, 2, 16, behind);
    // Room for so many entries behind each.
    block.resize(PLACES as usize, 0);
    block.extend((0..u32::from(POINTERS)).flat_map(|n| (10 + 12 * n).to_le_bytes()));
    block.resize(behind as usize, 0);
    block.extend(notice);
    block
}

fn webp_metadata() -> Vec<Hostile> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    let set = encoder.set_icc_profile(vec![0; 8 << 20]);
    let set = set.and_then(|()| encoder.set_exif_metadata(vec![b'M'; 8 << 20]));
    assert!(set.is_ok(), "{set:?}");
    let written = encoder.encode(&[0; 16 * 16 * 3], 16, 16, ExtendedColorType::Rgb8);
    assert!(written.is_ok(), "{written:?}");
    // What follows the picture within its chunk is read as a part of it.
    let lossy = include_bytes!("../../../golden/lossy.webp");
    let longer = [&lossy[20..], &vec![0; 4 << 20]].concat();
    vec![
        of("webp-icc-and-exif-8-mib", bytes, Expected::Read),
        of(
            "webp-lossy-4-mib-too-long",
            webp(&[(b"VP8 ", &longer[..])]),
            Expected::Read,
        ),
    ]
}

/// Extensions that are longer than a picture, before and behind the control of the first frame, and many
/// of them.
fn gif_extensions() -> Vec<Hostile> {
    let file = |before: &[u8], behind: &[u8]| {
        let screen = [&[16, 0, 16, 0, 0x80, 0, 0][..], &[0, 0, 0, 255, 255, 255]].concat();
        let control = [0x21, 0xF9, 4, 0, 0, 0, 0, 0];
        let image = [0x2C, 0, 0, 0, 0, 16, 0, 16, 0, 0];
        let pixels = encode::Encoder::new(BitOrder::Lsb, 2).encode(&[0; 256]);
        let pixels = pixels.unwrap_or_default();
        let length = u8::try_from(pixels.len()).unwrap_or(u8::MAX);
        let data = [&[2, length][..], &pixels, &[0, 0x3B]].concat();
        let begin = [&b"GIF89a"[..], &screen, before].concat();
        [&begin[..], &control, behind, &image, &data].concat()
    };
    let blocks = |name: &[u8], label: u8, bytes: usize| {
        let full = [&[255][..], &[b'a'; 255]].concat();
        let named = [&[u8::try_from(name.len()).unwrap_or(u8::MAX)][..], name].concat();
        let named = if name.is_empty() { Vec::new() } else { named };
        [&[0x21, label][..], &named, &full.repeat(bytes / 255), &[0]].concat()
    };
    let xmp = blocks(b"XMP DataXMP", 0xFF, 40 << 20);
    let icc = blocks(b"ICCRGBG1012", 0xFF, 40 << 20);
    let comment = blocks(b"", 0xFE, 40 << 20);
    let many = blocks(b"", 0xFE, 0).repeat(2 << 20);
    vec![
        of("gif-xmp-40-mib", file(&xmp, &[]), Expected::Read),
        of("gif-icc-40-mib", file(&[], &icc), Expected::Read),
        of("gif-comment-40-mib", file(&comment, &[]), Expected::Read),
        of("gif-2-million-comments", file(&many, &many), Expected::Read),
    ]
}

/// Tags with many values.
fn tiff_tags() -> Vec<Hostile> {
    let samples = [0; 16 * 16 * 3];
    let small = Tiff::new(16, 16);
    let profile = Tiff {
        icc: Some(vec![0; 8 << 20]),
        ..small.clone()
    };
    // 1 for each sample is "a whole positive number", for two million of them.
    let formats = Tiff {
        words: vec![(339, vec![1; 2 << 20])],
        ..small.clone()
    };
    let private = Tiff {
        words: vec![(65_000, vec![1; 4 << 20])],
        ..small
    };
    let jpeg = Tiff {
        compression: Compression::Jpeg,
        photometric: Photometric::YCbCr,
        ..Tiff::new(16, 16)
    };
    let tables = Tiff {
        jpeg_tables: Some(vec![0xFF; 8 << 20]),
        ..jpeg.clone()
    };
    // Segments of an application, each as long as one can be, before the frame.
    let segment = [&[0xFF, 0xE5, 0xFF, 0xFF][..], &vec![0; 65_533]].concat();
    let whole = jpeg::write(
        &small_frame(16),
        &Layout {
            scans: jpeg::sequential(3),
            ..Layout::default()
        },
    );
    let header = [&whole[..2], &segment.repeat(330), &whole[2..]].concat();
    vec![
        of("tiff-icc-8-mib", profile.write(&samples), Expected::Read),
        of(
            "tiff-tag-of-2-million",
            formats.write(&samples),
            Expected::Damaged,
        ),
        of(
            "tiff-private-tag-8-mib",
            private.write(&samples),
            Expected::Read,
        ),
        of(
            "tiff-jpeg-tables-8-mib",
            tables.write(&samples),
            Expected::Damaged,
        ),
        of(
            "tiff-jpeg-header-21-mb",
            jpeg.with_pieces(&[header]),
            Expected::Damaged,
        ),
    ]
}
