//! Bytes of a picture in, bytes of thumbnails out. Pure: no network, no clock, no async.
//!
//! ```text
//!            ┌── limits: before any pixel
//! bytes ─► inspect ─► decode ─► shrink ─► orient ─► colour ─► Picture ─► fit ─► encode ─► bytes
//!          header     pixels    to twice   upright   sRGB        └─ once for every size ─┘
//!          alone      once      the largest thumbnail
//! ```
//!
//! ```
//! # use cos_thumbnails::thumbnail::{decode, Limits, OutputFormat, Stop};
//! # fn thumbnails(original: &[u8]) -> Result<(), cos_thumbnails::thumbnail::Error> {
//! let picture = decode(original, 512, &Limits::default(), &Stop::default())?;
//! for size in [512, 256, 128] {
//!     let jpeg: Vec<u8> = picture.fit(size)?.encode(OutputFormat::Jpeg, 80)?;
//! }
//! # Ok(())
//! # }
//! ```

mod colour;
mod decode;
mod encode;
mod error;
mod format;
mod geometry;
mod inspect;
#[allow(dead_code, reason = "its user comes after it")]
mod jpeg;
#[allow(dead_code, reason = "its user comes after it")]
mod kernels;
mod limits;
mod markers;
mod orient;
mod picture;
#[allow(dead_code, reason = "its reader and its user come one after the other")]
mod planes;
mod raster;
mod resize;
mod stop;
mod whole;

pub use decode::decode;
pub use encode::OutputFormat;
pub use error::Error;
pub use format::Format;
pub use geometry::fit_size;
pub use inspect::{Info, inspect};
pub use limits::Limits;
pub use orient::Orientation;
pub use picture::Picture;
pub use stop::Stop;
