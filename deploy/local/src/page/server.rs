//! The page's HTTP server: its files, its news, and the three things that it can ask for.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::io::Read as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use cos_thumbnails::object::Key;
use futures_util::{Stream, stream};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_blocking;

use super::board::{Board, News};
use super::guard::Guard;
use super::race::{MOST, Races};
use super::sign::{Signer, Unsigned};
use crate::accept::serve;
use crate::notifier::causes;
use crate::pictures::Upload;

/// The longest body that is read: a name.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// Names of pictures at hand that are told.
const MOST_AT_HAND: usize = 500;
/// After so long without news a word is sent, by which both sides see that the other is there.
const QUIET: Duration = Duration::from_secs(15);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// The files of the page, by path.
const FILES: [(&str, &str, &str); 8] = [
    ("/", HTML, include_str!("files/index.html")),
    ("/icon.svg", ICON, include_str!("files/icon.svg")),
    ("/page.css", CSS, include_str!("files/page.css")),
    ("/page.js", SCRIPT, include_str!("files/page.js")),
    ("/rows.js", SCRIPT, include_str!("files/rows.js")),
    ("/race.js", SCRIPT, include_str!("files/race.js")),
    ("/uploads.js", SCRIPT, include_str!("files/uploads.js")),
    ("/words.js", SCRIPT, include_str!("files/words.js")),
];

/// What a page may load and do: its own files, and objects of the store at `endpoint`. No inline script or style, no
/// frame around it.
pub(super) fn security_policy(endpoint: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {endpoint}; connect-src 'self' \
         {endpoint}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

type Body = UnsyncBoxBody<Bytes, Infallible>;
type Answer = Result<Response<Body>, (StatusCode, String)>;

/// All that requests need.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) signer: Signer,
    pub(super) races: Races,
    pub(super) board: Arc<Board>,
    pub(super) at_hand: Arc<OnceLock<Vec<Upload>>>,
    pub(super) security_policy: String,
    pub(super) bucket: String,
    pub(super) source_prefix: String,
    /// The longest original that the function takes.
    pub(super) max_bytes: u64,
    pub(super) guard: Guard,
}

/// What is to be uploaded.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Its key below the source prefix.
    name: String,
}

/// What race is to be run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    pictures: usize,
}

impl Server {
    /// Serves until the task is aborted, and with it every connection.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        serve(listener, move |request| {
            let server = Arc::clone(&self);
            async move { server.answer(request).await }
        })
        .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut answer = self.act(request).await.unwrap_or_else(|(status, why)| {
            let mut answer = whole(TEXT, why);
            *answer.status_mut() = status;
            answer
        });
        let headers = answer.headers_mut();
        // It is made of a URL, which holds nothing that a header could not.
        if let Ok(policy) = HeaderValue::from_str(&self.security_policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        let same_origin = HeaderValue::from_static("same-origin");
        for (name, value) in [
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                same_origin.clone(),
            ),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                same_origin,
            ),
        ] {
            headers.insert(name, value);
        }
        answer
    }

    async fn act(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let (method, path) = (&head.method, head.uri.path());
        let file = FILES.iter().find(|(of, ..)| *of == path);
        self.guard
            .admit(&head, file.is_some())
            .map_err(|(status, why)| (status, why.to_owned()))?;
        if let (&Method::GET, Some((_, kind, text))) = (method, file) {
            return Ok(whole(kind, *text));
        }
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
        let body = body.map_err(|_| bad("the body is too long, or broke off"))?;
        let body = body.to_bytes();
        match (method, path) {
            (&Method::GET, "/events") => Ok(self.events()),
            (&Method::GET, "/pictures") => Ok(whole(JSON, self.names().to_string())),
            (&Method::POST, "/uploads") => self.upload(&body).await,
            (&Method::POST, "/race") => {
                let Start { pictures } = read(&body)?;
                if !(1..=MOST).contains(&pictures) {
                    return Err(bad(format!("a race is over 1 to {MOST} pictures")));
                }
                if self.races.start(pictures) {
                    return Ok(empty(StatusCode::ACCEPTED));
                }
                Err((StatusCode::CONFLICT, "a race is running".to_owned()))
            }
            (&Method::DELETE, "/race") => {
                self.races.stop();
                Ok(empty(StatusCode::NO_CONTENT))
            }
            (&Method::GET, path) => match path.strip_prefix("/pictures/") {
                Some(number) => self.picture(number).await,
                None => Err((StatusCode::NOT_FOUND, format!("there is no {path}"))),
            },
            _ => Err((StatusCode::NOT_FOUND, "there is no such thing".to_owned())),
        }
    }

    /// News, as server-sent events, after all that there is.
    fn events(&self) -> Response<Body> {
        let (past, future) = self.board.follow();
        let hello = json!({
            "bucket": self.bucket,
            "source_prefix": self.source_prefix,
            "most_raced": MOST,
        });
        let first = Bytes::from(format!("retry: 1000\n{}", event("hello", &hello)));
        let news = Following {
            signer: self.signer.clone(),
            past,
            future,
        };
        let frames = stream::unfold((Some(first), news), async |(first, mut news)| {
            let bytes = match first {
                Some(first) => first,
                None => news.next().await?,
            };
            Some((Ok(Frame::data(bytes)), (None, news)))
        });
        stream_of(frames)
    }

    /// A presigned URL for one upload.
    async fn upload(&self, body: &[u8]) -> Answer {
        let Wanted { name } = read(body)?;
        // Browsers resolve these before they send, so that the URL would be another one than was signed.
        if name.is_empty() || name.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(bad(
                "this name cannot be uploaded: it is empty, or has a part . or ..",
            ));
        }
        let key = Key::new(format!("{}{name}", self.source_prefix));
        if key.len_bytes() > cos_thumbnails::object::MAX_KEY_BYTES {
            return Err(bad("this name is too long: a key has at most 1024 bytes"));
        }
        let url = self.signer.put(&key).await.map_err(internal)?;
        Ok(whole(JSON, json!({"key": key, "url": url}).to_string()))
    }

    fn at_hand(&self) -> &[Upload] {
        let all = self.at_hand.get().map_or(&[][..], Vec::as_slice);
        &all[..all.len().min(MOST_AT_HAND)]
    }

    /// The pictures at hand.
    fn names(&self) -> Value {
        self.at_hand()
            .iter()
            .map(|upload| json!(upload.path))
            .collect()
    }

    /// The bytes of a picture at hand.
    async fn picture(&self, number: &str) -> Answer {
        let number: usize = number.parse().map_err(|_| bad("a picture has a number"))?;
        let upload = self.at_hand().get(number).cloned();
        let upload =
            upload.ok_or((StatusCode::NOT_FOUND, "there are fewer pictures".to_owned()))?;
        let most = self.max_bytes;
        let reading = spawn_blocking(move || {
            let mut bytes = Vec::new();
            fs::File::open(&upload.file)?
                .take(most.saturating_add(1))
                .read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        });
        let read = reading.await.map_err(internal)?;
        let bytes = read.map_err(|error| {
            let why = format!("the picture cannot be read: {}", causes(&error));
            (StatusCode::NOT_FOUND, why)
        })?;
        if bytes.len() as u64 > most {
            let why = "the picture is longer than the function takes".to_owned();
            return Err((StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Ok(whole("application/octet-stream", bytes))
    }
}

/// What one open page has still to hear of.
struct Following {
    signer: Signer,
    past: VecDeque<News>,
    future: Receiver<News>,
}

impl Following {
    /// The next event, or a word where there is none for some time. A page that is too far behind is let go of; it
    /// comes again, and starts anew.
    async fn next(&mut self) -> Option<Bytes> {
        let news = match self.past.pop_front() {
            Some(news) => news,
            None => match tokio::time::timeout(QUIET, self.future.recv()).await {
                Ok(Ok(news)) => news,
                Ok(Err(RecvError::Lagged(_) | RecvError::Closed)) => return None,
                Err(_) => return Some(Bytes::from_static(b": nothing new\n\n")),
            },
        };
        let text = self.text(&news).await.unwrap_or_else(|error| {
            tracing::warn!(error = causes(&error), "an event is not shown on the page");
            String::new()
        });
        Some(text.into())
    }

    async fn text(&self, news: &News) -> Result<String, Unsigned> {
        Ok(match news {
            News::Row(row) => event("row", &row.json(&self.signer).await?),
            News::Tally(tally) => event("tally", tally),
            News::Race(race) => event("race", race),
            News::Lap(lap) => event("lap", lap),
            News::Offer => event("offer", &Value::Null),
        })
    }
}

/// One server-sent event. JSON on one line has no line feed that could end it.
fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(|error| bad(format!("the body is wrong: {error}")))
}

fn bad(why: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, why.into())
}

fn internal(error: impl std::error::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, causes(&error))
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = whole(TEXT, "");
    *answer.status_mut() = status;
    answer
}

fn whole(kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    typed(kind, Full::from(body.into()).boxed_unsync())
}

fn stream_of(
    frames: impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + 'static,
) -> Response<Body> {
    typed("text/event-stream", StreamBody::new(frames).boxed_unsync())
}

fn typed(kind: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
