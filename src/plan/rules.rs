use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use super::{Recipe, short_hash};

/// Which recipe is for which original: the first one that matches.
///
/// A single [`Recipe`] is for all of them. Where there are several, one original's thumbnails can
/// have the keys of another's only where a single recipe already allows it, by its template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipes(Vec<Rule>);

/// A recipe, its name, and the originals that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: String,
    /// Without one, it is for everything.
    pattern: Option<Pattern>,
    recipe: Arc<Recipe>,
}

/// A pattern of keys below the source prefix.
///
/// `*` is any text without `/`, `**` any number of folders, `?` one character, `[ab]` one of these and
/// `{a,b}` one of those; `\` takes their meaning away. Upper and lower case differ. So `**/*.png` is
/// every PNG by its name, and `photos/**` whatever is below that folder.
#[derive(Debug, Clone)]
pub struct Pattern(GlobMatcher);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pattern: {1}")]
pub struct PatternError(String, globset::ErrorKind);

/// Why recipes do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipesError {
    /// Without one nothing would ever be made.
    #[error("there is no recipe")]
    None,
    /// Whoever reads of a name must know which is meant.
    #[error("two recipes are called {0:?}")]
    NameTwice(String),
    /// One original's thumbnails would silently replace another's.
    #[error(
        "the keys of {0:?} and {1:?} can be the same for different originals: let both have one key with \
         {{path}}/ and no / behind it, or keys that begin with different words"
    )]
    Overlap(String, String),
}

impl Recipes {
    /// Recipes in the order in which they are looked at.
    ///
    /// # Errors
    /// [`RecipesError`].
    pub fn new(rules: Vec<Rule>) -> Result<Self, RecipesError> {
        if rules.is_empty() {
            return Err(RecipesError::None);
        }
        for (n, rule) in rules.iter().enumerate() {
            for before in &rules[..n] {
                if before.name == rule.name {
                    return Err(RecipesError::NameTwice(rule.name.clone()));
                }
                if before.overlaps(rule) {
                    let (first, second) = (before.name.clone(), rule.name.clone());
                    return Err(RecipesError::Overlap(first, second));
                }
            }
        }
        Ok(Self(rules))
    }

    /// The rule for the original at `path` below the source prefix, if there is one.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.matches(path))
    }

    /// All rules, in their order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// Names the whole: that of the only recipe, or 16 hex digits that change with every recipe and
    /// with what it is for.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        if let [only] = &self.0[..]
            && only.pattern.is_none()
        {
            return only.recipe.fingerprint();
        }
        let each = self.0.iter().map(|rule| {
            let pattern = rule.pattern.as_ref().map(Pattern::text);
            format!("{pattern:?}={};", rule.recipe.fingerprint())
        });
        short_hash(&each.collect::<String>())
    }
}

/// One recipe for all originals.
impl From<Recipe> for Recipes {
    fn from(recipe: Recipe) -> Self {
        Self(vec![Rule::new("default", None, recipe)])
    }
}

impl Rule {
    /// A recipe for what matches the pattern; without one, for everything.
    #[must_use]
    pub fn new(name: impl Into<String>, pattern: Option<Pattern>, recipe: Recipe) -> Self {
        Self {
            name: name.into(),
            pattern,
            recipe: Arc::new(recipe),
        }
    }

    /// What the recipe is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The recipe.
    #[must_use]
    pub fn recipe(&self) -> &Arc<Recipe> {
        &self.recipe
    }

    fn matches(&self, path: &str) -> bool {
        let pattern = self.pattern.as_ref();
        pattern.is_none_or(|pattern| pattern.matches(path))
    }

    /// Whether different originals could get one key by the two, and no mark that tells.
    fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (&self.recipe, &other.recipe);
        let (key, other_key) = (a.output_key(), b.output_key());
        if key != other_key {
            return !key.begins_unlike(other_key);
        }
        // The same key in both: then the originals are told apart by it, or the marks meet.
        let outputs = |recipe: &Recipe| {
            let formats = recipe.encodings().iter().map(|e| e.format);
            (recipe.sizes().to_vec(), formats.collect::<Vec<_>>())
        };
        !key.keeps_originals_apart() && outputs(a) != outputs(b)
    }
}

impl Pattern {
    /// Whether a path below the source prefix is one of these.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }

    fn text(&self) -> &str {
        self.0.glob().glob()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|error| PatternError(text.to_owned(), error.kind().clone()))?;
        Ok(Self(glob.compile_matcher()))
    }
}
