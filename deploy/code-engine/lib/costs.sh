# shellcheck shell=bash
# What the things that `up` makes cost, before they are made.

costs() {
  cat <<TEXT
# What is paid for; the prices are IBM's: https://cloud.ibm.com/docs/codeengine?topic=codeengine-pricing,
# https://cloud.ibm.com/objectstorage/create#pricing, https://cloud.ibm.com/docs/Registry?topic=Registry-registry_overview
#   application   $CPU vCPU and $MEMORY for as long as an instance runs, at most $MAX_SCALE of them; $(idle)
#   audit         the same for as long as it takes, at $VERIFY_SCHEDULE (UTC)
#   an upload     a write (class A) for each thumbnail and a few reads (class B) in the bucket
#   bucket        what is stored; traffic between it and Code Engine is free
#   registry      what is stored and pulled of the image
# The project, subscriptions, authorization, profile and secrets cost nothing.
TEXT
}

idle() {
  if [[ $MIN_SCALE == 0 ]]; then
    echo 'none, and nothing to pay, while no event comes'
  else
    echo "$MIN_SCALE of them always"
  fi
}
