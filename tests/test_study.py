"""The human study: what participants see, what files hold, rates, and who else answers."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from synthbook.files import BookError
from synthbook.metrics.features import Extractor
from synthbook.study import (
    Answer,
    Study,
    answered,
    classifier,
    coin,
    nearest,
    of_layouts,
    of_levels,
    pooled,
    rates,
    read_answers,
    read_folder,
    sound_files,
    write_answers,
)
from synthbook.study.charts import of_rates

SCENES = 12
CELLS = [(test, condition) for test in ("paired", "unpaired") for condition in ("good", "bad")]


def pictures(shade, count=SCENES):
    """Noise around a shade, (count, 3, 4, 4)."""
    generator = torch.Generator().manual_seed(int(100 * shade) + 7)
    return (shade + 0.1 * torch.randn(count, 3, 4, 4, generator=generator)).clamp(-1, 1)


def made(**changed):
    """A study whose `good` pictures are like the real ones and whose `bad` ones are not."""
    settings = {"generated": {"good": pictures(0.01), "bad": pictures(-0.5)}, "each": 2} | changed
    return Study("toy", pictures(0), **settings)


PLAIN = Extractor("pixels", 48, lambda images: images.flatten(1))


def replies(who="person", participant=1, wrong=0, study=None):
    """Answers of one participant, the first `wrong` of them confused."""
    turn = {"left": "right", "right": "left"}
    study = study or made()
    return [Answer(study.name, who, participant, k, t.test, t.condition, t.real, t.generated,
                   t.real_side, turn[t.real_side] if k <= wrong else t.real_side, 1.0, 0.4)
            for k, t in enumerate(study.trials(participant), 1)]


# ------------------------------------------------------------------------------ the design


def test_every_test_and_condition_has_its_trials_with_the_sides_balanced():
    for participant in range(1, 9):
        trials = made().trials(participant)
        assert Counter((t.test, t.condition) for t in trials) == dict.fromkeys(CELLS, 2)
        for cell in CELLS:
            sides = [t.real_side for t in trials if (t.test, t.condition) == cell]
            assert sorted(sides) == ["left", "right"]


def test_a_paired_trial_is_of_one_scene_and_nobody_meets_a_scene_twice():
    for participant in range(1, 9):
        seen = []
        for trial in made().trials(participant):
            assert (trial.real == trial.generated) == (trial.test == "paired")
            seen += {trial.real, trial.generated}
        assert len(seen) == len(set(seen)) == SCENES


def test_trials_follow_the_seed_and_differ_between_participants():
    study = made()
    assert study.trials(3) == made().trials(3)
    orders = [tuple(study.trials(p)) for p in range(1, study.seats + 1)]
    assert len(set(orders)) == study.seats
    assert study.trials(3) != made(seed=1).trials(3)
    sides = Counter(t.real_side for one in orders for t in one if one.index(t) == 0)
    assert min(sides.values()) > study.seats / 5  # the first trial's side cannot be foreseen


@pytest.mark.parametrize("changed, words", [
    ({"each": 3}, "need 18 scenes, there are 12"),
    ({"generated": {}}, "needs generated pictures"),
    ({"generated": {"good": pictures(0, 3)}}, "give one for each scene"),
    ({"generated": {"a,b": pictures(0)}}, "take up to 40 letters"),
    ({"exposure": 0.0}, "exposure is 0.05 to 60 seconds"),
])
def test_what_makes_no_study_is_refused(changed, words):
    with pytest.raises(BookError, match=words) as caught:
        made(**changed)
    assert "\n" not in str(caught.value)


def test_a_seat_that_does_not_exist_is_refused():
    with pytest.raises(BookError, match="numbered 1 to 40, there is no 41"):
        made().trials(41)


# ------------------------------------------------------------------------------- the files


def test_answers_survive_a_file_even_after_a_spreadsheet_marked_it(tmp_path):
    path, answers = tmp_path / "one.csv", replies(wrong=3)
    write_answers(path, answers)
    assert read_answers(path) == answers
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_answers(path) == answers


def spoilt(tmp_path, old, new, count=1):
    path = tmp_path / "one.csv"
    write_answers(path, replies())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))
    return path


@pytest.mark.parametrize("old, new, words", [
    ("study,who", "who,study", "does not begin with the columns study,who"),
    (",", ";", "does not begin with the columns"),
    ("toy,person,1,1,", "toy,person,one,1,", "row 1: participant 'one' is no whole number"),
    ("toy,person,1,2,", "toy,person,1,1,", "holds a trial twice"),
    ("toy,person,1,2,", "toy,person,2,2,", "mixes participants or studies"),
    (",1.0,", ",inf,", "row 1: times are seconds"),
    (",1.0,", ",long,", "row 1: exposure 'long' is no number"),
    (",1.0,", ",", "row 1: it has 11 columns, not 12"),
    (",left,left,", ",left,up,", "answer 'up' is neither left nor right"),
    (",paired,", ",unpaired,", "are no unpaired trial"),
    ("toy,person,1,1,", "=toy(),person,1,1,", "take up to 40 letters"),
    ("toy", '"toy', "is no CSV file"),
])
def test_a_bad_file_gets_one_line_that_names_it(tmp_path, old, new, words):
    path = spoilt(tmp_path, old, new, 99 if new == ";" else 1)
    with pytest.raises(BookError, match=words) as caught:
        read_answers(path)
    assert "one.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content, words", [
    (b"\xff\xfe\x00", "no text in UTF-8"), (b"", "does not begin"),
    (",".join(Answer.__dataclass_fields__).encode(), "holds no answers")])
def test_what_is_no_text_or_empty_is_told_in_a_line(tmp_path, content, words):
    (tmp_path / "one.csv").write_bytes(content)
    with pytest.raises(BookError, match=words):
        read_answers(tmp_path / "one.csv")


def test_a_folder_is_pooled_and_other_files_in_it_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("a note")
    for participant in (1, 2):
        write_answers(tmp_path / f"{participant}.csv", replies(participant=participant))
    write_answers(tmp_path / "machine.csv", replies("coin", 1))
    found = read_folder(tmp_path)
    assert Counter((a.who, a.participant) for a in found) == {
        ("person", 1): 8, ("person", 2): 8, ("coin", 1): 8}


def test_a_folder_that_mixes_or_repeats_is_refused(tmp_path):
    with pytest.raises(BookError, match="holds no CSV files"):
        read_folder(tmp_path)
    with pytest.raises(BookError, match="is not a folder"):
        read_folder(tmp_path / "nowhere")
    write_answers(tmp_path / "a.csv", replies())
    with pytest.raises(BookError, match="a.csv is of study 'toy', not 'other'"):
        read_folder(tmp_path, "other")
    write_answers(tmp_path / "b.csv", replies())
    with pytest.raises(BookError, match="a.csv and b.csv are both of person 1; leave one out"):
        read_folder(tmp_path)
    write_answers(tmp_path / "b.csv", [replace(a, study="else") for a in replies(participant=2)])
    with pytest.raises(BookError, match="b.csv is of study 'else', not 'toy'"):
        read_folder(tmp_path)


def test_files_that_do_not_fit_are_named_and_the_others_count(tmp_path):
    write_answers(tmp_path / "a.csv", replies())
    write_answers(tmp_path / "b.csv", replies())
    write_answers(tmp_path / "c.csv", replies(participant=3))
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    found, refused = sound_files(tmp_path)
    assert {a.participant for a in found} == {1, 3} and len(found) == 16
    assert ["b.csv" in refused[0], "d.csv" in refused[1], len(refused)] == [True, True, 2]
    assert not any("\n" in line for line in refused)
    for name in "abc":
        (tmp_path / f"{name}.csv").unlink()
    with pytest.raises(BookError, match="d.csv does not begin with the columns"):
        sound_files(tmp_path)


# ------------------------------------------------------------------------------- the rates


def alike(confused, trials, participant=1):
    """Answers to paired trials of one condition, the first ones confused."""
    return [Answer("toy", "person", participant, k, "paired", "good", k, k, "left",
                   "right" if k <= confused else "left", 1.0, 0.1) for k in range(1, trials + 1)]


def test_the_rate_is_the_share_of_confusions_with_wilsons_interval():
    rate = rates(alike(2, 10))["person", "paired", "good"]
    assert rate.value == 0.2 and rate.n == 10
    # (p + z^2 / 2n ± z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n), by hand
    assert rate.low == pytest.approx(0.05668, abs=1e-4)
    assert rate.high == pytest.approx(0.50984, abs=1e-4)
    nothing = rates(alike(0, 10))["person", "paired", "good"]
    assert nothing.low == 0 and nothing.high == pytest.approx(0.27753, abs=1e-4)


def test_participants_not_trials_are_drawn_when_files_are_pooled():
    rows = [row for p in range(1, 11) for row in alike(10 if p <= 5 else 0, 10, p)]
    whole, trials = (f(rows)["person", "paired", "good"] for f in (pooled, rates))
    assert whole.value == trials.value == 0.5 and (whole.n, trials.n) == (10, 100)
    assert whole.high - whole.low > 2 * (trials.high - trials.low)
    one = pooled(alike(3, 10))["person", "paired", "good"]
    assert one.n == 1 and one.low == one.high == pytest.approx(0.3)


def test_people_and_machines_tests_and_conditions_are_counted_apart():
    rows = replies(wrong=8) + replies("coin", 1)
    found = rates(rows)
    assert set(found) == {(who, *cell) for who in ("person", "coin") for cell in CELLS}
    assert all(found[key].value == (key[0] == "person") for key in found)
    with pytest.raises(BookError, match="no answers to count"):
        rates([])


# --------------------------------------------------------------------------- the stand-ins


def run(who, realness, participants=range(1, 21)):
    return rates([a for p in participants for a in answered(made(), p, who, realness)])


def test_stand_ins_answer_the_trials_that_people_get():
    answers = answered(made(), 5, "coin", coin(1))
    assert [(a.test, a.condition, a.real, a.generated, a.real_side) for a in answers] == [
        (t.test, t.condition, t.real, t.generated, t.real_side) for t in made().trials(5)]
    assert [a.trial for a in answers] == list(range(1, 9))
    assert answers == answered(made(), 5, "coin", coin(1))
    with pytest.raises(BookError, match="cannot be called 'person'"):
        answered(made(), 1, "person", coin())


def test_a_classifier_sees_what_differs_and_guesses_where_nothing_does():
    practice = {"good": pictures(0.02, 60), "bad": pictures(-0.52, 60)}
    found = run("classifier", classifier(pictures(0.03, 60), practice, 0, PLAIN))
    for test in ("paired", "unpaired"):
        assert found["classifier", test, "bad"].value == 0
        good = found["classifier", test, "good"]
        assert good.low < 0.6 and good.high > 0.4
    with pytest.raises(BookError, match="not practised on 'good'"):
        run("classifier", classifier(pictures(0, 60), {"bad": practice["bad"]}, 0, PLAIN))


def test_the_nearest_neighbour_needs_no_generated_picture():
    found = run("nearest", nearest(pictures(0.04, 60), 0, PLAIN))
    assert found["nearest", "paired", "bad"].value == 0
    assert found["nearest", "paired", "good"].high > 0.4


def test_a_coin_confuses_half():
    found = run("coin", coin(3))
    assert all(rate.low < 0.5 < rate.high for rate in found.values())


def test_what_is_perfect_and_what_is_upside_down():
    truth = made()
    best = lambda shown, condition: -(shown - 0).abs().mean((1, 2, 3)) if condition == "bad" else (
        torch.zeros(len(shown)))
    assert rates(answered(truth, 1, "x", best))["x", "paired", "bad"].value == 0
    worst = lambda shown, condition: -best(shown, condition)
    assert rates(answered(truth, 1, "x", worst))["x", "paired", "bad"].value == 1
    # ties are called left: confused as often as the real picture is on the right
    assert rates(answered(truth, 1, "x", best))["x", "paired", "good"].value == 0.5


# ---------------------------------------------------------------------------- the pictures


def test_pictures_come_from_a_models_name():
    real, generated = of_layouts("smis/groupdnet@places-32-s0", range(3))
    assert list(generated) == ["groupdnet", "oracle"]
    assert real.shape == (3, 3, 32, 32)
    for shown in generated.values():
        assert shown.shape == real.shape and (shown - real).abs().mean() > 0.05
    again = of_layouts("smis/groupdnet@places-32-s0", range(3))[1]
    assert all(torch.equal(generated[name], again[name]) for name in again)


def test_a_model_without_label_maps_is_refused():
    with pytest.raises(BookError, match="choose one that does, such as smis"):
        of_layouts("stylegan2", range(2))


def test_pictures_of_single_levels_come_from_a_pyramids_name():
    name = "semantic-pyramid/semantic-pyramid@places-32-s0"
    real, made = of_levels(name, range(3), ["conv1", "fc8"])
    assert list(made) == ["conv1", "fc8"] and made["fc8"].shape == real.shape == (3, 3, 32, 32)
    near, far = ((made[level] - real).abs().mean().item() for level in made)
    assert 0 < near < far  # a fine level copies
    again = of_levels(name, range(1, 3), ["conv1"], seed=1)[0]
    assert torch.equal(again, real[1:])


def test_what_makes_no_pictures_of_levels_is_refused():
    with pytest.raises(BookError, match="choose one that does, such as semantic-pyramid"):
        of_levels("stylegan2", range(2), ["conv1"])
    with pytest.raises(BookError, match="conv9"):
        of_levels("semantic-pyramid/semantic-pyramid@places-32-s0", range(2), ["conv9"])


# ------------------------------------------------------------------------------ the picture


def test_the_chart_has_a_panel_for_each_test_and_a_point_for_each_rate():
    found = rates(replies() + replies("coin", 1))
    for axes, test in zip(of_rates(found).get_axes(), ("paired", "unpaired"), strict=True):
        drawn = {bars.get_label(): bars.lines[0].get_ydata().tolist() for bars in axes.containers}
        names = [tick.get_text() for tick in axes.get_xticklabels()]
        assert axes.get_title() == test and set(names) == {"good", "bad"}
        assert drawn == {who: [found[who, test, name].value for name in names]
                         for who in ("coin", "person")}
