//! From the bytes of an original to one upright picture, as small as its thumbnails allow.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use moxcms::DataColorSpace;

use super::colour;
use super::geometry::WHOLE;
use super::inspect::{Info, inspect_by};
use super::jpeg::{Progress, Reader, Want};
use super::picture::{Damage, Form, Picture};
use super::planar::Coarse;
use super::planes::{Colour, Planes};
use super::raster::{Channels, Raster};
use super::resize::resize;
use super::sources::{self, Opened, Pixels, Shown};
use super::{
    ChromaSubsampling, Effort, Encoding, Error, Fit, Format, Limits, Stop, copyright, fit_size,
};

/// Decodes a picture for thumbnails that fit into a box of `largest` pixels a side.
///
/// The picture is upright and of 8-bit sRGB, and no larger than good thumbnails need. Of a JPEG no
/// more is read than that, see [`Effort`]. Any other is decoded in full, then shrunk to twice
/// `largest` and let go, if that at least halves it: so every resampling that follows another at
/// least halves, which leaves no trace of the first. A lossy WebP without alpha stays the planes that it
/// is stored as, until its first thumbnail.
///
/// Of a damaged JPEG there is as much as could be read, if `limits` allow it: see
/// [`Picture::damage`].
///
/// # Errors
///
/// Those of [`inspect`](super::inspect()) and, as the bytes turn out, [`Error::Malformed`],
/// [`Error::Truncated`] or [`Error::Unsupported`]; a decoder's panic is [`Error::Malformed`].
/// [`Error::Stopped`] soon after the flag is set, though a decoder may finish first.
pub fn decode(
    bytes: &[u8],
    largest: u32,
    effort: Effort,
    limits: &Limits,
    stop: &Stop,
) -> Result<Picture, Error> {
    Decoder::new(largest, effort, limits, stop).finish(bytes)
}

/// [`decode`] for a file whose bytes come in pieces, because the first may be enough.
pub struct Decoder {
    reader: Reader,
    largest: u32,
    fit: Fit,
    chroma: ChromaSubsampling,
    keeps_copyright: bool,
    limits: Limits,
    stop: Stop,
}

impl Decoder {
    /// A decoder that has seen nothing. The arguments are those of [`decode`].
    #[must_use]
    pub fn new(largest: u32, effort: Effort, limits: &Limits, stop: &Stop) -> Self {
        let largest = largest.max(1);
        Self {
            reader: Reader::new(Want { largest, effort }, *limits, stop.clone()),
            largest,
            fit: Fit::default(),
            chroma: ChromaSubsampling::default(),
            keeps_copyright: false,
            limits: *limits,
            stop: stop.clone(),
        }
    }

    /// The same for thumbnails that are put so into their boxes, and written in these ways: then of a
    /// JPEG so much is read as they need.
    #[must_use]
    pub fn aiming_at(self, fit: Fit, encodings: &[Encoding]) -> Self {
        let chroma = encodings.iter().map(|encoding| encoding.chroma_needed());
        let chroma = chroma.min_by_key(|chroma| chroma.factors());
        let chroma = chroma.unwrap_or_default();
        Self {
            reader: self.reader.aiming_at(fit, chroma),
            fit,
            chroma,
            ..self
        }
    }

    /// Reads the header alone, and checks every limit before any pixel, as
    /// [`inspect`](super::inspect()).
    ///
    /// # Errors
    ///
    /// Those of [`inspect`](super::inspect()).
    pub fn inspect(self, bytes: &[u8]) -> Result<Info, Error> {
        inspect_by(self.reader, bytes, &self.limits, &self.stop)
    }

    /// The same, with the artist and the copyright that the EXIF block names written into each
    /// thumbnail. What is longer than a line or two is not.
    #[must_use]
    pub fn keeping_copyright(self, keeps_copyright: bool) -> Self {
        Self {
            keeps_copyright,
            ..self
        }
    }

    /// Goes on as far as `so_far`, the file's bytes from its start, allows. Of a progressive JPEG a
    /// part may be [enough](Progress::Enough); any other file is needed to its end.
    ///
    /// # Errors
    ///
    /// As [`decode`]; the decoder is of no more use then.
    pub fn advance(&mut self, so_far: &[u8]) -> Result<Progress, Error> {
        self.limits.check_file(so_far)?;
        match Format::of(so_far) {
            Ok(Format::Jpeg) => {}
            // A beginning that is shorter than what formats are known by.
            Err(Error::NotAPicture) if so_far.len() < Format::KNOWN_BY => {
                return Ok(Progress::NeedMore);
            }
            Ok(_) => return Ok(Progress::NeedMore),
            Err(error) => return Err(error),
        }
        catch(Format::Jpeg, || self.reader.advance(so_far))
    }

    /// How many bytes of the file, from its start, will probably be enough, after
    /// [`advance`](Self::advance) has needed more than `so_far`. An estimate, by the scans so far: it
    /// may be too low. `None` where all are needed, or may be.
    #[must_use]
    pub fn probably_enough(&self, so_far: &[u8]) -> Option<usize> {
        // What cannot be judged, for whatever reason, is read whole.
        catch(Format::Jpeg, || Ok(self.reader.probably_enough(so_far))).ok()?
    }

    /// How many bytes of the file have been read by [`advance`](Self::advance): once they were
    /// enough, all that are needed.
    #[must_use]
    pub fn position(&self) -> usize {
        self.reader.position()
    }

    /// The picture. `bytes` is the whole file, or what was [enough](Progress::Enough).
    ///
    /// # Errors
    ///
    /// As [`decode`].
    pub fn finish(self, bytes: &[u8]) -> Result<Picture, Error> {
        let format = format_within(bytes, &self.limits)?;
        let (largest, limits, stop) = (self.largest, &self.limits, &self.stop);
        let (fit, chroma) = (self.fit, self.chroma);
        // Unreadable metadata does not spoil a readable picture.
        let notice = if self.keeps_copyright {
            let notice = || Ok(copyright::notice(format, bytes, limits));
            catch(format, notice).unwrap_or_default()
        } else {
            None
        };
        let result = catch(format, || {
            if format == Format::Jpeg {
                return of_planes(self.reader.finish(bytes)?, largest, fit, limits, stop);
            }
            let opened = sources::open(format, bytes, limits, stop)?;
            go_on(stop)?;
            of_pixels(format, opened, largest, fit, stop)
        });
        // A decoder whose input ended by the flag calls it an error of the input.
        go_on(stop)?;
        result.map(|picture| picture.aiming_at(fit, chroma).with_notice(notice))
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("largest", &self.largest)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The picture that a JPEG's reader leaves: as planes, unless its colours must be converted.
fn of_planes(
    read: Planes,
    largest: u32,
    fit: Fit,
    limits: &Limits,
    stop: &Stop,
) -> Result<Picture, Error> {
    let (intact_rows, rows) = (read.intact_rows, read.height);
    if !limits.accept_damage(intact_rows, rows) {
        return Err(Error::Truncated {
            format: Format::Jpeg,
            missing: "too much of the picture",
        });
    }
    let damage = (intact_rows < rows).then_some(Damage { intact_rows, rows });
    let original = read.orientation.upright_size(read.width, read.height);
    go_on(stop)?;
    let coarse = Coarse::upright(read.planes, read.orientation);
    let profile = read.icc.as_deref().and_then(colour::profile);
    let profile = profile.as_ref();
    let form = match read.colour {
        Colour::Grey if colour::keeps(profile, DataColorSpace::Gray) => Form::Planar(coarse.into()),
        Colour::YCbCr if colour::keeps(profile, DataColorSpace::Rgb) => Form::Planar(coarse.into()),
        _ => {
            // As large as it is, but for what more than twice the largest thumbnail would add.
            let (width, height) = coarse.size();
            let whole = fit.whole_box(original, largest);
            let longer = width.max(height).clamp(whole, whole.saturating_mul(2));
            go_on(stop)?;
            let size = fit_size(original.0, original.1, longer);
            Form::Raster(match coarse.inks(read.colour, size) {
                Some(inks) => Raster {
                    width: size.0,
                    height: size.1,
                    channels: Channels::Rgb,
                    samples: colour::of_inks(&inks, profile),
                },
                None => colour::to_srgb(coarse.raster(read.colour, size), profile)?,
            })
        }
    };
    let picture = Picture::new(Format::Jpeg, form, original, largest);
    Ok(picture.damaged(damage).ignoring(read.ignored))
}

pub(super) fn format_within(bytes: &[u8], limits: &Limits) -> Result<Format, Error> {
    let format = Format::of(bytes)?;
    limits.check_file(bytes)?;
    Ok(format)
}

/// Runs what reads untrusted bytes; a panic in it is an error of the bytes.
pub(super) fn catch<T>(
    format: Format,
    read: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    // Unwind-safe: all that a panic can leave half-done is dropped with the closure.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(Error::malformed(
            format,
            format!("the decoder panicked: {message}"),
        ))
    })
}

fn go_on(stop: &Stop) -> Result<(), Error> {
    if stop.is_stopped() {
        return Err(Error::Stopped);
    }
    Ok(())
}

/// The picture that any other format's reader leaves: shrunk, turned and converted.
fn of_pixels(
    format: Format,
    opened: Opened<'_>,
    largest: u32,
    fit: Fit,
    stop: &Stop,
) -> Result<Picture, Error> {
    let header = opened.header;
    let original = header.orientation.upright_size(header.width, header.height);
    let Pixels { raster, profile } = match opened.read()? {
        Shown::Pixels(pixels) => *pixels,
        Shown::Planes(planes) => {
            let coarse = Coarse::upright(planes, header.orientation);
            let form = Form::Planar(coarse.into());
            let picture = Picture::new(format, form, original, largest);
            return Ok(picture.ignoring(header.ignored));
        }
    };
    go_on(stop)?;
    let longer = u64::from(header.width.max(header.height));
    let whole = fit.whole_box((header.width, header.height), largest);
    let raster = if longer >= 4 * u64::from(whole) {
        let twice = fit_size(header.width, header.height, whole.saturating_mul(2));
        resize(&raster, twice, WHOLE)?
    } else {
        raster.held(Cow::into_owned)
    };
    go_on(stop)?;
    let raster = header.orientation.apply(raster);
    let raster = colour::to_srgb(raster, profile.as_ref())?;
    let picture = Picture::new(format, Form::Raster(raster), original, largest);
    Ok(picture.ignoring(header.ignored))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
