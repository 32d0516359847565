//! Single objects: put, get, head, delete, copy, tags.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::SystemTime;

use cos_thumbnails::events::Operation;
use form_urlencoded::parse;
#[allow(
    clippy::wildcard_imports,
    reason = "each action has two types of its own"
)]
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::super::entry::{Described, Entry};
use super::super::folder::Opened;
use super::body::{Claimed, receive, send, unnamed};
use super::conditions::{Conditions, WriteConditions};
use super::{Actions, blocking, tag};

/// The most tags of an object, and their lengths in characters (Amazon S3 user guide, "Object tagging").
const MAX_TAGS: usize = 10;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

impl Actions {
    pub(super) async fn put(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let S3Request {
            mut input,
            trailing_headers,
            headers,
            ..
        } = req;
        self.require_bucket(input.bucket.clone()).await?;
        let claimed = Claimed {
            md5: input.content_md5.take(),
            checksum: Checksum {
                checksum_crc32: input.checksum_crc32.take(),
                checksum_crc32c: input.checksum_crc32c.take(),
                checksum_crc64nvme: input.checksum_crc64nvme.take(),
                checksum_sha1: input.checksum_sha1.take(),
                checksum_sha256: input.checksum_sha256.take(),
                ..Default::default()
            },
            trailers: trailing_headers,
            trailing: trailing(&headers),
        };
        let described = Described {
            content_type: input.content_type.take(),
            cache_control: input.cache_control.take(),
            content_disposition: input.content_disposition.take(),
            content_encoding: input.content_encoding.as_deref().and_then(without_chunks),
            content_language: input.content_language.take(),
            metadata: input
                .metadata
                .take()
                .unwrap_or_default()
                .into_iter()
                .collect(),
            tags: input
                .tagging
                .as_deref()
                .map(tags_of_header)
                .transpose()?
                .unwrap_or_default(),
        };
        let conditions = WriteConditions {
            if_match: input.if_match.take(),
            if_none_match: input.if_none_match.take(),
        };
        let received = receive(self.index.folder(), input.body.take(), claimed).await?;
        let (etag, checksums) = (received.etag.clone(), unnamed(&received.checksums));
        let (bucket, key, raise) = (input.bucket, input.key, self.raise());
        self.write(move |tables| {
            if !tables.has_bucket(&bucket)? {
                return Ok(Err(s3_error!(NoSuchBucket)));
            }
            if let Err(refused) = conditions.check(tables.entry(&bucket, &key)?.as_ref()) {
                return Ok(Err(refused));
            }
            let entry = Entry {
                etag: received.etag,
                length: received.length,
                last_modified: SystemTime::now(),
                content: tables.keep(received.content)?,
                parts: Vec::new(),
                checksums: received.checksums,
                described,
            };
            tables.set_entry(&bucket, &key, &entry)?;
            raise(tables, Operation::Write, &bucket, &key, &entry)?;
            Ok(Ok(()))
        })
        .await?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(tag(&etag)),
            checksum_crc32: checksums.checksum_crc32,
            checksum_crc32c: checksums.checksum_crc32c,
            checksum_crc64nvme: checksums.checksum_crc64nvme,
            checksum_sha1: checksums.checksum_sha1,
            checksum_sha256: checksums.checksum_sha256,
            ..Default::default()
        }))
    }

    /// What is known of an object.
    async fn entry(&self, bucket: String, key: String) -> S3Result<Entry> {
        let index = self.index.clone();
        let found = blocking(move || {
            let read = index.read()?;
            Ok((read.entry(&bucket, &key)?, read.has_bucket(&bucket)?))
        });
        match found.await? {
            (Some(entry), _) => Ok(entry),
            (None, true) => Err(s3_error!(NoSuchKey)),
            (None, false) => Err(s3_error!(NoSuchBucket)),
        }
    }

    /// An object and its bytes.
    pub(super) async fn open(&self, bucket: String, key: String) -> S3Result<(Entry, Opened)> {
        let (index, in_bucket, of_key) = (self.index.clone(), bucket.clone(), key.clone());
        match blocking(move || index.find(&in_bucket, &of_key)).await? {
            Some(found) => Ok(found),
            // Which of the two is not there.
            None => Err(self
                .entry(bucket, key)
                .await
                .err()
                .unwrap_or_else(|| s3_error!(NoSuchKey))),
        }
    }

    pub(super) async fn get(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let (entry, opened) = self.open(input.bucket, input.key).await?;
        let conditions = Conditions {
            same: input.if_match,
            other: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        };
        conditions.check(&entry)?;
        let asked = Asked::of(&entry, input.range, input.part_number)?;
        let sent = asked.range.clone().unwrap_or(0..entry.length);
        let checksums = asked.checksums(&entry, input.checksum_mode.as_ref());
        let described = entry.described;
        Ok(asked.answer(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(sent.end - sent.start).ok(),
            content_range: asked.content_range(entry.length),
            content_type: input.response_content_type.or(described.content_type),
            cache_control: input.response_cache_control.or(described.cache_control),
            content_disposition: input
                .response_content_disposition
                .or(described.content_disposition),
            content_encoding: input
                .response_content_encoding
                .or(described.content_encoding),
            content_language: input
                .response_content_language
                .or(described.content_language),
            e_tag: Some(tag(&entry.etag)),
            last_modified: Some(entry.last_modified.into()),
            metadata: Some(described.metadata.into_iter().collect()),
            tag_count: i32::try_from(described.tags.len())
                .ok()
                .filter(|&count| count > 0),
            parts_count: asked.parts_count,
            checksum_crc32: checksums.checksum_crc32,
            checksum_crc32c: checksums.checksum_crc32c,
            checksum_crc64nvme: checksums.checksum_crc64nvme,
            checksum_sha1: checksums.checksum_sha1,
            checksum_sha256: checksums.checksum_sha256,
            body: Some(send(opened, sent).await?),
            ..Default::default()
        }))
    }

    pub(super) async fn head(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let entry = self.entry(input.bucket, input.key).await?;
        let conditions = Conditions {
            same: input.if_match,
            other: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        };
        conditions.check(&entry)?;
        let asked = Asked::of(&entry, input.range, input.part_number)?;
        let shown = asked.range.clone().unwrap_or(0..entry.length);
        let checksums = asked.checksums(&entry, input.checksum_mode.as_ref());
        let described = entry.described;
        Ok(asked.answer(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(shown.end - shown.start).ok(),
            content_range: asked.content_range(entry.length),
            content_type: described.content_type,
            cache_control: described.cache_control,
            content_disposition: described.content_disposition,
            content_encoding: described.content_encoding,
            content_language: described.content_language,
            e_tag: Some(tag(&entry.etag)),
            last_modified: Some(entry.last_modified.into()),
            metadata: Some(described.metadata.into_iter().collect()),
            parts_count: asked.parts_count,
            checksum_crc32: checksums.checksum_crc32,
            checksum_crc32c: checksums.checksum_crc32c,
            checksum_crc64nvme: checksums.checksum_crc64nvme,
            checksum_sha1: checksums.checksum_sha1,
            checksum_sha256: checksums.checksum_sha256,
            ..Default::default()
        }))
    }

    /// Removes an object, if there is one. `if_match`: only this version.
    pub(super) async fn remove(
        &self,
        bucket: String,
        key: String,
        if_match: Option<ETagCondition>,
    ) -> S3Result<()> {
        let raise = self.raise();
        self.write(move |tables| {
            if !tables.has_bucket(&bucket)? {
                return Ok(Err(s3_error!(NoSuchBucket)));
            }
            if if_match.is_some() {
                let conditions = WriteConditions {
                    if_match,
                    if_none_match: None,
                };
                if let Err(refused) = conditions.check(tables.entry(&bucket, &key)?.as_ref()) {
                    return Ok(Err(refused));
                }
            }
            if let Some(entry) = tables.remove_entry(&bucket, &key)? {
                raise(tables, Operation::Delete, &bucket, &key, &entry)?;
            }
            Ok(Ok(()))
        })
        .await
    }

    pub(super) async fn copy(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        let (from_bucket, from_key) = source(&input.copy_source)?;
        let conditions = Conditions {
            same: input.copy_source_if_match,
            other: input.copy_source_if_none_match,
            modified_since: input.copy_source_if_modified_since,
            unmodified_since: input.copy_source_if_unmodified_since,
        };
        let replaces = |directive: Option<&str>| directive == Some("REPLACE");
        let new_description = replaces(
            input
                .metadata_directive
                .as_ref()
                .map(MetadataDirective::as_str),
        )
        .then(|| Described {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            tags: BTreeMap::new(),
        });
        let new_tags = replaces(
            input
                .tagging_directive
                .as_ref()
                .map(TaggingDirective::as_str),
        )
        .then(|| tags_of_header(input.tagging.as_deref().unwrap_or_default()))
        .transpose()?;
        let (bucket, key, raise) = (input.bucket, input.key, self.raise());
        let onto_itself = from_bucket == bucket && from_key == key;
        if onto_itself && new_description.is_none() && new_tags.is_none() {
            return Err(s3_error!(
                InvalidRequest,
                "a copy onto itself must change metadata or tags"
            ));
        }
        let entry = self
            .write(move |tables| {
                if !tables.has_bucket(&bucket)? || !tables.has_bucket(&from_bucket)? {
                    return Ok(Err(s3_error!(NoSuchBucket)));
                }
                let Some(mut entry) = tables.entry(&from_bucket, &from_key)? else {
                    return Ok(Err(s3_error!(NoSuchKey)));
                };
                if let Err(refused) = conditions.check_source(&entry) {
                    return Ok(Err(refused));
                }
                if !onto_itself {
                    entry.content = tables.share(entry.content)?;
                }
                entry.last_modified = SystemTime::now();
                if let Some(described) = new_description {
                    let tags = entry.described.tags;
                    entry.described = Described { tags, ..described };
                }
                if let Some(tags) = new_tags {
                    entry.described.tags = tags;
                }
                tables.set_entry(&bucket, &key, &entry)?;
                raise(tables, Operation::Write, &bucket, &key, &entry)?;
                Ok(Ok(entry))
            })
            .await?;
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(tag(&entry.etag)),
                last_modified: Some(entry.last_modified.into()),
                ..Default::default()
            }),
            ..Default::default()
        }))
    }

    pub(super) async fn tags(&self, bucket: String, key: String) -> S3Result<Vec<Tag>> {
        let entry = self.entry(bucket, key).await?;
        let tags = entry.described.tags.into_iter().map(|(key, value)| Tag {
            key: Some(key),
            value: Some(value),
        });
        Ok(tags.collect())
    }

    /// Replaces an object's tags. That is no change of the object: no event is raised.
    pub(super) async fn set_tags(
        &self,
        bucket: String,
        key: String,
        tags: impl Iterator<Item = (String, String)>,
    ) -> S3Result<()> {
        let tags = checked_tags(tags)?;
        self.write(move |tables| {
            let Some(mut entry) = tables.entry(&bucket, &key)? else {
                return Ok(Err(s3_error!(NoSuchKey)));
            };
            entry.described.tags = tags;
            tables.set_entry(&bucket, &key, &entry)?;
            Ok(Ok(()))
        })
        .await
    }
}

/// The algorithm of a checksum that the client announces for after the body.
pub(super) fn trailing(headers: &http::HeaderMap) -> Option<String> {
    let announced = headers.get("x-amz-trailer")?.to_str().ok()?;
    Some(announced.trim().strip_prefix("x-amz-checksum-")?.to_owned())
}

/// `aws-chunked` says how the body travelled, not what it is.
fn without_chunks(encoding: &str) -> Option<String> {
    let kept = encoding
        .split(',')
        .map(str::trim)
        .filter(|name| *name != "aws-chunked");
    let kept = kept.collect::<Vec<_>>().join(",");
    (!kept.is_empty()).then_some(kept)
}

/// Bucket and key of a copy's source.
pub(super) fn source(source: &CopySource) -> S3Result<(String, String)> {
    match source {
        CopySource::Bucket { bucket, key, .. } => Ok((bucket.to_string(), key.to_string())),
        _ => Err(s3_error!(
            NotImplemented,
            "access points are not implemented"
        )),
    }
}

/// What of an object is asked for.
struct Asked {
    /// The bytes, where that is not the whole object.
    range: Option<Range<u64>>,
    /// How many parts it has, where one of them is asked for.
    parts_count: Option<i32>,
}

impl Asked {
    fn of(
        entry: &Entry,
        range: Option<s3s::dto::Range>,
        part_number: Option<PartNumber>,
    ) -> S3Result<Self> {
        if let Some(range) = range {
            let range = range.check(entry.length);
            return Ok(Self {
                range: Some(range.map_err(|_| s3_error!(InvalidRange))?),
                parts_count: None,
            });
        }
        let Some(number) = part_number else {
            return Ok(Self {
                range: None,
                parts_count: None,
            });
        };
        let before = usize::try_from(number).ok();
        let before = before.and_then(|number| number.checked_sub(1));
        let before = before.ok_or_else(|| s3_error!(InvalidArgument, "parts count from 1"))?;
        // An object that came at once is its own first part.
        let whole = [entry.length];
        let parts = if entry.parts.is_empty() {
            &whole[..]
        } else {
            &entry.parts
        };
        let length = parts.get(before).ok_or_else(no_such_part)?;
        let start = parts[..before].iter().sum();
        Ok(Self {
            range: (*length > 0).then(|| start..start + length),
            parts_count: i32::try_from(entry.parts.len())
                .ok()
                .filter(|&count| count > 0),
        })
    }

    /// The object's checksums, if they are wanted and all of it is asked for.
    fn checksums(&self, entry: &Entry, mode: Option<&ChecksumMode>) -> Checksum {
        match mode {
            Some(_) if self.range.is_none() => unnamed(&entry.checksums),
            _ => Checksum::default(),
        }
    }

    fn content_range(&self, length: u64) -> Option<String> {
        let range = self.range.as_ref()?;
        Some(format!("bytes {}-{}/{length}", range.start, range.end - 1))
    }

    fn answer<T>(&self, output: T) -> S3Response<T> {
        match self.range {
            Some(_) => S3Response::with_status(output, http::StatusCode::PARTIAL_CONTENT),
            None => S3Response::new(output),
        }
    }
}

fn no_such_part() -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::Custom("InvalidPartNumber".into()));
    error.set_status_code(http::StatusCode::RANGE_NOT_SATISFIABLE);
    error
}

/// Tags as `x-amz-tagging` has them: `a=b&c=d`, URL-encoded.
pub(super) fn tags_of_header(header: &str) -> S3Result<BTreeMap<String, String>> {
    checked_tags(parse(header.as_bytes()).into_owned())
}

fn checked_tags(
    tags: impl Iterator<Item = (String, String)>,
) -> S3Result<BTreeMap<String, String>> {
    let mut checked = BTreeMap::new();
    for (key, value) in tags {
        let lengths = (key.chars().count(), value.chars().count());
        if !(1..=MAX_TAG_KEY).contains(&lengths.0) || lengths.1 > MAX_TAG_VALUE {
            return Err(s3_error!(InvalidTag));
        }
        if checked.insert(key, value).is_some() || checked.len() > MAX_TAGS {
            return Err(s3_error!(InvalidTag));
        }
    }
    Ok(checked)
}
