//! WebP.

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::formats::exif;
use super::spaces::{self, byte};
use super::{Chart, Golden, turned};

/// Lossless and lossy, with and without alpha, profile and EXIF, animated.
pub(super) fn pictures() -> Vec<Golden> {
    let (chart, alpha) = (Chart::colours(), Chart::with_alpha());
    let size = |chart: &Chart| (chart.width(), chart.height());
    let rgb = chart.samples(|[r, g, b, _]| [r, g, b]);
    let lossless =
        |size: (u32, u32), data: &[u8], color, icc: Option<Vec<u8>>, exif: Option<Vec<u8>>| {
            let mut bytes = Vec::new();
            let mut encoder = WebPEncoder::new_lossless(&mut bytes);
            let set = icc.map_or(Ok(()), |icc| encoder.set_icc_profile(icc));
            let set = set.and(exif.map_or(Ok(()), |exif| encoder.set_exif_metadata(exif)));
            assert!(set.is_ok(), "{set:?}");
            let written = encoder.encode(data, size.0, size.1, color);
            assert!(written.is_ok(), "{written:?}");
            bytes
        };
    let eight = ExtendedColorType::Rgb8;
    let plain = lossless(size(&chart), &rgb, eight, None, None);
    let rgba = alpha.samples(|rgba| rgba);
    let clear = lossless(size(&alpha), &rgba, ExtendedColorType::Rgba8, None, None);
    let mut all = vec![
        Golden::new("webp-animated", &chart, animated(&chart, &plain)),
        Golden::new("webp-lossless", &chart, plain),
        Golden::new("webp-lossless-alpha", &alpha, clear),
        Golden::new(
            "webp-lossy",
            &chart,
            include_bytes!("../../golden/lossy.webp").to_vec(),
        ),
        Golden::new(
            "webp-lossy-alpha",
            &alpha,
            include_bytes!("../../golden/lossy-alpha.webp").to_vec(),
        ),
        Golden::new(
            "webp-lossy-animated",
            &chart,
            include_bytes!("../../golden/lossy-animated.webp").to_vec(),
        ),
        // Sides that are odd, so that its rows are longer in the file.
        Golden {
            width: 251,
            height: 187,
            ..Golden::new(
                "webp-lossy-odd",
                &chart,
                include_bytes!("../../golden/lossy-odd.webp").to_vec(),
            )
        },
    ];
    for space in spaces::rgb() {
        let data = chart.samples(|[r, g, b, _]| (space.of_srgb)([r, g, b]).map(byte));
        let icc = Some(spaces::encoded(&space.profile));
        let bytes = lossless(size(&chart), &data, eight, icc, None);
        all.push(Golden::new(
            format!("webp-icc-{}", space.name),
            &chart,
            bytes,
        ));
    }
    let pixels = chart.pixels(|[r, g, b, _]| [r, g, b]);
    for orientation in 0..=9 {
        let (size, stored) = turned(size(&chart), &pixels, orientation);
        let exif = Some(exif(orientation, orientation.is_multiple_of(2)));
        let bytes = lossless(size, &stored.concat(), eight, None, exif);
        all.push(Golden::new(
            format!("webp-orientation-{orientation}"),
            &chart,
            bytes,
        ));
    }
    // Lossy ones that are upside down, that lie, and whose colours are others than they seem.
    let lossy = include_bytes!("../../golden/lossy.webp");
    let stored = size(&chart);
    for (orientation, shown) in [(3, chart.upside_down()), (6, chart.turned_right())] {
        let bytes = extended(lossy, stored, None, Some(exif(orientation, false)));
        let name = format!("webp-lossy-orientation-{orientation}");
        all.push(Golden::new(name, &shown, bytes));
    }
    let mut exchanged = chart.clone();
    exchanged
        .colours
        .iter_mut()
        .for_each(|colour| colour.swap(0, 2));
    let bytes = extended(lossy, stored, Some(spaces::exchanged()), None);
    all.push(Golden::new("webp-lossy-icc", &exchanged, bytes));
    // A first frame that fills the right half alone, of a picture without alpha.
    let mut half = chart.clone();
    for colour in half
        .colours
        .iter_mut()
        .enumerate()
        .filter(|(n, _)| n % 8 < 4)
    {
        *colour.1 = [255; 4];
    }
    let (wide, high) = stored;
    let right = rgb
        .chunks(3 * wide as usize)
        .flat_map(|row| row[row.len() / 2..].to_vec());
    let right = lossless(
        (wide / 2, high),
        &right.collect::<Vec<u8>>(),
        eight,
        None,
        None,
    );
    let frame = [&[2][..], &right[12..]].concat();
    let bytes = animation(stored, &[((wide / 2, 0), (wide / 2, high), &frame)]);
    all.push(Golden::new("webp-animated-half", &half, bytes));
    for (w, h) in [(1, 1), (1, 5000), (5000, 1)] {
        let chart = Chart::single([200, 100, 50, 255], w, h);
        let data = chart.samples(|[r, g, b, _]| [r, g, b]);
        let bytes = lossless((w, h), &data, eight, None, None);
        all.push(Golden::new(format!("webp-{w}x{h}"), &chart, bytes));
    }
    all
}

/// Two frames, the second one white (RFC 9649, 2.7.1.1), each a lossless picture.
fn animated(chart: &Chart, first: &[u8]) -> Vec<u8> {
    let (width, height) = (chart.width(), chart.height());
    let mut second = Vec::new();
    let white = vec![255; (width * height * 3) as usize];
    let written = WebPEncoder::new_lossless(&mut second).encode(
        &white,
        width,
        height,
        ExtendedColorType::Rgb8,
    );
    assert!(written.is_ok(), "{written:?}");
    let white = [&[2][..], &second[12..]].concat();
    let first = [&[2][..], &first[12..]].concat();
    animation(
        (width, height),
        &[
            ((0, 0), (width, height), &first),
            ((0, 0), (width, height), &white),
        ],
    )
}

/// Where a frame is, how large, and its flags with the chunks of its picture.
type AnimationFrame<'a> = ((u32, u32), (u32, u32), &'a [u8]);

/// An animation without alpha, of white background.
fn animation(size: (u32, u32), frames: &[AnimationFrame<'_>]) -> Vec<u8> {
    let three = |value: u32| [0, 1, 2].map(|n| value.to_le_bytes()[n]);
    let last = |(width, height): (u32, u32)| [three(width - 1), three(height - 1)].concat();
    let mut chunks = chunk(*b"VP8X", &[&[2, 0, 0, 0], &last(size)[..]].concat());
    chunks.extend(chunk(*b"ANIM", &[255, 255, 255, 255, 0, 0]));
    for &((left, top), size, picture) in frames {
        // In steps of two pixels.
        let place = [three(left / 2), three(top / 2)].concat();
        let frame = [&place[..], &last(size), &three(100), picture].concat();
        chunks.extend(chunk(*b"ANMF", &frame));
    }
    riff(&chunks)
}

/// A lossy file with what its header announces (RFC 9649, 2.7): a profile before the picture, EXIF after it.
fn extended(
    file: &[u8],
    (width, height): (u32, u32),
    icc: Option<Vec<u8>>,
    exif: Option<Vec<u8>>,
) -> Vec<u8> {
    let flags = u8::from(icc.is_some()) << 5 | u8::from(exif.is_some()) << 3;
    let three = |value: u32| [0, 1, 2].map(|n| value.to_le_bytes()[n]);
    let last = [three(width - 1), three(height - 1)].concat();
    let beside = |kind, content: Option<Vec<u8>>| {
        content
            .map(|content| chunk(kind, &content))
            .unwrap_or_default()
    };
    riff(
        &[
            chunk(*b"VP8X", &[&[flags, 0, 0, 0], &last[..]].concat()),
            beside(*b"ICCP", icc),
            file[12..].to_vec(),
            beside(*b"EXIF", exif),
        ]
        .concat(),
    )
}

fn riff(chunks: &[u8]) -> Vec<u8> {
    let length = u32::try_from(chunks.len() + 4).unwrap_or(u32::MAX);
    [b"RIFF", &length.to_le_bytes()[..], b"WEBP", chunks].concat()
}

fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut chunk = [&kind, &length.to_le_bytes()[..], content].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}
