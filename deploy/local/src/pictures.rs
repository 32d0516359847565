//! The pictures that the program puts into the bucket at its start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{PutOptions, S3, Storage};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc::{UnboundedSender, channel};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::cli::CloudArguments;
use crate::serve::Failure;

/// A picture to put: its key below the source prefix, and the file with its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) path: String,
    pub(crate) file: PathBuf,
}

/// Every file below `folder`, by name; names that begin with a dot are left out. Keys are the files'
/// paths below it, with `/`.
fn in_folder(folder: &Path) -> io::Result<Vec<Upload>> {
    let mut uploads = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if fs::metadata(&path)?.is_file() {
                let relative = path.strip_prefix(folder).unwrap_or(&path);
                let parts: Vec<_> = relative
                    .components()
                    .map(|part| part.as_os_str().to_string_lossy())
                    .collect();
                uploads.push(Upload {
                    path: parts.join("/"),
                    file: path,
                });
            }
        }
    }
    uploads.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(uploads)
}

/// Where the pictures come from.
#[derive(Debug)]
pub(crate) enum Pictures {
    /// These files.
    Files(Vec<Upload>),
    /// They are still to be made, in the sizes of the paper's photographs.
    Generated {
        /// So many.
        count: usize,
        /// No side is longer, in pixels.
        max_side: u16,
    },
}

impl Pictures {
    /// Those of the folder that is named, or generated ones.
    pub(crate) fn of(arguments: &CloudArguments) -> Result<Self, Failure> {
        let Some(folder) = &arguments.images else {
            return Ok(Self::Generated {
                count: arguments.count,
                max_side: arguments.max_side,
            });
        };
        let uploads = in_folder(folder).map_err(|error| Failure::Images(folder.clone(), error))?;
        if uploads.is_empty() {
            return Err(Failure::NoPictures(folder.clone()));
        }
        Ok(Self::Files(uploads))
    }
}

/// Makes `count` pictures in `folder`. That takes far longer than their thumbnails, so it is done before
/// any is put; `made` gets one word for each, and nothing more is made when nobody listens.
pub(crate) async fn generate(
    count: usize,
    max_side: u16,
    folder: PathBuf,
    made: UnboundedSender<()>,
) -> Result<Vec<Upload>, Failure> {
    let place = folder.clone();
    let making = spawn_blocking(move || {
        for picture in dataset::pictures_within(count, max_side) {
            fs::write(folder.join(picture.name), picture.bytes)?;
            if made.send(()).is_err() {
                break;
            }
        }
        in_folder(&folder)
    });
    let ended = making.await.unwrap_or_else(|error| Err(error.into()));
    ended.map_err(|error| Failure::Generate(place, error))
}

/// Puts every picture below `prefix`, `at_once` at once, and tells when each PUT begins.
pub(crate) async fn put_all(
    uploads: Vec<Upload>,
    store: &S3,
    prefix: &str,
    at_once: usize,
    begins: UnboundedSender<(Key, Instant)>,
) -> Result<(), Failure> {
    let (sender, receiver) = channel(at_once);
    // Reading files is blocking work.
    let reading = spawn_blocking(move || {
        for upload in uploads {
            let Upload { path, file } = upload;
            let read = match fs::read(&file) {
                Ok(bytes) => Ok((path, bytes)),
                Err(error) => Err(Failure::Read(file, error)),
            };
            if sender.blocking_send(read).is_err() {
                break;
            }
        }
    });
    let puts = stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|read| (read, receiver))
    })
    .map(async |read: Result<(String, Vec<u8>), Failure>| {
        let (path, bytes) = read?;
        let key = Key::new(format!("{prefix}{path}"));
        // Nobody listens once the program ends.
        let _ = begins.send((key.clone(), Instant::now()));
        let put = store.put(&key, bytes.into(), PutOptions::default()).await;
        put.map(drop).map_err(|error| Failure::Put(key, error))
    });
    puts.buffer_unordered(at_once).try_collect::<()>().await?;
    // That it panicked would have been seen.
    let _ = reading.await;
    Ok(())
}
