//! PNG, row by row.

use std::io::Read;

use flate2::bufread::ZlibDecoder;
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics,
};
use png::{
    BitDepth, CodingIndependentCodePoints, ColorType, Decoder, DecodingError, Info, Reader,
    SourceChromaticities, Transformations,
};

use super::super::raster::{Channels, Raster, narrow, narrow_to_8_bits};
use super::super::resize::premultiply;
use super::super::{Error, Format, Ignored, Limits, Orientation, Stop, colour, whole};
use super::{Header, Input, Pixels, SMALL_BUFFERS, area, ended_early, truncated, zeroed};

/// A PNG before its pixels.
pub(super) struct Png<'a> {
    reader: Reader<Input<'a>>,
    channels: Channels,
    /// That of the iCCP chunk.
    profile: Option<ColorProfile>,
}

impl<'a> Png<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        limits: &Limits,
        stop: &'a Stop,
    ) -> Result<(Header, Self), Error> {
        let chunks = whole::png(bytes);
        let (width, height) = chunks.size.ok_or(Error::Truncated {
            format: Format::Png,
            missing: "the header chunk",
        })?;
        limits.check_size(width, height)?;
        let rows = 64 * u64::from(width) + SMALL_BUFFERS;
        let mut ignored = Ignored::default();
        let icc = chunks
            .icc
            .and_then(|chunk| unpacked(chunk, limits, &mut ignored));
        let icc_bytes = icc.as_ref().map_or(0, Vec::len) as u64;
        let beside = rows + icc_bytes + colour::predicted_bytes(icc_bytes);
        limits.check_peak(beside)?;
        let profile = icc.as_deref().and_then(colour::profile);

        // The decoder would hold every eXIf chunk that it knows, however long; so it is shown none.
        // Orientations that come after the pixels would be missed besides.
        let exif = whole::png_chunks(bytes).filter(|chunk| chunk.kind == *b"eXIf");
        let input = Input::new(bytes, stop).hiding(exif.map(|chunk| chunk.at));
        let bounded = png::Limits {
            bytes: usize::try_from(rows).unwrap_or(usize::MAX),
        };
        let mut decoder = Decoder::new_with_limits(input, bounded);
        decoder.set_transformations(Transformations::EXPAND);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let reader = decoder.read_info().map_err(png_error)?;
        let channels = match reader.output_color_type().0 {
            ColorType::Grayscale => Channels::Grey,
            ColorType::GrayscaleAlpha => Channels::GreyAlpha,
            ColorType::Rgb | ColorType::Indexed => Channels::Rgb,
            ColorType::Rgba => Channels::Rgba,
        };
        let samples_bytes = area(width, height) * channels.count() as u64;
        // An interlaced picture is put together at its own depth.
        let wide = reader.output_color_type().1 == BitDepth::Sixteen;
        let put_together = u64::from(wide && reader.info().interlaced) * samples_bytes;
        let exif = chunks
            .exif
            .filter(|block| ignored.takes_exif(block.len(), limits));
        let header = Header {
            width,
            height,
            orientation: exif.and_then(Orientation::of_exif).unwrap_or_default(),
            ignored,
            samples_bytes,
            reading_bytes: samples_bytes + put_together + beside,
            missing: chunks.missing,
        };
        let png = Self {
            reader,
            channels,
            profile,
        };
        Ok((header, png))
    }

    pub(super) fn read(mut self) -> Result<Pixels, Error> {
        let profile = profile(self.reader.info(), self.profile.take());
        let (width, height) = self.reader.info().size();
        let line = width as usize * self.channels.count();
        let wide = self.reader.output_color_type().1 == BitDepth::Sixteen;
        let mut samples;
        if self.reader.info().interlaced {
            let depth = 1 + u64::from(wide);
            samples = zeroed(Format::Png, line as u64 * u64::from(height) * depth)?;
            self.reader.next_frame(&mut samples).map_err(png_error)?;
            if wide {
                narrow_to_8_bits(&mut samples);
            }
        } else {
            samples = zeroed(Format::Png, line as u64 * u64::from(height))?;
            for row in samples.chunks_exact_mut(line) {
                if wide {
                    let read = self.reader.next_row().map_err(png_error)?;
                    let read = read.ok_or_else(|| truncated(Format::Png))?;
                    let words = read.data().as_chunks::<2>().0;
                    for (level, word) in row.iter_mut().zip(words) {
                        *level = narrow(u16::from_be_bytes(*word));
                    }
                } else {
                    let read = self.reader.read_row(row).map_err(png_error)?;
                    read.ok_or_else(|| truncated(Format::Png))?;
                }
            }
        }
        let mut raster = Raster {
            width,
            height,
            channels: self.channels,
            samples,
        };
        premultiply(&mut raster)?;
        Ok(Pixels { raster, profile })
    }
}

/// The ICC profile of an iCCP chunk, unless it is longer than allowed: a name, the number of the
/// packing, which is 0, and a zlib stream (PNG third edition, 11.3.2.3). Of that so much is unpacked as
/// the profile itself says that it is long (ICC.1:2022, 7.2.2).
fn unpacked(chunk: &[u8], limits: &Limits, ignored: &mut Ignored) -> Option<Vec<u8>> {
    let name = chunk.iter().take(80).position(|&byte| byte == 0)?;
    let packed = chunk.get(name + 1..)?.strip_prefix(&[0])?;
    let mut stream = ZlibDecoder::new(packed);
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let bytes = u32::from_be_bytes(length) as usize;
    if !ignored.takes_icc(bytes, limits) {
        return None;
    }
    let mut profile = Vec::with_capacity(bytes);
    profile.extend(length);
    let rest = bytes.saturating_sub(length.len()) as u64;
    stream.take(rest).read_to_end(&mut profile).ok()?;
    Some(profile)
}

/// What the colours mean, by the first of cICP, iCCP, sRGB, and cHRM with gAMA that is there and can
/// be used (PNG third edition, 4.3); `None` is sRGB.
fn profile(info: &Info<'_>, icc: Option<ColorProfile>) -> Option<ColorProfile> {
    if let Some(profile) = info.coding_independent_code_points.and_then(named) {
        return Some(profile);
    }
    if icc.is_some() {
        return icc;
    }
    if info.srgb.is_some() {
        return None;
    }
    measured(
        info.gama_chunk.map(png::ScaledFloat::into_value),
        info.chrm_chunk,
    )
}

/// A profile of code points (ITU-T H.273), if they are known ones, of full range.
fn named(code_points: CodingIndependentCodePoints) -> Option<ColorProfile> {
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(code_points.color_primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(code_points.transfer_function)
            .ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    (code_points.is_video_full_range_image && profile.red_trc.is_some()).then_some(profile)
}

/// A profile of a gamma and chromaticities; where one of them is missing, it is that of sRGB.
fn measured(gamma: Option<f32>, primaries: Option<SourceChromaticities>) -> Option<ColorProfile> {
    /// That of sRGB, as the specification has it for the chunk (11.3.2.5).
    const SRGB_GAMMA: f32 = 0.45455;
    // Beyond these no display ever was.
    let gamma = gamma.filter(|gamma| (0.1..=10.0).contains(gamma));
    let gamma = gamma.filter(|gamma| (gamma - SRGB_GAMMA).abs() > 0.005);
    let primaries = primaries.and_then(chromaticities);
    if gamma.is_none() && primaries.is_none() {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    if let Some((white, primaries)) = primaries {
        profile.update_rgb_colorimetry(white.to_xyyb(), primaries);
    }
    if let Some(gamma) = gamma {
        let curve = Some(ToneReprCurve::Parametric(vec![1.0 / gamma]));
        profile.red_trc.clone_from(&curve);
        profile.green_trc.clone_from(&curve);
        profile.blue_trc = curve;
    }
    Some(profile)
}

/// White and primaries, unless they are those of sRGB, or none.
fn chromaticities(of: SourceChromaticities) -> Option<(Chromaticity, ColorPrimaries)> {
    /// IEC 61966-2-1.
    const SRGB: [(f32, f32); 4] = [(0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)];
    let points = [of.white, of.red, of.green, of.blue];
    let points = points.map(|(x, y)| (x.into_value(), y.into_value()));
    let same =
        |(a, b): (&(f32, f32), &(f32, f32))| (a.0 - b.0).abs() < 0.002 && (a.1 - b.1).abs() < 0.002;
    let [white, red, green, blue] = points;
    // Twice the area of the triangle of colours; none can be told in a line.
    let area = (green.0 - red.0) * (blue.1 - red.1) - (blue.0 - red.0) * (green.1 - red.1);
    let possible = points
        .iter()
        .all(|(x, y)| (0.0..1.0).contains(x) && (0.001..1.0).contains(y));
    if points.iter().zip(&SRGB).all(same) || !possible || area.abs() < 0.01 {
        return None;
    }
    let [white, red, green, blue] = [white, red, green, blue].map(|(x, y)| Chromaticity { x, y });
    Some((white, ColorPrimaries { red, green, blue }))
}

fn png_error(error: DecodingError) -> Error {
    match error {
        error if ended_early(&error) => truncated(Format::Png),
        error => Error::malformed(Format::Png, error),
    }
}
