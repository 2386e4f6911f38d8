"""Where a run computes: one CPU, one GPU, or several processes, through Lightning Fabric."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from lightning_fabric.plugins.precision import Precision as FullPrecision

from qiangji_datasets.errors import InputRejected, UserError
from qiangji_training.config import Precision

T = TypeVar("T")


@dataclass(frozen=True)
class Launch:
    """How to start.

    Parameters
    ----------
    devices
        Processes on each machine: GPUs where there are any, else CPU processes (gloo).
    nodes
        Machines; each starts the same command, with torchrun's environment variables.
    precision
        ``None`` takes the configuration's.
    """

    devices: int = 1
    nodes: int = 1
    precision: Precision | None = None

    @property
    def world(self) -> int:
        """Processes altogether."""
        return self.devices * self.nodes


class _Autocast(MixedPrecision):  # type: ignore[misc]  # its module is not followed
    """Autocast alone: it lowers single operations, so that inputs stay in full precision."""

    def convert_input(self, data: Any) -> Any:  # Any: as in the class above
        return data


def start(launch: Launch, *, threads: int | None = None) -> Fabric:
    """Begin computing; with several devices this program is started again for each of them.

    Parameters
    ----------
    threads
        Threads of torch in each process; ``None`` leaves them as they are.

    Raises
    ------
    InputRejected
        Fewer than one process, or more GPUs than there are.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if launch.devices < 1 or launch.nodes < 1:
        raise InputRejected("train.devices", devices=launch.devices, nodes=launch.nodes)
    if device == "cuda" and launch.devices > torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise InputRejected("train.too_few_gpus", devices=launch.devices, found=found)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    is_lower = launch.precision is not Precision.FP32
    fabric = Fabric(
        accelerator=device,
        devices=launch.devices,
        num_nodes=launch.nodes,
        strategy="ddp" if launch.world > 1 else "auto",
        plugins=[_Autocast("bf16-mixed", device) if is_lower else FullPrecision()],
    )
    fabric.launch()
    if threads is not None:
        torch.set_num_threads(threads)
    return fabric


def stop(fabric: Fabric) -> None:
    """Leave the group of processes."""
    if fabric.world_size > 1 and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def described(fabric: Fabric) -> dict[str, int | str]:
    """What bits depend on besides the configuration: as many processes, of one kind, alike."""
    is_lower = isinstance(fabric.strategy.precision, MixedPrecision)
    return {
        "processes": fabric.world_size,
        "device": fabric.device.type,
        "threads": torch.get_num_threads(),
        "precision": (Precision.BF16 if is_lower else Precision.FP32).value,
        "torch": str(torch.__version__),
    }


def is_first() -> bool:
    """Whether this process is the one that speaks; true before anything was started."""
    return all(
        os.environ.get(name, "0") == "0" for name in ("NODE_RANK", "GROUP_RANK", "LOCAL_RANK")
    )


def decided_once(fabric: Fabric, decide: Callable[[], T]) -> T:
    """Let the first process decide for all; what it refuses is refused by all."""
    answer: T | UserError | None = None
    if fabric.is_global_zero:
        try:
            answer = decide()
        except UserError as error:
            answer = error
    answer = fabric.broadcast(answer)
    if isinstance(answer, UserError):
        raise answer
    return answer
