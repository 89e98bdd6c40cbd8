"""Layer table and parameter counts without Keras."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.backbones.layer_table import blocks, describe_depth, layer_table
from core.backbones.registry import DEFAULT_BASE
from core.experiment.parameter_counts import total_parameters, trainable_parameters
from core.experiment.strategy import ALL_LAYERS

LAYERS = DEFAULT_BASE.layers


@pytest.mark.parametrize(("unfreeze", "count"), [(0, 165_514), (30, 1_691_914), (LAYERS, 2_389_386)])
def test_trainable_parameters(unfreeze, count):
    assert trainable_parameters(DEFAULT_BASE, 1.0, 10, unfreeze) == count


def test_total_parameters():
    assert total_parameters(DEFAULT_BASE, 1.0, 10) == 2_423_754
    assert total_parameters(DEFAULT_BASE, 1.0, 11) - total_parameters(DEFAULT_BASE, 1.0, 10) == 129


@given(st.integers(0, LAYERS - 1), st.integers(2, 1_000), st.sampled_from(DEFAULT_BASE.widths))
def test_an_unfrozen_layer_adds_its_trainable_parameters(unfreeze, classes, alpha):
    layer, model = layer_table(DEFAULT_BASE, alpha)[LAYERS - 1 - unfreeze], (DEFAULT_BASE, alpha, classes)
    added = trainable_parameters(*model, unfreeze + 1) - trainable_parameters(*model, unfreeze)
    assert layer.depth == unfreeze + 1 and added == layer.trainable
    assert trainable_parameters(*model, unfreeze) < total_parameters(*model)


def test_blocks_partition_the_table():
    names = [name for name, _ in blocks(DEFAULT_BASE)]
    assert names == ["stem", "expanded_conv", *(f"block_{i}" for i in range(1, 17)), "top"]
    assert tuple(layer for _, layers in blocks(DEFAULT_BASE) for layer in layers) == layer_table(DEFAULT_BASE, 1.0)
    for alpha in DEFAULT_BASE.widths:
        assert [layer.depth for layer in layer_table(DEFAULT_BASE, alpha)] == list(range(LAYERS, 0, -1))


@pytest.mark.parametrize("alpha", [0.9, 0, "1.0", None])
def test_other_widths_are_refused(alpha):
    with pytest.raises(ValueError, match=r"Expected alpha to be one of 0\.35.*received"):
        layer_table(DEFAULT_BASE, alpha)


def test_alpha_may_be_an_integer():
    assert layer_table(DEFAULT_BASE, 1) == layer_table(DEFAULT_BASE, 1.0)


PRINT_LOADED = "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'streamlit'}))"
IMPORT_CORE = f"import sys, core; {PRINT_LOADED}"
IMPORT_CORE_AS_PAGES_DO = f"""
import ast, importlib, sys
from pathlib import Path
pages = [Path("dashboard.py"), *Path("pages").rglob("*.py")]
nodes = [node for page in pages for node in ast.walk(ast.parse(page.read_text()))]
imported = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
imported_from = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
for module in {{*imported, *imported_from}}:
    if module.startswith("core"):
        importlib.import_module(module)
assert "core" in sys.modules
{PRINT_LOADED}
"""


@given(st.integers(1, LAYERS - 1))
def test_depth_description_names_the_block_of_the_lowest_unfrozen_layer(unfreeze):
    text, lowest = describe_depth(DEFAULT_BASE, unfreeze), layer_table(DEFAULT_BASE, 1.0)[LAYERS - unfreeze]
    assert text.split()[-2] == lowest.block
    starts_block = dict(blocks(DEFAULT_BASE))[lowest.block][0] == lowest
    assert ("within" in text) is not starts_block


def test_depth_descriptions():
    expected = {0: "the head alone", 29: "from block_14 up", 30: "from within block_13 up", LAYERS: "the whole base"}
    assert {depth: describe_depth(DEFAULT_BASE, depth) for depth in expected} == expected
    assert describe_depth(DEFAULT_BASE, ALL_LAYERS) == "the whole base"


@pytest.mark.parametrize("code", [IMPORT_CORE, IMPORT_CORE_AS_PAGES_DO], ids=["core", "core modules that pages import"])
def test_importing_loads_neither_keras_nor_streamlit(output_of, code):
    assert output_of(code) == ""
