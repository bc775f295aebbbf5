"""The account of the library: every file in one class, told in words that add up."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photosearch.account import REASONS, account_text, by_reason, reason_of
from photosearch.catalog import Catalog
from photosearch.errors import ProblemCode
from photosearch.records import Account, Problem
from tests.small_library import KnownFolder, stat


@pytest.mark.parametrize("code", list(ProblemCode))
def test_every_kind_of_problem_has_words_and_a_sentence_of_advice(code):
    reason = REASONS[code]
    assert reason.words and not reason.words.endswith(".")
    assert re.fullmatch(r"[A-Z].*\.", reason.advice)
    assert set(REASONS) == set(ProblemCode)


def test_a_kind_that_only_a_newer_program_knows_is_told_plainly():
    assert (
        account_text(Account(3, 2, problems={"haunted": 1}))
        == "2 of 3 files searchable; 1 not: 1 with another problem."
    )
    assert reason_of("haunted").advice


@pytest.mark.parametrize(
    ("account", "text"),
    [
        (Account(), "No files."),
        (Account(1, 1), "1 file, searchable."),
        (Account(1, 0, waiting=1), "0 of 1 file searchable; 1 not: 1 waiting to be indexed."),
        (Account(12440, 12440), "All 12,440 files searchable."),
        (Account(12440, 12440, copies=31), "All 12,440 files searchable. 31 of them are copies."),
        (Account(9, 8, away=1, copies=1),
         "All 8 files searchable. 1 of them is a copy. 1 more is away with its drive."),
        (
            Account(12560, 12431, 0, 120, {"no-permission": 2, "damaged": 3, "no-codec": 4}),
            "12,431 of 12,440 files searchable; 9 not: 4 without a decoder, 3 damaged, 2 no permission."
            " 120 more are away with their drive.",
        ),
        (Account(120, away=120), "No files. 120 more are away with their drive."),
        (Account(10, 4, 5, 0, {"empty": 1}), "4 of 10 files searchable; 6 not: 5 waiting to be indexed, 1 empty."),
    ],
)  # fmt: skip
def test_the_account_in_words(account, text):
    assert account_text(account) == text


def test_problems_are_grouped_by_reason_the_largest_group_first():
    problems = [
        Problem(Path(name), code, "Why.", 0.0) for name, code in (("a", "empty"), ("b", "damaged"), ("c", "empty"))
    ]
    assert [(code, [p.path.name for p in files]) for code, files in by_reason(problems)] == [
        ("empty", ["a", "c"]),
        ("damaged", ["b"]),
    ]


FATE = st.one_of(
    st.tuples(st.just("waits")),
    st.tuples(st.just("read"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("problem"), st.sampled_from(list(ProblemCode))),
    st.tuples(st.just("read, then a problem"), st.integers(1, 3), st.sampled_from(list(ProblemCode))),
    st.tuples(st.just("read, then changed"), st.integers(1, 3)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(FATE, st.booleans()), max_size=8), st.booleans())
def test_whatever_happens_to_the_files_each_is_in_one_class(fates, retried):
    with tempfile.TemporaryDirectory() as data:
        catalog = Catalog(Path(data) / "catalog.sqlite3", backups=Path(data) / "backups")
        try:
            folder = KnownFolder(catalog, Path("/photos"))
            ids = folder.add(*(b"%d.jpg" % number for number in range(len(fates))))
            for file_id, ((fate, *details), _) in zip(ids, fates, strict=True):
                if fate.startswith("read"):
                    folder.read(file_id, details[0], vector=details[1] if fate == "read" else True)
                if fate.endswith("changed"):
                    catalog.files.touch([(file_id, stat(1000 + file_id))])
                if fate.endswith("problem"):
                    catalog.files.record_problems([(file_id, details[-1], "Why.")])
            if retried:
                catalog.files.retry([code for code in ProblemCode if code.transient])
            catalog.files.set_away(folder.id, file_ids=[i for i, (_, away) in zip(ids, fates, strict=True) if away])
            counts = catalog.files.counts(folder.model)
            account = counts.account
            states = list(folder.states().values())
            problems = catalog.files.problems()
            encoded = set(catalog.embeddings.ids(folder.model).tolist())
            rows = catalog.files.snapshot(folder.id).values()
        finally:
            catalog.close()
    found = [row.photo_id for row in rows if row.state == "known" and row.photo_id in encoded]
    assert account.files == len(fates) == counts.files
    assert account.files == account.searchable + account.waiting + account.away + sum(account.problems.values())
    assert account.away == states.count("away")
    assert account.problems == {code: len(files) for code, files in by_reason(problems)}
    assert (account.searchable, account.copies) == (len(found), len(found) - len(set(found)))
    told = [int(number.replace(",", "")) for number in re.findall(r"(?:: |, )([\d,]+) ", account_text(account))]
    assert sum(told) == account.files - account.away - account.searchable
