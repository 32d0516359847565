//! `backfill failures` and `backfill explain`.

use std::sync::Arc;

use cos_thumbnails::object::Key;
use cos_thumbnails::storage::Storage;
use serde_json::Value;

use crate::another_recipe::put_ours;
use crate::audit::{put, unreadable};
use crate::modes::{jpeg, keys, run, store};

/// Twelve pictures with their thumbnails, and a text with its failure record.
async fn made() -> Arc<dyn Storage> {
    let store = store().await;
    run(&store, "--mode parallel").await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_listed_and_replayed() {
    let store = made().await;
    put(&store, "failures/2024/x.jpg", "no record").await;
    let (code, text) = run(&store, "failures").await.unwrap();
    assert_eq!(code, 0);
    assert!(text.contains("rejected  1"), "{text}");
    assert!(text.contains("not_a_picture  images/notes.jpg: "), "{text}");
    assert!(
        text.contains("images/2024/x.jpg: failures/2024/x.jpg is not its record\n"),
        "{text}"
    );
    let total = "1 failure record; 1 of something else, which is left as it is: \
                 better give FAILURE_PREFIX a folder of its own\n";
    assert!(text.ends_with(total), "{text}");

    let (_, lines) = run(&store, "failures --json").await.unwrap();
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["key"], "images/notes.jpg");
    assert_eq!(rows[1]["reason"], "not_a_picture");
    assert_eq!(rows[1]["state"], "rejected");
    assert_eq!(rows[1]["attempts"], 1);
    assert_eq!(rows[1].get("foreign"), None);
    assert_eq!(rows[0].get("reason"), None);
    assert_eq!(rows[0]["foreign"], "failures/2024/x.jpg");

    // Tried anew, though the record holds: rejected anew. What is no record asks for nothing.
    let (code, summary) = run(&store, "failures --retry --json").await.unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((code, &summary["finished"]), (0, &Value::from(1)));
    assert_eq!(summary["verdicts"]["rejected"], 1);
    assert!(summary["traffic"]["bytes_read"].as_u64().unwrap() > 0);

    put(&store, "images/notes.jpg", jpeg(70)).await;
    let (code, text) = run(&store, "failures --retry").await.unwrap();
    assert_eq!(code, 0);
    assert!(text.contains("1 made"), "{text}");
    let left = ["failures/2024/x.jpg".to_owned()];
    assert_eq!(keys(&store, "failures/").await, left.into());

    // In that place it is of this original, though not to be read.
    let record = unreadable("images/2024/x.jpg");
    put(&store, "failures/2024/x.jpg", record).await;
    let (_, text) = run(&store, "failures").await.unwrap();
    assert!(
        text.contains("images/2024/x.jpg: the record cannot be read\n"),
        "{text}"
    );
    assert!(text.ends_with("\n1 failure record\n"), "{text}");
    run(&store, "failures --retry").await.unwrap();
    let (code, text) = run(&store, "failures").await.unwrap();
    assert_eq!((code, text.as_str()), (0, "0 failure records\n"));
}

async fn explain(store: &Arc<dyn Storage>, key: &str) -> (u8, Value) {
    let (code, text) = run(store, &format!("explain {key} --json --pending-minutes 0"))
        .await
        .unwrap();
    (code, serde_json::from_str(&text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_is_explained() {
    let store = made().await;
    let mark = "thumbnails/2024/02.jpg/512.jpg";
    put_ours(&store, "thumbnails/2024/01.jpg/1024.jpg", "old").await;
    put(&store, "images/2024/03.jpg", jpeg(33)).await;
    for path in ["2024/05.jpg", "never.jpg"] {
        put(&store, &format!("failures/{path}"), "a report").await;
    }
    store.delete(&Key::new("images/2024/04.jpg")).await.unwrap();
    store.delete(&Key::new(mark)).await.unwrap();
    for (key, code, state, reason, next) in [
        ("images/2024/00.jpg", 0, Some("ok"), None, "nothing"),
        (
            "images/2024/02.jpg",
            1,
            Some("partial"),
            None,
            "backfill verify --repair",
        ),
        (mark, 1, Some("partial"), None, "backfill verify --repair"),
        (
            "images/2024/03.jpg",
            1,
            Some("stale"),
            None,
            "backfill verify --repair",
        ),
        (
            "images/notes.jpg",
            1,
            Some("failed"),
            Some("not_a_picture"),
            "upload another",
        ),
        (
            "failures/notes.jpg",
            1,
            Some("failed"),
            Some("not_a_picture"),
            "upload another",
        ),
        (
            "thumbnails/2024/01.jpg/1024.jpg",
            1,
            Some("obsolete"),
            None,
            "backfill verify --repair --remove-obsolete",
        ),
        (
            "images/2024/04.jpg",
            1,
            Some("orphaned"),
            Some("gone"),
            "backfill verify --repair --remove",
        ),
        ("images/never.jpg", 1, None, Some("gone"), "nothing, if"),
        ("failures/never.jpg", 1, None, Some("gone"), "nothing, if"),
        (
            "images/2024/05.jpg",
            1,
            Some("foreign"),
            None,
            "move what stands there elsewhere",
        ),
        (
            "other/a.jpg",
            0,
            None,
            Some("outside_prefix"),
            "nothing: originals are",
        ),
        (
            "thumbnails/index.html",
            0,
            None,
            Some("own_output"),
            "nothing: what is written",
        ),
        ("images/", 0, None, Some("folder_placeholder"), "nothing"),
    ] {
        let (exit, said) = explain(&store, key).await;
        assert_eq!(exit, code, "{said}");
        assert_eq!(said["key"], key);
        assert_eq!(said.get("state").and_then(Value::as_str), state, "{said}");
        assert_eq!(said.get("reason").and_then(Value::as_str), reason, "{said}");
        assert!(said["next"].as_str().unwrap().starts_with(next), "{said}");
    }
    let long = format!("images/{}.jpg", "x".repeat(1010));
    let (exit, said) = explain(&store, &long).await;
    assert_eq!((exit, &said["reason"]), (1, &Value::from("key_too_long")));

    let (_, text) = run(&store, "explain images/notes.jpg").await.unwrap();
    for line in [
        "images/notes.jpg\n  policy      an original: 6 thumbnails by recipe ",
        "  original    13 bytes, application/octet-stream, version ",
        "  mark        none\n  thumbnails  0 of 6 stand\n  record      not_a_picture (rejected), attempt 1, ",
        "  finding     failed: ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thumbnail_whose_key_does_not_name_its_original_is_explained() {
    let store = store().await;
    run(&store, "--mode parallel --output-key flat")
        .await
        .unwrap();
    // It shares the keys, and comes first.
    put(&store, "images/2024/03.JPG", jpeg(77)).await;
    let key = "thumbnails/2024/03_64x64.jpg";
    let flat = "--output-key flat";
    let (code, said) = explain(&store, &format!("{key} {flat}")).await;
    assert_eq!((code, &said["state"]), (0, &Value::from("ok")), "{said}");
    assert_eq!(said["original"], "images/2024/03.jpg");
    let facts = said["facts"].to_string();
    assert!(
        facts.contains(r#"["shared","with images/2024/03.JPG"]"#),
        "{facts}"
    );

    let unplanned = format!("thumbnails/2024/03_65x65.jpg {flat}");
    let (code, said) = explain(&store, &unplanned).await;
    assert_eq!((code, &said["reason"]), (0, &Value::from("own_output")));
}
