"""Stiff classics with reference values, and a smooth problem with a closed form, in Antimony.

Reference values: F. Mazzia and C. Magherini, Test Set for Initial Value Problem Solvers, release
2.4, University of Bari, 2008 (HIRES at 321.8122, Pollution at 60, Van der Pol at 2 with 1e-6,
Robertson at 1e11).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import antimony


def sbml(text: str) -> str:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


@dataclass(frozen=True, kw_only=True)
class Classic:
    name: str
    rates: tuple[str, ...]
    start: tuple[float, ...]
    constants: str
    end: float
    values: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"y{i + 1}" for i in range(len(self.rates)))

    @functools.cached_property
    def sbml(self) -> str:
        lines = [f"model {self.name}()", self.constants]
        lines += [f"y{i + 1}' = {rate}; y{i + 1} = {y!r};" for i, (rate, y) in enumerate(self)]
        return sbml("\n".join([*lines, "end"]))

    def __iter__(self):
        return iter(zip(self.rates, self.start, strict=True))


ROBERTSON = Classic(
    name="robertson",
    constants="",
    rates=("-0.04*y1 + 1e4*y2*y3", "0.04*y1 - 1e4*y2*y3 - 3e7*y2^2", "3e7*y2^2"),
    start=(1.0, 0.0, 0.0),
    end=1e11,
    values=(0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050),
)
VAN_DER_POL = Classic(
    name="vanderpol",
    constants="",
    rates=("y2", "((1 - y1^2)*y2 - y1)/1e-6"),
    start=(2.0, 0.0),
    end=2.0,
    values=(0.1706167732170483e1, -0.8928097010247975),
)
HIRES = Classic(
    name="hires",
    constants="",
    rates=(
        "-1.71*y1 + 0.43*y2 + 8.32*y3 + 0.0007",
        "1.71*y1 - 8.75*y2",
        "-10.03*y3 + 0.43*y4 + 0.035*y5",
        "8.32*y2 + 1.71*y3 - 1.12*y4",
        "-1.745*y5 + 0.43*y6 + 0.43*y7",
        "-280*y6*y8 + 0.69*y4 + 1.71*y5 - 0.43*y6 + 0.69*y7",
        "280*y6*y8 - 1.81*y7",
        "-280*y6*y8 + 1.81*y7",
    ),
    start=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057),
    end=321.8122,
    values=(
        0.7371312573325668e-3,
        0.1442485726316185e-3,
        0.5888729740967575e-4,
        0.1175651343283149e-2,
        0.2386356198831331e-2,
        0.6238968252742796e-2,
        0.2849998395185769e-2,
        0.2850001604814231e-2,
    ),
)
POLLUTION = Classic(
    name="pollution",
    constants="""
    k1 = 0.35; k2 = 0.266e2; k3 = 0.123e5; k4 = 0.86e-3; k5 = 0.82e-3; k6 = 0.15e5; k7 = 0.13e-3;
    k8 = 0.24e5; k9 = 0.165e5; k10 = 0.9e4; k11 = 0.22e-1; k12 = 0.12e5; k13 = 0.188e1;
    k14 = 0.163e5; k15 = 0.48e7; k16 = 0.35e-3; k17 = 0.175e-1; k18 = 0.1e9; k19 = 0.444e12;
    k20 = 0.124e4; k21 = 0.21e1; k22 = 0.578e1; k23 = 0.474e-1; k24 = 0.178e4; k25 = 0.312e1;
    r1 := k1*y1; r2 := k2*y2*y4; r3 := k3*y5*y2; r4 := k4*y7; r5 := k5*y7; r6 := k6*y7*y6;
    r7 := k7*y9; r8 := k8*y9*y6; r9 := k9*y11*y2; r10 := k10*y11*y1; r11 := k11*y13;
    r12 := k12*y10*y2; r13 := k13*y14; r14 := k14*y1*y6; r15 := k15*y3; r16 := k16*y4;
    r17 := k17*y4; r18 := k18*y16; r19 := k19*y16; r20 := k20*y17*y6; r21 := k21*y19;
    r22 := k22*y19; r23 := k23*y1*y4; r24 := k24*y19*y1; r25 := k25*y20;
    """,
    rates=(
        "-r1 - r10 - r14 - r23 - r24 + r2 + r3 + r9 + r11 + r12 + r22 + r25",
        "-r2 - r3 - r9 - r12 + r1 + r21",
        "-r15 + r1 + r17 + r19 + r22",
        "-r2 - r16 - r17 - r23 + r15",
        "-r3 + r4 + r4 + r6 + r7 + r13 + r20",
        "-r6 - r8 - r14 - r20 + r3 + r18 + r18",
        "-r4 - r5 - r6 + r13",
        "r4 + r5 + r6 + r7",
        "-r7 - r8",
        "-r12 + r7 + r9",
        "-r9 - r10 + r8 + r11",
        "r9",
        "-r11 + r10",
        "-r13 + r12",
        "r14",
        "-r18 - r19 + r16",
        "-r20",
        "r20",
        "-r21 - r22 - r24 + r23 + r25",
        "-r25 + r24",
    ),
    start=(0.0, 0.2, 0.0, 0.04, 0.0, 0.0, 0.1, 0.3, 0.01) + (0.0,) * 7 + (0.007, 0.0, 0.0, 0.0),
    end=60.0,
    values=(
        0.5646255480022769e-1,
        0.1342484130422339,
        0.4139734331099427e-8,
        0.5523140207484359e-2,
        0.2018977262302196e-6,
        0.1464541863493966e-6,
        0.7784249118997964e-1,
        0.3245075353396018,
        0.7494013383880406e-2,
        0.1622293157301561e-7,
        0.1135863833257075e-7,
        0.2230505975721359e-2,
        0.2087162882798630e-3,
        0.1396921016840158e-4,
        0.8964884856898295e-2,
        0.4352846369330103e-17,
        0.6899219696263405e-2,
        0.1007803037365946e-3,
        0.1772146513969984e-5,
        0.5682943292316392e-4,
    ),
)
CLASSICS = (ROBERTSON, VAN_DER_POL, HIRES, POLLUTION)
