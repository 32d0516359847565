//! The price table that a command line names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cost::{Prices, PricesError};

/// Why a price table in a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadPricesError {
    /// The file.
    #[error("{path:?} could not be read")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// What is in it.
    #[error("{path:?} is no price table")]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PricesError,
    },
}

/// Reads the price table in a file.
///
/// # Errors
/// [`ReadPricesError`].
pub(crate) fn read_prices(path: &Path) -> Result<Prices, ReadPricesError> {
    let path = path.to_owned();
    match fs::read_to_string(&path) {
        Err(source) => Err(ReadPricesError::File { path, source }),
        Ok(text) => Prices::parse(&text).map_err(|source| ReadPricesError::Table { path, source }),
    }
}
