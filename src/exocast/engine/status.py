"""How a run can end; what a status of :class:`exocast.engine.Runs` points into."""

STATUS = (
    "ok",
    "too_many_steps",
    "step_underflow",
    "non_finite",
    "negative_state",
    "bad_pivot",
    "crashed",
)
OK, TOO_MANY_STEPS, STEP_UNDERFLOW, NON_FINITE, NEGATIVE_STATE, BAD_PIVOT, CRASHED = range(7)
