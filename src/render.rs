//! From a picture's bytes to its thumbnails' bytes, with the time of each stage: the part of the
//! flow that needs no store. Blocking: call it off the async threads.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::outcome::{Degraded, Ignored, Original, Stage, Timings};
use crate::plan::Recipe;
use crate::thumbnail::{self, Decoder, Limits, OutputFormat, Picture, Progress, Stop};

/// All thumbnails of one picture.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// What was read.
    pub original: Original,
    /// One for each of the recipe's outputs, in their order.
    pub thumbnails: Vec<Encoded>,
    /// How much of it is right, if not all.
    pub degraded: Option<Degraded>,
    /// What of its metadata they do without.
    pub ignored: Vec<Ignored>,
    /// The time of decoding, resizing and encoding.
    pub timings: Timings,
}

/// One thumbnail's bytes.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// The bounding box's side in pixels.
    pub size: u32,
    /// Its format.
    pub format: OutputFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The file.
    pub bytes: Bytes,
}

impl Encoded {
    /// The file's length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Makes every thumbnail of `recipe` from one decoded picture.
///
/// # Errors
/// The picture is not one, is damaged, over a limit or in a form that is not read, or `stop` was set.
pub fn render(
    bytes: &[u8],
    recipe: &Recipe,
    limits: &Limits,
    stop: &Stop,
) -> Result<Rendered, thumbnail::Error> {
    Rendering::new(recipe, limits, stop).with_all(bytes)
}

/// What the header of a picture says of it, and of the memory that its thumbnails by `recipe` need.
///
/// # Errors
/// As [`thumbnail::inspect`].
pub fn inspect(
    bytes: &[u8],
    recipe: &Recipe,
    limits: &Limits,
) -> Result<thumbnail::Info, thumbnail::Error> {
    decoder(recipe, limits, &Stop::default()).inspect(bytes)
}

fn decoder(recipe: &Recipe, limits: &Limits, stop: &Stop) -> Decoder {
    let largest = recipe.sizes().last().copied().unwrap_or_default();
    Decoder::new(largest, recipe.effort(), limits, stop)
        .aiming_at(recipe.fit(), recipe.encodings())
        .keeping_copyright(recipe.keeps_copyright())
}

/// [`render`] for a file whose bytes come in pieces, because the first may be enough.
#[derive(Debug)]
pub struct Rendering {
    decoder: Decoder,
    recipe: Recipe,
    stop: Stop,
    watch: Watch,
}

/// What came of a part of a file.
#[derive(Debug)]
pub enum Step {
    /// It was enough.
    Done(Rendered),
    /// It was not. Nothing of it is decoded twice when there is more.
    NeedMore {
        /// To be gone on with.
        rendering: Box<Rendering>,
        /// How many bytes, from the file's start, will probably be enough; `None` where all are
        /// needed, or may be.
        probably_enough: Option<u64>,
    },
}

impl Rendering {
    /// A rendering that has seen no bytes. The arguments are those of [`render`].
    #[must_use]
    pub fn new(recipe: &Recipe, limits: &Limits, stop: &Stop) -> Self {
        Self {
            decoder: decoder(recipe, limits, stop),
            recipe: recipe.clone(),
            stop: stop.clone(),
            watch: Watch::default(),
        }
    }

    /// The thumbnails from a part of the file, its first bytes, if they are enough for them.
    ///
    /// # Errors
    /// As [`render`].
    pub fn with_part(mut self, so_far: &[u8]) -> Result<Step, thumbnail::Error> {
        let Self { decoder, watch, .. } = &mut self;
        match watch.time(Stage::Decode, || decoder.advance(so_far))? {
            Progress::NeedMore => {
                let bytes = watch.time(Stage::Decode, || decoder.probably_enough(so_far));
                Ok(Step::NeedMore {
                    rendering: Box::new(self),
                    probably_enough: bytes.map(|bytes| bytes as u64),
                })
            }
            Progress::Enough => self.with_all(so_far).map(Step::Done),
        }
    }

    /// The thumbnails from all bytes of the file.
    ///
    /// # Errors
    /// As [`render`].
    pub fn with_all(self, bytes: &[u8]) -> Result<Rendered, thumbnail::Error> {
        let Self {
            decoder,
            recipe,
            stop,
            mut watch,
        } = self;
        let picture = watch.time(Stage::Decode, || decoder.finish(bytes))?;
        thumbnails(&picture, &recipe, bytes.len() as u64, &stop, watch)
    }
}

fn thumbnails(
    picture: &Picture,
    recipe: &Recipe,
    length: u64,
    stop: &Stop,
    mut watch: Watch,
) -> Result<Rendered, thumbnail::Error> {
    let (width, height) = picture.original_size();
    let mut thumbnails = Vec::new();
    let mut made: Vec<(u32, Picture)> = Vec::new();
    // The largest first: the smaller ones are made from it, or from one another.
    for (size, encoding) in recipe.outputs().rev() {
        if stop.is_stopped() {
            return Err(thumbnail::Error::Stopped);
        }
        if made.last().is_none_or(|(made, _)| *made != size) {
            // Each from the smallest that is at least twice as large, see `Picture::fit`.
            let large = |(_, made): &(u32, Picture)| made.width().max(made.height()) / 2 >= size;
            let source = made.iter().rposition(large);
            // The next will be made from it too, or from smaller ones.
            made.drain(..source.unwrap_or_default());
            let source = source.map_or(picture, |_| &made[0].1);
            let small = watch.time(Stage::Resize, || source.fit(size))?;
            made.push((size, small));
        }
        let Some((_, small)) = made.last() else {
            unreachable!("the size has just been made");
        };
        let file = watch.time(Stage::Encode, || small.encode_as(*encoding))?;
        thumbnails.push(Encoded {
            size,
            format: encoding.format,
            width: small.width(),
            height: small.height(),
            bytes: file.into(),
        });
    }
    thumbnails.reverse();
    let original = Original {
        bytes: length,
        format: picture.format().to_string(),
        width,
        height,
    };
    Ok(Rendered {
        original,
        thumbnails,
        degraded: picture.damage().map(|damage| Degraded {
            intact_rows: damage.intact_rows,
            rows: damage.rows,
        }),
        ignored: [
            (picture.ignored().icc, Ignored::IccTooLong),
            (picture.ignored().exif, Ignored::ExifTooLong),
        ]
        .into_iter()
        .filter_map(|(is_ignored, what)| is_ignored.then_some(what))
        .collect(),
        timings: watch.0,
    })
}

/// Times the stages of one picture.
#[derive(Debug, Default)]
struct Watch(Timings);

impl Watch {
    fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let elapsed: Duration = start.elapsed();
        self.0.add(stage, elapsed);
        result
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::thumbnail::{Effort, Fit, decode};

    fn png(pixels: &image::RgbaImage) -> Vec<u8> {
        let mut file = Vec::new();
        pixels
            .write_to(
                &mut std::io::Cursor::new(&mut file),
                image::ImageFormat::Png,
            )
            .unwrap();
        file
    }

    fn only_thumbnail(bytes: &[u8], recipe: Recipe) -> image::RgbImage {
        let recipe = recipe.with_sizes(&[32]).unwrap();
        let made = render(bytes, &recipe, &Limits::default(), &Stop::default()).unwrap();
        let shown = image::load_from_memory(&made.thumbnails[0].bytes);
        shown.unwrap().to_rgb8()
    }

    /// All pixels are that colour, but for what JPEG makes of it.
    fn assert_plain(shown: &image::RgbImage, colour: [u8; 3]) {
        let near = |pixel: &image::Rgb<u8>| {
            let mut levels = pixel.0.iter().zip(colour);
            levels.all(|(level, expected)| level.abs_diff(expected) <= 4)
        };
        let off = shown.pixels().find(|pixel| !near(pixel));
        assert_eq!(off, None, "of {colour:?}");
    }

    #[test]
    fn what_covers_a_box_is_the_middle_of_the_picture() {
        // Small, and so large that it is shrunk once before.
        for third in [40, 400] {
            let colours = [[250, 10, 10, 255], [10, 200, 10, 255], [10, 10, 250, 255]];
            let of = |at: u32| image::Rgba(colours[(at / third) as usize]);
            let wide = image::RgbaImage::from_fn(3 * third, third, |x, _| of(x));
            let high = image::RgbaImage::from_fn(third, 3 * third, |_, y| of(y));
            for picture in [wide, high] {
                let shown = only_thumbnail(&png(&picture), Recipe::standard().with_fit(Fit::Cover));
                assert_eq!(shown.dimensions(), (32, 32));
                // The filter reaches beyond the edges.
                let inner = image::imageops::crop_imm(&shown, 8, 8, 16, 16).to_image();
                assert_plain(&inner, [10, 200, 10]);
            }
        }
    }

    #[test]
    fn what_is_transparent_shows_the_background_of_the_recipe() {
        let clear = png(&image::RgbaImage::new(64, 64));
        let (standard, green) = (Recipe::standard(), [0, 120, 40]);
        assert_plain(&only_thumbnail(&clear, standard.clone()), [255; 3]);
        let shown = only_thumbnail(&clear, standard.with_background(green));
        assert_plain(&shown, green);
    }

    #[test]
    fn a_stop_ends_the_work_between_two_outputs() {
        let stop = Stop::default();
        let pixels = image::GrayImage::from_pixel(40, 30, image::Luma([90]));
        let mut file = Vec::new();
        let format = image::ImageFormat::Png;
        pixels
            .write_to(&mut std::io::Cursor::new(&mut file), format)
            .unwrap();
        let picture = decode(&file, 32, Effort::Default, &Limits::default(), &stop).unwrap();
        let recipe = Recipe::standard().with_sizes(&[16, 32]).unwrap();
        let made = |stop: &Stop| thumbnails(&picture, &recipe, 0, stop, Watch::default());
        assert_eq!(made(&stop).unwrap().thumbnails.len(), 2);
        stop.stop();
        assert!(matches!(made(&stop), Err(thumbnail::Error::Stopped)));
    }
}
