"""A rate into species, zero until it is switched, added to a model that does not have one."""

from __future__ import annotations

import functools

from exocast.errors import UnsupportedModel

INFUSION = "exocast_infusion_"  # begins the ids of the rates


def _refusal(name: str, *, factor: bool) -> UnsupportedModel:
    why = "it has a conversion factor" if factor else "a rate rule moves it"
    return UnsupportedModel(
        f"'{name}' cannot be infused: {why}; give the dose as boluses.", where=name
    )


@functools.lru_cache(maxsize=16)
def infusible(sbml: str, species: tuple[str, ...]) -> str:
    """The model with a parameter for each species: what is infused, as amount by time.

    Raises
    ------
    UnsupportedModel
        For species under a rate rule and for conversion factors, which a rate cannot pass.
    """
    import libsbml

    document = libsbml.readSBMLFromString(sbml)  # kept alive: libSBML lends pointers into it
    model = document.getModel()
    for name in species:
        found = model.getSpecies(name)
        factor = document.getLevel() > 2 and (
            model.isSetConversionFactor() or found.isSetConversionFactor()
        )
        if factor or model.getRateRule(name) is not None:
            raise _refusal(name, factor=factor)
        rate = model.createParameter()
        rate.setId(INFUSION + name)
        rate.setValue(0.0)
        rate.setConstant(False)
        reaction = model.createReaction()
        reaction.setId(f"{INFUSION}{name}_in")
        reaction.setReversible(False)
        product = reaction.createProduct()
        product.setSpecies(name)
        product.setStoichiometry(1.0)
        if document.getLevel() > 2:
            product.setConstant(True)
            if document.getVersion() == 1:
                reaction.setFast(False)
        reaction.createKineticLaw().setMath(libsbml.parseL3Formula(INFUSION + name))
    return str(libsbml.writeSBMLToString(document))
