//! Several recipes and formats, and the headers that thumbnails carry.

use std::sync::Arc;

use cos_thumbnails::events::BACKFILL_RUN;
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::{Ignored, Reason, Verdict};
use cos_thumbnails::plan::{MAX_OUTPUTS, Recipe, Recipes, Rule, version};
use cos_thumbnails::storage::{GetOptions, MAX_METADATA_BYTES, Storage};
use cos_thumbnails::thumbnail::{Fit, Limits, OutputFormat};
use cos_thumbnails::thumbnailer::Mark;
use dataset::golden::hostile;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use moxcms::ColorProfile;

use super::hooked::Hooked;
use super::{event, keys, over_with, picture, policy_with, put};

fn two_recipes() -> Recipes {
    let faces = Recipe::standard()
        .with_sizes(&[40, 200])
        .and_then(|recipe| recipe.with_formats(&[OutputFormat::Png, OutputFormat::Jpeg]))
        .unwrap()
        .with_fit(Fit::Cover);
    let others = Recipe::standard().with_sizes(&[50]).unwrap();
    let rule =
        |name, pattern: &str, recipe| Rule::new(name, Some(pattern.parse().unwrap()), recipe);
    Recipes::new(vec![
        rule("faces", "people/**", faces),
        rule("others", "*.png", others),
    ])
    .unwrap()
}

#[tokio::test]
async fn each_original_is_made_by_the_first_recipe_that_matches() {
    let store = Arc::new(Hooked::default());
    let recipes = two_recipes();
    let fingerprints =
        ["people/a.png", "b.png"].map(|path| recipes.of(path).unwrap().recipe().fingerprint());
    let flow = over_with(&store, policy_with(recipes.clone()));
    for key in ["images/people/a.png", "images/b.png", "images/c.gif"] {
        put(&*store, key, picture(200)).await;
    }
    for (key, fingerprint) in ["images/people/a.png", "images/b.png"]
        .into_iter()
        .zip(fingerprints)
    {
        for verdict in [Verdict::Made, Verdict::Duplicate] {
            let outcome = flow.handle(&event(key)).await.unwrap();
            assert_eq!((outcome.verdict, outcome.reason), (verdict, None));
            assert_eq!(outcome.recipe, fingerprint);
        }
    }
    let calls = store.calls();
    let skipped = flow.handle(&event("images/c.gif")).await.unwrap();
    assert_eq!(
        (skipped.verdict, skipped.reason),
        (Verdict::Skipped, Some(Reason::NoRecipe))
    );
    assert_eq!(skipped.recipe, recipes.fingerprint());
    assert_eq!(store.calls(), calls, "no call to the store");

    let standing = keys(&*store).await;
    let thumbnails: Vec<_> = standing
        .iter()
        .filter_map(|key| key.strip_prefix("thumbnails/"))
        .collect();
    assert_eq!(
        thumbnails,
        [
            "b.png/50.jpg",
            "people/a.png/200.jpg",
            "people/a.png/200.png",
            "people/a.png/40.jpg",
            "people/a.png/40.png",
        ]
    );
    for (name, size) in [("200.png", (200, 200)), ("40.jpg", (40, 40))] {
        let key = Key::new(format!("thumbnails/people/a.png/{name}"));
        let object = store.get(&key, GetOptions::default()).await.unwrap();
        let shown = image::load_from_memory(&object.body).unwrap();
        assert_eq!((shown.width(), shown.height()), size, "the box is covered");
    }
}

#[tokio::test]
async fn every_thumbnail_says_what_it_is() {
    let store = Arc::new(Hooked::default());
    let recipe = Recipe::standard()
        .with_sizes(&[40, 200])
        .and_then(|recipe| recipe.with_formats(OutputFormat::ALL))
        .unwrap()
        .with_fit(Fit::Cover);
    let policy = policy_with(recipe).with_cache_control("private, max-age=60");
    let original = put(&*store, "images/people/a.png", picture(200)).await;
    let flow = over_with(&store, policy);
    flow.handle(&event("images/people/a.png")).await.unwrap();
    let kinds = [
        ("jpg", "image/jpeg"),
        ("png", "image/png"),
        #[cfg(feature = "webp")]
        ("webp", "image/webp"),
    ];
    let outputs = ["40", "200"].map(|side| kinds.map(|kind| (side, kind)));
    for (side, (extension, media_type)) in outputs.concat() {
        let name = format!("{side}.{extension}");
        let key = Key::new(format!("thumbnails/people/a.png/{name}"));
        let head = store.head(&key).await.unwrap();
        assert_eq!(head.content_type.as_deref(), Some(media_type));
        let object = store.get(&key, GetOptions::default()).await.unwrap();
        let is = image::guess_format(&object.body).unwrap().to_mime_type();
        assert_eq!(is, media_type, "{name} is what it says");
        for (field, value) in [
            ("original-etag", original.as_str()),
            ("width", side),
            ("height", side),
            ("version", &version()),
        ] {
            let found = head.metadata.get(field).map(String::as_str);
            assert_eq!(found, Some(value), "{field} of {name}");
        }
        assert_eq!(
            Mark::from_metadata(&head.metadata).is_some(),
            name == "200.jpg",
            "the mark is the largest size in the first format"
        );
        let written = store.put_options(&key).unwrap();
        assert_eq!(
            written.cache_control.as_deref(),
            Some("private, max-age=60")
        );
    }
}

#[tokio::test]
async fn the_largest_recipe_has_room_for_its_mark() {
    let store = Arc::new(Hooked::default());
    let half = u32::try_from(MAX_OUTPUTS / 2).unwrap();
    let sizes: Vec<u32> = (4096 - half + 1..=4096).collect();
    let recipe = Recipe::standard()
        .with_sizes(&sizes)
        .and_then(|recipe| recipe.with_formats(&[OutputFormat::Png, OutputFormat::Jpeg]))
        .unwrap();
    put(&*store, "images/a.png", picture(200)).await;
    let flow = over_with(&store, policy_with(recipe));
    // Whatever a backfill calls its run.
    let run = format!("ü {}", "x".repeat(100_000));
    let replayed = event("images/a.png").with_extension(BACKFILL_RUN, run);
    let outcome = flow.handle(&replayed).await.unwrap();
    assert_eq!(outcome.thumbnails.len(), MAX_OUTPUTS);
    let mark = &outcome.thumbnails.last().unwrap().key;
    let head = store.head(mark).await.unwrap();
    let bytes: usize = head.metadata.iter().map(|(n, v)| n.len() + v.len()).sum();
    // The tags of some stores and of originals in parts are some bytes longer.
    assert!(bytes + 100 <= MAX_METADATA_BYTES, "{bytes}");
    let again = flow.handle(&replayed).await.unwrap();
    assert_eq!(again.verdict, Verdict::Duplicate, "the run is known again");
}

#[tokio::test]
async fn case_9_metadata_that_is_too_long_is_left_out_and_told() {
    let store = Arc::new(Hooked::default());
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    // Turned by a quarter.
    let block = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    encoder.set_exif_metadata(block.to_vec()).unwrap();
    encoder
        .write_image(&[7; 24], 4, 2, ExtendedColorType::Rgb8)
        .unwrap();
    put(&*store, "images/a.png", file).await;
    let length = u32::try_from(block.len()).unwrap();
    for (max_exif_bytes, ignored, width) in [
        (length, Vec::new(), 2),
        (length - 1, vec![Ignored::ExifTooLong], 4),
    ] {
        let limits = Limits {
            max_exif_bytes,
            ..Limits::default()
        };
        let policy = policy_with(Recipe::standard()).with_limits(limits);
        let backfill =
            event("images/a.png").with_extension(BACKFILL_RUN, max_exif_bytes.to_string());
        let outcome = over_with(&store, policy).handle(&backfill).await.unwrap();
        assert_eq!((outcome.verdict, outcome.ignored), (Verdict::Made, ignored));
        assert_eq!(outcome.original.unwrap().width, width);
    }
    assert_eq!(Ignored::ExifTooLong.to_string(), "exif_too_long");

    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    let length = u32::try_from(profile.len()).unwrap();
    encoder.set_icc_profile(profile).unwrap();
    encoder
        .write_image(&[7; 24], 4, 2, ExtendedColorType::Rgb8)
        .unwrap();
    put(&*store, "images/b.png", file).await;
    for (max_icc_bytes, ignored) in [
        (length, Vec::new()),
        (length - 1, vec![Ignored::IccTooLong]),
    ] {
        let limits = Limits {
            max_icc_bytes,
            ..Limits::default()
        };
        let policy = policy_with(Recipe::standard()).with_limits(limits);
        let backfill =
            event("images/b.png").with_extension(BACKFILL_RUN, max_icc_bytes.to_string());
        let outcome = over_with(&store, policy).handle(&backfill).await.unwrap();
        assert_eq!((outcome.verdict, outcome.ignored), (Verdict::Made, ignored));
    }
    assert_eq!(Ignored::IccTooLong.to_string(), "icc_too_long");
}

#[tokio::test]
async fn case_7_each_limit_has_a_reason_of_its_own() {
    let store = Arc::new(Hooked::default());
    let scans = hostile()
        .into_iter()
        .find(|file| file.name == "jpeg-3000-scans");
    put(&*store, "images/scans.jpg", scans.unwrap().bytes).await;
    // 600 x 300 pixels.
    put(&*store, "images/a.png", picture(200)).await;
    let limits = Limits::default();
    let (fewer, shorter, less) = (
        Limits {
            max_pixels: 600 * 300 - 1,
            ..limits
        },
        Limits {
            max_side: 599,
            ..limits
        },
        Limits {
            max_decoded_bytes: 600 * 300 * 3,
            ..limits
        },
    );
    for (key, limits, reason, code) in [
        (
            "images/a.png",
            fewer,
            Reason::TooManyPixels,
            "too_many_pixels",
        ),
        (
            "images/a.png",
            shorter,
            Reason::SideTooLong,
            "side_too_long",
        ),
        (
            "images/a.png",
            less,
            Reason::TooMuchMemory,
            "too_much_memory",
        ),
        (
            "images/scans.jpg",
            limits,
            Reason::TooManyScans,
            "too_many_scans",
        ),
    ] {
        let policy = policy_with(Recipe::standard()).with_limits(limits);
        let backfill = event(key).with_extension(BACKFILL_RUN, code);
        let outcome = over_with(&store, policy).handle(&backfill).await.unwrap();
        assert_eq!(
            (outcome.verdict, outcome.reason),
            (Verdict::Rejected, Some(reason))
        );
        assert_eq!(reason.to_string(), code);
    }
}
