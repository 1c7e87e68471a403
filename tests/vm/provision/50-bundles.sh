# SPDX-License-Identifier: Apache-2.0
# crun and runc without any manager above them.
for runtime in crun runc; do
	mkdir -p "/srv/bundle-$runtime"
	cp -a /srv/busybox "/srv/bundle-$runtime/rootfs"
	mkdir -p "/srv/bundle-$runtime/rootfs/proc" "/srv/bundle-$runtime/rootfs/sys" "/srv/bundle-$runtime/rootfs/dev"
	cd "/srv/bundle-$runtime"
	$runtime spec
	jq --arg path "/bundles/$runtime" '.process.args = ["sleep", "1000000"] | .process.terminal = false |
		.linux.cgroupsPath = $path' config.json > new.json
	mv new.json config.json
	run "$runtime" run -d "bundle-$runtime" < /dev/null > /dev/null 2>&1
	cd /provision
done
