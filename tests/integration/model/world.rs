//! One key, some changes of it, and the handlers that are told of them: what can happen next, and
//! what happens.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use cos_thumbnails::events::Event;
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::outcome::Outcome;
use cos_thumbnails::plan::{Decision, Plan, Policy, Recipe};
use cos_thumbnails::storage::{GetOptions, ListOptions, Memory, PutOptions, Storage};
use cos_thumbnails::thumbnailer::{self, FailureRecord, FailureState, Mark, Thumbnailer};
use tokio::task::unconstrained;

use super::store::{Call, Calls, Fate, Omission, Stepped, content};
use crate::flow::{event, policy_with};

pub(super) const ORIGINAL: &str = "images/a.png";

/// What happens to the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Put(Version),
    Delete,
}

/// What is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
    NoPicture,
}

/// How much goes wrong at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    /// Deliveries that are handled at once.
    pub(super) handlers: usize,
    /// Deliveries beyond one for each change.
    pub(super) duplicates: u32,
    /// Handlers that die between two calls.
    pub(super) crashes: u32,
    /// Calls that fail, with or without effect.
    pub(super) faults: u32,
}

/// What can happen next. The numbers are places in the world's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Change,
    Deliver,
    Duplicate,
    Crash(usize),
    Call(usize, Fate),
}

/// What all schedules share: bodies, and what a flow alone makes of them.
pub(super) struct Setting {
    policy: Policy,
    plan: Arc<Plan>,
    bodies: [Bytes; 3],
    /// The outputs' tags by the original's.
    sets: BTreeMap<ETag, Vec<ETag>>,
}

pub(super) struct World<'a> {
    setting: &'a Setting,
    store: Arc<Memory>,
    calls: Arc<Calls>,
    handlers: Vec<Handler>,
    started: usize,
    changes: &'a [Change],
    /// Deliveries that are still to be made: each change causes one, and so does each that failed.
    due: u32,
    budget: Budget,
    omission: Option<Omission>,
    /// What has happened, for people.
    pub(super) trace: Vec<String>,
}

struct Handler {
    number: usize,
    future: Pin<Box<dyn Future<Output = Result<Outcome, thumbnailer::Error>>>>,
    learnt: Arc<Mutex<u64>>,
}

impl Setting {
    pub(super) async fn new() -> Self {
        // One sibling beside the mark: all that the protocol needs to go wrong.
        let policy = policy_with(Recipe::standard().with_sizes(&[1, 2]).unwrap());
        let Decision::Make(plan) = policy.decide(event(ORIGINAL).change()) else {
            panic!("the key is below the source prefix");
        };
        let bodies = [picture(0), picture(255), Bytes::from_static(b"no picture")];
        let mut sets = BTreeMap::new();
        for body in &bodies[..2] {
            let store = Arc::new(Memory::new());
            let key = Key::new(ORIGINAL);
            let put = store.put(&key, body.clone(), PutOptions::default()).await;
            let flow = Thumbnailer::new(Arc::clone(&store) as Arc<dyn Storage>, policy.clone());
            flow.handle(&event(ORIGINAL)).await.unwrap();
            let mut tags = Vec::new();
            for output in &plan.outputs {
                tags.push(store.head(&output.key).await.unwrap().etag);
            }
            sets.insert(put.unwrap(), tags);
        }
        let distinct: Vec<_> = sets.values().collect();
        assert!(distinct[0].iter().zip(distinct[1]).all(|(a, b)| a != b));
        Self {
            policy,
            plan: Arc::new(plan),
            bodies,
            sets,
        }
    }
}

/// Two pixels of that grey.
fn picture(grey: u8) -> Bytes {
    let mut file = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_pixel(2, 1, image::Luma([grey]))
        .write_to(&mut file, image::ImageFormat::Png)
        .unwrap();
    file.into_inner().into()
}

impl<'a> World<'a> {
    /// Version one was put, and its event is under way.
    pub(super) async fn new(
        setting: &'a Setting,
        changes: &'a [Change],
        budget: Budget,
        omission: Option<Omission>,
    ) -> Self {
        let mut world = Self {
            setting,
            store: Arc::default(),
            calls: Arc::default(),
            handlers: Vec::new(),
            started: 0,
            changes,
            due: 0,
            budget,
            omission,
            trace: Vec::new(),
        };
        world.change(Change::Put(Version::One)).await;
        world
    }

    /// Everything that can happen next, what must come in any case first. None: it is over.
    pub(super) fn actions(&self) -> Vec<Action> {
        let calls = self.calls.0.lock().unwrap();
        let room = self.handlers.len() < self.budget.handlers;
        let mut actions = Vec::new();
        actions.extend((0..calls.len()).map(|n| Action::Call(n, Fate::Done)));
        if self.due > 0 && room {
            actions.push(Action::Deliver);
        }
        if !self.changes.is_empty() {
            actions.push(Action::Change);
        }
        if self.budget.duplicates > 0 && room {
            actions.push(Action::Duplicate);
        }
        if self.budget.crashes > 0 {
            actions.extend((0..self.handlers.len()).map(Action::Crash));
        }
        if self.budget.faults > 0 {
            for (n, call) in calls.iter().enumerate() {
                actions.push(Action::Call(n, Fate::FailedBefore));
                if matches!(call.operation, "PUT" | "DELETE") {
                    actions.push(Action::Call(n, Fate::FailedAfter));
                }
            }
        }
        actions
    }

    /// Whether all changes were made and all events handled.
    pub(super) fn is_over(&self) -> bool {
        self.handlers.is_empty() && self.due == 0 && self.changes.is_empty()
    }

    pub(super) async fn act(&mut self, action: Action) {
        match action {
            Action::Change => {
                let (first, rest) = self.changes.split_first().unwrap();
                self.changes = rest;
                self.change(*first).await;
            }
            Action::Deliver => {
                self.due -= 1;
                self.deliver().await;
            }
            Action::Duplicate => {
                self.budget.duplicates -= 1;
                self.deliver().await;
            }
            Action::Crash(n) => {
                self.budget.crashes -= 1;
                let died = self.handlers.remove(n);
                self.trace.push(format!("{} dies", died.number));
                let mut calls = self.calls.0.lock().unwrap();
                calls.retain(|call| call.handler != died.number);
                self.due += 1;
            }
            Action::Call(n, fate) => {
                let Call {
                    handler,
                    fate: tell,
                    ..
                } = {
                    let mut calls = self.calls.0.lock().unwrap();
                    self.trace.push(format!("{} {fate:?}", calls[n]));
                    calls.remove(n)
                };
                self.budget.faults -= u32::from(fate != Fate::Done);
                tell.send(fate).unwrap();
                self.advance(handler).await;
            }
        }
    }

    async fn change(&mut self, change: Change) {
        self.trace.push(format!("{change:?}"));
        let key = Key::new(ORIGINAL);
        match change {
            Change::Put(version) => {
                let body = self.setting.bodies[version as usize].clone();
                let put = self.store.put(&key, body, PutOptions::default());
                put.await.unwrap();
            }
            Change::Delete => self.store.delete(&key).await.unwrap(),
        }
        self.due += 1;
    }

    /// Each handler has a process of its own: within one, events of a key take turns.
    async fn deliver(&mut self) {
        let number = self.started;
        self.started += 1;
        self.trace.push(format!("{number} is told"));
        let learnt = Arc::new(Mutex::new(0));
        let store = Stepped {
            handler: number,
            store: Arc::clone(&self.store),
            plan: Arc::clone(&self.setting.plan),
            omission: self.omission,
            calls: Arc::clone(&self.calls),
            learnt: Arc::clone(&learnt),
            seen: Mutex::default(),
        };
        let flow = Thumbnailer::new(Arc::new(store), self.setting.policy.clone());
        let told: Event = event(ORIGINAL);
        self.handlers.push(Handler {
            number,
            // Else tokio would have it wait after so many steps, wherever that is.
            future: Box::pin(unconstrained(async move { flow.handle(&told).await })),
            learnt,
        });
        self.advance(number).await;
    }

    /// Lets a handler go on until it waits for calls, or ends.
    async fn advance(&mut self, number: usize) {
        let n = self.handlers.iter().position(|h| h.number == number);
        let n = n.unwrap();
        let future = &mut self.handlers[n].future;
        let calls = &self.calls;
        let ended = poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => {
                let calls = calls.0.lock().unwrap();
                // Without a call it computes, and will say so when it is done.
                if calls.iter().any(|call| call.handler == number) {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                }
            }
        })
        .await;
        if let Some(ended) = ended {
            self.handlers.remove(n);
            // What a handler that fails has under way ends with it.
            self.calls
                .0
                .lock()
                .unwrap()
                .retain(|call| call.handler != number);
            match ended {
                Ok(outcome) => self
                    .trace
                    .push(format!("{number} ends: {}", outcome.verdict)),
                Err(error) => {
                    self.trace.push(format!("{number} fails: {error}"));
                    self.due += 1;
                }
            }
        }
    }

    /// Names the state: two worlds with the same one have the same futures.
    pub(super) async fn state(&self) -> u64 {
        let mut handlers: Vec<_> = self
            .handlers
            .iter()
            .map(|handler| {
                let calls = self.calls.0.lock().unwrap();
                let mut own: Vec<_> = calls
                    .iter()
                    .filter(|call| call.handler == handler.number)
                    .map(|call| (call.operation, call.key.clone()))
                    .collect();
                own.sort();
                (*handler.learnt.lock().unwrap(), own)
            })
            .collect();
        handlers.sort();
        let mut hasher = DefaultHasher::new();
        (handlers, self.changes.len(), self.due, self.budget).hash(&mut hasher);
        let page = self.store.list(ListOptions::default()).await.unwrap();
        for object in page.objects {
            let whole = self.store.get(&object.key, GetOptions::default()).await;
            (object.key, content(&whole.unwrap())).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Whether what stands is what the original asks for.
    pub(super) async fn check(&self) -> Result<(), String> {
        let (plan, store) = (&self.setting.plan, &self.store);
        let page = store.list(ListOptions::default()).await.unwrap();
        let standing: Vec<_> = page.objects.iter().map(|o| o.key.clone()).collect();
        let original = store.head(&plan.original).await.ok();
        let outputs = plan.outputs.iter().map(|output| output.key.clone());
        let expected: Vec<_> = match &original {
            None => Vec::new(),
            Some(head) if self.setting.sets.contains_key(&head.etag) => {
                [plan.original.clone()].into_iter().chain(outputs).collect()
            }
            Some(_) => vec![plan.failure.clone(), plan.original.clone()],
        };
        if standing != expected {
            return Err(format!("there is {standing:?}, not {expected:?}"));
        }
        let Some(original) = original else {
            return Ok(());
        };
        let Some(set) = self.setting.sets.get(&original.etag) else {
            let record = store.get(&plan.failure, GetOptions::default()).await;
            let record = FailureRecord::from_json(&record.unwrap().body).unwrap();
            let right = record.etag == original.etag && record.state == FailureState::Rejected;
            return if right {
                Ok(())
            } else {
                Err(format!("{record:?}"))
            };
        };
        let mut tags = Vec::new();
        for output in &plan.outputs {
            tags.push(store.head(&output.key).await.unwrap().etag);
        }
        let (mark, _) = plan.mark_and_siblings();
        let mark = store.head(&mark.key).await.unwrap();
        let mark = Mark::from_metadata(&mark.metadata).unwrap();
        let right = tags == *set
            && mark.original_etag == original.etag
            && mark.siblings[..] == set[..set.len() - 1];
        if right {
            Ok(())
        } else {
            Err(format!("of {} there is {tags:?}, {mark:?}", original.etag))
        }
    }
}
