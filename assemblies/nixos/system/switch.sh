# As NixOS: ends with 1 when it is used wrongly, 2 when the activation failed, 4 when a service did not start. Services are processes here, and not systemd's.
action=${1-}
case $action in
  switch | test | dry-activate) ;;
  boot) exit 0 ;;
  *) echo "usage: switch-to-configuration switch|test|boot|dry-activate" >&2; exit 1 ;;
esac
old=/run/current-system/etc/services
new=$out/etc/services
pid() { cat "/run/services/$1.pid" 2>/dev/null; }
alive() { [ -n "$(pid "$1")" ] && kill -0 "$(pid "$1")" 2>/dev/null; }
same() { [ -e "$old/$1" ] && [ "$(readlink -f "$old/$1")" = "$(readlink -f "$new/$1")" ]; }
stop= start= failed=
for service in $(ls "$old" 2>/dev/null); do same "$service" || stop="$stop $service"; done
for service in $(ls "$new"); do same "$service" && alive "$service" || start="$start $service"; done
if [ "$action" = dry-activate ]; then
  echo "would stop the following units:$stop"
  echo "would start the following units:$start"
  exit 0
fi
for service in $stop; do
  if alive "$service"; then kill "$(pid "$service")"; fi
  # Its port is free when it is gone.
  while alive "$service"; do sleep 0.05; done
  rm -f "/run/services/$service.pid"
done
"$out/activate" || exit 2
for service in $start; do
  setsid "$new/$service/run" </dev/null >/dev/null 2>&1 &
  echo $! >"/run/services/$service.pid"
done
# One that has become its program is up; one that has ended is not.
for service in $start; do
  until ! alive "$service" || tr '\0' ' ' <"/proc/$(pid "$service")/cmdline" | grep -q '^[^ ]*/nc '; do sleep 0.05; done
done
sleep 0.2
for service in $start; do alive "$service" || failed="$failed $service"; done
[ -z "$failed" ] || { echo "warning: the following units failed:$failed" >&2; exit 4; }
