//! The live page's server, as a browser and a stranger see it. tests/page/run has the page itself, in a browser.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local_cloud::Options;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::Serving;
use crate::client::{BUCKET, list, put};
use crate::cloud::{Uploads, picture};

async fn send(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Incoming> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    client.request(request).await.unwrap()
}

/// Status and text of the answer to what the page itself asks for.
async fn ask(method: Method, page: &str, path: &str, body: &str) -> (StatusCode, String) {
    let url = format!("{page}{path}");
    let answer = send(method, &url, &[("origin", page)], body.to_owned()).await;
    let status = answer.status();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(text.into()).unwrap())
}

/// Server-sent events, as they come.
struct News {
    body: Incoming,
    text: String,
    /// All that came, letter for letter.
    all: String,
}

impl News {
    async fn of(page: &str) -> Self {
        let answer = send(Method::GET, &format!("{page}/events"), &[], "").await;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            body: answer.into_body(),
            text: String::new(),
            all: String::new(),
        }
    }

    /// The next event of that name.
    async fn next(&mut self, name: &str) -> Value {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let parts = event.split_once("data: ");
                let of_name = |head: &str| head.contains(&format!("event: {name}\n"));
                if let Some((_, data)) = parts.filter(|(head, _)| of_name(head)) {
                    return serde_json::from_str(data).unwrap();
                }
            }
            let frame = tokio::time::timeout(Duration::from_mins(1), self.body.frame());
            let frame = frame.await.expect("there are news").unwrap().unwrap();
            let text = std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
            self.text += text;
            self.all += text;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_is_put_by_the_page_is_shown_with_urls_that_need_no_secret() {
    let mut uploads = Uploads::start().await;
    let page = uploads.cloud.page.url().to_owned();
    let mut news = News::of(&page).await;
    let hello = news.next("hello").await;
    assert_eq!(hello["source_prefix"], "images/");

    let name = "a b/é<i>.jpg";
    let (status, signed) = ask(
        Method::POST,
        &page,
        "/uploads",
        &json!({"name": name}).to_string(),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{signed}");
    let signed: Value = serde_json::from_str(&signed).unwrap();
    assert_eq!(signed["key"], format!("images/{name}"));
    let url = signed["url"].as_str().unwrap();
    // As a browser sends it: with the origin of the page, which the store lets in.
    let origin = ("origin", page.as_str());
    let asked = [
        origin,
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "content-type"),
    ];
    let allowed = send(Method::OPTIONS, url, &asked, "").await;
    assert_eq!(
        allowed.headers()["access-control-allow-origin"],
        page.as_str()
    );
    let stranger = [("origin", "http://127.0.0.1:1"), asked[1]];
    let refused = send(Method::OPTIONS, url, &stranger, "").await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let stored = send(Method::PUT, url, &[origin], picture(1)).await;
    assert_eq!(stored.status(), StatusCode::OK);

    let delivery = uploads.next().await;
    uploads.cloud.page.tell(&delivery);
    let row = news.next("row").await;
    assert_eq!(
        (&row["key"], &row["verdict"]),
        (&signed["key"], &json!("made"))
    );
    let stages = row["stages"].as_array().unwrap();
    assert_eq!(stages[0][0], "delivery", "{row}");
    let waited = row["waited_us"].as_u64().unwrap();
    let in_stages: u64 = stages.iter().map(|stage| stage[1].as_u64().unwrap()).sum();
    assert!(in_stages <= waited, "{row}");
    let thumbnails = row["thumbnails"].as_array().unwrap();
    assert_eq!(thumbnails.len(), 6);
    for url in thumbnails.iter().chain([&row["original"]]) {
        let read = send(Method::GET, url["url"].as_str().unwrap(), &[], "").await;
        assert_eq!(read.status(), StatusCode::OK);
        let length = read.into_body().collect().await.unwrap().to_bytes().len();
        assert_eq!(url["bytes"], length);
    }
    let tally = news.next("tally").await;
    assert_eq!((&tally["made"], &tally["rejected"]), (&json!(1), &json!(0)));
    assert_eq!(tally["bytes_stored"], row["original"]["bytes"]);
    assert_eq!(tally["bytes_read"], row["bytes_read"]);

    // Who comes later sees it, too.
    let mut later = News::of(&page).await;
    assert_eq!(later.next("row").await["key"], signed["key"]);

    // The page can ask why an original is not shown.
    let original = format!("images/{name}");
    let delete = uploads
        .client()
        .delete_object()
        .bucket(BUCKET)
        .key(original);
    delete.send().await.unwrap();
    let read = send(
        Method::GET,
        row["original"]["url"].as_str().unwrap(),
        &[origin],
        "",
    )
    .await;
    assert_eq!(read.status(), StatusCode::NOT_FOUND);
    let allowed = &read.headers()["access-control-allow-origin"];
    assert_eq!(allowed, page.as_str());
    uploads.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_page_is_told_holds_a_secret() {
    let mut options = Options::on_free_ports();
    options.credentials.secret_access_key = "canary-store".to_owned();
    options.engine.api_key = "canary-key".to_owned();
    let lookup = |name: &str| name.ends_with("_SECRET").then(|| format!("canary-{name}"));
    let mut uploads = Uploads::start_by(options, lookup).await.unwrap();
    let page = uploads.cloud.page.url().to_owned();
    let mut news = News::of(&page).await;
    put(&uploads.client(), "images/a.jpg", picture(1)).await;
    let delivery = uploads.next().await;
    uploads.cloud.page.tell(&delivery);
    news.next("tally").await;
    news.next("tally").await;
    let (status, mut told) = ask(Method::POST, &page, "/uploads", r#"{"name": "a.jpg"}"#).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let files = ["", "page.css", "icon.svg", "pictures"];
    let scripts = ["page.js", "rows.js", "race.js", "uploads.js", "words.js"];
    for file in files.into_iter().chain(scripts) {
        let (status, text) = ask(Method::GET, &page, &format!("/{file}"), "").await;
        assert_eq!(status, StatusCode::OK, "{file}");
        told += &text;
    }
    told += &news.all;
    // Of the upload, of the original and of its thumbnails.
    assert_eq!(told.matches("X-Amz-Signature=").count(), 8, "{told}");
    assert!(!told.contains("canary"), "{told}");
    uploads.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_race_makes_every_picture_by_each_mode() {
    let mut uploads = Uploads::start().await;
    let page = uploads.cloud.page.url().to_owned();
    let mut news = News::of(&page).await;
    assert_eq!(news.next("race").await["is_running"], false);
    let race = async |news: &mut News| {
        let body = json!({"pictures": 2}).to_string();
        let (status, text) = ask(Method::POST, &page, "/race", &body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
        loop {
            let race = news.next("race").await;
            if race["is_running"] == false {
                return race;
            }
        }
    };
    let without = race(&mut news).await;
    let failure = without["failure"].as_str().unwrap();
    assert!(
        failure.starts_with("there is nothing below images/"),
        "{failure}"
    );

    let client = uploads.client();
    for number in 1..=3 {
        put(&client, &format!("images/{number}.jpg"), picture(number)).await;
        uploads.next().await.result.unwrap();
    }
    let ended = race(&mut news).await;
    assert_eq!(
        (&ended["failure"], &ended["pictures"]),
        (&Value::Null, &json!(2))
    );
    let lanes = ended["lanes"].as_array().unwrap();
    let modes: Vec<_> = lanes
        .iter()
        .map(|lane| lane["mode"].as_str().unwrap())
        .collect();
    assert_eq!(modes, ["sequential", "parallel", "fan-out"]);
    for lane in lanes {
        assert_eq!(
            (&lane["state"], &lane["not_made"]),
            (&json!("done"), &json!(0)),
            "{lane}"
        );
        assert_eq!(lane["ended_us"].as_array().unwrap().len(), 2, "{lane}");
    }
    assert_eq!(list(&client, "failures/").await.len(), 0);
    uploads.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_race_shows_the_secret_that_every_event_must_show() {
    let lookup = |name: &str| (name == "EVENT_SECRET").then(|| "canary".to_owned());
    let mut uploads = Uploads::start_by(Options::on_free_ports(), lookup)
        .await
        .unwrap();
    let page = uploads.cloud.page.url().to_owned();
    uploads.next_is_served().await;
    let mut news = News::of(&page).await;
    let (status, text) = ask(Method::POST, &page, "/race", r#"{"pictures": 1}"#).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    let fan_out = loop {
        let race = news.next("race").await;
        if race["lanes"][2]["state"] == "done" {
            break race["lanes"][2].clone();
        }
    };
    assert_eq!(
        (&fan_out["mode"], &fan_out["not_made"]),
        (&json!("fan-out"), &json!(0)),
        "{fan_out}"
    );
    uploads.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_that_is_stopped_begins_no_further_picture() {
    const PICTURES: usize = 60;
    let uploads = Uploads::start().await;
    let page = uploads.cloud.page.url().to_owned();
    let (client, bytes) = (uploads.client(), picture(1));
    for number in 0..PICTURES {
        put(&client, &format!("images/{number}.jpg"), bytes.clone()).await;
    }
    let mut news = News::of(&page).await;
    let body = json!({"pictures": PICTURES}).to_string();
    let (status, _) = ask(Method::POST, &page, "/race", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    news.next("lap").await;
    let (status, text) = ask(Method::POST, &page, "/race", &body).await;
    assert_eq!(
        (status, text.as_str()),
        (StatusCode::CONFLICT, "a race is running")
    );
    let (status, _) = ask(Method::DELETE, &page, "/race", "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let ended = loop {
        let race = news.next("race").await;
        if race["is_running"] == false {
            break race;
        }
    };
    assert_eq!(ended["failure"], "stopped");
    let lanes: Vec<_> = ended["lanes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lane| &lane["state"])
        .collect();
    assert_eq!(lanes, ["stopped", "waits", "waits"]);
    let done = ended["lanes"][0]["ended_us"].as_array().unwrap().len();
    assert!(done < PICTURES, "{done}");
    uploads.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_nonsense_are_refused() {
    let uploads = Uploads::start().await;
    let page = uploads.cloud.page.url().to_owned();
    let upload = r#"{"name": "a.jpg"}"#;
    for (path, headers, expected) in [
        ("/", &[("host", "evil.example:9001")][..], 421),
        ("/events", &[("host", "evil.example:9001")], 421),
        ("/events", &[("sec-fetch-site", "cross-site")], 403),
        ("/", &[("sec-fetch-site", "cross-site")], 200),
        ("/../store", &[], 404),
        ("/pictures/0", &[], 404),
        ("/pictures/-1", &[], 400),
    ] {
        let answer = send(Method::GET, &format!("{page}{path}"), headers, "").await;
        assert_eq!(answer.status(), expected, "{path} {headers:?}");
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; "),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    for headers in [
        &[][..],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
    ] {
        for (path, body) in [("/uploads", upload), ("/race", r#"{"pictures": 1}"#)] {
            let answer = send(Method::POST, &format!("{page}{path}"), headers, body).await;
            assert_eq!(answer.status(), 403, "{path} {headers:?}");
        }
    }
    let long = json!({"name": "x".repeat(1020)}).to_string();
    for (path, body, why) in [
        ("/uploads", r#"{"name": ""}"#, "cannot be uploaded"),
        ("/uploads", r#"{"name": "../a"}"#, "cannot be uploaded"),
        ("/uploads", r#"{"name": "a/./b"}"#, "cannot be uploaded"),
        ("/uploads", &long, "too long"),
        ("/uploads", "{}", "missing field `name`"),
        ("/uploads", &" ".repeat(20_000), "the body is too long"),
        ("/race", r#"{"pictures": 0}"#, "1 to 1000"),
        ("/race", r#"{"pictures": 1001}"#, "1 to 1000"),
    ] {
        let (status, text) = ask(Method::POST, &page, path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(list(&uploads.client(), "").await.len(), 0);
    uploads.stop().await;
}

#[tokio::test]
async fn where_the_page_is_said_to_be_it_is() {
    let options = Options::on_free_ports();
    let (cloud, _deliveries) = local_cloud::Cloud::start(options, |_| None).await.unwrap();
    let (status, html) = ask(Method::GET, cloud.page.url(), "/", "").await;
    assert_eq!(status, StatusCode::OK);
    for name in ["page.css", "page.js", "icon.svg"] {
        assert!(html.contains(&format!("\"/{name}\"")), "{html}");
        let (status, _) = ask(Method::GET, cloud.page.url(), &format!("/{name}"), "").await;
        assert_eq!(status, StatusCode::OK, "{name}");
    }
    cloud.stop().await.unwrap();
}

#[tokio::test]
async fn the_page_is_opened_in_the_browser_and_offers_the_pictures_at_hand() {
    let (temporary, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pictures = tempfile::tempdir().unwrap();
    for (name, number) in [("one.jpg", 1), ("two.jpg", 2)] {
        fs::write(pictures.path().join(name), picture(number)).unwrap();
    }
    let path = programs.path().to_str().unwrap();
    let browser = programs.path().join("xdg-open");
    let opened = programs.path().join("opened");
    fs::write(
        &browser,
        format!("#!/bin/sh\necho \"$1\" >{}\n", opened.display()),
    )
    .unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let args = ["--open", "--images", pictures.path().to_str().unwrap()];
    let serving = Serving::start_with(temporary.path(), &args, &[("PATH", path)]);
    serving.said("images/two.jpg");
    let page = serving.ready["page"].as_str().unwrap();
    let is_opened = async {
        while fs::read_to_string(&opened).unwrap_or_default() != format!("{page}\n") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let opened = tokio::time::timeout(Duration::from_mins(1), is_opened).await;
    assert!(opened.is_ok(), "no browser was told of {page}");
    let (_, names) = ask(Method::GET, page, "/pictures", "").await;
    assert_eq!(names, r#"["one.jpg","two.jpg"]"#);
    let second = send(Method::GET, &format!("{page}/pictures/1"), &[], "").await;
    let second = second.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(second, picture(2));
    let (status, _) = ask(Method::GET, page, "/pictures/2", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(serving.end(Signal::TERM).0, Some(0));

    fs::remove_file(&browser).unwrap();
    let args = ["--open", "--count", "0"];
    let serving = Serving::start_with(temporary.path(), &args, &[("PATH", path)]);
    serving.said("no browser can be opened for http://127.0.0.1:");
    assert_eq!(serving.end(Signal::TERM).0, Some(0));
}
