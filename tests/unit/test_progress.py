from __future__ import annotations

import threading

import pytest

from photosearch.errors import Cancelled
from photosearch.progress import CancelToken, PauseSwitch


def test_work_goes_on_until_it_is_cancelled():
    token = CancelToken()
    token.raise_if_cancelled()
    assert not token.cancelled
    assert token.wait(0) is False
    token.cancel()
    token.cancel()
    assert token.cancelled
    assert token.wait(60) is True
    with pytest.raises(Cancelled):
        token.raise_if_cancelled()


def test_a_switch_holds_back_until_it_is_resumed():
    switch = PauseSwitch()
    assert not switch.paused
    assert switch.wait_for_resume(0)
    switch.pause()
    assert switch.paused
    assert not switch.wait_for_resume(0)
    assert PauseSwitch(paused=True).paused


def test_who_waits_in_another_thread_goes_on_at_once():
    token, switch, gone_on = CancelToken(), PauseSwitch(paused=True), []
    threads = [
        threading.Thread(target=lambda: gone_on.append(token.wait(60))),
        threading.Thread(target=lambda: gone_on.append(switch.wait_for_resume(60))),
    ]
    for thread in threads:
        thread.start()
    token.cancel()
    switch.resume()
    for thread in threads:
        thread.join(20)
    assert gone_on == [True, True]
