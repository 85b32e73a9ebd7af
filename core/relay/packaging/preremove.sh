#!/bin/sh
# At the removal, and not at an upgrade: dpkg says "remove", rpm says 0.
case $1 in
remove | 0) [ -d /run/systemd/system ] && systemctl disable --now masq-sync-server.service ;;
esac
exit 0
