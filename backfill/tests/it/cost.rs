//! What a run is expected to cost, and may.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use backfill::record::Summary;
use backfill::report;
use cos_thumbnails::object::Key;
use cos_thumbnails::storage::PutOptions;
use serde_json::Value;

use crate::journal::{begin_again, folders, outcomes};
use crate::modes::{run, settings, store, try_settings};

#[tokio::test]
async fn a_plan_says_what_it_takes_and_costs_and_what_it_assumes() {
    let store = store().await;
    let plan = async |args: &str| run(&store, &format!("plan {args}")).await.unwrap().1;
    let text = plan("").await;
    for words in [
        "expected   ",
        "Class A requests",
        "VM hours",
        "rates      assumed, not measured: ",
        "prices     of 2019-09-17 to 2025-07-08",
        "not counted: ",
        "1,000 pictures ",
        "1,000,000 ",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    // Thirteen originals with six thumbnails each, and two listings.
    let class_a = text.lines().find(|line| line.contains("Class A requests"));
    let words: Vec<_> = class_a.unwrap().split_whitespace().collect();
    assert_eq!(words, ["Class", "A", "requests", "80", "0.000416", "USD"]);
    assert!(
        !text.contains("vCPU-seconds") && !text.contains("egress"),
        "{text}"
    );

    let text = plan("--mode fan-out").await;
    for words in [
        "vCPU-seconds",
        "GB-seconds",
        "HTTP calls",
        "7 of 1 vCPU and 4 GB",
        "of 10 at most",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let application = "--instance-cpu 2 --instance-memory 8 --max-instances 3";
    let text_of_larger = plan(&format!("--mode fan-out {application}")).await;
    assert!(
        text_of_larger.contains("3 of 2 vCPU and 8 GB"),
        "{text_of_larger}"
    );
    assert!(!text.contains("VM hours"), "{text}");

    let endpoint = |kind: &str| {
        format!("--cos-endpoint https://s3.{kind}eu-de.cloud-object-storage.appdomain.cloud")
    };
    assert!(plan(&endpoint("")).await.contains("GB of egress"));
    for kind in ["direct.", "private."] {
        assert!(!plan(&endpoint(kind)).await.contains("GB of egress"));
    }
}

#[tokio::test]
async fn a_plan_goes_by_a_run_that_was_measured() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!("--mode sequential --journal {}", runs.path().display());
    run(&store, &args).await.unwrap();
    let folder = folders(runs.path()).remove(0);
    let id = folder.file_name().unwrap().to_str().unwrap();
    let plan = |args: String| {
        let store = std::sync::Arc::clone(&store);
        async move { run(&store, &format!("plan {args}")).await }
    };
    let measured = format!("--measured {}", folder.display());
    let (_, text) = plan(format!("--mode sequential {measured}")).await.unwrap();
    let rates = format!("rates      measured: run {id}, 13 pictures in ");
    assert!(text.contains(&rates), "{text}");
    // Twelve were made by six PUTs each; one failure record, and two listings.
    let class_a = text.lines().find(|line| line.contains("Class A requests"));
    assert!(class_a.unwrap().contains(" 75 "), "{text}");
    // As a kill leaves it.
    let record = folder.join("record.ndjson");
    let whole = fs::read_to_string(&record).unwrap();
    fs::write(&record, whole.trim_end().strip_suffix('}').unwrap()).unwrap();
    let (_, text) = plan(format!("--mode sequential {measured}")).await.unwrap();
    assert!(text.contains(&rates), "{text}");

    for (args, why) in [
        (measured.clone(), "it was sequential"),
        ("--measured no/run".to_owned(), "could not be read"),
        (
            format!("--measured {}/manifest.json", folder.display()),
            "no record of this version: line 1",
        ),
    ] {
        let error = plan(args).await.unwrap_err();
        let error = backfill::target::with_causes(&error);
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn a_run_ends_when_what_it_may_cost_is_spent_and_goes_on_with_more() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!(
        "--max-cost 0.0001 --mode sequential --journal {}",
        runs.path().display()
    );
    let (code, text) = run(&store, &args).await.unwrap();
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("0.0001 USD are spent"), "{text}");
    let folder = folders(runs.path()).remove(0);
    // Six Class A requests cost 0.00003 USD: three pictures, or fewer where the machine is slow and costs.
    let made = outcomes(&folder).len();
    assert!((1..=3).contains(&made), "{made}");
    let args = format!("resume {} --max-cost 1000", folder.display());
    let (code, text) = run(&store, &args).await.unwrap();
    assert_eq!(code, 0, "{text}");
    assert_eq!(outcomes(&folder).len(), 13);
}

#[tokio::test]
async fn a_run_that_went_on_has_a_cost_and_rates_of_all_the_time_that_it_was_at_work() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    let args = format!(
        "--max-cost 0.00004 --mode sequential --json --journal {}",
        runs.path().display()
    );
    let (code, text) = run(&store, &args).await.unwrap();
    let first: Summary = serde_json::from_str(&text).unwrap();
    assert_eq!((code, first.sessions_us), (3, None));
    let folder = folders(runs.path()).remove(0);
    let args = format!("resume {} --max-cost 1000 --json", folder.display());
    let (code, text) = run(&store, &args).await.unwrap();
    assert_eq!(code, 0, "{text}");
    let all: Summary = serde_json::from_str(&text).unwrap();
    assert_eq!(all.clocks.end_to_end_us, None);
    let sessions_us = all.sessions_us.unwrap();
    assert!(Some(sessions_us) > first.clocks.end_to_end_us, "{text}");
    // At least 0.099 USD an hour; and twelve by six PUTs, a failure record, a listing to select them, and one to send
    // them each time.
    let cost = all.cost.unwrap();
    let hours = Duration::from_micros(sessions_us).as_secs_f64() / 3600.0;
    let machine = cost.parts["VM hours"].least;
    assert!(machine >= 0.099 * hours * 0.999, "{cost:?}");
    let class_a = cost.parts["Class A requests"];
    assert!(
        (class_a.least - 76.0 * 0.0052 / 1000.0).abs() < 1e-9,
        "{cost:?}"
    );

    let plan = format!("plan --mode sequential --measured {}", folder.display());
    let (_, text) = run(&store, &plan).await.unwrap();
    assert!(text.contains(", 13 pictures in "), "{text}");
    let data = report::read(std::slice::from_ref(&folder)).unwrap();
    let (_, took) = data.samples[0].spent.as_ref().unwrap();
    assert_eq!(took.all, Duration::from_micros(sessions_us));
    let files = report::write(&data, &runs.path().join("report"), false).unwrap();
    let costs: Vec<_> = files.iter().filter(|name| name.starts_with('c')).collect();
    assert_eq!(
        costs,
        ["cost.svg"],
        "no timeline goes through the time between"
    );

    // Published, a record is compressed.
    let record = folder.join("record.ndjson");
    let compressed = fs::File::create(folder.join("record.ndjson.gz")).unwrap();
    let mut compressed = flate2::write::GzEncoder::new(compressed, flate2::Compression::best());
    compressed.write_all(&fs::read(&record).unwrap()).unwrap();
    compressed.finish().unwrap();
    fs::remove_file(record).unwrap();
    let (_, again) = run(&store, &plan).await.unwrap();
    assert_eq!(again, text);
}

#[tokio::test]
async fn prices_are_those_of_the_table_that_is_given() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("prices.toml");
    let table = fs::read_to_string(table).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.toml");
    let args = format!("--prices {}", path.display());
    fs::write(
        &path,
        table.replace("price = 0.0052", "price = \"unknown\""),
    )
    .unwrap();
    let (_, text) = run(&store().await, &format!("plan {args}")).await.unwrap();
    assert!(text.contains("at least 0 USD"), "{text}");
    assert_ne!(settings(&args).prices, settings("").prices);
    fs::write(&path, table.replace("\"USD\"", "\"EUR\"")).unwrap();
    for args in [args.as_str(), "--prices no/table"] {
        let error = try_settings(args).unwrap_err().to_string();
        assert!(error.starts_with("--prices "), "{error}");
    }
    for cost in ["0", "-1", "NaN", "all"] {
        let error = try_settings(&format!("--max-cost={cost}")).unwrap_err();
        assert!(error.to_string().contains("--max-cost"), "{error}");
    }
    for (args, told) in [
        ("--instance-cpu 3", "--instance-cpu 3 is none"),
        (
            "--instance-cpu 2 --instance-memory 2",
            "with --instance-cpu 2: 4, 8, 16",
        ),
    ] {
        let error = try_settings(args).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    let job = "--mode fan-out --job j --max-cost 1";
    let error = try_settings(job).unwrap_err().to_string();
    assert!(error.contains("--max-cost is not for --job"), "{error}");
}

#[tokio::test]
async fn what_is_listed_and_looked_at_is_counted_whatever_is_selected_of_it() {
    let store = store().await;
    for n in 0..1500 {
        let key = Key::new(format!("images/zz/{n:04}.jpg"));
        let put = store.put(&key, "x".into(), PutOptions::default());
        put.await.unwrap();
    }
    let expected = async |args: &str| {
        let (_, text) = run(&store, &format!("plan --json {args}")).await.unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let used = |item: &str| last["expected"]["usage"][item]["least"].as_f64().unwrap();
        (used("class_a"), used("class_b"), last)
    };
    let (class_a, class_b, last) = expected("--exclude zz/**").await;
    // Thirteen with six thumbnails each; two pages, twice.
    assert_eq!((class_a, class_b), (13.0 * 6.0 + 4.0, 13.0 * 4.0));
    assert!(last["expected"]["cost"]["class_a"]["most"].as_f64() > Some(0.0));
    assert!(last["million"]["cost_with_free_tier"].is_object());
    // An audit lists once, and looks at each mark.
    let (class_a, class_b, last) = expected("--exclude zz/** --only missing").await;
    let missing = last["expected"]["pictures"].as_f64().unwrap();
    assert!((class_a - missing * 6.0 - 2.0).abs() < 1e-9, "{class_a}");
    assert!(class_b >= missing * 4.0 + 13.0, "{class_b}");
    // A million are listed as a million are, however few were chosen of however many; and nothing is like none.
    let (.., last) = expected("--count 1").await;
    let million = &last["million"]["usage"];
    assert_eq!(million["class_a"]["least"], 6_002_000.0);
    let (.., last) = expected("--include none/**").await;
    assert!(last["million"].is_null(), "{last}");
}

#[tokio::test]
async fn a_run_that_goes_on_pays_for_the_listing_that_it_takes() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    for n in 0..10_000 {
        let key = Key::new(format!("images/zz/{n:04}.jpg"));
        let put = store.put(&key, "x".into(), PutOptions::default());
        put.await.unwrap();
    }
    // Only requests cost: however slow the machine is, and however many processors it has, the sums are the same.
    let prices = tempfile::NamedTempFile::new().unwrap();
    let table = include_str!("../../prices.toml").replace("[0.099, 0.109]", "0.0");
    fs::write(prices.path(), table).unwrap();
    let args = format!(
        "--exclude zz/** --mode sequential --prices {} --journal {}",
        prices.path().display(),
        runs.path().display()
    );
    run(&store, &args).await.unwrap();
    let folder = folders(runs.path()).remove(0);
    assert_eq!(outcomes(&folder).len(), 13);
    begin_again(&folder);
    // Eleven pages are 0.0000572 USD; what is found made is nearly nothing.
    let args = format!("resume {} --max-cost 0.00005", folder.display());
    let (code, text) = run(&store, &args).await.unwrap();
    assert_eq!(code, 3, "{text}");
    assert_eq!(outcomes(&folder).len(), 1, "{text}");
    // Those of before are none of this time's, and no more than one is: two are 0.0001144 USD.
    let args = format!("resume {} --max-cost 0.0001 --json", folder.display());
    let (code, text) = run(&store, &args).await.unwrap();
    assert_eq!((code, outcomes(&folder).len()), (0, 13), "{text}");
    // But the cost is of all four: to select them, and to send them three times.
    let summary: Summary = serde_json::from_str(&text).unwrap();
    let cost = summary.cost.unwrap();
    assert_eq!(cost.parts["VM hours"].most, Some(0.0), "{cost:?}");
    let class_a = f64::from(summary.traffic.puts) + 4.0 * 11.0;
    let expected = class_a * 0.0052 / 1000.0;
    let class_a = cost.parts["Class A requests"];
    assert!((class_a.least - expected).abs() < 1e-9, "{cost:?}");
}

#[tokio::test]
async fn instances_may_have_come_up_each_time_that_a_run_went_on() {
    let (store, runs) = (store().await, tempfile::tempdir().unwrap());
    // A function that is not there: all fail, and come again.
    let args = format!(
        "--mode fan-out --function http://127.0.0.1:1 --retries 0 --max-instances 1 --journal {}",
        runs.path().display()
    );
    run(&store, &args).await.unwrap();
    let folder = folders(runs.path()).remove(0);
    let resume = format!("resume {} --json", folder.display());
    for sessions in [2.0, 3.0] {
        let (_, text) = run(&store, &resume).await.unwrap();
        let summary: Summary = serde_json::from_str(&text).unwrap();
        let cost = summary.cost.unwrap();
        let elapsed = Duration::from_micros(summary.sessions_us.unwrap()).as_secs_f64();
        // 13 s of start-up and 120 s of idleness each time, at most.
        let expected = (sessions * (13.0 + 120.0) + elapsed) * 0.000_034_31;
        let most = cost.parts["vCPU-seconds"].most.unwrap();
        assert!((most - expected).abs() < 1e-9, "{expected}: {cost:?}");
    }
}

#[tokio::test]
async fn a_summary_says_what_the_run_cost() {
    let store = store().await;
    let (_, text) = run(&store, "--mode sequential --no-journal --json")
        .await
        .unwrap();
    let summary: Summary = serde_json::from_str(&text).unwrap();
    let cost = summary.cost.unwrap();
    // Twelve by six PUTs, a failure record, and two listings.
    let class_a = cost.parts["Class A requests"];
    assert!(
        (class_a.least - 75.0 * 0.0052 / 1000.0).abs() < 1e-9,
        "{cost:?}"
    );
    assert!(cost.parts["VM hours"].least > 0.0 && cost.total.least > class_a.least);
    let (_, text) = run(&store, "--mode sequential --no-journal").await.unwrap();
    assert!(text.contains("\ncost              0.0"), "{text}");
}
