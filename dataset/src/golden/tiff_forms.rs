//! TIFF in the forms that people have.

use super::spaces::{self, byte, word};
use super::{Chart, Compression, Golden, Photometric, Tiff, turned};

/// All of them.
pub(super) fn pictures() -> Vec<Golden> {
    [packings(), depths(), colours(), turned_ones()].concat()
}

fn rgb(chart: &Chart) -> Vec<u16> {
    chart.samples(|[r, g, b, _]| [r, g, b].map(u16::from))
}

/// Every packing in strips and tiles, in planes and not, in both byte orders.
fn packings() -> Vec<Golden> {
    let chart = Chart::colours();
    let base = Tiff::new(chart.width(), chart.height());
    let mut all = Vec::new();
    for compression in [
        Compression::None,
        Compression::Lzw,
        Compression::Deflate,
        Compression::PackBits,
    ] {
        // Neither 20 rows nor tiles of 48 x 80 divide the picture.
        for (form, piece) in [("strips", (0, 20)), ("tiles", (48, 80))] {
            for planar in [false, true] {
                let big_endian = planar;
                let planes = if planar { "-planar" } else { "" };
                let tiff = Tiff {
                    compression,
                    piece,
                    planar,
                    big_endian,
                    ..base.clone()
                };
                let name = format!("tiff-{compression:?}-{form}{planes}").to_lowercase();
                all.push(Golden::new(name, &chart, tiff.write(&rgb(&chart))));
            }
        }
    }
    for compression in [Compression::Lzw, Compression::Deflate] {
        let predicted = Tiff {
            compression,
            predicted: true,
            ..base.clone()
        };
        let name = format!("tiff-{compression:?}-predicted").to_lowercase();
        all.push(Golden::new(
            name.clone(),
            &chart,
            predicted.write(&rgb(&chart)),
        ));
        let wide: Vec<u16> = rgb(&chart).into_iter().map(|level| level * 257).collect();
        let predicted = Tiff {
            bits: 16,
            big_endian: true,
            ..predicted
        };
        all.push(Golden::new(
            format!("{name}-16-bit"),
            &chart,
            predicted.write(&wide),
        ));
    }
    all
}

/// Greys and palettes of every depth.
fn depths() -> Vec<Golden> {
    let mut all = Vec::new();
    for bits in [1_u16, 2, 4, 8, 16] {
        let chart = Chart::greys(if bits < 8 { 1 << bits } else { 48 });
        let steps = (1_u32 << bits) - 1;
        let base = Tiff {
            bits,
            channels: 1,
            photometric: Photometric::BlackIsZero,
            compression: Compression::Lzw,
            ..Tiff::new(chart.width(), chart.height())
        };
        let level = |grey: u8| u16::try_from(u32::from(grey) * steps / 255).unwrap_or(u16::MAX);
        let samples = chart.samples(|[grey, ..]| [level(grey)]);
        all.push(Golden::new(
            format!("tiff-grey-{bits}-bit"),
            &chart,
            base.write(&samples),
        ));
        let white = chart.samples(|[grey, ..]| [level(255 - grey)]);
        let tiff = Tiff {
            photometric: Photometric::WhiteIsZero,
            ..base.clone()
        };
        all.push(Golden::new(
            format!("tiff-white-is-zero-{bits}-bit"),
            &chart,
            tiff.write(&white),
        ));

        if matches!(bits, 1 | 2 | 4 | 8) {
            let chart = match bits {
                8 => Chart::colours(),
                bits => Chart::colours().of_few(1 << bits),
            };
            let index = |colour| chart.colours.iter().position(|&known| known == colour);
            let samples = chart.samples(|c| [u16::try_from(index(c).unwrap_or(0)).unwrap_or(0)]);
            let entries = 1_usize << bits;
            let map = (0..3).flat_map(|channel| {
                let known = chart
                    .colours
                    .iter()
                    .map(move |c| u16::from(c[channel]) * 257);
                known
                    .chain(std::iter::repeat(0))
                    .take(entries)
                    .collect::<Vec<_>>()
            });
            let tiff = Tiff {
                photometric: Photometric::Palette,
                words: vec![(320, map.collect())],
                big_endian: bits == 4,
                ..base
            };
            all.push(Golden::new(
                format!("tiff-palette-{bits}-bit"),
                &chart,
                tiff.write(&samples),
            ));
        }
    }
    all
}

/// Alpha, inks, YCbCr and profiles.
fn colours() -> Vec<Golden> {
    let mut all = Vec::new();
    let chart = Chart::colours();
    let base = Tiff {
        compression: Compression::Deflate,
        ..Tiff::new(chart.width(), chart.height())
    };
    let wide = |samples: &[u16]| samples.iter().map(|level| level * 257).collect::<Vec<_>>();
    let tiff = Tiff {
        bits: 16,
        ..base.clone()
    };
    all.push(Golden::new(
        "tiff-rgb-16-bit",
        &chart,
        tiff.write(&wide(&rgb(&chart))),
    ));

    let alpha = Chart::with_alpha();
    let straight = alpha.samples(|colour| colour.map(u16::from));
    let tiff = Tiff {
        channels: 4,
        extra: Some(2),
        ..base.clone()
    };
    all.push(Golden::new(
        "tiff-rgba-8-bit",
        &alpha,
        tiff.write(&straight),
    ));
    let tiff16 = Tiff {
        bits: 16,
        ..tiff.clone()
    };
    all.push(Golden::new(
        "tiff-rgba-16-bit",
        &alpha,
        tiff16.write(&wide(&straight)),
    ));
    let multiplied = alpha.samples(|[r, g, b, a]| {
        let by = |level: u8| (u16::from(level) * u16::from(a) + 127) / 255;
        [by(r), by(g), by(b), a.into()]
    });
    let tiff = Tiff {
        extra: Some(1),
        ..tiff
    };
    all.push(Golden::new(
        "tiff-rgba-multiplied",
        &alpha,
        tiff.write(&multiplied),
    ));
    let mut greys = Chart::greys(48);
    for (colour, with) in greys.colours.iter_mut().zip(&alpha.colours) {
        colour[3] = with[3];
    }
    let tiff = Tiff {
        channels: 2,
        extra: Some(2),
        photometric: Photometric::BlackIsZero,
        ..base.clone()
    };
    let samples = greys.samples(|[grey, _, _, a]| [grey, a].map(u16::from));
    all.push(Golden::new("tiff-grey-alpha", &greys, tiff.write(&samples)));

    let cmyk = chart.samples(|[r, g, b, _]| [255 - r, 255 - g, 255 - b, 0].map(u16::from));
    let tiff = Tiff {
        channels: 4,
        photometric: Photometric::Cmyk,
        ..base.clone()
    };
    all.push(Golden::new("tiff-cmyk", &chart, tiff.write(&cmyk)));
    let planar = Tiff {
        planar: true,
        ..tiff.clone()
    };
    all.push(Golden::new("tiff-cmyk-planar", &chart, planar.write(&cmyk)));
    let tiff16 = Tiff {
        bits: 16,
        ..tiff.clone()
    };
    all.push(Golden::new(
        "tiff-cmyk-16-bit",
        &chart,
        tiff16.write(&wide(&cmyk)),
    ));
    let (printed, inks) = super::jpeg::printed();
    let samples = printed.samples(|c| super::jpeg::inks_of(&printed, &inks, c).map(u16::from));
    let tiff = Tiff {
        icc: Some(spaces::press()),
        ..tiff
    };
    all.push(Golden::new("tiff-cmyk-icc", &printed, tiff.write(&samples)));

    let ycc = chart.samples(|[r, g, b, _]| super::jpeg::ycc([r, g, b]).map(u16::from));
    let tiff = Tiff {
        photometric: Photometric::YCbCr,
        ..base.clone()
    };
    all.push(Golden::new("tiff-ycbcr", &chart, tiff.write(&ycc)));
    for subsampling in [(2, 2), (2, 1), (1, 2), (4, 4)] {
        for compression in [Compression::None, Compression::Lzw, Compression::PackBits] {
            let (across, down) = subsampling;
            let tiff = Tiff {
                subsampling,
                compression,
                // Tiles go on beyond the picture; strips of 20 rows end with it.
                piece: if across == down { (48, 80) } else { (0, 20) },
                ..tiff.clone()
            };
            let name = format!("tiff-ycbcr-{across}x{down}-{compression:?}").to_lowercase();
            all.push(Golden::new(name, &chart, tiff.write(&ycc)));
        }
    }
    let tiff = Tiff {
        compression: Compression::Jpeg,
        piece: (0, 32),
        ..tiff
    };
    all.push(Golden::new("tiff-ycbcr-jpeg", &chart, tiff.write(&ycc)));

    all.extend(lab(&chart, &base));
    // A channel of no known meaning, as programs keep selections.
    let spare = chart.samples(|[r, g, b, _]| [r, g, b, r ^ b].map(u16::from));
    let tiff = Tiff {
        channels: 4,
        extra: Some(0),
        predicted: true,
        ..base.clone()
    };
    all.push(Golden::new(
        "tiff-rgb-spare-channel",
        &chart,
        tiff.write(&spare),
    ));
    let planar = Tiff {
        planar: true,
        ..tiff
    };
    all.push(Golden::new(
        "tiff-rgb-spare-channel-planar",
        &chart,
        planar.write(&spare),
    ));

    for space in spaces::rgb() {
        let icc = Some(spaces::encoded(&space.profile));
        let of = |[r, g, b, _]: [u8; 4]| (space.of_srgb)([r, g, b]);
        let tiff = Tiff {
            icc,
            ..base.clone()
        };
        let samples = chart.samples(|colour| of(colour).map(|v| byte(v).into()));
        all.push(Golden::new(
            format!("tiff-icc-{}", space.name),
            &chart,
            tiff.write(&samples),
        ));
        let tiff = Tiff { bits: 16, ..tiff };
        let samples = chart.samples(|colour| of(colour).map(word));
        all.push(Golden::new(
            format!("tiff-icc-{}-16-bit", space.name),
            &chart,
            tiff.write(&samples),
        ));
    }
    all
}

/// L\*a\*b\* of 8 and 16 bits, as TIFF has it and as ICC has it.
fn lab(chart: &Chart, base: &Tiff) -> Vec<Golden> {
    let mut all = Vec::new();
    for (photometric, name) in [(Photometric::CieLab, "cie"), (Photometric::IccLab, "icc")] {
        for bits in [8, 16] {
            // 100 is 255 or 65,535, but for ICC in 16 bits: 0xFF00. One step of a* and b* is 1 or 256.
            let step = f64::from(1_u32 << (bits - 8));
            let white = match (photometric, bits) {
                (Photometric::IccLab, 16) => 65_280.0,
                _ => step * 256.0 - 1.0,
            };
            let offset = match photometric {
                Photometric::IccLab => 128.0,
                _ => 0.0,
            };
            let samples = chart.samples(|[r, g, b, _]| {
                let [lightness, a, b] = spaces::lab([r, g, b]);
                let signed = |value: f64| spaces::whole((value + offset) * step);
                [
                    spaces::whole(lightness / 100.0 * white),
                    signed(a),
                    signed(b),
                ]
            });
            let tiff = Tiff {
                photometric,
                bits,
                ..base.clone()
            };
            all.push(Golden::new(
                format!("tiff-lab-{name}-{bits}-bit"),
                chart,
                tiff.write(&samples),
            ));
        }
    }
    all
}

/// Turned, as the tag says it.
fn turned_ones() -> Vec<Golden> {
    let chart = Chart::colours();
    let pixels = chart.pixels(|[r, g, b, _]| [r, g, b].map(u16::from));
    let of = |orientation: u16| {
        let ((width, height), stored) =
            turned((chart.width(), chart.height()), &pixels, orientation);
        let tiff = Tiff {
            words: vec![(274, vec![orientation])],
            ..Tiff::new(width, height)
        };
        let bytes = tiff.write(&stored.concat());
        Golden::new(format!("tiff-orientation-{orientation}"), &chart, bytes)
    };
    (0..=9).map(of).collect()
}
