//! The S3 actions, as `s3s` wants them: it reads requests, verifies `SigV4` and writes answers.

use std::io;
use std::sync::Arc;

use chrono::Utc;
use cos_thumbnails::events::{Change, Event, Operation};
use cos_thumbnails::object::{Bucket, ETag as Version, Key, ObjectId};
#[allow(
    clippy::wildcard_imports,
    reason = "each action has two types of its own"
)]
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::Subscription;
use super::entry::Entry;
use super::index::{Index, Tables};

mod body;
mod conditions;
mod cors;
mod listing;
mod multipart;
mod objects;

/// The store behind the protocol.
#[derive(Debug, Clone)]
pub(super) struct Actions {
    pub(super) index: Arc<Index>,
    pub(super) subscription: Subscription,
    pub(super) region: String,
}

impl Actions {
    /// An error unless there is such a bucket.
    async fn require_bucket(&self, bucket: String) -> S3Result<()> {
        let index = self.index.clone();
        let known = blocking(move || index.read()?.has_bucket(&bucket)).await?;
        known.then_some(()).ok_or_else(|| s3_error!(NoSuchBucket))
    }

    /// Writes to the index; what is refused has changed nothing.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> io::Result<S3Result<T>> + Send + 'static,
    ) -> S3Result<T> {
        let written = self.index.write(work).await;
        written.map_err(|error| s3_error!(error, InternalError))?
    }

    /// How a change becomes an event: in the change's own transaction, if someone has subscribed to it.
    fn raise(
        &self,
    ) -> impl FnOnce(&mut Tables<'_>, Operation, &str, &str, &Entry) -> io::Result<()> + Send + 'static
    {
        let subscription = self.subscription.clone();
        move |tables, operation, bucket, key, entry| {
            if !subscription.covers(bucket, key) {
                return Ok(());
            }
            let write = operation == Operation::Write;
            let change = Change {
                operation,
                object: ObjectId {
                    bucket: Bucket::new(bucket),
                    key: Key::new(key),
                },
                etag: write.then(|| entry.etag.clone()),
                // Every example of IBM's has the length, also of what was deleted.
                length: Some(entry.length),
                content_type: entry.described.content_type.clone().filter(|_| write),
                endpoint: String::new(),
            };
            let id = uuid::Uuid::new_v4().to_string();
            tables.raise(&Event::new(id, Utc::now(), change))
        }
    }
}

/// An entity tag as the protocol has it.
fn tag(etag: &Version) -> ETag {
    ETag::Strong(etag.as_str().to_owned())
}

/// Files and the index are read off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
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
        let (bucket, location) = (
            req.input.bucket.clone(),
            Some(format!("/{}", req.input.bucket)),
        );
        self.write(move |tables| {
            if tables.has_bucket(&bucket)? {
                return Ok(Err(s3_error!(BucketAlreadyOwnedByYou)));
            }
            tables.create_bucket(&bucket)?;
            Ok(Ok(()))
        })
        .await?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn delete_bucket(
        &self,
        req: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let bucket = req.input.bucket;
        self.write(move |tables| {
            if !tables.has_bucket(&bucket)? {
                return Ok(Err(s3_error!(NoSuchBucket)));
            }
            if !tables.is_empty(&bucket)? {
                return Ok(Err(s3_error!(BucketNotEmpty)));
            }
            tables.remove_bucket(&bucket)?;
            Ok(Ok(()))
        })
        .await?;
        let gone = http::StatusCode::NO_CONTENT;
        Ok(S3Response::with_status(DeleteBucketOutput {}, gone))
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.require_bucket(req.input.bucket).await?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(self.region.clone()),
            ..Default::default()
        }))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.require_bucket(req.input.bucket).await?;
        let region = BucketLocationConstraint::from(self.region.clone());
        Ok(S3Response::new(GetBucketLocationOutput {
            location_constraint: Some(region),
        }))
    }

    async fn put_bucket_cors(
        &self,
        req: S3Request<PutBucketCorsInput>,
    ) -> S3Result<S3Response<PutBucketCorsOutput>> {
        self.put_cors(req).await
    }

    async fn get_bucket_cors(
        &self,
        req: S3Request<GetBucketCorsInput>,
    ) -> S3Result<S3Response<GetBucketCorsOutput>> {
        self.get_cors(req).await
    }

    async fn delete_bucket_cors(
        &self,
        req: S3Request<DeleteBucketCorsInput>,
    ) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
        self.delete_cors(req).await
    }

    async fn list_buckets(
        &self,
        _: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let index = self.index.clone();
        let buckets = blocking(move || index.read()?.buckets()).await?;
        let buckets = buckets
            .into_iter()
            .map(|(name, settings)| s3s::dto::Bucket {
                name: Some(name),
                creation_date: Some(settings.created.into()),
                ..Default::default()
            });
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            ..Default::default()
        }))
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.put(req).await
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.get(req).await
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.head(req).await
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        self.copy(req).await
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput {
            bucket,
            key,
            if_match,
            ..
        } = req.input;
        self.remove(bucket, key, if_match).await?;
        let gone = http::StatusCode::NO_CONTENT;
        Ok(S3Response::with_status(DeleteObjectOutput::default(), gone))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = req.input;
        self.require_bucket(bucket.clone()).await?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in delete.objects {
            let key = Some(object.key.clone());
            match self.remove(bucket.clone(), object.key, None).await {
                Ok(()) => deleted.push(DeletedObject {
                    key,
                    ..Default::default()
                }),
                Err(error) => errors.push(Error {
                    key,
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    ..Default::default()
                }),
            }
        }
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!delete.quiet.unwrap_or(false)).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.list(req).await
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.list_v1(req).await
    }

    async fn get_object_tagging(
        &self,
        req: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let tag_set = self.tags(req.input.bucket, req.input.key).await?;
        Ok(S3Response::new(GetObjectTaggingOutput {
            tag_set,
            ..Default::default()
        }))
    }

    async fn put_object_tagging(
        &self,
        req: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        let PutObjectTaggingInput {
            bucket,
            key,
            tagging,
            ..
        } = req.input;
        let tags = tagging.tag_set.into_iter();
        let tags = tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
        self.set_tags(bucket, key, tags).await?;
        Ok(S3Response::new(PutObjectTaggingOutput::default()))
    }

    async fn delete_object_tagging(
        &self,
        req: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        self.set_tags(req.input.bucket, req.input.key, std::iter::empty())
            .await?;
        let gone = http::StatusCode::NO_CONTENT;
        Ok(S3Response::with_status(
            DeleteObjectTaggingOutput::default(),
            gone,
        ))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.create_upload(req).await
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.put_part(req).await
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.copy_part(req).await
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.complete(req).await
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput {
            bucket,
            key,
            upload_id,
            ..
        } = req.input;
        self.abort(bucket, key, upload_id).await?;
        let gone = http::StatusCode::NO_CONTENT;
        Ok(S3Response::with_status(
            AbortMultipartUploadOutput::default(),
            gone,
        ))
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        self.list_upload(req).await
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.list_uploads(req).await
    }
}
