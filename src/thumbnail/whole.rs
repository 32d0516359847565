//! Walks over the chunks and blocks of files: what they hold beside the pixels, and whether the bytes reach
//! the end that their format marks.

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
    /// What the file should have, and has not.
    pub(super) missing: Option<&'static str>,
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

/// What the blocks of a GIF say (GIF89a).
#[derive(Debug, Default)]
pub(super) struct GifBlocks<'a> {
    /// Signature, screen descriptor and global colours.
    pub(super) header: &'a [u8],
    /// Width and height of the screen.
    pub(super) screen: (u32, u32),
    /// The first frame, which may end too early.
    pub(super) frame: Option<GifFrame<'a>>,
    /// What the file should have, and has not.
    pub(super) missing: Option<&'static str>,
}

/// A frame of a GIF.
#[derive(Debug)]
pub(super) struct GifFrame<'a> {
    /// The graphic control extension before it, if there is one.
    pub(super) control: &'a [u8],
    /// From the image descriptor on, to the end of the file.
    pub(super) image: &'a [u8],
    /// Where it lies on the screen.
    pub(super) place: (u32, u32),
    /// Width and height.
    pub(super) size: (u32, u32),
    /// Whether there is a colour for every index, and none that is transparent.
    pub(super) has_all_colours: bool,
}

impl GifFrame<'_> {
    /// Whether no pixel of the screen is left free.
    pub(super) fn fills(&self, screen: (u32, u32)) -> bool {
        self.place == (0, 0) && self.size.0 >= screen.0 && self.size.1 >= screen.1
    }
}

/// Walks over the blocks of a GIF.
pub(super) fn gif(bytes: &[u8]) -> GifBlocks<'_> {
    let mut found = GifBlocks::default();
    if found.walk(bytes).is_none() {
        found.missing = Some("the trailer");
    }
    found
}

impl<'a> GifBlocks<'a> {
    /// `None` if the bytes end too early.
    fn walk(&mut self, bytes: &'a [u8]) -> Option<()> {
        const EXTENSION: u8 = 0x21;
        const GRAPHIC_CONTROL: u8 = 0xF9;
        const IMAGE: u8 = 0x2C;
        let &[_, _, _, _, _, _, w0, w1, h0, h1, flags, _, _] = bytes.first_chunk()?;
        let colours = colours(flags);
        let (header, mut rest) = bytes.split_at_checked(13 + 3 * colours)?;
        self.header = header;
        self.screen = (le16([w0, w1]), le16([h0, h1]));
        let mut control: &[u8] = &[];
        loop {
            let block = rest;
            match *block {
                [EXTENSION, label, ref blocks @ ..] => {
                    rest = behind_blocks(blocks)?;
                    if label == GRAPHIC_CONTROL {
                        control = &block[..block.len() - rest.len()];
                    }
                }
                [IMAGE, l0, l1, t0, t1, w0, w1, h0, h1, flags, ref data @ ..] => {
                    let own = self::colours(flags);
                    // Its flags stand behind introducer, label and length.
                    let is_transparent = control.get(3).is_some_and(|flags| flags & 1 == 1);
                    let colours = if own > 0 { own } else { colours };
                    self.frame.get_or_insert(GifFrame {
                        control,
                        image: block,
                        place: (le16([l0, l1]), le16([t0, t1])),
                        size: (le16([w0, w1]), le16([h0, h1])),
                        has_all_colours: colours == 256 && !is_transparent,
                    });
                    control = &[];
                    // Before the data stands the length of their first codes.
                    rest = behind_blocks(data.get(3 * own + 1..)?)?;
                }
                [EXTENSION | IMAGE, ..] | [] => return None,
                // The trailer; or broken in another way, which matters only in the first frame: the
                // decoder says.
                _ => return Some(()),
            }
        }
    }
}

/// How many colours a table has, by the flags of its screen or frame; 0 if there is none.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        2 << (flags & 7)
    }
}

/// What follows a chain of blocks, each after its length; the last one has none.
fn behind_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, behind) = rest.split_first()?;
        rest = behind.get(length.into()..)?;
        if length == 0 {
            return Some(rest);
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
    /// The frame of a lossy picture that is no animation.
    pub(super) still: Option<&'a [u8]>,
    /// What is coded without loss, outside of frames and in the first one: at most a picture and a plane
    /// of alpha each.
    pub(super) lossless: Vec<Lossless<'a>>,
    /// What the file should have, and has not.
    pub(super) missing: Option<&'static str>,
}

/// A picture that is coded without loss, or alpha.
#[derive(Debug)]
pub(super) struct Lossless<'a> {
    /// The data behind the header that a picture has and alpha has not.
    pub(super) bytes: &'a [u8],
    /// Width and height: as the header says, or of the picture that alpha belongs to.
    pub(super) size: (u32, u32),
    is_alpha: bool,
    in_frame: bool,
}

/// Walks over the chunks of a WebP, and those in its animation frames.
pub(super) fn webp(bytes: &[u8]) -> WebPChunks<'_> {
    let mut found = WebPChunks::default();
    let riff_size = bytes.get(4..).and_then(le32).unwrap_or(u32::MAX);
    if bytes.len() as u64 - 8 < u64::from(riff_size) {
        found.missing = Some("the rest that the RIFF header announces");
    }
    let mut canvas = (0, 0);
    let mut frames = 0;
    for chunk in webp_chunks(bytes.get(12..).unwrap_or_default()) {
        let Some((kind, content)) = chunk else {
            found.missing = Some("the rest of a chunk");
            break;
        };
        match (&kind, content) {
            (b"VP8X", [_, _, _, _, sides @ ..]) => canvas = sides_of(sides).unwrap_or_default(),
            // Its chunks follow 16 bytes of position, size and duration.
            (b"ANMF", [_, _, _, _, _, _, sides @ ..]) => {
                frames += 1;
                let size = sides_of(sides).unwrap_or_default();
                for chunk in webp_chunks(sides.get(10..).unwrap_or_default()) {
                    match chunk {
                        Some((kind, content)) => found.note(kind, content, size, frames),
                        None => found.missing = Some("the rest of a chunk"),
                    }
                }
            }
            (b"ICCP", _) => found.icc = Some(content),
            (b"EXIF", _) => found.exif = Some(content),
            _ => found.note(kind, content, canvas, 0),
        }
    }
    found.still = found.still.filter(|_| frames == 0);
    found
}

impl<'a> WebPChunks<'a> {
    /// Notes a chunk that has pixels: of the picture, or of a frame by its number.
    fn note(&mut self, kind: [u8; 4], content: &'a [u8], size: (u32, u32), frame: u32) {
        match (&kind, content) {
            (b"VP8 ", _) => {
                self.still = self.still.or(Some(content));
                // A key frame: three bytes of tag, three of start code, 14 bits each of size.
                if let Some(&[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]) = content.first_chunk() {
                    let (width, height) = (le16([w0, w1]) & 0x3fff, le16([h0, h1]) & 0x3fff);
                    let (w, h) = self.lossy_size;
                    self.lossy_size = (w.max(width), h.max(height));
                }
            }
            // With one byte before the data; its lowest bits say whether it is packed.
            (b"ALPH", [how, bytes @ ..]) if how & 3 == 1 && frame <= 1 => {
                self.note_lossless(Lossless {
                    bytes,
                    size,
                    is_alpha: true,
                    in_frame: frame > 0,
                });
            }
            // A signature, 14 bits each of size, less 1, and four of alpha and version.
            (b"VP8L", [0x2f, b0, b1, b2, b3, bytes @ ..]) if frame <= 1 => {
                let sides = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
                let fourteen = |bits: u32| (bits & 0x3fff) + 1;
                self.note_lossless(Lossless {
                    bytes,
                    size: (fourteen(sides), fourteen(sides >> 14)),
                    is_alpha: false,
                    in_frame: frame > 0,
                });
            }
            _ => {}
        }
    }

    /// The decoder takes the first of each kind.
    fn note_lossless(&mut self, new: Lossless<'a>) {
        let mut known = self.lossless.iter();
        if !known.any(|one| one.in_frame == new.in_frame && one.is_alpha == new.is_alpha) {
            self.lossless.push(new);
        }
    }
}

/// The chunks of a WebP or of a frame; `None` at the end for one that is cut short.
fn webp_chunks(mut rest: &[u8]) -> impl Iterator<Item = Option<([u8; 4], &[u8])>> {
    std::iter::from_fn(move || {
        let (&kind, after) = rest.split_first_chunk::<4>()?;
        let length = le32(after)?;
        let Some((content, tail)) = after[4..].split_at_checked(length as usize) else {
            rest = &[];
            return Some(None);
        };
        rest = tail.get((length % 2) as usize..).unwrap_or_default();
        Some(Some((kind, content)))
    })
}

/// Width and height, of 24 bits each, less 1.
fn sides_of(bytes: &[u8]) -> Option<(u32, u32)> {
    let &[w0, w1, w2, h0, h1, h2] = bytes.first_chunk()?;
    let side = |low, middle, high| u32::from_le_bytes([low, middle, high, 0]) + 1;
    Some((side(w0, w1, w2), side(h0, h1, h2)))
}

fn le16(bytes: [u8; 2]) -> u32 {
    u16::from_le_bytes(bytes).into()
}

fn le32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|b| u32::from_le_bytes(*b))
}
