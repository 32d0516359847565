//! How many events may be under way: as many as the target bears, found out by its answers.
//!
//! Additive increase, multiplicative decrease, as TCP does it: after as many good answers as may be under
//! way, one more may; after one that tells of overload, half as many. An answer to what was sent before
//! the last decrease says nothing of the number that holds now, and changes nothing: sixty-four refusals
//! of one burst are one sign, not sixty-four. Nothing here reads a clock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// What an answer says of the number that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The target bears it.
    Good,
    /// It is too much.
    Overload,
    /// Nothing, such as a refusal of this one event.
    None,
}

/// Gives turns, as many at once as the target bears.
#[derive(Debug)]
pub(crate) struct Pace {
    free: Semaphore,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many may be under way.
    limit: usize,
    /// How many turns beyond that are given still, and are not given again when they end.
    surplus: usize,
    /// Counts the decreases.
    round: u64,
    /// Good answers since the limit last changed.
    good: usize,
}

/// One event's turn to be sent.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    permit: SemaphorePermit<'a>,
    round: u64,
}

impl Pace {
    /// `most` at first, and never more. At least 1.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Semaphore::new(most),
            most,
            state: Mutex::new(State {
                limit: most,
                surplus: 0,
                round: 0,
                good: 0,
            }),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        loop {
            #[expect(clippy::expect_used, reason = "nothing closes this semaphore")]
            let permit = self.free.acquire().await.expect("an open semaphore");
            let mut state = self.state();
            if state.surplus == 0 {
                let round = state.round;
                return Turn { permit, round };
            }
            // It was on its way to here when the limit fell.
            state.surplus -= 1;
            permit.forget();
        }
    }

    /// Ends a turn by what its answer says. Gives the number that might be under way and the one that may
    /// be from now on, if that changed.
    pub(crate) fn end(&self, turn: Turn<'_>, sign: Sign) -> Option<(usize, usize)> {
        let mut state = self.state();
        let before = state.limit;
        if turn.round == state.round {
            match sign {
                Sign::Overload => state.limit = (before / 2).max(1),
                Sign::Good => {
                    state.good += 1;
                    if state.good >= before && before < self.most {
                        state.limit = before + 1;
                    }
                }
                Sign::None => {}
            }
            if sign == Sign::Overload {
                state.round += 1;
                state.surplus += before - state.limit;
            } else if state.limit > before {
                if state.surplus > 0 {
                    state.surplus -= 1;
                } else {
                    self.free.add_permits(1);
                }
            }
            if state.limit != before {
                state.good = 0;
            }
        }
        // This turn first: it is not free yet, others may be.
        if state.surplus > 0 {
            state.surplus -= 1;
            turn.permit.forget();
        }
        state.surplus -= self.free.forget_permits(state.surplus);
        (state.limit != before).then_some((before, state.limit))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// All turns that there are now.
    fn all(pace: &Pace) -> Vec<Turn<'_>> {
        std::iter::from_fn(|| pace.turn().now_or_never()).collect()
    }

    fn answered(pace: &Pace, sign: Sign) -> Vec<usize> {
        let turns = all(pace).into_iter();
        let changes = turns.filter_map(|turn| pace.end(turn, sign));
        changes.map(|(_, to)| to).collect()
    }

    #[test]
    fn a_burst_of_refusals_halves_once_and_as_many_are_sent_as_is_said() {
        let pace = Pace::new(64);
        assert_eq!(all(&pace).len(), 64);
        for limit in [32, 16, 8, 4, 2, 1] {
            assert_eq!(answered(&pace, Sign::Overload), [limit]);
            assert_eq!(all(&pace).len(), limit);
        }
        assert!(
            answered(&pace, Sign::Overload).is_empty(),
            "one is always sent"
        );
        assert_eq!(all(&pace).len(), 1);
    }

    #[test]
    fn a_round_of_good_answers_lets_one_more_be_sent_up_to_the_most() {
        let pace = Pace::new(4);
        assert!(
            answered(&pace, Sign::Good).is_empty(),
            "it is the most already"
        );
        assert_eq!(answered(&pace, Sign::Overload), [2]);
        for expected in [&[3][..], &[4], &[], &[]] {
            assert_eq!(answered(&pace, Sign::Good), expected);
        }
        assert_eq!(all(&pace).len(), 4);
        assert!(answered(&pace, Sign::None).is_empty());
    }

    #[test]
    fn what_was_sent_before_a_decrease_says_nothing_after_it() {
        let pace = Pace::new(8);
        let mut turns = all(&pace);
        let late = turns.split_off(4);
        assert_eq!(pace.end(turns.pop().unwrap(), Sign::Overload), Some((8, 4)));
        assert!(all(&pace).is_empty(), "seven are under way, four may be");
        for turn in turns {
            assert_eq!(pace.end(turn, Sign::Overload), None);
        }
        assert!(all(&pace).is_empty(), "four are under way still");
        for turn in late {
            assert_eq!(pace.end(turn, Sign::Good), None);
        }
        assert_eq!(all(&pace).len(), 4);
    }

    #[test]
    fn a_turn_that_is_lost_is_given_again() {
        let pace = Pace::new(2);
        drop(all(&pace));
        assert_eq!(all(&pace).len(), 2);
    }
}
