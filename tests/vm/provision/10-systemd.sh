# SPDX-License-Identifier: Apache-2.0
# A service in a slice of its own, with limits; a transient one; a template with an escaped name.
cat > /etc/systemd/system/demo.service <<'U'
[Unit]
Description=Demo service
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/busybox sleep 1000000
MemoryMax=64M
CPUQuota=20%
TasksMax=20
Restart=always
Slice=shop.slice
U
run systemctl daemon-reload
run systemctl start demo.service
run systemd-run --quiet --unit=tr2 -p MemoryMax=50M -p IOReadBandwidthMax='/dev/vda 1M' sleep 1000000
run systemd-run --quiet --unit='odd-name@a\x2db.service' sleep 1000000
