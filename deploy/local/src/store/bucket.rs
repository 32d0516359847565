//! What the store holds: an ordered index in memory, bodies and a record of each object in files.
//!
//! Files are named by a running number and never by a key, so that no key can lead out of the
//! folder. A body is written aside and renamed before its record is, and the record is what counts:
//! whatever was acknowledged before a clean stop is there after the next start.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use bytes::Bytes;
use cos_thumbnails::object::{Bucket, ETag, Key};
use cos_thumbnails::storage::Metadata;
use serde::{Deserialize, Serialize};

/// All buckets of one store.
#[derive(Debug)]
pub(super) struct Buckets {
    root: PathBuf,
    index: RwLock<Index>,
    /// Held as long as the store is: two that number files in one folder would take each other's.
    _lock: File,
}

#[derive(Debug, Default)]
struct Index {
    buckets: BTreeMap<Bucket, BTreeMap<Key, Entry>>,
    next: u64,
}

/// What is known of one object, as its record on disk has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) bucket: Bucket,
    pub(super) key: Key,
    pub(super) etag: ETag,
    pub(super) length: u64,
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) last_modified: SystemTime,
    /// The files' number.
    #[serde(skip)]
    number: u64,
}

impl Entry {
    /// A new object, written now.
    pub(super) fn new(bucket: Bucket, key: Key, etag: ETag, length: u64) -> Self {
        Self {
            bucket,
            key,
            etag,
            length,
            content_type: None,
            cache_control: None,
            metadata: Metadata::new(),
            last_modified: SystemTime::now(),
            number: 0,
        }
    }
}

/// Why a conditional write was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConditionFailed;

/// One page of keys: the objects, and whether there are more.
pub(super) type Listing = (Vec<Entry>, bool);

impl Buckets {
    /// Opens a folder, which may hold what an earlier store left but not what another one uses.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let lock = lock(root)?;
        let mut index = Index::default();
        let mut bodies = Vec::new();
        for file in fs::read_dir(root)? {
            let path = file?.path();
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            match (
                path.extension().and_then(|extension| extension.to_str()),
                number,
            ) {
                (Some("json"), Some(number)) => {
                    let mut entry: Entry = serde_json::from_slice(&fs::read(&path)?)?;
                    entry.number = number;
                    index.next = index.next.max(number + 1);
                    index.restore(entry, root);
                }
                (Some("body"), Some(number)) => bodies.push((number, path)),
                (Some("part"), Some(_)) => fs::remove_file(path)?,
                _ => {}
            }
        }
        let kept: std::collections::HashSet<_> = index
            .buckets
            .values()
            .flat_map(|objects| objects.values().map(|entry| entry.number))
            .collect();
        for (number, path) in bodies {
            if !kept.contains(&number) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self {
            root: root.to_owned(),
            index: RwLock::new(index),
            _lock: lock,
        })
    }

    /// Makes a bucket; making it again changes nothing.
    pub(super) fn create(&self, bucket: Bucket) {
        self.index_mut().buckets.entry(bucket).or_default();
    }

    /// The names of all buckets, ascending.
    pub(super) fn names(&self) -> Vec<Bucket> {
        self.index().buckets.keys().cloned().collect()
    }

    /// Whether there is such a bucket.
    pub(super) fn exists(&self, bucket: &Bucket) -> bool {
        self.index().buckets.contains_key(bucket)
    }

    /// What is known of an object.
    pub(super) fn find(&self, bucket: &Bucket, key: &Key) -> Option<Entry> {
        self.index().buckets.get(bucket)?.get(key).cloned()
    }

    /// An object as it stands, with its bytes. Blocking.
    pub(super) fn read(&self, bucket: &Bucket, key: &Key) -> io::Result<Option<(Entry, Bytes)>> {
        loop {
            let Some(entry) = self.find(bucket, key) else {
                return Ok(None);
            };
            match fs::read(file(&self.root, entry.number, "body")) {
                Ok(body) => return Ok(Some((entry, body.into()))),
                // Replaced or deleted since it was found: what stands now is what is asked for.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let standing = self.find(bucket, key).map(|entry| entry.number);
                    if standing == Some(entry.number) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes an object if `condition` holds for what stands under its key, and then runs
    /// `committed` before any other change of the index. Blocking.
    pub(super) fn put(
        &self,
        mut entry: Entry,
        body: &[u8],
        condition: impl FnOnce(Option<&Entry>) -> bool,
        committed: impl FnOnce(&Entry),
    ) -> io::Result<Result<(), ConditionFailed>> {
        entry.number = {
            let mut index = self.index_mut();
            index.next += 1;
            index.next - 1
        };
        let (number, record) = (entry.number, serde_json::to_vec(&entry)?);
        let aside = file(&self.root, number, "part");
        fs::write(&aside, body)?;
        fs::rename(&aside, file(&self.root, number, "body"))?;
        let mut index = self.index_mut();
        let objects = index.buckets.entry(entry.bucket.clone()).or_default();
        if !condition(objects.get(&entry.key)) {
            fs::remove_file(file(&self.root, number, "body"))?;
            return Ok(Err(ConditionFailed));
        }
        fs::write(&aside, record)?;
        fs::rename(&aside, file(&self.root, number, "json"))?;
        let replaced = objects.insert(entry.key.clone(), entry.clone());
        committed(&entry);
        drop(index);
        replaced
            .map_or(Ok(()), |old| remove_files(&self.root, old.number))
            .map(Ok)
    }

    /// Removes an object; `committed` is run if there was one. Blocking.
    pub(super) fn delete(
        &self,
        bucket: &Bucket,
        key: &Key,
        committed: impl FnOnce(&Entry),
    ) -> io::Result<()> {
        let mut index = self.index_mut();
        let removed = index
            .buckets
            .get_mut(bucket)
            .and_then(|objects| objects.remove(key));
        let Some(entry) = removed else { return Ok(()) };
        committed(&entry);
        remove_files(&self.root, entry.number)
    }

    /// Objects whose key starts with `prefix` and comes after `after`, ascending bytewise, at most
    /// `limit` of them.
    pub(super) fn list(
        &self,
        bucket: &Bucket,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Option<Listing> {
        let index = self.index();
        let objects = index.buckets.get(bucket)?;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(Key::new(after)),
            _ => Bound::Included(Key::new(prefix)),
        };
        let mut matching = objects
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.as_str().starts_with(prefix))
            .map(|(_, entry)| entry.clone());
        let page = matching.by_ref().take(limit).collect();
        let more = matching.next().is_some();
        Some((page, more))
    }

    /// Every change of the index is one insert or remove, so a panic elsewhere leaves it whole.
    fn index(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> std::sync::RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    /// Takes up a record from disk. Of two for one key, which a stop between two renames leaves,
    /// the later one counts.
    fn restore(&mut self, entry: Entry, root: &Path) {
        let objects = self.buckets.entry(entry.bucket.clone()).or_default();
        let older = match objects.get(&entry.key) {
            Some(known) if known.number > entry.number => Some(entry.number),
            _ => objects
                .insert(entry.key.clone(), entry)
                .map(|known| known.number),
        };
        if let Some(number) = older {
            // A file that stays costs space alone; the next start tries again.
            let _ = remove_files(root, number);
        }
    }
}

/// Takes the folder for this store. The system gives it back however the process ends.
fn lock(root: &Path) -> io::Result<File> {
    let file = File::create(root.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another store is using it",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn file(root: &Path, number: u64, extension: &str) -> PathBuf {
    root.join(format!("{number:012}.{extension}"))
}

/// The record first: a body without a record is swept at the next start.
fn remove_files(root: &Path, number: u64) -> io::Result<()> {
    fs::remove_file(file(root, number, "json"))?;
    fs::remove_file(file(root, number, "body"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn body(buckets: &Buckets, key: &str) -> Bytes {
        buckets
            .read(&Bucket::new("b"), &Key::new(key))
            .unwrap()
            .unwrap()
            .1
    }

    fn put(buckets: &Buckets, key: &str, body: &[u8]) {
        let entry = Entry::new(
            Bucket::new("b"),
            Key::new(key),
            ETag::new("e"),
            body.len() as u64,
        );
        buckets.put(entry, body, |_| true, |_| {}).unwrap().unwrap();
    }

    #[test]
    fn what_was_written_is_there_after_a_restart_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let buckets = Buckets::open(folder.path()).unwrap();
        put(&buckets, "../../etc/passwd", b"one");
        put(&buckets, "a", b"two");
        put(&buckets, "a", b"three");
        put(&buckets, "gone", b"four");
        buckets
            .delete(&Bucket::new("b"), &Key::new("gone"), |_| {})
            .unwrap();
        fs::write(folder.path().join("000000000099.body"), b"orphan").unwrap();
        fs::write(folder.path().join("000000000098.part"), b"torn").unwrap();
        drop(buckets);

        let buckets = Buckets::open(folder.path()).unwrap();
        let (listed, more) = buckets.list(&Bucket::new("b"), "", None, 10).unwrap();
        let keys: Vec<_> = listed.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!((keys, more), (vec!["../../etc/passwd", "a"], false));
        assert_eq!(&body(&buckets, "a")[..], b"three");
        // Two bodies, two records and the lock.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
        put(&buckets, "b", b"five");
        assert_eq!(&body(&buckets, "../../etc/passwd")[..], b"one");
    }

    #[test]
    fn a_folder_has_one_store_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Buckets::open(folder.path()).unwrap();
        put(&first, "a", b"one");
        let refused = Buckets::open(folder.path()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
        drop(first);
        let second = Buckets::open(folder.path()).unwrap();
        assert_eq!(&body(&second, "a")[..], b"one");
    }

    #[test]
    fn a_condition_that_fails_leaves_the_old_object() {
        let folder = tempfile::tempdir().unwrap();
        let buckets = Buckets::open(folder.path()).unwrap();
        put(&buckets, "a", b"old");
        let entry = Entry::new(Bucket::new("b"), Key::new("a"), ETag::new("e"), 3);
        let refused = buckets.put(entry, b"new", |standing| standing.is_none(), |_| panic!());
        assert_eq!(refused.unwrap(), Err(ConditionFailed));
        assert_eq!(&body(&buckets, "a")[..], b"old");
    }
}
