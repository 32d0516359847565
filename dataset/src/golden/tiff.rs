//! TIFF in the forms that people have, written here: no encoder offers tiles, palettes and planes.

use std::io::Write;

use fax::encoder::Encoder;
use fax::{Color, VecWriter};
use flate2::write::ZlibEncoder;
use weezl::{BitOrder, encode};

use crate::jpeg::{Frame, Layout, Samples, jfif, quantisation, sequential, write};

/// How the bytes of a strip or tile are packed (TIFF 6.0, tag 259).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None = 1,
    /// As facsimiles of group 4 (ITU-T T.6), of one bit a pixel.
    Facsimile = 4,
    /// LZW, most significant bit first.
    Lzw = 5,
    /// JPEG, each piece a file of its own (Technical Note 2). Only for YCbCr of 8 bits, whose
    /// chroma it halves.
    Jpeg = 7,
    /// zlib's format.
    Deflate = 8,
    /// Runs of bytes.
    PackBits = 32_773,
}

/// What the samples mean (TIFF 6.0, tag 262).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Photometric {
    /// 0 is white.
    WhiteIsZero = 0,
    /// 0 is black.
    BlackIsZero = 1,
    /// Red, green, blue.
    Rgb = 2,
    /// Indices into a colour map.
    Palette = 3,
    /// Cyan, magenta, yellow, black.
    Cmyk = 5,
    /// Full-range YCbCr by BT.601.
    YCbCr = 6,
    /// L\*a\*b\* by D50; the latter two have a sign.
    CieLab = 8,
    /// L\*a\*b\* as ICC profiles have it: half of the range is 0 of the latter two.
    IccLab = 9,
}

/// A TIFF of one picture.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, named where it is made"
)]
pub struct Tiff {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What the samples mean.
    pub photometric: Photometric,
    /// Bits of a sample: 1, 2, 4, 8 or 16.
    pub bits: u16,
    /// Samples of a pixel.
    pub channels: u16,
    /// What the last sample is, if it is no colour: 1 for alpha that colours are multiplied with, 2 for
    /// alpha that they are not (tag 338).
    pub extra: Option<u16>,
    /// How pieces are packed.
    pub compression: Compression,
    /// Whether samples are differences to the one before (tag 317).
    pub predicted: bool,
    /// Width and height of tiles; or 0 and the rows of a strip.
    pub piece: (u32, u32),
    /// Whether every channel has pieces of its own.
    pub planar: bool,
    /// The byte order.
    pub big_endian: bool,
    /// Whether the bits of each byte of a piece stand the other way round (tag 266).
    pub reversed: bool,
    /// Other tags that hold 16-bit words, ascending.
    pub words: Vec<(u16, Vec<u16>)>,
    /// Other tags that hold fractions.
    pub fractions: Vec<(u16, Vec<(u32, u32)>)>,
    /// Levels of brightness for each colour difference of YCbCr, across and down (tag 530). In JPEGs
    /// they are always 2 x 2.
    pub subsampling: (u16, u16),
    /// An ICC profile.
    pub icc: Option<Vec<u8>>,
    /// What the JPEGs of all pieces have in common (tag 347).
    pub jpeg_tables: Option<Vec<u8>>,
    /// Whether the directory comes before the pixels; most writers put it behind them.
    pub directory_first: bool,
}

/// The content of a tag.
enum Value {
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Fractions(Vec<(u32, u32)>),
    Bytes(Vec<u8>),
}

impl Tiff {
    /// RGB of 8 bits in strips of 16 rows, not packed.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            photometric: Photometric::Rgb,
            bits: 8,
            channels: 3,
            extra: None,
            compression: Compression::None,
            predicted: false,
            piece: (0, 16),
            planar: false,
            big_endian: false,
            reversed: false,
            words: Vec::new(),
            fractions: Vec::new(),
            subsampling: (1, 1),
            icc: None,
            jpeg_tables: None,
            directory_first: false,
        }
    }

    /// The file. `samples` are those of all pixels, row by row.
    #[must_use]
    pub fn write(&self, samples: &[u16]) -> Vec<u8> {
        self.with_pieces(&self.pieces(samples))
    }

    /// The same with the last of its pieces first.
    #[must_use]
    pub fn write_backwards(&self, samples: &[u16]) -> Vec<u8> {
        let mut pieces = self.pieces(samples);
        let mut next = even(&pieces).len();
        let places = pieces.iter().map(|piece| {
            next -= piece.len().next_multiple_of(2);
            (of(next), of(piece.len()))
        });
        let places: Vec<_> = places.collect();
        pieces.reverse();
        self.file(&places, &even(&pieces))
    }

    /// The file with any bytes for its pieces.
    #[must_use]
    pub fn with_pieces(&self, pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut next = 0;
        let places = pieces.iter().map(|piece| {
            let at = next;
            next += of(piece.len()).next_multiple_of(2);
            (at, of(piece.len()))
        });
        self.file(&places.collect::<Vec<_>>(), &even(pieces))
    }

    /// The file with so many pieces that are all the same bytes of it.
    #[must_use]
    pub fn with_shared_piece(&self, piece: &[u8], count: usize) -> Vec<u8> {
        self.file(&vec![(0, of(piece.len())); count], &even(&[piece.to_vec()]))
    }

    /// The file with these bytes for its pieces, and where each begins among them, and how long it is.
    fn file(&self, places: &[(u32, u32)], pieces: &[u8]) -> Vec<u8> {
        let mut bytes = if self.big_endian { b"MM" } else { b"II" }.to_vec();
        bytes.extend(self.short(42));
        let lengths: Vec<u32> = places.iter().map(|&(_, length)| length).collect();
        let begin = if self.directory_first {
            let mut directory = Vec::new();
            self.directory(&mut directory, lengths.clone(), lengths.clone());
            8 + of(directory.len())
        } else {
            8
        };
        let offsets = places.iter().map(|&(at, _)| begin + at).collect();
        if self.directory_first {
            bytes.extend(self.long(8));
            self.directory(&mut bytes, offsets, lengths);
            bytes.extend(pieces);
        } else {
            bytes.extend(self.long(8 + of(pieces.len())));
            bytes.extend(pieces);
            self.directory(&mut bytes, offsets, lengths);
        }
        bytes
    }

    fn directory(&self, bytes: &mut Vec<u8>, offsets: Vec<u32>, lengths: Vec<u32>) {
        let mut tags = vec![
            (256, Value::Longs(vec![self.width])),
            (257, Value::Longs(vec![self.height])),
            (258, Value::Shorts(vec![self.bits; self.channels.into()])),
            (259, Value::Shorts(vec![self.compression as u16])),
            (262, Value::Shorts(vec![self.photometric as u16])),
            (277, Value::Shorts(vec![self.channels])),
            (284, Value::Shorts(vec![1 + u16::from(self.planar)])),
        ];
        if self.piece.0 == 0 {
            tags.push((273, Value::Longs(offsets)));
            tags.push((278, Value::Longs(vec![self.piece.1])));
            tags.push((279, Value::Longs(lengths)));
        } else {
            tags.push((322, Value::Longs(vec![self.piece.0])));
            tags.push((323, Value::Longs(vec![self.piece.1])));
            tags.push((324, Value::Longs(offsets)));
            tags.push((325, Value::Longs(lengths)));
        }
        if self.predicted {
            tags.push((317, Value::Shorts(vec![2])));
        }
        if self.photometric == Photometric::YCbCr {
            let (across, down) = match self.compression {
                Compression::Jpeg => (2, 2),
                _ => self.subsampling,
            };
            tags.push((530, Value::Shorts(vec![across, down])));
        }
        tags.extend(self.extra.map(|extra| (338, Value::Shorts(vec![extra]))));
        if self.reversed {
            tags.push((266, Value::Shorts(vec![2])));
        }
        let fractions = self.fractions.iter();
        tags.extend(fractions.map(|(tag, values)| (*tag, Value::Fractions(values.clone()))));
        let words = self.words.iter();
        tags.extend(words.map(|(tag, words)| (*tag, Value::Shorts(words.clone()))));
        for (tag, bytes) in [(34_675, &self.icc), (347, &self.jpeg_tables)] {
            tags.extend(bytes.iter().map(|bytes| (tag, Value::Bytes(bytes.clone()))));
        }
        tags.sort_by_key(|(tag, _)| *tag);

        let mut beyond = bytes.len() + 2 + 12 * tags.len() + 4;
        let mut values = Vec::new();
        bytes.extend(self.short(of(tags.len())));
        for (tag, value) in tags {
            let (kind, count, content) = match value {
                Value::Shorts(v) => (
                    3,
                    v.len(),
                    v.iter()
                        .flat_map(|&v| self.short(v.into()))
                        .collect::<Vec<_>>(),
                ),
                Value::Longs(v) => (4, v.len(), v.iter().flat_map(|&v| self.long(v)).collect()),
                Value::Fractions(v) => {
                    let longs = v.iter().flat_map(|&(number, of)| [number, of]);
                    (5, v.len(), longs.flat_map(|v| self.long(v)).collect())
                }
                Value::Bytes(v) => (7, v.len(), v),
            };
            bytes.extend(self.short(tag.into()));
            bytes.extend(self.short(kind));
            bytes.extend(self.long(of(count)));
            if content.len() <= 4 {
                bytes.extend(content.iter().chain(&[0; 4]).take(4));
            } else {
                bytes.extend(self.long(of(beyond)));
                values.extend(&content);
                beyond += content.len();
                if !beyond.is_multiple_of(2) {
                    values.push(0);
                    beyond += 1;
                }
            }
        }
        bytes.extend(self.long(0)); // no other picture
        bytes.extend(values);
    }

    /// Strips or tiles, packed, in the order of the file.
    #[must_use]
    pub fn pieces(&self, samples: &[u16]) -> Vec<Vec<u8>> {
        let channels = usize::from(self.channels);
        let (width, height) = (self.width as usize, self.height as usize);
        let tiled = self.piece.0 > 0;
        let across = if tiled { self.piece.0 as usize } else { width };
        let down = self.piece.1 as usize;
        let planes: Vec<Vec<usize>> = if self.planar {
            (0..channels).map(|channel| vec![channel]).collect()
        } else {
            vec![(0..channels).collect()]
        };
        let mut pieces = Vec::new();
        for plane in planes {
            for top in (0..height).step_by(down) {
                for left in (0..width).step_by(across) {
                    let bottom = if tiled {
                        top + down
                    } else {
                        (top + down).min(height)
                    };
                    let rows = (top..bottom).map(|y| {
                        let row = (left..left + across).flat_map(|x| {
                            // Tiles go on beyond the picture.
                            let (x, y) = (x.min(width - 1), y.min(height - 1));
                            let pixel = &samples[(y * width + x) * channels..][..channels];
                            plane.iter().map(|&channel| pixel[channel])
                        });
                        row.collect::<Vec<u16>>()
                    });
                    let mut packed = self.packed(rows.collect(), plane.len());
                    if self.reversed {
                        for byte in &mut packed {
                            *byte = byte.reverse_bits();
                        }
                    }
                    pieces.push(packed);
                }
            }
        }
        pieces
    }

    fn packed(&self, rows: Vec<Vec<u16>>, channels: usize) -> Vec<u8> {
        match self.compression {
            Compression::Jpeg => return jpeg(&rows),
            Compression::Facsimile => return facsimile(&rows),
            _ => {}
        }
        let rows = match self.subsampling {
            (1, 1) => rows,
            subsampling => units(&rows, subsampling),
        };
        let bytes: Vec<u8> = rows
            .into_iter()
            .flat_map(|row| self.row(row, channels))
            .collect();
        match self.compression {
            Compression::None | Compression::Jpeg | Compression::Facsimile => bytes,
            Compression::Lzw => encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8)
                .encode(&bytes)
                .unwrap_or_default(),
            Compression::Deflate => zlib(&bytes),
            Compression::PackBits => packbits(&bytes),
        }
    }

    fn row(&self, mut row: Vec<u16>, channels: usize) -> Vec<u8> {
        if self.predicted {
            for n in (channels..row.len()).rev() {
                row[n] = row[n].wrapping_sub(row[n - channels]);
            }
        }
        match self.bits {
            16 => row.into_iter().flat_map(|v| self.short(v.into())).collect(),
            8 => row.into_iter().map(|v| v.to_le_bytes()[0]).collect(),
            bits => {
                let bits = bits.to_le_bytes()[0];
                let samples: Vec<u8> = row.iter().map(|v| v.to_le_bytes()[0]).collect();
                super::png::packed(&samples, of(samples.len()), bits)
            }
        }
    }

    fn short(&self, value: u32) -> [u8; 2] {
        let value = u16::try_from(value).unwrap_or(u16::MAX);
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn long(&self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }
}

/// Pieces one after the other, each from an even place.
fn even(pieces: &[Vec<u8>]) -> Vec<u8> {
    let padding = |piece: &Vec<u8>| vec![0; piece.len() % 2];
    pieces
        .iter()
        .flat_map(|piece| [&piece[..], &padding(piece)].concat())
        .collect()
}

fn of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// Runs of up to 128 equal bytes, others as they are (TIFF 6.0, section 9).
fn packbits(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        for run in run.chunks(128) {
            // 257 - n for n equal ones; 0 for a single one.
            let count = u8::try_from((257 - run.len()) % 256).unwrap_or(0);
            packed.extend([count, run[0]]);
        }
    }
    packed
}

/// Rows of one bit a pixel, of which 1 is black in a facsimile.
fn facsimile(rows: &[Vec<u16>]) -> Vec<u8> {
    let mut encoder = Encoder::new(VecWriter::new());
    for row in rows {
        let pixels = row.iter().map(|&bit| match bit {
            0 => Color::White,
            _ => Color::Black,
        });
        let width = u16::try_from(row.len()).unwrap_or(u16::MAX);
        let Ok(()) = encoder.encode_line(pixels, width);
    }
    let Ok(writer) = encoder.finish();
    writer.finish()
}

/// Rows of YCbCr, some levels of brightness before the mean of their colour differences (TIFF 6.0, 21).
fn units(rows: &[Vec<u16>], (across, down): (u16, u16)) -> Vec<Vec<u16>> {
    let (across, down) = (usize::from(across), usize::from(down));
    let width = rows[0].len() / 3;
    let lines = (0..rows.len()).step_by(down).map(|top| {
        let units = (0..width).step_by(across).flat_map(|left| {
            let pixels: Vec<[u16; 3]> = (top..top + down)
                .flat_map(|y| (left..left + across).map(move |x| (x, y)))
                .map(|(x, y)| {
                    let row = &rows[y.min(rows.len() - 1)];
                    [0, 1, 2].map(|n| row[3 * x.min(width - 1) + n])
                })
                .collect();
            let mean = |n: usize| {
                let sum: usize = pixels.iter().map(|pixel| usize::from(pixel[n])).sum();
                u16::try_from(sum / pixels.len()).unwrap_or(u16::MAX)
            };
            let levels = pixels.iter().map(|pixel| pixel[0]);
            levels.chain([mean(1), mean(2)]).collect::<Vec<_>>()
        });
        units.collect()
    });
    lines.collect()
}

/// Rows of YCbCr as a JPEG with half the chroma.
fn jpeg(rows: &[Vec<u16>]) -> Vec<u8> {
    let (width, height) = (rows[0].len() / 3, rows.len());
    let side = |side: usize| u16::try_from(side).unwrap_or(u16::MAX);
    let mut components = [(2, 2), (1, 1), (1, 1)].map(|sampling| Samples {
        sampling,
        table: quantisation(97).0,
        samples: Vec::new(),
    });
    let empty = Frame::empty(side(width), side(height), &components);
    for (n, component) in components.iter_mut().enumerate() {
        let (columns, lines) = empty.size(n);
        let step = if n == 0 { 1 } else { 2 };
        for y in 0..lines {
            for x in 0..columns {
                let (x, y) = ((x * step).min(width - 1), (y * step).min(height - 1));
                component.samples.push(rows[y][3 * x + n].to_le_bytes()[0]);
            }
        }
    }
    let layout = Layout {
        scans: sequential(3),
        segments: vec![jfif()],
        ..Layout::default()
    };
    write(
        &Frame::of_samples(side(width), side(height), &components),
        &layout,
    )
}
