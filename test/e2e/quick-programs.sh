#!/bin/sh
# All programs of the DIET story in one, by the name that it is called by: the life cycle alone, in a few milliseconds each, for stories that are played
# a hundred times. Names and parents are files in $REGISTRY; test/doubles/diet.test.ts says how the true ones behave.
set -u
program=${0##*/}
names=$REGISTRY/names parents=$REGISTRY/parents
running() { read -r pid 2>/dev/null <"$REGISTRY/pid" && kill -0 "$pid" 2>/dev/null; }
# A daemon: says who it is, and lives until it is told to end.
serve() { # file that tells of it, line
  # What a shell starts in the background does not hear INT.
  trap 'rm -f "$1"; kill $!; exit 0' INT TERM
  echo $$ >"$1"
  echo "$2"
  while :; do sleep 1000 & wait $!; done
}
named() { sed -n 's/^name = //p' "$1"; }

case $program in
  omniNames) serve "$REGISTRY/pid" '' ;;
  nameclt)
    running || { echo 'Caught a TRANSIENT exception. Is the naming service running?' >&2; exit 1; }
    case $* in
      *list) ;;
      'resolve '*) [ -e "$names/${2#*/}" ] || { echo 'resolve: NotFound exception: missing node' >&2; exit 1; } ;;
      'unbind '*) rm "$names/${2#*/}" ;;
    esac
    ;;
  dietAgent)
    kind='Local Agent'
    grep -q MASTER "$1" && kind='Master Agent'
    serve "$names/$(named "$1")" "$kind $(named "$1") started."
    ;;
  scalars_server) serve "$names/$(named "$1")" '## Launch Dagda data manager DAGDA-SeD-' ;;
  connect)
    [ -e "$names/$2" ] || exit 1
    [ -e "$names/$3" ] || exit 3
    echo "$3" >"$parents/$2"
    ;;
  disconnect)
    [ -e "$names/$2" ] || exit 1
    rm -f "$parents/$2"
    ;;
  scalars_client)
    for server in SeD1 SeD2; do
      above=$server
      while [ "$above" != MA1 ]; do read -r above 2>/dev/null <"$parents/$above" || continue 2; done
      echo "    localhost:${server#SeD}"
    done
    ;;
esac
