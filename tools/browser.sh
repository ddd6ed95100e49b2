#!/usr/bin/env bash
# Makes sure that the browser tests find a Chromium (COURIER_CHROMIUM, the path, or
# Debian's package, which root gets installed) and axe-core, which judges how well
# pages can be used without eyes or mouse: it comes from npm into bin/.
set -euo pipefail
cd "$(dirname "$0")/.."
axe=4.14.1
axe_sha512=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5

chromium() {
  for name in chromium-headless-shell chromium google-chrome chrome; do
    if command -v "$name" >/dev/null 2>&1; then return; fi
  done
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need Chromium: install it (Debian and Ubuntu: apt-get install chromium), or set COURIER_CHROMIUM to its program." >&2
    exit 1
  fi
  apt="apt-get -q -o DPkg::Lock::Timeout=300"
  $apt update || true # older lists may do
  package=chromium    # the shell is smaller, where there is one
  if apt-cache show chromium-headless-shell >/dev/null 2>&1; then package=chromium-headless-shell; fi
  echo "Installing Debian's package $package, which the tests need."
  DEBIAN_FRONTEND=noninteractive LC_ALL=C $apt install --yes --no-install-recommends "$package" fonts-dejavu-core
}

axe() {
  if [ -e "bin/axe-core-$axe.js" ]; then return; fi
  if ! command -v npm >/dev/null 2>&1; then
    echo "The tests need axe-core $axe: install npm, or put package/axe.min.js of npm's axe-core $axe at bin/axe-core-$axe.js." >&2
    exit 1
  fi
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  (cd "$folder" && npm pack --silent "axe-core@$axe" >/dev/null)
  echo "$axe_sha512  $folder/axe-core-$axe.tgz" | sha512sum --check --quiet
  tar -xzf "$folder/axe-core-$axe.tgz" -C "$folder" package/axe.min.js
  mkdir -p bin
  mv "$folder/package/axe.min.js" "bin/axe-core-$axe.js"
}

if [ -z "${COURIER_CHROMIUM:-}" ]; then chromium; fi
axe
