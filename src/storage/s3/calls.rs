//! The operations of S3, one request each and, for a GET, its body.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{EncodingType, Object as SdkObject};
use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode_str;

use super::failure::error_of;
use super::{Cause, INITIAL_BACKOFF, MAX_BACKOFF, Retries};
use crate::object::{Bucket, ETag, Key};
use crate::storage::{
    Error, GetOptions, Head, Kind, ListOptions, Listed, Metadata, Object, Page, PutOptions,
    Storage, check_key, check_list, check_put, check_range,
};

/// The body of a GET: 100 MB at 2 MB/s.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a GET is sent again after its body broke. Each time is a request with attempts of its own.
const BODY_RETRIES: usize = 2;
/// What a `Content-Length` alone may make us reserve, in bytes; beyond, memory grows with what arrives.
const MAX_RESERVED_BYTES: u64 = 16 << 20;

/// A bucket, with whatever each request is signed by.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    pub(super) client: Client,
    pub(super) bucket: Bucket,
    pub(super) retries: Retries,
}

impl Calls {
    /// One GET with its body.
    async fn get_once(&self, key: &Key, options: &GetOptions) -> Result<Object, GetFailure> {
        let output = self
            .client
            .get_object()
            .bucket(self.bucket.as_str())
            .key(key.as_str())
            .set_if_match(options.if_match.as_ref().map(ETag::quoted))
            .set_if_none_match(options.if_none_match.as_ref().map(ETag::quoted))
            .set_range(options.range.as_ref().map(range_header))
            .send()
            .await
            .map_err(|error| GetFailure::Request(error_of(GET, error)))?;
        read_object(output, options).await
    }
}

const GET: &str = "GetObject";
pub(super) const HEAD: &str = "HeadObject";
const PUT: &str = "PutObject";
const DELETE: &str = "DeleteObject";
const LIST: &str = "ListObjectsV2";

/// The SDK tries a request again, but not once the headers are there; so those two differ.
enum GetFailure {
    Request(Error),
    Body(Error),
}

impl GetFailure {
    fn body(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Body(Error::with_source(Kind::Unavailable, GET, cause).answered())
    }
}

#[async_trait]
impl Storage for Calls {
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, Error> {
        check_key(key, GET)?;
        check_range(options.range.as_ref(), GET)?;
        let backoff = ExponentialBuilder::default()
            .with_min_delay(INITIAL_BACKOFF)
            .with_max_delay(MAX_BACKOFF)
            .with_max_times(BODY_RETRIES)
            .with_jitter();
        (|| self.get_once(key, &options))
            .retry(backoff)
            .when(|failure| matches!(failure, GetFailure::Body(_)))
            .notify(|_, _| self.retries.count(Cause::Body))
            .await
            .map_err(|failure| match failure {
                GetFailure::Request(error) | GetFailure::Body(error) => error,
            })
    }

    /// A HEAD's answer has no body, so that an absent bucket looks like an absent object:
    /// [`Kind::NotFound`].
    async fn head(&self, key: &Key) -> Result<Head, Error> {
        check_key(key, HEAD)?;
        let output = self
            .client
            .head_object()
            .bucket(self.bucket.as_str())
            .key(key.as_str())
            .send()
            .await
            .map_err(|error| error_of(HEAD, error))?;
        let length = output
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        Ok(Head {
            etag: required(output.e_tag.as_deref().map(ETag::new), HEAD, "ETag")?,
            length: required(length, HEAD, "Content-Length")?,
            content_type: output.content_type,
            metadata: sorted(output.metadata),
            last_modified: output.last_modified.and_then(system_time),
        })
    }

    async fn put(&self, key: &Key, body: Bytes, options: PutOptions) -> Result<ETag, Error> {
        check_put(key, &options, PUT)?;
        let output = self
            .client
            .put_object()
            .bucket(self.bucket.as_str())
            .key(key.as_str())
            .set_content_type(options.content_type)
            .set_cache_control(options.cache_control)
            .set_metadata(Some(options.metadata.into_iter().collect()))
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|error| error_of(PUT, error))?;
        required(output.e_tag.as_deref().map(ETag::new), PUT, "ETag")
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        check_key(key, DELETE)?;
        let output = self
            .client
            .delete_object()
            .bucket(self.bucket.as_str())
            .key(key.as_str())
            .send()
            .await;
        match output.map_err(|error| error_of(DELETE, error)) {
            Ok(_) => Ok(()),
            // S3 answers 204 for an absent object; some stores answer 404, by its code.
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Keys are asked for URL-encoded, because XML 1.0 cannot carry most control characters.
    async fn list(&self, options: ListOptions) -> Result<Page, Error> {
        let limit = check_list(&options)?;
        let output = self
            .client
            .list_objects_v2()
            .bucket(self.bucket.as_str())
            .prefix(options.prefix)
            .set_continuation_token(options.continuation_token)
            .max_keys(i32::try_from(limit).unwrap_or(i32::MAX))
            .encoding_type(EncodingType::Url)
            .send()
            .await
            .map_err(|error| error_of(LIST, error))?;
        let encoded = output.encoding_type == Some(EncodingType::Url);
        let objects: Vec<_> = output
            .contents
            .unwrap_or_default()
            .into_iter()
            .map(|object| listed(object, encoded))
            .collect::<Result<_, _>>()?;
        // Joins and resumed listings rest on this order; a store that has another is no S3.
        if !objects.is_sorted_by(|a, b| a.key < b.key) {
            let cause = "the keys do not ascend bytewise";
            return Err(Error::with_source(Kind::Invalid, LIST, cause));
        }
        let more = output.is_truncated.unwrap_or(false);
        let token = output.next_continuation_token.filter(|_| more);
        let next = if more {
            Some(required(token, LIST, "NextContinuationToken")?)
        } else {
            None
        };
        Ok(Page { objects, next })
    }
}

/// Reads the body that belongs to the headers in `output`.
async fn read_object(output: GetObjectOutput, options: &GetOptions) -> Result<Object, GetFailure> {
    let missing = |name| GetFailure::Request(missing(GET, name));
    // Without a length the end of a body cannot be told from a broken connection.
    let sent = output
        .content_length
        .and_then(|length| u64::try_from(length).ok());
    let sent = sent.ok_or_else(|| missing("Content-Length"))?;
    let etag = output
        .e_tag
        .as_deref()
        .map(ETag::new)
        .ok_or_else(|| missing("ETag"))?;
    let partial = match output.content_range.as_deref() {
        Some(header) => Some(content_range(header).ok_or_else(|| missing("Content-Range"))?),
        None => None,
    };
    // A server may ignore Range and send everything (RFC 9110, 14.2).
    let (first, length) = partial.unwrap_or((0, sent));
    let wanted = options.range.clone().unwrap_or(0..length);
    if partial.is_some() && first != wanted.start {
        return Err(GetFailure::body("the store sent another range"));
    }
    if options.range.is_some() && wanted.start >= length {
        return Err(GetFailure::Request(Error::new(Kind::InvalidRange, GET)));
    }
    let skip = wanted.start - first;
    let take = wanted.end.min(length) - wanted.start;
    if options.max_length.is_some_and(|most| take > most) {
        return Err(GetFailure::Request(Error::new(Kind::TooLong, GET)));
    }
    let body = tokio::time::timeout(BODY_TIMEOUT, read_body(output.body, skip + take))
        .await
        .map_err(GetFailure::body)?
        .map_err(GetFailure::body)?;
    let end = body.len();
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    if end as u64 != skip as u64 + take {
        return Err(GetFailure::body("the body is shorter than its length"));
    }
    let head = Head {
        etag,
        length,
        content_type: output.content_type,
        metadata: sorted(output.metadata),
        last_modified: output.last_modified.and_then(system_time),
    };
    Ok(Object {
        head,
        body: body.slice(skip..end),
    })
}

/// The first `length` bytes of a body, or fewer where it ends before.
async fn read_body(
    mut body: ByteStream,
    length: u64,
) -> Result<Bytes, aws_sdk_s3::primitives::ByteStreamError> {
    let reserved = usize::try_from(length.min(MAX_RESERVED_BYTES)).unwrap_or_default();
    let mut bytes = BytesMut::with_capacity(reserved);
    // Read on to the end where the end is what was asked for: only then is the body known to be whole,
    // and the connection can be used again.
    while let Some(chunk) = body.try_next().await? {
        let room = length - bytes.len() as u64;
        if chunk.len() as u64 > room {
            bytes.extend_from_slice(&chunk[..usize::try_from(room).unwrap_or(chunk.len())]);
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The value of `Range`. An end that no object reaches is left out: some stores read positions as
/// signed numbers.
fn range_header(range: &Range<u64>) -> String {
    let (first, last) = (range.start, range.end - 1);
    if i64::try_from(last).is_ok() {
        format!("bytes={first}-{last}")
    } else {
        format!("bytes={first}-")
    }
}

/// First byte and whole length from `bytes first-last/length` (RFC 9110, 14.4).
fn content_range(header: &str) -> Option<(u64, u64)> {
    let (range, length) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, length.parse().ok()?))
}

fn listed(object: SdkObject, encoded: bool) -> Result<Listed, Error> {
    let key = required(object.key, LIST, "Key")?;
    let length = object.size.and_then(|size| u64::try_from(size).ok());
    Ok(Listed {
        key: Key::new(if encoded { url_decoded(&key)? } else { key }),
        etag: required(object.e_tag.as_deref().map(ETag::new), LIST, "ETag")?,
        length: required(length, LIST, "Size")?,
        last_modified: object.last_modified.and_then(system_time),
    })
}

/// Undoes `encoding-type=url`.
///
/// AWS, IBM and `MinIO` write a space as `+`, Swift and Ceph as `%20`; all write a plus as `%2B`. So a
/// plus is always a space, as boto3 and minio-go take it too.
fn url_decoded(key: &str) -> Result<String, Error> {
    let spaced = key.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(error) => Err(Error::with_source(Kind::Invalid, LIST, error)),
    }
}

fn sorted(metadata: Option<HashMap<String, String>>) -> Metadata {
    metadata
        .unwrap_or_default()
        .into_iter()
        .map(|(k, v)| (k.to_ascii_lowercase(), v))
        .collect()
}

fn system_time(time: DateTime) -> Option<SystemTime> {
    SystemTime::try_from(time).ok()
}

fn required<T>(value: Option<T>, operation: &'static str, name: &str) -> Result<T, Error> {
    value.ok_or_else(|| missing(operation, name))
}

fn missing(operation: &'static str, name: &str) -> Error {
    let cause = format!("the answer has no usable {name}");
    Error::with_source(Kind::Unavailable, operation, cause).answered()
}
