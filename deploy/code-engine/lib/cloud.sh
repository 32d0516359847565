# shellcheck shell=bash
# How `ibmcloud` is called, and how its answers are read: JSON where IBM documents its shape, else the text.

export IBMCLOUD_COLOR=false
DRY=

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# A command as a shell could read it. The one secret that a command line has is named in place of it.
quoted() {
  local word line=
  for word in "$@"; do
    [[ -z ${EVENT_SECRET:-} ]] || word=${word//"$EVENT_SECRET"/EVENT_SECRET}
    [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word="'${word//"'"/"'\\''"}'"
    line+=" $word"
  done
  printf '%s\n' "${line# }"
}

# Runs a command, or prints it if nothing is to be changed. What it says is shown if it fails.
attempt() {
  local answer
  if [[ -n $DRY ]]; then
    quoted "$@"
  elif ! answer=$("$@" 2>&1); then
    printf '%s\n%s: this failed: %s\n' "$answer" "${0##*/}" "$(quoted "$@")" >&2
    return 1
  fi
}

# The same, of a command without which nothing goes on.
run() { attempt "$@" || exit 1; }

# What a command says. One that fails has said nothing, and is never taken for one that found nothing.
told() {
  local answer
  answer=$("$@") || fail "this failed: $(quoted "$@")"
  printf '%s\n' "$answer"
}

# What a command says in JSON, by a filter of jq.
json() {
  local filter=$1 answer
  shift
  answer=$(told "$@") || exit
  jq -r "$filter" <<<"$answer" || fail "not the JSON that IBM documents: $(quoted "$@")"
}

# say KIND NAME WHAT
say() { [[ -n $DRY ]] || printf '%-14s %-28s %s\n' "$1" "$2" "$3"; }

# Secrets go through files that only this user can read, and that are gone at the end: a command line all can read.
private_folder() {
  [[ -z $DRY ]] || return 0
  private=$(umask 077 && mktemp -d)
  trap 'rm -rf "$private"' EXIT
}

# An empty file in that folder.
private_file() {
  (umask 077 && : >"$private/$1")
  printf '%s\n' "$private/$1"
}

# field NAME: what stands after `NAME:` in a text that `ibmcloud` prints, the first time.
field() {
  awk -v name="$1:" '{ line = $0; sub(/^ +/, "", line) }
    index(line, name) == 1 { sub(/^[^:]*: */, "", line); sub(/ +$/, "", line); print line; exit }'
}

# condition NAME: whether it holds, in the table of conditions that `app get` prints.
condition() { awk -v name="$1" '$1 == name && ($2 == "true" || $2 == "false") { print $2; exit }'; }

# literal NAME: the value of a variable of the environment, in what `app get` and `job get` print.
literal() { awk -v name="$1" '$1 == "Literal" && $2 == name { sub(/^ *Literal +[^ ]+ */, ""); sub(/ +$/, ""); print; exit }'; }

# exists KIND NAME: whether it is there. What cannot be shown is not there only if its service answers to the list of its
# kind, and still does not show it: a service that does not answer has not said no, and then nothing is made or forgotten.
exists() {
  [[ -z $DRY ]] || return 1
  local list
  if shown "$1" "$2"; then return; fi
  read -ra list <<<"$(list_of "$1")"
  run ibmcloud "${list[@]}"
  shown "$1" "$2"
}

list_of() {
  case $1 in
    project) echo ce project list ;;
    instance) echo resource service-instances ;;
    key) echo resource service-keys ;;
    # Without its instance there is no bucket, and nobody to ask for a list of them.
    bucket) [[ -n ${cos_crn:-} ]] && echo cos buckets || echo resource service-instances ;;
    namespace | image) echo cr namespace-list ;;
    service-id) echo iam service-ids ;;
    profile) echo iam trusted-profiles ;;
    authorization) echo iam authorization-policies ;;
    *) echo ce "$(words "$1")" list ;;
  esac
}

# Whether it can be shown. A namespace is REGISTRY/NAME, an authorization its id.
shown() {
  case $1 in
    project) ibmcloud ce project get --name "$2" ;;
    instance) ibmcloud resource service-instance "$2" --output JSON | jq -e 'any(.[]; .crn | contains(":cloud-object-storage:"))' ;;
    bucket) ibmcloud cos bucket-location-get --bucket "$2" ;;
    namespace) [[ -n $(ibmcloud cr namespace-list | awk -v name="${2#*/}" '$1 == name') ]] ;;
    image) ibmcloud cr image-inspect "$2" ;;
    service-id) ibmcloud iam service-id "$2" --output JSON ;;
    profile) ibmcloud iam trusted-profile "$2" --output JSON ;;
    authorization) [[ -n $(ibmcloud iam authorization-policies | awk -v id="$2" '$1 == "ID:" && $2 == id') ]] ;;
    key) ibmcloud resource service-key "$2" --output JSON ;;
    subscription) ibmcloud ce sub cos get --name "$2" ;;
    schedule) ibmcloud ce sub cron get --name "$2" ;;
    registry | secret | app | job) ibmcloud ce "$1" get --name "$2" ;;
  esac >/dev/null 2>&1
}

# What everything else needs, so that a mistake is told before anything is made.
logged_in() {
  local tool
  for tool in ibmcloud jq; do
    command -v "$tool" >/dev/null || fail "$tool is not installed: https://cloud.ibm.com/docs/cli, https://jqlang.org"
  done
  for tool in code-engine cloud-object-storage container-registry; do
    ibmcloud plugin show "$tool" >/dev/null 2>&1 || fail "ibmcloud has no plug-in $tool: ibmcloud plugin install $tool"
  done
  ibmcloud target >/dev/null 2>&1 || fail 'not logged in: ibmcloud login'
}

# What project and instance are made in.
has_group() {
  local text
  text=$(told ibmcloud target)
  [[ -n ${RESOURCE_GROUP:-} || $text != *'No resource group targeted'* ]] ||
    fail 'no resource group is targeted: ibmcloud target -g NAME (ibmcloud resource groups lists them), or set RESOURCE_GROUP'
}

# Commands go to this region and, if one is named, to this group.
target() {
  run ibmcloud target -r "$COS_REGION" ${RESOURCE_GROUP:+-g "$RESOURCE_GROUP"}
}
