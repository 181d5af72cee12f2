"""Numbers of one batch counted by several instruments, each off by a bias of its own.

The model of :mod:`exocast.vial.nested` with one effect more, which crosses the vials: what an
instrument counts too much or too little of every sample. A vial that two instruments measured
deviates once, an instrument that measured two vials is off once. The biases have a mean of zero,
so the batch is the mean over instruments at large, and what two of them disagree by stays in its
interval. Given the four spreads everything is linear and normal, with a closed form; the spreads
are integrated over a grid of standard scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exocast.vial.nested import Mixture, Spread, mixture

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Tubes:
    """Preparations as one instrument measured them, pooled over captures; a tube is one of these.

    Attributes
    ----------
    centre, variance
        Mean of the tube's captures and its variance, on the grid of the spread between captures:
        ``(n_captures, n_tubes)``.
    log_weight
        Of that grid, with what the captures' scatter says of it: ``(n_captures,)``.
    vial, instrument
        Place of each tube's vial and instrument in their lists: ``(n_tubes,)``.
    """

    centre: Array
    variance: Array
    log_weight: Array
    vial: Sequence[int]
    instrument: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """Posterior of a batch mean and of what instruments and vials deviate by.

    The grid's axes are captures, preparations, vials and instruments. The last places of ``mean``
    and ``covariance`` are the instruments' own means of the batch, then the batch.
    """

    log_weight: Array
    mean: Array
    covariance: Array
    vial_spread: Array
    vial_sum: Array
    vial_precision: Array

    def batch(self) -> Mixture:
        """Mean of the batch over instruments at large."""
        return mixture(self.log_weight, self.mean[..., -1], self.covariance[..., -1, -1])

    def new_vial(self) -> Mixture:
        """One more vial of the batch."""
        between = self.vial_spread[:, None] ** 2
        return mixture(self.log_weight, self.mean[..., -1], self.covariance[..., -1, -1] + between)

    def vial(self, i: int) -> Mixture:
        """A measured vial, drawn towards the batch as far as the spreads ask for it."""
        own, precision = self.vial_sum[..., i], self.vial_precision[..., i, :]
        between = self.vial_spread[:, None] ** 2
        kept = between / (1.0 + between * precision.sum(axis=-1))
        pull = np.broadcast_to(
            np.concatenate([-kept[..., None] * precision, np.ones((*kept.shape, 1))], axis=-1),
            self.mean.shape,
        )
        centre = (pull * self.mean).sum(axis=-1) + kept * own
        return mixture(self.log_weight, centre, kept + _quadratic(pull, self.covariance))

    def bias(self, i: int) -> Mixture:
        """What an instrument's logarithms are off by from the mean over instruments."""
        pull = np.zeros(self.mean.shape[-1])
        pull[i], pull[-1] = 1.0, -1.0
        return mixture(self.log_weight, self.mean @ pull, _quadratic(pull, self.covariance))

    def difference(self, i: int, j: int) -> Mixture:
        """What one instrument's logarithms are above another's."""
        pull = np.zeros(self.mean.shape[-1])
        pull[i], pull[j] = 1.0, -1.0
        return mixture(self.log_weight, self.mean @ pull, _quadratic(pull, self.covariance))

    def marginal(self, axis: int) -> Array:
        """Weights of one spread: ``axis`` 0 captures, 1 preparations, 2 vials, 3 instruments."""
        weight = np.exp(self.log_weight - self.log_weight.max())
        marginal = weight.sum(axis=tuple(a for a in range(4) if a != axis))
        return np.asarray(marginal / marginal.sum())


def _quadratic(pull: Array, covariance: Array) -> Array:
    return np.asarray(np.einsum("...i,...ij,...j->...", pull, covariance, pull))


def crossed(tubes: Tubes, preparations: Spread, vials: Spread, instruments: Spread) -> Crossed:
    """Posterior of the mean of tubes that share vials and instruments, a flat prior on the mean.

    Least squares with the full covariance. A vial's part of it is a diagonal and one constant, so
    its inverse is written down (Sherman and Morrison) and only a matrix as large as the number of
    instruments is inverted.

    Parameters
    ----------
    tubes
        What was measured.
    preparations, vials, instruments
        Spreads between preparations of a vial, between vials, and between instruments.
    """
    n_vials, n = max(tubes.vial) + 1, max(tubes.instrument) + 1
    weight = 1.0 / (tubes.variance[:, None, :] + preparations.values[:, None] ** 2)
    centre = tubes.centre[:, None, :]
    # Precision and weighted sum of each vial in each instrument: (captures, preparations, v, m).
    precision = np.zeros((*weight.shape[:2], n_vials, n))
    total = np.zeros_like(precision)
    for t, (v, m) in enumerate(zip(tubes.vial, tubes.instrument, strict=True)):
        precision[..., v, m] += weight[..., t]
        total[..., v, m] += weight[..., t] * centre[..., t]
    between = vials.values[:, None] ** 2
    # From here with the axis of the spread between vials: (captures, preparations, vials, ...).
    precision, total = precision[:, :, None], total[:, :, None]
    all_of_vial, sum_of_vial = precision.sum(axis=-1), total.sum(axis=-1)
    kept = between / (1.0 + between * all_of_vial)
    own = np.einsum("...vm,mk->...mk", precision, np.eye(n))
    shared = np.einsum("...v,...vm,...vk->...mk", kept, precision, precision)
    information = own - shared
    pull = total.sum(axis=-2) - np.einsum("...v,...vm,...v->...m", kept, precision, sum_of_vial)
    misfit = (weight * centre**2).sum(axis=-1)[..., None] - (kept * sum_of_vial**2).sum(axis=-1)
    logs = np.log(weight).sum(axis=-1)[..., None] - np.log1p(between * all_of_vial).sum(axis=-1)
    prior = 1.0 / instruments.values**2
    joint = np.zeros((*pull.shape[:-1], len(prior), n + 1, n + 1))
    joint[..., :n, :n] = information[..., None, :, :] + prior[:, None, None] * np.eye(n)
    joint[..., :n, n] = joint[..., n, :n] = -prior[:, None]
    joint[..., n, n] = n * prior
    right = np.concatenate([pull, np.zeros((*pull.shape[:-1], 1))], axis=-1)[..., None, :]
    covariance = np.linalg.inv(joint)
    mean = np.einsum("...ij,...j->...i", covariance, np.broadcast_to(right, joint.shape[:-1]))
    evidence = 0.5 * (
        (logs - misfit)[..., None]
        + (right * mean).sum(axis=-1)
        - np.linalg.slogdet(joint)[1]
        + n * np.log(prior)
    )
    return Crossed(
        log_weight=tubes.log_weight[:, None, None, None]
        + preparations.log_weight[:, None, None]
        + vials.log_weight[:, None]
        + instruments.log_weight
        + evidence,
        mean=mean,
        covariance=covariance,
        vial_spread=vials.values,
        vial_sum=sum_of_vial[:, :, :, None, :],
        vial_precision=precision[:, :, :, None, :, :],
    )
