"""What the systems say of their volumes, as recorded on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from photosearch.indexer import volumes
from photosearch.indexer.volumes import Volume, VolumeKind, linux_volume, macos_volume, volume_of, windows_volume

MOUNTS = r"""
22 28 0:20 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
90 28 0:52 / /mnt/nas rw,relatime shared:50 - nfs4 nas:/export rw,vers=4.2,addr=192.168.1.5
91 28 0:53 / /mnt/nas/usb rw,relatime shared:51 - cifs //nas/usb rw,vers=3.1.1
92 28 8:17 / /media/ann/MY\040STICK rw,nosuid,nodev,relatime shared:52 - vfat /dev/sdb1 rw,uid=1000
93 28 0:54 / /home/ann/cloud rw,nosuid,nodev,relatime shared:53 - fuse.rclone remote: rw,user_id=1000
94 28 0:55 / /srv/pool rw,relatime shared:54 - fuse.mergerfs a:b rw,user_id=0
95 28 8:1 / /data rw,relatime shared:55 - xfs /dev/sda1 rw
96 95 0:60 / /data rw,relatime shared:56 - fuse.sshfs host:/data rw
97 28 0:61 / /mnt/host rw,relatime - 9p drvfs rw,aname=drvfs
98 28 8:33 / /media/ann/card rw - exfat /dev/sdc1 rw
a line of another form
"""

MACOS = """
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse, protect, root data)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
//ann@nas._smb._tcp.local/photos on /Volumes/photos (smbfs, nodev, nosuid, mounted by ann)
/dev/disk4s1 on /Volumes/MY STICK (msdos, local, nodev, nosuid, noowners, noatime, mounted by ann)
nas:/export on /Users/ann/nas (nfs, nodev, nosuid, mounted by ann)
"""


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """/sys/dev/block of a computer with a disk (8:0), a card reader (8:32) and a disk on USB (8:16)."""
    for disk, removable in (("pci0/sda", "0"), ("pci0/sdc", "1"), ("pci0/usb2/sdb", "0")):
        place = tmp_path / "devices" / disk
        (place / f"{place.name}1").mkdir(parents=True)
        (place / "removable").write_text(f"{removable}\n")
    blocks = tmp_path / "block"
    blocks.mkdir()
    for number, partition in (("8:1", "pci0/sda/sda1"), ("8:33", "pci0/sdc/sdc1"), ("8:17", "pci0/usb2/sdb/sdb1")):
        (blocks / number).symlink_to(tmp_path / "devices" / partition)
    return blocks


@pytest.mark.parametrize(
    ("path", "kind", "file_system"),
    [
        ("/home/ann/photos", "local", "ext4"),
        ("/mnt/nas/photos", "network", "nfs4"),
        ("/mnt/nas", "network", "nfs4"),
        ("/mnt/nasty", "local", "ext4"),
        ("/mnt/nas/usb/2019", "network", "cifs"),
        ("/media/ann/MY STICK/DCIM", "removable", "vfat"),
        ("/media/ann/card/DCIM", "removable", "exfat"),
        ("/home/ann/cloud", "network", "fuse.rclone"),
        ("/srv/pool/photos", "local", "fuse.mergerfs"),
        ("/data/photos", "network", "fuse.sshfs"),  # mounted over another one
        ("/mnt/host/c", "network", "9p"),
    ],
)
def test_linux_tells_by_its_table_of_mounts(devices, path, kind, file_system):
    assert linux_volume(path, MOUNTS, devices=devices) == Volume(VolumeKind(kind), file_system)


def test_a_disk_that_stays_in_the_computer_is_local(devices):
    table = "95 28 8:1 / /data rw,relatime shared:55 - xfs /dev/sda1 rw\n"
    assert linux_volume("/data/photos", table, devices=devices) == Volume(VolumeKind.LOCAL, "xfs")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/Users/ann/Pictures", "local"),
        ("/Volumes/photos/2019", "network"),
        ("/Volumes/MY STICK/DCIM", "removable"),
        ("/Users/ann/nas/x", "network"),
        ("/Users/ann/nasty", "local"),
    ],
)
def test_macos_tells_by_what_mount_prints(path, kind):
    assert macos_volume(path, MACOS).kind == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (r"C:\Users\Ann\Pictures", "local"),
        ("e:/DCIM", "removable"),
        (r"Z:\photos", "network"),
        (r"\\nas\photos\2019", "network"),
        (r"\\?\C:\photos", "local"),
        ("photos", "local"),
    ],
)
def test_windows_tells_by_the_type_of_the_drive(path, kind):
    asked = []

    def drive_type(root: str) -> int:
        asked.append(root)
        return {"C:\\": 3, "e:\\": 2, "Z:\\": 4}.get(root, 1)

    assert windows_volume(path, drive_type).kind == kind
    assert all(root.endswith("\\") for root in asked)


def test_what_cannot_be_found_out_counts_as_local(monkeypatch, tmp_path):
    monkeypatch.setattr(volumes, "_MOUNT_TABLE", tmp_path / "none")
    assert volume_of(tmp_path / "photos", 1) == Volume() or volumes.sys.platform != "linux"


def test_this_computer_can_be_asked(tmp_path):
    assert volume_of(tmp_path, tmp_path.stat().st_dev).kind in VolumeKind
