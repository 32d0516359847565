# shellcheck shell=bash
# What the things that `up` makes cost, before they are made.

costs() {
  python3 -c 'import tomllib' 2>/dev/null || fail 'python3 is not installed, or is older than 3.11: it reads the table of prices'
  CPU=$CPU MEMORY=$MEMORY MIN_SCALE=$MIN_SCALE MAX_SCALE=$MAX_SCALE SIZES=${SIZES:-} RECIPES=${RECIPES:-} VERIFY_SCHEDULE=$VERIFY_SCHEDULE \
    COS_REGION=$COS_REGION "$here/lib/costs.py" "$root/backfill/prices.toml"
}
