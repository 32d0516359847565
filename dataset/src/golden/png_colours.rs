//! PNG whose colours are to be understood as the file says.

use png::{BitDepth, ColorType, Encoder, ScaledFloat, SourceChromaticities, SrgbRenderingIntent};

use super::png::{file, plain, rgb, size};
use super::spaces::{self, byte, word};
use super::{Chart, Golden};

/// Colours that the file says how to understand.
pub(super) fn pictures() -> Vec<Golden> {
    let chart = Chart::colours();
    let mut all = Vec::new();
    let iccp = |profile: &[u8]| {
        let content = [b"icc\0\0".to_vec(), super::formats::zlib(profile)].concat();
        [(*b"iCCP", content)]
    };
    for space in spaces::rgb() {
        let of = |[r, g, b, _]: [u8; 4]| (space.of_srgb)([r, g, b]).map(byte);
        let chunks = iccp(&spaces::encoded(&space.profile));
        let data = chart.samples(of);
        let bytes = file(
            size(&chart),
            ColorType::Rgb,
            BitDepth::Eight,
            plain,
            &chunks,
            &data,
        );
        all.push(Golden::new(
            format!("png-icc-{}", space.name),
            &chart,
            bytes,
        ));
        let of = |[r, g, b, _]: [u8; 4]| (space.of_srgb)([r, g, b]).map(word);
        let data: Vec<u8> = chart
            .samples(of)
            .into_iter()
            .flat_map(u16::to_be_bytes)
            .collect();
        let bytes = file(
            size(&chart),
            ColorType::Rgb,
            BitDepth::Sixteen,
            plain,
            &chunks,
            &data,
        );
        all.push(Golden::new(
            format!("png-icc-{}-16-bit", space.name),
            &chart,
            bytes,
        ));
    }
    let bytes = file(
        size(&chart),
        ColorType::Rgb,
        BitDepth::Eight,
        plain,
        &iccp(&spaces::tabled_srgb()),
        &rgb(&chart),
    );
    all.push(Golden::new("png-icc-srgb-tabled", &chart, bytes));

    let greys = Chart::greys(48);
    let of = |[grey, ..]: [u8; 4]| [byte(spaces::light(grey).powf(1.0 / 1.8))];
    let bytes = file(
        size(&greys),
        ColorType::Grayscale,
        BitDepth::Eight,
        plain,
        &iccp(&spaces::grey_gamma(1.8)),
        &greys.samples(of),
    );
    all.push(Golden::new("png-icc-grey-gamma-1.8", &greys, bytes));

    // Linear light needs 16 bits.
    let linear = |[r, g, b, _]: [u8; 4]| [r, g, b].map(|level| word(spaces::light(level)));
    let linear: Vec<u8> = chart
        .samples(linear)
        .into_iter()
        .flat_map(u16::to_be_bytes)
        .collect();
    let gamma = |encoder: &mut Encoder<'_, &mut Vec<u8>>| {
        encoder.set_source_gamma(ScaledFloat::new(1.0));
    };
    let bytes = file(
        size(&chart),
        ColorType::Rgb,
        BitDepth::Sixteen,
        gamma,
        &[],
        &linear,
    );
    all.push(Golden::new("png-gama-linear", &chart, bytes));
    let of = |[grey, ..]: [u8; 4]| word(spaces::light(grey)).to_be_bytes();
    let data = greys.samples(of);
    let bytes = file(
        size(&greys),
        ColorType::Grayscale,
        BitDepth::Sixteen,
        gamma,
        &[],
        &data,
    );
    all.push(Golden::new("png-gama-linear-grey", &greys, bytes));

    let bt2020 =
        |[r, g, b, _]: [u8; 4]| spaces::linear_bt2020([r, g, b]).map(|v| word(v.powf(1.0 / 2.2)));
    let data: Vec<u8> = chart
        .samples(bt2020)
        .into_iter()
        .flat_map(u16::to_be_bytes)
        .collect();
    let set = |encoder: &mut Encoder<'_, &mut Vec<u8>>| {
        encoder.set_source_gamma(ScaledFloat::new(1.0 / 2.2));
        let of = SourceChromaticities::new;
        let (white, red) = ((0.3127, 0.3290), (0.708, 0.292));
        encoder.set_source_chromaticities(of(white, red, (0.170, 0.797), (0.131, 0.046)));
    };
    let bytes = file(
        size(&chart),
        ColorType::Rgb,
        BitDepth::Sixteen,
        set,
        &[],
        &data,
    );
    all.push(Golden::new("png-chrm-bt2020", &chart, bytes));

    // High dynamic range: primaries 9, transfer 16 (PQ) and 18 (HLG). What is white on a chart is diffuse white.
    for (name, transfer) in [("pq", 16), ("hlg", 18)] {
        let value = if transfer == 16 {
            spaces::pq
        } else {
            spaces::hlg
        };
        let of = |[r, g, b, _]: [u8; 4]| spaces::linear_bt2020([r, g, b]).map(value);
        let chunks = [(*b"cICP", vec![9, transfer, 0, 1])];
        let wide = chart.samples(of).into_iter().map(word);
        let wide: Vec<u8> = wide.flat_map(u16::to_be_bytes).collect();
        let (sixteen, eight) = (BitDepth::Sixteen, BitDepth::Eight);
        let narrow = chart.samples(of).into_iter().map(byte).collect();
        for (bits, depth, data) in [(16, sixteen, wide), (8, eight, narrow)] {
            let bytes = file(size(&chart), ColorType::Rgb, depth, plain, &chunks, &data);
            let name = format!("png-cicp-{name}-{bits}-bit");
            all.push(Golden::new(name, &chart, bytes));
        }
    }

    let srgb = |encoder: &mut Encoder<'_, &mut Vec<u8>>| {
        encoder.set_source_srgb(SrgbRenderingIntent::Perceptual);
    };
    let bytes = file(
        size(&chart),
        ColorType::Rgb,
        BitDepth::Eight,
        srgb,
        &[],
        &rgb(&chart),
    );
    all.push(Golden::new("png-srgb-chunk", &chart, bytes));

    // Display P3: primaries 12, transfer 13 (sRGB), identity, full range (ITU-T H.273). It comes
    // before what any profile says.
    let p3 = |[r, g, b, _]: [u8; 4]| spaces::display_p3([r, g, b]).map(byte);
    let chunks = [(*b"cICP", vec![12, 13, 0, 1])];
    let chunks = [&chunks[..], &iccp(&spaces::tabled_srgb())].concat();
    let data = chart.samples(p3);
    let bytes = file(
        size(&chart),
        ColorType::Rgb,
        BitDepth::Eight,
        plain,
        &chunks,
        &data,
    );
    all.push(Golden::new("png-cicp-display-p3", &chart, bytes));
    all
}
