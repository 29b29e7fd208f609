"""Structured logs on stderr, each line with the request's id."""

import logging

import structlog

SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def renderer(form: str) -> structlog.typing.Processor:
    """Return what turns an event into a line: `json`, or `console` for people."""
    if form == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=False)


class NoProbes(logging.Filter):
    """Drops what Django says of a probe that was answered with 503: the answer itself says what is down."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        return getattr(getattr(record, "request", None), "path", "") != "/readyz"


def configuration(level: str, form: str) -> dict[str, object]:
    """Return the standard library's logging configuration."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processor": renderer(form),
                "foreign_pre_chain": SHARED,
            }
        },
        "filters": {"no probes": {"()": NoProbes}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "django.request": {"handlers": ["stderr"], "level": "ERROR", "propagate": False, "filters": ["no probes"]},
            "axes": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
        },
    }


def configure() -> None:
    """Make structlog write through the standard library."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=True,
    )
