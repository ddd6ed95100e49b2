#!/usr/bin/env bash
# Makes sure that the tests find a PostgreSQL: COURIER_PG_BIN, the path, or
# Debian's package, which root gets installed. No cluster and no service is made
# for it, as the tests run servers of their own.
set -euo pipefail
oldest=14

if [ -n "${COURIER_PG_BIN:-}" ] || command -v postgres >/dev/null 2>&1; then
  exit 0 # the tests say what is missing there
fi
for bin in /usr/lib/postgresql/*/bin/postgres; do
  version=${bin#/usr/lib/postgresql/}
  version=${version%%/*}
  if [ -x "$bin" ] && [ "$version" -ge "$oldest" ]; then
    exit 0
  fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "The tests need PostgreSQL $oldest or later: install it (Debian and Ubuntu: apt-get install postgresql), or set COURIER_PG_BIN to the folder of its programs." >&2
  exit 1
fi
echo "Installing Debian's package postgresql, which the tests need."
mkdir -p /etc/postgresql-common/createcluster.d
echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/courier-tests.conf
apt="apt-get -q -o DPkg::Lock::Timeout=300"
$apt update || true # older lists may do
DEBIAN_FRONTEND=noninteractive LC_ALL=C $apt install --yes --no-install-recommends postgresql
