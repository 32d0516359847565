# shellcheck shell=bash
# What was made here, one line each, the oldest first: kind, name and a mark, between tabs. `down` removes
# this and nothing else. The mark is a hash of what the thing was made of, or the id that removes it.

made() { [[ -f $STATE ]] && awk -F '\t' -v kind="$1" -v name="$2" '$1 == kind && $2 == name { found = 1 } END { exit !found }' "$STATE"; }

mark() { [[ ! -f $STATE ]] || awk -F '\t' -v kind="$1" -v name="$2" '$1 == kind && $2 == name { print $3 }' "$STATE"; }

# Written before a thing is made, so that what was made is known even if this is interrupted.
remember() {
  [[ -z $DRY ]] || return 0
  local rest
  if made "$1" "$2"; then
    rest=$(awk -F '\t' -v OFS='\t' -v kind="$1" -v name="$2" -v mark="$3" '$1 == kind && $2 == name { $3 = mark } { print }' "$STATE")
    printf '%s\n' "$rest" >"$STATE"
  else
    mkdir -p "$(dirname "$STATE")"
    (umask 077 && printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$STATE")
  fi
}

forget() {
  [[ -z $DRY ]] || return 0
  local rest
  rest=$(awk -F '\t' -v kind="$1" -v name="$2" '!($1 == kind && $2 == name)' "$STATE")
  if [[ -n $rest ]]; then printf '%s\n' "$rest" >"$STATE"; else rm "$STATE"; fi
}

# A state is of one project, bucket and way to have credentials: with others, what stands would be forgotten.
same_deployment() {
  local now="$PROJECT, $COS_INSTANCE, $COS_BUCKET, $COS_REGION, $CREDENTIALS" before
  before=$(mark deployment "$APP")
  [[ -z $before || $before == "$now" ]] ||
    fail "$APP stands for $before; run down with these settings first, or choose another APP for $now"
  [[ ${1:-} != remember ]] || remember deployment "$APP" "$now"
}
