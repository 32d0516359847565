//! GIF and BMP.

use std::borrow::Cow;

use gif::{Encoder, Frame};

use super::{Chart, Golden};

pub(super) use super::tiff::zlib;

/// An EXIF block with an orientation alone.
pub(super) fn exif(orientation: u16, big_endian: bool) -> Vec<u8> {
    crate::jpeg::exif(orientation, big_endian).1.split_off(6)
}

/// The colours of a chart by index, and the palette.
fn indices(chart: &Chart) -> (Vec<u8>, Vec<u8>) {
    let mut known = chart.colours.clone();
    known.sort_unstable();
    known.dedup();
    let of = |colour| {
        known
            .iter()
            .position(|&one| one == colour)
            .unwrap_or_default()
    };
    let samples = chart.pixels(|colour| u8::try_from(of(colour)).unwrap_or(u8::MAX));
    (
        samples,
        known.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect(),
    )
}

/// Global and local palettes, transparency, frames that fill a part alone, interlaced ones, animations.
pub(super) fn gif() -> Vec<Golden> {
    let chart = Chart::colours();
    let (samples, palette) = indices(&chart);
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    let (width, height) = (side(chart.width()), side(chart.height()));
    let file = |global: &[u8], frames: &[Frame<'_>]| {
        let mut bytes = Vec::new();
        let written = Encoder::new(&mut bytes, width, height, global).and_then(|mut encoder| {
            frames
                .iter()
                .try_for_each(|frame| encoder.write_frame(frame))
        });
        assert!(written.is_ok(), "{written:?}");
        bytes
    };
    let whole = Frame {
        width,
        height,
        buffer: Cow::Owned(samples.clone()),
        ..Frame::default()
    };
    let local = Frame {
        palette: Some(palette.clone()),
        ..whole.clone()
    };
    let mut all = vec![
        Golden::new(
            "gif-global-palette",
            &chart,
            file(&palette, std::slice::from_ref(&whole)),
        ),
        Golden::new(
            "gif-local-palette",
            &chart,
            file(&[], std::slice::from_ref(&local)),
        ),
    ];
    let white = Frame {
        buffer: Cow::Owned(vec![7; samples.len()]),
        ..whole.clone()
    };
    all.push(Golden::new(
        "gif-animated",
        &chart,
        file(&palette, &[whole.clone(), white]),
    ));

    let rows: Vec<&[u8]> = samples.chunks(width.into()).collect();
    let passes = [(0, 8), (4, 8), (2, 4), (1, 2)];
    let order = passes
        .iter()
        .flat_map(|&(from, step)| (from..rows.len()).step_by(step));
    let buffer = Cow::Owned(order.flat_map(|y| rows[y].to_vec()).collect());
    let interlaced = Frame {
        buffer,
        interlaced: true,
        ..whole.clone()
    };
    all.push(Golden::new(
        "gif-interlaced",
        &chart,
        file(&palette, &[interlaced]),
    ));

    let mut clear = chart.clone();
    let hidden = samples[0];
    clear.colours[0][3] = 0;
    let frame = Frame {
        transparent: Some(hidden),
        ..whole.clone()
    };
    all.push(Golden::new(
        "gif-transparent",
        &clear,
        file(&palette, &[frame]),
    ));

    for (name, side) in [("gif-frame-within", 32), ("gif-frame-at-odd-offsets", 33)] {
        all.push(framed(name, &Chart::colours().with_patches(side)));
    }

    for (w, h) in [(1, 1), (1, 5000), (5000, 1)] {
        let chart = Chart::single([200, 100, 50, 255], w, h);
        let mut bytes = Vec::new();
        let frame = Frame {
            width: side(w),
            height: side(h),
            buffer: Cow::Owned(vec![0; (w * h) as usize]),
            ..Frame::default()
        };
        let written = Encoder::new(&mut bytes, side(w), side(h), &[200, 100, 50])
            .and_then(|mut encoder| encoder.write_frame(&frame));
        assert!(written.is_ok(), "{written:?}");
        all.push(Golden::new(format!("gif-{w}x{h}"), &chart, bytes));
    }
    all
}

/// A GIF whose frame leaves the outermost patches free.
fn framed(name: &str, chart: &Chart) -> Golden {
    let (samples, palette) = indices(chart);
    let mut inner = chart.clone();
    for (n, colour) in inner.colours.iter_mut().enumerate() {
        if n / 8 == 0 || n / 8 == 5 || n % 8 == 0 || n % 8 == 7 {
            colour[3] = 0;
        }
    }
    let [width, height, free] = [chart.width(), chart.height(), chart.width() / 8]
        .map(|side| u16::try_from(side).unwrap_or(u16::MAX));
    let (w, h) = (width - 2 * free, height - 2 * free);
    let rows = samples
        .chunks(width.into())
        .skip(free.into())
        .take(h.into());
    let buffer = rows.flat_map(|row| row[usize::from(free)..][..usize::from(w)].to_vec());
    let frame = Frame {
        left: free,
        top: free,
        width: w,
        height: h,
        buffer: Cow::Owned(buffer.collect()),
        ..Frame::default()
    };
    let mut bytes = Vec::new();
    let written = Encoder::new(&mut bytes, width, height, &palette)
        .and_then(|mut encoder| encoder.write_frame(&frame));
    assert!(written.is_ok(), "{written:?}");
    Golden::new(name, &inner, bytes)
}

/// All depths, run-length coded and not, from the bottom and from the top.
pub(super) fn bmp() -> Vec<Golden> {
    let chart = Chart::colours();
    let (width, height) = (chart.width(), chart.height());
    let rows = |data: &[u8], per_row: usize| {
        let padded = data.chunks(per_row).rev().flat_map(|row| {
            let mut row = row.to_vec();
            row.resize(row.len().next_multiple_of(4), 0);
            row
        });
        padded.collect::<Vec<u8>>()
    };
    let quads = |palette: &[u8]| -> Vec<u8> {
        let colours = palette.chunks(3);
        colours.flat_map(|c| [c[2], c[1], c[0], 0]).collect()
    };
    let file = |bits, compression, palette: &[u8], height: i32, data: &[u8]| {
        bitmap(width, height, bits, compression, palette, data)
    };
    let upright = i32::try_from(height).unwrap_or(i32::MAX);
    let mut all = Vec::new();
    for bits in [1_u8, 4, 8] {
        let chart = if bits == 8 {
            chart.clone()
        } else {
            chart.of_few(1 << bits)
        };
        let (samples, palette) = indices(&chart);
        let data = if bits == 8 {
            samples
        } else {
            super::png::packed(&samples, width, bits)
        };
        let data = rows(&data, (width as usize * usize::from(bits)) / 8);
        let bytes = file(bits, 0, &quads(&palette), upright, &data);
        all.push(Golden::new(
            format!("bmp-palette-{bits}-bit"),
            &chart,
            bytes,
        ));
    }
    let (samples, palette) = indices(&chart);
    let mut runs = Vec::new();
    for row in samples.chunks(width as usize).rev() {
        for run in row.chunk_by(|a, b| a == b) {
            for run in run.chunks(255) {
                runs.extend([u8::try_from(run.len()).unwrap_or(255), run[0]]);
            }
        }
        runs.extend([0, 0]); // the end of a row
    }
    runs.extend([0, 1]); // the end
    all.push(Golden::new(
        "bmp-rle8",
        &chart,
        file(8, 1, &quads(&palette), upright, &runs),
    ));

    let bgr = chart.samples(|[r, g, b, _]| [b, g, r]);
    let data = rows(&bgr, 3 * width as usize);
    all.push(Golden::new(
        "bmp-24-bit",
        &chart,
        file(24, 0, &[], upright, &data),
    ));
    // A negative height: the first row is the top one.
    all.push(Golden::new(
        "bmp-24-bit-top-down",
        &chart,
        file(24, 0, &[], -upright, &bgr),
    ));
    let data = rows(
        &chart.samples(|[r, g, b, _]| [b, g, r, 0]),
        4 * width as usize,
    );
    all.push(Golden::new(
        "bmp-32-bit",
        &chart,
        file(32, 0, &[], upright, &data),
    ));
    // With a mask for alpha (BITMAPV4HEADER): as it is; and where nobody has set it, opaque.
    let translucent = Chart::with_alpha();
    let as_it_is = translucent.samples(|[r, g, b, a]| [b, g, r, a]);
    let never_set = chart.samples(|[r, g, b, _]| [b, g, r, 0]);
    for (name, chart, data) in [
        ("bmp-32-bit-alpha", &translucent, as_it_is),
        ("bmp-32-bit-alpha-never-set", &chart, never_set),
    ] {
        let masks = [0x00FF_0000_u32, 0x0000_FF00, 0x0000_00FF, 0xFF00_0000];
        let mut rest = masks.map(u32::to_le_bytes).concat();
        rest.resize(108 - 40, 0);
        let mut bytes = file(32, 3, &rest, upright, &rows(&data, 4 * width as usize));
        bytes[14] = 108;
        all.push(Golden::new(name, chart, bytes));
    }
    let of = |[r, g, b, _]: [u8; 4]| {
        let [r, g, b] = [r, g, b].map(u16::from);
        (((r * 31 + 127) / 255) << 11 | ((g * 63 + 127) / 255) << 5 | ((b * 31 + 127) / 255))
            .to_le_bytes()
    };
    let mut coarse = chart.clone();
    for colour in &mut coarse.colours {
        let step = |level: u8, steps: u16| {
            let nearest = (u16::from(level) * steps + 127) / 255;
            u8::try_from((nearest * 255 + steps / 2) / steps).unwrap_or(u8::MAX)
        };
        let [r, g, b, a] = *colour;
        *colour = [step(r, 31), step(g, 63), step(b, 31), a];
    }
    let data = rows(&coarse.samples(of), 2 * width as usize);
    let masks: Vec<u8> = [0xF800_u32, 0x07E0, 0x001F]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    all.push(Golden::new(
        "bmp-16-bit-565",
        &coarse,
        file(16, 3, &masks, upright, &data),
    ));
    for (w, h) in [(1, 1), (1, 5000), (5000, 1)] {
        let chart = Chart::single([200, 100, 50, 255], w, h);
        let bgr = chart.samples(|[r, g, b, _]| [b, g, r]);
        let data = rows(&bgr, 3 * w as usize);
        let high = i32::try_from(h).unwrap_or(i32::MAX);
        let bytes = bitmap(w, high, 24, 0, &[], &data);
        all.push(Golden::new(format!("bmp-{w}x{h}"), &chart, bytes));
    }
    all
}

/// A bitmap with the header of Windows 3 (`BITMAPINFOHEADER`); `palette` stands behind it, or masks.
#[must_use]
pub fn bitmap(
    width: u32,
    height: i32,
    bits: u8,
    compression: u32,
    palette: &[u8],
    data: &[u8],
) -> Vec<u8> {
    let of = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let start = 14 + 40 + palette.len();
    let colours = if bits <= 8 { palette.len() / 4 } else { 0 };
    [
        b"BM",
        &of(start + data.len())[..],
        &[0; 4],
        &of(start),
        &of(40),
        &width.to_le_bytes(),
        &height.to_le_bytes(),
        &[1, 0, bits, 0],
        &compression.to_le_bytes(),
        &of(data.len()),
        &[0; 8],
        &of(colours),
        &[0; 4],
        palette,
        data,
    ]
    .concat()
}
