//! Code Engine's API and IAM, asked as any HTTP client asks them.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local_cloud::HttpClient;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::job_cloud::{API_KEY, Cloud};

/// A client of one project, with a token.
pub(crate) struct Api {
    client: HttpClient,
    url: String,
    project: String,
    /// The token.
    pub(crate) token: String,
}

impl Api {
    pub(crate) async fn new(cloud: &Cloud, api_key: &str) -> Self {
        let mut api = Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: cloud.field("engine").to_owned(),
            project: cloud.field("project_id").to_owned(),
            token: String::new(),
        };
        let form = format!("grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={api_key}");
        let url = format!("{}/identity/token", api.url);
        let request = Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (status, granted) = api.send(request.body(form.into()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{granted}");
        granted["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut api.token);
        api
    }

    /// Calls a method of the project.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let and = if path.contains('?') { '&' } else { '?' };
        let (url, project) = (&self.url, &self.project);
        let url = format!("{url}/v2/projects/{project}/{path}{and}version=2025-07-10");
        self.ask(method, &url, body).await
    }

    /// Makes every token useless, its own among them.
    pub(crate) async fn revoke_tokens(&self) {
        let url = format!("{}/stand-in/tokens", self.url);
        let (status, _) = self.ask(Method::DELETE, &url, None).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }

    async fn ask(&self, method: Method, url: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(AUTHORIZATION, format!("Bearer {}", self.token));
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> (StatusCode, Value) {
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            head.status,
            serde_json::from_slice(&body).unwrap_or_default(),
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_page_is_of_the_same_job() {
    let cloud = Cloud::empty(&[]);
    let api = Api::new(&cloud, API_KEY).await;
    let other = json!({"name": "other", "image_reference": "cos-thumbnails", "run_commands": ["/backfill"]});
    let (status, created) = api.call(Method::POST, "jobs", Some(&other)).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    for (name, job) in [("a", "backfill"), ("b", "backfill"), ("c", "other")] {
        let run = json!({"name": name, "job_name": job, "run_arguments": ["plan"]});
        let (status, created) = api.call(Method::POST, "job_runs", Some(&run)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{created}");
    }
    let mut next = Some("job_runs?job_name=backfill&limit=1".to_owned());
    let mut names = Vec::new();
    while let Some(path) = next {
        let (status, page) = api.call(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let first = page["first"]["href"].as_str().unwrap();
        assert!(
            first.ends_with("/job_runs?limit=1&job_name=backfill"),
            "{first}"
        );
        for run in page["job_runs"].as_array().unwrap() {
            names.push(run["name"].as_str().unwrap().to_owned());
        }
        let href = page["next"]["href"].as_str();
        next = href.map(|href| href.rsplit('/').next().unwrap().to_owned());
    }
    assert_eq!(names, ["a", "b"]);
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_array_size_is_told_to_one_run_and_is_no_matter_of_its_job() {
    let cloud = Cloud::empty(&[]);
    let api = Api::new(&cloud, API_KEY).await;
    let job = json!({
        "name": "sized",
        "image_reference": "cos-thumbnails",
        "scale_array_size_variable_override": 7,
    });
    let (status, refused) = api.call(Method::POST, "jobs", Some(&job)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("is for job runs"), "{message}");
    let run = json!({
        "job_name": "backfill",
        "run_arguments": ["plan"],
        "scale_array_size_variable_override": 7,
    });
    let (_, created) = api.call(Method::POST, "job_runs", Some(&run)).await;
    assert_eq!(created["scale_array_size_variable_override"], 7);
    assert_eq!(cloud.serving.end(Signal::TERM).0, Some(0));
}
