# SPDX-License-Identifier: Apache-2.0
# What the scripts share: the packages, and steps that are quiet when all is
# well. Sourced from the top folder of the tree.

# Where logs of steps and things fetched for tests go.
work=${DP_BUILD_DIR:-$PWD/build-test}
mkdir -p "$work"

die() {
	echo "$0: $*" >&2
	exit 1
}

# need_packages [FILE]: installs what it, or scripts/packages.txt, lists and the
# system lacks. Says nothing when all is there.
need_packages() {
	local missing=() name list=${1:-scripts/packages.txt}
	while read -r name; do
		case $(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null) in
		ii*) ;;
		*) missing+=("$name") ;;
		esac
	done < <(grep -v '^#' "$list")
	if [ ${#missing[@]} -eq 0 ]; then
		return
	fi
	echo "installing ${missing[*]}"
	local root=()
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null ||
			die "run me as root once, or install: ${missing[*]}"
		root=(sudo)
	fi
	local log=$work/packages.log
	{
		"${root[@]}" apt-get update &&
			"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
				apt-get install -y --no-install-recommends "${missing[@]}"
	} >"$log" 2>&1 </dev/null || {
		tail -20 "$log" >&2
		die "apt-get could not install ${missing[*]}"
	}
}

# Makes the Python environment of tests and demo, from scripts/python.txt.
need_python() {
	local venv=$work/venv
	if cmp -s scripts/python.txt "$venv/made-from.txt"; then
		return
	fi
	rm -rf "$venv"
	/usr/bin/python3 -m venv "$venv" &&
		"$venv/bin/pip" install -q --disable-pip-version-check \
			-r scripts/python.txt &&
		cp scripts/python.txt "$venv/made-from.txt"
}

# The reader of Avro files that JavaScript has, where node is there.
need_node() {
	if ! command -v npm >/dev/null; then
		return
	fi
	mkdir -p "$work/node"
	cp scripts/node/ids.js scripts/node/package.json "$work/node/" || return
	if cmp -s scripts/node/package.json "$work/node/made-from.json"; then
		return
	fi
	npm install --silent --no-audit --no-fund --no-package-lock \
		--prefix "$work/node" &&
		cp scripts/node/package.json "$work/node/made-from.json"
}

# build NAME OPTIONS…: a build in a folder of its own, made when it is not there.
build() {
	local name=$1
	shift
	if [ ! -f "$work/$name/build.ninja" ]; then
		rm -rf "${work:?}/$name"
		meson setup "$work/$name" "$@" || return
	fi
	ninja -C "$work/$name"
}

# step NAME COMMAND…: runs it with a line that says how it went and how long
# it took; its output is shown only when it fails.
step() {
	local name=$1 began=$SECONDS rc=0
	shift
	local log=$work/$name.log
	if [ -t 1 ]; then
		printf '%-22s …' "$name"
	fi
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	if [ -t 1 ]; then
		printf '\r'
	fi
	local how=ok
	if [ $rc -ne 0 ]; then
		how=FAILED
	fi
	printf '%-22s %-6s %4d s\n' "$name" "$how" $((SECONDS - began))
	if [ $rc -ne 0 ]; then
		tail -n "${STEP_LINES:-80}" "$log" | sed 's/^/    /'
		echo "    (all of it: $log)"
	fi
	return $rc
}
