use std::sync::Arc;

use async_trait::async_trait;
use cos_thumbnails::events::Event;
use cos_thumbnails::outcome::Outcome;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::process;
use cos_thumbnails::storage::Storage;
use cos_thumbnails::thumbnailer::Thumbnailer;

use super::{Target, TargetError};

/// The flow in this process: sequential and parallel.
///
/// The flow itself keeps as many pictures in work at once as there are processors; what is in
/// flight beyond that reads and writes.
#[derive(Debug, Clone)]
pub struct InProcess(Arc<Thumbnailer>);

impl InProcess {
    /// Events go to `thumbnailer`.
    #[must_use]
    pub fn new(thumbnailer: Arc<Thumbnailer>) -> Self {
        Self(thumbnailer)
    }

    /// Over `store`, by `policy`, within as much memory as the function takes where nothing else is set:
    /// three quarters of what this process may use. So a container that is small for its originals makes fewer of them
    /// at once. None is refused for it: what the function has made would be taken for too large, and removed.
    #[must_use]
    pub fn within_memory(store: Arc<dyn Storage>, policy: Policy) -> Self {
        let thumbnailer = Thumbnailer::new(store, policy);
        Self::new(Arc::new(match process::budget_bytes() {
            Some(bytes) => thumbnailer.with_shared_memory(bytes),
            None => thumbnailer,
        }))
    }
}

#[async_trait]
impl Target for InProcess {
    async fn send(&self, event: &Event) -> Result<Outcome, TargetError> {
        Ok(self.0.handle(event).await?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cos_thumbnails::object::Bucket;
    use cos_thumbnails::plan::Recipe;
    use cos_thumbnails::storage::Memory;

    use super::*;

    #[test]
    fn it_has_the_memory_of_this_process_and_no_more() {
        let policy = Policy::new(
            Bucket::new("b"),
            "images/",
            "thumbnails/",
            Recipe::standard(),
        );
        let here = InProcess::within_memory(Arc::new(Memory::default()), policy.unwrap());
        let budget = format!("budget_bytes: {},", process::budget_bytes().unwrap());
        let shown = format!("{here:?}");
        assert!(shown.contains(&budget), "{shown}");
    }
}
