//! Listings: prefix, pages, order.

use super::{Bench, Check, FutureExt, Kind, ListOptions, Page, assert_kind};

pub(super) const CHECKS: &[Check] = checks! {
    listing_by_prefix_in_pages
    listing_ascends_bytewise
    listing_nothing
};

async fn listing_by_prefix_in_pages(bench: &Bench<'_>) {
    for name in [
        "in/1", "in/2", "in/3", "in/4", "in/5", "in", "inn/6", "out/1",
    ] {
        bench.put(&bench.key(name), name).await;
    }
    let prefix = bench.key("in/");
    let expected: Vec<_> = (1..=5)
        .map(|n| bench.key(&format!("in/{n}")).as_str().to_owned())
        .collect();
    for max_keys in [None, Some(1), Some(2), Some(4), Some(5), Some(6)] {
        let names = bench.names(prefix.as_str(), max_keys).await;
        assert_eq!(names, expected, "pages of {max_keys:?}");
    }
    let first = bench.page(prefix.as_str(), None, Some(2)).await;
    assert!(
        first.objects.len() == 2 && first.next.is_some(),
        "{first:?}"
    );
    let whole = bench.page(prefix.as_str(), None, Some(5)).await;
    assert!(
        whole.objects.len() == 5 && whole.next.is_none(),
        "{whole:?}"
    );
    // A token goes on behind a key, not behind a number of keys.
    bench.store.delete(&bench.key("in/1")).await.unwrap();
    let second = bench.page(prefix.as_str(), first.next, Some(2)).await;
    assert_eq!(second.objects[0].key.as_str(), expected[2]);
}

async fn listing_ascends_bytewise(bench: &Bench<'_>) {
    // UTF-16 order would put the emoji before U+FF5E; a locale would mix the cases.
    let mut names = [
        "B", "a", "b", "a-b", "a.b", "a/b", "a0", "é", "z", "\u{ff5e}", "😀", "_", "A",
    ];
    for name in names {
        bench.put(&bench.key(name), name).await;
    }
    names.sort_unstable_by_key(|name| name.as_bytes());
    let expected: Vec<_> = names
        .iter()
        .map(|name| bench.key(name).as_str().to_owned())
        .collect();
    assert_eq!(bench.names(&bench.place, None).await, expected);
    assert_eq!(bench.names(&bench.place, Some(3)).await, expected);
}

async fn listing_nothing(bench: &Bench<'_>) {
    let page = bench.page(bench.key("nothing/").as_str(), None, None).await;
    assert_eq!(
        page,
        Page {
            objects: Vec::new(),
            next: None
        }
    );
    let none = ListOptions {
        max_keys: Some(0),
        ..ListOptions::default()
    };
    assert_kind(bench.store.list(none).await, Kind::Invalid);
}
