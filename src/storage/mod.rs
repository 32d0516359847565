//! One bucket of an object store: the operations that the flow and the tools need, and no more.
//!
//! [`Storage`] is implemented by [`S3`] (any S3-compatible store, made for IBM Cloud Object Storage)
//! and by [`Memory`] (tests, local rendering). Both pass one contract suite, so code written against
//! the trait behaves the same on either.

#[cfg(feature = "contract")]
pub mod contract;
mod error;
pub mod iam;
mod memory;
mod s3;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};

pub use error::{Error, Kind, with_causes};
pub use memory::Memory;
pub use s3::{Cause, ConfigError, Credentials, HmacKey, Retries, S3, S3Config};

use crate::object::{ETag, Key, MAX_KEY_BYTES};

/// User metadata: names in lower case without the `x-amz-meta-` prefix, values in ASCII.
pub type Metadata = BTreeMap<String, String>;

/// The longest user metadata that S3 takes, in bytes: names and values together
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>).
pub const MAX_METADATA_BYTES: usize = 2048;

/// The most keys on one [`Page`], and how many when nothing is said.
pub const MAX_PAGE_KEYS: u16 = 1000;

/// The media type of what was put without one.
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

/// One bucket of an object store.
///
/// A key that is empty or longer than [`MAX_KEY_BYTES`] is [`Kind::Invalid`] in every operation.
/// Every error says by [`Error::is_retryable`] whether the same call can succeed later.
#[async_trait]
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Reads an object, or a range of it, if the conditions of `options` hold.
    ///
    /// The body is complete when this returns: a connection that breaks in the middle of a body is
    /// an error here and never a short object.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::NotModified`] (`if_none_match` matched), [`Kind::PreconditionFailed`]
    /// (`if_match` did not), [`Kind::InvalidRange`] (starts at or past the end), [`Kind::TooLong`]
    /// (`max_length`), and the faults of any call.
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, Error>;

    /// Reads what is known of an object without its body.
    ///
    /// # Errors
    /// [`Kind::NotFound`], and the faults of any call.
    async fn head(&self, key: &Key) -> Result<Head, Error>;

    /// Writes an object whole, replacing what was there, and returns its new tag.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for headers that HTTP cannot carry unchanged, and the faults of any call.
    async fn put(&self, key: &Key, body: Bytes, options: PutOptions) -> Result<ETag, Error>;

    /// Deletes an object. Deleting what is not there succeeds, as in S3.
    ///
    /// # Errors
    /// The faults of any call.
    async fn delete(&self, key: &Key) -> Result<(), Error>;

    /// One page of the keys that start with `prefix`, in ascending bytewise order.
    ///
    /// # Errors
    /// The faults of any call.
    async fn list(&self, options: ListOptions) -> Result<Page, Error>;
}

/// Conditions and range of a [`Storage::get`]. The default reads the whole object unconditionally.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// Only this version; otherwise [`Kind::PreconditionFailed`].
    pub if_match: Option<ETag>,
    /// Only another version than this; otherwise [`Kind::NotModified`].
    pub if_none_match: Option<ETag>,
    /// Bytes to read, end exclusive; an end past the object's is cut to it. An empty range is
    /// [`Kind::Invalid`]: HTTP cannot say it. `0..n` reads at most `n` bytes of an object whose
    /// length nobody vouches for; `head.length` then tells whether that was all.
    pub range: Option<Range<u64>>,
    /// [`Kind::TooLong`] where more than so many bytes would come, before the body is read.
    pub max_length: Option<u64>,
}

/// An object read by [`Storage::get`].
#[derive(Debug, Clone)]
pub struct Object {
    /// What is known of the object. `head.length` is the whole object's, also for a range.
    pub head: Head,
    /// The bytes that were asked for.
    pub body: Bytes,
}

/// What is known of an object without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The version.
    pub etag: ETag,
    /// Whole length in bytes.
    pub length: u64,
    /// The media type it was stored with, if any.
    pub content_type: Option<String>,
    /// User metadata.
    pub metadata: Metadata,
    /// When it was last written, to the second (HTTP dates have no fractions).
    pub last_modified: Option<SystemTime>,
}

/// Headers of an object to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// `Content-Type`; `application/octet-stream` if nothing is said.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// User metadata: names in lower case, values in printable ASCII without white space around them,
    /// at most [`MAX_METADATA_BYTES`] in all.
    pub metadata: Metadata,
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Only keys that start so.
    pub prefix: String,
    /// Go on where an earlier [`Page`] ended: its `next`.
    pub continuation_token: Option<String>,
    /// At most so many keys, 1 to [`MAX_PAGE_KEYS`] (the store's own maximum and the default).
    pub max_keys: Option<u16>,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The objects, ascending by key.
    pub objects: Vec<Listed>,
    /// The continuation token of the next page; `None` when this was the last one.
    pub next: Option<String>,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// Its version.
    pub etag: ETag,
    /// Its length in bytes.
    pub length: u64,
    /// When it was last written.
    pub last_modified: Option<SystemTime>,
}

// What no store would take is refused before anything is sent, and by every implementation alike.

fn check_key(key: &Key, operation: &'static str) -> Result<(), Error> {
    if (1..=MAX_KEY_BYTES).contains(&key.len_bytes()) {
        return Ok(());
    }
    let cause = format!(
        "a key of {} bytes, not 1 to {MAX_KEY_BYTES}",
        key.len_bytes()
    );
    Err(Error::with_source(Kind::Invalid, operation, cause))
}

fn check_range(range: Option<&Range<u64>>, operation: &'static str) -> Result<(), Error> {
    if range.is_some_and(Range::is_empty) {
        return Err(Error::with_source(
            Kind::Invalid,
            operation,
            "an empty range",
        ));
    }
    Ok(())
}

fn check_put(key: &Key, options: &PutOptions, operation: &'static str) -> Result<(), Error> {
    check_key(key, operation)?;
    let invalid = |cause: String| Err(Error::with_source(Kind::Invalid, operation, cause));
    let PutOptions {
        content_type,
        cache_control,
        metadata,
    } = options;
    for value in [content_type, cache_control].into_iter().flatten() {
        if !is_plain_value(value) {
            return invalid("a header value that HTTP cannot carry".to_owned());
        }
    }
    for (name, value) in metadata {
        let lower_case = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let named = lower_case && HeaderName::from_bytes(name.as_bytes()).is_ok();
        if !named || !is_plain_value(value) {
            return invalid(format!("metadata {name:?} cannot be carried by HTTP"));
        }
    }
    let size: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > MAX_METADATA_BYTES {
        return invalid(format!(
            "{size} bytes of metadata, more than {MAX_METADATA_BYTES}"
        ));
    }
    Ok(())
}

/// Whether a header value arrives as it was sent: printable ASCII without white space around it.
fn is_plain_value(value: &str) -> bool {
    value.is_ascii() && HeaderValue::from_str(value).is_ok() && value.trim() == value
}

/// How many keys to list.
fn check_list(options: &ListOptions) -> Result<usize, Error> {
    match options.max_keys {
        Some(0) => Err(Error::with_source(
            Kind::Invalid,
            "ListObjectsV2",
            "a page of no keys",
        )),
        max_keys => Ok(usize::from(
            max_keys.unwrap_or(MAX_PAGE_KEYS).min(MAX_PAGE_KEYS),
        )),
    }
}
