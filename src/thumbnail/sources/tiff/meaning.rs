//! What the samples of a TIFF mean, and how they stand in the file.

use tiff::decoder::Decoder;
use tiff::tags::{PhotometricInterpretation, PlanarConfiguration, SampleFormat, Tag};

use super::super::super::Error;
use super::super::super::narrow::narrow;
use super::super::super::raster::Channels;
use super::super::Input;
use super::pieces::Packing;
use super::{malformed, tiff_error, unsupported};

/// What the samples of a pixel mean, as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// As a raster has them.
    Pixels {
        channels: Channels,
        /// Whether alpha is premultiplied already.
        multiplied: bool,
        /// Whether 0 is white in the pieces.
        inverted: bool,
    },
    /// Indices into these colours.
    Palette(Vec<[u8; 3]>),
    /// Inks; 255 is all of one.
    Inks,
    YCbCr,
    /// L\*a\*b\* as ICC profiles have it in 8 bits: 128 is neither green nor red.
    Lab {
        /// Whether 0 is that in the file.
        signed: bool,
    },
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
    /// Levels of brightness for each colour difference, across and down (TIFF 6.0, 21).
    pub(super) subsampling: (u32, u32),
    pub(super) little_endian: bool,
}

impl Meaning {
    /// Samples of a pixel that are kept of the file.
    pub(super) fn kept(&self) -> usize {
        match self {
            Self::Pixels { channels, .. } => channels.count(),
            Self::Palette(_) => 1,
            Self::YCbCr | Self::Lab { .. } => 3,
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

    /// How many samples of a pixel a piece has.
    pub(super) fn stored_in_piece(&self) -> usize {
        if self.planar { 1 } else { self.stored }
    }

    /// The length of a piece's row; or of as many rows as have common colour differences.
    pub(super) fn line_bytes(&self) -> u64 {
        let (across, down) = self.subsampling;
        if self.subsampling == (1, 1) {
            let samples = u64::from(self.piece.0) * self.stored_in_piece() as u64;
            (samples * u64::from(self.bits)).div_ceil(8)
        } else {
            u64::from(self.piece.0.div_ceil(across)) * (u64::from(across * down) + 2)
        }
    }

    /// Whether rows of a piece are what is kept of them.
    pub(super) fn is_kept_as_it_is(&self, meaning: &Meaning) -> bool {
        let same = !matches!(
            meaning,
            Meaning::Pixels { inverted: true, .. } | Meaning::Lab { signed: true }
        );
        let whole = self.subsampling == (1, 1) && !self.planar && self.stored == self.kept;
        same && whole && self.bits == 8
    }

    pub(super) fn word(&self, bytes: [u8; 2]) -> u16 {
        if self.little_endian {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        }
    }

    /// How many such lines so many rows have.
    pub(super) fn lines(&self, rows: u32) -> u64 {
        rows.div_ceil(self.subsampling.1).into()
    }
}

/// What the samples mean, and how many bits each has.
pub(super) fn meaning(
    decoder: &mut Decoder<Input<'_>>,
    packing: Packing,
) -> Result<(Meaning, u8), Error> {
    use PhotometricInterpretation as Is;
    let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat);
    let formats = formats.map_err(tiff_error)?.unwrap_or_default();
    if formats
        .iter()
        .any(|&format| SampleFormat::from_u16(format) != Some(SampleFormat::Uint))
    {
        return unsupported("TIFF with samples that are not whole positive numbers");
    }
    let bits = decoder.find_tag_unsigned_vec::<u8>(Tag::BitsPerSample);
    let bits = bits.map_err(tiff_error)?;
    // The decoder has seen that all are alike.
    let bits = bits.and_then(|bits| bits.first().copied()).unwrap_or(1);
    let stored = stored(decoder)?;
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples);
    let extra = extra.map_err(tiff_error)?.unwrap_or_default();
    let colours = stored.saturating_sub(extra.len());
    // 1 is alpha that the colours are multiplied with, 2 is alpha that they are not (TIFF 6.0, 18).
    let has_alpha = matches!(extra.first(), Some(1 | 2));
    let photometric = number(decoder, Tag::PhotometricInterpretation)?;
    let photometric = photometric.and_then(Is::from_u16);
    let pixels = |channels| Meaning::Pixels {
        channels,
        multiplied: extra.first() == Some(&1),
        inverted: photometric == Some(Is::WhiteIsZero) && packing != Packing::Jpeg,
    };
    let meaning = match (photometric, colours) {
        (Some(Is::WhiteIsZero | Is::BlackIsZero), _) => pixels(match colours {
            1 if has_alpha => Channels::GreyAlpha,
            _ => Channels::Grey,
        }),
        (Some(Is::RGB), 3) if has_alpha => pixels(Channels::Rgba),
        (Some(Is::RGB), 3) => pixels(Channels::Rgb),
        // What a fourth one is was not said before version 6.
        (Some(Is::RGB), 4..) => pixels(Channels::Rgba),
        (Some(Is::RGBPalette), 1..) => Meaning::Palette(colour_map(decoder)?),
        (Some(Is::CMYK), 4..) => {
            /// Which inks they are (TIFF 6.0, 16).
            const INK_SET: Tag = Tag::Unknown(332);
            if number(decoder, INK_SET)?.is_some_and(|set| set != 1) {
                return unsupported("TIFF with inks other than cyan, magenta, yellow and black");
            }
            Meaning::Inks
        }
        (Some(Is::YCbCr), 3..) => Meaning::YCbCr,
        (Some(Is::CIELab), 3..) => Meaning::Lab { signed: true },
        (Some(Is::IccLab), 3..) => Meaning::Lab { signed: false },
        (Some(Is::ItuLab), _) => return unsupported("TIFF with colours as ITU L*a*b*"),
        (Some(Is::TransparencyMask), _) => return unsupported("TIFF of a mask alone"),
        (None, _) => return unsupported("TIFF with pixels of an unknown kind"),
        _ => return Err(malformed("fewer samples than the colours need")),
    };
    let known = match meaning {
        Meaning::YCbCr => bits == 8,
        Meaning::Lab { .. } => matches!(bits, 8 | 16),
        Meaning::Palette(_) => matches!(bits, 1 | 2 | 4 | 8),
        Meaning::Pixels { .. } | Meaning::Inks => matches!(bits, 1 | 2 | 4 | 8 | 16),
    };
    if !known {
        return unsupported(&format!("TIFF with samples of {bits} bits"));
    }
    Ok((meaning, bits))
}

pub(super) fn layout(
    decoder: &mut Decoder<Input<'_>>,
    meaning: &Meaning,
    bits: u8,
    packing: Packing,
) -> Result<Layout, Error> {
    let stored = stored(decoder)?;
    let planar = number(decoder, Tag::PlanarConfiguration)?;
    let planar = planar.and_then(PlanarConfiguration::from_u16)
        == Some(PlanarConfiguration::Planar)
        && stored > 1;
    let (wide, high) = decoder.chunk_dimensions();
    let kept = meaning.kept();
    let mut subsampling = (1, 1);
    if *meaning == Meaning::YCbCr && packing != Packing::Jpeg {
        let factors = decoder.find_tag_unsigned_vec::<u16>(Tag::ChromaSubsampling);
        subsampling = match factors.map_err(tiff_error)?.as_deref() {
            None => (2, 2),
            Some(&[across @ (1 | 2 | 4), down @ (1 | 2 | 4)]) => (across.into(), down.into()),
            Some(_) => return Err(malformed("colour differences of no known size")),
        };
    }
    let whole = subsampling == (1, 1);
    if !whole && (planar || stored > 3) {
        return unsupported("TIFF with subsampled colours in planes or with further channels");
    }
    if packing == Packing::Jpeg && stored != kept && !planar {
        return unsupported("TIFF of JPEGs with further channels");
    }
    if packing == Packing::Facsimile && (bits, stored) != (1, 1) {
        return Err(malformed("a facsimile of more than black and white"));
    }
    Ok(Layout {
        bits,
        stored,
        kept,
        planar,
        piece: (wide.max(1), high.max(1)),
        subsampling,
        little_endian: decoder.byte_order() == tiff::tags::ByteOrder::LittleEndian,
    })
}

fn stored(decoder: &mut Decoder<Input<'_>>) -> Result<usize, Error> {
    Ok(number(decoder, Tag::SamplesPerPixel)?.unwrap_or(1).into())
}

pub(super) fn number(decoder: &mut Decoder<Input<'_>>, tag: Tag) -> Result<Option<u16>, Error> {
    decoder.find_tag_unsigned(tag).map_err(tiff_error)
}

/// The colours of a palette: all reds, then all greens, then all blues, of 16 bits.
fn colour_map(decoder: &mut Decoder<Input<'_>>) -> Result<Vec<[u8; 3]>, Error> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(tiff_error)?;
    let count = map.len() / 3;
    if count == 0 {
        return Err(malformed("an empty palette"));
    }
    let colour = |n: usize| [0, 1, 2].map(|channel| narrow(map[channel * count + n]));
    Ok((0..count.min(256)).map(colour).collect())
}
