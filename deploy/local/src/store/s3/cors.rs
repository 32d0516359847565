//! A bucket's rules for pages of other origins.

#[allow(
    clippy::wildcard_imports,
    reason = "each action has two types of its own"
)]
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::cors::Rule;
use super::{Actions, blocking};

/// What a rule may allow.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];
/// The most rules of a bucket.
const MOST_RULES: usize = 100;

impl Actions {
    pub(super) async fn put_cors(
        &self,
        req: S3Request<PutBucketCorsInput>,
    ) -> S3Result<S3Response<PutBucketCorsOutput>> {
        let rules = req.input.cors_configuration.cors_rules;
        if rules.is_empty() || rules.len() > MOST_RULES {
            return Err(s3_error!(
                MalformedXML,
                "a bucket has 1 to {MOST_RULES} rules"
            ));
        }
        let rules = rules.into_iter().map(checked);
        self.set_rules(req.input.bucket, rules.collect::<S3Result<_>>()?)
            .await?;
        Ok(S3Response::new(PutBucketCorsOutput {}))
    }

    pub(super) async fn delete_cors(
        &self,
        req: S3Request<DeleteBucketCorsInput>,
    ) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
        self.set_rules(req.input.bucket, Vec::new()).await?;
        let gone = http::StatusCode::NO_CONTENT;
        Ok(S3Response::with_status(DeleteBucketCorsOutput {}, gone))
    }

    pub(super) async fn get_cors(
        &self,
        req: S3Request<GetBucketCorsInput>,
    ) -> S3Result<S3Response<GetBucketCorsOutput>> {
        let (index, bucket) = (self.index.clone(), req.input.bucket);
        let settings = blocking(move || index.read()?.settings(&bucket)).await?;
        let rules = settings.ok_or_else(|| s3_error!(NoSuchBucket))?.cors;
        if rules.is_empty() {
            return Err(s3_error!(NoSuchCORSConfiguration));
        }
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let rules = rules.into_iter().map(|rule| CORSRule {
            allowed_headers: some(rule.headers),
            allowed_methods: rule.methods,
            allowed_origins: rule.origins,
            expose_headers: some(rule.exposed),
            id: rule.id,
            max_age_seconds: rule.max_age_seconds,
        });
        Ok(S3Response::new(GetBucketCorsOutput {
            cors_rules: Some(rules.collect()),
        }))
    }

    async fn set_rules(&self, bucket: String, rules: Vec<Rule>) -> S3Result<()> {
        self.write(move |tables| {
            let Some(mut settings) = tables.settings(&bucket)? else {
                return Ok(Err(s3_error!(NoSuchBucket)));
            };
            settings.cors = rules;
            tables.set_settings(&bucket, &settings)?;
            Ok(Ok(()))
        })
        .await
    }
}

fn checked(rule: CORSRule) -> S3Result<Rule> {
    if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "a rule allows a method and an origin at least"
        ));
    }
    for method in &rule.allowed_methods {
        if !METHODS.contains(&method.as_str()) {
            return Err(s3_error!(
                InvalidRequest,
                "{method:?} is no method that a rule can allow"
            ));
        }
    }
    let headers = rule.allowed_headers.unwrap_or_default();
    for pattern in rule.allowed_origins.iter().chain(&headers) {
        if pattern.matches('*').count() > 1 {
            return Err(s3_error!(
                InvalidRequest,
                "{pattern:?} has more than one wildcard"
            ));
        }
    }
    Ok(Rule {
        id: rule.id,
        origins: rule.allowed_origins,
        methods: rule.allowed_methods,
        headers,
        exposed: rule.expose_headers.unwrap_or_default(),
        max_age_seconds: rule.max_age_seconds,
    })
}
