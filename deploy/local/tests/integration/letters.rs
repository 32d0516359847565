//! Events that were given up: listed and replayed on the command line, and what the record says of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::binary::Serving;
use crate::client::{client, list, put};
use crate::cloud::picture;
use crate::stand_in::{Answer, StandIn};

/// Exit code, standard output and standard error.
fn dead_letters(data: &Path, flags: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
    command
        .env_clear()
        .arg("dead-letters")
        .arg("--data")
        .arg(data);
    let output = command.args(flags).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

// The stand-in serves while this waits for lines.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_listed_and_delivered_after_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let (data, record) = (folder.path().join("data"), folder.path().join("record"));
    let (data_text, record_text) = (data.to_str().unwrap(), record.to_str().unwrap());
    let function = StandIn::start([400, 403].map(Answer::Status)).await;
    let url = function.url().to_string();
    let mut command = vec!["--count", "0", "--data", data_text, "--record", record_text];
    // Nothing is changed by mischief that does nothing, but it is said.
    command.extend(["--mischief", "up-to=1", "--seed", "7"]);
    let serving = Serving::start_elsewhere(folder.path(), &command, &url);
    let store = client(&serving.config);
    put(&store, "images/a.jpg", picture(1)).await;
    assert!(
        serving
            .said("images/a.jpg")
            .contains("failed: the function answered 400")
    );
    put(&store, "images/b.jpg", picture(2)).await;
    serving.said("images/b.jpg");
    put(&store, "images/c.jpg", picture(3)).await;
    serving.said("images/c.jpg");

    // A running cloud has the folder for itself.
    let (code, stdout, stderr) = dead_letters(&data, &[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.ends_with("another store is using it\n"), "{stderr}");
    let (code, said) = serving.end(Signal::TERM);
    assert_eq!(code, Some(0), "{said}");

    let (code, stdout, stderr) = dead_letters(&data, &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{stdout}");
    assert!(lines[0].contains("  images/a.jpg  write  1 attempts: the function answered 400"));
    assert_eq!(lines[2], "2 dead letters");
    let (_, stdout, _) = dead_letters(&data, &["--json"]);
    let letters: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (letters.len(), &letters[1]["key"]),
        (2, &Value::from("images/b.jpg"))
    );

    let lines: Vec<Value> = fs::read_to_string(&record)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    assert!(
        lines[0]["mischief"]
            .as_str()
            .unwrap()
            .ends_with("by seed 7")
    );
    assert!(lines[1]["failure"].as_str().unwrap().contains("400"));
    assert_eq!(
        (&lines[3]["verdict"], &lines[3]["mischief"]["dropped"]),
        (&"skipped".into(), &false.into())
    );
    assert_eq!(lines[1]["event_id"], letters[0]["event_id"]);

    let (code, stdout, _) = dead_letters(&data, &["--replay"]);
    assert_eq!(code, Some(0));
    assert!(stdout.ends_with("2 dead letters, 2 put back\n"), "{stdout}");
    assert_eq!(dead_letters(&data, &[]).1, "0 dead letters\n");
    let temporary = tempfile::tempdir().unwrap();
    let serving = Serving::start(temporary.path(), &["--count", "0", "--data", data_text]);
    serving.said_each(&["images/a.jpg  made", "images/b.jpg  made"]);
    // The third was handled, if only by the stand-in.
    assert_eq!(
        list(&client(&serving.config), "thumbnails/").await.len(),
        12
    );
    assert_eq!(serving.end(Signal::TERM).0, Some(0));
}

#[test]
fn where_there_is_no_store_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = dead_letters(folder.path(), &[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.contains("no store has kept anything there"),
        "{stderr}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
