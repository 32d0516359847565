//! CloudEvents 1.0 over HTTP, and the object-store notifications inside them.
//!
//! An [`Event`] is what arrives; its [`Change`] is what it says of one object. The key comes from
//! the body, as raw UTF-8, never from `ce-subject`, whose encoding is not documented.

use std::fmt;

use crate::object::{Bucket, ETag, Key, ObjectId};

/// `ce-type` of a created or replaced object in IBM Cloud Object Storage.
pub const TYPE_WRITE: &str = "com.ibm.cloud.cos.document.write";
/// `ce-type` of a deleted object in IBM Cloud Object Storage.
pub const TYPE_DELETE: &str = "com.ibm.cloud.cos.document.delete";
/// The extension attribute by which a backfill names its run.
pub const BACKFILL_RUN: &str = "backfillrun";

/// A CloudEvent about one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    cloudevent: cloudevents::Event,
    change: Change,
}

/// What happened to one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Written or deleted.
    pub operation: Operation,
    /// Which object.
    pub object: ObjectId,
    /// The version written, where the sender says it. A hint: the store is asked for the truth.
    pub etag: Option<ETag>,
    /// The length in bytes, where the sender says it. A hint likewise.
    pub length: Option<u64>,
    /// The media type it was stored with, where the sender says it. Never believed.
    pub content_type: Option<String>,
    /// The body's `endpoint`. Always empty from Code Engine; it is never connected to.
    pub endpoint: String,
}

/// Created or replaced, or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `Object:Write`
    Write,
    /// `Object:Delete`
    Delete,
}
