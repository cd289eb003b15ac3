"""check_deb.py BUILD CPACK VERSION: makes the package in a folder of its own and looks into it.

A file that an install rule forgets is missed only on the machine of a user; a
configuration that is no conffile is overwritten by the next upgrade."""
import pathlib
import subprocess
import sys
import tempfile

from check_install import check_all

build, cpack, version = sys.argv[1:]
WANTED = [f"./usr/bin/{name}" for name in
          ("sparsed", "sparse-replay", "sparse-top", "sparse-decisions", "sparse-verify",
           "sparse-score", "sparse-device", "sparse-xclbin", "sparse-hls", "sparse-keys", "sparsectl")]
WITH_XRT = ["./usr/bin/sparsed-xrt"]  # where the build found XRT
WANTED += ["./usr/lib/systemd/system/sparsed.service", "./usr/lib/python3/dist-packages/sparsed/__init__.py",
           "./usr/lib/python3/dist-packages/sparsed/decision_pb2.py", "./usr/share/doc/sparsed/operations.md",
           "./usr/share/doc/sparsed/README.md", "./etc/sparsed/trigger.toml", "./etc/sparsed/demo.toml"]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


with tempfile.TemporaryDirectory() as folder:
    made = subprocess.run([cpack, "-G", "DEB", "--config", f"{build}/CPackConfig.cmake", "-B", folder],
                          cwd=build, capture_output=True, text=True)
    packages = list(pathlib.Path(folder).glob("sparsed_*.deb"))
    if made.returncode != 0 or len(packages) != 1:
        sys.exit(f"cpack made {packages}\n{made.stdout}{made.stderr}")
    deb = str(packages[0])
    if not packages[0].name.startswith(f"sparsed_{version}_"):
        sys.exit(f"{packages[0].name}: not of version {version}")
    files = {line.split()[5] for line in output("dpkg", "-c", deb).splitlines()}
    depends = output("dpkg-deb", "-f", deb, "Depends")
    conffiles = output("dpkg-deb", "-I", deb, "conffiles").split()
    check_all(packages[0])

if (pathlib.Path(build) / "bin/sparsed-xrt").exists():
    WANTED += WITH_XRT
missing = [name for name in WANTED if name not in files]
missing += [f"conffile {n}" for n in files if n.endswith(".toml") and n[1:] not in conffiles]
missing += [f"dependency {n}" for n in ("libzmq5", "libhdf5", "libprotobuf-c1") if n not in depends]
print(packages[0].name, f"{len(files)} entries", "Depends:", depends.strip())
if missing:
    sys.exit(f"not in the package: {missing}")
