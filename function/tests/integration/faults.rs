//! The whole function before a store that fails: every fault at every call, once and always.
//!
//! Whatever fails, the answer is 200 or 503 with Retry-After, and once the faults are over one more
//! delivery ends right.

use std::sync::Arc;

use cos_thumbnails::object::{Bucket, ETag, Key};
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::storage::{
    Credentials, GetOptions, HmacKey, Kind, PutOptions, S3, S3Config, Storage,
};
use cos_thumbnails::thumbnailer::{FailureRecord, FailureState, Mark};
use local_cloud::{Store, Subscription};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::binary::CANARY;
use crate::http::{Answer, BUCKET, bare, event, send};
use crate::proxy::{Fault, Proxy, Rule};

pub(crate) const ORIGINAL: &str = "images/a.png";

/// A store, the proxy before it, and one original in it.
pub(crate) struct Place {
    store: Store,
    _folder: TempDir,
    direct: S3,
    pub(crate) proxy: Proxy,
}

pub(crate) fn picture(red: u8) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(40, 20, image::Rgb([red, 0, 0]))
        .write_to(&mut file, image::ImageFormat::Png)
        .unwrap();
    file.into_inner()
}

impl Place {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let credentials = HmacKey {
            access_key_id: "id".to_owned(),
            secret_access_key: CANARY.to_owned(),
        };
        let subscription = Subscription {
            bucket: BUCKET.to_owned(),
            prefix: "images/".to_owned(),
        };
        let started = Store::start(listener, folder.path(), "eu-de", subscription, &credentials);
        let (store, _) = started.await.unwrap();
        let direct = S3::new(&S3Config {
            endpoint: store.url(),
            region: "eu-de".to_owned(),
            bucket: Bucket::new(BUCKET),
            credentials: Credentials::Hmac(credentials),
        });
        let direct = direct.unwrap();
        let proxy = Proxy::start(address, direct.clone(), CANARY).await;
        let place = Self {
            store,
            _folder: folder,
            direct,
            proxy,
        };
        place.put(picture(10)).await;
        place
    }

    pub(crate) async fn put(&self, body: Vec<u8>) {
        self.put_at(ORIGINAL, body).await;
    }

    pub(crate) async fn put_at(&self, original: &str, body: Vec<u8>) {
        let (key, options) = (Key::new(original), PutOptions::default());
        self.direct.put(&key, body.into(), options).await.unwrap();
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.proxy.address)
    }

    async fn mark(&self, path: &str) -> Option<Mark> {
        let key = Key::new(format!("thumbnails/{path}/512.jpg"));
        let head = self.direct.head(&key).await;
        head.ok()
            .and_then(|head| Mark::from_metadata(&head.metadata))
    }

    /// Whether a mark that stands says the truth: no part of a set is taken for all of it.
    async fn is_whole_or_unmarked(&self, path: &str) -> bool {
        let Some(mark) = self.mark(path).await else {
            return true;
        };
        let mut standing = Vec::new();
        for size in [16, 32, 64, 128, 256] {
            let key = Key::new(format!("thumbnails/{path}/{size}.jpg"));
            standing.extend(self.direct.head(&key).await.map(|head| head.etag));
        }
        standing == mark.siblings
    }

    /// Whether what stands is the whole set of what is there now, and no record of a failure.
    pub(crate) async fn is_right(&self, original: &str) -> bool {
        let path = original.strip_prefix("images/").unwrap();
        let head = self.direct.head(&Key::new(original)).await.unwrap();
        let record = Key::new(format!("failures/{path}"));
        let record = self.direct.head(&record).await;
        self.mark(path)
            .await
            .is_some_and(|mark| mark.original_etag == head.etag)
            && self.is_whole_or_unmarked(path).await
            && record.is_err_and(|error| error.kind() == Kind::NotFound)
    }

    pub(crate) async fn stop(self) {
        assert_eq!(self.proxy.leaks(), 0, "the secret passes in clear");
        drop(self.proxy);
        self.store.stop().await;
    }
}

/// The function in this process; ends with the test.
struct Function {
    address: std::net::SocketAddr,
    serving: JoinHandle<Result<(), function::Error>>,
}

impl Function {
    async fn start(place: &Place, deadline_seconds: &str) -> Self {
        let endpoint = place.endpoint();
        let config = function::Config::from_lookup(|name| {
            let value = match name {
                "COS_ENDPOINT" => &endpoint,
                "COS_REGION" => "eu-de",
                "COS_BUCKET" => BUCKET,
                "COS_ACCESS_KEY_ID" => "id",
                "COS_SECRET_ACCESS_KEY" => CANARY,
                "DEADLINE_SECONDS" => deadline_seconds,
                _ => return None,
            };
            Some(value.to_owned())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = function::serve(listener, config.unwrap(), std::future::pending());
        Self {
            address,
            serving: tokio::spawn(serving),
        }
    }

    async fn send(&self) -> Answer {
        let answer = send(self.address, &event("e", ORIGINAL)).await;
        assert!(!answer.body.contains(CANARY), "{}", answer.body);
        answer
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The calls that the flow makes for a picture: method, part of the path. The DELETE where a record of an earlier
/// version stands.
const CALLS: [(&str, &str); 7] = [
    ("HEAD", "/512.jpg"),
    ("GET", "/failures/"),
    ("GET", "/images/"),
    ("PUT", "/16.jpg"),
    ("DELETE", "/failures/"),
    ("PUT", "/512.jpg"),
    ("HEAD", "/images/"),
];

const ERROR_IN_200: &str = "HTTP/1.1 200 OK\r\ncontent-length: 41\r\nconnection: close\r\n\r\n\
                            <Error><Code>InternalError</Code></Error>";

/// What a store says of a body that is not what its checksum says.
const BAD_DIGEST: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 37\r\nconnection: close\r\n\r\n\
                          <Error><Code>BadDigest</Code></Error>";

/// What a store says that does not have the bucket.
const NO_BUCKET: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 40\r\nconnection: close\r\n\r\n\
                         <Error><Code>NoSuchBucket</Code></Error>";

macro_rules! refusal {
    ($status:literal) => {
        Fault::Answer(concat!(
            "HTTP/1.1 ",
            $status,
            "\r\ncontent-length: 0\r\nretry-after: 7\r\nconnection: close\r\n\r\n"
        ))
    };
}

fn faults() -> Vec<Fault> {
    vec![
        refusal!("500 Internal Server Error"),
        refusal!("503 Slow Down"),
        refusal!("429 Too Many Requests"),
        refusal!("401 Unauthorized"),
        refusal!("403 Forbidden"),
        Fault::Answer(ERROR_IN_200),
        Fault::Answer(BAD_DIGEST),
        Fault::Reset,
        Fault::Lost,
        Fault::Cut(10),
        Fault::TooShort,
        Fault::Swap(picture(240)),
    ]
}

/// The record of a version that was there before.
fn earlier() -> FailureRecord {
    FailureRecord {
        key: Key::new(ORIGINAL),
        etag: ETag::new("earlier"),
        state: FailureState::Rejected,
        reason: Reason::NotAPicture,
        message: "not a picture".to_owned(),
        recipe: "r".to_owned(),
        limits: "l".to_owned(),
        event_id: "e".to_owned(),
        attempts: 1,
        backfill_run: None,
        time: chrono::DateTime::UNIX_EPOCH,
    }
}

/// One fault at one call, and what came of it: the answer, and how many requests were spoilt.
async fn suffer(rule: Rule) -> (u16, usize) {
    let place = Place::new().await;
    if rule.method == "DELETE" {
        place
            .put_at("failures/a.png", earlier().to_json().to_vec())
            .await;
    }
    let function = Function::start(&place, "60").await;
    place.proxy.follow(Some(rule.clone()));
    let answer = function.send().await;
    let (spoilt, _) = place.proxy.counts();
    match answer.status {
        200 => {}
        503 => assert!(answer.header("retry-after").is_some(), "{rule:?}"),
        status => panic!("{status} {}: {rule:?}", answer.body),
    }
    assert!(place.is_whole_or_unmarked("a.png").await, "{rule:?}");
    place.proxy.follow(None);
    // What is swapped after the last look has an event of its own.
    let swapped = matches!(rule.fault, Fault::Swap(_));
    if answer.status == 200 && !swapped {
        assert!(place.is_right(ORIGINAL).await, "lost: {rule:?}");
    }
    assert_eq!(function.send().await.status, 200, "{rule:?}");
    assert!(place.is_right(ORIGINAL).await, "{rule:?}");
    drop(function);
    place.stop().await;
    (answer.status, spoilt)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_18_every_fault_at_every_call_once_and_always() {
    let places = Arc::new(Semaphore::new(8));
    let mut suffering = JoinSet::new();
    for (method, path) in CALLS {
        for fault in faults() {
            for (nth, always) in [(0..1, false), (0..usize::MAX, true)] {
                let rule = Rule {
                    method,
                    path: path.to_owned(),
                    nth,
                    fault: fault.clone(),
                };
                let places = Arc::clone(&places);
                suffering.spawn(async move {
                    let _place = places.acquire().await.unwrap();
                    let (status, spoilt) = suffer(rule.clone()).await;
                    (rule, always, status, spoilt)
                });
            }
        }
    }
    let (mut cases, mut unseen) = (0, 0);
    while let Some(case) = suffering.join_next().await {
        let (rule, always, status, spoilt) = case.unwrap();
        cases += 1;
        assert!(spoilt > 0, "never happened: {rule:?}");
        unseen += usize::from(status == 200);
        let of_the_connection = matches!(rule.fault, Fault::Reset | Fault::Lost);
        if of_the_connection {
            assert_eq!(status, if always { 503 } else { 200 }, "{rule:?}");
        }
    }
    println!("{cases} cases, {unseen} of them not seen by the sender, none lost");
}

#[tokio::test]
async fn case_18_a_body_that_stalls_is_cut_and_read_again() {
    let place = Place::new().await;
    let function = Function::start(&place, "60").await;
    place.proxy.follow(Some(Rule {
        method: "GET",
        path: "/images/".to_owned(),
        nth: 0..1,
        fault: Fault::Stall(20),
    }));
    assert_eq!(function.send().await.status, 200);
    assert_eq!(place.proxy.counts().0, 1);
    assert!(place.is_right(ORIGINAL).await);
    drop(function);
    place.stop().await;
}

#[tokio::test]
async fn case_18_a_store_that_is_silent_is_answered_by_the_deadline() {
    let place = Place::new().await;
    let function = Function::start(&place, "1").await;
    place.proxy.follow(Some(Rule {
        method: "PUT",
        path: "/512.jpg".to_owned(),
        nth: 0..usize::MAX,
        fault: Fault::Hold,
    }));
    let answer = function.send().await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    let record = place.direct.head(&Key::new("failures/a.png")).await;
    assert!(record.is_err(), "a silent store is no fault of the picture");
    drop(function);
    place.stop().await;
}

#[tokio::test]
async fn case_18_the_stores_retry_after_is_passed_on() {
    let place = Place::new().await;
    let function = Function::start(&place, "60").await;
    place.proxy.follow(Some(Rule {
        method: "GET",
        path: "/images/".to_owned(),
        nth: 0..usize::MAX,
        fault: refusal!("503 Slow Down"),
    }));
    let answer = function.send().await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("7"))
    );
    drop(function);
    place.stop().await;
}

#[tokio::test]
async fn a_404_that_no_store_says_discards_neither_event_nor_thumbnails() {
    let place = Place::new().await;
    let function = Function::start(&place, "60").await;
    assert_eq!(function.send().await.status, 200);
    place.proxy.follow(Some(Rule {
        method: "GET",
        path: "/images/".to_owned(),
        nth: 0..usize::MAX,
        fault: refusal!("404 Not Found"),
    }));
    let answer = function.send().await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(place.is_right(ORIGINAL).await);
    drop(function);
    place.stop().await;
}

#[tokio::test]
async fn it_is_ready_while_the_store_answers_and_lets_it_in() {
    let place = Place::new().await;
    for (fault, status) in [
        (None, 200),
        (Some(refusal!("401 Unauthorized")), 503),
        (Some(refusal!("403 Forbidden")), 503),
        // Not by a store: this would say by its code what is not there.
        (Some(refusal!("404 Not Found")), 503),
        (Some(Fault::Answer(NO_BUCKET)), 503),
    ] {
        place.proxy.follow(fault.clone().map(|fault| Rule {
            method: "GET",
            path: "/failures/".to_owned(),
            nth: 0..usize::MAX,
            fault,
        }));
        // Another one each time: an answer counts for some seconds.
        let function = Function::start(&place, "60").await;
        let answer = send(function.address, &bare("GET", "/readyz")).await;
        assert_eq!(answer.status, status, "{fault:?}: {}", answer.body);
        assert_ne!(place.proxy.counts().1, 0, "{fault:?}: the store is asked");
    }
    place.stop().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_written_is_no_success() {
    let place = Place::new().await;
    place.put(b"no picture".to_vec()).await;
    let function = Function::start(&place, "60").await;
    place.proxy.follow(Some(Rule {
        method: "PUT",
        path: "/failures/".to_owned(),
        nth: 0..usize::MAX,
        fault: refusal!("403 Forbidden"),
    }));
    assert_eq!(function.send().await.status, 503);
    place.proxy.follow(None);
    let answer = function.send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["verdict"], "rejected");
    let record = place
        .direct
        .get(&Key::new("failures/a.png"), GetOptions::default())
        .await;
    let record = FailureRecord::from_json(&record.unwrap().body).unwrap();
    assert_eq!(record.state, FailureState::Rejected);
    drop(function);
    place.stop().await;
}
