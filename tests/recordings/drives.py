"""Writers of small recordings of every format."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np

from tests.clips import make_clip, picture

SIZE = (96, 64)


def save(path: Path, value: int) -> Path:
    """Write an image that encodes `value` (decoded by `tests.clips.number`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture(value)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95]):
        raise OSError(path)
    return path


def images(folder: Path, count: int, suffix: str = ".jpg") -> Path:
    """Write `count` images named 1.jpg and up, without leading zeros."""
    for i in range(count):
        save(folder / f"{i + 1}{suffix}", i)
    return folder


def simulator(
    folder: Path,
    times_ms: list[int],
    steering: list[str] | None = None,
    path_format: str = "{name}",
    header: bool = False,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> Path:
    """Write a Udacity simulator folder, three images per row; `path_format` is how the log lists an image."""
    rows = ["center,left,right,steering,throttle,brake,speed".replace(",", delimiter)] if header else []
    for i, ms in enumerate(times_ms):
        stamp = f"2019_05_20_10_{ms // 60000:02d}_{ms // 1000 % 60:02d}_{ms % 1000:03d}"
        names = [f"{side}_{stamp}.jpg" for side in ("center", "left", "right")]
        for camera, name in enumerate(names):
            save(folder / "IMG" / name, i + 100 * camera)
        angle = steering[i] if steering else str(round(-0.5 + 0.1 * i, 3))
        point = "," if delimiter == ";" else "."
        numbers = [angle.replace(".", point), f"0{point}5", "0", f"30{point}25"]
        rows.append(delimiter.join([*(path_format.format(name=name) for name in names), *numbers]))
    (folder / "driving_log.csv").write_text("\n".join(rows) + "\n", encoding=encoding)
    return folder


def tub(folder: Path, count: int, deleted: tuple[int, ...] = (), step_ms: int = 50) -> Path:
    """Write a donkeycar tub v2 with two catalogs."""
    half = count // 2
    for number, indices in enumerate((range(half), range(half, count))):
        lines = []
        for i in indices:
            save(folder / "images" / f"{i}_cam_image_array_.jpg", i)
            record = {
                "_index": i,
                "_session_id": "21-01-01_0",
                "_timestamp_ms": 1_600_000_000_000 + step_ms * i,
                "cam/image_array": f"{i}_cam_image_array_.jpg",
                "user/angle": round(-0.5 + 0.1 * i, 3),
                "user/mode": "user",
                "user/throttle": 0.25,
            }
            lines.append(json.dumps(record))
        (folder / f"catalog_{number}.catalog").write_text("\n".join(lines) + "\n")
    state = {
        "paths": ["catalog_0.catalog", "catalog_1.catalog"],
        "current_index": count,
        "max_len": 1000,
        "deleted_indexes": list(deleted),
    }
    head = (["cam/image_array", "user/angle"], ["image_array", "float"], {}, {"created_at": 1.0}, state)
    (folder / "manifest.json").write_text("\n".join(map(json.dumps, head)) + "\n")
    return folder


def tub_v1(folder: Path, count: int) -> Path:
    """Write a donkeycar tub v1."""
    for i in range(count):
        save(folder / f"{i}_cam-image_array_.jpg", i)
        record = {
            "cam/image_array": f"{i}_cam-image_array_.jpg",
            "user/angle": round(-0.5 + 0.1 * i, 3),
            "user/throttle": 0.25,
            "user/mode": "user",
            "milliseconds": 50 * i,
        }
        (folder / f"record_{i}.json").write_text(json.dumps(record))
    (folder / "meta.json").write_text(json.dumps({"inputs": ["cam/image_array"], "start": 1.0}))
    return folder


def ch2(folder: Path, count: int, step_ns: int = 50_000_000) -> Path:
    """Write a folder of the Udacity Challenge 2."""
    rows = ["frame_id,steering_angle"]
    for i in range(count):
        stamp = 1_479_425_596_209_690_956 + step_ns * i
        save(folder / "center" / f"{stamp}.jpg", i)
        rows.append(f"{stamp},{-0.2 + 0.1 * i:.3f}")
    (folder / "final_example.csv").write_text("\n".join(rows) + "\n")
    return folder


def bag(folder: Path, count: int, cameras: tuple[str, ...] = ("left", "center", "right")) -> Path:
    """Write a bag export of the Udacity Challenge 2: three cameras, interleaved, each with its own times."""
    rows = ["index,timestamp,width,height,frame_id,filename,angle,torque,speed,lat,long,alt"]
    for i in range(count):
        for offset, camera in enumerate(cameras):
            stamp = 1_479_425_441_182_877_835 + 50_000_000 * i + 1_000_000 * offset
            name = save(folder / camera / f"{stamp}.jpg", i + 100 * offset).name
            clock = f"2016-11-17 23:30:{41 + i // 20}.{stamp % 10**9:09d}"
            numbers = f"{-0.2 + 0.1 * i:.10f},-0.125,15.5,37.399,-122.131,-42.9"
            rows.append(f"{clock},{stamp},640,480,{camera}_camera,{camera}/{name},{numbers}")
    (folder / "interpolated.csv").write_text("\n".join(rows) + "\n")
    steering = "seq,timestamp,angle,torque,speed\n1,1479425441182877835,0.1,0,15\n"
    (folder / "steering.csv").write_text(steering)
    (folder / "camera.csv").write_text("seq,timestamp,width,height,frame_id,filename\n")
    return folder


def sully(folder: Path, count: int, dated: bool = False) -> Path:
    """Write a folder of the SullyChen driving dataset; data.txt has no final newline."""
    rows = []
    for i in range(count):
        save(folder / f"{i}.jpg", i)
        date = f",2018-07-01 17:09:{44 + i // 20:02d}:{50 * (i % 20):03d}" if dated else ""
        rows.append(f"{i}.jpg {-20 + 10 * i:.6f}{date}")
    (folder / "data.txt").write_text("\n".join(rows))
    return folder


def array(path: Path, values: object) -> None:
    """Write a NumPy file without a suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.save(file, np.asarray(values))


def comma(folder: Path, count: int, gap_after: int | None = None) -> Path:
    """Write a comma2k19 segment at 20 frames per second, with a gap of one second after frame `gap_after`."""
    folder.mkdir(parents=True)
    clip = make_clip(folder / "clip.mkv", count, codec="libx265", bframes=0, gop=10)
    with av.open(str(clip)) as source, av.open(str(folder / "video.hevc"), "w", format="hevc") as raw:
        stream = raw.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                raw.mux(packet)
    clip.unlink()
    times = 1000.0 + np.arange(count) / 20
    if gap_after is not None:
        times[gap_after + 1 :] += 1
    can = 999.9 + np.arange(0, (count + 40) * 4) / 80
    array(folder / "global_pose" / "frame_times", times)
    array(folder / "processed_log" / "CAN" / "steering_angle" / "t", can)
    array(folder / "processed_log" / "CAN" / "steering_angle" / "value", 2 * (can - 1000))
    array(folder / "processed_log" / "CAN" / "speed" / "t", can)
    array(folder / "processed_log" / "CAN" / "speed" / "value", np.full((len(can), 1), 12.5))
    return folder
