//! Who may ask: the page itself, and what a person types. Any page in a browser on this machine can send requests
//! to 127.0.0.1, and one whose name is made to point here (DNS rebinding) can even read the answers.

use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::{Method, StatusCode};

/// Where a browser says what a request came from (Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused, and with which status.
pub(super) type Refusal = (StatusCode, &'static str);

/// The origins of the page.
#[derive(Debug)]
pub(super) struct Guard {
    origins: [String; 2],
}

impl Guard {
    pub(super) fn new(origins: &[String; 2]) -> Self {
        Self {
            origins: origins.clone(),
        }
    }

    /// Refuses what was sent to another name than the page's, or by another page; and what would change something
    /// and does not say by which. `is_public` is what every page may fetch, as one that has a link to this does.
    pub(super) fn admit(&self, head: &Parts, is_public: bool) -> Result<(), Refusal> {
        let host = head
            .headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            // The default port may be left out or not (RFC 9110, 4.2.3).
            .map(|host| format!("http://{}", host.strip_suffix(":80").unwrap_or(host)))
            .map(|origin| origin.to_ascii_lowercase());
        if !host.is_some_and(|host| self.origins.contains(&host)) {
            let why = "this is for http://127.0.0.1 and http://localhost with its port alone";
            return Err((StatusCode::MISDIRECTED_REQUEST, why));
        }
        let foreign = (StatusCode::FORBIDDEN, "a page of another origin asks");
        if let Some(origin) = head.headers.get(ORIGIN) {
            if !self.origins.iter().any(|own| origin == own.as_str()) {
                return Err(foreign);
            }
        } else if !matches!(head.method, Method::GET | Method::HEAD) {
            let why = "what changes something must say its Origin";
            return Err((StatusCode::FORBIDDEN, why));
        }
        let site = head.headers.get(SEC_FETCH_SITE);
        let is_own = site.is_none_or(|site| site == "same-origin" || site == "none");
        if is_own || is_public {
            Ok(())
        } else {
            Err(foreign)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::Request;

    use super::*;

    fn admitted(method: &str, headers: &[(&str, &str)], is_public: bool) -> Result<(), u16> {
        admitted_at(9001, method, headers, is_public)
    }

    fn admitted_at(
        port: u16,
        method: &str,
        headers: &[(&str, &str)],
        is_public: bool,
    ) -> Result<(), u16> {
        let own = crate::page::origins((std::net::Ipv4Addr::LOCALHOST, port).into());
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let admitted = Guard::new(&own).admit(&head, is_public);
        admitted.map_err(|(status, _)| status.as_u16())
    }

    #[test]
    fn the_page_and_a_person_may_ask() {
        let host = ("host", "127.0.0.1:9001");
        let origin = ("origin", "http://127.0.0.1:9001");
        let own = ("sec-fetch-site", "same-origin");
        for (method, headers) in [
            ("GET", &[host][..]),
            ("GET", &[host, ("sec-fetch-site", "none")]),
            ("GET", &[("host", "LOCALHOST:9001")]),
            ("POST", &[host, origin]),
            ("DELETE", &[host, origin, own]),
            ("POST", &[host, ("origin", "http://localhost:9001"), own]),
        ] {
            assert_eq!(admitted(method, headers, false), Ok(()), "{headers:?}");
        }
        // A link on another page leads here.
        let link = [host, ("sec-fetch-site", "cross-site")];
        assert_eq!(admitted("GET", &link, true), Ok(()));
        assert_eq!(admitted("GET", &link, false), Err(403));
    }

    #[test]
    fn a_page_at_the_default_port_is_asked_without_it() {
        let origin = ("origin", "http://localhost");
        for host in ["localhost", "127.0.0.1", "localhost:80"] {
            for method in ["GET", "POST"] {
                let asked = admitted_at(80, method, &[("host", host), origin], false);
                assert_eq!(asked, Ok(()), "{method} {host}");
            }
        }
        for host in ["localhost:9001", "localhost:8080", "evil.example"] {
            let asked = admitted_at(80, "GET", &[("host", host)], true);
            assert_eq!(asked, Err(421), "{host}");
        }
        let other = ("origin", "http://localhost:9001");
        assert_eq!(
            admitted_at(80, "POST", &[("host", "localhost"), other], false),
            Err(403)
        );
    }

    #[test]
    fn a_name_that_was_made_to_point_here_is_refused() {
        for host in [
            "evil.example:9001",
            "127.0.0.1:9002",
            "127.0.0.1",
            "[::1]:9001",
            "",
        ] {
            let headers = [("host", host), ("origin", "http://127.0.0.1:9001")];
            assert_eq!(admitted("GET", &headers, true), Err(421), "{host}");
            assert_eq!(admitted("POST", &headers, false), Err(421), "{host}");
        }
        assert_eq!(admitted("GET", &[], true), Err(421));
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let host = ("host", "127.0.0.1:9001");
        for origin in [
            "http://evil.example",
            "null",
            "http://127.0.0.1:9002",
            "https://127.0.0.1:9001",
        ] {
            for method in ["GET", "POST", "DELETE"] {
                let asked = admitted(method, &[host, ("origin", origin)], true);
                assert_eq!(asked, Err(403), "{method} {origin}");
            }
        }
        for site in ["cross-site", "same-site"] {
            let headers = [host, ("sec-fetch-site", site)];
            assert_eq!(admitted("GET", &headers, false), Err(403), "{site}");
        }
        assert_eq!(admitted("POST", &[host], false), Err(403));
    }
}
