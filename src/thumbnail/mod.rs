//! Bytes of a picture in, bytes of thumbnails out. Pure: no network, no clock, no async.
//!
//! ```text
//! inspect (header only, limits) -> decode (upright, sRGB, 8 bit) -> Picture::fit -> Picture::encode
//! ```

mod limits;
mod stop;

pub use limits::Limits;
pub use stop::Stop;
