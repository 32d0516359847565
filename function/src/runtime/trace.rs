//! Which event and which trace a log line is about.

use cos_thumbnails::events::Event;
use tracing::Span;

/// The extension attribute, and the header field.
pub(super) const TRACEPARENT: &str = "traceparent";

/// What every log line about an event says: which one, of what object, and of which trace; `of_request` is the
/// `traceparent` of the request that brought it. Each stands as it is: who writes a log escapes it.
pub(crate) fn span(event: &Event, of_request: Option<&str>) -> Span {
    let object = &event.change().object;
    // At the highest level, so that it is there whatever is filtered out.
    tracing::error_span!(
        "event",
        id = event.id(),
        event_type = event.event_type(),
        bucket = object.bucket.as_str(),
        key = object.key.as_str(),
        trace_id = trace_id(event, of_request),
    )
}

/// The id of an event's trace: by its own `traceparent`, which tells where it began (`CloudEvents`' extension
/// for distributed tracing), or else by that of the request, which tells who sent it.
fn trace_id(event: &Event, of_request: Option<&str>) -> Option<String> {
    let of_event = event.extension(TRACEPARENT);
    let of_event = of_event.as_deref().and_then(id_of);
    of_event.or_else(|| id_of(of_request?)).map(str::to_owned)
}

/// The trace id of a `traceparent`: version, trace id, parent id and flags in lower-case hexadecimal, joined by
/// hyphens; later versions may have more behind them (W3C Trace Context, 3.2.2).
fn id_of(traceparent: &str) -> Option<&str> {
    let mut fields = traceparent.split('-');
    let mut field = |length: usize| {
        let hexadecimal = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let field = fields.next()?;
        (field.len() == length && field.bytes().all(hexadecimal)).then_some(field)
    };
    let (version, trace, parent, _flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
    let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
    let known = version != "ff" && (version != "00" || fields.next().is_none());
    (known && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_traceparent_has_a_trace_id() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for right in [
            format!("00-{trace}-{parent}-01"),
            format!("01-{trace}-{parent}-00"),
            format!("cc-{trace}-{parent}-00-what-comes-later"),
        ] {
            assert_eq!(id_of(&right), Some(trace), "{right}");
        }
        for wrong in [
            String::new(),
            trace.to_owned(),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}-{parent}-01-more"),
            format!("ff-{trace}-{parent}-01"),
            format!("0-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}\n-{parent}-01", &trace[1..]),
            format!("00-{trace}0-{parent}-01"),
        ] {
            assert_eq!(id_of(&wrong), None, "{wrong}");
        }
    }
}
