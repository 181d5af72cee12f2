"""The batched engine: many runs of one model at once, in the lanes of vector instructions.

How a model becomes machine code, one file a step: ``read`` (SBML to records), ``problem`` (records
to states, rates, starts and events), over ``graph`` (expressions) and ``mathml``; ``derive`` (the
Jacobian), ``sparse`` (its factors), ``emit_llvm`` (vector code; ``emit_numpy`` is the same for
people to read), ``tableau`` (the method), ``lanes`` and ``driver`` (the loop over steps), ``build``
(all of it, cached), ``runs`` (a batch of runs on threads).
"""
