# SPDX-License-Identifier: Apache-2.0
# Docker: limits and labels, no network, the host's network, one that failed and was restarted twice,
# one that shares another's network.
mkdir -p /etc/docker
echo '{ "live-restore": true }' > /etc/docker/daemon.json
run systemctl start docker
run docker import -c 'CMD ["sh"]' -c 'LABEL org.opencontainers.image.title=busybox' /srv/busybox.tar demo/busybox:1.0
run docker run -d --name web --hostname web1 -m 64m --cpus 0.5 --pids-limit 100 --restart on-failure:3 \
	-l app=web -l tier=front -e FOO=bar -e PASSWORD=s3cr3t \
	demo/busybox:1.0 sh -c 'mkdir -p /w; echo hi > /w/index.html; exec httpd -f -p 80 -h /w'
run docker run -d --name job --network none demo/busybox:1.0 sleep 1000000
run docker run -d --name flap --restart on-failure:2 demo/busybox:1.0 sh -c 'sleep 1; exit 3'
run docker run -d --name hostnet --network host --label com.docker.compose.project=shop \
	--label com.docker.compose.service=api --label com.docker.compose.container-number=1 \
	demo/busybox:1.0 sleep 1000000
run docker run -d --name sidecar --network container:web demo/busybox:1.0 sleep 1000000

# The other cgroup driver: what it started lives on when the daemon has the usual one again.
echo '{ "live-restore": true, "exec-opts": ["native.cgroupdriver=cgroupfs"] }' > /etc/docker/daemon.json
run systemctl restart docker
run docker run -d --name cgroupfs --network none -m 64m --cpus 0.5 --pids-limit 100 demo/busybox:1.0 sleep 1000000
echo '{ "live-restore": true }' > /etc/docker/daemon.json
run systemctl restart docker
