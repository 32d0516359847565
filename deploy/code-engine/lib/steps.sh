# shellcheck shell=bash
# What `up` does, in its order; `plan` prints the same.

usage() {
  awk 'NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0"
  printf '\n'
  settings_help
}

# Reads the command line: --help, and the options that the command says it has.
options() {
  local known=$1 option
  shift
  for option in "$@"; do
    case $option in
      -h | --help)
        usage
        exit
        ;;
      --deletes)
        [[ $known == *--deletes* ]] || fail "no such option: $option"
        EVENTS=all
        ;;
      *) fail "no such option: $option; see --help" ;;
    esac
  done
}

make_all() {
  private_folder
  project
  same_deployment remember
  instance
  bucket
  authorization
  image
  credentials
  common
  app_and_events
  backfill
  verify
  old_secret
}
