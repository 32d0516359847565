//! Load on the real program before a real store: what it bears, what it sheds, and how it treats those
//! who send events while others are idle or slow. `tests/overload/run` runs it in little memory.
//!
//! The load is open: requests are sent when their time comes, whether others are answered or not, and
//! their latency counts from that time.

use std::io::{BufRead, BufReader, Cursor};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use cos_thumbnails::events::{BACKFILL_RUN, Change, Event, Operation};
use cos_thumbnails::object::{Bucket, Key, ObjectId};
use cos_thumbnails::storage::{Credentials, HmacKey, PutOptions, S3, S3Config, Storage};
use hdrhistogram::Histogram;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use local_cloud::{Store, Subscription};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Sends events to `function` at and beyond what it can handle.
#[derive(Debug, Parser)]
struct Args {
    /// The program
    #[arg(long)]
    function: PathBuf,
    /// A `cgroup.procs` file: the control group to run it in
    #[arg(long)]
    group: Option<PathBuf>,
    /// The store's folder
    #[arg(long)]
    folder: PathBuf,
    /// Seconds of each kind of load
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Idle connections at last; a tenth as many more begin a header or a body and never end it
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// The longest side of the JPEGs, in pixels
    #[arg(long, default_value_t = 2000)]
    max_side: u16,
    /// Fails where the goodput under the highest load is not this share of the capacity, in percent
    #[arg(long, default_value_t = 75)]
    at_least: u32,
}

const BUCKET: &str = "pictures";
const CANARY: &str = "canary-load";
/// Different pictures, and under how many keys each: events of one key would take turns.
const PICTURES: usize = 24;
const COPIES: usize = 20;
/// As many requests at once as the function handles at once.
const IN_FLIGHT: usize = 8;
/// Multiples of the capacity.
const LOADS: [u32; 3] = [1, 2, 10];

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let args = Args::parse();
    let store = start_store(&args).await?;
    let function = Function::start(&args, &store.url())?;
    let sender = Sender::new(function.address);

    let capacity = sender.closed(Duration::from_secs(args.seconds)).await?;
    println!(
        "capacity: {capacity:.1} pictures/s, {IN_FLIGHT} at once, each sender waits for its answer"
    );
    println!("{HEAD}");
    let seconds = Duration::from_secs(args.seconds);
    let mut goodput = 0.0;
    for times in LOADS {
        let seen = sender.open(capacity * f64::from(times), seconds).await?;
        println!("{}", seen.row(&format!("{times}x"), seconds));
        goodput = seen.goodput(seconds);
    }
    let healthy = capacity / 2.0;
    let alone = sender.open(healthy, seconds).await?;
    println!("{}", alone.row("half", seconds));
    let crowd = Crowd::gather(function.address, args.idle).await?;
    let beside = sender.open(healthy, seconds).await?;
    println!("{}", beside.row("half, crowd", seconds));
    println!(
        "crowd: {} idle connections and {} slow ones were opened, {} closed by the function",
        args.idle,
        args.idle / 10,
        crowd.closed.load(Ordering::Relaxed)
    );
    drop(crowd);
    drop(function);
    store.stop().await;
    let share = goodput / capacity * 100.0;
    println!("goodput at {}x: {share:.0} % of the capacity", LOADS[2]);
    if share < f64::from(args.at_least) || beside.made * 10 < alone.made * 9 {
        return Err("less than it should be".into());
    }
    Ok(())
}

async fn start_store(args: &Args) -> Result<Store, Fault> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let credentials = HmacKey {
        access_key_id: "id".to_owned(),
        secret_access_key: CANARY.to_owned(),
    };
    let subscription = Subscription {
        bucket: BUCKET.to_owned(),
        prefix: "none/".to_owned(),
    };
    let (store, _) =
        Store::start(listener, &args.folder, "eu-de", subscription, &credentials).await?;
    let direct = S3::new(&S3Config {
        endpoint: store.url(),
        region: "eu-de".to_owned(),
        bucket: Bucket::new(BUCKET),
        credentials: Credentials::Hmac(credentials),
    })?;
    let mut pictures: Vec<Bytes> = dataset::pictures_within(PICTURES - 1, args.max_side)
        .map(|picture| picture.bytes.into())
        .collect();
    // One that needs much memory: 12 megapixels that are decoded whole.
    let mut png = Cursor::new(Vec::new());
    let pixel = |x: u32, y: u32| image::Rgb([x, y, x ^ y].map(|v| v.to_le_bytes()[0] / 8));
    image::RgbImage::from_fn(4000, 3000, pixel).write_to(&mut png, image::ImageFormat::Png)?;
    pictures.push(png.into_inner().into());
    for (n, picture) in pictures.iter().enumerate() {
        for copy in 0..COPIES {
            let key = Key::new(key(n + copy * PICTURES));
            direct
                .put(&key, picture.clone(), PutOptions::default())
                .await?;
        }
    }
    Ok(store)
}

fn key(n: usize) -> String {
    format!("images/{}", n % (PICTURES * COPIES))
}

/// The program, serving; killed with this.
struct Function {
    child: Child,
    address: SocketAddr,
}

impl Function {
    fn start(args: &Args, store: &str) -> Result<Self, Fault> {
        let mut command = match &args.group {
            Some(group) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(r#"echo $$ >"$0" && exec "$@""#);
                shell.arg(group).arg(&args.function);
                shell
            }
            None => Command::new(&args.function),
        };
        command
            .args(["serve", "--port", "0", "--bind-address", "127.0.0.1"])
            .env_clear()
            .envs([
                ("COS_ENDPOINT", store),
                ("COS_REGION", "eu-de"),
                ("COS_BUCKET", BUCKET),
                ("COS_ACCESS_KEY_ID", "id"),
                ("COS_SECRET_ACCESS_KEY", CANARY),
                ("RUST_LOG", "error,function::cli=info"),
            ])
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let log = child.stderr.take().ok_or("no log")?;
        let mut log = BufReader::new(log);
        let mut line = String::new();
        log.read_line(&mut line)?;
        let said: serde_json::Value = serde_json::from_str(&line)?;
        let address = said["address"].as_str().ok_or(line.clone())?.parse()?;
        // The rest of the log is read, or it would fill the pipe.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                eprintln!("{line}");
            }
        });
        Ok(Self { child, address })
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What became of the requests of one load.
struct Seen {
    made: u64,
    busy: u64,
    unavailable: u64,
    failed: u64,
    /// Of those made, in microseconds.
    accepted: Histogram<u64>,
    shed: Histogram<u64>,
}

const HEAD: &str = "load         offered/s  goodput/s    429/s    503/s   failed  p50 ms  p99 ms  p99 of the shed ms";

impl Seen {
    fn new() -> Result<Self, Fault> {
        Ok(Self {
            made: 0,
            busy: 0,
            unavailable: 0,
            failed: 0,
            accepted: Histogram::new(3)?,
            shed: Histogram::new(3)?,
        })
    }

    fn add(&mut self, status: Option<StatusCode>, took: Duration) -> Result<(), Fault> {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match status.map(|status| status.as_u16()) {
            Some(200) => {
                self.made += 1;
                self.accepted.record(us)?;
            }
            Some(429) => {
                self.busy += 1;
                self.shed.record(us)?;
            }
            Some(503) => self.unavailable += 1,
            _ => self.failed += 1,
        }
        Ok(())
    }

    fn all(&self) -> u64 {
        self.made + self.busy + self.unavailable + self.failed
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
    fn goodput(&self, time: Duration) -> f64 {
        self.made as f64 / time.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
    fn row(&self, load: &str, time: Duration) -> String {
        let rate = |count: u64| count as f64 / time.as_secs_f64();
        let ms = |histogram: &Histogram<u64>, q| histogram.value_at_quantile(q) as f64 / 1000.0;
        format!(
            "{load:<12}{:>10.1}{:>11.1}{:>9.1}{:>9.1}{:>9}{:>8.0}{:>8.0}{:>20.1}",
            rate(self.all()),
            rate(self.made),
            rate(self.busy),
            rate(self.unavailable),
            self.failed,
            ms(&self.accepted, 0.5),
            ms(&self.accepted, 0.99),
            ms(&self.shed, 0.99),
        )
    }
}

/// Sends events, each of which asks for a picture anew.
#[derive(Clone)]
struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    next: Arc<AtomicUsize>,
}

impl Sender {
    fn new(address: SocketAddr) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            address,
            next: Arc::default(),
        }
    }

    async fn send(&self) -> Option<StatusCode> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let change = Change {
            operation: Operation::Write,
            object: ObjectId {
                bucket: Bucket::new(BUCKET),
                key: Key::new(key(n)),
            },
            etag: None,
            length: None,
            content_type: None,
            endpoint: String::new(),
        };
        let event = Event::new(n.to_string(), chrono::Utc::now(), change);
        let (headers, body) = event.with_extension(BACKFILL_RUN, n.to_string()).to_http();
        let mut request = Request::post(format!("http://{}/events", self.address))
            .body(Full::new(body))
            .ok()?;
        *request.headers_mut() = headers;
        let response = self.client.request(request).await.ok()?;
        let status = response.status();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        let made = body.windows(6).any(|text| text == b"\"made\"");
        (status != StatusCode::OK || made).then_some(status)
    }

    /// Pictures per second, where each of a few senders waits for its answer.
    async fn closed(&self, time: Duration) -> Result<f64, Fault> {
        // Once over all keys before, so that every thumbnail is replaced as later.
        let until = Instant::now() + time / 4;
        self.loop_until(until).await?;
        let until = Instant::now() + time;
        Ok(self.loop_until(until).await?.goodput(time))
    }

    async fn loop_until(&self, until: Instant) -> Result<Seen, Fault> {
        let mut senders = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            let sender = self.clone();
            senders.spawn(async move {
                let mut statuses = Vec::new();
                while Instant::now() < until {
                    statuses.push(sender.send().await);
                }
                statuses
            });
        }
        let mut seen = Seen::new()?;
        while let Some(statuses) = senders.join_next().await {
            for status in statuses? {
                seen.add(status, Duration::ZERO)?;
            }
        }
        Ok(seen)
    }

    /// So many requests per second, whatever becomes of them.
    async fn open(&self, per_second: f64, time: Duration) -> Result<Seen, Fault> {
        let begin = Instant::now();
        let mut sent = JoinSet::new();
        for nth in 0_u32.. {
            let due = Duration::from_secs_f64(f64::from(nth) / per_second);
            if due >= time {
                break;
            }
            sleep_until(begin + due).await;
            let sender = self.clone();
            sent.spawn(async move {
                let status = sender.send().await;
                (status, (begin + due).elapsed())
            });
        }
        let mut seen = Seen::new()?;
        while let Some(answer) = sent.join_next().await {
            let (status, took) = answer?;
            seen.add(status, took)?;
        }
        Ok(seen)
    }
}

/// Connections that ask for nothing, or never end to ask.
struct Crowd {
    _connections: JoinSet<()>,
    closed: Arc<AtomicU64>,
}

impl Crowd {
    async fn gather(address: SocketAddr, idle: usize) -> Result<Self, Fault> {
        let mut connections = JoinSet::new();
        let closed = Arc::new(AtomicU64::new(0));
        for n in 0..idle + idle / 10 {
            let mut stream = timeout(Duration::from_secs(5), TcpStream::connect(address)).await??;
            let closed = Arc::clone(&closed);
            connections.spawn(async move {
                if n >= idle {
                    drip(&mut stream, n % 2 == 0).await;
                } else {
                    // Until the function has enough of it.
                    let _ = stream.read(&mut [0]).await;
                }
                closed.fetch_add(1, Ordering::Relaxed);
            });
        }
        Ok(Self {
            _connections: connections,
            closed,
        })
    }
}

/// A header, or a body, of which a byte comes each second.
async fn drip(stream: &mut TcpStream, header: bool) {
    let head: &[u8] = if header {
        b"POST /events HTTP/1.1\r\nhost: f\r\nx: "
    } else {
        b"POST /events HTTP/1.1\r\nhost: f\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
    };
    let mut sent = stream.write_all(head).await;
    while sent.is_ok() {
        sleep(Duration::from_secs(1)).await;
        sent = stream.write_all(b"x").await;
    }
}
