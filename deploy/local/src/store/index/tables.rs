//! Writing: the tables of one transaction, and what may be done in it.

use std::io;
use std::time::SystemTime;

use bytes::Bytes;
use cos_thumbnails::events::Event;
use redb::{ReadableTable, Table, WriteTransaction};
use serde::Serialize;

use super::{BODIES, BUCKETS, DEAD, FILES, OBJECTS, OUTBOX, PARTS, UPLOADS, parsed};
use crate::store::entry::{Content, Entry, Part, Settings, Upload};
use crate::store::folder::{Folder, Unkept};
use crate::store::outbox::Raised;

/// The tables of one write transaction.
pub(in crate::store) struct Tables<'t> {
    buckets: Table<'t, &'static str, &'static [u8]>,
    objects: Table<'t, (&'static str, &'static [u8]), &'static [u8]>,
    bodies: Table<'t, u64, &'static [u8]>,
    files: Table<'t, u64, u64>,
    uploads: Table<'t, &'static str, &'static [u8]>,
    parts: Table<'t, (&'static str, u32), &'static [u8]>,
    outbox: Table<'t, u64, &'static [u8]>,
    dead: Table<'t, u64, &'static [u8]>,
    folder: &'t Folder,
    next_event: &'t mut u64,
    /// Files that nothing refers to once this is committed.
    pub(super) released: Vec<u64>,
    /// Whether new files are referred to.
    pub(super) new_files: bool,
}

/// Content that is not referred to yet: it goes when this is dropped.
#[derive(Debug)]
pub(in crate::store) enum NewContent {
    Inline(Bytes),
    File(Unkept),
}

impl<'t> Tables<'t> {
    pub(super) fn open(
        begun: &'t WriteTransaction,
        folder: &'t Folder,
        next_event: &'t mut u64,
    ) -> io::Result<Self> {
        let open = |table| begun.open_table(table).map_err(io::Error::other);
        Ok(Self {
            buckets: begun.open_table(BUCKETS).map_err(io::Error::other)?,
            objects: begun.open_table(OBJECTS).map_err(io::Error::other)?,
            bodies: open(BODIES)?,
            files: begun.open_table(FILES).map_err(io::Error::other)?,
            uploads: begun.open_table(UPLOADS).map_err(io::Error::other)?,
            parts: begun.open_table(PARTS).map_err(io::Error::other)?,
            outbox: open(OUTBOX)?,
            dead: open(DEAD)?,
            folder,
            next_event,
            released: Vec::new(),
            new_files: false,
        })
    }

    pub(in crate::store) fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        Ok(self
            .buckets
            .get(bucket)
            .map_err(io::Error::other)?
            .is_some())
    }

    pub(in crate::store) fn create_bucket(&mut self, bucket: &str) -> io::Result<()> {
        let settings = Settings {
            created: SystemTime::now(),
            cors: Vec::new(),
        };
        self.set_settings(bucket, &settings)
    }

    pub(in crate::store) fn settings(&self, bucket: &str) -> io::Result<Option<Settings>> {
        parsed(self.buckets.get(bucket))
    }

    pub(in crate::store) fn set_settings(
        &mut self,
        bucket: &str,
        settings: &Settings,
    ) -> io::Result<()> {
        let json = serde_json::to_vec(settings)?;
        let inserted = self.buckets.insert(bucket, &json[..]);
        inserted.map(drop).map_err(io::Error::other)
    }

    pub(in crate::store) fn remove_bucket(&mut self, bucket: &str) -> io::Result<()> {
        self.buckets
            .remove(bucket)
            .map(drop)
            .map_err(io::Error::other)
    }

    /// Whether a bucket holds no object.
    pub(in crate::store) fn is_empty(&self, bucket: &str) -> io::Result<bool> {
        let from = (bucket, &b""[..]);
        let mut objects = self.objects.range(from..).map_err(io::Error::other)?;
        match objects.next() {
            None => Ok(true),
            Some(first) => Ok(first.map_err(io::Error::other)?.0.value().0 != bucket),
        }
    }

    pub(in crate::store) fn entry(&self, bucket: &str, key: &str) -> io::Result<Option<Entry>> {
        parsed(self.objects.get((bucket, key.as_bytes())))
    }

    /// Puts an entry in the place of whatever stands there. Its content has been kept.
    pub(in crate::store) fn set_entry(
        &mut self,
        bucket: &str,
        key: &str,
        entry: &Entry,
    ) -> io::Result<()> {
        let replaced = self.entry(bucket, key)?;
        let json = serde_json::to_vec(entry)?;
        self.objects
            .insert((bucket, key.as_bytes()), &json[..])
            .map_err(io::Error::other)?;
        match replaced {
            Some(old) if old.content != entry.content => self.release(old.content),
            _ => Ok(()),
        }
    }

    pub(in crate::store) fn remove_entry(
        &mut self,
        bucket: &str,
        key: &str,
    ) -> io::Result<Option<Entry>> {
        let removed = self.entry(bucket, key)?;
        if let Some(entry) = &removed {
            self.objects
                .remove((bucket, key.as_bytes()))
                .map_err(io::Error::other)?;
            self.release(entry.content)?;
        }
        Ok(removed)
    }

    /// Makes new content something that an entry may refer to, once.
    pub(in crate::store) fn keep(&mut self, content: NewContent) -> io::Result<Content> {
        match content {
            NewContent::Inline(bytes) => {
                let number = self.folder.number();
                self.bodies
                    .insert(number, &bytes[..])
                    .map_err(io::Error::other)?;
                Ok(Content::Inline(number))
            }
            NewContent::File(file) => {
                let number = file.keep();
                self.files.insert(number, 1).map_err(io::Error::other)?;
                self.new_files = true;
                Ok(Content::File(number))
            }
        }
    }

    /// The same content for another entry.
    pub(in crate::store) fn share(&mut self, content: Content) -> io::Result<Content> {
        match content {
            Content::Inline(number) => {
                let bytes = self.bodies.get(number).map_err(io::Error::other)?;
                let bytes = bytes.map(|bytes| Bytes::copy_from_slice(bytes.value()));
                self.keep(NewContent::Inline(bytes.unwrap_or_default()))
            }
            Content::File(number) => {
                self.count(number, 1)?;
                Ok(content)
            }
        }
    }

    /// Takes one reference away; content that has none is removed.
    pub(in crate::store) fn release(&mut self, content: Content) -> io::Result<()> {
        match content {
            Content::Inline(number) => self
                .bodies
                .remove(number)
                .map(drop)
                .map_err(io::Error::other),
            Content::File(number) => self.count(number, -1),
        }
    }

    fn count(&mut self, number: u64, change: i64) -> io::Result<()> {
        let known = self.files.get(number).map_err(io::Error::other)?;
        let count = known
            .map_or(0, |count| count.value())
            .saturating_add_signed(change);
        if count > 0 {
            self.files.insert(number, count).map_err(io::Error::other)?;
        } else {
            self.files.remove(number).map_err(io::Error::other)?;
            self.released.push(number);
        }
        Ok(())
    }

    pub(in crate::store) fn set_upload(&mut self, id: &str, upload: &Upload) -> io::Result<()> {
        let json = serde_json::to_vec(upload)?;
        self.uploads
            .insert(id, &json[..])
            .map(drop)
            .map_err(io::Error::other)
    }

    pub(in crate::store) fn upload(&self, id: &str) -> io::Result<Option<Upload>> {
        parsed(self.uploads.get(id))
    }

    /// Puts a part in the place of the one that has its number.
    pub(in crate::store) fn set_part(
        &mut self,
        id: &str,
        number: u32,
        part: &Part,
    ) -> io::Result<()> {
        let replaced: Option<Part> = parsed(self.parts.get((id, number)))?;
        let json = serde_json::to_vec(part)?;
        self.parts
            .insert((id, number), &json[..])
            .map_err(io::Error::other)?;
        replaced.map_or(Ok(()), |old| self.release(old.content))
    }

    /// Removes an upload with all its parts.
    pub(in crate::store) fn remove_upload(&mut self, id: &str) -> io::Result<()> {
        self.uploads.remove(id).map_err(io::Error::other)?;
        let mut parts = Vec::new();
        for part in self
            .parts
            .range((id, 0)..=(id, u32::MAX))
            .map_err(io::Error::other)?
        {
            let (key, json) = part.map_err(io::Error::other)?;
            parts.push((key.value().1, serde_json::from_slice::<Part>(json.value())?));
        }
        for (number, part) in parts {
            self.parts.remove((id, number)).map_err(io::Error::other)?;
            self.release(part.content)?;
        }
        Ok(())
    }

    /// Adds an event to the outbox.
    pub(in crate::store) fn raise(&mut self, event: &Event) -> io::Result<()> {
        let json = serde_json::to_vec(&Raised::of(event))?;
        self.outbox
            .insert(*self.next_event, &json[..])
            .map_err(io::Error::other)?;
        *self.next_event += 1;
        Ok(())
    }

    /// Takes an event out of the outbox.
    pub(in crate::store) fn lower(&mut self, number: u64) -> io::Result<()> {
        self.outbox
            .remove(number)
            .map(drop)
            .map_err(io::Error::other)
    }

    /// Keeps what is known of an event that was given up.
    pub(in crate::store) fn bury(
        &mut self,
        number: u64,
        letter: &impl Serialize,
    ) -> io::Result<()> {
        let json = serde_json::to_vec(letter)?;
        self.dead
            .insert(number, &json[..])
            .map(drop)
            .map_err(io::Error::other)
    }

    /// Forgets an event that was given up.
    pub(in crate::store) fn forget(&mut self, number: u64) -> io::Result<()> {
        self.dead.remove(number).map(drop).map_err(io::Error::other)
    }
}
