#!/bin/sh
# An upgrade restarts the service after the new files are in place.
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl disable --now courier.service
fi
