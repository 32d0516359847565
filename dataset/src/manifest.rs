//! The paper's photographs by name, size and checksum. The pictures themselves are not here.

use serde::Deserialize;

/// One line of `manifest.csv`. Of 36 of the 250 photographs only the name and the git blob are known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Photograph {
    /// File name: the photograph's id at unsplash.com, and `.jpg`.
    pub file: String,
    /// Length of the file in bytes.
    pub bytes: Option<u64>,
    /// Width in pixels.
    pub width: Option<u16>,
    /// Height in pixels.
    pub height: Option<u16>,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: Option<String>,
    /// SHA-1 that git gives to the file as a blob, in hexadecimal.
    pub git_blob_sha1: String,
}

/// The 250 photographs in the order of the manifest.
#[must_use]
#[expect(
    clippy::missing_panics_doc,
    reason = "it does not, as the expectation below says"
)]
pub fn photographs() -> Vec<Photograph> {
    #[expect(
        clippy::expect_used,
        reason = "the manifest is compiled in, and a test reads all of it"
    )]
    csv::Reader::from_reader(include_str!("../manifest.csv").as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("the manifest is well formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_the_papers_numbers() {
        let all = photographs();
        assert_eq!(all.len(), 250);
        let readable: Vec<_> = all.iter().filter_map(|p| p.bytes).collect();
        assert_eq!(readable.len(), 214);
        assert_eq!(readable.iter().sum::<u64>(), 427_363_342);
        assert_eq!(all.iter().filter(|p| p.width.is_some()).count(), 214);
        assert_eq!(all.iter().filter(|p| p.sha256.is_some()).count(), 214);
        assert!(all.iter().all(|p| p.git_blob_sha1.len() == 40));
    }
}
