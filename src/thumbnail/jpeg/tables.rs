//! The tables that segments define, and redefine between scans (T.81, B.2.4).

use super::super::Error;
use super::frame::malformed;
use super::huffman::Huffman;

/// Sixty-four divisors in zigzag order.
pub(super) type Quantisation = [u16; 64];

/// The tables as they are now.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) quantisation: [Option<Quantisation>; 4],
    pub(super) dc: [Option<Box<Huffman>>; 4],
    pub(super) ac: [Option<Box<Huffman>>; 4],
    /// MCUs between restart markers; 0 for none.
    pub(super) restart_interval: usize,
}

impl Tables {
    /// Reads a DQT segment (T.81, B.2.4.1).
    pub(super) fn define_quantisation(&mut self, mut segment: &[u8]) -> Result<(), Error> {
        let impossible = || malformed("impossible quantisation table");
        while let Some((&head, rest)) = segment.split_first() {
            let (wide, number) = (head >> 4, usize::from(head & 15));
            let bytes = match wide {
                0 => 64,
                1 => 128,
                _ => return Err(impossible()),
            };
            let (values, rest) = rest.split_at_checked(bytes).ok_or_else(impossible)?;
            let mut table = [0; 64];
            if wide == 0 {
                table
                    .iter_mut()
                    .zip(values)
                    .for_each(|(to, &v)| *to = v.into());
            } else {
                let pairs = values.as_chunks().0;
                table
                    .iter_mut()
                    .zip(pairs)
                    .for_each(|(to, &v)| *to = u16::from_be_bytes(v));
            }
            *self.quantisation.get_mut(number).ok_or_else(impossible)? = Some(table);
            segment = rest;
        }
        Ok(())
    }

    /// Reads a DHT segment (T.81, B.2.4.2).
    pub(super) fn define_huffman(&mut self, mut segment: &[u8]) -> Result<(), Error> {
        let impossible = || malformed("impossible Huffman table");
        while let Some((&head, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(impossible)?;
            let count = counts.iter().map(|&n| usize::from(n)).sum();
            let (symbols, rest) = rest.split_at_checked(count).ok_or_else(impossible)?;
            let table = Huffman::new(counts, symbols).ok_or_else(impossible)?;
            let number = usize::from(head & 15);
            // A DC symbol is a number of bits alone (T.81, F.1.2.1.1 and H.1.2.2).
            if head >> 4 == 0 && symbols.iter().any(|&symbol| symbol > 15) {
                return Err(impossible());
            }
            let tables = match head >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(impossible()),
            };
            *tables.get_mut(number).ok_or_else(impossible)? = Some(Box::new(table));
            segment = rest;
        }
        Ok(())
    }

    /// Reads a DRI segment (T.81, B.2.4.4).
    pub(super) fn define_restart_interval(&mut self, segment: &[u8]) -> Result<(), Error> {
        let &[high, low] = segment else {
            return Err(malformed("impossible restart interval"));
        };
        self.restart_interval = u16::from_be_bytes([high, low]).into();
        Ok(())
    }
}

/// The table with this number.
pub(super) fn defined(
    tables: &[Option<Box<Huffman>>; 4],
    number: usize,
) -> Result<&Huffman, Error> {
    tables[number & 3]
        .as_deref()
        .ok_or_else(|| malformed("undefined Huffman table"))
}
