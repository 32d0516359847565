//! Bytes that are too many for the index: immutable files, named by running numbers and never by a
//! key, so that no key can lead out of the folder.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// The folder of one store's files.
#[derive(Debug)]
pub(super) struct Folder {
    incoming: PathBuf,
    objects: PathBuf,
    next: AtomicU64,
}

impl Folder {
    /// Opens the folder below `root`. Whatever was being written when an earlier store ended, and every
    /// file that `is_kept` does not know, is removed. Numbers go on after `last`.
    pub(super) fn open(
        root: &Path,
        last: u64,
        mut is_kept: impl FnMut(u64) -> io::Result<bool>,
    ) -> io::Result<Self> {
        let (incoming, objects) = (root.join("incoming"), root.join("objects"));
        fs::create_dir_all(&incoming)?;
        fs::create_dir_all(&objects)?;
        for file in fs::read_dir(&incoming)? {
            fs::remove_file(file?.path())?;
        }
        let mut next = last + 1;
        for file in fs::read_dir(&objects)? {
            let path = file?.path();
            let number = path
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok());
            let Some(number) = number else { continue };
            if is_kept(number)? {
                next = next.max(number + 1);
            } else {
                fs::remove_file(path)?;
            }
        }
        Ok(Self {
            incoming,
            objects,
            next: AtomicU64::new(next),
        })
    }

    /// A number that no content has had.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A new file, aside until it is whole.
    pub(super) fn create(&self) -> io::Result<Aside> {
        let number = self.number();
        let path = self.incoming.join(name(number));
        Ok(Aside {
            file: File::create_new(&path)?,
            place: self.objects.join(name(number)),
            unkept: Unkept {
                number,
                path,
                kept: false,
            },
        })
    }

    /// The file of that number.
    pub(super) fn open_file(&self, number: u64) -> io::Result<File> {
        File::open(self.objects.join(name(number)))
    }

    /// Removes a file that nothing refers to any more. One that stays is swept at the next start.
    pub(super) fn remove(&self, number: u64) {
        if let Err(error) = fs::remove_file(self.objects.join(name(number))) {
            tracing::warn!(%error, number, "a file of the store was not removed");
        }
    }

    /// Makes new names last, as the files themselves do by [`Aside::finish`].
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.objects)?.sync_all()
    }
}

fn name(number: u64) -> String {
    format!("{number:012}")
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Aside {
    file: File,
    place: PathBuf,
    unkept: Unkept,
}

impl Aside {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Takes over all of another file.
    pub(super) fn append(&mut self, mut other: File) -> io::Result<()> {
        io::copy(&mut other, &mut self.file).map(drop)
    }

    /// Puts the whole file on the disk and in its place.
    pub(super) fn finish(mut self) -> io::Result<Unkept> {
        self.file.sync_all()?;
        fs::rename(&self.unkept.path, &self.place)?;
        self.unkept.path = self.place;
        Ok(self.unkept)
    }
}

/// A file that nothing refers to. It goes when this is dropped, unless it is [kept](Self::keep).
#[derive(Debug)]
pub(super) struct Unkept {
    number: u64,
    path: PathBuf,
    kept: bool,
}

impl Unkept {
    /// Leaves the file where it is; its number is what to refer to it by.
    pub(super) fn keep(mut self) -> u64 {
        self.kept = true;
        self.number
    }
}

impl Drop for Unkept {
    fn drop(&mut self) {
        if !self.kept {
            // What stays is swept at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// An object's bytes, opened: they stay readable whatever becomes of the object.
#[derive(Debug)]
pub(super) enum Opened {
    Inline(Bytes),
    File(File),
}

impl Opened {
    /// `length` bytes from `start`. Blocking.
    pub(super) fn read(&mut self, start: u64, length: usize) -> io::Result<Bytes> {
        match self {
            Self::Inline(bytes) => {
                let start = usize::try_from(start).map_err(io::Error::other)?;
                let end = start.checked_add(length).filter(|&end| end <= bytes.len());
                let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
                Ok(bytes.slice(start..end))
            }
            Self::File(file) => {
                let mut bytes = Vec::with_capacity(length);
                file.seek(SeekFrom::Start(start))?;
                file.take(length as u64).read_to_end(&mut bytes)?;
                if bytes.len() < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(bytes.into())
            }
        }
    }
}
