//! One scan, decoded by what its frame and header make of it.

use std::rc::Rc;

use super::super::{Error, Stop};
use super::ac::{AcKept, AcLast, AcPassed};
use super::bits::Entropy;
use super::block::BlockTables;
use super::choice::Says;
use super::coefficients::Coefficients;
use super::component::{Held, Reading};
use super::dc::{DcAlone, DcInterleaved, DcRefine, Output};
use super::frame::{Frame, Scan, ScanComponent, malformed};
use super::huffman::{Coded, Huffman};
use super::refine::AcRefine;
use super::samples::{dequantiser, grey_plane};
use super::sequential::{Decoding, Sequential};
use super::tables::{Tables, defined};
use super::walk::{Shape, walk};

/// Decodes a scan if it brings anything that is wanted, into `readings`, of which each component of the
/// frame has one. `data` is its entropy-coded data.
///
/// Says how many rows of pixels, from the top, have their part of it undamaged: none if a scan before
/// it must have been lost.
pub(super) fn decode(
    scan: &Scan,
    frame: &Frame,
    tables: &Tables,
    readings: &mut [Reading],
    data: &[u8],
    stop: &Stop,
) -> Result<u32, Error> {
    for c in &scan.components {
        let number = frame.components[c.index].quantisation;
        let now = tables.quantisation[number].as_ref();
        let table = now.ok_or_else(|| malformed("undefined quantisation table"))?;
        readings[c.index].quantisation.get_or_insert(*table);
    }
    let mut contradicts = false;
    for c in &scan.components {
        let reading = &mut readings[c.index];
        contradicts |= reading.known.announce(scan) == Says::Contradiction && !reading.is_enough();
    }
    if contradicts {
        return Ok(0);
    }
    let mut of_scan = scan.components.iter().map(|c| &readings[c.index]);
    if !of_scan.clone().all(|reading| reading.known.accepts(scan))
        || !of_scan.any(|reading| reading.wants(scan))
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
        progressive.decode(readings, &mut entropy)?
    } else {
        let decodings = decodings(scan, frame, tables, readings)?;
        let mut units = Sequential::new(scan, frame, wide, decodings);
        walk(&mut units, &mut entropy, shape, stop)?
    };
    for c in &scan.components {
        readings[c.index].known.has_come(scan);
    }
    Ok(pixels(scan, frame, intact))
}

/// How many rows of MCUs, of how many, are in the first bytes of a progressive scan's data. Nothing is
/// kept of them. `None` for no row at all, and for refinements, which cannot be decoded alone.
pub(super) fn rows_within(
    scan: &Scan,
    frame: &Frame,
    tables: &Tables,
    data: &[u8],
    stop: &Stop,
) -> Result<Option<(usize, usize)>, Error> {
    if scan.refines {
        return Ok(None);
    }
    let (wide, high) = units(scan, frame);
    let shape = Shape {
        wide,
        high,
        restart_interval: tables.restart_interval,
        may_go_on: true,
    };
    let mut entropy = Entropy::new(data);
    let rows = if scan.first == 0 {
        let mut units = DcInterleaved::new(scan, frame, Vec::new(), dc_codes(scan, tables)?);
        walk(&mut units, &mut entropy, shape, stop)?
    } else {
        let coded = coded(&tables.ac, scan.components[0].ac)?;
        walk(
            &mut AcPassed::new(scan, wide, coded),
            &mut entropy,
            shape,
            stop,
        )?
    };
    Ok((rows > 0).then_some((rows, high)))
}

/// MCUs of a scan, across and down: of one component alone they are its blocks (T.81, A.2.2), of
/// which the padding of interleaved MCUs is no reading.
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
    readings: &'a mut [Reading],
) -> Result<Vec<Decoding<'a>>, Error> {
    let mut readings: Vec<_> = readings.iter_mut().map(Some).collect();
    let mut made: Vec<((usize, usize, usize), Rc<BlockTables>)> = Vec::new();
    let decoding = |c: &ScanComponent| {
        let Reading {
            n,
            quantisation,
            held,
            ..
        } = readings[c.index]
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

/// The DC tables of a scan's components.
fn dc_codes(scan: &Scan, tables: &Tables) -> Result<Vec<Coded>, Error> {
    let of = |c: &ScanComponent| coded(&tables.dc, c.dc);
    scan.components.iter().map(of).collect()
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
    fn decode(&self, readings: &mut [Reading], entropy: &mut Entropy<'_>) -> Result<usize, Error> {
        let scan = self.scan;
        for c in &scan.components {
            let reading = &mut readings[c.index];
            if matches!(reading.held, Held::Nothing) {
                let component = &self.frame.components[c.index];
                reading.held = Held::Coefficients(Coefficients::new(component, reading.n));
            }
        }
        let alone = &mut readings[scan.components[0].index];
        match (scan.first, scan.refines) {
            (0, false) if !scan.interleaved() => self.dc_alone(alone, entropy),
            (0, _) => self.dc(readings, entropy),
            (_, _) => self.ac(alone, entropy),
        }
    }

    fn dc_alone(&self, reading: &mut Reading, entropy: &mut Entropy<'_>) -> Result<usize, Error> {
        let c = self.scan.components[0];
        let coded = coded(&self.tables.dc, c.dc)?;
        let n = reading.n;
        if n == 1 && reading.is_enough_after(self.scan) {
            reading.held = Held::Samples(grey_plane(self.frame, c.index, n));
        }
        let output = match &mut reading.held {
            Held::Samples(plane) => Output::Samples {
                row: vec![0; plane.width],
                dequantiser: Box::new(dequantiser(
                    n,
                    reading.quantisation.as_ref(),
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

    fn dc(&self, readings: &mut [Reading], entropy: &mut Entropy<'_>) -> Result<usize, Error> {
        let Self {
            scan, frame, shape, ..
        } = *self;
        let kept = readings
            .iter_mut()
            .map(|reading| reading.held.coefficients());
        let kept = kept.collect();
        if scan.refines {
            let mut units = DcRefine::new(scan, frame, kept);
            return walk(&mut units, entropy, shape, self.stop);
        }
        let coded = dc_codes(scan, self.tables)?;
        let mut units = DcInterleaved::new(scan, frame, kept, coded);
        walk(&mut units, entropy, shape, self.stop)
    }

    fn ac(&self, reading: &mut Reading, entropy: &mut Entropy<'_>) -> Result<usize, Error> {
        let Self {
            scan, shape, stop, ..
        } = *self;
        let c = scan.components[0];
        let coded = coded(&self.tables.ac, c.ac)?;
        let is_last = reading.is_enough_after(scan);
        let with_history = reading.known.refines_ac();
        let kept = reading.held.coefficients();
        let kept = kept.ok_or_else(|| malformed("scan after the last"))?;
        if scan.refines {
            return walk(&mut AcRefine::new(scan, kept, coded), entropy, shape, stop);
        }
        if !is_last {
            kept.keep_ac(with_history);
            return walk(&mut AcKept::new(scan, kept, coded), entropy, shape, stop);
        }
        let missing_bits = reading.known.missing_dc_bits();
        let dequantiser = dequantiser(reading.n, reading.quantisation.as_ref(), missing_bits);
        let mut plane = grey_plane(self.frame, c.index, reading.n);
        let mut units = AcLast::new(scan, kept, coded, dequantiser, &mut plane);
        let intact = walk(&mut units, entropy, shape, stop)?;
        units.go_to(shape.high);
        reading.held = Held::Samples(plane);
        Ok(intact)
    }
}
