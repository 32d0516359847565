//! Downloads the paper's photographs from their public place.
//!
//! A photograph comes as `FILE.part`, is gone on with by `Range` where an attempt was cut, and gets its
//! name only when it is what the manifest says. No file that has its name already is ever replaced.

mod report;
mod verify;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONTENT_RANGE, RANGE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};

pub use self::report::{Report, with_causes};
pub use self::verify::NotIt;
use self::verify::verify;
use crate::Photograph;

/// Where the paper's repository has its photographs.
pub const PUBLIC: &str =
    "https://raw.githubusercontent.com/LucaMueller1/Lithops-Thumbnails-CodeEngine/HEAD/dataset";

/// The longest file that is taken where the manifest does not know its length, in bytes. The longest that it
/// knows has 4.2 MB.
const MAX_BYTES: u64 = 100 << 20;

/// The most that a `Retry-After` is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// Fetches photographs into a folder.
#[derive(Debug)]
pub struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    base: String,
    folder: PathBuf,
    patience: Duration,
    retry: ExponentialBuilder,
}

/// How a photograph came to be where it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It was there.
    There,
    /// It was fetched.
    Now {
        /// Its length in bytes.
        bytes: u64,
        /// Whether a part of it was there, from an attempt before.
        resumed: bool,
    },
}

/// Why a photograph is not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its place says that it has none.
    #[error("it is gone: the server answers {0}")]
    Gone(StatusCode),
    /// The server refuses or fails.
    #[error("the server answers {status}")]
    Status {
        /// Its status.
        status: StatusCode,
        /// Its `Retry-After`, if in seconds.
        retry_after: Option<Duration>,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("the connection failed")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing came for a while.
    #[error("nothing came for {0:?}")]
    Stalled(Duration),
    /// The server does not give the part that is missing.
    #[error("the server gave another part than what is missing")]
    AnotherPart,
    /// There is no end of it.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
    /// What came is something else.
    #[error("what came is not the photograph")]
    NotIt(#[source] NotIt),
    /// There is a file of its name that is something else.
    #[error("a file of this name is there, and not the photograph; move it away to fetch it")]
    Taken(#[source] NotIt),
    /// The folder fails.
    #[error("the file could not be written")]
    File(#[from] io::Error),
}

impl Error {
    /// Whether another attempt may have another end.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Stalled(_) | Self::AnotherPart => true,
            Self::Status { status, .. } => {
                let again = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
                status.is_server_error() || again.contains(status)
            }
            _ => false,
        }
    }
}

/// Why there can be no fetcher.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No URL of a folder.
    #[error(
        "{0:?} is no http:// or https:// URL of a folder (without a user, a query or a fragment)"
    )]
    Base(String),
    /// For https the system's root certificates are needed.
    #[error("the system's root certificates could not be read (Debian: ca-certificates)")]
    Roots(#[source] io::Error),
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The folder cannot be made.
    #[error("{folder:?} could not be made")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Fetcher {
    /// One that fetches from `base` into `folder`, which is made if it is not there.
    ///
    /// `patience` is how long nothing may come from the server until an attempt is given up; `retry` when to
    /// try again, and how often.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(
        base: &str,
        folder: &Path,
        patience: Duration,
        retry: ExponentialBuilder,
    ) -> Result<Self, SetupError> {
        let https = is_https(base).ok_or_else(|| SetupError::Base(base.to_owned()))?;
        fs::create_dir_all(folder).map_err(|source| SetupError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(https)?)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: base.trim_end_matches('/').to_owned(),
            folder: folder.to_owned(),
            patience,
            retry,
        })
    }

    /// Fetches those of `photographs` that are not there, so many at once. Gives the place of each in
    /// `photographs` and what became of it, as they end. `received` is told of bytes as they come.
    pub fn fetch<'a>(
        &'a self,
        photographs: &'a [Photograph],
        at_once: usize,
        received: &'a dyn Fn(u64),
    ) -> impl Stream<Item = (usize, Result<Fetched, Error>)> + 'a {
        stream::iter(photographs.iter().enumerate())
            .map(move |(place, photograph)| async move {
                (place, self.fetch_one(photograph, received).await)
            })
            .buffer_unordered(at_once.max(1))
    }

    async fn fetch_one(
        &self,
        photograph: &Photograph,
        received: &dyn Fn(u64),
    ) -> Result<Fetched, Error> {
        let path = self.folder.join(&photograph.file);
        if path.try_exists()? {
            verify(photograph, &path).map_err(Error::Taken)?;
            return Ok(Fetched::There);
        }
        let part = self.folder.join(format!("{}.part", photograph.file));
        let mut whole = false;
        loop {
            let resumed = self.complete(photograph, &part, received).await?;
            match verify(photograph, &part) {
                Ok(bytes) => {
                    fs::rename(&part, &path)?;
                    return Ok(Fetched::Now { bytes, resumed });
                }
                Err(not_it) => {
                    fs::remove_file(&part)?;
                    if whole || !resumed {
                        return Err(Error::NotIt(not_it));
                    }
                    // The fault may be in what an earlier attempt left.
                    whole = true;
                }
            }
        }
    }

    /// Makes `part` whole, in as many attempts as it takes. Says whether something was there before the last.
    async fn complete(
        &self,
        photograph: &Photograph,
        part: &Path,
        received: &dyn Fn(u64),
    ) -> Result<bool, Error> {
        let mut delays = self.retry.build();
        loop {
            let error = match self.attempt(photograph, part, received).await {
                Err(error) if error.is_retryable() => error,
                ended => return ended,
            };
            let Some(delay) = delays.next() else {
                return Err(error);
            };
            let asked = match &error {
                Error::Status { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            tokio::time::sleep(delay.max(asked.min(MAX_RETRY_AFTER))).await;
        }
    }

    async fn attempt(
        &self,
        photograph: &Photograph,
        part: &Path,
        received: &dyn Fn(u64),
    ) -> Result<bool, Error> {
        let before = match fs::metadata(part) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error.into()),
        };
        if photograph.bytes.is_some_and(|bytes| before >= bytes) {
            return Ok(true);
        }
        let response = self.ask(&photograph.file, before).await?;
        let (mut file, mut length) = match response.status() {
            StatusCode::OK => (File::create(part)?, 0),
            StatusCode::PARTIAL_CONTENT if first_byte(response.headers()) == Some(before) => {
                (OpenOptions::new().append(true).open(part)?, before)
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if before > 0 => {
                fs::remove_file(part)?;
                return Err(Error::AnotherPart);
            }
            status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => return Err(Error::Gone(status)),
            status => {
                let retry_after = retry_after(response.headers());
                return Err(Error::Status {
                    status,
                    retry_after,
                });
            }
        };
        let resumed = length > 0;
        let limit = photograph.bytes.unwrap_or(MAX_BYTES);
        let mut body = response.into_body();
        while let Some(frame) = self.in_time(body.frame()).await? {
            let Ok(data) = frame.map_err(connection)?.into_data() else {
                continue;
            };
            length += data.len() as u64;
            if length > limit {
                fs::remove_file(part)?;
                return Err(Error::TooLong(limit));
            }
            file.write_all(&data)?;
            received(data.len() as u64);
        }
        file.sync_all()?;
        Ok(resumed)
    }

    /// Asks for a file from the byte `first` on.
    async fn ask(&self, file: &str, first: u64) -> Result<Response<Incoming>, Error> {
        let mut request = Request::get(format!("{}/{file}", self.base)).header(
            USER_AGENT,
            concat!("cos-thumbnails-dataset/", env!("CARGO_PKG_VERSION")),
        );
        if first > 0 {
            request = request.header(RANGE, format!("bytes={first}-"));
        }
        let request = request.body(Empty::new()).map_err(connection)?;
        let answer = self.in_time(self.client.request(request)).await?;
        answer.map_err(connection)
    }

    async fn in_time<T>(&self, coming: impl Future<Output = T>) -> Result<T, Error> {
        let came = tokio::time::timeout(self.patience, coming).await;
        came.map_err(|_| Error::Stalled(self.patience))
    }
}

fn connection(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Connection(error.into())
}

/// Whether the URL of a folder is of https; nothing where it is none.
fn is_https(base: &str) -> Option<bool> {
    let uri: Uri = base.parse().ok()?;
    let authority = uri.authority()?.as_str();
    if authority.contains('@') || base.contains(['?', '#']) {
        return None;
    }
    match uri.scheme_str()? {
        "https" => Some(true),
        "http" => Some(false),
        _ => None,
    }
}

/// Root certificates are read for https alone.
fn tls(https: bool) -> Result<ClientConfig, SetupError> {
    let builder =
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?;
    let builder = if https {
        builder.with_native_roots().map_err(SetupError::Roots)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

/// The first byte of `Content-Range: bytes FIRST-LAST/LENGTH`.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (first, _) = range.strip_prefix("bytes ")?.split_once('-')?;
    first.parse().ok()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    seconds.parse().ok().map(Duration::from_secs)
}
