//! What the application segments say: orientation, ICC profile, the meaning of the components.

use super::super::planes::Colour;
use super::super::{Ignored, Limits, Orientation};
use super::frame::Component;

/// What was found so far.
#[derive(Debug)]
pub(super) struct Metadata {
    limits: Limits,
    ignored: Ignored,
    orientation: Option<Orientation>,
    jfif: bool,
    /// The transform that an Adobe APP14 segment names.
    adobe: Option<u8>,
    profile: Profile,
}

/// An ICC profile in pieces (ICC.1:2022, B.4). Pieces are numbered from 1.
#[derive(Debug, Default)]
struct Profile {
    pieces: Vec<(u8, Vec<u8>)>,
    count: u8,
    bytes: usize,
}

impl Metadata {
    /// Nothing yet. Profiles and EXIF blocks over these limits will be ignored.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            ignored: Ignored::default(),
            orientation: None,
            jfif: false,
            adobe: None,
            profile: Profile::default(),
        }
    }

    /// Looks into one application segment.
    pub(super) fn read(&mut self, code: u8, segment: &[u8]) {
        match code {
            0xe0 if segment.starts_with(b"JFIF\0") => self.jfif = true,
            0xe1 if self.orientation.is_none() => {
                self.orientation = segment
                    .strip_prefix(b"Exif\0\0")
                    .filter(|block| self.ignored.takes_exif(block.len(), &self.limits))
                    .and_then(Orientation::of_exif);
            }
            0xe2 => {
                if let Some([number, count, piece @ ..]) = segment.strip_prefix(b"ICC_PROFILE\0") {
                    let bytes = self.profile.bytes + piece.len();
                    if self.profile.lacks(*number, *count)
                        && self.ignored.takes_icc(bytes, &self.limits)
                    {
                        self.profile.add(*number, *count, piece);
                    }
                }
            }
            0xee => {
                if let Some([_, _, _, _, _, _, transform, ..]) = segment.strip_prefix(b"Adobe") {
                    self.adobe = Some(*transform);
                }
            }
            _ => {}
        }
    }

    pub(super) fn orientation(&self) -> Orientation {
        self.orientation.unwrap_or_default()
    }

    /// The length of the profile's pieces.
    pub(super) fn profile_bytes(&self) -> u64 {
        self.profile.bytes as u64
    }

    pub(super) fn ignored(&self) -> Ignored {
        self.ignored
    }

    pub(super) fn into_profile(self) -> Option<Vec<u8>> {
        self.profile.assembled()
    }

    /// What the components are. Nothing in the standard says it: this is what libjpeg does.
    pub(super) fn colour(&self, components: &[Component]) -> Colour {
        let ids = |wanted: [u8; 3]| components.iter().map(|c| c.id).eq(wanted);
        let inverted = self.adobe.is_some();
        match (components.len(), self.adobe) {
            (1, _) => Colour::Grey,
            (3, _) if self.jfif => Colour::YCbCr,
            (3, Some(0)) => Colour::Rgb,
            (3, None) if ids(*b"RGB") => Colour::Rgb,
            (3, _) => Colour::YCbCr,
            (_, Some(0) | None) => Colour::Cmyk { inverted },
            (_, Some(_)) => Colour::Ycck { inverted },
        }
    }
}

impl Profile {
    fn lacks(&self, number: u8, count: u8) -> bool {
        let known = self.pieces.iter().any(|(n, _)| *n == number);
        number > 0 && number <= count && !known
    }

    fn add(&mut self, number: u8, count: u8, piece: &[u8]) {
        self.count = count;
        self.bytes += piece.len();
        self.pieces.push((number, piece.to_vec()));
    }

    /// The whole profile; `None` if a piece is missing.
    fn assembled(mut self) -> Option<Vec<u8>> {
        if self.pieces.is_empty() || self.pieces.len() != usize::from(self.count) {
            return None;
        }
        self.pieces.sort_by_key(|(number, _)| *number);
        Some(
            self.pieces
                .into_iter()
                .flat_map(|(_, piece)| piece)
                .collect(),
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn icc(number: u8, count: u8, piece: &[u8]) -> Vec<u8> {
        [b"ICC_PROFILE\0", &[number, count][..], piece].concat()
    }

    #[test]
    fn a_profile_is_put_together_in_its_order_or_not_at_all() {
        let mut metadata = Metadata::new(&Limits::DEFAULT);
        metadata.read(0xe2, &icc(2, 2, b"cd"));
        metadata.read(0xe2, &icc(2, 2, b"again"));
        metadata.read(0xe2, &icc(1, 2, b"ab"));
        assert_eq!(metadata.into_profile().unwrap(), b"abcd");

        let mut metadata = Metadata::new(&Limits::DEFAULT);
        metadata.read(0xe2, &icc(2, 2, b"cd"));
        assert_eq!(metadata.into_profile(), None);
    }

    #[test]
    fn the_components_mean_what_libjpeg_takes_them_for() {
        let colour = |jfif: bool, adobe: Option<u8>, ids: &[u8]| {
            let components: Vec<_> = ids
                .iter()
                .map(|&id| Component {
                    id,
                    h: 1,
                    v: 1,
                    quantisation: 0,
                    blocks_wide: 1,
                    blocks_high: 1,
                })
                .collect();
            let mut metadata = Metadata::new(&Limits::DEFAULT);
            if jfif {
                metadata.read(0xe0, b"JFIF\0\x01\x02");
            }
            if let Some(transform) = adobe {
                metadata.read(0xee, &[b"Adobe\0d\0\0\0\0", &[transform][..]].concat());
            }
            metadata.colour(&components)
        };
        assert_eq!(colour(true, None, &[1]), Colour::Grey);
        assert_eq!(colour(true, None, b"RGB"), Colour::YCbCr);
        assert_eq!(colour(false, None, b"RGB"), Colour::Rgb);
        assert_eq!(colour(false, Some(0), &[1, 2, 3]), Colour::Rgb);
        assert_eq!(colour(false, Some(1), &[1, 2, 3]), Colour::YCbCr);
        let inverted = true;
        assert_eq!(
            colour(false, Some(2), &[1, 2, 3, 4]),
            Colour::Ycck { inverted }
        );
        assert_eq!(
            colour(false, Some(0), &[1, 2, 3, 4]),
            Colour::Cmyk { inverted }
        );
        let inverted = false;
        assert_eq!(
            colour(false, None, &[1, 2, 3, 4]),
            Colour::Cmyk { inverted }
        );
    }
}
