"""Puts the top-level models/ and data/ folders into the wheel, under drivesal.assets."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["drivesal", "drivesal.*"]),
        "drivesal.assets.models",
        "drivesal.assets.data",
    ],
    package_dir={
        "drivesal": "drivesal",
        "drivesal.assets.models": "models",
        "drivesal.assets.data": "data",
    },
    package_data={
        "drivesal.review": ["page/*", "page/*/*"],
        "drivesal": ["py.typed"],
        "drivesal.assets.models": ["*.keras", "*.json"],
        "drivesal.assets.data": ["*.mp4", "*.csv"],
    },
)
