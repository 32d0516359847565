//! Configuration from environment variables (or flags of the same names): one table that parses,
//! explains and documents them, and reports every mistake at once.

use std::fmt;
use std::str::FromStr;

use crate::object::Bucket;
use crate::plan::{OutputKey, Policy, Recipe};
use crate::storage::{Credentials, S3Config};

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The environment variable. Its flag is the same in kebab case, see [`Variable::flag`].
    pub name: &'static str,
    /// Read where the first is not set: the name that AWS's own tools use.
    pub fallback: Option<&'static str>,
    /// Taken where neither is set; `None` where one must be.
    pub default: Option<&'static str>,
    /// Never shown, and no flag: command lines can be read by others.
    pub secret: bool,
    /// What it means, in one line.
    pub help: &'static str,
}

impl Variable {
    /// A variable that must be set.
    #[must_use]
    pub const fn required(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            fallback: None,
            default: None,
            secret: false,
            help,
        }
    }

    /// A variable with a default.
    #[must_use]
    pub const fn with_default(
        name: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            default: Some(default),
            ..Self::required(name, help)
        }
    }

    const fn or(self, fallback: &'static str) -> Self {
        Self {
            fallback: Some(fallback),
            ..self
        }
    }

    const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    /// The flag of the same meaning: `COS_ENDPOINT` is `--cos-endpoint`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }
}

/// The store's URL.
pub const COS_ENDPOINT: Variable = Variable::required(
    "COS_ENDPOINT",
    "URL of the store, such as https://s3.direct.eu-de.cloud-object-storage.appdomain.cloud",
)
.or("AWS_ENDPOINT_URL");
/// The region that requests are signed for.
pub const COS_REGION: Variable = Variable::required(
    "COS_REGION",
    "region that requests are signed for, such as eu-de",
)
.or("AWS_REGION");
/// The bucket.
pub const COS_BUCKET: Variable =
    Variable::required("COS_BUCKET", "bucket of the originals and the thumbnails");
/// HMAC access key.
pub const COS_ACCESS_KEY_ID: Variable =
    Variable::required("COS_ACCESS_KEY_ID", "access key id of an HMAC credential")
        .or("AWS_ACCESS_KEY_ID");
/// HMAC secret.
pub const COS_SECRET_ACCESS_KEY: Variable = Variable::required(
    "COS_SECRET_ACCESS_KEY",
    "its secret (no flag: a command line is no secret)",
)
.or("AWS_SECRET_ACCESS_KEY")
.secret();
/// Where originals are.
pub const SOURCE_PREFIX: Variable = Variable::with_default(
    "SOURCE_PREFIX",
    "images/",
    "originals are the keys that start so",
);
/// Where thumbnails go.
pub const OUTPUT_PREFIX: Variable = Variable::with_default(
    "OUTPUT_PREFIX",
    "thumbnails/",
    "thumbnails go under keys that start so",
);
/// Keys of thumbnails.
pub const OUTPUT_KEY: Variable = Variable::with_default(
    "OUTPUT_KEY",
    "the recipe's",
    "key below that prefix: default, flat, paper, or a template of {path} {dir} {name} {stem} {size} {ext}",
);
/// Recipe by name.
pub const RECIPE: Variable = Variable::with_default(
    "RECIPE",
    "default",
    "default (quality 80) or paper (quality 75, the paper's keys)",
);
/// Sizes.
pub const SIZES: Variable = Variable::with_default(
    "SIZES",
    "the recipe's",
    "sides of the bounding boxes in pixels, such as 16,32,64,128,256,512",
);
/// Quality.
pub const QUALITY: Variable =
    Variable::with_default("QUALITY", "the recipe's", "JPEG quality, 1 to 100");
/// How much of a JPEG is read.
pub const EFFORT: Variable = Variable::with_default(
    "EFFORT",
    "default",
    "default (as good as a full decode for every picture) or fast (in the mean of many, from less of each JPEG)",
);
/// Port.
pub const PORT: Variable =
    Variable::with_default("PORT", "8080", "port to listen on; Code Engine sets it");

/// All settings of the flow and of the server that runs it.
pub const VARIABLES: [Variable; 13] = [
    COS_ENDPOINT,
    COS_REGION,
    COS_BUCKET,
    COS_ACCESS_KEY_ID,
    COS_SECRET_ACCESS_KEY,
    SOURCE_PREFIX,
    OUTPUT_PREFIX,
    OUTPUT_KEY,
    RECIPE,
    SIZES,
    QUALITY,
    EFFORT,
    PORT,
];

/// The settings of [`VARIABLES`] that say what to make of a picture, without any store.
pub const RECIPE_VARIABLES: [Variable; 5] = [RECIPE, SIZES, QUALITY, EFFORT, OUTPUT_KEY];

/// Everything that the flow needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The store and how to sign for it.
    pub store: S3Config,
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
        let endpoint = reader.checked(COS_ENDPOINT, |value| {
            let url = value
                .parse::<http::Uri>()
                .map_err(|error| error.to_string())?;
            match url.scheme_str() {
                Some("http" | "https") => Ok(value.to_owned()),
                _ => Err("is no http:// or https:// URL".to_owned()),
            }
        });
        let region = reader.required(COS_REGION);
        let bucket = reader.required(COS_BUCKET);
        let access_key_id = reader.required(COS_ACCESS_KEY_ID);
        let secret_access_key = reader.required(COS_SECRET_ACCESS_KEY);
        let source_prefix = reader.required(SOURCE_PREFIX);
        let output_prefix = reader.required(OUTPUT_PREFIX);
        let recipe = reader.recipe();
        let port = reader.parsed(PORT);
        let policy = match (&bucket, source_prefix, output_prefix, recipe) {
            (Some(bucket), Some(source), Some(output), Some(recipe)) => {
                let policy = Policy::new(Bucket::new(bucket), source, output, recipe);
                reader.noted(OUTPUT_PREFIX, policy)
            }
            _ => None,
        };
        match (
            endpoint,
            region,
            bucket,
            access_key_id,
            secret_access_key,
            policy,
            port,
        ) {
            (
                Some(endpoint),
                Some(region),
                Some(bucket),
                Some(access_key_id),
                Some(secret_access_key),
                Some(policy),
                Some(port),
            ) => Ok(Self {
                store: S3Config {
                    endpoint,
                    region,
                    bucket: Bucket::new(bucket),
                    credentials: Credentials {
                        access_key_id,
                        secret_access_key,
                    },
                },
                policy,
                port,
            }),
            _ => Err(Mistakes(reader.mistakes)),
        }
    }
}

/// Reads only what says what to make of a picture.
///
/// # Errors
/// All mistakes at once.
pub fn recipe_from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Recipe, Mistakes> {
    let mut reader = Reader::new(lookup);
    reader.recipe().ok_or(Mistakes(reader.mistakes))
}

/// Reads variables one by one and keeps the mistakes.
///
/// Programs with settings of their own read them with it too, so that all mistakes come together.
#[derive(Debug)]
pub struct Reader<L> {
    lookup: L,
    mistakes: Vec<Mistake>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// A reader over `lookup`.
    pub fn new(lookup: L) -> Self {
        Self {
            lookup,
            mistakes: Vec::new(),
        }
    }

    /// The value if it is set, by the variable's name or its fallback's.
    pub fn set(&self, variable: Variable) -> Option<String> {
        [Some(variable.name), variable.fallback]
            .into_iter()
            .flatten()
            .filter_map(|name| (self.lookup)(name))
            .find(|value| !value.is_empty())
    }

    /// The value or its default; a mistake where there is neither.
    pub fn required(&mut self, variable: Variable) -> Option<String> {
        let value = self
            .set(variable)
            .or_else(|| variable.default.map(str::to_owned));
        if value.is_none() {
            let problem = match variable.fallback {
                Some(fallback) => format!("is not set (nor is {fallback}): {}", variable.help),
                None => format!("is not set: {}", variable.help),
            };
            self.mistake(variable, problem);
        }
        value
    }

    /// The value or its default, parsed; a mistake where it is no `T`.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, variable: Variable) -> Option<T> {
        self.checked(variable, |value| {
            value.parse::<T>().map_err(|error| error.to_string())
        })
    }

    /// The value or its default, as `check` makes it; a mistake where it refuses.
    pub fn checked<T>(
        &mut self,
        variable: Variable,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.required(variable)?;
        let checked = check(&value).map_err(|problem| {
            if variable.secret {
                problem
            } else {
                format!("{value:?}: {problem}")
            }
        });
        self.noted(variable, checked)
    }

    /// Notes a mistake.
    pub fn mistake(&mut self, variable: Variable, problem: impl Into<String>) {
        self.mistakes.push(Mistake {
            variable: variable.name,
            problem: problem.into(),
        });
    }

    /// All mistakes so far.
    #[must_use]
    pub fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    fn noted<T>(&mut self, variable: Variable, result: Result<T, impl fmt::Display>) -> Option<T> {
        result
            .map_err(|problem| self.mistake(variable, problem.to_string()))
            .ok()
    }

    fn recipe(&mut self) -> Option<Recipe> {
        let before = self.mistakes.len();
        let mut recipe = self
            .checked(RECIPE, |name| {
                Recipe::named(name)
                    .ok_or_else(|| "no such recipe: default and paper are known".to_owned())
            })
            .unwrap_or_else(Recipe::standard);
        if let Some(text) = self.set(SIZES) {
            let sizes = text
                .split(',')
                .map(|size| size.trim().parse::<u32>())
                .collect::<Result<Vec<_>, _>>();
            let with = match sizes {
                Ok(sizes) => recipe
                    .clone()
                    .with_sizes(&sizes)
                    .map_err(|error| error.to_string()),
                Err(error) => Err(format!("{text:?}: {error}")),
            };
            recipe = self.noted(SIZES, with).unwrap_or(recipe);
        }
        if let Some(text) = self.set(QUALITY) {
            let with = match text.parse() {
                Ok(quality) => recipe
                    .clone()
                    .with_quality(quality)
                    .map_err(|error| error.to_string()),
                Err(_) => Err(format!("{text:?} is not a number from 1 to 100")),
            };
            recipe = self.noted(QUALITY, with).unwrap_or(recipe);
        }
        if let Some(effort) = self.parsed(EFFORT) {
            recipe = recipe.with_effort(effort);
        }
        if let Some(text) = self.set(OUTPUT_KEY) {
            let key = text.parse::<OutputKey>();
            if let Some(key) = self.noted(OUTPUT_KEY, key) {
                recipe = recipe.with_output_key(key);
            }
        }
        (self.mistakes.len() == before).then_some(recipe)
    }
}

impl Mistakes {
    /// These mistakes, at least one.
    #[must_use]
    pub fn new(mistakes: Vec<Mistake>) -> Self {
        Self(mistakes)
    }

    /// Each variable and what is wrong with it.
    #[must_use]
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
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

/// The table of `variables` in Markdown, as the README shows it.
#[must_use]
pub fn markdown(variables: &[Variable]) -> String {
    let mut table = "| variable | default | meaning |\n|---|---|---|\n".to_owned();
    for variable in variables {
        let fallback = variable
            .fallback
            .map(|name| format!(" (or `{name}`)"))
            .unwrap_or_default();
        let default = match variable.default {
            Some(default) if default.contains(' ') => default.to_owned(),
            Some(default) => format!("`{default}`"),
            None => "must be set".to_owned(),
        };
        table += &format!(
            "| `{}`{fallback} | {default} | {} |\n",
            variable.name, variable.help
        );
    }
    table
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
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
        ])
        .unwrap();
        assert_eq!(config.policy.recipe().effort(), Effort::Fast);
        assert_eq!(config.store.credentials.access_key_id, "id");
        assert_eq!(config.policy.recipe().sizes(), [10, 20]);
        assert_eq!(config.policy.recipe().quality(), 90);
        assert_eq!(config.port, 8080);
    }

    #[test]
    fn every_mistake_is_reported_at_once_by_name_and_no_secret_is_shown() {
        let mistakes = Config::from_lookup(|name| match name {
            "COS_ENDPOINT" => Some("store.example".into()),
            "COS_SECRET_ACCESS_KEY" => Some("canary".into()),
            "SIZES" => Some("16,big".into()),
            "QUALITY" => Some("101".into()),
            "EFFORT" => Some("none".into()),
            "PORT" => Some("web".into()),
            "OUTPUT_KEY" => Some("{path}".into()),
            _ => None,
        })
        .unwrap_err();
        let named: Vec<_> = mistakes.iter().map(|mistake| mistake.variable).collect();
        for name in [
            "COS_ENDPOINT",
            "COS_REGION",
            "COS_BUCKET",
            "COS_ACCESS_KEY_ID",
            "SIZES",
            "QUALITY",
            "EFFORT",
            "OUTPUT_KEY",
            "PORT",
        ] {
            assert!(named.contains(&name), "{name} in {named:?}");
        }
        assert!(!format!("{mistakes} {mistakes:?}").contains("canary"));
    }

    #[test]
    fn a_loop_is_refused_at_start() {
        let mistakes = read(&[("OUTPUT_PREFIX", "images/small/")]).unwrap_err();
        assert!(mistakes.to_string().contains("OUTPUT_PREFIX"), "{mistakes}");
    }

    #[test]
    fn the_secret_is_not_in_the_debug_output() {
        assert!(!format!("{:?}", read(&[]).unwrap()).contains("canary"));
    }
}
