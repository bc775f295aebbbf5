"""A second start talks to the first; strangers and the dead are survived."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PySide6.QtNetwork import QLocalServer, QLocalSocket

from photosearch.ui.single_instance import Listener, Request, hand_over, server_name

_ASK = """
import sys
from pathlib import Path
from photosearch.ui.single_instance import Request, hand_over
sys.exit(0 if hand_over(Path(sys.argv[1]), Request.from_line(sys.argv[2].encode())) else 7)
"""


def ask(data: Path, request: Request) -> subprocess.Popen:
    """A second start, as a process of its own."""
    return subprocess.Popen([sys.executable, "-c", _ASK, str(data), request.to_line().decode()])


def test_a_request_arrives_whole_whatever_the_folders_name(qtbot, tmp_path):
    listener = Listener(tmp_path)
    heard: list[Request] = []
    listener.asked.connect(heard.append)
    request = Request((Path("/a\nb/ü \udcff"),), 'say "hi"')
    process = ask(tmp_path, request)
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=20_000)
    listener.close()
    assert (process.returncode, heard) == (0, [request])


def test_where_nobody_listens_the_start_goes_on(tmp_path):
    assert hand_over(tmp_path, Request()) is False


def test_each_data_folder_has_its_own_window(tmp_path):
    assert server_name(tmp_path / "a") != server_name(tmp_path / "b")
    assert server_name(tmp_path / "a") == server_name(tmp_path / "b" / ".." / "a")


def test_a_name_left_by_a_killed_program_is_taken_over(qtbot, tmp_path):
    name = server_name(tmp_path)
    QLocalServer.removeServer(name)
    server = QLocalServer()
    assert server.listen(name)
    dead = Path(server.fullServerName())
    server.close()
    dead.touch()
    listener = Listener(tmp_path)
    process = ask(tmp_path, Request())
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=20_000)
    listener.close()
    assert process.returncode == 0


def test_nonsense_is_not_obeyed(qtbot, tmp_path):
    listener = Listener(tmp_path)
    heard: list[Request] = []
    listener.asked.connect(heard.append)
    for line in (b"hello\n", b"[]\n", b'{"folders": [1], "query": ""}\n', b'{"folders": 3, "query": ""}\n'):
        socket = QLocalSocket()
        socket.connectToServer(server_name(tmp_path))
        assert socket.waitForConnected(2000)
        socket.write(line)
        socket.flush()
        qtbot.waitUntil(lambda socket=socket: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState)
    listener.close()
    assert heard == []
