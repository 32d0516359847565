//! Reading: the index as it was last committed.

use std::io;

use bytes::Bytes;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};
use serde::de::DeserializeOwned;

use super::{BODIES, BUCKETS, DEAD, OBJECTS, OUTBOX, PARTS, UPLOADS, parsed};
use crate::store::entry::{Content, Entry, Part, Settings, Upload};
use crate::store::folder::{Folder, Opened};
use crate::store::outbox::Raised;

/// One page of a listing.
#[derive(Debug, Default)]
pub(in crate::store) struct Page {
    pub(in crate::store) objects: Vec<(String, Entry)>,
    pub(in crate::store) common_prefixes: Vec<String>,
    /// The last key or common prefix of this page, where there are more.
    pub(in crate::store) next: Option<String>,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Query {
    pub(in crate::store) prefix: String,
    pub(in crate::store) delimiter: Option<String>,
    pub(in crate::store) after: Option<String>,
    pub(in crate::store) limit: usize,
}

/// The state that was committed when it was begun.
pub(in crate::store) struct Reading(pub(super) ReadTransaction);

impl Reading {
    pub(in crate::store) fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        let buckets = self.0.open_table(BUCKETS).map_err(io::Error::other)?;
        Ok(buckets.get(bucket).map_err(io::Error::other)?.is_some())
    }

    pub(in crate::store) fn settings(&self, bucket: &str) -> io::Result<Option<Settings>> {
        let buckets = self.0.open_table(BUCKETS).map_err(io::Error::other)?;
        parsed(buckets.get(bucket))
    }

    /// All buckets by their names, ascending.
    pub(in crate::store) fn buckets(&self) -> io::Result<Vec<(String, Settings)>> {
        let buckets = self.0.open_table(BUCKETS).map_err(io::Error::other)?;
        let all = buckets.range::<&str>(..).map_err(io::Error::other)?;
        all.map(|bucket| {
            let (name, json) = bucket.map_err(io::Error::other)?;
            let settings = serde_json::from_slice(json.value())?;
            Ok((name.value().to_owned(), settings))
        })
        .collect()
    }

    pub(in crate::store) fn entry(&self, bucket: &str, key: &str) -> io::Result<Option<Entry>> {
        let objects = self.0.open_table(OBJECTS).map_err(io::Error::other)?;
        parsed(objects.get((bucket, key.as_bytes())))
    }

    /// Opens content; an error of the kind `NotFound` where it was removed since.
    pub(in crate::store) fn open(&self, folder: &Folder, content: Content) -> io::Result<Opened> {
        match content {
            Content::Inline(number) => {
                let bodies = self.0.open_table(BODIES).map_err(io::Error::other)?;
                let bytes = bodies.get(number).map_err(io::Error::other)?;
                let bytes = bytes.ok_or(io::ErrorKind::NotFound)?;
                Ok(Opened::Inline(Bytes::copy_from_slice(bytes.value())))
            }
            Content::File(number) => folder.open_file(number).map(Opened::File),
        }
    }

    pub(in crate::store) fn upload(&self, id: &str) -> io::Result<Option<Upload>> {
        let uploads = self.0.open_table(UPLOADS).map_err(io::Error::other)?;
        parsed(uploads.get(id))
    }

    /// All uploads, by their ids.
    pub(in crate::store) fn uploads(&self) -> io::Result<Vec<(String, Upload)>> {
        let uploads = self.0.open_table(UPLOADS).map_err(io::Error::other)?;
        let all = uploads.range::<&str>(..).map_err(io::Error::other)?;
        all.map(|upload| {
            let (id, json) = upload.map_err(io::Error::other)?;
            Ok((id.value().to_owned(), serde_json::from_slice(json.value())?))
        })
        .collect()
    }

    /// The parts of an upload, by ascending number.
    pub(in crate::store) fn parts(&self, id: &str) -> io::Result<Vec<(u32, Part)>> {
        let parts = self.0.open_table(PARTS).map_err(io::Error::other)?;
        let all = parts
            .range((id, 0)..=(id, u32::MAX))
            .map_err(io::Error::other)?;
        all.map(|part| {
            let (key, json) = part.map_err(io::Error::other)?;
            Ok((key.value().1, serde_json::from_slice(json.value())?))
        })
        .collect()
    }

    /// The events after number `after`, at most `limit` of them.
    pub(in crate::store) fn outbox(
        &self,
        after: u64,
        limit: usize,
    ) -> io::Result<Vec<(u64, Raised)>> {
        let outbox = self.0.open_table(OUTBOX).map_err(io::Error::other)?;
        numbered(&outbox, after, limit)
    }

    /// How many events are in the outbox.
    pub(in crate::store) fn waiting(&self) -> io::Result<u64> {
        let outbox = self.0.open_table(OUTBOX).map_err(io::Error::other)?;
        outbox.len().map_err(io::Error::other)
    }

    /// The events that were given up.
    pub(in crate::store) fn dead<T: DeserializeOwned>(&self) -> io::Result<Vec<(u64, T)>> {
        let dead = self.0.open_table(DEAD).map_err(io::Error::other)?;
        numbered(&dead, 0, usize::MAX)
    }

    /// Objects whose key starts with the prefix, ascending bytewise; keys that go on beyond the delimiter
    /// are rolled up into their common prefix. At most the limit of both together.
    pub(in crate::store) fn list(&self, bucket: &str, query: &Query) -> io::Result<Page> {
        let objects = self.0.open_table(OBJECTS).map_err(io::Error::other)?;
        let prefix = &query.prefix;
        let common = |key: &str| {
            let delimiter = query
                .delimiter
                .as_ref()
                .filter(|delimiter| !delimiter.is_empty())?;
            let found = key.get(prefix.len()..)?.find(delimiter.as_str())?;
            Some(key[..prefix.len() + found + delimiter.len()].to_owned())
        };
        let mut page = Page::default();
        let mut from = match &query.after {
            Some(after) if after >= prefix => match common(after) {
                Some(rolled_up) if rolled_up == *after => beyond(after),
                _ => [after.as_bytes(), &[0]].concat(),
            },
            _ => prefix.clone().into_bytes(),
        };
        let mut last = None;
        loop {
            let mut rolled_up = None;
            let mut range = objects
                .range((bucket, &from[..])..)
                .map_err(io::Error::other)?;
            for found in range.by_ref() {
                let (key, json) = found.map_err(io::Error::other)?;
                let (in_bucket, key) = key.value();
                let key = str::from_utf8(key).map_err(io::Error::other)?;
                if in_bucket != bucket || !key.starts_with(prefix.as_str()) {
                    return Ok(page);
                }
                if page.objects.len() + page.common_prefixes.len() >= query.limit {
                    page.next = last;
                    return Ok(page);
                }
                if let Some(common) = common(key) {
                    rolled_up = Some(common);
                    break;
                }
                page.objects
                    .push((key.to_owned(), serde_json::from_slice(json.value())?));
                last = Some(key.to_owned());
            }
            let Some(common) = rolled_up else {
                return Ok(page);
            };
            from = beyond(&common);
            last = Some(common.clone());
            page.common_prefixes.push(common);
        }
    }
}

/// The least string of bytes that comes after everything that starts with `prefix`.
fn beyond(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        // No byte of UTF-8 is 255.
        *last += 1;
    }
    bytes
}

fn numbered<T: DeserializeOwned>(
    table: &impl ReadableTable<u64, &'static [u8]>,
    after: u64,
    limit: usize,
) -> io::Result<Vec<(u64, T)>> {
    let all = table.range(after + 1..).map_err(io::Error::other)?;
    all.take(limit)
        .map(|found| {
            let (number, json) = found.map_err(io::Error::other)?;
            Ok((number.value(), serde_json::from_slice(json.value())?))
        })
        .collect()
}
