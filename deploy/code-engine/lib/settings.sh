# shellcheck shell=bash
# The settings: what they are, what they are by default, and which values make no sense.

settings_help() {
  cat <<'TEXT'
needed:
  COS_BUCKET             the bucket; made if it is not there; regional, in COS_REGION
  COS_REGION             the region of bucket and project, such as eu-de (regions.tsv)
  IMAGE                  image of deploy/Dockerfile, such as de.icr.io/NAMESPACE/cos-thumbnails:1; built and
                         pushed if IBM's registry has not got it

optional:
  APP                    name of the application, and how all other names begin      (thumbnails)
  PROJECT                Code Engine project; made if it is not there                (APP)
  COS_INSTANCE           Object Storage instance; made if it is not there            (APP-cos)
  RESOURCE_GROUP         where project and instance are made                         (the one that is targeted)
  CREDENTIALS            trusted-profile: no secret at all, rights by prefix
                         hmac: COS_ACCESS_KEY_ID and COS_SECRET_ACCESS_KEY, or a service key that is made
                         api-key: COS_API_KEY                                        (trusted-profile)
  REGISTRY_SECRET        secret to pull the image with     (for IBM's registry one is made; for others none)
  CONTAINER_TOOL         what builds and pushes: docker or podman                    (docker)
  SOURCE_PREFIX          where originals are written                                 (images/)
  OUTPUT_PREFIX          where thumbnails go                                         (thumbnails/)
  FAILURE_PREFIX         where failure records go                                    (failures/)
  RUNS_PREFIX            where backfills by the job keep their shards and records    (backfill-runs/)
  CPU, MEMORY            of one instance                                             (1, 4G)
  CONCURRENCY            events in work on one instance                 (twice the CPUs, rounded up)
  MIN_SCALE, MAX_SCALE   instances, up to 250                                        (0, 10)
  REQUEST_TIMEOUT        seconds for one event, 2 to 600                             (120)
  VISIBILITY             project, private, or public, which needs an EVENT_SECRET    (project)
  VERIFY_SCHEDULE        when `backfill verify --repair` runs, cron in UTC           (17 * * * *)
  STATE                  file that remembers what was made       (~/.local/state/cos-thumbnails/APP)

Settings of function and backfill that are set are handed on to both:
TEXT
  printf '  %s\n' "${HANDED_ON[*]}" "${SECRETS[*]}, in a secret; the second one, for public applications, by the subscription, too"
}

# Of which changes the function hears; --deletes makes it all.
EVENTS="write"

# Those that go into the secret, besides the store's key.
readonly SECRETS=(BACKFILL_SECRET EVENT_SECRET)

# Those that decide what is made of a picture: application and jobs must agree on them.
readonly HANDED_ON=(OUTPUT_KEY RECIPE RECIPES SIZES QUALITY EFFORT FIRST_READ_PERCENT CACHE_CONTROL ON_DELETE MAX_ATTEMPTS
  MAX_BYTES MAX_PIXELS MAX_SIDE MAX_DECODED_BYTES MAX_ICC_BYTES MAX_EXIF_BYTES MIN_INTACT_PERCENT)

# The pairs of vCPU and memory that Code Engine has (https://cloud.ibm.com/docs/codeengine?topic=codeengine-mem-cpu-combo).
readonly PAIRS='
0.125:0.25G 0.125:0.5G 0.125:1G 0.25:0.5G 0.25:1G 0.25:2G 0.5:1G 0.5:2G 0.5:4G 1:2G 1:4G 1:8G
2:4G 2:8G 2:16G 4:8G 4:16G 4:32G 6:12G 6:24G 6:48G 8:16G 8:32G 10:20G 10:40G 12:24G 12:48G'

is_pair() { [[ $PAIRS =~ [[:space:]]"$1:$2"($|[[:space:]]) ]]; }

# One picture is read or stored while another is decoded; more than that would only wait for the CPU.
concurrency_for() { awk -v cpu="$1" 'BEGIN { n = 2 * cpu; print (n == int(n)) ? n : int(n) + 1 }'; }

# region FIELD KEY WANTED: the field WANTED of the first row of the table whose field FIELD is KEY.
region() {
  awk -F '\t' -v field="$1" -v key="$2" -v wanted="$3" '!/^#/ && $field == key { print $wanted; exit }' "$here/regions.tsv"
}

whole() { [[ $2 =~ ^(0|[1-9][0-9]*)$ && $2 -ge $3 && $2 -le $4 ]] || fail "$1 is $3 to $4, not $2"; }
one_of() {
  local name=$1 value=$2 known
  shift 2
  for known in "$@"; do [[ $value != "$known" ]] || return 0; done
  fail "$name is one of $*, not $value"
}

configure() {
  local name
  for name in COS_BUCKET COS_REGION IMAGE; do
    [[ -n ${!name:-} ]] || fail "$name is not set; deploy/code-engine/plan --help lists the settings"
  done
  [[ -n $(region 1 "$COS_REGION" 1) ]] ||
    fail "COS_REGION: no region $COS_REGION with both Code Engine and regional buckets in $here/regions.tsv"

  APP=${APP:-thumbnails}
  [[ $APP =~ ^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$ ]] || fail "APP is 1 to 42 small letters, digits and hyphens, a letter first, not $APP"
  PROJECT=${PROJECT:-$APP}
  COS_INSTANCE=${COS_INSTANCE:-$APP-cos}
  CREDENTIALS=${CREDENTIALS:-trusted-profile}
  one_of CREDENTIALS "$CREDENTIALS" trusted-profile hmac api-key
  CONTAINER_TOOL=${CONTAINER_TOOL:-docker}
  one_of CONTAINER_TOOL "$CONTAINER_TOOL" docker podman
  SOURCE_PREFIX=${SOURCE_PREFIX:-images/}
  OUTPUT_PREFIX=${OUTPUT_PREFIX:-thumbnails/}
  FAILURE_PREFIX=${FAILURE_PREFIX:-failures/}
  RUNS_PREFIX=${RUNS_PREFIX:-backfill-runs/}
  [[ $OUTPUT_PREFIX != "$SOURCE_PREFIX"* && $SOURCE_PREFIX != "$OUTPUT_PREFIX"* ]] ||
    fail "SOURCE_PREFIX $SOURCE_PREFIX and OUTPUT_PREFIX $OUTPUT_PREFIX overlap: thumbnails would raise events"
  [[ $FAILURE_PREFIX != "$SOURCE_PREFIX"* && $SOURCE_PREFIX != "$FAILURE_PREFIX"* ]] ||
    fail "SOURCE_PREFIX $SOURCE_PREFIX and FAILURE_PREFIX $FAILURE_PREFIX overlap: failure records would raise events"
  [[ $FAILURE_PREFIX != "$OUTPUT_PREFIX"* && $OUTPUT_PREFIX != "$FAILURE_PREFIX"* ]] ||
    fail "OUTPUT_PREFIX $OUTPUT_PREFIX and FAILURE_PREFIX $FAILURE_PREFIX overlap: a failure record is no thumbnail"
  CPU=${CPU:-1}
  MEMORY=${MEMORY:-4G}
  is_pair "$CPU" "$MEMORY" || fail "no such pair of CPU and MEMORY: $CPU and $MEMORY; there are: ${PAIRS//$'\n'/ }"
  CONCURRENCY=${CONCURRENCY:-$(concurrency_for "$CPU")}
  MIN_SCALE=${MIN_SCALE:-0}
  MAX_SCALE=${MAX_SCALE:-10}
  REQUEST_TIMEOUT=${REQUEST_TIMEOUT:-120}
  whole CONCURRENCY "$CONCURRENCY" 1 1000
  whole MAX_SCALE "$MAX_SCALE" 1 250
  whole MIN_SCALE "$MIN_SCALE" 0 "$MAX_SCALE"
  whole REQUEST_TIMEOUT "$REQUEST_TIMEOUT" 1 600
  VISIBILITY=${VISIBILITY:-project}
  one_of VISIBILITY "$VISIBILITY" project private public
  VERIFY_SCHEDULE=${VERIFY_SCHEDULE:-17 * * * *}
  STATE=${STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/cos-thumbnails/$APP}
  # It is replaced as a whole, and the link to it is not.
  if [[ -L $STATE ]]; then
    local file
    file=$(readlink -f "$STATE") || fail "STATE is a link into a folder that is not there: $STATE"
    STATE=$file
  fi
  # Code Engine reaches COS by the direct endpoints, whose traffic is free.
  ENDPOINT=https://s3.direct.$COS_REGION.cloud-object-storage.appdomain.cloud
}

# What is looked at where it would be deployed, and stands in the way of nothing else.
may_be_deployed() {
  local name
  for name in SOURCE_PREFIX OUTPUT_PREFIX FAILURE_PREFIX; do
    [[ $RUNS_PREFIX != "${!name}"* && ${!name} != "$RUNS_PREFIX"* ]] ||
      fail "RUNS_PREFIX $RUNS_PREFIX and $name ${!name} overlap: what a backfill keeps is no original, thumbnail or failure record"
  done
  ((REQUEST_TIMEOUT > 1)) || fail 'REQUEST_TIMEOUT is 2 at least: of a single second no event would have any'
  # The function decodes what an event shows once, as CloudEvents has it; and it goes by a header.
  [[ -z ${EVENT_SECRET:-} || $EVENT_SECRET =~ ^[A-Za-z0-9._~=+/-]+$ ]] ||
    fail 'EVENT_SECRET is of letters, digits and . _ ~ = + / - alone: it goes by a header (openssl rand -hex 32 makes one)'
  [[ -z ${RECIPES:-} || $RECIPES == /* ]] ||
    fail "RECIPES is the path of a file in the image, from / on, not $RECIPES; the image that is built here has none"
  # Whoever finds a public application could have it work, and that is paid for.
  [[ $VISIBILITY != public || -n ${EVENT_SECRET:-} ]] ||
    fail 'VISIBILITY=public needs an EVENT_SECRET: whoever finds the application could send it events (openssl rand -hex 32 makes one)'
}
