use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use cloudevents::{AttributesReader, Data, EventBuilder, EventBuilderV10};

use super::{TYPE_DELETE, TYPE_WRITE, cos};
use crate::object::{ETag, ObjectId};

/// A CloudEvent about one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    cloudevent: cloudevents::Event,
    change: Change,
}

/// What happened to one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Written or deleted.
    pub operation: Operation,
    /// Which object.
    pub object: ObjectId,
    /// The version written, where the sender says it. A hint: the store is asked for the truth.
    pub etag: Option<ETag>,
    /// The length in bytes, where the sender says it. A hint likewise.
    pub length: Option<u64>,
    /// The media type it was stored with, where the sender says it. Never believed.
    pub content_type: Option<String>,
    /// The body's `endpoint`. Always empty from Code Engine; it is never connected to.
    pub endpoint: String,
}

/// Created or replaced, or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `Object:Write`
    Write,
    /// `Object:Delete`
    Delete,
}

impl Event {
    /// Exactly the event that Code Engine delivers for `change`. `time` is kept to the millisecond,
    /// as Code Engine's is.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "id, type, source and time are set, the source is not empty"
    )]
    pub fn new(id: impl Into<String>, time: DateTime<Utc>, change: Change) -> Self {
        let (id, time) = (id.into(), time.trunc_subsecs(3));
        let ty = match change.operation {
            Operation::Write => TYPE_WRITE,
            Operation::Delete => TYPE_DELETE,
        };
        let body = cos::body(&change, &id, time);
        let cloudevent = EventBuilderV10::new()
            .id(id)
            .ty(ty)
            .source(format!("{}{}", cos::SOURCE, change.object.bucket))
            .subject(change.object.key.as_str())
            .time(time)
            .data("application/json", body)
            .build()
            .expect("all required attributes are set");
        Self { cloudevent, change }
    }

    /// An event that arrived, with what its data says.
    pub(super) fn arrived(cloudevent: cloudevents::Event, change: Change) -> Self {
        Self { cloudevent, change }
    }

    /// The `id`: a replayed event keeps it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.cloudevent.id()
    }

    /// The `source`.
    #[must_use]
    pub fn source(&self) -> &str {
        self.cloudevent.source()
    }

    /// The `type`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.cloudevent.ty()
    }

    /// The `subject`, for people; the key is in [`Event::change`].
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.cloudevent.subject()
    }

    /// The `time` at which the change happened.
    #[must_use]
    pub fn time(&self) -> Option<DateTime<Utc>> {
        self.cloudevent.time().copied()
    }

    /// What happened to which object.
    #[must_use]
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// An extension attribute as text.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<String> {
        self.cloudevent.extension(name).map(ToString::to_string)
    }

    /// The same with an extension attribute. Names are lower-case letters and digits
    /// (`CloudEvents` 1.0, naming conventions).
    #[must_use]
    pub fn with_extension(mut self, name: &str, value: impl Into<String>) -> Self {
        self.cloudevent.set_extension(name, value.into());
        self
    }

    /// The same without an extension attribute.
    #[must_use]
    pub fn without_extension(mut self, name: &str) -> Self {
        self.cloudevent.remove_extension(name);
        self
    }

    /// The event as `cloudevents-sdk` has it.
    #[must_use]
    pub fn as_cloudevent(&self) -> &cloudevents::Event {
        &self.cloudevent
    }

    /// The data's bytes, as they go into an HTTP body.
    pub(super) fn data(&self) -> Bytes {
        match self.cloudevent.data() {
            // A `Value` has string keys and finite numbers alone: it is always JSON.
            Some(Data::Json(json)) => json.to_string().into(),
            Some(Data::String(text)) => text.clone().into(),
            Some(Data::Binary(bytes)) => bytes.clone().into(),
            None => Bytes::new(),
        }
    }
}
