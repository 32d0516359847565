//! What the store keeps of an object beside its bytes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use cos_thumbnails::object::ETag;
use cos_thumbnails::storage::Metadata;
use serde::{Deserialize, Serialize};

use super::cors::Rule;

/// One object as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The MD5 of the bytes in hex; of an object in parts the MD5 of the parts' MD5s, and `-` and their
    /// number.
    pub(super) etag: ETag,
    pub(super) length: u64,
    pub(super) last_modified: SystemTime,
    pub(super) content: Content,
    /// Lengths of the parts in bytes, of an object that came in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<u64>,
    #[serde(default, skip_serializing_if = "Checksums::is_empty")]
    pub(super) checksums: Checksums,
    #[serde(flatten)]
    pub(super) described: Described,
}

/// Where an object's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Content {
    /// In the index, under this number.
    Inline(u64),
    /// In a file of this number.
    File(u64),
}

/// Base64 by the algorithm's name in lower case, such as `crc32`. At most one is there: that which the client chose.
pub(super) type Checksums = BTreeMap<String, String>;

/// What the uploader says of an object. It is given back as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Described {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    pub(super) metadata: Metadata,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
}

/// What the store keeps of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) created: SystemTime,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) cors: Vec<Rule>,
}

/// An upload in parts that is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) initiated: SystemTime,
    /// The checksum that the client chose for its parts, such as `crc32`.
    pub(super) algorithm: Option<String>,
    pub(super) described: Described,
}

/// One part of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) etag: ETag,
    pub(super) length: u64,
    pub(super) last_modified: SystemTime,
    pub(super) content: Content,
    #[serde(default, skip_serializing_if = "Checksums::is_empty")]
    pub(super) checksums: Checksums,
}
