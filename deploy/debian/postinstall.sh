#!/bin/sh
# dpkg calls this after the files are in place: configure, and the version before if
# there was one.
set -e
[ "$1" = configure ] || exit 0
systemd-sysusers courier.conf
# The service reads it through its group, others do not: it may name secrets.
chown root:courier /etc/courier/courier.yml
chmod 0640 /etc/courier/courier.yml
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ -n "$2" ]; then
	systemctl try-restart courier.service
else
	echo "courier is installed and not started: see /etc/courier/courier.yml for what to do next"
fi
