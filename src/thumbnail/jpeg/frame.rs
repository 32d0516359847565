//! Frame and scan headers (T.81, B.2.2 and B.2.3) and the geometry that follows (A.1 and A.2).

use super::super::{Error, Format};
use super::markers;

pub(super) fn malformed(what: &'static str) -> Error {
    Error::malformed(Format::Jpeg, what)
}

pub(super) fn unsupported<T>(what: &str) -> Result<T, Error> {
    Err(Error::Unsupported {
        what: format!("{what} JPEG"),
    })
}

/// One component of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Horizontal and vertical sampling factors, 1 to 4: H and V of T.81.
    pub(super) h: usize,
    pub(super) v: usize,
    /// Number of its quantisation table, 0 to 3.
    pub(super) quantisation: usize,
    /// Blocks that cover the component, without the padding of its last MCUs.
    pub(super) blocks_wide: usize,
    pub(super) blocks_high: usize,
}

/// What the frame header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) width: u32,
    /// 0 until a DNL segment says it.
    pub(super) height: u32,
    pub(super) progressive: bool,
    pub(super) components: Vec<Component>,
    pub(super) h_max: usize,
    pub(super) v_max: usize,
}

impl Frame {
    pub(super) fn read(marker: u8, segment: &[u8]) -> Result<Self, Error> {
        match marker {
            0xc0..=0xc2 => {}
            0xc3 => return unsupported("lossless"),
            0xc5..=0xc7 => return unsupported("hierarchical"),
            _ => return unsupported("arithmetic-coded"),
        }
        let (&[precision, y1, y0, x1, x0, count], specifications) = segment
            .split_first_chunk()
            .ok_or_else(|| malformed("short frame header"))?;
        if precision != 8 {
            return unsupported(&format!("{precision}-bit"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return unsupported(&format!("{count}-component"));
        }
        let width = u16::from_be_bytes([x1, x0]).into();
        if width == 0 {
            return Err(malformed("no columns"));
        }
        let mut components = Vec::new();
        for &[id, sampling, quantisation] in specifications.as_chunks().0.iter().take(count.into())
        {
            components.push(Component {
                id,
                h: usize::from(sampling >> 4),
                v: usize::from(sampling & 15),
                quantisation: quantisation.into(),
                blocks_wide: 0,
                blocks_high: 0,
            });
        }
        let possible =
            |c: &Component| (1..=4).contains(&c.h) && (1..=4).contains(&c.v) && c.quantisation < 4;
        if components.len() != usize::from(count) || !components.iter().all(possible) {
            return Err(malformed("impossible frame header"));
        }
        let mut frame = Self {
            width,
            height: 0,
            progressive: marker == 0xc2,
            h_max: components.iter().map(|c| c.h).max().unwrap_or(1),
            v_max: components.iter().map(|c| c.v).max().unwrap_or(1),
            components,
        };
        frame.set_height(u16::from_be_bytes([y1, y0]));
        Ok(frame)
    }

    /// Sets the number of lines, which the frame header may leave to a DNL segment (T.81, B.2.5).
    pub(super) fn set_height(&mut self, height: u16) {
        self.height = height.into();
        let (width, height) = (self.width as usize, usize::from(height));
        for c in &mut self.components {
            c.blocks_wide = (width * c.h).div_ceil(8 * self.h_max);
            c.blocks_high = (height * c.v).div_ceil(8 * self.v_max);
        }
    }

    /// MCUs of an interleaved scan, across and down.
    pub(super) fn mcus(&self) -> (usize, usize) {
        (
            (self.width as usize).div_ceil(8 * self.h_max),
            (self.height as usize).div_ceil(8 * self.v_max),
        )
    }

    /// A component's size in samples, not rounded up: what alignment with the others needs.
    pub(super) fn exact_size(&self, component: usize) -> (f64, f64) {
        let c = &self.components[component];
        let of = |pixels: u32, factor: usize, most: usize| {
            f64::from(pixels) * factor as f64 / most as f64
        };
        (
            of(self.width, c.h, self.h_max),
            of(self.height, c.v, self.v_max),
        )
    }
}

/// One component's part in a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScanComponent {
    /// Index among the frame's components.
    pub(super) index: usize,
    /// Numbers of its Huffman tables, 0 to 3.
    pub(super) dc: usize,
    pub(super) ac: usize,
}

/// What the scan header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// Spectral selection: first and last coefficient, in zigzag order (Ss, Se).
    pub(super) first: usize,
    pub(super) last: usize,
    /// Successive approximation: whether the scan refines (Ah > 0), and the bits still missing after
    /// it (Al).
    pub(super) refines: bool,
    pub(super) missing_bits: u32,
}

impl Scan {
    pub(super) fn read(segment: &[u8], frame: &Frame) -> Result<Self, Error> {
        let impossible = || malformed("impossible scan header");
        let (&count, rest) = segment.split_first().ok_or_else(impossible)?;
        let (specifications, rest) = rest
            .split_at_checked(2 * usize::from(count))
            .ok_or_else(impossible)?;
        let &[first, last, approximation] = rest.first_chunk().ok_or_else(impossible)?;
        let mut components: Vec<ScanComponent> = Vec::new();
        for &[id, tables] in specifications.as_chunks().0 {
            let index = frame.components.iter().position(|c| c.id == id);
            let index = index.ok_or_else(impossible)?;
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            if dc > 3 || ac > 3 || components.iter().any(|c| c.index == index) {
                return Err(impossible());
            }
            components.push(ScanComponent { index, dc, ac });
        }
        let blocks: usize = components
            .iter()
            .map(|c| frame.components[c.index].h * frame.components[c.index].v)
            .sum();
        if components.is_empty() || (components.len() > 1 && blocks > 10) {
            return Err(impossible());
        }
        let mut scan = Self {
            components,
            first: first.into(),
            last: last.into(),
            refines: approximation >> 4 > 0,
            missing_bits: (approximation & 15).into(),
        };
        if frame.progressive {
            let dc = scan.first == 0 && scan.last == 0;
            let ac = (1..64).contains(&scan.first)
                && (scan.first..64).contains(&scan.last)
                && scan.components.len() == 1;
            if !(dc || ac) || scan.missing_bits > 13 {
                return Err(impossible());
            }
        } else {
            // Some encoders leave other values here; a sequential scan has all (T.81, B.2.3).
            (scan.first, scan.last) = (0, 63);
            (scan.refines, scan.missing_bits) = (false, 0);
        }
        Ok(scan)
    }

    /// The blocks that it brings, without the padding of its last MCUs.
    pub(super) fn blocks(&self, frame: &Frame) -> usize {
        let components = self.components.iter().map(|c| &frame.components[c.index]);
        components.map(|c| c.blocks_wide * c.blocks_high).sum()
    }

    /// Whether an MCU is more than one block (T.81, A.2).
    pub(super) fn interleaved(&self) -> bool {
        self.components.len() > 1
    }
}

/// The frame's header, which must come before any scan.
pub(super) fn scan_begins(frame: Option<&Frame>) -> Result<&Frame, Error> {
    frame.ok_or_else(|| malformed("scan before frame"))
}

/// The number of lines that a DNL segment says.
pub(super) fn lines(segment: &[u8]) -> Result<u16, Error> {
    match segment {
        &[high, low] if (high, low) != (0, 0) => Ok(u16::from_be_bytes([high, low])),
        _ => Err(malformed("impossible number of lines")),
    }
}

/// The DNL segment that must follow the first scan if the frame header has no number of lines.
/// `None` if the bytes end before.
pub(super) fn lines_after_scan(bytes: &[u8], end: usize) -> Result<Option<u16>, Error> {
    match markers::next_segment(bytes, end) {
        markers::Found::Segment(s) if s.code == markers::DNL => lines(s.body).map(Some),
        markers::Found::Cut => Ok(None),
        _ => Err(malformed("no number of lines")),
    }
}
