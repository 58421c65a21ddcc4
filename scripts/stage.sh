#!/bin/sh
# Puts what the image holds into an empty folder: the program as JavaScript, without demo and test gateways, its
# production dependencies, the bill of materials and the list of licences. The Dockerfile runs this, and so do the
# tests, which look at the outcome: test/image.
#
#   sh scripts/stage.sh FOLDER        after `npm ci`
set -eu
[ $# -eq 1 ] || { echo "usage: sh scripts/stage.sh FOLDER" >&2; exit 2; }
cd "$(dirname "$0")/.."
mkdir -p "$1"
target=$(cd "$1" && pwd)
[ -z "$(ls -A "$target")" ] || { echo "stage.sh: $target is not empty" >&2; exit 2; }

node_modules/.bin/tsc -p tsconfig.json --declaration false --outDir "$target/dist"
# They start a provider of their own, from a package that is not installed here.
rm -rf "$target/dist/demo" "$target/dist/testing"

cp package.json package-lock.json LICENSE "$target/"
cd "$target"
npm ci --omit=dev --workspaces=false --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error >&2
# What the program does not have in production is no part of its manifest, or `npm sbom` misses it.
npm pkg delete devDependencies workspaces scripts files
rm package-lock.json
npm sbom --sbom-format cyclonedx --sbom-type application --omit dev --workspaces=false > sbom.cdx.json
node "$OLDPWD/tools/licences.ts" sbom.cdx.json > licences.txt
