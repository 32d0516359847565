# shellcheck shell=bash
# What `doctor` looks at, and the command that mends each mistake. The documented causes of a subscription that never
# becomes ready are https://cloud.ibm.com/docs/codeengine?topic=codeengine-ts-subscription-cos-neverready.

findings=0

# finding TEXT COMMAND...
finding() {
  findings=$((findings + 1))
  printf '%d. %s\n     ' "$findings" "$1"
  shift
  quoted "$@"
}

# finding_line TEXT LINE: where the mend is more than one word of a shell.
finding_line() {
  findings=$((findings + 1))
  printf '%d. %s\n     %s\n' "$findings" "$1" "$2"
}

# With the options that `doctor` has.
up_again=(deploy/code-engine/up)

examine_bucket() {
  local found elsewhere owner
  if ! exists bucket "$COS_BUCKET"; then
    finding "there is no bucket $COS_BUCKET" \
      ibmcloud cos bucket-create --bucket "$COS_BUCKET" --ibm-service-instance-id "$cos_crn" --class standard --region "$COS_REGION"
    return
  fi
  found=$(bucket_region)
  elsewhere=$APP-$found
  if [[ -z $found || -z $(region 1 "$found" 1) ]]; then
    finding "bucket $COS_BUCKET is not regional (${found:-no region}): it raises no events; its objects have to be copied into one that is" \
      env "APP=$APP-regional" "PROJECT=$APP-regional" "COS_INSTANCE=$COS_INSTANCE" "COS_BUCKET=$COS_BUCKET-$COS_REGION" "${up_again[@]}"
  elif [[ $found != "$COS_REGION" ]]; then
    finding "bucket $COS_BUCKET is in $found, the project in $COS_REGION: no event gets there" \
      env "APP=$elsewhere" "PROJECT=$elsewhere" "COS_INSTANCE=$COS_INSTANCE" "COS_REGION=$found" "${up_again[@]}"
  fi
  if ! has_bucket "$cos_crn"; then
    owner=$(bucket_owner)
    finding_line "bucket $COS_BUCKET is of ${owner:-another account}, not of $COS_INSTANCE, for which authorization and rights are" \
      "deploy/code-engine/down && $(quoted env "COS_INSTANCE=${owner:-NAME}" "${up_again[@]}")"
  fi
}

# The name of the instance in this account that has the bucket.
bucket_owner() {
  local crn name every
  every=$(json '.[] | "\(.crn) \(.name)"' ibmcloud resource service-instances --service-name cloud-object-storage --all-resource-groups --output JSON) || exit
  while read -r crn name; do
    if has_bucket "$crn"; then
      printf '%s\n' "$name"
      return
    fi
  done <<<"$every"
}

examine_authorization() {
  local found
  found=$(authorizations)
  [[ -n $found ]] ||
    finding "project $PROJECT is not authorized to hear of writes in $COS_INSTANCE" \
      ibmcloud iam authorization-policy-create codeengine cloud-object-storage 'Notifications Manager' \
      --source-service-instance-name "$PROJECT" --target-service-instance-name "$COS_INSTANCE"
}

# Sets app_text and secret_shown, to what `get` says of application and secret; empty if there is none.
look() {
  app_text='' secret_shown=''
  if exists app "$APP"; then app_text=$(told ibmcloud ce app get --name "$APP"); fi
  if exists secret "$APP-cos"; then secret_shown=$(told ibmcloud ce secret get --name "$APP-cos"); fi
}

examine_app() {
  local cpu memory least taken timeout most deadline in_time
  if [[ -z $app_text ]]; then
    finding "there is no application $APP: the subscription has no destination" "${up_again[@]}"
    return
  fi
  # The pair first: with an impossible one every other update is refused.
  cpu=$(field CPU <<<"$app_text") memory=$(field Memory <<<"$app_text")
  is_pair "$cpu" "$memory" ||
    finding "application $APP has $cpu vCPU and $memory, which is no pair of Code Engine's: its instances do not start" \
      ibmcloud ce app update --name "$APP" --cpu "$CPU" --memory "$MEMORY"
  examine_runs app "$APP" "$app_text"
  least=$(concurrency_for "$cpu")
  if number taken Concurrency && [[ $taken -gt $((2 * least)) ]]; then
    finding "application $APP takes $taken events at once on $cpu vCPU: they wait for the CPU, and no further instance starts" \
      ibmcloud ce app update --name "$APP" --concurrency "$least"
  fi
  if number most 'Maximum Scale' && [[ $most -lt 1 || $most -gt 250 ]]; then
    finding "application $APP may have $most instances; a project has 250" ibmcloud ce app update --name "$APP" --max-scale "$MAX_SCALE"
  fi
  deadline=$(literal DEADLINE_SECONDS <<<"$app_text")
  deadline=${deadline:-$DEFAULT_DEADLINE}
  in_time=(ibmcloud ce app update --name "$APP" --request-timeout "$REQUEST_TIMEOUT" --env "DEADLINE_SECONDS=$(deadline)")
  if number timeout Timeout && ! less "$deadline" "$timeout"; then
    finding "application $APP is cut off after $timeout s, before its own deadline ($deadline s): its sender is not told to come again" "${in_time[@]}"
  elif ! less 0 "$deadline"; then
    finding "application $APP has DEADLINE_SECONDS $deadline, which leaves an event no time" "${in_time[@]}"
  fi
  [[ $(condition Ready <<<"$app_text") == true ]] ||
    finding "application $APP is not ready: $(field 'Status Summary' <<<"$app_text")" ibmcloud ce app events --application "$APP"
}

# number VARIABLE NAME: sets it to a field of the application that is a number. What does not say it has not said that all is well.
number() {
  printf -v "$1" '%s' "$(field "$2" <<<"$app_text")"
  [[ ${!1} =~ ^(0|[1-9][0-9]*)$ ]] || {
    finding "ibmcloud ce app get does not say $2 of $APP as IBM documents it" ibmcloud ce app get --name "$APP"
    return 1
  }
}

# Of two numbers that may have a fraction.
less() { awk -v one="$1" -v other="$2" 'BEGIN { exit !(one + 0 < other + 0) }'; }

# What the function takes where DEADLINE_SECONDS is not set.
readonly DEFAULT_DEADLINE=240

examine_jobs() {
  local name text
  for name in "$APP-backfill" "$APP-verify"; do
    if exists job "$name"; then
      text=$(told ibmcloud ce job get --name "$name")
      examine_runs job "$name" "$text"
    else
      finding "there is no job $name" "${up_again[@]}"
    fi
  done
}

# examine_runs KIND NAME TEXT: what application and jobs have in common, by what `get` says: image, where they work, and as whom.
examine_runs() {
  local kind=$1 name=$2 text=$3 what="$1 $2" runs variable value is update=(ibmcloud ce "$1" update --name "$2")
  [[ $kind != app ]] || what="application $name"
  runs=$(field Image <<<"$text")
  [[ $runs == "$IMAGE" || $runs == "$IMAGE@"* ]] || finding "$what runs another image: $runs" "${update[@]}" --image "$IMAGE"
  # The others of the table are the settings' own; these decide where it works.
  for variable in COS_ENDPOINT COS_REGION COS_BUCKET SOURCE_PREFIX OUTPUT_PREFIX FAILURE_PREFIX; do
    case $variable in
      COS_ENDPOINT) value=$ENDPOINT ;;
      *) value=${!variable} ;;
    esac
    is=$(literal "$variable" <<<"$text")
    [[ $is == "$value" ]] || finding "$what has $variable $is where $value is right$(why "$variable")" "${update[@]}" --env "$variable=$value"
  done
  [[ $CREDENTIALS != trusted-profile || $(literal COS_TRUSTED_PROFILE <<<"$text") == "$APP-cos" ]] ||
    finding "$what is not told of its trusted profile" "${update[@]}" --trusted-profiles-enabled=true --env "COS_TRUSTED_PROFILE=$APP-cos"
  [[ -z $secret_shown ]] || names_secret <<<"$text" ||
    finding "$what does not get the secret $APP-cos" "${update[@]}" --env-from-secret "$APP-cos"
}

why() {
  case $1 in
    COS_ENDPOINT) echo ': inside Code Engine s3.direct, whose traffic is free; outside the public one' ;;
    COS_REGION) echo ', for signatures' ;;
  esac
}

examine_subscription() {
  local text event prefix suffix shown showing='' update=(ibmcloud ce sub cos update --name "$APP-writes") anew
  anew="$(quoted ibmcloud ce sub cos delete --name "$APP-writes" --force) && ${up_again[*]}"
  # As a shell reads it, so that the secret is on no screen; and one that has none is told so.
  # shellcheck disable=SC2016
  [[ -z ${EVENT_SECRET:-}$(field EVENT_SECRET <<<"$secret_shown") ]] || showing=' --extension "eventsecret=${EVENT_SECRET:?}"'
  if ! exists subscription "$APP-writes"; then
    finding_line "there is no subscription $APP-writes: uploads call nobody" \
      "$(quoted ibmcloud ce sub cos create --name "$APP-writes" --bucket "$COS_BUCKET" --destination-type app --destination "$APP" \
        --event-type "$EVENTS" --prefix "$SOURCE_PREFIX" --path /events)$showing"
    return
  fi
  text=$(told ibmcloud ce sub cos get --name "$APP-writes")
  [[ $(field Destination <<<"$text") == "App:$APP" ]] ||
    finding "the subscription's destination is $(field Destination <<<"$text")" "${update[@]}" --destination-type app --destination "$APP"
  [[ $(field Bucket <<<"$text") == "$COS_BUCKET" ]] ||
    finding_line "the subscription is of bucket $(field Bucket <<<"$text"), not of $COS_BUCKET" "$anew"
  if [[ -n $showing ]]; then
    shown=$(shown_secret)
    if [[ -z $shown ]]; then
      finding_line 'the events show no EVENT_SECRET: the application refuses them all' "$(quoted "${update[@]}")$showing"
    elif [[ -n ${EVENT_SECRET:-} && $shown != "$EVENT_SECRET" ]]; then
      finding_line 'the events show another EVENT_SECRET than is set here' "$(quoted "${update[@]}")$showing && ${up_again[*]}"
    fi
  fi
  event=$(field EventType <<<"$text")
  if [[ $event != write && $event != all ]]; then
    finding "the subscription is for $event events: uploads call nobody" "${update[@]}" --event-type "$EVENTS"
  elif [[ $EVENTS == all && $event != all ]]; then
    finding "the subscription is for $event events: deletions call nobody" "${update[@]}" --event-type "$EVENTS"
  fi
  prefix=$(field Prefix <<<"$text")
  if [[ $OUTPUT_PREFIX == "$prefix"* || $FAILURE_PREFIX == "$prefix"* || $RUNS_PREFIX == "$prefix"* ]]; then
    finding "the subscription's prefix '$prefix' covers what the function writes: each thumbnail raises an event more, all skipped and all paid for" \
      "${update[@]}" --prefix "$SOURCE_PREFIX"
  elif [[ $SOURCE_PREFIX != "$prefix"* ]]; then
    finding "the subscription's prefix '$prefix' leaves out originals below $SOURCE_PREFIX" "${update[@]}" --prefix "$SOURCE_PREFIX"
  fi
  suffix=$(field Suffix <<<"$text")
  # That an update takes one away is not documented.
  [[ -z $suffix ]] || finding_line "the subscription's suffix '$suffix' leaves out originals that do not end so" "$anew"
}

# Said only if nothing else was found: it is what most mistakes look like.
examine_readiness() {
  local text
  ((!findings)) || return 0
  text=$(told ibmcloud ce sub cos get --name "$APP-writes")
  if [[ $(field Ready <<<"$text") != true ]]; then
    finding "the subscription is not ready: $(awk '$2 == "false" && NF > 3 { $1 = $2 = $3 = ""; sub(/^ +/, ""); print; exit }' <<<"$text")" \
      ibmcloud ce sub cos get --name "$APP-writes"
  fi
}

examine_credentials() {
  local name needed=()
  case $CREDENTIALS in
    trusted-profile) examine_profile ;;
    hmac) needed=(COS_ACCESS_KEY_ID COS_SECRET_ACCESS_KEY) ;;
    api-key) needed=(COS_API_KEY) ;;
  esac
  for name in "${SECRETS[@]}"; do [[ -z ${!name:-} ]] || needed+=("$name"); done
  ((${#needed[@]})) || return 0
  if [[ -z $secret_shown ]]; then
    finding "there is no secret $APP-cos for application and jobs" "${up_again[@]}"
    return
  fi
  # Names alone: values are on no screen, and whether the store takes them only the function's /readyz says.
  for name in "${needed[@]}"; do
    [[ -n $(field "$name" <<<"$secret_shown") ]] || {
      finding_line "the secret $APP-cos has no $name" "$(quoted ibmcloud ce secret delete --name "$APP-cos" --force) && ${up_again[*]}"
      break
    }
  done
}

# The profile made anew has the links and rights that are needed, and no others.
profile_anew() { printf '%s && %s\n' "$(quoted ibmcloud iam trusted-profile-delete "$APP-cos" --force)" "${up_again[*]}"; }

examine_profile() {
  local links crn part kind name
  if ! exists profile "$APP-cos"; then
    finding "there is no trusted profile $APP-cos: the store refuses every call" "${up_again[@]}"
    return
  fi
  crn=$(project_crn)
  links=$(json '.[] | select(.cr_type == "CE") | "\(.link.component_type) \(.link.component_name) \(.link.crn)"' \
    ibmcloud iam trusted-profile-links "$APP-cos" --output JSON)
  for part in application:"$APP" job:"$APP-backfill" job:"$APP-verify"; do
    kind=${part%%:*} name=${part#*:}
    if [[ $'\n'$links$'\n' == *$'\n'"$kind $name $crn"$'\n'* ]]; then
      continue
    elif [[ $'\n'$links == *$'\n'"$kind $name "* ]]; then
      finding_line "the trusted profile $APP-cos is for $kind $name of another project, such as one of the same name that is gone" "$(profile_anew)"
      break
    fi
    finding "$kind $name may not be the trusted profile $APP-cos" \
      ibmcloud iam trusted-profile-link-create "$APP-cos" --name "$name" --cr-type CE --link-crn "$crn" \
      --link-component-type "$kind" --link-component-name "$name"
  done
}

# Whether a role of the profile's policies is one of ROLES and covers PREFIX, be it the whole bucket: in this instance of Object
# Storage, by `path` for objects and by `prefix` for lists.
may() {
  jq -e --arg roles "$1" --arg prefix "$2" --arg bucket "$COS_BUCKET" --arg instance "$cos_guid" '
    def attribute($key): [.resource.attributes[]? | select(.key == $key) | .value][0];
    def is($key; $value): attribute($key) | . == null or . == $value;
    def covers($key): [.. | objects | select(.key? == "{{resource.attributes.\($key)}}") | .value] | flatten
      | any(rtrimstr("*") as $begin | $prefix | startswith($begin));
    any(.[];
      ([.control.grant.roles[]?.role_id | split(":")[-1]] | any(. as $role | $roles | split(" ") | index([$role]))) and
      is("serviceName"; "cloud-object-storage") and is("serviceInstance"; $instance) and is("resource"; $bucket) and
      (.rule == null or (covers("path") and covers("prefix"))))' <<<"$policies" >/dev/null
}

examine_rights() {
  local prefix role policies
  case $CREDENTIALS in
    trusted-profile)
      exists profile "$APP-cos" || return 0
      policies=$(told ibmcloud iam trusted-profile-policies "$APP-cos" --api-version v2 --output JSON)
      may 'ContentReader Reader Writer Manager' "$SOURCE_PREFIX" ||
        finding_line "$APP-cos may not list and read $SOURCE_PREFIX in $COS_BUCKET" "$(profile_anew)"
      for prefix in "$OUTPUT_PREFIX" "$FAILURE_PREFIX" "$RUNS_PREFIX"; do
        may 'Writer Manager' "$prefix" || {
          finding_line "$APP-cos may not list, write and delete $prefix in $COS_BUCKET" "$(profile_anew)"
          break
        }
      done
      ;;
    hmac)
      exists key "$APP-cos" || return 0
      role=$(json '.[0].credentials.iam_role_crn | split(":")[-1]' ibmcloud resource service-key "$APP-cos" --output JSON)
      [[ $role == Writer || $role == Manager ]] ||
        finding_line "the key of secret $APP-cos has the role $role, which writes nothing" \
          "$(quoted ibmcloud resource service-key-delete "$APP-cos" --force) && ${up_again[*]}"
      ;;
  esac
}

examine_audit() {
  local text
  if ! exists schedule "$APP-verify"; then
    finding 'nothing looks for events that were lost' "${up_again[@]}"
    return
  fi
  text=$(told ibmcloud ce sub cron get --name "$APP-verify")
  [[ $(field Ready <<<"$text") == true ]] ||
    finding "the schedule $APP-verify is not ready: nothing looks for events that were lost" ibmcloud ce sub cron get --name "$APP-verify"
}
