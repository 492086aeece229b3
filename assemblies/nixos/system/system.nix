# A system of NixOS's shape that is built without nixpkgs and without a network: two dozen store paths, one service, and the commands by which NixOS is
# activated. It stands in for your own configuration: `attribute: config.system.build.toplevel` of a real one goes through the same component.
{ role, packages ? 20, kib ? 16, busybox ? /usr/bin }:
let
  inherit (import ./configuration.nix) version changed failing ports;
  base = builtins.path { path = busybox; name = "busybox"; filter = path: type: baseNameOf path == "busybox"; };
  tools = derivation {
    name = "tools"; system = builtins.currentSystem; builder = "${base}/busybox";
    args = [ "sh" "-euc" ''
      ${base}/busybox mkdir -p $out/bin
      for tool in sh awk cat chmod grep kill ln ls mkdir mv nc printf readlink rm setsid sleep tr; do ${base}/busybox ln -s ${base}/busybox $out/bin/$tool; done'' ];
  };
  make = name: values: script: derivation (values // {
    inherit name; system = builtins.currentSystem; builder = "${tools}/bin/sh"; PATH = "${tools}/bin"; args = [ "-euc" script ];
  });
  # Package i is used by package 8 i + 1 and the seven behind it: who changes one builds its users anew, and no others.
  package = i: make "package-${toString i}"
    { uses = if i == 0 then "" else "${builtins.elemAt all ((i - 1) / 8)}"; inherit kib; edition = if builtins.elem i changed then version else "1"; number = i; } ''
      mkdir -p $out/bin
      echo "$uses" > $out/uses
      awk -v lines=$((kib * 64)) -v number=$number -v edition=$edition 'BEGIN { srand(number * 1000 + edition); for (i = 0; i < lines; i++) printf "%015d\n", rand() * 1e15 }' > $out/data
      printf '#!%s/sh\necho %s\n' $PATH $out > $out/bin/$name
      chmod +x $out/bin/$name'';
  all = builtins.genList package packages;
  service = make "service-${role}" { inherit version role; port = ports.${role}; } ''
    mkdir $out
    printf '#!%s/sh\n%s\n' $PATH "${if builtins.elem role failing then "exit 1" else "exec $PATH/nc -ll -p $port -e $PATH/printf '%s' '$role v$version'"}" > $out/run
    chmod +x $out/run'';
  etc = make "etc" { inherit service version role; } ''
    mkdir -p $out/services
    echo "version $version" > $out/motd
    ln -s $service $out/services/$role'';
  software = make "system-path" { inherit all; } ''
    mkdir -p $out/bin
    for one in $all; do ln -s $one/bin/* $out/bin/; done'';
in make "nixos-system-${role}-${version}" { inherit software etc version; } ''
  mkdir -p $out/bin
  ln -s $software $out/sw
  ln -s $etc $out/etc
  printf %s "$version" > $out/nixos-version
  command() { { printf '#!%s/sh\nPATH=%s out=%s\n' $PATH $PATH $out; cat $1; } > $2; chmod +x $2; }
  command ${./activate.sh} $out/activate
  command ${./switch.sh} $out/bin/switch-to-configuration''
