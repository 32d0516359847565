//! IAM's tokens (<https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey>).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{BaseUrl, EngineError, EngineSettings, ask};
use crate::target::HttpsClient;

/// What tokens are had by. Shows no secret.
#[derive(Clone)]
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

    /// An API key.
    #[must_use]
    pub fn api_key(key: String) -> Self {
        Self::ApiKey(key)
    }

    async fn form(&self) -> Result<Vec<(&'static str, String)>, EngineError> {
        let grant = |kind| {
            (
                "grant_type",
                format!("urn:ibm:params:oauth:grant-type:{kind}"),
            )
        };
        Ok(match self {
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
                let token = token.map_err(EngineError::TokenFile)?;
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
        })
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

/// Gives a token, and asks for a new one before the old one ends.
#[derive(Debug)]
pub(super) struct Tokens {
    client: HttpsClient,
    iam: BaseUrl,
    credential: Credential,
    /// One asks, the others wait for it.
    last: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    bearer: HeaderValue,
    good_until: Instant,
}

/// IAM's answer.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u32,
}

impl Tokens {
    pub(super) fn new(settings: &EngineSettings, client: HttpsClient) -> Self {
        Self {
            client,
            iam: settings.iam.clone(),
            credential: settings.credential.clone(),
            last: Mutex::new(None),
        }
    }

    /// The value of an `Authorization` header.
    pub(super) async fn bearer(&self) -> Result<HeaderValue, EngineError> {
        if let Credential::Token(bearer) = &self.credential {
            return Ok(bearer.clone());
        }
        let mut last = self.last.lock().await;
        if let Some(token) = last
            .as_ref()
            .filter(|token| Instant::now() < token.good_until)
        {
            return Ok(token.bearer.clone());
        }
        let token = self
            .grant()
            .await
            .map_err(|error| EngineError::Token(error.into()))?;
        Ok(last.insert(token).bearer.clone())
    }

    /// The token is not taken. Whether there can be another one.
    pub(super) async fn forget(&self) -> bool {
        self.last.lock().await.take().is_some()
    }

    async fn grant(&self) -> Result<Token, EngineError> {
        let form = self.credential.form().await?;
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut request = Request::new(Full::new(Bytes::from(form)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.iam.with("/identity/token")?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, json);
        let asked = Instant::now();
        let answer = ask(&self.client, request).await?;
        let granted: Granted = serde_json::from_slice(&answer).map_err(EngineError::Answer)?;
        let bearer = bearer(&granted.access_token);
        let bearer = bearer
            .ok_or_else(|| EngineError::Transport("a token that no header can carry".into()))?;
        // As IBM's own clients do it: a new one when a fifth of the time is left.
        let lifetime = Duration::from_secs(granted.expires_in.into());
        Ok(Token {
            bearer,
            good_until: asked + lifetime * 4 / 5,
        })
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
