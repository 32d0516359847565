//! A frame and its layout as a file (T.81, annex B).

use super::bits::Bits;
use super::frame::Frame;
use super::huffman::{Code, Lengths};
use super::layout::{Huffman, Layout, Process, Scan};
use super::scan::{self, Step, Steps};
use super::tables;

const SOF0: u8 = 0xC0;
const DHT: u8 = 0xC4;
const RST0: u8 = 0xD0;
const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DNL: u8 = 0xDC;
const DRI: u8 = 0xDD;

/// The file.
///
/// # Panics
/// If the frame has not the blocks that [`Frame::blocks`] asks for, a scan names a component that
/// is not there or holds one coefficient that no code can express, or a segment is too long.
#[must_use]
pub fn write(frame: &Frame, layout: &Layout) -> Vec<u8> {
    let mut writer = Writer {
        frame,
        layout,
        bytes: vec![0xFF, SOI],
        quantisation: [None; 4],
        restart_interval: 0,
    };
    for (marker, content) in &layout.segments {
        writer.segment(*marker, content);
    }
    for component in &frame.components {
        if writer.quantisation[usize::from(component.place)].is_none() {
            writer.quantisation(component.place, &component.table);
        }
    }
    writer.frame_header();
    let nonzero: Vec<Vec<u64>> = frame
        .components
        .iter()
        .map(|component| scan::nonzero(&component.blocks))
        .collect();
    let mut begun = vec![false; frame.components.len()];
    for (number, scan) in layout.scans.iter().enumerate() {
        for index in &scan.components {
            let component = &frame.components[*index];
            let in_force = writer.quantisation[usize::from(component.place)];
            if !std::mem::replace(&mut begun[*index], true) && in_force != Some(component.table) {
                writer.quantisation(component.place, &component.table);
            }
        }
        writer.scan(scan, &scan::encode(frame, layout, scan, &nonzero));
        if number == 0 && layout.dnl {
            writer.segment(DNL, &frame.height.to_be_bytes());
        }
    }
    writer.marker(EOI);
    writer.bytes
}

struct Writer<'a> {
    frame: &'a Frame,
    layout: &'a Layout,
    bytes: Vec<u8>,
    /// What stands in the four places for quantisation tables.
    quantisation: [Option<[u16; 64]>; 4],
    restart_interval: u16,
}

impl Writer<'_> {
    fn marker(&mut self, marker: u8) {
        self.bytes
            .extend(std::iter::repeat_n(0xFF, self.layout.fill + 1));
        self.bytes.push(marker);
    }

    fn segment(&mut self, marker: u8, content: &[u8]) {
        let length = u16::try_from(content.len() + 2);
        assert!(length.is_ok(), "a segment of {} bytes", content.len());
        self.marker(marker);
        self.bytes.extend(length.unwrap_or(0).to_be_bytes());
        self.bytes.extend(content);
    }

    /// B.2.4.1.
    fn quantisation(&mut self, place: u8, table: &[u16; 64]) {
        self.quantisation[usize::from(place)] = Some(*table);
        let wide = table.iter().any(|step| *step > 255);
        let mut content = vec![u8::from(wide) << 4 | place];
        for step in table {
            let both = step.to_be_bytes();
            content.extend(if wide { &both[..] } else { &both[1..] });
        }
        self.segment(DQT, &content);
    }

    /// B.2.2.
    fn frame_header(&mut self) {
        let height = if self.layout.dnl {
            0
        } else {
            self.frame.height
        };
        let mut content = vec![8];
        content.extend(height.to_be_bytes());
        content.extend(self.frame.width.to_be_bytes());
        content.push(number(self.frame.components.len()));
        for component in &self.frame.components {
            let (h, v) = component.sampling;
            content.extend([component.id, h << 4 | v, component.place]);
        }
        let process = match self.layout.process {
            Process::Baseline => 0,
            Process::Extended => 1,
            Process::Progressive => 2,
        };
        self.segment(SOF0 + process, &content);
    }

    /// B.2.3, with the tables that it needs before it.
    fn scan(&mut self, scan: &Scan, steps: &Steps) {
        if self.restart_interval != scan.restart_interval {
            self.restart_interval = scan.restart_interval;
            self.segment(DRI, &scan.restart_interval.to_be_bytes());
        }
        let codes = self.huffman_tables(steps);
        let mut header = vec![number(scan.components.len())];
        for index in &scan.components {
            let table = scan::tables(self.layout.process, *index);
            header.extend([self.frame.components[*index].id, table << 4 | table]);
        }
        header.extend([*scan.band.start(), *scan.band.end()]);
        header.push(scan.high << 4 | scan.low);
        self.segment(SOS, &header);
        self.entropy_coded(steps, &codes);
    }

    /// Writes the tables whose symbols the scan uses, and gives their codes.
    fn huffman_tables(&mut self, steps: &Steps) -> Vec<[Code; 256]> {
        let mut codes = vec![[Code::default(); 256]; 8];
        let example = tables::dc().into_iter().zip(tables::ac());
        let example: Vec<(Lengths, Lengths)> = example.collect();
        for (i, often) in steps.often.iter().enumerate() {
            if often.iter().all(|count| *count == 0) {
                continue;
            }
            let lengths = match self.layout.huffman {
                Huffman::Optimal => Lengths::optimal(often),
                Huffman::Example => {
                    let (dc, ac) = &example[(i % 4).min(1)];
                    if i < 4 { dc.clone() } else { ac.clone() }
                }
            };
            codes[i] = lengths.codes();
            let mut content = vec![number((i / 4) << 4 | (i % 4))];
            content.extend(lengths.counts);
            content.extend(lengths.symbols);
            self.segment(DHT, &content);
        }
        codes
    }

    fn entropy_coded(&mut self, steps: &Steps, codes: &[[Code; 256]]) {
        let mut bits = Bits::default();
        let mut restarts = 0;
        for step in &steps.steps {
            match *step {
                Step::Symbol {
                    table,
                    symbol,
                    length,
                    bits: additional,
                } => {
                    let code = codes[usize::from(table)][usize::from(symbol)];
                    assert!(code.length > 0, "no code for symbol {symbol:#04x}");
                    bits.put(code.bits.into(), code.length.into());
                    bits.put(additional.into(), length.into());
                }
                Step::Bits {
                    length,
                    bits: value,
                } => bits.put(value.into(), length.into()),
                Step::Restart => {
                    self.bytes.extend(bits.take());
                    self.marker(RST0 + restarts % 8);
                    restarts = (restarts + 1) % 8;
                }
            }
        }
        self.bytes.extend(bits.take());
    }
}

/// A count or place that fits in a byte by what it counts.
fn number(small: usize) -> u8 {
    u8::try_from(small).unwrap_or(u8::MAX)
}
