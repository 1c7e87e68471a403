#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: make-oci.py ROOTFS.tar OUT.tar NAME COMMAND...

An OCI image archive of one layer, made without a container engine. Format: OCI image-spec 1.0
(image-layout, manifest, config)."""
import hashlib
import io
import json
import sys
import tarfile


def digest(blob):
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def descriptor(media_type, blob, **more):
    return {"mediaType": media_type, "digest": digest(blob), "size": len(blob), **more}


def main():
    source, target, name, *command = sys.argv[1:]
    with open(source, "rb") as f:
        layer = f.read()
    title = name.split("/")[-1].split(":")[0]
    config = json.dumps({
        "created": "2026-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": command,
                   "Labels": {"org.opencontainers.image.title": title}},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "make-oci"}],
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
    }).encode()
    names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.split(":")[-1]}
    index = json.dumps({
        "schemaVersion": 2,
        "manifests": [descriptor("application/vnd.oci.image.manifest.v1+json", manifest,
                                 annotations=names)],
    }).encode()
    with tarfile.open(target, "w") as archive:
        def add(path, blob):
            info = tarfile.TarInfo(path)
            info.size = len(blob)
            archive.addfile(info, io.BytesIO(blob))
        add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        add("index.json", index)
        for blob in (layer, config, manifest):
            add("blobs/sha256/" + digest(blob).split(":")[1], blob)


if __name__ == "__main__":
    main()
