//! Where the function runs: in this process, in instances of its own, or elsewhere.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use cos_thumbnails::config::{self as flow, Variable};
use function::config::{MEMORY_BUDGET_BYTES, MIN_MEMORY_BUDGET_BYTES};
use http::Uri;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::instances::{Instances, Notice, Program, Scaling};

/// Where the function runs.
#[derive(Debug, Clone, Default)]
pub enum Hosting {
    /// In this process.
    #[default]
    Here,
    /// In processes of its own behind a router.
    Instances {
        /// The program `local-cloud`, which an instance is another process of.
        program: PathBuf,
        /// How many.
        scaling: Scaling,
    },
    /// At this URL, started by someone else; events go to its `/events`, unless it names another path.
    Elsewhere(Uri),
}

/// Where the function is going to run, and where it can be reached.
pub(crate) enum Place {
    Here((TcpListener, SocketAddr)),
    Instances((TcpListener, SocketAddr), PathBuf, Scaling),
    Elsewhere(Uri),
}

/// A running function, as far as it runs here.
#[derive(Debug)]
pub(crate) enum Hosted {
    Here {
        function: JoinHandle<Result<(), function::Error>>,
        stop: oneshot::Sender<()>,
    },
    Instances(Instances),
    Elsewhere,
}

impl Place {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Here((_, address)) | Self::Instances((_, address), ..) => {
                format!("http://{address}")
            }
            Self::Elsewhere(url) => url.to_string().trim_end_matches('/').to_owned(),
        }
    }

    /// Where events are posted.
    #[expect(
        clippy::expect_used,
        reason = "an address makes a valid URI, and a URI without a path and a path another"
    )]
    pub(crate) fn events(&self) -> Uri {
        match self {
            Self::Elsewhere(url) if url.path() != "/" => url.clone(),
            _ => format!("{}/events", self.url()).parse().expect("a URI"),
        }
    }

    /// How many requests one process works on at once. In one process that is all that a fan-out sends at
    /// once, for which Code Engine would start several.
    pub(crate) fn in_flight(&self) -> u16 {
        match self {
            Self::Instances(_, _, scaling) => scaling.concurrency,
            _ => 32,
        }
    }

    pub(crate) fn scaling(&self) -> Option<Scaling> {
        match self {
            Self::Instances(_, _, scaling) => Some(scaling.clone()),
            _ => None,
        }
    }

    /// Starts the function, by `config` in this process and with the settings of `lookup` in others.
    pub(crate) fn start(
        self,
        config: function::Config,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> (Hosted, UnboundedReceiver<Notice>) {
        // Where nobody has anything to say.
        let (_, silent) = unbounded_channel();
        match self {
            Self::Here((listener, _)) => {
                let (stop, stopped) = oneshot::channel();
                let shutdown = async {
                    // A sender that is dropped means the same.
                    let _ = stopped.await;
                };
                let function = tokio::spawn(function::serve(listener, config, shutdown));
                (Hosted::Here { function, stop }, silent)
            }
            Self::Instances((listener, _), path, scaling) => {
                let program = Program {
                    path,
                    arguments: vec!["instance".into()],
                    variables: variables(&config, scaling.max_scale, lookup),
                };
                let (instances, notices) = Instances::start(listener, program, scaling);
                (Hosted::Instances(instances), notices)
            }
            Self::Elsewhere(_) => (Hosted::Elsewhere, silent),
        }
    }
}

impl Hosted {
    /// Ends it when what it works on is done.
    pub(crate) async fn stop(self) -> Result<(), function::Error> {
        match self {
            Self::Here { function, stop } => {
                // It may have ended by itself.
                let _ = stop.send(());
                // That the task panicked was seen when it did.
                function.await.unwrap_or(Ok(()))
            }
            Self::Instances(instances) => {
                instances.stop().await;
                Ok(())
            }
            Self::Elsewhere => Ok(()),
        }
    }
}

/// An instance's settings. All instances share this machine: where it is not said how much memory each has
/// for pictures, it is an equal part of what `config` found.
fn variables(
    config: &function::Config,
    max_scale: u16,
    lookup: impl Fn(&str) -> Option<String>,
) -> Vec<(String, Option<String>)> {
    let part = config.memory_budget_bytes.map(|bytes| {
        let part = bytes / u64::from(max_scale.max(1));
        part.max(MIN_MEMORY_BUDGET_BYTES).to_string()
    });
    let all = flow::VARIABLES.iter().chain(&function::config::VARIABLES);
    let set = |variable: &Variable| {
        let part = part
            .clone()
            .filter(|_| variable.name == MEMORY_BUDGET_BYTES.name);
        (variable.name.to_owned(), lookup(variable.name).or(part))
    };
    all.map(set).collect()
}

/// Reads a function's URL from the command line. What it refuses it does not repeat, as clap would: a URL may
/// hold a password.
#[derive(Debug, Clone)]
pub(crate) struct FunctionUrl;

impl TypedValueParser for FunctionUrl {
    type Value = Uri;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, text: &OsStr) -> Result<Uri, Error> {
        let url = text.to_str().and_then(|text| text.parse::<Uri>().ok());
        let plain = |url: &Uri| {
            let authority = url.authority();
            url.scheme_str() == Some("http")
                && authority.is_some_and(|authority| !authority.as_str().contains('@'))
                && url.query().is_none()
        };
        url.filter(plain).ok_or_else(|| {
            let needed = "--function-url needs a URL such as http://192.0.2.7:8080";
            command.clone().error(ErrorKind::ValueValidation, needed)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_machine_is_divided_unless_each_instances_is_given() {
        let budget = |given: Option<&str>, max_scale| {
            let lookup = |name: &str| match name {
                "COS_ENDPOINT" => Some("http://127.0.0.1:1".to_owned()),
                "COS_REGION" | "COS_BUCKET" | "COS_ACCESS_KEY_ID" | "COS_SECRET_ACCESS_KEY" => {
                    Some("local".to_owned())
                }
                "MEMORY_BUDGET_BYTES" => given.map(ToOwned::to_owned),
                _ => None,
            };
            let config = function::Config {
                memory_budget_bytes: Some(4 << 30),
                ..function::Config::from_lookup(lookup).unwrap()
            };
            let variables = variables(&config, max_scale, lookup);
            let mut budgets = variables
                .into_iter()
                .filter(|(name, _)| name == "MEMORY_BUDGET_BYTES");
            budgets.next().unwrap().1.unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(budget(None, 1), 4 << 30);
        assert_eq!(budget(None, 8), 512 << 20);
        assert_eq!(
            budget(None, 1000),
            MIN_MEMORY_BUDGET_BYTES,
            "the least that it takes"
        );
        assert_eq!(budget(Some("536870913"), 8), 536_870_913);
    }
}
