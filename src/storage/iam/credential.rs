// Addresses alone, without the network.
use core::net::IpAddr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Error;

/// What tokens are had by. Shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A token that somebody else got; when it ends, so does the use of it.
    Token(HeaderValue),
    /// An API key.
    ApiKey(String),
    /// A trusted profile, for the compute resource whose token is in a file.
    Profile {
        /// Its name, or its id, which begins with `Profile-`.
        profile: String,
        /// Read for every token anew: Code Engine replaces it.
        file: PathBuf,
    },
}

impl Credential {
    /// A token, unless it holds what no HTTP header can carry.
    #[must_use]
    pub fn token(token: &str) -> Option<Self> {
        bearer(token).map(Self::Token)
    }

    /// An API key, unless it holds what none does: white space, such as the line feed at a file's end, or
    /// characters outside ASCII.
    #[must_use]
    pub fn api_key(key: &str) -> Option<Self> {
        let good = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self::ApiKey(key.to_owned()))
    }

    /// A trusted profile by its name or id, unless there is white space around it, or a control character in
    /// it; with the file of the compute resource's token.
    #[must_use]
    pub fn profile(profile: &str, file: PathBuf) -> Option<Self> {
        let good = !profile.is_empty()
            && profile.trim() == profile
            && !profile.contains(|c: char| c.is_control());
        let profile = profile.to_owned();
        good.then_some(Self::Profile { profile, file })
    }

    /// The form that asks for a token.
    pub(super) async fn form(&self) -> Result<String, Error> {
        let grant = |kind: &str| {
            let grant = format!("urn:ibm:params:oauth:grant-type:{kind}");
            ("grant_type", grant)
        };
        let fields = match self {
            Self::Token(_) => Vec::new(),
            Self::ApiKey(key) => vec![
                grant("apikey"),
                ("apikey", key.clone()),
                ("response_type", "cloud_iam".to_owned()),
            ],
            Self::Profile { profile, file } => {
                let file = file.clone();
                let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
                let token = read.map_err(std::io::Error::other).flatten();
                let token = token.map_err(|error| Error::TokenFile(error.into()))?;
                let field = if profile.starts_with("Profile-") {
                    "profile_id"
                } else {
                    "profile_name"
                };
                vec![
                    grant("cr-token"),
                    ("cr_token", token.trim().to_owned()),
                    (field, profile.clone()),
                ]
            }
        };
        let fields = fields.into_iter().map(|(name, value)| {
            let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
            format!("{name}={value}")
        });
        Ok(fields.collect::<Vec<_>>().join("&"))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::ApiKey(_) => "ApiKey(..)",
            Self::Profile { .. } => "Profile(..)",
        })
    }
}

/// The header's value that shows a token, which no log shows.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// An IAM's URL without a slash at its end: by https, since secrets go there; by http only on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    pub(super) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Where tokens are given.
    pub(super) fn of_tokens(&self) -> String {
        format!("{}/identity/token", self.0)
    }
}

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Uri = text.parse().map_err(|_| "is no URL")?;
        let host = url.host().filter(|host| !host.is_empty());
        let safe = match url.scheme_str() {
            Some("https") => host.is_some(),
            Some("http") => host.is_some_and(is_this_machine),
            _ => false,
        };
        if !safe || url.query().is_some() {
            return Err("is no https:// URL with a host (http:// is for this machine alone)");
        }
        let authority = url.authority();
        if authority.is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("must not hold a user or a password");
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether nobody but this machine sees what is sent to a URL's host, by what it is called: `localhost`, or
/// an address of loopback, that of IPv6 in brackets.
#[must_use]
pub fn is_this_machine(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address = bare.unwrap_or(host).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_by_https_or_stay_on_this_machine() {
        for right in [
            "https://iam.cloud.ibm.com",
            "https://iam.cloud.ibm.com/",
            "http://127.0.0.1:9080",
            "http://[::1]:9080",
            "http://localhost",
        ] {
            let url: Url = right.parse().unwrap();
            assert!(url.of_tokens().ends_with("/identity/token") && !url.0.ends_with('/'));
        }
        for wrong in [
            "http://iam.cloud.ibm.com",
            "http://127.0.0.1.example",
            "http://128.0.0.1",
            "https://user:pass@host",
            "https://host?x=y",
            "ftp://127.0.0.1",
            "host",
            "",
        ] {
            assert!(wrong.parse::<Url>().is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn what_is_asked_for_is_a_form() {
        let key = Credential::ApiKey("a+b c&d".to_owned());
        let form = "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant%2Dtype%3Aapikey\
                    &apikey=a%2Bb%20c%26d&response_type=cloud%5Fiam";
        assert_eq!(key.form().await.unwrap(), form);
        assert!(!format!("{key:?}").contains("a+b"));
    }
}
