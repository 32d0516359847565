//! The function's own settings beside the flow's, read by the same rules and from the same table.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use cos_thumbnails::config::{self as flow, Mistakes, Reader, Variable};
use cos_thumbnails::process;
use subtle::ConstantTimeEq;
use tracing_subscriber::EnvFilter;

/// The address to listen on.
pub const BIND_ADDRESS: Variable = Variable::with_default(
    "BIND_ADDRESS",
    "0.0.0.0",
    "address to listen on; 127.0.0.1 lets only this machine in",
);
/// Requests in work at once.
pub const IN_FLIGHT: Variable = Variable::with_default(
    "IN_FLIGHT",
    "8",
    "requests that are handled at once, 1 to 65535; twice as many wait, the rest gets 429",
);
/// Time for one request.
pub const DEADLINE_SECONDS: Variable = Variable::with_default(
    "DEADLINE_SECONDS",
    "240",
    "time for one request, then 503; below the application's request time-out (300)",
);
/// Quiet time before the end.
pub const DRAIN_SECONDS: Variable = Variable::with_default(
    "DRAIN_SECONDS",
    "2",
    "time without events after SIGTERM before the process ends",
);
/// Memory for pictures.
pub const MEMORY_BUDGET_BYTES: Variable = Variable::with_default(
    "MEMORY_BUDGET_BYTES",
    "three quarters of the container's memory",
    "memory for all pictures in work, at least 16777216; one that finds none gets 429, one that is longer than a quarter of it or needs more than half is rejected",
);
/// The secret that a backfill shows.
pub const BACKFILL_SECRET: Variable = Variable {
    name: "BACKFILL_SECRET",
    fallback: None,
    default: Some("none: backfills only from this machine"),
    secret: true,
    help: "bearer token by which a backfill over HTTP may have thumbnails made anew",
};
/// The secret that every sender of events shows.
pub const EVENT_SECRET: Variable = Variable {
    name: "EVENT_SECRET",
    fallback: None,
    default: Some("none: whoever reaches the function may send events"),
    secret: true,
    help: "what an event must show, as the extension eventsecret or as bearer token, or else gets 403; for public applications",
};
/// The extension attribute of an event that shows it: subscriptions set it by
/// `--extension eventsecret=...`. Names of attributes have lower-case letters and digits alone.
pub const EVENT_SECRET_EXTENSION: &str = "eventsecret";
/// What is logged.
pub const RUST_LOG: Variable = Variable::with_default(
    "RUST_LOG",
    "info",
    "what is logged: a level, or a filter such as info,function=debug",
);

/// The least budget: with less, even usual pictures would be refused.
pub const MIN_MEMORY_BUDGET_BYTES: u64 = 16 << 20;

/// The function's settings beside [`cos_thumbnails::config::VARIABLES`].
pub const VARIABLES: [Variable; 8] = [
    BIND_ADDRESS,
    IN_FLIGHT,
    DEADLINE_SECONDS,
    DRAIN_SECONDS,
    MEMORY_BUDGET_BYTES,
    BACKFILL_SECRET,
    EVENT_SECRET,
    RUST_LOG,
];

/// Everything that the function needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The flow's settings and the port.
    pub flow: flow::Config,
    /// The address to listen on.
    pub bind_address: IpAddr,
    /// Requests that are handled at once.
    pub in_flight: usize,
    /// Time for one request.
    pub deadline: Duration,
    /// Time without events before the process ends after SIGTERM.
    pub drain: Duration,
    /// Bytes of memory for all pictures in work; `None` where nothing limits it.
    pub memory_budget_bytes: Option<u64>,
    /// What a backfill must show to have thumbnails made anew.
    pub backfill_secret: Option<Secret>,
    /// What every event must show.
    pub event_secret: Option<Secret>,
    /// What is logged, a filter of `tracing-subscriber`.
    pub log: String,
}

impl Config {
    /// Reads every setting by `lookup`, which gives a variable's value, or `None` where it is not
    /// set.
    ///
    /// # Errors
    /// All mistakes at once, the flow's among them.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let flow = flow::Config::from_lookup(&lookup);
        let mut reader = Reader::new(&lookup);
        let bind_address = reader.parsed(BIND_ADDRESS);
        let in_flight = reader.parsed::<NonZeroU16>(IN_FLIGHT);
        let deadline = reader.checked(DEADLINE_SECONDS, seconds);
        let drain = reader.checked(DRAIN_SECONDS, seconds);
        let memory_budget_bytes = match reader.set(MEMORY_BUDGET_BYTES) {
            Some(_) => reader.checked(MEMORY_BUDGET_BYTES, memory_budget).map(Some),
            None => Some(process::budget_bytes()),
        };
        let backfill_secret = reader.set(BACKFILL_SECRET).map(Secret);
        let event_secret = reader.set(EVENT_SECRET).map(Secret);
        let log = reader.checked(RUST_LOG, filter);
        match (
            flow,
            bind_address,
            in_flight,
            deadline,
            drain,
            memory_budget_bytes,
            log,
        ) {
            (
                Ok(flow),
                Some(bind_address),
                Some(in_flight),
                Some(deadline),
                Some(drain),
                Some(memory_budget_bytes),
                Some(log),
            ) => Ok(Self {
                flow,
                bind_address,
                in_flight: in_flight.get().into(),
                deadline,
                drain,
                memory_budget_bytes,
                backfill_secret,
                event_secret,
                log,
            }),
            (flow, ..) => {
                let of_flow = flow.err().into_iter().flat_map(|m| m.as_slice().to_vec());
                Err(Mistakes::new(
                    of_flow.chain(reader.into_mistakes()).collect(),
                ))
            }
        }
    }

    /// Where to listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind_address, self.flow.port)
    }
}

fn memory_budget(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(bytes) if bytes >= MIN_MEMORY_BUDGET_BYTES => Ok(bytes),
        _ => Err(format!(
            "is no number of bytes from {MIN_MEMORY_BUDGET_BYTES}"
        )),
    }
}

/// Whole or broken seconds, up to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("is no number of seconds from 0 to 86400".to_owned()),
    }
}

fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A shared secret. Never shown; compared in a time that does not tell where it differs.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    #[cfg(test)]
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether `shown` is the secret.
    #[must_use]
    pub fn is(&self, shown: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(shown).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 7] = [
        ("COS_ENDPOINT", "http://127.0.0.1:9000"),
        ("COS_REGION", "eu-de"),
        ("COS_BUCKET", "b"),
        ("COS_ACCESS_KEY_ID", "id"),
        ("COS_SECRET_ACCESS_KEY", "canary"),
        ("BACKFILL_SECRET", "canary"),
        ("EVENT_SECRET", "canary-event"),
    ];

    fn read(more: &[(&str, &str)]) -> Result<Config, Mistakes> {
        let all = [more, &COMPLETE].concat();
        Config::from_lookup(|name| {
            let found = all.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_defaults_are_those_of_the_table() {
        let config = read(&[]).unwrap();
        assert_eq!(config.address(), "0.0.0.0:8080".parse().unwrap());
        assert_eq!(config.in_flight, 8);
        assert_eq!(config.deadline, Duration::from_mins(4));
        assert_eq!(config.drain, Duration::from_secs(2));
        let is = |secret: Option<Secret>, shown| secret.is_some_and(|secret| secret.is(shown));
        assert!(is(config.backfill_secret, b"canary"));
        assert!(is(config.event_secret, b"canary-event"));
    }

    #[test]
    fn the_flows_mistakes_and_our_own_come_together() {
        let mistakes = read(&[
            ("PORT", "web"),
            ("BIND_ADDRESS", "here"),
            ("IN_FLIGHT", "0"),
            ("DEADLINE_SECONDS", "-1"),
            ("DRAIN_SECONDS", "NaN"),
            ("MEMORY_BUDGET_BYTES", "1000"),
            ("RUST_LOG", "function=loud"),
        ])
        .unwrap_err();
        let named: Vec<_> = mistakes
            .as_slice()
            .iter()
            .map(|mistake| mistake.variable)
            .collect();
        let expected = [
            "PORT",
            "BIND_ADDRESS",
            "IN_FLIGHT",
            "DEADLINE_SECONDS",
            "DRAIN_SECONDS",
            "MEMORY_BUDGET_BYTES",
            "RUST_LOG",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn a_secret_is_not_in_the_debug_output() {
        assert!(!format!("{:?}", read(&[]).unwrap()).contains("canary"));
    }

    #[test]
    fn only_the_whole_secret_is_the_secret() {
        let secret = Secret("abc".to_owned());
        assert!(secret.is(b"abc"));
        for other in [&b""[..], b"ab", b"abd", b"abcd"] {
            assert!(!secret.is(other), "{other:?}");
        }
    }
}
