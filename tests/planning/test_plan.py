from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from textgen.errors import UsageError
from textgen.network.parameters import operations_per_character
from textgen.planning.choices import DROPOUT_RATES, TextSize, choose_reset_rate
from textgen.planning.machine import Pace
from textgen.planning.plan import Plan, begin_plan, continue_plan, make_plan
from textgen.planning.request import Request
from textgen.planning.schedule import FILL
from textgen.planning.site import seconds_to_compile
from textgen.runtime.accelerators import Accelerator
from textgen.settings import PATIENCE, ModelSettings, Precision, TrainingSettings

LONG = TextSize(vocab_size=66, training_characters=10**9)
USUAL = TextSize(vocab_size=66, training_characters=1_000_000)


@dataclass
class Paper:
    """A machine on paper, of two cores: it answers what it was told, and notes what it is asked.

    Attributes:
        predicted: speed of large products, in operations per second.
        achieved: speed of training, in operations per second.
        asked: the questions, in order.
        card: what the accelerator is, if it has one; cuDNN then trains at twice the speed.
        to_compile: time to compile a network, in seconds.
        alone: how much faster one device is than two.
    """

    predicted: float = 200e9
    achieved: float = 150e9
    asked: list[str] = field(default_factory=list)
    card: Accelerator | None = None
    free: int | None = None
    to_compile: float = 4.0
    alone: float = 1.0

    def memory(self) -> int | None:
        return self.free

    def devices(self, batch_size: int) -> int:
        return 2 if batch_size % 2 == 0 else 1

    def elapsed(self) -> float:
        return 4.0

    def accelerator(self) -> Accelerator | None:
        return self.card

    def product_speed(self, devices: int, precision: Precision) -> float:
        self.asked.append("products")
        return self.predicted

    def training_pace(self, model: ModelSettings, draft: TrainingSettings) -> Pace:
        self.asked.append(f"{model.num_layers}x{model.hidden_size}")
        self.draft = draft
        operations = operations_per_character(model) * draft.characters_per_step
        if draft.backend == "cudnn":
            self.asked.append("cudnn")
            operations //= 2
        speed = self.achieved * (self.alone if draft.devices == 1 else 1.0)
        return Pace(
            seconds_per_step=operations / speed,
            seconds_per_evaluation=0.5,
            seconds_to_start=self.to_compile,
            steps_made=3,
        )


def plan(request: Request, text: TextSize = USUAL, machine: Paper | None = None) -> Plan:
    return make_plan(request, text, machine or Paper())


def test_a_plan_takes_the_widest_network_that_the_memory_of_a_container_holds() -> None:
    made = plan(Request(minutes=5), machine=Paper(free=320 * 2**20))
    assert made.model.hidden_size < 256
    assert "the largest that suits the length of the text and the memory" in made.reasons[0]


def test_a_plan_is_made_and_explained_without_training() -> None:
    made = plan(Request(minutes=5))
    assert (made.model.num_layers, made.model.hidden_size) == (2, 256)
    assert (made.training.batch_size, made.training.devices) == (32, 2)
    for beginning, reason in zip(
        ("2x256: the largest", "batches of 32 x 64", "dropout 0.", "learning rate 0.012"),
        made.reasons,
        strict=False,
    ):
        assert reason.startswith(beginning)
    assert made.reasons[-2].endswith("steps: as many as fit into 5 minutes")
    assert made.reasons[-1].startswith("patience 5: ")
    assert made.seconds == pytest.approx(FILL * 300 - 4, rel=0.01)


def test_every_choice_is_the_value_in_the_plan() -> None:
    made = plan(Request(minutes=5), TextSize(vocab_size=66, training_characters=200_000))
    chosen = {name: choice.value for name, choice in made.choices.items()}
    training = made.training
    assert chosen == {
        "width": made.model.hidden_size,
        "batch": (training.batch_size, training.sequence_length),
        "dropout": made.model.dropout_rate,
        "reset rate": training.reset_rate,
        "learning rate": training.learning_rate,
        "optimizer": training.optimizer,
        "schedule": (training.steps, training.eval_every, training.checkpoint_every),
        "patience": training.patience,
    }
    assert len(made.reasons) == len(chosen)


def test_muon_trains_a_forward_lstm_with_random_weights_on_cores_alone() -> None:
    made = plan(Request(minutes=5))
    assert made.training.optimizer == "muon"
    assert any(reason.startswith("optimizer muon: ") for reason in made.reasons)
    trained = Request(minutes=5).continuing(made.model, "old")
    card = Accelerator(name="card", has_bfloat16=True, has_cudnn=False, memory=None)
    for request, machine in (
        (trained, Paper()),
        (Request(minutes=5, cell="gru"), Paper()),
        (Request(minutes=5, direction="both"), Paper()),
        (Request(minutes=5), Paper(card=card)),
        (Request(minutes=5, optimizer="adamw"), Paper()),
    ):
        made = plan(request, machine=machine)
        assert made.training.optimizer == "adamw"
        assert not any(reason.startswith("optimizer") for reason in made.reasons)
    asked = plan(Request(minutes=5, optimizer="muon"), machine=Paper(card=card))
    assert asked.training.optimizer == "muon"


def test_nothing_that_was_asked_for_is_chosen_explained_or_measured() -> None:
    asked: dict[str, Any] = {
        "hidden_size": 8,
        "batch_size": 4,
        "sequence_length": 9,
        "dropout_rate": 0.1,
        "optimizer": "adamw",
    }
    machine = Paper()
    made = plan(Request(steps=9, learning_rate=0.1, seed=3, patience=2, **asked), machine=machine)
    assert made.reasons == ()
    assert machine.asked == ["2x8"]
    model, training = made.model, made.training
    assert (model.hidden_size, model.dropout_rate, training.learning_rate) == (8, 0.1, 0.1)
    assert (training.batch_size, training.sequence_length, training.seed) == (4, 9, 3)
    assert training.patience == 2


def test_a_plan_for_trained_weights_keeps_their_network_and_measures_no_products() -> None:
    network = ModelSettings(
        vocab_size=50, embedding_size=8, hidden_size=16, num_layers=1, dropout_rate=0.4, cell="rnn"
    )
    machine, asked = Paper(), Request(steps=1000, forget_less=0.25, has_weights=True)
    made = plan(asked.continuing(network, "r"), machine=machine)
    assert machine.asked == ["1x16"]
    assert replace(made.model, dropout_rate=0.4) == replace(network, vocab_size=66)
    assert made.choices["old share"].value == made.training.forget_less == 0.25
    assert made.choices["old share"].reason.startswith("old text: 8 of the 32 sequences")
    plain = plan(Request(steps=1000).continuing(network, "r"))
    assert plain.training.new_characters_per_step == 2048
    assert made.training.new_characters_per_step == 0.75 * 2048
    # A plan may have no steps, so that the weights stay what they are.
    none = plan(Request(steps=0, has_weights=True).continuing(network, "r"))
    assert (none.training.steps, none.seconds) == (0, 0.0)
    assert none.training.is_over(0, 0)


def test_sizes_are_chosen_again_where_training_is_far_from_what_was_predicted() -> None:
    machine = Paper(achieved=150e9)
    plan(Request(minutes=5), machine=machine)
    assert machine.asked == ["products", "2x256"]
    slow = Paper(achieved=20e9)
    made = plan(Request(minutes=5), machine=slow)
    assert slow.asked == ["products", "2x256", f"2x{made.model.hidden_size}"]
    assert made.model.hidden_size < 256
    # The text is long enough that the width alone decides what is measured.
    fast = Paper(achieved=2e12)
    assert plan(Request(minutes=5), machine=fast).model.hidden_size > 256


def test_dropout_follows_the_steps_that_are_asked_for() -> None:
    text = TextSize(vocab_size=66, training_characters=100_000)
    few, many = (plan(Request(steps=n, hidden_size=64), text).model for n in (100, 10_000))
    assert few.dropout_rate == DROPOUT_RATES[0]
    assert many.dropout_rate > 0.3


def test_a_short_text_is_told() -> None:
    made = plan(Request(minutes=5), TextSize(vocab_size=66, training_characters=1_000))
    assert "the largest that the short text allows" in made.reasons[1]
    assert made.reasons[-1].startswith("the training text is short (1,000 characters)")


def test_a_plan_ends_early_by_default_and_not_where_patience_is_off() -> None:
    for request in (Request(minutes=10), Request(steps=100)):
        assert plan(request).training.patience == PATIENCE
    for request in (Request(minutes=10, patience=0), Request(steps=100, patience=0)):
        made = plan(request)
        assert made.training.patience == 0
        assert not any(reason.startswith("patience") for reason in made.reasons)


def test_the_width_for_a_number_of_steps_says_which_time_it_assumes() -> None:
    assert plan(Request(steps=9)).reasons[0].endswith("so the default is assumed")


def test_a_time_too_short_for_a_large_batch_is_refused_before_that_is_measured() -> None:
    machine = Paper()
    with pytest.raises(UsageError, match=r"5 minutes is too short: it takes 7\.0 s .* 86 s for"):
        plan(Request(minutes=5, batch_size=40_000), LONG, machine)
    assert machine.asked == ["products"]
    # A machine that turned out twice as fast as predicted could do this one.
    plan(Request(minutes=5, batch_size=8_000), LONG, machine := Paper(achieved=290e9))
    assert machine.asked == ["products", "2x256"]


def test_starting_counts_as_time_in_which_a_network_is_not_trained() -> None:
    # The machine has spent 4 of the 12 seconds, and will compile for 4 more.
    made = plan(Request(minutes=0.2), TextSize(vocab_size=66, training_characters=100_000))
    (dropout,) = (reason for reason in made.reasons if reason.startswith("dropout"))
    estimated = float(dropout.split("chosen for ")[1].split()[0])
    operations = (0.2 * 60 * FILL - 4.0 - seconds_to_compile(made.model)) * 150e9
    epochs = operations / operations_per_character(made.model) / 100_000
    assert estimated == pytest.approx(epochs, abs=0.05)


def continued(characters: int, first_step: int = 0, steps: int = 1000) -> TrainingSettings:
    text = TextSize(vocab_size=66, training_characters=characters)
    request, machine = Request(steps=steps), Paper()
    made = make_plan(request, text, machine)
    pace = machine.training_pace(made.model, made.training)
    begun = begin_plan(request, made.training, text, pace, first_step)
    return continue_plan(request, made.model, begun, text, pace).training


def test_further_plans_start_where_the_run_stands() -> None:
    further = continued(10**9, first_step=70, steps=10)
    assert (further.first_step, further.last_step) == (70, 80)


def test_the_reset_rate_counts_the_epochs_of_plans_before() -> None:
    once, further = continued(200_000), continued(200_000, first_step=1000)
    assert once.reset_rate == choose_reset_rate(1000 * 32 * 64 / 200_000).value > 0.02
    assert further.reset_rate == choose_reset_rate(2000 * 32 * 64 / 200_000).value > once.reset_rate


def test_a_batch_of_an_odd_size_is_not_shared_by_two_devices() -> None:
    assert plan(Request(steps=5, batch_size=5), LONG).training.devices == 1


def test_a_large_alphabet_tells_its_projection() -> None:
    made = plan(Request(minutes=5), TextSize(vocab_size=6000, training_characters=10**7))
    assert made.choices["projection"].value == made.model.projection_rank == 64
    assert any(line.startswith("projection of rank 64: ") for line in made.reasons)


CARD = Accelerator(name="NVIDIA H200", memory=10**11, has_bfloat16=True, has_cudnn=True)


def test_a_plan_for_an_accelerator_is_wide_and_its_batches_are_large() -> None:
    long = Request(minutes=60 * 24, backend="scan")
    made = plan(long, LONG, Paper(predicted=780e12, achieved=400e12, card=CARD))
    assert made.model.hidden_size == 4096
    training = made.training
    assert (training.batch_size, training.precision, training.backend) == (512, "bfloat16", "scan")
    assert training.learning_rate == 2 * 0.0015
    assert made.choices["precision"].reason.startswith("precision bfloat16: NVIDIA H200")
    # A text of a million characters suits no wider network than this.
    short = plan(long, USUAL, Paper(predicted=780e12, achieved=400e12, card=CARD))
    assert short.model.hidden_size == 1024
    assert short.reasons[0] == (
        "2x1024: the largest that suits the length of the text and the memory"
    )


def test_the_faster_backend_is_taken_and_stored_as_what_is_run() -> None:
    machine = Paper(predicted=780e12, achieved=400e12, card=CARD)
    made = plan(Request(minutes=60), LONG, machine)
    assert machine.asked[-1] == "cudnn"
    assert (made.training.backend, made.training.precision) == ("cudnn", "float32")
    assert "2 times as long with a scan" in made.choices["backend"].reason
    assert not any(reason.startswith("precision bfloat16") for reason in made.reasons)


def test_a_plan_for_a_cpu_says_nothing_of_what_accelerators_choose() -> None:
    made = plan(Request(minutes=5))
    assert not {"precision", "backend"} & made.choices.keys()
    assert not {"precision", "backend"} & made.training.to_json().keys()


def test_what_the_first_steps_depend_on_is_the_same_before_and_after_they_are_timed() -> None:
    for achieved in (80e9, 150e9, 290e9):
        machine = Paper(achieved=achieved)
        made = plan(Request(minutes=5), USUAL, machine)
        first, last = machine.draft, made.training
        changed = {"steps", "eval_every", "checkpoint_every", "patience"}
        same = {name: getattr(last, name) for name in changed}
        assert replace(first, **same) == last
        assert last.warmup_steps == 100
        assert last.steps != first.steps


def test_a_plan_whose_pace_is_far_off_begins_again_even_with_the_same_network() -> None:
    machine = Paper(achieved=30e9)
    made = plan(Request(minutes=5, hidden_size=256), LONG, machine)
    assert machine.asked == ["products", "2x256", "2x256"]
    # The steps that were expected at last are nearly those of the plan.
    assert machine.draft.steps == pytest.approx(made.training.steps, rel=0.05)
    # A number of steps does not depend on the pace.
    machine = Paper(achieved=30e9)
    plan(Request(steps=50, hidden_size=256), LONG, machine)
    assert machine.asked == ["2x256"]


def test_one_device_is_taken_where_it_is_faster_and_the_time_allows_to_try() -> None:
    machine = Paper(to_compile=1.0, alone=1.25)
    made = plan(Request(minutes=5), USUAL, machine)
    assert machine.asked == ["products", "2x256", "2x256"]
    assert made.training.devices == made.choices["devices"].value == 1
    assert made.choices["devices"].reason == (
        "devices 1: a step takes 1.2 times as long with 2 devices"
    )
    assert made.pace.steps_made == 6  # those of both are kept
    slower = plan(Request(minutes=5), USUAL, Paper(to_compile=1.0, alone=0.5))
    assert slower.training.devices == 2
    assert slower.choices["devices"].reason.endswith("2 times as long with 1 device")
    for machine, request in (
        (Paper(to_compile=3.1, alone=2.0), Request(minutes=5)),
        (Paper(to_compile=1.0, alone=2.0), Request(minutes=5, devices=2)),
        (Paper(to_compile=1.0, alone=2.0), Request(steps=5000)),
    ):
        assert plan(request, USUAL, machine).training.devices == 2


def test_evaluations_that_were_asked_for_and_take_long_are_told_and_counted() -> None:
    request = Request(steps=40, hidden_size=256, eval_every=2)
    made = plan(request, USUAL)
    evaluation = made.choices["evaluations"]
    # 3 of 40 steps are made, so that 19 evaluations are left, which take half a second each.
    assert made.seconds == pytest.approx(37 * made.pace.seconds_per_step + 19 * 0.5)
    part = 9.5 / made.seconds
    assert (
        evaluation.reason == f"evaluations: one every 2 steps, 0.5 s each, {part:.0%} of the time"
    )
    assert "evaluations" not in plan(Request(minutes=5), USUAL).choices
