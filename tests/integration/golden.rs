//! Pictures with known colours, in every format and form, through the whole library: size, orientation
//! and colours of the thumbnails are what the generator put into the files.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use cos_thumbnails::thumbnail::{Effort, Limits, OutputFormat, Stop, decode, fit_size};
use dataset::golden::{Golden, pictures};
use palette::color_difference::Ciede2000;
use palette::{IntoColor, Lab, Srgb};

/// CIEDE2000 over the patches: half of what a trained eye sees at all, and what nobody would mind.
const MEAN: f64 = 1.0;
const MOST: f64 = 3.0;

/// Boxes that leave the charts as they are, and that halve them.
const BOXES: [u32; 2] = [256, 128];

#[test]
fn every_form_of_every_format_shows_the_colours_that_it_holds() {
    let mut report = String::new();
    let (mut checked, mut worst) = (0, 0.0_f64);
    for picture in pictures() {
        for side in BOXES {
            match check(&picture, side) {
                Ok(most) => worst = worst.max(most),
                Err(problem) => {
                    writeln!(report, "{} in {side}: {problem}", picture.name).unwrap();
                }
            }
            checked += 1;
        }
    }
    println!("{checked} thumbnails, the worst patch {worst:.2} off");
    assert!(report.is_empty(), "\n{report}");
}

/// The colour difference of the worst patch.
fn check(picture: &Golden, side: u32) -> Result<f64, String> {
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
    if mean > MEAN || most > MOST {
        let seen = write_for_eyes(&thumbnail, picture, side);
        return Err(format!(
            "off by {mean:.2} in the mean, {most:.2} at most: {seen}"
        ));
    }
    Ok(most)
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
    let lab = |levels: [f64; 3]| -> Lab<_, f64> {
        Srgb::from(levels.map(|level| level / 255.0)).into_color()
    };
    lab(found).difference(lab(expected.map(f64::from)))
}

/// The thumbnail, and below it what it should look like.
fn write_for_eyes(thumbnail: &image::RgbImage, picture: &Golden, side: u32) -> String {
    let (width, height) = thumbnail.dimensions();
    let mut both = image::RgbImage::new(width, 2 * height);
    image::imageops::replace(&mut both, thumbnail, 0, 0);
    for (n, colour) in picture.colours.iter().enumerate() {
        let [left, top, right, bottom] = middle(thumbnail, picture, n);
        for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
            both.put_pixel(x, height + y, image::Rgb(*colour));
        }
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-{side}.png", picture.name));
    both.save(&path).unwrap();
    path.display().to_string()
}
