# shellcheck shell=bash
# How the store is asked: as a trusted profile, which is no secret at all, or by a key in a secret.

# The rights that function and backfill need in the bucket, as policies of IAM: to list and read originals; to
# list, read, write and delete thumbnails, failure records and what a backfill keeps.
# https://cloud.ibm.com/docs/cloud-object-storage?topic=cloud-object-storage-fgac-iam-access-conditions
rights() {
  local role=$1
  shift
  jq -n --arg instance "$cos_guid" --arg bucket "$COS_BUCKET" --arg role "$role" '
    def equals($key; $value): {key: $key, operator: "stringEquals", value: $value};
    def any($key): {key: $key, operator: "stringMatchAnyOf", value: [$ARGS.positional[] + "*"]};
    {
      type: "access",
      resource: {attributes: [equals("serviceName"; "cloud-object-storage"), equals("serviceInstance"; $instance),
        equals("resourceType"; "bucket"), equals("resource"; $bucket)]},
      control: {grant: {roles: [{role_id: "crn:v1:bluemix:public:iam::::serviceRole:\($role)"}]}},
      rule: {operator: "or", conditions: [any("{{resource.attributes.prefix}}"), any("{{resource.attributes.path}}")]},
      pattern: "attribute-based-condition:resource:literal-and-wildcard"
    }' --args "$@"
}

read_rights() { rights ContentReader "$SOURCE_PREFIX"; }
write_rights() { rights Writer "$OUTPUT_PREFIX" "$FAILURE_PREFIX" "$RUNS_PREFIX"; }

# Sets has_secret, if application and jobs have one, and secret_text, to what is in it.
credentials() {
  has_secret='' secret_text=''
  tell_what_goes
  case $CREDENTIALS in
    trusted-profile)
      profile
      [[ -z $(other_secrets) ]] || secret ''
      ;;
    hmac) hmac ;;
    api-key)
      [[ -n $DRY || -n ${COS_API_KEY:-} ]] || fail 'COS_API_KEY is not set'
      secret "$(lines COS_API_KEY)"
      ;;
  esac
}

# The profile with its rights, and the three compute resources that may be it. It is made whole or not at all:
# one that is not as it should be is made anew.
profile() {
  local name=$APP-cos crn=CRN_OF_$PROJECT want part
  [[ -n $DRY ]] || crn=$(project_crn)
  want=$(hash_of "$(read_rights)" "$(write_rights)" "$crn")
  if exists profile "$name"; then
    made profile "$name" || fail "there is already a trusted profile $name, which was not made here; choose another APP"
    if [[ $(mark profile "$name") == "$want" ]]; then
      say profile "$name" 'unchanged'
      return
    fi
    run ibmcloud iam trusted-profile-delete "$name" --force
  fi
  begin profile "$name" ibmcloud iam trusted-profile-create "$name" --description "Reads originals and writes thumbnails in $COS_BUCKET" || exit 1
  for part in application:"$APP" job:"$APP-backfill" job:"$APP-verify"; do
    run ibmcloud iam trusted-profile-link-create "$name" --name "${part#*:}" --cr-type CE --link-crn "$crn" \
      --link-component-type "${part%%:*}" --link-component-name "${part#*:}"
  done
  for part in read write; do
    local file=${part^^}_RIGHTS_FILE
    if [[ -z $DRY ]]; then
      file=$(private_file "$part.json")
      "${part}_rights" >"$file"
    fi
    run ibmcloud iam trusted-profile-policy-create "$name" --file "$file" --api-version v2
  done
  remember profile "$name" "$want"
  say profile "$name" 'made'
}

project_crn() {
  json '.[].crn | select(contains(":codeengine:"))' \
    ibmcloud resource service-instance "$PROJECT" --location "$COS_REGION" --output JSON
}

# A key of the operator's, or one that is made. Its role counts for the whole instance.
hmac() {
  local key=$APP-cos
  if [[ -z ${COS_ACCESS_KEY_ID:-}${COS_SECRET_ACCESS_KEY:-} ]]; then
    if exists key "$key"; then
      made key "$key" || fail "there is already a service key $key, which was not made here; choose another APP"
    else
      begin key "$key" ibmcloud resource service-key-create "$key" Writer --instance-name "$COS_INSTANCE" --parameters '{"HMAC":true}' || exit 1
      remember key "$key" made
      say key "$key" 'made'
    fi
    if [[ -z $DRY ]]; then
      COS_ACCESS_KEY_ID=$(json '.[0].credentials.cos_hmac_keys.access_key_id' ibmcloud resource service-key "$key" --output JSON)
      COS_SECRET_ACCESS_KEY=$(json '.[0].credentials.cos_hmac_keys.secret_access_key' ibmcloud resource service-key "$key" --output JSON)
    fi
  fi
  [[ -n $DRY || (-n ${COS_ACCESS_KEY_ID:-} && -n ${COS_SECRET_ACCESS_KEY:-}) ]] ||
    fail 'COS_ACCESS_KEY_ID and COS_SECRET_ACCESS_KEY are not both set'
  secret "$(lines COS_ACCESS_KEY_ID COS_SECRET_ACCESS_KEY)"
}

# The lines of an env file.
lines() {
  local name
  for name in "$@"; do
    [[ ${!name:-} != *$'\n'* ]] || fail "$name has more than one line"
    printf '%s=%s\n' "$name" "${!name:-}"
  done
}

# The lines of the secrets that are set besides the store's key.
other_secrets() {
  local name
  for name in "${SECRETS[@]}"; do
    [[ -z ${!name:-} ]] || lines "$name"
  done
}

# What is no longer set is taken away, and what it closed stands open: from another shell that may be a mistake.
tell_what_goes() {
  local name text
  if [[ -n $DRY ]] || ! made secret "$APP-cos" || ! exists secret "$APP-cos"; then return; fi
  text=$(told ibmcloud ce secret get --name "$APP-cos")
  for name in "${SECRETS[@]}"; do
    [[ -n ${!name:-} || -z $(field "$name" <<<"$text") ]] ||
      printf '%s: %s was set before and is not now: it is taken away\n' "${0##*/}" "$name" >&2
  done
}

# The secret with those lines, and with the other secrets that are set.
secret() {
  local file=ENV_FILE others
  others=$(other_secrets)
  has_secret=yes secret_text=$1${1:+${others:+$'\n'}}$others
  if [[ -z $DRY ]]; then
    file=$(private_file secret)
    printf '%s\n' "$secret_text" >"$file"
  fi
  thing secret "$APP-cos" "$secret_text" --from-env-file "$file"
}
