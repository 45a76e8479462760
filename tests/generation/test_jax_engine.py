from textgen.generation.jax_engine import sampling_mesh


def test_several_samples_share_the_devices() -> None:
    assert sampling_mesh(many=True).size == 2
    assert sampling_mesh(many=False).size == 1
