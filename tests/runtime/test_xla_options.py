from textgen.runtime.xla_options import prefer_one_kernel


def test_the_option_is_set_once_and_nothing_set_is_lost() -> None:
    environment = {"XLA_FLAGS": "--xla_dump_to=x"}
    for _ in range(2):
        prefer_one_kernel(environment)
    first, second = environment["XLA_FLAGS"].split()
    assert first == "--xla_dump_to=x"
    assert second.startswith("--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=")


def test_a_file_of_options_is_kept() -> None:
    environment = {"XLA_FLAGS": "options.txt"}
    prefer_one_kernel(environment)
    assert environment == {"XLA_FLAGS": "options.txt"}
