//! One bucket of an object store: the operations that the flow and the tools need, and no more.
//!
//! [`Storage`] is implemented by [`S3`] (any S3-compatible store, made for IBM Cloud Object Storage)
//! and by [`Memory`] (tests, local rendering). Both pass one contract suite, so code written against
//! the trait behaves the same on either.

mod error;
mod memory;
mod s3;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

pub use error::{Error, Kind};
pub use memory::Memory;
pub use s3::{Credentials, S3, S3Config};

use crate::object::{ETag, Key};

/// User metadata: names in lower case without the `x-amz-meta-` prefix, values in ASCII.
pub type Metadata = BTreeMap<String, String>;

/// One bucket of an object store.
///
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
    /// The faults of any call.
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
    /// Bytes to read, end exclusive; an end past the object's is cut to it.
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
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// User metadata. Names in lower case; S3 allows 2 kB in all.
    pub metadata: Metadata,
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Only keys that start so.
    pub prefix: String,
    /// Go on where an earlier [`Page`] ended: its `next`.
    pub continuation_token: Option<String>,
    /// At most so many keys, 1 to 1000 (the store's own maximum and the default).
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
