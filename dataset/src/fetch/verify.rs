//! Whether a file is the photograph that the manifest names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::{Digest, Sha1};

use crate::Photograph;

/// How much of a file is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// Why a file is not the photograph.
#[derive(Debug, thiserror::Error)]
pub enum NotIt {
    /// Its length is another.
    #[error("it has {found} bytes, and the manifest says {expected}")]
    Length {
        /// Its length in bytes.
        found: u64,
        /// That of the photograph.
        expected: u64,
    },
    /// Its content is another.
    #[error("git's hash of it is {found}, and the manifest says {expected}")]
    Hash {
        /// The hash of the file, in hexadecimal.
        found: String,
        /// That of the photograph.
        expected: String,
    },
    /// It cannot be read.
    #[error("it could not be read")]
    Read(#[from] io::Error),
}

/// Compares the length, which costs nothing, and then the content: git's blob, SHA-1 over
/// `blob LENGTH\0` and the bytes. Gives the length.
pub(super) fn verify(photograph: &Photograph, path: &Path) -> Result<u64, NotIt> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if let Some(expected) = photograph.bytes.filter(|expected| *expected != length) {
        return Err(NotIt::Length {
            found: length,
            expected,
        });
    }
    let mut sha1 = Sha1::new_with_prefix(format!("blob {length}\0"));
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => sha1.update(&piece[..read]),
        }
    }
    let found = sha1
        .finalize()
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    if found == photograph.git_blob_sha1 {
        Ok(length)
    } else {
        Err(NotIt::Hash {
            found,
            expected: photograph.git_blob_sha1.clone(),
        })
    }
}
