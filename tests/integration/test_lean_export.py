"""A model is loaded and exported with little more memory than its weights, and is the model that open_clip loads."""

import json
import sys
from pathlib import Path

import pytest

from tests.integration.python_process import WITH_OPEN_CLIP, run_python

PROGRAM = (
    f"{WITH_OPEN_CLIP}from tests.integration import lean_reference\n"
    "getattr(lean_reference, sys.argv[1])(pathlib.Path(sys.argv[2]))"
)


def run(function: str, folder: Path) -> str:
    return run_python(PROGRAM, function, folder, environment={"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lean")
    run("main", folder)
    return folder


@pytest.fixture(scope="module")
def told(folder) -> dict:
    return json.loads((folder / "told.json").read_text())


def test_the_model_is_the_one_that_open_clip_loads_from_any_form_of_its_file(told):
    assert len(told["differences"]) == 4 and not any(told["differences"].values())


def test_its_weights_are_held_once_and_where_a_folder_has_none_open_clip_makes_some(told):
    assert told["copies"].pop("bare") == 2 and set(told["copies"].values()) == {1}


def test_the_large_weights_of_an_export_are_the_tensors_of_the_model(told):
    for facts in told["exported"].values():
        assert facts["foreign"] == [] and facts["cosine"] >= 0.9999 and not facts["training"]


def test_an_exported_image_tower_cuts_patches_with_a_product_where_it_is_not_convolutional(told):
    steps = {name: set(facts["steps"]) for name, facts in told["exported"].items()}
    assert all(facts["as before"] for facts in told["exported"].values())
    assert [name for name, of_it in steps.items() if "Conv" not in of_it] == ["vit"]


def test_plain_forms_say_the_same_and_only_parts_that_have_one_take_it(told):
    facts = told["plain parts"]
    assert facts["distance"] < 1e-5
    assert facts["swapped"] and facts["others are left"] and facts["as before"]
    assert "attention" in facts["refusal"]


def test_a_tower_of_which_one_token_is_wanted_makes_no_others_at_its_end(told):
    facts = told["plain towers"]
    assert facts["distance"] < 1e-5
    assert facts["shortened"] == ["first token", "norm after pooling"]


def test_short_texts_are_read_as_with_their_padding_and_only_where_that_counts_for_nothing(told):
    facts = told["short texts"]
    alike = ("as CLIP", "scaled layers", "projection with a bias", "no projection", "end by its number")
    assert facts["short"] == [f"{name}: {kind}" for name in alike for kind in ("CLIP", "CustomTextCLIP")]
    assert len(facts["left"]) == 10
    assert facts["distance"] < 1e-5


def test_a_model_that_takes_no_weights_as_inputs_is_exported_plainly(told):
    assert told["exported plainly"]["cosine"] >= 0.9999


def test_weights_that_were_let_go_are_read_again_unless_the_file_holds_others_now(told):
    assert told["let go"] == {"same": True, "refusal": "the model's files have changed"}


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read as Linux tells it")
def test_loading_exporting_and_judging_take_less_than_two_copies_of_the_weights(folder):
    facts = json.loads(run("peak", folder))
    assert facts["measured"] == ["fp32", "int8", "torch"]
    assert facts["took"] < 2 * facts["weights"]
