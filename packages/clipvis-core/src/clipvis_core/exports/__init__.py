"""Answers in the forms that other programs read: data sets, labelling tools, tables, pictures, videos."""

from clipvis_core.exports.detections import detections
from clipvis_core.exports.kind import Kind, Options
from clipvis_core.exports.registry import KINDS, default_target, export, kinds_of
from clipvis_core.exports.review import Review
from clipvis_core.exports.selection import Clip, NoTrackError, Selection, Track, select
from clipvis_core.exports.target import check_target

__all__ = [
    "KINDS",
    "Clip",
    "Kind",
    "NoTrackError",
    "Options",
    "Review",
    "Selection",
    "Track",
    "check_target",
    "default_target",
    "detections",
    "export",
    "kinds_of",
    "select",
]
