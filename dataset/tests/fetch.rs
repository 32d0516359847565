//! The fetcher against a server on this machine that cuts, stalls, lies and refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::ExponentialBuilder;
use dataset::Photograph;
use dataset::fetch::{Error, Fetched, Fetcher, NotIt, Report, SetupError};
use futures_util::StreamExt;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server answers one request for a file that it has.
#[derive(Debug, Clone)]
enum Answer {
    /// As asked: the file, or the part of it.
    Well,
    /// So many bytes of what was asked, and then the connection ends.
    Cut(usize),
    /// So many bytes of what was asked, and then nothing.
    Stall(usize),
    /// All of it, whatever part was asked for.
    Whole,
    /// Another part than was asked for.
    OtherPart,
    /// Other bytes, as many.
    Wrong,
    /// A status and a header.
    Status(u16, &'static str),
}

type Script = HashMap<String, (Vec<u8>, VecDeque<Answer>)>;

/// A server of one folder. What it has no script for it has not.
struct Server {
    base: String,
    /// The `Range` of each request, or nothing.
    asked: Arc<Mutex<Vec<Option<String>>>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    async fn start(files: &[(&str, Vec<u8>, &[Answer])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/dataset", listener.local_addr().unwrap());
        let script: Script = files
            .iter()
            .map(|(name, bytes, answers)| {
                let script = (bytes.clone(), answers.iter().cloned().collect());
                (format!("/dataset/{name}"), script)
            })
            .collect();
        let script = Arc::new(Mutex::new(script));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&noted)));
            }
        });
        Self {
            base,
            asked,
            serving,
        }
    }

    fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<Mutex<Script>>,
    noted: Arc<Mutex<Vec<Option<String>>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let range = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("range").then(|| value.to_owned())
    });
    noted.lock().unwrap().push(range.clone());
    let found = script
        .lock()
        .unwrap()
        .get_mut(&path)
        .map(|(bytes, answers)| {
            let answer = answers.pop_front().unwrap_or(Answer::Well);
            (bytes.clone(), answer)
        });
    let Some((mut bytes, answer)) = found else {
        let _ = stream
            .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await;
        return;
    };
    let length = bytes.len();
    let first: Option<usize> = range
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .filter(|_| !matches!(answer, Answer::Whole));
    if let Answer::Wrong = answer {
        bytes = vec![0; length];
    }
    let head = match (&answer, first) {
        (Answer::Status(status, header), _) => {
            bytes = Vec::new();
            format!("HTTP/1.1 {status} Something\r\n{header}content-length: 0\r\n")
        }
        (_, Some(first)) if first >= length => {
            bytes = Vec::new();
            "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 0\r\n".to_owned()
        }
        (Answer::OtherPart, Some(_)) => {
            let last = length - 1;
            format!(
                "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-{last}/{length}\r\ncontent-length: {length}\r\n"
            )
        }
        (_, Some(first)) => {
            bytes.drain(..first);
            let (last, left) = (length - 1, bytes.len());
            format!(
                "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {first}-{last}/{length}\r\ncontent-length: {left}\r\n"
            )
        }
        (_, None) => format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n"),
    };
    let sent = match answer {
        Answer::Cut(most) | Answer::Stall(most) => most.min(bytes.len()),
        _ => bytes.len(),
    };
    let head = format!("{head}connection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&bytes[..sent]).await;
    let _ = stream.flush().await;
    if let Answer::Stall(_) = answer {
        std::future::pending::<()>().await;
    }
}

fn content(length: usize) -> Vec<u8> {
    without_pattern(length).collect()
}

/// Bytes without a pattern that a cut could hide in.
fn without_pattern(length: usize) -> impl Iterator<Item = u8> {
    std::iter::successors(Some(1_u32), |x| {
        Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    })
    .map(|x| x.to_be_bytes()[0])
    .take(length)
}

fn photograph(file: &str, bytes: &[u8], length: Option<u64>) -> Photograph {
    let sha1 = Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes);
    Photograph {
        file: file.to_owned(),
        bytes: length,
        width: None,
        height: None,
        sha256: None,
        git_blob_sha1: hex(&sha1.finalize()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn fetcher(server: &Server, folder: &Path) -> Fetcher {
    let retry = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(1))
        .with_max_times(2);
    Fetcher::new(&server.base, folder, Duration::from_millis(300), retry).unwrap()
}

async fn fetch(server: &Server, folder: &Path, of: &[Photograph]) -> Vec<Result<Fetched, Error>> {
    let fetcher = fetcher(server, folder);
    let mut ends: Vec<_> = fetcher.fetch(of, 4, &|_| ()).collect().await;
    ends.sort_by_key(|(place, _)| *place);
    ends.into_iter().map(|(_, end)| end).collect()
}

async fn fetch_one(
    answers: &[Answer],
    length: Option<u64>,
    part: Option<&[u8]>,
) -> (Result<Fetched, Error>, Vec<Option<String>>, Vec<String>) {
    let bytes = content(10_000);
    let server = Server::start(&[("a.jpg", bytes.clone(), answers)]).await;
    let folder = tempfile::tempdir().unwrap();
    if let Some(part) = part {
        fs::write(folder.path().join("a.jpg.part"), part).unwrap();
    }
    let of = [photograph("a.jpg", &bytes, length)];
    let end = fetch(&server, folder.path(), &of).await.remove(0);
    if end.is_ok() {
        assert_eq!(fs::read(folder.path().join("a.jpg")).unwrap(), bytes);
    }
    (end, server.asked(), names(folder.path()))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn now(resumed: bool) -> Fetched {
    Fetched::Now {
        bytes: 10_000,
        resumed,
    }
}

/// The ranges that were asked for; an empty text stands for none.
fn ranges(asked: &[Option<String>]) -> Vec<&str> {
    let texts = asked.iter().map(|range| range.as_deref());
    texts.map(Option::unwrap_or_default).collect()
}

#[tokio::test]
async fn a_photograph_is_fetched_once() {
    let bytes = content(10_000);
    let server = Server::start(&[("a.jpg", bytes.clone(), &[])]).await;
    let folder = tempfile::tempdir().unwrap();
    let of = [photograph("a.jpg", &bytes, Some(10_000))];
    let end = fetch(&server, folder.path(), &of).await.remove(0);
    assert_eq!(end.unwrap(), now(false));
    let end = fetch(&server, folder.path(), &of).await.remove(0);
    assert_eq!(end.unwrap(), Fetched::There);
    assert_eq!(
        (server.asked(), names(folder.path())),
        (vec![None], vec!["a.jpg".to_owned()])
    );
}

#[tokio::test]
async fn what_was_cut_is_gone_on_with() {
    for length in [Some(10_000), None] {
        let (end, asked, _) =
            fetch_one(&[Answer::Cut(4000), Answer::Cut(3000)], length, None).await;
        assert_eq!(end.unwrap(), now(true));
        assert_eq!(ranges(&asked), ["", "bytes=4000-", "bytes=7000-"]);
    }
}

#[tokio::test]
async fn what_stalls_is_given_up_and_gone_on_with() {
    let (end, asked, _) = fetch_one(&[Answer::Stall(4000)], Some(10_000), None).await;
    assert_eq!(end.unwrap(), now(true));
    assert_eq!(ranges(&asked), ["", "bytes=4000-"]);
    let (end, _, left) = fetch_one(&vec![Answer::Stall(10); 3], Some(10_000), None).await;
    assert!(matches!(end, Err(Error::Stalled(_))), "{end:?}");
    assert_eq!(left, ["a.jpg.part"], "the next run goes on with it");
}

#[tokio::test]
async fn a_part_of_another_run_is_gone_on_with() {
    let (end, asked, _) = fetch_one(&[], Some(10_000), Some(&content(6000))).await;
    assert_eq!(end.unwrap(), now(true));
    assert_eq!(ranges(&asked), ["bytes=6000-"]);
    // All of it was there, but for its name.
    let (end, asked, _) = fetch_one(&[], Some(10_000), Some(&content(10_000))).await;
    assert_eq!((end.unwrap(), asked), (now(true), vec![]));
}

#[tokio::test]
async fn a_part_that_is_wrong_is_fetched_anew() {
    for part in [vec![7; 6000], vec![7; 10_000], vec![7; 11_000]] {
        let (end, _, left) = fetch_one(&[], Some(10_000), Some(&part)).await;
        assert_eq!((end.unwrap(), left), (now(false), vec!["a.jpg".to_owned()]));
    }
    // Without a length in the manifest it is the server that says that there is no more.
    let (end, asked, _) = fetch_one(&[], None, Some(&[7; 10_000])).await;
    assert_eq!(end.unwrap(), now(false));
    assert_eq!(ranges(&asked), ["bytes=10000-", ""]);
}

#[tokio::test]
async fn a_server_that_gives_another_part_is_not_believed() {
    let (end, _, _) = fetch_one(&[Answer::Whole], Some(10_000), Some(&content(6000))).await;
    assert_eq!(end.unwrap(), now(false));
    let (end, asked, _) = fetch_one(&[Answer::OtherPart], Some(10_000), Some(&content(6000))).await;
    assert_eq!(end.unwrap(), now(false));
    assert_eq!(ranges(&asked), ["bytes=6000-", ""]);
}

#[tokio::test]
async fn other_bytes_are_no_photograph() {
    let (end, asked, left) = fetch_one(&[Answer::Wrong], Some(10_000), None).await;
    assert!(
        matches!(&end, Err(Error::NotIt(NotIt::Hash { .. }))),
        "{end:?}"
    );
    assert_eq!((asked.len(), left), (1, vec![]));
    let (end, _, _) = fetch_one(&[], Some(10_001), None).await;
    let expected = NotIt::Length {
        found: 10_000,
        expected: 10_001,
    };
    assert_eq!(
        format!("{:?}", end.unwrap_err()),
        format!("{:?}", Error::NotIt(expected))
    );
    let (end, _, left) = fetch_one(&[], Some(9999), None).await;
    assert!(matches!(end, Err(Error::TooLong(9999))), "{end:?}");
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn a_wrong_part_before_wrong_bytes_ends() {
    let answers = vec![Answer::Wrong; 9];
    let (end, asked, _) = fetch_one(&answers, Some(10_000), Some(&content(6000))).await;
    assert!(matches!(&end, Err(Error::NotIt(_))), "{end:?}");
    assert_eq!(asked.len(), 2);
    // Nor does it begin a third time where the second was cut in between.
    let answers = [Answer::Wrong, Answer::Cut(4000), Answer::Wrong];
    let (end, asked, _) = fetch_one(&answers, Some(10_000), Some(&content(6000))).await;
    assert!(matches!(&end, Err(Error::NotIt(_))), "{end:?}");
    assert_eq!(ranges(&asked), ["bytes=6000-", "", "bytes=4000-"]);
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again() {
    let busy = [
        Answer::Status(429, "retry-after: 0\r\n"),
        Answer::Status(503, ""),
    ];
    let (end, asked, _) = fetch_one(&busy, Some(10_000), None).await;
    assert_eq!((end.unwrap(), asked.len()), (now(false), 3));
    let (end, asked, _) = fetch_one(&vec![Answer::Status(500, ""); 5], None, None).await;
    assert!(matches!(end, Err(Error::Status { .. })), "{end:?}");
    assert_eq!(asked.len(), 3);
    let (end, asked, _) = fetch_one(&[Answer::Status(403, "")], None, None).await;
    assert!(matches!(end, Err(Error::Status { .. })), "{end:?}");
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn what_has_the_name_already_is_never_replaced() {
    let bytes = content(10_000);
    let server = Server::start(&[("a.jpg", bytes.clone(), &[])]).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.jpg"), "mine").unwrap();
    let of = [photograph("a.jpg", &bytes, Some(10_000))];
    let end = fetch(&server, folder.path(), &of).await.remove(0);
    assert!(matches!(end, Err(Error::Taken(_))), "{end:?}");
    assert_eq!(fs::read(folder.path().join("a.jpg")).unwrap(), b"mine");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn the_report_says_what_is_gone_and_what_failed() {
    let bytes = content(10_000);
    let server = Server::start(&[
        ("b.jpg", bytes.clone(), &[Answer::Cut(100)]),
        ("c.jpg", bytes.clone(), &[Answer::Wrong]),
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let of = ["a.jpg", "b.jpg", "c.jpg"].map(|file| photograph(file, &bytes, Some(10_000)));
    let report = async |of: &[Photograph]| {
        let mut report = Report::default();
        for (place, end) in fetch(&server, folder.path(), of).await.iter().enumerate() {
            report.add(place, &of[place], end);
        }
        report
    };
    let all = report(&of).await;
    let text = all.to_string();
    let found = Sha1::new_with_prefix("blob 10000\0")
        .chain_update(vec![0; 10_000])
        .finalize();
    let found = hex(&found);
    let expected = &of[2].git_blob_sha1;
    assert_eq!(
        text,
        format!(
            "gone: a.jpg: it is gone: the server answers 404 Not Found; unsplash.com/photos/a may have it\n\
             failed: c.jpg: what came is not the photograph: git's hash of it is {found}, and the manifest says {expected}\n\
             3 photographs: 0 were there, 1 fetched (10.00 kB, 1 of them gone on with), 1 gone, 1 failed\n"
        )
    );
    assert_eq!(all.exit_code(), 1);
    assert_eq!(report(&of[..2]).await.exit_code(), 3);
    assert_eq!(report(&of[1..2]).await.exit_code(), 0);
}

#[tokio::test]
async fn a_file_is_known_by_sha_256_too_where_the_manifest_has_it() {
    let bytes = content(10_000);
    let server =
        Server::start(&[("a.jpg", bytes.clone(), &[]), ("b.jpg", bytes.clone(), &[])]).await;
    let folder = tempfile::tempdir().unwrap();
    let of = |file, sha256: &[u8]| Photograph {
        sha256: Some(hex(sha256)),
        ..photograph(file, &bytes, None)
    };
    let right = sha2::Sha256::digest(&bytes);
    let photographs = [of("a.jpg", &right), of("b.jpg", &[0; 32])];
    let ends = fetch(&server, folder.path(), &photographs).await;
    assert!(ends[0].is_ok(), "{:?}", ends[0]);
    let NotIt::Hash { kind, found, .. } = (match &ends[1] {
        Err(Error::NotIt(why)) => why,
        end => panic!("{end:?}"),
    }) else {
        panic!("{:?}", ends[1])
    };
    assert_eq!((*kind, found), ("SHA-256", &hex(&right)));
}

#[test]
fn a_base_is_the_url_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["", "raw", "ftp://a/b", "http://u:p@a/", "http://a/?b", "/a"] {
        let built = Fetcher::new(
            wrong,
            folder.path(),
            Duration::from_secs(1),
            ExponentialBuilder::new(),
        );
        assert!(matches!(built, Err(SetupError::Base(_))), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_it_by_its_exit_code() {
    let server = Server::start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let run = |base: &str| {
        let program = Command::new(env!("CARGO_BIN_EXE_dataset"))
            .args(["fetch", "--count", "2", "--base", base, "--out"])
            .arg(folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8(program.stdout).unwrap();
        (program.status.code(), text)
    };
    let (code, text) = run(&server.base);
    assert_eq!(code, Some(3));
    assert!(text.starts_with("gone: 5RJC_WjQwlU.jpg: "), "{text}");
    assert!(
        text.ends_with("2 photographs: 0 were there, 0 fetched (0 B), 2 gone, 0 failed\n"),
        "{text}"
    );
    assert_eq!(run("nowhere").0, Some(2));
}
