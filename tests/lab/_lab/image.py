# SPDX-FileCopyrightText: 2026 The lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk image that every machine starts from: built once, found again by a hash of all that it is made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .host import run
from .paths import ROOM, cache

OVERLAY = ROOM / "image"
UML_MODULES = Path("/usr/lib/uml/modules")
SIZE = "3G"
# In every machine from the start: what an ordinary server has, and the tools that look at it.
INSTALLED = (
    *("systemd-sysv", "udev", "dbus", "openssh-server", "python3", "python3-apt", "kmod", "procps", "netbase"),
    *(
        "iproute2",
        "iputils-ping",
        "iputils-arping",
        "ndisc6",
        "curl",
        "tcpdump",
        "less",
        "ca-certificates",
        "netcat-openbsd",
    ),
    *("iptables", "arptables", "nftables", "ipset", "conntrack"),
    # Serves where the scenario says `ftp`.
    "vsftpd",
)
# What the roles install: the packages and all that they need lie in an apt repository inside the image.
OFFERED = ("keepalived", "ipvsadm")
# What tests install, and the networks' managers that a scenario may name: the same, without what they recommend.
OFFERED_ALONE = (
    *("ifupdown", "network-manager", "netplan.io", "wrk"),
    # libnet-inet6glue-perl: what ldirectord needs to check a web server over IPv6.
    *("heartbeat", "ldirectord", "libnet-inet6glue-perl"),
    # Firewalls that a real server may have beside us.
    *("firewalld", "ufw"),
)
MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("e2scrub_reap.service", "logrotate.timer", "getty@tty1.service", "getty.target"),
    *("systemd-pstore.service", "systemd-binfmt.service", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"),
    *(
        "dev-hugepages.mount",
        "systemd-update-utmp.service",
        "systemd-update-utmp-runlevel.service",
        "modprobe@drm.service",
    ),
    # lab-ftp.service runs it.
    "vsftpd.service",
)
REPOSITORY = "var/local/packages"


@dataclass(frozen=True)
class Image:
    """A built image. `key` is the SSH key that every machine lets in, `host_key` the public key that they show."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.img"

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def host_key(self) -> str:
        return (self.folder / "host_key.pub").read_text(encoding="ascii").strip()


def find_or_build(release: str) -> Image:
    """The image of a Debian release; building it takes about a minute and a half."""
    image = Image(cache() / _fingerprint(release))
    if image.folder.exists():
        return image
    with _only_one_builder():
        if not image.folder.exists():
            _build(release, image)
    return image


def _fingerprint(release: str) -> str:
    parts = [
        release,
        run(["dpkg-query", "-W", "-f", "${Version}", "user-mode-linux"]),
        os.environ.get("LVS_LAB_MIRROR", ""),
    ]
    for path in sorted([Path(__file__), *(p for p in OVERLAY.rglob("*") if p.is_file())]):
        mode = "x" if os.access(path, os.X_OK) else "-"
        parts += [path.relative_to(ROOM).as_posix(), mode, hashlib.sha256(path.read_bytes()).hexdigest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@contextmanager
def _only_one_builder() -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    lock = os.open(cache(), os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("lab: waits for another lab that builds the image", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _build(release: str, image: Image) -> None:
    started = time.monotonic()
    print(f"lab: builds the image of Debian {release}, once", flush=True)
    for remains in cache().glob("building-*"):
        shutil.rmtree(remains)
    building = cache() / f"building-{image.folder.name}"
    root = building / "root"
    root.mkdir(parents=True)
    try:
        _install_system(release, root)
        _step("system installed", started)
        _offer_packages(root)
        _step("packages for the roles fetched", started)
        _make_keys(building, root)
        _configure(root)
        run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", "-d", str(root), str(building / "disk.img"), SIZE])
        shutil.rmtree(root)
        building.rename(image.folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    _step("done", started)


def _step(what: str, started: float) -> None:
    print(f"lab: image: {what} after {time.monotonic() - started:.0f} s", flush=True)


def _install_system(release: str, root: Path) -> None:
    mirror = os.environ.get("LVS_LAB_MIRROR")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(INSTALLED)}", release, str(root)]
    command += [mirror] if mirror else []
    run(command, environment=_proxy())


def _proxy() -> dict[str, str]:
    """The proxy that this machine's apt uses; debootstrap does not look there."""
    proxy = run(["apt-config", "--format", "%v", "dump", "Acquire::http::Proxy"]).strip()
    return {"http_proxy": proxy} if proxy and "http_proxy" not in os.environ else {}


def _offer_packages(root: Path) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive", **_proxy()}
    chroot = ["chroot", str(root)]
    run([*chroot, "apt-get", "-q", "update"], environment=environment)
    fetch = [*chroot, "apt-get", "-q", "-y", "--download-only", "install"]
    run([*fetch, *OFFERED], environment=environment)
    run([*fetch, "--no-install-recommends", *OFFERED_ALONE], environment=environment)
    repository = root / REPOSITORY
    repository.mkdir(parents=True)
    entries = []
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        # apt writes an epoch's colon as %3a, and would read it back as a colon.
        target = repository / package.name.replace("%3a", "+")
        package.rename(target)
        control = run(["dpkg-deb", "--field", str(target)]).rstrip()
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        entries.append(f"{control}\nFilename: ./{target.name}\nSize: {target.stat().st_size}\nSHA256: {digest}\n")
    if not entries:
        wanted = ", ".join((*OFFERED, *OFFERED_ALONE))
        raise LabError(f"apt-get fetched none of {wanted} for the image; see what it says about its sources.")
    (repository / "Packages").write_text("\n".join(entries), encoding="utf-8")
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:/{REPOSITORY} ./\n", encoding="ascii")
    for leftover in (*(root / "var/lib/apt/lists").iterdir(), *(root / "var/cache/apt").glob("*.bin")):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    run([*chroot, "apt-get", "-q", "update"])


def _make_keys(building: Path, root: Path) -> None:
    for old in (root / "etc/ssh").glob("ssh_host_*"):
        old.unlink()
    host_key = root / "etc/ssh/ssh_host_ed25519_key"
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f"]
    run([*keygen, str(host_key), "-C", "lvs.cluster lab machines"])
    run([*keygen, str(building / "id_ed25519"), "-C", "lvs.cluster lab"])
    shutil.copy(host_key.with_suffix(".pub"), building / "host_key.pub")
    authorized = root / "root/.ssh/authorized_keys"
    authorized.parent.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(building / "id_ed25519.pub", authorized)


def _configure(root: Path) -> None:
    shutil.copytree(OVERLAY, root, dirs_exist_ok=True, copy_function=_copy_plain)
    for modules in UML_MODULES.iterdir():
        shutil.copytree(modules, root / "usr/lib/modules" / modules.name, symlinks=True)
        run(["depmod", "-b", str(root), modules.name])
    # Empty, not missing: systemd then takes the identity from the kernel command line.
    (root / "etc/machine-id").write_text("", encoding="ascii")
    (root / "etc/hostname").write_text("", encoding="ascii")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
    (root / "etc/resolv.conf").write_text("", encoding="ascii")
    (root / "etc/fstab").write_text("", encoding="ascii")
    for seed in (root / "var/lib/systemd").glob("random-seed"):
        seed.unlink()
    # This kernel has no nf_tables for them.
    for program in ("iptables", "ip6tables", "arptables", "ebtables"):
        if (root / f"usr/sbin/{program}-legacy").exists():
            run(["chroot", str(root), "update-alternatives", "--set", program, f"/usr/sbin/{program}-legacy"])
    systemctl = ["chroot", str(root), "systemctl", "--quiet"]
    units = [path.name for path in (OVERLAY / "etc/systemd/system").glob("lab-*.service")]
    run([*systemctl, "enable", *sorted(units), "ssh.service"])
    run([*systemctl, "mask", *MASKED])


def _copy_plain(source: str, target: str) -> None:
    """The checkout's umask and owner are not those of a system."""
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if os.access(source, os.X_OK) else 0o644)
