//! Thumbnails of local files, without any store: the flow's own way from bytes to bytes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use cos_thumbnails::outcome::{Degraded, Ignored, Original, Timings};
use cos_thumbnails::plan::{Recipe, Recipes, Rule};
use cos_thumbnails::render::render;
use cos_thumbnails::storage::with_causes;
use cos_thumbnails::thumbnail::{self, Limits, Stop};
use futures_util::{StreamExt, stream};
use serde::Serialize;

/// What to render, and where to.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) out: PathBuf,
    pub(crate) recipes: Recipes,
    /// What a picture may demand.
    pub(crate) limits: Limits,
    /// What the only file's key is to be, below the source prefix, if it is not told by its path.
    pub(crate) key: Option<String>,
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
        recipe: String,
        original: Original,
        thumbnails: Vec<Thumbnail>,
        #[serde(skip_serializing_if = "Option::is_none")]
        degraded: Option<Degraded>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<Ignored>,
        #[serde(rename = "timings_us")]
        timings: Timings,
    },
    Already {
        same_as: String,
    },
    Nothing {
        error: String,
    },
}

#[derive(Debug, Serialize)]
struct Thumbnail {
    file: String,
    size: u32,
    format: String,
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
    #[error("is for none of the recipes, as {0:?}")]
    NoRecipe(String),
    #[error("has {bytes} bytes, more than the {limit} that are read")]
    TooLong { bytes: u64, limit: u64 },
    #[error("would overwrite thumbnails of {0}: render it to another folder, or by other keys")]
    Taken(String),
    #[error("the key {0:?} is no path below a folder")]
    NoPath(String),
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

/// What is to be made of one file.
#[derive(Debug)]
enum Task {
    Render {
        recipe: String,
        how: Arc<Recipe>,
        /// Where each of the recipe's outputs goes, in their order.
        outputs: Vec<PathBuf>,
    },
    /// The same file, by another way of writing its path, has come before.
    Already(PathBuf),
}

/// Renders every file, as many at once as there are processors, and writes one line for each, in
/// their order, to `lines`. Returns whether all have their thumbnails.
///
/// # Errors
/// When `lines` cannot be written.
pub(crate) async fn render_all(job: Job, lines: &mut impl Write) -> io::Result<bool> {
    let processors = available_parallelism().map_or(1, usize::from);
    let (json, limits) = (job.json, job.limits);
    let mut results = stream::iter(tasks(job))
        .map(|(file, task)| async move {
            let named = shown(&file);
            let work = tokio::task::spawn_blocking(move || match task? {
                Task::Render {
                    recipe,
                    how,
                    outputs,
                } => render_one(&file, recipe, &how, &limits, &outputs),
                Task::Already(before) => Ok(Made::Already {
                    same_as: shown(&before),
                }),
            });
            let result = work.await.unwrap_or(Err(Error::Panicked));
            let result = result.unwrap_or_else(|error| Made::Nothing {
                error: with_causes(&error),
            });
            Line {
                file: named,
                result,
            }
        })
        .buffered(processors);
    let mut all = true;
    while let Some(line) = results.next().await {
        all &= !matches!(line.result, Made::Nothing { .. });
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

/// What to make of each file. Of several whose thumbnails would have one path, the first has it.
fn tasks(job: Job) -> Vec<(PathBuf, Result<Task, Error>)> {
    let Job {
        files,
        out,
        recipes,
        key,
        ..
    } = job;
    let mut owners: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut all = Vec::new();
    for file in files {
        let task = task(&file, &out, &recipes, key.as_deref(), &owners);
        if let Ok(Task::Render { outputs, .. }) = &task {
            owners.extend(outputs.iter().map(|output| (output.clone(), file.clone())));
        }
        all.push((file, task));
    }
    all
}

fn task(
    file: &Path,
    out: &Path,
    recipes: &Recipes,
    key: Option<&str>,
    owners: &HashMap<PathBuf, PathBuf>,
) -> Result<Task, Error> {
    let path = key.map(str::to_owned).or_else(|| key_of(file));
    let path = path.ok_or(Error::NoFile)?;
    let rule: &Rule = match recipes.of(&path) {
        Some(rule) => rule,
        None => return Err(Error::NoRecipe(path)),
    };
    let keys = rule.recipe().output_keys(&path);
    let outputs = keys.map(|key| below(out, &key).ok_or(Error::NoPath(key)));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    match outputs.iter().find_map(|output| owners.get(output)) {
        Some(owner) if is_same(owner, file) => Ok(Task::Already(owner.clone())),
        Some(owner) => Err(Error::Taken(shown(owner))),
        None => Ok(Task::Render {
            recipe: rule.name().to_owned(),
            how: Arc::clone(rule.recipe()),
            outputs,
        }),
    }
}

/// What a file's key would be below the source prefix: its path, if that leads down from here, or else
/// its name.
fn key_of(file: &Path) -> Option<String> {
    let name = file.file_name()?;
    let down = file
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .map(|part| match part {
            Component::Normal(part) => Some(part.to_string_lossy()),
            _ => None,
        })
        .collect::<Option<Vec<_>>>();
    Some(match down {
        Some(parts) => parts.join("/"),
        None => name.to_string_lossy().into_owned(),
    })
}

/// The key as a path below a folder, if it leads nowhere else.
fn below(folder: &Path, key: &str) -> Option<PathBuf> {
    let path = Path::new(key);
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    // A name of 0 bytes between two slashes, or a dot, is another key but the same path.
    let plain = key.split('/').all(|part| !matches!(part, "" | "."));
    (inside && plain && !key.contains('\0')).then(|| folder.join(path))
}

fn is_same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    a == b || real(a).is_some_and(|a| real(b) == Some(a))
}

fn render_one(
    file: &Path,
    recipe: String,
    how: &Recipe,
    limits: &Limits,
    outputs: &[PathBuf],
) -> Result<Made, Error> {
    let bytes = read(file, limits.max_bytes)?;
    let rendered = render(&bytes, how, limits, &Stop::default())?;
    let mut thumbnails = Vec::new();
    for (thumbnail, path) in rendered.thumbnails.into_iter().zip(outputs) {
        write(path, &thumbnail.bytes).map_err(|source| Error::Write {
            path: shown(path),
            source,
        })?;
        thumbnails.push(Thumbnail {
            file: shown(path),
            size: thumbnail.size,
            format: thumbnail.format.to_string(),
            width: thumbnail.width,
            height: thumbnail.height,
            bytes: thumbnail.bytes.len(),
        });
    }
    Ok(Made::Thumbnails {
        recipe,
        original: rendered.original,
        thumbnails,
        degraded: rendered.degraded,
        ignored: rendered.ignored,
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
            Made::Already { same_as } => {
                let _ = write!(text, "is the same file as {same_as}, rendered once");
            }
            Made::Thumbnails {
                recipe,
                original,
                thumbnails,
                degraded,
                ignored,
                timings,
            } => {
                let Original {
                    format,
                    width,
                    height,
                    ..
                } = original;
                let mut formats: Vec<&str> = Vec::new();
                for thumbnail in thumbnails {
                    if !formats.contains(&&*thumbnail.format) {
                        formats.push(&thumbnail.format);
                    }
                }
                let (count, formats) = (thumbnails.len(), formats.join(" and "));
                let recipe: String = recipe.chars().flat_map(escaped).collect();
                let _ = write!(
                    text,
                    "{format} {width}x{height}, recipe {recipe}: {count} thumbnails, {formats}"
                );
                if let Some(Degraded { intact_rows, rows }) = degraded {
                    let _ = write!(text, ", damaged: {intact_rows} of {rows} rows are right");
                }
                for what in ignored {
                    let _ = write!(text, ", {what}");
                }
                for (stage, time) in timings.iter() {
                    let _ = write!(text, ", {stage} {:.1} ms", time.as_secs_f64() * 1e3);
                }
            }
        }
        text
    }
}
