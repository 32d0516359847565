//! The real flow under every schedule: deliveries late, repeated and side by side, crashes and
//! lost answers between any two calls to the store.
//!
//! What is promised, and checked at the end of each schedule: once every change of an original has
//! caused at least one delivery, and each delivery that failed or died was made again until it was
//! handled, what stands is what the newest original asks for. A picture: the whole set of that
//! version, by its bytes, the mark that names it, and no failure record. No picture: a record that
//! rejects that version, and no thumbnails. Deleted: nothing.
//!
//! What happens to a call, happens at one moment, and never after the handler was told that it
//! failed: a PUT that lands later than that is for an audit to find.
//!
//! A schedule is a list of choices among what can happen next. Each handler runs alone between two
//! calls, so the choices are all that can differ.

mod store;
mod world;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use self::store::{Fate, Omission};
use self::world::{Action, Budget, Change, Setting, Version, World};

const REPLACED: &[Change] = &[Change::Put(Version::Two)];
const DELETED: &[Change] = &[Change::Delete];
const SPOILT: &[Change] = &[Change::Put(Version::NoPicture)];
const PUT_AGAIN: &[Change] = &[Change::Delete, Change::Put(Version::Two)];

/// Two handlers at once, one of which may die and be replaced.
const TWO_AND_A_CRASH: Budget = Budget {
    handlers: 2,
    duplicates: 0,
    crashes: 1,
    faults: 0,
};

fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // The time stands still, so no deadline comes.
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test)
}

/// How many states there are, and the first wrong end.
#[derive(Debug, Default)]
struct Explored {
    states: usize,
    ends: usize,
    wrong: Option<String>,
}

/// Goes through every schedule, each state once.
async fn explore(
    setting: &Setting,
    changes: &[Change],
    budget: Budget,
    omission: Option<Omission>,
) -> Explored {
    let mut explored = Explored::default();
    let mut seen = HashSet::new();
    let mut open: Vec<Vec<Action>> = vec![Vec::new()];
    while let Some(mut path) = open.pop() {
        let mut world = World::new(setting, changes, budget, omission).await;
        for action in &path {
            world.act(*action).await;
        }
        while seen.insert(world.state().await) {
            explored.states += 1;
            if world.is_over() {
                explored.ends += 1;
                if let Err(wrong) = world.check().await {
                    explored.wrong = Some(told(&world, &wrong));
                    return explored;
                }
            }
            let actions = world.actions();
            let Some((first, others)) = actions.split_first() else {
                break;
            };
            open.extend(others.iter().map(|other| [&path[..], &[*other]].concat()));
            world.act(*first).await;
            path.push(*first);
        }
    }
    explored
}

/// Follows one schedule of many, by its number, to its end.
async fn wander(setting: &Setting, number: u64, omission: Option<Omission>) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(number);
    let any = [
        Change::Put(Version::One),
        Change::Put(Version::Two),
        Change::Put(Version::NoPicture),
        Change::Delete,
    ];
    let changes: Vec<_> = (0..random.usize(..4))
        .map(|_| any[random.usize(..any.len())])
        .collect();
    let budget = Budget {
        handlers: random.usize(2..=3),
        duplicates: random.u32(..3),
        crashes: random.u32(..3),
        faults: random.u32(..3),
    };
    let mut world = World::new(setting, &changes, budget, omission).await;
    while !world.is_over() {
        let actions = world.actions();
        // Most schedules would spend what may go wrong at their very beginning.
        let wrong = |action: &Action| {
            !matches!(
                action,
                Action::Call(_, Fate::Done) | Action::Deliver | Action::Change
            )
        };
        let expected = actions.iter().take_while(|action| !wrong(action)).count();
        let among = if random.u32(..12) == 0 || expected == 0 {
            actions.len()
        } else {
            expected
        };
        world.act(actions[random.usize(..among)]).await;
    }
    let ended = world.check().await;
    ended.map_err(|wrong| format!("schedule {number}: {}", told(&world, &wrong)))
}

fn told(world: &World, wrong: &str) -> String {
    format!("{wrong}\n{}", world.trace.join("\n"))
}

/// Follows the schedules of these numbers on all processors.
fn wander_all(schedules: u64) {
    let next = AtomicU64::new(0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                run(async {
                    let setting = Setting::new().await;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= schedules {
                            break;
                        }
                        wander(&setting, number, None).await.unwrap();
                    }
                });
            });
        }
    });
    println!("{schedules} random schedules, no wrong end");
}

fn every_schedule_ends_right(changes: &[Change], budget: Budget) {
    let explored = run(async { explore(&Setting::new().await, changes, budget, None).await });
    println!(
        "{changes:?}: {} states, {} ends",
        explored.states, explored.ends
    );
    assert_eq!(explored.wrong, None, "{}", explored.wrong.as_ref().unwrap());
    assert!(explored.ends > 0);
}

fn is_found(omission: Omission, changes: &[Change]) {
    let explored = run(async {
        explore(
            &Setting::new().await,
            changes,
            TWO_AND_A_CRASH,
            Some(omission),
        )
        .await
    });
    let wrong = explored.wrong.expect("a wrong end is found");
    println!(
        "{omission:?} left out, found after {} states: {wrong}",
        explored.states
    );
}

#[test]
fn case_2_an_original_that_is_replaced() {
    every_schedule_ends_right(REPLACED, TWO_AND_A_CRASH);
}

#[test]
fn case_3_an_original_that_is_deleted() {
    every_schedule_ends_right(DELETED, TWO_AND_A_CRASH);
}

#[test]
fn case_5_an_original_that_becomes_no_picture() {
    every_schedule_ends_right(SPOILT, TWO_AND_A_CRASH);
}

#[test]
#[ignore = "takes minutes: cargo test --release --test integration -- --ignored put_again"]
fn case_3_an_original_that_is_deleted_and_put_again() {
    let no_crash = Budget {
        crashes: 0,
        ..TWO_AND_A_CRASH
    };
    every_schedule_ends_right(PUT_AGAIN, no_crash);
}

#[test]
fn case_20_ten_thousand_random_schedules() {
    wander_all(10_000);
}

#[test]
#[ignore = "takes minutes: cargo test --release --test integration -- --ignored a_million"]
fn a_million_random_schedules() {
    wander_all(1_000_000);
}

#[test]
fn that_a_handler_does_not_compare_the_siblings_is_found() {
    is_found(Omission::Siblings, REPLACED);
}

#[test]
fn that_a_handler_does_not_look_a_second_time_is_found() {
    is_found(Omission::SecondLook, DELETED);
    is_found(Omission::SecondLook, REPLACED);
}
