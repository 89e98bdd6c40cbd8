"""Layer table and parameter counts without Keras."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.backbones.layer_table import blocks, describe_depth, layer_table
from core.backbones.mobilenet_v2 import ALL_LAYERS, ALPHAS
from core.experiment.parameter_counts import total_parameters, trainable_parameters


@pytest.mark.parametrize(("unfreeze", "count"), [(0, 165_514), (30, 1_691_914), (ALL_LAYERS, 2_389_386)])
def test_trainable_parameters(unfreeze, count):
    assert trainable_parameters(unfreeze, classes=10) == count


def test_total_parameters():
    assert total_parameters(classes=10) == 2_423_754
    assert total_parameters(classes=11) - total_parameters(classes=10) == 129


@given(st.integers(0, ALL_LAYERS - 1), st.integers(2, 1_000), st.sampled_from(ALPHAS))
def test_an_unfrozen_layer_adds_its_trainable_parameters(unfreeze, classes, alpha):
    layer = layer_table(alpha)[ALL_LAYERS - 1 - unfreeze]
    added = trainable_parameters(unfreeze + 1, classes, alpha) - trainable_parameters(unfreeze, classes, alpha)
    assert layer.depth == unfreeze + 1 and added == layer.trainable
    assert trainable_parameters(unfreeze, classes, alpha) < total_parameters(classes, alpha)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_blocks_partition_the_table(alpha):
    names = [name for name, _ in blocks(alpha)]
    assert names == ["stem", "expanded_conv", *(f"block_{i}" for i in range(1, 17)), "top"]
    assert tuple(layer for _, layers in blocks(alpha) for layer in layers) == layer_table(alpha)
    assert [layer.number for layer in layer_table(alpha)] == list(range(1, ALL_LAYERS + 1))


@pytest.mark.parametrize("alpha", [0.9, 0, "1.0", None])
def test_other_widths_are_refused(alpha):
    with pytest.raises(ValueError, match=r"Expected alpha to be one of 0\.35.*received"):
        layer_table(alpha)


def test_alpha_may_be_an_integer():
    layer_table.cache_clear()
    assert layer_table(1) == layer_table(1.0)


def test_output_shapes():
    shapes = {layer.name: layer.output_shape(224) for layer in layer_table()}
    assert shapes["input"] == (224, 224, 3)
    assert shapes["Conv1"] == (112, 112, 32)
    assert shapes["block_1_pad"] == (113, 113, 96)
    assert shapes["block_1_depthwise"] == (56, 56, 96)
    assert shapes["out_relu"] == (7, 7, 1280)
    assert layer_table(1.4)[-1].output_shape(96) == (3, 3, 1792)


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


@given(st.integers(1, ALL_LAYERS - 1))
def test_depth_description_names_the_block_of_the_lowest_unfrozen_layer(unfreeze):
    text, lowest = describe_depth(unfreeze), layer_table()[ALL_LAYERS - unfreeze]
    assert text.split()[-2] == lowest.block
    starts_block = dict(blocks())[lowest.block][0] == lowest
    assert ("within" in text) is not starts_block


def test_depth_descriptions():
    assert describe_depth(0) == "the head alone" and describe_depth(ALL_LAYERS) == "the whole base"
    assert describe_depth(30) == "from within block_13 up" and describe_depth(29) == "from block_14 up"


@pytest.mark.parametrize("code", [IMPORT_CORE, IMPORT_CORE_AS_PAGES_DO], ids=["core", "core modules that pages import"])
def test_importing_loads_neither_keras_nor_streamlit(output_of, code):
    assert output_of(code) == ""
