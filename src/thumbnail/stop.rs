use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag by which the work on one picture is ended from outside. Clones share it.
///
/// Decoders look at it inside their loops; it can be set once and is never cleared.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the work to end.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work shall end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
