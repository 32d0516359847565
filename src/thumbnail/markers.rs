//! The marker segments of a JPEG file (ITU-T T.81, Annex B), without its entropy-coded data.

use super::{Error, Format, Orientation};

const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;
const APP1: u8 = 0xe1;

/// Walks over the markers and what their segments hold. Ends where the bytes end.
///
/// Entropy-coded data, fill bytes, restart markers and garbage between segments are passed over,
/// as libjpeg does.
struct Markers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Markers<'a> {
    /// The marker's second byte, and the segment behind its length field.
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let marker = loop {
            let at = self.rest.iter().position(|&byte| byte == 0xff)?;
            let code = *self.rest.get(at + 1)?;
            match code {
                0xff => self.rest = &self.rest[at + 1..],
                // A stuffed byte, TEM, and the restart markers stand alone and say nothing here.
                0x00 | 0x01 | 0xd0..=0xd7 => self.rest = &self.rest[at + 2..],
                _ => {
                    self.rest = &self.rest[at + 2..];
                    break code;
                }
            }
        };
        if matches!(marker, 0xd8 | EOI) {
            return Some((marker, &[]));
        }
        let length = usize::from(be16(self.rest)?);
        let segment = self.rest.get(2..length)?;
        self.rest = &self.rest[length..];
        Some((marker, segment))
    }
}

fn be16(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]))
}

/// What a JPEG's segments say before its first scan.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// 1 for grey, 3 for colour, 4 for CMYK.
    pub(super) components: u8,
    /// Coefficients that must be held until the last scan: all, unless one scan brings everything.
    pub(super) held_coefficients: u64,
}

/// Reads the header of a JPEG.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Error> {
    let mut frame = None;
    let mut orientation = None;
    for (marker, segment) in (Markers { rest: bytes }) {
        match marker {
            // SOF0 to SOF15 without DHT, JPG and DAC, which share their numbers.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) && frame.is_none() => {
                frame = Some(Frame::read(marker, segment)?);
            }
            APP1 if orientation.is_none() => {
                orientation = segment
                    .strip_prefix(b"Exif\0\0")
                    .and_then(Orientation::of_exif);
            }
            EOI => break,
            SOS => {
                let frame =
                    frame.ok_or_else(|| Error::malformed(Format::Jpeg, "scan before frame"))?;
                let all_at_once = segment.first() == Some(&frame.components);
                return Ok(Header {
                    width: frame.width.into(),
                    height: frame.height.into(),
                    orientation: orientation.unwrap_or_default(),
                    components: frame.components,
                    held_coefficients: if all_at_once && !frame.progressive {
                        0
                    } else {
                        frame.coefficients
                    },
                });
            }
            _ => {}
        }
    }
    Err(Error::Truncated {
        format: Format::Jpeg,
        missing: "the first scan",
    })
}

/// The frame header (T.81, B.2.2).
struct Frame {
    width: u16,
    height: u16,
    components: u8,
    progressive: bool,
    coefficients: u64,
}

impl Frame {
    fn read(marker: u8, segment: &[u8]) -> Result<Self, Error> {
        let unsupported = |what: &str| {
            Err(Error::Unsupported {
                what: format!("{what} JPEG"),
            })
        };
        match marker {
            0xc0..=0xc2 => {}
            0xc3 => return unsupported("lossless"),
            0xc5..=0xc7 => return unsupported("hierarchical"),
            _ => return unsupported("arithmetic-coded"),
        }
        let (&[precision, y1, y0, x1, x0, components], specifications) = segment
            .split_first_chunk()
            .ok_or_else(|| Error::malformed(Format::Jpeg, "short frame header"))?;
        if precision != 8 {
            return unsupported(&format!("{precision}-bit"));
        }
        let (width, height) = (u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0]));
        if height == 0 {
            return unsupported("DNL-terminated");
        }
        if width == 0 || !matches!(components, 1 | 3 | 4) {
            return Err(Error::malformed(Format::Jpeg, "impossible frame header"));
        }
        let sampling: Vec<(u64, u64)> = specifications
            .chunks_exact(3)
            .take(components.into())
            .map(|c| (u64::from(c[1] >> 4), u64::from(c[1] & 15)))
            .collect();
        let h_max = sampling.iter().map(|s| s.0).max().unwrap_or(0);
        let v_max = sampling.iter().map(|s| s.1).max().unwrap_or(0);
        if sampling.len() != usize::from(components) || h_max == 0 || v_max == 0 {
            return Err(Error::malformed(
                Format::Jpeg,
                "impossible sampling factors",
            ));
        }
        let mcus = u64::from(width).div_ceil(8 * h_max) * u64::from(height).div_ceil(8 * v_max);
        Ok(Self {
            width,
            height,
            components,
            progressive: marker == 0xc2,
            coefficients: mcus * sampling.iter().map(|(h, v)| h * v * 64).sum::<u64>(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// SOI, then the segments, then an end marker.
    fn jpeg(segments: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        for (marker, segment) in segments {
            bytes.extend([0xff, *marker]);
            bytes.extend(u16::try_from(segment.len() + 2).unwrap().to_be_bytes());
            bytes.extend(*segment);
        }
        bytes.extend([0xff, 0xd9]);
        bytes
    }

    const FRAME_420: &[u8] = &[8, 0, 17, 0, 33, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    const ALL: &[u8] = &[3, 1, 0, 2, 0, 3, 0, 0, 63, 0];

    #[test]
    fn a_progressive_frame_holds_its_coefficients() {
        let baseline = header(&jpeg(&[(0xc0, FRAME_420), (SOS, ALL)])).unwrap();
        assert_eq!((baseline.width, baseline.height), (33, 17));
        assert_eq!(baseline.held_coefficients, 0);
        // 3 x 2 units of 16 x 16 pixels, six blocks of 64 in each.
        let progressive = header(&jpeg(&[(0xc2, FRAME_420), (SOS, ALL)])).unwrap();
        assert_eq!(progressive.held_coefficients, 6 * 6 * 64);
        let one_by_one = header(&jpeg(&[(0xc0, FRAME_420), (SOS, &[1, 1, 0])])).unwrap();
        assert_eq!(one_by_one.held_coefficients, 6 * 6 * 64);
    }

    #[test]
    fn kinds_that_are_not_read_are_named() {
        let kind = |marker, frame: &[u8]| {
            let error = header(&jpeg(&[(marker, frame), (SOS, ALL)])).unwrap_err();
            error.to_string()
        };
        assert_eq!(kind(0xc3, FRAME_420), "lossless JPEG is not supported");
        assert_eq!(
            kind(0xc9, FRAME_420),
            "arithmetic-coded JPEG is not supported"
        );
        let mut twelve = FRAME_420.to_vec();
        twelve[0] = 12;
        assert_eq!(kind(0xc1, &twelve), "12-bit JPEG is not supported");
    }
}
