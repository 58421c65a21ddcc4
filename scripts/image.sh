#!/bin/sh
# Builds the image and tries it: it is small and has no shell, starts as its own user on a root that is read-only,
# without capabilities, becomes ready and stops when told. Needs buildah, podman or docker; nothing in `npm test` does.
#
#   npm run image                     sallyport:<version>, and build/sbom.cdx.json, build/licences.txt
#
#   IMAGE=name:tag                    another name
#   NODE_IMAGE=…                      another base (Dockerfile): Debian 12 or newer with Node 24
#   BUILD_FLAGS="…"                   more options for the build, such as a volume with a proxy's authority
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
image=${IMAGE:-sallyport:$version}
out=build
public=18080
probes=19091
most=200000000

engine=
for candidate in docker podman buildah; do
  command -v "$candidate" >/dev/null || continue
  # The docker command alone is only a client.
  [ "$candidate" != docker ] || docker info >/dev/null 2>&1 || continue
  engine=$candidate
  break
done
if [ -z "$engine" ]; then
  echo "image.sh: needs one of: docker with a running engine, podman, buildah" >&2
  echo "  Debian, Ubuntu: sudo apt-get install buildah" >&2
  exit 2
fi

# Docker's format is the only one that has a HEALTHCHECK.
format='--format docker'
[ "$engine" != docker ] || format=
set -- --build-arg "VERSION=$version" --build-arg "REVISION=$revision"
[ -z "${NODE_IMAGE:-}" ] || set -- "$@" --build-arg "NODE_IMAGE=$NODE_IMAGE"
# shellcheck disable=SC2086 # several words on purpose
"$engine" build $format ${BUILD_FLAGS:-} "$@" -t "$image" .

work=$(mktemp -d)
container=
cleanup() {
  if [ -n "$container" ]; then
    case $engine in
      buildah) buildah rm "$container" >/dev/null ;;
      *) "$engine" rm -f "$container" >/dev/null ;;
    esac
  fi
  rm -rf "$work"
}
trap cleanup EXIT

random() { head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_'; }
mkdir "$work/secrets"
for name in client-secret cookie-key sealing-key; do random > "$work/secrets/$name"; done
cat > "$work/gateway.yaml" <<YAML
origins: [https://app.example.test]
listen: { host: 127.0.0.1, port: $public }
probes: { host: 127.0.0.1, port: $probes }
identityProviders:
  main: { issuer: https://id.example.test, clientId: sallyport, clientAuth: { secret: { file: secrets/client-secret } }, allow: everyone }
session:
  store: { kind: memory }
  cookieKeys: [{ file: secrets/cookie-key }]
  sealingKeys: [{ id: k1, file: secrets/sealing-key }]
routes: [{ path: /, upstream: http://127.0.0.1:3000 }]
YAML
chmod -R a+rX "$work"

ask="fetch('http://127.0.0.1:$probes/readyz').then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"
case $engine in
  buildah)
    # It builds, and runs well enough for this: in the host's network, as the image's user.
    container=$(buildah from --pull-never "$image")
    run() { buildah run ${RUN_FLAGS:-} --cap-drop all --volume "$work:/etc/sallyport:ro" "$container" -- "$@"; }
    # It has no `stop`: what starts the program inside tells it to end when its own input does.
    mkfifo "$work/input"
    # shellcheck disable=SC2016
    run node -e 'const { spawn } = require("node:child_process")
      const program = spawn("node", ["--max-semi-space-size=8", "/app/dist/cli/main.js", "serve"], { stdio: ["ignore", "inherit", "inherit"] })
      program.on("exit", code => process.exit(code ?? 1))
      process.stdin.resume().on("end", () => program.kill("SIGTERM"))' < "$work/input" > "$work/log" 2>&1 &
    running=$!
    exec 3> "$work/input"
    ;;
  *)
    container=$("$engine" run -d --network host --read-only --cap-drop ALL --security-opt no-new-privileges \
      --volume "$work:/etc/sallyport:ro" "$image")
    run() { "$engine" exec "$container" "$@"; }
    ;;
esac

attempts=0
until run node -e "$ask"; do
  attempts=$((attempts + 1))
  if [ "$attempts" -ge 30 ]; then
    echo "image.sh: $image does not answer" >&2
    [ "$engine" = buildah ] && cat "$work/log" >&2 || "$engine" logs "$container" >&2
    exit 1
  fi
  sleep 1
done
[ "$(run node -p 'process.getuid()')" = 65532 ] || { echo "image.sh: it runs as somebody else than 65532" >&2; exit 1; }

# Of all files, uncompressed, counted from within: engines measure each in their own way. The image is one layer of them.
# shellcheck disable=SC2016
walk='const seen = { bytes: 0, programs: [] }
  const look = folder => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const path = folder + entry.name
      if (["/proc", "/sys", "/dev", "/run", "/etc/sallyport"].includes(path)) continue
      if (entry.isDirectory()) look(path + "/")
      if (!entry.isFile()) continue
      const { size, mode } = fs.statSync(path)
      seen.bytes += size
      if ((mode & 0o111) !== 0 && !path.startsWith("/app/")) seen.programs.push(path)
    }
  }
  look("/")
  console.log(seen.bytes, seen.programs.filter(path => !/^\/usr\/local\/bin\/node$|\/ld-linux[^/]*$/.test(path)).join(" "))'
read -r bytes programs <<FOUND
$(run node -e "$walk")
FOUND
[ -z "$programs" ] || { echo "image.sh: there are programs in it besides Node: $programs" >&2; exit 1; }
echo "image.sh: $bytes bytes uncompressed"
[ "$bytes" -lt "$most" ] || { echo "image.sh: that is more than $most" >&2; exit 1; }

mkdir -p "$out"
run node -p "fs.readFileSync('/app/sbom.cdx.json', 'utf8')" > "$out/sbom.cdx.json"
run node -p "fs.readFileSync('/app/licences.txt', 'utf8')" > "$out/licences.txt"
if [ "$engine" = buildah ]; then
  exec 3>&-
  code=0
  wait "$running" || code=$?
else
  "$engine" stop -t 15 "$container" >/dev/null
  code=$("$engine" inspect -f '{{.State.ExitCode}}' "$container")
fi
[ "$code" = 0 ] || { echo "image.sh: it ended with $code when told to stop" >&2; exit 1; }
echo "$image: built with $engine, starts, answers, stops. $out/sbom.cdx.json and $out/licences.txt are its contents."
