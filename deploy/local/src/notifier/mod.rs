//! The notifier: delivers the store's events to the function as Code Engine does, each at least once; or
//! with [`Mischief`], as badly as IBM's documentation leaves room for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use cos_thumbnails::events::Event;
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Outcome;
use function::config::EVENT_SECRET_EXTENSION;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::store::{DeadLetter, Outbox, Pending, Receipts};

mod mischief;
mod send;

pub use mischief::{Fate, Mischief, WrongMischief};
pub use send::{Failure, HttpClient, deliver};

/// Deliveries under way at once. Enough to keep two processors busy, few enough that little waits
/// in the function.
const IN_FLIGHT: usize = 8;
/// With mischief so many events may be held back at once, those under way included.
const HELD: usize = 1000;

/// What became of one event, or of one of two deliveries of it.
#[derive(Debug)]
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// How often it was sent.
    pub attempts: u32,
    /// From the first try to the last answer.
    pub took: Duration,
    /// When that came, by this machine's clock.
    pub ended: DateTime<Utc>,
    /// No other delivery of the event is under way, and the notifier has noted what became of it.
    pub is_last: bool,
    /// The function's answer, or why there is none.
    pub result: Result<Outcome, Failure>,
    /// What was done to it on purpose.
    pub fate: Fate,
}

/// Delivers every event of the outbox, until the task is aborted. What was not delivered by then is by the
/// next start's notifier. Each shows the `secret`, where there is one, as a subscription's extension does.
pub async fn notify(
    mut outbox: Outbox,
    function: Uri,
    secret: Option<String>,
    mischief: Option<Mischief>,
    deliveries: UnboundedSender<Delivery>,
) {
    let courier = Arc::new(Courier {
        client: Client::builder(TokioExecutor::new()).build_http(),
        function,
        secret,
        places: Semaphore::new(IN_FLIGHT),
        ended: watch::Sender::new(0),
        longest_wait: mischief.map_or(Duration::ZERO, |mischief| mischief.up_to),
        receipts: outbox.receipts(),
        deliveries,
    });
    let taken = Arc::new(Semaphore::new(mischief.map_or(IN_FLIGHT, |_| HELD)));
    let mut seen: HashMap<Key, u64> = HashMap::new();
    let mut under_way = JoinSet::new();
    loop {
        let Pending { number, event } = match outbox.next().await {
            Ok(pending) => pending,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                tokio::time::sleep(send::LONGEST_PAUSE).await;
                continue;
            }
        };
        let fates = mischief.map_or(vec![Fate::default()], |mischief| {
            let key = &event.change().object.key;
            let nth = seen.entry(key.clone()).or_default();
            *nth += 1;
            mischief.fates(key, *nth)
        });
        // The semaphore is never closed.
        let Ok(room) = Arc::clone(&taken).acquire_owned().await else {
            break;
        };
        let courier = Arc::clone(&courier);
        under_way.spawn(async move {
            let _room = room;
            courier.deliver_all(number, &event, fates).await;
        });
        while under_way.try_join_next().is_some() {}
    }
}

/// What all deliveries share.
struct Courier {
    client: HttpClient,
    function: Uri,
    secret: Option<String>,
    places: Semaphore,
    /// How many deliveries have ended.
    ended: watch::Sender<u64>,
    longest_wait: Duration,
    receipts: Receipts,
    deliveries: UnboundedSender<Delivery>,
}

impl Courier {
    /// Delivers an event as often as it has fates, and tells of each delivery as it ends; of the last when it is
    /// noted what became of the event: it is handled if one delivery was, and also if it was dropped, since then
    /// nobody knows of it any more.
    async fn deliver_all(&self, number: u64, event: &Event, fates: Vec<Fate>) {
        let deliveries = fates.into_iter().map(|fate| self.deliver(event, fate));
        let mut under_way: FuturesUnordered<_> = deliveries.collect();
        let mut failures = Vec::new();
        while let Some(mut delivery) = under_way.next().await {
            failures.push(match &delivery.result {
                Ok(_) | Err(Failure::Dropped) => None,
                Err(failure) => Some((delivery.attempts, causes(failure))),
            });
            delivery.is_last = under_way.is_empty();
            if delivery.is_last {
                let given_up = failures.iter().min().cloned().flatten();
                self.note(number, event, given_up).await;
            }
            // Nobody listens any more when the program ends.
            let _ = self.deliveries.send(delivery);
        }
    }

    /// Notes that an event is handled, or that it was given up: after so many attempts, and why.
    async fn note(&self, number: u64, event: &Event, given_up: Option<(u32, String)>) {
        let noted = match given_up {
            None => self.receipts.delivered(number).await,
            Some((attempts, failure)) => {
                let letter = DeadLetter {
                    event: event.clone(),
                    attempts,
                    failure,
                    time: Utc::now(),
                };
                self.receipts.bury(number, letter).await
            }
        };
        if let Err(error) = noted {
            tracing::error!(%error, number, "an event will be delivered again");
        }
    }

    async fn deliver(&self, event: &Event, fate: Fate) -> Delivery {
        if fate.dropped {
            return Delivery {
                event: event.clone(),
                attempts: 0,
                took: Duration::ZERO,
                ended: Utc::now(),
                is_last: true,
                result: Err(Failure::Dropped),
                fate,
            };
        }
        tokio::time::sleep(fate.delay).await;
        if fate.behind > 0 {
            let mut ended = self.ended.subscribe();
            let enough = *ended.borrow() + u64::from(fate.behind);
            let others = ended.wait_for(|&ended| ended >= enough);
            // Where nothing else comes it is not held for ever.
            let _ = tokio::time::timeout(self.longest_wait, others).await;
        }
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let shown = match &self.secret {
            Some(secret) => event.clone().with_extension(EVENT_SECRET_EXTENSION, secret),
            None => event.clone(),
        };
        let delivery = deliver(&self.client, &self.function, shown).await;
        self.ended.send_modify(|ended| *ended += 1);
        Delivery {
            fate,
            event: event.clone(),
            ..delivery
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
