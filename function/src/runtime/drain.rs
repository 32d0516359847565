//! Knows how many requests with events are being answered, and waits for them to cease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How many requests with events are being answered. Clones share the count.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<watch::Sender<usize>>);

/// Counts as one request until dropped.
#[derive(Debug)]
pub(super) struct Active(Activity);

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(super) fn begin(&self) -> Active {
        self.0.send_modify(|active| *active += 1);
        Active(self.clone())
    }

    /// Waits until no request has been there for as long as `quiet`.
    pub(super) async fn ceased(&self, quiet: Duration) {
        let mut active = self.0.subscribe();
        loop {
            // The sender is ours, so neither wait can fail; a change is any begin or end.
            let _ = active.wait_for(|active| *active == 0).await;
            if timeout(quiet, active.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.0.send_modify(|active| *active -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::pin::pin;

    const QUIET: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn ends_when_it_has_been_quiet_long_enough() {
        let activity = Activity::new();
        let begun = tokio::time::Instant::now();
        activity.ceased(QUIET).await;
        assert_eq!(begun.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_request_starts_the_wait_anew() {
        let activity = Activity::new();
        let mut ceased = pin!(activity.ceased(QUIET));
        assert!((&mut ceased).now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(1900)).await;
        let late = activity.begin();
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(
            (&mut ceased).now_or_never().is_none(),
            "it is being answered"
        );
        drop(late);
        assert!((&mut ceased).now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(1900)).await;
        assert!(
            (&mut ceased).now_or_never().is_none(),
            "not quiet for long enough"
        );
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!((&mut ceased).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_comes_and_goes_unseen_counts() {
        let activity = Activity::new();
        let mut ceased = pin!(activity.ceased(QUIET));
        assert!((&mut ceased).now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(1900)).await;
        drop(activity.begin());
        tokio::time::advance(Duration::from_millis(200)).await;
        assert!((&mut ceased).now_or_never().is_none());
    }
}
