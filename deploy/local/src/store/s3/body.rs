//! Bodies as they arrive and as they leave.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use cos_thumbnails::object::ETag;
use futures_util::{StreamExt, stream};
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};

use super::super::entry::Checksums;
use super::super::folder::{Aside, Folder, Opened};
use super::super::index::NewContent;
use super::blocking;

/// The largest body of one PUT or part (Amazon S3 user guide, "Uploading objects").
const MAX_BODY_BYTES: u64 = 5 << 30;
/// Longer bodies get a file of their own.
const MAX_INLINE_BYTES: usize = 64 << 10;
/// Bytes that are handed to a blocking thread at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A body that arrived, whole and as its checksums say.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) content: NewContent,
    pub(super) etag: ETag,
    pub(super) length: u64,
    pub(super) checksums: Checksums,
}

/// What the client says of a body.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    pub(super) md5: Option<String>,
    pub(super) checksum: Checksum,
    /// Header fields that may come after the body.
    pub(super) trailers: Option<TrailingHeaders>,
    /// The algorithm of the checksum that comes with the body, where its value comes after it.
    pub(super) trailing: Option<String>,
}

/// Reads the whole body to where it is kept.
pub(super) async fn receive(
    folder: &Arc<Folder>,
    body: Option<StreamingBlob>,
    mut claimed: Claimed,
) -> S3Result<Received> {
    let mut arriving = Arriving {
        folder: Arc::clone(folder),
        buffer: BytesMut::new(),
        file: None,
        md5: Md5::new(),
        checksums: hasher(&claimed),
        length: 0,
    };
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            // A wrong signature of a chunk, or a connection that broke.
            let chunk = chunk
                .map_err(|error| S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?;
            arriving.length += chunk.len() as u64;
            if arriving.length > MAX_BODY_BYTES {
                return Err(s3_error!(EntityTooLarge));
            }
            arriving.buffer.extend_from_slice(&chunk);
            if arriving.buffer.len() >= CHUNK_BYTES {
                arriving = blocking(move || {
                    arriving.put_aside()?;
                    Ok(arriving)
                })
                .await?;
            }
        }
    }
    let length = arriving.length;
    let (content, md5, computed) = blocking(move || arriving.finish()).await?;
    if let Some(trailers) = claimed.trailers.and_then(|trailers| trailers.take()) {
        let of = |name| Some(trailers.get(name)?.to_str().ok()?.to_owned());
        let said = &mut claimed.checksum;
        said.checksum_crc32 = said.checksum_crc32.take().or(of("x-amz-checksum-crc32"));
        said.checksum_crc32c = said.checksum_crc32c.take().or(of("x-amz-checksum-crc32c"));
        said.checksum_crc64nvme = said
            .checksum_crc64nvme
            .take()
            .or(of("x-amz-checksum-crc64nvme"));
        said.checksum_sha1 = said.checksum_sha1.take().or(of("x-amz-checksum-sha1"));
        said.checksum_sha256 = said.checksum_sha256.take().or(of("x-amz-checksum-sha256"));
    }
    let checksums = named(&computed);
    let wrong = named(&claimed.checksum)
        .iter()
        .any(|(name, value)| checksums.get(name) != Some(value));
    if wrong
        || claimed
            .md5
            .is_some_and(|said| said != BASE64_STANDARD.encode(&md5))
    {
        return Err(s3_error!(BadDigest));
    }
    Ok(Received {
        content,
        etag: hex(&md5),
        length,
        checksums,
    })
}

/// A hasher for every checksum that the client sends, before or after the body.
fn hasher(claimed: &Claimed) -> ChecksumHasher {
    let said = &claimed.checksum;
    let wanted = |name: &str, value: &Option<String>| {
        let trailing = claimed
            .trailing
            .as_deref()
            .is_some_and(|algorithm| algorithm == name);
        value.is_some() || trailing
    };
    ChecksumHasher {
        crc32: wanted("crc32", &said.checksum_crc32).then(Default::default),
        crc32c: wanted("crc32c", &said.checksum_crc32c).then(Default::default),
        crc64nvme: wanted("crc64nvme", &said.checksum_crc64nvme).then(Default::default),
        sha1: wanted("sha1", &said.checksum_sha1).then(Default::default),
        sha256: wanted("sha256", &said.checksum_sha256).then(Default::default),
    }
}

/// The checksums that are there, by name.
pub(super) fn named(checksum: &Checksum) -> Checksums {
    [
        ("crc32", &checksum.checksum_crc32),
        ("crc32c", &checksum.checksum_crc32c),
        ("crc64nvme", &checksum.checksum_crc64nvme),
        ("sha1", &checksum.checksum_sha1),
        ("sha256", &checksum.checksum_sha256),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
    .collect()
}

/// The same in the protocol's form.
pub(super) fn unnamed(checksums: &Checksums) -> Checksum {
    let of = |name| checksums.get(name).cloned();
    Checksum {
        checksum_crc32: of("crc32"),
        checksum_crc32c: of("crc32c"),
        checksum_crc64nvme: of("crc64nvme"),
        checksum_sha1: of("sha1"),
        checksum_sha256: of("sha256"),
        ..Default::default()
    }
}

/// A digest as an entity tag.
pub(super) fn hex(digest: &[u8]) -> ETag {
    let hex = digest
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    ETag::new(&hex)
}

/// A body on its way in.
struct Arriving {
    folder: Arc<Folder>,
    buffer: BytesMut,
    file: Option<Aside>,
    md5: Md5,
    checksums: ChecksumHasher,
    length: u64,
}

impl Arriving {
    fn put_aside(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.folder.create()?),
        };
        file.write(&self.buffer)?;
        self.md5.update(&self.buffer);
        self.checksums.update(&self.buffer);
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<(NewContent, Vec<u8>, Checksum)> {
        let content = if self.file.is_none() && self.buffer.len() <= MAX_INLINE_BYTES {
            let bytes = self.buffer.split().freeze();
            self.md5.update(&bytes);
            self.checksums.update(&bytes);
            NewContent::Inline(bytes)
        } else {
            self.put_aside()?;
            let file = self.file.take().ok_or(io::ErrorKind::NotFound)?;
            NewContent::File(file.finish()?)
        };
        Ok((
            content,
            self.md5.finalize().to_vec(),
            self.checksums.finalize(),
        ))
    }
}

/// A part of an object's bytes, read as the client takes them.
pub(super) async fn send(opened: Opened, range: Range<u64>) -> S3Result<StreamingBlob> {
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    if length <= CHUNK_BYTES {
        let bytes = blocking(move || piece(opened, range.start, length))
            .await?
            .0;
        return Ok(StreamingBlob::from(s3s::Body::from(bytes)));
    }
    let pieces = stream::try_unfold((opened, range.start), move |(opened, at)| async move {
        let length = usize::try_from(range.end - at)
            .unwrap_or(usize::MAX)
            .min(CHUNK_BYTES);
        if length == 0 {
            return Ok::<_, io::Error>(None);
        }
        let read = tokio::task::spawn_blocking(move || piece(opened, at, length)).await;
        let (bytes, opened) = read.map_err(io::Error::other)??;
        Ok(Some((bytes, (opened, at + length as u64))))
    });
    Ok(StreamingBlob::wrap(Box::pin(pieces)))
}

fn piece(mut opened: Opened, start: u64, length: usize) -> io::Result<(Bytes, Opened)> {
    let bytes = opened.read(start, length)?;
    Ok((bytes, opened))
}
