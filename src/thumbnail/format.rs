use std::fmt;

use super::Error;

/// A format that is read. Found from the first bytes, never from a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG (ITU-T T.81): baseline, extended with 8 bits, progressive.
    Jpeg,
    /// PNG (W3C). Of an animated one, the default image.
    Png,
    /// GIF87a and GIF89a. Of an animated one, the first frame.
    Gif,
    /// WebP (RFC 9649), lossy and lossless. Of an animated one, the first frame.
    WebP,
    /// TIFF 6.0 and `BigTIFF`. Of many pages, the first.
    Tiff,
    /// Windows bitmap.
    Bmp,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
        })
    }
}

impl Format {
    /// Bytes by which any format is known.
    pub(super) const KNOWN_BY: usize = 12;

    /// Says what the bytes are, by their first bytes alone.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] with the name of a known kind that is not read here (HEIC, AVIF, SVG,
    /// PDF, films, ...), else [`Error::NotAPicture`].
    pub fn of(bytes: &[u8]) -> Result<Self, Error> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Ok(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Ok(Self::WebP),
            // Canon's raw files are TIFF around a lossless JPEG that no TIFF reader understands.
            [b'I', b'I', 42, 0, _, _, _, _, b'C', b'R', ..] => unsupported("Canon raw"),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Self::Tiff),
            // "BM" alone also begins texts; the two reserved words are 0 in every bitmap.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Ok(Self::Bmp),
            _ => match unsupported_kind(bytes) {
                Some(what) => unsupported(what),
                None => Err(Error::NotAPicture),
            },
        }
    }
}

fn unsupported<T>(what: &str) -> Result<T, Error> {
    Err(Error::Unsupported { what: what.into() })
}

/// Names what people upload beside the pictures that are read.
fn unsupported_kind(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        // ISO base media files (ISO/IEC 14496-12) say in their major brand what they are.
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"avif" | b"avis" => "AVIF",
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "HEIC",
            b"crx " => "Canon raw",
            _ => "MP4 video",
        },
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => "JPEG XL",
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "JPEG 2000",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'A',
            b'V',
            b'I',
            b' ',
            ..,
        ] => "AVI video",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "Matroska video",
        [b'%', b'P', b'D', b'F', b'-', ..] => "PDF",
        [b'%', b'!', b'P', b'S', ..] => "PostScript",
        [b'8', b'B', b'P', b'S', ..] => "Photoshop document",
        [b'q', b'o', b'i', b'f', ..] => "QOI",
        // What cameras write instead of TIFF's 42: Panasonic, Olympus; and Fujifilm's own.
        [b'I', b'I', b'U', 0, ..]
        | [b'I', b'I', b'R', b'O' | b'S', ..]
        | [b'M', b'M', b'O', b'R', ..]
        | [b'F', b'U', b'J', b'I', b'F', b'I', b'L', b'M', ..] => "camera raw",
        [0, 0, 1, 0xba | 0xb3, ..] => "MPEG video",
        [0x76, 0x2f, 0x31, 0x01, ..] => "OpenEXR",
        [0, 0, 1, 0, ..] => "Windows icon",
        _ if is_svg(bytes) => "SVG",
        _ => return None,
    })
}

/// Whether an XML text names an `svg` element near its start. Only looked at, never parsed.
fn is_svg(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(1024)];
    let text = start.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text.starts_with(b"<") && text.windows(4).any(|tag| tag == b"<svg")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn foreign_kinds_are_named() {
        let named = |bytes: &[u8]| match Format::of(bytes) {
            Err(Error::Unsupported { what }) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(named(b"\0\0\0\x18ftypheic\0\0\0\0"), "HEIC");
        assert_eq!(named(b"\0\0\0\x1cftypavif\0\0\0\0"), "AVIF");
        assert_eq!(named(b"\0\0\0\x20ftypisom\0\0\x02\0"), "MP4 video");
        assert_eq!(named(b"%PDF-1.7\n"), "PDF");
        assert_eq!(named(b"<?xml version=\"1.0\"?>\n<svg xmlns=\"\"/>"), "SVG");
        assert_eq!(named(b"II*\0\x10\0\0\0CR\x02\0"), "Canon raw");
        assert_eq!(named(b"IIU\0\x18\0\0\0"), "camera raw");
        assert_eq!(named(b"FUJIFILMCCD-RAW 0201"), "camera raw");
    }

    #[test]
    fn anything_else_is_no_picture() {
        for bytes in [
            &b""[..],
            b"\xff\xd8",
            b"Hello, I am a text called cat.jpg.",
            b"<html><body>404</body></html>",
            b"BMW is a car, not a bitmap",
            b"RIFF\x10\0\0\0WAVEfmt ",
            b"\0\0\0\0ftyp",
        ] {
            assert!(
                matches!(Format::of(bytes), Err(Error::NotAPicture)),
                "{bytes:?}"
            );
        }
    }
}
