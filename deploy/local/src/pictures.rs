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

/// A picture to put: its key below the source prefix, and where its bytes come from.
#[derive(Debug)]
pub(crate) struct Upload {
    path: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Made(Vec<u8>),
}

impl Upload {
    /// Its bytes. Blocking.
    fn read(self) -> io::Result<Vec<u8>> {
        match self.source {
            Source::File(file) => fs::read(file),
            Source::Made(bytes) => Ok(bytes),
        }
    }
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
                    source: Source::File(path),
                });
            }
        }
    }
    uploads.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(uploads)
}

/// `count` generated pictures with the sizes of the paper's photographs, each made when its turn
/// comes.
fn generated(count: usize, max_side: u16) -> impl Iterator<Item = Upload> {
    dataset::pictures_within(count, max_side).map(|picture| Upload {
        path: picture.name,
        source: Source::Made(picture.bytes),
    })
}

/// The pictures to put, each read or made when its turn comes.
pub(crate) type Uploads = Box<dyn Iterator<Item = Upload> + Send>;

/// Those of the folder that is named, or generated ones; and how many they are.
pub(crate) fn uploads(arguments: &CloudArguments) -> Result<(Uploads, u64), Failure> {
    if let Some(folder) = &arguments.images {
        let uploads = in_folder(folder).map_err(|error| Failure::Read(folder.clone(), error))?;
        let total = uploads.len() as u64;
        if total == 0 {
            return Err(Failure::NoPictures(folder.clone()));
        }
        return Ok((Box::new(uploads.into_iter()), total));
    }
    let total = arguments.count as u64;
    Ok((
        Box::new(generated(arguments.count, arguments.max_side)),
        total,
    ))
}

/// Puts every picture below `prefix`, `at_once` at once, and tells when each PUT begins.
pub(crate) async fn put_all(
    uploads: Uploads,
    store: &S3,
    prefix: &str,
    at_once: usize,
    begins: UnboundedSender<(Key, Instant)>,
) -> Result<(), Failure> {
    let (sender, receiver) = channel(at_once);
    // Generating pictures and reading files is blocking work.
    let reading = spawn_blocking(move || {
        for upload in uploads {
            let path = upload.path.clone();
            let read = upload
                .read()
                .map_err(|error| Failure::Read(PathBuf::from(&path), error));
            if sender
                .blocking_send(read.map(|bytes| (path, bytes)))
                .is_err()
            {
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
