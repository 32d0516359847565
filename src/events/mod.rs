//! CloudEvents 1.0 over HTTP, and the object-store notifications inside them.
//!
//! An [`Event`] is what arrives; its [`Change`] is what it says of one object. The key comes from
//! the body, as raw UTF-8, never from `ce-subject`, whose encoding is not documented.
//!
//! `cloudevents-sdk` models the event. The reading of the HTTP binding is ours, because the SDK
//! does not percent-decode header values, fails on header bytes outside ASCII (which Ceph sends)
//! and has no batched mode.

mod cos;
mod error;
mod event;
mod http;
mod job;
mod s3_notification;

pub use error::{ParseError, Problem};
pub use event::{Change, Event, Operation};
pub use http::{MAX_BATCH, parse_http, parse_http_each};
pub use job::parse_job;
use s3_notification::MAX_COPIED_BYTES;

/// `ce-type` of a created or replaced object in IBM Cloud Object Storage.
pub const TYPE_WRITE: &str = "com.ibm.cloud.cos.document.write";
/// `ce-type` of a deleted object in IBM Cloud Object Storage.
pub const TYPE_DELETE: &str = "com.ibm.cloud.cos.document.delete";
/// The extension attribute by which a backfill names its run.
pub const BACKFILL_RUN: &str = "backfillrun";
