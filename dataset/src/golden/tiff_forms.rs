//! TIFF in the forms that people have.

use super::chart::PATCH;
use super::spaces::{self, byte, word};
use super::{Chart, Compression, Golden, Photometric, Tiff, turned};

/// One form: what it shows, and how it is written.
struct Form {
    name: String,
    chart: Chart,
    tiff: Tiff,
    samples: Vec<u16>,
}

impl Form {
    fn new(name: impl Into<String>, chart: &Chart, tiff: &Tiff, samples: &[u16]) -> Self {
        Self {
            name: name.into(),
            chart: chart.clone(),
            tiff: tiff.clone(),
            samples: samples.to_vec(),
        }
    }
}

/// All of them.
pub(super) fn pictures() -> Vec<Golden> {
    let forms = forms(PATCH).into_iter();
    forms
        .map(|form| Golden::new(form.name, &form.chart, form.tiff.write(&form.samples)))
        .collect()
}

/// The same forms with patches of `side` pixels and the directory before the pixels, so that a file cut
/// anywhere may have all that is to be known of it but some of its pixels.
#[must_use]
pub fn tiffs_with_directory_first(side: u32) -> Vec<(String, Vec<u8>)> {
    let forms = forms(side).into_iter();
    let written = forms.map(|form| {
        let tiff = Tiff {
            directory_first: true,
            ..form.tiff
        };
        (form.name, tiff.write(&form.samples))
    });
    written.collect()
}

fn forms(side: u32) -> Vec<Form> {
    let mut all = packings(side);
    all.extend(bits(side));
    all.extend(depths(side));
    all.extend(colours(side));
    all.extend(turned_ones(side));
    all.extend(small());
    all
}

fn rgb(chart: &Chart) -> Vec<u16> {
    chart.samples(|[r, g, b, _]| [r, g, b].map(u16::from))
}

/// Every packing in strips and tiles, in planes and not, in both byte orders.
fn packings(side: u32) -> Vec<Form> {
    let chart = Chart::colours().with_patches(side);
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
                all.push(Form::new(name, &chart, &tiff, &rgb(&chart)));
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
        all.push(Form::new(name.clone(), &chart, &predicted, &rgb(&chart)));
        let wide: Vec<u16> = rgb(&chart).into_iter().map(|level| level * 257).collect();
        let predicted = Tiff {
            bits: 16,
            big_endian: true,
            ..predicted
        };
        all.push(Form::new(
            format!("{name}-16-bit"),
            &chart,
            &predicted,
            &wide,
        ));
    }
    all
}

/// One bit a pixel, packed as facsimiles and not, and with the bits of a byte the other way round.
fn bits(side: u32) -> Vec<Form> {
    let chart = Chart::greys(2).with_patches(side);
    let mut all = Vec::new();
    for compression in [
        Compression::Facsimile,
        Compression::None,
        Compression::PackBits,
        Compression::Lzw,
    ] {
        for (name, photometric) in [
            ("white-is-zero", Photometric::WhiteIsZero),
            ("black-is-zero", Photometric::BlackIsZero),
        ] {
            for reversed in [false, true] {
                let white_is_zero = photometric == Photometric::WhiteIsZero;
                let samples = chart.samples(|[grey, ..]| [u16::from((grey == 0) == white_is_zero)]);
                let tiff = Tiff {
                    bits: 1,
                    channels: 1,
                    photometric,
                    compression,
                    reversed,
                    // Rows do not end where bytes do.
                    piece: if reversed { (0, 20) } else { (48, 80) },
                    ..Tiff::new(chart.width(), chart.height())
                };
                let end = if reversed { "-reversed" } else { "" };
                let name = format!("tiff-{compression:?}-{name}{end}").to_lowercase();
                all.push(Form::new(name, &chart, &tiff, &samples));
            }
        }
    }
    all
}

/// Greys and palettes of every depth.
fn depths(side: u32) -> Vec<Form> {
    let mut all = Vec::new();
    for bits in [1_u16, 2, 4, 8, 16] {
        let greys = Chart::greys(if bits < 8 { 1 << bits } else { 48 });
        let chart = greys.with_patches(side);
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
        all.push(Form::new(
            format!("tiff-grey-{bits}-bit"),
            &chart,
            &base,
            &samples,
        ));
        let white = chart.samples(|[grey, ..]| [level(255 - grey)]);
        let tiff = Tiff {
            photometric: Photometric::WhiteIsZero,
            ..base.clone()
        };
        all.push(Form::new(
            format!("tiff-white-is-zero-{bits}-bit"),
            &chart,
            &tiff,
            &white,
        ));

        if matches!(bits, 1 | 2 | 4 | 8) {
            let chart = match bits {
                8 => Chart::colours(),
                bits => Chart::colours().of_few(1 << bits),
            };
            let chart = chart.with_patches(side);
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
            all.push(Form::new(
                format!("tiff-palette-{bits}-bit"),
                &chart,
                &tiff,
                &samples,
            ));
        }
    }
    all
}

/// Alpha, inks, YCbCr and profiles.
fn colours(side: u32) -> Vec<Form> {
    let mut all = Vec::new();
    let chart = Chart::colours().with_patches(side);
    let base = Tiff {
        compression: Compression::Deflate,
        ..Tiff::new(chart.width(), chart.height())
    };
    let wide = |samples: &[u16]| samples.iter().map(|level| level * 257).collect::<Vec<_>>();
    let tiff = Tiff {
        bits: 16,
        ..base.clone()
    };
    all.push(Form::new(
        "tiff-rgb-16-bit",
        &chart,
        &tiff,
        &wide(&rgb(&chart)),
    ));

    let alpha = Chart::with_alpha().with_patches(side);
    let straight = alpha.samples(|colour| colour.map(u16::from));
    let tiff = Tiff {
        channels: 4,
        extra: Some(2),
        ..base.clone()
    };
    all.push(Form::new("tiff-rgba-8-bit", &alpha, &tiff, &straight));
    let tiff16 = Tiff {
        bits: 16,
        ..tiff.clone()
    };
    all.push(Form::new(
        "tiff-rgba-16-bit",
        &alpha,
        &tiff16,
        &wide(&straight),
    ));
    let multiplied = alpha.samples(|[r, g, b, a]| {
        let by = |level: u8| (u16::from(level) * u16::from(a) + 127) / 255;
        [by(r), by(g), by(b), a.into()]
    });
    let tiff = Tiff {
        extra: Some(1),
        ..tiff
    };
    all.push(Form::new(
        "tiff-rgba-multiplied",
        &alpha,
        &tiff,
        &multiplied,
    ));
    let mut greys = Chart::greys(48).with_patches(side);
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
    all.push(Form::new("tiff-grey-alpha", &greys, &tiff, &samples));

    let cmyk = chart.samples(|[r, g, b, _]| [255 - r, 255 - g, 255 - b, 0].map(u16::from));
    let tiff = Tiff {
        channels: 4,
        photometric: Photometric::Cmyk,
        ..base.clone()
    };
    all.push(Form::new("tiff-cmyk", &chart, &tiff, &cmyk));
    let with_black = chart.samples(|[r, g, b, _]| spaces::inks([r, g, b]));
    all.push(Form::new("tiff-cmyk-black", &chart, &tiff, &with_black));
    let planar = Tiff {
        planar: true,
        ..tiff.clone()
    };
    all.push(Form::new("tiff-cmyk-planar", &chart, &planar, &cmyk));
    let tiff16 = Tiff {
        bits: 16,
        ..tiff.clone()
    };
    all.push(Form::new("tiff-cmyk-16-bit", &chart, &tiff16, &wide(&cmyk)));
    let (printed, inks) = super::jpeg::printed();
    let printed = printed.with_patches(side);
    let samples = printed.samples(|c| super::jpeg::inks_of(&printed, &inks, c).map(u16::from));
    let tiff = Tiff {
        icc: Some(spaces::press()),
        ..tiff
    };
    all.push(Form::new("tiff-cmyk-icc", &printed, &tiff, &samples));

    let ycc = chart.samples(|[r, g, b, _]| super::jpeg::ycc([r, g, b]).map(u16::from));
    let tiff = Tiff {
        photometric: Photometric::YCbCr,
        ..base.clone()
    };
    all.push(Form::new("tiff-ycbcr", &chart, &tiff, &ycc));
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
            all.push(Form::new(name, &chart, &tiff, &ycc));
        }
    }
    let tiff = Tiff {
        compression: Compression::Jpeg,
        piece: (0, 32),
        ..tiff
    };
    all.push(Form::new("tiff-ycbcr-jpeg", &chart, &tiff, &ycc));

    all.extend(coded(&chart, &base));
    all.extend(lab(&chart, &base));
    // A channel of no known meaning, as programs keep selections.
    let spare = chart.samples(|[r, g, b, _]| [r, g, b, r ^ b].map(u16::from));
    let tiff = Tiff {
        channels: 4,
        extra: Some(0),
        predicted: true,
        ..base.clone()
    };
    all.push(Form::new("tiff-rgb-spare-channel", &chart, &tiff, &spare));
    let planar = Tiff {
        planar: true,
        ..tiff
    };
    all.push(Form::new(
        "tiff-rgb-spare-channel-planar",
        &chart,
        &planar,
        &spare,
    ));

    for space in spaces::rgb() {
        let icc = Some(spaces::encoded(&space.profile));
        let of = |[r, g, b, _]: [u8; 4]| (space.of_srgb)([r, g, b]);
        let tiff = Tiff {
            icc,
            ..base.clone()
        };
        let samples = chart.samples(|colour| of(colour).map(|v| byte(v).into()));
        all.push(Form::new(
            format!("tiff-icc-{}", space.name),
            &chart,
            &tiff,
            &samples,
        ));
        let tiff = Tiff { bits: 16, ..tiff };
        let samples = chart.samples(|colour| of(colour).map(word));
        all.push(Form::new(
            format!("tiff-icc-{}-16-bit", space.name),
            &chart,
            &tiff,
            &samples,
        ));
    }
    all
}

/// YCbCr that says itself what its levels mean: of the range of video, and by BT.709.
fn coded(chart: &Chart, base: &Tiff) -> Vec<Form> {
    let fractions = |levels: [u32; 6]| (532, levels.map(|level| (level, 1)).to_vec());
    let bt709 = (529, [2126, 7152, 722].map(|share| (share, 10_000)).to_vec());
    let video = fractions([16, 235, 128, 240, 128, 240]);
    let full = fractions([0, 255, 128, 255, 128, 255]);
    let of = |name: &str, fractions, shares: [f64; 3], [black, white, most]: [f64; 3]| {
        let samples = chart.samples(|[r, g, b, _]| {
            let [red, green, blue] = [r, g, b].map(f64::from);
            let y = shares[0] * red + shares[1] * green + shares[2] * blue;
            // From -127.5 to 127.5, but for what is not whole.
            let difference = |colour: f64, share: f64| (colour - y) / (2.0 - 2.0 * share);
            let level = |difference: f64| 128.0 + difference * (most - 128.0) / 127.0;
            [
                spaces::whole(black + y * (white - black) / 255.0),
                spaces::whole(level(difference(blue, shares[2])).min(255.0)),
                spaces::whole(level(difference(red, shares[0])).min(255.0)),
            ]
        });
        let tiff = Tiff {
            photometric: Photometric::YCbCr,
            fractions,
            ..base.clone()
        };
        Form::new(format!("tiff-ycbcr-{name}"), chart, &tiff, &samples)
    };
    let bt601_shares = [0.299, 0.587, 0.114];
    let bt709_shares = [0.2126, 0.7152, 0.0722];
    let (whole_range, video_range) = ([0.0, 255.0, 255.0], [16.0, 235.0, 240.0]);
    vec![
        of("as-usual", vec![full], bt601_shares, whole_range),
        of("video", vec![video.clone()], bt601_shares, video_range),
        of("bt709", vec![bt709.clone()], bt709_shares, whole_range),
        of("bt709-video", vec![bt709, video], bt709_shares, video_range),
    ]
}

/// L\*a\*b\* of 8 and 16 bits, as TIFF has it and as ICC has it.
fn lab(chart: &Chart, base: &Tiff) -> Vec<Form> {
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
            all.push(Form::new(
                format!("tiff-lab-{name}-{bits}-bit"),
                chart,
                &tiff,
                &samples,
            ));
        }
    }
    all
}

/// Turned, as the tag says it.
fn turned_ones(side: u32) -> Vec<Form> {
    let chart = Chart::colours().with_patches(side);
    let pixels = chart.pixels(|[r, g, b, _]| [r, g, b].map(u16::from));
    let of = |orientation: u16| {
        let ((width, height), stored) =
            turned((chart.width(), chart.height()), &pixels, orientation);
        let tiff = Tiff {
            words: vec![(274, vec![orientation])],
            ..Tiff::new(width, height)
        };
        let name = format!("tiff-orientation-{orientation}");
        Form::new(name, &chart, &tiff, &stored.concat())
    };
    (0..=9).map(of).collect()
}

/// One pixel, a column and a row.
fn small() -> [Form; 3] {
    [(1, 1), (1, 5000), (5000, 1)].map(|(width, height)| {
        let chart = Chart::single([200, 100, 50, 255], width, height);
        let tiff = Tiff {
            compression: Compression::Deflate,
            ..Tiff::new(width, height)
        };
        Form::new(
            format!("tiff-{width}x{height}"),
            &chart,
            &tiff,
            &rgb(&chart),
        )
    })
}
