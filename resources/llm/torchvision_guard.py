"""A torchvision that cannot be imported counts as absent, so that transformers can be used.

Here: one check, to be made before the first import of transformers, and that import. Not here: any
model.

torchvision's wheel on PyPI is built for CUDA. Beside a CPU build of torch it imports as far as
registering its operators and fails ("operator torchvision::nms does not exist"). transformers asks
only whether the package is there, imports it for every model class, and then no model loads, text
models neither. surya-ocr requires torchvision, so `pip install 'quire[models]'` ends like this on
every machine that has the CPU build. Only image processors of some vision models miss it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, TypeAlias

from resources.errors import EngineError

_NAME = "torchvision"

Package: TypeAlias = Any
"""The module transformers, which is not there when types are checked."""


def guard_torchvision() -> bool:
    """Whether torchvision can be used; from now on a broken one counts as not installed.

    Cheap when it was called before. Imports torch where torchvision is installed.
    """
    if _NAME in sys.modules:
        return sys.modules[_NAME] is not None
    if importlib.util.find_spec(_NAME) is None:
        return False
    try:
        importlib.import_module(_NAME)
    except (ImportError, RuntimeError, OSError):  # OSError: a library of CUDA is missing
        for name in [name for name in sys.modules if name.partition(".")[0] == _NAME]:
            del sys.modules[name]
        # None makes `import` raise ModuleNotFoundError and `find_spec` give None.
        sys.modules[_NAME] = None  # type: ignore[assignment]
        return False
    return True


def import_transformers() -> Package:
    """The transformers package, safely imported, its progress bars and chatter off.

    Raises:
        EngineError: It or torch is not installed.
    """
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineError(
            f"{' and '.join(missing)} not installed: run `pip install 'quire[models]'`, "
            "or set QUIRE_SUMMARISER=extractive"
        )
    guard_torchvision()
    package: Package = importlib.import_module("transformers")
    package.utils.logging.set_verbosity_error()
    package.utils.logging.disable_progress_bar()
    return package
