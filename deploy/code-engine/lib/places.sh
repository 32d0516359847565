# shellcheck shell=bash
# What others may use as well: project, Object Storage instance, bucket, namespace of the registry. They are
# made if they are not there, used as they are if they are, and removed only if they were made here and are empty.

# Makes a place by a command, unless it is there. Only what was not there before the command, and is there after it, was made
# here: its mark is `begun` until that is known, and what is `begun` is never removed.
place() {
  local kind=$1 name=$2 failed='' whose=''
  shift 2
  if exists "$kind" "$name"; then
    [[ $(mark "$kind" "$name") != begun ]] || whose='; whether it was made here is not known'
    say "$kind" "$name" "there$whose"
    return
  fi
  begin "$kind" "$name" "$@" || failed=yes
  remember "$kind" "$name" made
  [[ -z $failed ]] || exit 1
  say "$kind" "$name" 'made'
}

project() {
  place project "$PROJECT" ibmcloud ce project create --name "$PROJECT"
  run ibmcloud ce project select --name "$PROJECT"
}

instance() {
  place instance "$COS_INSTANCE" ibmcloud resource service-instance-create "$COS_INSTANCE" cloud-object-storage standard global
  find_instance
}

# Sets cos_crn and cos_guid, by which commands name the instance: others may have its name.
find_instance() {
  local found
  cos_crn=CRN_OF_$COS_INSTANCE cos_guid=GUID_OF_$COS_INSTANCE
  if [[ -z $DRY ]]; then
    found=$(json '.[] | select(.crn | contains(":cloud-object-storage:")) | "\(.crn) \(.guid)"' \
      ibmcloud resource service-instance "$COS_INSTANCE" --output JSON)
    [[ $found != *$'\n'* ]] ||
      fail "there is more than one Object Storage instance $COS_INSTANCE; target the resource group of the right one (RESOURCE_GROUP), or name another one"
    read -r cos_crn cos_guid <<<"$found"
  fi
  run ibmcloud cos config crn --crn "$cos_crn" --force
}

bucket_region() {
  local text
  text=$(told ibmcloud cos bucket-location-get --bucket "$COS_BUCKET") || exit
  field Region <<<"$text"
}

# Whether the bucket is of the instance with that CRN. What is asked of a bucket by its name says nothing of that.
has_bucket() {
  local names
  names=$(json '.Buckets // [] | .[].Name' ibmcloud cos buckets --ibm-service-instance-id "$1" --output json) || exit
  [[ $'\n'$names$'\n' == *$'\n'"$COS_BUCKET"$'\n'* ]]
}

# Only a regional bucket in the project's region raises events, and authorization and rights are for one instance.
bucket() {
  local found
  place bucket "$COS_BUCKET" ibmcloud cos bucket-create --bucket "$COS_BUCKET" --ibm-service-instance-id "$cos_crn" \
    --class standard --region "$COS_REGION"
  [[ -z $DRY ]] || return 0
  found=$(bucket_region)
  [[ $found == "$COS_REGION" ]] ||
    fail "bucket $COS_BUCKET is ${found:+in }${found:-not regional}, so it raises no events in $COS_REGION; deploy/code-engine/doctor says more"
  has_bucket "$cos_crn" ||
    fail "bucket $COS_BUCKET is not of the instance $COS_INSTANCE, for which authorization and rights would be; name its own in COS_INSTANCE"
}

# The authorizations of this account that let the project hear of the instance's writes, by their ids; with `exact` only those
# of no other project and instance.
authorizations() {
  local project policies any='All instances'
  [[ ${1:-} != exact ]] || any=
  project=$(told ibmcloud ce project get --name "$PROJECT") || exit
  policies=$(told ibmcloud iam authorization-policies) || exit
  awk -v project="$(field ID <<<"$project")" -v instance="$cos_guid" -v any="$any" '
    function judge() {
      if (source == "codeengine" && target == "cloud-object-storage" && roles ~ /Notifications Manager/ &&
          (by == project || by == any) && (on == instance || on == any)) print id
      id = source = by = target = on = roles = ""
    }
    { value = $0; sub(/^[^:]*: */, "", value); sub(/ +$/, "", value) }
    /^ID:/ { judge(); id = value }
    /^Source service name:/ { source = value }
    /^Source service instance:/ { by = value }
    /^Target service name:/ { target = value }
    /^Target service instance:/ { on = value }
    /^Roles:/ { roles = value }
    END { judge() }' <<<"$policies"
}

# Lets the project hear of writes. Only an administrator of the account can. Others' authorizations are used, and never taken
# for the one that was made here.
authorization() {
  local found id command=(ibmcloud iam authorization-policy-create codeengine cloud-object-storage 'Notifications Manager'
    --source-service-instance-name "$PROJECT" --target-service-instance-name "$COS_INSTANCE" --output JSON)
  if [[ -n $DRY ]]; then
    run "${command[@]}"
    return
  fi
  found=$(authorizations)
  id=$(mark authorization "$PROJECT")
  if [[ -z $found ]]; then
    # One of a project or instance that is no more.
    [[ -z $id || $id == begun ]] || remove authorization "$PROJECT" "$id"
    remember authorization "$PROJECT" begun
    if id=$(json '.id // error("no id")' "${command[@]}"); then
      remember authorization "$PROJECT" "$id"
      say authorization "$PROJECT" 'made'
      return
    fi
    answer_lost
    exit 1
  fi
  say authorization "$PROJECT" 'there'
  if [[ $id == begun ]]; then
    answer_lost
  elif [[ -n $id && $'\n'$found$'\n' != *$'\n'"$id"$'\n'* ]]; then
    forget authorization "$PROJECT"
  fi
}

# IAM makes no two authorizations that are alike: one of just this project and instance is the one that was begun here.
answer_lost() {
  local id
  id=$(authorizations exact)
  if [[ -n $id ]]; then remember authorization "$PROJECT" "$id"; else forget authorization "$PROJECT"; fi
}
