# shellcheck shell=bash
# What was made here, one line each, the oldest first: kind, name and a mark, between tabs. `down` removes
# this and nothing else. The mark is a hash of what the thing was made of, or the id that removes it.

made() { [[ -f $STATE ]] && awk -F '\t' -v kind="$1" -v name="$2" '$1 == kind && $2 == name { found = 1 } END { exit !found }' "$STATE"; }

mark() { [[ ! -f $STATE ]] || awk -F '\t' -v kind="$1" -v name="$2" '$1 == kind && $2 == name { print $3 }' "$STATE"; }

# rewrite PROGRAM KIND NAME [MARK]: what awk makes of it. Written beside it and put into its place, for what is cut off in the
# midst, or finds no space, must not lose what stood there.
rewrite() {
  local before=$STATE
  [[ -f $STATE ]] || before=/dev/null
  if ! { (umask 077 && awk -F '\t' -v OFS='\t' -v kind="$2" -v name="$3" -v mark="${4:-}" "$1" "$before" >"$STATE.new") && mv "$STATE.new" "$STATE"; }; then
    rm -f "$STATE.new"
    fail "$STATE, which remembers what was made, cannot be written"
  fi
}

# Written before a thing is made, so that what was made is known even if this is interrupted.
remember() {
  [[ -z $DRY ]] || return 0
  mkdir -p "$(dirname "$STATE")"
  # shellcheck disable=SC2016
  rewrite '$1 == kind && $2 == name { $3 = mark; found = 1 } { print } END { if (!found) print kind, name, mark }' "$@"
}

forget() {
  [[ -z $DRY ]] || return 0
  # shellcheck disable=SC2016
  rewrite '!($1 == kind && $2 == name)' "$@"
  [[ -s $STATE ]] || rm "$STATE"
}

# begin KIND NAME COMMAND...: makes it by a command, and remembers before that it was begun. What could not be made was not made
# here, whoever makes it afterwards: that is forgotten, and this ends. Fails if the command does, and it stands all the same.
begin() {
  local kind=$1 name=$2
  shift 2
  remember "$kind" "$name" begun
  if attempt "$@"; then return; fi
  if exists "$kind" "$name"; then return 1; fi
  forget "$kind" "$name"
  exit 1
}

# Names of projects and instances may be anybody's; a bucket's is the only one of all accounts.
holds_the_bucket() {
  exists instance "$COS_INSTANCE" || return
  find_instance
  has_bucket "$cos_crn"
}

# A state is of one application, and of one project, bucket and way to have credentials in the account and resource group that are
# targeted by now: with others, what stands would be forgotten.
same_deployment() {
  [[ -z $DRY ]] || return 0
  local settings="$PROJECT, $COS_INSTANCE, $COS_BUCKET, $COS_REGION, $CREDENTIALS" account group now before other text
  if [[ -f $STATE ]]; then
    other=$(awk -F '\t' -v app="$APP" '$1 == "deployment" && $2 != app { print $2; exit }' "$STATE")
    [[ -z $other ]] || fail "$STATE is of the application $other; set STATE to another file for $APP"
  fi
  text=$(told ibmcloud target)
  group="resource group $(field 'Resource group' <<<"$text")"
  # By its id: the name may change.
  account=$(field Account <<<"$text" | sed -E 's/.*\(([^()]*)\).*/\1/')
  now="$settings, account $account, $group"
  # A state of an earlier version has its name, too.
  before=$(mark deployment "$APP" | sed -E 's/, account .*\(([^()]*)\)[^()]*, resource group /, account \1, resource group /')
  if [[ $before == "$settings" || $before == "$settings, $group" ]]; then
    # A state of an earlier version names no account, if a group at all, so that only what stands shows that they are the right ones.
    holds_the_bucket ||
      fail "$STATE, of an earlier version, does not say where $APP stands, and the account and resource group that are targeted have no instance $COS_INSTANCE with the bucket $COS_BUCKET: target those that have them (ibmcloud target -c ACCOUNT -g GROUP), and run this again; if the bucket is gone, remove what stands and the file by hand"
  elif [[ -n $before && $before != "$now" ]]; then
    fail "$APP stands for $before; run down with these settings first (RESOURCE_GROUP is the group's), or choose another APP for $now"
  fi
  [[ ${1:-} != remember ]] || remember deployment "$APP" "$now"
}
