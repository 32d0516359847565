use std::fmt;

use http::Uri;

use crate::object::Bucket;
use crate::storage::iam::{self, is_this_machine};

/// Where a bucket is, and who asks.
///
/// Nothing is read from the environment, from files or from a metadata service: what is not said
/// here is not used.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// The store's URL, `https://` or `http://`, without path or query, such as
    /// `https://s3.private.eu-de.cloud-object-storage.appdomain.cloud`. A bare host name, as IBM's
    /// list of endpoints prints them, means `https://`.
    pub endpoint: String,
    /// The region that requests are signed for, such as `eu-de`. IBM Cloud Object Storage takes any.
    pub region: String,
    /// The bucket.
    pub bucket: Bucket,
    /// What every request is authorised by.
    pub credentials: Credentials,
}

impl S3Config {
    /// The key that requests are signed with, if they are.
    #[must_use]
    pub fn hmac_key(&self) -> Option<&HmacKey> {
        match &self.credentials {
            Credentials::Hmac(key) => Some(key),
            Credentials::Iam { .. } => None,
        }
    }
}

/// What requests are authorised by. No secret is shown, not even by `Debug`.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A signature.
    Hmac(HmacKey),
    /// A token of IBM Cloud's IAM, renewed before it ends.
    Iam {
        /// Of IAM.
        url: iam::Url,
        /// What tokens are had by.
        credential: iam::Credential,
    },
}

/// HMAC credentials for AWS Signature Version 4; IBM creates them with a service credential that has
/// `{"HMAC": true}`. The secret is never shown, not even by `Debug`.
#[derive(Clone)]
pub struct HmacKey {
    /// The access key ID: a name, no secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"<redacted>")
            .finish()
    }
}

/// Why an [`S3Config`] cannot be used. The values are not repeated: an endpoint or a key that was
/// pasted into the wrong field may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The endpoint is no URL of a host.
    #[error("the endpoint is not an http:// or https:// URL of a host without user, path or query")]
    Endpoint,
    /// The region is empty or has characters that no region has.
    #[error("the region is empty or has characters other than letters, digits and hyphens")]
    Region,
    /// The bucket's name is empty or has characters that no bucket's name has.
    #[error(
        "the bucket's name is empty or has characters other than letters, digits, '.', '_' and '-'"
    )]
    Bucket,
    /// The access key ID is missing or has characters that no key ID has.
    #[error("the access key ID is empty or has white space or characters outside ASCII")]
    AccessKeyId,
    /// The secret access key is missing or has white space around or in it.
    #[error("the secret access key is empty or has white space or characters outside ASCII")]
    SecretAccessKey,
    /// Whoever reads a token can use it.
    #[error("a token of IAM goes by https:// alone, or to this machine")]
    TokenInClear,
}

impl S3Config {
    /// Checks everything that can be known without asking the store, and returns the endpoint as a
    /// URL with its scheme.
    pub(super) fn checked_endpoint(&self) -> Result<Endpoint, ConfigError> {
        ConfigError::of_region(&self.region)?;
        ConfigError::of_bucket(self.bucket.as_str())?;
        let endpoint = Endpoint::parse(&self.endpoint)?;
        match &self.credentials {
            Credentials::Hmac(key) => {
                ConfigError::of_access_key_id(&key.access_key_id)?;
                ConfigError::of_secret_access_key(&key.secret_access_key)?;
            }
            Credentials::Iam { .. } => ConfigError::of_endpoint_with_tokens(&self.endpoint)?,
        }
        Ok(endpoint)
    }
}

/// The rules field by field, so that a configuration can tell of every mistake at once.
impl ConfigError {
    /// Checks an endpoint.
    ///
    /// # Errors
    /// [`ConfigError::Endpoint`].
    pub fn of_endpoint(endpoint: &str) -> Result<(), Self> {
        Endpoint::parse(endpoint).map(drop)
    }

    /// Checks an endpoint that tokens are shown to.
    ///
    /// # Errors
    /// [`ConfigError::Endpoint`], [`ConfigError::TokenInClear`].
    pub fn of_endpoint_with_tokens(endpoint: &str) -> Result<(), Self> {
        let endpoint = Endpoint::parse(endpoint)?;
        let unread = endpoint.tls || endpoint.is_this_machine;
        holds(unread, Self::TokenInClear)
    }

    /// Checks a region.
    ///
    /// # Errors
    /// [`ConfigError::Region`].
    pub fn of_region(region: &str) -> Result<(), Self> {
        holds(named(region, &['-']), Self::Region)
    }

    /// Checks a bucket's name. An ARN or a slash would make the SDK address something else than this
    /// endpoint's bucket.
    ///
    /// # Errors
    /// [`ConfigError::Bucket`].
    pub fn of_bucket(name: &str) -> Result<(), Self> {
        holds(named(name, &['.', '_', '-']), Self::Bucket)
    }

    /// Checks an access key ID.
    ///
    /// # Errors
    /// [`ConfigError::AccessKeyId`].
    pub fn of_access_key_id(id: &str) -> Result<(), Self> {
        holds(graphic(id), Self::AccessKeyId)
    }

    /// Checks a secret access key.
    ///
    /// # Errors
    /// [`ConfigError::SecretAccessKey`].
    pub fn of_secret_access_key(secret: &str) -> Result<(), Self> {
        holds(graphic(secret), Self::SecretAccessKey)
    }
}

fn holds(rule: bool, otherwise: ConfigError) -> Result<(), ConfigError> {
    if rule { Ok(()) } else { Err(otherwise) }
}

fn named(name: &str, also: &[char]) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || also.contains(&c);
    !name.is_empty() && name.chars().all(allowed)
}

fn graphic(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic())
}

/// A store's URL: scheme and authority alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) tls: bool,
    is_this_machine: bool,
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let uri: Uri = with_scheme.parse().map_err(|_| ConfigError::Endpoint)?;
        let authority = uri.authority().ok_or(ConfigError::Endpoint)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(ConfigError::Endpoint),
        };
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !bare || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(ConfigError::Endpoint);
        }
        let scheme = if tls { "https" } else { "http" };
        Ok(Self {
            url: format!("{scheme}://{authority}"),
            tls,
            is_this_machine: is_this_machine(authority.host()),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn config() -> S3Config {
        S3Config {
            endpoint: "https://s3.eu-de.example".to_owned(),
            region: "eu-de".to_owned(),
            bucket: Bucket::new("photos"),
            credentials: Credentials::Hmac(key()),
        }
    }

    fn key() -> HmacKey {
        HmacKey {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "canary-secret".to_owned(),
        }
    }

    #[test]
    fn an_endpoint_is_a_host_with_or_without_scheme() {
        let url = |text: &str| Endpoint::parse(text).map(|endpoint| endpoint.url);
        assert_eq!(url("s3.eu-de.example").unwrap(), "https://s3.eu-de.example");
        assert_eq!(
            url("https://s3.eu-de.example/").unwrap(),
            "https://s3.eu-de.example"
        );
        assert_eq!(
            url("http://127.0.0.1:9000").unwrap(),
            "http://127.0.0.1:9000"
        );
        for wrong in [
            "",
            "ftp://host",
            "http://",
            "https://user:pass@host",
            "https://host/bucket",
            "https://host?x=y",
            "http://a b",
        ] {
            assert_eq!(url(wrong), Err(ConfigError::Endpoint), "{wrong:?}");
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = |change: fn(&mut S3Config)| {
            let mut config = config();
            change(&mut config);
            config.checked_endpoint().unwrap_err()
        };
        assert!(config().checked_endpoint().is_ok());
        assert_eq!(wrong(|c| c.region.clear()), ConfigError::Region);
        assert_eq!(
            wrong(|c| c.bucket = Bucket::new("arn:aws:s3:::x")),
            ConfigError::Bucket
        );
        assert_eq!(
            wrong(|c| c.bucket = Bucket::new("a/b")),
            ConfigError::Bucket
        );
        let wrong_key = |change: fn(&mut HmacKey)| {
            let mut key = key();
            change(&mut key);
            let credentials = Credentials::Hmac(key);
            let config = S3Config {
                credentials,
                ..config()
            };
            config.checked_endpoint().unwrap_err()
        };
        assert_eq!(
            wrong_key(|key| key.access_key_id.clear()),
            ConfigError::AccessKeyId
        );
        assert_eq!(
            wrong_key(|key| key.secret_access_key.push('\n')),
            ConfigError::SecretAccessKey
        );
    }

    #[test]
    fn no_token_goes_through_a_network_in_clear() {
        let checked = |endpoint: &str| {
            let config = S3Config {
                endpoint: endpoint.to_owned(),
                credentials: Credentials::Iam {
                    url: "https://iam.example".parse().unwrap(),
                    credential: iam::Credential::ApiKey("canary-secret".to_owned()),
                },
                ..config()
            };
            config.checked_endpoint().map(drop)
        };
        for right in ["https://s3.eu-de.example", "http://127.0.0.1:9000"] {
            assert_eq!(checked(right), Ok(()));
        }
        let wrong = "http://s3.eu-de.example";
        assert_eq!(checked(wrong), Err(ConfigError::TokenInClear));
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        let shown = format!("{:?}", config());
        assert!(
            shown.contains("AKIDEXAMPLE") && !shown.contains("canary-secret"),
            "{shown}"
        );
    }
}
