//! Thumbnails by another recipe than the configured one, and what it no longer plans.

use std::sync::Arc;

use backfill::audit::State;
use bytes::Bytes;
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::storage::{
    self, GetOptions, Head, Kind, ListOptions, Object, Page, PutOptions, Storage,
};

use crate::audit::{delete, made, put, verify};
use crate::modes::{jpeg, keys, run, store};

/// A thumbnail of a recipe of before.
pub(crate) async fn put_ours(store: &Arc<dyn Storage>, key: &str, body: impl Into<Bytes>) {
    let options = PutOptions {
        metadata: [("original-etag".to_owned(), "v1".to_owned())].into(),
        ..PutOptions::default()
    };
    let key = Key::new(key);
    let put = store.put(&key, body.into(), options);
    put.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_recipe_than_most_marks_name_is_not_repaired_with_by_mistake() {
    let store = made().await;
    let before = store
        .head(&Key::new("thumbnails/2024/00.jpg/512.jpg"))
        .await
        .unwrap();
    let refused = verify(&store, "--pending-minutes 0 --repair --quality 50").await;
    assert_eq!(refused.code, 2);
    assert_eq!(refused.summary.found.of(State::Stale), 12);
    let why = refused.summary.ended_early.unwrap();
    assert!(
        why.starts_with("12 of 12 thumbnail sets were made by other recipes, most often ")
            && why.contains("--recipe-changed"),
        "{why}"
    );
    let after = store
        .head(&Key::new("thumbnails/2024/00.jpg/512.jpg"))
        .await
        .unwrap();
    assert_eq!(before, after);
    // Fast audits do not see it, but do not repair with it either.
    delete(&store, "thumbnails/2024/01.jpg/16.jpg").await;
    let fast = verify(&store, "--pending-minutes 0 --fast --repair --quality 50").await;
    assert_eq!((fast.code, fast.summary.found.of(State::Stale)), (2, 0));

    let args = "--pending-minutes 0 --repair --quality 50 --recipe-changed --accept failed";
    let mended = verify(&store, args).await;
    assert_eq!((mended.code, mended.summary.well), (0, true));
    assert_eq!(
        mended.summary.repair.unwrap().replayed,
        13,
        "the record's recipe is another, too"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_recipe_is_seen_wherever_its_mark_is() {
    let folder = tempfile::tempdir().unwrap();
    let recipes = |formats: &str| {
        let path = folder.path().join(format!("{}.toml", formats.len()));
        let text = format!("[[recipe]]\nname = 'a'\nmatch = '**'\nformats = [{formats}]\n");
        std::fs::write(&path, text).unwrap();
        format!("--recipes {}", path.display())
    };
    for (made, seen, fast) in [
        // Where nothing seems wrong to a fast audit, nothing is repaired either.
        ("", "--sizes 16,32".to_owned(), false),
        ("", "--sizes 16,32,64,128,256,512,1024".to_owned(), true),
        ("", recipes("'png'"), true),
        ("", recipes("'png', 'jpeg'"), true),
        (
            "--output-key flat",
            "--output-key flat --sizes 16,32".to_owned(),
            false,
        ),
        (
            "--output-key flat",
            "--output-key flat --sizes 16,512,1024".to_owned(),
            false,
        ),
    ] {
        let store = store().await;
        run(&store, &format!("--mode parallel {made}"))
            .await
            .unwrap();
        let before = keys(&store, "thumbnails/").await;
        for fast in ["", "--fast"].into_iter().take(1 + usize::from(fast)) {
            let args = format!("--pending-minutes 0 --repair {fast} {seen}");
            let refused = verify(&store, &args).await;
            let why = refused.summary.ended_early.unwrap_or_default();
            assert!(
                why.starts_with("12 of 12 thumbnail sets were made by"),
                "{args}: {why}"
            );
            assert_eq!(refused.code, 2, "{args}");
        }
        assert_eq!(keys(&store, "thumbnails/").await, before, "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_recipes_of_which_none_has_most_marks_are_not_repaired_with_by_mistake() {
    let store = store().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recipes.toml");
    let rules = [
        ("2024/{00,01,02,03}.jpg", 50),
        ("2024/{04,05,06,07}.jpg", 60),
        ("**", 70),
    ];
    let rules = rules.map(|(pattern, quality)| {
        format!("[[recipe]]\nname = '{quality}'\nmatch = '{pattern}'\nquality.jpeg = {quality}\n")
    });
    std::fs::write(&path, rules.concat()).unwrap();
    let theirs = format!("--recipes {}", path.display());
    run(&store, &format!("--mode parallel {theirs}"))
        .await
        .unwrap();
    let args = "--pending-minutes 0 --repair --accept failed";
    let refused = verify(&store, args).await;
    let why = refused.summary.ended_early.unwrap_or_default();
    let begin = "12 of 12 thumbnail sets were made by other recipes, most often ";
    assert!(why.starts_with(begin), "{why}");
    let each: Vec<_> = refused.summary.other_recipes.values().copied().collect();
    assert_eq!((refused.code, each), (2, vec![4, 4, 4]));
    assert_eq!(verify(&store, &format!("{args} {theirs}")).await.code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_among_thumbnails_and_is_not_ours_stays_and_is_told() {
    let store = made().await;
    put_ours(&store, "thumbnails/2024/07.jpg/1024.jpg", "old").await;
    let others = ["07", "08"].map(|n| format!("thumbnails/2024/{n}.jpg/2048.jpg"));
    for other in &others {
        put(&store, other, "by someone else").await;
    }
    let args = "--pending-minutes 0 --repair --remove-obsolete --accept failed";
    let cleaned = verify(&store, args).await;
    let obsolete = &cleaned.found["images/2024/07.jpg"];
    let foreign = &cleaned.found["images/2024/08.jpg"];
    assert_eq!(
        (obsolete.state, foreign.state),
        (State::Obsolete, State::Foreign)
    );
    assert_eq!(obsolete.keys, [Key::new("thumbnails/2024/07.jpg/1024.jpg")]);
    assert_eq!(foreign.keys, [Key::new(others[1].as_str())]);
    let told = "1 beside them not made by this service, left as they are";
    assert_eq!(foreign.message.as_deref(), Some(told));
    assert_eq!(
        cleaned.mended["images/2024/07.jpg"].state,
        State::Foreign,
        "what is left there"
    );
    assert_eq!(
        (cleaned.code, cleaned.summary.repair.unwrap().removed),
        (1, 1)
    );
    let standing = keys(&store, "thumbnails/").await;
    assert!(others.iter().all(|other| standing.contains(other)));
    assert_eq!(standing.len(), 12 * 6 + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_obsolete_thumbnails_than_are_kept_by_name_are_not_forgotten() {
    let store = made().await;
    for size in 1000..1150 {
        let key = format!("thumbnails/2024/07.jpg/{size}.jpg");
        put_ours(&store, &key, "old").await;
    }
    let args = "--pending-minutes 0 --repair --remove-obsolete --accept failed";
    let begun = verify(&store, args).await;
    let found = &begun.found["images/2024/07.jpg"];
    assert_eq!(
        (found.state, found.keys.len(), found.unnamed),
        (State::Obsolete, 100, 50)
    );
    let told = "100 no longer planned; 50 more were not looked at";
    assert_eq!(found.message.as_deref(), Some(told));
    assert_eq!(begun.mended["images/2024/07.jpg"].state, State::Obsolete);
    assert_eq!(
        (begun.code, begun.summary.repair.unwrap().removed),
        (1, 100)
    );
    let done = verify(&store, args).await;
    assert_eq!((done.code, done.summary.repair.unwrap().removed), (0, 50));
    assert_eq!(keys(&store, "thumbnails/").await.len(), 12 * 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_originals_set_says_nothing_of_the_recipe() {
    let store = store().await;
    // Another deployment in the bucket, whose thumbnails have the same keys.
    for n in 0..12 {
        let key = format!("avatars/2024/{n:02}.jpg");
        put(&store, &key, jpeg(100 + n)).await;
    }
    let theirs = "--mode parallel --output-key flat --source-prefix avatars/ --quality 50";
    run(&store, theirs).await.unwrap();
    run(&store, "--mode parallel --output-key flat")
        .await
        .unwrap();
    put(&store, "images/late.jpg", jpeg(99)).await;
    let args = "--output-key flat --pending-minutes 0 --repair --accept failed";
    let mended = verify(&store, args).await;
    let collided = &mended.found["images/2024/07.jpg"];
    assert_eq!(
        (collided.state, collided.reason),
        (State::Failed, Some(Reason::Collision))
    );
    assert_eq!(mended.summary.ended_early, None);
    assert_eq!((mended.code, mended.summary.marks), (0, 0));
    assert_eq!(mended.mended["images/late.jpg"].state, State::Ok);

    // When the other's thumbnails are gone, the collision is over, and the repair makes these.
    for key in keys(&store, "thumbnails/2024/07").await {
        store.delete(&Key::new(key)).await.unwrap();
    }
    let text = run(&store, "explain --output-key flat images/2024/07.jpg").await;
    let (code, text) = text.unwrap();
    assert!(
        code == 1 && text.contains("collision that its record tells is over"),
        "{text}"
    );
    assert!(text.contains("backfill verify --repair"), "{text}");
    let mended = verify(&store, args).await;
    assert_eq!(mended.found["images/2024/07.jpg"].state, State::Missing);
    assert_eq!(mended.mended["images/2024/07.jpg"].state, State::Ok);
}

/// A store that shows no one what is under one key.
#[derive(Debug)]
struct Hiding(Arc<dyn Storage>, Key);

#[async_trait::async_trait]
impl Storage for Hiding {
    async fn get(&self, key: &Key, options: GetOptions) -> Result<Object, storage::Error> {
        self.0.get(key, options).await
    }
    async fn head(&self, key: &Key) -> Result<Head, storage::Error> {
        if *key == self.1 {
            return Err(storage::Error::new(Kind::AccessDenied, "HeadObject"));
        }
        self.0.head(key).await
    }
    async fn put(
        &self,
        key: &Key,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ETag, storage::Error> {
        self.0.put(key, body, options).await
    }
    async fn delete(&self, key: &Key) -> Result<(), storage::Error> {
        self.0.delete(key).await
    }
    async fn list(&self, options: ListOptions) -> Result<Page, storage::Error> {
        self.0.list(options).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_among_thumbnails_and_is_shown_to_no_one_ends_no_audit() {
    let store = made().await;
    let hidden = "thumbnails/2024/08.jpg/2048.jpg";
    put(&store, hidden, "by someone else").await;
    let store: Arc<dyn Storage> = Arc::new(Hiding(store, Key::new(hidden)));
    delete(&store, "thumbnails/2024/07.jpg/16.jpg").await;
    let args = "--pending-minutes 0 --repair --remove-obsolete --accept failed";
    let mended = verify(&store, args).await;
    let foreign = &mended.found["images/2024/08.jpg"];
    assert_eq!(
        (foreign.state, &foreign.keys[..]),
        (State::Foreign, &[Key::new(hidden)][..])
    );
    assert_eq!(mended.mended["images/2024/07.jpg"].state, State::Ok);
    assert!(
        keys(&store, "thumbnails/")
            .await
            .iter()
            .any(|key| key == hidden)
    );
}
