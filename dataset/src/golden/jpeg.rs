//! JPEG in every colour model, with profiles and turned.

use crate::jpeg::{
    Frame, Huffman, Layout, Process, Samples, adobe, exif, icc, jfif, libjpeg, quantisation,
    sequential, write,
};

use super::spaces::{self, byte};
use super::{Chart, Golden, turned};

type Segments = Vec<(u8, Vec<u8>)>;

/// All of them.
pub(super) fn pictures() -> Vec<Golden> {
    [models(), profiles(), samplings(), turned_ones(), small()].concat()
}

/// A JPEG of these pixels; each component with its sampling factors.
fn file<const N: usize>(
    (width, height): (u32, u32),
    pixels: &[[u8; N]],
    sampling: [(u8, u8); N],
    process: Process,
    segments: Segments,
) -> Vec<u8> {
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    let mut components = sampling.map(|sampling| Samples {
        sampling,
        // Fine enough that the coding is not what is measured.
        table: quantisation(97).0,
        samples: Vec::new(),
    });
    let empty = Frame::empty(side(width), side(height), &components);
    let most = |of: fn((u8, u8)) -> u8| sampling.into_iter().map(of).max().unwrap_or(1);
    let (across, down) = (most(|s| s.0), most(|s| s.1));
    for (n, component) in components.iter_mut().enumerate() {
        let (columns, rows) = empty.size(n);
        let scale = |at: usize, of: u8, most: u8, end: u32| {
            (at * usize::from(most) / usize::from(of)).min(end as usize - 1)
        };
        let (h, v) = component.sampling;
        component.samples = (0..rows)
            .flat_map(|y| (0..columns).map(move |x| (x, y)))
            .map(|(x, y)| {
                let (x, y) = (scale(x, h, across, width), scale(y, v, down, height));
                pixels[y * width as usize + x][n]
            })
            .collect();
    }
    let scans = match process {
        Process::Progressive => libjpeg(N),
        _ => sequential(N),
    };
    let layout = Layout {
        process,
        scans,
        huffman: Huffman::Optimal,
        segments,
        ..Layout::default()
    };
    write(
        &Frame::of_samples(side(width), side(height), &components),
        &layout,
    )
}

/// Full-range YCbCr by BT.601 (JFIF 1.02).
pub(super) fn ycc([r, g, b]: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(|level| f64::from(level) / 255.0);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [
        y,
        (b - y) / 1.772 + 128.0 / 255.0,
        (r - y) / 1.402 + 128.0 / 255.0,
    ]
    .map(byte)
}

/// Inks that give an opaque colour where they are multiplied; some of it as black.
fn inks(colour: [u8; 4]) -> [f64; 4] {
    let levels = [0, 1, 2]
        .map(|n| colour[n])
        .map(|level| f64::from(level) / 255.0);
    let most = levels.into_iter().fold(0.0, f64::max);
    // Half of the black that there could be.
    let kept = f64::midpoint(1.0, most);
    let ink = |level: f64| if kept > 0.0 { 1.0 - level / kept } else { 0.0 };
    let [c, m, y] = levels.map(ink);
    [c, m, y, 1.0 - kept]
}

fn size(chart: &Chart) -> (u32, u32) {
    (chart.width(), chart.height())
}

const ONE: (u8, u8) = (1, 1);

/// Grey, YCbCr, RGB, CMYK and YCCK, as Adobe and as others store them.
fn models() -> Vec<Golden> {
    let chart = Chart::colours();
    let mut all = Vec::new();
    let greys = Chart::greys(48);
    let bytes = file(
        size(&greys),
        &greys.pixels(|[grey, ..]| [grey]),
        [ONE],
        Process::Baseline,
        vec![jfif()],
    );
    all.push(Golden::new("jpeg-grey", &greys, bytes));
    let rgb = chart.pixels(|[r, g, b, _]| [r, g, b]);
    let from_rgb = chart.pixels(|[r, g, b, _]| ycc([r, g, b]));
    for (name, process) in [
        ("baseline", Process::Baseline),
        ("progressive", Process::Progressive),
    ] {
        let bytes = file(
            size(&chart),
            &from_rgb,
            [(2, 2), ONE, ONE],
            process,
            vec![jfif()],
        );
        all.push(Golden::new(format!("jpeg-ycbcr-{name}"), &chart, bytes));
    }
    let bytes = file(
        size(&chart),
        &rgb,
        [ONE; 3],
        Process::Baseline,
        vec![adobe(0)],
    );
    all.push(Golden::new("jpeg-rgb-adobe", &chart, bytes));

    // 255 is no ink in Adobe's way, all of it in the other.
    let left = chart.pixels(|colour| inks(colour).map(|ink| byte(1.0 - ink)));
    let bytes = file(
        size(&chart),
        &left,
        [ONE; 4],
        Process::Baseline,
        vec![adobe(0)],
    );
    all.push(Golden::new("jpeg-cmyk-adobe", &chart, bytes));
    let put = chart.pixels(|colour| inks(colour).map(byte));
    let bytes = file(size(&chart), &put, [ONE; 4], Process::Baseline, Vec::new());
    all.push(Golden::new("jpeg-cmyk", &chart, bytes));
    // YCC of what the inks let through, inverted as a whole; black as in CMYK.
    let ycck = |colour| {
        let [c, m, y, k] = inks(colour);
        let [y, cb, cr] = ycc([c, m, y].map(byte));
        [y, cb, cr, byte(1.0 - k)]
    };
    let ycck: Vec<[u8; 4]> = chart.pixels(ycck);
    let sampling = [(2, 2), ONE, ONE, (2, 2)];
    let bytes = file(
        size(&chart),
        &ycck,
        sampling,
        Process::Baseline,
        vec![adobe(2)],
    );
    all.push(Golden::new("jpeg-ycck-adobe", &chart, bytes));
    all
}

/// Other spaces than sRGB, told by a profile.
fn profiles() -> Vec<Golden> {
    let chart = Chart::colours();
    let with = |first: (u8, Vec<u8>), profile: &[u8]| [vec![first], icc(profile, 65_000)].concat();
    let mut all = Vec::new();
    for space in spaces::rgb() {
        let of = |[r, g, b, _]: [u8; 4]| (space.of_srgb)([r, g, b]).map(byte);
        let profile = spaces::encoded(&space.profile);
        let pixels = chart.pixels(of);
        let segments = with(adobe(0), &profile);
        let bytes = file(size(&chart), &pixels, [ONE; 3], Process::Baseline, segments);
        all.push(Golden::new(
            format!("jpeg-rgb-icc-{}", space.name),
            &chart,
            bytes,
        ));
        let pixels: Vec<[u8; 3]> = chart.pixels(|colour| ycc(of(colour)));
        let sampling = [(2, 2), ONE, ONE];
        let segments = with(jfif(), &profile);
        let bytes = file(
            size(&chart),
            &pixels,
            sampling,
            Process::Progressive,
            segments,
        );
        all.push(Golden::new(
            format!("jpeg-ycbcr-icc-{}", space.name),
            &chart,
            bytes,
        ));
    }
    let greys = Chart::greys(48);
    let pixels = greys.pixels(|[grey, ..]| [byte(spaces::light(grey).powf(1.0 / 1.8))]);
    let segments = with(jfif(), &spaces::grey_gamma(1.8));
    let bytes = file(size(&greys), &pixels, [ONE], Process::Baseline, segments);
    all.push(Golden::new("jpeg-grey-icc-gamma-1.8", &greys, bytes));

    let (chart, inks) = printed();
    let stored: Vec<[u8; 4]> =
        chart.pixels(|colour| inks_of(&chart, &inks, colour).map(|ink| 255 - ink));
    let segments = with(adobe(0), &spaces::press());
    let bytes = file(size(&chart), &stored, [ONE; 4], Process::Baseline, segments);
    all.push(Golden::new("jpeg-cmyk-icc", &chart, bytes));
    all
}

/// What a press prints with known inks; and those inks.
pub(super) fn printed() -> (Chart, Vec<[u8; 4]>) {
    // Three levels of each of 8 bits, so that colours stay apart.
    const LEVELS: [u8; 3] = [0, 102, 204];
    let inks: Vec<[u8; 4]> = (0..48_usize)
        .map(|n| {
            let n = n * 17 % 81;
            [n / 27, n / 9 % 3, n / 3 % 3, n % 3].map(|n| LEVELS[n])
        })
        .collect();
    let mut chart = Chart::colours();
    for (colour, inks) in chart.colours.iter_mut().zip(&inks) {
        let [r, g, b] = spaces::printed(inks.map(|ink| f64::from(ink) / 255.0)).map(byte);
        *colour = [r, g, b, 255];
    }
    (chart, inks)
}

/// The inks of a colour of [`printed`].
pub(super) fn inks_of(chart: &Chart, inks: &[[u8; 4]], colour: [u8; 4]) -> [u8; 4] {
    let n = chart.colours.iter().position(|&known| known == colour);
    inks[n.unwrap_or_default()]
}

/// Chroma at other resolutions than half.
fn samplings() -> Vec<Golden> {
    let chart = Chart::colours();
    let pixels = chart.pixels(|[r, g, b, _]| ycc([r, g, b]));
    let of = |luma: (u8, u8)| {
        let sampling = [luma, ONE, ONE];
        let bytes = file(
            size(&chart),
            &pixels,
            sampling,
            Process::Baseline,
            vec![jfif()],
        );
        Golden::new(
            format!("jpeg-sampling-{}x{}", luma.0, luma.1),
            &chart,
            bytes,
        )
    };
    [ONE, (2, 1), (1, 2), (2, 2), (4, 1), (4, 2), (1, 4)]
        .map(of)
        .to_vec()
}

/// Turned, as EXIF says it.
fn turned_ones() -> Vec<Golden> {
    let chart = Chart::colours();
    let pixels = chart.pixels(|[r, g, b, _]| ycc([r, g, b]));
    let of = |orientation: u16| {
        let (size, stored) = turned(size(&chart), &pixels, orientation);
        let segments = vec![jfif(), exif(orientation, orientation.is_multiple_of(2))];
        let sampling = [(2, 2), ONE, ONE];
        let bytes = file(size, &stored, sampling, Process::Baseline, segments);
        Golden::new(format!("jpeg-orientation-{orientation}"), &chart, bytes)
    };
    (0..=9).map(of).collect()
}

fn small() -> Vec<Golden> {
    let of = |(width, height): (u32, u32)| {
        let chart = Chart::single([200, 100, 50, 255], width, height);
        let pixels = chart.pixels(|[r, g, b, _]| ycc([r, g, b]));
        let sampling = [(2, 2), ONE, ONE];
        let bytes = file(
            size(&chart),
            &pixels,
            sampling,
            Process::Baseline,
            vec![jfif()],
        );
        Golden::new(format!("jpeg-{width}x{height}"), &chart, bytes)
    };
    [(1, 1), (1, 5000), (5000, 1), (3, 2)].map(of).to_vec()
}
