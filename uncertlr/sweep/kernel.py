"""The end of a notebook's kernel."""

import asyncio

from jupyter_client.manager import AsyncKernelManager

PATIENCE = 1.0
"""Seconds in which an idle kernel ends by itself."""


class QuietKernelManager(AsyncKernelManager):
    """Asks a kernel to end before it interrupts it.

    Jupyter's own manager interrupts first. That stops a cell that is still running, but a kernel that has just sent its last
    reply reports the interrupt as an error.
    """

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:  # type: ignore[override]
        """End the kernel; one that is busy is interrupted, and killed where that does not help.

        Args:
            now: kill it at once.
            restart: whether it will be started again.
        """
        if self.has_kernel and not (now or restart):
            self.shutting_down = True
            self.stop_restarter()
            await self.request_shutdown()
            await self._ended()
        await super().shutdown_kernel(now=now, restart=restart)

    async def _ended(self) -> None:
        """Wait until the process has ended, `PATIENCE` seconds at most."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while await self.is_alive() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
