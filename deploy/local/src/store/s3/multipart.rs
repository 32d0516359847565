//! Uploads in parts (Amazon S3 user guide, "Multipart upload overview").

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cos_thumbnails::events::Operation;
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
#[allow(
    clippy::wildcard_imports,
    reason = "each action has two types of its own"
)]
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::entry::{Checksums, Described, Entry, Part as Stored, Upload};
use super::super::folder::Opened;
use super::super::index::NewContent;
use super::body::{Claimed, Received, hex, named, receive, send, unnamed};
use super::conditions::{Conditions, WriteConditions};
use super::objects::{source, tags_of_header, trailing};
use super::{Actions, blocking, tag};

/// No part but the last may be shorter.
const MIN_PART_BYTES: u64 = 5 << 20;
/// Parts are numbered from 1 to this.
const MAX_PARTS: u32 = 10_000;

impl Actions {
    pub(super) async fn create_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let algorithm = input.checksum_algorithm.as_ref();
        let upload = Upload {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            initiated: SystemTime::now(),
            algorithm: algorithm.map(|algorithm| algorithm.as_str().to_lowercase()),
            described: Described {
                content_type: input.content_type,
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
                tags: input
                    .tagging
                    .as_deref()
                    .map(tags_of_header)
                    .transpose()?
                    .unwrap_or_default(),
            },
        };
        let new = id.clone();
        self.write(move |tables| {
            if !tables.has_bucket(&upload.bucket)? {
                return Ok(Err(s3_error!(NoSuchBucket)));
            }
            tables.set_upload(&new, &upload)?;
            Ok(Ok(()))
        })
        .await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: input.checksum_algorithm,
            ..Default::default()
        }))
    }

    pub(super) async fn put_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let S3Request {
            input,
            trailing_headers,
            headers,
            ..
        } = req;
        let number = part_number(input.part_number)?;
        self.upload(&input.bucket, &input.key, &input.upload_id)
            .await?;
        let claimed = Claimed {
            md5: input.content_md5,
            checksum: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_crc64nvme: input.checksum_crc64nvme,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                ..Default::default()
            },
            trailers: trailing_headers,
            trailing: trailing(&headers),
        };
        let received = receive(self.index.folder(), input.body, claimed).await?;
        let checksums = unnamed(&received.checksums);
        let part = self.keep_part(input.upload_id, number, received).await?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(tag(&part.etag)),
            checksum_crc32: checksums.checksum_crc32,
            checksum_crc32c: checksums.checksum_crc32c,
            checksum_crc64nvme: checksums.checksum_crc64nvme,
            checksum_sha1: checksums.checksum_sha1,
            checksum_sha256: checksums.checksum_sha256,
            ..Default::default()
        }))
    }

    pub(super) async fn copy_part(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = req.input;
        let number = part_number(input.part_number)?;
        self.upload(&input.bucket, &input.key, &input.upload_id)
            .await?;
        let (bucket, key) = source(&input.copy_source)?;
        let (entry, opened) = self.open(bucket, key).await?;
        let conditions = Conditions {
            same: input.copy_source_if_match,
            other: input.copy_source_if_none_match,
            modified_since: input.copy_source_if_modified_since,
            unmodified_since: input.copy_source_if_unmodified_since,
        };
        conditions.check_source(&entry)?;
        let range = match input.copy_source_range {
            None => 0..entry.length,
            Some(range) => s3s::dto::Range::parse(&range)
                .map_err(|_| s3_error!(InvalidArgument))?
                .check(entry.length)
                .map_err(|_| s3_error!(InvalidRange))?,
        };
        let body = send(opened, range).await?;
        let received = receive(self.index.folder(), Some(body), Claimed::default()).await?;
        let part = self.keep_part(input.upload_id, number, received).await?;
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(tag(&part.etag)),
                last_modified: Some(part.last_modified.into()),
                ..Default::default()
            }),
            ..Default::default()
        }))
    }

    async fn keep_part(&self, id: String, number: u32, received: Received) -> S3Result<Stored> {
        self.write(move |tables| {
            if tables.upload(&id)?.is_none() {
                return Ok(Err(s3_error!(NoSuchUpload)));
            }
            let part = Stored {
                etag: received.etag,
                length: received.length,
                last_modified: SystemTime::now(),
                content: tables.keep(received.content)?,
                checksums: received.checksums,
            };
            tables.set_part(&id, number, &part)?;
            Ok(Ok(part))
        })
        .await
    }

    /// Joins the parts that the client names into one file, and then makes that the object.
    pub(super) async fn complete(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let upload = self
            .upload(&input.bucket, &input.key, &input.upload_id)
            .await?;
        let wanted = input.multipart_upload.and_then(|upload| upload.parts);
        let (index, id) = (self.index.clone(), input.upload_id.clone());
        let stored = blocking(move || index.read()?.parts(&id)).await?;
        let chosen = chosen(wanted.unwrap_or_default(), stored)?;
        let mut tags = Md5::new();
        for part in &chosen {
            let tag = (0..part.etag.as_str().len()).step_by(2);
            let tag = tag
                .filter_map(|at| u8::from_str_radix(part.etag.as_str().get(at..at + 2)?, 16).ok());
            tags.update(tag.collect::<Vec<u8>>());
        }
        let etag = cos_thumbnails::object::ETag::new(&format!(
            "{}-{}",
            hex(&tags.finalize()).as_str(),
            chosen.len()
        ));
        let checksums = upload
            .algorithm
            .as_deref()
            .map_or_else(Checksums::new, |algorithm| of_parts(algorithm, &chosen));
        let parts: Vec<u64> = chosen.iter().map(|part| part.length).collect();
        let index = self.index.clone();
        let whole = blocking(move || {
            let (read, mut whole) = (index.read()?, index.folder().create()?);
            for part in &chosen {
                match read.open(index.folder(), part.content)? {
                    Opened::Inline(bytes) => whole.write(&bytes)?,
                    Opened::File(file) => whole.append(file)?,
                }
            }
            whole.finish()
        })
        .await?;
        let conditions = WriteConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
        };
        let (bucket, key, raise) = (input.bucket, input.key, self.raise());
        let location = format!("/{bucket}/{key}");
        let (named_bucket, named_key) = (bucket.clone(), key.clone());
        let shown = unnamed(&checksums);
        let id = input.upload_id;
        let made = etag.clone();
        self.write(move |tables| {
            let refused = match tables.upload(&id)? {
                None => Err(s3_error!(NoSuchUpload)),
                Some(_) => conditions.check(tables.entry(&bucket, &key)?.as_ref()),
            };
            if let Err(refused) = refused {
                return Ok(Err(refused));
            }
            let entry = Entry {
                etag: made,
                length: parts.iter().sum(),
                last_modified: SystemTime::now(),
                content: tables.keep(NewContent::File(whole))?,
                parts,
                checksums,
                described: upload.described,
            };
            tables.set_entry(&bucket, &key, &entry)?;
            tables.remove_upload(&id)?;
            raise(tables, Operation::Write, &bucket, &key, &entry)?;
            Ok(Ok(()))
        })
        .await?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(named_bucket),
            key: Some(named_key),
            location: Some(location),
            e_tag: Some(tag(&etag)),
            checksum_crc32: shown.checksum_crc32,
            checksum_crc32c: shown.checksum_crc32c,
            checksum_crc64nvme: shown.checksum_crc64nvme,
            checksum_sha1: shown.checksum_sha1,
            checksum_sha256: shown.checksum_sha256,
            ..Default::default()
        }))
    }

    pub(super) async fn abort(&self, bucket: String, key: String, id: String) -> S3Result<()> {
        self.upload(&bucket, &key, &id).await?;
        self.write(move |tables| {
            tables.remove_upload(&id)?;
            Ok(Ok(()))
        })
        .await
    }

    pub(super) async fn list_upload(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        self.upload(&input.bucket, &input.key, &input.upload_id)
            .await?;
        let limit = input.max_parts.unwrap_or(1000).clamp(0, 1000);
        let after = input.part_number_marker.unwrap_or(0);
        let (index, id) = (self.index.clone(), input.upload_id.clone());
        let stored = blocking(move || index.read()?.parts(&id)).await?;
        let mut later = stored
            .into_iter()
            .filter_map(|(number, part)| Some((i32::try_from(number).ok()?, part)))
            .filter(|(number, _)| *number > after);
        let page: Vec<_> = later
            .by_ref()
            .take(usize::try_from(limit).unwrap_or(0))
            .collect();
        let more = later.next().is_some();
        let parts = page.iter().map(|(number, part)| {
            let checksums = unnamed(&part.checksums);
            Part {
                part_number: Some(*number),
                e_tag: Some(tag(&part.etag)),
                size: i64::try_from(part.length).ok(),
                last_modified: Some(part.last_modified.into()),
                checksum_crc32: checksums.checksum_crc32,
                checksum_crc32c: checksums.checksum_crc32c,
                checksum_crc64nvme: checksums.checksum_crc64nvme,
                checksum_sha1: checksums.checksum_sha1,
                checksum_sha256: checksums.checksum_sha256,
            }
        });
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: Some(limit),
            is_truncated: Some(more),
            next_part_number_marker: page.last().map(|(number, _)| *number).filter(|_| more),
            part_number_marker: Some(after),
            parts: Some(parts.collect()),
            ..Default::default()
        }))
    }

    /// All uploads that are not complete, in one page: a laptop has few.
    pub(super) async fn list_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        self.require_bucket(input.bucket.clone()).await?;
        let index = self.index.clone();
        let mut uploads = blocking(move || index.read()?.uploads()).await?;
        let prefix = input.prefix.clone().unwrap_or_default();
        uploads
            .retain(|(_, upload)| upload.bucket == input.bucket && upload.key.starts_with(&prefix));
        uploads.sort_by(|(_, a), (_, b)| (&a.key, a.initiated).cmp(&(&b.key, b.initiated)));
        let shown = super::listing::Shown::new(input.encoding_type.as_ref());
        let uploads = uploads.into_iter().map(|(id, upload)| MultipartUpload {
            key: Some(shown.text(&upload.key)),
            upload_id: Some(id),
            initiated: Some(upload.initiated.into()),
            ..Default::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: Some(shown.text(&prefix)),
            is_truncated: Some(false),
            uploads: Some(uploads.collect()),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    /// An upload, if there is one of that id for that key.
    async fn upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
        self.require_bucket(bucket.to_owned()).await?;
        let (index, id) = (self.index.clone(), id.to_owned());
        let upload = blocking(move || index.read()?.upload(&id)).await?;
        upload
            .filter(|upload| upload.bucket == bucket && upload.key == key)
            .ok_or_else(|| s3_error!(NoSuchUpload))
    }
}

fn part_number(number: PartNumber) -> S3Result<u32> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=MAX_PARTS).contains(number))
        .ok_or_else(|| s3_error!(InvalidArgument, "part numbers are from 1 to 10000"))
}

/// The stored parts that the client names, in its order, which must ascend.
fn chosen(wanted: Vec<CompletedPart>, stored: Vec<(u32, Stored)>) -> S3Result<Vec<Stored>> {
    if wanted.is_empty() {
        return Err(s3_error!(MalformedXML, "an upload has at least one part"));
    }
    let mut stored: std::collections::BTreeMap<u32, Stored> = stored.into_iter().collect();
    if !wanted.is_sorted_by(|a, b| a.part_number < b.part_number) {
        return Err(s3_error!(InvalidPartOrder));
    }
    let mut chosen = Vec::new();
    let count = wanted.len();
    for (at, part) in wanted.into_iter().enumerate() {
        let number = part_number(part.part_number.unwrap_or_default())?;
        let found = stored
            .remove(&number)
            .ok_or_else(|| s3_error!(InvalidPart))?;
        let same_tag = part
            .e_tag
            .is_some_and(|tag| tag.value() == found.etag.as_str());
        let said = named(&Checksum {
            checksum_crc32: part.checksum_crc32,
            checksum_crc32c: part.checksum_crc32c,
            checksum_crc64nvme: part.checksum_crc64nvme,
            checksum_sha1: part.checksum_sha1,
            checksum_sha256: part.checksum_sha256,
            ..Default::default()
        });
        let same = said
            .iter()
            .all(|(name, value)| found.checksums.get(name) == Some(value));
        if !same_tag || !same {
            return Err(s3_error!(InvalidPart));
        }
        if at + 1 < count && found.length < MIN_PART_BYTES {
            return Err(s3_error!(EntityTooSmall));
        }
        chosen.push(found);
    }
    Ok(chosen)
}

/// The composite checksum: that of the parts' checksums, and `-` and their number. None where a part has
/// none.
fn of_parts(algorithm: &str, parts: &[Stored]) -> Checksums {
    let wanted = |name: &str| name == algorithm;
    let mut hasher = ChecksumHasher {
        crc32: wanted("crc32").then(Default::default),
        crc32c: wanted("crc32c").then(Default::default),
        // Defined for whole objects alone.
        crc64nvme: None,
        sha1: wanted("sha1").then(Default::default),
        sha256: wanted("sha256").then(Default::default),
    };
    for part in parts {
        let decoded = part
            .checksums
            .get(algorithm)
            .map(|sum| BASE64_STANDARD.decode(sum));
        let Some(Ok(sum)) = decoded else {
            return Checksums::new();
        };
        hasher.update(&sum);
    }
    let mut checksums = named(&hasher.finalize());
    for value in checksums.values_mut() {
        *value += &format!("-{}", parts.len());
    }
    checksums
}
