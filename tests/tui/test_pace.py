"""When more of an answer is shown: not while a key is being shown, and rarely where showing it takes long."""

from __future__ import annotations

from sgl_cli.chat.tui.pane.pace import GIVE_WAY, LONGEST_REST, REST, Pace


class Clock:
    """A clock that stands."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_rests_in_proportion_to_what_showing_took() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.begin()
    assert not pace.begin()
    clock.now += 0.02
    pace.done()
    clock.now += REST * 0.02 - 0.001
    assert not pace.begin()
    clock.now += 0.002
    assert pace.begin()


def test_a_screen_that_never_tells_is_not_waited_for() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.begin()
    clock.now += LONGEST_REST
    assert pace.begin()


def test_keys_come_first_but_not_for_ever() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.begin()
    pace.done()
    typed = 0
    while clock.now < 100.0 + LONGEST_REST:
        pace.give_way()
        typed += 1
        assert not pace.begin()
        clock.now += GIVE_WAY / 2
    assert typed > 20
    clock.now += GIVE_WAY
    pace.give_way()
    assert pace.begin()
