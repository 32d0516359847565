use super::Error;

/// What a picture may demand at most. Looked at before any pixel is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the file in bytes. Default 100 MiB.
    pub max_bytes: u64,
    /// Width times height. Default 100 million: the largest cameras' pictures pass, bombs do not.
    pub max_pixels: u64,
    /// Width and height each. Default 65,535, the most that a JPEG frame header can say (T.81, B.2.2).
    pub max_side: u32,
    /// Bytes that decoding may hold at its peak, as predicted from the header. Default 1 GiB.
    pub max_decoded_bytes: u64,
    /// Of a damaged JPEG, the least share of rows that must be right for thumbnails to be made of
    /// it, in per cent. Default 50; with 100 every damaged picture is refused.
    pub min_intact_percent: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 100 << 20,
            max_pixels: 100_000_000,
            max_side: 65_535,
            max_decoded_bytes: 1 << 30,
            min_intact_percent: 50,
        }
    }
}

impl Limits {
    pub(super) fn check_file(&self, bytes: &[u8]) -> Result<(), Error> {
        at_most("file length in bytes", bytes.len() as u64, self.max_bytes)
    }

    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), Error> {
        let (width, height) = (u64::from(width), u64::from(height));
        at_most("width in pixels", width, self.max_side.into())?;
        at_most("height in pixels", height, self.max_side.into())?;
        at_most("number of pixels", width * height, self.max_pixels)
    }

    /// Whether enough of a damaged picture is right.
    pub(super) fn accept_damage(&self, intact_rows: u32, rows: u32) -> bool {
        u64::from(intact_rows) * 100 >= u64::from(rows) * u64::from(self.min_intact_percent)
    }

    pub(super) fn check_peak(&self, peak_bytes: u64) -> Result<(), Error> {
        at_most(
            "memory for decoding in bytes",
            peak_bytes,
            self.max_decoded_bytes,
        )
    }
}

fn at_most(what: &'static str, value: u64, limit: u64) -> Result<(), Error> {
    if value > limit {
        return Err(Error::TooLarge { what, value, limit });
    }
    Ok(())
}
