//! Bytes of a picture in, bytes of thumbnails out. Pure: no network, no clock, no async.
//!
//! ```text
//!                            ┌ JPEG ─► jpeg: planes, shrunk as they are read ─► planar ┐
//! bytes ─► limits: before ──►┤                        └ other profiles, inks ─┐        ├─► Picture
//!          any pixel         └ others ─► decode ─► shrink ─► orient ─► colour ┴────────┘      │
//!                                         once    to twice   upright   sRGB                   │
//!                                                 the largest                                 │
//!                                       bytes ◄─ encode ◄─ fit, the largest thumbnail first ◄─┘
//! ```
//!
//! ```
//! # use cos_thumbnails::thumbnail::{decode, Effort, Limits, OutputFormat, Stop};
//! # fn thumbnails(original: &[u8]) -> Result<(), cos_thumbnails::thumbnail::Error> {
//! let (limits, stop) = (Limits::default(), Stop::default());
//! let mut picture = decode(original, 512, Effort::Default, &limits, &stop)?;
//! for size in [512, 256, 128] {
//!     picture = picture.fit(size)?;
//!     let jpeg: Vec<u8> = picture.encode(OutputFormat::Jpeg, 80)?;
//! }
//! # Ok(())
//! # }
//! ```

mod colour;
mod copyright;
mod decode;
mod directory;
mod encode;
mod error;
mod format;
mod geometry;
mod inspect;
mod jpeg;
mod kernels;
mod limits;
mod narrow;
mod orient;
mod picture;
mod planar;
mod planes;
mod raster;
mod resize;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod same_bytes;
mod sources;
mod stop;
mod whole;

pub use decode::{Decoder, decode};
pub use encode::{ChromaSubsampling, Encoding, NoChromaSubsampling, NoOutputFormat, OutputFormat};
pub use error::Error;
pub use format::Format;
pub use geometry::{Fit, NoFit, fit_size};
pub use inspect::{Info, inspect};
pub use jpeg::Progress;
#[cfg(fuzzing)]
pub(crate) use jpeg::invariants::hold;
pub use limits::{Ignored, Limited, Limits};
pub use orient::Orientation;
pub use picture::{Damage, Picture};
pub use planes::{Effort, NoEffort};
pub use stop::Stop;
