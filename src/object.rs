//! The words that every module shares: [`Bucket`], [`Key`], [`ETag`] and [`ObjectId`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest key that S3 and COS accept, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1024;

/// A bucket's name, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(String);

impl Bucket {
    /// Names a bucket. Any text is a name; whether it exists is for the store to say.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object's key: raw UTF-8, never percent-encoded or decoded by this library.
///
/// Keys compare bytewise, as `ListObjectsV2` orders them. `a//b`, `a/../b` and `/a` are keys like
/// any other and stay distinct: a key is a name, not a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// Names an object. Keys longer than [`MAX_KEY_BYTES`] can be named, but no store holds one.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key as raw UTF-8.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Length in bytes of UTF-8, which is what [`MAX_KEY_BYTES`] limits.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.0.len()
    }
}

/// Control characters are shown escaped, so that a key can neither break a line nor drive a terminal.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                write!(f, "{}", c.escape_default())?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}

/// An entity tag without its quotes, as COS events carry it. Opaque: equal tags mean equal bytes of
/// one object; nothing else may be read from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ETag(String);

impl ETag {
    /// Takes a tag with or without the quotes that HTTP puts around it.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        let tag = tag.strip_prefix('"').unwrap_or(tag);
        Self(tag.strip_suffix('"').unwrap_or(tag).to_owned())
    }

    /// The tag without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag in quotes, as `If-Match` and `If-None-Match` want it (RFC 9110, 8.8.3).
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which object in which bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// The bucket.
    pub bucket: Bucket,
    /// The key in it.
    pub key: Key,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etag_loses_its_quotes_once() {
        assert_eq!(ETag::new("\"abc\""), ETag::new("abc"));
        assert_eq!(ETag::new("abc").quoted(), "\"abc\"");
    }

    #[test]
    fn a_key_with_a_newline_stays_on_one_line() {
        let shown = Key::new("a\nb\u{1b}[31m\u{2028}é").to_string();
        assert_eq!(shown, "a\\nb\\u{1b}[31m\\u{2028}é");
    }
}
