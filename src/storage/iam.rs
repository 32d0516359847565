//! Bearer tokens of IBM Cloud's IAM, for an API key, or for a compute resource that may act as a trusted
//! profile (<https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey>).
//!
//! A token is renewed while it is still good, and goes on being used where IAM fails meanwhile. IAM is
//! asked once at a time, to the end, and what came of it holds for all who waited. How long a token lives is
//! counted from when it was asked for, by a clock that no one sets: what time it is here does not matter.

mod ask;
mod credential;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use backon::{ExponentialBuilder, Retryable};
use http::HeaderValue;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

pub use self::ask::Error;
use self::ask::{Granted, ask, connector};
pub use self::credential::{Credential, Url, is_this_machine};
use super::with_causes;

/// How often IAM is asked again for one token, where that can help.
const RETRIES: usize = 2;
/// Nobody asks again so soon after all that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Nor so soon while the old token is good: then nobody waits for the new one.
const PAUSE_WHILE_GOOD: Duration = Duration::from_secs(30);
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
    token: Lock<Option<Token>>,
    /// Held by who asks IAM.
    asking: Arc<Mutex<Asked>>,
    given: AtomicU64,
    failed: AtomicU64,
}

/// How often IAM was asked for a token, attempts for one token counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshes {
    /// And gave one.
    pub given: u64,
    /// And gave none.
    pub failed: u64,
}

/// What came of asking IAM, for who comes next.
#[derive(Default)]
pub(super) struct Asked {
    failure: Option<Failure>,
    /// When it was asked because a token was refused.
    refused: Option<Instant>,
}

pub(super) type Asking = OwnedMutexGuard<Asked>;

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
            token: Lock::default(),
            asking: Arc::default(),
            given: AtomicU64::default(),
            failed: AtomicU64::default(),
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
            if is_due && let Some(asking) = self.renewal() {
                tokio::spawn(self.clone().renew(asking));
            }
            return Ok(bearer);
        }
        let asking = self.asking().await;
        match self.good() {
            // Another one has asked meanwhile.
            Some((bearer, _)) => Ok(bearer),
            None => self.renewed(asking).await,
        }
    }

    /// A call that began at `begun` was refused: waits for another token, if there may be one, and says
    /// whether there is. The refused one stays at hand, for it may be as good as ever: a store says the same
    /// of a token that is revoked and of an object that nobody may read.
    #[must_use]
    pub async fn another(&self, begun: Instant) -> bool {
        if let Credential::Token(_) = &self.0.credential {
            return false;
        }
        if self.renewed_since(begun) {
            return true;
        }
        let mut asking = self.asking().await;
        if self.renewed_since(begun) {
            return true;
        }
        let soon = |refused: Instant| refused.elapsed() < BETWEEN_REFUSALS;
        // Where IAM is not asked because it has just failed, it is asked the next time.
        if asking.refused.is_some_and(soon) || asking.failed_within(PAUSE).is_some() {
            return false;
        }
        asking.refused = Some(Instant::now());
        self.renewed(asking).await.is_ok()
    }

    /// How often IAM was asked so far.
    #[must_use]
    pub fn refreshes(&self) -> Refreshes {
        Refreshes {
            given: self.0.given.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
        }
    }

    /// The token at hand, if it is good, and whether it is time for a new one.
    fn good(&self) -> Option<(HeaderValue, bool)> {
        let now = Instant::now();
        let token = self.0.token();
        let token = token.as_ref().filter(|token| now < token.good_until)?;
        Some((token.bearer.clone(), token.due <= now))
    }

    /// The renewal of a token that was found to be due, unless somebody else sees to it, or has seen to it
    /// by now, or tried to in vain.
    pub(super) fn renewal(&self) -> Option<Asking> {
        let asking = Arc::clone(&self.0.asking).try_lock_owned().ok()?;
        let is_due = self.good().is_none_or(|(_, is_due)| is_due);
        let renews = is_due && asking.failed_within(PAUSE_WHILE_GOOD).is_none();
        renews.then_some(asking)
    }

    fn renewed_since(&self, begun: Instant) -> bool {
        let token = self.0.token();
        token.as_ref().is_some_and(|token| token.since > begun)
    }

    async fn asking(&self) -> Asking {
        Arc::clone(&self.0.asking).lock_owned().await
    }

    /// A new token. It is asked for to the end even if its asker gives up before: otherwise no one would
    /// learn that IAM is silent, and each would wait for it anew.
    async fn renewed(&self, asking: Asking) -> Result<HeaderValue, Error> {
        if let Some(error) = asking.failed_within(PAUSE) {
            return Err(error);
        }
        let renewed = tokio::spawn(self.clone().renew(asking)).await;
        renewed.unwrap_or_else(|ended| Err(Error::transport(ended)))
    }

    async fn renew(self, mut asking: Asking) -> Result<HeaderValue, Error> {
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
                self.0.given.fetch_add(1, Ordering::Relaxed);
                asking.failure = None;
                let token = Token::new(granted);
                let bearer = token.bearer.clone();
                *self.0.token() = Some(token);
                Ok(bearer)
            }
            Err(error) => {
                self.0.failed.fetch_add(1, Ordering::Relaxed);
                if self.good().is_some() {
                    let error = with_causes(&error);
                    tracing::warn!(error, "no new token: the old one goes on being used");
                }
                asking.failure = Some(Failure {
                    when: Instant::now(),
                    error: error.clone(),
                });
                Err(error)
            }
        }
    }
}

impl Asked {
    /// Why there was no token, if that is not so long ago.
    fn failed_within(&self, time: Duration) -> Option<Error> {
        let failure = self.failure.as_ref()?;
        (failure.when.elapsed() < time).then(|| failure.error.clone())
    }
}

impl Inner {
    /// Nothing panics while it holds the lock.
    fn token(&self) -> MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
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
