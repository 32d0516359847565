//! The index: every object's entry, small objects' bytes, uploads in parts, and the outbox of events, in one
//! file of `redb`, whose transactions are atomic and durable.
//!
//! Writes go through one thread, which takes all that wait into one transaction: as many writers as there
//! are share each flush to the disk. Reads see the last committed state and wait for nobody.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};

use super::entry::Entry;
use super::folder::{Folder, Opened};

mod reading;
mod tables;

pub(super) use reading::{Page, Query, Reading};
pub(super) use tables::{NewContent, Tables};

/// A bucket's settings by its name.
const BUCKETS: TableDefinition<&str, &[u8]> = TableDefinition::new("buckets");
/// [`Entry`] by bucket and key; bytewise, as S3 lists.
const OBJECTS: TableDefinition<(&str, &[u8]), &[u8]> = TableDefinition::new("objects");
/// Bytes of small contents by their number.
const BODIES: TableDefinition<u64, &[u8]> = TableDefinition::new("bodies");
/// How many entries refer to a file, by its number.
const FILES: TableDefinition<u64, u64> = TableDefinition::new("files");
/// [`Upload`](super::entry::Upload) by its id.
const UPLOADS: TableDefinition<&str, &[u8]> = TableDefinition::new("uploads");
/// [`Part`](super::entry::Part) by its upload's id and its number.
const PARTS: TableDefinition<(&str, u32), &[u8]> = TableDefinition::new("parts");
/// [`Raised`](super::outbox::Raised) in the order of the changes, until it is delivered.
const OUTBOX: TableDefinition<u64, &[u8]> = TableDefinition::new("outbox");
/// `DeadLetter` by the number that its event had.
const DEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("dead letters");

/// Transactions take so many writes at most: whoever waits longest must not wait for too many.
const MOST_AT_ONCE: usize = 256;

/// The index of one store, and the files that it refers to.
#[derive(Debug)]
pub(super) struct Index {
    database: Arc<Database>,
    folder: Arc<Folder>,
    /// `None` once the store is being dropped.
    queue: Option<mpsc::Sender<Work>>,
    writer: Option<JoinHandle<()>>,
    /// The number of the last event that was committed.
    raised: watch::Sender<u64>,
}

/// One write, and how to tell its caller what became of it.
type Work = Box<dyn FnOnce(&mut Tables<'_>) -> io::Result<Answer> + Send>;
type Answer = Box<dyn FnOnce(bool) + Send>;

/// The index within a store's folder.
const FILE: &str = "index.redb";

impl Index {
    /// Whether there is an index in `root`.
    pub(super) fn exists(root: &Path) -> bool {
        root.join(FILE).is_file()
    }

    /// Opens the index and the files in `root`, which may hold what an earlier store left but not what
    /// another one uses.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let database = Database::create(root.join(FILE)).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                io::Error::new(io::ErrorKind::ResourceBusy, "another store is using it")
            }
            error => io::Error::other(error),
        })?;
        let begun = database.begin_write().map_err(io::Error::other)?;
        let (last, mut next_event) = {
            let mut next_event = 0;
            let bodies = begun.open_table(BODIES).map_err(io::Error::other)?;
            let last = last(&bodies)?;
            for table in [OUTBOX, DEAD] {
                let table = begun.open_table(table).map_err(io::Error::other)?;
                next_event = next_event.max(self::last(&table)? + 1);
            }
            // So that reads find every table.
            begun.open_table(BUCKETS).map_err(io::Error::other)?;
            begun.open_table(OBJECTS).map_err(io::Error::other)?;
            begun.open_table(FILES).map_err(io::Error::other)?;
            begun.open_table(UPLOADS).map_err(io::Error::other)?;
            begun.open_table(PARTS).map_err(io::Error::other)?;
            (last, next_event)
        };
        begun.commit().map_err(io::Error::other)?;
        let folder = {
            let read = database.begin_read().map_err(io::Error::other)?;
            let files = read.open_table(FILES).map_err(io::Error::other)?;
            let is_kept = |number| Ok(files.get(number).map_err(io::Error::other)?.is_some());
            Arc::new(Folder::open(root, last, is_kept)?)
        };
        let database = Arc::new(database);
        let (queue, waiting) = mpsc::channel::<Work>();
        let raised = watch::Sender::new(next_event - 1);
        let writer = std::thread::Builder::new()
            .name("store index".to_owned())
            .spawn({
                let (database, folder, raised) =
                    (Arc::clone(&database), Arc::clone(&folder), raised.clone());
                move || {
                    while let Ok(first) = waiting.recv() {
                        let more = waiting.try_iter().take(MOST_AT_ONCE - 1);
                        let batch = std::iter::once(first).chain(more).collect();
                        let before = next_event;
                        if let Err(error) = write(&database, &folder, &mut next_event, batch) {
                            tracing::error!(%error, "the store cannot write");
                            next_event = before;
                        } else if next_event != before {
                            raised.send_replace(next_event - 1);
                        }
                    }
                }
            })?;
        Ok(Self {
            database,
            folder,
            queue: Some(queue),
            writer: Some(writer),
            raised,
        })
    }

    /// Where contents that are new are written.
    pub(super) fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Tells when events were committed.
    pub(super) fn raised(&self) -> watch::Receiver<u64> {
        self.raised.subscribe()
    }

    /// Runs `work` in a transaction and returns when what it wrote is on the disk. Work that fails takes
    /// those that share its transaction along; so what is only refused is a value, not an error.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (sender, done) = oneshot::channel();
        let work: Work = Box::new(move |tables| {
            let value = work(tables)?;
            let answer: Answer = Box::new(move |committed| {
                if committed {
                    // A caller that is gone wants no answer.
                    let _ = sender.send(value);
                }
            });
            Ok(answer)
        });
        let queued = self.queue.as_ref().map(|queue| queue.send(work));
        if !matches!(queued, Some(Ok(()))) {
            return Err(io::Error::other("the store is stopped"));
        }
        done.await
            .map_err(|_| io::Error::other("the transaction was not committed"))
    }

    /// Reads from the last committed state. Blocking.
    pub(super) fn read(&self) -> io::Result<Reading> {
        Ok(Reading(
            self.database.begin_read().map_err(io::Error::other)?,
        ))
    }

    /// An object and its bytes. Blocking.
    pub(super) fn find(&self, bucket: &str, key: &str) -> io::Result<Option<(Entry, Opened)>> {
        loop {
            let read = self.read()?;
            let Some(entry) = read.entry(bucket, key)? else {
                return Ok(None);
            };
            match read.open(&self.folder, entry.content) {
                Ok(opened) => return Ok(Some((entry, opened))),
                // Replaced or deleted since it was found: what stands now is what is asked for.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let standing = self.read()?.entry(bucket, key)?;
                    if standing.is_some_and(|standing| standing.content == entry.content) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // That it panicked was seen by whoever waited for it.
            let _ = writer.join();
        }
    }
}

/// One transaction for all of `batch`; each learns whether it was committed.
fn write(
    database: &Database,
    folder: &Folder,
    next_event: &mut u64,
    batch: Vec<Work>,
) -> io::Result<()> {
    let begun = database.begin_write().map_err(io::Error::other)?;
    let mut answers = Vec::with_capacity(batch.len());
    let (released, new_files) = {
        let mut tables = Tables::open(&begun, folder, next_event)?;
        for work in batch {
            answers.push(work(&mut tables)?);
        }
        (tables.released, tables.new_files)
    };
    if new_files {
        folder.sync()?;
    }
    begun.commit().map_err(io::Error::other)?;
    for answer in answers {
        answer(true);
    }
    for number in released {
        folder.remove(number);
    }
    Ok(())
}

fn parsed<T: DeserializeOwned>(
    got: Result<Option<redb::AccessGuard<'_, &'static [u8]>>, redb::StorageError>,
) -> io::Result<Option<T>> {
    let got = got.map_err(io::Error::other)?;
    Ok(got
        .map(|json| serde_json::from_slice(json.value()))
        .transpose()?)
}

fn last(table: &impl ReadableTable<u64, &'static [u8]>) -> io::Result<u64> {
    let last = table.last().map_err(io::Error::other)?;
    Ok(last.map_or(0, |(number, _)| number.value()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::SystemTime;

    use cos_thumbnails::object::ETag;

    use super::*;
    use crate::store::entry::{Checksums, Described};

    async fn put(index: &Index, key: &'static str, body: Vec<u8>) {
        let content = if body.len() < 100 {
            NewContent::Inline(body.clone().into())
        } else {
            let mut aside = index.folder().create().unwrap();
            aside.write(&body).unwrap();
            NewContent::File(aside.finish().unwrap())
        };
        let put = index.write(move |tables| {
            let entry = Entry {
                etag: ETag::new("e"),
                length: body.len() as u64,
                last_modified: SystemTime::now(),
                content: tables.keep(content)?,
                parts: Vec::new(),
                checksums: Checksums::new(),
                described: Described::default(),
            };
            tables.set_entry("b", key, &entry)
        });
        put.await.unwrap();
    }

    fn get(index: &Index, key: &str) -> Vec<u8> {
        let (entry, mut opened) = index.find("b", key).unwrap().unwrap();
        opened
            .read(0, usize::try_from(entry.length).unwrap())
            .unwrap()
            .to_vec()
    }

    fn objects(root: &Path) -> usize {
        fs::read_dir(root.join("objects")).unwrap().count()
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_a_restart_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        put(&index, "../../etc/passwd", vec![1; 1000]).await;
        put(&index, "a", vec![2; 2000]).await;
        put(&index, "a", vec![3; 3000]).await;
        put(&index, "small", vec![4; 10]).await;
        put(&index, "gone", vec![5; 1000]).await;
        index
            .write(|tables| tables.remove_entry("b", "gone"))
            .await
            .unwrap();
        let copied = index.write(|tables| {
            let mut entry = tables.entry("b", "a")?.unwrap();
            entry.content = tables.share(entry.content)?;
            tables.set_entry("b", "copy", &entry)?;
            tables.remove_entry("b", "a")
        });
        copied.await.unwrap();
        fs::write(folder.path().join("objects/000000000099"), b"orphan").unwrap();
        fs::write(folder.path().join("incoming/000000000098"), b"torn").unwrap();
        drop(index);

        let index = Index::open(folder.path()).unwrap();
        let query = Query {
            limit: 10,
            ..Query::default()
        };
        let page = index.read().unwrap().list("b", &query).unwrap();
        let keys: Vec<_> = page.objects.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            (keys, page.next),
            (vec!["../../etc/passwd", "copy", "small"], None)
        );
        assert_eq!(get(&index, "copy"), vec![3; 3000]);
        assert_eq!(get(&index, "small"), vec![4; 10]);
        assert_eq!(objects(folder.path()), 2);
        assert_eq!(
            fs::read_dir(folder.path().join("incoming"))
                .unwrap()
                .count(),
            0
        );
        put(&index, "new", vec![6; 1000]).await;
        assert_eq!(get(&index, "../../etc/passwd"), vec![1; 1000]);
        assert_eq!(objects(folder.path()), 3);
    }

    #[tokio::test]
    async fn a_folder_has_one_store_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Index::open(folder.path()).unwrap();
        put(&first, "a", vec![1]).await;
        let refused = Index::open(folder.path()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ResourceBusy);
        drop(first);
        let second = Index::open(folder.path()).unwrap();
        assert_eq!(get(&second, "a"), [1]);
    }

    #[tokio::test]
    async fn an_object_that_is_being_read_outlives_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        put(&index, "a", vec![1; 1000]).await;
        let (_, mut opened) = index.find("b", "a").unwrap().unwrap();
        put(&index, "a", vec![2; 1000]).await;
        // Files are removed after the answer, and before the next write.
        put(&index, "b", vec![3]).await;
        assert_eq!(objects(folder.path()), 1);
        assert_eq!(opened.read(0, 1000).unwrap(), vec![1; 1000]);
    }

    #[tokio::test]
    async fn common_prefixes_count_and_pages_go_on_behind_them() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        for key in [
            "a/1", "a/2", "a0", "b", "c/", "c/1", "d/1/2", "é/1", "é/2", "f",
        ] {
            put(&index, key, vec![0]).await;
        }
        for limit in 1..12 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let query = Query {
                    delimiter: Some("/".to_owned()),
                    after,
                    limit,
                    ..Query::default()
                };
                let page = index.read().unwrap().list("b", &query).unwrap();
                let keys = page.objects.iter().map(|(key, _)| key.clone());
                let mut both: Vec<_> = keys.chain(page.common_prefixes).collect();
                both.sort();
                assert!(both.len() <= limit);
                seen.extend(both);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(
                seen,
                ["a/", "a0", "b", "c/", "d/", "f", "é/"],
                "pages of {limit}"
            );
        }
        let query = Query {
            prefix: "d/".to_owned(),
            delimiter: Some("/".to_owned()),
            limit: 5,
            ..Query::default()
        };
        let page = index.read().unwrap().list("b", &query).unwrap();
        assert_eq!(
            (page.objects.len(), page.common_prefixes),
            (0, vec!["d/1/".to_owned()])
        );
    }
}
