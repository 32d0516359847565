//! Bits into bytes, as entropy-coded segments have them (T.81, F.1.2.3).

/// Collects bits, first bit highest. A byte FF among them is followed by 00, so that it is no marker.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// The bits that are not yet a byte; the newest is the lowest.
    pending: u64,
    count: u32,
}

impl Bits {
    /// Appends the lowest `length` bits of `bits`; at most 32.
    pub(super) fn put(&mut self, bits: u32, length: u32) {
        self.pending = (self.pending << length) | (u64::from(bits) & ((1 << length) - 1));
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the eight bits that are due"
            )]
            let byte = (self.pending >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// Fills the last byte with ones, as before every marker (F.1.2.3), and gives all bytes.
    pub(super) fn take(&mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put(0xFF, 8 - self.count);
        }
        self.pending = 0;
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_ones_are_stuffed_and_the_last_byte_is_filled_with_ones() {
        let mut bits = Bits::default();
        bits.put(0x3, 2);
        bits.put(0xFFF0_1234, 32);
        assert_eq!(bits.take(), [0xFF, 0, 0xFC, 0x04, 0x8D, 0x3F]);
        bits.put(0x7F, 7);
        assert_eq!(bits.take(), [0xFF, 0], "also where filling made it");
        assert!(bits.take().is_empty());
    }
}
