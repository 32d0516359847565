//! Pictures with known colours, in every format and form, through the whole library: size, orientation
//! and colours of the thumbnails are what the generator put into the files, and they look like the chart
//! itself, drawn and shrunk by another library. What differs is written to disk, beside what it should be.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use cos_thumbnails::thumbnail::{Effort, Limits, OutputFormat, Stop, decode, fit_size};
use dataset::golden::{Golden, pictures};
use image::imageops::FilterType;
use palette::color_difference::Ciede2000;
use palette::white_point::D65;
use palette::{IntoColor, Lab, Srgb};

/// CIEDE2000 over the patches: half of what a trained eye sees at all, and what nobody would mind.
const MEAN: f64 = 1.0;
const MOST: f64 = 3.0;

/// The least structural similarity to a chart that came through no file.
const ALIKE: f64 = 0.95;

/// Boxes that leave the charts as they are, and that halve them.
const BOXES: [u32; 2] = [256, 128];

#[test]
fn case_11_and_12_every_form_of_every_format_shows_the_colours_that_it_holds() {
    let mut report = String::new();
    let (mut checked, mut worst, mut least) = (0, 0.0_f64, (1.0_f64, String::new()));
    for picture in pictures() {
        for side in BOXES {
            match check(&picture, side) {
                Ok((most, alike)) => {
                    worst = worst.max(most);
                    if alike < least.0 {
                        least = (alike, format!("{} in {side}", picture.name));
                    }
                }
                Err(problem) => {
                    writeln!(report, "{} in {side}: {problem}", picture.name).unwrap();
                }
            }
            checked += 1;
        }
    }
    let (alike, name) = least;
    println!(
        "{checked} thumbnails, the worst patch {worst:.2} off, the least alike {alike:.4}: {name}"
    );
    assert!(report.is_empty(), "\n{report}");
}

/// The colour difference of the worst patch, and how much the thumbnail is like the chart.
fn check(picture: &Golden, side: u32) -> Result<(f64, f64), String> {
    let thumbnail = thumbnail(&picture.bytes, side)?;
    let expected = fit_size(picture.width, picture.height, side);
    if thumbnail.dimensions() != expected {
        return Err(format!("{:?}, not {expected:?}", thumbnail.dimensions()));
    }
    let differences: Vec<f64> = (0..picture.colours.len())
        .map(|n| difference(mean(&thumbnail, picture, n), picture.colours[n]))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "some patches")]
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    let most = differences.iter().copied().fold(0.0, f64::max);
    let reference = reference(picture, expected);
    let alike = similarity(&thumbnail, &reference);
    if mean > MEAN || most > MOST || alike < ALIKE {
        let seen = write_for_eyes(&thumbnail, &reference, &format!("{}-{side}", picture.name));
        return Err(format!(
            "off by {mean:.2} in the mean, {most:.2} at most, alike {alike:.4}: {seen}"
        ));
    }
    Ok((most, alike))
}

fn thumbnail(bytes: &[u8], side: u32) -> Result<image::RgbImage, String> {
    let (limits, stop) = (Limits::default(), Stop::default());
    let shown = |error: &dyn std::error::Error| match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let picture = decode(bytes, side, Effort::Default, &limits, &stop).map_err(|e| shown(&e))?;
    let small = picture.fit(side).map_err(|e| shown(&e))?;
    let file = small
        .encode(OutputFormat::Jpeg, 95)
        .map_err(|e| shown(&e))?;
    Ok(image::load_from_memory(&file)
        .map_err(|e| shown(&e))?
        .to_rgb8())
}

/// Corners of the middle of a patch in a thumbnail.
fn middle(thumbnail: &image::RgbImage, picture: &Golden, n: usize) -> [u32; 4] {
    let n = u32::try_from(n).unwrap();
    let rows = u32::try_from(picture.colours.len()).unwrap() / picture.columns;
    let part = |n: u32, of: u32, side: u32| {
        let quarter = |quarters: u32| ((4 * n + quarters) * side / (4 * of)).min(side - 1);
        (quarter(1), quarter(3).max(quarter(1) + 1))
    };
    let (left, right) = part(n % picture.columns, picture.columns, thumbnail.width());
    let (top, bottom) = part(n / picture.columns, rows, thumbnail.height());
    [left, top, right, bottom]
}

fn mean(thumbnail: &image::RgbImage, picture: &Golden, n: usize) -> [f64; 3] {
    let [left, top, right, bottom] = middle(thumbnail, picture, n);
    let mut sum = [0.0; 3];
    for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
        for (sum, level) in sum.iter_mut().zip(thumbnail.get_pixel(x, y).0) {
            *sum += f64::from(level);
        }
    }
    sum.map(|sum| sum / f64::from((right - left) * (bottom - top)))
}

fn difference(found: [f64; 3], expected: [u8; 3]) -> f64 {
    lab(found).difference(lab(expected.map(f64::from)))
}

fn lab(levels: [f64; 3]) -> Lab<D65, f64> {
    Srgb::from(levels.map(|level| level / 255.0)).into_color()
}

/// The chart, drawn from its colours and shrunk by `image`.
fn reference(picture: &Golden, (width, height): (u32, u32)) -> image::RgbImage {
    let rows = u32::try_from(picture.colours.len()).unwrap() / picture.columns;
    let chart = image::RgbImage::from_fn(picture.width, picture.height, |x, y| {
        let column = x * picture.columns / picture.width;
        let row = y * rows / picture.height;
        image::Rgb(picture.colours[(row * picture.columns + column) as usize])
    });
    image::imageops::resize(&chart, width, height, FilterType::Lanczos3)
}

/// The mean structural similarity (Wang et al., *Image Quality Assessment: From Error Visibility to
/// Structural Similarity*, 2004, equation 13, in squares of 8 x 8 pixels) of lightness. The colours are
/// for the patches: thumbnails have their differences at half the resolution.
fn similarity(one: &image::RgbImage, other: &image::RgbImage) -> f64 {
    let lightness = |image: &image::RgbImage| -> Vec<f64> {
        let pixels = image.pixels();
        pixels.map(|pixel| lab(pixel.0.map(f64::from)).l).collect()
    };
    plane_similarity(&lightness(one), &lightness(other), one.width() as usize)
}

fn plane_similarity(a: &[f64], b: &[f64], width: usize) -> f64 {
    /// (0.01 L)^2 and (0.03 L)^2, where L is the range of L*.
    const STABLE: [f64; 2] = [1.0, 9.0];
    const SIDE: usize = 8;
    let height = a.len() / width;
    let (mut sum, mut squares) = (0.0, 0.0);
    for top in (0..height).step_by(SIDE / 2) {
        for left in (0..width).step_by(SIDE / 2) {
            let within = (top..height.min(top + SIDE))
                .flat_map(|y| (left..width.min(left + SIDE)).map(move |x| y * width + x));
            let mut moments = [0.0; 5];
            let mut count = 0.0;
            for at in within {
                let (a, b) = (a[at], b[at]);
                for (moment, value) in moments.iter_mut().zip([a, b, a * a, b * b, a * b]) {
                    *moment += value;
                }
                count += 1.0;
            }
            let [a, b, aa, bb, ab] = moments.map(|moment| moment / count);
            let (var_a, var_b, covariance) = (aa - a * a, bb - b * b, ab - a * b);
            sum += (2.0 * a * b + STABLE[0]) * (2.0 * covariance + STABLE[1])
                / ((a * a + b * b + STABLE[0]) * (var_a + var_b + STABLE[1]));
            squares += 1.0;
        }
    }
    sum / squares
}

/// The thumbnail, and below it what it should look like.
fn write_for_eyes(thumbnail: &image::RgbImage, reference: &image::RgbImage, name: &str) -> String {
    let (width, height) = thumbnail.dimensions();
    let mut both = image::RgbImage::new(width, 2 * height);
    image::imageops::replace(&mut both, thumbnail, 0, 0);
    image::imageops::replace(&mut both, reference, 0, height.into());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.png"));
    both.save(&path).unwrap();
    path.display().to_string()
}

#[test]
fn what_is_shifted_or_blurred_is_not_alike() {
    let pictures = pictures();
    let chart = pictures
        .iter()
        .find(|picture| picture.name == "png-rgb-8-bit");
    let reference = reference(chart.unwrap(), (128, 96));
    assert!(similarity(&reference, &reference) > 0.9999);
    let mut shifted = image::RgbImage::new(128, 96);
    image::imageops::replace(&mut shifted, &reference, 1, 0);
    assert!(similarity(&shifted, &reference) < ALIKE);
    let blurred = image::imageops::blur(&reference, 2.0);
    assert!(similarity(&blurred, &reference) < ALIKE);
}
