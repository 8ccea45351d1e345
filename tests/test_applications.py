"""What readers do with a latent per class: vary, mix, edit, morph."""

from dataclasses import replace

import torch
from layouts import TINY, layout, scene

from synthbook.layers import one_hot
from synthbook.smis import SMIS, applications


class Recorder(SMIS):
    """A model that keeps what it is asked to decode."""

    def forward(self, onehot, z):
        self.onehot, self.z = onehot, z
        return onehot.new_zeros(len(z), 3, *onehot.shape[-2:])


def recorder(model=TINY):
    torch.manual_seed(0)
    return Recorder(model).eval()


def test_varying_a_class_keeps_every_other_latent():
    model, label = recorder(), layout(1)[0]
    images = applications.vary(model, label, 2, 5, seed=4)
    z = model.z.unflatten(1, (4, -1))
    assert images.shape == (5, 3, 32, 32) and torch.equal(model.onehot.argmax(1)[3], label)
    assert all(torch.equal(z[0, k], z[n, k]) for k in (0, 1, 3) for n in range(5))
    assert len({tuple(row) for row in z[:, 2].flatten(1).tolist()}) == 5
    again = recorder()
    applications.vary(again, label, 2, 5, seed=4)
    assert torch.equal(again.z, model.z)
    applications.vary(again, label, 2, 5, seed=5)
    assert not torch.equal(again.z, model.z)


def test_a_mixture_takes_each_class_from_its_source():
    model = recorder()
    image, label, onehot = scene(3)
    target, source = layout(1, seed=9)[0], (2, 0, 1, 1)
    assert applications.mix(model, image, label, target, source).shape == (3, 32, 32)
    codes = model.encode(image, onehot).unflatten(1, (4, -1))
    for c, n in enumerate(source):
        assert torch.equal(model.z.unflatten(1, (4, -1))[0, c], codes[n, c])
    assert not model.z.unflatten(1, (4, -1))[0, 3].any()  # nobody has it: the prior's mean
    assert torch.equal(model.onehot.argmax(1)[0], target)


def test_manipulation_keeps_the_styles_in_another_map():
    model = recorder()
    image, label, onehot = scene(1)
    edited = label[0].flip(-1)
    applications.manipulate(model, image[0], label[0], edited)
    assert torch.equal(model.z, model.encode(image, onehot))
    assert torch.equal(model.onehot.argmax(1)[0], edited)


def test_a_morph_goes_straight_from_one_pictures_codes_to_the_others():
    model = recorder()
    image, label, _ = scene(2)
    label[1][label[1] == 1] = 0  # the second picture has no class 1
    codes = model.encode(image, one_hot(label, 4))
    applications.morph(model, image, label, 5)
    assert torch.equal(model.z[0], codes[0])
    ends = [model.z[k].unflatten(0, (4, -1)) for k in (0, 4)]
    for c in (0, 2):
        assert torch.allclose(ends[1][c], codes[1].unflatten(0, (4, -1))[c], atol=1e-6)
    assert torch.equal(ends[1][1], ends[0][1])
    steps = model.z.diff(dim=0)
    assert torch.allclose(steps, steps[:1].expand_as(steps), atol=1e-6)
    assert all(torch.equal(row, label[0]) for row in model.onehot.argmax(1))


def test_one_latent_for_the_image_morphs_as_a_whole():
    model = recorder(replace(TINY, split=False))
    image, label, onehot = scene(2)
    applications.morph(model, image, label, 3)
    codes = model.encode(image, onehot)
    assert torch.allclose(model.z[[0, 2]], codes, atol=1e-6)


def test_moved_tells_inside_from_outside():
    label = torch.tensor([[0, 0], [0, 1]])
    images = torch.zeros(3, 3, 2, 2)
    images[1:, :, 1, 1] = 1.0
    assert applications.moved(images, label, 1) == (0.5, 0.0)
    images[2, :, 0, 0] = -0.6
    inside, outside = applications.moved(images, label, 1)
    assert inside == 0.5 and abs(outside - 0.6 / 2 / 2 / 3) < 1e-6
