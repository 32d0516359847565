use proptest::prelude::*;

use super::*;
use crate::events::Operation;
use crate::object::ObjectId;
use crate::thumbnail::{ChromaSubsampling, Effort, Fit, OutputFormat};

/// The default recipe's, for the present renderer: 5.
const FINGERPRINT: &str = "e6b05b0cc9158381";

fn policy() -> Policy {
    Policy::new(
        Bucket::new("b"),
        "images/",
        "thumbnails/",
        Recipe::standard(),
    )
    .unwrap()
}

fn change(key: &str) -> Change {
    Change {
        operation: Operation::Write,
        object: ObjectId {
            bucket: Bucket::new("b"),
            key: Key::new(key),
        },
        etag: None,
        length: None,
        content_type: None,
        endpoint: String::new(),
    }
}

fn keys(template: &str, path: &str) -> Vec<String> {
    let recipe = Recipe::standard()
        .with_output_key(template.parse().unwrap())
        .unwrap();
    let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipe).unwrap();
    match policy.decide(&change(&format!("images/{path}"))) {
        Decision::Make(plan) => plan
            .outputs
            .iter()
            .map(|output| output.key.as_str().to_owned())
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn presets_give_the_documented_keys() {
    assert_eq!(
        keys("default", "2024/cat.jpg")[4],
        "thumbnails/2024/cat.jpg/256.jpg"
    );
    assert_eq!(
        keys("flat", "2024/cat.jpg")[4],
        "thumbnails/2024/cat_256x256.jpg"
    );
    assert_eq!(keys("flat", ".hidden")[0], "thumbnails/.hidden_16x16.jpg");
    assert_eq!(
        keys("paper", "2024/cat.jpg")[0],
        "thumbnails/cat.jpg.thumbnail(16, 16).jpg"
    );
}

#[test]
fn the_mark_is_the_largest_size() {
    let recipe = Recipe::standard().with_sizes(&[300, 20, 300]).unwrap();
    let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipe).unwrap();
    let Decision::Make(plan) = policy.decide(&change("images/a")) else {
        panic!()
    };
    let (mark, siblings) = plan.mark_and_siblings();
    assert_eq!((mark.size, siblings.len()), (300, 1));
}

#[test]
fn the_mark_is_in_the_first_format() {
    let formats = [OutputFormat::Png, OutputFormat::Jpeg];
    let recipe = Recipe::standard().with_sizes(&[20, 300]).unwrap();
    let recipe = recipe.with_formats(&formats).unwrap();
    let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipe).unwrap();
    let Decision::Make(plan) = policy.decide(&change("images/a")) else {
        panic!()
    };
    let keys: Vec<_> = plan.outputs.iter().map(|o| o.key.as_str()).collect();
    assert_eq!(
        keys,
        ["20.jpg", "20.png", "300.jpg", "300.png"].map(|name| format!("thumbnails/a/{name}"))
    );
}

#[test]
fn recipes_that_cannot_be_are_refused() {
    let standard = Recipe::standard;
    let (jpeg, png) = (OutputFormat::Jpeg, OutputFormat::Png);
    let many: Vec<u32> = (1..=48).collect();
    let many = standard().with_sizes(&many).unwrap();
    let no_ext = standard().with_output_key("{path}{size}".parse().unwrap());
    for (recipe, expected) in [
        (standard().with_sizes(&[]), RecipeError::NoSize),
        (standard().with_sizes(&[0]), RecipeError::Size(0)),
        (standard().with_sizes(&[4097]), RecipeError::Size(4097)),
        (
            many.clone().with_formats(&[jpeg, png]),
            RecipeError::TooManyOutputs(96),
        ),
        (standard().with_formats(&[]), RecipeError::NoFormat),
        (
            standard().with_formats(&[png, png]),
            RecipeError::FormatTwice(png),
        ),
        (standard().with_quality(0), RecipeError::Quality(0)),
        (
            standard().with_quality_of(jpeg, 101),
            RecipeError::Quality(101),
        ),
        (
            standard().with_quality_of(png, 80),
            RecipeError::NoQuality(png),
        ),
        (
            no_ext.and_then(|recipe| recipe.with_formats(&[jpeg, png])),
            RecipeError::NoExtension,
        ),
    ] {
        assert_eq!(recipe, Err(expected));
    }
    let both = standard().with_formats(&[png, jpeg]).unwrap();
    let both = both.with_quality_of(jpeg, 30).unwrap();
    let qualities: Vec<_> = both.encodings().iter().map(|e| e.quality).collect();
    assert_eq!(qualities, [80, 30]);
    assert_eq!(
        both.with_formats(&[jpeg]).unwrap().encodings()[0].quality,
        30
    );
}

fn rule(name: &str, pattern: &str, recipe: Recipe) -> Rule {
    Rule::new(name, Some(pattern.parse().unwrap()), recipe)
}

#[test]
fn the_first_recipe_that_matches_is_taken_and_none_is_a_reason() {
    let small = Recipe::standard().with_sizes(&[8]).unwrap();
    let large = Recipe::standard().with_sizes(&[9]).unwrap();
    let rules = vec![
        rule("small", "people/**", small.clone()),
        rule("large", "**/*.{png,jpg}", large.clone()),
    ];
    let recipes = Recipes::new(rules).unwrap();
    assert_ne!(recipes.fingerprint(), small.fingerprint());
    let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipes).unwrap();
    for (path, expected) in [
        ("people/a.png", Some(&small)),
        ("people/x/y.gif", Some(&small)),
        ("a.png", Some(&large)),
        ("a/b//c.jpg", Some(&large)),
        ("a\n.png", Some(&large)),
        ("../é.png", Some(&large)),
        ("people", None),
        ("A.PNG", None),
    ] {
        let found = match policy.decide(&change(&format!("images/{path}"))) {
            Decision::Make(plan) => Some(plan.recipe),
            Decision::Skip(Reason::NoRecipe) => None,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(found.as_deref(), expected, "{path:?}");
    }
}

#[test]
fn recipes_by_which_one_original_could_overwrite_anothers_thumbnails_are_refused() {
    let with = |sizes: &[u32], key: &str| {
        let recipe = Recipe::standard().with_sizes(sizes).unwrap();
        recipe.with_output_key(key.parse().unwrap()).unwrap()
    };
    let build = |first: Recipe, second: Recipe| {
        Recipes::new(vec![rule("a", "*.a", first), rule("b", "*.b", second)])
    };
    let apart = "{path}/{size}.{ext}";
    for (first, second) in [
        (with(&[8], apart), with(&[8, 9], apart)),
        (
            with(&[8], "x/{dir}{name}/{size}"),
            with(&[9], "x/{dir}{name}/{size}"),
        ),
        (with(&[8], "a/{path}{size}"), with(&[9], "b/{stem}{size}")),
        // As one recipe alone: the marks meet and tell the originals apart.
        (
            with(&[8, 9], "flat"),
            with(&[9, 8], "flat").with_quality(9).unwrap(),
        ),
    ] {
        assert!(
            build(first.clone(), second.clone()).is_ok(),
            "{first:?} {second:?}"
        );
    }
    let overlap = RecipesError::Overlap("a".into(), "b".into());
    for (first, second) in [
        (with(&[8], "flat"), with(&[8, 9], "flat")),
        (with(&[8], apart), with(&[8], "x/{path}/{size}.{ext}")),
        (with(&[8], "x{path}/{size}"), with(&[8], "xy{path}/{size}")),
        (with(&[8], "{path}/x/{size}"), with(&[9], "{path}/x/{size}")),
        (
            with(&[8], "{path}/{name}{size}"),
            with(&[9], "{path}/{name}{size}"),
        ),
    ] {
        assert_eq!(build(first, second), Err(overlap.clone()));
    }
    let twice = vec![
        rule("a", "*", with(&[8], apart)),
        rule("a", "**", with(&[8], apart)),
    ];
    assert_eq!(
        Recipes::new(twice),
        Err(RecipesError::NameTwice("a".into()))
    );
    assert_eq!(Recipes::new(Vec::new()), Err(RecipesError::None));
}

#[test]
fn templates_that_lose_a_size_or_a_name_are_refused() {
    let parse = |text: &str| text.parse::<OutputKey>().unwrap_err();
    assert_eq!(parse("{path}.jpg"), TemplateError::NoSize);
    assert_eq!(parse("{dir}{size}"), TemplateError::NoName);
    assert_eq!(
        parse("{path}{size}{width}"),
        TemplateError::UnknownField("width".into())
    );
    assert_eq!(parse("{path}{size"), TemplateError::Unbalanced);
    assert_eq!(parse("{path}}{size}"), TemplateError::Unbalanced);
}

#[test]
fn a_policy_whose_outputs_could_be_inputs_cannot_be_built() {
    let build = |source: &str, output: &str| {
        Policy::new(Bucket::new("b"), source, output, Recipe::standard())
    };
    for (source, output) in [
        ("images/", "images/"),
        ("images/", "images/small/"),
        ("images/large/", "images/"),
        ("", "thumbnails/"),
        ("images/", ""),
        ("images/", "im"),
        ("failures/", "thumbnails/"),
        ("images/", "failures/thumbnails/"),
    ] {
        assert!(build(source, output).is_err(), "{source:?} -> {output:?}");
    }
    assert!(build("images/", "images-small/").is_ok());
}

#[test]
fn failure_records_go_where_they_are_told_and_nothing_else_can_be_there() {
    let build = |source: &str, thumbnails: &str, failures: &str| {
        let outputs = OutputPrefixes {
            thumbnails: thumbnails.to_owned(),
            failures: failures.to_owned(),
        };
        Policy::new(Bucket::new("b"), source, outputs, Recipe::standard())
    };
    for (thumbnails, failures) in [
        ("thumbnails/", "images/bad/"),
        ("thumbnails/", "thumbnails/bad/"),
        ("bad/thumbnails/", "bad/"),
        ("thumbnails/", ""),
    ] {
        let refused = build("images/", thumbnails, failures).unwrap_err();
        assert!(refused.to_string().contains("FAILURE_PREFIX"), "{refused}");
    }
    // Where they are by default is anyone's then.
    let policy = build("failures/", "thumbnails/", "bad/").unwrap();
    let Decision::Make(plan) = policy.decide(&change("failures/a.jpg")) else {
        panic!("an original")
    };
    assert_eq!(plan.failure, Key::new("bad/a.jpg"));
    assert_eq!(policy.original_of(&plan.failure), Some(plan.original));
    assert_eq!(
        policy.decide(&change("bad/a.jpg")),
        Decision::Skip(Reason::OwnOutput)
    );
}

#[test]
fn what_is_not_ours_is_skipped_or_refused() {
    let policy = policy();
    let decide = |change: &Change| policy.decide(change);
    assert_eq!(
        decide(&change("other/a.jpg")),
        Decision::Skip(Reason::OutsidePrefix)
    );
    assert_eq!(
        decide(&change("thumbnails/a.jpg/16.jpg")),
        Decision::Skip(Reason::OwnOutput)
    );
    assert_eq!(
        decide(&change("failures/a.jpg")),
        Decision::Skip(Reason::OwnOutput)
    );
    assert_eq!(
        decide(&change("images/")),
        Decision::Skip(Reason::FolderPlaceholder)
    );
    let folder = Change {
        length: Some(0),
        ..change("images/2024/")
    };
    assert_eq!(decide(&folder), Decision::Skip(Reason::FolderPlaceholder));
    let long = format!("images/{}", "k".repeat(1017));
    assert_eq!(decide(&change(&long)), Decision::Reject(Reason::KeyTooLong));
    let endpoint = Change {
        endpoint: "http://127.0.0.1:1".into(),
        ..change("images/a")
    };
    assert_eq!(decide(&endpoint), Decision::Refuse(Foreign::Endpoint));
    let mut foreign = change("images/a");
    foreign.object.bucket = Bucket::new("c");
    assert_eq!(
        decide(&foreign),
        Decision::Refuse(Foreign::Bucket(Bucket::new("c")))
    );
}

#[test]
fn a_fingerprint_follows_everything_that_changes_the_output() {
    let standard = Recipe::standard();
    let both = |formats: &[_]| Recipe::standard().with_formats(formats).unwrap();
    let others = [
        Recipe::paper(),
        standard.clone().with_quality(81).unwrap(),
        standard.clone().with_sizes(&[16]).unwrap(),
        standard.clone().with_effort(Effort::Fast),
        standard
            .clone()
            .with_output_key("flat".parse().unwrap())
            .unwrap(),
        standard.clone().with_fit(Fit::Cover),
        standard.clone().with_copyright_kept(true),
        standard.clone().with_chroma(ChromaSubsampling::Full),
        standard.clone().with_background([0; 3]),
        standard.clone().with_formats(&[OutputFormat::Png]).unwrap(),
        both(&[OutputFormat::Jpeg, OutputFormat::Png]),
        both(&[OutputFormat::Png, OutputFormat::Jpeg]),
        both(&[OutputFormat::Png, OutputFormat::Jpeg])
            .with_quality(81)
            .unwrap(),
    ];
    let all = others.iter().map(Recipe::fingerprint);
    let all: std::collections::BTreeSet<_> = all.chain([standard.fingerprint()]).collect();
    assert_eq!(all.len(), others.len() + 1);
    // As it was before there was a choice of formats: sets that stand are not made anew.
    assert_eq!(standard.fingerprint(), FINGERPRINT);
}

proptest! {
    #[test]
    fn no_output_is_ever_an_input(
        source in "[a-c/]{0,4}",
        output in "[a-c/]{0,4}",
        path in "[a-c/. ]{1,12}",
        preset in prop::sample::select(vec!["default", "flat", "paper"]),
    ) {
        let recipe = Recipe::standard().with_output_key(preset.parse().unwrap()).unwrap();
        if let Ok(policy) = Policy::new(Bucket::new("b"), &*source, &*output, recipe)
            && let Decision::Make(plan) = policy.decide(&change(&format!("{source}{path}")))
        {
            for output in &plan.outputs {
                prop_assert_eq!(
                    policy.decide(&change(output.key.as_str())),
                    Decision::Skip(Reason::OwnOutput)
                );
            }
        }
    }

    #[test]
    fn the_default_template_gives_every_original_its_own_keys(
        first in "[a./0-9]{1,10}", second in "[a./0-9]{1,10}",
    ) {
        prop_assume!(first != second);
        let (first, second) = (keys("default", &first), keys("default", &second));
        prop_assert!(first.iter().all(|key| !second.contains(key)));
    }
}
