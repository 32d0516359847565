//! What a person can do about an error, in the names of flags and settings: told beneath it.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cos_thumbnails::config::{self, COS_BUCKET, SOURCE_PREFIX};
use cos_thumbnails::events::Event;
use cos_thumbnails::outcome::Outcome;
use cos_thumbnails::storage::{Kind, S3Config};
use cos_thumbnails::thumbnailer;
use http::StatusCode;
use indicatif::ProgressBar;

use crate::args::{BACKFILL_SECRET, Settings, Way};
use crate::cli::OUTPUT;
use crate::target::{Target, TargetError, with_causes};

/// How a function begins its answer to what it takes for no event.
const MALFORMED: &str = r#"{"error":"malformed event"#;

/// What is advised by.
#[derive(Debug, Clone)]
pub(crate) struct Advice {
    store: S3Config,
    /// The function's URL.
    function: Option<String>,
    /// The flags that say where files go that are written.
    places: Vec<&'static str>,
}

impl Advice {
    pub(crate) fn new(settings: &Settings) -> Self {
        let function = match &settings.way {
            Way::FanOut { function, .. } => function.as_ref().map(ToString::to_string),
            Way::Sequential | Way::Parallel | Way::Job(_) => None,
        };
        let places = [
            ("--record", &settings.record),
            ("--journal", &settings.journal),
        ];
        let places = places.into_iter().filter(|(_, place)| place.is_some());
        Self {
            store: settings.config.store.clone(),
            function,
            places: places.map(|(flag, _)| flag).collect(),
        }
    }

    /// What to do about an error, where more can be done than to try again.
    pub(crate) fn on(&self, error: &(dyn StdError + 'static)) -> Option<String> {
        if let Some(advice) = config::advice(error, &self.store) {
            return Some(advice);
        }
        // No flag says where that goes.
        let is_output = error.to_string() == OUTPUT;
        let places = if is_output { &[][..] } else { &self.places };
        std::iter::successors(Some(error), |&error| error.source()).find_map(|cause| {
            let of_target = cause.downcast_ref().and_then(|error| self.on_target(error));
            of_target.or_else(|| on_file(cause.downcast_ref()?, places))
        })
    }

    /// Tells an error with its causes on stderr, and on a line of its own what to do.
    pub(crate) fn tell(&self, error: &(dyn StdError + 'static)) {
        eprintln!("backfill: {}", with_causes(error));
        if let Some(advice) = self.on(error) {
            eprintln!("backfill: what to do: {advice}");
        }
    }

    fn on_target(&self, error: &TargetError) -> Option<String> {
        let url = self.function.as_ref()?;
        let another = || format!("--function is {url}: what answers there is no such function");
        match error {
            TargetError::Transport(_) => Some(format!(
                "--function is {url}: is that right, does it run, and can this machine reach it?"
            )),
            TargetError::TimedOut(_) => {
                Some("see the function's log; --timeout gives it more time".to_owned())
            }
            TargetError::Status { status, detail, .. } => match *status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(format!(
                    "the function at {url} goes by its own settings: set {secret} to the same for it and here, also where \
                     it has an EVENT_SECRET; and {} must be the same",
                    COS_BUCKET.name,
                    secret = BACKFILL_SECRET.name
                )),
                StatusCode::BAD_REQUEST if detail.starts_with(MALFORMED) => Some(format!(
                    "the function at {url} does not understand this program's events: take both of the same version"
                )),
                StatusCode::BAD_REQUEST
                | StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::NOT_IMPLEMENTED => Some(another()),
                StatusCode::SERVICE_UNAVAILABLE => Some(format!(
                    "the log of the function at {url} says why: it goes by its own settings of the store"
                )),
                _ => None,
            },
            TargetError::NotAnOutcome(_) | TargetError::NotAVersion(_) | TargetError::TooLong => {
                Some(another())
            }
            _ => None,
        }
    }
}

/// Whether waiting alone may help. What a store refuses is tried again, too, and is a matter of settings.
fn may_pass(error: &TargetError) -> bool {
    let is_refused = match error {
        TargetError::Flow(thumbnailer::Error::Store(error)) => {
            matches!(
                error.kind(),
                Kind::AccessDenied | Kind::NoSuchBucket | Kind::NoStore
            )
        }
        _ => false,
    };
    error.is_retryable() && !is_refused
}

/// Where nothing more can be written; `places` are the flags that say where.
fn on_file(error: &io::Error, places: &[&str]) -> Option<String> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Some(match places.join(" or ").as_str() {
                "" => "make room there".to_owned(),
                flags => format!("make room there, or name another place by {flags}"),
            })
        }
        _ => None,
    }
}

/// Says that nothing is selected, and by what: the command that follows would do nothing, well.
pub(crate) fn nothing_selected(settings: &Settings) {
    let policy = &settings.config.policy;
    let (prefix, bucket) = (policy.source_prefix(), policy.bucket());
    if settings.selection.is_all() {
        eprintln!(
            "backfill: no original is selected: {} is {prefix:?} and {} is {bucket}; is that where they are?",
            SOURCE_PREFIX.name, COS_BUCKET.name,
        );
    } else {
        eprintln!(
            "backfill: no original is selected: of those under {prefix:?} in {bucket}, flags such as --include, --only and \
             --newer-than leave none; patterns are of what follows {prefix:?}"
        );
    }
}

/// A target whose first failure that something can be done about is told at once: it may be tried again for long.
/// What may pass is told once besides, and not where something has succeeded: then it is no setting.
pub(crate) struct Advised {
    target: Arc<dyn Target>,
    advice: Advice,
    has_worked: AtomicBool,
    told: AtomicBool,
    told_what_may_pass: AtomicBool,
    bar: ProgressBar,
}

impl Advised {
    pub(crate) fn new(target: Arc<dyn Target>, advice: Advice, bar: ProgressBar) -> Self {
        Self {
            target,
            advice,
            has_worked: AtomicBool::new(false),
            told: AtomicBool::new(false),
            told_what_may_pass: AtomicBool::new(false),
            bar,
        }
    }
}

#[async_trait]
impl Target for Advised {
    async fn send(&self, event: &Event) -> Result<Outcome, TargetError> {
        let sent = self.target.send(event).await;
        let Err(error) = &sent else {
            self.has_worked.store(true, Ordering::Relaxed);
            return sent;
        };
        let told = if !may_pass(error) {
            &self.told
        } else if self.has_worked.load(Ordering::Relaxed) {
            return sent;
        } else {
            &self.told_what_may_pass
        };
        if let Some(advice) = self.advice.on(error)
            && !told.swap(true, Ordering::Relaxed)
        {
            let (key, error) = (&event.change().object.key, with_causes(error));
            self.bar.suspend(|| {
                eprintln!("backfill: {key}: {error}\nbackfill: what to do: {advice}");
            });
        }
        sent
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cos_thumbnails::object::Bucket;
    use cos_thumbnails::storage::{self, Credentials, HmacKey};

    use super::*;

    #[test]
    fn what_is_a_matter_of_settings_does_not_pass() {
        let of_store = |kind| {
            let error = storage::Error::new(kind, "GetObject");
            may_pass(&TargetError::Flow(thumbnailer::Error::Store(error)))
        };
        assert!(of_store(Kind::Unavailable) && of_store(Kind::Throttled));
        for kind in [Kind::AccessDenied, Kind::NoSuchBucket, Kind::NoStore] {
            assert!(!of_store(kind), "{kind:?}");
        }
        assert!(!may_pass(&TargetError::RunRefused));
    }

    #[test]
    fn what_a_function_refuses_is_told_from_what_is_none() {
        let advice = Advice {
            store: S3Config {
                endpoint: "http://127.0.0.1:1".to_owned(),
                region: "r".to_owned(),
                bucket: Bucket::new("b"),
                credentials: Credentials::Hmac(HmacKey {
                    access_key_id: "id".to_owned(),
                    secret_access_key: "canary".to_owned(),
                }),
            },
            function: Some("http://127.0.0.1:8080/events".to_owned()),
            places: Vec::new(),
        };
        let on = |status, detail: &str| {
            let error = TargetError::Status {
                status,
                retry_after: None,
                detail: detail.to_owned(),
            };
            advice.on(&error).unwrap()
        };
        let malformed = r#"{"error":"malformed event: the attribute type is missing"}"#;
        let told = on(StatusCode::BAD_REQUEST, malformed);
        assert!(told.contains("same version"), "{told}");
        let told = on(StatusCode::BAD_REQUEST, "<html>");
        assert!(told.contains("is no such function"), "{told}");
        let told = on(StatusCode::FORBIDDEN, r#"{"error":"forbidden"}"#);
        assert!(
            told.contains("set BACKFILL_SECRET to the same for it and here"),
            "{told}"
        );
    }
}
