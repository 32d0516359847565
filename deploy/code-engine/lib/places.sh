# shellcheck shell=bash
# What others may use as well: project, Object Storage instance, bucket, namespace of the registry. They are
# made if they are not there, used as they are if they are, and removed only if they were made here and are empty.

# Makes a place by a command, unless it is there.
place() {
  local kind=$1 name=$2
  shift 2
  if exists "$kind" "$name"; then
    say "$kind" "$name" 'there'
  else
    remember "$kind" "$name" made
    run "$@"
    say "$kind" "$name" 'made'
  fi
}

project() {
  place project "$PROJECT" ibmcloud ce project create --name "$PROJECT"
  run ibmcloud ce project select --name "$PROJECT"
}

# Sets cos_crn and cos_guid, by which commands name the instance.
instance() {
  place instance "$COS_INSTANCE" ibmcloud resource service-instance-create "$COS_INSTANCE" cloud-object-storage standard global
  find_instance
}

find_instance() {
  cos_crn=CRN_OF_$COS_INSTANCE cos_guid=GUID_OF_$COS_INSTANCE
  if [[ -z $DRY ]]; then
    cos_crn=$(json '.[0].crn' ibmcloud resource service-instance "$COS_INSTANCE" --output JSON)
    cos_guid=$(json '.[0].guid' ibmcloud resource service-instance "$COS_INSTANCE" --output JSON)
  fi
  run ibmcloud cos config crn --crn "$cos_crn" --force
}

bucket_region() {
  local text
  text=$(told ibmcloud cos bucket-location-get --bucket "$COS_BUCKET") || exit
  field Region <<<"$text"
}

# Only a regional bucket in the project's region raises events.
bucket() {
  local found
  place bucket "$COS_BUCKET" ibmcloud cos bucket-create --bucket "$COS_BUCKET" --ibm-service-instance-id "$cos_crn" \
    --class standard --region "$COS_REGION"
  [[ -z $DRY ]] || return 0
  found=$(bucket_region)
  [[ $found == "$COS_REGION" ]] ||
    fail "bucket $COS_BUCKET is ${found:+in }${found:-not regional}, so it raises no events in $COS_REGION; deploy/code-engine/doctor says more"
}

# The authorizations of this account that let the project hear of the instance's writes, by their ids.
authorizations() {
  local project policies
  project=$(told ibmcloud ce project get --name "$PROJECT") || exit
  policies=$(told ibmcloud iam authorization-policies) || exit
  awk -v project="$(field ID <<<"$project")" -v instance="$cos_guid" '
    function judge() {
      if (source == "codeengine" && target == "cloud-object-storage" && roles ~ /Notifications Manager/ &&
          (by == project || by == "All instances") && (on == instance || on == "All instances")) print id
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

# Lets the project hear of writes. Only an administrator of the account can.
authorization() {
  local id command=(ibmcloud iam authorization-policy-create codeengine cloud-object-storage 'Notifications Manager'
    --source-service-instance-name "$PROJECT" --target-service-instance-name "$COS_INSTANCE")
  if [[ -n $DRY ]]; then
    run "${command[@]}" --output JSON
    return
  fi
  id=$(authorizations)
  if [[ -z $id ]]; then
    remember authorization "$PROJECT" begun
    id=$(json .id "${command[@]}" --output JSON)
    say authorization "$PROJECT" 'made'
  else
    say authorization "$PROJECT" 'there'
  fi
  if made authorization "$PROJECT"; then remember authorization "$PROJECT" "${id%%$'\n'*}"; fi
}
