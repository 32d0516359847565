//! What a person can do about a store that refuses or is not there, in the names of the settings.

use std::error::Error as StdError;

use super::{
    COS_ACCESS_KEY_ID, COS_API_KEY, COS_BUCKET, COS_ENDPOINT, COS_REGION, COS_SECRET_ACCESS_KEY,
    COS_TRUSTED_PROFILE, IAM_URL,
};
use crate::object::Bucket;
use crate::storage::{Credentials, Error, Kind, S3Config, iam};

/// Which settings to look at after `error`, or one of its causes, came from the store of `config`. `None`
/// where no setting is to blame, so that only waiting helps. No secret is repeated.
#[must_use]
pub fn advice(error: &(dyn StdError + 'static), config: &S3Config) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let error = causes.find_map(|cause| cause.downcast_ref::<Error>())?;
    if let Some(error) = error.source().and_then(|cause| cause.downcast_ref()) {
        return of_iam(error);
    }
    let (bucket, endpoint) = (&config.bucket, &config.endpoint);
    let (bucket_is, endpoint_is) = (COS_BUCKET.name, COS_ENDPOINT.name);
    match (error.kind(), error.code()) {
        (Kind::NoSuchBucket, Some("NoSuchBucket")) => Some(format!(
            "{bucket_is} is {bucket}, and {endpoint_is} is {endpoint}: set the one to a bucket that is there, or the \
             other to the endpoint of the bucket's own location"
        )),
        (Kind::NoSuchBucket, _) => Some(format!(
            "set {endpoint_is}, which is {endpoint}, to the endpoint of the location of bucket {bucket}"
        )),
        (Kind::AccessDenied, code) => Some(of_refusal(code, config)),
        // No object is asked for by a listing; and who says such a thing of one speaks no S3.
        (Kind::NotFound | Kind::Invalid, None) if error.operation() == "ListObjectsV2" => {
            Some(format!(
                "what answers at {endpoint} is no S3 store: set {endpoint_is} to the URL of one"
            ))
        }
        (Kind::Invalid, None) if error.operation() == "HeadObject" => Some(format!(
            "the store says not why: {} is {}, is it the store's?",
            COS_REGION.name, config.region
        )),
        (Kind::Unavailable, None) => Some(format!(
            "{endpoint_is} is {endpoint}: is that right, and can this machine reach it? IBM's private and direct \
             endpoints are reached from within IBM Cloud alone"
        )),
        _ => None,
    }
}

/// Of a store that answers, and does not let in.
fn of_refusal(code: Option<&str>, config: &S3Config) -> String {
    let (id, secret) = (COS_ACCESS_KEY_ID.name, COS_SECRET_ACCESS_KEY.name);
    match code {
        Some("InvalidAccessKeyId") => format!(
            "the store does not know {id}: set it and {secret} to an HMAC credential that has not been deleted"
        ),
        Some("SignatureDoesNotMatch") => {
            format!("set {secret} to the secret that belongs to {id}: it is another's")
        }
        Some("AuthorizationHeaderMalformed") => format!(
            "{} is {}: set it to the region that the store expects",
            COS_REGION.name, config.region
        ),
        Some("RequestTimeTooSkewed" | "ExpiredToken" | "InvalidToken") => {
            "set the clock of this machine: signatures and tokens go by the time".to_owned()
        }
        code => {
            let bucket = &config.bucket;
            match &config.credentials {
                // The answer to a HEAD says no more.
                Credentials::Hmac(_) if code.is_none() => format!(
                    "the store does not take the credential: {id} and {secret} must belong together, and their owner \
                     have the role Writer on bucket {bucket}"
                ),
                Credentials::Hmac(_) => no_right(bucket, id),
                Credentials::Iam { .. } => {
                    let names = format!("{} or {}", COS_API_KEY.name, COS_TRUSTED_PROFILE.name);
                    no_right(bucket, &names)
                }
            }
        }
    }
}

fn no_right(bucket: &Bucket, name: &str) -> String {
    format!(
        "the credential has no right to that: give its owner the role Writer on bucket {bucket} (to look at it, Reader \
         is enough), or set {name} to another"
    )
}

/// Of who gives tokens, which the store was not even asked with.
fn of_iam(error: &iam::Error) -> Option<String> {
    let (key, profile, url) = (COS_API_KEY.name, COS_TRUSTED_PROFILE.name, IAM_URL.name);
    match error {
        iam::Error::Status {
            status: 429 | 500..,
            ..
        } => None,
        iam::Error::Transport(_) | iam::Error::TimedOut(_) | iam::Error::Answer(_) => {
            Some(format!("can this machine reach {url}, and is it right?"))
        }
        _ => Some(format!(
            "set {key} to an API key that is good, or {profile} to a profile that this may act as"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::HmacKey;

    fn told(error: &Error) -> Option<String> {
        let config = S3Config {
            endpoint: "https://store.example".to_owned(),
            region: "eu-de".to_owned(),
            bucket: Bucket::new("photos"),
            credentials: Credentials::Hmac(HmacKey {
                access_key_id: "id".to_owned(),
                secret_access_key: "canary-a1".to_owned(),
            }),
        };
        let told = advice(error, &config);
        assert!(!told.as_ref().is_some_and(|told| told.contains("canary")));
        told
    }

    #[test]
    fn the_setting_to_blame_is_named() {
        for (kind, code, operation, named) in [
            (
                Kind::NoSuchBucket,
                Some("NoSuchBucket"),
                "GetObject",
                "COS_BUCKET is photos",
            ),
            (
                Kind::NoSuchBucket,
                Some("PermanentRedirect"),
                "GetObject",
                "COS_ENDPOINT, which is https://store",
            ),
            (
                Kind::AccessDenied,
                Some("InvalidAccessKeyId"),
                "GetObject",
                "COS_ACCESS_KEY_ID",
            ),
            (
                Kind::AccessDenied,
                Some("SignatureDoesNotMatch"),
                "GetObject",
                "COS_SECRET_ACCESS_KEY",
            ),
            (
                Kind::AccessDenied,
                Some("AuthorizationHeaderMalformed"),
                "GetObject",
                "COS_REGION is eu-de",
            ),
            (
                Kind::AccessDenied,
                Some("RequestTimeTooSkewed"),
                "GetObject",
                "clock",
            ),
            (
                Kind::AccessDenied,
                Some("AccessDenied"),
                "PutObject",
                "Writer on bucket photos",
            ),
            (
                Kind::AccessDenied,
                None,
                "HeadObject",
                "COS_ACCESS_KEY_ID and COS_SECRET_ACCESS_KEY",
            ),
            (Kind::NotFound, None, "ListObjectsV2", "COS_ENDPOINT"),
            (Kind::Invalid, None, "ListObjectsV2", "COS_ENDPOINT"),
            (Kind::Invalid, None, "HeadObject", "COS_REGION is eu-de"),
            (
                Kind::Unavailable,
                None,
                "GetObject",
                "COS_ENDPOINT is https://store.example",
            ),
        ] {
            let told = told(&Error::new(kind, operation).with_code(code));
            assert!(
                told.as_ref().is_some_and(|told| told.contains(named)),
                "{kind:?} {code:?}: {told:?}"
            );
        }
        let of_iam = |status| {
            let message = "Provided API key could not be found".to_owned();
            let cause = iam::Error::Status { status, message };
            told(&Error::with_source(Kind::AccessDenied, "GetObject", cause))
        };
        assert!(of_iam(400).is_some_and(|told| told.contains("COS_API_KEY")));
        assert_eq!(of_iam(503), None);
    }

    #[test]
    fn nothing_is_advised_where_only_waiting_helps() {
        for (kind, code) in [
            (Kind::Throttled, Some("SlowDown")),
            (Kind::Unavailable, Some("InternalError")),
            (Kind::NotFound, None),
            (Kind::NotFound, Some("NoSuchKey")),
            (Kind::PreconditionFailed, None),
        ] {
            assert_eq!(told(&Error::new(kind, "GetObject").with_code(code)), None);
        }
    }
}
