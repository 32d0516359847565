//! PNG in every colour type, depth and form.

use png::chunk::ChunkType;
use png::{BitDepth, BlendOp, ColorType, Compression, Encoder};

use super::{Chart, Golden, turned};

/// All of them.
pub(super) fn pictures() -> Vec<Golden> {
    [depths(), transparent(), forms(), turned_ones(), small()].concat()
}

/// A PNG file: pixels of packed samples, and chunks between header and data.
pub(super) fn file(
    (width, height): (u32, u32),
    color: ColorType,
    depth: BitDepth,
    set: impl FnOnce(&mut Encoder<'_, &mut Vec<u8>>),
    chunks: &[([u8; 4], Vec<u8>)],
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fast);
    set(&mut encoder);
    let written = encoder.write_header().and_then(|mut writer| {
        for (kind, content) in chunks {
            writer.write_chunk(ChunkType(*kind), content)?;
        }
        writer.write_image_data(data)?;
        writer.finish()
    });
    assert!(written.is_ok(), "{written:?}");
    bytes
}

/// Rows of samples of at most 8 bits, each row from a new byte.
pub(super) fn packed(samples: &[u8], width: u32, bits: u8) -> Vec<u8> {
    if bits == 8 {
        return samples.to_vec();
    }
    let per_byte = usize::from(8 / bits);
    let rows = samples.chunks(width as usize).flat_map(|row| {
        row.chunks(per_byte).map(|few| {
            let first_highest = few.iter().fold(0, |byte, &sample| byte << bits | sample);
            first_highest << (bits as usize * (per_byte - few.len()))
        })
    });
    rows.collect()
}

fn depth(bits: u8) -> BitDepth {
    match bits {
        1 => BitDepth::One,
        2 => BitDepth::Two,
        4 => BitDepth::Four,
        8 => BitDepth::Eight,
        _ => BitDepth::Sixteen,
    }
}

fn wide(level: u8) -> [u8; 2] {
    (u16::from(level) * 257).to_be_bytes()
}

pub(super) fn plain(_: &mut Encoder<'_, &mut Vec<u8>>) {}

pub(super) fn size(chart: &Chart) -> (u32, u32) {
    (chart.width(), chart.height())
}

/// The colours of a chart by index.
fn indices(chart: &Chart) -> (Vec<[u8; 4]>, Vec<u8>) {
    let mut palette = chart.colours.clone();
    palette.sort_unstable();
    palette.dedup();
    let of = |colour| palette.iter().position(|&known| known == colour);
    let samples = chart.pixels(|colour| u8::try_from(of(colour).unwrap_or(0)).unwrap_or(0));
    (palette, samples)
}

/// Every colour type with every depth that it allows, without alpha.
fn depths() -> Vec<Golden> {
    let mut all = Vec::new();
    for bits in [1_u8, 2, 4, 8] {
        let levels = if bits == 8 { 48 } else { 1 << bits };
        let chart = Chart::greys(levels);
        let steps = (1_u32 << bits) - 1;
        let of = |[grey, ..]: [u8; 4]| (u32::from(grey) * steps / 255).to_le_bytes()[0];
        let data = packed(&chart.pixels(of), chart.width(), bits);
        let bytes = file(
            size(&chart),
            ColorType::Grayscale,
            depth(bits),
            plain,
            &[],
            &data,
        );
        all.push(Golden::new(format!("png-grey-{bits}-bit"), &chart, bytes));

        let chart = if bits == 8 {
            Chart::colours()
        } else {
            Chart::colours().of_few(1 << bits)
        };
        let (palette, samples) = indices(&chart);
        let palette: Vec<u8> = palette.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
        let data = packed(&samples, chart.width(), bits);
        let set = |encoder: &mut Encoder<'_, &mut Vec<u8>>| encoder.set_palette(palette);
        let bytes = file(
            size(&chart),
            ColorType::Indexed,
            depth(bits),
            set,
            &[],
            &data,
        );
        all.push(Golden::new(
            format!("png-palette-{bits}-bit"),
            &chart,
            bytes,
        ));
    }
    let chart = Chart::greys(48);
    let data = chart.samples(|[grey, ..]| wide(grey));
    let bytes = file(
        size(&chart),
        ColorType::Grayscale,
        BitDepth::Sixteen,
        plain,
        &[],
        &data,
    );
    all.push(Golden::new("png-grey-16-bit", &chart, bytes));

    let chart = Chart::colours();
    let bytes = file(
        size(&chart),
        ColorType::Rgb,
        BitDepth::Eight,
        plain,
        &[],
        &rgb(&chart),
    );
    all.push(Golden::new("png-rgb-8-bit", &chart, bytes));
    let data: Vec<u8> = rgb(&chart).into_iter().flat_map(wide).collect();
    let bytes = file(
        size(&chart),
        ColorType::Rgb,
        BitDepth::Sixteen,
        plain,
        &[],
        &data,
    );
    all.push(Golden::new("png-rgb-16-bit", &chart, bytes));
    all
}

pub(super) fn rgb(chart: &Chart) -> Vec<u8> {
    chart.samples(|[r, g, b, _]| [r, g, b])
}

/// Alpha, whether as a channel, of a palette, or as one colour that counts as transparent.
fn transparent() -> Vec<Golden> {
    let mut all = Vec::new();
    let chart = Chart::with_alpha();
    let data = chart.samples(|rgba| rgba);
    let bytes = file(
        size(&chart),
        ColorType::Rgba,
        BitDepth::Eight,
        plain,
        &[],
        &data,
    );
    all.push(Golden::new("png-rgba-8-bit", &chart, bytes));
    let data: Vec<u8> = data.into_iter().flat_map(wide).collect();
    let bytes = file(
        size(&chart),
        ColorType::Rgba,
        BitDepth::Sixteen,
        plain,
        &[],
        &data,
    );
    all.push(Golden::new("png-rgba-16-bit", &chart, bytes));

    let (palette, samples) = indices(&chart);
    let alphas: Vec<u8> = palette.iter().map(|colour| colour[3]).collect();
    let palette: Vec<u8> = palette.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    let set = |encoder: &mut Encoder<'_, &mut Vec<u8>>| {
        encoder.set_palette(palette);
        encoder.set_trns(alphas);
    };
    let bytes = file(
        size(&chart),
        ColorType::Indexed,
        BitDepth::Eight,
        set,
        &[],
        &samples,
    );
    all.push(Golden::new("png-palette-trns", &chart, bytes));

    let mut chart = Chart::greys(48);
    for (n, colour) in (0_u8..).zip(&mut chart.colours) {
        colour[3] = 255 - n / 8 * 51;
    }
    let data = chart.samples(|[grey, _, _, alpha]| [grey, alpha]);
    let color = ColorType::GrayscaleAlpha;
    let bytes = file(size(&chart), color, BitDepth::Eight, plain, &[], &data);
    all.push(Golden::new("png-grey-alpha-8-bit", &chart, bytes));
    let data: Vec<u8> = data.into_iter().flat_map(wide).collect();
    let bytes = file(size(&chart), color, BitDepth::Sixteen, plain, &[], &data);
    all.push(Golden::new("png-grey-alpha-16-bit", &chart, bytes));

    // The first patch is the colour that is not there.
    let mut chart = Chart::colours();
    let [r, g, b, alpha] = &mut chart.colours[0];
    (*r, *g, *b, *alpha) = (7, 8, 9, 0);
    for (depth, name) in [(BitDepth::Eight, "8"), (BitDepth::Sixteen, "16")] {
        let is_wide = depth == BitDepth::Sixteen;
        let key: Vec<u8> = [7_u8, 8, 9]
            .into_iter()
            .flat_map(|level| if is_wide { wide(level) } else { [0, level] })
            .collect();
        let data = rgb(&chart);
        let data = if is_wide {
            data.into_iter().flat_map(wide).collect()
        } else {
            data
        };
        let set = |encoder: &mut Encoder<'_, &mut Vec<u8>>| encoder.set_trns(key);
        let bytes = file(size(&chart), ColorType::Rgb, depth, set, &[], &data);
        all.push(Golden::new(
            format!("png-rgb-{name}-bit-trns"),
            &chart,
            bytes,
        ));
    }
    let mut chart = Chart::greys(4);
    for colour in &mut chart.colours {
        colour[3] = if colour[0] == 85 { 0 } else { 255 };
    }
    let data = packed(&chart.pixels(|[grey, ..]| grey / 85), chart.width(), 2);
    let set = |encoder: &mut Encoder<'_, &mut Vec<u8>>| encoder.set_trns(vec![0, 1]);
    let bytes = file(
        size(&chart),
        ColorType::Grayscale,
        BitDepth::Two,
        set,
        &[],
        &data,
    );
    all.push(Golden::new("png-grey-2-bit-trns", &chart, bytes));
    all
}

/// Interlaced, and animated.
fn forms() -> Vec<Golden> {
    let chart = Chart::colours();
    let bytes = interlaced(&chart);
    let mut all = vec![Golden::new("png-interlaced", &chart, bytes)];

    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, chart.width(), chart.height());
    encoder.set_color(ColorType::Rgb);
    let written = encoder
        .set_animated(2, 0)
        .and_then(|()| encoder.set_blend_op(BlendOp::Source))
        .and_then(|()| encoder.write_header())
        .and_then(|mut writer| {
            writer.write_image_data(&rgb(&chart))?;
            writer.write_image_data(&vec![255; rgb(&chart).len()])?;
            writer.finish()
        });
    assert!(written.is_ok(), "{written:?}");
    all.push(Golden::new("png-animated", &chart, bytes));

    // The default image is no frame: it is what those see who see no animation.
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, chart.width(), chart.height());
    encoder.set_color(ColorType::Rgb);
    let written = encoder
        .set_animated(1, 0)
        .and_then(|()| encoder.set_sep_def_img(true))
        .and_then(|()| encoder.write_header())
        .and_then(|mut writer| {
            writer.write_image_data(&rgb(&chart))?;
            writer.write_image_data(&vec![255; rgb(&chart).len()])?;
            writer.finish()
        });
    assert!(written.is_ok(), "{written:?}");
    all.push(Golden::new(
        "png-animated-beside-its-default",
        &chart,
        bytes,
    ));
    all
}

/// Adam7 (PNG, 8.1), which the encoder does not write: seven pictures, one after the other.
fn interlaced(chart: &Chart) -> Vec<u8> {
    const PASSES: [(usize, usize, usize, usize); 7] = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let pixels = chart.pixels(|[r, g, b, _]| [r, g, b]);
    let (width, height) = (chart.width() as usize, chart.height() as usize);
    let mut data = Vec::new();
    for (left, top, right, down) in PASSES {
        for y in (top..height).step_by(down) {
            data.push(0); // no filter
            for x in (left..width).step_by(right) {
                data.extend(pixels[y * width + x]);
            }
        }
    }
    let mut header = Vec::new();
    header.extend(chart.width().to_be_bytes());
    header.extend(chart.height().to_be_bytes());
    header.extend([8, 2, 0, 0, 1]);
    let data = super::formats::zlib(&data);
    raw(&[(*b"IHDR", header), (*b"IDAT", data), (*b"IEND", Vec::new())])
}

/// A file of these chunks, whatever they are.
pub(crate) fn raw(chunks: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in chunks {
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        bytes.extend(length.to_be_bytes());
        let from = bytes.len();
        bytes.extend(kind);
        bytes.extend(content);
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[from..]);
        bytes.extend(crc.sum().to_be_bytes());
    }
    bytes
}

/// Turned, as the eXIf chunk says it.
fn turned_ones() -> Vec<Golden> {
    let chart = Chart::colours();
    let pixels = chart.pixels(|[r, g, b, _]| [r, g, b]);
    let of = |orientation: u16| {
        let (size, stored) = turned(size(&chart), &pixels, orientation);
        let exif = super::formats::exif(orientation, orientation.is_multiple_of(2));
        let chunks = [(*b"eXIf", exif)];
        let data = stored.concat();
        let bytes = file(size, ColorType::Rgb, BitDepth::Eight, plain, &chunks, &data);
        Golden::new(format!("png-orientation-{orientation}"), &chart, bytes)
    };
    (0..=9).map(of).collect()
}

/// The smallest, and the longest.
fn small() -> Vec<Golden> {
    let of = |(width, height): (u32, u32)| {
        let chart = Chart::single([200, 100, 50, 255], width, height);
        let bytes = file(
            size(&chart),
            ColorType::Rgb,
            BitDepth::Eight,
            plain,
            &[],
            &rgb(&chart),
        );
        Golden::new(format!("png-{width}x{height}"), &chart, bytes)
    };
    [(1, 1), (1, 5000), (5000, 1), (3, 2)].map(of).to_vec()
}
