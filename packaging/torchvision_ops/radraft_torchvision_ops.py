"""Operator schemas that torchvision looks for at import.

PyPI's torchvision is a CUDA build. Beside a CPU build of torch its C extension cannot load, and
`import torchvision` fails with `operator torchvision::nms does not exist`. Nothing radraft does
calls these operators; torchvision only needs their schemas to exist. PyTorch calls `register` at
`import torch` in every process of the environment: it is an entry point of `torch.backends`.
"""

import ctypes
import importlib.util
from pathlib import Path

_library = None


def _extension_loads() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True
    for extension in Path(spec.origin).parent.glob("_C*.so"):
        try:
            ctypes.CDLL(str(extension))
        except OSError:
            continue
        return True
    return False


def register() -> None:
    """Define `nms` and `qnms` where torch has no CUDA and torchvision's extension cannot load."""
    global _library
    import torch

    if _library is not None or torch.version.cuda is not None or _extension_loads():
        return
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
