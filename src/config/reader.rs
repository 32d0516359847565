use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;

use super::{
    CACHE_CONTROL, EFFORT, FIRST_READ_PERCENT, MAX_BYTES, MAX_DECODED_BYTES, MAX_EXIF_BYTES,
    MAX_ICC_BYTES, MAX_PIXELS, MAX_SIDE, MIN_INTACT_PERCENT, Mistake, OUTPUT_KEY, QUALITY, RECIPE,
    RECIPES, SIZES, Variable, recipes,
};
use crate::plan::{OutputKey, Recipe, Recipes, Rule};
use crate::thumbnail::Limits;

/// Reads variables one by one and keeps the mistakes.
///
/// Programs with settings of their own read them with it too, so that all mistakes come together.
#[derive(Debug)]
pub struct Reader<L> {
    lookup: L,
    pub(super) mistakes: Vec<Mistake>,
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
        self.checked_unseen(variable, |value| {
            check(value).map_err(|problem| {
                if variable.secret {
                    problem
                } else {
                    format!("{value:?}: {problem}")
                }
            })
        })
    }

    /// The same where the mistake does not repeat the value: URLs may hold passwords, and what was pasted
    /// into the wrong field may be a secret.
    pub fn checked_unseen<T, E: fmt::Display>(
        &mut self,
        variable: Variable,
        check: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.required(variable)?;
        let checked = check(&value);
        self.noted(variable, checked)
    }

    /// The value or its default; a mistake where `rule` refuses it. The value is not repeated.
    pub(super) fn ruled<E: fmt::Display>(
        &mut self,
        variable: Variable,
        rule: impl FnOnce(&str) -> Result<(), E>,
    ) -> Option<String> {
        self.checked_unseen(variable, |value| rule(value).map(|()| value.to_owned()))
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

    pub(super) fn noted<T>(
        &mut self,
        variable: Variable,
        result: Result<T, impl fmt::Display>,
    ) -> Option<T> {
        result
            .map_err(|problem| self.mistake(variable, problem.to_string()))
            .ok()
    }

    /// The share of an original to read at first, where one is set.
    pub(super) fn first_read_percent(&mut self) -> Option<u8> {
        let text = self.set(FIRST_READ_PERCENT)?;
        let percent = text.parse::<u8>().ok();
        let checked = percent
            .filter(|percent| (1..=100).contains(percent))
            .ok_or_else(|| format!("{text:?} is not a number from 1 to 100"));
        self.noted(FIRST_READ_PERCENT, checked)
    }

    /// What a picture may demand.
    pub(super) fn limits(&mut self) -> Option<Limits> {
        let max_bytes = self.at_least_1(MAX_BYTES);
        let max_pixels = self.at_least_1(MAX_PIXELS);
        let max_side = self.at_least_1(MAX_SIDE);
        let max_decoded_bytes = self.at_least_1(MAX_DECODED_BYTES);
        let max_icc_bytes = self.parsed(MAX_ICC_BYTES);
        let max_exif_bytes = self.parsed(MAX_EXIF_BYTES);
        let min_intact_percent = self.checked(MIN_INTACT_PERCENT, |text| {
            let percent = text.parse().ok().filter(|percent| *percent <= 100);
            percent.ok_or_else(|| "is not a number from 0 to 100".to_owned())
        });
        Some(Limits {
            max_bytes: max_bytes?,
            max_pixels: max_pixels?,
            max_side: max_side?,
            max_decoded_bytes: max_decoded_bytes?,
            max_icc_bytes: max_icc_bytes?,
            max_exif_bytes: max_exif_bytes?,
            min_intact_percent: min_intact_percent?,
        })
    }

    fn at_least_1<T: FromStr + From<u8> + PartialOrd>(&mut self, variable: Variable) -> Option<T> {
        self.checked(variable, |text| {
            let number = text.parse().ok().filter(|number| *number >= T::from(1));
            number.ok_or_else(|| "is not a number, at least 1".to_owned())
        })
    }

    /// The recipes: those of the file, or the one that the other settings make.
    pub(super) fn recipes(&mut self) -> Option<Recipes> {
        let Some(path) = self.set(RECIPES) else {
            let name = self.set(RECIPE).unwrap_or_else(|| "default".to_owned());
            let rule = Rule::new(name, None, self.recipe()?);
            let recipes = Recipes::new(vec![rule]);
            return self.noted(RECIPES, recipes);
        };
        let before = self.mistakes.len();
        for other in [RECIPE, SIZES, QUALITY, EFFORT, OUTPUT_KEY] {
            if self.set(other).is_some() {
                let problem = format!(
                    "and {} exclude each other: the file says it, for each recipe",
                    other.name
                );
                self.mistake(RECIPES, problem);
            }
        }
        let recipes = match read_text(&path) {
            Ok(text) => recipes::read(&text),
            Err(error) => Err(vec![format!("cannot be read: {error}")]),
        };
        match recipes {
            Ok(recipes) => (self.mistakes.len() == before).then_some(recipes),
            Err(problems) => {
                for problem in problems {
                    self.mistake(RECIPES, format!("{path:?}: {problem}"));
                }
                None
            }
        }
    }

    /// What HTTP carries unchanged: printable ASCII.
    pub(super) fn cache_control(&mut self) -> Option<String> {
        self.checked(CACHE_CONTROL, |value| {
            let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if plain && value.trim() == value {
                Ok(value.to_owned())
            } else {
                Err("is no header value of printable ASCII".to_owned())
            }
        })
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
            let key = text.parse::<OutputKey>().map_err(|error| error.to_string());
            let with = key.and_then(|key| {
                let with = recipe.clone().with_output_key(key);
                with.map_err(|error| error.to_string())
            });
            recipe = self.noted(OUTPUT_KEY, with).unwrap_or(recipe);
        }
        (self.mistakes.len() == before).then_some(recipe)
    }
}

/// A file's text, unless it is too long to be one of settings.
fn read_text(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let file = File::open(path)?;
    file.take(recipes::MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > recipes::MAX_FILE_BYTES {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok(text)
}
