//! An experiment's folder: what was asked for, and all that was measured, as it was.
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | [the experiment as it was begun](Experiment) |
//! | `record.ndjson` | [the record](crate::record::experiment) |
//!
//! A sample is written as a whole, and is with the disk before the next one is taken. What a process that was
//! killed left of one is cut off.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde::Serialize;

use super::sample::Taken;
use crate::journal::{JournalError, MANIFEST, RECORD, file, line, put};
use crate::record::experiment::{Ended, Experiment, Line, Resumed, Sample};

/// A folder, and its record to append to.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    record: File,
    /// The record has its end already.
    ended: bool,
}

/// Reads the manifest of the experiment in `folder`.
pub(crate) fn manifest(folder: &Path) -> Result<Experiment, JournalError> {
    let path = folder.join(MANIFEST);
    let bytes = fs::read(&path).map_err(file(&path, "read"))?;
    serde_json::from_slice(&bytes).map_err(line(&path, 1))
}

impl Folder {
    /// Begins one below `runs`.
    pub(super) fn create(runs: &Path, experiment: &Experiment) -> Result<Self, JournalError> {
        let path = runs.join(&experiment.experiment);
        fs::create_dir_all(&path).map_err(file(&path, "made"))?;
        let record = path.join(RECORD);
        let opened = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&record);
        let mut folder = Self::locked(&path, opened.map_err(file(&record, "made"))?)?;
        folder.write(&[Line::Experiment(Box::new(experiment.clone()))])?;
        // The manifest comes last: what has one can be gone on with.
        put(&path.join(MANIFEST), std::slice::from_ref(experiment))?;
        for place in [&path, runs] {
            let synced = File::open(place).and_then(|place| place.sync_all());
            synced.map_err(file(place, "written"))?;
        }
        Ok(folder)
    }

    /// Goes on with the one of `before`, as it is `now`; and the samples that it has.
    pub(super) fn open(
        path: &Path,
        before: &Experiment,
        now: &Experiment,
    ) -> Result<(Self, Vec<Sample>), JournalError> {
        let name = path.join(RECORD);
        let record = OpenOptions::new().read(true).append(true).open(&name);
        let mut folder = Self::locked(path, record.map_err(file(&name, "read"))?)?;
        folder.record.rewind().map_err(file(&name, "read"))?;
        let mut reader = BufReader::new(&folder.record);
        let (mut bytes, mut read, mut whole) = (Vec::new(), 0, 0);
        let (mut samples, mut ended) = (Vec::new(), false);
        for number in 1.. {
            bytes.clear();
            let length = reader.read_until(b'\n', &mut bytes);
            read += length.map_err(file(&name, "read"))? as u64;
            if !bytes.ends_with(b"\n") {
                break;
            }
            let parsed = serde_json::from_slice(&bytes).map_err(line(&name, number))?;
            ended = matches!(parsed, Line::Ended(_));
            match parsed {
                Line::Experiment(one) if number == 1 && one.experiment == before.experiment => {}
                Line::Sample(sample) if number > 1 => samples.push(*sample),
                Line::Resumed(_) | Line::Ended(_) if number > 1 => {}
                // Nothing without its sample.
                Line::Call(_) if number > 1 => continue,
                _ => return Err(JournalError::AnotherRun(name)),
            }
            whole = read;
        }
        let cut = folder.record.set_len(whole);
        cut.map_err(file(&name, "written"))?;
        folder.ended = ended;
        if !ended {
            folder.write(&[Line::Resumed(Box::new(Resumed {
                at: Utc::now(),
                environment: now.environment.clone(),
            }))])?;
        }
        Ok((folder, samples))
    }

    fn locked(path: &Path, record: File) -> Result<Self, JournalError> {
        match record.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                record,
                ended: false,
            }),
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(file(path, "locked")(error)),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a sample.
    pub(super) fn keep(&mut self, taken: &Taken) -> Result<(), JournalError> {
        let calls = taken.calls.iter().cloned().map(Box::new).map(Line::Call);
        let mut lines: Vec<Line> = calls.collect();
        lines.push(Line::Sample(Box::new(taken.sample.clone())));
        self.write(&lines)
    }

    /// Appends its end, unless it is there.
    pub(super) fn end(&mut self, ended: Ended) -> Result<(), JournalError> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        self.write(&[Line::Ended(ended)])
    }

    fn write(&mut self, lines: &[impl Serialize]) -> Result<(), JournalError> {
        let path = self.path.join(RECORD);
        let mut written = || {
            let mut bytes = Vec::new();
            for line in lines {
                serde_json::to_writer(&mut bytes, line)?;
                bytes.push(b'\n');
            }
            self.record.write_all(&bytes)?;
            self.record.sync_data()
        };
        written().map_err(file(&path, "written"))
    }
}
