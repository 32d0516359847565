# shellcheck shell=bash
# What is this deployment's own in the project: secret, application, jobs, subscriptions. Each is made, brought
# up to date, or left alone if it is already as it should be.

hash_of() { printf '%s\0' "$@" | sha256sum | cut -d ' ' -f 1; }

words() {
  case $1 in
    subscription) echo sub cos ;;
    schedule) echo sub cron ;;
    *) echo "$1" ;;
  esac
}

# thing KIND NAME CONTENT ARGUMENTS...: so that it is as the arguments say. CONTENT is what they do not show, such
# as what is in a file. A secret's arguments are the file's name, which is another one each time.
thing() {
  local kind=$1 name=$2 content=$3 verb=create done=made want words text shown left=()
  shift 3
  want=$(hash_of "$content" "$([[ $kind == secret ]] || quoted "$@")")
  read -ra words <<<"$(words "$kind")"
  if exists "$kind" "$name"; then
    made "$kind" "$name" || fail "there is already $kind $name, which was not made here; choose another APP"
    if [[ $(mark "$kind" "$name") == "$want" ]]; then
      say "$kind" "$name" unchanged
      return
    fi
    verb=update done=updated
    case $kind in
      app | job | secret)
        text=$(told ibmcloud ce "$kind" get --name "$name")
        mapfile -t left < <(left_over "$kind" <<<"$text")
        ;;
      subscription)
        shown=$(shown_secret)
        if [[ -z ${EVENT_SECRET:-} && -n $shown ]]; then left=(--extension-rm eventsecret); fi
        ;;
    esac
  fi
  # A subscription's bucket cannot be changed, and does not: see same_deployment.
  if [[ $kind == subscription && $verb == update ]]; then
    shift 2
  fi
  begin "$kind" "$name" ibmcloud ce "${words[@]}" "$verb" --name "$name" "$@" "${left[@]}" || exit 1
  remember "$kind" "$name" "$want"
  say "$kind" "$name" "$done"
}

# left_over KIND: the options that take away what a setting gave that is no longer set, for an update leaves it. Reads what
# `get` prints. What was set by other hands under other names stays.
left_over() {
  local text name
  text=$(cat)
  if [[ $1 == secret ]]; then
    for name in "${SECRETS[@]}"; do
      [[ -n ${!name:-} || -z $(field "$name" <<<"$text") ]] || printf '%s\n' --rm "$name"
    done
    return
  fi
  for name in "${HANDED_ON[@]}"; do
    [[ -n ${!name:-} || -z $(literal "$name" <<<"$text") ]] || printf '%s\n' --env-rm "$name"
  done
  if [[ -z $has_secret ]] && names_secret <<<"$text"; then printf '%s\n' --env-from-secret-rm "$APP-cos"; fi
}

# Whether the secret is in an environment, in what `get` prints.
names_secret() { awk -v name="$APP-cos" '/^ *Secret full reference / && $NF == name { found = 1 } END { exit !found }'; }

# What application and jobs have in common: image, store, recipe, credentials.
common() {
  local name
  shared=(--image "$IMAGE" --cpu "$CPU" --memory "$MEMORY"
    --env "COS_ENDPOINT=$ENDPOINT" --env "COS_REGION=$COS_REGION" --env "COS_BUCKET=$COS_BUCKET"
    --env "SOURCE_PREFIX=$SOURCE_PREFIX" --env "OUTPUT_PREFIX=$OUTPUT_PREFIX"
    --env "FAILURE_PREFIX=$FAILURE_PREFIX")
  [[ -z ${REGISTRY_SECRET:-} ]] || shared+=(--registry-secret "$REGISTRY_SECRET")
  for name in "${HANDED_ON[@]}"; do
    [[ -z ${!name:-} ]] || shared+=(--env "$name=${!name}")
  done
  if [[ $CREDENTIALS == trusted-profile ]]; then
    shared+=(--trusted-profiles-enabled=true --env "COS_TRUSTED_PROFILE=$APP-cos")
  fi
  [[ -z $has_secret ]] || shared+=(--env-from-secret "$APP-cos")
}

# The function gives an event up before Code Engine does, so that its sender learns to come again.
deadline() { printf '%s\n' "$((REQUEST_TIMEOUT > 1 ? REQUEST_TIMEOUT * 8 / 10 : 1))"; }

app() {
  # It asks the store before it says that it is ready; a busy instance may be slow to say that it lives.
  # Instances read the secret when they start: with another one in it the application is deployed anew, as it is.
  thing app "$APP" "$secret_text" "${shared[@]}" --port 8080 \
    --concurrency "$CONCURRENCY" --request-timeout "$REQUEST_TIMEOUT" --min-scale "$MIN_SCALE" --max-scale "$MAX_SCALE" \
    --visibility "$VISIBILITY" --env "DEADLINE_SECONDS=$(deadline)" \
    --probe-ready type=http --probe-ready path=/readyz --probe-ready port=8080 \
    --probe-ready timeout=5 --probe-ready failure-threshold=3 \
    --probe-live type=http --probe-live path=/healthz --probe-live port=8080 \
    --probe-live interval=30 --probe-live timeout=10 --probe-live failure-threshold=3
}

# Thumbnails lie under another prefix, so they raise no event here. What each event shows of a shared secret can be told to
# `ibmcloud` by its command line alone.
subscription() {
  local shown=()
  [[ -z ${EVENT_SECRET:-} ]] || shown=(--extension "eventsecret=$EVENT_SECRET")
  thing subscription "$APP-writes" "${EVENT_SECRET:-}" --bucket "$COS_BUCKET" --destination-type app --destination "$APP" \
    --event-type "$EVENTS" --prefix "$SOURCE_PREFIX" --path /events "${shown[@]}"
}

# A secret is shown before it is demanded, and as long as it is: an event without it is refused for good.
app_and_events() {
  if [[ -n ${EVENT_SECRET:-} ]] && exists subscription "$APP-writes" && exists app "$APP"; then
    subscription
    app
  else
    app
    subscription
  fi
}

# What the subscription's events show as a secret; nothing if they show none.
shown_secret() {
  json '[.. | objects | .eventsecret? // empty][0] // empty' ibmcloud ce sub cos get --name "$APP-writes" --output json
}

# Started by hand, or by `backfill --mode fan-out --job`.
backfill() {
  thing job "$APP-backfill" '' "${shared[@]}" --command /backfill --argument=--mode=parallel --argument=--no-journal \
    --retrylimit 3 --maxexecutiontime 7200
}

# Looks for what was never delivered, and mends it.
verify() {
  thing job "$APP-verify" '' "${shared[@]}" --command /backfill --argument=verify --argument=--repair --argument=--quiet \
    --argument=--accept=pending,failed --retrylimit 0 --maxexecutiontime 3000
  thing schedule "$APP-verify" '' --destination-type job --destination "$APP-verify" --schedule "$VERIFY_SCHEDULE"
}

# The secret of settings that are no longer set, as soon as nothing reads it any more.
old_secret() {
  if [[ -z $DRY && -z $has_secret ]] && made secret "$APP-cos"; then remove secret "$APP-cos" ''; fi
}
