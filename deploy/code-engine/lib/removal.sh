# shellcheck shell=bash
# How each thing is removed. A place goes only if it is empty: no object, no bucket, no image and no program of
# anybody is ever removed with it.

# Whether nothing is in a place. What does not say so in the documented way is not empty.
is_empty() {
  local answer
  case $1 in
    bucket) [[ $(json '.Contents // [] | length' ibmcloud cos objects --bucket "$2" --region "$COS_REGION" --max-items 1 --output json) == 0 ]] ;;
    instance) [[ $(json '.Buckets // [] | length' ibmcloud cos buckets --ibm-service-instance-id "$cos_crn" --output json) == 0 ]] ;;
    namespace) answer=$(ibmcloud cr image-digests --restrict "$2" --quiet) && [[ -z $answer ]] ;;
    project)
      answer=$(ibmcloud ce project get --name "$2") &&
        awk '$1 ~ /^(Apps|Builds|Functions|Jobs)$/ { n += $2; seen = seen $1 } END { exit !(seen ~ /Apps/ && seen ~ /Jobs/ && n == 0) }' <<<"$answer"
      ;;
  esac
}

remove() {
  local kind=$1 name=$2 mark=$3 words
  read -ra words <<<"$(words "$kind")"
  if [[ $kind != authorization ]] && ! exists "$kind" "$name"; then
    say "$kind" "$name" 'gone already'
    forget "$kind" "$name"
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
    image) run ibmcloud cr image-rm "$name" --force ;;
    namespace) run ibmcloud cr namespace-rm "$name" --force ;;
    bucket) run ibmcloud cos bucket-delete --bucket "$name" --region "$COS_REGION" --force ;;
    instance) run ibmcloud resource service-instance-delete "$name" --force ;;
    project) run ibmcloud ce project delete --name "$name" --force ;;
    *) fail "$STATE has a line that was not written here: $kind $name" ;;
  esac
  say "$kind" "$name" 'removed'
  forget "$kind" "$name"
}
