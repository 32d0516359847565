//! From the file's segments to planes.

use super::super::planes::{Colour, Planes};
use super::super::{
    ChromaSubsampling, Error, Fit, Format, Limited, Limits, Orientation, Stop, colour, planar,
};
use super::coefficients::Coefficients;
use super::component::{Held, Reading};
use super::estimate::Estimate;
use super::frame::{
    Component, Frame, Scan, lines, lines_after_scan, malformed, scan_begins, unsupported,
};
use super::markers::{self, Found};
use super::metadata::Metadata;
use super::samples::{dequantiser, fill_plane, grey_plane};
use super::sequential::Sequential;
use super::tables::Tables;
use super::{MAX_SCANS, Progress, Want, choice, scan};

/// Reads one JPEG, whose bytes may come in pieces.
pub(crate) struct Reader {
    want: Want,
    fit: Fit,
    output: ChromaSubsampling,
    limits: Limits,
    stop: Stop,
    tables: Tables,
    metadata: Metadata,
    frame: Option<Frame>,
    readings: Vec<Reading>,
    /// Where the next segment begins.
    at: usize,
    /// No scan ends before this place.
    searched: usize,
    scans: u64,
    /// The most bytes that a block's DC coefficient took, in the mean of a scan.
    dc_bytes_per_block: f64,
    enough: bool,
    /// Rows of pixels that no scan has found damaged.
    intact_rows: u32,
}

/// How far to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Up to the first scan.
    Scan,
    /// As long as scans are there whole.
    CutShort,
    /// To the end, a scan without its end included.
    End,
}

/// What is known of a picture from its header: all segments before its first scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Width in pixels as stored.
    pub(crate) width: u32,
    /// Height in pixels as stored.
    pub(crate) height: u32,
    /// How the stored picture is to be turned.
    pub(crate) orientation: Orientation,
    /// What the components mean.
    pub(crate) colour: Colour,
    /// Whether a prefix may be enough. Sequential files are read whole.
    pub(crate) progressive: bool,
    /// The most bytes that are held at one time, of the reader and of what is made of its planes, the
    /// file not counted.
    pub(crate) peak_bytes: u64,
}

impl Reader {
    /// A reader that has read nothing.
    pub(crate) fn new(want: Want, limits: Limits, stop: Stop) -> Self {
        Self {
            want,
            fit: Fit::default(),
            output: ChromaSubsampling::default(),
            limits,
            stop,
            tables: Tables::default(),
            metadata: Metadata::new(&limits),
            frame: None,
            readings: Vec::new(),
            at: 0,
            searched: 0,
            scans: 0,
            dc_bytes_per_block: 0.0,
            enough: false,
            intact_rows: u32::MAX,
        }
    }

    /// The same for thumbnails that are put so into their boxes, and whose colour differences have
    /// this resolution. Those that fit inside, at 4:2:0, need the least.
    pub(crate) fn aiming_at(self, fit: Fit, output: ChromaSubsampling) -> Self {
        Self {
            fit,
            output,
            ..self
        }
    }

    /// What the planes of this frame are for: thumbnails of which nothing would be cut off.
    fn want_of(&self, frame: &Frame) -> Want {
        let size = (frame.width, frame.height);
        Want {
            largest: self.fit.whole_box(size, self.want.largest),
            ..self.want
        }
    }

    /// What is known from the header; `None` before the first scan's own header was seen.
    pub(crate) fn state(&self) -> Option<State> {
        let frame = self.frame.as_ref()?;
        if self.readings.is_empty() {
            return None;
        }
        Some(State {
            width: frame.width,
            height: frame.height,
            orientation: self.metadata.orientation(),
            colour: self.metadata.colour(&frame.components),
            progressive: frame.progressive,
            peak_bytes: self.predicted_bytes(frame),
        })
    }

    /// How many bytes of the file have been read: after [`Progress::Enough`], all that are needed.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes of the file, from its start, are probably enough, if `so_far`, the same that
    /// [`advance`](Self::advance) needed more than, is not. `None` where all are needed, or may be.
    pub(crate) fn probably_enough(&self, so_far: &[u8]) -> Option<usize> {
        let frame = self.frame.as_ref().filter(|frame| frame.progressive)?;
        if self.readings.is_empty() {
            return None;
        }
        let estimate = Estimate {
            frame,
            tables: &self.tables,
            readings: &self.readings,
            dc_bytes_per_block: self.dc_bytes_per_block,
            stop: &self.stop,
        };
        estimate.bytes(so_far, self.at)
    }

    /// Reads up to the first scan: what there is to know before any pixel. `None` if the bytes end
    /// before.
    ///
    /// # Errors
    /// Those of [`advance`](Self::advance).
    pub(crate) fn header(&mut self, so_far: &[u8]) -> Result<Option<State>, Error> {
        self.go_on(so_far, Until::Scan)?;
        Ok(self.state())
    }

    /// Goes on as far as `so_far`, the file's bytes from its start, allows. To be called again with
    /// a longer prefix after [`Progress::NeedMore`]; nothing is decoded twice.
    ///
    /// # Errors
    /// [`Error::Unsupported`], [`Error::TooLarge`] and [`Error::Malformed`], as soon as the segments
    /// show it; [`Error::Stopped`]. After an error the reader is of no more use.
    pub(crate) fn advance(&mut self, so_far: &[u8]) -> Result<Progress, Error> {
        self.go_on(so_far, Until::CutShort)
    }

    /// The planes of what was read. `whole_or_cut` is all there is of the file, or what was
    /// [enough](Progress::Enough); where it ends too early, there is as much of the picture as has
    /// come, and `intact_rows` says how much.
    ///
    /// # Errors
    /// Those of [`advance`](Self::advance), and [`Error::Truncated`] if no scan has begun.
    pub(crate) fn finish(mut self, whole_or_cut: &[u8]) -> Result<Planes, Error> {
        let cut = self.go_on(whole_or_cut, Until::End)? == Progress::NeedMore;
        let missing_scan = Error::Truncated {
            format: Format::Jpeg,
            missing: "the first scan",
        };
        let Some(frame) = self.frame.take().filter(|_| self.scans > 0) else {
            return Err(missing_scan);
        };
        let mut intact_rows = self.intact_rows.min(frame.height);
        let mut planes = Vec::new();
        for (index, reading) in self.readings.iter_mut().enumerate() {
            // A progressive file need not send all AC coefficients: at its end, those that never came
            // are zero. libjpeg understands the standard so too.
            if !reading.known.has_dc() || (cut && !reading.is_enough()) {
                intact_rows = 0;
            }
            let quantisation = reading.quantisation.as_ref();
            let plane = match std::mem::replace(&mut reading.held, Held::Nothing) {
                Held::Samples(plane) => plane,
                Held::Nothing => grey_plane(&frame, index, reading.n),
                Held::Coefficients(kept) => {
                    let missing_bits = reading.known.missing_dc_bits();
                    let dequantiser = dequantiser(reading.n, quantisation, missing_bits);
                    let mut plane = grey_plane(&frame, index, reading.n);
                    fill_plane(&mut plane, &kept, &dequantiser, &self.stop)?;
                    plane
                }
            };
            planes.push(plane);
        }
        Ok(Planes {
            width: frame.width,
            height: frame.height,
            colour: self.metadata.colour(&frame.components),
            planes,
            orientation: self.metadata.orientation(),
            ignored: self.metadata.ignored(),
            icc: self.metadata.into_profile(),
            intact_rows,
        })
    }

    fn go_on(&mut self, bytes: &[u8], until: Until) -> Result<Progress, Error> {
        while !self.enough {
            if self.stop.is_stopped() {
                return Err(Error::Stopped);
            }
            let segment = match markers::next_segment(bytes, self.at) {
                Found::Segment(segment) => segment,
                Found::Cut => return Ok(Progress::NeedMore),
                Found::Impossible => return Err(malformed("impossible segment length")),
            };
            if self.loses_data(&bytes[self.at..segment.begin]) {
                self.intact_rows = 0;
            }
            match segment.code {
                markers::DQT => self.tables.define_quantisation(segment.body)?,
                markers::DHT => self.tables.define_huffman(segment.body)?,
                markers::DRI => self.tables.define_restart_interval(segment.body)?,
                markers::EOI => self.enough = self.frame.is_some(),
                markers::DHP | markers::EXP => return unsupported("hierarchical"),
                markers::DNL => self.check_lines(lines(segment.body)?)?,
                markers::SOS => {
                    let Some(end) = self.scan(bytes, segment.end, segment.body, until)? else {
                        return Ok(Progress::NeedMore);
                    };
                    self.at = end;
                    // The number of lines, which has been looked at, belongs to what is needed.
                    if let Found::Segment(next) = markers::next_segment(bytes, end)
                        && next.code == markers::DNL
                        && self.enough
                    {
                        self.at = next.end;
                    }
                    continue;
                }
                // What comes after the first scan is too late to be reckoned with.
                code @ 0xe0..=0xef if self.readings.is_empty() => {
                    self.metadata.read(code, segment.body);
                }
                code if markers::starts_frame(code) => {
                    if self.frame.is_some() {
                        return Err(malformed("second frame"));
                    }
                    let frame = Frame::read(code, segment.body)?;
                    self.limits.check_size(frame.width, frame.height)?;
                    self.frame = Some(frame);
                }
                _ => {}
            }
            self.at = segment.end;
        }
        Ok(Progress::Enough)
    }

    /// Whether bytes between segments may be those of a scan whose header was lost. The only ones that
    /// belong there are fill bytes (T.81, B.1.1.2).
    fn loses_data(&self, between: &[u8]) -> bool {
        let progressive = self.frame.as_ref().is_some_and(|frame| frame.progressive);
        progressive && self.scans > 0 && between.iter().any(|&byte| byte != 0xff)
    }

    /// A DNL segment after the first scan must not change what the frame header says.
    fn check_lines(&self, lines: u16) -> Result<(), Error> {
        match &self.frame {
            Some(frame) if frame.height == u32::from(lines) => Ok(()),
            _ => Err(malformed("contradicting numbers of lines")),
        }
    }

    /// Reads a scan, whose entropy-coded data begins at `begin`. Says where it ends; `None` if it
    /// cannot be read without more of the file.
    fn scan(
        &mut self,
        bytes: &[u8],
        begin: usize,
        header: &[u8],
        until: Until,
    ) -> Result<Option<usize>, Error> {
        let frame = scan_begins(self.frame.as_ref())?;
        // Before the first scan nothing is wanted of its data but perhaps the number of lines after it.
        let header_alone = until == Until::Scan && frame.height != 0;
        let end = if header_alone {
            None
        } else {
            let end = markers::end_of_scan(bytes, self.searched.max(begin));
            end.map_err(|searched| self.searched = searched).ok()
        };
        if frame.height == 0 {
            let lines = match end {
                Some(end) => lines_after_scan(bytes, end)?,
                None => None,
            };
            let Some(lines) = lines else { return Ok(None) };
            let frame = self.frame.as_mut().ok_or_else(|| malformed("no frame"))?;
            frame.set_height(lines);
            self.limits.check_size(frame.width, frame.height)?;
        }
        self.prepare()?;
        let frame = scan_begins(self.frame.as_ref())?;
        let scan = Scan::read(header, frame)?;
        if until == Until::Scan || (until == Until::CutShort && end.is_none()) {
            return Ok(None);
        }
        self.scans += 1;
        if self.scans > MAX_SCANS {
            return Err(Error::TooLarge {
                what: Limited::Scans,
                value: self.scans,
                limit: MAX_SCANS,
            });
        }
        let data = &bytes[begin..end.unwrap_or(bytes.len())];
        let (tables, readings) = (&self.tables, &mut self.readings);
        let intact_rows = scan::decode(&scan, frame, tables, readings, data, &self.stop)?;
        self.intact_rows = self.intact_rows.min(intact_rows);
        if scan.first == 0 && !scan.refines {
            let density = data.len() as f64 / scan.blocks(frame) as f64;
            self.dc_bytes_per_block = self.dc_bytes_per_block.max(density);
        }
        self.enough = self.readings.iter().all(Reading::is_enough);
        Ok(end.or(Some(bytes.len())))
    }

    /// Chooses, before the first scan, what is kept, and checks that it may be.
    fn prepare(&mut self) -> Result<(), Error> {
        let Some(frame) = self.frame.as_ref().filter(|_| self.readings.is_empty()) else {
            return Ok(());
        };
        let colour = self.metadata.colour(&frame.components);
        let readings = choice::sizes(frame, colour, self.want_of(frame), self.output)
            .into_iter()
            .map(|n| Reading::new(n, choice::Known::new(n, self.want.effort)))
            .collect();
        self.readings = readings;
        self.limits.check_peak(self.predicted_bytes(frame))
    }

    fn predicted_bytes(&self, frame: &Frame) -> u64 {
        /// Windows, tables and headers, and the row of blocks that becomes samples, generously: with
        /// thumbnails of at most 4096 pixels a side it has at most 12,288 samples by eight, of three bytes
        /// each while they are made.
        const SMALL_BUFFERS: u64 = 512 << 10;
        let of_plane = |(component, reading): (&Component, &Reading)| {
            Coefficients::predicted_bytes(component, reading.n, false) / 2
        };
        let of_reading = |(component, reading): (&Component, &Reading)| {
            let history = reading.known.refines_ac();
            of_plane((component, reading))
                + if frame.progressive {
                    Coefficients::predicted_bytes(component, reading.n, history)
                } else {
                    Sequential::predicted_bytes(component, reading.n)
                }
        };
        let readings = || frame.components.iter().zip(&self.readings);
        let all: u64 = readings().map(of_reading).sum();
        // A plane that is turned on its side is there twice, before anything is made of it.
        let turned = if self.metadata.orientation().swaps_sides() {
            readings().map(of_plane).max().unwrap_or_default()
        } else {
            0
        };
        let made = planar::predicted_bytes(frame.width, frame.height, self.want_of(frame).largest);
        // The profile is put together of its pieces.
        let profile = self.metadata.profile_bytes();
        let colour = 2 * profile + colour::predicted_bytes(profile);
        all + turned.max(made) + SMALL_BUFFERS + colour
    }
}
