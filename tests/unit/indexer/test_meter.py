"""The rate and the time left, with a clock of our own and work that comes in bursts, stalls and drifts."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from photosearch.indexer.meter import TIME_LEFT_AFTER_S, Meter, TimeLeft, nearest_step
from photosearch.progress import Phase, rate_text, time_left_text


class Run:
    """A run of the indexer that finishes photos when it is told to."""

    def __init__(self, total: int) -> None:
        self.now, self.done, self.total = 1000.0, 0, total
        self.told: list[tuple[float, float | None, float | None]] = []
        self.meter = Meter(
            total,
            lambda p: self.told.append((self.now, p.photos_per_second, p.seconds_left)),
            clock=lambda: self.now,
        )

    def burst(self, photos: int, after_s: float) -> None:
        """``photos`` are done after so long; meanwhile the meter is asked ten times a second, as the pipeline does."""
        ends = self.now + after_s
        while self.now < ends - 1e-9:
            self.now = min(ends, self.now + 0.1)
            self.meter.report(Phase.ENCODING, done=self.done, problems=0)
        self.done = min(self.total, self.done + photos)
        self.meter.report(Phase.ENCODING, done=self.done, problems=0, force=True)

    @property
    def times_left(self) -> list[float]:
        return [left for _, _, left in self.told if left is not None]

    @property
    def words(self) -> list[str]:
        """What a reader sees, without repetitions."""
        said = [time_left_text(left) for left in self.times_left]
        return [b for a, b in pairwise(["", *said]) if a != b]


def test_no_time_is_told_before_there_is_evidence_of_five_seconds():
    run = Run(10_000)
    for _ in range(100):
        run.burst(16, 0.2)
    first_photo = 1000.0 + 0.1
    told = [now for now, _, left in run.told if left is not None]
    assert told[0] >= first_photo + TIME_LEFT_AFTER_S
    assert told[0] < first_photo + TIME_LEFT_AFTER_S + 1


def test_a_steady_run_counts_down_and_never_up():
    run = Run(6000)
    while run.done < run.total:
        run.burst(16, 1.6)
    assert run.words == [*(f"about {m} min left" for m in (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)), "less than a minute left"]


@pytest.mark.parametrize("seed", range(5))
def test_irregular_bursts_do_not_make_it_jump(seed):
    dice = random.Random(seed)
    run = Run(9000)
    while run.done < run.total:
        run.burst(dice.choice((4, 16, 16, 16, 32)), dice.uniform(0.3, 3.2))
    settled = [left for now, _, left in run.told if left is not None and now > 1060]
    ups = sum(b > a for a, b in pairwise(settled))
    assert ups <= 1, run.words
    assert all(abs(b - a) <= max(60, 0.25 * a) for a, b in pairwise(settled)), run.words


def test_a_short_stall_changes_nothing_and_a_long_one_is_told():
    run = Run(100_000)
    for _ in range(100):
        run.burst(16, 1.0)
    before = run.times_left[-1]
    run.burst(16, 4.0)
    assert run.times_left[-1] == before
    run.burst(0, 60.0)
    assert run.times_left[-1] > 1.5 * before


def test_work_that_becomes_slower_for_good_is_told_after_a_while():
    run = Run(3000)
    for _ in range(60):
        run.burst(10, 1.0)
    assert run.times_left[-1] == 240
    for _ in range(120):
        run.burst(2, 1.0)
    assert run.times_left[-1] == pytest.approx(2160 / 2, rel=0.2)


def test_batches_that_take_longer_than_the_window_still_give_a_rate():
    run = Run(640)
    for _ in range(8):
        run.burst(32, 90.0)
    rates = [rate for now, rate, _ in run.told if now > 1300 and rate]
    assert all(rate == pytest.approx(32 / 90, rel=0.3) for rate in rates)
    assert run.times_left[-1] == pytest.approx((640 - 256) / (32 / 90), rel=0.2)


def test_a_pause_is_not_taken_for_slow_work():
    run = Run(10_000)
    for _ in range(30):
        run.burst(16, 0.5)
    run.now += 3600
    run.meter.restart()
    told_before = len(run.times_left)
    run.burst(16, 0.5)
    assert len(run.times_left) == told_before
    for _ in range(30):
        run.burst(16, 0.5)
    assert run.told[-1][1] == pytest.approx(32, rel=0.1)


def test_progress_is_told_ten_times_a_second_at_most():
    run = Run(10_000)
    for _ in range(1000):
        run.now += 0.001
        run.done += 1
        run.meter.report(Phase.ENCODING, done=run.done, problems=0)
    assert len(run.told) <= 11


def test_steps_are_sensible_and_lie_near():
    for seconds in (0, 29, 31, 250, 700, 1000, 3000, 7000, 20_000, 80_000, 400_000):
        assert abs(nearest_step(seconds) - seconds) <= max(30, 0.13 * seconds)


def test_an_estimate_on_the_edge_of_two_steps_does_not_flicker():
    left = TimeLeft()
    said = {left.told(210 + wobble, now=at) for at, wobble in enumerate((0, 8, -8, 12, -12, 5, -5) * 20)}
    assert len(said) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0, "less than a minute left"), (60, "about 1 min left"), (246, "about 4 min left"),
        (3600, "about 1 h left"), (9000, "about 2 h 30 min left"), (39_600, "about 11 h left"),
        (200_000, "about 2 days left"),
    ],
)  # fmt: skip
def test_time_left_in_words(seconds, text):
    assert time_left_text(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(None, ""), (0, ""), (35.2, "35/s"), (1.5, "90/min")])
def test_the_rate_in_words(rate, text):
    assert rate_text(rate) == text
