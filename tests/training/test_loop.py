import math
import time
from typing import Any

import jax
import numpy as np
import pytest

from textgen.data.vocabulary import Vocabulary
from textgen.errors import DivergedError
from textgen.evaluation.protocols import bits_per_character
from textgen.generation.generator import Generator
from textgen.generation.numpy_engine import NumpyEngine
from textgen.settings import ModelSettings, SamplingSettings, TrainingSettings
from textgen.training import loop
from textgen.training.loop import Trainer
from textgen.workflows.supervise import make_trainer

TEXT = (
    "When the wind had dropped, a snail came to the gate and asked for the news. 'None,' said the "
    "gate, 'but yesterday's is hardly used.' The snail took it, and was content until the frost."
)


def trainer(steps: int, validation: Any = None, **changes: Any) -> Trainer:
    vocabulary = Vocabulary("".join(sorted(set(TEXT))))
    tokens = vocabulary.encode(TEXT).astype(np.uint8)
    model: dict[str, Any] = {"embedding_size": 8, "hidden_size": 12, "num_layers": 1}
    model |= {name: changes.pop(name) for name in list(changes) if name in model}
    plan: dict[str, Any] = {"batch_size": 2, "sequence_length": 20, "learning_rate": 0.01}
    return make_trainer(
        ModelSettings(vocab_size=len(vocabulary), dropout_rate=0.0, **model),
        TrainingSettings(
            steps=steps,
            warmup_steps=min(10, steps // 2),
            eval_every=changes.pop("eval_every", steps),
            checkpoint_every=steps,
            **(plan | changes),
        ),
        tokens,
        tokens[:60] if validation is None else validation,
    )


@pytest.mark.slow
def test_a_small_network_learns_a_short_text_by_heart_and_writes_it_out() -> None:
    learner = trainer(
        400, embedding_size=64, hidden_size=64, num_layers=2, devices=1, sequence_length=40, seed=4
    )
    assert 180 <= len(TEXT) <= 200
    report = list(learner.run())[-1]
    assert bits_per_character(report.loss) < 0.1

    vocabulary = Vocabulary("".join(sorted(set(TEXT))))
    parameters = {name: np.asarray(array) for name, array in learner.state.parameters.items()}
    generator = Generator(NumpyEngine(learner.model, parameters), vocabulary, TEXT[0])
    generator.feed(TEXT[:8])
    written = "".join(generator.stream(len(TEXT) - 8, SamplingSettings(temperature=0)))
    assert TEXT[:8] + written == TEXT


@pytest.mark.slow
def test_evaluations_and_stops_keep_their_steps_and_a_call_fills_what_lies_between() -> None:
    learner = trainer(40, eval_every=17)
    reports = list(learner.run(stop_after=36))
    # 16 steps of so small a network are made at once.
    assert [report.step for report in reports] == [16, 17, 33, 34, 36]
    evaluated = [report.step for report in reports if report.validation_loss is not None]
    assert evaluated == [17, 34]
    assert [report.step for report in learner.run()] == [40]


@pytest.mark.slow
def test_a_training_that_is_like_one_before_compiles_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def losses(seed: int) -> list[float | None]:
        caplog.clear()
        reports = trainer(3, seed=seed, eval_every=1).run()
        return [loss for report in reports for loss in (report.loss, report.validation_loss)]

    jax.config.update("jax_log_compiles", True)
    try:
        first = losses(seed=4)
        assert "Compiling jit(train_steps)" in caplog.text
        assert losses(seed=4) == first
        assert "Compiling" not in caplog.text
        # The seed is part of what is compiled.
        assert losses(seed=5) != first
        assert "Compiling jit(train_steps)" in caplog.text
    finally:
        jax.config.update("jax_log_compiles", False)


@pytest.mark.slow
def test_how_steps_are_grouped_changes_no_number() -> None:
    apart, together = trainer(10, eval_every=1), trainer(10, eval_every=5)
    losses = [report.loss for report in apart.run()]
    reports = list(together.run())
    assert [report.step for report in reports] == [5, 10]
    assert [report.loss for report in reports] == [losses[4], losses[9]]
    assert reports[1].training_loss == sum(losses[5:]) / 5
    assert losses[0] == pytest.approx(math.log(30), abs=1.0)
    for left, right in zip(
        jax.tree.leaves(apart.state), jax.tree.leaves(together.state), strict=True
    ):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_the_steps_that_measure_the_machine_are_the_first_of_the_training() -> None:
    plain, started = trainer(8), time.perf_counter()
    measured, begun = trainer(8), list[str]()
    pace = measured.measure(60, 5, begun.append)
    assert 0 < pace.seconds_to_start < time.perf_counter() - started
    assert pace.seconds_per_step > 0
    assert pace.steps_made == measured.progress.step == 5
    assert begun[:2] == ["compiling the training step", "making the first training steps"]
    assert begun[-1] == "timing an evaluation"
    assert measured.progress.seconds > 0
    (whole,), (rest,) = list(plain.run()), list(measured.run())
    assert (rest.loss, rest.training_loss) == (whole.loss, whole.training_loss)
    assert rest.validation_loss == whole.validation_loss
    for left, right in zip(
        jax.tree.leaves(plain.state), jax.tree.leaves(measured.state), strict=True
    ):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "slow", "most", "made"),
    [
        (0.01, 20.0, 3, [1, 1]),  # a group of steps would take longer than there is time
        (0.01, 0.05, 3, [1]),  # the first step took so long that no other is timed
        (0.15, 20.0, 5, [1, 1, 1]),
        (9.0, 20.0, 5, [1, 4]),
        (9.0, 20.0, 1, [1, 0]),  # one step may be made; another is timed that changes nothing
        (9.0, 20.0, 0, [0, 0]),
    ],
)
def test_slow_steps_are_timed_one_by_one_or_not_again(
    monkeypatch: pytest.MonkeyPatch, seconds: float, slow: float, most: int, made: list[int]
) -> None:
    now, counts = 0.0, list[int]()
    learner = trainer(9)
    before = learner.arrays()

    def advance(step: int, rates: Any) -> tuple[list[float], list[float]]:
        nonlocal now
        now += 0.1 * len(rates)
        counts.append(int((rates > 0).sum()))
        return [2.0] * len(rates), [1.0] * len(rates)

    monkeypatch.setattr(learner, "_compiled", None)  # nothing is compiled in the background
    monkeypatch.setattr(loop.time, "perf_counter", lambda: now)
    monkeypatch.setattr(loop, "SECONDS_OF_SLOW_STEP", slow)
    monkeypatch.setattr(learner, "advance", advance)
    monkeypatch.setattr(learner, "evaluate", lambda: 0.0)
    pace = learner.measure(seconds, most)
    assert pace.seconds_per_step == pytest.approx(0.1)
    assert counts == made
    assert pace.steps_made == learner.progress.step == sum(made)
    jax.tree.map(np.testing.assert_array_equal, before, learner.arrays())


@pytest.mark.slow
def test_a_measurement_that_diverges_leaves_it_to_the_training_to_mend_that() -> None:
    started, learner = time.perf_counter(), trainer(9, learning_rate=10.0)
    broken = dict(learner.state.parameters)
    broken["projection.bias"] = broken["projection.bias"] * np.nan
    learner.restore(learner.fresh_state(broken), learner.progress)
    pace = learner.measure(0.01, 3)
    assert pace.steps_made == learner.progress.step == 0
    assert 0 < pace.seconds_to_start < time.perf_counter() - started
    with pytest.raises(DivergedError):
        list(learner.run())


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_ends_the_training() -> None:
    learner = trainer(5)
    broken = dict(learner.state.parameters)
    broken["projection.bias"] = np.full_like(broken["projection.bias"], np.nan)
    learner.restore(learner.fresh_state(broken), learner.progress)
    with pytest.raises(DivergedError, match="nan nats per character at step 1") as caught:
        next(learner.run())
    assert caught.value.step == 1


@pytest.mark.slow
def test_training_ends_when_the_validation_loss_no_longer_falls() -> None:
    # A text in another order: it is the better predicted the less is learnt of the first one.
    other = np.random.default_rng(3).integers(1, 20, 60).astype(np.uint8)
    learner = trainer(400, other, eval_every=3, patience=4, learning_rate=0.02)
    losses = [report.validation_loss for report in learner.run() if report.validation_loss]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 4 < 400 // 3
    assert learner.progress.step == 3 * len(losses)
    assert (learner.progress.best_loss, learner.progress.waited) == (min(losses), 4)
    assert learner.is_over
    assert list(learner.run()) == []


@pytest.mark.slow
def test_without_patience_training_goes_on() -> None:
    other = np.random.default_rng(3).integers(1, 20, 60).astype(np.uint8)
    learner = trainer(60, other, eval_every=3, learning_rate=0.02)
    assert list(learner.run())[-1].step == 60
    assert learner.progress.waited > 4
