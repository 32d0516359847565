//! Logs on stderr: one JSON object per line, or coloured text where a person reads along.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Logs what `filter` lets through, panics included, from now on.
///
/// A second call changes nothing, so that programs that link this one may log in their own way.
pub(crate) fn init(filter: &str) {
    let filter = EnvFilter::new(filter);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let set = if io::stderr().is_terminal() {
        log.with_target(false).try_init()
    } else {
        let json = log.json().flatten_event(true).with_span_list(false);
        json.with_current_span(true).try_init()
    };
    if set.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let text = panic.payload_as_str().unwrap_or_default();
            let at = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            tracing::error!(panic = %text.escape_debug(), at, "panicked");
        }));
    }
}
