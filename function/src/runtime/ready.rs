use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long an answer counts: many probes cost one question.
const VALID: Duration = Duration::from_secs(5);
/// How long an answer may take. Platforms wait a second or a few for theirs.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks whether events can be handled, one question at a time.
#[derive(Clone, Default)]
pub(super) struct Readiness {
    question: Option<Question>,
    last: Arc<Mutex<Option<(Instant, bool)>>>,
}

type Question = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

impl Readiness {
    pub(super) fn new<F, Fut>(question: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self {
            question: Some(Arc::new(move || Box::pin(question()))),
            last: Arc::default(),
        }
    }

    /// Whether events can be handled, as of now or a few seconds ago. Always, if nothing asks.
    pub(super) async fn is_ready(&self) -> bool {
        let Some(question) = self.question.clone() else {
            return true;
        };
        let last = Arc::clone(&self.last);
        // A prober that hangs up before does not end the question: the next one has the answer.
        let asked = tokio::spawn(async move {
            let mut last = last.lock().await;
            if let Some((asked, ready)) = *last
                && asked.elapsed() < VALID
            {
                return ready;
            }
            let ready = timeout(PATIENCE, question()).await.unwrap_or(false);
            *last = Some((Instant::now(), ready));
            ready
        });
        asked.await.unwrap_or(false)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readiness")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_asks_now_and_then_and_not_for_ever() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let readiness = Readiness::new(move || {
            let nth = count.fetch_add(1, Ordering::Relaxed);
            async move {
                match nth {
                    0 => false,
                    1 => true,
                    _ => std::future::pending().await,
                }
            }
        });
        for expected in [false, true, false] {
            for _ in 0..3 {
                assert_eq!(readiness.is_ready().await, expected);
            }
            tokio::time::advance(VALID).await;
        }
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert!(Readiness::default().is_ready().await);
    }
}
