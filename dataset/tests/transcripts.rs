//! What goes wrong with files and the network, as one meets it.
#![allow(clippy::unwrap_used)]

use std::path::Path;

#[path = "../../tests/transcript/mod.rs"]
mod transcript;

use self::transcript::{CANARY, Shell};

/// What is typed, and what file has its transcript.
const LINES: [(&str, &str); 5] = [
    (
        "no-folder",
        "dataset generate --out text/pictures --count 1",
    ),
    (
        "no-folder-fetch",
        "dataset fetch --base http://127.0.0.1:1 --out text/pictures --count 1",
    ),
    (
        "disk-full",
        "trap '' XFSZ; ulimit -f 1; exec dataset generate --out pictures --count 1 --max-side 600",
    ),
    (
        "not-reachable",
        "dataset fetch --base http://127.0.0.1:1 --out pictures --count 1 --retries 0",
    ),
    (
        "no-url",
        "dataset fetch --base nowhere --out pictures --count 1",
    ),
];

#[test]
fn the_transcripts_are_as_they_were_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text"), "This is no folder.").unwrap();
    let shell = Shell {
        program: env!("CARGO_BIN_EXE_dataset"),
        transcripts: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts"),
        folder: folder.path().to_owned(),
        environment: vec![("UNUSED_SECRET", CANARY.to_owned())],
        names: Vec::new(),
    };
    for (name, line) in LINES {
        shell.compare(name, line);
    }
}
