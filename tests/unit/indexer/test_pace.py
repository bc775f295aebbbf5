"""How hard the indexer works: with somebody at the window, on the battery, on few cores."""

from __future__ import annotations

import pytest

from photosearch.cores import available_cores
from photosearch.indexer.pace import ACTIVE_SECONDS, POWER_LOOK_SECONDS, Pace, encoder_threads


class World:
    """A clock and a power supply."""

    def __init__(self) -> None:
        self.now, self.battery, self.asked = 1000.0, False, 0

    def clock(self) -> float:
        return self.now

    def power(self) -> bool:
        self.asked += 1
        return self.battery

    def pace(self, **options) -> Pace:
        return Pace(power=self.power, clock=self.clock, **options)


@pytest.fixture
def world() -> World:
    return World()


def test_on_mains_with_nobody_there_it_works_as_hard_as_it_can(world):
    pace = world.pace()
    gait = pace.now()
    assert not gait.gentle and not gait.halted and not gait.alternate
    assert gait.decoding > 100 * pace.workers
    assert gait.rest_seconds(5.0) == 0


def test_while_somebody_works_in_the_window_it_goes_gently_and_afterwards_not(world):
    pace = world.pace()
    pace.note_activity()
    gait = pace.now()
    assert gait.gentle and not gait.halted
    assert gait.decoding == max(1, pace.workers // 2)
    assert gait.rest_seconds(0.8) == 0.8
    assert 0 < gait.rest_seconds(600.0) < 10
    world.now += ACTIVE_SECONDS - 0.1
    assert pace.now().gentle
    world.now += 0.2
    assert not pace.now().gentle


@pytest.mark.parametrize(
    ("choice", "gentle", "halted"), [("slow", True, False), ("pause", True, True), ("full", False, False)]
)
def test_on_the_battery_the_users_choice_counts(world, choice, gentle, halted):
    world.battery = True
    gait = world.pace(on_battery=choice).now()
    assert (gait.gentle, gait.halted) == (gentle, halted)


def test_the_power_supply_is_asked_now_and_then_only(world):
    pace = world.pace(on_battery="pause")
    for _ in range(1000):
        assert not pace.now().halted
    assert world.asked == 1
    world.battery = True
    world.now += POWER_LOOK_SECONDS + 1
    assert pace.now().halted
    world.battery = False
    world.now += POWER_LOOK_SECONDS + 1
    assert not pace.now().halted
    assert world.asked == 3


def test_who_waits_for_the_end_gets_all_of_it(world):
    world.battery = True
    pace = world.pace(on_battery="pause", in_background=False)
    pace.note_activity()
    gait = pace.now()
    assert not gait.gentle and not gait.halted
    assert world.asked == 0


def test_limited_cores_are_shared_by_decoding_and_the_model(world, monkeypatch):
    monkeypatch.setattr("photosearch.indexer.pace.available_cores", lambda: 16)
    for cores in range(2, 16):
        pace = world.pace(cores=cores)
        assert pace.workers + encoder_threads(cores) == cores
        assert not pace.now().alternate
    one = world.pace(cores=1)
    assert (one.workers, encoder_threads(1), one.now().alternate) == (1, 1, True)


def test_more_cores_than_there_are_is_no_limit(world):
    assert world.pace(cores=256).workers == world.pace().workers
    assert not world.pace(cores=available_cores()).now().alternate
