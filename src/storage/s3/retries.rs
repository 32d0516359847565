//! What the client does beside what it is asked for: it tries again, and renews its token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

/// Why a request was sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The store had too much to do: 429 or 503.
    Throttled,
    /// Another fault of the store: any other status.
    Status,
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke before the answer was whole.
    Connection,
    /// A body broke off behind its headers.
    Body,
    /// The token was refused, and there was another one.
    Token,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Throttled,
        Self::Status,
        Self::Timeout,
        Self::Connection,
        Self::Body,
        Self::Token,
    ];

    /// Its name, as metrics show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Status => "status",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Body => "body",
            Self::Token => "token",
        }
    }
}

/// How often requests of one client were sent again, by why. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Retries(Arc<[AtomicU64; Cause::ALL.len()]>);

impl Retries {
    /// How often so far.
    #[must_use]
    pub fn by(&self, cause: Cause) -> u64 {
        self.0[cause as usize].load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, cause: Cause) {
        self.0[cause as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// How the attempt before this one failed.
#[derive(Debug)]
struct Failed(Option<Cause>);

impl Storable for Failed {
    type Storer = StoreReplace<Self>;
}

/// Counts the attempts that the SDK makes by itself.
#[derive(Debug)]
pub(super) struct CountRetries(pub(super) Retries);

impl Intercept for CountRetries {
    fn name(&self) -> &'static str {
        "CountRetries"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Failed(Some(cause))) = bag.load::<Failed>() {
            self.0.count(*cause);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let failed = Failed(cause_of(context));
        bag.interceptor_state().store_put(failed);
        Ok(())
    }
}

fn cause_of(context: &FinalizerInterceptorContextRef<'_>) -> Option<Cause> {
    let error = context.output_or_error()?.err()?;
    let of_connector = error.as_connector_error();
    if error.is_timeout_error() || of_connector.is_some_and(ConnectorError::is_timeout) {
        return Some(Cause::Timeout);
    }
    let status = context.response().map(|answer| answer.status().as_u16());
    Some(match status {
        Some(429 | 503) => Cause::Throttled,
        Some(300..) => Cause::Status,
        Some(_) => Cause::Body,
        None => Cause::Connection,
    })
}
