"""Collapses are named in the run's log, each by its own words; a healthy model has none."""

import json

import pytest
import torch
from tiny_cars import Few, model, pictures, scene, setting

from synthbook.controllable_3d import collapse, recipe
from synthbook.training import train

REAL = pictures(8)


def fabricated(rendered=None, refined=None, background=None):
    """A picture of four scenes of three primitives, 16 pixels, with these layers."""
    with torch.no_grad():
        made = model()
        picture = made.render(scene(made, 4))
    alpha = torch.zeros(4, 3, 1, 16, 16)
    for k in range(3):
        alpha[:, k, :, 4:10, 5 * k:5 * k + 5] = 1
    rendered = alpha if rendered is None else rendered
    refined = 0.7 * alpha if refined is None else refined
    white = torch.ones(4, 3, 16, 16) if background is None else background
    return picture._replace(
        background=white, layers=picture.layers._replace(alpha=refined),
        rendered=picture.rendered._replace(alpha=rendered))


def named(picture):
    return collapse.found(picture, REAL).get("collapse", "")


def test_a_healthy_picture_has_no_name():
    told = collapse.found(fabricated(), REAL)
    assert "collapse" not in told and told["behind"] == 0
    assert told["opaque"] == pytest.approx(0.7) and told["largest"] == pytest.approx(1 / 3)


def test_alpha_that_is_nought_or_one_everywhere_is_named():
    alpha = fabricated().rendered.alpha
    assert named(fabricated(refined=0.005 * alpha)).startswith("alpha is 0 everywhere")
    assert named(fabricated(refined=0.999 * alpha)).startswith("alpha is 1 everywhere")
    assert named(fabricated(rendered=0 * alpha, refined=0 * alpha)).startswith("alpha is 0")


@pytest.mark.parametrize("which", [[0, 0, 0, 0], [0, 1, 2, 1]])
def test_one_primitive_that_does_all_is_named_whichever_it_is(which):
    alpha = fabricated().rendered.alpha
    alone = 0.02 * alpha
    for b, k in enumerate(which):
        alone[b, k] = 0.9 * alpha[b, k]
    assert named(fabricated(refined=alone)) == "one primitive draws all objects"


def test_a_background_that_draws_the_objects_is_named():
    told = named(fabricated(background=REAL))
    assert told.startswith("the background draws the objects")
    tones = torch.linspace(0.7, 1, 4)[:, None, None, None].expand(4, 3, 16, 16)
    assert named(fabricated(background=tones)) == ""


def test_several_are_named_together():
    alpha = fabricated().rendered.alpha
    told = named(fabricated(refined=0 * alpha, background=REAL))
    assert told.count(";") == 1 and "alpha is 0" in told and "background" in told


def test_a_run_s_log_names_what_happened(tmp_path):
    chosen = setting()
    made = recipe.assembled(chosen, Few, lambda: REAL, images=8, batch=4)
    log = tmp_path / "well" / "log.jsonl"
    train(made, out=log.parent, progress=False)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("opaque" in row for row in rows) and not any("collapse" in row for row in rows)

    def transparent():
        nets = made.build()
        with torch.no_grad():
            last = nets["generator"].painter.last
            last.weight[3] = 0
            last.bias[3] = -9
        return nets

    spoilt = recipe.assembled(chosen, Few, lambda: REAL, images=8, batch=4)
    object.__setattr__(spoilt, "build", transparent)
    log = tmp_path / "ill" / "log.jsonl"
    train(spoilt, out=log.parent, progress=False)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(row.get("collapse", "").startswith("alpha is 0") for row in rows)
