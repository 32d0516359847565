//! One scan, decoded by what its frame and header make of it.

use super::super::{Error, Stop};
use super::bits::Entropy;
use super::frame::{Frame, Scan, ScanComponent, malformed};
use super::huffman::Coded;
use super::progressive::{Ac, AcFirst, AcRefine, Coefficients, DcFirst, DcRefine};
use super::reader::{Held, Part, dequantiser, grey_plane};
use super::sequential::{Decoding, Sequential};
use super::tables::{Tables, defined};
use super::walk::{Shape, walk};

/// Decodes a scan if it brings anything that is wanted, into `parts`, of which each component of the
/// frame has one. `data` is its entropy-coded data.
///
/// Says how many rows of pixels, from the top, have their part of it undamaged.
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
    let mut of_scan = scan.components.iter().map(|c| &parts[c.index]);
    if !of_scan.clone().all(|part| part.progress.accepts(scan))
        || !of_scan.any(|part| part.progress.wants(scan, part.dc_divisor()))
    {
        return Ok(frame.height);
    }
    let mut entropy = Entropy::new(data);
    let (wide, high) = units(scan, frame);
    let shape = Shape {
        wide,
        high,
        restart_interval: tables.restart_interval,
    };
    let intact = if frame.progressive {
        progressive(scan, frame, tables, parts, &mut entropy, shape, stop)?
    } else {
        let decodings = decodings(scan, frame, tables, parts)?;
        let mut units = Sequential::new(scan, frame, wide, decodings);
        walk(&mut units, &mut entropy, shape, stop)?
    };
    for c in &scan.components {
        parts[c.index].progress.has_come(scan);
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
        Ok(Decoding {
            plane,
            n: *n,
            dequantiser: dequantiser(*n, quantisation.as_ref(), 0),
            dc: Coded::new(defined(&tables.dc, c.dc)?),
            ac: Coded::new(defined(&tables.ac, c.ac)?),
        })
    };
    scan.components.iter().map(decoding).collect()
}

fn progressive(
    scan: &Scan,
    frame: &Frame,
    tables: &Tables,
    parts: &mut [Part],
    entropy: &mut Entropy<'_>,
    shape: Shape,
    stop: &Stop,
) -> Result<usize, Error> {
    for c in &scan.components {
        let part = &mut parts[c.index];
        if matches!(part.held, Held::Nothing) {
            let with_history = part.progress.refines_ac();
            let component = &frame.components[c.index];
            let kept = Coefficients::new(component, part.n, with_history);
            part.held = Held::Coefficients(kept);
        }
    }
    let mut held: Vec<_> = parts
        .iter_mut()
        .map(|part| part.held.coefficients())
        .collect();
    if scan.first == 0 && scan.refines {
        return walk(&mut DcRefine::new(scan, frame, held), entropy, shape, stop);
    }
    if scan.first == 0 {
        let coded = |c: &ScanComponent| Ok(Coded::new(defined(&tables.dc, c.dc)?));
        let coded = scan
            .components
            .iter()
            .map(coded)
            .collect::<Result<_, Error>>()?;
        let mut units = DcFirst::new(scan, frame, held, coded);
        return walk(&mut units, entropy, shape, stop);
    }
    let c = &scan.components[0];
    let coded = Coded::new(defined(&tables.ac, c.ac)?);
    let kept = held[c.index].take();
    let kept = kept.ok_or_else(|| malformed("component in scans of two kinds"))?;
    let ac = Ac::new(scan, kept, coded);
    if scan.refines {
        walk(&mut AcRefine(ac), entropy, shape, stop)
    } else {
        walk(&mut AcFirst(ac), entropy, shape, stop)
    }
}
