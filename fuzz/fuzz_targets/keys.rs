//! Any text as a policy and a key: prefixes, a template and a key, one a line.
//!
//! What must hold: no key that is written is ever one that is read, whatever the policy; every planned
//! key is there once; and by the default template no two originals share one.
#![no_main]
#![allow(dead_code, unused_imports)]

use std::collections::HashSet;

use events::{Change, Operation};
use library::{events, object, outcome, plan, thumbnail};
use object::{Bucket, Key, ObjectId};
use outcome::Reason;
use plan::{Decision, OutputKey, Plan, Policy, Recipe};

#[path = "../../src"]
mod library {
    pub(crate) mod events;
    pub(crate) mod object;
    pub(crate) mod outcome;
    pub(crate) mod plan;
    pub(crate) mod thumbnail;
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.splitn(5, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (source, output, template, key, other) = (next(), next(), next(), next(), next());
    let Ok(template) = template.parse::<OutputKey>() else {
        return;
    };
    let is_default = template == OutputKey::standard();
    let Ok(recipe) = Recipe::standard().with_output_key(template) else {
        return;
    };
    let Ok(policy) = Policy::new(Bucket::new("b"), source, output, recipe) else {
        return;
    };
    let Some(plan) = planned(&policy, source, key) else {
        return;
    };
    let mut seen = HashSet::new();
    for written in keys(&plan) {
        assert!(seen.insert(written.clone()), "{written} twice");
        let decision = policy.decide(&change(&written));
        assert_eq!(decision, Decision::Skip(Reason::OwnOutput), "{written}");
    }
    if is_default
        && key != other
        && let Some(others) = planned(&policy, source, other)
    {
        assert!(keys(&others).all(|written| !seen.contains(&written)), "a shared key");
    }
});

fn planned(policy: &Policy, source: &str, key: &str) -> Option<Plan> {
    match policy.decide(&change(&format!("{source}{key}"))) {
        Decision::Make(plan) => Some(plan),
        _ => None,
    }
}

fn keys(plan: &Plan) -> impl Iterator<Item = String> + '_ {
    let outputs = plan.outputs.iter().map(|output| &output.key);
    outputs.chain([&plan.failure]).map(|key| key.as_str().to_owned())
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
