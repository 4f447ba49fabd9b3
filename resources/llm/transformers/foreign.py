"""Names for what torch and transformers hand over; neither is there when types are checked.

Here: names alone. Not here: any of the things.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Model: TypeAlias = Any
"""A causal language model, `PreTrainedModel`."""
Tokenizer: TypeAlias = Any
"""`PreTrainedTokenizerBase`."""
Config: TypeAlias = Any
"""`PreTrainedConfig`."""
Manager: TypeAlias = Any
"""`ContinuousBatchingManager`."""
Tensor: TypeAlias = Any
"""`torch.Tensor`."""
Number: TypeAlias = Any
"""`torch.dtype`."""
