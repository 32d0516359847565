//! The store's client with an IAM that fails in every way, in virtual time.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use tracing::span;

use crate::object::{Bucket, Key};
use crate::storage::iam::{Credential, Tokens};
use crate::storage::{Cause, Credentials, Error, Kind, S3, S3Config, Storage};

const SECRET: &str = "canary-key";
const LIFETIME: Duration = Duration::from_hours(1);

/// IAM and the store, whose clocks agree with each other.
#[derive(Debug, Clone, Default)]
struct Cloud(Arc<Mutex<State>>);

/// What IAM does when it is asked.
#[derive(Debug, Default, PartialEq, Eq)]
enum Iam {
    #[default]
    Gives,
    Down,
    /// It is connected to, and says nothing.
    Silent,
    Refuses,
}

#[derive(Debug, Default)]
struct State {
    iam: Iam,
    /// The store takes no token at all.
    denies: bool,
    /// By how much this machine's clock differs from theirs, in seconds.
    skew: i64,
    /// The forms that IAM was sent.
    forms: Vec<String>,
    /// The tokens that are good, with their ends.
    good: Vec<(String, Instant)>,
    /// Requests that the store denied, and all.
    denied: usize,
    calls: usize,
}

impl Cloud {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn asked(&self) -> usize {
        self.state().forms.len()
    }

    fn store(&self, credential: Credential) -> S3 {
        let connector = SharedHttpConnector::new(self.clone());
        let iam = connector.clone();
        let config = S3Config {
            endpoint: "https://store.example".to_owned(),
            region: "eu-de".to_owned(),
            bucket: Bucket::new("photos"),
            credentials: Credentials::Iam {
                url: "https://iam.example".parse().unwrap(),
                credential,
            },
        };
        let tokens = |url, credential| Tokens::over(iam, url, credential);
        let http = http_client_fn(move |_, _| connector.clone());
        S3::over(http, tokens, &config).unwrap()
    }

    fn by_key(&self) -> S3 {
        self.store(Credential::ApiKey(SECRET.to_owned()))
    }

    /// IAM: a token after a second.
    async fn grant(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let form = request.body().bytes().unwrap().to_vec();
        self.state().forms.push(String::from_utf8(form).unwrap());
        if self.state().iam == Iam::Silent {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_secs(1)).await;
        let mut state = self.state();
        if state.iam == Iam::Down {
            return Err(ConnectorError::io("down".into()));
        }
        if state.iam == Iam::Refuses {
            let body = json!({ "errorMessage": "Provided API key could not be found." });
            return Ok(answer(400, body.to_string()));
        }
        let token = format!("token-{}", state.forms.len());
        state.good.push((token.clone(), Instant::now() + LIFETIME));
        let body = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": LIFETIME.as_secs(),
            // What this machine takes for it.
            "expiration": 1_800_000_000 + state.skew,
        });
        Ok(answer(200, body.to_string()))
    }

    fn look_up(&self, request: &HttpRequest) -> HttpResponse {
        assert_eq!(request.uri(), "https://store.example/photos/a%20b");
        let mut state = self.state();
        state.calls += 1;
        let shown = request.headers().get("authorization").unwrap_or_default();
        let now = Instant::now();
        let known =
            |(token, end): &(String, Instant)| shown == format!("Bearer {token}") && now < *end;
        if state.denies || !state.good.iter().any(known) {
            state.denied += 1;
            return answer(401, String::new());
        }
        let mut answer = answer(200, String::new());
        answer.headers_mut().insert("etag", "\"e\"");
        answer.headers_mut().insert("content-length", "7");
        answer
    }
}

impl HttpConnector for Cloud {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let cloud = self.clone();
        HttpConnectorFuture::new(async move {
            if request.uri() == "https://iam.example/identity/token" {
                assert_eq!(request.method(), "POST");
                cloud.grant(request).await
            } else {
                Ok(cloud.look_up(&request))
            }
        })
    }
}

fn answer(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}

async fn head(store: &S3) -> Result<u64, Error> {
    store.head(&Key::new("a b")).await.map(|head| head.length)
}

/// What is under way comes to its end before.
async fn later(minutes: u64) {
    sleep(Duration::from_mins(minutes)).await;
}

#[tokio::test(start_paused = true)]
async fn case_19_a_token_is_renewed_before_it_ends_whatever_the_time_is_here() {
    for skew in [-20 * 60, 0, 20 * 60] {
        let cloud = Cloud::default();
        cloud.state().skew = skew;
        let store = cloud.by_key();
        for _ in 0..10 {
            assert_eq!(head(&store).await.unwrap(), 7);
        }
        assert_eq!(cloud.asked(), 1);
        for _ in 0..99 {
            later(5).await;
            assert_eq!(head(&store).await.unwrap(), 7);
        }
        assert_eq!(cloud.state().denied, 0);
        // After four fifths of an hour, at the next call.
        assert_eq!(cloud.asked(), 1 + 495 / 50);
    }
}

#[tokio::test(start_paused = true)]
async fn case_19_iam_is_asked_once_at_a_time_and_for_all() {
    let cloud = Cloud::default();
    let store = cloud.by_key();
    let all = join_all((0..50).map(|_| head(&store))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(cloud.asked(), 1);
    // And no one waits while the old one is good.
    later(50).await;
    let before = Instant::now();
    let all = join_all((0..50).map(|_| head(&store))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(before.elapsed(), Duration::ZERO);
    later(1).await;
    assert_eq!(cloud.asked(), 2);

    let cloud = Cloud::default();
    cloud.state().iam = Iam::Down;
    let store = cloud.by_key();
    let all = join_all((0..50).map(|_| head(&store))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(cloud.asked(), 3, "with two more attempts, for all of them");
}

#[tokio::test(start_paused = true)]
async fn case_19_who_finds_a_token_due_looks_again_before_it_is_renewed() {
    let cloud = Cloud::default();
    let iam = SharedHttpConnector::new(cloud.clone());
    let key = Credential::ApiKey(SECRET.to_owned());
    let tokens = Tokens::over(iam, "https://iam.example".parse().unwrap(), key);
    tokens.bearer().await.unwrap();
    later(50).await;
    assert!(
        tokens.renewal().is_some(),
        "it is due, and no one sees to it"
    );
    // One of two that found it due at the same moment.
    tokens.bearer().await.unwrap();
    tokio::task::yield_now().await;
    assert!(tokens.renewal().is_none(), "the other one sees to it");
    later(1).await;
    assert_eq!(cloud.asked(), 2);
    assert!(tokens.renewal().is_none(), "the other one has seen to it");
}

#[tokio::test(start_paused = true)]
async fn case_19_an_outage_of_iam_is_not_seen_before_the_token_ends_and_passes() {
    let cloud = Cloud::default();
    let store = cloud.by_key();
    head(&store).await.unwrap();
    cloud.state().iam = Iam::Down;
    for _ in 0..59 {
        later(1).await;
        assert_eq!(head(&store).await.unwrap(), 7);
    }
    later(1).await;
    let error = head(&store).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.is_retryable());
    assert_eq!(cloud.state().denied, 0, "what cannot be good is not shown");
    cloud.state().iam = Iam::Gives;
    later(1).await;
    assert_eq!(head(&store).await.unwrap(), 7);
}

/// The warnings of this thread, while it is in force.
#[derive(Debug, Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

/// The fields of a warning, as text.
struct Fields<'a>(&'a mut String);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        *self.0 += &format!("{field}={value:?} ");
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target().contains("iam")
    }
    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(&mut Fields(&mut text));
        self.0.lock().unwrap().push(text);
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn case_19_an_outage_of_iam_is_told_now_and_then_and_not_by_each_call() {
    let warnings = Warnings::default();
    // With one subscriber alone, tracing asks that of whichever thread comes first whether the warning is wanted.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _in_force = tracing::subscriber::set_default(warnings.clone());
    let cloud = Cloud::default();
    let store = cloud.by_key();
    head(&store).await.unwrap();
    later(50).await;
    cloud.state().iam = Iam::Down;
    for _ in 0..300 {
        head(&store).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    let told = warnings.0.lock().unwrap();
    let times = told.len();
    assert!((2..=10).contains(&times), "{times} times in five minutes");
    let cause = "IAM could not be reached: ";
    assert!(
        told.iter()
            .all(|text| text.contains(cause) && text.contains("down")),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn case_19_an_iam_that_is_silent_is_known_to_be_so_whoever_gives_up_before() {
    let cloud = Cloud::default();
    cloud.state().iam = Iam::Silent;
    let store = cloud.by_key();
    let begun = Instant::now();
    for _ in 0..5 {
        let gave_up = timeout(Duration::from_secs(2), head(&store)).await;
        assert!(gave_up.is_err());
    }
    let error = head(&store).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let known = begun.elapsed();
    // Before a call's attempt is cut off.
    assert!(known < Duration::from_secs(30), "{known:?}");
    let all = join_all((0..50).map(|_| head(&store))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(begun.elapsed(), known, "no one waits for what is known");
    assert_eq!(cloud.asked(), 3, "with two more attempts, for all of them");
    cloud.state().iam = Iam::Gives;
    later(1).await;
    assert_eq!(head(&store).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn case_19_a_good_token_outlives_what_the_store_denies_whatever_iam_does() {
    let cloud = Cloud::default();
    let store = cloud.by_key();
    head(&store).await.unwrap();
    cloud.state().iam = Iam::Down;
    for _ in 0..3 {
        // One object that nobody may read, say.
        cloud.state().denies = true;
        let error = head(&store).await.unwrap_err();
        assert_eq!(error.kind(), Kind::AccessDenied);
        cloud.state().denies = false;
        assert_eq!(head(&store).await.unwrap(), 7);
        later(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn case_19_a_revoked_token_is_replaced_once() {
    let cloud = Cloud::default();
    let store = cloud.by_key();
    head(&store).await.unwrap();
    cloud.state().good.clear();
    assert_eq!(head(&store).await.unwrap(), 7);
    assert_eq!((cloud.asked(), cloud.state().denied), (2, 1));
    // And for all who carried it.
    later(1).await;
    cloud.state().good.clear();
    let all = join_all((0..50).map(|_| head(&store))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!((cloud.asked(), cloud.state().denied), (3, 1 + 50));
    // Whoever lacks a right is not helped by tokens.
    later(1).await;
    cloud.state().denies = true;
    for _ in 0..5 {
        let error = head(&store).await.unwrap_err();
        assert_eq!(error.kind(), Kind::AccessDenied);
        assert!(error.is_retryable(), "503, not 403");
    }
    assert_eq!((cloud.asked(), cloud.state().denied), (4, 51 + 2 + 4));
    assert_eq!(store.retries().by(Cause::Token), 1 + 50 + 1);
    let refreshes = store.token_refreshes().unwrap();
    assert_eq!((refreshes.given, refreshes.failed), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn case_19_a_token_that_is_refused_while_iam_is_down_is_replaced_once_iam_is_back() {
    let cloud = Cloud::default();
    let store = cloud.by_key();
    head(&store).await.unwrap();
    later(50).await;
    cloud.state().iam = Iam::Down;
    head(&store).await.unwrap();
    // The renewal fails after three attempts, and IAM is not asked again at once.
    while cloud.asked() < 4 {
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_millis(1100)).await;
    cloud.state().good.clear();
    head(&store).await.unwrap_err();
    assert_eq!(cloud.asked(), 4);
    cloud.state().iam = Iam::Gives;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(head(&store).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn case_19_a_key_that_iam_refuses_is_told_and_not_shown() {
    let cloud = Cloud::default();
    cloud.state().iam = Iam::Refuses;
    let store = cloud.by_key();
    let error = head(&store).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        cause,
        "IAM answered 400: Provided API key could not be found."
    );
    assert_eq!((cloud.asked(), cloud.state().calls), (1, 0));
    assert!(!format!("{error:?} {store:?}").contains(SECRET));
}

#[tokio::test(start_paused = true)]
async fn case_19_the_compute_resources_token_is_read_for_every_token_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let cloud = Cloud::default();
    let store = cloud.store(Credential::Profile {
        profile: "thumbnails".to_owned(),
        file: file.clone(),
    });
    head(&store).await.unwrap();
    std::fs::write(&file, "second\n").unwrap();
    later(60).await;
    head(&store).await.unwrap();
    for (form, token) in cloud.state().forms.iter().zip(["first", "second"]) {
        let fields = format!("cr_token={token}&profile_name=thumbnails");
        assert!(form.ends_with(&fields), "{form}");
    }
    std::fs::remove_file(&file).unwrap();
    later(60).await;
    let error = head(&store).await.unwrap_err();
    assert_eq!((error.kind(), cloud.asked()), (Kind::AccessDenied, 2));
}
