# SPDX-License-Identifier: Apache-2.0
# Podman as root: alone, in a pod, with a network of its own; and without root.
run podman import -c 'CMD ["sh"]' /srv/busybox.tar localhost/demo/busybox:1.0
run podman run -d --name pweb -m 64m --cpus 0.5 --pids-limit 100 --label app=web --annotation example.com/x=y \
	--network none localhost/demo/busybox:1.0 sleep 1000000
run podman pod create --name shop --network none --infra-image localhost/demo/busybox:1.0 \
	--infra-command 'sleep 1000000' --label team=a
run podman run -d --pod shop --name api --restart=on-failure:3 localhost/demo/busybox:1.0 sleep 1000000
run podman run -d --name pnet localhost/demo/busybox:1.0 sleep 1000000
# Its other cgroup manager. A pod of that one cannot start: its cgroup allows no devices at all.
run podman --cgroup-manager=cgroupfs run -d --name pcgroupfs -m 64m --cpus 0.5 --pids-limit 100 --network none \
	localhost/demo/busybox:1.0 sleep 1000000

useradd -m -s /bin/bash dock
loginctl enable-linger dock
for _ in $(seq 100); do
	[ ! -S /run/user/"$(id -u dock)"/bus ] || break
	sleep 0.3
done
as_dock() {
	run setpriv --reuid dock --regid dock --init-groups env -i HOME=/home/dock PATH="$PATH" \
		XDG_RUNTIME_DIR=/run/user/"$(id -u dock)" \
		DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/"$(id -u dock)"/bus "$@"
}
cd /home/dock
as_dock podman import -c 'CMD ["sh"]' /srv/busybox.tar localhost/demo/busybox:1.0
as_dock podman run -d --name rootless --network none localhost/demo/busybox:1.0 sleep 1000000
cd /provision
