"""An answer as a page: one file that needs no server, no network and no program but a browser."""

from clipvis_core.report.page import MOST_FRAMES, report_chunks, write_report

__all__ = ["MOST_FRAMES", "report_chunks", "write_report"]
