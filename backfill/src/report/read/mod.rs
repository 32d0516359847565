//! From records to what a report shows.

mod experiment;
mod run;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::data::{Data, Sample, Source};
use crate::cost::{IDLE_SECONDS, InstanceSize, Interval, PER_VCPU, Place, START_UP_SECONDS, float};
use crate::record::{Environment, Mode};

/// The record of a folder, and the same compressed by gzip, as it may be published.
const RECORD: &str = "record.ndjson";
const COMPRESSED: &str = "record.ndjson.gz";

/// What is known of the machine, beside the record.
const MANIFEST: &str = "manifest.json";

/// No line of a record is longer, in bytes.
const MAX_LINE: u64 = 64 << 20;

/// A record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error("{path:?} could not be read; give the folder of a run or an experiment, or its record")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line that is none of ours.
    #[error("{path:?} is no record of this version: line {line}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// The first line says neither.
    #[error("{path:?} is no record of a run or an experiment, but of {kind:?}")]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it says.
        kind: String,
    },
    /// There is not a line.
    #[error("{0:?} is empty")]
    Empty(PathBuf),
    /// Its samples would count twice.
    #[error("{path:?} holds {name}, which was given already")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The run or the experiment.
        name: String,
    },
}

/// Reads runs and experiments: each a folder, or its record.
///
/// # Errors
/// [`ReadError`].
pub fn read(paths: &[PathBuf]) -> Result<Data, ReadError> {
    let mut data = Data::default();
    for path in paths {
        let record = Record::open(path)?;
        let (kind, path) = (record.kind()?, record.path.clone());
        let (source, samples) = match kind.as_str() {
            "experiment" => experiment::read(record)?,
            "run" => run::read(record)?,
            _ => return Err(ReadError::Kind { path, kind }),
        };
        if data.sources.iter().any(|before| before.name == source.name) {
            let name = source.name;
            return Err(ReadError::Twice { path, name });
        }
        let alone = paths.len() == 1;
        data.samples.extend(samples.into_iter().map(|sample| {
            if alone || sample.name == source.name {
                return sample;
            }
            // Several experiments count their samples from 1.
            let name = format!("{}-{}", source.name, sample.name);
            Sample { name, ..sample }
        }));
        data.sources.push(source);
    }
    Ok(data)
}

/// A record, line by line. A last line that is cut is of a process that was killed, and is left out.
pub(crate) struct Record {
    path: PathBuf,
    lines: BufReader<Box<dyn io::Read>>,
    first: Option<Vec<u8>>,
    number: usize,
}

impl Record {
    /// Of a folder, plain or compressed, or that file.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let path = if path.is_dir() {
            let all = [RECORD, COMPRESSED].map(|name| path.join(name));
            let there = all.iter().find(|path| path.exists());
            there.unwrap_or(&all[0]).clone()
        } else {
            path.to_owned()
        };
        let file = File::open(&path).map_err(|source| ReadError::File {
            path: path.clone(),
            source,
        })?;
        let is_compressed = path.extension().is_some_and(|ending| ending == "gz");
        let lines: Box<dyn io::Read> = if is_compressed {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let mut record = Self {
            path,
            lines: BufReader::new(lines),
            first: None,
            number: 0,
        };
        record.first = record.line()?;
        Ok(record)
    }

    /// Of what the first line says it is.
    fn kind(&self) -> Result<String, ReadError> {
        #[derive(Deserialize)]
        struct Kind {
            record: String,
        }
        let first = self
            .first
            .as_ref()
            .ok_or_else(|| ReadError::Empty(self.path.clone()))?;
        self.parse::<Kind>(first).map(|kind| kind.record)
    }

    /// The next line, if there is one.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ReadError> {
        let line = match self.first.take() {
            Some(line) => Some(line),
            None => self.line()?,
        };
        line.map(|line| self.parse(&line)).transpose()
    }

    fn parse<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, ReadError> {
        serde_json::from_slice(line).map_err(|source| ReadError::Line {
            path: self.path.clone(),
            line: self.number,
            source,
        })
    }

    /// A line is text once it is whole: one that is cut may end within a character.
    fn line(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let mut line = Vec::new();
        let read = io::Read::take(&mut self.lines, MAX_LINE).read_until(b'\n', &mut line);
        read.map_err(|source| ReadError::File {
            path: self.path.clone(),
            source,
        })?;
        self.number += 1;
        Ok(line.ends_with(b"\n").then_some(line))
    }

    /// The machine, where a manifest beside the record tells.
    fn environment(&self) -> Option<Environment> {
        #[derive(Deserialize)]
        struct Manifest {
            environment: Environment,
        }
        let manifest = File::open(self.path.with_file_name(MANIFEST)).ok()?;
        let manifest: Manifest = serde_json::from_reader(BufReader::new(manifest)).ok()?;
        Some(manifest.environment)
    }
}

/// Whether a store's URL is of this machine: by its name, by an address of loopback, or by the one that stands for all
/// of its addresses and leads back to it.
fn is_loopback(url: &str) -> bool {
    let authority = url.rsplit("://").next().unwrap_or(url);
    let end = match authority.find(']') {
        Some(bracket) => bracket + 1,
        None => authority.find([':', '/']).unwrap_or(authority.len()),
    };
    let host = authority[..end].to_ascii_lowercase();
    let is_of_loopback = |host: &str| {
        let rest = host.strip_prefix("127.");
        rest.is_some_and(|rest| rest.bytes().all(|c| c == b'.' || c.is_ascii_digit()))
    };
    ["localhost", "0.0.0.0", "[::1]", "[::]"].contains(&host.as_str()) || is_of_loopback(&host)
}

/// Says of what machine something is.
fn machine(environment: &Environment) -> String {
    let memory = environment.memory_bytes.map(gib);
    let memory = memory.map(|memory| format!(", {memory}"));
    let processor = environment.processor.as_deref();
    format!(
        "{} x {}{}, {}",
        environment.processors,
        processor.unwrap_or(&environment.machine),
        memory.unwrap_or_default(),
        environment.system
    )
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 bytes")]
fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

impl Source {
    fn leave_out(&mut self, reason: &str) {
        *self.left_out.entry(reason.to_owned()).or_default() += 1;
    }
}

/// So many instances of the function, of which some started in the sample.
fn instances(size: InstanceSize, number: usize, cold: usize) -> Place {
    let number = float(number as u64);
    Place::Instances {
        size,
        concurrency: (PER_VCPU * size.vcpu).max(1.0),
        number: Interval::exactly(number),
        start_up_seconds: START_UP_SECONDS * (float(cold as u64) / number),
        idle_seconds: IDLE_SECONDS,
        is_called: true,
    }
}

/// Under which name the number in flight is compared: it is another one for each mode.
fn in_flight_of(mode: Mode) -> &'static str {
    match mode {
        Mode::Sequential => "in flight, sequential",
        Mode::Parallel => "in flight, parallel",
        Mode::FanOut => "in flight at most, fan-out",
    }
}

/// What a picture's name says of where it comes from, if it was generated.
fn is_generated(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.starts_with("generated-")
}

/// What the pictures are.
fn originals(generated: bool) -> String {
    let what = if generated {
        "generated stand-ins for photographs"
    } else {
        "as they are in the bucket"
    };
    what.to_owned()
}

/// The sum, where there is any and all are known.
fn total(each: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut each = each.peekable();
    each.peek()?;
    each.sum()
}

fn seconds(us: u64) -> f64 {
    std::time::Duration::from_micros(us).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_each_of_its_names() {
        for here in [
            "http://127.0.0.1:9000",
            "http://127.1.2.3/",
            "http://0.0.0.0:9000",
            "http://LocalHost:9000",
            "https://localhost",
            "localhost",
            "http://[::1]:9000/",
            "http://[::]:9000",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "https://s3.direct.eu-de.cloud-object-storage.appdomain.cloud",
            "http://127.example.org:9000",
            "http://localhost.example.org",
            "http://10.0.0.127:9000",
            "http://[fe80::1]:9000",
            "",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
