# shellcheck shell=bash
# A cloud for one test: an empty account, settings, and the stand-ins for `ibmcloud`, `docker` and `podman` before all others.

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'kill "$cloud"; rm -rf "$work"' EXIT
export CLOUD=$work/cloud STATE=$work/state TMPDIR=$work/tmp PATH=$PWD/deploy/tests/bin:$PATH
mkdir "$CLOUD" "$TMPDIR"
exec {port}< <(exec deploy/tests/cloud/server.py "$CLOUD")
cloud=$!
read -r CLOUD_PORT <&"$port"
export CLOUD_PORT
export COS_BUCKET=photos COS_REGION=eu-de IMAGE=de.icr.io/space/cos-thumbnails:1
unset CONTAINER_TOOL PROJECT COS_INSTANCE APP RESOURCE_GROUP VISIBILITY CREDENTIALS COS_ACCESS_KEY_ID COS_SECRET_ACCESS_KEY COS_API_KEY BACKFILL_SECRET EVENT_SECRET RUNS_PREFIX RECIPES
readonly CODE_ENGINE=deploy/code-engine

# An account in which nothing is yet, and a state that knows of nothing.
fresh() {
  rm -rf "$CLOUD" "$STATE"
  mkdir "$CLOUD"
  ibmcloud target -g Default >/dev/null
}

# edit FILTER: what is in the account, by other hands.
edit() { jq "$1" "$CLOUD/state.json" >"$work/edited" && mv "$work/edited" "$CLOUD/state.json"; }

# silent COMMAND...: those get no answer.
silent() { printf '%s\n' "$@" >"$CLOUD/silent"; }

die() {
  printf '%s: %s\n' "$0" "$*" >&2
  exit 1
}

# What is in the account, as one line.
account() {
  jq -rS '[(.projects | to_entries[] | .key as $project | "project " + $project,
      (.value | to_entries[] | select(.value | type == "object") | .key as $kind | .value | keys[] | $kind + " " + .)),
    (.instances[] | "instance " + .name), (.buckets | keys[] | "bucket " + .), (.profiles | keys[] | "profile " + .),
    (.service_ids | keys[] | "service-id " + .), (.keys | keys[] | "key " + .), (.namespaces[] | "namespace " + split("/")[1]),
    (.authorizations | keys[] | "authorization")] | sort | join(", ")' "$CLOUD/state.json"
}

# The lines of a log that change something; and how many the log has.
changing() { grep -E '( |-)(create|update|delete|add|rm|untag)( |$)|^(docker|podman) (build|push)' || true; }
changes() { changing <"$CLOUD/log" | wc -l; }
new_log() { : >"$CLOUD/log"; }
