//! Configuration from environment variables (or flags of the same names): one table that parses,
//! explains and documents them, and reports every mistake at once.

use std::fmt;

use crate::object::Bucket;
use crate::plan::{OutputPrefixes, Policy, Recipes};
use crate::storage::{ConfigError, S3Config, iam};
use crate::thumbnail::Limits;

mod advice;
mod credentials;
mod reader;
mod recipes;
mod variables;

pub use advice::advice;
pub use reader::Reader;
pub use variables::{
    CACHE_CONTROL, CE_SERVICES, CLOUD_OBJECT_STORAGE_APIKEY, COS_ACCESS_KEY_ID, COS_API_KEY,
    COS_BUCKET, COS_ENDPOINT, COS_REGION, COS_SECRET_ACCESS_KEY, COS_TRUSTED_PROFILE, EFFORT,
    FAILURE_PREFIX, FIRST_READ_PERCENT, IAM_CR_TOKEN_FILE, IAM_URL, LIMIT_VARIABLES, MAX_ATTEMPTS,
    MAX_BYTES, MAX_DECODED_BYTES, MAX_EXIF_BYTES, MAX_ICC_BYTES, MAX_PIXELS, MAX_SIDE,
    MIN_INTACT_PERCENT, ON_DELETE, OUTPUT_KEY, OUTPUT_PREFIX, PORT, QUALITY, RECIPE,
    RECIPE_VARIABLES, RECIPES, SIZES, SOURCE_PREFIX, VARIABLES, Variable, markdown,
};

/// Everything that the flow needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The store and what requests to it are authorised by.
    pub store: S3Config,
    /// Where tokens are had, for the store and for what else there is.
    pub iam: iam::Url,
    /// Which originals, which thumbnails.
    pub policy: Policy,
    /// The port to listen on.
    pub port: u16,
}

/// Every mistake of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

/// One variable and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong and what to do. Never shows a secret.
    pub problem: String,
}

impl Config {
    /// Reads every setting by `lookup`, which gives a variable's value, or `None` where it is not
    /// set. An empty value counts as not set.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(lookup);
        let endpoint = reader.ruled(COS_ENDPOINT, ConfigError::of_endpoint);
        let region = reader.ruled(COS_REGION, ConfigError::of_region);
        let bucket = reader.ruled(COS_BUCKET, ConfigError::of_bucket);
        let iam = reader.checked_unseen(IAM_URL, str::parse);
        let credentials = reader.credentials(endpoint.as_deref(), iam.as_ref());
        let source_prefix = reader.required(SOURCE_PREFIX);
        let thumbnails = reader.required(OUTPUT_PREFIX);
        let failures = reader.required(FAILURE_PREFIX);
        let outputs = thumbnails.zip(failures);
        let outputs = outputs.map(|(thumbnails, failures)| OutputPrefixes {
            thumbnails,
            failures,
        });
        let recipes = reader.recipes();
        let cache_control = reader.cache_control();
        let port = reader.parsed(PORT);
        let first_read_percent = reader.first_read_percent();
        let on_delete = reader.parsed(ON_DELETE);
        let max_attempts = reader.parsed(MAX_ATTEMPTS);
        let limits = reader.limits();
        let policy = match (&bucket, source_prefix, outputs, recipes) {
            (Some(bucket), Some(source), Some(outputs), Some(recipes)) => {
                let policy = Policy::new(Bucket::new(bucket), source, outputs, recipes);
                let policy = policy.map_err(|error| {
                    reader.mistakes.push(Mistake {
                        variable: error.variable(),
                        problem: error.problem(),
                    });
                });
                let policy = policy.ok().zip(cache_control);
                policy.map(|(policy, value)| policy.with_cache_control(value))
            }
            _ => None,
        };
        let policy = policy.zip(on_delete).zip(max_attempts).zip(limits);
        let policy = policy.map(|(((policy, on_delete), max_attempts), limits)| {
            let policy = policy
                .with_limits(limits)
                .with_on_delete(on_delete)
                .with_max_attempts(max_attempts);
            match first_read_percent {
                Some(percent) => policy.with_first_read_percent(percent),
                None => policy,
            }
        });
        match (endpoint, region, bucket, credentials, iam, policy, port) {
            (
                Some(endpoint),
                Some(region),
                Some(bucket),
                Some(credentials),
                Some(iam),
                Some(policy),
                Some(port),
            ) if reader.mistakes.is_empty() => Ok(Self {
                store: S3Config {
                    endpoint,
                    region,
                    bucket: Bucket::new(bucket),
                    credentials,
                },
                iam,
                policy,
                port,
            }),
            _ => Err(Mistakes(reader.mistakes)),
        }
    }
}

/// Reads only what says what to make of a picture, and what one may demand: [`RECIPE_VARIABLES`] and
/// [`LIMIT_VARIABLES`].
///
/// # Errors
/// All mistakes at once.
pub fn rendering_from_lookup(
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<(Recipes, Limits), Mistakes> {
    let mut reader = Reader::new(lookup);
    let recipes = reader.recipes();
    let both = recipes.zip(reader.limits());
    both.ok_or(Mistakes(reader.mistakes))
}

impl Mistakes {
    /// These mistakes, at least one.
    #[must_use]
    pub fn new(mistakes: Vec<Mistake>) -> Self {
        Self(mistakes)
    }

    /// Each variable and what is wrong with it.
    #[must_use]
    pub fn as_slice(&self) -> &[Mistake] {
        &self.0
    }
}

impl std::error::Error for Mistakes {}

/// One line per mistake.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, mistake) in self.0.iter().enumerate() {
            let end = if n + 1 < self.0.len() { "\n" } else { "" };
            write!(f, "{} {}{end}", mistake.variable, mistake.problem)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plan::OnDelete;
    use crate::storage::Credentials;
    use crate::storage::iam::Credential;
    use crate::thumbnail::Effort;

    const COMPLETE: [(&str, &str); 5] = [
        ("COS_ENDPOINT", "http://127.0.0.1:9000"),
        ("COS_REGION", "eu-de"),
        ("COS_BUCKET", "b"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("COS_SECRET_ACCESS_KEY", "canary"),
    ];

    fn read(more: &[(&str, &str)]) -> Result<Config, Mistakes> {
        let all = [more, &COMPLETE].concat();
        Config::from_lookup(|name| {
            all.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_complete_configuration_with_a_fallback() {
        let config = read(&[
            ("SIZES", "10, 20"),
            ("QUALITY", "90"),
            ("RECIPE", "paper"),
            ("EFFORT", "fast"),
            ("ON_DELETE", "keep"),
            ("FAILURE_PREFIX", "bad/"),
            ("MAX_ATTEMPTS", "7"),
        ])
        .unwrap();
        let rule = config.policy.recipes().of("any").unwrap();
        assert_eq!(rule.name(), "paper");
        assert_eq!(rule.recipe().effort(), Effort::Fast);
        assert_eq!(config.store.hmac_key().unwrap().access_key_id, "id");
        assert_eq!(rule.recipe().sizes(), [10, 20]);
        assert_eq!(rule.recipe().encodings()[0].quality, 90);
        assert_eq!(config.policy.cache_control(), "public, max-age=3600");
        assert_eq!(config.policy.on_delete(), OnDelete::Keep);
        assert_eq!(config.policy.failure_prefix(), "bad/");
        assert_eq!(config.policy.max_attempts().get(), 7);
        assert_eq!(config.port, 8080);
    }

    #[test]
    fn every_mistake_is_reported_at_once_by_name_and_no_secret_is_shown() {
        let mistakes = Config::from_lookup(|name| match name {
            "COS_ENDPOINT" => Some("ftp://store.example".into()),
            "COS_SECRET_ACCESS_KEY" => Some("canary".into()),
            "SIZES" => Some("16,big".into()),
            "QUALITY" | "MIN_INTACT_PERCENT" => Some("101".into()),
            "EFFORT" => Some("none".into()),
            "FIRST_READ_PERCENT" | "MAX_ATTEMPTS" | "MAX_PIXELS" => Some("0".into()),
            "ON_DELETE" => Some("forget".into()),
            "PORT" | "MAX_SIDE" => Some("web".into()),
            "OUTPUT_KEY" => Some("{path}".into()),
            "CACHE_CONTROL" => Some("no\nstore".into()),
            _ => None,
        })
        .unwrap_err();
        let named: Vec<_> = mistakes
            .as_slice()
            .iter()
            .map(|mistake| mistake.variable)
            .collect();
        for name in [
            "COS_ENDPOINT",
            "COS_REGION",
            "COS_BUCKET",
            "COS_ACCESS_KEY_ID",
            "SIZES",
            "QUALITY",
            "EFFORT",
            "FIRST_READ_PERCENT",
            "ON_DELETE",
            "MAX_ATTEMPTS",
            "MAX_PIXELS",
            "MAX_SIDE",
            "MIN_INTACT_PERCENT",
            "OUTPUT_KEY",
            "CACHE_CONTROL",
            "PORT",
        ] {
            assert!(named.contains(&name), "{name} in {named:?}");
        }
        assert!(!format!("{mistakes} {mistakes:?}").contains("canary"));
    }

    #[test]
    fn what_no_store_can_be_reached_by_is_told_at_once_and_not_repeated() {
        let mistakes = Config::from_lookup(|name| match name {
            "COS_ENDPOINT" => Some("ftp://user:canary@host".into()),
            "COS_REGION" => Some("eu canary".into()),
            "COS_BUCKET" => Some("a/canary".into()),
            "COS_ACCESS_KEY_ID" => Some("a canary".into()),
            "COS_SECRET_ACCESS_KEY" => Some("the canary".into()),
            _ => None,
        })
        .unwrap_err();
        assert_eq!(mistakes.as_slice().len(), 5, "{mistakes}");
        assert!(!format!("{mistakes} {mistakes:?}").contains("canary"));
    }

    #[test]
    fn one_wrong_value_alone_is_told() {
        for variable in VARIABLES {
            // What any text is right for.
            let free = [
                "COS_REGION",
                "COS_ACCESS_KEY_ID",
                "COS_SECRET_ACCESS_KEY",
                "IAM_CR_TOKEN_FILE",
                "SOURCE_PREFIX",
                "OUTPUT_PREFIX",
                "FAILURE_PREFIX",
                "CACHE_CONTROL",
                // Not looked at beside other credentials.
                "CLOUD_OBJECT_STORAGE_APIKEY",
                "CE_SERVICES",
            ];
            if free.contains(&variable.name) {
                continue;
            }
            let mistakes = read(&[(variable.name, "{no such}")]).unwrap_err();
            let told = mistakes.to_string();
            assert!(told.contains(variable.name), "{}: {told}", variable.name);
        }
    }

    #[test]
    fn the_store_is_asked_with_one_kind_of_credentials() {
        let read = |more: &[(&str, &str)]| {
            let store = &COMPLETE[..3];
            let all = [more, store].concat();
            Config::from_lookup(|name| {
                let found = all.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let iam = |more: &[(&str, &str)]| match read(more).unwrap().store.credentials {
            Credentials::Iam { url, credential } => (url.to_string(), credential),
            Credentials::Hmac(_) => panic!("signed"),
        };
        let (url, credential) = iam(&[("COS_API_KEY", "canary")]);
        assert_eq!(url, "https://iam.cloud.ibm.com");
        assert_eq!(credential, Credential::ApiKey("canary".to_owned()));
        let profile = ("COS_TRUSTED_PROFILE", "thumbnails");
        let (_, credential) = iam(&[profile, ("IAM_CR_TOKEN_FILE", "/token")]);
        let expected = Credential::Profile {
            profile: "thumbnails".to_owned(),
            file: "/token".into(),
        };
        assert_eq!(credential, expected);
        for (wrong, told) in [
            (&[][..], "COS_ACCESS_KEY_ID is not set, nor are "),
            (
                &[profile, ("COS_API_KEY", "canary")],
                "COS_TRUSTED_PROFILE and COS_API_KEY exclude each other",
            ),
            (
                &[("AWS_ACCESS_KEY_ID", "id"), profile],
                "COS_TRUSTED_PROFILE and COS_ACCESS_KEY_ID exclude each other",
            ),
            (
                &[("COS_ACCESS_KEY_ID", "id")],
                "COS_SECRET_ACCESS_KEY is not set",
            ),
            (
                &[profile, ("COS_ENDPOINT", "http://store.example")],
                "COS_ENDPOINT a token of IAM goes by https:// alone",
            ),
            (
                &[profile, ("IAM_URL", "http://iam.example")],
                "IAM_URL is no https:// URL",
            ),
            (
                &[profile, ("IAM_URL", "https://user:canary@iam.example")],
                "IAM_URL must not hold a user or a password",
            ),
            (
                &[profile, ("IAM_URL", "http://user:canary@iam.example")],
                "IAM_URL is no https:// URL",
            ),
            (
                &[("COS_API_KEY", "canary\n")],
                "COS_API_KEY is no API key: it has white space",
            ),
            (&[("COS_API_KEY", "canäry")], "COS_API_KEY is no API key"),
            (
                &[("COS_TRUSTED_PROFILE", "thumbnails\n")],
                "COS_TRUSTED_PROFILE is no name of a profile",
            ),
        ] {
            let mistakes = read(wrong).unwrap_err();
            assert_eq!(mistakes.as_slice().len(), 1, "{mistakes}");
            let text = format!("{mistakes}");
            assert!(text.starts_with(told), "{text}");
            assert!(!text.contains("canary"));
        }
    }

    #[test]
    fn limits_are_settings_whose_defaults_are_those_of_the_library() {
        let limits = |more: &[(&str, &str)]| *read(more).unwrap().policy.limits();
        assert_eq!(limits(&[]), Limits::default());
        let set = [
            ("MAX_BYTES", "1"),
            ("MAX_PIXELS", "2"),
            ("MAX_SIDE", "3"),
            ("MAX_DECODED_BYTES", "4"),
            ("MAX_ICC_BYTES", "5"),
            ("MAX_EXIF_BYTES", "6"),
            ("MIN_INTACT_PERCENT", "7"),
        ];
        let expected = Limits {
            max_bytes: 1,
            max_pixels: 2,
            max_side: 3,
            max_decoded_bytes: 4,
            max_icc_bytes: 5,
            max_exif_bytes: 6,
            min_intact_percent: 7,
        };
        assert_eq!(limits(&set), expected);
    }

    #[test]
    fn a_file_of_recipes_excludes_the_settings_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipes.toml");
        let path = path.to_str().unwrap();
        std::fs::write(
            path,
            "[[recipe]]\nname = 'png'\nmatch = '*.png'\nsizes = [9]\n",
        )
        .unwrap();
        let config = read(&[("RECIPES", path), ("CACHE_CONTROL", "no-store")]).unwrap();
        let recipes = config.policy.recipes();
        assert_eq!(recipes.of("a.png").unwrap().recipe().sizes(), [9]);
        assert!(recipes.of("a.jpg").is_none());
        assert_eq!(config.policy.cache_control(), "no-store");

        let mistakes = read(&[("RECIPES", path), ("SIZES", "9"), ("EFFORT", "fast")]).unwrap_err();
        for other in ["SIZES", "EFFORT"] {
            let both = format!("RECIPES and {other} exclude each other");
            assert!(mistakes.to_string().contains(&both), "{mistakes}");
        }
        std::fs::write(
            path,
            "[[recipe]]\nname = 'a'\nmatch = '*'\nsizes = [0]\nfit = ''\n",
        )
        .unwrap();
        let mistakes = read(&[("RECIPES", path), ("PORT", "web")]).unwrap_err();
        assert_eq!(mistakes.as_slice().len(), 3, "{mistakes}");
        assert!(
            mistakes
                .to_string()
                .contains("line 4: recipe \"a\": size 0"),
            "{mistakes}"
        );
        let none = folder.path().join("none");
        let mistakes = read(&[("RECIPES", none.to_str().unwrap())]).unwrap_err();
        assert!(
            mistakes.to_string().contains("cannot be read"),
            "{mistakes}"
        );
    }

    #[test]
    fn a_loop_is_refused_at_start() {
        let overlap = |first: &str, second: &str| {
            format!(
                "{first} and {second} overlap: what is written under one could be read under the other"
            )
        };
        for (wrong, first, second) in [
            (
                ("OUTPUT_PREFIX", "images/small/"),
                "SOURCE_PREFIX \"images/\"",
                "OUTPUT_PREFIX \"images/small/\"",
            ),
            (
                ("SOURCE_PREFIX", "failures/"),
                "SOURCE_PREFIX \"failures/\"",
                "FAILURE_PREFIX \"failures/\"",
            ),
            (
                ("FAILURE_PREFIX", "thumbnails/bad/"),
                "OUTPUT_PREFIX \"thumbnails/\"",
                "FAILURE_PREFIX \"thumbnails/bad/\"",
            ),
        ] {
            let mistakes = read(&[wrong]).unwrap_err();
            assert_eq!(mistakes.to_string(), overlap(first, second));
        }
    }

    #[test]
    fn the_secret_is_not_in_the_debug_output() {
        assert!(!format!("{:?}", read(&[]).unwrap()).contains("canary"));
    }
}
