//! Files that take long to read, for what they show.

use gif::{Encoder, Frame};
use weezl::{BitOrder, encode};

use crate::jpeg::{self, Layout, Process, Scan};

use super::super::formats::zlib;
use super::super::tiff::{Compression, Photometric, Tiff};
use super::{Expected, Hostile, of, small_frame};

pub(super) fn all() -> Vec<Hostile> {
    [again_and_again(), without_pixels()].concat()
}

/// What is slow to read, or is read again and again.
fn again_and_again() -> Vec<Hostile> {
    let scans = vec![Scan::ac(0, 1..=63, 0, 0); 3000];
    let layout = Layout {
        process: Process::Progressive,
        scans: [vec![Scan::dc(&[0, 1, 2], 0, 1)], scans].concat(),
        ..Layout::default()
    };
    let many_scans = jpeg::write(&small_frame(64), &layout);
    // A thousand strips that are all the same bytes of the file would be more work, and are not more
    // pixels.
    let row = [0_u16; 3];
    let strips = Tiff {
        compression: Compression::Lzw,
        piece: (0, 1),
        ..Tiff::new(1, 1000)
    };
    let mut frames = Vec::new();
    let written = Encoder::new(&mut frames, 16, 16, &[0; 6]).and_then(|mut encoder| {
        let frame = Frame {
            width: 16,
            height: 16,
            buffer: vec![0; 256].into(),
            ..Frame::default()
        };
        (0..20_000).try_for_each(|_| encoder.write_frame(&frame))
    });
    assert!(written.is_ok(), "{written:?}");
    vec![
        of("jpeg-3000-scans", many_scans, Expected::Bounded),
        of(
            "tiff-1000-strips",
            strips.write(&row.repeat(1000)),
            Expected::Read,
        ),
        of("gif-20000-frames", frames, Expected::Read),
    ]
}

/// A square GIF of one colour whose data, with its first byte, is `lzw`.
fn gif_of(side: u16, lzw: Vec<u8>) -> Vec<u8> {
    let mut gif = Vec::new();
    let written = Encoder::new(&mut gif, side, side, &[0; 6]).and_then(|mut encoder| {
        encoder.write_lzw_pre_encoded_frame(&Frame {
            width: side,
            height: side,
            buffer: lzw.into(),
            ..Frame::default()
        })
    });
    assert!(written.is_ok(), "{written:?}");
    gif
}

/// Codes of nine bits each, the lowest bit first.
fn of_nine_bits(codes: impl Iterator<Item = u32>) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0, 0);
    for code in codes {
        held |= code << bits;
        bits += 9;
        while bits >= 8 {
            bytes.push((held & 0xFF) as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    bytes.push((held & 0xFF) as u8);
    bytes
}

/// Codes without pixels, millions of them; and strips that are all the same bytes of the file, so that it is
/// read many times over.
fn without_pixels() -> Vec<Hostile> {
    const BYTES: usize = 4 << 20;
    let endless = |codes: &[u8]| codes.repeat(BYTES / codes.len());
    let pixels = vec![0; 16 * 16];
    // "Clear" is 256, of nine bits: eight of them are nine bytes.
    let gif_clear = [0x00, 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80];
    let tiff_clear = [0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0x00];
    let lzw = encode::Encoder::new(BitOrder::Lsb, 8).encode(&pixels);
    // A megabyte of them: the decoder takes its time for each.
    let clear = gif_clear.repeat((1 << 20) / gif_clear.len());
    let lzw = [&[8][..], &clear, &lzw.unwrap_or_default()].concat();
    let mut all = vec![of("gif-of-clear-codes", gif_of(16, lzw), Expected::Damaged)];

    // As many as there are pixels: so write those who do not pack.
    let (sides, end) = (400_u16, 257);
    let pixels = usize::from(sides) * usize::from(sides);
    let codes = std::iter::repeat_n([256, 0], pixels).flatten();
    let lzw = [vec![8], of_nine_bits(codes.chain([end]))].concat();
    all.push(of("gif-not-packed", gif_of(sides, lzw), Expected::Read));

    let row = vec![0; 16];
    let lzw = encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(&row);
    // zlib's header, and blocks of no bytes (RFC 1951, 3.2.4) before those of the row.
    let deflated = zlib(&row);
    let (header, deflate) = deflated.split_at(2);
    // Nothing, in PackBits; then one run.
    let packed = [
        (
            Compression::Lzw,
            endless(&tiff_clear),
            lzw.unwrap_or_default(),
        ),
        (
            Compression::Deflate,
            [header, &endless(&[0, 0, 0, 0xFF, 0xFF])].concat(),
            deflate.to_vec(),
        ),
        (Compression::PackBits, endless(&[128]), vec![241, 0]),
    ];
    for (compression, nothing, row) in packed {
        let piece = [nothing, row].concat();
        for count in [1, 1000] {
            let expected = match (compression, count) {
                // That many are none of LZW's, and taken for an early end.
                (Compression::Lzw, _) | (_, 1000) => Expected::Damaged,
                _ => Expected::Read,
            };
            let tiff = Tiff {
                compression,
                photometric: Photometric::BlackIsZero,
                channels: 1,
                piece: (0, 1),
                ..Tiff::new(16, count)
            };
            let name = format!("tiff-{compression:?}-of-nothing-{count}-times").to_lowercase();
            let bytes = tiff.with_shared_piece(&piece, count as usize);
            all.push(of(&name, bytes, expected));
            if (compression, count) == (Compression::Deflate, 1000) {
                // More places than the picture has strips allow no more.
                let bytes = tiff.with_shared_piece(&piece, 100_000);
                all.push(of(&(name + "-of-100000-places"), bytes, expected));
            }
        }
    }
    // "Horizontal" and two runs of no pixels, 21 bits together.
    let nothing = "001001101010000110111".repeat(8);
    let nothing = nothing.as_bytes().chunks(8).map(|bits| {
        let digits = bits.iter().map(|bit| bit & 1);
        digits.fold(0, |byte, bit| byte << 1 | bit)
    });
    let facsimile = Tiff {
        compression: Compression::Facsimile,
        photometric: Photometric::WhiteIsZero,
        channels: 1,
        bits: 1,
        ..Tiff::new(1000, 16)
    };
    let piece = endless(&nothing.collect::<Vec<u8>>());
    all.push(of(
        "tiff-facsimile-of-nothing",
        facsimile.with_pieces(&[piece]),
        Expected::Damaged,
    ));
    all
}
