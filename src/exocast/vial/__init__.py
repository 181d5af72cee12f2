"""The vial: an instrument's export becomes particles, sizes and what is left at the needle."""

from exocast.vial import storage
from exocast.vial.files import InstrumentFile
from exocast.vial.inspect import VialInspection, inspect
from exocast.vial.measure import Estimate, VialMeasurement, measure
from exocast.vial.potency_records import RelativePotency
from exocast.vial.product import Product, load_product, products
from exocast.vial.readers.nanosight import read_nanosight
from exocast.vial.readers.size_table import SizeTableMap, load_mapping, read_mapped
from exocast.vial.records import (
    Bins,
    Capture,
    Dilution,
    Measurement,
    ParticleExport,
    Reading,
    Value,
    VialWarning,
)
from exocast.vial.registry import Reader, known_readers, read_file
from exocast.vial.relative_potency import relative_potency, scenario_text
from exocast.vial.size import SizeFit, class_fractions, size_edges_nm
from exocast.vial.storage import Needle, fraction_at_needle, vial_rows, vial_volume_ml
from exocast.vial.vial import (
    Vial,
    VialDescription,
    containers,
    load_vial,
    particles_per_ug,
    population_rows,
)

__all__ = [
    "Bins",
    "Capture",
    "Dilution",
    "Estimate",
    "InstrumentFile",
    "Measurement",
    "Needle",
    "ParticleExport",
    "Product",
    "Reader",
    "Reading",
    "RelativePotency",
    "SizeFit",
    "SizeTableMap",
    "Value",
    "Vial",
    "VialDescription",
    "VialInspection",
    "VialMeasurement",
    "VialWarning",
    "class_fractions",
    "containers",
    "fraction_at_needle",
    "inspect",
    "known_readers",
    "load_mapping",
    "load_product",
    "load_vial",
    "measure",
    "particles_per_ug",
    "population_rows",
    "products",
    "read_file",
    "read_mapped",
    "read_nanosight",
    "relative_potency",
    "scenario_text",
    "size_edges_nm",
    "storage",
    "vial_rows",
    "vial_volume_ml",
]
