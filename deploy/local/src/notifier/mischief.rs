//! Deliveries that go wrong on purpose. IBM does not document whether its events come more than once, late,
//! in order, or at all; what follows from each can be tried here.

use std::fmt;
use std::num::ParseFloatError;
use std::str::FromStr;
use std::time::Duration;

use cos_thumbnails::object::Key;
use md5::{Digest, Md5};
use serde::Serialize;

/// A delivery that is reordered waits until at most so many others have ended.
const MOST_BEHIND: u8 = 4;
/// The longest delay that can be asked for, in seconds: one hour.
const LONGEST_SECONDS: f64 = 3600.0;

/// By which chances deliveries are duplicated, delayed, reordered and dropped; each from 0 to 1. All follow
/// from the seed, the object's key and how many events that key had since the start: the same uploads meet
/// the same fates, however many are put at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mischief {
    /// By which lots are drawn.
    pub seed: u64,
    /// An event is delivered twice.
    pub duplicate: f64,
    /// A delivery waits, up to [`up_to`](Self::up_to).
    pub delay: f64,
    /// A delivery waits until 1 to 4 others have ended, or `up_to` has passed.
    pub reorder: f64,
    /// An event is not delivered, and nobody is told.
    pub drop: f64,
    /// The longest that a delivery waits. Default 2 s.
    pub up_to: Duration,
}

/// What is done to one delivery on purpose; by default nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Fate {
    /// It is not sent.
    pub dropped: bool,
    /// It is the second of its event.
    pub duplicate: bool,
    /// How long it waits first, in whole milliseconds.
    #[serde(rename = "delay_ms", serialize_with = "milliseconds")]
    pub delay: Duration,
    /// It waits until so many others have ended.
    pub behind: u8,
}

/// Why a text says no mischief.
#[derive(Debug, thiserror::Error)]
pub enum WrongMischief {
    /// There is no such switch.
    #[error("{0:?} is none of duplicate, delay, reorder, drop, up-to, each with =NUMBER")]
    Switch(String),
    /// Something that is no number.
    #[error("{0} is no number")]
    Number(String, #[source] ParseFloatError),
    /// A chance that is none.
    #[error("{0}: a chance is from 0 to 1")]
    Chance(String),
    /// A time that is none.
    #[error("{0}: up-to is seconds, from 0 to 3600")]
    Seconds(String),
}

impl FromStr for Mischief {
    type Err = WrongMischief;

    /// Such as `duplicate=0.1,delay=0.2,reorder=0.1,drop=0.05,up-to=2`; what is not named is 0, the seed, too.
    fn from_str(text: &str) -> Result<Self, WrongMischief> {
        let mut mischief = Self {
            seed: 0,
            duplicate: 0.0,
            delay: 0.0,
            reorder: 0.0,
            drop: 0.0,
            up_to: Duration::from_secs(2),
        };
        for switch in text.split(',') {
            let wrong = || WrongMischief::Switch(switch.to_owned());
            let (name, value) = switch.split_once('=').ok_or_else(wrong)?;
            let number = value
                .parse::<f64>()
                .map_err(|error| WrongMischief::Number(switch.to_owned(), error))?;
            let chance = match name {
                "duplicate" => &mut mischief.duplicate,
                "delay" => &mut mischief.delay,
                "reorder" => &mut mischief.reorder,
                "drop" => &mut mischief.drop,
                "up-to" if (0.0..=LONGEST_SECONDS).contains(&number) => {
                    mischief.up_to = Duration::from_secs_f64(number);
                    continue;
                }
                "up-to" => return Err(WrongMischief::Seconds(switch.to_owned())),
                _ => return Err(wrong()),
            };
            if !(0.0..=1.0).contains(&number) {
                return Err(WrongMischief::Chance(switch.to_owned()));
            }
            *chance = number;
        }
        Ok(mischief)
    }
}

impl fmt::Display for Mischief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            duplicate,
            delay,
            reorder,
            drop,
            up_to,
        } = self;
        let up_to = up_to.as_secs_f64();
        write!(
            f,
            "duplicate={duplicate},delay={delay},reorder={reorder},drop={drop},up-to={up_to} by seed {seed}"
        )
    }
}

impl Mischief {
    /// What becomes of the `nth` event of a key, from 1: one delivery, or two.
    #[must_use]
    pub fn fates(&self, key: &Key, nth: u64) -> Vec<Fate> {
        let mut lots = fastrand::Rng::with_seed(self.seed_of(key, nth));
        // Every lot is drawn, whatever the others say: a chance that is set to 0 changes no other fate.
        let dropped = lots.f64() < self.drop;
        let copies = if lots.f64() < self.duplicate { 2 } else { 1 };
        let fates = [false, true].map(|duplicate| {
            let delay = (lots.f64() < self.delay, self.up_to.mul_f64(lots.f64()));
            let behind = (lots.f64() < self.reorder, lots.u8(1..=MOST_BEHIND));
            Fate {
                dropped,
                duplicate,
                delay: if delay.0 { delay.1 } else { Duration::ZERO },
                behind: if behind.0 { behind.1 } else { 0 },
            }
        });
        if dropped {
            return vec![Fate {
                dropped,
                ..Fate::default()
            }];
        }
        fates.into_iter().take(copies).collect()
    }

    fn seed_of(&self, key: &Key, nth: u64) -> u64 {
        let lot = format!("{} {nth} {key}", self.seed);
        let mut seed = [0; 8];
        seed.copy_from_slice(&Md5::digest(lot)[..8]);
        u64::from_be_bytes(seed)
    }
}

impl fmt::Display for Fate {
    /// Nothing where nothing was done.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = [
            self.dropped.then(|| "dropped".to_owned()),
            self.duplicate.then(|| "duplicate".to_owned()),
            (self.delay > Duration::ZERO).then(|| format!("delayed {} ms", self.delay.as_millis())),
            (self.behind > 0).then(|| format!("behind {}", self.behind)),
        ];
        let said: Vec<_> = said.into_iter().flatten().collect();
        f.write_str(&said.join(", "))
    }
}

fn milliseconds<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fates(mischief: &str, seed: u64) -> Vec<Vec<Fate>> {
        let mischief = Mischief {
            seed,
            ..mischief.parse().unwrap()
        };
        (0..1000)
            .map(|n| mischief.fates(&Key::new(format!("images/{n}")), 1))
            .collect()
    }

    #[test]
    fn fates_follow_from_the_seed_and_have_their_chances() {
        let all = "duplicate=0.2,delay=0.3,reorder=0.4,drop=0.1";
        assert_eq!(fates(all, 7), fates(all, 7));
        assert_ne!(fates(all, 7), fates(all, 8));
        let count =
            |is: fn(&Fate) -> bool| fates(all, 7).iter().flatten().filter(|f| is(f)).count();
        // 1000 events less a tenth, and a fifth more deliveries: four standard deviations around it.
        assert!((60..140).contains(&count(|f| f.dropped)));
        assert!((130..230).contains(&count(|f| f.duplicate)));
        assert!((260..390).contains(&count(|f| f.delay > Duration::ZERO)));
        assert!((360..500).contains(&count(|f| f.behind > 0)));
        let undropped = fates("duplicate=0.2,delay=0.3,reorder=0.4", 7);
        for (with, without) in fates(all, 7).iter().zip(&undropped) {
            assert!(with == without || with[0].dropped);
        }
    }

    #[test]
    fn certain_is_always_and_nothing_is_never() {
        for fate in fates("duplicate=1,delay=1,reorder=1,up-to=0.5", 1) {
            assert_eq!(fate.len(), 2);
            assert!(
                fate.iter()
                    .all(|f| f.behind >= 1 && f.delay <= Duration::from_millis(500))
            );
        }
        assert!(
            fates("up-to=9", 1)
                .iter()
                .flatten()
                .all(|fate| *fate == Fate::default())
        );
        assert!(
            fates("drop=1,duplicate=1", 1)
                .iter()
                .all(|fate| fate.len() == 1 && fate[0].dropped)
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, expected) in [
            ("drop", "\"drop\" is none of"),
            ("loose=0.1", "\"loose=0.1\" is none of"),
            ("drop=often", "drop=often is no number"),
            ("drop=1.1", "drop=1.1: a chance"),
            ("drop=NaN", "drop=NaN: a chance"),
            ("up-to=-1", "up-to=-1: up-to is seconds"),
            ("", "\"\" is none of"),
        ] {
            let refused = text.parse::<Mischief>().unwrap_err().to_string();
            assert!(refused.starts_with(expected), "{refused}");
        }
    }
}
