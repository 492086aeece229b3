#!/bin/sh
# Brings the project's own Node and packages, once: `npm run …` then finds them first on its PATH.
set -eu
cd "$(dirname "$0")/.."
if [ node_modules/.package-lock.json -nt package-lock.json ] && [ -x node_modules/.bin/node ]; then exit 0; fi
echo "Setting up: npm ci (once)" >&2
npm ci --no-audit --no-fund --loglevel=error >&2
touch node_modules/.package-lock.json
