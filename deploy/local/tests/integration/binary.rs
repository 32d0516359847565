//! The real binary, as a shell and a program around it see it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cos_thumbnails::object::Bucket;
use cos_thumbnails::storage::{Credentials, HmacKey, S3Config};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::{client, get, list, put};
use crate::cloud::picture;

/// The secret of these tests; must be in nothing but the ready line.
pub(crate) const CANARY: &str = "canary-9c1e";

/// The binary on free ports with nothing in its environment but a secret, and a folder for what is
/// temporary.
fn local_cloud(temporary: &Path, args: &[&str]) -> Command {
    with_function(temporary, ["--function-port", "0"], args)
}

fn with_function(temporary: &Path, function: [&str; 2], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
    command
        .args([
            "--store-port",
            "0",
            "--engine-port",
            "0",
            "--page-port",
            "0",
        ])
        .args(function)
        .args(args)
        .env_clear()
        .env("TMPDIR", temporary)
        .env("COS_SECRET_ACCESS_KEY", CANARY);
    command
}

/// Exit code, standard output and standard error. Nothing temporary is left.
fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = local_cloud(temporary.path(), args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(Duration::from_mins(1)) else {
        kill_process(pid, Signal::KILL).unwrap();
        panic!("{args:?} does not end");
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.unwrap();
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    let (stdout, stderr) = (
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    );
    assert!(!stderr.contains(CANARY), "{stderr}");
    (status.code(), stdout, stderr)
}

/// The one line about this key.
fn line<'a>(text: &'a str, key: &str) -> &'a str {
    let start = format!("{key}  ");
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with(&start))
        .collect();
    assert_eq!(lines.len(), 1, "lines about {key} in\n{text}");
    lines[0]
}

#[test]
fn a_folder_of_pictures_gets_its_thumbnails() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    let names = ["one.jpg", "two b.jpg", "sub/three.jpg"];
    for (name, number) in names.into_iter().zip(1..) {
        fs::write(folder.path().join(name), picture(number)).unwrap();
    }
    fs::write(folder.path().join(".hidden"), "no picture").unwrap();
    let (code, stdout, stderr) = run(&["--once", "--images", folder.path().to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    for name in names {
        let line = line(&stdout, &format!("images/{name}"));
        for part in [
            "  made  ", " ms: ", "fetch ", "decode ", "resize ", "encode ", "store ",
        ] {
            assert!(line.contains(part), "{part:?} in {line:?}");
        }
    }
    assert!(!stdout.contains("hidden"), "{stdout}");
    assert!(
        stdout.contains("thumbnails for 3 of 3 pictures; "),
        "{stdout}"
    );
    assert!(!stdout.contains(CANARY), "{stdout}");
}

#[test]
fn a_folder_without_pictures_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(&["--once", "--images", folder.path().to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("there is no file in "), "{stderr}");
}

#[test]
fn bad_pictures_end_it_with_one_and_the_good_one_is_done() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a-text.jpg"), "This is no picture.").unwrap();
    fs::write(folder.path().join("b-empty.jpg"), "").unwrap();
    fs::write(folder.path().join("good.jpg"), picture(1)).unwrap();
    let (code, stdout, stderr) = run(&["--once", "--images", folder.path().to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    assert!(line(&stdout, "images/a-text.jpg").contains("rejected: not_a_picture"));
    assert!(line(&stdout, "images/b-empty.jpg").contains("rejected: empty"));
    assert!(line(&stdout, "images/good.jpg").contains("  made  "));
    for bad in ["a-text", "b-empty"] {
        let told = format!("images/{bad}.jpg has not all its thumbnails");
        assert!(stdout.contains(&told), "{stdout}");
    }
    assert!(!stdout.contains("good.jpg has not"), "{stdout}");
}

#[test]
fn for_programs_there_is_one_line_on_standard_output() {
    let (code, stdout, stderr) = run(&["--once", "--json", "--count", "2", "--max-side", "128"]);
    assert_eq!(
        (code, stdout.lines().count()),
        (Some(0), 1),
        "{stdout}{stderr}"
    );
    let ready: Value = serde_json::from_str(&stdout).unwrap();
    let ready = ready.as_object().unwrap();
    let names: Vec<_> = ready.keys().map(String::as_str).collect();
    let expected = [
        "access_key_id",
        "api_key",
        "bucket",
        "compute_resource_token_file",
        "engine",
        "function",
        "page",
        "profile_name",
        "project_id",
        "region",
        "secret_access_key",
        "store",
    ];
    assert_eq!(names, expected);
    for url in ["store", "function", "engine", "page"] {
        assert!(
            ready[url]
                .as_str()
                .unwrap()
                .starts_with("http://127.0.0.1:")
        );
    }
    assert_eq!(ready["bucket"], "pictures");
    assert_eq!(ready["secret_access_key"], CANARY);
    line(&stderr, "images/generated-001-96x128-progressive.jpg");
    assert!(
        stderr.contains("thumbnails for 2 of 2 pictures; "),
        "{stderr}"
    );
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flag, what) in [
        ("--store-port", "store"),
        ("--function-port", "function"),
        ("--engine-port", "engine"),
        ("--page-port", "page"),
    ] {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
        command.env_clear().env("TMPDIR", temporary.path());
        let others = [
            "--store-port",
            "--function-port",
            "--engine-port",
            "--page-port",
        ];
        for other in others.into_iter().filter(|other| *other != flag) {
            command.args([other, "0"]);
        }
        let output = command.args([flag, &port]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert_eq!(output.stdout, b"");
        let told =
            format!("cannot listen on 127.0.0.1:{port} for the {what}; {flag} takes another");
        assert!(stderr.contains(&told), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn a_missing_folder_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let missing = missing.to_str().unwrap();
    let (code, stdout, stderr) = run(&["--json", "--images", missing]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let told = format!("local-cloud: cannot read {missing}, which --images names: No such file");
    assert!(stderr.starts_with(&told), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_minimum_above_the_maximum_is_a_mistake_of_usage() {
    let (code, stdout, stderr) = run(&["--max-scale", "2", "--min-scale", "3"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    let told = "error: --min-scale 3 is more than --max-scale 2\n";
    assert!(stderr.starts_with(told), "{stderr}");
}

#[test]
fn mistakes_of_usage_end_it_with_two() {
    for args in [
        &["--store-port", "none"][..],
        &["--images", ".", "--count", "3"],
        &["--puts-in-flight", "0"],
        &["--secret", "x"],
        &["--seed", "1"],
        &["--mischief", "drop=2"],
        &["--min-scale", "1"],
        &["--max-scale", "0"],
        &["--max-scale", "2", "--cold-start", "-1"],
        &["--max-scale", "2", "--bind-address", "0.0.0.0"],
        &["--function-url", "localhost:8080"],
        &["--function-url", "http://user:canary-9c1e@192.0.2.7"],
        &["--function-url", "https://user:canary-9c1e@192.0.2.7"],
        &["dead-letters"],
        &["nothing"],
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for (flag, default) in [
        ("--images <DIR>", ""),
        ("--data <DIR>", "temporary"),
        ("--store-port <PORT>", "[default: 9000]"),
        ("--function-port <PORT>", "[default: 8080]"),
        ("--engine-port <PORT>", "[default: 8090]"),
        ("--page-port <PORT>", "[default: 9001]"),
        ("--open", ""),
        ("--once", ""),
        ("--json", ""),
    ] {
        let (_, after) = help
            .split_once(flag)
            .unwrap_or_else(|| panic!("{flag}: {help}"));
        let about = after.split("\n      --").next().unwrap();
        assert!(about.contains(default), "{default:?} for {flag}: {help}");
    }
    assert!(!help.contains(CANARY));
}

#[test]
fn the_other_programs_are_in_it() {
    for (program, flag) in [("function", "render"), ("backfill", "--mode")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
        let output = command
            .env_clear()
            .args([program, "--help"])
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout.contains(flag), "{stdout}");
    }
}

#[test]
fn progress_is_shown_on_a_terminal() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let temporary = tempfile::tempdir().unwrap();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let other_end = fs::File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let size = rustix::termios::Winsize {
        ws_row: 40,
        ws_col: 120,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&terminal, size).unwrap();
    let args = ["--once", "--count", "3", "--max-side", "128"];
    let mut command = local_cloud(temporary.path(), &args);
    command
        .env("TERM", "xterm")
        .stderr(other_end)
        .stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    // With it goes the last end but the child's own, so that reading ends with the child.
    drop(command);
    let mut shown = Vec::new();
    // Linux ends a terminal whose other end is closed with an error.
    let _ = fs::File::from(terminal).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success());
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("/3 pictures, "), "{shown:?}");
}

/// The program, running; killed with the test.
pub(crate) struct Serving {
    pub(crate) child: Child,
    /// Its ready line.
    pub(crate) ready: Value,
    stdout: BufReader<ChildStdout>,
    /// Its lines for people, as they come.
    lines: Receiver<String>,
    pub(crate) config: S3Config,
    pub(crate) function: String,
}

impl Serving {
    /// Waits for the ready line.
    pub(crate) fn start(temporary: &Path, args: &[&str]) -> Self {
        Self::run(local_cloud(temporary, args))
    }

    /// The same with more in its environment.
    pub(crate) fn start_with(temporary: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = local_cloud(temporary, args);
        command.envs(env.iter().copied());
        Self::run(command)
    }

    /// The same with a function that is not its own.
    pub(crate) fn start_elsewhere(temporary: &Path, args: &[&str], function: &str) -> Self {
        Self::run(with_function(temporary, ["--function-url", function], args))
    }

    fn run(mut command: Command) -> Self {
        command
            .arg("--json")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        // Ends with the program.
        std::thread::spawn(move || {
            for line in stderr.lines() {
                if sender.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        stdout.read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).expect(&ready);
        let field = |name: &str| ready[name].as_str().unwrap().to_owned();
        let config = S3Config {
            endpoint: field("store"),
            region: field("region"),
            bucket: Bucket::new(field("bucket")),
            credentials: Credentials::Hmac(HmacKey {
                access_key_id: field("access_key_id"),
                secret_access_key: field("secret_access_key"),
            }),
        };
        let function = field("function");
        Self {
            child,
            ready,
            stdout,
            lines,
            config,
            function,
        }
    }

    /// Its next line for people that starts so.
    pub(crate) fn said(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_mins(1)).unwrap();
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Its lines for people that start so, one for each, when all have come.
    pub(crate) fn said_each(&self, starts: &[&str]) -> Vec<String> {
        let mut found = vec![None; starts.len()];
        while found.contains(&None) {
            let line = self.lines.recv_timeout(Duration::from_mins(1)).unwrap();
            if let Some(n) = starts.iter().position(|start| line.starts_with(start)) {
                found[n].get_or_insert(line);
            }
        }
        found.into_iter().flatten().collect()
    }

    /// Puts a picture, waits until the program says what became of it, and looks for the
    /// thumbnails.
    pub(crate) async fn upload(&self, name: &str) {
        let client = client(&self.config);
        let key = format!("images/{name}");
        put(&client, &key, picture(1)).await;
        let told = self.said(&key);
        assert!(told.contains("  made  "), "{told}");
        assert_eq!(list(&client, &format!("thumbnails/{name}/")).await.len(), 6);
    }

    /// Asks it to end, and gives its exit code and what else it said to people.
    pub(crate) fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "more than the ready line");
        let said: Vec<_> = self.lines.iter().collect();
        let said = said.join("\n");
        assert!(!said.contains(CANARY), "{said}");
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_stays_open_for_uploads_until_it_is_told_to_end() {
    for signal in [Signal::INT, Signal::TERM] {
        let temporary = tempfile::tempdir().unwrap();
        let serving = Serving::start(temporary.path(), &["--count", "1", "--max-side", "128"]);
        // The store's folder, the compute-resource token and, as long as it is needed, the generated picture.
        let there = fs::read_dir(temporary.path()).unwrap().count();
        assert!((2..=3).contains(&there), "{there}");
        serving.upload("late.jpg").await;
        let (code, said) = serving.end(signal);
        assert_eq!(code, Some(0), "{said}");
        let left = fs::read_dir(temporary.path()).unwrap().count();
        assert_eq!(left, 0, "the temporary folder is there after {signal:?}");
    }
}

#[tokio::test]
async fn what_is_in_the_data_folder_is_there_after_a_restart() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let args = ["--count", "0", "--data", data.to_str().unwrap()];
    let serving = Serving::start(temporary.path(), &args);
    serving.upload("a.jpg").await;
    let before = list(&client(&serving.config), "").await;

    // Meanwhile the folder is taken.
    let (code, stdout, stderr) = run(&["--data", data.to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let told = format!(
        "local-cloud: cannot keep things in {}; --data names another folder: another store is using it\n",
        data.display()
    );
    assert_eq!(stderr, told);
    assert_eq!(list(&client(&serving.config), "").await, before);
    assert_eq!(serving.end(Signal::TERM).0, Some(0));

    let serving = Serving::start(temporary.path(), &args);
    let client = client(&serving.config);
    assert_eq!(list(&client, "").await, before);
    assert_eq!(get(&client, "images/a.jpg").await, picture(1));
    serving.upload("b.jpg").await;
    assert_eq!(serving.end(Signal::TERM).0, Some(0));
}
