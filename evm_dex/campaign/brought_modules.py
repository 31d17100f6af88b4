"""Modules of a campaign's directory, brought to workers that have another or none."""

from __future__ import annotations

import hashlib
import importlib
import io
import sys
import zipfile
from pathlib import Path

from distributed import Worker, WorkerPlugin

from evm_dex.campaign.scenario import ScenarioError

_INSTALLED = frozenset(("evm_dex", "checkpoint", "precompiles"))
"""Packages of the program, which a worker has of the same version."""
_MOST_BYTES = 64 * 2**20
_there: dict[str, str] = {}
"""Digests of the modules that were brought to this worker, by the name of what was wanted."""


class BroughtModules(WorkerPlugin):  # type: ignore[misc]  # distributed has no types
    """Modules and packages as they lie in a directory, unpacked and imported where a worker is."""

    def __init__(self, module: str, zipped: bytes, names: tuple[str, ...]) -> None:
        """Bring what is zipped; `module` is imported in the end, `names` are those of all."""
        self.module = module
        self.digest = hashlib.sha256(zipped).hexdigest()
        self.name = f"evm-dex-{module}"
        self._zipped = zipped
        self._names = frozenset(names)

    def setup(self, worker: Worker) -> None:
        """Unpack and import. Raises whatever the module raises."""
        _there.pop(self.module, None)
        directory = Path(worker.local_directory) / f"evm-dex-{self.digest[:16]}"
        with zipfile.ZipFile(io.BytesIO(self._zipped)) as packed:
            packed.extractall(directory)
        for name in [name for name in sys.modules if name.partition(".")[0] in self._names]:
            del sys.modules[name]  # as it was, or as another campaign has it
        if str(directory) in sys.path:
            sys.path.remove(str(directory))
        sys.path.insert(0, str(directory))
        importlib.invalidate_caches()
        importlib.import_module(self.module)
        _there[self.module] = self.digest


def gathered(module: str, directory: Path) -> BroughtModules | None:
    """Gather a module with all that it has imported from a directory; None where it is elsewhere.

    Of a package everything is taken but hidden files. Raises ScenarioError for too much.
    """
    found = {name: at for name in _top_names() if (at := _in_directory(name, directory))}
    wanted = module.partition(".")[0]
    if wanted not in found:
        return None
    packed, size = io.BytesIO(), 0
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name in sorted(found):
            for path in _files(found[name]):
                size += path.stat().st_size
                if size > _MOST_BYTES:
                    raise ScenarioError(
                        f"{found[name]} can't be brought to workers: it has more than "
                        f"{_MOST_BYTES >> 20} MiB; install it there, or keep its data elsewhere"
                    )
                # Without its time, so that the same files are the same bytes.
                entry = zipfile.ZipInfo(path.relative_to(directory).as_posix())
                file.writestr(entry, path.read_bytes())
    return BroughtModules(module, packed.getvalue(), tuple(found))


def check_brought(module: str, digest: str) -> None:
    """Raise ScenarioError where this worker has not what a campaign has brought."""
    if _there.get(module) != digest:
        raise ScenarioError(
            f"a worker has another {module} than was brought, or could not import it: campaigns "
            "that share a scheduler need modules of different names"
        )


def _top_names() -> set[str]:
    return {name.partition(".")[0] for name in tuple(sys.modules)} - _INSTALLED


def _in_directory(name: str, directory: Path) -> Path | None:
    """Return where a module or package lies in a directory; None if it came from elsewhere."""
    module = sys.modules.get(name)
    came_from = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    for path in (directory / name, directory / f"{name}.py"):
        inside = (path, path / "__init__.py")
        if any(each is not None and Path(each) in inside for each in came_from):
            return path
    return None


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(
        file
        for file in path.rglob("*")
        if file.is_file()
        and not any(
            part.startswith(".") or part in ("__pycache__", "node_modules")
            for part in file.relative_to(path).parts
        )
    )
