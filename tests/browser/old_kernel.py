"""A kernel as kernels were before subshells: a widget's words wait for the running cell."""

from __future__ import annotations

from typing import Any

from ipykernel.kernelapp import IPKernelApp


class OldKernelApp(IPKernelApp):
    """ipykernel without the thread that hands messages to subshells."""

    def init_control(self, context: Any) -> None:
        super().init_control(context)
        self.shell_channel_thread = None


if __name__ == "__main__":
    OldKernelApp.launch_instance()
