"""Warnings about a model: their names in the facts."""

from pathlib import Path

import pytest

from drivesal.evaluation.model_warnings import ModelWarnings

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["evaluate.md", "outputs.md"])
def test_the_keys_of_the_facts_are_the_documented_ones(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert set(ModelWarnings().as_json()) == {"scaling_doubt", "better_setting", "unlike_training"}
    assert all(f"`{key}`" in text for key in ModelWarnings().as_json())
