//! Cross-origin resource sharing: which pages of other origins may send requests to a bucket and read the
//! answers (Fetch standard, CORS protocol; Amazon S3 user guide, "Elements of a CORS configuration").
//!
//! It stands in front of the actions: a browser's preflight has no signature of its own, and of a presigned
//! URL one for another method.

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use s3s::service::S3Service;
use s3s::{Body, HttpError, HttpResponse, S3Error, S3ErrorCode, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::index::Index;

/// What an answer depends on, for caches between.
const VARIES: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

/// One rule of a bucket. Origins and headers may hold one `*` each, for any letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) id: Option<String>,
    pub(super) origins: Vec<String>,
    pub(super) methods: Vec<String>,
    pub(super) headers: Vec<String>,
    pub(super) exposed: Vec<String>,
    pub(super) max_age_seconds: Option<i32>,
}

impl Rule {
    /// For a page that belongs to the store.
    pub(super) fn of_own_page(origins: &[String]) -> Self {
        Self {
            id: None,
            origins: origins.to_vec(),
            methods: ["GET", "PUT"].map(ToOwned::to_owned).into(),
            headers: vec!["content-type".to_owned()],
            exposed: Vec::new(),
            max_age_seconds: Some(600),
        }
    }

    fn allows(&self, asked: &Asked<'_>) -> bool {
        self.origins.iter().any(|p| fits(p, asked.origin))
            && self.methods.iter().any(|method| method == asked.method)
            && asked.headers.iter().all(|header| {
                // Names of fields have no case.
                let header = header.to_ascii_lowercase();
                let mut patterns = self.headers.iter().map(|p| p.to_ascii_lowercase());
                patterns.any(|pattern| fits(&pattern, &header))
            })
    }

    /// The fields that let a browser go on.
    fn permit(&self, asked: &Asked<'_>, fields: &mut HeaderMap) {
        let mut set = |name: HeaderName, value: &str| {
            // What is no field's value was none when it came.
            if let Ok(value) = HeaderValue::from_str(value) {
                fields.insert(name, value);
            }
        };
        if self.origins.iter().any(|origin| origin == "*") {
            set(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        } else {
            set(ACCESS_CONTROL_ALLOW_ORIGIN, asked.origin);
            set(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        set(ACCESS_CONTROL_ALLOW_METHODS, &self.methods.join(", "));
        if !asked.headers.is_empty() {
            set(ACCESS_CONTROL_ALLOW_HEADERS, &asked.headers.join(", "));
        }
        if !self.exposed.is_empty() {
            set(ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed.join(", "));
        }
        if let Some(seconds) = self.max_age_seconds {
            set(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
        set(VARY, VARIES);
    }
}

/// Whether a value is what a pattern with at most one `*` stands for.
fn fits(pattern: &str, value: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == value,
        Some((start, end)) => value
            .strip_prefix(start)
            .is_some_and(|rest| rest.ends_with(end)),
    }
}

/// What a page of another origin wants to do.
struct Asked<'r> {
    origin: &'r str,
    method: &'r str,
    /// The fields that it wants to send; of a request itself none, since its preflight named them.
    headers: Vec<&'r str>,
}

impl<'r> Asked<'r> {
    /// A preflight's question.
    fn beforehand(fields: &'r HeaderMap) -> S3Result<Self> {
        let text = |name: &HeaderName| fields.get(name)?.to_str().ok();
        let origin = text(&ORIGIN)
            .ok_or_else(|| s3_error!(InvalidRequest, "Origin is missing: this is no preflight"))?;
        let method = text(&ACCESS_CONTROL_REQUEST_METHOD).ok_or_else(|| {
            s3_error!(
                InvalidRequest,
                "Access-Control-Request-Method is missing: this is no preflight"
            )
        })?;
        let headers = text(&ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let headers = headers.split(',').map(str::trim);
        Ok(Self {
            origin,
            method,
            headers: headers.filter(|header| !header.is_empty()).collect(),
        })
    }
}

/// The store's service, for pages of other origins, too.
#[derive(Clone)]
pub(super) struct CrossOrigin {
    pub(super) service: S3Service,
    pub(super) index: Arc<Index>,
    /// What holds beside each bucket's rules, and before them.
    pub(super) own: Arc<Rule>,
}

impl CrossOrigin {
    pub(super) async fn call(&self, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
        if request.method() == Method::OPTIONS {
            let answered = self.preflight(&request).await;
            return answered
                .or_else(S3Error::to_http_response)
                .map_err(|error| HttpError::new(Box::new(error)));
        }
        let Some(origin) = request.headers().get(ORIGIN).cloned() else {
            return self.service.call(request.map(Body::from)).await;
        };
        let rules = self.rules(request.uri().path()).await;
        let method = request.method().clone();
        let mut answer = self.service.call(request.map(Body::from)).await?;
        let asked = Asked {
            origin: origin.to_str().unwrap_or_default(),
            method: method.as_str(),
            headers: Vec::new(),
        };
        let rules = rules.unwrap_or_default();
        if let Some(rule) = self.first(&rules, &asked) {
            rule.permit(&asked, answer.headers_mut());
        }
        Ok(answer)
    }

    async fn preflight(&self, request: &Request<Incoming>) -> S3Result<HttpResponse> {
        let asked = Asked::beforehand(request.headers())?;
        let rules = self.rules(request.uri().path()).await?;
        let rule = self.first(&rules, &asked).ok_or_else(|| {
            forbidden(if rules.is_empty() {
                "CORS is not enabled for this bucket"
            } else {
                "No rule of this bucket allows this origin, method and headers"
            })
        })?;
        let mut answer = HttpResponse::new(Body::empty());
        rule.permit(&asked, answer.headers_mut());
        Ok(answer)
    }

    /// The first rule that allows it.
    fn first<'a>(&'a self, rules: &'a [Rule], asked: &Asked<'_>) -> Option<&'a Rule> {
        let mut all = std::iter::once(&*self.own).chain(rules);
        all.find(|rule| rule.allows(asked))
    }

    /// The rules of the bucket that a path names first; none where there is no such bucket.
    async fn rules(&self, path: &str) -> S3Result<Vec<Rule>> {
        let bucket = path.split('/').nth(1).unwrap_or_default().to_owned();
        let index = Arc::clone(&self.index);
        let read = tokio::task::spawn_blocking(move || index.read()?.settings(&bucket)).await;
        let settings = read.map_err(|error| s3_error!(error, InternalError))?;
        let settings = settings.map_err(|error| s3_error!(error, InternalError))?;
        Ok(settings.map(|settings| settings.cors).unwrap_or_default())
    }
}

/// The code that S3 has for this, which `s3s` does not know.
fn forbidden(message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom("AccessForbidden".into()), message);
    error.set_status_code(StatusCode::FORBIDDEN);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, value, expected) in [
            ("http://a.org", "http://a.org", true),
            ("http://a.org", "http://a.org:80", false),
            ("*", "http://a.org", true),
            ("http://*.a.org", "http://b.a.org", true),
            ("http://*.a.org", "http://a.org", false),
            ("http://*.a.org", "https://b.a.org", false),
            ("x-amz-*", "x-amz-date", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, value), expected, "{pattern} {value}");
        }
    }
}
