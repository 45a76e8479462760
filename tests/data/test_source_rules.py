import pytest

from textgen.data.source_rules import SourceRules
from textgen.errors import SettingError, UsageError


def test_rules_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match="format must be one of text"):
        SourceRules(format="word")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="normalize"):
        SourceRules(normalization="nfx")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="klingon"):
        SourceRules(encoding="klingon")
