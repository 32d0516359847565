//! Pictures of as many pixels as are allowed, in as many bytes, of noise: what takes longest of all that is
//! read.

use std::borrow::Cow;

use dataset::golden::{Compression, Photometric, Tiff};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// 100 million of them.
const SIDE: u32 = 10_000;

/// The pixels of a lossless WebP of which no more than a gibibyte is predicted, a side.
const SIDE_OF_WEBP: u32 = 8_400;

/// Makes the files one at a time: each is long.
pub(crate) type Make = fn() -> Vec<u8>;

pub(crate) const ALL: &[(&str, Make)] = &[
    ("PNG, RGBA, Paeth", || {
        png(png::ColorType::Rgba, png::BitDepth::Eight)
    }),
    ("PNG, RGB of 16 bits, Paeth", || {
        png(png::ColorType::Rgb, png::BitDepth::Sixteen)
    }),
    ("GIF", || gif(false)),
    ("GIF, interlaced, transparent", || gif(true)),
    ("WebP, lossless, 70 megapixels", webp_lossless),
    #[cfg(feature = "webp")]
    ("WebP, lossy", webp_lossy),
    ("TIFF, not packed, bilevel", || {
        tiff(Compression::None, Photometric::BlackIsZero, 1, 1)
    }),
    ("TIFF, facsimile", || {
        tiff(Compression::Facsimile, Photometric::WhiteIsZero, 1, 1)
    }),
    ("TIFF, LZW, RGB", || {
        tiff(Compression::Lzw, Photometric::Rgb, 8, 3)
    }),
    ("TIFF, LZW, RGB of 16 bits", || {
        tiff(Compression::Lzw, Photometric::Rgb, 16, 3)
    }),
    ("TIFF, deflate, CMYK", || {
        tiff(Compression::Deflate, Photometric::Cmyk, 8, 4)
    }),
    ("TIFF, deflate, L*a*b*", || {
        tiff(Compression::Deflate, Photometric::CieLab, 8, 3)
    }),
    ("TIFF, PackBits, YCbCr", || {
        tiff(Compression::PackBits, Photometric::YCbCr, 8, 3)
    }),
    ("TIFF, JPEG, YCbCr", || {
        tiff(Compression::Jpeg, Photometric::YCbCr, 8, 3)
    }),
    ("BMP, palette", || bmp(0)),
    ("BMP, palette, runs of 2", || bmp(1)),
    ("JPEG, baseline, 4:4:4", || jpeg(None)),
    ("JPEG, progressive, 64 scans", || jpeg(Some(64))),
];

/// Noise of so many bits a sample, the same each time (xorshift, Marsaglia 2003).
fn noise(bits: u32) -> impl Iterator<Item = u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3] & (0xFF >> (8 - bits))
    })
}

fn samples(bits: u32, count: usize) -> Vec<u8> {
    noise(bits).take(count).collect()
}

/// The number of samples of `channels` a pixel.
fn count(side: u32, channels: usize) -> usize {
    side as usize * side as usize * channels
}

fn png(color: png::ColorType, depth: png::BitDepth) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Balanced);
    encoder.set_filter(png::Filter::Paeth);
    let bytes = color.samples()
        * if depth == png::BitDepth::Sixteen {
            2
        } else {
            1
        };
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let line = SIDE as usize * bytes;
    // A bit of noise in every sample is as much as fits: a few rows of it, again and again, further back
    // than deflate sees.
    let bytes_of_sample = bytes / color.samples();
    let mut block = vec![0; 8 * line];
    for (sample, bit) in block.chunks_exact_mut(bytes_of_sample).zip(noise(1)) {
        sample[0] = bit;
    }
    for _ in 0..SIDE / 8 {
        std::io::Write::write_all(&mut rows, &block).unwrap();
    }
    rows.finish().unwrap();
    writer.finish().unwrap();
    file
}

fn gif(hard: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let palette: Vec<u8> = (0..=255).flat_map(|n| [n, 255 - n, n / 2]).collect();
    let side = u16::try_from(SIDE).unwrap();
    let mut encoder = gif::Encoder::new(&mut file, side, side, &palette).unwrap();
    let frame = gif::Frame {
        width: side,
        height: side,
        interlaced: hard,
        transparent: hard.then_some(7),
        buffer: Cow::Owned(samples(4, count(SIDE, 1))),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    file
}

fn webp_lossless() -> Vec<u8> {
    let mut file = Vec::new();
    let (side, rgb) = (SIDE_OF_WEBP, samples(1, count(SIDE_OF_WEBP, 3)));
    let encoder = WebPEncoder::new_lossless(&mut file);
    encoder
        .write_image(&rgb, side, side, ExtendedColorType::Rgb8)
        .unwrap();
    file
}

/// By this library itself.
#[cfg(feature = "webp")]
fn webp_lossy() -> Vec<u8> {
    use cos_thumbnails::thumbnail::{Effort, Limits, OutputFormat, Stop, decode};
    // Pixels and planes of the full size are held to write them.
    let limits = Limits {
        max_decoded_bytes: 4 << 30,
        ..Limits::default()
    };
    let stop = Stop::default();
    let picture = decode(&jpeg(None), SIDE, Effort::Default, &limits, &stop).unwrap();
    let picture = picture.fit(SIDE).unwrap();
    picture.encode(OutputFormat::WebP, 90).unwrap()
}

/// A hundred strips that are all the same bytes, of which the file has more than it needs: so it is
/// written soon.
fn tiff(compression: Compression, photometric: Photometric, bits: u16, channels: u16) -> Vec<u8> {
    const ROWS: u32 = 100;
    let strip = Tiff {
        compression,
        photometric,
        bits,
        channels,
        predicted: matches!(compression, Compression::Lzw | Compression::Deflate),
        piece: (0, ROWS),
        ..Tiff::new(SIDE, ROWS)
    };
    let length = (SIDE * ROWS) as usize * usize::from(channels);
    // A bit of noise is as much as fits into the bytes of a file; in runs, where all that is packed are runs.
    let run = if compression == Compression::PackBits {
        8
    } else {
        1
    };
    let noise = noise(1).flat_map(|bit| std::iter::repeat_n(u16::from(bit), run));
    // In JPEG, the strips together are to stay within the bytes that may be read.
    let shift = match compression {
        Compression::Jpeg => 3,
        _ => bits - 1,
    };
    let samples: Vec<u16> = noise.map(|bit| bit << shift).take(length).collect();
    let pieces = strip.pieces(&samples);
    let whole = Tiff {
        height: SIDE,
        ..strip
    };
    whole.with_shared_piece(&pieces[0], (SIDE / ROWS) as usize)
}

/// As they are, or in runs of two, of one byte a pixel.
fn bmp(compression: u32) -> Vec<u8> {
    let palette: Vec<u8> = (0..=255).flat_map(|n| [n, 255 - n, n / 2, 0]).collect();
    let line = SIDE as usize;
    let pixels = noise(8).take(line * line);
    let data: Vec<u8> = if compression == 0 {
        pixels.collect()
    } else {
        let mut runs = Vec::new();
        for _ in 0..line {
            runs.extend(noise(8).take(line / 2).flat_map(|index| [2, index]));
            runs.extend([0, 0]);
        }
        runs.extend([0, 1]);
        runs
    };
    let side = i32::try_from(SIDE).unwrap();
    dataset::golden::bitmap(SIDE, side, 8, compression, &palette, &data)
}

fn jpeg(scans: Option<u8>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 75);
    encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    if let Some(scans) = scans {
        encoder.set_progressive_scans(scans);
    }
    let side = u16::try_from(SIDE).unwrap();
    let rgb = samples(6, count(SIDE, 3));
    encoder.encode(&rgb, side, side, ColorType::Rgb).unwrap();
    file
}
