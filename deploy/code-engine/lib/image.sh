# shellcheck shell=bash
# The image in IBM's registry, and what Code Engine pulls it with. An image of another registry is taken as it is.

registry_host() { printf '%s\n' "${IMAGE%%/*}"; }
in_ibms_registry() { [[ -n $(region 2 "$(registry_host)" 3) ]]; }

image() {
  if ! in_ibms_registry; then
    say image "$IMAGE" 'of another registry'
    return
  fi
  local rest=${IMAGE#*/} namespace
  namespace=${rest%%/*}
  [[ $rest == */*:* ]] || fail "IMAGE is HOST/NAMESPACE/NAME:TAG, not $IMAGE"
  run ibmcloud cr region-set "$(region 2 "$(registry_host)" 3)"
  place namespace "$namespace" ibmcloud cr namespace-add "$namespace"
  if exists image "$IMAGE"; then
    say image "$IMAGE" 'there'
  else
    remember image "$IMAGE" made
    if [[ -n $DRY ]] || ! "$CONTAINER_TOOL" image inspect "$IMAGE" >/dev/null 2>&1; then
      run "$CONTAINER_TOOL" build --platform linux/amd64 --file "$root/deploy/Dockerfile" --tag "$IMAGE" "$root"
    fi
    run ibmcloud cr login --client "$CONTAINER_TOOL"
    run "$CONTAINER_TOOL" push "$IMAGE"
    say image "$IMAGE" 'pushed'
  fi
  [[ -n ${REGISTRY_SECRET:-} ]] || pull_secret "$namespace"
}

# Code Engine pulls as an identity of its own, which may do nothing else than read this namespace.
pull_secret() {
  local name=$APP-registry key=KEY_FILE
  REGISTRY_SECRET=$name
  if exists registry "$name"; then
    made registry "$name" || fail "there is already a secret $name, which was not made here; name it in REGISTRY_SECRET or choose another APP"
    say registry "$name" 'unchanged'
    return
  fi
  if exists service-id "$name"; then
    made service-id "$name" || fail "there is already a service ID $name, which was not made here; choose another APP"
    run ibmcloud iam service-id-delete "$name" --force
  fi
  remember service-id "$name" made
  run ibmcloud iam service-id-create "$name" --description "Pulls the image of $APP"
  run ibmcloud iam service-policy-create "$name" --roles Reader --service-name container-registry \
    --resource-type namespace --resource "$1" --force
  say service-id "$name" 'made'
  [[ -n $DRY ]] || key=$(private_file key.json)
  run ibmcloud iam service-api-key-create "$name" "$name" --file "$key" --force
  if [[ -z $DRY ]]; then
    jq -rj .apikey "$key" >"$(private_file key)"
    key=$private/key
  fi
  remember registry "$name" made
  run ibmcloud ce registry create --name "$name" --server "$(registry_host)" --username iamapikey --password-from-file "$key"
  say registry "$name" 'made'
}
