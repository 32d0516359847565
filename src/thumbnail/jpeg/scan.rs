//! One scan, decoded by what its frame and header make of it.

use std::rc::Rc;

use super::super::{Error, Stop};
use super::ac::{AcKept, AcLast};
use super::bits::Entropy;
use super::block::BlockTables;
use super::choice::Says;
use super::coefficients::Coefficients;
use super::dc::{DcAlone, DcInterleaved, DcRefine, Output};
use super::frame::{Frame, Scan, ScanComponent, malformed};
use super::huffman::{Coded, Huffman};
use super::reader::{Held, Part, dequantiser, grey_plane};
use super::refine::AcRefine;
use super::sequential::{Decoding, Sequential};
use super::tables::{Tables, defined};
use super::walk::{Shape, walk};

/// Decodes a scan if it brings anything that is wanted, into `parts`, of which each component of the
/// frame has one. `data` is its entropy-coded data.
///
/// Says how many rows of pixels, from the top, have their part of it undamaged: none if a scan before
/// it must have been lost.
pub(super) fn decode(
    scan: &Scan,
    frame: &Frame,
    tables: &Tables,
    parts: &mut [Part],
    data: &[u8],
    stop: &Stop,
) -> Result<u32, Error> {
    for c in &scan.components {
        let number = frame.components[c.index].quantisation;
        let now = tables.quantisation[number].as_ref();
        let table = now.ok_or_else(|| malformed("undefined quantisation table"))?;
        parts[c.index].quantisation.get_or_insert(*table);
    }
    let mut contradicts = false;
    for c in &scan.components {
        let part = &mut parts[c.index];
        contradicts |= part.known.announce(scan) == Says::Contradiction && !part.is_enough();
    }
    if contradicts {
        return Ok(0);
    }
    let mut of_scan = scan.components.iter().map(|c| &parts[c.index]);
    if !of_scan.clone().all(|part| part.known.accepts(scan))
        || !of_scan.any(|part| part.wants(scan))
    {
        return Ok(frame.height);
    }
    let mut entropy = Entropy::new(data);
    let (wide, high) = units(scan, frame);
    let shape = Shape {
        wide,
        high,
        restart_interval: tables.restart_interval,
        // Some encoders write more lines than they announce, and some programs a few bytes more.
        may_go_on: !frame.progressive,
    };
    let intact = if frame.progressive {
        let progressive = Progressive {
            scan,
            frame,
            tables,
            shape,
            stop,
        };
        progressive.decode(parts, &mut entropy)?
    } else {
        let decodings = decodings(scan, frame, tables, parts)?;
        let mut units = Sequential::new(scan, frame, wide, decodings);
        walk(&mut units, &mut entropy, shape, stop)?
    };
    for c in &scan.components {
        parts[c.index].known.has_come(scan);
    }
    Ok(pixels(scan, frame, intact))
}

/// MCUs of a scan, across and down: of one component alone they are its blocks (T.81, A.2.2), of
/// which the padding of interleaved MCUs is no part.
fn units(scan: &Scan, frame: &Frame) -> (usize, usize) {
    if scan.interleaved() {
        return frame.mcus();
    }
    let component = &frame.components[scan.components[0].index];
    (component.blocks_wide, component.blocks_high)
}

/// Rows of pixels in so many rows of MCUs.
fn pixels(scan: &Scan, frame: &Frame, rows: usize) -> u32 {
    let pixels = if scan.interleaved() {
        rows * 8 * frame.v_max
    } else {
        rows * 8 * frame.v_max / frame.components[scan.components[0].index].v
    };
    u32::try_from(pixels).map_or(frame.height, |rows| rows.min(frame.height))
}

fn decodings<'a>(
    scan: &Scan,
    frame: &Frame,
    tables: &Tables,
    parts: &'a mut [Part],
) -> Result<Vec<Decoding<'a>>, Error> {
    let mut parts: Vec<_> = parts.iter_mut().map(Some).collect();
    let mut made: Vec<((usize, usize, usize), Rc<BlockTables>)> = Vec::new();
    let decoding = |c: &ScanComponent| {
        let Part {
            n,
            quantisation,
            held,
            ..
        } = parts[c.index]
            .take()
            .ok_or_else(|| malformed("component twice in a scan"))?;
        *held = Held::Samples(grey_plane(frame, c.index, *n));
        let Held::Samples(plane) = held else {
            return Err(malformed("component in scans of two kinds"));
        };
        let wanted = (*n, c.dc, c.ac);
        let same = made.iter().find(|(made, _)| *made == wanted);
        let block_tables = if let Some((_, same)) = same {
            Rc::clone(same)
        } else {
            let dc = defined(&tables.dc, c.dc)?;
            let ac = defined(&tables.ac, c.ac)?;
            let new = Rc::new(BlockTables::new(*n, dc, ac));
            made.push((wanted, Rc::clone(&new)));
            new
        };
        Ok(Decoding {
            plane,
            n: *n,
            dequantiser: dequantiser(*n, quantisation.as_ref(), 0),
            tables: block_tables,
        })
    };
    scan.components.iter().map(decoding).collect()
}

fn coded(tables: &[Option<Box<Huffman>>; 4], number: usize) -> Result<Coded, Error> {
    Ok(Coded::new(defined(tables, number)?))
}

/// What a scan of a progressive picture is decoded with.
struct Progressive<'a> {
    scan: &'a Scan,
    frame: &'a Frame,
    tables: &'a Tables,
    shape: Shape,
    stop: &'a Stop,
}

impl Progressive<'_> {
    fn decode(&self, parts: &mut [Part], entropy: &mut Entropy<'_>) -> Result<usize, Error> {
        let scan = self.scan;
        for c in &scan.components {
            let part = &mut parts[c.index];
            if matches!(part.held, Held::Nothing) {
                let component = &self.frame.components[c.index];
                part.held = Held::Coefficients(Coefficients::new(component, part.n));
            }
        }
        let alone = &mut parts[scan.components[0].index];
        match (scan.first, scan.refines) {
            (0, false) if !scan.interleaved() => self.dc_alone(alone, entropy),
            (0, _) => self.dc(parts, entropy),
            (_, _) => self.ac(alone, entropy),
        }
    }

    fn dc_alone(&self, part: &mut Part, entropy: &mut Entropy<'_>) -> Result<usize, Error> {
        let c = self.scan.components[0];
        let coded = coded(&self.tables.dc, c.dc)?;
        let n = part.n;
        if n == 1 && part.is_enough_after(self.scan) {
            part.held = Held::Samples(grey_plane(self.frame, c.index, n));
        }
        let output = match &mut part.held {
            Held::Samples(plane) => Output::Samples {
                row: vec![0; plane.width],
                dequantiser: Box::new(dequantiser(
                    n,
                    part.quantisation.as_ref(),
                    self.scan.missing_bits,
                )),
                plane,
            },
            Held::Coefficients(kept) => Output::Kept(kept),
            Held::Nothing => return Err(malformed("no coefficients")),
        };
        let mut units = DcAlone::new(self.scan, coded, output);
        walk(&mut units, entropy, self.shape, self.stop)
    }

    fn dc(&self, parts: &mut [Part], entropy: &mut Entropy<'_>) -> Result<usize, Error> {
        let Self {
            scan, frame, shape, ..
        } = *self;
        let kept = parts.iter_mut().map(|part| part.held.coefficients());
        let kept = kept.collect();
        if scan.refines {
            let mut units = DcRefine::new(scan, frame, kept);
            return walk(&mut units, entropy, shape, self.stop);
        }
        let coded = |c: &ScanComponent| coded(&self.tables.dc, c.dc);
        let coded = scan
            .components
            .iter()
            .map(coded)
            .collect::<Result<_, _>>()?;
        let mut units = DcInterleaved::new(scan, frame, kept, coded);
        walk(&mut units, entropy, shape, self.stop)
    }

    fn ac(&self, part: &mut Part, entropy: &mut Entropy<'_>) -> Result<usize, Error> {
        let Self {
            scan, shape, stop, ..
        } = *self;
        let c = scan.components[0];
        let coded = coded(&self.tables.ac, c.ac)?;
        let is_last = part.is_enough_after(scan);
        let with_history = part.known.refines_ac();
        let kept = part.held.coefficients();
        let kept = kept.ok_or_else(|| malformed("scan after the last"))?;
        if scan.refines {
            return walk(&mut AcRefine::new(scan, kept, coded), entropy, shape, stop);
        }
        if !is_last {
            kept.keep_ac(with_history);
            return walk(&mut AcKept::new(scan, kept, coded), entropy, shape, stop);
        }
        let missing_bits = part.known.missing_dc_bits();
        let dequantiser = dequantiser(part.n, part.quantisation.as_ref(), missing_bits);
        let mut plane = grey_plane(self.frame, c.index, part.n);
        let mut units = AcLast::new(scan, kept, coded, dequantiser, &mut plane);
        let intact = walk(&mut units, entropy, shape, stop)?;
        units.go_to(shape.high);
        part.held = Held::Samples(plane);
        Ok(intact)
    }
}
