# shellcheck shell=bash
# How each thing is removed. A place goes only if it is empty: no object, no bucket, no image and no program, secret, config map,
# subscription or domain of anybody is ever removed with it.

# Whether nothing is in a place. What does not say so in the documented way is not empty.
is_empty() {
  local answer list
  case $1 in
    bucket) [[ $(json '.Contents // [] | length' ibmcloud cos objects --bucket "$2" --region "$COS_REGION" --max-items 1 --output json) == 0 ]] ;;
    instance) [[ $(json '.Buckets // [] | length' ibmcloud cos buckets --ibm-service-instance-id "$cos_crn" --output json) == 0 ]] ;;
    namespace) answer=$(ibmcloud cr image-digests --restrict "${2#*/}" --quiet) && [[ -z $answer ]] ;;
    project)
      # The runs of a job go with it; others may have been started without one.
      answer=$(ibmcloud ce project get --name "$2") || return
      uses_nothing <<<"$answer" || return
      # Of these the project has some of its own, which the lists leave out.
      for list in secret configmap; do
        answer=$(ibmcloud ce "$list" list) || return
        [[ -z $(listed <<<"$answer") ]] || return
      done
      ;;
  esac
}

# Whether the table of quotas that `project get` prints has nothing in use.
uses_nothing() {
  awk '/^ *(Apps|Builds|Build runs|Custom domain mappings|Functions|Jobs|Job runs|Subscriptions \(.*\)) / { n += $(NF - 1); seen[$1] }
    END { exit !("Apps" in seen && "Jobs" in seen && "Subscriptions" in seen && n == 0) }'
}

# The names in a table that a list prints, but for those that Kubernetes and Istio put into each project.
listed() { awk 'rows && NF && $1 != "kube-root-ca.crt" && $1 != "istio-ca-root-cert" { print $1 } $1 == "Name" { rows = 1 }'; }

# Without the file nobody knows what was made, and that nothing was would be a guess.
nothing_known() {
  local namespace=${IMAGE#*/}
  printf 'Nothing is known here of what was made: there is no %s. It is on the machine that ran up; copy it, or look:\n' "$STATE"
  printf '  %s\n' "ibmcloud target -r $COS_REGION" "ibmcloud ce project select --name $PROJECT" \
    'ibmcloud ce app list' 'ibmcloud ce job list' 'ibmcloud ce sub cos list' 'ibmcloud ce sub cron list' 'ibmcloud ce secret list' \
    "ibmcloud iam trusted-profile $APP-cos" "ibmcloud iam service-id $APP-registry" 'ibmcloud iam authorization-policies' \
    "ibmcloud resource service-instance $COS_INSTANCE" "ibmcloud cos bucket-location-get --bucket $COS_BUCKET"
  if in_ibms_registry; then printf '  %s\n' "ibmcloud cr image-list --restrict ${namespace%%/*}"; fi
}

# An application of that name is the least sign of what stands and is paid for.
application_stands() {
  exists project "$PROJECT" || return
  run ibmcloud ce project select --name "$PROJECT"
  exists app "$APP"
}

# Set where the project itself is gone, and all that was in it. What `ibmcloud ce` would show then is another project's.
project_gone=

remove() {
  local kind=$1 name=$2 mark=$3 words sought=$2
  read -ra words <<<"$(words "$kind")"
  case $kind in
    image | namespace) registry "$name" ;;
    authorization) sought=$mark ;;
  esac
  if [[ -n $project_gone && $kind =~ ^(schedule|subscription|app|job|secret|registry)$ ]] ||
    { [[ $kind-$mark != authorization-begun ]] && ! exists "$kind" "$sought"; }; then
    say "$kind" "$name" 'gone already'
    forget "$kind" "$name"
    return
  fi
  if [[ $kind =~ ^(bucket|instance|namespace|project|image)$ && $mark == begun ]]; then
    say "$kind" "$name" 'kept: whether it was made here is not known'
    return
  fi
  case $kind in
    bucket | instance | namespace | project)
      is_empty "$kind" "$name" || {
        say "$kind" "$name" 'kept: it is not known to be empty'
        return
      }
      ;;
  esac
  # Killed between the command and its answer: then nobody knows whose it is.
  if [[ $kind == authorization && $mark == begun ]]; then
    say "$kind" "$name" 'kept: its id is not known; run up once more, then down'
    return
  fi
  case $kind in
    schedule | subscription | app | job | secret | registry) run ibmcloud ce "${words[@]}" delete --name "$name" --force --ignore-not-found ;;
    profile) run ibmcloud iam trusted-profile-delete "$name" --force ;;
    service-id) run ibmcloud iam service-id-delete "$name" --force ;;
    key) run ibmcloud resource service-key-delete "$name" --force ;;
    authorization) run ibmcloud iam authorization-policy-delete "$mark" --force ;;
    image) if is_only_tag "$name"; then run ibmcloud cr image-rm "$name"; else run ibmcloud cr image-untag "$name"; fi ;;
    namespace) run ibmcloud cr namespace-rm "${name#*/}" --force ;;
    bucket) run ibmcloud cos bucket-delete --bucket "$name" --region "$COS_REGION" --force ;;
    instance) run ibmcloud resource service-instance-delete "$cos_crn" --force ;;
    project) run ibmcloud ce project delete --name "$name" --force ;;
    *) fail "$STATE has a line that was not written here: $kind $name" ;;
  esac
  say "$kind" "$name" 'removed'
  forget "$kind" "$name"
}
