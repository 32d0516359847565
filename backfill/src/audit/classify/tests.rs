use cos_thumbnails::events::{Change, Operation};
use cos_thumbnails::object::{Bucket, ETag, ObjectId};
use cos_thumbnails::plan::{Decision, Policy, Recipe};

use super::*;

const RECIPE: &str = "r1";
const LIMITS: &str = "l1";

/// One original of two thumbnails, all as it should be. Times are seconds.
struct Case {
    original: Listed,
    plan: Plan,
    outputs: Vec<Option<Listed>>,
    beside: Beside,
    mark: Option<Mark>,
    record: Option<Recorded>,
    record_listed: Option<Listed>,
    removes: bool,
    keys_are_its_own: bool,
    now: u64,
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn object(key: &Key, etag: &str, seconds: u64) -> Listed {
    Listed {
        key: key.clone(),
        etag: ETag::new(etag),
        length: 7,
        last_modified: Some(at(seconds)),
    }
}

impl Case {
    fn good() -> Self {
        let recipe = Recipe::standard().with_sizes(&[16, 32]).unwrap();
        let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipe).unwrap();
        let key = Key::new("images/a");
        let Decision::Make(plan) = policy.decide(&Change {
            operation: Operation::Write,
            object: ObjectId {
                bucket: Bucket::new("b"),
                key: key.clone(),
            },
            etag: None,
            length: None,
            content_type: None,
            endpoint: String::new(),
        }) else {
            panic!("an original")
        };
        let outputs = plan.outputs.iter().zip(["t16", "t32"]);
        Self {
            original: object(&key, "v1", 1000),
            outputs: outputs
                .map(|(output, tag)| Some(object(&output.key, tag, 1001)))
                .collect(),
            mark: Some(Mark {
                original_etag: ETag::new("v1"),
                original_hash: plan.original_hash.clone(),
                recipe: RECIPE.to_owned(),
                siblings: vec![ETag::new("t16")],
                backfill_run: None,
            }),
            plan,
            beside: Beside::default(),
            record: None,
            record_listed: None,
            removes: true,
            keys_are_its_own: true,
            now: 5000,
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut case = Self::good();
        change(&mut case);
        case
    }

    fn mark(change: impl FnOnce(&mut Mark)) -> Self {
        Self::with(|case| change(case.mark.as_mut().unwrap()))
    }

    fn judge(&self, fast: bool) -> Finding {
        let evidence = if fast {
            Evidence::Times {
                record: self.record_listed.as_ref(),
            }
        } else {
            Evidence::Read {
                mark: self.mark.as_ref(),
                record: self.record.as_ref(),
            }
        };
        let seen = Seen {
            original: &self.original,
            plan: &self.plan,
            recipe: RECIPE,
            limits: LIMITS,
            outputs: &self.outputs,
            beside: &self.beside,
            removes: self.removes,
            keys_are_its_own: self.keys_are_its_own,
            evidence,
        };
        let young = Young {
            now: at(self.now),
            within: Duration::from_mins(10),
        };
        classify(&seen, young)
    }

    fn state(&self) -> State {
        self.judge(false).state
    }

    fn fast(&self) -> State {
        self.judge(true).state
    }
}

fn record(change: impl FnOnce(&mut FailureRecord)) -> Recorded {
    let mut record = FailureRecord {
        key: Key::new("images/a"),
        etag: ETag::new("v1"),
        state: FailureState::Rejected,
        reason: Reason::Truncated,
        message: "it ends early".to_owned(),
        recipe: RECIPE.to_owned(),
        limits: LIMITS.to_owned(),
        event_id: "e".to_owned(),
        attempts: 1,
        backfill_run: None,
        time: chrono::DateTime::UNIX_EPOCH,
    };
    change(&mut record);
    Recorded::Readable(Box::new(record))
}

#[test]
fn each_deviation_has_its_state() {
    assert_eq!(Case::good().state(), State::Ok);
    for (state, case) in [
        (
            State::Missing,
            Case::with(|case| case.outputs = vec![None, None]),
        ),
        (State::Partial, Case::with(|case| case.outputs[0] = None)),
        (State::Partial, Case::with(|case| case.outputs[1] = None)),
        (
            State::ZeroByte,
            Case::with(|case| case.outputs[1].as_mut().unwrap().length = 0),
        ),
        (State::Stale, Case::with(|case| case.mark = None)),
        (
            State::Stale,
            Case::mark(|mark| mark.original_etag = ETag::new("v0")),
        ),
        (
            State::Stale,
            Case::mark(|mark| mark.recipe = "r0".to_owned()),
        ),
        (
            State::Mixed,
            Case::mark(|mark| mark.siblings = vec![ETag::new("other")]),
        ),
        (State::Mixed, Case::mark(|mark| mark.siblings.clear())),
        (
            State::Mixed,
            Case::mark(|mark| mark.siblings.push(ETag::new("more"))),
        ),
        (
            State::Missing,
            Case::mark(|mark| mark.original_hash = "another's".to_owned()),
        ),
        (
            State::Obsolete,
            Case::with(|case| case.beside.obsolete = vec![Key::new("old")]),
        ),
        (
            State::Foreign,
            Case::with(|case| case.beside.foreign = vec![Key::new("other")]),
        ),
    ] {
        let found = case.judge(false);
        assert_eq!(found.state, state, "{found:?}");
    }
}

#[test]
fn the_recipe_is_that_of_a_mark_of_ones_own() {
    let recipe = |case: Case| case.judge(false).recipe;
    let by = |mark: &mut Mark| mark.recipe = "r0".to_owned();
    assert_eq!(recipe(Case::mark(by)).as_deref(), Some("r0"));
    let anothers = Case::mark(|mark| {
        by(mark);
        mark.original_hash = "another's".to_owned();
    });
    assert_eq!(recipe(anothers), None);
}

#[test]
fn a_record_explains_what_is_not_there_as_long_as_it_holds() {
    let missing = |record| {
        Case::with(|case| {
            case.outputs = vec![None, None];
            case.record = Some(record);
        })
    };
    let failed = missing(record(|_| ())).judge(false);
    assert_eq!(
        (failed.state, failed.reason),
        (State::Failed, Some(Reason::Truncated))
    );
    assert_eq!(failed.message.as_deref(), Some("it ends early"));
    for no_longer in [
        record(|record| record.etag = ETag::new("v0")),
        record(|record| record.recipe = "r0".to_owned()),
        record(|record| record.limits = "l0".to_owned()),
        record(|record| record.state = FailureState::Retrying),
        Recorded::Unreadable,
        Recorded::Foreign,
    ] {
        assert_eq!(missing(no_longer).state(), State::Missing);
    }
    let beside = |record| Case::with(|case| case.record = Some(record)).judge(false);
    let left = beside(record(|record| record.etag = ETag::new("v0")));
    assert_eq!(left.state, State::Stale);
    assert_eq!(left.keys, [Key::new("failures/a")]);
    assert_eq!(beside(Recorded::Unreadable).state, State::Stale);
    let foreign = beside(Recorded::Foreign);
    assert_eq!(foreign.state, State::Foreign);
    assert_eq!(foreign.keys, [Key::new("failures/a")]);
    let told = "no failure record can be written: failures/a holds something else";
    assert_eq!(foreign.message.as_deref(), Some(told));
    let partial = Case::with(|case| {
        case.outputs[0] = None;
        case.record = Some(Recorded::Foreign);
    });
    let both = format!("1 of 2 are not there; {told}");
    assert_eq!(partial.judge(false).message, Some(both));
}

#[test]
fn what_is_not_ours_is_told_whatever_else_is_found() {
    let case = Case::with(|case| {
        case.beside.obsolete = vec![Key::new("old")];
        case.beside.foreign = vec![Key::new("other")];
    });
    let found = case.judge(false);
    assert_eq!(
        (found.state, found.keys),
        (State::Obsolete, vec![Key::new("old")])
    );
    let told = "1 no longer planned; 1 beside them not made by this service, left as they are";
    assert_eq!(found.message.as_deref(), Some(told));
}

#[test]
fn a_collision_lasts_as_long_as_the_other_set_stands() {
    let collided = |change: fn(&mut Case)| {
        let case = Case::with(|case| {
            case.mark.as_mut().unwrap().original_hash = "another's".to_owned();
            case.record = Some(record(|record| record.reason = Reason::Collision));
            case.keys_are_its_own = false;
            change(case);
        });
        case.judge(false)
    };
    let lasts = collided(|_| ());
    assert_eq!(
        (lasts.state, lasts.reason),
        (State::Failed, Some(Reason::Collision))
    );
    let over = collided(|case| {
        case.mark = None;
        case.outputs = vec![None, None];
    });
    assert_eq!((over.state, over.reason), (State::Missing, None));
    let told = "the collision that its record tells is over";
    assert_eq!(over.message.as_deref(), Some(told));
    // Of another kind of record it is no matter whose set is there.
    let other = collided(|case| case.record = Some(record(|_| ())));
    assert_eq!(other.state, State::Failed);
    // And beside a set of its own it is only left.
    let own = collided(|case| case.mark = Case::good().mark);
    assert_eq!(own.state, State::Stale);
}

#[test]
fn a_record_does_not_explain_thumbnails_that_its_writer_had_to_remove() {
    let old = |change: fn(&mut Case)| {
        Case::with(|case| {
            case.mark.as_mut().unwrap().original_etag = ETag::new("v0");
            case.record = Some(record(|_| ()));
            case.record_listed = Some(object(&Key::new("failures/a"), "f", 1001));
            case.outputs[0] = Some(object(&Key::new("t"), "t16", 999));
            change(case);
        })
    };
    let both = |change: fn(&mut Case)| {
        let case = old(change);
        (case.state(), case.fast())
    };
    assert_eq!(both(|_| ()), (State::Stale, State::Stale));
    let without_mark = both(|case| {
        case.outputs[1] = None;
        case.mark = None;
    });
    assert_eq!(without_mark, (State::Partial, State::Partial));
    let young = both(|case| case.now = 1001);
    assert_eq!(young, (State::Pending, State::Pending));
    let kept = both(|case| case.removes = false);
    assert_eq!(kept, (State::Failed, State::Failed));
    // Of this version: an event tells which of the two holds.
    let whole = old(|case| case.mark.as_mut().unwrap().original_etag = ETag::new("v1"));
    assert_eq!(whole.state(), State::Stale);
    let anothers = old(|case| {
        case.mark.as_mut().unwrap().original_hash = "another's".to_owned();
    });
    assert_eq!(anothers.state(), State::Failed);
    // Without a mark of its own, what is under shared keys may be another's, which is about to have its mark.
    let shared = both(|case| {
        case.keys_are_its_own = false;
        case.outputs[1] = None;
        case.mark = None;
    });
    assert_eq!(shared, (State::Failed, State::Failed));
    let shared = old(|case| case.keys_are_its_own = false);
    assert_eq!(shared.state(), State::Stale);
}

#[test]
fn by_times_alone_less_is_seen() {
    assert_eq!(Case::good().fast(), State::Ok);
    let older = Case::with(|case| case.outputs[0] = Some(object(&Key::new("t"), "t", 999)));
    assert_eq!(older.fast(), State::Stale);
    let together = Case::with(|case| case.outputs[0] = Some(object(&Key::new("t"), "t", 1000)));
    assert_eq!(together.fast(), State::Ok, "times are cut to the second");
    assert_eq!(
        Case::with(|case| case.outputs[0] = None).fast(),
        State::Partial
    );
    assert_eq!(
        Case::mark(|mark| mark.recipe = "r0".to_owned()).fast(),
        State::Ok
    );
    assert_eq!(Case::mark(|mark| mark.siblings.clear()).fast(), State::Ok);
    for (seconds, state) in [(1001, State::Failed), (999, State::Missing)] {
        let recorded = Case::with(|case| {
            case.outputs = vec![None, None];
            case.record_listed = Some(object(&Key::new("failures/a"), "f", seconds));
        });
        assert_eq!(recorded.fast(), state);
    }
}

#[test]
fn what_is_young_is_pending_unless_it_is_well_or_recorded() {
    let young = |change: fn(&mut Case)| {
        Case::with(|case| {
            case.now = 1599;
            change(case);
        })
    };
    assert_eq!(young(|_| ()).state(), State::Ok);
    let pending = young(|case| case.outputs[0] = None).judge(false);
    assert_eq!(pending.state, State::Pending);
    assert_eq!(
        pending.message.as_deref(),
        Some("as partial, but the original is younger than 10 min")
    );
    assert_eq!(young(|case| case.now = 1600).state(), State::Ok);
    let just_old = young(|case| {
        case.now = 1600;
        case.outputs[0] = None;
    });
    assert_eq!(just_old.state(), State::Partial);
    let failed = young(|case| {
        case.outputs = vec![None, None];
        case.record = Some(record(|_| ()));
    });
    assert_eq!(failed.state(), State::Failed);
    let from_the_future = young(|case| {
        case.now = 10;
        case.outputs[0] = None;
    });
    assert_eq!(from_the_future.state(), State::Pending);
    assert_eq!(
        young(|case| case.beside.obsolete = vec![Key::new("old")]).state(),
        State::Obsolete
    );
}
