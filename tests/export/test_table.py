import csv
import io

import numpy as np
import pytest

from drivesal.export.table import Table, Units, columns
from drivesal.model.preprocess import Crop, Preprocess
from drivesal.rendering.error_summary import ErrorSummary
from drivesal.types import Explained, Frame

PREPROCESS = Preprocess((10, 20), Crop("pixel", (50, 100), (0, 200)))


def explained(index=0, angle=2.0, truth=None, base=None, error=None, score=None):
    frame = Frame(index, index / 20, np.zeros((100, 200, 3), np.uint8), truth)
    empty = np.zeros((10, 20, 3), np.float32)
    image, reduced = empty.astype(np.uint8), empty[..., 0]
    score = angle if score is None else score
    return Explained(
        frame, image, angle, score, empty, None, reduced, baseline_score=base, completeness_error=error
    )


DEGREES = Units("deg")


def rows(fill, units=DEGREES, contributions=False):
    file = io.StringIO()
    fill(Table(file, units, ["increase"], PREPROCESS, contributions))
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def summary(explained, comparable=True, contributions=False):
    summary = ErrorSummary(comparable, contributions)
    for one in explained:
        summary.add(one)
    return summary


def test_the_centre_of_heat_is_in_fractions_of_the_frame():
    heat = np.zeros((10, 20), np.float32)
    heat[9, 0] = 3.0  # the last row and first column that the model sees
    (row,) = rows(lambda table: table.add(explained(), {"increase": heat}))
    assert float(row["increase_total"]) == 3
    assert float(row["increase_x"]) == pytest.approx(5 / 200)
    assert float(row["increase_y"]) == pytest.approx((50 + 9.5 * 5) / 100)


def test_no_heat_has_no_centre():
    (row,) = rows(lambda table: table.add(explained(), {"increase": np.zeros((10, 20), np.float32)}))
    assert (row["increase_total"], row["increase_x"], row["increase_y"]) == ("0", "", "")


def test_errors_are_prediction_minus_label():
    heat = {"increase": np.ones((10, 20), np.float32)}
    frames = [explained(i, 2.0, truth) for i, truth in enumerate((1.0, 5.0, None))]

    def fill(table):
        for one in frames:
            table.add(one, heat)

    found = rows(fill)
    assert [row["error_deg"] for row in found] == ["1", "-3", ""]
    assert [row["frame"] for row in found] == ["0", "1", "2"]
    whole = summary(frames)
    assert (whole.frames, whole.labelled) == (3, 2)
    assert whole.errors() == {"rmse": pytest.approx(5**0.5), "mean_absolute": 2, "bias": -1}


def test_without_labels_there_are_no_errors():
    assert summary([explained()]).errors() is None


def test_labels_of_another_kind_give_no_errors_but_a_correlation():
    found = summary([explained(i, i, 2 * i) for i in range(3)], comparable=False)
    assert (found.labelled, found.errors()) == (3, None)
    assert found.correlation() == pytest.approx(1)


def test_contributions_add_baseline_and_completeness_columns():
    heat = {"increase": np.ones((10, 20), np.float32)}
    frames = [explained(i, base=0.5, error=error) for i, error in enumerate((0.1, 0.3))]

    def fill(table):
        for one in frames:
            table.add(one, heat)

    found = rows(fill, Units("norm"), contributions=True)
    assert found[1]["completeness_error_norm"] == "0.3"
    assert found[0]["baseline_norm"] == "0.5"
    assert summary(frames).completeness() is None
    assert summary(frames, contributions=True).completeness() == {
        "mean": pytest.approx(0.2),
        "largest": pytest.approx(0.3),
        "of": pytest.approx(1.5),
    }


def test_another_score_gets_its_own_column():
    heat = {"increase": np.ones((10, 20), np.float32)}
    one = explained(angle=2.0, truth=5.0, score=0.25, base=0.125, error=0.5)
    (row,) = rows(lambda table: table.add(one, heat), Units("deg", "score"), contributions=True)
    assert (row["predicted_deg"], row["truth_deg"], row["error_deg"]) == ("2", "5", "-3")
    assert row["explained_score"] == "0.25"
    assert (row["baseline_score"], row["completeness_error_score"]) == ("0.125", "0.5")
    assert summary([one]).errors() == {"rmse": 3, "mean_absolute": 3, "bias": -3}


@pytest.mark.parametrize(
    ("explained", "contributions", "more"),
    [
        (None, False, []),
        (None, True, ["baseline_deg", "completeness_error_deg"]),
        ("score", False, ["explained_score"]),
        ("score", True, ["explained_score", "baseline_score", "completeness_error_score"]),
    ],
)
def test_columns(explained, contributions, more):
    head = ["frame", "time_s", "predicted_deg", "truth_deg", "error_deg"]
    tail = [f"{case}_{what}" for case in ("increase", "support") for what in ("total", "x", "y")]
    assert columns(Units("deg", explained), ["increase", "support"], contributions) == head + more + tail
