from textgen.generation.jax_engine import _sampling_mesh


def test_several_samples_share_the_devices() -> None:
    assert _sampling_mesh(many=True).size == 2
    assert _sampling_mesh(many=False).size == 1
