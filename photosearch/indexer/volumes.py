"""What kind of volume a folder lies on: on some the system tells of no changes, or must not be held on to.

A network drive tells nothing of what other computers change, and an open listener keeps a memory stick from being taken
out on Windows; folders there are looked through every few minutes instead. What cannot be found out counts as local.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_NETWORK = frozenset(
    (
        "nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afpfs", "afs", "ncpfs", "coda", "webdav", "davfs",
        "ftp", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "ceph", "glusterfs", "lustre", "beegfs",
        "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.goofys", "fuse.gcsfuse", "fuse.davfs", "fuse.curlftpfs",
        "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.gvfsd-fuse", "fuse.kio-fuse", "fuse.onedriver",
        "fuse.google-drive-ocamlfuse", "fuse.vmhgfs-fuse", "fuse.smbnetfs", "fuse.afpfs",
    )
)  # fmt: skip
"""File systems whose changes may be made elsewhere: on a server, or by the host of a virtual machine."""
_KEEPS_INODES = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "apfs", "hfs"))
_MOUNT_TABLE = Path("/proc/self/mountinfo")
_BLOCK_DEVICES = Path("/sys/dev/block")
_REMOTE_DRIVE, _REMOVABLE_DRIVE, _DISC_DRIVE = 4, 2, 5  # GetDriveTypeW


class VolumeKind(StrEnum):
    LOCAL = "local"
    NETWORK = "network"
    REMOVABLE = "removable"


@dataclass(frozen=True, slots=True)
class Volume:
    kind: VolumeKind = VolumeKind.LOCAL
    file_system: str = ""
    """Its name as the system gives it; empty where it is not asked."""

    @property
    def polled(self) -> bool:
        """Whether folders here are looked through now and then instead of being listened to."""
        return self.kind is not VolumeKind.LOCAL

    @property
    def keeps_inodes(self) -> bool:
        """Whether a file keeps its inode number for life, so that another number is another file."""
        return self.file_system in _KEEPS_INODES


@functools.lru_cache(maxsize=256)
def volume_of(folder: Path, device: int | None) -> Volume:
    """The volume that a folder lies on. device: its number as last seen; another one is asked about anew."""
    path = os.fspath(folder)
    try:
        system = sys.platform
        if system == "linux":
            return linux_volume(path, _MOUNT_TABLE.read_text(errors="surrogateescape"), devices=_BLOCK_DEVICES)
        if system == "darwin":
            table = subprocess.run(["/sbin/mount"], capture_output=True, timeout=5, check=True).stdout
            return macos_volume(path, os.fsdecode(table))
        if system == "win32":
            return windows_volume(path, getattr(ctypes, "windll").kernel32.GetDriveTypeW)  # noqa: B009  (elsewhere it is not there)
    except (OSError, ValueError, subprocess.SubprocessError):
        pass
    return Volume()


def linux_volume(path: str, mount_table: str, *, devices: Path) -> Volume:
    """mount_table: the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). devices: /sys/dev/block."""
    nearest, number, file_system = "", "", ""
    for line in mount_table.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or not kinds:
            continue
        place = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[4])
        # Of two mounts at one place the later one is seen.
        if len(place) >= len(nearest) and _is_below(path, place, "/"):
            nearest, number, file_system = place, fields[2], kinds[0]
    if file_system in _NETWORK:
        return Volume(VolumeKind.NETWORK, file_system)
    removable = _linux_removable((devices / number).resolve()) if number and not number.startswith("0:") else False
    return Volume(VolumeKind.REMOVABLE if removable else VolumeKind.LOCAL, file_system)


def _linux_removable(device: Path) -> bool:
    """A partition lies in the folder of its disk, which says whether its medium can be taken out."""
    if any(part.startswith("usb") for part in device.parts):
        return True
    for place in (device, device.parent):
        try:
            return (place / "removable").read_text().strip() == "1"
        except OSError:
            continue
    return False


def macos_volume(path: str, mount_table: str) -> Volume:
    """mount_table: what ``mount`` prints: ``/dev/disk3s1 on /Volumes/STICK (msdos, local, nodev)``.

    What is attached is mounted below /Volumes; whether it is a stick or a disk makes no difference here.
    """
    nearest, file_system, options = "", "", ""
    for line in mount_table.splitlines():
        if found := re.fullmatch(r".+? on (/.*) \((\w+)(.*)\)", line):
            place, kind, more = found.groups()
            if len(place) >= len(nearest) and _is_below(path, place, "/"):
                nearest, file_system, options = place, kind, more
    if file_system in _NETWORK:
        return Volume(VolumeKind.NETWORK, file_system)
    if nearest.startswith("/Volumes/"):
        local = "local" in options.split(", ")
        return Volume(VolumeKind.REMOVABLE if local else VolumeKind.NETWORK, file_system)
    return Volume(VolumeKind.LOCAL, file_system)


def windows_volume(path: str, drive_type) -> Volume:
    """drive_type: Windows' GetDriveTypeW, which takes a root (``D:\\``, ``\\\\server\\share\\``) and gives a number."""
    drive = re.match(r"[A-Za-z]:|[\\/]{2}[^\\/]+[\\/][^\\/]+", path)
    if drive is None:
        return Volume()
    if drive[0][0] in "\\/" and drive[0][2] not in "?.":
        return Volume(VolumeKind.NETWORK)
    kinds = {
        _REMOTE_DRIVE: VolumeKind.NETWORK,
        _REMOVABLE_DRIVE: VolumeKind.REMOVABLE,
        _DISC_DRIVE: VolumeKind.REMOVABLE,
    }
    return Volume(kinds.get(drive_type(drive[0].replace("/", "\\") + "\\"), VolumeKind.LOCAL))


def _is_below(path: str, place: str, separator: str) -> bool:
    return path == place or path.startswith(place.rstrip(separator) + separator)
