set -e
ln -sfn "$out/etc" /etc/static
ln -sfn /etc/static/motd /etc/motd
mkdir -p /run/services
ln -sfn "$out" /run/new-system
mv -T /run/new-system /run/current-system
