"""What is done to a download before it is used: conversion and checking."""

from .burst import burst_to_ytvis
from .checking import FileReport, check_annotation_file, check_root
from .lvis_norare import drop_rare_annotations

__all__ = [
    "FileReport",
    "burst_to_ytvis",
    "check_annotation_file",
    "check_root",
    "drop_rare_annotations",
]
