//! Bearer tokens of IBM Cloud's IAM, for an API key, or for a compute resource that may act as a trusted
//! profile (<https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey>).
//!
//! A token is renewed while it is still good, and goes on being used where IAM fails meanwhile. IAM is
//! asked once at a time, and what came of it holds for all who waited. How long a token lives is counted
//! from when it was asked for, by a clock that no one sets: what time it is here does not matter.

mod ask;
mod credential;

use std::fmt;
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use backon::{ExponentialBuilder, Retryable};
use http::HeaderValue;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

pub use self::ask::Error;
use self::ask::{Granted, ask, connector};
pub(crate) use self::credential::is_this_machine;
pub use self::credential::{Credential, Url};

/// How often IAM is asked again for one token, where that can help.
const RETRIES: usize = 2;
/// Nobody asks again so soon after all that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Refused tokens are replaced no sooner one after another: who lacks a right is not helped by tokens.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(10);
/// No request is begun with a token that ends so soon; or within a tenth of its life, if that is less.
const LAST_MOMENTS: Duration = Duration::from_secs(10);

/// Gives a good token, as long as there is one. Clones share it.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    iam: SharedHttpConnector,
    url: Url,
    credential: Credential,
    last: Lock<Last>,
    /// Held by who asks IAM; with what came of it, if it failed.
    asking: Arc<Mutex<Option<Failure>>>,
}

#[derive(Default)]
struct Last {
    token: Option<Token>,
    /// When one was given up because it was refused.
    refused: Option<Instant>,
}

struct Token {
    bearer: HeaderValue,
    since: Instant,
    /// When a new one is asked for.
    due: Instant,
    /// Until when it is shown.
    good_until: Instant,
}

struct Failure {
    when: Instant,
    error: Error,
}

impl Tokens {
    /// Tokens of the IAM at `url`. Nothing is asked for yet.
    #[must_use]
    pub fn new(url: Url, credential: Credential) -> Self {
        let iam = connector(url.is_https());
        Self::over(iam, url, credential)
    }

    pub(super) fn over(iam: SharedHttpConnector, url: Url, credential: Credential) -> Self {
        Self(Arc::new(Inner {
            iam,
            url,
            credential,
            last: Lock::default(),
            asking: Arc::default(),
        }))
    }

    /// The value of an `Authorization` header.
    ///
    /// # Errors
    /// [`Error`], where there is no good token and IAM gives none.
    pub async fn bearer(&self) -> Result<HeaderValue, Error> {
        if let Credential::Token(bearer) = &self.0.credential {
            return Ok(bearer.clone());
        }
        if let Some((bearer, is_due)) = self.good() {
            // Whoever comes first sees to the next one. Nobody waits for it.
            if is_due && let Ok(asking) = Arc::clone(&self.0.asking).try_lock_owned() {
                let tokens = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = tokens.renew(asking).await {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "no new token: the old one is used to its end"
                        );
                    }
                });
            }
            return Ok(bearer);
        }
        let asking = Arc::clone(&self.0.asking).lock_owned().await;
        match self.good() {
            // Another one has asked meanwhile.
            Some((bearer, _)) => Ok(bearer),
            None => self.renew(asking).await,
        }
    }

    /// A token was refused in a call that began at `begun`. Whether trying again with another one can help.
    #[must_use]
    pub fn refused(&self, begun: Instant) -> bool {
        if let Credential::Token(_) = &self.0.credential {
            return false;
        }
        let mut last = self.0.last();
        let another = last.token.as_ref().is_none_or(|token| token.since > begun);
        if another {
            return true;
        }
        let soon = |refused: Instant| refused.elapsed() < BETWEEN_REFUSALS;
        if last.refused.is_some_and(soon) {
            return false;
        }
        *last = Last {
            token: None,
            refused: Some(Instant::now()),
        };
        true
    }

    /// The token at hand, if it is good, and whether it is time for a new one.
    fn good(&self) -> Option<(HeaderValue, bool)> {
        let now = Instant::now();
        let last = self.0.last();
        let token = last.token.as_ref().filter(|token| now < token.good_until)?;
        Some((token.bearer.clone(), token.due <= now))
    }

    async fn renew(
        &self,
        mut asking: OwnedMutexGuard<Option<Failure>>,
    ) -> Result<HeaderValue, Error> {
        let failed = asking.as_ref();
        if let Some(failure) = failed.filter(|failure| failure.when.elapsed() < PAUSE) {
            return Err(failure.error.clone());
        }
        let Inner {
            iam,
            url,
            credential,
            ..
        } = &*self.0;
        let granted = (|| ask(iam, url, credential))
            .retry(
                ExponentialBuilder::default()
                    .with_max_times(RETRIES)
                    .with_jitter(),
            )
            .when(Error::is_retryable)
            .await;
        match granted {
            Ok(granted) => {
                *asking = None;
                let token = Token::new(granted);
                let bearer = token.bearer.clone();
                self.0.last().token = Some(token);
                Ok(bearer)
            }
            Err(error) => {
                *asking = Some(Failure {
                    when: Instant::now(),
                    error: error.clone(),
                });
                Err(error)
            }
        }
    }
}

impl Inner {
    /// Nothing panics while it holds the lock.
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn new(granted: Granted) -> Self {
        let Granted {
            bearer,
            asked,
            lifetime,
        } = granted;
        Self {
            bearer,
            since: Instant::now(),
            // As IBM's own clients do it: a new one when a fifth of the time is left.
            due: asked + lifetime * 4 / 5,
            good_until: asked + lifetime - LAST_MOMENTS.min(lifetime / 10),
        }
    }
}

/// Shows where from, never a token.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("url", &self.0.url)
            .field("credential", &self.0.credential)
            .finish_non_exhaustive()
    }
}
