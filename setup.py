"""Puts the top-level models/ and data/ folders into the wheel, as drivesal.models and drivesal.data."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["drivesal", "drivesal.*"]), "drivesal.models", "drivesal.data"],
    package_dir={"drivesal": "drivesal", "drivesal.models": "models", "drivesal.data": "data"},
    package_data={
        "drivesal.review": ["page/*", "page/*/*"],
        "drivesal": ["py.typed"],
        "drivesal.models": ["*.keras", "*.json"],
        "drivesal.data": ["*.mp4", "*.csv"],
    },
)
