//! Whether a file is the photograph that the manifest names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::{Digest, Sha1};
use sha2::Sha256;

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
    #[error("{kind} of it is {found}, and the manifest says {expected}")]
    Hash {
        /// Which hash it is.
        kind: &'static str,
        /// The hash of the file, in hexadecimal.
        found: String,
        /// That of the photograph.
        expected: String,
    },
    /// It cannot be read.
    #[error("it could not be read")]
    Read(#[from] io::Error),
}

/// Compares the length, which costs nothing, and then the content: by git's hash of it as a blob, SHA-1 over
/// `blob LENGTH\0` and the bytes, and by SHA-256 where the manifest knows it. Gives the length.
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
    let mut sha256 = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => {
                sha1.update(&piece[..read]);
                sha256.update(&piece[..read]);
            }
        }
    }
    let hashes = [
        (
            "git's hash",
            hex(&sha1.finalize()),
            Some(&photograph.git_blob_sha1),
        ),
        (
            "SHA-256",
            hex(&sha256.finalize()),
            photograph.sha256.as_ref(),
        ),
    ];
    for (kind, found, expected) in hashes {
        if let Some(expected) = expected.filter(|expected| **expected != found) {
            return Err(NotIt::Hash {
                kind,
                found,
                expected: expected.clone(),
            });
        }
    }
    Ok(length)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
