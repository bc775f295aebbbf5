"""Nothing is sent anywhere: indexing and searching try no connection, in no process.

Two witnesses. Python's audit events, written down in every interpreter the program starts; and the kernel's own
counters in a network namespace of its own, which see what libraries do behind Python's back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.integration.command import LIMIT_SECONDS, Command
from tests.integration.conftest import picture

WITNESS = '''
    """Loaded by every interpreter at its start: writes down each process and everything that reaches for a network."""

    import os
    import socket
    import sys

    _LOG = os.open(os.environ["NETWORK_WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    _REACHING = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname")


    def _note(event, arguments):
        if event in _REACHING and getattr(arguments[0], "family", None) != getattr(socket, "AF_UNIX", -1):
            os.write(_LOG, f"{event} {arguments!r}\\n".encode())


    os.write(_LOG, b"process\\n")
    sys.addaudithook(_note)
'''


@pytest.fixture
def witness(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """The environment in which every interpreter tells of itself, and the file it tells it to."""
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness" / "sitecustomize.py").write_text(textwrap.dedent(WITNESS))
    file = tmp_path / "witnessed.txt"
    return {"PYTHONPATH": str(tmp_path / "witness"), "NETWORK_WITNESS": str(file)}, file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(8):
        picture(folder / f"{seed}.jpg", seed)
    return folder


def test_the_witness_sees_a_connection(witness):
    environment, file = witness
    code = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    subprocess.run([sys.executable, "-c", code], env=os.environ | environment, check=True)
    assert file.read_text().splitlines()[0] == "process"
    assert "socket.connect" in file.read_text()


def test_no_process_of_the_program_reaches_for_a_network(tmp_path, folder, witness):
    environment, file = witness
    command = Command(tmp_path / "data")
    assert command("index", folder, environment=environment).status == 0
    assert command("search", "red car", "-n", "2", environment=environment).lines
    assert command("similar", folder / "1.jpg", environment=environment).lines
    assert command("doctor", environment=environment).status == 0
    lines = file.read_text().splitlines()
    assert lines.count("process") >= 4 + 3 + 2  # the commands, an encoder for three of them, decode workers
    assert set(lines) == {"process"}


COUNTERS = "Tcp:ActiveOpens", "Udp:OutDatagrams", "Ip:OutRequests", "Ip:OutNoRoutes"


def in_a_network_of_its_own(script: str) -> dict[str, int]:
    """Run a shell script where there is no network, and return what the kernel counted of its attempts."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        pytest.skip("a network namespace can be made by root on Linux only")
    done = subprocess.run(
        ["unshare", "-n", "sh", "-ec", f"{script}\ncat /proc/self/net/snmp"],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        env=Command.environment(None),
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.split(":")[0] in ("Tcp", "Udp", "Ip")]
    counted = {
        f"{names[0]}{name}": int(number)
        for names, numbers in zip(rows[::2], rows[1::2], strict=True)
        for name, number in zip(names[1:], numbers[1:], strict=True)
    }
    return {name: counted[name] for name in COUNTERS}


def test_the_kernel_counts_an_attempt(tmp_path):
    code = "import socket; socket.socket().connect_ex(('192.0.2.1', 9))"
    assert any(in_a_network_of_its_own(f'{sys.executable} -c "{code}"').values())


def test_the_kernel_counts_no_attempt_of_the_program(tmp_path, folder):
    run = " ".join(map(str, Command(tmp_path / "data").line()))
    counted = in_a_network_of_its_own(f"{run} index {folder} >{tmp_path}/out\n{run} search red >>{tmp_path}/out")
    assert "8 encoded" in (tmp_path / "out").read_text()
    assert counted == dict.fromkeys(COUNTERS, 0)
