//! Which originals are taken, and in which order.

use std::sync::Arc;

use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{Memory, PutOptions, Storage};

use crate::modes::{jpeg, keys, run, try_settings};

/// Pictures whose lengths do not go with their names.
async fn store() -> Arc<dyn Storage> {
    let store: Arc<dyn Storage> = Arc::new(Memory::default());
    for (path, width) in [
        ("a.jpg", 90),
        ("b.png", 10),
        ("old/a.jpg", 60),
        ("old/b.jpg", 30),
        ("z.jpg", 120),
    ] {
        put(&store, &format!("images/{path}"), jpeg(width)).await;
    }
    store
}

async fn put(store: &Arc<dyn Storage>, key: &str, bytes: Vec<u8>) {
    let key = Key::new(key);
    let put = store.put(&key, bytes.into(), PutOptions::default());
    put.await.unwrap();
}

/// The paths that a plan names, in its order.
async fn planned(store: &Arc<dyn Storage>, args: &str) -> Vec<String> {
    let (code, text) = run(store, &format!("plan --json {args}")).await.unwrap();
    assert_eq!(code, 0);
    // All but the last line, which says what it would cost.
    let path = |line: &str| {
        let planned: serde_json::Value = serde_json::from_str(line).unwrap();
        let key = planned["key"].as_str()?;
        Some(key.strip_prefix("images/").unwrap().to_owned())
    };
    text.lines().filter_map(path).collect()
}

#[tokio::test]
async fn names_and_lengths_select() {
    let store = store().await;
    let bytes = |path: &str| {
        let store = Arc::clone(&store);
        let key = Key::new(format!("images/{path}"));
        async move { store.head(&key).await.unwrap().length }
    };
    let (least, most) = (bytes("old/b.jpg").await, bytes("a.jpg").await);
    for (args, expected) in [
        ("", "a.jpg b.png old/a.jpg old/b.jpg z.jpg"),
        ("--include *.jpg", "a.jpg z.jpg"),
        ("--include **/*.jpg --exclude old/**", "a.jpg z.jpg"),
        ("--exclude ** --include old/**", "old/a.jpg old/b.jpg"),
        (
            "--exclude old/** --include old/a.* --count 2",
            "a.jpg b.png",
        ),
        (
            &format!("--min-size {least} --max-size {most}B"),
            "a.jpg old/a.jpg old/b.jpg",
        ),
        ("--newer-than 1h", "a.jpg b.png old/a.jpg old/b.jpg z.jpg"),
        ("--older-than 1h", ""),
        ("--newer-than 2999-01-01", ""),
        (
            "--older-than 2999-01-01T00:00:00Z --include old/*",
            "old/a.jpg old/b.jpg",
        ),
        ("--order size", "b.png old/b.jpg old/a.jpg a.jpg z.jpg"),
        (
            "--order size --count 2 --exclude b.png",
            "old/b.jpg old/a.jpg",
        ),
    ] {
        let expected: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(planned(&store, args).await, expected, "{args}");
    }
}

#[tokio::test]
async fn chance_draws_by_its_seed() {
    let store = store().await;
    let all = planned(&store, "").await;
    let one = planned(&store, "--order random --seed 1").await;
    assert_eq!(one, planned(&store, "--order random --seed 1").await);
    assert_ne!(one, all, "seed 1 changes the order of five");
    let mut sorted = one.clone();
    sorted.sort();
    assert_eq!(sorted, all);
    let mut drawn = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let sample = planned(&store, &format!("--sample 2 --seed {seed}")).await;
        assert_eq!(sample.len(), 2);
        assert!(sample.is_sorted(), "a sample is sent by name: {sample:?}");
        drawn.extend(sample);
    }
    assert_eq!(drawn.len(), 5, "each is drawn by one of 20 seeds");
    assert_eq!(planned(&store, "--sample 5 --seed 1").await, all);
    let too_many = run(&store, "plan --sample 6").await.unwrap_err();
    let told = "--sample 6 is more than there are: 5 originals under \"images/\" are selected";
    assert_eq!(too_many.to_string(), told);
}

#[tokio::test]
async fn a_plan_says_what_memory_it_takes_and_by_which_seed_it_draws() {
    let store = store().await;
    let memory = async |args: &str| {
        let (_, text) = run(&store, &format!("plan {args}")).await.unwrap();
        let line = text.lines().find(|line| line.starts_with("memory"));
        (line.map(str::to_owned), text)
    };
    let (all, _) = memory("--order size").await;
    let (one, text) = memory("--sample 1 --seed 7").await;
    assert!(all.is_some());
    assert_eq!(one, all, "of five, one is drawn");
    assert!(text.contains("--seed 7"), "{text}");
    let (none, text) = memory("").await;
    assert_eq!(none, None);
    assert!(!text.contains("--seed"), "{text}");
}

#[tokio::test]
async fn what_stands_selects() {
    let store = store().await;
    put(&store, "images/notes.jpg", b"not a picture".to_vec()).await;
    let all = planned(&store, "").await;
    let missing = planned(&store, "--only missing").await;
    assert_eq!(missing, all, "nothing stands yet");
    let args = format!("--only missing --sample {}", u64::MAX);
    assert_eq!(planned(&store, &args).await, all, "there are no more");
    let (code, _) = run(&store, "--mode sequential").await.unwrap();
    assert_eq!(code, 0);
    assert!(planned(&store, "--only missing").await.is_empty());
    assert_eq!(planned(&store, "--only failed").await, ["notes.jpg"]);

    let lost = Key::new("thumbnails/old/a.jpg/64.jpg");
    store.delete(&lost).await.unwrap();
    put(&store, "images/z.jpg", jpeg(7)).await;
    assert_eq!(planned(&store, "--only missing").await, ["old/a.jpg"]);
    assert_eq!(planned(&store, "--only stale").await, ["z.jpg"]);
    let none = planned(&store, "--only stale --include old/**").await;
    assert!(none.is_empty(), "{none:?}");

    for only in ["missing", "stale"] {
        let (code, text) = run(&store, &format!("--only {only}")).await.unwrap();
        assert_eq!(code, 0);
        assert!(text.contains("1 of 1 pictures: 1 made"), "{text}");
    }
    assert!(keys(&store, "thumbnails/").await.contains(lost.as_str()));
    assert!(planned(&store, "--only stale").await.is_empty());
}

#[test]
fn what_selects_nothing_by_mistake_is_one() {
    for (args, flag) in [
        ("--min-size 2kB --max-size 1kB", "--min-size"),
        ("--seed 1", "--seed"),
        ("--newer-than 1h --older-than 2h", "--newer-than"),
        ("--newer-than 500000000000years", "--newer-than"),
        ("--newer-than yesterday", "yesterday"),
        ("--include [", "["),
        ("--sample 0", "--sample"),
        ("--rate 0", "--rate"),
        ("--max-size many", "many"),
        ("--only good", "good"),
        ("--journal d --no-journal", "--no-journal"),
    ] {
        let error = try_settings(args).unwrap_err().to_string();
        assert!(error.contains(flag), "{args}: {error}");
    }
}
