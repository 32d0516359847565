//! Any bytes as a request: the first line is its media type, the next ones are headers, and what comes
//! behind an empty line is its body.
//!
//! What must hold: nothing panics; an event that was read, written again and read again is the same; one malformed
//! member takes none of the others along, where each is read by itself, and all of them, where all are wanted.
#![no_main]
#![allow(dead_code, unused_imports)]

use events::{MAX_BATCH, parse_http, parse_http_each};
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
    let (each, all) = (parse_http_each(&headers, body), parse_http(&headers, body));
    let good = each.as_ref().is_ok_and(|each| each.iter().all(Result::is_ok));
    assert_eq!(all.is_ok(), good);
    let each = match each {
        Ok(each) => each,
        Err(error) => return drop(error.to_string()),
    };
    assert!(each.len() <= MAX_BATCH);
    for event in each {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                drop(error.to_string());
                continue;
            }
        };
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
