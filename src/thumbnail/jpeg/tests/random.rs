//! Pictures and layouts by chance.

use dataset::jpeg::write;
use proptest::prelude::*;

use super::super::super::planes::Effort;
use super::*;

/// A valid progressive script: each band of each component in some steps of its bits, in an order in
/// which every refinement follows what it refines.
fn script(frame: &Frame, random: &mut Random) -> Vec<Scan> {
    let count = frame.components.len();
    // Queues of scans whose order among themselves is given.
    let mut queues: Vec<Vec<Scan>> = Vec::new();
    let together = fits_one_mcu(frame) && random.below(2) == 0;
    let groups: Vec<Vec<usize>> = if together {
        vec![(0..count).collect()]
    } else {
        (0..count).map(|i| vec![i]).collect()
    };
    let bits = |random: &mut Random| u8::try_from(random.below(4)).unwrap();
    for group in groups {
        let most = bits(random);
        let mut queue = vec![Scan::dc(&group, 0, most)];
        queue.extend((0..most).rev().map(|low| Scan::dc(&group, low + 1, low)));
        queues.push(queue);
    }
    // AC coefficients of a component may come when its DC coefficients have come.
    let dc_queues = queues.len();
    for i in 0..count {
        let mut first = 1;
        while first < 64 {
            let last = first + u8::try_from(random.below(64 - usize::from(first))).unwrap();
            let most = bits(random);
            let mut queue = vec![Scan::ac(i, first..=last, 0, most)];
            queue.extend(
                (0..most)
                    .rev()
                    .map(|low| Scan::ac(i, first..=last, low + 1, low)),
            );
            queues.push(queue);
            first = last + 1;
        }
    }
    let mut scans: Vec<Scan> = queues[..dc_queues]
        .iter_mut()
        .map(|q| q.remove(0))
        .collect();
    while queues.iter().any(|queue| !queue.is_empty()) {
        let at = random.below(queues.len());
        if !queues[at].is_empty() {
            scans.push(queues[at].remove(0));
        }
    }
    scans
}

fn layout(frame: &Frame, random: &mut Random) -> Layout {
    let count = frame.components.len();
    let mut layout = if random.below(3) == 0 {
        sequential(possible(frame, dataset::jpeg::sequential(count)))
    } else {
        progressive(script(frame, random))
    };
    for scan in &mut layout.scans {
        if random.below(3) == 0 {
            scan.restart_interval = u16::try_from(1 + random.below(40)).unwrap();
        }
    }
    layout.longest_eob_run = u16::try_from(1 + random.below(40)).unwrap();
    layout.fill = random.below(3);
    layout.dnl = random.below(8) == 0;
    layout
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_picture_in_any_layout_is_read_as_it_is(
        seed: u64,
        width in 1..140_u16,
        height in 1..90_u16,
        components in prop_oneof![Just(1_usize), Just(3), Just(3), Just(4)],
    ) {
        let mut random = Random(seed);
        let factor = |random: &mut Random| u8::try_from(1 + random.below(4)).unwrap();
        let samplings: Vec<(u8, u8)> = (0..components)
            .map(|_| (factor(&mut random), factor(&mut random)))
            .collect();
        let frame = picture(width, height, &samplings, seed);
        let [plain, _] = two_layouts(&frame);
        let layout = layout(&frame, &mut random);
        let file = write(&frame, &layout);

        let full = read(&file, ALL, Effort::Default).unwrap();
        compare(&frame, &layout, &full);
        prop_assert!(full == read(&write(&frame, &plain), ALL, Effort::Default).unwrap());

        let long = usize::from(width.max(height));
        let largest = u32::try_from(random.below(long)).unwrap();
        let effort = if random.below(2) == 0 { Effort::Default } else { Effort::Fast };
        let small = read(&file, largest, effort).unwrap();
        compare(&frame, &layout, &small);

        // In pieces of any length the same.
        let mut pieces = reader(largest, effort);
        let mut end = 0;
        while pieces.advance(&file[..end]).unwrap() == Progress::NeedMore && end < file.len() {
            end = (end + 1 + random.below(file.len() / 3 + 1)).min(file.len());
        }
        prop_assert!(small == pieces.finish(&file[..end]).unwrap());
    }
}
