//! Listings, both versions, bytewise and in pages.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
#[allow(
    clippy::wildcard_imports,
    reason = "each action has two types of its own"
)]
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::index::{Page, Query};
use super::{Actions, blocking, tag};

/// The most keys and common prefixes of a page, and what a page has by default.
const PAGE: i32 = 1000;

/// What `encoding-type=url` leaves as it is (Amazon S3 API reference, `ListObjectsV2`).
const UNENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*');

impl Actions {
    async fn page(&self, bucket: String, query: Query) -> S3Result<Page> {
        let index = self.index.clone();
        let listed = blocking(move || {
            let read = index.read()?;
            let known = read.has_bucket(&bucket)?;
            // A page of nothing is not cut short, whatever there is.
            let page = if query.limit == 0 {
                Page::default()
            } else {
                read.list(&bucket, &query)?
            };
            Ok(known.then_some(page))
        });
        listed.await?.ok_or_else(|| s3_error!(NoSuchBucket))
    }

    pub(super) async fn list(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let token = input
            .continuation_token
            .as_deref()
            .map(decode_token)
            .transpose()?;
        let limit = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: token.or(input.start_after.clone()),
            limit: usize::try_from(limit).unwrap_or_default(),
        };
        let page = self.page(input.bucket.clone(), query).await?;
        let shown = Shown::new(input.encoding_type.as_ref());
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            key_count: i32::try_from(page.objects.len() + page.common_prefixes.len()).ok(),
            max_keys: Some(limit),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(|next| BASE64_STANDARD.encode(next)),
            contents: Some(shown.objects(&page)),
            common_prefixes: shown.common_prefixes(&page),
            prefix: Some(shown.text(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.as_deref().map(|text| shown.text(text)),
            continuation_token: input.continuation_token,
            start_after: input.start_after.as_deref().map(|text| shown.text(text)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) async fn list_v1(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let limit = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: input.marker.clone().filter(|marker| !marker.is_empty()),
            limit: usize::try_from(limit).unwrap_or_default(),
        };
        let page = self.page(input.bucket.clone(), query).await?;
        let shown = Shown::new(input.encoding_type.as_ref());
        let next = page.next.as_deref().map(|next| shown.text(next));
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            max_keys: Some(limit),
            is_truncated: Some(page.next.is_some()),
            // Without a delimiter the client goes on after the last key (API reference, `ListObjects`).
            next_marker: next.filter(|_| input.delimiter.is_some()),
            contents: Some(shown.objects(&page)),
            common_prefixes: shown.common_prefixes(&page),
            prefix: Some(shown.text(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.as_deref().map(|text| shown.text(text)),
            marker: Some(shown.text(&input.marker.unwrap_or_default())),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }
}

/// How keys are shown: as they are, or percent-encoded, since XML has no way to say some characters.
pub(super) struct Shown {
    encoded: bool,
}

impl Shown {
    pub(super) fn new(encoding: Option<&EncodingType>) -> Self {
        Self {
            encoded: encoding.is_some_and(|encoding| encoding.as_str() == "url"),
        }
    }

    pub(super) fn text(&self, text: &str) -> String {
        if self.encoded {
            utf8_percent_encode(text, UNENCODED).to_string()
        } else {
            text.to_owned()
        }
    }

    fn objects(&self, page: &Page) -> Vec<Object> {
        let objects = page.objects.iter().map(|(key, entry)| Object {
            key: Some(self.text(key)),
            e_tag: Some(tag(&entry.etag)),
            size: i64::try_from(entry.length).ok(),
            last_modified: Some(entry.last_modified.into()),
            storage_class: Some(ObjectStorageClass::from_static(
                ObjectStorageClass::STANDARD,
            )),
            ..Default::default()
        });
        objects.collect()
    }

    fn common_prefixes(&self, page: &Page) -> Option<Vec<CommonPrefix>> {
        let prefixes = page.common_prefixes.iter().map(|prefix| CommonPrefix {
            prefix: Some(self.text(prefix)),
        });
        (!page.common_prefixes.is_empty()).then(|| prefixes.collect())
    }
}

/// A continuation token is the last key of the page before, in a form that no client takes for one.
fn decode_token(token: &str) -> S3Result<String> {
    let bytes = BASE64_STANDARD
        .decode(token)
        .map_err(|error| s3_error!(error, InvalidArgument))?;
    String::from_utf8(bytes).map_err(|error| s3_error!(error, InvalidArgument))
}
