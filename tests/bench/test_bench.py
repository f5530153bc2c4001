"""The benchmark: its table, its exit codes and its measurements."""

import json
import statistics
from collections import Counter
from contextlib import closing
from functools import partial

import pytest

from stashbot.pictures import converter
from stashbot.store.store import Store
from tests.bench import crowd, growth, inside, large, rounds, sources, talk
from tests.bench.__main__ import PARTS, main
from tests.bench.process import ASKERS, run_bot
from tests.bench.standins import Distance, _Shuffled, seconds
from tests.bench.table import Budget, Measured, show
from tests.conftest import only_at_length
from tests.store.stored import NOW

TIME = Budget("a time", 20, "ms", digits=1)
COUNT = Budget("a count", 0.1, "", holds_anywhere=True)


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        pytest.param(Measured(TIME, (10.0, 30.0, 11.0)), 0, id="fast"),
        pytest.param(Measured(TIME, (90.0, 80.0, 95.0)), 0, id="a slow machine is no fault"),
        pytest.param(Measured(COUNT, (0.05, 0.05)), 0, id="few"),
        pytest.param(Measured(COUNT, (0.05, 0.05, 0.2)), 1, id="too many in one round"),
    ],
)
def test_exit_code_of_a_budget(seen, status):
    assert show([seen], as_json=False, say=lambda _: None) == status
    assert show([seen], as_json=True, say=lambda _: None) == status


def test_table():
    lines, texts = [], []
    seen = [Measured(TIME, (80.0, 95.0, 90.0))]
    show(seen, as_json=False, say=lines.append)
    show(seen, as_json=True, say=texts.append)

    assert " ".join(lines[1].split()) == "a time 20.0 ms 90.0 ms 80.0 to 95.0 in 3 over"
    [found] = json.loads(texts[0])
    assert (found["median"], found["values"], found["is_kept"]) == (90.0, [80.0, 95.0, 90.0], False)


def test_factor_is_relative_to_the_smallest_case_of_a_round():
    small, large = iter([10.0, 20.0, 30.0, 10.0, 10.0]), iter([11.0, 22.0, 60.0, 30.0, 11.0])
    lines = []
    found = list(growth._compared({"small": small.__next__, "large": large.__next__}, 1.05))
    growth.show(found, lines.append)

    assert [case.factor for case in found] == [1.0, 1.1]
    assert [line.endswith("over") for line in lines] == [False, False, True]


NEAR = Distance(0.02, 0.005)
CHATS = range(101, 104)
LATE = crowd.last_minute
#: The module with the budgets of each part, and its shortest round.
SHORT = {
    "everyday": (rounds, partial(rounds.everyday, NEAR, pictures=4, quiet=0.1, idle=0.1)),
    "large": (large, partial(large.large, NEAR, times=1, people=ASKERS[:2], huge=[large.PHOTO])),
    "crowd": (crowd, partial(crowd.crowd, NEAR, chats=CHATS, silence=0.2, coming=LATE)),
    "talk": (talk, partial(talk.talk, NEAR, votes=1)),
    "inside": (inside, partial(inside.remembering, times=3, rows=100, votes=50, exclusions=10)),
    "sources": (sources, partial(sources.sources, pictures=2, images=20)),
}


def budgets(values):
    for each in values:
        if isinstance(each, Budget):
            yield each
        elif isinstance(each, dict):
            yield from budgets(each.values())


@only_at_length
@pytest.mark.parametrize("part", PARTS)
def test_short_round_measures_every_budget(part, monkeypatch):
    monkeypatch.setattr(converter, "REST_S", 1.0)
    module, measure = SHORT[part]
    named = set(budgets(vars(module).values()))
    found = {seen.budget: seen.values for seen in measure(rounds=1)}

    assert found.keys() == named
    assert {len(values) for values in found.values()} == {1}


@only_at_length
def test_crowd_of_ten_chats():
    service = crowd.serve(NEAR, crowd.last_minute(), range(101, 111), silence=1.5)

    assert (service.to_one, service.wrong) == (1, 0)


@pytest.mark.parametrize(
    ("sent", "count"),
    [
        pytest.param([(1, 11), (1, 12), (2, 11)], 0, id="as ordered"),
        pytest.param([(1, 11), (2, 11)], 1, id="one is missing"),
        pytest.param([(1, 11), (1, 12), (2, 11), (2, 12)], 1, id="one is too many"),
        pytest.param([(1, 11), (1, 11), (2, 11)], 1, id="the same comes twice"),
        pytest.param([(1, 11), (1, 12), (3, 11)], 2, id="to another chat"),
        pytest.param([], 3, id="none"),
    ],
)
def test_lost_and_repeated_pictures(sent, count):
    assert crowd.count_wrong(Counter({1: 2, 2: 1}), sent) == count


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_part_that_times_out(form, capsys):
    def ask_for_nothing(distance):
        with run_bot(100, distance) as bot:
            yield Measured(COUNT, (1.0,))
            bot.telegram.wait_for_photos(1, timeout=0.1)

    status = main([*form, "--only", "quiet"], {"quiet": ask_for_nothing})
    [line] = capsys.readouterr().err.splitlines()

    assert status == 2
    assert line == "quiet could not be measured: no 1 × sendPhoto within 0.1 s"


def test_votes_resemble_those_of_a_real_library(tmp_path):
    with closing(Store(tmp_path / "stashbot.db")) as store:
        inside.fill_votes(tmp_path / "stashbot.db", store, 200, others=10)
        known = [store.votes.features(image_id) for image_id in range(190, 211)]
        before = store.votes.total(inside.ANN)
        are_new = [inside.vote(store, number, 200, NOW) for number in range(10)]
        after = store.votes.total(inside.ANN)

    assert 10 < statistics.mean(map(len, known)) < 14
    assert all(are_new)
    assert before.likes + before.dislikes == 200
    assert after.likes + after.dislikes == 205


def test_computed_order_is_a_permutation():
    order = _Shuffled("random_42", 1000)

    assert sorted(order[:]) == list(range(1, 1001))
    assert order[40:80] == order[:][40:80]
    assert order[:] != _Shuffled("random_43", 1000)[:]


def test_times_of_a_real_stash():
    page = {"filter": {"page": 1, "per_page": 40}}

    assert seconds("Page", page, 1_000_000) == pytest.approx(0.205)
    assert seconds("Page", page, 1000) < 0.001
    assert seconds("Rating", {}, 1_000_000) == 0


@only_at_length
def test_short_run_of_the_real_program():
    with run_bot(100, Distance(0.02, 0.005)) as bot:
        times = [bot.react(user) for user in ASKERS[:3]]
        questions, size = bot.stash.graphql()
        memory = bot.memory("VmRSS")

    assert all(0 < each < 5 for each in times)
    assert questions > 0
    assert size > 1000
    assert 20 < memory < 160
