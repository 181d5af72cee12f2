"""Machine code of a model, kept on disk so that the next process starts at once.

What is kept is an object file and the plan that belongs to it, under a name made of all that they
depend on: the engine's own source, the model, what varies, the processor. Both are checked against
a digest before they are used; anything amiss, and the code is simply made again.

``EXOCAST_CACHE`` names the folder; ``off`` keeps nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import marshal
import os
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exocast.engine.batch.plan import Plan
from exocast.errors import UnsupportedModel

if TYPE_CHECKING:
    from exocast.engine.batch.build import Built

ENTRY = "drive"
MOST_KEPT = 256  # files; the oldest are removed
# Neither passes nor a high level of the code generator: the graph has done their work.
CODE_LEVEL = 1
# Its work grows faster than the text; of a long one, registers are given out the quick way.
LONGEST_CAREFUL = 15_000  # lines
LONGEST_TEXT = 200_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Machine:
    """Plan and entry point of a model; ``engine`` owns the code."""

    plan: Plan
    entry: Callable[[int, int], None]
    engine: Any


@functools.cache
def _backend() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def lanes_here() -> int:
    """How many runs side by side: two registers to a vector without AVX-512, one with it."""
    return 8 if "+avx512f" in processor()[1].split(",") else 4


@functools.cache
def processor() -> tuple[str, str]:
    """Name and features of the processor, as the code generator calls them."""
    llvm = _backend()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _target(features: str | None, level: int = CODE_LEVEL) -> Any:
    """A code generator; an engine that is given one owns it, so each has its own."""
    llvm = _backend()
    name, own = processor()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=name,
        features=own if features is None else f"{own},{features}",
        opt=level,
        jit=True,
    )


def objects_of(built: Built, features: str | None = None) -> tuple[bytes, bytes]:
    """Object code of the model's functions and of the loop over steps.

    LLVM works on the first while Python, whose lock it leaves, writes the text of the second.

    Parameters
    ----------
    features
        Of the processor, switched on or off (``-avx512f``).

    Raises
    ------
    UnsupportedModel
        When it would take minutes to make.
    """
    from exocast.engine.batch.build import text_of_driver, text_of_model

    llvm = _backend()
    text = text_of_model(built)
    lines = text.count("\n")
    if lines > LONGEST_TEXT:
        raise UnsupportedModel(
            f"it comes to {lines} lines of code, which is too much for the batched engine.",
            where="model",
        )
    # The scheduler takes a fifth of the time and gains a few per cent: what it would put apart, the
    # processor finds by itself. The option is the process's, so it is put back.
    llvm.set_option("", "-enable-misched=false")
    try:
        first = _Emission(text, features)
        first.start()
        second = _Emission(text_of_driver(built), features)
        second.run()
        first.join()
    finally:
        llvm.set_option("", "-enable-misched=true")
    return first.result(), second.result()


class _Emission(threading.Thread):
    """Object code of a text, made in a thread or, by ``run``, at once."""

    def __init__(self, text: str, features: str | None) -> None:
        super().__init__()
        self._text, self._features = text, features
        self._made: bytes | Exception | None = None

    def run(self) -> None:
        level = CODE_LEVEL if self._text.count("\n") <= LONGEST_CAREFUL else 0
        try:
            llvm = _backend()
            # Modules of one context cannot be made by two threads.
            module = llvm.parse_assembly(self._text, context=llvm.create_context())
            module.triple = llvm.get_default_triple()
            self._made = _target(self._features, level).emit_object(module)
        except Exception as e:  # noqa: BLE001 - raised where the result is asked for
            self._made = e

    def result(self) -> bytes:
        if isinstance(self._made, Exception):
            raise self._made
        assert self._made is not None
        return self._made


def loaded(plan: Plan, codes: Iterable[bytes]) -> Machine:
    """A machine from object code."""
    llvm = _backend()
    empty = llvm.parse_assembly("")
    empty.triple = llvm.get_default_triple()
    engine = llvm.create_mcjit_compiler(empty, _target(None))
    for code in codes:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(ENTRY)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(address)
    return Machine(plan=plan, entry=call, engine=engine)


def machine_of(key: str, make: Callable[[], Built]) -> Machine:
    """The machine for a key, from the cache where it is there.

    Parameters
    ----------
    key
        All that the result depends on beside engine and processor.
    make
        Builds the model when the cache has nothing.
    """
    place = _place(key)
    if place is not None:
        stored = _read(place)
        if stored is not None:
            return loaded(*stored)
    built = make()
    codes = objects_of(built)
    if place is not None:
        _write(place, built.plan, codes)
    return loaded(built.plan, codes)


@functools.cache
def _own_digest() -> bytes:
    """Digest of the engine's source: a change of it makes all code anew."""
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.digest()


def _place(key: str) -> Path | None:
    chosen = os.environ.get("EXOCAST_CACHE")
    if chosen == "off":
        return None
    if chosen:
        folder = Path(chosen)
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "exocast"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "exocast"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "exocast"
    digest = hashlib.blake2b(_own_digest(), digest_size=20)
    version = f"{sys.implementation.cache_tag} {_backend().__name__} {_version()}"
    for part in (key, *processor(), version):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return folder / "engine" / digest.hexdigest()


def _version() -> str:
    import llvmlite

    return str(llvmlite.__version__)


def _read(place: Path) -> tuple[Plan, tuple[bytes, ...]] | None:
    try:
        content = place.read_bytes()
    except OSError:
        return None
    digest, body = content[:16], content[16:]
    if hashlib.blake2b(body, digest_size=16).digest() != digest:
        return None
    try:
        described, codes = marshal.loads(body)  # noqa: S302 - behind a digest of ours
        return Plan(**described), codes
    except (ValueError, TypeError, EOFError):
        return None


def _write(place: Path, plan: Plan, codes: tuple[bytes, ...]) -> None:
    """Keeps code; a folder that cannot be written to is no reason to stop."""
    import tempfile

    body = marshal.dumps((asdict(plan), codes))
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
            file.write(hashlib.blake2b(body, digest_size=16).digest() + body)
        Path(file.name).replace(place)
        kept = sorted(place.parent.iterdir(), key=lambda p: p.stat().st_mtime)
        for old in kept[:-MOST_KEPT]:
            old.unlink(missing_ok=True)
