//! The S3 actions, as `s3s` wants them: it reads requests, verifies `SigV4` and writes answers.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use cos_thumbnails::events::{Change, Event, Operation};
use cos_thumbnails::object::{Bucket, ETag as Tag, Key, ObjectId};
use futures_util::StreamExt;
use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::checksum::ChecksumHasher;
#[allow(
    clippy::wildcard_imports,
    reason = "each action has two types of its own"
)]
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use tokio::sync::mpsc::UnboundedSender;

use super::bucket::{Buckets, ConditionFailed, Entry};

/// The largest body of one PUT. S3 takes 5 GB; this store holds a body in memory while it arrives.
const MAX_BODY_BYTES: usize = 1 << 30;

/// What `encoding-type=url` leaves as it is (Amazon S3 API reference, `ListObjectsV2`).
const UNENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*');

/// The store behind the protocol.
#[derive(Debug, Clone)]
pub(super) struct Actions {
    pub(super) buckets: Arc<Buckets>,
    pub(super) changes: UnboundedSender<Event>,
}

impl Actions {
    /// An error unless there is such a bucket.
    fn bucket(&self, name: String) -> S3Result<Bucket> {
        let bucket = Bucket::new(name);
        if self.buckets.exists(&bucket) {
            Ok(bucket)
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    fn find(&self, bucket: String, key: String) -> S3Result<Entry> {
        let bucket = self.bucket(bucket)?;
        self.buckets
            .find(&bucket, &Key::new(key))
            .ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// Raises the event of a change. Called under the index's lock, so events come in the order of
    /// the changes.
    fn raise(&self, operation: Operation, entry: &Entry) {
        let write = operation == Operation::Write;
        let change = Change {
            operation,
            object: ObjectId {
                bucket: entry.bucket.clone(),
                key: entry.key.clone(),
            },
            etag: write.then(|| entry.etag.clone()),
            // Every example of IBM's has the length, also of what was deleted.
            length: Some(entry.length),
            content_type: entry.content_type.clone().filter(|_| write),
            endpoint: String::new(),
        };
        let id = uuid::Uuid::new_v4().to_string();
        // Nobody listens once the store is stopping; then there is nobody to tell.
        let _ = self.changes.send(Event::new(id, Utc::now(), change));
    }

    async fn delete(&self, bucket: Bucket, key: Key) -> S3Result<()> {
        let store = self.clone();
        blocking(move || {
            store
                .buckets
                .delete(&bucket, &key, |entry| store.raise(Operation::Delete, entry))
        })
        .await
    }
}

/// Files are read and written off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> S3Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(s3_error!(error, InternalError)),
        Err(error) => Err(s3_error!(error, InternalError)),
    }
}

#[async_trait::async_trait]
impl S3 for Actions {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let location = Some(format!("/{}", req.input.bucket));
        self.buckets.create(Bucket::new(req.input.bucket));
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn list_buckets(
        &self,
        _: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let named = |bucket: Bucket| s3s::dto::Bucket {
            name: Some(bucket.as_str().to_owned()),
            ..Default::default()
        };
        let buckets = Some(self.buckets.names().into_iter().map(named).collect());
        Ok(S3Response::new(ListBucketsOutput {
            buckets,
            ..Default::default()
        }))
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let S3Request {
            mut input,
            trailing_headers,
            ..
        } = req;
        let bucket = self.bucket(std::mem::take(&mut input.bucket))?;
        let mut claimed = Checksum {
            checksum_crc32: input.checksum_crc32.take(),
            checksum_crc32c: input.checksum_crc32c.take(),
            checksum_crc64nvme: input.checksum_crc64nvme.take(),
            checksum_sha1: input.checksum_sha1.take(),
            checksum_sha256: input.checksum_sha256.take(),
            ..Default::default()
        };
        let body = read(input.body.take()).await?;
        if let Some(trailers) = trailing_headers.and_then(|trailers| trailers.take()) {
            let trailer = |name| Some(trailers.get(name)?.to_str().ok()?.to_owned());
            claimed.checksum_crc32 = claimed.checksum_crc32.or(trailer("x-amz-checksum-crc32"));
            claimed.checksum_crc32c = claimed.checksum_crc32c.or(trailer("x-amz-checksum-crc32c"));
            claimed.checksum_crc64nvme = claimed
                .checksum_crc64nvme
                .or(trailer("x-amz-checksum-crc64nvme"));
            claimed.checksum_sha1 = claimed.checksum_sha1.or(trailer("x-amz-checksum-sha1"));
            claimed.checksum_sha256 = claimed.checksum_sha256.or(trailer("x-amz-checksum-sha256"));
        }
        let md5 = Md5::digest(&body);
        if input
            .content_md5
            .is_some_and(|claimed| claimed != BASE64_STANDARD.encode(md5))
            || claimed != computed(&claimed, &body)
        {
            return Err(s3_error!(BadDigest));
        }
        let etag = Tag::new(
            &md5.iter()
                .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")),
        );
        let length = body.len() as u64;
        let mut entry = Entry::new(bucket, Key::new(input.key), etag.clone(), length);
        entry.content_type = input.content_type;
        entry.cache_control = input.cache_control;
        entry.metadata = input.metadata.unwrap_or_default().into_iter().collect();
        let (if_match, if_none_match) = (input.if_match, input.if_none_match);
        let store = self.clone();
        let written = blocking(move || {
            let condition = |standing: Option<&Entry>| {
                let is =
                    |wanted: &ETagCondition| standing.is_some_and(|entry| is_tag(wanted, entry));
                if_match.as_ref().is_none_or(is) && !if_none_match.as_ref().is_some_and(is)
            };
            store.buckets.put(entry, &body, condition, |entry| {
                store.raise(Operation::Write, entry);
            })
        })
        .await?;
        written.map_err(|ConditionFailed| s3_error!(PreconditionFailed))?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag.as_str().to_owned())),
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let entry = self.find(input.bucket.clone(), input.key.clone())?;
        let (if_match, if_none_match) = (input.if_match.as_ref(), input.if_none_match.as_ref());
        check(&entry, if_match, if_none_match)?;
        let (store, bucket) = (self.clone(), entry.bucket);
        let found = blocking(move || store.buckets.read(&bucket, &entry.key)).await?;
        let (entry, mut body) = found.ok_or_else(|| s3_error!(NoSuchKey))?;
        // It may be another version by now.
        check(&entry, if_match, if_none_match)?;
        let range = input
            .range
            .map(|range| range.check(entry.length))
            .transpose();
        let range = range.map_err(|_| s3_error!(InvalidRange))?;
        let mut content_range = None;
        if let Some(range) = range {
            content_range = Some(format!(
                "bytes {}-{}/{}",
                range.start,
                range.end - 1,
                entry.length
            ));
            let at = |position| usize::try_from(position).unwrap_or(usize::MAX);
            body = body.slice(at(range.start)..at(range.end));
        }
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(body.len()).ok(),
            content_range,
            content_type: entry.content_type,
            cache_control: entry.cache_control,
            e_tag: Some(ETag::Strong(entry.etag.as_str().to_owned())),
            last_modified: Some(entry.last_modified.into()),
            metadata: Some(entry.metadata.into_iter().collect()),
            body: Some(StreamingBlob::from(s3s::Body::from(body))),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let entry = self.find(input.bucket, input.key)?;
        check(
            &entry,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
        )?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(entry.length).ok(),
            content_type: entry.content_type,
            cache_control: entry.cache_control,
            e_tag: Some(ETag::Strong(entry.etag.as_str().to_owned())),
            last_modified: Some(entry.last_modified.into()),
            metadata: Some(entry.metadata.into_iter().collect()),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let bucket = self.bucket(req.input.bucket)?;
        self.delete(bucket, Key::new(req.input.key)).await?;
        Ok(S3Response::with_status(
            DeleteObjectOutput::default(),
            http::StatusCode::NO_CONTENT,
        ))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let bucket = self.bucket(req.input.bucket)?;
        let mut deleted = Vec::new();
        for object in req.input.delete.objects {
            self.delete(bucket.clone(), Key::new(object.key.as_str()))
                .await?;
            deleted.push(DeletedObject {
                key: Some(object.key),
                ..Default::default()
            });
        }
        let deleted = (!req.input.delete.quiet.unwrap_or(false)).then_some(deleted);
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted,
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let bucket = self.bucket(input.bucket.clone())?;
        if input
            .delimiter
            .as_ref()
            .is_some_and(|delimiter| !delimiter.is_empty())
        {
            return Err(s3_error!(
                NotImplemented,
                "listing with a delimiter is not implemented"
            ));
        }
        let limit = usize::try_from(input.max_keys.unwrap_or(1000))
            .unwrap_or(0)
            .min(1000);
        let token = input
            .continuation_token
            .as_ref()
            .map(|token| decode_token(token))
            .transpose()?;
        let after = token.as_deref().or(input.start_after.as_deref());
        let prefix = input.prefix.clone().unwrap_or_default();
        let listed = self.buckets.list(&bucket, &prefix, after, limit);
        let (page, more) = listed.ok_or_else(|| s3_error!(NoSuchBucket))?;
        let last = page.last().filter(|_| more);
        let next_continuation_token = last.map(|entry| BASE64_STANDARD.encode(entry.key.as_str()));
        let encoded = input
            .encoding_type
            .as_ref()
            .is_some_and(|kind| kind.as_str() == "url");
        let shown = |text: &str| {
            if encoded {
                utf8_percent_encode(text, UNENCODED).to_string()
            } else {
                text.to_owned()
            }
        };
        let object = |entry: &Entry| Object {
            key: Some(shown(entry.key.as_str())),
            e_tag: Some(ETag::Strong(entry.etag.as_str().to_owned())),
            size: i64::try_from(entry.length).ok(),
            last_modified: Some(entry.last_modified.into()),
            ..Default::default()
        };
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            key_count: i32::try_from(page.len()).ok(),
            max_keys: i32::try_from(limit).ok(),
            is_truncated: Some(next_continuation_token.is_some()),
            contents: Some(page.iter().map(object).collect()),
            prefix: Some(shown(&prefix)),
            continuation_token: input.continuation_token,
            start_after: input.start_after.as_deref().map(shown),
            encoding_type: input.encoding_type,
            next_continuation_token,
            ..Default::default()
        }))
    }
}

/// The whole body, within [`MAX_BODY_BYTES`].
async fn read(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut bytes = BytesMut::new();
    let Some(mut body) = body else {
        return Ok(Bytes::new());
    };
    while let Some(chunk) = body.next().await {
        // A wrong signature of a chunk, or a connection that broke.
        let chunk =
            chunk.map_err(|error| S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?;
        if bytes.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(s3_error!(EntityTooLarge));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The checksums of `body` by the algorithms that `claimed` names.
fn computed(claimed: &Checksum, body: &[u8]) -> Checksum {
    let mut hasher = ChecksumHasher {
        crc32: claimed.checksum_crc32.is_some().then(Default::default),
        crc32c: claimed.checksum_crc32c.is_some().then(Default::default),
        sha1: claimed.checksum_sha1.is_some().then(Default::default),
        sha256: claimed.checksum_sha256.is_some().then(Default::default),
        crc64nvme: claimed.checksum_crc64nvme.is_some().then(Default::default),
    };
    hasher.update(body);
    hasher.finalize()
}

/// The conditions of a read, in the order of RFC 9110, 13.2.2.
fn check(
    entry: &Entry,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if if_match.is_some_and(|wanted| !is_tag(wanted, entry)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(|known| is_tag(known, entry)) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

fn is_tag(condition: &ETagCondition, entry: &Entry) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == entry.etag.as_str(),
    }
}

/// A continuation token is the last key of the page before, in a form that no client takes for one.
fn decode_token(token: &str) -> S3Result<String> {
    let bytes = BASE64_STANDARD
        .decode(token)
        .map_err(|error| s3_error!(error, InvalidArgument))?;
    String::from_utf8(bytes).map_err(|error| s3_error!(error, InvalidArgument))
}
