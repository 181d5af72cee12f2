"""The loop over steps: several runs side by side, each at a time and with a step of its own.

Python runs these functions over NumPy arrays (the readable truth that the tests hold the machine
code against), and ``lanes`` compiles them. ``m`` is the record of ``build.record``; ``model`` the
functions made of the model; names in capitals are constants of the model. The loop, in words:

1. Lanes that have just begun a run, or have reached a time at which something happens, are settled:
   start values, doses and switches, events, outputs at this very time. A run that is done is
   written down and its lane takes the next.
2. Every lane tries one step, no further than the next thing that happens. Where little would be
   left before it, the rest is halved.
3. Each lane accepts its step or not, and sets the size of its next. A failed lane leaves its run.
4. An event within the step cuts it: the instant is found on the interpolant and the step redone.
5. Outputs within the step come from the interpolant, so steps do not depend on output times.

Nothing in a lane depends on another, so a run has the same bits in any company.
"""

from __future__ import annotations

from typing import Any

# One number, or one truth, a lane; a truth.
Vector = Any
Mask = Any
Truth = Any

# Of the model, set by ``build``; here so that readers and linters know them.
LANES = 8
N = 0  # states
N_VARIED = 0
N_SLOTS = 0
N_INFUSED = 0  # of the slots, the last: rates of infusions
N_OBSERVED = 0
N_NEEDED = 0  # states that outputs are computed from
N_GROUPS = 0  # units of states
N_STOPS = 0  # times at which a condition on the time changes
N_EVENTS = 0
N_WATCHED = 0  # triggers, then the comparisons of those that are made of several
LOCATES = False  # whether any of them depends on more than stops
N_LOOKED = 0  # states that they are computed from
N_SETTINGS = 0  # event assignments
N_BASES = 0  # arguments of roots, logarithms and broken powers
STAGES = 8
A: tuple[tuple[float, ...], ...] = ()
C: tuple[tuple[float, ...], ...] = ()
TIMES: tuple[float, ...] = ()
SLOPES: tuple[float, ...] = ()
DENSE: tuple[tuple[float, ...], ...] = ()
GAMMA = 0.0
ORDER = 5.0
TIMED = False  # whether rates depend on the time other than through stops
PREPARED = False  # whether anything is computed once for a stretch
SCALED_DOSES = False  # whether an amount is multiplied by a factor before it is added
WATCHED = False  # whether some states must not be negative
LOOPED = False  # whether the factors are computed by loops
SHARED = False  # whether all lanes take the same steps
# First and last setting; whether persistent, and with values of the trigger's time.
EVENTS: tuple[tuple[int, int, bool, bool], ...] = ()
QUEUE = 32  # executions of an event that can be under way
N_QUEUED = 0  # places in all queues
SETTINGS: tuple[tuple[int, int], ...] = ()  # 0 for a state, 1 for a number of the run; index
ON_TIME = False  # whether events depend on stops

INFINITY = float("inf")
RESOLVED = 1e-6  # a state is resolved down to this share of its scale
NEGATIVE_TOLERANCES = 10.0
NEGATIVE_SHARE = 1e-3
OUTSIDE_TOLERANCES = 10.0  # below 0, of what has a root, logarithm or broken power
SAFETY = 0.9
SMALLEST_FACTOR = 0.2
LARGEST_FACTOR = 6.0
LOCATED = 1e-12  # an event is located to this share of the time
BISECTIONS = 50
NO_TIME = 4e-16  # a stop this share of the time away is here
SHORTEST = 1e-290  # and so is one this near: steps need a reciprocal
MOST_ROUNDS = 1000  # of events at one time
MOST_CYCLES = 100000  # to a steady state
SMALLEST_SCALE = 1e-60

OK, TOO_MANY_STEPS, STEP_UNDERFLOW, NON_FINITE, NEGATIVE_STATE, BAD_PIVOT = 0, 1, 2, 3, 4, 5
ADD, SET, RATE, RESET, CYCLE, SAVE, MERGE = 0, 1, 2, 3, 4, 5, 6

model: Any = None
any_lane: Any = None
where: Any = None
maximum: Any = None
minimum: Any = None
fma: Any = None
absolute: Any = None
square_root: Any = None
exponential: Any = None
logarithm: Any = None
everywhere: Any = None
as_float: Any = None
unrolled: Any = None
part: Any = None


def drive(m: Any) -> None:
    """Does all runs of a queue."""
    for lane in range(LANES):
        m.run[lane] = -1
        m.arrived[lane] = 0
        m.fresh[lane] = 0
    settle(m)
    while m.counters[2] > 0:
        aim(m)
        stages(m)
        judge(m)
        settle(m)


# Runs begin and end -------------------------------------------------------------------------------


def refill(m: Any, lane: int) -> None:
    """Puts the next run of the queue into a lane, if there is one."""
    rest(m, lane)
    place = m.counters[0]
    if place < m.counters[1]:
        run = m.order[place]
        m.counters[0] = place + m.counters[3]
        m.run[lane] = run
        m.fresh[lane] = 1
        m.working[0, lane] = 1.0
        for k in range(N_VARIED):
            m.p[k, lane] = m.varied[run * N_VARIED + k]


def rest(m: Any, lane: int) -> None:
    """Leaves a lane without a run."""
    m.run[lane] = -1
    m.fresh[lane] = 0
    m.arrived[lane] = 0
    m.working[0, lane] = 0.0


def finish(m: Any, lane: int, status: int) -> None:
    """Writes down how a run ended, and gives its lane to the next."""
    run = m.run[lane]
    m.status[run] = status
    m.out_steps[run] = m.steps[lane]
    m.out_rejections[run] = m.rejections[lane]
    m.reached[run] = m.out[lane]
    if SHARED:
        rest(m, lane)  # the next group begins together
    else:
        refill(m, lane)


def begin(m: Any) -> None:
    """Start values of lanes that took a new run."""
    model.start(m.p, m.y0, m.s0)
    for lane in range(LANES):
        if m.fresh[lane] == 1:
            run = m.run[lane]
            m.fresh[lane] = 0
            m.arrived[lane] = 1
            m.changed[lane] = 1
            m.t[0, lane] = 0.0
            m.h[0, lane] = 0.0
            m.h_start[0, lane] = 0.0
            m.growth[0, lane] = LARGEST_FACTOR
            m.dose[lane] = m.dose_begin[run]
            m.dose_end[lane] = m.dose_begin[run + 1]
            m.out[lane] = 0
            m.steps[lane] = 0
            m.rejections[lane] = 0
            m.cut[lane] = 0
            m.cycles[lane] = 0
            for i in range(N):
                m.y[i, lane] = m.y0[i, lane]
            for j in range(N_SLOTS):
                m.p[N_VARIED + j, lane] = m.s0[j, lane]
            for e in range(N_BASES):
                m.highest[e, lane] = 0.0
            for e in range(N_EVENTS):
                m.was[e, lane] = m.first_truth[e]
                m.pending[e * LANES + lane] = 0
            for q in range(N_QUEUED):
                m.queue[q, lane] = INFINITY
            scale_lane(m, lane, run)


def scale_lane(m: Any, lane: int, run: int) -> None:
    """Absolute tolerance of each state: a share of its start, else of the largest of its unit."""
    rtol = m.options[0]
    for g in range(N_GROUPS):
        largest = m.given[run * N_GROUPS + g]
        for i in range(N):
            if m.group[i] == g:
                size = absolute(m.y0[i, lane])
                if size < INFINITY:
                    largest = maximum(largest, size)
        if largest == 0.0:
            largest = 1.0
        for i in range(N):
            if m.group[i] == g:
                size = absolute(m.y0[i, lane])
                scale = largest
                if size > 0.0 and size < INFINITY:
                    scale = size
                scale = maximum(scale, SMALLEST_SCALE)
                atol = m.options[3] * rtol * scale
                if m.options[1] >= 0.0:
                    atol = m.options[1]
                m.atol[i, lane] = atol
                m.lowest[i, lane] = -INFINITY
                if m.watched[i] == 1:
                    m.lowest[i, lane] = -NEGATIVE_TOLERANCES * maximum(
                        atol, NEGATIVE_SHARE * rtol * scale
                    )


# What happens between steps -----------------------------------------------------------------------


def settle(m: Any) -> None:
    """Lanes that have arrived somewhere: all that happens there, until every lane can step."""
    unsettled = 1
    while unsettled == 1:
        busy = 0
        for lane in range(LANES):
            if m.run[lane] >= 0:
                busy += 1
        for lane in range(LANES):
            if m.run[lane] < 0 and m.counters[0] < m.counters[1]:
                if not SHARED or busy == 0:
                    refill(m, lane)
        fresh = 0
        arrived = 0
        for lane in range(LANES):
            if m.fresh[lane] == 1:
                fresh = 1
            if m.fresh[lane] == 1 or m.arrived[lane] == 1:
                arrived = 1
        if fresh == 1:
            begin(m)
        if arrived == 1:
            arrive(m)
        unsettled = 0
        running = 0
        for lane in range(LANES):
            if m.run[lane] >= 0:
                running += 1
            if m.fresh[lane] == 1 or m.arrived[lane] == 1:
                unsettled = 1
        if running == 0 and m.counters[0] < m.counters[1]:
            unsettled = 1
        m.counters[2] = running


def arrive(m: Any) -> None:
    """Doses, switches, events and outputs of lanes that have arrived; then their next aim."""
    if PREPARED:
        model.prepare(m.t, m.p, m.c, m.stops)
    if SCALED_DOSES:
        model.doses(m.t, m.y, m.p, m.factor)
    for lane in range(LANES):
        if m.arrived[lane] == 1:
            treat(m, lane)
    if PREPARED:
        model.prepare(m.t, m.p, m.c, m.stops)
    if N_EVENTS > 0:
        events(m, 1)
    show(m)
    if ON_TIME:
        events(m, 0)
    start = 0
    for lane in range(LANES):
        if m.arrived[lane] == 1:
            m.arrived[lane] = 0
            if m.changed[lane] == 1:
                m.changed[lane] = 0
                m.starting[lane] = 1
                m.h[0, lane] = m.h_start[0, lane]
                m.growth[0, lane] = LARGEST_FACTOR
                if m.h[0, lane] == 0.0:
                    start = 1
            aim_lane(m, lane)
    if start == 1:
        first_step(m)


def treat(m: Any, lane: int) -> None:
    """Entries of the table up to now, in order."""
    going = 1
    while going == 1:
        going = 0
        place = m.dose[lane]
        if place < m.dose_end[lane]:
            if m.table_time[place] <= m.t[0, lane]:
                going = 1
                m.changed[lane] = 1
                m.dose[lane] = place + 1
                kind = m.table_kind[place]
                target = m.table_target[place]
                value = m.table_value[place]
                if kind == ADD:
                    if SCALED_DOSES:
                        value = value * m.factor[target, lane]
                    m.y[target, lane] = m.y[target, lane] + value
                if kind == SET or kind == RATE:
                    m.p[target, lane] = value
                if kind == RESET or kind == SAVE:
                    for i in range(N):
                        m.kept[i, lane] = m.y[i, lane]
                        m.y[i, lane] = m.y0[i, lane]
                    first = 0
                    if kind == SAVE:
                        first = N_SLOTS - N_INFUSED
                    for j in range(first, N_SLOTS):
                        m.p[N_VARIED + j, lane] = m.s0[j, lane]
                if kind == MERGE:
                    for i in range(N):
                        rise = m.kept[i, lane] - m.y0[i, lane]
                        m.y[i, lane] = m.y[i, lane] + rise
                if kind == CYCLE:
                    if steady(m, lane) == 0:
                        m.dose[lane] = place - m.table_jump[place]
                    m.t[0, lane] = value


def steady(m: Any, lane: int) -> int:
    """Whether cycles of doses have come to a steady state; remembers the state for the next.

    The rest is what a geometric series of the changes still adds, in units of the tolerance.
    """
    change = 0.0
    for i in range(N):
        y = m.y[i, lane]
        allowed = m.atol[i, lane] + m.options[0] * absolute(y)
        change = maximum(change, absolute(y - m.cycle[i, lane]) / allowed)
        m.cycle[i, lane] = y
    before = m.change[0, lane]
    m.change[0, lane] = change
    count = m.cycles[lane] + 1
    m.cycles[lane] = count
    done = 0
    if count > 2:
        ratio = change / maximum(before, 1e-300)
        if change == 0.0:
            done = 1
        if ratio < 1.0 and change * ratio < 0.1 * (1.0 - ratio):
            done = 1
    if done == 1:
        m.cycles[lane] = 0
    if count > MOST_CYCLES:
        done = 1
        m.steps[lane] = m.steps[lane] + 1000000000
    return done


def events(m: Any, exact: int) -> None:
    """Events of lanes that have arrived, one at a time, until none is left.

    ``exact`` 1 asks whether conditions hold at this very time, 0 whether just after it.
    """
    again = 1
    rounds = 0
    while again == 1 and rounds < MOST_ROUNDS:
        again = 0
        rounds += 1
        if exact == 1:
            model.triggers_now(m.t, m.y, m.p, m.now)
        else:
            model.triggers(m.t, m.y, m.p, m.c, m.now)
        model.settings(m.t, m.y, m.p, m.setting)
        for lane in range(LANES):
            if m.arrived[lane] == 1:
                again = maximum(again, fire(m, lane))
        if PREPARED:
            model.prepare(m.t, m.p, m.c, m.stops)
    if again == 1:
        for lane in range(LANES):
            if m.arrived[lane] == 1:
                m.steps[lane] = m.steps[lane] + 1000000000


def fire(m: Any, lane: int) -> int:
    """Executes the first pending event of a lane; 1 when there was one.

    An event that is triggered is pending at once, or queued until its delay is over. Of pending
    events the one of the highest priority goes first, then as they stand in the file. Values are
    those of the moment when the event was triggered, if it says so.
    """
    for e in unrolled(range(N_EVENTS)):
        now = m.now[e, lane]
        if now > 0.5 and m.was[e, lane] < 0.5:
            trigger(m, lane, e, EVENTS[e][0], EVENTS[e][1])
        if not EVENTS[e][2]:
            if now < 0.5:
                m.pending[e * LANES + lane] = 0
                for q in range(e * QUEUE, e * QUEUE + QUEUE):
                    m.queue[q, lane] = INFINITY
        m.was[e, lane] = now
        take(m, lane, e, EVENTS[e][0], EVENTS[e][1])
    for e in range(N_EVENTS, N_WATCHED):
        m.was[e, lane] = m.now[e, lane]
    first = -1
    highest = -INFINITY
    for e in range(N_EVENTS):
        if m.pending[e * LANES + lane] == 1:
            priority = m.setting[N_SETTINGS + e, lane]
            if first < 0 or priority > highest:
                first = e
                highest = priority
    for e in unrolled(range(N_EVENTS)):
        if first == e:
            m.pending[e * LANES + lane] = 0
            m.changed[lane] = 1
            for s in unrolled(range(EVENTS[e][0], EVENTS[e][1])):
                value = m.setting[s, lane]
                if EVENTS[e][3]:
                    value = m.saved[s, lane]
                if SETTINGS[s][0] == 0:
                    m.y[SETTINGS[s][1], lane] = value
                else:
                    m.p[SETTINGS[s][1], lane] = value
    fired = 1
    if first < 0:
        fired = 0
    return fired


def trigger(m: Any, lane: int, e: int, begin: int, end: int) -> None:
    """An event becomes pending, or is queued with the values of this moment.

    It is queued while its delay lasts, and while an earlier triggering of it is pending.
    """
    delay = maximum(m.setting[N_SETTINGS + N_EVENTS + e, lane], 0.0)
    if delay > 0.0 or m.pending[e * LANES + lane] == 1:
        place = -1
        for q in range(QUEUE):
            if m.queue[e * QUEUE + q, lane] == INFINITY:
                place = q
        if place < 0:
            m.steps[lane] = m.steps[lane] + 1000000000  # the queue is full
        else:
            m.queue[e * QUEUE + place, lane] = m.t[0, lane] + delay
            for s in range(begin, end):
                m.queued[s * QUEUE + place, lane] = m.setting[s, lane]
    else:
        m.pending[e * LANES + lane] = 1
        for s in range(begin, end):
            m.saved[s, lane] = m.setting[s, lane]


def take(m: Any, lane: int, e: int, begin: int, end: int) -> None:
    """Makes a queued event pending whose delay is over."""
    for q in range(QUEUE):
        if m.pending[e * LANES + lane] == 0 and m.queue[e * QUEUE + q, lane] <= m.t[0, lane]:
            m.pending[e * LANES + lane] = 1
            m.queue[e * QUEUE + q, lane] = INFINITY
            for s in range(begin, end):
                m.saved[s, lane] = m.queued[s * QUEUE + q, lane]


def show(m: Any) -> None:
    """Outputs at the present time of lanes that have arrived."""
    model.observe(m.t, m.y, m.p, m.c, m.obs)
    for lane in range(LANES):
        if m.arrived[lane] == 1 and quiet(m, lane) == 0:
            going = 1
            while going == 1:
                going = 0
                if m.times[m.out[lane]] <= m.t[0, lane]:
                    write(m, lane)
                    going = 1
            if m.out[lane] == m.counters[4]:
                finish(m, lane, OK)


def quiet(m: Any, lane: int) -> int:
    """Whether a lane is on its way to a steady state, which is not shown."""
    result = 0
    if m.dose[lane] < m.dose_end[lane]:
        result = m.table_quiet[m.dose[lane]]
    return result


def write(m: Any, lane: int) -> None:
    """Writes one output of a lane."""
    first = (m.run[lane] * m.counters[4] + m.out[lane]) * N_OBSERVED
    for o in range(N_OBSERVED):
        m.values[first + o] = m.obs[o, lane]
    m.out[lane] = m.out[lane] + 1


def aim_lane(m: Any, lane: int) -> None:
    """Next time at which something happens to a lane, and its next output."""
    stop = INFINITY
    if m.dose[lane] < m.dose_end[lane]:
        stop = m.table_time[m.dose[lane]]
    t = m.t[0, lane]
    for s in range(N_STOPS):
        if m.stops[s, lane] > t:
            stop = minimum(m.stops[s, lane], stop)
    for q in range(N_QUEUED):
        stop = minimum(m.queue[q, lane], stop)
    m.stop[0, lane] = stop
    if stop <= t + (NO_TIME * t + SHORTEST):
        m.t[0, lane] = stop  # too near for a step
        m.arrived[lane] = 1
    m.t_out[0, lane] = INFINITY
    if quiet(m, lane) == 0:
        m.t_out[0, lane] = m.times[m.out[lane]]


def first_step(m: Any) -> None:
    """Size of the first step of lanes that have none.

    E. Hairer, S. P. Nørsett and G. Wanner, Solving Ordinary Differential Equations I (1993), II.4.
    """
    rtol = m.options[0]
    model.rhs(m.t, m.y, m.p, m.c, m.f)
    d0 = everywhere(0.0)
    d1 = everywhere(0.0)
    for i in range(N):
        weight = 1.0 / (m.atol[i] + rtol * absolute(m.y[i]))
        a = m.y[i] * weight
        b = m.f[i] * weight
        d0 = fma(a, a, d0)
        d1 = fma(b, b, d1)
    size = maximum(1.0 * N, 1.0)
    d0 = square_root(d0 / size)
    d1 = square_root(d1 / size)
    h0 = where((d0 > 1e-5) & (d1 > 1e-5), 0.01 * d0 / d1, 1e-6)
    h0 = where(h0 < INFINITY, h0, 1e-6)
    m.ts[0] = m.t[0] + h0
    for i in range(N):
        m.u[i] = fma(h0, m.f[i], m.y[i])
    model.rhs(m.ts, m.u, m.p, m.c, m.b)
    d2 = everywhere(0.0)
    for i in range(N):
        weight = 1.0 / (m.atol[i] + rtol * absolute(m.y[i]))
        a = (m.b[i] - m.f[i]) * weight
        d2 = fma(a, a, d2)
    d2 = square_root(d2 / size) / h0
    steepest = maximum(d1, d2)
    h1 = exponential(logarithm(0.01 / steepest) * (1.0 / ORDER))
    h1 = where(steepest > 1e-15, h1, maximum(h0 * 1e-3, 1e-6))
    h = minimum(100.0 * h0, h1)
    h = where(h > 0.0, h, 1e-6)
    m.first[0] = where(h < INFINITY, h, 1e-6)
    for lane in range(LANES):
        if m.run[lane] >= 0 and m.h[0, lane] == 0.0:
            m.h[0, lane] = m.first[0, lane]


# A step -------------------------------------------------------------------------------------------


def aim(m: Any) -> None:
    """Length of the step of every lane: up to its stop, or half of what is left, or as it was."""
    h = m.h[0]
    left = m.stop[0] - m.t[0]
    lands = left <= h
    h = where(lands, left, where(left < 2.0 * h, 0.5 * left, h))
    if SHARED:
        h = share(m, h)
        lands = left <= h
    m.hh[0] = h
    m.t_new[0] = where(lands, m.stop[0], m.t[0] + h)
    m.lands[0] = where(lands, 1.0, 0.0)


def share(m: Any, h: Vector) -> Vector:
    """The shortest step of all lanes that work, for all of them."""
    shortest = INFINITY
    for lane in range(LANES):
        if m.run[lane] >= 0:
            shortest = minimum(shortest, h[lane])
    return everywhere(shortest)


def stages(m: Any) -> None:
    """One step of the method: new states in ``ynew``, the error in the last stage."""
    h = m.hh[0]
    m.q[0] = 1.0 / h
    m.g[0] = 1.0 / (h * GAMMA)
    if LOOPED:
        model.jacobian(m.t, m.y, m.p, m.c, m.f, m.j, m.dt)
        factorise(m)
    else:
        model.factors(m.t, m.y, m.p, m.c, m.f, m.g, m.lu, m.dt)
    for s in unrolled(range(STAGES)):
        for i in range(N):
            total = everywhere(0.0)
            if s > 0:
                if s <= len(A):
                    u = m.y[i]
                else:
                    u = m.u[i] + m.k[(s - 1) * N + i]
                for j in unrolled(range(s)):
                    if s <= len(A):
                        u = fma(A[s - 1][j], m.k[j * N + i], u)
                    total = fma(C[s - 1][j], m.k[j * N + i], total)
                m.u[i] = u
            m.b[i] = total
        if s > 0:
            m.ts[0] = m.t[0] + TIMES[s] * h
            model.rhs(m.ts, m.u, m.p, m.c, m.f)
        if TIMED and SLOPES[s] != 0.0:
            for i in range(N):
                m.f[i] = fma(h * SLOPES[s], m.dt[i], m.f[i])
        if LOOPED:
            substitute(m, s * N)
        else:
            model.solve(m.lu, m.f, m.q, m.b, part(m.k, s * N))


def factorise(m: Any) -> None:
    """Factors of 1/(hγ) - J by loops over a table, for models whose factors are long.

    ``lu_rows``: for each row the first place of L, the diagonal, and one past the last of U.
    ``lu_column``: the column of each place. A scattered row ``wide`` is updated by the rows above.
    """
    for i in range(N):
        first = m.lu_rows[3 * i]
        middle = m.lu_rows[3 * i + 1]
        last = m.lu_rows[3 * i + 2]
        for q in range(first, last):
            column = m.lu_column[q]
            entry = everywhere(0.0)
            source = m.lu_source[q]
            if source >= 0:
                entry = -m.j[source]
            if column == i:
                entry = entry + m.g[0]
            m.wide[column] = entry
        for q in range(first, middle):
            k = m.lu_column[q]
            weight = m.wide[k] * m.lu[m.lu_rows[3 * k + 1]]
            m.wide[k] = weight
            for r in range(m.lu_rows[3 * k + 1] + 1, m.lu_rows[3 * k + 2]):
                j = m.lu_column[r]
                m.wide[j] = fma(-weight, m.lu[r], m.wide[j])
        for q in range(first, last):
            entry = m.wide[m.lu_column[q]]
            if q == middle:
                entry = 1.0 / entry
            m.lu[q] = entry


def substitute(m: Any, first: int) -> None:
    """Solves with the factors of ``factorise``; ``first`` is the row of ``k`` to write to."""
    for i in range(N):
        x = fma(m.q[0], m.b[m.lu_order[i]], m.f[m.lu_order[i]])
        for q in range(m.lu_rows[3 * i], m.lu_rows[3 * i + 1]):
            x = fma(-m.lu[q], m.wide[m.lu_column[q]], x)
        m.wide[i] = x
    for back in range(N):
        i = N - 1 - back
        x = m.wide[i]
        for q in range(m.lu_rows[3 * i + 1] + 1, m.lu_rows[3 * i + 2]):
            x = fma(-m.lu[q], m.wide[m.lu_column[q]], x)
        x = x * m.lu[m.lu_rows[3 * i + 1]]
        m.wide[i] = x
        m.k[first + m.lu_order[i]] = x


def judge(m: Any) -> None:
    """Accepts the step of each lane or not; events, outputs within it, and the next size."""
    rtol = m.options[0]
    total = everywhere(0.0)
    negative = everywhere(0.0)
    for i in range(N):
        error = m.k[(STAGES - 1) * N + i]
        y = m.y[i]
        new = m.u[i] + error
        m.ynew[i] = new
        weight = m.atol[i] + rtol * maximum(absolute(y), absolute(new))
        ratio = error / weight
        total = fma(ratio, ratio, total)
        if WATCHED:
            negative = where(new < m.lowest[i], 1.0, negative)
    error = square_root(total / maximum(1.0 * N, 1.0))
    if SHARED:
        error = worst(m, error)
    works = m.working[0] > 0.5
    small = error <= 1.0
    good = works & small & (negative < 0.5)
    if N_BASES > 0:
        good = within_domain(m, good)
    if SHARED:
        if any_lane(works & ~good):
            good = works & ~works
    # A step so short that time stands still leads nowhere.
    stuck = works & (m.t_new[0] <= m.t[0])
    if LOCATES:
        m.good[0] = where(good, 1.0, 0.0)
        locate(m)
        good = good & (m.good[0] > 0.5)
    m.accepted[0] = where(good, 1.0, 0.0)
    show_within(m)
    for i in range(N):
        m.y[i] = where(good, m.ynew[i], m.y[i])
    m.t[0] = where(good, m.t_new[0], m.t[0])
    m.error[0] = error
    m.factor_h[0] = SAFETY * exponential(logarithm(maximum(error, 1e-12)) * (-1.0 / ORDER))
    for lane in range(LANES):
        if m.run[lane] >= 0:
            after(m, lane, negative[lane] > 0.5, stuck[lane])


def within_domain(m: Any, good: Mask) -> Mask:
    """Leaves out lanes in which the root, logarithm or broken power of a negative number is taken.

    Below 0 by less than the tolerance, measured by what the number has been, is 0.
    """
    model.bases(m.t_new, m.ynew, m.p, m.c, m.base)
    allowed = -OUTSIDE_TOLERANCES * m.options[0]
    outside = everywhere(0.0)
    for e in range(N_BASES):
        base = m.base[e]
        highest = maximum(m.highest[e], absolute(base))
        outside = where(base < allowed * highest, 1.0, outside)
    good = good & (outside < 0.5)
    for e in range(N_BASES):
        highest = maximum(m.highest[e], absolute(m.base[e]))
        m.highest[e] = where(good, highest, m.highest[e])
    m.outside[0] = outside
    return good


def worst(m: Any, error: Vector) -> Vector:
    """The largest error of all lanes that work, for all of them."""
    largest = 0.0
    for lane in range(LANES):
        if m.run[lane] >= 0:
            largest = where(error[lane] <= largest, largest, error[lane])
    return everywhere(largest)


def after(m: Any, lane: int, negative: Truth, stuck: Truth) -> None:
    """Size of the next step of a lane, and what else follows from the last."""
    m.steps[lane] = m.steps[lane] + 1
    error = m.error[0, lane]
    factor = m.factor_h[0, lane]
    tried = m.hh[0, lane]
    if m.accepted[0, lane] > 0.5:
        factor = maximum(minimum(factor, m.growth[0, lane]), SMALLEST_FACTOR)
        m.growth[0, lane] = LARGEST_FACTOR
        # A step shortened for a stop says little about the size that would do.
        wanted = maximum(tried, m.h[0, lane])
        m.h[0, lane] = maximum(factor * tried, where(tried < wanted, wanted, 0.0))
        if m.starting[lane] == 1:
            m.starting[lane] = 0
            m.h_start[0, lane] = wanted
        if m.lands[0, lane] > 0.5 or m.cut[lane] == 2:
            m.arrived[lane] = 1
            m.cut[lane] = 0
        if m.out[lane] == m.counters[4] and m.arrived[lane] == 0:
            finish(m, lane, OK)
        elif stuck:
            finish(m, lane, STEP_UNDERFLOW)
    elif m.cut[lane] == 3:
        # Not wrong, but past an event: ``locate`` has set the size.
        m.cut[lane] = 1
        m.h[0, lane] = m.h_cut[0, lane]
    else:
        m.rejections[lane] = m.rejections[lane] + 1
        reason = STEP_UNDERFLOW
        if negative:
            factor = 0.25
            reason = NEGATIVE_STATE
        if not error < INFINITY:
            factor = 0.25
            reason = trouble(m, lane)
        m.cut[lane] = 0
        m.growth[0, lane] = 1.0
        m.h[0, lane] = tried * minimum(maximum(factor, SMALLEST_FACTOR), 0.9)
        short = m.t[0, lane] + m.h[0, lane] <= m.t[0, lane]
        if short or stuck or m.h[0, lane] < SHORTEST:
            finish(m, lane, reason)
    if m.run[lane] >= 0 and m.fresh[lane] == 0:
        if as_float(m.steps[lane]) > m.options[2]:
            finish(m, lane, TOO_MANY_STEPS)


def trouble(m: Any, lane: int) -> int:
    """Why a step has no finite error: a pivot of the factors, or the model's own numbers."""
    reason = BAD_PIVOT
    for i in range(N):
        if not absolute(m.f[i, lane]) < INFINITY:
            reason = NON_FINITE
        if not absolute(m.y[i, lane]) < INFINITY:
            reason = NON_FINITE
    return reason


# Within a step ------------------------------------------------------------------------------------


def between(m: Any, theta: Vector, i: int) -> Vector:
    """State i at the share theta of the step, by the method's interpolant."""
    q1 = everywhere(0.0)
    q2 = everywhere(0.0)
    q3 = everywhere(0.0)
    for j in unrolled(range(STAGES)):
        k = m.k[j * N + i]
        if DENSE[0][j] != 0.0:
            q1 = fma(DENSE[0][j], k, q1)
        if DENSE[1][j] != 0.0:
            q2 = fma(DENSE[1][j], k, q2)
        if DENSE[2][j] != 0.0:
            q3 = fma(DENSE[2][j], k, q3)
    rest = 1.0 - theta
    bent = fma(theta, fma(theta, q3, q2), q1)
    return fma(theta, fma(rest, bent, m.ynew[i]), rest * m.y[i])


def show_within(m: Any) -> None:
    """Outputs before the end of the steps that were accepted."""
    going = 1
    while going == 1:
        going = 0
        ends = where(m.lands[0] > 0.5, m.t_out[0] < m.t_new[0], m.t_out[0] <= m.t_new[0])
        if LOCATES:
            # An output as near to an event as it is located comes after it.
            margin = 2.0 * LOCATED * maximum(absolute(m.t[0]), m.hh[0])
            ends = where(m.fires[0] > 0.5, m.t_out[0] < m.t_new[0] - margin, ends)
        due = ends & (m.accepted[0] > 0.5)
        if any_lane(due):
            going = 1
            theta = (m.t_out[0] - m.t[0]) / m.hh[0]
            theta = where(due, theta, 0.0)
            m.ts[0] = where(due, m.t_out[0], m.t[0])
            for q in range(N_NEEDED):
                i = m.needed[q]
                m.at[i] = between(m, theta, i)
            model.observe(m.ts, m.at, m.p, m.c, m.obs)
            for lane in range(LANES):
                if due[lane]:
                    write(m, lane)
                    m.t_out[0, lane] = m.times[m.out[lane]]


def rises(m: Any) -> Mask:
    """Lanes in which a trigger, evaluated in ``now``, has become true, or a comparison changed."""
    found = everywhere(0.0)
    for e in range(N_EVENTS):
        found = where((m.now[e] > 0.5) & (m.was[e] < 0.5), 1.0, found)
    for e in range(N_EVENTS, N_WATCHED):
        found = where(absolute(m.now[e] - m.was[e]) > 0.5, 1.0, found)
    return found > 0.5


def triggers_at(m: Any, theta: Vector) -> None:
    """Triggers at the share theta of the step, into ``now``."""
    m.ts[0] = fma(theta, m.hh[0], m.t[0])
    for q in range(N_LOOKED):
        i = m.looked[q]
        m.at[i] = between(m, theta, i)
    model.triggers(m.ts, m.at, m.p, m.c, m.now)


def locate(m: Any) -> None:
    """Looks for triggers that become true within the step; cuts it there.

    Three times within the step and its end are looked at, then the first stretch in which a
    trigger rises is bisected. ``cut``: 3, the step is to be redone up to that instant; 1, it is
    being redone; 2, an event happens at its end.
    """
    theta = everywhere(0.0)
    low = theta
    high = theta + 2.0
    for quarter in range(1, 5):
        here = theta + 0.25 * as_float(quarter)
        if quarter < 4:
            triggers_at(m, here)
        else:
            model.triggers(m.t_new, m.ynew, m.p, m.c, m.now)
        first = rises(m) & (high > 1.5)
        low = where(first, here - 0.25, low)
        high = where(first, here, high)
    for e in range(N_EVENTS):
        # A trigger that has become false can rise again.
        fallen = (m.good[0] > 0.5) & (high > 1.5) & (m.now[e] < 0.5)
        m.was[e] = where(fallen, 0.0, m.was[e])
    found = (high < 1.5) & (m.good[0] > 0.5)
    if any_lane(found):
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            triggers_at(m, middle)
            up = rises(m)
            high = where(up, middle, high)
            low = where(up, low, middle)
        for lane in range(LANES):
            if found[lane]:
                length = high[lane] * m.hh[0, lane]
                shortest = LOCATED * maximum(absolute(m.t[0, lane]), m.hh[0, lane])
                redo = m.hh[0, lane] - length > shortest
                if m.cut[lane] == 1 or not redo:
                    m.cut[lane] = 2
                else:
                    m.cut[lane] = 3
                    m.h_cut[0, lane] = maximum(length, shortest)
                    m.good[0, lane] = 0.0
    for lane in range(LANES):
        if m.good[0, lane] > 0.5 and m.cut[lane] == 1:
            m.cut[lane] = 0
        m.fires[0, lane] = 0.0
        if m.cut[lane] == 2:
            m.fires[0, lane] = 1.0
