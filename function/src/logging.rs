//! Logs on stderr: one JSON object per line, or coloured text where a person reads along.
//!
//! The line that tells how an event ended *is* its outcome: what the sender got as the answer, and
//! [`cos_thumbnails::outcome`] describes, stands at the line's top level.

use std::fmt;
use std::io::{self, IsTerminal};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{JsonFields, Writer, debug_fn};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::runtime::OUTCOME;

/// Logs what `filter` lets through, panics included, from now on.
///
/// A second call changes nothing, so that programs that link this one may log in their own way.
pub(crate) fn init(filter: &str) {
    let filter = EnvFilter::new(filter);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let set = if io::stderr().is_terminal() {
        let fields = debug_fn(|writer, field, value| shown(writer, field.name(), value));
        let log = log.with_target(false).fmt_fields(fields.delimited(" "));
        log.try_init()
    } else {
        let log = log.fmt_fields(JsonFields::new());
        log.event_format(OneObject).try_init()
    };
    if set.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let text = panic.payload_as_str().unwrap_or_default();
            let at = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            tracing::error!(panic = text, at, "panicked");
        }));
    }
}

/// A field as a person reads it: of an outcome, how the event ended and why.
fn shown(writer: &mut Writer<'_>, name: &str, value: &dyn fmt::Debug) -> fmt::Result {
    match name {
        "message" => writer.write_str(&harmless(&format!("{value:?}"))),
        OUTCOME => {
            let outcome: Value = serde_json::from_str(&format!("{value:?}")).unwrap_or_default();
            let said = ["verdict", "reason", "message"]
                .into_iter()
                .filter_map(|key| outcome[key].as_str());
            let said: Vec<_> = said.map(harmless).collect();
            writer.write_str(&said.join(": "))
        }
        name => write!(writer, "{name}={}", harmless(&format!("{value:?}"))),
    }
}

/// Whether a character ends a line, drives a terminal, or turns the order of what stands around it.
fn does_harm(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text for terminals.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if does_harm(c) {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Writes an event as one JSON object on one line.
struct OneObject;

impl<S> FormatEvent<S, JsonFields> for OneObject
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut line = Object(Map::new());
        event.record(&mut line);
        for (name, value) in [
            ("timestamp", json!(time)),
            ("level", json!(metadata.level().as_str())),
            ("target", json!(metadata.target())),
        ] {
            line.0.insert(name.to_owned(), value);
        }
        if let Some(span) = context.lookup_current() {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>();
            let fields = fields.and_then(|fields| serde_json::from_str(&fields.fields).ok());
            let mut fields: Map<_, _> = fields.unwrap_or_default();
            fields.insert("name".to_owned(), json!(span.name()));
            line.0.insert("span".to_owned(), Value::Object(fields));
        }
        writeln!(
            writer,
            "{}",
            on_one_line(&Value::Object(line.0).to_string())
        )
    }
}

/// JSON in which nothing does harm that JSON lets stand in strings.
fn on_one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        if does_harm(c) {
            line += &format!("\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
        }
    }
    line
}

/// The fields of an event.
struct Object(Map<String, Value>);

impl Object {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }

    fn insert_text(&mut self, field: &Field, text: String) {
        match serde_json::from_str(&text) {
            Ok(Value::Object(outcome)) if field.name() == OUTCOME => {
                for (name, value) in outcome {
                    if name == "message" {
                        // Why it ended so, which says more than that it did.
                        self.0.insert(name, value);
                    } else {
                        // What is said of the answer goes before what is said in it.
                        self.0.entry(name).or_insert(value);
                    }
                }
            }
            _ => self.insert(field, Value::String(text)),
        }
    }
}

impl Visit for Object {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert_text(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert_text(field, value.to_owned());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_field(name: &str, value: &dyn fmt::Debug) -> String {
        let mut text = String::new();
        let written = shown(&mut Writer::new(&mut text), name, value);
        assert!(written.is_ok());
        text
    }

    fn for_people(outcome: &str) -> String {
        of_field(OUTCOME, &format_args!("{outcome}"))
    }

    #[test]
    fn no_field_drives_a_terminal() {
        let forged = "a\u{1b}[31m\nb\u{202e} \"c\"";
        let shown = "a\\u{1b}[31m\\nb\\u{202e} \"c\"";
        let as_it_is = format_args!("{forged}");
        assert_eq!(of_field("message", &as_it_is), shown);
        assert_eq!(of_field("error", &as_it_is), format!("error={shown}"));
        // As a text is recorded.
        assert_eq!(of_field("error", &"a\n\"b\""), "error=\"a\\n\\\"b\\\"\"");
    }

    #[test]
    fn people_read_how_it_ended_and_why() {
        let rejected = r#"{"verdict":"rejected","reason":"empty","key":"\u001b[31m"}"#;
        assert_eq!(for_people(rejected), "rejected: empty");
        let told = r#"{"verdict":"rejected","reason":"empty","message":"no\u001b bytes"}"#;
        assert_eq!(for_people(told), "rejected: empty: no\\u{1b} bytes");
        assert_eq!(for_people(r#"{"verdict":"made"}"#), "made");
        assert_eq!(for_people(r#"{"seen":1}"#), "");
        let forged = r#"{"verdict":"a\u001b[31m\nb"}"#;
        assert_eq!(for_people(forged), "a\\u{1b}[31m\\nb");
    }

    #[test]
    fn what_json_lets_stand_is_escaped_and_means_the_same() {
        let value = json!("a\u{2028}b\u{7f}c\u{9b}31m\n\u{1b}");
        let line = on_one_line(&value.to_string());
        assert_eq!(line, "\"a\\u2028b\\u007fc\\u009b31m\\n\\u001b\"");
        assert_eq!(serde_json::from_str::<Value>(&line).ok(), Some(value));
    }
}
