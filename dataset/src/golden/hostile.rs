//! Files that are made to do harm: small ones that promise much.

use gif::{Encoder, Frame};

use crate::jpeg::{self, Layout, Process, Samples};

use super::formats::{bitmap, zlib};
use super::tiff::{Compression, Photometric, Tiff};

mod metadata;
mod slow;

/// A file and what its reader owes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hostile {
    /// What it is.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// What should become of it.
    pub expected: Expected,
}

/// What should become of a hostile file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Refused as too large, from the header.
    TooLarge,
    /// Refused as no picture, or none of a kind that is read.
    NoPicture,
    /// Refused as damaged.
    Damaged,
    /// Read, without what is too large about it.
    Read,
    /// Refused or read; what it takes is bounded all the same.
    Bounded,
}

/// All of them.
#[must_use]
pub fn hostile() -> Vec<Hostile> {
    [
        bombs(),
        metadata::all(),
        foreign(),
        polyglots(),
        slow::all(),
    ]
    .concat()
}

fn of(name: &str, bytes: Vec<u8>, expected: Expected) -> Hostile {
    Hostile {
        name: name.to_owned(),
        bytes,
        expected,
    }
}

fn png_header(width: u32, height: u32, depth: u8, color: u8) -> ([u8; 4], Vec<u8>) {
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([depth, color, 0, 0, 0]);
    (*b"IHDR", header)
}

/// Pictures of thousands of megapixels in some bytes.
fn bombs() -> Vec<Hostile> {
    let too_large = |name: &str, bytes| of(name, bytes, Expected::TooLarge);
    let end = (*b"IEND", Vec::new());
    let idat = (*b"IDAT", zlib(&vec![0; 100_000]));
    let png = |width, height, depth, color| {
        super::png::raw(&[
            png_header(width, height, depth, color),
            idat.clone(),
            end.clone(),
        ])
    };
    let mut all = vec![
        too_large("png-50000x50000", png(50_000, 50_000, 8, 2)),
        too_large("png-2.5-gigapixels-of-1-bit", png(50_000, 50_000, 1, 0)),
        too_large("png-2-31-wide", png(u32::MAX >> 1, 1, 16, 6)),
        too_large(
            "bmp-60000x60000",
            bitmap(60_000, 60_000, 24, 0, &[], &[0; 64]),
        ),
        too_large(
            "bmp-rle8-60000x60000",
            bitmap(60_000, 60_000, 8, 1, &[0; 1024], &[0, 1]),
        ),
        of(
            "bmp-of-2-31-rows",
            bitmap(0x7FFF_FFFF, i32::MIN + 1, 32, 0, &[], &[0; 64]),
            Expected::Damaged,
        ),
    ];
    // A lossless header (RFC 9649, 3.4) and a lossy one, each 16383 x 16383 in 34 bytes at most.
    let lossless = [0x2F, 0xFE, 0xBF, 0xFF, 0x0F, 0, 0, 0];
    let lossy = [
        0x10, 0, 0, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 0, 0, 0, 0,
    ];
    for (name, kind, content) in [
        ("lossless", b"VP8L", &lossless[..]),
        ("lossy", b"VP8 ", &lossy[..]),
    ] {
        let bytes = webp(&[(kind, content)]);
        all.push(too_large(&format!("webp-{name}-16383x16383"), bytes));
    }
    // The same within 16 x 16 pixels: nothing of it is to be read.
    let canvas = [0, 0, 0, 0, 15, 0, 0, 15, 0, 0];
    let bytes = webp(&[(b"VP8X", &canvas[..]), (b"VP8L", &lossless[..])]);
    all.push(too_large("webp-with-lossless-16383x16383", bytes));
    let codes = prefix_codes();
    all.push(too_large(
        "webp-of-65536-prefix-codes",
        webp(&[(b"VP8L", &codes[..])]),
    ));
    let frame = |width, height| {
        let mut bytes = Vec::new();
        let frame = Frame {
            width,
            height,
            buffer: vec![2, 0x44, 0x01, 0].into(),
            ..Frame::default()
        };
        let written = Encoder::new(&mut bytes, 65_535, 65_535, &[0; 6])
            .and_then(|mut encoder| encoder.write_lzw_pre_encoded_frame(&frame));
        assert!(written.is_ok(), "{written:?}");
        bytes
    };
    all.push(too_large("gif-canvas-65535x65535", frame(1, 1)));
    all.push(too_large("gif-frame-65535x65535", frame(65_535, 65_535)));
    let strips = Tiff {
        width: 50_000,
        height: 50_000,
        piece: (0, 50_000),
        ..Tiff::new(0, 0)
    };
    all.push(too_large(
        "tiff-50000x50000",
        strips.with_pieces(&[vec![0; 64]]),
    ));
    let within = Tiff {
        compression: Compression::Jpeg,
        photometric: Photometric::YCbCr,
        ..Tiff::new(16, 16)
    };
    // A JPEG of 65,500 x 65,500 as the only strip of a small picture.
    let bytes = within.with_pieces(&[jpeg_bomb(false)]);
    all.push(of("tiff-with-jpeg-65500x65500", bytes, Expected::TooLarge));
    // A tile is unpacked whole, however little of it lies in the picture.
    let tile = Tiff {
        piece: (8_192, 8_192),
        ..within.clone()
    };
    let bytes = tile.with_pieces(&[sized(jpeg_bomb(false), 8_192)]);
    all.push(of("tiff-with-tile-8192x8192", bytes, Expected::TooLarge));
    let tile = Tiff {
        compression: Compression::Deflate,
        piece: (65_520, 65_520),
        ..Tiff::new(16, 16)
    };
    let bytes = tile.with_pieces(&[zlib(&vec![0; 64 << 20])]);
    all.push(of("tiff-with-tile-65520x65520", bytes, Expected::Read));
    all.push(too_large("jpeg-65500x65500", jpeg_bomb(false)));
    all.push(too_large("jpeg-progressive-65500x65500", jpeg_bomb(true)));
    all
}

/// A lossless picture (RFC 9649, 3.7.2) of 16 x 16 pixels with as many groups of prefix codes as there can be,
/// each with codes so long that a decoder makes large tables for them.
fn prefix_codes() -> Vec<u8> {
    let mut bits = Vec::new();
    let put = |bits: &mut Vec<bool>, value: u32, count: u32| {
        bits.extend((0..count).map(|n| value >> n & 1 == 1));
    };
    // Signature, sides less 1, no alpha, version 0; no transform, no cache of colours.
    for (value, count) in [(0x2F, 8), (15, 14), (15, 14), (0, 4), (0, 1), (0, 1)] {
        put(&mut bits, value, count);
    }
    // Groups for each 4 x 4 pixels, of which all have the last one: green and red are always 255.
    put(&mut bits, 1, 1);
    put(&mut bits, 0, 3);
    put(&mut bits, 0, 1);
    for symbol in [255, 255, 0, 0, 0] {
        put(&mut bits, 0b101, 3);
        put(&mut bits, symbol, 8);
    }
    let mut code = Vec::new();
    // The lengths of the codes for 17, 18, 0 to 5, 16, 6 to 10: three bits for 1 to 6, four for 7 to 10.
    put(&mut code, 0, 1);
    put(&mut code, 10, 4);
    for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4] {
        put(&mut code, length, 3);
    }
    // Of eleven symbols, with codes of 1, 2, 3 ... 9, 10 and 10 bits.
    put(&mut code, 1, 1);
    put(&mut code, 1, 3);
    put(&mut code, 9, 4);
    for length in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10] {
        // The first bit of a code is its most significant one.
        let (number, count) = if length <= 6 {
            (length - 1, 3)
        } else {
            (12 + length - 7, 4)
        };
        code.extend((0..count).rev().map(|n| number >> n & 1 == 1));
    }
    bits.extend(code.repeat(5 * 65_536));
    let bytes = bits.chunks(8).map(|bits| {
        let set = (0..).zip(bits).filter(|(_, bit)| **bit);
        set.fold(0_u8, |byte, (n, _)| byte | 1 << n)
    });
    let mut data: Vec<u8> = bytes.collect();
    data.resize(data.len().next_multiple_of(2) + 1024, 0);
    data
}

/// A WebP of these chunks (RFC 9649, 2.3).
fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut content = b"WEBP".to_vec();
    for (kind, chunk) in chunks {
        content.extend([&kind[..], &length(chunk), chunk].concat());
        content.resize(content.len().next_multiple_of(2), 0);
    }
    [b"RIFF", &length(&content)[..], &content].concat()
}

/// A JPEG that claims 65,500 x 65,500 pixels in some hundred bytes.
fn jpeg_bomb(progressive: bool) -> Vec<u8> {
    let (process, scans) = if progressive {
        (Process::Progressive, jpeg::libjpeg(3))
    } else {
        (Process::Baseline, jpeg::sequential(3))
    };
    let bytes = jpeg::write(
        &small_frame(8),
        &Layout {
            process,
            scans,
            ..Layout::default()
        },
    );
    sized(bytes, 65_500)
}

/// The same JPEG with another width and height in its header.
fn sized(mut bytes: Vec<u8>, side: u16) -> Vec<u8> {
    let is_frame = |marker: &[u8]| marker[0] == 0xFF && matches!(marker[1], 0xC0..=0xC2);
    if let Some(at) = bytes.windows(2).position(is_frame) {
        let side = side.to_be_bytes();
        bytes[at + 5..at + 9].copy_from_slice(&[side, side].concat());
    }
    bytes
}

fn small_frame(side: u16) -> jpeg::Frame {
    let count = usize::from(side) * usize::from(side);
    let samples = |seed: usize| Samples {
        sampling: (1, 1),
        table: jpeg::quantisation(90).0,
        samples: (0..count)
            .map(|n| (n * 7 + seed * 31).to_le_bytes()[0])
            .collect(),
    };
    jpeg::Frame::of_samples(side, side, &[samples(0), samples(1), samples(2)])
}

/// Files of two kinds at once: they are what they begin with.
fn polyglots() -> Vec<Hostile> {
    let page = b"<html><script>alert(1)</script></html>";
    let rows = zlib(&[0; 16 * (1 + 16 * 3)]);
    let png = super::png::raw(&[
        png_header(16, 16, 8, 2),
        (*b"IDAT", rows),
        (*b"IEND", Vec::new()),
    ]);
    let layout = Layout {
        scans: jpeg::sequential(3),
        ..Layout::default()
    };
    let jpeg = jpeg::write(&small_frame(16), &layout);
    vec![
        of(
            "png-then-zip",
            [&png[..], b"PK\x03\x04"].concat(),
            Expected::Read,
        ),
        of("jpeg-then-html", [&jpeg[..], page].concat(), Expected::Read),
        of(
            "pdf-then-jpeg",
            [b"%PDF-1.7\n", &jpeg[..]].concat(),
            Expected::NoPicture,
        ),
        of(
            "html-then-png",
            [page, &png[..]].concat(),
            Expected::NoPicture,
        ),
        of(
            "gif-then-script",
            b"GIF89a=1;alert(1)//".to_vec(),
            Expected::Damaged,
        ),
        of(
            "bmp-then-nothing",
            b"BM\0\0\0\0\0\0\0\0".to_vec(),
            Expected::Damaged,
        ),
    ]
}

/// What is no picture, whatever its name is.
fn foreign() -> Vec<Hostile> {
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY a \"ha\">\
        <!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><svg>&b;</svg>";
    let outside = "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY x SYSTEM \
        \"http://127.0.0.1:1/\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&x;</svg>";
    let page = "<html><body>404</body></html>";
    let kinds: [(&str, &[u8]); 14] = [
        ("nothing", b""),
        ("text", b"Hello, I am a text called cat.jpg."),
        ("html", page.as_bytes()),
        ("svg-laughs", laughs.as_bytes()),
        ("svg-outside", outside.as_bytes()),
        ("pdf", b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"),
        ("heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"),
        ("mp4", b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"),
        ("webm", b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1f"),
        ("raw-canon", b"II*\0\x10\0\0\0CR\x02\0"),
        ("raw-fuji", b"FUJIFILMCCD-RAW 0201FF383501"),
        ("raw-panasonic", b"IIU\0\x18\0\0\0"),
        ("zip", b"PK\x03\x04\x14\0\0\0\0\0"),
    ];
    let all = kinds.map(|(name, bytes)| of(name, bytes.to_vec(), Expected::NoPicture));
    let raw = Tiff {
        words: vec![(254, vec![1]), (330, vec![8])],
        ..Tiff::new(16, 16)
    };
    let dng = Tiff {
        words: vec![(50_706, vec![1, 4])],
        ..Tiff::new(16, 16)
    };
    let samples = [0; 16 * 16 * 3];
    let more = [
        of("raw-nikon", raw.write(&samples), Expected::NoPicture),
        of("raw-dng", dng.write(&samples), Expected::NoPicture),
        of(
            "jpeg-start-alone",
            vec![0xFF, 0xD8, 0xFF],
            Expected::Damaged,
        ),
    ];
    [&all[..], &more[..]].concat()
}
