"""The shape of the tree: who may import whom, and what source may not contain.

Each rule is a function from a module's path and syntax tree to its violations; each is held
against the tree, and against a snippet that breaks it.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("precompiles", "checkpoint", "evm_dex")

# What a call into an exchange goes through, in order: each may import those before it.
CALL = (
    "precompiles.types", "precompiles.abi", "precompiles.errors", "precompiles.context",
    "precompiles.tokens", "precompiles.engine", "precompiles.ledger", "precompiles.execution",
    "precompiles.precompile", "precompiles.orders",
)  # fmt: skip

# A store, whatever it is kept on; and what is made of stores, on which archives stand.
STORE = (
    "checkpoint.block_record", "checkpoint.chain_identity", "checkpoint.commit_marker",
    "checkpoint.errors", "checkpoint.families", "checkpoint.head", "checkpoint.head_checks",
    "checkpoint.layout", "checkpoint.lock", "checkpoint.manifest", "checkpoint.record_codec",
    "checkpoint.store", "checkpoint.store_batch", "checkpoint.trie",
    "precompiles.ledger", "precompiles.types",
)  # fmt: skip
CHECKPOINTS = (
    "checkpoint.atomic_directory", "checkpoint.deep_verify", "checkpoint.manager",
    "checkpoint.metrics", "checkpoint.restore", "checkpoint.retention",
    "checkpoint.snapshot_source", "checkpoint.verify",
)  # fmt: skip

# The rooms of evm_dex, in order of dependence: each may import those before it.
ROOMS = (
    "evm_dex.errors", "evm_dex.blocks", "evm_dex.abi", "evm_dex.evm", "evm_dex.sources",
    "evm_dex.origin", "evm_dex.orderlog", "evm_dex.chain", "evm_dex.market", "evm_dex.client",
    "evm_dex.coverage", "evm_dex.campaign", "evm_dex.http", "evm_dex.history", "evm_dex.node",
    "evm_dex.follower", "evm_dex.hyperliquid",
    "evm_dex.validator", "evm_dex.tester", "evm_dex.terminal", "evm_dex.replay", "evm_dex.cli",
)  # fmt: skip
BELOW = {room: (*ROOMS[: at + 1], "checkpoint", "precompiles") for at, room in enumerate(ROOMS)}

# A module may import what its own row names; the longest matching prefix decides.
MAY_IMPORT = {
    **{room: CALL[: at + 1] for at, room in enumerate(CALL)},
    "precompiles.engine": ("precompiles.engine", "precompiles.types"),
    "precompiles.ledger": ("precompiles.ledger", "precompiles.engine", "precompiles.types"),
    # Neither exchange knows the other.
    "precompiles.spot": (*CALL, "precompiles.spot"),
    "precompiles.perp": (*CALL, "precompiles.perp"),
    "precompiles.hyper": (*CALL, "precompiles.spot", "precompiles.perp", "precompiles.hyper"),
    "precompiles": ("precompiles",),
    "checkpoint.trie": ("checkpoint.trie", "checkpoint.errors", "checkpoint.families"),
    "checkpoint.rocks": (*STORE, "checkpoint.rocks"),
    "checkpoint.archive": (*STORE, *CHECKPOINTS, "checkpoint.rocks", "checkpoint.archive"),
    "checkpoint": (*STORE, *CHECKPOINTS, "checkpoint.rocks"),
    **BELOW,
    # A Python user's view of the node and the tester, which stand on the client.
    "evm_dex.pytest_reports": ("evm_dex", "checkpoint", "precompiles"),
    "evm_dex.pytest_plugin": ("evm_dex", "checkpoint", "precompiles"),
    # Exchanges without a chain of ours, in titanoboa's EVM.
    "evm_dex.boa": ("evm_dex", "checkpoint", "precompiles"),
    "evm_dex": ("evm_dex",),
}
ONLY_IMPORTED_BY = {
    "eth": ("evm_dex.blocks", "evm_dex.evm", "evm_dex.chain"),
    "distributed": (
        "evm_dex.campaign.brought_modules",
        "evm_dex.campaign.campaign",
        "evm_dex.cli.campaign_command",
    ),
    "pyarrow": ("evm_dex.campaign.results_file",),
    "rocksdict": ("checkpoint.rocks",),
    "eth_abi": ("evm_dex",),
    "google": ("evm_dex.validator",),
    "sortedcontainers": ("precompiles.engine", "precompiles.ledger", "checkpoint"),
}
PARTS_OF_THE_CHAIN = {"chain", "ledger", "mempool", "outbox", "perp", "settings", "state"}
NOT_IN_PRECOMPILES = {
    "time", "random", "os", "logging", "datetime", "secrets", "pathlib", "socket", "threading",
}  # fmt: skip
MAX_LINES = 400

# Names that stand twice on purpose, because both mean the same thing.
_BOTH_EXCHANGES = "spot and perp have the same parts, under the same names"
MIRRORED_FILES = {
    "addresses.py": "evm_dex.addresses is the documented name of what evm_dex.blocks.addresses has",
    "errors.py": "each package's errors",
    "events.py": _BOTH_EXCHANGES,
    "markets.py": _BOTH_EXCHANGES,
    "orders.py": _BOTH_EXCHANGES,
    "placing.py": _BOTH_EXCHANGES,
    "records.py": _BOTH_EXCHANGES,
    "tables.py": _BOTH_EXCHANGES,
}
_STORED_AND_SHOWN = "as a block keeps it, and as a Python user is shown it"
_NEED_AND_THING = "what one package needs of it, as a protocol, and the thing itself in another"
MIRRORED_CLASSES = {
    "Account": "an account as a user holds it, and its record in the state trie",
    "Event": "an event as it is declared, and as it is read from a log",
    "Log": _STORED_AND_SHOWN,
    "MarketListed": _BOTH_EXCHANGES,
    "OrderPlaced": _BOTH_EXCHANGES,
    "OrderRequest": _BOTH_EXCHANGES,
    "Outcome": "what came of something that ran without an EVM",
    "Precompile": _NEED_AND_THING,
    "Precompiles": _NEED_AND_THING,
    "Receipt": _STORED_AND_SHOWN,
    "UnknownBlock": "no such block, of the chain and of the store",
}

Rule = Callable[[str, ast.AST], Iterator[str]]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.lineno, node.module or ""


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def layers_run_one_way(module: str, tree: ast.AST) -> Iterator[str]:
    home = max((row for row in MAY_IMPORT if within(module, (row,))), key=len)
    for line, name in imports(tree):
        if name == "evm_dex" and home in ROOMS[ROOMS.index("evm_dex.client") :]:
            continue  # the public names, which load the client when they are used
        if within(name, PACKAGES) and not within(name, MAY_IMPORT[home]):
            yield f"{module}:{line} may not import {name}"


def libraries_have_one_home(module: str, tree: ast.AST) -> Iterator[str]:
    for line, name in imports(tree):
        homes = ONLY_IMPORTED_BY.get(name.split(".")[0])
        if homes is not None and not within(module, homes):
            yield f"{module}:{line} may not import {name}"


def precompiles_know_no_world(module: str, tree: ast.AST) -> Iterator[str]:
    if not within(module, ("precompiles",)):
        return
    for line, name in imports(tree):
        if name.split(".")[0] in NOT_IN_PRECOMPILES:
            yield f"{module}:{line} imports {name}"


def precompiles_use_integers_only(module: str, tree: ast.AST) -> Iterator[str]:
    if not within(module, ("precompiles",)):
        return
    for node in nodes(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{module}:{node.lineno} has a float"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"{module}:{node.lineno} divides inexactly"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield f"{module}:{node.lineno} names float"


def only_the_chain_changes_the_chain(module: str, tree: ast.AST) -> Iterator[str]:
    """Others call its operations; they assign none of its attributes, nor those of its parts."""
    if not within(module, ("evm_dex.pytest_plugin", *ROOMS[ROOMS.index("evm_dex.client") :])):
        return
    for node in nodes(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            owner = node.value
            if isinstance(node, ast.Subscript) and isinstance(owner, ast.Attribute):
                owner = owner.value
            name = getattr(owner, "attr", getattr(owner, "id", ""))
            if name.strip("_") in PARTS_OF_THE_CHAIN:
                yield f"{module}:{node.lineno} assigns to a part of {name}"


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def attributes_written(tree: ast.AST) -> Iterator[ast.Attribute]:
    for node in nodes(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield node


def attributes_declared(tree: ast.AST) -> set[str]:
    """Attributes that the classes of a module have."""
    annotated = {
        node.target.id
        for node in nodes(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    own = {node.attr for node in attributes_written(tree) if is_self(node.value)}
    return annotated | own


@cache
def attributes_of_all() -> tuple[set[str], set[str]]:
    """Attributes that classes of the three packages have, and those that have a setter."""
    trees = [parsed(path) for path in source_files()]
    setters = {
        node.name
        for tree in trees
        for node in nodes(tree)
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(decorator).endswith(".setter") for decorator in node.decorator_list)
    }
    return set().union(*map(attributes_declared, trees)), setters


def state_is_written_by_its_own_module(module: str, tree: ast.AST) -> Iterator[str]:
    """From the order log up; below, py-evm's objects are written as it writes them itself."""
    if not within(module, ("evm_dex.pytest_plugin", *ROOMS[ROOMS.index("evm_dex.orderlog") :])):
        return
    declared, setters = attributes_of_all()
    foreign = declared - setters - attributes_declared(tree)
    for node in attributes_written(tree):
        if node.attr in foreign:
            yield f"{module}:{node.lineno} assigns {ast.unparse(node)}"


RULES: tuple[tuple[Rule, str, str], ...] = (
    (layers_run_one_way, "precompiles.engine.book", "from precompiles.ledger.ledger import Ledger"),
    (layers_run_one_way, "checkpoint.rocks", "import evm_dex"),
    (layers_run_one_way, "checkpoint.trie.walk", "from checkpoint.store import Store"),
    (
        layers_run_one_way,
        "checkpoint.rocks.database",
        "import checkpoint.manager",
    ),
    (layers_run_one_way, "precompiles.perp.fills", "from precompiles.spot import orders"),
    (layers_run_one_way, "precompiles.orders.lifecycle", "from precompiles.spot import orders"),
    (layers_run_one_way, "evm_dex.chain.chain", "from evm_dex.client.dex import Dex"),
    (layers_run_one_way, "evm_dex.node.node", "from evm_dex.tester import Backend"),
    (only_the_chain_changes_the_chain, "evm_dex.node.node", "node.chain.interval = 5"),
    (only_the_chain_changes_the_chain, "evm_dex.tester", "self._chain.automine = False"),
    (only_the_chain_changes_the_chain, "evm_dex.client.dex", "chain.listeners[:] = ()"),
    (only_the_chain_changes_the_chain, "evm_dex.node", "chain.ledger.perp.clock += 1"),
    (only_the_chain_changes_the_chain, "evm_dex.node", "del chain.mempool.waiting"),
    (state_is_written_by_its_own_module, "evm_dex.node.methods.anvil", "node._min_gas_price = 1"),
    (state_is_written_by_its_own_module, "evm_dex.history.service", "consumer._on_applied = wake"),
    (libraries_have_one_home, "evm_dex.cli", "from eth.vm import forks"),
    (libraries_have_one_home, "checkpoint.manager", "import rocksdict"),
    (precompiles_know_no_world, "precompiles.spot.placing", "import time"),
    (precompiles_use_integers_only, "precompiles.engine.amounts", "x = 1 / 2"),
    (precompiles_use_integers_only, "precompiles.engine.amounts", "x = 0.5"),
    (precompiles_use_integers_only, "precompiles.engine.amounts", "x /= 2"),
    (precompiles_use_integers_only, "precompiles.engine.amounts", "x = float(1)"),
)


def source_files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _, _ in RULES))
def test_the_tree_keeps_the_rule(rule: Rule) -> None:
    violations = [
        violation for path in source_files() for violation in rule(module_name(path), parsed(path))
    ]
    assert violations == []


@pytest.mark.parametrize(("rule", "module", "snippet"), RULES)
def test_the_rule_sees_what_breaks_it(rule: Rule, module: str, snippet: str) -> None:
    assert list(rule(module, ast.parse(snippet)))


def too_long(text: str) -> bool:
    return len(text.splitlines()) > MAX_LINES


def import_graph() -> dict[str, set[str]]:
    """Modules by what they import, `TYPE_CHECKING` blocks included."""
    modules = {module_name(path): path for path in source_files()}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        targets = graph.setdefault(module, set())
        for node in nodes(parsed(path)):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names} & modules.keys()
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inside = f"{node.module}.{alias.name}"
                    targets |= {inside if inside in modules else node.module} & modules.keys()
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for target in sorted(graph[module]):
            if target not in order:
                visit(target)
            if target in stack:
                low[module] = min(low[module], low[target])
        if low[module] == order[module]:
            at = stack.index(module)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(graph):
        if module not in order:
            visit(module)
    return found


def test_no_modules_import_each_other() -> None:
    assert circles(import_graph()) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


def test_every_room_has_its_place_a_sentence_and_tests() -> None:
    """A place in the order of dependence and in ARCHITECTURE, a summary, and a folder of tests."""
    rooms = [path.parent for path in (ROOT / "evm_dex").glob("*/__init__.py")]
    places = {room.name: f"evm_dex.{room.name}" for room in rooms}
    assert set(places.values()) == {room for room in ROOMS if room != "evm_dex.errors"}
    described = (ROOT / "docs" / "ARCHITECTURE.md").read_text().split("\nevm_dex/ ")[1]
    lines = [described.find(f"\n  {room.rpartition('.')[2]}/ ") for room in ROOMS[1:]]
    assert -1 not in lines
    assert lines == sorted(lines)
    for room in rooms:
        assert (ROOT / "tests" / room.name / "__init__.py").is_file(), room.name
    for path in source_files():
        if path.name == "__init__.py":
            summary = (ast.get_docstring(parsed(path)) or "").partition("\n\n")[0]
            assert summary.endswith("."), path


def test_docs_name_files_that_are_there() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    there = {Path(name).name for name in listed.stdout.split("\n")} | {"web3.py"}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        named = set(re.findall(r"[A-Za-z_0-9]+\.py\b", page.read_text()))
        assert named - there == set(), page.name


def test_no_file_name_means_two_things() -> None:
    places: dict[str, set[str]] = {}
    for path in source_files():
        if path.name != "__init__.py":
            places.setdefault(path.name, set()).add(str(path.parent.relative_to(ROOT)))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in MIRRORED_FILES} == {}
    assert MIRRORED_FILES.keys() <= twice.keys(), "what is there once is no exception"


def test_no_class_name_means_two_things() -> None:
    places: dict[str, set[str]] = {}
    for path in source_files():
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(module_name(path))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in MIRRORED_CLASSES} == {}
    assert MIRRORED_CLASSES.keys() <= twice.keys(), "what is there once is no exception"


def test_no_source_file_is_a_god_file() -> None:
    assert source_files()
    assert [str(path) for path in source_files() if too_long(path.read_text())] == []
    assert too_long("line\n" * (MAX_LINES + 1))
    assert not too_long("line\n" * MAX_LINES)


def unexplained_exceptions(text: str) -> list[str]:
    """Lines that switch a check off without saying why behind it."""
    marker = re.compile(r"#\s*(noqa|type: ignore|pragma)\b(:?\s*[A-Z0-9, ]+\b|\[[a-z, -]+\])?(.*)")
    return [
        line
        for line in text.splitlines()
        if (found := marker.search(line)) and len(found.group(3).strip(" -#")) < 8
    ]


def test_every_exception_to_a_check_says_why() -> None:
    others = [path for name in ("benchmarks", "tests") for path in (ROOT / name).rglob("*.py")]
    files = [*source_files(), *sorted(path for path in others if path != Path(__file__))]
    assert {str(p): lines for p in files if (lines := unexplained_exceptions(p.read_text()))} == {}
    assert unexplained_exceptions("import x  # noqa: F401")
    assert unexplained_exceptions("x = y  # type: ignore[arg-type]")
    assert not unexplained_exceptions("x = y  # noqa: A001 - the name users expect")


# In parts, so that this file does not name them itself.
HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "yarnpkg" + ".com")
MACHINE_PATHS = ("/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/", "/wo" + "rk/", "/tm" + "p/w")


def machine_words(text: str) -> list[str]:
    return [word for word in HOSTS + MACHINE_PATHS if word in text]


def test_committed_text_names_no_machine_and_no_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    named = [
        f"{name}: {word}"
        for name in listed.stdout.split("\0")
        if name and (ROOT / name).is_file()
        for word in machine_words((ROOT / name).read_text(errors="replace"))
    ]
    assert named == []
    assert all(machine_words(f"see {word}x") == [word] for word in HOSTS + MACHINE_PATHS)


def test_locks_pin_names_and_hashes_but_no_place() -> None:
    """Whoever installs chooses where from."""
    for name in ("requirements.lock", ".ci/node.lock"):
        python_lock = (ROOT / name).read_text()
        assert "--hash=sha256:" in python_lock
        assert not re.search(r"://|--index-url|--extra-index-url|--find-links", python_lock)
    for project in ("contracts", "tests/clients"):
        npm_lock = json.loads((ROOT / project / "package-lock.json").read_text())
        itself, *packages = npm_lock["packages"].values()
        asked_for = json.loads((ROOT / project / "package.json").read_text())
        assert itself["devDependencies"] == asked_for["devDependencies"]
        assert packages
        assert all("integrity" in package and "resolved" not in package for package in packages)


def heavy_modules_after(imported: str) -> str:
    code = (
        f"import sys, {imported};"
        "print(sorted({'eth', 'rocksdict', 'eth_abi', 'web3'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return done.stdout.strip()


def test_the_engine_loads_without_the_evm() -> None:
    assert heavy_modules_after("precompiles.engine.matching, precompiles.engine.amounts") == "[]"
    assert heavy_modules_after("eth_abi") == "['eth_abi']"
