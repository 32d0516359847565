//! A proxy before the store that spoils chosen requests, byte for byte.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{PutOptions, S3, Storage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What is done to a request or its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This answer in the store's place, which sees nothing.
    Answer(String),
    /// The connection ends, and the store sees nothing.
    Reset,
    /// The store does it, and the connection ends without an answer.
    Lost,
    /// So many bytes of the answer's body, then the connection ends.
    Cut(usize),
    /// So many bytes of the answer's body, then nothing for ever.
    Stall(usize),
    /// The answer says one byte more than it has.
    TooShort,
    /// The original becomes another one right before.
    Swap(Vec<u8>),
    /// It is told, and never goes on.
    Hold,
    /// It is told, and goes on when another rule is followed.
    Pause,
}

/// Which requests: from the n-th to the m-th of those with this method, if one is named, and with this
/// in their path.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) nth: std::ops::Range<usize>,
    pub(crate) fault: Fault,
}

/// This status in the store's place, and when to come again.
pub(crate) fn refusal(status: &str) -> Fault {
    let fields = "content-length: 0\r\nretry-after: 7\r\nconnection: close";
    Fault::Answer(format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n"))
}

/// Each request, by chance: the n-th of a method and a path has the same fate for the same seed, however many
/// others there are at once.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    pub(crate) seed: u64,
    pub(crate) percent: u8,
    pub(crate) faults: Vec<Fault>,
}

impl Chance {
    fn fault(&self, request: &(String, String), nth: usize) -> Option<Fault> {
        let mut hasher = DefaultHasher::new();
        (self.seed, request, nth).hash(&mut hasher);
        let mut random = fastrand::Rng::with_seed(hasher.finish());
        (random.u8(..100) < self.percent).then(|| random.choice(&self.faults).cloned())?
    }
}

/// What a proxy is to do, and what it saw.
#[derive(Debug, Default)]
struct State {
    rule: Option<Rule>,
    chance: Option<Chance>,
    matched: usize,
    spoilt: usize,
    /// Those of them that were told to be held.
    held: usize,
    /// Methods and paths.
    seen: Vec<(String, String)>,
    leaks: usize,
}

/// A proxy that serves until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    held: Arc<Notify>,
    go_on: Arc<Notify>,
    /// How many requests have come and are not done with.
    under_way: Arc<watch::Sender<usize>>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    store: SocketAddr,
    /// For what the proxy itself puts.
    direct: S3,
    /// Must be in nothing that passes.
    canary: &'static str,
    state: Arc<Mutex<State>>,
    held: Arc<Notify>,
    go_on: Arc<Notify>,
    under_way: Arc<watch::Sender<usize>>,
}

/// A request, until it is done with.
struct UnderWay<'a>(&'a watch::Sender<usize>);

impl<'a> UnderWay<'a> {
    fn begin(all: &'a watch::Sender<usize>) -> Self {
        all.send_modify(|requests| *requests += 1);
        Self(all)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}

impl Proxy {
    pub(crate) async fn start(store: SocketAddr, direct: S3, canary: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, held, go_on) = (Arc::default(), Arc::default(), Arc::default());
        let under_way = Arc::new(watch::Sender::new(0));
        let shared = Shared {
            store,
            direct,
            canary,
            state: Arc::clone(&state),
            held: Arc::clone(&held),
            go_on: Arc::clone(&go_on),
            under_way: Arc::clone(&under_way),
        };
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                // A client that goes away ends its connection, and nothing else.
                connections.spawn(async move { drop(shared.exchange(stream).await) });
            }
        });
        Self {
            address,
            state,
            held,
            go_on,
            under_way,
            serving,
        }
    }

    /// From now on this rule alone holds, and requests are counted anew.
    pub(crate) fn follow(&self, rule: Option<Rule>) {
        self.begin(State {
            rule,
            ..State::default()
        });
    }

    /// The same with what happens by chance.
    pub(crate) fn follow_chance(&self, chance: Chance) {
        self.begin(State {
            chance: Some(chance),
            ..State::default()
        });
    }

    fn begin(&self, next: State) {
        let mut state = self.state.lock().unwrap();
        let leaks = state.leaks;
        *state = State { leaks, ..next };
        self.go_on.notify_waiters();
    }

    /// How many requests were spoilt, and how many there were, since the rule holds.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.spoilt, state.seen.len())
    }

    /// The methods and paths since then.
    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().seen.clone()
    }

    /// Waits until nothing is under way: who gave up may have left a request that the store still does.
    pub(crate) async fn is_quiet(&self) {
        let mut under_way = self.under_way.subscribe();
        under_way.wait_for(|requests| *requests == 0).await.unwrap();
    }

    /// How often the canary passed.
    pub(crate) fn leaks(&self) -> usize {
        self.state.lock().unwrap().leaks
    }

    /// Waits until a request is held by the rule of now.
    pub(crate) async fn holds(&self) {
        while self.state.lock().unwrap().held == 0 {
            self.held.notified().await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    /// One request and its answer; the connection ends with it.
    async fn exchange(&self, mut client: TcpStream) -> std::io::Result<()> {
        let Some(request) = read_message(&mut client).await? else {
            return Ok(());
        };
        let _under_way = UnderWay::begin(&self.under_way);
        let text = String::from_utf8_lossy(&request);
        let mut line = text.split(' ');
        let (method, target) = (line.next().unwrap_or(""), line.next().unwrap_or(""));
        let fault = self.fault(method, target, &text);
        match &fault {
            Some(Fault::Reset) => return Ok(()),
            Some(Fault::Answer(answer)) => {
                client.write_all(answer.as_bytes()).await?;
                return client.shutdown().await;
            }
            Some(Fault::Hold) => {
                self.tell();
                std::future::pending::<()>().await;
            }
            Some(Fault::Pause) => {
                // From here on it would hear of another rule.
                let go_on = self.go_on.notified();
                self.tell();
                go_on.await;
            }
            Some(Fault::Swap(body)) => {
                let below = |prefix| target.split_once(prefix).map(|(_, path)| path);
                let original = below("images/").or_else(|| below("failures/"));
                let original = original.or_else(|| Some(below("thumbnails/")?.rsplit_once('/')?.0));
                let path = original.unwrap().split('?').next().unwrap();
                let key = Key::new(format!("images/{path}"));
                let put = self
                    .direct
                    .put(&key, body.clone().into(), PutOptions::default());
                put.await.map_err(std::io::Error::other)?;
            }
            _ => {}
        }
        let mut store = TcpStream::connect(self.store).await?;
        // One request a connection, so that its answer ends where the connection does.
        let end = request
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or(0);
        store.write_all(&request[..end]).await?;
        store.write_all(b"\r\nconnection: close").await?;
        store.write_all(&request[end..]).await?;
        let mut answer = Vec::new();
        store.read_to_end(&mut answer).await?;
        self.look_for_the_canary(&String::from_utf8_lossy(&answer));
        let body = answer
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map_or(0, |n| n + 4);
        match fault {
            Some(Fault::Lost) => return Ok(()),
            Some(Fault::Cut(bytes)) => answer.truncate(body + bytes),
            Some(Fault::Stall(bytes)) => {
                answer.truncate(body + bytes);
                client.write_all(&answer).await?;
                // Until the client has enough of it.
                client.read_to_end(&mut Vec::new()).await?;
                return Ok(());
            }
            Some(Fault::TooShort) => drop(answer.pop()),
            _ => {}
        }
        client.write_all(&answer).await?;
        client.shutdown().await
    }

    fn fault(&self, method: &str, target: &str, request: &str) -> Option<Fault> {
        self.look_for_the_canary(request);
        let mut state = self.state.lock().unwrap();
        let path = target.split('?').next().unwrap_or_default();
        let seen = (method.to_owned(), path.to_owned());
        let nth = state.seen.iter().filter(|earlier| **earlier == seen);
        let by_chance = state
            .chance
            .as_ref()
            .map(|chance| chance.fault(&seen, nth.count()));
        state.seen.push(seen);
        if let Some(fault) = by_chance {
            state.spoilt += usize::from(fault.is_some());
            return fault;
        }
        let rule = state.rule.clone()?;
        // Without a method: every one.
        let named = rule.method.is_empty() || rule.method == method;
        if !named || !target.contains(&rule.path) {
            return None;
        }
        let nth = state.matched;
        state.matched += 1;
        if !rule.nth.contains(&nth) {
            return None;
        }
        state.spoilt += 1;
        Some(rule.fault)
    }

    fn tell(&self) {
        self.state.lock().unwrap().held += 1;
        self.held.notify_one();
    }

    fn look_for_the_canary(&self, text: &str) {
        if text.contains(self.canary) {
            self.state.lock().unwrap().leaks += 1;
        }
    }
}

/// A request with its body; `None` where none comes.
async fn read_message(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        if stream.read_buf(&mut message).await? == 0 {
            return Ok(None);
        }
        let Some(head) = message.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&message[..head]).to_ascii_lowercase();
        let mut fields = text.lines().filter_map(|line| line.split_once(": "));
        let length = fields.find(|(name, _)| *name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse().unwrap_or(0));
        if message.len() >= head + 4 + length {
            return Ok(Some(message));
        }
    }
}
