use std::sync::Arc;

use bytes::Bytes;
use chrono::{NaiveDate, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::project::Project;
use super::refusal::Refusal;
use super::spec::MAX_SPEC_BYTES;
use crate::accept::serve;
use crate::identity::Identity;

/// The longest body that is read. That of a specification may be no longer, but is refused with reason.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// The most resources on one page, and how many where nothing is said.
const MAX_PAGE: usize = 100;

/// Both interfaces on one listener.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) identity: Arc<Identity>,
    pub(super) project: Arc<Project>,
}

/// A status and a body; an empty one where there is none.
type Answer = (StatusCode, Option<Value>);

impl Server {
    /// Serves until the task is aborted, and with it every connection.
    pub(super) async fn serve(self, listener: TcpListener) {
        serve(listener, move |request| {
            let server = self.clone();
            async move { server.answer(request).await }
        })
        .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
        let (status, body) = match body {
            Ok(body) => self.act(&head, &body.to_bytes()),
            Err(_) => refused(&Refusal::bad("the body is too long, or broke off")),
        };
        response(status, body)
    }

    fn act(&self, head: &Parts, body: &[u8]) -> Answer {
        let now = Utc::now().timestamp();
        let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        match (&head.method, path.as_slice()) {
            (&Method::POST, ["identity", "token"]) => match self.identity.grant(body, now) {
                Ok(token) => (StatusCode::OK, Some(token)),
                Err(refusal) => (refusal.status, Some(refusal.body())),
            },
            _ if !self.is_authorized(head, now) => refused(&Refusal::unauthorized()),
            (&Method::DELETE, ["v1", "apikeys", id]) => {
                if self.identity.delete_api_key(id) {
                    (StatusCode::NO_CONTENT, None)
                } else {
                    refused(&Refusal::not_found())
                }
            }
            // Not of IBM's: what a test of a client's needs.
            (&Method::DELETE, ["stand-in", "tokens"]) => {
                self.identity.revoke_tokens();
                (StatusCode::NO_CONTENT, None)
            }
            (_, ["v2", "projects", id, rest @ ..]) if *id == self.project.identifiers.id => self
                .in_project(head, rest, body)
                .unwrap_or_else(|refusal| refused(&refusal)),
            _ => refused(&Refusal::not_found()),
        }
    }

    fn is_authorized(&self, head: &Parts, now: i64) -> bool {
        let shown = head
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = shown.and_then(|shown| shown.strip_prefix("Bearer "));
        token.is_some_and(|token| self.identity.knows(token, now))
    }

    fn in_project(&self, head: &Parts, path: &[&str], body: &[u8]) -> Result<Answer, Refusal> {
        let query = Query::read(head)?;
        let asked = || {
            if body.len() > MAX_SPEC_BYTES {
                let text = format!(
                    "the specification has {} bytes, more than 10 KiB",
                    body.len()
                );
                return Err(Refusal::bad(text));
            }
            serde_json::from_slice(body)
                .map_err(|error| Refusal::bad(format!("the body is wrong: {error}")))
        };
        let (ok, accepted) = (StatusCode::OK, StatusCode::ACCEPTED);
        let project = &self.project;
        Ok(match (&head.method, path) {
            (&Method::POST, ["jobs"]) => (StatusCode::CREATED, Some(project.create_job(asked()?)?)),
            (&Method::GET, ["jobs"]) => (ok, Some(self.page("jobs", project.jobs(), &query))),
            (&Method::GET, ["jobs", name]) => (ok, Some(project.job(name)?)),
            (&Method::DELETE, ["jobs", name]) => {
                project.delete_job(name)?;
                (accepted, None)
            }
            (&Method::POST, ["job_runs"]) => (accepted, Some(project.create_run(asked()?)?)),
            (&Method::GET, ["job_runs"]) => {
                let runs = project.runs(query.job_name.as_deref());
                (ok, Some(self.page("job_runs", runs, &query)))
            }
            (&Method::GET, ["job_runs", name]) => (ok, Some(project.run(name)?)),
            (&Method::DELETE, ["job_runs", name]) => {
                project.delete_run(name)?;
                (accepted, None)
            }
            (_, ["jobs" | "job_runs"] | ["jobs" | "job_runs", _]) => return Err(Refusal::method()),
            _ => return Err(Refusal::not_found()),
        })
    }

    /// One page: `start` is the name of its first resource. Its links ask for the same selection.
    fn page(&self, kind: &str, all: Vec<(String, Value)>, query: &Query) -> Value {
        let from = query.start.as_deref().unwrap_or_default();
        let mut rest = all.into_iter().filter(|(name, _)| name.as_str() >= from);
        let page: Vec<_> = rest
            .by_ref()
            .take(query.limit)
            .map(|(_, body)| body)
            .collect();
        let identifiers = &self.project.identifiers;
        let link = |start: Option<&str>| {
            let mut fields = form_urlencoded::Serializer::new(String::new());
            fields.append_pair("limit", &query.limit.to_string());
            let selected = query.job_name.as_deref().map(|name| ("job_name", name));
            fields.extend_pairs(selected);
            fields.extend_pairs(start.map(|start| ("start", start)));
            let (project, fields) = (&identifiers.id, fields.finish());
            format!(
                "{}/v2/projects/{project}/{kind}?{fields}",
                identifiers.base_url
            )
        };
        let mut answer = json!({"limit": query.limit, "first": {"href": link(None)}});
        answer[kind] = page.into();
        if let Some((next, _)) = rest.next() {
            answer["next"] = json!({"href": link(Some(&next)), "start": next});
        }
        answer
    }
}

/// What a request's query says.
struct Query {
    job_name: Option<String>,
    limit: usize,
    start: Option<String>,
}

impl Query {
    fn read(head: &Parts) -> Result<Self, Refusal> {
        let query = head.uri.query().unwrap_or_default();
        let field = |wanted: &str| {
            let mut fields = form_urlencoded::parse(query.as_bytes());
            fields
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        let version = field("version").and_then(|date| date.parse::<NaiveDate>().ok());
        if version.is_none() {
            return Err(Refusal::bad("version is no date such as 2025-07-10"));
        }
        let limit = match field("limit").map(|limit| limit.parse()) {
            None => MAX_PAGE,
            Some(Ok(limit)) if (1..=MAX_PAGE).contains(&limit) => limit,
            Some(_) => return Err(Refusal::bad("limit is no number from 1 to 100")),
        };
        Ok(Self {
            job_name: field("job_name"),
            limit,
            start: field("start"),
        })
    }
}

fn refused(refusal: &Refusal) -> Answer {
    (refusal.status, Some(refusal.body()))
}

fn response(status: StatusCode, body: Option<Value>) -> Response<Full<Bytes>> {
    let tag = body.as_ref().and_then(|body| body["entity_tag"].as_str());
    let tag = tag.and_then(|tag| HeaderValue::from_str(tag).ok());
    let text = body.map(|body| body.to_string());
    let mut response = Response::new(Full::new(Bytes::from(text.clone().unwrap_or_default())));
    *response.status_mut() = status;
    if text.is_some() {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    if let Some(tag) = tag {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}
