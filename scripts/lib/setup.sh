# Shared by scripts/run, scripts/test and scripts/bench; sourced, bash. Progress goes to stderr.
#
#   need_disk GB                enough room for what comes
#   need_packages GROUP...      the groups of scripts/lib/packages, installed where missing
#   build_preset NAME [TARGET...]  configure when needed, build
#
# Where every package is there already, nothing asks the network. COTURN_TARBALL=FILE in the environment
# saves the download of coturn's source, too.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=scripts/$(basename "$0")
policy=/usr/sbin/policy-rc.d
policy_mark='made by scripts/lib/setup.sh'

say() { printf '%s: %s\n' "$program" "$*" >&2; }
die() { say "$*"; exit 1; }

need_disk() {
  local free_kb
  free_kb=$(df -Pk "$root" | awk 'NR == 2 { print $4 }')
  [ "$free_kb" -ge $(($1 * 1024 * 1024)) ] ||
    die "$root: $((free_kb / 1024)) MB are free, this needs $1 GB"
}

packages_of() { # GROUP...
  local group
  for group; do
    sed -n "s/^$group: *//p" "$root/scripts/lib/packages"
  done | tr -s ' ' '\n' | sort -u
}

missing_of() { # PACKAGE...: neither installed nor provided by another, as npm is by some nodejs
  local package provided
  provided=$(dpkg-query -W -f '${db:Status-Status} ${Provides}\n' |
    sed -n 's/^installed //p' | tr ',' '\n' | sed 's/ *(.*//; s/ //g')
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      grep -Fxq "$package" <<<"$provided" || printf '%s\n' "$package"
  done
}

lists_are_fresh() { # younger than a day
  [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mmin -1440 -print -quit 2>/dev/null)" ]
}

apt_log() { # COMMAND...: quiet unless it fails
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 0 ] || grep -E '^(E|W|Err|dpkg):?' "$log" >&2 || tail -n 5 "$log" >&2
  rm -f "$log"
  return "$status"
}

apt_install() { # PACKAGE...
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt_log apt-get install -y -q \
    --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# Packages are wanted for their files. No service that one of them brings is to start.
forbid_services() {
  grep -qs "$policy_mark" "$policy" && rm -f "$policy"
  [ ! -e "$policy" ] || return 0
  printf '#!/bin/sh\n# %s\nexit 101\n' "$policy_mark" >"$policy"
  chmod 755 "$policy"
}

allow_services() {
  grep -qs "$policy_mark" "$policy" && rm -f "$policy"
  return 0
}

need_packages() ( # GROUP...; a subshell, for its trap
  local missing
  mapfile -t missing < <(missing_of $(packages_of "$@"))
  [ ${#missing[@]} -gt 0 ] || exit 0
  command -v apt-get >/dev/null || die "this is not Debian; what is needed: ${missing[*]}"
  [ "$(id -u)" -eq 0 ] || die "not root; first run: apt-get install ${missing[*]}"
  exec 9>/run/lock/turnbroker-setup
  flock -w 900 9 || die "another set-up does not end"
  trap allow_services EXIT
  forbid_services
  say "installing ${#missing[@]} packages: ${missing[*]}"
  if ! lists_are_fresh; then
    apt_log apt-get update -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 ||
      say "apt-get update failed; trying with the lists there are"
  fi
  apt_install "${missing[@]}" || {
    say "once more with new package lists"
    apt_log apt-get update -q -o Acquire::Retries=3 && apt_install "${missing[@]}"
  } || die "cannot install: $(missing_of "${missing[@]}" | tr '\n' ' ')"
)

binary_dir() { # PRESET
  case $1 in
    release) echo "$root/build" ;;
    *) echo "$root/build-$1" ;;
  esac
}

build_preset() { # NAME [TARGET...]
  local preset=$1 log began=$SECONDS tarball=
  shift
  local build
  build=$(binary_dir "$preset")
  log=$build/build.log
  [ -z "${COTURN_TARBALL-}" ] || tarball=$(realpath "$COTURN_TARBALL")
  mkdir -p "$build"
  say "building the preset $preset in ${build#"$root"/}"
  {
    [ -f "$build/build.ninja" ] ||
      (cd "$root" && cmake --preset "$preset" ${tarball:+"-DCOTURN_TARBALL=$tarball"})
  } >"$log" 2>&1 &&
    (cd "$root" && cmake --build --preset "$preset" ${1:+--target "$@"}) >>"$log" 2>&1 || {
    grep -E -A 12 'error|Error|FAILED' "$log" | head -n 60 >&2 || tail -n 30 "$log" >&2
    say "the preset $preset does not build; all of it: $log"
    return 1
  }
  say "built $preset in $((SECONDS - began)) s"
}
