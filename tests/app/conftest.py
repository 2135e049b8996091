"""What every test of the services shares."""

import structlog


def pytest_configure() -> None:
    """Log lines without the rich traceback, which takes seconds to draw."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )
