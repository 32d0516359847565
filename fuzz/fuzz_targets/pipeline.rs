//! Any bytes as an original, in whatever format they claim: from bytes to thumbnails.
//!
//! What must hold: sizes are those that are promised, nothing is enlarged, the same comes again; and our
//! own code does not panic. Decoders of others may, which is caught and told as a malformed picture.
#![no_main]
#![allow(dead_code, unused_imports)]

use std::sync::Once;

use library::{events, object, outcome, plan, render, thumbnail};
use plan::Recipe;
use thumbnail::{Error, Format, Limits, Stop, fit_size};

#[path = "../../src"]
mod library {
    pub(crate) mod events;
    pub(crate) mod object;
    pub(crate) mod outcome;
    pub(crate) mod plan;
    pub(crate) mod render;
    pub(crate) mod thumbnail;
}

const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_pixels: 1 << 18,
    max_decoded_bytes: 64 << 20,
    max_icc_bytes: 64 << 10,
    max_exif_bytes: 64 << 10,
    ..Limits::DEFAULT
};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    static QUIET: Once = Once::new();
    // The fuzzer's own hook would end the process before a panic can be caught.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let recipe = Recipe::standard();
    let recipe = recipe.with_sizes(&[16, 100]).unwrap_or_else(|_| abort("a recipe"));
    let rendered = render::render(input, &recipe, &LIMITS, &Stop::default());
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let panicked = cause.is_some_and(|cause| cause.contains("panicked"));
            if panicked && matches!(error, Error::Malformed { format: Format::Jpeg, .. }) {
                abort("our own reader panicked");
            }
            if matches!(error, Error::Failed { .. }) {
                abort(&error.to_string());
            }
            return;
        }
    };
    let original = &rendered.original;
    for thumbnail in &rendered.thumbnails {
        let size = (thumbnail.width, thumbnail.height);
        if size != fit_size(original.width, original.height, thumbnail.size) {
            abort("another size than promised");
        }
        if thumbnail.bytes.is_empty() {
            abort("an empty thumbnail");
        }
    }
    let again = render::render(input, &recipe, &LIMITS, &Stop::default());
    let same = again.is_ok_and(|again| {
        let pairs = again.thumbnails.iter().zip(&rendered.thumbnails);
        pairs.into_iter().all(|(a, b)| a.bytes == b.bytes)
    });
    if !same {
        abort("not the same again");
    }
});

fn abort(what: &str) -> ! {
    eprintln!("{what}");
    std::process::abort();
}
