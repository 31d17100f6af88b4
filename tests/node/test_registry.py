"""Methods as they are declared, and the document that tells of them."""

from __future__ import annotations

import re
from pathlib import Path

from evm_dex.node.registry import all_methods, document
from tests.node.served import Served, served

DOCUMENT = Path(__file__).parents[2] / "docs" / "rpc.md"


def test_the_document_has_every_method_and_its_parameters_and_no_other(shared_node: Served) -> None:
    told = {method["name"]: method for method in shared_node.result("rpc_discover")["methods"]}
    assert told.keys() == shared_node.node.methods.keys()
    for name, method in shared_node.node.methods.items():
        parameters = [(it["name"], it["required"]) for it in told[name]["params"]]
        assert parameters == [(it.name, it.required) for it in method.parameters]
        assert told[name]["summary"]
        assert told[name]["result"]["schema"]


def test_required_parameters_come_first() -> None:
    for method in all_methods().values():
        required = [parameter.required for parameter in method.parameters]
        assert required == sorted(required, reverse=True), method.name


def test_the_page_names_every_method() -> None:
    text = DOCUMENT.read_text()
    assert [name for name in all_methods() if f"`{name}`" not in text] == []


def test_the_page_tells_the_parameters_of_the_exchanges_methods() -> None:
    told = dict(re.findall(r"\b(dex_\w+)\(([^)]*)\)", DOCUMENT.read_text()))
    known = {
        name: ", ".join(f"{it.name}{'' if it.required else '?'}" for it in method.parameters)
        for name, method in all_methods().items()
        if name.startswith("dex_")
    }
    assert told == known


def test_without_cheats_they_are_not_there() -> None:
    cheats = {name for name, method in all_methods().items() if method.is_cheat}
    with served(cheats=False) as node:
        assert node.node.methods.keys() == all_methods().keys() - cheats
        told = {method["name"] for method in document(node.node.methods)["methods"]}
        assert not told & cheats
