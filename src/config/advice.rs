//! What a person can do about a store that refuses or is not there, in the names of the settings.

use std::error::Error as StdError;

use super::{
    CE_SERVICES, CLOUD_OBJECT_STORAGE_APIKEY, COS_ACCESS_KEY_ID, COS_API_KEY, COS_BUCKET,
    COS_ENDPOINT, COS_REGION, COS_SECRET_ACCESS_KEY, COS_TRUSTED_PROFILE, IAM_CR_TOKEN_FILE,
    IAM_URL,
};
use crate::object::Bucket;
use crate::storage::iam::{self, Credential};
use crate::storage::{Credentials, Error, Kind, S3Config};

/// Which settings to look at after `error`, or one of its causes, came from the store of `config`. `None`
/// where no setting is to blame, so that only waiting helps. No secret is repeated.
#[must_use]
pub fn advice(error: &(dyn StdError + 'static), config: &S3Config) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let error = causes.find_map(|cause| cause.downcast_ref::<Error>())?;
    if let Some(error) = error.source().and_then(|cause| cause.downcast_ref()) {
        return of_iam(error, &config.credentials);
    }
    let (bucket, endpoint) = (&config.bucket, &config.endpoint);
    let (bucket_is, endpoint_is) = (COS_BUCKET.name, COS_ENDPOINT.name);
    let is_head = error.operation() == "HeadObject";
    match (error.kind(), error.code()) {
        (Kind::NoSuchBucket, Some("NoSuchBucket")) => Some(format!(
            "{bucket_is} is {bucket}, and {endpoint_is} is {endpoint}: set the one to a bucket that is there, or the \
             other to the endpoint of the bucket's own location"
        )),
        (Kind::NoSuchBucket, _) => Some(format!(
            "set {endpoint_is}, which is {endpoint}, to the endpoint of the location of bucket {bucket}"
        )),
        (Kind::NoStore, _) => Some(format!(
            "what answers at {endpoint} is no S3 store: set {endpoint_is} to the URL of one"
        )),
        // A store says by a code why it refuses, but to a HEAD; and lists its keys as S3 does.
        (Kind::AccessDenied, None) if !is_head => Some(of_another(endpoint)),
        (Kind::Invalid, None) if error.operation() == "ListObjectsV2" => Some(of_another(endpoint)),
        (Kind::AccessDenied, code) => Some(of_refusal(code, config)),
        (Kind::Invalid, None) if is_head => Some(format!(
            "the store says not why: {} is {}, is it the store's?",
            COS_REGION.name, config.region
        )),
        (Kind::Unavailable, None) if !error.is_answered() => Some(format!(
            "{endpoint_is} is {endpoint}: is that right, and can this machine reach it? IBM's private and direct \
             endpoints are reached from within IBM Cloud alone"
        )),
        _ => None,
    }
}

/// Of an answer that is not as a store's.
fn of_another(endpoint: &str) -> String {
    let endpoint_is = COS_ENDPOINT.name;
    format!(
        "what answers at {endpoint} does not say it as an S3 store does: is {endpoint_is} the URL of one, without a \
         proxy between?"
    )
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
                     have the role Writer on {}, which is {bucket}, and must be yours",
                    COS_BUCKET.name
                ),
                credentials => no_right(bucket, name_of(credentials)),
            }
        }
    }
}

fn no_right(bucket: &Bucket, name: &str) -> String {
    format!(
        "the credential has no right to that: is {}, which is {bucket}, yours? Give the credential's owner the role \
         Writer on it (to look at it, Reader is enough), or set {name} to another",
        COS_BUCKET.name
    )
}

/// The setting that says who asks.
fn name_of(credentials: &Credentials) -> &'static str {
    match credentials {
        Credentials::Hmac(_) => COS_ACCESS_KEY_ID.name,
        Credentials::Iam { credential, .. } => match credential {
            Credential::Profile { .. } => COS_TRUSTED_PROFILE.name,
            Credential::ApiKey(_) | Credential::Token(_) => COS_API_KEY.name,
        },
    }
}

/// Of who gives tokens, which the store was not even asked with.
fn of_iam(error: &iam::Error, credentials: &Credentials) -> Option<String> {
    let (key, profile, url) = (COS_API_KEY.name, COS_TRUSTED_PROFILE.name, IAM_URL.name);
    let is_profile = name_of(credentials) == profile;
    match error {
        iam::Error::Status {
            status: 429 | 500..,
            ..
        } => None,
        iam::Error::TokenFile(_) => Some(format!(
            "{profile} is for applications and jobs of Code Engine that may act as a profile, whose token is in {}; \
             elsewhere set {key} or {} in its place",
            IAM_CR_TOKEN_FILE.name, COS_ACCESS_KEY_ID.name
        )),
        iam::Error::Status { .. } if is_profile => Some(format!(
            "set {profile} to a profile that this application or job may act as"
        )),
        iam::Error::Status { .. } => Some(format!(
            "set {key} to an API key that has not been deleted; one of a binding ({}, {}) comes anew with another \
             binding",
            CLOUD_OBJECT_STORAGE_APIKEY.name, CE_SERVICES.name
        )),
        _ => Some(format!("can this machine reach {url}, and is it right?")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::storage::HmacKey;

    fn config(credentials: Credentials) -> S3Config {
        S3Config {
            endpoint: "https://store.example".to_owned(),
            region: "eu-de".to_owned(),
            bucket: Bucket::new("photos"),
            credentials,
        }
    }

    fn told(error: &Error) -> Option<String> {
        let credentials = Credentials::Hmac(HmacKey {
            access_key_id: "id".to_owned(),
            secret_access_key: "canary-a1".to_owned(),
        });
        let told = advice(error, &config(credentials));
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
                "Writer",
            ),
            (
                Kind::AccessDenied,
                None,
                "HeadObject",
                "COS_ACCESS_KEY_ID and COS_SECRET_ACCESS_KEY",
            ),
            (
                Kind::AccessDenied,
                Some("AccessDenied"),
                "GetObject",
                "is COS_BUCKET, which is photos, yours",
            ),
            (Kind::AccessDenied, None, "PutObject", "is COS_ENDPOINT"),
            (Kind::NoStore, None, "GetObject", "set COS_ENDPOINT"),
            (Kind::Invalid, None, "ListObjectsV2", "is COS_ENDPOINT"),
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
    }

    #[test]
    fn of_iam_the_setting_that_is_used_is_named() {
        let (key, profile) = (
            Credential::ApiKey("canary-a1".to_owned()),
            Credential::Profile {
                profile: "thumbnails".to_owned(),
                file: "/nowhere".into(),
            },
        );
        let status = |status| iam::Error::Status {
            status,
            message: "Provided API key could not be found".to_owned(),
        };
        let no_file = || iam::Error::TokenFile(Arc::new(io::ErrorKind::NotFound.into()));
        let slow = || iam::Error::TimedOut(Duration::from_secs(5));
        for (credential, cause, named, not_named) in [
            (&key, status(400), "set COS_API_KEY", "COS_TRUSTED_PROFILE"),
            (
                &profile,
                status(400),
                "set COS_TRUSTED_PROFILE",
                "COS_API_KEY",
            ),
            (
                &profile,
                no_file(),
                "elsewhere set COS_API_KEY or COS_ACCESS_KEY_ID",
                "another",
            ),
            (&key, slow(), "reach IAM_URL", "COS_API_KEY"),
        ] {
            let credentials = Credentials::Iam {
                url: "https://iam.example".parse().unwrap(),
                credential: credential.clone(),
            };
            let error = Error::with_source(Kind::AccessDenied, "GetObject", cause);
            let told = advice(&error, &config(credentials)).unwrap();
            assert!(
                told.contains(named) && !told.contains(not_named) && !told.contains("canary"),
                "{told}"
            );
        }
        let error = Error::with_source(Kind::Unavailable, "GetObject", status(503));
        assert_eq!(told(&error), None);
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
        // As of a HEAD, whose answer has no code.
        let answered = Error::new(Kind::Unavailable, "HeadObject").answered();
        assert_eq!(told(&answered), None);
    }
}
