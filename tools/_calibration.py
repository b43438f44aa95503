"""What `calibrate.py` does: fits what scores mean, and measures what answers are worth."""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask as coco_mask
from scipy.optimize import minimize
from tqdm import tqdm

from _photos import Photo, read_photos
from clipvis_core.checkpoints import read_checkpoint, write_weights
from clipvis_core.foundation.calibration import PLAIN_THRESHOLD, Calibration
from clipvis_core.foundation.errors import InputError
from clipvis_core.inference import CLIPVISInferencer, SegmentationResult
from clipvis_core.inference.model_choice import choose_model
from clipvis_core.tracking import FrameOutputs
from clipvis_core.tracking.contrast_scores import ContrastScores

LARGE = 0.06  # of the picture: least size of a present word's largest object, for `measure`
REFUSED = 0.92  # share of absent words that the default threshold refuses on the photos that are fitted on
LIST = 12  # words of a list
WEIGHED = ("contrast", "objectness", "iou", "quality", "fit")  # in the order of `ContrastScores.features`
ANY_LEAD = 100.0  # of contrast words: more than there is
BINS = 10
LEADS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
LEAST = 0.02  # score of tracks that are looked at
SHRINKAGE = 0.5
SLACK = 0.02  # share of kept objects that a higher threshold may cost; the error of the share on 400 objects
#: Fits start here and are drawn to it a little.
START = Calibration(contrast=0.5, objectness=0.5, iou=0.5, quality=0.5, offset=-3.0, fit=0.0)


@dataclass(frozen=True)
class Answers:
    """N drawn tracks: what the calibration weighs, shown scores, and whether each is right."""

    features: np.ndarray
    scores: np.ndarray
    right: np.ndarray


def calibrate(args: argparse.Namespace) -> None:
    """Does as the arguments of `calibrate.py` say.

    Raises:
        InputError: Photos or weights that cannot be used, or too few photos to fit on.
    """
    photos, names = read_photos(args.annotations, args.folder, args.part, args.leave_out)
    config, checkpoint = choose_model(None, None, str(args.weights), is_image=True)
    inferencer = CLIPVISInferencer(config, checkpoint, vocabulary=["thing"], device="cpu")
    asker = Asker(inferencer)
    if args.job == "fit":
        calibration = fit(asker, [Part(photos)], names, absent=args.absent, threshold=args.threshold)
        write_calibration(calibration, args.weights, args.out)
    else:
        measure(asker, photos, names, args)


class Asker:
    """Asks photos for words; the network sees each photo once, however many words follow."""

    def __init__(self, inferencer: CLIPVISInferencer) -> None:
        self.inferencer = inferencer
        self.model = inferencer.model
        self.contrast = inferencer.contrast
        self._seen: tuple[Path | None, object] = None, None
        segment, outputs = self.model.segment, self.model.outputs

        def remember_photo(images: torch.Tensor) -> object:
            if self._seen[0] != self._photo:
                self._seen = self._photo, segment(images)
            return self._seen[1]

        def remember_outputs(images: torch.Tensor) -> FrameOutputs:
            self._outputs = outputs(images)
            return self._outputs

        self.model.segment, self.model.outputs = remember_photo, remember_outputs

    def ask(self, photo: Photo, words: list[str], *, contrast: bool = True) -> SegmentationResult:
        """The result of one photo for some words."""
        self._photo = photo.path
        self.inferencer.contrast = self.contrast if contrast else None
        self.inferencer.set_vocabulary(words)
        return self.inferencer([photo.image], progress=False)

    def features(self, result: SegmentationResult, indices: list[int]) -> np.ndarray:
        """What the calibration weighs of some tracks of the result that `ask` gave last, `(N, 5)`."""
        scores = ContrastScores()
        queries = torch.arange(self._outputs.ious.shape[1])
        scores.update(self._outputs.contrast_logits[0], *self._outputs.rows(0, queries))
        return scores.features(result.tracks.queries[indices], result.tracks.labels[indices]).numpy()


def judge(photo: Photo, words: list[str], result: SegmentationResult, indices: list[int]) -> list[bool | None]:
    """Whether each track has the right name and a mask with an IoU of 0.5, best first; None inside a crowd.

    An object makes one track right.
    """
    masks = [result.tracks.segmentations[index][0] for index in indices]
    if not masks or not photo.masks:
        return [False] * len(masks)
    overlaps = coco_mask.iou(masks, photo.masks, photo.crowds)
    taken: set[int] = set()
    verdicts: list[bool | None] = []
    for row, label in zip(overlaps, result.tracks.labels[indices].tolist(), strict=True):
        mine = [place for place, name in enumerate(photo.categories) if name == words[label] and row[place] >= 0.5]
        free = [place for place in mine if place not in taken and not photo.crowds[place]]
        if free:
            taken.add(max(free, key=lambda place: row[place]))
        crowd = any(photo.crowds[place] for place in mine)
        verdicts.append(True if free else None if crowd else False)
    return verdicts


def asks_of(photo: Photo, names: list[str], chance: random.Random) -> Iterator[list[str]]:
    """A word that is there, one that is not, and a list."""
    absent = [name for name in names if name not in photo.present]
    if photo.present:
        yield [chance.choice(photo.present)]
    if absent:
        yield [chance.choice(absent)]
    some = chance.sample(photo.present, min(3, len(photo.present)))
    yield list(dict.fromkeys(some + chance.sample(names, min(LIST, len(names)))))


def collect(asker: Asker, photos: list[Photo], names: list[str], *, least: float) -> Answers:
    """The drawn tracks of all asks with at least some shown score."""
    chance = random.Random(0)
    features, scores, right = [np.zeros((0, len(WEIGHED)))], [], []
    for closed in tqdm(photos, "asking", unit="photo"):
        photo = closed.opened(asker.inferencer.short_side)
        for words in asks_of(photo, names, chance):
            result = asker.ask(photo, words)
            if result.tracks.calibrated is None:
                continue  # every contrast word falls under what is asked
            drawn = result.drawn(least)
            verdicts = judge(photo, words, result, drawn.indices)
            known = [place for place, verdict in enumerate(verdicts) if verdict is not None]
            features.append(asker.features(result, drawn.indices)[known])
            scores += [drawn.scores[place] for place in known]
            right += [verdicts[place] for place in known]
    return Answers(np.concatenate(features), np.array(scores), np.array(right, dtype=bool))


@dataclass(frozen=True)
class Part:
    """Photos to fit on.

    Attributes:
        photos: The photos.
        prepare: Is called before they are asked; it makes the model one that has not learnt from them.
    """

    photos: list[Photo]
    prepare: Callable[[], None] = lambda: None


def fit(
    asker: Asker, parts: Sequence[Part], names: list[str], *, absent: int, threshold: float | None = None
) -> Calibration:
    """Fits the weights on the drawn tracks of all scores, then chooses the lead and, if it is not given, the threshold.

    Args:
        asker: Its model's calibration is replaced.
        parts: The photos.
        names: All their categories.
        absent: How many words that it lacks each photo is asked for.
        threshold: Least score that is drawn by default.
    """
    asker.model.calibration = replace(START, lead=ANY_LEAD, threshold=0.0)
    found = []
    for part in parts:
        part.prepare()
        found.append(collect(asker, part.photos, names, least=0.0))
    columns = zip(*((one.features, one.scores, one.right) for one in found), strict=True)
    asker.model.calibration = logistic(Answers(*map(np.concatenate, columns)))
    tried = []
    for part in parts:
        part.prepare()
        tried += single_words(asker, part.photos, names, absent)
    lead, threshold = choose_limits(tried, THRESHOLDS if threshold is None else (threshold,))
    return replace(asker.model.calibration, lead=lead, threshold=threshold)


def write_calibration(calibration: Calibration, weights: Path, out: Path | None) -> None:
    """Puts a calibration into the facts of a file of weights, or of a copy."""
    content = read_checkpoint(weights)
    facts = {name: value for name, value in content["meta"].items() if name != "format"}
    write_weights(content["state_dict"], out or weights, meta={**facts, **calibration.to_meta()})
    print(f"{out or weights}: {calibration}")


def logistic(answers: Answers) -> Calibration:
    """Maximum likelihood with a little shrinkage towards the start, which keeps weights positive on few photos."""
    if not answers.right.any() or answers.right.all():
        raise InputError("the photos' answers are all right or all wrong: nothing can be fitted, take more photos")
    columns = np.c_[answers.features, np.ones(len(answers.features))]
    start = np.array([getattr(START, name) for name in (*WEIGHED, "offset")])

    def loss(weights: np.ndarray) -> float:
        sums = columns @ weights
        return np.logaddexp(0, np.where(answers.right, -sums, sums)).sum() + SHRINKAGE * ((weights - start) ** 2).sum()

    weights = minimize(loss, start, method="L-BFGS-B").x
    return Calibration(**dict(zip((*WEIGHED, "offset"), weights.tolist(), strict=True)), lead=ANY_LEAD, threshold=0.0)


def choose_limits(tried: Sequence[Single], thresholds: Sequence[float]) -> tuple[float, float]:
    """Lead and threshold: the highest threshold of those that keep nearly the most objects.

    Looked at are limits that refuse `REFUSED` of the absent words; nearly is within `SLACK` of the best of these.
    """
    allowed = []
    for lead, threshold in itertools.product(LEADS, thresholds):
        kept, refused = kept_and_refused(tried, lead, threshold)
        print(f"lead {lead}, threshold {threshold}: {kept:.3f} kept, {refused:.3f} refused")
        if refused >= REFUSED:
            allowed.append((kept, threshold, lead))
    most = max((kept for kept, _, _ in allowed), default=0.0)
    near = [(threshold, kept, -lead) for kept, threshold, lead in allowed if kept >= most - SLACK]
    threshold, _, lead = max(near, default=(thresholds[-1], 0.0, -LEADS[0]))
    return -lead, threshold


@dataclass(frozen=True)
class Single:
    """A photo asked for one word.

    Attributes:
        leads: How far each track leads over contrast words, in log-odds.
        scores: Their shown scores.
        hits: Whether each is the word's largest object.
        found: Whether that is found without contrast words; None for a word that the photo lacks.
    """

    leads: np.ndarray
    scores: np.ndarray
    hits: np.ndarray
    found: bool | None


def single_words(asker: Asker, photos: list[Photo], names: list[str], absent: int) -> Iterator[Single]:
    """Photos asked for words that they lack, and for those of which they show a large object."""
    chance = random.Random(1)
    for closed in tqdm(photos, "single words", unit="photo"):
        photo = closed.opened(asker.inferencer.short_side)
        lacking = [name for name in names if name not in photo.present]
        large = {word: largest(photo, word) for word in photo.present}
        words = chance.sample(lacking, min(absent, len(lacking))) + [word for word, object_ in large.items() if object_]
        for word in words:
            found = None
            if word in large:
                plain = asker.ask(photo, [word], contrast=False)
                found = bool(overlapping(plain, plain.drawn(PLAIN_THRESHOLD).indices, large[word]).any())
            result = asker.ask(photo, [word])
            drawn = result.drawn(0.0)
            hits = (
                overlapping(result, drawn.indices, large[word]) if word in large else np.zeros(len(drawn.indices), bool)
            )
            leads = asker.features(result, drawn.indices)[:, 0] if result.tracks.calibrated is not None else hits * 20.0
            yield Single(leads, np.array(drawn.scores), hits, found)


def largest(photo: Photo, word: str) -> dict | None:
    """Mask of the word's largest object, if that is large."""
    mine = [
        mask
        for mask, name, crowd in zip(photo.masks, photo.categories, photo.crowds, strict=True)
        if name == word and not crowd
    ]
    best = max(mine, key=coco_mask.area, default=None)
    return best if best is not None and coco_mask.area(best) >= LARGE * np.prod(best["size"]) else None


def overlapping(result: SegmentationResult, indices: list[int], mask: dict) -> np.ndarray:
    """Which tracks have an IoU of 0.5 with a mask, bool `(N,)`."""
    masks = [result.tracks.segmentations[index][0] for index in indices]
    return coco_mask.iou(masks, [mask], [0])[:, 0] >= 0.5 if masks else np.zeros(0, dtype=bool)


def kept_and_refused(tried: list[Single], lead: float, threshold: float) -> tuple[float, float]:
    """Share of the objects that are still found, and of absent words that are refused, under other limits."""
    kept, refused = [], []
    for single in tried:
        drawn = (single.leads >= -lead) & (single.scores >= threshold)
        if single.found is None:
            refused.append(not drawn.any())
        elif single.found:
            kept.append(bool((drawn & single.hits).any()))
    return float(np.mean(kept or [0.0])), float(np.mean(refused or [1.0]))


def measure(asker: Asker, photos: list[Photo], names: list[str], args: argparse.Namespace) -> None:
    """Prints what the answers are worth."""
    inferencer = asker.inferencer
    lead = 0.0 if asker.model.calibration is None else asker.model.calibration.lead
    tried = list(single_words(asker, photos, names, args.absent))
    kept, refused = kept_and_refused(tried, lead, inferencer.score_thr)
    lacking = sum(single.found is None for single in tried)
    found = sum(bool(single.found) for single in tried)
    print(f"{len(photos)} photos; of {lacking} absent words {refused:.3f} refused")
    print(f"of {found} objects found without contrast words {kept:.3f} still found")
    inferencer.contrast = asker.contrast
    answers = collect(asker, photos, names, least=LEAST)
    for least in (inferencer.score_thr, 0.5):
        shown = answers.scores >= least
        error = calibration_error(answers.scores[shown], answers.right[shown])
        share = answers.right[shown].mean()
        print(f"score >= {least:.2f}: {shown.sum()} tracks drawn, {share:.3f} right, ECE {error:.3f}")
    print(reliability_table(answers))
    if args.out is not None:
        draw_reliability(answers, args.out)


def reliability(scores: np.ndarray, right: np.ndarray) -> list[tuple[float, float, float, float, int]]:
    """Bins of equal width: from, to, mean score, share that is right, number."""
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    return [
        (
            k / BINS,
            (k + 1) / BINS,
            float(scores[bins == k].mean()),
            float(right[bins == k].mean()),
            int((bins == k).sum()),
        )
        for k in range(BINS)
        if (bins == k).any()
    ]


def reliability_table(answers: Answers) -> str:
    """The bins as a table in Markdown, for model cards."""
    rows = ["| score shown | tracks | mean score | right |", "|---|---|---|---|"]
    for low, high, score, right, count in reliability(answers.scores, answers.right):
        rows.append(f"| {low:.1f} to {high:.1f} | {count} | {score:.2f} | {right:.2f} |")
    return "\n".join(rows)


def calibration_error(scores: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: mean distance of score and share that is right, weighted by the bins' sizes."""
    rows = reliability(scores, right)
    return sum(abs(score - share) * count for _, _, score, share, count in rows) / max(len(scores), 1)


def draw_reliability(answers: Answers, path: Path) -> None:
    """A bar for each bin, beside the line on which scores are what they say."""
    from matplotlib.figure import Figure

    from clipvis_eval.charts import write_figure

    rows = reliability(answers.scores, answers.right)
    figure = Figure(figsize=(4.2, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axes.bar([row[0] + 0.05 for row in rows], [row[3] for row in rows], width=0.09, color="#4477aa")
    for row in rows:
        axes.annotate(str(row[4]), (row[0] + 0.05, row[3]), ha="center", va="bottom", fontsize=7)
    axes.set(xlim=(0, 1), ylim=(0, 1.05), xlabel="score shown", ylabel="share of tracks that are right")
    write_figure(figure, path, dpi=figure.dpi)
