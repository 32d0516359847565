//! The live page: pictures are dropped there, and what becomes of each is shown as it happens.
//!
//! ```text
//! browser ── GET / ─────────► files/        in this program: nothing is built, nothing is fetched from elsewhere
//!         ◄─ GET /events ──── board         rows, counters and the race, as server-sent events
//!         ── POST /uploads ─► signer        a presigned URL, by which the page PUTs to the store itself
//!         ── POST /race ────► race          the three modes one after another over what is in the bucket
//! ```
//!
//! It listens on 127.0.0.1 alone, and a page of another origin can neither drive it nor read it ([`guard`]). The
//! page has no secret; but who can reach 127.0.0.1 of this machine can put pictures and look at thumbnails by it.

mod board;
mod guard;
mod race;
mod row;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod sample;
mod server;
mod sign;
mod tally;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::{HmacKey, S3Config};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::board::Board;
use self::guard::Guard;
use self::race::{Course, Races};
use self::row::Row;
use self::server::Server;
use self::sign::Signer;
use crate::notifier::Delivery;
use crate::pictures::Upload;

/// The page, served.
#[derive(Debug)]
pub struct Page {
    url: String,
    board: Arc<Board>,
    at_hand: Arc<OnceLock<Vec<Upload>>>,
    server: JoinHandle<()>,
}

/// The cloud that the page is of.
pub(crate) struct Of<'a> {
    pub(crate) store: &'a S3Config,
    pub(crate) credentials: &'a HmacKey,
    pub(crate) policy: &'a Policy,
    pub(crate) function_url: &'a str,
    /// By which the function, where it asks for a secret, lets the race's events in and thumbnails be made anew.
    pub(crate) bearer: Option<String>,
}

/// The origins by which a browser on this machine knows a page at that port, of which the default one is left
/// out (RFC 6454, 6.2).
pub(crate) fn origins(address: SocketAddr) -> [String; 2] {
    let port = match address.port() {
        80 => String::new(),
        port => format!(":{port}"),
    };
    ["127.0.0.1", "localhost"].map(|host| format!("http://{host}{port}"))
}

impl Page {
    /// Serves it. The store must let pages of its [`origins`] in.
    pub(crate) fn start(listener: TcpListener, address: SocketAddr, of: &Of<'_>) -> Self {
        let origins = origins(address);
        let endpoint = reachable(&of.store.endpoint);
        let signer = Signer::new(of.store, &endpoint, of.credentials);
        let board = Arc::new(Board::default());
        let at_hand = Arc::new(OnceLock::new());
        let course = Course {
            store: of.store.clone(),
            policy: of.policy.clone(),
            function_url: of.function_url.to_owned(),
            bearer: of.bearer.clone(),
        };
        let server = Server {
            signer,
            races: Races::new(course, Arc::clone(&board)),
            board: Arc::clone(&board),
            at_hand: Arc::clone(&at_hand),
            security_policy: server::security_policy(&endpoint),
            bucket: of.store.bucket.to_string(),
            source_prefix: of.policy.source_prefix().to_owned(),
            max_bytes: of.policy.limits().max_bytes,
            guard: Guard::new(&origins),
        };
        Self {
            url: format!("http://{address}"),
            board,
            at_hand,
            server: tokio::spawn(Arc::new(server).serve(listener)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Shows what became of an event.
    pub fn tell(&self, delivery: &Delivery) {
        self.board.add(Row::new(delivery));
    }

    /// Offers these pictures; once.
    pub(crate) fn offer(&self, pictures: &[Upload]) {
        if self.at_hand.set(pictures.to_vec()).is_ok() {
            self.board.offer();
        }
    }

    /// Ends it, with all that it is doing.
    pub(crate) fn stop(&self) {
        self.server.abort();
    }
}

/// The same endpoint for a browser on this machine: "all addresses" is none that one can go to.
fn reachable(endpoint: &str) -> String {
    let all = format!("http://{}:", Ipv4Addr::UNSPECIFIED);
    endpoint.strip_prefix(&all).map_or_else(
        || endpoint.replacen("http://[::]:", "http://127.0.0.1:", 1),
        |port| format!("http://127.0.0.1:{port}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_at_all_addresses_is_reached_on_this_machine() {
        for (endpoint, expected) in [
            ("http://0.0.0.0:9000", "http://127.0.0.1:9000"),
            ("http://[::]:9000", "http://127.0.0.1:9000"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("http://192.0.2.7:9000", "http://192.0.2.7:9000"),
        ] {
            assert_eq!(reachable(endpoint), expected);
        }
    }
}
