# SPDX-License-Identifier: Apache-2.0
# systemd-nspawn in both of its forms, LXC, and a libvirt virtual machine.
for machine in m1 m2; do
	mkdir -p /var/lib/machines/$machine
	cp -a /srv/busybox/. /var/lib/machines/$machine/
	mkdir -p /var/lib/machines/$machine/{usr,etc,run,var,lib}
	echo 'ID=demo' > /var/lib/machines/$machine/etc/os-release
done
run systemd-run --quiet --unit=nsp --collect -p Delegate=yes \
	systemd-nspawn -q --register=yes --keep-unit -M m1 -D /var/lib/machines/m1 /bin/sleep 1000000
run systemd-run --quiet --unit=nsp2 --collect systemd-nspawn -q -M m2 -D /var/lib/machines/m2 /bin/sleep 1000001

mkdir -p /var/lib/lxc/c1
cat > /var/lib/lxc/c1/config <<'U'
lxc.uts.name = c1
lxc.rootfs.path = dir:/srv/busybox
lxc.net.0.type = empty
lxc.cgroup2.memory.max = 64M
lxc.cgroup2.pids.max = 50
lxc.cgroup2.cpu.max = 50000 100000
lxc.apparmor.profile = unconfined
lxc.init.cmd = /bin/sleep 1000000
U
run lxc-start -n c1

run systemctl start virtlogd.socket libvirtd
cat > /tmp/vm1.xml <<'X'
<domain type='qemu'><name>vm1</name><uuid>11111111-2222-3333-4444-555555555555</uuid><memory unit='MiB'>64</memory>
<vcpu>1</vcpu><cputune><shares>2048</shares></cputune><os><type arch='x86_64' machine='pc'>hvm</type></os>
<features><acpi/></features><devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>
X
run virsh create /tmp/vm1.xml
# An idle machine without a disk: its firmware would spin on a processor for ever.
run virsh suspend vm1
