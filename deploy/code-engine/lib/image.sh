# shellcheck shell=bash
# The image in IBM's registry, and what Code Engine pulls it with. An image of another registry is taken as it is.

registry_host() { printf '%s\n' "${IMAGE%%/*}"; }

# registry NAME: commands go to the registry that an image's or a namespace's name begins with. A state of before has namespaces
# without one: those were of the image's.
registry() {
  local host=${1%%/*}
  [[ $1 == */* ]] || host=$(registry_host)
  run ibmcloud cr region-set "$(region 2 "$host" 3)"
}
in_ibms_registry() { [[ -n $(region 2 "$(registry_host)" 3) ]]; }

image() {
  if ! in_ibms_registry; then
    say image "$IMAGE" 'of another registry'
    return
  fi
  local rest=${IMAGE#*/} namespace
  namespace=${rest%%/*}
  [[ $rest == */*:* ]] || fail "IMAGE is HOST/NAMESPACE/NAME:TAG, not $IMAGE"
  registry "$IMAGE"
  place namespace "$(registry_host)/$namespace" ibmcloud cr namespace-add "$namespace"
  if exists image "$IMAGE"; then
    say image "$IMAGE" 'there'
  else
    [[ $IMAGE != *@* ]] || fail "there is no image $IMAGE, and what is built gets its digest by itself: name a tag"
    # Built even if this machine has one of that name: it may be of another commit. What is the same comes from the cache.
    build
    run ibmcloud cr login --client "$CONTAINER_TOOL"
    place image "$IMAGE" "$CONTAINER_TOOL" push "$IMAGE"
  fi
  [[ -n ${REGISTRY_SECRET:-} ]] || pull_secret "$namespace"
}

# The image says of which commit it is, if there is one.
build() {
  local revision time commit=() tool=("$CONTAINER_TOOL")
  if revision=$(git -C "$root" describe --always --dirty --exclude='*' --abbrev=40 2>/dev/null) &&
    time=$(git -C "$root" log -1 --format=%ct 2>/dev/null); then
    commit=(--build-arg "SOURCE_REVISION=$revision" --build-arg "COMMIT_TIME=$time")
    # The image's own time. What Docker would attest has the time of the build in it; newer podman refuses both ways together.
    case $CONTAINER_TOOL in
      docker) tool=(env BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker) commit+=(--build-arg "SOURCE_DATE_EPOCH=$time") ;;
      podman) tool=(env --unset=SOURCE_DATE_EPOCH podman) commit+=(--timestamp "$time") ;;
    esac
  fi
  run "${tool[@]}" build --platform linux/amd64 --file "$root/deploy/Dockerfile" "${commit[@]}" --tag "$IMAGE" "$root"
}

# Whether the image's tag is the only one of its digest in its repository: with `image-rm` all of them would go.
is_only_tag() {
  local tags rest=${1#*/}
  tags=$(told ibmcloud cr image-list --restrict "${rest%%/*}" --no-trunc --format '{{ .Digest }} {{ .Repository }} {{ .Tag }}') || exit
  awk -v image="$1" '{ number[$1 " " $2]++ } $2 ":" $3 == image { wanted = $1 " " $2 } END { exit !(number[wanted] == 1) }' <<<"$tags"
}

# Whether the application that stands is pulled from the namespace of IMAGE.
pulls_from_the_same() {
  local text runs
  text=$(ibmcloud ce app get --name "$APP") || return
  runs=$(field Image <<<"$text")
  [[ -n $runs && ${runs%/*} == "${IMAGE%/*}" ]]
}

# Code Engine pulls as an identity of its own, which may do nothing else than read this namespace. It is made anew, with its key, for
# an image of another one: until the application is of that image, too, no instance of it can start.
pull_secret() {
  local name=$APP-registry key=KEY_FILE want
  want=$(hash_of "$(registry_host)" "$1")
  REGISTRY_SECRET=$name
  if exists registry "$name"; then
    made registry "$name" || fail "there is already a secret $name, which was not made here; name it in REGISTRY_SECRET or choose another APP"
    if [[ $(mark registry "$name") == made ]] && pulls_from_the_same; then
      # A state of before does not say of which namespace it is: of that from which the application is pulled by it.
      remember registry "$name" "$want"
    fi
    if [[ $(mark registry "$name") == "$want" ]]; then
      say registry "$name" 'unchanged'
      return
    fi
    run ibmcloud ce registry delete --name "$name" --force
  fi
  if exists service-id "$name"; then
    made service-id "$name" || fail "there is already a service ID $name, which was not made here; choose another APP"
    run ibmcloud iam service-id-delete "$name" --force
  fi
  begin service-id "$name" ibmcloud iam service-id-create "$name" --description "Pulls the image of $APP" || exit 1
  remember service-id "$name" made
  run ibmcloud iam service-policy-create "$name" --roles Reader --service-name container-registry \
    --resource-type namespace --resource "$1" --force
  say service-id "$name" 'made'
  [[ -n $DRY ]] || key=$(private_file key.json)
  run ibmcloud iam service-api-key-create "$name" "$name" --file "$key" --force
  if [[ -z $DRY ]]; then
    jq -rj .apikey "$key" >"$(private_file key)"
    key=$private/key
  fi
  begin registry "$name" ibmcloud ce registry create --name "$name" --server "$(registry_host)" --username iamapikey --password-from-file "$key" || exit 1
  remember registry "$name" "$want"
  say registry "$name" 'made'
}
