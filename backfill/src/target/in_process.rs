use std::sync::Arc;

use async_trait::async_trait;
use cos_thumbnails::events::Event;
use cos_thumbnails::outcome::Outcome;
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
}

#[async_trait]
impl Target for InProcess {
    async fn send(&self, event: &Event) -> Result<Outcome, TargetError> {
        Ok(self.0.handle(event).await?)
    }
}
