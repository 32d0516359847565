//! Places in instances, and who waits for one.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// The places of all instances that take requests.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<State>,
    /// Told whenever more or less is needed.
    pub(super) changed: Notify,
    /// Told whenever a closed instance has no more requests.
    emptied: Notify,
    concurrency: u16,
    buffer: usize,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<u64, Open>,
    /// Requests in those that get no more, or are on their way to them.
    closed: BTreeMap<u64, u16>,
    waiting: VecDeque<oneshot::Sender<Lease>>,
    /// Requests in instances, closed ones included.
    in_flight: usize,
}

#[derive(Debug)]
struct Open {
    address: SocketAddr,
    in_flight: u16,
}

/// So many wait that no more may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BufferFull;

/// One place in one instance, until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) address: SocketAddr,
    instance: u64,
    /// `None` where the place was given back another way.
    pool: Option<Arc<Pool>>,
}

impl Pool {
    pub(super) fn new(concurrency: u16, buffer: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            emptied: Notify::new(),
            concurrency: concurrency.max(1),
            buffer,
        }
    }

    /// A place: at once if one is free, else when one becomes free, in the order of asking.
    pub(super) async fn acquire(self: &Arc<Self>) -> Result<Lease, BufferFull> {
        let place = {
            let mut state = self.state();
            state.waiting.retain(|waiting| !waiting.is_closed());
            if let Some(lease) = self.free(&mut state) {
                self.changed.notify_one();
                return Ok(lease);
            }
            if state.waiting.len() >= self.buffer {
                return Err(BufferFull);
            }
            let (sender, place) = oneshot::channel();
            state.waiting.push_back(sender);
            place
        };
        self.changed.notify_one();
        let _told = Told(&self.changed);
        // The pool, which this holds, drops no sender.
        place.await.map_err(|_| BufferFull)
    }

    /// An instance takes requests from now on.
    pub(super) fn open(self: &Arc<Self>, instance: u64, address: SocketAddr) {
        let open = Open {
            address,
            in_flight: 0,
        };
        let mut state = self.state();
        state.open.insert(instance, open);
        self.serve_waiting(&mut state);
    }

    /// An instance gets no more requests; those that it has go on.
    pub(super) fn close(&self, instance: u64) {
        self.state().close(instance);
        self.changed.notify_one();
    }

    /// Closes that instance with the fewest requests, the youngest of several.
    pub(super) fn close_least_busy(&self) -> Option<u64> {
        let mut state = self.state();
        let open = state.open.iter().rev();
        let (&instance, _) = open.min_by_key(|(_, open)| open.in_flight)?;
        state.close(instance);
        Some(instance)
    }

    /// Waits until a closed instance has no request, and none is on its way to it.
    pub(super) async fn emptied(&self, instance: u64) {
        loop {
            // Listened for before it is looked at, so that no change is missed.
            let emptied = self.emptied.notified();
            if !self.state().closed.contains_key(&instance) {
                return;
            }
            emptied.await;
        }
    }

    /// Whether an instance takes requests.
    pub(super) fn is_open(&self, instance: u64) -> bool {
        self.state().open.contains_key(&instance)
    }

    /// How many instances take requests.
    pub(super) fn ready(&self) -> usize {
        self.state().open.len()
    }

    /// Requests that are in instances or wait.
    pub(super) fn concurrency(&self) -> usize {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.is_closed());
        state.in_flight + state.waiting.len()
    }

    /// A place in the oldest instance that has one: load gathers where it is, so that the others can go.
    fn free(self: &Arc<Self>, state: &mut State) -> Option<Lease> {
        let (&instance, open) = state
            .open
            .iter_mut()
            .find(|(_, open)| open.in_flight < self.concurrency)?;
        open.in_flight += 1;
        state.in_flight += 1;
        Some(Lease {
            address: open.address,
            instance,
            pool: Some(Arc::clone(self)),
        })
    }

    fn serve_waiting(self: &Arc<Self>, state: &mut State) {
        while let Some(waiting) = state.waiting.pop_front() {
            let Some(lease) = self.free(state) else {
                state.waiting.push_front(waiting);
                return;
            };
            if let Err(mut lease) = waiting.send(lease) {
                // Whoever waited is gone. The lease must not lock what is locked here.
                lease.pool = None;
                state.give_back(lease.instance);
            }
        }
    }

    /// Nothing in here panics half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self, instance: u64) {
        if let Some(open) = self.open.remove(&instance)
            && open.in_flight > 0
        {
            self.closed.insert(instance, open.in_flight);
        }
    }

    /// Whether a closed instance has had its last request.
    fn give_back(&mut self, instance: u64) -> bool {
        self.in_flight -= 1;
        if let Some(open) = self.open.get_mut(&instance) {
            open.in_flight -= 1;
            return false;
        }
        let Some(in_flight) = self.closed.get_mut(&instance) else {
            return false;
        };
        *in_flight -= 1;
        let is_last = *in_flight == 0;
        if is_last {
            self.closed.remove(&instance);
        }
        is_last
    }
}

/// Who has waited is told of, also if it was in vain.
struct Told<'p>(&'p Notify);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            let mut state = pool.state();
            if state.give_back(self.instance) {
                pool.emptied.notify_waiters();
            }
            pool.serve_waiting(&mut state);
            drop(state);
            pool.changed.notify_one();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Polls once, and says whether a place was there.
    async fn at_once(pool: &Arc<Pool>) -> Option<Lease> {
        let acquired = tokio::time::timeout(std::time::Duration::ZERO, pool.acquire());
        acquired.await.ok().map(Result::unwrap)
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_as_many_as_there_are_and_fill_the_oldest_first() {
        let pool = Arc::new(Pool::new(2, 10));
        assert!(at_once(&pool).await.is_none());
        pool.open(1, address(1));
        pool.open(2, address(2));
        let mut leases = Vec::new();
        for port in [1, 1, 2, 2] {
            leases.push(at_once(&pool).await.unwrap());
            assert_eq!(leases.last().unwrap().address, address(port));
        }
        assert!(at_once(&pool).await.is_none());
        assert_eq!(pool.concurrency(), 4);
        leases.remove(0);
        assert_eq!(at_once(&pool).await.unwrap().address, address(1));
        drop(leases);
        assert_eq!(pool.concurrency(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_busy_is_closed_and_is_empty_when_its_last_request_has_ended() {
        let pool = Arc::new(Pool::new(2, 10));
        for instance in 1..=3 {
            pool.open(instance, address(1));
        }
        let mut leases = Vec::new();
        for _ in 0..4 {
            leases.push(at_once(&pool).await.unwrap());
        }
        assert_eq!(pool.close_least_busy(), Some(3), "which has none");
        pool.emptied(3).await;
        drop(leases.remove(0));
        assert_eq!(pool.close_least_busy(), Some(1), "which has one of two");
        assert!(!pool.is_open(1) && pool.is_open(2));
        let mut emptied = std::pin::pin!(pool.emptied(1));
        assert!((&mut emptied).now_or_never().is_none());
        drop(leases.pop());
        assert!((&mut emptied).now_or_never().is_none(), "another's");
        drop(leases.remove(0));
        assert!((&mut emptied).now_or_never().is_some());
        assert_eq!(pool.close_least_busy(), Some(2));
        assert_eq!(pool.close_least_busy(), None);
    }

    #[tokio::test]
    async fn who_waits_is_served_in_order_and_who_left_is_passed_over() {
        let pool = Arc::new(Pool::new(1, 3));
        let ask = || {
            tokio::spawn({
                let pool = Arc::clone(&pool);
                async move { pool.acquire().await }
            })
        };
        let mut asked = Vec::new();
        for waiting in 1..=3 {
            asked.push(ask());
            while pool.concurrency() < waiting {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(pool.acquire().await.unwrap_err(), BufferFull);
        asked.remove(1).abort();
        while pool.concurrency() == 3 {
            tokio::task::yield_now().await;
        }
        pool.open(1, address(1));
        let last = asked.pop().unwrap();
        let first = asked.pop().unwrap().await.unwrap().unwrap();
        assert!(!last.is_finished());
        drop(first);
        let last = last.await.unwrap().unwrap();
        assert_eq!(pool.concurrency(), 1);
        // What is closed keeps what it has, and gets nothing more.
        pool.close(1);
        assert_eq!((pool.ready(), pool.concurrency()), (0, 1));
        drop(last);
        assert_eq!(pool.concurrency(), 0);
        assert!(at_once(&pool).await.is_none());
    }
}
