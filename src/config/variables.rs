//! The table of settings: parsed by, explained from and documented from this one place.

use crate::plan;

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
    "URL of the store, such as https://s3.eu-de.cloud-object-storage.appdomain.cloud; on Code Engine s3.direct.eu-de",
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
pub const COS_ACCESS_KEY_ID: Variable = Variable::with_default(
    "COS_ACCESS_KEY_ID",
    "none: COS_API_KEY or COS_TRUSTED_PROFILE",
    "access key id of an HMAC credential",
)
.or("AWS_ACCESS_KEY_ID");
/// HMAC secret.
pub const COS_SECRET_ACCESS_KEY: Variable = Variable::with_default(
    "COS_SECRET_ACCESS_KEY",
    "none: as COS_ACCESS_KEY_ID",
    "its secret (no flag: a command line is no secret)",
)
.or("AWS_SECRET_ACCESS_KEY")
.secret();
/// API key of IAM.
pub const COS_API_KEY: Variable = Variable::with_default(
    "COS_API_KEY",
    "none: COS_ACCESS_KEY_ID or COS_TRUSTED_PROFILE",
    "API key of IAM, in place of an HMAC credential",
)
.secret();
/// Trusted profile of IAM.
pub const COS_TRUSTED_PROFILE: Variable = Variable::with_default(
    "COS_TRUSTED_PROFILE",
    "none: COS_ACCESS_KEY_ID or COS_API_KEY",
    "name of a trusted profile of IAM, or its id (Profile-...), in place of any secret",
);
/// API key of a bound Object Storage instance.
pub const CLOUD_OBJECT_STORAGE_APIKEY: Variable = Variable::with_default(
    "CLOUD_OBJECT_STORAGE_APIKEY",
    "none: no instance is bound",
    "API key of an Object Storage instance that is bound; Code Engine sets it, and it is used where nothing above is set",
)
.secret();
/// All bound services.
pub const CE_SERVICES: Variable = Variable::with_default(
    "CE_SERVICES",
    "none: no service is bound",
    "JSON of all bound services; Code Engine sets it, and the API key of its only Object Storage instance is used where nothing above is set",
)
.secret();
/// Where IAM is.
pub const IAM_URL: Variable = Variable::with_default(
    "IAM_URL",
    "https://iam.cloud.ibm.com",
    "URL of IAM, which gives tokens for API keys and trusted profiles",
);
/// The file with the compute resource's token.
pub const IAM_CR_TOKEN_FILE: Variable = Variable::with_default(
    "IAM_CR_TOKEN_FILE",
    "/var/run/secrets/codeengine.cloud.ibm.com/compute-resource-token/token",
    "file with the compute resource's token, for trusted profiles",
);
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
    "thumbnails go under keys that start so; for one deployment alone",
);
/// Where failure records go.
pub const FAILURE_PREFIX: Variable = Variable::with_default(
    "FAILURE_PREFIX",
    plan::FAILURE_PREFIX,
    "failure records go under keys that start so; what is there and no record of ours is left as it is",
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
/// Recipes by path.
pub const RECIPES: Variable = Variable::with_default(
    "RECIPES",
    "none: one recipe for all",
    "TOML file of recipes by the original's path, instead of RECIPE, SIZES, QUALITY, EFFORT and OUTPUT_KEY",
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
/// How much is read at first.
pub const FIRST_READ_PERCENT: Variable = Variable::with_default(
    "FIRST_READ_PERCENT",
    "the effort's",
    "share of an original that is read at first, 1 to 100: where it is not enough, as much more as is estimated",
);
/// What becomes of thumbnails without an original.
pub const ON_DELETE: Variable = Variable::with_default(
    "ON_DELETE",
    "remove",
    "thumbnails of originals that are gone or rejected: remove (exactly the planned keys) or keep (no thumbnail is ever deleted)",
);
/// Tries of one version.
pub const MAX_ATTEMPTS: Variable = Variable::with_default(
    "MAX_ATTEMPTS",
    "3",
    "tries of a picture that is not done in the time for one event, until it is rejected",
);
/// How long caches may keep thumbnails.
pub const CACHE_CONTROL: Variable = Variable::with_default(
    "CACHE_CONTROL",
    plan::CACHE_CONTROL,
    "Cache-Control of the thumbnails that are written; those that stand keep theirs",
);
/// Port.
pub const PORT: Variable =
    Variable::with_default("PORT", "8080", "port to listen on; Code Engine sets it");

/// Limit of a file's length.
pub const MAX_BYTES: Variable = Variable::with_default(
    "MAX_BYTES",
    "104857600",
    "length of an original in bytes, at most",
);
/// Limit of a picture's pixels.
pub const MAX_PIXELS: Variable = Variable::with_default(
    "MAX_PIXELS",
    "100000000",
    "width times height of an original, at most",
);
/// Limit of a picture's sides.
pub const MAX_SIDE: Variable = Variable::with_default(
    "MAX_SIDE",
    "65535",
    "width and height of an original, at most",
);
/// Limit of the memory for one picture.
pub const MAX_DECODED_BYTES: Variable = Variable::with_default(
    "MAX_DECODED_BYTES",
    "1073741824",
    "memory that decoding an original may take, in bytes, as its header predicts it",
);
/// Limit of a profile's length.
pub const MAX_ICC_BYTES: Variable = Variable::with_default(
    "MAX_ICC_BYTES",
    "4194304",
    "length of an ICC profile; a longer one is ignored",
);
/// Limit of an EXIF block's length.
pub const MAX_EXIF_BYTES: Variable = Variable::with_default(
    "MAX_EXIF_BYTES",
    "1048576",
    "length of an EXIF block; a longer one is ignored",
);
/// How much of a damaged picture must be right.
pub const MIN_INTACT_PERCENT: Variable = Variable::with_default(
    "MIN_INTACT_PERCENT",
    "50",
    "share of a damaged JPEG's rows that must be right, 0 to 100, for thumbnails to be made of it",
);

/// All settings of the flow and of the server that runs it.
pub const VARIABLES: [Variable; 32] = [
    COS_ENDPOINT,
    COS_REGION,
    COS_BUCKET,
    COS_ACCESS_KEY_ID,
    COS_SECRET_ACCESS_KEY,
    COS_API_KEY,
    COS_TRUSTED_PROFILE,
    CLOUD_OBJECT_STORAGE_APIKEY,
    CE_SERVICES,
    IAM_URL,
    IAM_CR_TOKEN_FILE,
    SOURCE_PREFIX,
    OUTPUT_PREFIX,
    FAILURE_PREFIX,
    OUTPUT_KEY,
    RECIPE,
    SIZES,
    QUALITY,
    EFFORT,
    RECIPES,
    CACHE_CONTROL,
    FIRST_READ_PERCENT,
    ON_DELETE,
    MAX_ATTEMPTS,
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SIDE,
    MAX_DECODED_BYTES,
    MAX_ICC_BYTES,
    MAX_EXIF_BYTES,
    MIN_INTACT_PERCENT,
    PORT,
];

/// The settings of [`VARIABLES`] that say what to make of a picture, without any store.
pub const RECIPE_VARIABLES: [Variable; 6] = [RECIPE, SIZES, QUALITY, EFFORT, OUTPUT_KEY, RECIPES];

/// The settings of [`VARIABLES`] that say what a picture may demand.
pub const LIMIT_VARIABLES: [Variable; 7] = [
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SIDE,
    MAX_DECODED_BYTES,
    MAX_ICC_BYTES,
    MAX_EXIF_BYTES,
    MIN_INTACT_PERCENT,
];

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
