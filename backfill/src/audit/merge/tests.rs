use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use futures_util::TryStreamExt;

use super::*;

/// An original's path, and the keys that it got.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Family {
    path: String,
    outputs: Vec<String>,
}

impl Parent for Family {
    type Child = String;
    fn adopt(&mut self, child: String) {
        self.outputs.push(child);
    }
}

/// Families in the order of their paths, and orphans.
type Result = (Vec<Family>, Vec<String>);

fn family(path: &str) -> Family {
    Family {
        path: path.to_owned(),
        outputs: Vec::new(),
    }
}

fn listed<T>(
    items: impl IntoIterator<Item = (String, T)>,
) -> Vec<std::result::Result<Placed<T>, Infallible>> {
    let placed = items
        .into_iter()
        .map(|(place, item)| Ok(Placed { place, item }));
    placed.collect()
}

/// The join of two listings, as the audit has them; and how many were held back or open at most.
async fn streamed(paths: &BTreeSet<String>, outputs: &BTreeSet<String>) -> Result {
    let originals = listed(paths.iter().map(|path| {
        let parent = Entry::Parent(family(path));
        (format!("{path}/"), parent)
    }));
    let outputs = listed(
        outputs
            .iter()
            .map(|key| (key.clone(), Entry::Child(key.clone()))),
    );
    let entries = ascending(in_order(stream::iter(originals)), stream::iter(outputs));
    let joined: Vec<Joined<Family>> = join(entries).try_collect().await.unwrap();
    let (mut families, mut orphans) = (Vec::new(), Vec::new());
    for joined in joined {
        match joined {
            Joined::Parent(family) => families.push(family),
            Joined::Orphan(key) => orphans.push(key),
        }
    }
    families.sort();
    (families, orphans)
}

/// The same in memory, without any order.
fn in_memory(paths: &BTreeSet<String>, outputs: &BTreeSet<String>) -> Result {
    let mut families: BTreeMap<&str, Family> = paths
        .iter()
        .map(|path| (path.as_str(), family(path)))
        .collect();
    let mut orphans = Vec::new();
    for key in outputs {
        match key
            .rsplit_once('/')
            .and_then(|(path, _)| families.get_mut(path))
        {
            Some(family) => family.outputs.push(key.clone()),
            None => orphans.push(key.clone()),
        }
    }
    (families.into_values().collect(), orphans)
}

/// Two listings merged as they come: the one original at hand takes what follows it.
fn naive(paths: &BTreeSet<String>, outputs: &BTreeSet<String>) -> Result {
    let mut families = Vec::new();
    let mut orphans = Vec::new();
    let mut outputs = outputs.iter().peekable();
    for path in paths {
        let mut family = family(path);
        while let Some(key) = outputs.peek() {
            let parent = key.rsplit_once('/').map_or("", |(parent, _)| parent);
            if parent > path.as_str() {
                break;
            }
            if parent == path {
                family.outputs.push((*key).clone());
            } else {
                orphans.push((*key).clone());
            }
            outputs.next();
        }
        families.push(family);
    }
    orphans.extend(outputs.cloned());
    (families, orphans)
}

/// Paths of few characters, those around `/` among them, that often begin with one another.
fn paths(random: &mut fastrand::Rng) -> BTreeSet<String> {
    const PIECES: [&str; 14] = [
        "a",
        "b",
        "/",
        "/",
        "-",
        ".",
        "!",
        "0",
        " ",
        "a/2.jpg",
        "16.jpg",
        "é",
        "\u{1}",
        "\u{10ffff}",
    ];
    let mut paths = BTreeSet::from(["a".to_owned()]);
    for _ in 0..random.usize(1..12) {
        let from = random.usize(..=paths.len());
        let mut path = paths.iter().nth(from).cloned().unwrap_or_default();
        for _ in 0..random.usize(1..4) {
            path += PIECES[random.usize(..PIECES.len())];
        }
        paths.insert(path);
    }
    paths
}

/// The two listings of a bucket: some originals, and outputs of them and of others.
fn bucket(random: &mut fastrand::Rng) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = paths(random);
    let mut outputs = BTreeSet::new();
    for path in &all {
        for name in ["16.jpg", "256.jpg", "2.jpg"] {
            if random.u8(..4) > 0 {
                outputs.insert(format!("{path}/{name}"));
            }
        }
    }
    if random.u8(..8) == 0 {
        outputs.insert("16.jpg".to_owned());
    }
    let originals = all.into_iter().filter(|_| random.u8(..5) > 0).collect();
    (originals, outputs)
}

#[tokio::test]
async fn streams_join_as_in_memory_and_the_naive_merge_does_not() {
    let mut wrong = 0;
    for seed in 0..20_000 {
        let (paths, outputs) = bucket(&mut fastrand::Rng::with_seed(seed));
        let expected = in_memory(&paths, &outputs);
        let joined = streamed(&paths, &outputs).await;
        assert_eq!(joined, expected, "seed {seed}: {paths:?} {outputs:?}");
        wrong += u32::from(naive(&paths, &outputs) != expected);
    }
    assert!(wrong > 1000, "the naive merge was wrong {wrong} times");
}

#[tokio::test]
async fn the_examples_of_the_rule() {
    let set = |keys: &[&str]| {
        keys.iter()
            .map(|&key| key.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let paths = set(&["a", "a-b", "a/2.jpg"]);
    let outputs = set(&[
        "a-b/16.jpg",
        "a/16.jpg",
        "a/2.jpg/16.jpg",
        "a/256.jpg",
        "a.b/16.jpg",
    ]);
    let (families, orphans) = streamed(&paths, &outputs).await;
    let got: Vec<_> = families
        .iter()
        .map(|family| family.outputs.join(" "))
        .collect();
    assert_eq!(got, ["a/16.jpg a/256.jpg", "a-b/16.jpg", "a/2.jpg/16.jpg"]);
    assert_eq!(orphans, ["a.b/16.jpg"]);
}

#[tokio::test]
async fn no_more_is_held_back_than_a_key_is_long() {
    // Every path begins with the one before and goes on below '/': the most that can be held back.
    let longest = 1000;
    let paths: BTreeSet<_> = (1..=longest).map(|length| "-".repeat(length)).collect();
    let outputs = paths.iter().map(|path| format!("{path}/16.jpg")).collect();
    assert_eq!(
        streamed(&paths, &outputs).await,
        in_memory(&paths, &outputs)
    );
    let held = in_order(stream::iter(listed(
        paths.iter().map(|path| (format!("{path}/"), ())),
    )));
    let first = std::pin::pin!(held).next().await.unwrap().unwrap();
    assert_eq!(first.place.len(), longest + 1, "the deepest comes first");
}

#[tokio::test]
async fn an_error_of_either_listing_is_given_on() {
    let fails = || {
        stream::iter([
            Ok(Placed {
                place: "a/".to_owned(),
                item: (),
            }),
            Err("broken"),
        ])
    };
    let good = || {
        stream::iter([Ok(Placed {
            place: "b/".to_owned(),
            item: (),
        })])
    };
    for entries in [
        ascending(fails(), good()).collect::<Vec<_>>().await,
        ascending(good(), fails()).collect().await,
    ] {
        assert!(entries.contains(&Err("broken")), "{entries:?}");
    }
}
