# SPDX-License-Identifier: Apache-2.0
# containerd as a kubelet drives it (CRI over its socket, no crictl in Debian), and through ctr.
mkdir -p /etc/containerd /etc/cni/net.d
cat > /etc/containerd/config.toml <<'T'
version = 2
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "demo.local/pause:1"
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
      conf_dir = "/etc/cni/net.d"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = true
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cgroupfs]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cgroupfs.options]
        SystemdCgroup = false
T
cat > /etc/cni/net.d/10-bridge.conflist <<'T'
{ "cniVersion": "0.4.0", "name": "pods", "plugins": [
  { "type": "bridge", "bridge": "cni0", "isGateway": true,
    "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.88.7.0/24" }]], "routes": [{ "dst": "0.0.0.0/0" }] } } ] }
T
run systemctl restart containerd
run ctr -n k8s.io images import /srv/busybox-oci.tar
run ctr -n k8s.io images import /srv/pause-oci.tar
run ctr -n default images import /srv/busybox-oci.tar

# cri METHOD REQUEST RESPONSE < text form of the request
cri() {
	local folder size
	folder=$(mktemp -d)
	protoc --encode="runtime.v1.$2" -I/provision cri.proto > "$folder/message"
	size=$(stat -c %s "$folder/message")
	{
		printf '%b' "$(printf '\\0\\x%02x\\x%02x\\x%02x\\x%02x' $((size >> 24 & 255)) \
			$((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)))"
		cat "$folder/message"
	} > "$folder/request"
	curl -s --max-time 120 --http2-prior-knowledge --unix-socket /run/containerd/containerd.sock \
		-H 'content-type: application/grpc' -H 'te: trailers' --data-binary "@$folder/request" \
		-D "$folder/headers" -o "$folder/response" "http://localhost/runtime.v1.RuntimeService/$1"
	grep -qi '^grpc-status: 0' "$folder/headers" || { cat "$folder/headers" >&2; return 1; }
	tail -c +6 "$folder/response" | protoc --decode="runtime.v1.$3" -I/provision cri.proto
	rm -rf "$folder"
}

# sandbox NAME NAMESPACE UID CGROUP_PARENT: the text of a pod's configuration
sandbox() {
	local logs=/var/log/pods/${2}_${1}_$3
	mkdir -p "$logs"
	cat <<T
metadata { name:"$1" uid:"$3" namespace:"$2" attempt:0 } hostname:"$1" log_directory:"$logs"
labels { key:"app" value:"$1" } labels { key:"io.kubernetes.pod.name" value:"$1" }
labels { key:"io.kubernetes.pod.namespace" value:"$2" } labels { key:"io.kubernetes.pod.uid" value:"$3" }
annotations { key:"kubernetes.io/config.source" value:"api" }
linux { cgroup_parent:"$4" security_context { namespace_options { network:POD pid:CONTAINER } } }
T
}

# pod NAME NAMESPACE UID CGROUP_PARENT ATTEMPT RESOURCES CONTAINER...; $handler: a runtime of config.toml
pod() {
	local config id container name=$1 namespace=$2 uid=$3 attempt=$5 resources=$6
	config=$(sandbox "$1" "$2" "$3" "$4")
	id=$(cri RunPodSandbox RunPodSandboxRequest RunPodSandboxResponse <<< "config { $config } runtime_handler:\"${handler:-}\"" |
		sed 's/.*"\(.*\)"/\1/')
	shift 6
	for container; do
		mkdir -p "/var/log/pods/${namespace}_${name}_$uid/$container"
		container_id=$(cri CreateContainer CreateContainerRequest CreateContainerResponse <<T | sed 's/.*"\(.*\)"/\1/'
pod_sandbox_id:"$id" sandbox_config { $config } config {
  metadata { name:"$container" attempt:$attempt } image { image:"demo.local/busybox:1.0" }
  command:"sleep" args:"1000000" envs { key:"A" value:"b" } log_path:"$container/$attempt.log"
  labels { key:"io.kubernetes.container.name" value:"$container" } labels { key:"io.kubernetes.pod.name" value:"$name" }
  labels { key:"io.kubernetes.pod.namespace" value:"$namespace" } labels { key:"io.kubernetes.pod.uid" value:"$uid" }
  annotations { key:"io.kubernetes.container.restartCount" value:"$attempt" }
  linux { resources { $resources } security_context { namespace_options { pid:CONTAINER } } } }
T
		)
		cri StartContainer StartContainerRequest Empty <<< "container_id:\"$container_id\""
	done
}

burstable=0f5a1c3e-1111-2222-3333-444455556666
guaranteed=1a2b3c4d-1111-2222-3333-444455556666
besteffort=9f8e7d6c-1111-2222-3333-444455556666
slice() { echo "/kubepods.slice${1:+/kubepods-$1.slice}/kubepods${1:+-$1}-pod${2//-/_}.slice"; }
pod web-7d4b9c shop "$burstable" "$(slice burstable "$burstable")" 2 \
	'cpu_period:100000 cpu_quota:50000 cpu_shares:512 memory_limit_in_bytes:67108864 oom_score_adj:900' api proxy
pod db-0 shop "$guaranteed" "$(slice '' "$guaranteed")" 0 \
	'cpu_period:100000 cpu_quota:100000 cpu_shares:1024 memory_limit_in_bytes:134217728 oom_score_adj:-997' postgres
pod batch-x1 jobs "$besteffort" "$(slice besteffort "$besteffort")" 0 'cpu_shares:2 oom_score_adj:1000' worker

# The same by the cgroupfs driver, as a kubelet names them then.
handler=cgroupfs
burstable=0f5a1c3e-5555-6666-7777-444455556666
guaranteed=1a2b3c4d-5555-6666-7777-444455556666
besteffort=9f8e7d6c-5555-6666-7777-444455556666
pod web-cgfs shop "$burstable" "/kubepods/burstable/pod$burstable" 0 \
	'cpu_period:100000 cpu_quota:50000 cpu_shares:512 memory_limit_in_bytes:67108864 oom_score_adj:900' api
pod db-cgfs shop "$guaranteed" "/kubepods/pod$guaranteed" 1 \
	'cpu_period:100000 cpu_quota:100000 cpu_shares:1024 memory_limit_in_bytes:134217728 oom_score_adj:-997' postgres
pod batch-cgfs jobs "$besteffort" "/kubepods/besteffort/pod$besteffort" 0 'cpu_shares:2 oom_score_adj:1000' worker
handler=

run ctr -n default run -d --label tier=plain demo.local/busybox:1.0 plain1 sleep 1000000
run ctr -n default run -d --runc-systemd-cgroup --cgroup system.slice:ctr:plain2 demo.local/busybox:1.0 plain2 sleep 1000000
