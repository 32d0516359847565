//! Baseline JPEG (T.81) from planes as they are: no colour conversion, no subsampling.

use super::super::kernels::fdct::{Coefficients, Divisors, Pair, SAMPLES, transform};
use super::{ChromaSubsampling, FinePlane};

mod entropy;
mod huffman;
mod tables;

use entropy::{Symbols, Tables};
use huffman::Table;

/// Samples along a side of a block.
const SIDE: usize = 8;

/// Writes grey from one plane, or YCbCr from three, of which the latter two have the share of the
/// first's samples that `chroma` says, rounded up.
///
/// Quantised by libjpeg's scale of quality, 1 to 100; coded by Huffman tables made for this
/// picture, which at 16 pixels saves more than half of the file and at 512 still a few per cent. No
/// metadata but the JFIF header, which says nothing about the original, and an EXIF block (a TIFF
/// structure) where there is one.
///
/// `None` if a side exceeds 65,535 samples, or the block 65,525 bytes.
pub(super) fn jpeg(
    planes: &[FinePlane],
    chroma: ChromaSubsampling,
    quality: u8,
    exif: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let first = planes.first()?;
    let (width, height) = (
        u16::try_from(first.width).ok()?,
        u16::try_from(first.height).ok()?,
    );
    let quantisation = tables::quantisation(quality);
    let divisors = quantisation.each_ref().map(Divisors::new);
    // One luminance block is a minimum coded unit of grey; at 4:2:0 four, and one of each colour
    // difference, of colour.
    let (across, down) = if planes.len() == 1 {
        (1, 1)
    } else {
        let (across, down) = chroma.factors();
        (usize::from(across), usize::from(down))
    };
    let units = (
        first.width.div_ceil(across * SIDE),
        first.height.div_ceil(down * SIDE),
    );
    let mut components: Vec<Component<'_>> = (0..planes.len())
        .map(|n| {
            let (tables, per_unit) = if n == 0 {
                (Tables::Luminance, (across, down))
            } else {
                (Tables::Chrominance, (1, 1))
            };
            let divisors = &divisors[tables as usize];
            Component::new(&planes[n], divisors, tables, per_unit, units.0)
        })
        .collect();

    let mut symbols = Symbols::for_blocks(units.0 * units.1 * (across * down + 2));
    for row in 0..units.1 {
        for component in &mut components {
            component.transform_row(row);
        }
        for column in 0..units.0 {
            for component in &mut components {
                component.code_unit((column, row), &mut symbols);
            }
        }
    }

    let mut huffman: Vec<Table> = symbols.tables(Tables::Luminance).into();
    if planes.len() > 1 {
        huffman.extend(symbols.tables(Tables::Chrominance));
    }
    let mut bytes = Vec::new();
    header(
        &mut bytes,
        (width, height),
        (planes.len() > 1).then_some(chroma),
        &quantisation,
        &huffman,
        exif,
    )?;
    symbols.write(&huffman, &mut bytes);
    bytes.extend([0xff, 0xd9]);
    Some(bytes)
}

/// One component on its way into symbols, one row of units at a time.
struct Component<'a> {
    plane: &'a FinePlane,
    divisors: &'a Divisors,
    tables: Tables,
    /// Blocks of a unit, across and down.
    per_unit: (usize, usize),
    /// Blocks side by side, an even number.
    blocks_wide: usize,
    /// The row's blocks, and which of their coefficients are not 0.
    blocks: Vec<Coefficients>,
    nonzero: Vec<u64>,
    /// The DC coefficient coded last.
    dc: i16,
}

impl<'a> Component<'a> {
    fn new(
        plane: &'a FinePlane,
        divisors: &'a Divisors,
        tables: Tables,
        per_unit: (usize, usize),
        units_wide: usize,
    ) -> Self {
        let (across, down) = per_unit;
        let blocks_wide = (units_wide * across).next_multiple_of(2);
        Self {
            plane,
            divisors,
            tables,
            per_unit,
            blocks_wide,
            blocks: vec![[0; SAMPLES]; blocks_wide * down],
            nonzero: vec![0; blocks_wide * down],
            dc: 0,
        }
    }

    /// Transforms the blocks of a row of units.
    fn transform_row(&mut self, row: usize) {
        let (_, down) = self.per_unit;
        for y in 0..down {
            let top = (row * down + y) * SIDE;
            if top >= self.plane.height {
                break;
            }
            let blocks = self.blocks[y * self.blocks_wide..].as_chunks_mut().0;
            let nonzero = self.nonzero[y * self.blocks_wide..].as_chunks_mut().0;
            let lefts = (0..self.plane.width).step_by(2 * SIDE);
            for ((left, blocks), nonzero) in lefts.zip(blocks).zip(nonzero) {
                *nonzero = transform(&pair(self.plane, left, top), self.divisors, blocks);
            }
        }
    }

    fn code_unit(&mut self, (column, row): (usize, usize), symbols: &mut Symbols) {
        let (across, down) = self.per_unit;
        for y in 0..down {
            for x in 0..across {
                let left = (column * across + x) * SIDE;
                let top = (row * down + y) * SIDE;
                let n = y * self.blocks_wide + left / SIDE;
                if left < self.plane.width && top < self.plane.height {
                    let block = &self.blocks[n];
                    symbols.block(self.tables, block, self.nonzero[n], self.dc);
                    self.dc = block[0];
                } else {
                    // What is there is not seen, so it is what takes the fewest bits.
                    let mut same = [0; SAMPLES];
                    same[0] = self.dc;
                    symbols.block(self.tables, &same, 0, self.dc);
                }
            }
        }
    }
}

/// Two blocks of a plane. Behind the edges the last sample goes on.
fn pair(plane: &FinePlane, left: usize, top: usize) -> Pair {
    let mut pair = [[0; 2 * SIDE]; SIDE];
    for (y, target) in pair.iter_mut().enumerate() {
        let row = &plane.row((top + y).min(plane.height - 1))[left..];
        if let Some(samples) = row.first_chunk() {
            *target = *samples;
        } else {
            let (inside, outside) = target.split_at_mut(row.len());
            inside.copy_from_slice(row);
            outside.fill(row[row.len() - 1]);
        }
    }
    pair
}

/// Everything before the entropy-coded data (T.81, B.2, and JFIF 1.02), of colour or, without
/// `chroma`, of grey.
fn header(
    bytes: &mut Vec<u8>,
    (width, height): (u16, u16),
    chroma: Option<ChromaSubsampling>,
    quantisation: &[[u8; SAMPLES]; 2],
    huffman: &[Table],
    exif: Option<&[u8]>,
) -> Option<()> {
    let colour = chroma.is_some();
    bytes.extend([0xff, 0xd8]);
    // Version 1.02, pixels as wide as high, no thumbnail.
    segment(bytes, 0xe0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0")?;
    if let Some(exif) = exif {
        segment(bytes, 0xe1, &[b"Exif\0\0", exif].concat())?;
    }

    let mut dqt = Vec::new();
    for (n, table) in (0..).zip(&quantisation[..if colour { 2 } else { 1 }]) {
        dqt.push(n);
        dqt.extend(tables::ZIGZAG.map(|place| table[usize::from(place)]));
    }
    segment(bytes, 0xdb, &dqt)?;

    let ([h1, h0], [w1, w0]) = (height.to_be_bytes(), width.to_be_bytes());
    let frame = [8, h1, h0, w1, w0];
    let components: &[u8] = if let Some(chroma) = chroma {
        let (across, down) = chroma.factors();
        &[3, 1, across << 4 | down, 0, 2, 0x11, 1, 3, 0x11, 1]
    } else {
        &[1, 1, 0x11, 0]
    };
    segment(bytes, 0xc0, &[&frame, components].concat())?;

    let mut dht = Vec::new();
    // DC and AC, in the upper half of the byte, of table 0 and of table 1, in the lower.
    for (class, table) in [0x00, 0x10, 0x01, 0x11].into_iter().zip(huffman) {
        dht.push(class);
        dht.extend(table.lengths);
        dht.extend(&table.symbols);
    }
    segment(bytes, 0xc4, &dht)?;

    segment(
        bytes,
        0xda,
        if colour {
            &[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]
        } else {
            &[1, 1, 0x00, 0, 63, 0]
        },
    )
}

/// `None` if the body is longer than a segment can be.
fn segment(bytes: &mut Vec<u8>, marker: u8, body: &[u8]) -> Option<()> {
    let length = u16::try_from(body.len() + 2).ok()?;
    bytes.extend([0xff, marker]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    Some(())
}
