//! The folder of a run: what it was asked to do, on what machine, and what became of each picture.
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | [the run as it was begun](Manifest) |
//! | `selection.ndjson` | the originals in their order, where they are not those of the listing |
//! | `record.ndjson` | [the record](crate::record), appended as the run goes |
//!
//! A line of the record is with the operating system before the next picture is counted, so that a process
//! that is killed loses none, and with the disk some moments later. A run that was killed, interrupted or
//! ended by a budget goes on from its folder.

mod environment;
mod sync;

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::sync::Syncer;
use crate::originals::Original;
pub use crate::record::Environment;
use crate::record::{End, Key, Line, Picture, Run, of_file};

pub(crate) const MANIFEST: &str = "manifest.json";
const SELECTION: &str = "selection.ndjson";
pub(crate) const RECORD: &str = "record.ndjson";

/// A run as it was begun: enough to go on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The run.
    pub run: Run,
    /// The command line, without the program's name and the query of the function's URL, which may be secret.
    pub arguments: Vec<String>,
    /// The settings that the environment gave, but for credentials.
    pub variables: BTreeMap<String, String>,
    /// When these were read: durations such as `--newer-than 7days` go back from there.
    pub read: DateTime<Utc>,
    /// The seed of sample and order.
    pub seed: u64,
    /// Which originals are the run's.
    pub originals: Selection,
    /// How many objects were listed, and how many looked at one by one, to select those that are held. Of runs before
    /// this was kept: none.
    #[serde(default)]
    pub asked: (u64, u64),
    /// Where it ran.
    pub environment: Environment,
}

/// Which originals are a run's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Those that are listed, up to this key; none where it is absent.
    Listed {
        /// The last one when the run was begun.
        last_key: Option<Key>,
        /// How many objects were listed up to there, wanted or not.
        #[serde(default)]
        objects: u64,
    },
    /// Those of `selection.ndjson`.
    Held,
}

/// Why a run's folder cannot be made or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file failed.
    #[error("{path:?} could not be {verb}{}", hint(verb))]
    File {
        /// The file.
        path: PathBuf,
        /// What could not be done.
        verb: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// A line that is none of ours. The last line of a run that was killed may be cut, and is left out.
    #[error("{path:?} is no file of a run of this version: line {line}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// Another process is at it.
    #[error("{0:?} is in use: the run is still going on")]
    InUse(PathBuf),
    /// The record does not begin with this run.
    #[error("{0:?} does not begin with the run of the manifest")]
    AnotherRun(PathBuf),
}

/// What helps where nothing was begun, or gone on with.
fn hint(verb: &str) -> &'static str {
    match verb {
        "made" => "; --journal DIR says another place, and a run can do without: --no-journal",
        "read" => "; a run is named by its folder, or by its name below --journal DIR",
        _ => "",
    }
}

impl JournalError {
    /// Whether a file that was begun could not be written, as on a disk that is full: nothing is wrong with what was
    /// asked for.
    pub(crate) fn is_of_disk(&self) -> bool {
        matches!(
            self,
            Self::File {
                verb: "written",
                ..
            }
        )
    }
}

/// A run's folder, and its record to append to.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    record: Locked,
    /// The bytes of its whole lines.
    whole: u64,
    /// Whether there may be a part of a line behind them.
    is_cut: bool,
    syncer: Syncer,
}

/// A file that no other process has at the same time. It is free when this is dropped, also where a copy of it
/// is open still: in the thread that synchronises it, in a process that is just being started.
#[derive(Debug)]
struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Where this fails it is free when the last copy is closed.
        let _ = self.0.unlock();
    }
}

/// A line of the record of what was done before.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// An original that came to an outcome.
    Done(&'a Picture),
    /// One that came to none, or whose outcome was told already: it took its time, too.
    Again(&'a Picture),
    /// The run went on.
    Resumed,
}

/// What a run's folder says of what was done before. The keys are held in memory.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// What came to an outcome. What failed is tried again.
    pub(crate) done: HashSet<Key>,
    /// The number of the next picture: none that was sent has it or a greater one.
    pub(crate) next: u64,
    /// The originals in their order, where they are held.
    pub(crate) held: Vec<Original>,
    /// How often it went on, this time not included.
    pub(crate) resumed: u32,
}

impl Manifest {
    /// Reads that of the run in `folder`.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn read(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(MANIFEST);
        let bytes = fs::read(&path).map_err(file(&path, "read"))?;
        serde_json::from_slice(&bytes).map_err(line(&path, 1))
    }
}

impl Journal {
    /// Whether the folder of a run can be made below `runs`, before anything is done for the run.
    pub(crate) fn check(runs: &Path, run: &str) -> Result<(), JournalError> {
        let folder = runs.join(run);
        let made = fs::create_dir_all(&folder).and_then(|()| fs::remove_dir(&folder));
        made.map_err(file(&folder, "made"))
    }

    /// Begins the folder of a run below `runs`. Held originals are written down: another listing would not
    /// give the same ones.
    pub(crate) fn create(
        runs: &Path,
        manifest: &Manifest,
        held: Option<&[Original]>,
    ) -> Result<Self, JournalError> {
        let folder = runs.join(&manifest.run.run);
        fs::create_dir_all(&folder).map_err(file(&folder, "made"))?;
        if let Some(held) = held {
            put(&folder.join(SELECTION), held)?;
        }
        let path = folder.join(RECORD);
        let record = OpenOptions::new().append(true).create_new(true).open(&path);
        let mut journal = Self::locked(&folder, record.map_err(file(&path, "made"))?)?;
        let begun = journal.append(&Line::Run(Box::new(manifest.run.clone())));
        begun.map_err(file(&path, "written"))?;
        // The manifest comes last: what has one can be gone on with.
        put(&folder.join(MANIFEST), std::slice::from_ref(manifest))?;
        sync(runs)?;
        Ok(journal)
    }

    /// Goes on with the run in `folder`: tells what its record says, in that order, and cuts a last line that is
    /// not whole.
    pub(crate) fn open(
        folder: &Path,
        manifest: &Manifest,
        mut tell: impl FnMut(Told<'_>),
    ) -> Result<(Self, Before), JournalError> {
        let path = folder.join(RECORD);
        let record = OpenOptions::new().read(true).append(true).open(&path);
        let mut journal = Self::locked(folder, record.map_err(file(&path, "read"))?)?;
        let mut before = Before {
            next: 1,
            ..Before::default()
        };
        if manifest.originals == Selection::Held {
            let selection = folder.join(SELECTION);
            let source = File::open(&selection).map_err(file(&selection, "read"))?;
            lines(&selection, &source, |_, original| {
                before.held.push(original);
                Ok(())
            })?;
        }
        // Besides those that ended, as many may have been sent as were in flight, and one whose line is cut.
        let in_flight = manifest.run.in_flight as u64 + 1;
        let mut ended = 0;
        journal.whole = lines(&path, &journal.record.0, |number, line| {
            match line {
                Line::Run(run) if number == 1 && run.run == manifest.run.run => {}
                Line::Picture(one) if number > 1 => {
                    ended += 1;
                    let is_outcome = matches!(one.end, End::Outcome(_));
                    tell(if is_outcome && before.done.insert(one.key.clone()) {
                        Told::Done(&one)
                    } else {
                        Told::Again(&one)
                    });
                }
                Line::Summary(_) if number > 1 => {}
                Line::Resumed(_) if number > 1 => {
                    tell(Told::Resumed);
                    before.resumed += 1;
                    before.next += std::mem::take(&mut ended) + in_flight;
                }
                _ => return Err(JournalError::AnotherRun(path.clone())),
            }
            Ok(())
        })?;
        before.next += ended + in_flight;
        journal.is_cut = true;
        journal.cut().map_err(file(&path, "written"))?;
        Ok((journal, before))
    }

    fn locked(folder: &Path, record: File) -> Result<Self, JournalError> {
        match record.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(file(folder, "locked")(error)),
        }
        let syncer = Syncer::of(&record).map_err(file(folder, "written"))?;
        Ok(Self {
            folder: folder.to_owned(),
            record: Locked(record),
            whole: 0,
            is_cut: false,
            syncer,
        })
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends a line.
    pub(crate) fn write(&mut self, line: &Line) -> io::Result<()> {
        let written = self.append(line);
        written.map_err(of_file(&self.folder.join(RECORD)))
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut json = serde_json::to_vec(line)?;
        json.push(b'\n');
        self.cut()?;
        self.is_cut = true;
        self.record.0.write_all(&json)?;
        self.is_cut = false;
        self.whole += json.len() as u64;
        self.syncer.soon()
    }

    /// Removes what a full disk, or the end of a process, left of a line: the next one must not follow it.
    fn cut(&mut self) -> io::Result<()> {
        if self.is_cut {
            self.record.0.set_len(self.whole)?;
            self.is_cut = false;
        }
        Ok(())
    }

    /// Ends it: all is with the disk.
    pub(crate) fn end(self) -> io::Result<()> {
        self.syncer.end()?;
        self.record.0.sync_all()
    }
}

/// Writes a file of lines, and has it with the disk: under its name it is whole.
pub(crate) fn put<T: Serialize>(path: &Path, lines: &[T]) -> Result<(), JournalError> {
    let part = path.with_added_extension("part");
    let written = || -> io::Result<()> {
        let mut target = BufWriter::new(File::create_new(&part)?);
        for line in lines {
            serde_json::to_writer(&mut target, line)?;
            target.write_all(b"\n")?;
        }
        target.into_inner()?.sync_all()?;
        fs::rename(&part, path)
    };
    written().map_err(file(path, "written"))?;
    path.parent().map_or(Ok(()), sync)
}

/// Has the names in a folder with the disk.
fn sync(folder: &Path) -> Result<(), JournalError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(file(folder, "written"))
}

/// Hands each whole line to `each`, with its number from 1, and says how many bytes these are.
fn lines<T: DeserializeOwned>(
    path: &Path,
    mut source: &File,
    mut each: impl FnMut(usize, T) -> Result<(), JournalError>,
) -> Result<u64, JournalError> {
    source.rewind().map_err(file(path, "read"))?;
    let (mut reader, mut bytes, mut whole) = (BufReader::new(source), Vec::new(), 0);
    for number in 1.. {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes);
        read.map_err(file(path, "read"))?;
        if !bytes.ends_with(b"\n") {
            break;
        }
        each(
            number,
            serde_json::from_slice(&bytes).map_err(line(path, number))?,
        )?;
        whole += bytes.len() as u64;
    }
    Ok(whole)
}

pub(crate) fn file<'a>(
    path: &'a Path,
    verb: &'static str,
) -> impl FnOnce(io::Error) -> JournalError + use<'a> {
    move |source| JournalError::File {
        path: path.to_owned(),
        verb,
        source,
    }
}

pub(crate) fn line(
    path: &Path,
    line: usize,
) -> impl FnOnce(serde_json::Error) -> JournalError + use<'_> {
    move |source| JournalError::Line {
        path: path.to_owned(),
        line,
        source,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
