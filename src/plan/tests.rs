use proptest::prelude::*;

use super::*;
use crate::events::Operation;
use crate::object::ObjectId;
use crate::thumbnail::Effort;

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
    let recipe = Recipe::standard().with_output_key(template.parse().unwrap());
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
    let others = [
        Recipe::paper(),
        standard.clone().with_quality(81).unwrap(),
        standard.clone().with_sizes(&[16]).unwrap(),
        standard.clone().with_effort(Effort::Fast),
        standard.clone().with_output_key("flat".parse().unwrap()),
    ];
    assert_eq!(standard.fingerprint(), Recipe::standard().fingerprint());
    for other in others {
        assert_ne!(standard.fingerprint(), other.fingerprint());
    }
}

proptest! {
    #[test]
    fn no_output_is_ever_an_input(
        source in "[a-c/]{0,4}",
        output in "[a-c/]{0,4}",
        path in "[a-c/. ]{1,12}",
        preset in prop::sample::select(vec!["default", "flat", "paper"]),
    ) {
        let recipe = Recipe::standard().with_output_key(preset.parse().unwrap());
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
