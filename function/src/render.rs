//! Thumbnails of local files, without any store: the flow's own way from bytes to bytes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use cos_thumbnails::outcome::{Degraded, Original, Timings};
use cos_thumbnails::plan::Recipe;
use cos_thumbnails::render::render;
use cos_thumbnails::thumbnail::{self, Limits, Stop};
use futures_util::{StreamExt, stream};
use serde::Serialize;

use crate::handler::chain;

/// What to render, and where to.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) out: PathBuf,
    pub(crate) recipe: Recipe,
    pub(crate) json: bool,
}

/// The result line of one file.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    #[serde(flatten)]
    result: Made,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Made {
    Thumbnails {
        original: Original,
        thumbnails: Vec<Thumbnail>,
        #[serde(skip_serializing_if = "Option::is_none")]
        degraded: Option<Degraded>,
        #[serde(rename = "timings_us")]
        timings: Timings,
    },
    Nothing {
        error: String,
    },
}

#[derive(Debug, Serialize)]
struct Thumbnail {
    file: String,
    size: u32,
    width: u32,
    height: u32,
    bytes: usize,
}

/// Why one file has no thumbnails.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot be read")]
    Read(#[source] io::Error),
    #[error("is no file")]
    NoFile,
    #[error("has {bytes} bytes, more than the {limit} that are read")]
    TooLong { bytes: u64, limit: u64 },
    #[error("would overwrite the thumbnails of {0}: render it to another folder")]
    Taken(String),
    #[error("no thumbnails")]
    Picture(#[from] thumbnail::Error),
    #[error("cannot write {path}")]
    Write {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("the decoder failed: this is a fault of the program, please report it with the file")]
    Panicked,
}

/// Renders every file, as many at once as there are processors, and writes one line for each, in
/// their order, to `lines`. Returns whether all have their thumbnails.
///
/// # Errors
/// When `lines` cannot be written.
pub(crate) async fn render_all(job: Job, lines: &mut impl Write) -> io::Result<bool> {
    let Job {
        files,
        out,
        recipe,
        json,
    } = job;
    let taken = owners(&files);
    let shared = Arc::new((recipe, out, taken));
    let processors = available_parallelism().map_or(1, usize::from);
    let mut results = stream::iter(files)
        .map(|file| {
            let shared = Arc::clone(&shared);
            let named = shown(&file);
            async move {
                let work = tokio::task::spawn_blocking(move || {
                    let (recipe, out, owners) = &*shared;
                    render_one(&file, out, recipe, owners)
                });
                let result = work.await.unwrap_or(Err(Error::Panicked));
                let result = result.unwrap_or_else(|error| Made::Nothing {
                    error: chain(&error),
                });
                Line {
                    file: named,
                    result,
                }
            }
        })
        .buffered(processors);
    let mut all = true;
    while let Some(line) = results.next().await {
        all &= matches!(line.result, Made::Thumbnails { .. });
        if json {
            serde_json::to_writer(&mut *lines, &line)?;
            writeln!(lines)?;
        } else {
            writeln!(lines, "{}", line.for_people())?;
        }
        lines.flush()?;
    }
    Ok(all)
}

/// Which file of several with one name may have the thumbnails of that name: the first.
fn owners(files: &[PathBuf]) -> HashMap<String, PathBuf> {
    let mut owners = HashMap::new();
    for file in files {
        if let Some(name) = name(file) {
            owners.entry(name).or_insert_with(|| file.clone());
        }
    }
    owners
}

fn name(file: &Path) -> Option<String> {
    Some(file.file_name()?.to_string_lossy().into_owned())
}

fn render_one(
    file: &Path,
    out: &Path,
    recipe: &Recipe,
    owners: &HashMap<String, PathBuf>,
) -> Result<Made, Error> {
    let name = name(file).ok_or(Error::NoFile)?;
    if let Some(owner) = owners.get(&name).filter(|owner| *owner != file) {
        return Err(Error::Taken(shown(owner)));
    }
    let limits = Limits::default();
    let bytes = read(file, limits.max_bytes)?;
    let rendered = render(&bytes, recipe, &limits, &Stop::default())?;
    let mut thumbnails = Vec::new();
    for thumbnail in rendered.thumbnails {
        let key = recipe
            .output_key
            .expand(&name, thumbnail.size, thumbnail.format);
        let path = out.join(key);
        write(&path, &thumbnail.bytes).map_err(|source| Error::Write {
            path: shown(&path),
            source,
        })?;
        thumbnails.push(Thumbnail {
            file: shown(&path),
            size: thumbnail.size,
            width: thumbnail.width,
            height: thumbnail.height,
            bytes: thumbnail.bytes.len(),
        });
    }
    Ok(Made::Thumbnails {
        original: rendered.original,
        thumbnails,
        degraded: rendered.degraded,
        timings: rendered.timings,
    })
}

/// Reads a file whole, but never more than `limit` bytes, whatever it grows to meanwhile.
fn read(file: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let opened = File::open(file).map_err(Error::Read)?;
    let metadata = opened.metadata().map_err(Error::Read)?;
    if !metadata.is_file() {
        return Err(Error::NoFile);
    }
    if metadata.len() > limit {
        return Err(Error::TooLong {
            bytes: metadata.len(),
            limit,
        });
    }
    let mut bytes = Vec::new();
    opened
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(Error::Read)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

/// A path as text on one line.
fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().flat_map(escaped).collect()
}

/// Control characters escaped, so that a name can neither break a line nor drive a terminal.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let plain = !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    let escape = (!plain).then(|| c.escape_default());
    plain
        .then_some(c)
        .into_iter()
        .chain(escape.into_iter().flatten())
}

impl Line {
    fn for_people(&self) -> String {
        let mut text = format!("{}: ", self.file);
        match &self.result {
            Made::Nothing { error } => text += error,
            Made::Thumbnails {
                original,
                thumbnails,
                degraded,
                timings,
            } => {
                let Original {
                    format,
                    width,
                    height,
                    ..
                } = original;
                let count = thumbnails.len();
                let _ = write!(text, "{format} {width}x{height}, {count} thumbnails");
                if let Some(Degraded { intact_rows, rows }) = degraded {
                    let _ = write!(text, ", damaged: {intact_rows} of {rows} rows are right");
                }
                for (stage, time) in timings.iter() {
                    let _ = write!(text, ", {stage} {:.1} ms", time.as_secs_f64() * 1e3);
                }
            }
        }
        text
    }
}
