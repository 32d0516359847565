//! A store, a proxy before it that spoils requests, originals, and the function before both.

use cos_thumbnails::object::{Bucket, Key};
use cos_thumbnails::storage::{
    Credentials, GetOptions, HmacKey, Kind, ListOptions, PutOptions, S3, S3Config, Storage,
};
use cos_thumbnails::thumbnailer::{FailureRecord, FailureState, Mark};
use local_cloud::{Store, Subscription};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::binary::CANARY;
use crate::http::{Answer, BUCKET, event, send};
use crate::proxy::Proxy;

pub(crate) const ORIGINAL: &str = "images/a.png";

/// What no thumbnails can be made of.
pub(crate) const NO_PICTURE: &[u8] = b"no picture";

/// A store, and the proxy before it.
pub(crate) struct Place {
    store: Store,
    region: &'static str,
    _folder: TempDir,
    pub(crate) direct: S3,
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
    /// With one original in it.
    pub(crate) async fn new() -> Self {
        let place = Self::empty("eu-de").await;
        place.put(picture(10)).await;
        place
    }

    /// In a region of its own, if much is to fail: the SDK counts for all clients of a region together how often they
    /// may still try again.
    pub(crate) async fn empty(region: &'static str) -> Self {
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
        let started = Store::start(listener, folder.path(), region, subscription, &credentials);
        let (store, _) = started.await.unwrap();
        let direct = S3::new(&S3Config {
            endpoint: store.url(),
            region: region.to_owned(),
            bucket: Bucket::new(BUCKET),
            credentials: Credentials::Hmac(credentials),
        });
        let direct = direct.unwrap();
        let proxy = Proxy::start(address, direct.clone(), CANARY).await;
        Self {
            store,
            region,
            _folder: folder,
            direct,
            proxy,
        }
    }

    pub(crate) async fn put(&self, body: Vec<u8>) {
        self.put_at(ORIGINAL, body).await;
    }

    pub(crate) async fn put_at(&self, original: &str, body: Vec<u8>) {
        let (key, options) = (Key::new(original), PutOptions::default());
        self.direct.put(&key, body.into(), options).await.unwrap();
    }

    pub(crate) async fn delete(&self, original: &str) {
        self.direct.delete(&Key::new(original)).await.unwrap();
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

    /// The failure record.
    pub(crate) async fn record(&self, path: &str) -> Option<FailureRecord> {
        let key = Key::new(format!("failures/{path}"));
        match self.direct.get(&key, GetOptions::default()).await {
            Ok(object) => Some(FailureRecord::from_json(&object.body).unwrap()),
            Err(error) if error.kind() == Kind::NotFound => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// How many thumbnails stand.
    async fn thumbnails(&self, path: &str) -> usize {
        let below = ListOptions {
            prefix: format!("thumbnails/{path}/"),
            ..ListOptions::default()
        };
        self.direct.list(below).await.unwrap().objects.len()
    }

    /// Whether all thumbnails beside the mark are those that it names.
    async fn is_whole(&self, path: &str, mark: &Mark) -> bool {
        let mut standing = Vec::new();
        for size in [16, 32, 64, 128, 256] {
            let key = Key::new(format!("thumbnails/{path}/{size}.jpg"));
            standing.extend(self.direct.head(&key).await.map(|head| head.etag));
        }
        standing == mark.siblings
    }

    /// Whether what stands is what the original asks for: the whole set of what is there now, and no record of
    /// a failure; of what is no picture the record of just that, and no thumbnails; of none nothing.
    pub(crate) async fn is_right(&self, original: &str) -> bool {
        let path = original.strip_prefix("images/").unwrap();
        let key = Key::new(original);
        let now = match self.direct.get(&key, GetOptions::default()).await {
            Ok(object) => Some(object),
            Err(error) if error.kind() == Kind::NotFound => None,
            Err(error) => panic!("{error}"),
        };
        let record = self.record(path).await;
        match now {
            None => record.is_none() && self.thumbnails(path).await == 0,
            Some(now) if now.body == NO_PICTURE => {
                let of_now = |record: FailureRecord| {
                    record.etag == now.head.etag && record.state == FailureState::Rejected
                };
                record.is_some_and(of_now) && self.thumbnails(path).await == 0
            }
            Some(now) => match self.mark(path).await {
                Some(mark) if mark.original_etag == now.head.etag => {
                    record.is_none() && self.is_whole(path, &mark).await
                }
                _ => false,
            },
        }
    }

    pub(crate) async fn stop(self) {
        assert_eq!(self.proxy.leaks(), 0, "the secret passes in clear");
        drop(self.proxy);
        self.store.stop().await;
    }
}

/// The function in this process; ends with the test.
pub(crate) struct Function {
    pub(crate) address: std::net::SocketAddr,
    serving: JoinHandle<Result<(), function::Error>>,
}

impl Function {
    pub(crate) async fn start(place: &Place, deadline_seconds: &str) -> Self {
        let (endpoint, region) = (place.endpoint(), place.region);
        let config = function::Config::from_lookup(|name| {
            let value = match name {
                "COS_ENDPOINT" => &endpoint,
                "COS_REGION" => region,
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

    pub(crate) async fn send(&self) -> Answer {
        self.send_of(ORIGINAL).await
    }

    pub(crate) async fn send_of(&self, original: &str) -> Answer {
        let answer = send(self.address, &event("e", original)).await;
        assert!(!answer.body.contains(CANARY), "{}", answer.body);
        answer
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
