//! Flat patches of known colours.

/// Pixels along each side of a patch: blocks of JPEG chroma at 4:2:0 lie within one.
pub(super) const PATCH: u32 = 32;

/// A chart of sRGB colours with straight alpha, row by row.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) columns: u32,
    patch: (u32, u32),
    pub(super) colours: Vec<[u8; 4]>,
}

impl Chart {
    fn new(colours: Vec<[u8; 4]>) -> Self {
        Self {
            columns: 8,
            patch: (PATCH, PATCH),
            colours,
        }
    }

    /// The same with patches of other sides.
    pub(super) fn with_patches(self, side: u32) -> Self {
        Self {
            patch: (side, side),
            ..self
        }
    }

    /// A row of greys, then colours over the whole cube; all opaque.
    pub(super) fn colours() -> Self {
        const LEVELS: [u8; 4] = [40, 100, 160, 220];
        let greys = (0..8).map(|n| [n * 36; 3]);
        // 13 and 64 have no common factor: neighbours differ, and none comes twice.
        let colours = (0..40_usize).map(|n| {
            let n = n * 13 % 64;
            [n / 16, n / 4 % 4, n % 4].map(|n| LEVELS[n])
        });
        Self::new(
            greys
                .chain(colours)
                .map(|[r, g, b]| [r, g, b, 255])
                .collect(),
        )
    }

    /// The same colours, with a ramp of alpha from row to row.
    pub(super) fn with_alpha() -> Self {
        let mut chart = Self::colours();
        for (n, colour) in (0_u8..).zip(&mut chart.colours) {
            colour[3] = 255 - n / 8 * 51;
        }
        chart
    }

    /// Greys of `levels` steps from black to white.
    pub(super) fn greys(levels: u32) -> Self {
        let level = |n: u32| u8::try_from(n % levels * 255 / (levels - 1)).unwrap_or(u8::MAX);
        Self::new(
            (0..48)
                .map(|n| [level(n), level(n), level(n), 255])
                .collect(),
        )
    }

    /// The first `count` colours of a chart, again and again.
    pub(super) fn of_few(&self, count: usize) -> Self {
        let colours = self.colours.iter().skip(8).take(count).copied().cycle();
        Self::new(colours.take(48).collect())
    }

    /// The same, by half a turn.
    pub(super) fn upside_down(&self) -> Self {
        let colours = self.colours.iter().rev().copied().collect();
        Self {
            colours,
            ..self.clone()
        }
    }

    /// The same, by a quarter of a turn to the right.
    pub(super) fn turned_right(&self) -> Self {
        let (columns, rows) = (self.columns as usize, self.rows());
        let column = |x: usize| self.colours.iter().skip(x).step_by(columns).rev();
        Self {
            columns: rows,
            patch: (self.patch.1, self.patch.0),
            colours: (0..columns).flat_map(column).copied().collect(),
        }
    }

    /// One patch of any size.
    pub(super) fn single(colour: [u8; 4], width: u32, height: u32) -> Self {
        Self {
            columns: 1,
            patch: (width, height),
            colours: vec![colour],
        }
    }

    pub(super) fn width(&self) -> u32 {
        self.columns * self.patch.0
    }

    pub(super) fn height(&self) -> u32 {
        self.rows() * self.patch.1
    }

    fn rows(&self) -> u32 {
        u32::try_from(self.colours.len()).unwrap_or(u32::MAX) / self.columns
    }

    /// The patch that a pixel lies in.
    pub(super) fn patch_at(&self, x: u32, y: u32) -> usize {
        ((y / self.patch.1) * self.columns + x / self.patch.0) as usize
    }

    /// One value for each pixel, row by row, from the colour of its patch.
    pub(super) fn pixels<P: Clone>(&self, of: impl Fn([u8; 4]) -> P) -> Vec<P> {
        let patches: Vec<P> = self.colours.iter().copied().map(of).collect();
        let rows = 0..self.height();
        rows.flat_map(|y| (0..self.width()).map(move |x| (x, y)))
            .map(|(x, y)| patches[self.patch_at(x, y)].clone())
            .collect()
    }

    /// The samples of all pixels.
    pub(super) fn samples<S: Copy, const N: usize>(
        &self,
        of: impl Fn([u8; 4]) -> [S; N],
    ) -> Vec<S> {
        self.pixels(of).into_iter().flatten().collect()
    }

    /// What the colours look like on white.
    pub(super) fn on_white(&self) -> Vec<[u8; 3]> {
        let blend = |level: u8, alpha: u8| {
            let (level, alpha) = (u32::from(level), u32::from(alpha));
            let sum = level * alpha + 255 * (255 - alpha);
            u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
        };
        let blended = |[r, g, b, a]: [u8; 4]| [r, g, b].map(|level| blend(level, a));
        self.colours.iter().copied().map(blended).collect()
    }
}

/// The pixels of an upright picture as an orientation (EXIF 2.32, 4.6.4 A) stores them, with the
/// stored size. Other values than 2 to 8 leave it as it is.
pub(super) fn turned<P: Clone>(
    (width, height): (u32, u32),
    upright: &[P],
    orientation: u16,
) -> ((u32, u32), Vec<P>) {
    let (w, h) = if (5..=8).contains(&orientation) {
        (height, width)
    } else {
        (width, height)
    };
    let shown_at = |x: u32, y: u32| match orientation {
        2 => (w - 1 - x, y),
        3 => (w - 1 - x, h - 1 - y),
        4 => (x, h - 1 - y),
        5 => (y, x),
        6 => (h - 1 - y, x),
        7 => (h - 1 - y, w - 1 - x),
        8 => (y, w - 1 - x),
        _ => (x, y),
    };
    let stored = (0..h).flat_map(|y| (0..w).map(move |x| (x, y)));
    let stored = stored.map(|(x, y)| {
        let (x, y) = shown_at(x, y);
        upright[(y * width + x) as usize].clone()
    });
    ((w, h), stored.collect())
}
