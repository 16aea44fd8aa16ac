#!/bin/sh
# Sees to it that browser tests have a Chromium: installs it through apt where that is allowed.
# In CI a missing one is an error; elsewhere the tests are skipped by name.
set -u

has_chromium() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
        || command -v google-chrome >/dev/null
}

has_chromium && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing Chromium for the browser tests …"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
has_chromium && exit 0
if [ "${CI:-}" = true ]; then
    echo "Chromium is missing and could not be installed." >&2
    exit 1
fi
echo "Chromium is not installed: browser tests are skipped (apt-get install chromium)"
