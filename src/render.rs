//! From a picture's bytes to its thumbnails' bytes, with the time of each stage: the part of the
//! flow that needs no store. Blocking: call it off the async threads.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::outcome::{Degraded, Original, Stage, Timings};
use crate::plan::Recipe;
use crate::thumbnail::{self, Limits, OutputFormat, Picture, Stop};

/// All thumbnails of one picture.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// What was read.
    pub original: Original,
    /// One for each of the recipe's outputs, in their order.
    pub thumbnails: Vec<Encoded>,
    /// How much of it is right, if not all.
    pub degraded: Option<Degraded>,
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
    let picture = watch.time(Stage::Decode, || {
        thumbnail::decode(bytes, largest, recipe.effort(), limits, stop)
    })?;
    let (width, height) = picture.original_size();
    let mut thumbnails = Vec::new();
    let mut made: Vec<Picture> = Vec::new();
    // The largest first: the smaller ones are made from it, or from one another.
    let outputs: Vec<_> = recipe.outputs().collect();
    for (size, format) in outputs.into_iter().rev() {
        // Each from the smallest that is at least twice as large, see `Picture::fit`.
        let large = |made: &&Picture| made.width().max(made.height()) / 2 >= size;
        let source = made.iter().rfind(large).unwrap_or(&picture);
        let small = watch.time(Stage::Resize, || source.fit(size))?;
        let file = watch.time(Stage::Encode, || small.encode(format, recipe.quality()))?;
        thumbnails.push(Encoded {
            size,
            format,
            width: small.width(),
            height: small.height(),
            bytes: file.into(),
        });
        made.push(small);
    }
    thumbnails.reverse();
    let original = Original {
        bytes: bytes.len() as u64,
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
