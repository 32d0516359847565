//! What the samples of a TIFF mean, and how they stand in the file.

use tiff::ColorType;
use tiff::decoder::Decoder;
use tiff::tags::{ByteOrder, PhotometricInterpretation, PlanarConfiguration, SampleFormat, Tag};

use super::super::super::Error;
use super::super::super::raster::{Channels, narrow};
use super::super::{Input, Patch};
use super::{malformed, tiff_error, unsupported};

/// What the samples of a pixel mean, as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// As a raster has them.
    Pixels {
        channels: Channels,
        /// Whether alpha is premultiplied already.
        multiplied: bool,
    },
    /// Indices into these colours.
    Palette(Vec<[u8; 3]>),
    /// Inks; 255 is all of one.
    Inks,
    YCbCr,
}

/// How the samples stand in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// 1, 2, 4, 8 or 16 for each.
    pub(super) bits: u8,
    /// Samples of a pixel, of which the first few are kept.
    pub(super) stored: usize,
    pub(super) kept: usize,
    /// Whether every channel has pieces of its own.
    pub(super) planar: bool,
    /// Width and height of the pieces.
    pub(super) piece: (u32, u32),
}

impl Meaning {
    /// Samples of a pixel that are kept of the file.
    pub(super) fn kept(&self) -> usize {
        match self {
            Self::Pixels { channels, .. } => channels.count(),
            Self::Palette(_) => 1,
            Self::YCbCr => 3,
            Self::Inks => 4,
        }
    }
}

impl Layout {
    /// How many pieces lie side by side, and below each other.
    pub(super) fn pieces(&self, width: u32, height: u32) -> (usize, usize) {
        let (wide, high) = self.piece;
        (
            width.div_ceil(wide) as usize,
            height.div_ceil(high) as usize,
        )
    }
}

/// What the samples mean, and how many bits each has.
pub(super) fn meaning(
    decoder: &mut Decoder<Input<'_>>,
    color_type: ColorType,
    palette: Option<Vec<[u8; 3]>>,
) -> Result<(Meaning, u8), Error> {
    let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat);
    let formats = formats.map_err(tiff_error)?.unwrap_or_default();
    if formats
        .iter()
        .any(|&format| SampleFormat::from_u16(format) != Some(SampleFormat::Uint))
    {
        return unsupported("TIFF with samples that are not whole positive numbers");
    }
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples);
    let extra = extra.map_err(tiff_error)?.unwrap_or_default();
    // 1 is alpha that the colours are multiplied with, 2 is alpha that they are not (TIFF 6.0, 18).
    let multiplied = extra.first() == Some(&1);
    let has_alpha = matches!(extra.first(), Some(1 | 2));
    let pixels = |channels| Meaning::Pixels {
        channels,
        multiplied,
    };
    let (meaning, bits) = match (color_type, palette) {
        (ColorType::Gray(bits @ (1 | 2 | 4 | 8)), Some(palette)) => {
            (Meaning::Palette(palette), bits)
        }
        (ColorType::Gray(bits), None) => (pixels(Channels::Grey), bits),
        (ColorType::GrayA(bits), None) => (pixels(Channels::GreyAlpha), bits),
        (
            ColorType::Multiband {
                bit_depth,
                num_samples,
            },
            None,
        ) if num_samples >= 2 => {
            let channels = if has_alpha {
                Channels::GreyAlpha
            } else {
                Channels::Grey
            };
            (pixels(channels), bit_depth)
        }
        (ColorType::RGB(bits), None) => (pixels(Channels::Rgb), bits),
        (ColorType::RGBA(bits), None) => (pixels(Channels::Rgba), bits),
        (ColorType::CMYK(bits) | ColorType::CMYKA(bits), None) => (Meaning::Inks, bits),
        (ColorType::YCbCr(8), None) => (Meaning::YCbCr, 8),
        (other, _) => return unsupported(&format!("TIFF with pixels as {other:?}")),
    };
    let known = matches!(bits, 8 | 16) || (matches!(bits, 1 | 2 | 4) && meaning.kept() == 1);
    if !known {
        return unsupported(&format!("TIFF with samples of {bits} bits"));
    }
    Ok((meaning, bits))
}

pub(super) fn layout(
    decoder: &mut Decoder<Input<'_>>,
    meaning: &Meaning,
    bits: u8,
) -> Result<Layout, Error> {
    let samples = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel);
    let stored = usize::from(samples.map_err(tiff_error)?.unwrap_or(1));
    let planar = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration);
    let planar = planar
        .map_err(tiff_error)?
        .and_then(PlanarConfiguration::from_u16);
    let (wide, high) = decoder.chunk_dimensions();
    let kept = meaning.kept();
    if stored < kept {
        return Err(malformed("fewer samples than the colours need"));
    }
    Ok(Layout {
        bits,
        // Without planes the decoder leaves out what is no colour and no alpha that it knows.
        stored: match decoder.colortype().map_err(tiff_error)? {
            ColorType::Multiband { num_samples, .. } => num_samples.into(),
            ColorType::Gray(_) => 1,
            ColorType::GrayA(_) => 2,
            ColorType::RGB(_) | ColorType::YCbCr(_) => 3,
            ColorType::CMYKA(_) => 5,
            _ => 4,
        },
        kept,
        planar: planar == Some(PlanarConfiguration::Planar) && stored > 1,
        piece: (wide.max(1), high.max(1)),
    })
}

pub(super) fn photometric(
    decoder: &mut Decoder<Input<'_>>,
) -> Result<Option<PhotometricInterpretation>, Error> {
    let value = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation);
    Ok(value
        .map_err(tiff_error)?
        .and_then(PhotometricInterpretation::from_u16))
}

/// The colours of a palette: all reds, then all greens, then all blues, of 16 bits.
pub(super) fn colour_map(decoder: &mut Decoder<Input<'_>>) -> Result<Vec<[u8; 3]>, Error> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(tiff_error)?;
    let count = map.len() / 3;
    if count == 0 {
        return Err(malformed("an empty palette"));
    }
    let colour = |n: usize| [0, 1, 2].map(|channel| narrow(map[channel * count + n]));
    Ok((0..count.min(256)).map(colour).collect())
}

/// A patch that makes "grey, 0 is black" of what the first directory says of its samples.
pub(super) fn as_grey(decoder: &mut Decoder<Input<'_>>, bytes: &[u8]) -> Result<Patch, Error> {
    let big = matches!(bytes.get(2..4), Some([43, 0] | [0, 43]));
    let directory = decoder
        .ifd_pointer()
        .ok_or_else(|| malformed("no directory"))?;
    decoder
        .goto_offset_u64(directory.0)
        .map_err(|e| tiff_error(e.into()))?;
    let (count, head, entry, value) = if big {
        (decoder.read_long8(), 8, 20, 12)
    } else {
        (decoder.read_short().map(u64::from), 2, 12, 8)
    };
    let count = count.map_err(|e| tiff_error(e.into()))?;
    for n in 0..count.min(u16::MAX.into()) {
        let at = directory.0.saturating_add(head + n * entry);
        decoder
            .goto_offset_u64(at)
            .map_err(|e| tiff_error(e.into()))?;
        let tag = decoder.read_short().map_err(|e| tiff_error(e.into()))?;
        if tag == Tag::PhotometricInterpretation.to_u16() {
            let grey = PhotometricInterpretation::BlackIsZero.to_u16();
            let bytes = match decoder.byte_order() {
                ByteOrder::LittleEndian => grey.to_le_bytes(),
                ByteOrder::BigEndian => grey.to_be_bytes(),
            };
            return Ok(Patch {
                at: at + value,
                bytes,
            });
        }
    }
    Err(malformed("no interpretation of its samples"))
}
