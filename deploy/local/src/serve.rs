//! What the program does: start the cloud, put pictures, show what becomes of them.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use cos_thumbnails::events::{Change, Operation};
use cos_thumbnails::object::{Key, ObjectId};
use cos_thumbnails::outcome::Verdict;
use cos_thumbnails::plan::Decision;
use cos_thumbnails::process::Exit;
use cos_thumbnails::storage::{self, HmacKey, Kind, S3, Storage};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use crate::cli::CloudArguments;
use crate::cloud::{self, Cloud, Options};
use crate::control::EngineOptions;
use crate::hosting::Hosting;
use crate::notifier::{Delivery, Mischief};
use crate::pictures::{Pictures, Upload, generate, put_all};
use crate::record::Record;
use crate::show::{Output, Summary};

/// Why the program ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Cloud(#[from] cloud::Error),
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot read {0}, which --images names")]
    Images(PathBuf, #[source] io::Error),
    #[error("cannot generate pictures in {}; --images takes yours", .0.display())]
    Generate(PathBuf, #[source] io::Error),
    #[error("there is no file in {}, which --images names: nothing to make thumbnails of", .0.display())]
    NoPictures(PathBuf),
    #[error("cannot find this program, which instances are to be started of")]
    Program(#[source] io::Error),
    #[error("cannot use the store")]
    Client(#[from] storage::ConfigError),
    #[error("cannot put {0} into the store")]
    Put(Key, #[source] storage::Error),
    #[error("cannot look for the thumbnails")]
    Look(#[source] storage::Error),
    #[error("cannot write the record {0}; --record names a file that is not there yet")]
    Record(PathBuf, #[source] io::Error),
}

/// Runs until Ctrl-C or SIGTERM, or with `--once` until every picture was handled.
pub(crate) async fn serve(arguments: CloudArguments) -> Result<ExitCode, Failure> {
    let terminated =
        function::runtime::terminated().map_err(|error| cloud::Error::Function(error.into()))?;
    let defaults = Options::default();
    let hosting = match (&arguments.function_url, arguments.scaling.scaling()) {
        (Some(url), _) => Hosting::Elsewhere(url.clone()),
        (None, Some(scaling)) => Hosting::Instances {
            program: std::env::current_exe().map_err(Failure::Program)?,
            scaling,
        },
        (None, None) => Hosting::Here,
    };
    let options = Options {
        bind_address: arguments.bind_address,
        hosting,
        data: arguments.data.clone(),
        store_port: arguments.store_port,
        function_port: arguments.function_port,
        page_port: arguments.page_port,
        bucket: arguments.bucket.clone(),
        credentials: HmacKey {
            access_key_id: arguments.access_key_id.clone(),
            secret_access_key: std::env::var("COS_SECRET_ACCESS_KEY")
                .unwrap_or(defaults.credentials.secret_access_key),
        },
        region: defaults.region,
        engine: EngineOptions {
            port: arguments.engine_port,
            token_seconds: arguments.token_seconds,
            api_key: std::env::var("IBMCLOUD_API_KEY").unwrap_or(defaults.engine.api_key),
            program: None,
        },
        mischief: arguments.mischief.map(|mischief| Mischief {
            seed: arguments.seed,
            ..mischief
        }),
    };
    // What cannot be read is told before anything is started.
    let pictures = Pictures::of(&arguments)?;
    // The flow's further settings (RECIPE, SIZES, ...) hold here as for the function.
    let (mut cloud, deliveries) = Cloud::start(options, |name| std::env::var(name).ok()).await?;
    let out = Output::new(arguments.json);
    out.begin(&cloud);
    if arguments.open {
        out.open(cloud.page.url()).await;
    }
    let ended = tokio::select! {
        ended = put_and_watch(&arguments, pictures, &mut cloud, deliveries, &out) => ended,
        () = terminated => Ok(!arguments.once),
    };
    cloud.stop().await?;
    Ok(if ended? { Exit::Done } else { Exit::Failed }.into())
}

/// Puts the pictures, shows what becomes of them and of all later uploads. Ends only with `--once`,
/// and tells whether every picture has all its thumbnails.
async fn put_and_watch(
    arguments: &CloudArguments,
    pictures: Pictures,
    cloud: &mut Cloud,
    mut deliveries: UnboundedReceiver<Delivery>,
    out: &Output,
) -> Result<bool, Failure> {
    let mut record = Record::create(arguments.record.as_deref(), cloud.mischief.as_ref())?;
    let store = S3::new(&cloud.store_config)?;
    let (uploads, _generated) = ready(pictures).await?;
    cloud.page.offer(&uploads);
    let total = uploads.len() as u64;
    let (begins, mut begun) = unbounded_channel();
    let at_once = usize::from(arguments.puts_in_flight);
    let putting = put_all(
        uploads,
        &store,
        cloud.policy.source_prefix(),
        at_once,
        begins,
    );
    tokio::pin!(putting);

    let bar = Output::bar(total, "pictures");
    let start = Instant::now();
    let mut put: HashMap<Key, Put> = HashMap::new();
    let (mut summary, mut handled, mut all_put) = (Summary::new(), Vec::new(), false);
    while (handled.len() as u64) < total {
        tokio::select! {
            // What was begun is noted before what came of it is looked at.
            biased;
            Some((key, since)) = begun.recv() => drop(put.insert(key, Put { since, took: None })),
            Some(delivery) = deliveries.recv() => {
                bar.suspend(|| out.tell(&delivery));
                cloud.page.tell(&delivery);
                record.delivery(&delivery)?;
                let key = delivery.event.change().object.key.clone();
                let Some(of) = put.get_mut(&key) else {
                    continue;
                };
                if stands(&delivery) {
                    of.took.get_or_insert(of.since.elapsed());
                }
                if delivery.is_last {
                    summary.add(of.took);
                    put.remove(&key);
                    handled.push(key);
                    bar.inc(1);
                }
            }
            Some(notice) = cloud.notices.recv() => {
                bar.suspend(|| out.say(&notice.to_string()));
                record.notice(&notice)?;
            }
            ended = &mut putting, if !all_put => {
                ended?;
                all_put = true;
            }
        }
    }
    bar.finish_and_clear();
    if total > 0 {
        out.say(&summary.text(start.elapsed()));
    }
    if arguments.once {
        return everything_stands(cloud, &store, &handled, out).await;
    }
    out.say("Open for uploads until Ctrl-C.");
    loop {
        tokio::select! {
            Some(delivery) = deliveries.recv() => {
                out.tell(&delivery);
                cloud.page.tell(&delivery);
                record.delivery(&delivery)?;
            }
            Some(notice) = cloud.notices.recv() => {
                out.say(&notice.to_string());
                record.notice(&notice)?;
            }
            else => return Ok(true),
        }
    }
}

/// A picture that the program put itself.
struct Put {
    /// When its PUT began.
    since: Instant,
    /// From then until its thumbnails stood, if they do.
    took: Option<Duration>,
}

/// Whether all thumbnails stand after it.
fn stands(delivery: &Delivery) -> bool {
    let verdict = delivery.result.as_ref().map(|outcome| outcome.verdict);
    matches!(verdict, Ok(Verdict::Made | Verdict::Duplicate))
}

/// The files to put, and the folder where they were made, if they had to be: it goes when that is
/// dropped.
async fn ready(pictures: Pictures) -> Result<(Vec<Upload>, Option<TempDir>), Failure> {
    let (count, max_side) = match pictures {
        Pictures::Files(uploads) => return Ok((uploads, None)),
        Pictures::Generated { count, max_side } => (count, max_side),
    };
    let folder =
        tempfile::tempdir().map_err(|error| Failure::Generate(std::env::temp_dir(), error))?;
    let bar = Output::bar(count as u64, "pictures generated");
    let (made, mut each) = unbounded_channel();
    let watching = async {
        while each.recv().await.is_some() {
            bar.inc(1);
        }
    };
    let making = generate(count, max_side, folder.path().to_owned(), made);
    let (uploads, ()) = tokio::join!(making, watching);
    bar.finish_and_clear();
    Ok((uploads?, Some(folder)))
}

/// Looks into the bucket whether every planned thumbnail of every picture stands.
async fn everything_stands(
    cloud: &Cloud,
    store: &dyn Storage,
    originals: &[Key],
    out: &Output,
) -> Result<bool, Failure> {
    let mut good = true;
    for key in originals {
        let change = Change {
            operation: Operation::Write,
            object: ObjectId {
                bucket: cloud.store_config.bucket.clone(),
                key: key.clone(),
            },
            etag: None,
            length: None,
            content_type: None,
            endpoint: String::new(),
        };
        let planned = match cloud.policy.decide(&change) {
            Decision::Make(plan) => plan.outputs,
            _ => Vec::new(),
        };
        let mut missing = planned.is_empty();
        for output in &planned {
            match store.head(&output.key).await {
                Ok(head) => missing |= head.length == 0,
                Err(error) if error.kind() == Kind::NotFound => missing = true,
                Err(error) => return Err(Failure::Look(error)),
            }
        }
        if missing {
            out.say(&format!("{key} has not all its thumbnails"));
            good = false;
        }
    }
    Ok(good)
}
