//! Any bytes as a request: the first line is its media type, the next ones are headers, and what comes
//! behind an empty line is its body.
//!
//! What must hold: nothing panics; an event that was read, written again and read again is the same.
#![no_main]
#![allow(dead_code, unused_imports)]

use events::parse_http;
use http::{HeaderMap, HeaderName, HeaderValue};
use library::{events, object};

#[path = "../../src"]
mod library {
    pub(crate) mod events;
    pub(crate) mod object;
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((headers, body)) = request(input) else {
        return;
    };
    let Ok(events) = parse_http(&headers, body) else {
        return;
    };
    for event in events {
        let (headers, body) = event.to_http();
        let again = parse_http(&headers, &body).expect("what was written can be read");
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].id(), event.id());
        assert_eq!(again[0].change(), event.change());
    }
});

/// The headers and the body.
fn request(input: &[u8]) -> Option<(HeaderMap, &[u8])> {
    let mut headers = HeaderMap::new();
    let mut rest = input;
    let mut name = http::header::CONTENT_TYPE;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if line.is_empty() {
            return Some((headers, rest));
        }
        let mut value = line;
        if name != http::header::CONTENT_TYPE || !headers.is_empty() {
            let colon = line.iter().position(|&byte| byte == b':')?;
            name = HeaderName::from_bytes(&line[..colon]).ok()?;
            value = &line[colon + 1..];
        }
        headers.append(name.clone(), HeaderValue::from_bytes(value).ok()?);
    }
}
