//! Keys that are easily taken for others.

use super::{
    BTreeMap, Bench, Bytes, Check, FutureExt, GetOptions, Key, Kind, MAX_KEY_BYTES, PutOptions,
    assert_kind,
};

pub(super) const CHECKS: &[Check] = checks! {
    odd_keys_stay_distinct
    a_leading_slash_belongs_to_the_key
    the_longest_key
    too_long_or_empty_keys
};

async fn odd_keys_stay_distinct(bench: &Bench<'_>) {
    let names = [
        "a b",
        "a+b",
        "a%20b",
        "a%2Bb",
        "%",
        "%%",
        "%2F",
        "%2f",
        "%zz",
        "a%00b",
        "#",
        "?",
        "a?b=c&d",
        "a#b",
        "'",
        "\"",
        "<&>",
        "&amp;",
        "a;b",
        "a,b:c=d@e!f$g(h)i*j",
        "[{|}]",
        "^`\\~",
        "é",
        "e\u{301}",
        "日本語.jpg",
        "😀",
        "\u{2028}",
        "a/b",
        "a//b",
        "a///b",
        "/a",
        "a/",
        "a",
        "a/./b",
        "a/../b",
        "..",
        ".",
        "../b",
        "a/%2e%2e/b",
        "a/..",
        " ",
        " a",
        "a ",
        "line\nfeed",
        "return\rhere",
        "tab\there",
        "\u{1}",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{fffd}",
        "x-amz-meta-a",
        "a\\b",
        "C:\\a",
    ];
    let expected: BTreeMap<_, _> = names.iter().map(|name| (bench.key(name), *name)).collect();
    assert_eq!(expected.len(), names.len(), "a name stands twice");
    for (key, name) in &expected {
        bench.put(key, *name).await;
    }
    for (key, name) in &expected {
        assert_eq!(&bench.get(key).await.body[..], name.as_bytes(), "{name:?}");
        assert_eq!(
            bench.store.head(key).await.unwrap().length,
            name.len() as u64,
            "{name:?}"
        );
        let prefixed = bench.names(key.as_str(), None).await;
        assert_eq!(
            prefixed.first().map(String::as_str),
            Some(key.as_str()),
            "prefix {name:?}"
        );
    }
    let keys: Vec<_> = expected.keys().map(|key| key.as_str().to_owned()).collect();
    assert_eq!(bench.names(&bench.place, None).await, keys);
    assert_eq!(
        bench.names(&bench.place, Some(1)).await,
        keys,
        "one key a page"
    );
    for key in expected.keys() {
        bench.store.delete(key).await.unwrap();
        assert_kind(bench.store.head(key).await, Kind::NotFound);
    }
    assert_eq!(bench.names(&bench.place, None).await, Vec::<String>::new());
}

async fn a_leading_slash_belongs_to_the_key(bench: &Bench<'_>) {
    let keys =
        ["", "/", "//", "../", "./"].map(|start| Key::new(format!("{start}{}x", bench.place)));
    for key in &keys {
        bench.put(key, key.as_str().to_owned()).await;
    }
    for key in &keys {
        assert_eq!(&bench.get(key).await.body[..], key.as_str().as_bytes());
        assert_eq!(bench.names(key.as_str(), None).await, [key.as_str()]);
    }
    for key in &keys {
        bench.store.delete(key).await.unwrap();
        assert_kind(bench.store.head(key).await, Kind::NotFound);
    }
}

async fn the_longest_key(bench: &Bench<'_>) {
    let room = MAX_KEY_BYTES - bench.place.len();
    let ascii = bench.key(&"k".repeat(room));
    // Percent-encoded in a URL, each of these is nine bytes long.
    let wide = bench.key(&format!("{}{}", "€".repeat(room / 3), "x".repeat(room % 3)));
    for key in [&ascii, &wide] {
        assert_eq!(key.len_bytes(), MAX_KEY_BYTES);
        bench.put(key, key.as_str().to_owned()).await;
    }
    for key in [&ascii, &wide] {
        assert_eq!(&bench.get(key).await.body[..], key.as_str().as_bytes());
    }
    let names = bench.names(&bench.place, Some(1)).await;
    assert_eq!(names, [ascii.as_str(), wide.as_str()]);
}

async fn too_long_or_empty_keys(bench: &Bench<'_>) {
    let room = MAX_KEY_BYTES + 1 - bench.place.len();
    for key in [bench.key(&"k".repeat(room)), Key::new("")] {
        let put = bench
            .store
            .put(&key, Bytes::new(), PutOptions::default())
            .await;
        assert_kind(put, Kind::Invalid);
        assert_kind(
            bench.get_with(&key, GetOptions::default()).await,
            Kind::Invalid,
        );
        assert_kind(bench.store.head(&key).await, Kind::Invalid);
        assert_kind(bench.store.delete(&key).await, Kind::Invalid);
    }
}
