/// The samples of a pixel, 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
}

impl Channels {
    /// How many there are, which is also the bytes per pixel.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// How many of them are colours.
    pub(super) fn colours(self) -> usize {
        self.count() - usize::from(self.have_alpha())
    }

    pub(super) fn have_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }
}

/// Rows of pixels, without gaps, its own or those of a file. `samples.len()` is width times height times
/// channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster<S = Vec<u8>> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: Channels,
    pub(super) samples: S,
}

impl<S> Raster<S> {
    /// The same pixels, held in another way.
    pub(super) fn held<T>(self, by: impl FnOnce(S) -> T) -> Raster<T> {
        Raster {
            width: self.width,
            height: self.height,
            channels: self.channels,
            samples: by(self.samples),
        }
    }
}
