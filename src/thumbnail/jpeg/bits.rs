//! The bits of an entropy-coded segment (T.81, B.1.1.5), without its stuffed bytes.

use super::markers::{has_ff, next_marker};

/// Bytes that are held without stuffing at one time. They and the tables fit into the first cache.
const WINDOW_BYTES: usize = 1 << 14;

/// The most bytes that an MCU can take: ten blocks (T.81, B.2.3) of 64 symbols of 16 bits with 15
/// additional bits each; and what is read ahead of the bits.
const MARGIN_BYTES: usize = 10 * 64 * 31 / 8 + 16;

/// Part of a segment. Read by the lower bits of a position alone, so that no position is outside.
pub(super) struct Window([u8; WINDOW_BYTES + 8]);

impl Window {
    #[inline(always)]
    fn eight_bytes(&self, at: usize) -> u64 {
        let at = at % WINDOW_BYTES;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[at..at + 8]);
        u64::from_be_bytes(bytes)
    }
}

/// A position among the bits of a [`Window`], and the next of them. Small, to be copied into the
/// loops that decode.
#[derive(Clone, Copy, Default)]
pub(super) struct Bits {
    /// The next bits, from the top. Below the first `count` may be some of those that follow.
    next: u64,
    count: u32,
    /// Index into the window of the first byte that is not among the `count` bits.
    at: u32,
}

impl Bits {
    /// Makes at least 56 bits available.
    #[inline(always)]
    pub(super) fn refill(&mut self, window: &Window) {
        self.next |= window.eight_bytes(self.at as usize) >> self.count;
        self.at += (63 - self.count) / 8;
        self.count |= 0b11_1000;
    }

    /// The coming bits, from the top.
    #[inline(always)]
    pub(super) fn next(self) -> u64 {
        self.next
    }

    /// Passes over at most 63 bits, which must be available. Of `count` only the low six bits are
    /// looked at: entries of lookup tables have other things above.
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        self.next <<= count % 64;
        self.count = self.count.wrapping_sub(count) % 64;
    }

    /// Takes at most 32 bits, which must be available.
    #[inline(always)]
    pub(super) fn receive(&mut self, count: u32) -> u32 {
        let bits = (self.next >> 1 >> ((63 - count) % 64)) as u32;
        self.consume(count);
        bits
    }

    /// The bits taken since the window's first byte.
    fn taken(self) -> usize {
        (self.at as usize * 8).saturating_sub(self.count as usize)
    }
}

/// The entropy-coded data of a scan: its segments between restart markers, one after the other.
pub(super) struct Entropy<'a> {
    /// The file from the scan's first byte on.
    source: &'a [u8],
    /// What has been put into the window, stuffed bytes included.
    read: usize,
    window: Box<Window>,
    /// Bytes of the window that belong to the segment; zeros follow.
    filled: usize,
    /// Whether the window has the segment's last bytes.
    ended: bool,
    bits: Bits,
}

impl<'a> Entropy<'a> {
    #[expect(clippy::large_stack_arrays, reason = "it goes to the heap at once")]
    pub(super) fn new(source: &'a [u8]) -> Self {
        let mut this = Self {
            source,
            read: 0,
            window: Box::new(Window([0; _])),
            filled: 0,
            ended: false,
            bits: Bits::default(),
        };
        this.fill();
        this
    }

    /// The window and the position in it, to decode with. [`put`](Self::put) brings it back.
    #[inline(always)]
    pub(super) fn take(&self) -> (Bits, &Window) {
        (self.bits, &self.window)
    }

    #[inline(always)]
    pub(super) fn put(&mut self, bits: Bits) {
        self.bits = bits;
    }

    /// Whether the longest MCU may reach past the window, while there is more to come.
    #[inline(always)]
    pub(super) fn runs_low(&self, bits: Bits) -> bool {
        bits.at as usize + MARGIN_BYTES > self.filled && !self.ended
    }

    /// Whether bits were taken that are not in the file.
    pub(super) fn overrun(&self) -> bool {
        self.bits.taken() > self.filled * 8
    }

    /// Whether more of the segment is left than the bits that fill up its last byte.
    pub(super) fn left_over(&mut self) -> bool {
        if !self.ended {
            self.fill();
        }
        let Bits { count, at, .. } = self.bits;
        self.filled * 8 + count as usize >= (at as usize + 1) * 8
    }

    /// Whether segments follow this one. A restart marker alone is none.
    pub(super) fn goes_on(&self) -> bool {
        self.ended && self.read + 2 < self.source.len()
    }

    /// Moves on through the segment, so that another MCU can be decoded.
    #[inline(never)]
    pub(super) fn fill(&mut self) {
        let from = (self.bits.at as usize).min(self.filled);
        self.window.0.copy_within(from..self.filled, 0);
        self.filled -= from;
        self.bits.at -= from as u32;
        while !self.ended && self.filled < WINDOW_BYTES {
            self.copy_to_next_ff();
            match self.source.get(self.read..).unwrap_or_default() {
                [0xff, 0, ..] if self.filled < WINDOW_BYTES => {
                    self.window.0[self.filled] = 0xff;
                    self.filled += 1;
                    self.read += 2;
                }
                // A fill byte.
                [0xff, 0xff, ..] => self.read += 1,
                [0xff, 0, ..] => break,
                [0xff, ..] | [] => self.ended = true,
                _ => {}
            }
        }
        let padding = &mut self.window.0[self.filled..];
        let some = padding.len().min(MARGIN_BYTES);
        padding[..some].fill(0);
    }

    /// Copies up to the next 0xff, the window's end or the source's.
    fn copy_to_next_ff(&mut self) {
        const AT_ONCE: usize = 32;
        let source = &self.source[self.read..];
        let free = &mut self.window.0[self.filled..WINDOW_BYTES];
        let mut copied = 0;
        for (from, to) in source
            .chunks_exact(AT_ONCE)
            .zip(free.chunks_exact_mut(AT_ONCE))
        {
            to.copy_from_slice(from);
            if has_ff(from) {
                break;
            }
            copied += AT_ONCE;
        }
        for (from, to) in source[copied..].iter().zip(&mut free[copied..]) {
            if *from == 0xff {
                break;
            }
            *to = *from;
            copied += 1;
        }
        self.filled += copied;
        self.read += copied;
    }

    /// Goes to the segment after the next restart marker, which should be the one with the number `expected`
    /// (T.81, E.2.4). Says how many restart intervals are lost in between; `None` if the scan ends.
    pub(super) fn restart(&mut self, expected: u8) -> Option<u32> {
        /// A marker that is further ahead than this is taken for one that was passed already.
        const FARTHEST: u8 = 3;
        loop {
            let (at, code) = next_marker(self.source, self.read)?;
            self.read = at;
            if !(0xd0..=0xd7).contains(&code) {
                return None;
            }
            self.read += 2;
            let ahead = code.wrapping_sub(0xd0).wrapping_sub(expected) & 7;
            if ahead <= FARTHEST {
                self.filled = 0;
                self.ended = false;
                self.bits = Bits::default();
                self.fill();
                return Some(ahead.into());
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn bytes_of(entropy: &mut Entropy<'_>, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        for _ in 0..count {
            if entropy.runs_low(entropy.bits) {
                entropy.fill();
            }
            let (mut bits, window) = entropy.take();
            bits.refill(window);
            all.push(u8::try_from(bits.receive(8)).unwrap());
            entropy.put(bits);
        }
        all
    }

    #[test]
    fn stuffing_and_fill_bytes_vanish_and_nothing_else() {
        let data: Vec<u8> = (0..100_000_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let mut stuffed = Vec::new();
        for &byte in &data {
            stuffed.push(byte);
            if byte == 0xff {
                stuffed.push(0);
            }
        }
        stuffed.extend([0xff, 0xff, 0xff, 0xd9]);
        let mut entropy = Entropy::new(&stuffed);
        assert_eq!(bytes_of(&mut entropy, data.len()), data);
        assert!(!entropy.overrun());
        assert_eq!(entropy.read, stuffed.len() - 2);
        bytes_of(&mut entropy, 1);
        assert!(entropy.overrun());
    }

    #[test]
    fn restart_markers_are_found_counted_and_resynchronised() {
        let source = [
            1, 2, 0xff, 0xd0, 3, 0xff, 0xd2, 4, 0xff, 0xd1, 5, 0xff, 0xd3, 6,
        ];
        let mut entropy = Entropy::new(&source);
        assert_eq!(bytes_of(&mut entropy, 1), [1]);
        assert_eq!(entropy.restart(0), Some(0));
        assert_eq!(bytes_of(&mut entropy, 1), [3]);
        // RST1 is lost; then it comes late and is passed over.
        assert_eq!(entropy.restart(1), Some(1));
        assert_eq!(bytes_of(&mut entropy, 1), [4]);
        assert_eq!(entropy.restart(3), Some(0));
        assert_eq!(bytes_of(&mut entropy, 1), [6]);
        assert_eq!(entropy.restart(4), None);
    }
}
