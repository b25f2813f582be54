from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesal.angle import AngleKind
from drivesal.errors import InputError, LabelError, OptionError
from drivesal.recordings import LabelTrack, beside, open_recording, read_labels
from drivesal.types import Span
from tests.clips import SHARED, make_clip


def labels(folder: Path, text: str | bytes, **options: object) -> LabelTrack:
    path = folder / "run.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_labels(path, **options)


@pytest.mark.parametrize(
    "header",
    [
        "frame,steering_angle_deg",
        "Index,Angle_deg",
        "i,STEERING_deg",
        "# frame,angle [deg]",
        "frame_id,angle (deg)",
    ],
)
def test_frame_number_columns_are_recognised_by_name(tmp_path: Path, header: str) -> None:
    track = labels(tmp_path, f"{header}\n3,-7.5\n5,2\n4,1.25\n")
    assert (track.by, track.kind) == ("frame", AngleKind("deg"))
    assert [track.at(i, 0.0) for i in (2, 3, 4, 5, 6)] == [None, -7.5, 1.25, 2.0, None]


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ("time_s", 1),
        ("time", 1),
        ("t", 1),
        ("Time [s]", 1),
        ("seconds", 1),
        ("timestamp", 1),
        ("timestamp_ms", 1000),
        ("time_us", 10**6),
        ("timestamp_ns", 10**9),
    ],
)
def test_times_are_interpolated(tmp_path: Path, header: str, scale: int) -> None:
    rows = "".join(f"{time * scale},{angle}\n" for time, angle in ((1, 10), (2, 20), (4, -20)))
    track = labels(tmp_path, f"{header},angle_deg\n{rows}")
    assert track.by == "time"
    # By hand: a quarter of the way from 10 to 20; three quarters from 20 down to -20.
    assert track.at(0, 1.25) == pytest.approx(12.5)
    assert track.at(0, 3.5) == pytest.approx(-10)
    assert (track.at(0, 0.99), track.at(0, 4.01)) == (None, None)


@pytest.mark.parametrize(
    "digits", [(0, 0), (10**9, 1), (1479425596 * 10**3, 10**3), (1479425596 * 10**9, 10**9)]
)
def test_clock_times_count_from_the_first_row(tmp_path: Path, digits: tuple[int, int]) -> None:
    base, second = digits[0], digits[1] or 1
    track = labels(tmp_path, f"timestamp,angle_deg\n{base},0\n{base + second},10\n{base + 2 * second},30\n")
    assert track.at(0, 1.5) == pytest.approx(20, abs=1e-4)
    assert any("counted from its first row" in note for note in track.notes) == (base > 0)


def test_a_frame_id_in_nanoseconds_is_a_time(tmp_path: Path) -> None:
    text = "frame_id,steering_angle\n1479425596209690956,0.0\n1479425597209690956,0.5\n"
    track = labels(tmp_path, text, unit="rad")
    assert track.by == "time"
    assert track.at(0, 0.5) == pytest.approx(math.degrees(0.25), abs=1e-4)


def test_frame_numbers_take_precedence_over_times(tmp_path: Path) -> None:
    track = labels(tmp_path, "time_s,frame,steering_angle_rad\n0.0,7,0.1\n1.0,8,0.2\n")
    assert track.by == "frame"
    assert track.at(8, 0.0) == pytest.approx(math.degrees(0.2))


@pytest.mark.parametrize(
    ("column", "options", "value", "unit"),
    [
        ("steering_angle_deg", {}, 0.5, "deg"),
        ("steering_angle_rad", {}, math.degrees(0.5), "deg"),
        ("steering_angle_norm", {}, 0.5, "norm"),
        ("angle", {"unit": "rad"}, math.degrees(0.5), "deg"),
        ("angle_deg", {"unit": "rad"}, math.degrees(0.5), "deg"),
        ("angle", {"unit": "norm", "full_lock_deg": 25.0}, 12.5, "deg"),
        ("angle_deg", {"positive": "right"}, -0.5, "deg"),
        ("user/angle", {}, -0.5, "norm"),
        ("user/angle", {"positive": "left", "unit": "deg"}, 0.5, "deg"),
    ],
)
def test_units_and_signs(
    tmp_path: Path, column: str, options: dict[str, object], value: float, unit: str
) -> None:
    track = labels(tmp_path, f"frame,{column}\n0,0.5\n", **options)
    assert track.at(0, 0.0) == pytest.approx(value)
    assert track.kind.unit == unit


def test_assumptions_are_noted(tmp_path: Path) -> None:
    track = labels(tmp_path, "frame,steering_angle\n0,0.5\n")
    assert "unit deg assumed for column steering_angle; set it with --angle-unit" in track.notes[0]
    assert "radians or -1..1" in track.notes[0]
    assert track.notes[1].startswith("left assumed positive")
    assert labels(tmp_path, "frame,steering_angle_deg\n0,0.5\n", positive="left").notes == ()
    assert "radians" not in labels(tmp_path, "frame,steering_angle\n0,50\n").notes[0]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfframe,angle_deg\r\n1,2.5\r\n",
        b"frame;angle_deg\n1;2,5\n",
        b"frame\tangle_deg\n1\t2.5\n",
        "frame,angle_deg\n1,2.5\n".encode("utf-16"),
        b'"frame","note","angle_deg"\n"1","a, b","2.5"\n',
        b"frame, angle_deg\n\n 1 , 2.5 \n\n",
    ],
)
def test_csv_dialects(tmp_path: Path, text: bytes) -> None:
    track = labels(tmp_path, text)
    assert track.at(1, 0.0) == 2.5
    assert track.skipped == 0


def test_bad_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    text = "frame,angle_deg\n0,1\n1,nan\n2,inf\n3,\n4,n/a\n5\nx,2\n1.5,2\n6,3\n6,4\n"
    track = labels(tmp_path, text, positive="left")
    assert track.skipped == 7
    assert track.notes == (
        "6 of 10 rows of run.csv skipped: not finite numbers",
        "1 of 10 rows of run.csv skipped: frame numbers that are not integers",
        "1 repeated frame numbers in the labels: the last row of each is used",
    )
    assert [track.at(i, 0.0) for i in (0, 1, 5, 6)] == [1.0, None, None, 4.0]


def test_an_offset_moves_the_labels(tmp_path: Path) -> None:
    track = labels(tmp_path, "time_s,angle_deg\n0,0\n10,100\n", offset_s=2.0)
    assert track.at(0, 5.0) == pytest.approx(30)  # the label at 3.0 s in the file
    assert track.at(0, 1.0) is None
    with pytest.raises(OptionError, match=r"frame numbers \(column frame\)"):
        labels(tmp_path, "frame,angle_deg\n0,0\n", offset_s=2.0)


def test_the_angle_column_can_be_named(tmp_path: Path) -> None:
    text = "frame,angle_deg,Yaw Rate,wheel_rad\n0,1,2,0.5\n"
    assert labels(tmp_path, text, angle_column="Yaw Rate").at(0, 0) == 2.0
    assert labels(tmp_path, text, angle_column="wheel_rad").at(0, 0) == pytest.approx(math.degrees(0.5))
    with pytest.raises(
        LabelError, match=r"angles \(speed\), but .* frame, angle_deg, Yaw Rate, wheel_rad; .*--ang"
    ):
        labels(tmp_path, text, angle_column="speed")


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("", "is empty"),
        (b"\x89PNG\0\0\0", "is not text"),
        ("frame,speed\n0,1\n", r"steering_angle.*columns frame, speed; name it with --angle-column"),
        ("name,angle\na.jpg,1\n", r"frame numbers or times .*columns name, angle"),
        ("frame,angle\n0,nan\n1,\n", "none of the 2 rows"),
        ("frame,angle\n", "only a header line and no rows"),
        ("time_s,speed\n\n", "only a header line and no rows"),
        ("frame,angle\n0.5,1\n1.5,2\n", r"integer frame numbers, but column frame of .* has none \(0\.5, …\)"),
        ("0,1.5\n1,2.5\n", r"begins with numbers \(0,1\.5\): it seems to have no header line"),
        ("0;1,5\n1;2,5\n", "no header line"),
        ("7,-1,\n", "no header line"),
    ],
)
def test_the_error_for_an_unusable_file_states_the_cause(tmp_path: Path, text: str | bytes, came: str) -> None:
    with pytest.raises(LabelError, match=came):
        labels(tmp_path, text)


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="does not exist"):
        read_labels(tmp_path / "gone.csv")
    with pytest.raises(LabelError, match="is a folder"):
        read_labels(tmp_path)


def test_a_full_lock_does_not_change_degrees(tmp_path: Path) -> None:
    track = labels(tmp_path, "frame,angle_deg\n0,1\n", full_lock_deg=25.0)
    assert (track.at(0, 0.0), track.kind.unit) == (1.0, "deg")


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(-500, 500)), min_size=1), st.randoms())
def test_the_order_of_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float]], random: object
) -> None:
    rows = list(dict(rows).items())
    folder = tmp_path_factory.mktemp("labels")
    shuffled = list(rows)
    random.shuffle(shuffled)
    track = labels(folder, "frame,angle_deg\n" + "".join(f"{i},{angle!r}\n" for i, angle in shuffled))
    assert {i: track.at(i, 0.0) for i, _ in rows} == dict(rows)


def test_the_table_beside_a_video(tmp_path: Path) -> None:
    assert beside(tmp_path / "run.mp4") is None
    (tmp_path / "run.csv").touch()
    assert beside(tmp_path / "run.mp4") == tmp_path / "run.csv"
    assert beside(tmp_path / "run.csv") is None


@pytest.mark.parametrize("path", ["", ".", "/", ".."])
def test_a_path_without_a_name_has_no_table(path: str) -> None:
    assert beside(Path(path)) is None
    with pytest.raises(InputError, match="is a folder"):
        open_recording(Path(path))


def test_a_folder_has_no_table(tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive.csv").touch()
    assert beside(tmp_path / "drive") is None


def test_frames_carry_their_labels(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "run.mp4", 10, pts=range(40, 50))  # from 2.0 s, 20 frames per second
    track = labels(tmp_path, "time_s,angle_norm\n2.1,0.0\n2.3,0.4\n")
    with open_recording(path, labels=track) as recording:
        steering = [frame.steering for frame in recording.frames()]
        assert steering[:2] == [None, None]
        assert steering[2:7] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert steering[7:] == [None] * 3
        assert recording.info.angle == AngleKind("norm")
        assert recording.at(4).steering == pytest.approx(0.2)
        assert next(recording.sample(2, Span(5))).steering == pytest.approx(0.3)
        assert open_recording(path).info.angle is None


@pytest.mark.parametrize("text", ["time_s,angle_deg\n50,1\n60,1\n", "frame,angle_deg\n10,1\n11,1\n"])
def test_labels_of_another_drive_are_rejected(tmp_path: Path, text: str) -> None:
    path = make_clip(tmp_path / "run.mp4", 10)
    with pytest.raises(LabelError, match=r"run\.csv covers .* and the recording"):
        open_recording(path, labels=labels(tmp_path, text))


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real drives beside the checkout")
def test_real_labels() -> None:
    by_frame = read_labels(SHARED / "udacity_ch2" / "run.csv")
    assert (by_frame.by, by_frame.skipped, len(by_frame.keys)) == ("frame", 0, 3400)
    assert by_frame.at(0, 0.0) == pytest.approx(math.degrees(-0.016928))
    by_time = read_labels(SHARED / "udacity_ch2" / "final_example.csv", unit="rad")
    assert by_time.by == "time"
    assert by_time.at(0, 0.0) == pytest.approx(math.degrees(-0.0261799395084))
