//! From a picture's bytes to its thumbnails' bytes, with the time of each stage: the part of the
//! flow that needs no store. Blocking: call it off the async threads.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::outcome::{Original, Stage, Timings};
use crate::plan::Recipe;
use crate::thumbnail::{self, Limits, OutputFormat, Stop};

/// All thumbnails of one picture.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// What was read.
    pub original: Original,
    /// One for each of the recipe's outputs, in their order.
    pub thumbnails: Vec<Encoded>,
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
    let mut watch = Watch::default();
    let largest = recipe.sizes().last().copied().unwrap_or_default();
    let info = watch.time(Stage::Decode, || thumbnail::inspect(bytes, limits))?;
    let picture = watch.time(Stage::Decode, || {
        thumbnail::decode(bytes, largest, limits, stop)
    })?;
    let (width, height) = picture.original_size();
    let mut thumbnails = Vec::new();
    for (size, format) in recipe.outputs() {
        let small = watch.time(Stage::Resize, || picture.fit(size))?;
        let file = watch.time(Stage::Encode, || small.encode(format, recipe.quality()))?;
        thumbnails.push(Encoded {
            size,
            format,
            width: small.width(),
            height: small.height(),
            bytes: file.into(),
        });
    }
    let original = Original {
        bytes: bytes.len() as u64,
        format: info.format.to_string(),
        width,
        height,
    };
    Ok(Rendered {
        original,
        thumbnails,
        timings: watch.0,
    })
}

/// Times the stages of one picture.
#[derive(Default)]
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
