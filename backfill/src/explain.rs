//! `backfill explain KEY`: why this key has its thumbnails or not, in the words of the reason codes.

use std::io::Write;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use cos_thumbnails::events::Change;
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::plan::{Decision, OnDelete, Plan, Policy};
use cos_thumbnails::storage::{Listed, Storage};
use cos_thumbnails::thumbnailer::{Mark, Recorded};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;

use crate::args::{Explain, Settings};
use crate::audit::{Audit, Look, Looked, Options, State};
use crate::cli::{Error, FAILED, OUTPUT};
use crate::filter::Filter;
use crate::originals::{change, originals};
use crate::verify::options;

/// Of so many originals that share a thumbnail's key it is told at most.
const MAX_SHARING: usize = 10;

/// What is known of a key, and what follows.
#[derive(Debug, Serialize)]
struct Explanation {
    /// The key that was asked for.
    key: Key,
    /// The original that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<Key>,
    /// As the audit finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    /// Why there are no thumbnails, or none are planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// What was seen, one after another: what, and what of it.
    facts: Vec<(&'static str, String)>,
    /// What to do.
    next: String,
    /// Whether that is nothing.
    well: bool,
}

/// Explains a key. Gives the exit code: 0 if the thumbnails stand, or none are to.
///
/// # Errors
/// The store or the output failed.
pub(crate) async fn run(
    settings: &Settings,
    explain: &Explain,
    store: Arc<dyn Storage>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    let policy = &settings.config.policy;
    let options = Options {
        pending: explain.pending,
        ..options()
    };
    let audit = Audit::new(Arc::clone(&store), policy.clone(), options);
    let explanation = Explanation::of(&explain.key, policy, &audit, store).await?;
    let text = if settings.json {
        let json = serde_json::to_string(&explanation);
        json.map_err(Into::into).map(|json| json + "\n")
    } else {
        Ok(explanation.text())
    };
    text.and_then(|text| out.write_all(text.as_bytes()))
        .map_err(Error::io(OUTPUT))?;
    Ok(if explanation.well { 0 } else { FAILED })
}

impl Explanation {
    async fn of(
        key: &Key,
        policy: &Policy,
        audit: &Audit,
        store: Arc<dyn Storage>,
    ) -> Result<Self, Error> {
        let mut this = Self {
            key: key.clone(),
            original: None,
            state: None,
            reason: None,
            facts: Vec::new(),
            next: String::new(),
            well: false,
        };
        let silent = !policy.keys_name_originals();
        let named = match policy.original_of(key) {
            None if silent && key.as_str().starts_with(policy.output_prefix()) => {
                this.planned_for(key, policy, audit, store).await?
            }
            named => named,
        };
        if let Some(original) = &named {
            this.fact("key", format!("of what is written for {original}"));
        }
        let original = named.as_ref().unwrap_or(key);
        let unknown = Listed {
            key: original.clone(),
            etag: cos_thumbnails::object::ETag::new(""),
            length: 1,
            last_modified: None,
        };
        let plan = match policy.decide(&change(policy.bucket(), &unknown)) {
            Decision::Make(plan) => plan,
            decision => {
                this.decided(&decision, policy);
                return Ok(this);
            }
        };
        this.original = Some(original.clone());
        this.planned(&plan);
        match audit.look(original, &obsolete(key, &plan)).await? {
            Look::Gone => this.gone(&plan, policy, audit).await?,
            Look::Decided(decision) => this.decided(&decision, policy),
            Look::Original(looked) => this.looked(&looked),
        }
        Ok(this)
    }

    fn fact(&mut self, what: &'static str, of_it: impl Into<String>) {
        self.facts.push((what, of_it.into()));
    }

    /// The original of a thumbnail whose key does not say it: all are listed for that. Of several that
    /// share the key, the one whose version it shows.
    async fn planned_for(
        &mut self,
        key: &Key,
        policy: &Policy,
        audit: &Audit,
        store: Arc<dyn Storage>,
    ) -> Result<Option<Key>, Error> {
        let plans_it = |change: &Change| match policy.decide(change) {
            Decision::Make(plan) => plan.outputs.iter().any(|output| output.key == *key),
            _ => false,
        };
        let originals: Vec<Change> = originals(store, policy.clone(), Filter::default())
            .try_filter(|change| std::future::ready(plans_it(change)))
            .take(MAX_SHARING)
            .try_collect()
            .await?;
        let head = audit.head(key).await?;
        let shown = head.and_then(|head| Mark::version_shown(&head.metadata));
        let of_it = originals.iter().find(|original| original.etag == shown);
        let of_it = of_it.or(originals.first()).map(|it| &it.object.key);
        for original in &originals {
            if Some(&original.object.key) != of_it {
                self.fact("shared", format!("with {}", original.object.key));
            }
        }
        Ok(of_it.cloned())
    }

    fn planned(&mut self, plan: &Plan) {
        let (mark, siblings) = plan.mark_and_siblings();
        self.fact(
            "policy",
            format!(
                "an original: {} thumbnails by recipe {}, the last and mark {}",
                siblings.len() + 1,
                plan.recipe.fingerprint(),
                mark.key
            ),
        );
    }

    /// What no thumbnails are planned for.
    fn decided(&mut self, decision: &Decision, policy: &Policy) {
        let (Decision::Skip(reason) | Decision::Reject(reason)) = decision else {
            return;
        };
        self.reason = Some(*reason);
        self.fact("policy", format!("no thumbnails: {reason}"));
        let (next, well) = match reason {
            Reason::OutsidePrefix => (
                format!(
                    "nothing: originals are the keys under {:?} (SOURCE_PREFIX)",
                    policy.source_prefix()
                ),
                true,
            ),
            Reason::OwnOutput => (
                "nothing: what is written by this service gets no thumbnails; \
                 this key is not of any original's that is there"
                    .to_owned(),
                true,
            ),
            Reason::KeyTooLong => ("give the original a shorter key".to_owned(), false),
            _ => ("nothing".to_owned(), true),
        };
        (self.next, self.well) = (next, well);
    }

    /// There is no original: is there anything left of it?
    async fn gone(&mut self, plan: &Plan, policy: &Policy, audit: &Audit) -> Result<(), Error> {
        self.fact("original", "not there");
        let mut left = Vec::new();
        let (last, _) = plan.mark_and_siblings();
        let mark = audit.head(&last.key).await?;
        let mark = mark.and_then(|head| Mark::from_metadata(&head.metadata));
        // Keys that do not name their original may hold another's set.
        let foreign = mark.is_some_and(|mark| mark.is_foreign_to(plan));
        let ours = if foreign { &[][..] } else { &plan.outputs[..] };
        for output in ours {
            if audit.is_ours(&output.key, &plan.original).await? {
                left.push(output.key.to_string());
            }
        }
        match audit.record(&plan.failure, &plan.original).await? {
            None => {}
            Some(foreign @ Recorded::Foreign) => self.fact("record", shown(Some(&foreign))),
            Some(_) => left.push(plan.failure.to_string()),
        }
        self.reason = Some(Reason::Gone);
        if left.is_empty() {
            self.fact("thumbnails", "none is left");
            "nothing, if the original was deleted; otherwise look at the key: it is taken as it is, without decoding"
                .clone_into(&mut self.next);
            return Ok(());
        }
        self.state = Some(State::Orphaned);
        self.fact("left", left.join(", "));
        self.next = match policy.on_delete() {
            OnDelete::Remove if !policy.keys_name_originals() => {
                "delete them by hand: OUTPUT_KEY does not say whose they are".to_owned()
            }
            OnDelete::Remove => "backfill verify --repair --remove-orphans".to_owned(),
            OnDelete::Keep => "nothing: ON_DELETE=keep leaves them".to_owned(),
        };
        Ok(())
    }

    fn looked(&mut self, looked: &Looked) {
        let Looked {
            original,
            plan,
            mark,
            outputs,
            record,
            finding,
        } = looked;
        let kind = original.content_type.as_deref().unwrap_or("no media type");
        self.fact(
            "original",
            format!(
                "{} bytes, {}, version {}, written {}",
                original.length,
                kind.escape_debug(),
                original.etag,
                time(original.last_modified)
            ),
        );
        self.fact(
            "mark",
            match mark {
                Some(mark) => format!(
                    "{}of version {}, by recipe {}",
                    if mark.is_foreign_to(plan) {
                        "another original's, "
                    } else {
                        ""
                    },
                    mark.original_etag,
                    mark.recipe
                ),
                None => "none".to_owned(),
            },
        );
        let standing = outputs.iter().flatten().count();
        let last = outputs.iter().flatten().map(|output| output.last_modified);
        let newest = last.max().flatten();
        let written = newest.map(|_| format!(", the newest written {}", time(newest)));
        self.fact(
            "thumbnails",
            format!(
                "{standing} of {} stand{}",
                plan.outputs.len(),
                written.unwrap_or_default()
            ),
        );
        self.fact("record", shown(record.as_ref()));
        let details = finding.message.as_ref();
        let details = details.map(|message| format!(": {}", message.escape_debug()));
        self.fact(
            "finding",
            format!("{}{}", finding.state, details.unwrap_or_default()),
        );
        for key in &finding.keys {
            self.fact("", key.to_string());
        }
        self.state = Some(finding.state);
        self.reason = finding.reason;
        (self.next, self.well) = next(finding.state, finding.reason);
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.key);
        for (what, of_it) in &self.facts {
            text += &format!("  {what:<11} {of_it}\n");
        }
        text + &format!("  {:<11} {}\n", "next", self.next)
    }
}

/// The key itself, if it is a thumbnail that is not planned.
fn obsolete(key: &Key, plan: &Plan) -> Vec<Key> {
    let known = [&plan.original, &plan.failure].contains(&key)
        || plan.outputs.iter().any(|output| output.key == *key);
    if known { Vec::new() } else { vec![key.clone()] }
}

fn shown(record: Option<&Recorded>) -> String {
    match record {
        None => "none".to_owned(),
        Some(Recorded::Unreadable) => "there, but it cannot be read".to_owned(),
        Some(Recorded::Foreign) => {
            "none: something else stands there, which is left as it is".to_owned()
        }
        Some(Recorded::Readable(record)) => format!(
            "{} ({}), attempt {}, of version {}, {}: {}",
            record.reason,
            crate::failures::state(record.state),
            record.attempts,
            record.etag,
            record.time.to_rfc3339_opts(SecondsFormat::Secs, true),
            record.message.escape_debug()
        ),
    }
}

fn time(time: Option<SystemTime>) -> String {
    time.map_or_else(
        || "at an unknown time".to_owned(),
        |time| DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// What to do, and whether that is nothing.
fn next(state: State, reason: Option<Reason>) -> (String, bool) {
    let next = match (state, reason) {
        (State::Ok, _) => return ("nothing".to_owned(), true),
        (State::Obsolete, _) => {
            "backfill verify --repair --remove-obsolete, if no one uses it; or plan its size (SIZES)"
        }
        (State::Foreign, _) => {
            "move what stands there elsewhere, or give FAILURE_PREFIX or OUTPUT_PREFIX a folder of its own"
        }
        (State::Pending, _) => "wait: its event may be on its way; then backfill verify --repair",
        (
            State::Failed,
            Some(
                Reason::TooManyBytes
                | Reason::TooManyPixels
                | Reason::SideTooLong
                | Reason::TooMuchMemory
                | Reason::TooManyScans,
            ),
        ) => "upload a smaller picture; after a change of the limits it is tried anew",
        (State::Failed, Some(Reason::Collision)) => {
            "choose an OUTPUT_KEY with {path}: then no two originals share keys"
        }
        (State::Failed, Some(Reason::KeyTooLong)) => "give the original a shorter key",
        (State::Failed, Some(Reason::Stopped | Reason::Internal)) => "backfill failures --retry",
        (State::Failed, _) => {
            "upload another picture; the same gives the same (or backfill failures --retry)"
        }
        _ => "backfill verify --repair",
    };
    (next.to_owned(), false)
}
