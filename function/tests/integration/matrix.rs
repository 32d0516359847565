//! The whole function before a store that fails: every fault at every call, at first, at second and always, wherever
//! the original stands; and schedules in which any call may fail.
//!
//! Whatever fails, the answer is 200 or 503 with Retry-After. 200 says that what stands is what the original asks for,
//! and once the faults are over one more delivery makes it so.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::place::{Function, NO_PICTURE, Place, picture};
use crate::proxy::{Chance, Fault, Rule, refusal};

/// How many cases are suffered at once: mostly they wait for the next attempt of a call.
const AT_ONCE: usize = 16;

/// Every n-th case of the matrix is suffered, or with this variable every m-th: 1 is all of them. There are 13 faults, a
/// prime, so that each of them is met at some calls, whatever the stride.
const STRIDE: (&str, usize) = ("FAULT_STRIDE", 3);

/// So many schedules are followed, or with this variable so many others.
const SCHEDULES: (&str, usize) = ("FAULT_SCHEDULES", 24);

/// The regions of the two.
const MATRIX: &str = "eu-gb";
const BY_CHANCE: &str = "us-south";

/// What is there when the event comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    /// A picture.
    Fresh,
    /// Another one than the thumbnails show.
    Replaced,
    /// The one that the thumbnails show.
    Duplicate,
    /// Thumbnails alone.
    Deleted,
    /// Thumbnails, and no picture any more.
    Spoilt,
    /// No picture, and the record that says so.
    Rejected,
    /// A picture, and the record of what was none.
    Mended,
}

use Situation::{Deleted, Duplicate, Fresh, Mended, Rejected, Replaced, Spoilt};

const SITUATIONS: [Situation; 7] = [
    Fresh, Replaced, Duplicate, Deleted, Spoilt, Rejected, Mended,
];

impl Situation {
    async fn arrange(self, place: &Place, function: &Function, original: &str) {
        let steps: &[Step] = match self {
            Fresh => &[Step::Put(10)],
            Replaced => &[Step::Put(10), Step::Event, Step::Put(90)],
            Duplicate => &[Step::Put(10), Step::Event],
            Deleted => &[Step::Put(10), Step::Event, Step::Delete],
            Spoilt => &[Step::Put(10), Step::Event, Step::PutNoPicture],
            Rejected => &[Step::PutNoPicture, Step::Event],
            Mended => &[Step::PutNoPicture, Step::Event, Step::Put(10)],
        };
        for step in steps {
            let status = step.take(place, function, original).await;
            assert!(matches!(status, None | Some(200)), "{self:?}: {status:?}");
        }
    }
}

/// What happens to an original.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A picture with so much red.
    Put(u8),
    PutNoPicture,
    Delete,
    /// The function is told, and answers with this status.
    Event,
}

impl Step {
    async fn take(self, place: &Place, function: &Function, original: &str) -> Option<u16> {
        match self {
            Self::Put(red) => place.put_at(original, picture(red)).await,
            Self::PutNoPicture => place.put_at(original, NO_PICTURE.to_vec()).await,
            Self::Delete => place.delete(original).await,
            Self::Event => return Some(deliver(place, function, original).await),
        }
        None
    }
}

/// Sends an event and looks at the answer.
async fn deliver(place: &Place, function: &Function, original: &str) -> u16 {
    let answer = function.send_of(original).await;
    match answer.status {
        200 => {}
        503 => assert!(answer.header("retry-after").is_some(), "{}", answer.body),
        status => panic!("{status}: {}", answer.body),
    }
    // What a handler that fails has under way, may land all the same.
    place.proxy.is_quiet().await;
    answer.status
}

/// The kinds of calls that the flow makes: method, part of the path.
const CALLS: [(&str, &str); 11] = [
    ("HEAD", "/512.jpg"),
    ("GET", "/failures/"),
    ("GET", "/images/"),
    ("HEAD", "/16.jpg"),
    ("PUT", "/16.jpg"),
    ("PUT", "/512.jpg"),
    ("PUT", "/failures/"),
    ("DELETE", "/16.jpg"),
    ("DELETE", "/512.jpg"),
    ("DELETE", "/failures/"),
    ("HEAD", "/images/"),
];

/// Which of the calls that a rule is for are spoilt.
const FIRST: Range<usize> = 0..1;
const SECOND: Range<usize> = 1..2;
const ALWAYS: Range<usize> = 0..usize::MAX;

const ERROR_IN_200: &str = "HTTP/1.1 200 OK\r\ncontent-length: 41\r\nconnection: close\r\n\r\n\
                            <Error><Code>InternalError</Code></Error>";

/// What a store says of a body that is not what its checksum says.
const BAD_DIGEST: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 37\r\nconnection: close\r\n\r\n\
                          <Error><Code>BadDigest</Code></Error>";

const DENIED: [&str; 2] = ["401 Unauthorized", "403 Forbidden"];

fn faults() -> Vec<Fault> {
    let mut faults = vec![
        refusal("500 Internal Server Error"),
        refusal("503 Slow Down"),
        refusal("504 Gateway Timeout"),
        refusal("429 Too Many Requests"),
        Fault::Answer(ERROR_IN_200.to_owned()),
        Fault::Answer(BAD_DIGEST.to_owned()),
        Fault::Reset,
        Fault::Lost,
        Fault::Cut(10),
        Fault::TooShort,
        Fault::Swap(picture(240)),
    ];
    faults.extend(DENIED.map(refusal));
    faults
}

/// One situation, and what is done to which call.
#[derive(Debug, Clone)]
struct Case {
    situation: Situation,
    rule: Rule,
}

impl Case {
    /// What came of it: the answer to the delivery that it met.
    async fn suffer(&self, place: &Place, number: usize) -> u16 {
        let original = format!("images/{number}.png");
        let function = Function::start(place, "60").await;
        self.situation.arrange(place, &function, &original).await;
        place.proxy.follow(Some(self.rule.clone()));
        let status = deliver(place, &function, &original).await;
        assert!(place.proxy.counts().0 > 0, "never happened: {self:?}");
        place.proxy.follow(None);
        let fault = &self.rule.fault;
        // What is swapped after the last look has an event of its own.
        if status == 200 && !matches!(fault, Fault::Swap(_)) {
            assert!(place.is_right(&original).await, "lost: {self:?}");
        }
        if matches!(fault, Fault::Reset | Fault::Lost) {
            let expected = if self.rule.nth == ALWAYS { 503 } else { 200 };
            assert_eq!(status, expected, "{self:?}");
        }
        if DENIED.iter().any(|denied| *fault == refusal(denied)) {
            assert_eq!(status, 503, "{self:?}");
        }
        let again = deliver(place, &function, &original).await;
        assert_eq!(again, 200, "{self:?}");
        assert!(place.is_right(&original).await, "{self:?}");
        status
    }
}

/// All cases: which calls there are in each situation is seen, where nothing fails.
async fn cases() -> Vec<Case> {
    let place = Place::empty(MATRIX).await;
    let function = Function::start(&place, "60").await;
    let (mut cases, mut met) = (Vec::new(), BTreeSet::new());
    for situation in SITUATIONS {
        let original = format!("images/{situation:?}.png");
        situation.arrange(&place, &function, &original).await;
        place.proxy.follow(None);
        assert_eq!(deliver(&place, &function, &original).await, 200);
        assert!(place.is_right(&original).await, "{situation:?}");
        let seen = place.proxy.seen();
        let count = |method: &str, part: &str| {
            let of_it = |(m, path): &&(String, String)| m == method && path.contains(part);
            seen.iter().filter(of_it).count()
        };
        let there = CALLS
            .iter()
            .filter(|(method, part)| count(method, part) > 0);
        let there: Vec<_> = there.copied().collect();
        met.extend(there.iter().copied());
        let once = there
            .iter()
            .flat_map(|call| [(*call, FIRST), (*call, ALWAYS)]);
        let methods = ["GET", "HEAD", "PUT", "DELETE"].into_iter();
        let twice = methods.filter(|method| count(method, "") > 1);
        let second = twice.map(|method| ((method, ""), SECOND));
        for ((method, path), nth) in once.chain(second) {
            cases.extend(faults().into_iter().map(|fault| Case {
                situation,
                rule: Rule {
                    method,
                    path: path.to_owned(),
                    nth: nth.clone(),
                    fault,
                },
            }));
        }
    }
    assert_eq!(met, BTreeSet::from(CALLS), "each call is of some situation");
    drop(function);
    place.stop().await;
    cases
}

fn set((name, default): (&str, usize)) -> usize {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect(name))
}

/// Does so many pieces of work, some at once, each in a place of this region that a former one has left as it should be.
async fn all<F>(
    region: &'static str,
    pieces: usize,
    work: impl Fn(Arc<Place>, usize) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE.min(pieces) {
        let (next, work) = (Arc::clone(&next), work.clone());
        workers.spawn(async move {
            let place = Arc::new(Place::empty(region).await);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= pieces {
                    break;
                }
                work(Arc::clone(&place), number).await;
            }
            Arc::into_inner(place).unwrap().stop().await;
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_18_every_fault_at_every_call_in_every_situation() {
    let stride = set(STRIDE);
    let cases: Arc<Vec<_>> = Arc::new(cases().await.into_iter().step_by(stride).collect());
    let (number, unseen) = (cases.len(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&unseen);
    all(MATRIX, number, move |place, n| {
        let (cases, unseen) = (Arc::clone(&cases), Arc::clone(&unseen));
        async move {
            let status = cases[n].suffer(&place, n).await;
            unseen.fetch_add(usize::from(status == 200), Ordering::Relaxed);
        }
    })
    .await;
    let unseen = count.load(Ordering::Relaxed);
    println!("{number} cases, {unseen} of them not seen by the sender, none lost");
}

/// An original to which things happen, while any call fails by chance.
async fn wander(place: &Place, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let original = format!("images/seed-{seed}.png");
    let function = Function::start(place, "60").await;
    let swaps = |fault: &Fault| matches!(fault, Fault::Swap(_));
    place.proxy.follow_chance(Chance {
        seed,
        percent: random.choice([10, 30, 60]).unwrap(),
        // What changes the original is among the steps.
        faults: faults().into_iter().filter(|fault| !swaps(fault)).collect(),
    });
    let mut taken = Vec::new();
    for _ in 0..random.usize(2..=5) {
        let change = match random.u8(..6) {
            0 => Step::Delete,
            1 => Step::PutNoPicture,
            // Few, so that some come back.
            n => Step::Put(n * 40),
        };
        for step in std::iter::repeat_n(Step::Event, random.usize(..3)).chain([change]) {
            let status = step.take(place, &function, &original).await;
            taken.push((step, status));
            if status == Some(200) {
                let right = place.is_right(&original).await;
                assert!(right, "schedule {seed}: {taken:?}, and lost");
            }
        }
    }
    place.proxy.follow(None);
    let again = deliver(place, &function, &original).await;
    assert_eq!(again, 200, "schedule {seed}: {taken:?}");
    assert!(
        place.is_right(&original).await,
        "schedule {seed}: {taken:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn case_18_schedules_in_which_any_call_may_fail() {
    let schedules = set(SCHEDULES);
    all(BY_CHANCE, schedules, |place, n| async move {
        wander(&place, n as u64).await;
    })
    .await;
    println!("{schedules} schedules, none lost");
}
