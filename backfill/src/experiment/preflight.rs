//! What has to be so before anything is sent.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use chrono::Utc;
use cos_thumbnails::config::{FAILURE_PREFIX, OUTPUT_PREFIX};
use cos_thumbnails::plan::{Decision, OutputPrefixes, Policy, Recipe};
use cos_thumbnails::process;
use cos_thumbnails::storage::Storage;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::Error;
use crate::args::{Settings, Way, default_in_flight};
use crate::cli;
use crate::filter::Filter;
use crate::journal::Environment;
use crate::originals::{Original, originals};
use crate::record::experiment::{DataSet, Design, Experiment, Function};
use crate::record::{Mode, build};
use crate::replay::run_id;

/// All that samples are taken from.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) experiment: Experiment,
    pub(super) policy: Policy,
    /// As many originals as the greatest count.
    pub(super) originals: Vec<Original>,
}

/// Looks at settings, bucket and function, and writes nothing.
pub(super) async fn prepare(
    settings: &Settings,
    design: Design,
    store: &Arc<dyn Storage>,
) -> Result<Prepared, cli::Error> {
    let policy = policy(&settings.config.policy, &design)?;
    let function = match (&settings.way, design.modes.contains(&Mode::FanOut)) {
        (_, false) => None,
        (
            Way::FanOut {
                function: Some(url),
                ..
            },
            true,
        ) => {
            let version = cli::function(settings)?.version().await;
            let version = version.map_err(Error::Function)?;
            let ours = policy.recipes().fingerprint();
            let its = [&version.output_prefix, &version.failure_prefix];
            let prefixes = [policy.output_prefix(), policy.failure_prefix()];
            if its.map(Option::as_deref) != prefixes.map(Some) {
                return Err(Error::FunctionPrefix {
                    thumbnails: version.output_prefix,
                    failures: version.failure_prefix,
                    ours: outputs(&design),
                }
                .into());
            }
            if version.recipes != [ours.clone()] {
                let its = version.recipes.join(", ");
                return Err(Error::FunctionRecipe { its, ours }.into());
            }
            Some(Function {
                url: url.to_string(),
                version: version.version,
                revision: version.revision,
                limits: version.limits,
            })
        }
        (_, true) => return Err(Error::NoFunction.into()),
    };
    let wanted = design.counts.iter().copied().max().unwrap_or_default();
    let listed = originals(Arc::clone(store), policy.clone(), Filter::default());
    let listed = listed.take(usize::try_from(wanted).unwrap_or(usize::MAX));
    let originals: Vec<_> = listed.map_ok(Original::new).try_collect().await?;
    let there = originals.len() as u64;
    if there < u64::from(wanted) {
        let prefix = policy.source_prefix().to_owned();
        return Err(Error::TooFew {
            wanted,
            there,
            prefix,
        }
        .into());
    }
    apart(&policy, &originals)?;
    let recipes = policy.recipes().rules().iter();
    let recipe_text = recipes.map(|rule| rule.recipe().to_string());
    let in_flight = |&mode: &Mode| {
        let given = design.in_flight.get(&mode).copied().map(usize::from);
        (mode, given.unwrap_or_else(|| default_in_flight(mode)))
    };
    let (oldest, newest) = settings.prices.dates();
    let experiment = Experiment {
        experiment: format!("{}-{}", design.name, run_id()),
        arguments: settings.given.arguments.clone(),
        variables: settings.given.variables.clone(),
        environment: Environment::here(),
        endpoint: settings.config.store.endpoint.clone(),
        recipe: policy.recipes().fingerprint(),
        recipe_text: recipe_text.collect::<Vec<_>>().join("; "),
        function,
        data_set: data_set(policy.source_prefix(), &originals),
        prices: Some(format!("{oldest} to {newest}")),
        instance: Some(settings.application.size),
        memory_bytes: process::budget_bytes(),
        in_flight: design
            .modes
            .iter()
            .map(in_flight)
            .collect::<BTreeMap<_, _>>(),
        started: Utc::now(),
        design,
    };
    Ok(Prepared {
        experiment,
        policy,
        originals,
    })
}

/// Where an experiment writes. Its failure records are beside its thumbnails, which end in `/`.
fn outputs(design: &Design) -> OutputPrefixes {
    let thumbnails = design.output_prefix.clone();
    let failures = format!("{}-failures/", thumbnails.trim_end_matches('/'));
    OutputPrefixes {
        thumbnails,
        failures,
    }
}

/// A policy of its own, which cannot touch what production wrote: where the settings have it, and where it is
/// unless the settings say otherwise.
fn policy(production: &Policy, design: &Design) -> Result<Policy, Error> {
    let ours = outputs(design);
    let standing = [
        Some(production.output_prefix()),
        Some(production.failure_prefix()),
        OUTPUT_PREFIX.default,
        FAILURE_PREFIX.default,
    ];
    for other in standing.into_iter().flatten() {
        let overlaps = |own: &String| own.starts_with(other) || other.starts_with(own.as_str());
        if overlaps(&ours.thumbnails) || overlaps(&ours.failures) {
            return Err(Error::Production {
                production: other.to_owned(),
                ours,
            });
        }
    }
    let policy = production.clone().with_outputs(ours)?;
    let recipe = design.recipe.as_deref().and_then(Recipe::named);
    Ok(match recipe {
        Some(recipe) => policy.with_recipes(recipe),
        None => policy,
    })
}

/// No two of them have the same thumbnails.
fn apart(policy: &Policy, originals: &[Original]) -> Result<(), Error> {
    let mut marks = BTreeMap::new();
    for original in originals {
        let change = original.clone().change(policy.bucket());
        let Decision::Make(plan) = policy.decide(&change) else {
            continue;
        };
        let mark = plan.mark_and_siblings().0.key.clone();
        if let Some(first) = marks.insert(mark.clone(), plan.original.clone()) {
            return Err(Error::SameKey {
                first,
                second: plan.original,
                key: mark,
            });
        }
    }
    Ok(())
}

fn data_set(prefix: &str, originals: &[Original]) -> DataSet {
    let mut hash = Sha256::new();
    for original in originals {
        let key = original.key.as_str();
        let path = key.strip_prefix(prefix).unwrap_or(key);
        let bytes = original.bytes.unwrap_or_default();
        let etag = original.etag.as_ref().map_or("", |etag| etag.as_str());
        hash.update(format!("{path}\t{bytes}\t{etag}\n"));
    }
    let hex = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    DataSet {
        pictures: originals.len() as u64,
        bytes: originals.iter().filter_map(|original| original.bytes).sum(),
        sha256: hex,
    }
}

/// What an experiment that goes on must have in common with itself.
pub(super) fn compare(before: &Experiment, now: &Experiment) -> Result<(), Error> {
    let function = |experiment: &Experiment| match &experiment.function {
        Some(function) => {
            let build = build(&function.version, function.revision.as_deref());
            format!("{build}, limits {}", function.limits)
        }
        None => "none".to_owned(),
    };
    let version = |experiment: &Experiment| experiment.environment.build();
    let data = |experiment: &Experiment| experiment.data_set.sha256.clone();
    for (what, before, now) in [
        ("recipe", before.recipe.clone(), now.recipe.clone()),
        ("data set", data(before), data(now)),
        ("store", before.endpoint.clone(), now.endpoint.clone()),
        ("function", function(before), function(now)),
        ("version of this program", version(before), version(now)),
    ] {
        if before != now {
            return Err(Error::Another { what, before, now });
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cos_thumbnails::object::{Bucket, ETag, Key};
    use serde_json::json;

    use super::*;

    fn design(output_prefix: &str) -> Design {
        let text = format!(
            "name = 'a'\nmodes = ['parallel']\ncounts = [1]\nrepetitions = 1\nrecipe = 'paper'\n\
             output_prefix = '{output_prefix}'"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn productions_prefix_is_refused_and_so_is_one_that_could_be_read_again() {
        let recipe = Recipe::standard();
        let production = Policy::new(Bucket::new("b"), "images/", "small/", recipe).unwrap();
        for output in [
            "small/",
            "small/a/",
            "thumbnails/",
            "thumbnails/x/",
            "thumb",
            "failures/",
            "f",
            "",
        ] {
            let refused = policy(&production, &design(output)).unwrap_err();
            assert!(
                matches!(refused, Error::Production { .. }),
                "{output:?}: {refused}"
            );
            assert!(refused.is_usage());
        }
        for output in ["images/", "images/a/"] {
            let refused = policy(&production, &design(output)).unwrap_err();
            assert!(matches!(refused, Error::Policy(_)), "{output:?}: {refused}");
        }
        let own = policy(&production, &design("experiments/a/")).unwrap();
        assert_eq!(own.output_prefix(), "experiments/a/");
        assert_eq!(own.failure_prefix(), "experiments/a-failures/");
        assert_eq!(own.source_prefix(), "images/");
        assert_eq!(own.recipes().fingerprint(), Recipe::paper().fingerprint());
    }

    #[test]
    fn pictures_that_would_have_the_same_thumbnails_are_refused() {
        let of = |recipe, paths: [&str; 2]| {
            let policy = Policy::new(Bucket::new("b"), "images/", "e/", recipe).unwrap();
            let originals = paths.map(|path| Original {
                key: Key::new(format!("images/{path}")),
                etag: None,
                bytes: Some(10),
            });
            apart(&policy, &originals)
        };
        let refused = of(Recipe::paper(), ["a/x.jpg", "b/x.jpg"]).unwrap_err();
        let told = refused.to_string();
        assert!(
            told.starts_with("\"images/a/x.jpg\" and \"images/b/x.jpg\" have the same thumbnails"),
            "{told}"
        );
        assert!(refused.is_usage());
        of(Recipe::paper(), ["a/x.jpg", "b/y.jpg"]).unwrap();
        of(Recipe::standard(), ["a/x.jpg", "b/x.jpg"]).unwrap();
    }

    #[test]
    fn an_experiment_that_goes_on_is_the_same_one() {
        let with = |pointer: &str, value: &str| -> Experiment {
            let mut experiment = json!({
                "experiment": "a", "arguments": [], "variables": {}, "design": design("e/"),
                "environment": {
                    "version": "1", "system": "Linux", "machine": "x86_64", "processors": 2, "memory_bytes": 1,
                },
                "endpoint": "http://127.0.0.1:9000", "recipe": "f00d", "recipe_text": "",
                "function": {"url": "http://f/", "version": "1", "revision": "a", "limits": "l"},
                "data_set": {"pictures": 1, "bytes": 1, "sha256": "00"}, "in_flight": {},
                "started": "2026-11-26T10:00:00Z",
            });
            *experiment.pointer_mut(pointer).unwrap() = value.into();
            serde_json::from_value(experiment).unwrap()
        };
        let before = with("/recipe", "f00d");
        // Another machine makes another series, which the report says.
        compare(&before, &with("/environment/machine", "aarch64")).unwrap();
        for (pointer, told) in [
            ("/recipe", "recipe"),
            ("/data_set/sha256", "data set"),
            ("/endpoint", "store"),
            ("/function/version", "function"),
            ("/function/revision", "function"),
            ("/function/limits", "function"),
            ("/environment/version", "version of this program"),
        ] {
            let refused = compare(&before, &with(pointer, "other")).unwrap_err();
            let of_that = matches!(&refused, Error::Another { what, .. } if *what == told);
            assert!(of_that, "{pointer}: {refused}");
        }
    }

    #[test]
    fn a_data_set_is_known_by_what_is_in_it() {
        let original = |path: &str, etag: &str| Original {
            key: Key::new(format!("images/{path}")),
            etag: Some(ETag::new(etag)),
            bytes: Some(10),
        };
        let one = data_set("images/", &[original("a", "1"), original("b", "2")]);
        assert_eq!((one.pictures, one.bytes), (2, 20));
        // printf 'a\t10\t1\nb\t10\t2\n' | sha256sum
        assert_eq!(
            one.sha256,
            "d2310e94cc7d60f11369fc075085b28319b0bdf6f2e37fc55657102d34a10865"
        );
        let other = data_set("images/", &[original("a", "1"), original("b", "3")]);
        assert_ne!(one.sha256, other.sha256);
    }
}
