//! The S3 client against a server that says exactly what a test wants it to say.

use std::error::Error as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cos_thumbnails::object::{Bucket, Key};
use cos_thumbnails::storage::iam::Credential;
use cos_thumbnails::storage::{
    Cause, Credentials, Error, GetOptions, HmacKey, Kind, ListOptions, PutOptions, S3, S3Config,
    Storage,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const SECRET: &str = "canary-secret-0123456789";

/// Gives one prepared answer for each connection, the last one again and again, and keeps what was
/// asked. It ends when it is dropped.
struct Script {
    store: S3,
    requests: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Script {
    async fn new(answers: impl IntoIterator<Item = String>) -> Self {
        Self::with(answers, config).await
    }

    /// The same with a store as `config` makes it of the server's URL.
    async fn with(
        answers: impl IntoIterator<Item = String>,
        config: impl FnOnce(&str) -> S3Config,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        let seen = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(request) = read_request(&mut stream).await else {
                    continue;
                };
                seen.lock().unwrap().push(request);
                let answer = if answers.len() > 1 {
                    answers.pop().unwrap()
                } else {
                    answers[0].clone()
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        Self {
            store: S3::new(&config(&endpoint)).unwrap(),
            requests,
            server,
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How often requests were sent again, by those causes that there were.
    fn retries(&self) -> Vec<(&'static str, u64)> {
        let by = |cause: Cause| (cause.name(), self.store.retries().by(cause));
        Cause::ALL
            .map(by)
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .collect()
    }

    async fn get(&self) -> Result<Bytes, Error> {
        let object = self
            .store
            .get(&Key::new("a"), GetOptions::default())
            .await?;
        Ok(object.body)
    }

    async fn list(&self) -> Result<Vec<String>, Error> {
        let page = self.store.list(ListOptions::default()).await?;
        Ok(page
            .objects
            .into_iter()
            .map(|listed| listed.key.as_str().to_owned())
            .collect())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Reads head and body of one request; `None` if the client went away.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await.ok()? {
            0 => return None,
            n => request.extend_from_slice(&chunk[..n]),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").map_or(0, |value| value.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn config(endpoint: &str) -> S3Config {
    S3Config {
        endpoint: endpoint.to_owned(),
        region: "eu-de".to_owned(),
        bucket: Bucket::new("photos"),
        credentials: Credentials::Hmac(HmacKey {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SECRET.to_owned(),
        }),
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n{body}")
}

fn xml(status: &str, body: &str) -> String {
    answer(status, &format!("content-length: {}\r\n", body.len()), body)
}

fn whole() -> String {
    answer(
        "200 OK",
        "content-length: 10\r\netag: \"e\"\r\n",
        "0123456789",
    )
}

fn broken() -> String {
    answer("200 OK", "content-length: 10\r\netag: \"e\"\r\n", "01234")
}

fn listing(inner: &str) -> String {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult>{inner}</ListBucketResult>"
    );
    xml("200 OK", &body)
}

fn contents(key: &str) -> String {
    format!("<Contents><Key>{key}</Key><ETag>\"e\"</ETag><Size>1</Size></Contents>")
}

#[tokio::test]
async fn a_body_that_breaks_is_asked_for_again() {
    let script = Script::new([broken(), whole()]).await;
    assert_eq!(&script.get().await.unwrap()[..], b"0123456789");
    assert_eq!(script.requests().len(), 2);
    assert_eq!(script.retries(), [("body", 1)]);
}

#[tokio::test]
async fn a_body_that_always_breaks_is_an_error_and_no_short_object() {
    let script = Script::new([broken()]).await;
    let error = script.get().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.is_retryable());
    assert_eq!(script.requests().len(), 3);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_not_believed() {
    let script = Script::new([answer("200 OK", "etag: \"e\"\r\n", "01234")]).await;
    assert_eq!(script.get().await.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_fault_that_passes_is_not_seen() {
    let broken_off = String::new();
    let script = Script::new([xml("500 Internal Server Error", ""), broken_off, whole()]).await;
    assert_eq!(&script.get().await.unwrap()[..], b"0123456789");
    assert_eq!(script.requests().len(), 3);
    assert_eq!(script.retries(), [("status", 1), ("connection", 1)]);
}

#[tokio::test]
async fn faults_that_stay_are_told_apart_after_four_attempts() {
    let slow = "<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>";
    for (answer, kind) in [
        (xml("503 Service Unavailable", slow), Kind::Throttled),
        (
            xml("503 Service Unavailable", "<html>down</html>"),
            Kind::Unavailable,
        ),
        (xml("500 Internal Server Error", ""), Kind::Unavailable),
    ] {
        let script = Script::new([answer.clone()]).await;
        assert_eq!(script.get().await.unwrap_err().kind(), kind, "{answer}");
        assert_eq!(script.requests().len(), 4, "{answer}");
        let cause = if answer.starts_with("HTTP/1.1 503") {
            "throttled"
        } else {
            "status"
        };
        assert_eq!(script.retries(), [(cause, 3)]);
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let store = S3::new(&config(&format!("http://{address}"))).unwrap();
    let error = store.head(&Key::new("a")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_range_that_the_server_ignores_is_cut_here() {
    let script = Script::new([whole()]).await;
    let key = Key::new("a");
    let range = |range| GetOptions {
        range: Some(range),
        ..GetOptions::default()
    };
    let object = script.store.get(&key, range(2..5)).await.unwrap();
    assert_eq!((&object.body[..], object.head.length), (&b"234"[..], 10));
    let error = script.store.get(&key, range(10..12)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidRange);
}

#[tokio::test]
async fn another_range_than_asked_for_is_refused() {
    let headers = "content-length: 3\r\ncontent-range: bytes 1-3/10\r\netag: \"e\"\r\n";
    let script = Script::new([answer("206 Partial Content", headers, "123")]).await;
    let options = GetOptions {
        range: Some(2..5),
        ..GetOptions::default()
    };
    let error = script.store.get(&Key::new("a"), options).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn deleting_what_a_store_does_not_have_succeeds_even_by_404() {
    let missing = "<Error><Code>NoSuchKey</Code></Error>";
    let script = Script::new([xml("404 Not Found", missing)]).await;
    script.store.delete(&Key::new("a")).await.unwrap();
}

#[tokio::test]
async fn a_404_without_a_code_is_of_no_store_and_says_nothing_of_an_object() {
    let nginx = "<html><head><title>404 Not Found</title></head></html>";
    for body in ["", nginx, "{\"error\":\"no such path\"}"] {
        let script = Script::new([xml("404 Not Found", body)]).await;
        let (key, content) = (Key::new("a"), Bytes::from_static(b"x"));
        for error in [
            script.get().await.unwrap_err(),
            script.list().await.unwrap_err(),
            script.store.delete(&key).await.unwrap_err(),
            script
                .store
                .put(&key, content, PutOptions::default())
                .await
                .unwrap_err(),
        ] {
            let told = (error.kind(), error.code(), error.is_retryable());
            assert_eq!(told, (Kind::NoStore, None, true), "{error}, {body}");
        }
    }
    // A HEAD's answer never says more.
    let script = Script::new([answer("404 Not Found", "content-length: 9\r\n", "")]).await;
    let error = script.store.head(&Key::new("a")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::NotFound, None));
}

#[tokio::test]
async fn a_store_that_answers_is_told_from_one_that_is_not_reached() {
    let script = Script::new([xml("500 Internal Server Error", "")]).await;
    let answered = script.store.head(&Key::new("a")).await.unwrap_err();
    assert!(answered.is_answered(), "{answered}");
    let script = Script::new([broken()]).await;
    assert!(script.get().await.unwrap_err().is_answered());
    let script = Script::new([String::new()]).await;
    assert!(!script.get().await.unwrap_err().is_answered());
}

#[tokio::test]
async fn listed_keys_are_decoded_when_and_only_when_the_store_encoded_them() {
    let url = "<EncodingType>url</EncodingType>";
    let script = Script::new([
        listing(&format!("{url}{}", contents("a+b%20c%2Bd%25e%0Af%C3%A9"))),
        listing(&contents("a+b%20c")),
        listing(&format!("{url}{}", contents("%FF"))),
    ])
    .await;
    assert_eq!(script.list().await.unwrap(), ["a b c+d%e\nfé"]);
    assert_eq!(script.list().await.unwrap(), ["a+b%20c"]);
    assert_eq!(script.list().await.unwrap_err().kind(), Kind::Invalid);
    assert!(script.requests()[0].contains("encoding-type=url"));
}

#[tokio::test]
async fn a_listing_that_is_cut_fails_or_lies_is_no_listing() {
    let error = "<Error><Code>InternalError</Code><Message>m</Message></Error>";
    for (answer, kind) in [
        (
            xml("200 OK", "<ListBucketResult><Contents><Key>a</Key>"),
            Kind::Unavailable,
        ),
        (xml("200 OK", error), Kind::Unavailable),
        (
            listing("<IsTruncated>true</IsTruncated>"),
            Kind::Unavailable,
        ),
        (
            listing("<Contents><Key>a</Key></Contents>"),
            Kind::Unavailable,
        ),
        (
            listing(&format!("{}{}", contents("b"), contents("a"))),
            Kind::Invalid,
        ),
        (
            listing(&format!("{}{}", contents("a"), contents("a"))),
            Kind::Invalid,
        ),
    ] {
        let script = Script::new([answer.clone()]).await;
        assert_eq!(script.list().await.unwrap_err().kind(), kind, "{answer}");
    }
}

#[tokio::test]
async fn a_request_is_signed_and_names_the_key_as_it_is() {
    let script = Script::new([answer("200 OK", "content-length: 0\r\netag: \"e\"\r\n", "")]).await;
    for (key, path) in [
        ("a b+c%d", "/photos/a%20b%2Bc%25d"),
        ("/a", "/photos//a"),
        ("a//b", "/photos/a//b"),
        ("a/../b/./c", "/photos/a/../b/./c"),
        ("../a", "/photos/../a"),
        ("é?x=y#z", "/photos/%C3%A9%3Fx%3Dy%23z"),
    ] {
        let body = Bytes::from_static(b"x");
        script
            .store
            .put(&Key::new(key), body, PutOptions::default())
            .await
            .unwrap();
        let request = script.requests().pop().unwrap();
        let line = request.lines().next().unwrap();
        let target = line.split(' ').nth(1).unwrap();
        assert_eq!(target.split('?').next().unwrap(), path, "{key:?}");
        let authorization = header(&request, "authorization").expect("a signature");
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
        assert!(
            !request.contains("x-amz-checksum") && !request.contains("trailer"),
            "{request}"
        );
        assert!(!request.contains(SECRET));
    }
}

/// IAM and the store are one server here.
#[tokio::test]
async fn case_19_tokens_go_over_the_wire_as_documented() {
    let given = r#"{"access_token":"eyJ.a-b_c.d","token_type":"Bearer","expires_in":3600}"#;
    let script = Script::with([xml("200 OK", given), whole()], |url| S3Config {
        credentials: Credentials::Iam {
            url: url.parse().unwrap(),
            credential: Credential::ApiKey(SECRET.to_owned()),
        },
        ..config(url)
    })
    .await;
    assert_eq!(&script.get().await.unwrap()[..], b"0123456789");
    assert_eq!(&script.get().await.unwrap()[..], b"0123456789");
    let [asked, first, second] = &script.requests()[..] else {
        panic!("{:?}", script.requests());
    };
    let (head, form) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /identity/token HTTP/1.1\r\n"));
    let media_type = "application/x-www-form-urlencoded";
    assert_eq!(header(head, "content-type"), Some(media_type));
    assert_eq!(header(head, "accept"), Some("application/json"));
    assert!(
        form.contains("&apikey=canary%2Dsecret%2D0123456789&"),
        "{form}"
    );
    for request in [first, second] {
        assert!(request.starts_with("GET /photos/a"), "{request}");
        assert_eq!(header(request, "authorization"), Some("Bearer eyJ.a-b_c.d"));
        assert!(
            !request.contains(SECRET) && !request.contains("AWS4"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn an_error_says_why_without_the_stores_whole_answer() {
    let body = format!(
        "<Error><Code>SignatureDoesNotMatch</Code><Message>signatures\ndiffer</Message>\
         <StringToSign>{SECRET}</StringToSign><RequestId>r1</RequestId></Error>"
    );
    let script = Script::new([xml("403 Forbidden", &body)]).await;
    let error = script.get().await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    assert_eq!(error.to_string(), "GetObject: access denied");
    let source = error.source().unwrap().to_string();
    assert!(
        source.contains("403 SignatureDoesNotMatch: signatures differ"),
        "{source}"
    );
    let everything = format!("{error:?} {source} {:?}", script.store);
    assert!(!everything.contains(SECRET), "{everything}");
    assert_eq!(
        script.requests().len(),
        1,
        "refused credentials are not tried again"
    );
}

#[tokio::test]
async fn https_speaks_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut first = [0; 3];
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut first).await.unwrap();
            // RFC 8446, 5.1: a handshake record, legacy version 3.1 or 3.3.
            assert_eq!(first[..2], [0x16, 3]);
        }
    });
    let error = S3::new(&config(&endpoint))
        .unwrap()
        .head(&Key::new("a"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(
        !server.is_finished(),
        "the server saw something else than TLS"
    );
    server.abort();
}
