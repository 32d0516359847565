use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::object::Key;

/// Lets the events of one set take turns within this process, in the order in which they came. A set goes by the
/// key of its mark: of one original there is one, and originals that share theirs share a turn.
///
/// That saves work, and one original's deletion never meets the set that another is about to have under the same
/// keys. Else it is not what makes the end right: other processes take no turns with ours.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Key, Weak<AsyncMutex<()>>>>);

impl Turns {
    /// Waits for the key's turn. Dropping the guard ends it.
    pub(super) async fn take(&self, key: &Key) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= turns.capacity() {
                turns.retain(|_, turn| turn.strong_count() > 0);
            }
            let standing = turns.get(key).and_then(Weak::upgrade);
            standing.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(key.clone(), Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_key_waits_and_another_does_not() {
        let turns = Turns::default();
        let (a, b) = (Key::new("a"), Key::new("b"));
        let held = turns.take(&a).await;
        let _other = turns.take(&b).await;
        assert!(turns.take(&a).now_or_never().is_none());
        drop(held);
        assert!(turns.take(&a).now_or_never().is_some());
    }

    #[tokio::test]
    async fn keys_that_no_one_holds_are_forgotten() {
        let turns = Turns::default();
        for n in 0..10_000 {
            turns.take(&Key::new(n.to_string())).await;
        }
        let kept = turns.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert!(kept < 100, "{kept}");
    }
}
