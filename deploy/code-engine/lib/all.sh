# shellcheck shell=bash
# What every command has: the folder of these scripts, and the rest of lib/.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=lib/settings.sh
. "$here/lib/settings.sh"
# shellcheck source=lib/cloud.sh
. "$here/lib/cloud.sh"
# shellcheck source=lib/state.sh
. "$here/lib/state.sh"
# shellcheck source=lib/places.sh
. "$here/lib/places.sh"
# shellcheck source=lib/image.sh
. "$here/lib/image.sh"
# shellcheck source=lib/credentials.sh
. "$here/lib/credentials.sh"
# shellcheck source=lib/things.sh
. "$here/lib/things.sh"
# shellcheck source=lib/costs.sh
. "$here/lib/costs.sh"
# shellcheck source=lib/steps.sh
. "$here/lib/steps.sh"
# shellcheck source=lib/removal.sh
. "$here/lib/removal.sh"
# shellcheck source=lib/findings.sh
. "$here/lib/findings.sh"
