//! What became of the photographs, for people.

use std::fmt;

use super::{Error, Fetched};
use crate::Photograph;

/// What became of all photographs.
#[derive(Debug, Default)]
pub struct Report {
    there: usize,
    fetched: usize,
    resumed: usize,
    bytes: u64,
    /// Place in the manifest, and a line.
    gone: Vec<(usize, String)>,
    failed: Vec<(usize, String)>,
}

impl Report {
    /// Adds what became of the photograph at `place` of the manifest.
    pub fn add(&mut self, place: usize, photograph: &Photograph, end: &Result<Fetched, Error>) {
        let file = &photograph.file;
        match end {
            Ok(Fetched::There) => self.there += 1,
            Ok(Fetched::Now { bytes, resumed }) => {
                self.fetched += 1;
                self.resumed += usize::from(*resumed);
                self.bytes += bytes;
            }
            Err(error @ Error::Gone(_)) => {
                let id = file.trim_end_matches(".jpg");
                let line = format!("{file}: {error}; unsplash.com/photos/{id} may have it");
                self.gone.push((place, line));
            }
            Err(error) => {
                let line = format!("{file}: {}", with_causes(error));
                self.failed.push((place, line));
            }
        }
    }

    /// The exit code of it: 0 all are there; 1 some are not, and to try again may help; 3 some are gone
    /// from their place, and all others are there.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.failed.is_empty(), self.gone.is_empty()) {
            (false, _) => 1,
            (true, false) => 3,
            (true, true) => 0,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.there + self.fetched + self.gone.len() + self.failed.len();
        for (what, lines) in [("gone", &self.gone), ("failed", &self.failed)] {
            let mut lines: Vec<_> = lines.iter().collect();
            lines.sort();
            for (_, line) in lines {
                writeln!(f, "{what}: {line}")?;
            }
        }
        write!(
            f,
            "{all} photographs: {} were there, {} fetched ({}",
            self.there,
            self.fetched,
            indicatif::DecimalBytes(self.bytes)
        )?;
        if self.resumed > 0 {
            write!(f, ", {} of them gone on with", self.resumed)?;
        }
        writeln!(
            f,
            "), {} gone, {} failed",
            self.gone.len(),
            self.failed.len()
        )
    }
}

/// An error and its causes on one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
