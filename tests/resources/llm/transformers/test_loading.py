"""A model is named exactly, loaded safely, and what cannot be loaded is said in one line."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from resources.errors import EngineError, SettingError
from resources.llm.make import make_engine
from resources.llm.transformers.engine import TransformersEngine
from resources.llm.transformers.source import fingerprint
from resources.settings import REPOSITORY_ROOT, Settings
from tests.resources.llm.transformers.asking import make_requests
from tests.tiny_model import make_tiny_model, set_up_as_remote_code

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def in_a_fresh_process(code: str, **environment: str) -> str:
    import os

    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def first(settings: Settings) -> str:
    """The error of the first use of a model that cannot be loaded."""
    engine = make_engine(settings)
    with pytest.raises(EngineError) as caught:
        list(engine.generate(make_requests(1)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_naming_an_engine_imports_no_torch(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    code = (
        "import sys; from resources.llm import base, make; "
        "from resources.settings import load_settings; "
        f"given = {{'summariser': 'transformers', 'model': {str(tmp_path)!r}}}; "
        "s = load_settings({}, overrides=given); "
        "print(sorted(make.make_engine(s).version_inputs())[0]); "
        "heavy = {'torch', 'transformers', 'torchvision', 'openai', 'surya', 'dagster', 'polars'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert in_a_fresh_process(code).splitlines() == ["assistant", "[]"]


@pytest.mark.parametrize(
    ("model", "revision", "says"),
    [
        (None, None, "set QUIRE_MODEL"),
        ("./nowhere", None, "there is no folder"),
        ("some/model", None, "QUIRE_MODEL_REVISION"),
        ("some/model", "main", "40 hex digits"),
        ("some model", COMMIT, "there is no folder"),
    ],
)
def test_a_model_that_is_not_pinned_is_an_error(
    settings: Settings, model: str | None, revision: str | None, says: str
) -> None:
    asked = replace(settings, summariser="transformers", model=model, model_revision=revision)
    with pytest.raises(SettingError, match=says):
        make_engine(asked)


def test_a_folder_without_a_model_is_an_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no config\.json"):
        make_engine(replace(settings, summariser="transformers", model=str(tmp_path)))


def test_a_pinned_model_has_a_version_without_being_there(settings: Settings) -> None:
    asked = replace(
        settings,
        summariser="transformers",
        model="some/model",
        model_revision=COMMIT,
        assistant_model=f"some/small@{COMMIT}",
    )
    inputs = make_engine(asked).version_inputs()
    assert inputs["model"] == f"some/model@{COMMIT}"
    assert inputs["assistant"] == f"some/small@{COMMIT}"
    with pytest.raises(SettingError, match="some/small@"):
        make_engine(replace(asked, assistant_model="some/small"))


def test_what_changes_the_text_changes_the_version(settings: Settings, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(bytes(300_000))
    before = fingerprint(tmp_path)
    (tmp_path / "README.txt~").write_text("nothing to do with it")
    assert fingerprint(tmp_path) == before
    changed = bytearray(300_000)
    changed[150_100] = 1  # trained on: the same sizes, other values throughout
    weights.write_bytes(changed)
    trained = fingerprint(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"a": 1}')
    assert len({before, trained, fingerprint(tmp_path)}) == 3


def test_a_missing_package_says_how_to_get_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}")
    real = importlib.util.find_spec
    absent = {"torchao", "bitsandbytes", "transformers"}
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, package=None: None if name in absent else real(name, package),
    )
    asked = replace(settings, summariser="transformers", model=str(tmp_path))
    with pytest.raises(SettingError, match="pip install torchao"):
        make_engine(replace(asked, model_quantisation="int8"))
    with pytest.raises(SettingError, match="pip install bitsandbytes accelerate"):
        make_engine(replace(asked, model_quantisation="int4"))
    assert "pip install 'quire[models]'" in first(asked)


@pytest.mark.models
def test_a_broken_torchvision_stops_no_model(tiny_model: Path) -> None:
    """Where torchvision is whole or absent this shows only that a model loads."""
    code = (
        "from resources.llm.torchvision_guard import guard_torchvision, import_transformers\n"
        "usable = guard_torchvision()\n"
        "assert guard_torchvision() is usable\n"
        f"m = import_transformers().AutoModelForCausalLM.from_pretrained({str(tiny_model)!r})\n"
        "print(type(m).__name__)"
    )
    assert in_a_fresh_process(code) == "Qwen3ForCausalLM"


@pytest.mark.models
def test_a_torchvision_that_cannot_be_imported_counts_as_absent(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "part.py").write_text("")
    (package / "__init__.py").write_text(
        "from torchvision import part\nraise RuntimeError('operator torchvision::nms')"
    )
    code = (
        "import sys, importlib.util\n"
        "from resources.llm.torchvision_guard import guard_torchvision\n"
        "print(guard_torchvision(), importlib.util.find_spec('torchvision'), "
        "[n for n in sys.modules if n.startswith('torchvision.')])"
    )
    assert in_a_fresh_process(code, PYTHONPATH=str(tmp_path)) == "False None []"


@pytest.mark.models
def test_code_of_a_model_is_never_run(tiny: Settings, tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "own"))
    set_up_as_remote_code(folder)
    assert "choose a model" in first(replace(tiny, model=str(folder)))


@pytest.mark.models
def test_only_safetensors_are_loaded(tiny: Settings, tiny_model: Path, tmp_path: Path) -> None:
    import torch

    folder = Path(shutil.copytree(tiny_model, tmp_path / "pickled"))
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    assert "the only ones that Quire loads" in first(replace(tiny, model=str(folder)))


@pytest.mark.models
def test_a_broken_file_is_said_in_one_line(
    tiny: Settings, tiny_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "torn"))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5_000])
    assert str(folder) in first(replace(tiny, model=str(folder)))


@pytest.mark.models
def test_a_model_of_the_hub_without_a_network_says_the_mend(tmp_path: Path) -> None:
    code = (
        "from resources.llm.make import make_engine\n"
        "from resources.llm.base import Message\n"
        "from resources.errors import EngineError\n"
        "from resources.settings import load_settings\n"
        "s = load_settings({}, overrides={'summariser': 'transformers', 'model': 'some/model', "
        f"'model_revision': '{COMMIT}'}})\n"
        "try: make_engine(s).count_tokens([Message('user', 'x')])\n"
        "except EngineError as error: print(error)"
    )
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    said = in_a_fresh_process(code, **offline)
    assert len(said.splitlines()) == 1
    assert f"hf download some/model --revision {COMMIT}" in said


@pytest.mark.models
def test_the_window_is_the_smallest_that_is_said(tiny: Settings) -> None:
    assert TransformersEngine(tiny).context_tokens == 2_048
    assert TransformersEngine(replace(tiny, context_tokens=300)).context_tokens == 300
    assert TransformersEngine(replace(tiny, context_tokens=9_999)).context_tokens == 2_048


@pytest.mark.models
def test_sampling_that_a_model_suggests_is_not_done(
    tiny: Settings, tiny_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "sampling"))
    path = folder / "generation_config.json"
    suggested = {"do_sample": True, "temperature": 1.5, "repetition_penalty": 3.0}
    path.write_text(json.dumps(json.loads(path.read_text()) | suggested))
    requests = make_requests(4)

    def said(settings: Settings) -> list[tuple[str, str | None, int]]:
        found = TransformersEngine(settings).generate(requests)
        return sorted((c.key, c.text, c.output_tokens) for c in found)

    assert said(replace(tiny, model=str(folder))) == said(tiny)


@pytest.mark.models
def test_a_llama_works_as_a_qwen_does(tiny: Settings, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "llama", "llama")
    found = list(TransformersEngine(replace(tiny, model=str(folder))).generate(make_requests(6)))
    assert len({c.key for c in found}) == 6
    assert any(c.text for c in found)


@pytest.mark.models
def test_weights_of_eight_bits(tiny: Settings) -> None:
    pytest.importorskip("torchao", reason="no torchao: pip install torchao")
    from torchao.quantization import Int8Tensor

    engine = TransformersEngine(replace(tiny, model_quantisation="int8"))
    found = list(engine.generate(make_requests(6)))
    assert len({c.key for c in found}) == 6
    weight = engine._loaded.model.model.layers[0].mlp.gate_proj.weight
    assert isinstance(weight, Int8Tensor) or "Affine" in type(weight).__name__
    assert engine.version_inputs()["quantisation"].startswith("int8-torchao-")


@pytest.mark.models
def test_counting_loads_no_weights_and_closing_lets_go(tiny: Settings) -> None:
    engine = TransformersEngine(tiny)
    assert engine.count_tokens(make_requests(1)[0].messages) > 5
    assert "_loaded" not in vars(engine)
    assert len(list(engine.generate(make_requests(1)))) == 1
    assert "_loaded" in vars(engine)
    engine.close()
    assert "_loaded" not in vars(engine)
    assert len(list(engine.generate(make_requests(1)))) == 1


@pytest.mark.models
def test_an_assistant_of_another_vocabulary_is_an_error(
    tiny: Settings, tiny_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    (folder / "model.safetensors").unlink()
    from resources.llm.torchvision_guard import import_transformers

    transformers = import_transformers()
    config = transformers.AutoConfig.from_pretrained(folder)
    config.vocab_size = 500
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    engine = TransformersEngine(replace(tiny, assistant_model=str(folder)))
    with pytest.raises(EngineError, match="same family"):
        list(engine.generate(make_requests(1)))
