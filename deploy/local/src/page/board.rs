//! What all open pages show, and how they hear of what is new.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, Sender};

use super::row::Row;
use super::tally::Tally;

/// The latest events, which a page that is opened later shows, too.
const ROWS: usize = 50;
/// News that a page may be behind; one that is further behind starts anew.
const BACKLOG: usize = 1024;

/// Something new.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// An event came to its end.
    Row(Arc<Row>),
    /// The counters.
    Tally(Value),
    /// The race, as far as it is.
    Race(Value),
    /// There are pictures at hand now.
    Offer,
    /// One picture of the race: of which lane, when, and whether it was made.
    Lap(Value),
}

/// What is shown.
#[derive(Debug)]
pub(super) struct Board {
    state: Mutex<State>,
    news: Sender<News>,
}

#[derive(Debug, Default)]
struct State {
    rows: VecDeque<Arc<Row>>,
    tally: Tally,
    lanes: Vec<Lane>,
    race: RaceState,
}

/// How a race stands.
#[derive(Debug, Default, Clone)]
pub(super) struct RaceState {
    pub(super) pictures: usize,
    pub(super) is_running: bool,
    /// Why it ended early.
    pub(super) failure: Option<String>,
}

/// One mode of a race.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) mode: &'static str,
    pub(super) in_flight: usize,
    pub(super) state: &'static str,
    /// When each picture ended, in microseconds since this mode began.
    pub(super) ended_us: Vec<u64>,
    /// How many of them were not made.
    pub(super) not_made: u32,
    /// Of the first of these.
    pub(super) why: Option<String>,
}

impl Lane {
    fn json(&self) -> Value {
        json!({
            "mode": self.mode,
            "in_flight": self.in_flight,
            "state": self.state,
            "ended_us": self.ended_us,
            "not_made": self.not_made,
            "why": self.why,
        })
    }
}

impl State {
    fn race(&self) -> Value {
        let RaceState {
            pictures,
            is_running,
            failure,
        } = &self.race;
        let lanes: Vec<_> = self.lanes.iter().map(Lane::json).collect();
        json!({"pictures": pictures, "is_running": is_running, "failure": failure, "lanes": lanes})
    }
}

impl Default for Board {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            news: Sender::new(BACKLOG),
        }
    }
}

impl Board {
    /// Adds a row, and counts it.
    pub(super) fn add(&self, row: Row) {
        let mut state = self.state();
        state.tally.add(&row);
        let row = Arc::new(row);
        if state.rows.len() == ROWS {
            state.rows.pop_front();
        }
        state.rows.push_back(Arc::clone(&row));
        // Under the lock, so that who follows hears of it once.
        self.say(News::Row(row));
        self.say(News::Tally(state.tally.json(Utc::now())));
    }

    /// Changes the race.
    pub(super) fn race(&self, change: impl FnOnce(&mut RaceState, &mut Vec<Lane>)) {
        let mut state = self.state();
        let State { race, lanes, .. } = &mut *state;
        change(race, lanes);
        self.say(News::Race(state.race()));
    }

    /// Says that there are pictures at hand.
    pub(super) fn offer(&self) {
        self.say(News::Offer);
    }

    /// A picture of the race came to its end: it was made, or why it was not.
    pub(super) fn lap(&self, lane: usize, ended_us: u64, made: Result<(), String>) {
        let mut state = self.state();
        let Some(it) = state.lanes.get_mut(lane) else {
            return;
        };
        it.ended_us.push(ended_us);
        let lap = json!({"lane": lane, "ended_us": ended_us, "is_made": made.is_ok()});
        if let Err(why) = made {
            it.not_made += 1;
            it.why.get_or_insert(why);
        }
        self.say(News::Lap(lap));
    }

    /// All that there is, oldest first, and what will be new.
    pub(super) fn follow(&self) -> (VecDeque<News>, Receiver<News>) {
        let state = self.state();
        let rows = state.rows.iter().cloned().map(News::Row);
        let tally = state.tally.json(Utc::now());
        let rest = [News::Tally(tally), News::Race(state.race())];
        (rows.chain(rest).collect(), self.news.subscribe())
    }

    fn say(&self, news: News) {
        // No page may be open.
        let _ = self.news.send(news);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::page::sample::made;

    /// One that is known by how long it took.
    fn row(ms: u64) -> Row {
        Row::new(&made(Duration::from_millis(ms)))
    }

    fn milliseconds(news: &News) -> Option<u128> {
        match news {
            News::Row(row) => Some(row.waited.unwrap().as_millis()),
            _ => None,
        }
    }

    #[test]
    fn who_comes_later_is_told_of_the_latest_and_of_how_all_stands() {
        let board = Board::default();
        for ms in 1..=60 {
            board.add(row(ms));
        }
        let (past, mut future) = board.follow();
        let told: Vec<_> = past.iter().filter_map(milliseconds).collect();
        assert_eq!(told, (11..=60).collect::<Vec<_>>());
        match past.range(50..).collect::<Vec<_>>()[..] {
            [News::Tally(tally), News::Race(race)] => {
                assert_eq!(
                    (&tally["made"], &race["is_running"]),
                    (&json!(60), &json!(false))
                );
            }
            ref other => panic!("{other:?}"),
        }
        assert!(future.try_recv().is_err());
        board.add(row(61));
        assert_eq!(milliseconds(&future.try_recv().unwrap()), Some(61));
        assert!(matches!(future.try_recv(), Ok(News::Tally(tally)) if tally["made"] == 61));
        assert!(future.try_recv().is_err());
    }

    #[test]
    fn a_lap_is_one_picture_of_its_lane() {
        let board = Board::default();
        let lane = |mode| Lane {
            mode,
            in_flight: 1,
            state: "waits",
            ended_us: Vec::new(),
            not_made: 0,
            why: None,
        };
        board.race(|race, lanes| {
            race.pictures = 3;
            lanes.extend(["sequential", "parallel"].map(lane));
        });
        let (_, mut future) = board.follow();
        board.lap(1, 10, Ok(()));
        board.lap(1, 20, Err("first".to_owned()));
        board.lap(1, 30, Err("second".to_owned()));
        board.lap(2, 40, Ok(()));
        let laps: Vec<_> = std::iter::from_fn(|| future.try_recv().ok()).collect();
        let expected = [(10, true), (20, false), (30, false)];
        assert_eq!(laps.len(), expected.len());
        for (lap, (ended_us, is_made)) in laps.iter().zip(expected) {
            let told = json!({"lane": 1, "ended_us": ended_us, "is_made": is_made});
            assert!(matches!(lap, News::Lap(lap) if *lap == told), "{lap:?}");
        }
        board.race(|_, lanes| lanes[0].state = "runs");
        let Ok(News::Race(race)) = future.try_recv() else {
            panic!("no news");
        };
        assert_eq!(
            (&race["pictures"], &race["lanes"][0]["state"]),
            (&json!(3), &json!("runs"))
        );
        assert_eq!(race["lanes"][0]["ended_us"], json!([]));
        let second = &race["lanes"][1];
        assert_eq!(second["ended_us"], json!([10, 20, 30]));
        assert_eq!(
            (&second["not_made"], &second["why"]),
            (&json!(2), &json!("first"))
        );
    }
}
