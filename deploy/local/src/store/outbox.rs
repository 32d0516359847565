//! The outbox: events that were committed together with their changes and wait to be delivered, in order.

use std::io;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cos_thumbnails::events::{Change, Event, Operation};
use cos_thumbnails::object::{Bucket, ETag, Key, ObjectId};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::index::Index;

/// Events read from the index at once.
const PAGE: usize = 100;

/// An event as the index keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Raised {
    id: String,
    time: DateTime<Utc>,
    delete: bool,
    bucket: Bucket,
    key: Key,
    etag: Option<ETag>,
    length: Option<u64>,
    content_type: Option<String>,
}

impl Raised {
    pub(super) fn of(event: &Event) -> Self {
        let change = event.change();
        Self {
            id: event.id().to_owned(),
            time: event.time().unwrap_or_default(),
            delete: change.operation == Operation::Delete,
            bucket: change.object.bucket.clone(),
            key: change.object.key.clone(),
            etag: change.etag.clone(),
            length: change.length,
            content_type: change.content_type.clone(),
        }
    }

    fn into_event(self) -> Event {
        let change = Change {
            operation: if self.delete {
                Operation::Delete
            } else {
                Operation::Write
            },
            object: ObjectId {
                bucket: self.bucket,
                key: self.key,
            },
            etag: self.etag,
            length: self.length,
            content_type: self.content_type,
            endpoint: String::new(),
        };
        Event::new(self.id, self.time, change)
    }
}

/// An event that was given up, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Buried {
    pub(super) event: Raised,
    pub(super) attempts: u32,
    pub(super) failure: String,
    pub(super) time: DateTime<Utc>,
}

/// An event that was given up.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The event.
    pub event: Event,
    /// How often it was sent.
    pub attempts: u32,
    /// What the last answer was.
    pub failure: String,
    /// When it was given up.
    pub time: DateTime<Utc>,
}

/// An event that waits to be delivered.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its place in the order of changes.
    pub number: u64,
    /// The event.
    pub event: Event,
}

/// The reading end of a store's events. What is neither [delivered](Receipts::delivered) nor
/// [buried](Receipts::bury) comes again from the next start's outbox: events are delivered at least once.
#[derive(Debug)]
pub struct Outbox {
    index: Arc<Index>,
    raised: watch::Receiver<u64>,
    read: std::collections::VecDeque<Pending>,
    last: u64,
}

impl Outbox {
    pub(super) fn new(index: Arc<Index>) -> Self {
        Self {
            raised: index.raised(),
            index,
            read: std::collections::VecDeque::new(),
            last: 0,
        }
    }

    /// The next event in the order of changes; waits for one.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn next(&mut self) -> io::Result<Pending> {
        loop {
            if let Some(pending) = self.read.pop_front() {
                return Ok(pending);
            }
            self.raised.borrow_and_update();
            let (index, last) = (Arc::clone(&self.index), self.last);
            let page = tokio::task::spawn_blocking(move || index.read()?.outbox(last, PAGE)).await;
            let page = page.map_err(io::Error::other)??;
            if let Some(&(number, _)) = page.last() {
                self.last = number;
                let pending = page.into_iter().map(|(number, raised)| Pending {
                    number,
                    event: raised.into_event(),
                });
                self.read.extend(pending);
            } else {
                // The sender is in the index that this holds.
                let _ = self.raised.changed().await;
            }
        }
    }

    /// How many events wait to be delivered, those under way included.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn waiting(&self) -> io::Result<u64> {
        let index = Arc::clone(&self.index);
        let counted = tokio::task::spawn_blocking(move || index.read()?.waiting()).await;
        counted.map_err(io::Error::other)?
    }

    /// Whoever tells the store what became of its events.
    #[must_use]
    pub fn receipts(&self) -> Receipts {
        Receipts(Arc::clone(&self.index))
    }
}

/// Takes note of what became of events.
#[derive(Debug, Clone)]
pub struct Receipts(Arc<Index>);

impl Receipts {
    /// An event was handled: it is not delivered again.
    ///
    /// # Errors
    /// The index cannot be written.
    pub async fn delivered(&self, number: u64) -> io::Result<()> {
        self.0.write(move |tables| tables.lower(number)).await
    }

    /// An event was given up: it is kept among the dead letters.
    ///
    /// # Errors
    /// The index cannot be written.
    pub async fn bury(&self, number: u64, letter: DeadLetter) -> io::Result<()> {
        let buried = Buried {
            event: Raised::of(&letter.event),
            attempts: letter.attempts,
            failure: letter.failure,
            time: letter.time,
        };
        self.0
            .write(move |tables| {
                tables.lower(number)?;
                tables.bury(number, &buried)
            })
            .await
    }
}

/// The dead letters of the index, oldest first.
pub(super) fn dead_letters(index: &Index) -> io::Result<Vec<DeadLetter>> {
    let dead: Vec<(u64, Buried)> = index.read()?.dead()?;
    let letters = dead.into_iter().map(|(_, buried)| DeadLetter {
        event: buried.event.into_event(),
        attempts: buried.attempts,
        failure: buried.failure,
        time: buried.time,
    });
    Ok(letters.collect())
}

/// Puts every dead letter back into the outbox, behind what waits there, and says how many they are.
pub(super) async fn replay(index: &Index) -> io::Result<usize> {
    let dead: Vec<(u64, Buried)> = index.read()?.dead()?;
    index
        .write(move |tables| {
            let count = dead.len();
            for (number, buried) in dead {
                tables.forget(number)?;
                tables.raise(&buried.event.into_event())?;
            }
            Ok(count)
        })
        .await
}
