//! What goes wrong at first, as one meets it who has just built `local-cloud`.

use std::net::TcpListener;
use std::path::Path;

#[path = "../../../../tests/transcript/mod.rs"]
mod transcript;

use self::transcript::{CANARY, Shell};

/// The secrets that it takes, each of which is set to one that nothing may say.
const SECRETS: [&str; 4] = [
    "COS_SECRET_ACCESS_KEY",
    "EVENT_SECRET",
    "BACKFILL_SECRET",
    "IBMCLOUD_API_KEY",
];

/// What is typed, and what file has its transcript.
const LINES: [(&str, &str); 8] = [
    (
        "port-taken",
        "local-cloud --store-port [PORT] --function-port 0 --engine-port 0 --page-port 0",
    ),
    (
        "port-taken-function",
        "local-cloud --store-port 0 --function-port [PORT] --engine-port 0 --page-port 0",
    ),
    (
        "port-taken-page",
        "local-cloud --store-port 0 --function-port 0 --engine-port 0 --page-port [PORT]",
    ),
    ("no-such-folder", "local-cloud --images Pictures"),
    ("empty-folder", "local-cloud --images empty"),
    (
        "no-folder",
        "local-cloud --data text/kept --store-port 0 --function-port 0 --engine-port 0 --page-port 0",
    ),
    (
        "disk-full",
        "trap '' XFSZ; ulimit -f 8; exec local-cloud --data kept --store-port 0 --function-port 0 --engine-port 0 --page-port 0",
    ),
    ("no-dead-letters", "local-cloud dead-letters --data empty"),
];

#[test]
fn the_transcripts_are_as_they_were_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("text"), "This is no folder.").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let shell = |secrets: &[&'static str]| Shell {
        program: env!("CARGO_BIN_EXE_local-cloud"),
        transcripts: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/transcripts"),
        folder: folder.path().to_owned(),
        environment: secrets
            .iter()
            .map(|name| (*name, CANARY.to_owned()))
            .collect(),
        names: vec![("[PORT]", port.to_string())],
    };
    for (name, line) in LINES {
        shell(&SECRETS).compare(name, line);
    }
    // That of the store is not set.
    shell(&SECRETS[1..]).compare("known-secret", "local-cloud --bind-address 0.0.0.0");
}
