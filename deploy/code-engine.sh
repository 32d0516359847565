#!/usr/bin/env bash
# Puts the function on IBM Cloud Code Engine and lets a bucket's writes call it; and takes it away again.
#
#   deploy/code-engine.sh plan    print the commands that `up` and `down` run; needs no account and no CLI
#   deploy/code-engine.sh up      make what is missing, update the application
#   deploy/code-engine.sh down    remove what `up` made, and nothing else
#
# It never makes or removes a project, a bucket or an object. What it made stands in $STATE, one line each.
# Commands and options: https://cloud.ibm.com/docs/codeengine?topic=codeengine-cli
#                       https://cloud.ibm.com/docs/cli?topic=cli-ibmcloud_commands_iam
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: deploy/code-engine.sh plan|up|down

needed:
  PROJECT                Code Engine project
  COS_INSTANCE           Object Storage instance that holds the bucket
  COS_BUCKET             bucket; regional, in the project's region
  COS_REGION             that region, such as eu-de
  IMAGE                  image of deploy/Dockerfile, such as de.icr.io/NAMESPACE/cos-thumbnails:1
  COS_ACCESS_KEY_ID, COS_SECRET_ACCESS_KEY   HMAC key with the Writer role (only for up)

optional:
  REGISTRY_SECRET        secret to pull the image with                     (none: the image is public)
  APP                    name of the application, prefix of the others     (thumbnails)
  SOURCE_PREFIX          where originals are written                       (images/)
  OUTPUT_PREFIX          where thumbnails go                               (thumbnails/)
  CPU, MEMORY            of one instance                                   (1, 4G)
  CONCURRENCY            events in work on one instance                    (twice the CPUs, rounded up)
  MAX_SCALE              most instances, up to 250                         (10)
  REQUEST_TIMEOUT        seconds for one event, up to 600                  (120)
  VISIBILITY             project, private or public                        (project)
  STATE                  file that remembers what was made                 (.code-engine.APP)
TEXT
}

fail() {
  printf 'code-engine.sh: %s\n' "$*" >&2
  exit 1
}

# The pairs of vCPU and memory that Code Engine has (https://cloud.ibm.com/docs/codeengine?topic=codeengine-mem-cpu-combo).
readonly PAIRS='
0.125:0.25G 0.125:0.5G 0.125:1G 0.25:0.5G 0.25:1G 0.25:2G 0.5:1G 0.5:2G 0.5:4G 1:2G 1:4G 1:8G
2:4G 2:8G 2:16G 4:8G 4:16G 4:32G 6:12G 6:24G 6:48G 8:16G 8:32G 10:20G 10:40G 12:24G 12:48G'

configure() {
  local name
  for name in PROJECT COS_INSTANCE COS_BUCKET COS_REGION IMAGE; do
    [[ -n ${!name:-} ]] || fail "$name is not set; see deploy/code-engine.sh --help"
  done
  APP=${APP:-thumbnails}
  SECRET=$APP-cos
  SUBSCRIPTION=$APP-writes
  SOURCE_PREFIX=${SOURCE_PREFIX:-images/}
  OUTPUT_PREFIX=${OUTPUT_PREFIX:-thumbnails/}
  CPU=${CPU:-1}
  MEMORY=${MEMORY:-4G}
  # One picture is read or stored while another is decoded; more than that would only wait for the CPU.
  CONCURRENCY=${CONCURRENCY:-$(awk -v cpu="$CPU" 'BEGIN { n = 2 * cpu; print (n == int(n)) ? n : int(n) + 1 }')}
  MAX_SCALE=${MAX_SCALE:-10}
  REQUEST_TIMEOUT=${REQUEST_TIMEOUT:-120}
  VISIBILITY=${VISIBILITY:-project}
  STATE=${STATE:-.code-engine.$APP}
  [[ $PAIRS =~ [[:space:]]"$CPU:$MEMORY"($|[[:space:]]) ]] || fail "no such pair of CPU and MEMORY: $CPU and $MEMORY; there are: ${PAIRS//$'\n'/ }"
  [[ $CONCURRENCY =~ ^[1-9][0-9]*$ && $CONCURRENCY -le 1000 ]] || fail "CONCURRENCY is 1 to 1000, not $CONCURRENCY"
  [[ $MAX_SCALE =~ ^[1-9][0-9]*$ && $MAX_SCALE -le 250 ]] || fail "MAX_SCALE is 1 to 250, not $MAX_SCALE"
  [[ $REQUEST_TIMEOUT =~ ^[1-9][0-9]*$ && $REQUEST_TIMEOUT -le 600 ]] || fail "REQUEST_TIMEOUT is 1 to 600, not $REQUEST_TIMEOUT"
  # Code Engine reaches COS by the direct endpoints, whose traffic is free.
  ENDPOINT=https://s3.direct.$COS_REGION.cloud-object-storage.appdomain.cloud
}

DRY=

# Runs a command, or prints it so that a shell could read it.
run() {
  if [[ -n $DRY ]]; then
    printf '%q ' "$@"
    printf '\n'
  else
    "$@"
  fi
}

made() { [[ -f $STATE ]] && grep -qxF "$1" "$STATE"; }
remember() { [[ -n $DRY ]] || printf '%s\n' "$1" >>"$STATE"; }
forget() {
  [[ -n $DRY ]] && return
  local rest
  rest=$(grep -vxF "$1" "$STATE" || true)
  printf '%s' "${rest:+$rest$'\n'}" >"$STATE"
}

# there NOUN... NAME: whether it exists in the selected project.
there() {
  [[ -z $DRY ]] && ibmcloud ce "${@:1:$#-1}" get --name "${!#}" >/dev/null 2>&1
}

# Refuses to take over what somebody else made under the same name.
ours_or_absent() {
  local line=$1
  shift
  if there "$@" && ! made "$line"; then
    fail "there is already ${*:1:$#-1} ${!#}, which this script did not make; choose another APP"
  fi
}

select_project() {
  run ibmcloud ce project select --name "$PROJECT"
}

# Lets the project hear of writes. Only an administrator of the account can.
create_authorization() {
  local answer id command=(ibmcloud iam authorization-policy-create codeengine cloud-object-storage 'Notifications Manager'
    --source-service-instance-name "$PROJECT" --target-service-instance-name "$COS_INSTANCE" --output JSON)
  if [[ -n $DRY ]]; then
    run "${command[@]}"
  elif [[ -f $STATE ]] && grep -q '^authorization ' "$STATE"; then
    echo "authorization: made before"
  elif answer=$("${command[@]}" 2>&1); then
    id=$(sed -n 's/^ *"id": *"\([^"]*\)".*/\1/p' <<<"$answer")
    id=${id%%$'\n'*}
    [[ -n $id ]] || fail "the authorization was made, but its id is not in: $answer"
    remember "authorization $id"
    echo "authorization: $id"
  elif grep -qi 'already exist\|identical\|conflict' <<<"$answer"; then
    echo "authorization: there already; it stays when this is taken down"
  else
    fail "authorization: $answer"
  fi
}

# The key goes by a file that only this user can read, never by a command line that all can.
create_secret() {
  local file='CREDENTIALS_FILE' verb=create
  ours_or_absent "secret $SECRET" secret "$SECRET"
  made "secret $SECRET" && verb=update
  if [[ -z $DRY ]]; then
    [[ -n ${COS_ACCESS_KEY_ID:-} && -n ${COS_SECRET_ACCESS_KEY:-} ]] || fail "COS_ACCESS_KEY_ID and COS_SECRET_ACCESS_KEY are not both set"
    file=$(umask 077 && mktemp)
    # shellcheck disable=SC2064 # the name of now is meant
    trap "rm -f '$file'" EXIT
    printf 'COS_ACCESS_KEY_ID=%s\nCOS_SECRET_ACCESS_KEY=%s\n' "$COS_ACCESS_KEY_ID" "$COS_SECRET_ACCESS_KEY" >"$file"
  fi
  run ibmcloud ce secret "$verb" --name "$SECRET" --from-env-file "$file"
  [[ $verb == update ]] || remember "secret $SECRET"
}

create_app() {
  local verb=create pull=()
  ours_or_absent "app $APP" app "$APP"
  made "app $APP" && verb=update
  [[ -z ${REGISTRY_SECRET:-} ]] || pull=(--registry-secret "$REGISTRY_SECRET")
  # The function gives an event up before Code Engine does, so that its sender learns to come again.
  # The listening socket answers /readyz as soon as the function can take an event.
  run ibmcloud ce app "$verb" --name "$APP" --image "$IMAGE" "${pull[@]}" --port 8080 \
    --cpu "$CPU" --memory "$MEMORY" --concurrency "$CONCURRENCY" --request-timeout "$REQUEST_TIMEOUT" \
    --min-scale 0 --max-scale "$MAX_SCALE" --visibility "$VISIBILITY" \
    --probe-ready type=http --probe-ready path=/readyz --probe-ready port=8080 \
    --env "COS_ENDPOINT=$ENDPOINT" --env "COS_REGION=$COS_REGION" --env "COS_BUCKET=$COS_BUCKET" \
    --env "SOURCE_PREFIX=$SOURCE_PREFIX" --env "OUTPUT_PREFIX=$OUTPUT_PREFIX" \
    --env "DEADLINE_SECONDS=$((REQUEST_TIMEOUT * 8 / 10))" --env-from-secret "$SECRET"
  [[ $verb == update ]] || remember "app $APP"
}

# Thumbnails lie under another prefix, so they raise no event here.
create_subscription() {
  ours_or_absent "subscription $SUBSCRIPTION" sub cos "$SUBSCRIPTION"
  if made "subscription $SUBSCRIPTION"; then
    echo "subscription: made before"
    return
  fi
  run ibmcloud ce sub cos create --name "$SUBSCRIPTION" --destination-type app --destination "$APP" \
    --bucket "$COS_BUCKET" --event-type write --prefix "$SOURCE_PREFIX" --path /events
  remember "subscription $SUBSCRIPTION"
}

up() {
  select_project
  create_authorization
  create_secret
  create_app
  create_subscription
}

# Removes one thing; what is gone already is no error.
remove() {
  local kind=${1%% *} name=${1#* }
  case $kind in
    subscription) run ibmcloud ce sub cos delete --name "$name" --force --ignore-not-found ;;
    app) run ibmcloud ce app delete --name "$name" --force --ignore-not-found ;;
    secret) run ibmcloud ce secret delete --name "$name" --force --ignore-not-found ;;
    authorization) run ibmcloud iam authorization-policy-delete "$name" --force ;;
    *) fail "$STATE has a line that this script did not write: $1" ;;
  esac
  forget "$1"
}

down() {
  [[ -s $STATE ]] || {
    echo "nothing in $STATE: nothing to remove"
    return
  }
  select_project
  local lines line
  mapfile -t lines < <(tac "$STATE")
  for line in "${lines[@]}"; do
    remove "$line"
  done
  rm -f "$STATE"
}

plan() {
  DRY=yes
  STATE=/dev/null
  echo '# up'
  up
  echo '# down'
  select_project
  remove "subscription $SUBSCRIPTION"
  remove "app $APP"
  remove "secret $SECRET"
  remove 'authorization AUTHORIZATION_ID'
}

case ${1:-} in
  plan | up | down)
    [[ $# -eq 1 ]] || fail "one word is enough: $1"
    configure
    [[ $1 == plan ]] || command -v ibmcloud >/dev/null || fail "ibmcloud is not installed: https://cloud.ibm.com/docs/cli"
    "$1"
    ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
