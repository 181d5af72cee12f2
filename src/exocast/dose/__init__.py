"""The dose: amounts converted through the vial's own ratios, and when they are given."""

from exocast.dose.convert import detected_particles, injection_volume_ml, intended_particles
from exocast.dose.regimen import Regimen, check_route, dose_unit

__all__ = [
    "Regimen",
    "check_route",
    "detected_particles",
    "dose_unit",
    "injection_volume_ml",
    "intended_particles",
]
