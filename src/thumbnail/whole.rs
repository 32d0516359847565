//! Whether the bytes reach the end that their format marks. The decoders used here stop when they
//! have their pixels, or fill up what is missing with grey; a file cut short is refused instead.

use super::{Error, Format};

/// Refuses a file that was cut short. TIFF and BMP mark no end: their pixels are read or missing. A
/// JPEG's reader says itself how much of it is right.
pub(super) fn check(format: Format, bytes: &[u8]) -> Result<(), Error> {
    let missing = match format {
        Format::Png => png(bytes).missing,
        Format::Gif => gif(bytes),
        Format::WebP => webp(bytes).missing,
        Format::Jpeg | Format::Tiff | Format::Bmp => None,
    };
    match missing {
        Some(missing) => Err(Error::Truncated { format, missing }),
        None => Ok(()),
    }
}

/// A chunk of a PNG (PNG third edition, 5.3).
#[derive(Debug)]
pub(super) struct PngChunk<'a> {
    pub(super) kind: [u8; 4],
    pub(super) content: &'a [u8],
    /// Where its type stands in the file.
    pub(super) at: u64,
}

/// The chunks of a PNG that are there whole, up to the first that is not, or IEND.
pub(super) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = PngChunk<'_>> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&[l0, l1, l2, l3, k0, k1, k2, k3], behind) = rest.split_first_chunk()?;
        let kind = [k0, k1, k2, k3];
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let (content, tail) = behind.split_at_checked(length)?;
        let (_checksum, next) = tail.split_first_chunk::<4>()?;
        let at = (bytes.len() - behind.len() - 4) as u64;
        rest = if kind == *b"IEND" { &[] } else { next };
        Some(PngChunk { kind, content, at })
    })
}

/// What the chunks of a PNG say.
#[derive(Debug, Default)]
pub(super) struct PngChunks<'a> {
    /// Width and height, if the header chunk comes first, as it must.
    pub(super) size: Option<(u32, u32)>,
    /// The content of the first chunk with an ICC profile.
    pub(super) icc: Option<&'a [u8]>,
    /// The first EXIF block, which may come after the image data.
    pub(super) exif: Option<&'a [u8]>,
    missing: Option<&'static str>,
}

/// Walks over the chunks of a PNG.
pub(super) fn png(bytes: &[u8]) -> PngChunks<'_> {
    let mut found = PngChunks {
        missing: Some("the IEND chunk"),
        ..PngChunks::default()
    };
    for PngChunk { kind, content, .. } in png_chunks(bytes) {
        match (&kind, content) {
            (b"IEND", _) => found.missing = None,
            (b"IHDR", &[w0, w1, w2, w3, h0, h1, h2, h3, _, _, _, _, _]) => {
                found.size = Some((
                    u32::from_be_bytes([w0, w1, w2, w3]),
                    u32::from_be_bytes([h0, h1, h2, h3]),
                ));
            }
            (b"iCCP", _) => found.icc = found.icc.or(Some(content)),
            (b"eXIf", _) => found.exif = found.exif.or(Some(content)),
            _ => {}
        }
    }
    found
}

/// Passes over all frames without decoding them.
fn gif(bytes: &[u8]) -> Option<&'static str> {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    let missing = Some("the trailer");
    let Ok(mut frames) = options.read_info(bytes) else {
        return missing;
    };
    loop {
        match frames.next_frame_info() {
            Ok(Some(_)) => {}
            Err(gif::DecodingError::UnexpectedEof | gif::DecodingError::Io(_)) => return missing,
            // The trailer; or broken in another way, which matters only if it is in the first frame:
            // the decoder says.
            Ok(None) | Err(_) => return None,
        }
    }
}

/// What the chunks of a WebP say (RFC 9649, 2.3).
#[derive(Debug, Default)]
pub(super) struct WebPChunks<'a> {
    /// Width and height of the largest lossy frame. The decoder allocates by these before it
    /// compares them with the canvas.
    pub(super) lossy_size: (u32, u32),
    /// The ICC profile.
    pub(super) icc: Option<&'a [u8]>,
    /// The EXIF block.
    pub(super) exif: Option<&'a [u8]>,
    missing: Option<&'static str>,
}

/// Walks over the chunks of a WebP, and those in its first animation frames.
pub(super) fn webp(bytes: &[u8]) -> WebPChunks<'_> {
    let mut found = WebPChunks::default();
    let riff_size = bytes.get(4..).and_then(le32).unwrap_or(u32::MAX);
    if bytes.len() as u64 - 8 < u64::from(riff_size) {
        found.missing = Some("the rest that the RIFF header announces");
    }
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((kind, after)) = rest.split_first_chunk::<4>() {
        let Some(length) = le32(after) else { break };
        let body = &after[4..];
        match kind {
            // Its chunks follow 16 bytes of position and duration; they are walked as if outside.
            b"ANMF" if body.len() >= 16 => {
                rest = &body[16..];
                continue;
            }
            b"VP8 " => {
                // A key frame: three bytes of tag, three of start code, 14 bits each of size.
                if let Some(&[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]) = body.first_chunk() {
                    let width = u32::from(u16::from_le_bytes([w0, w1]) & 0x3fff);
                    let height = u32::from(u16::from_le_bytes([h0, h1]) & 0x3fff);
                    let (w, h) = found.lossy_size;
                    found.lossy_size = (w.max(width), h.max(height));
                }
            }
            b"ICCP" => found.icc = body.get(..length as usize),
            b"EXIF" => found.exif = body.get(..length as usize),
            _ => {}
        }
        let Some(tail) = body.get(length as usize..) else {
            found.missing = Some("the rest of a chunk");
            break;
        };
        rest = tail.get((length % 2) as usize..).unwrap_or_default();
    }
    found
}

fn le32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|b| u32::from_le_bytes(*b))
}
