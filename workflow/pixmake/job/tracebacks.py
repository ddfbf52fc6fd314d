"""The traceback that a log or a record keeps: from the user's own file on.

Standard library only: it runs in whatever Python environment a step names.
"""

from __future__ import annotations

import os
import traceback

_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


def user_traceback(error: BaseException) -> str:
    """The traceback from a user's own file on; the whole of it, if no such file had a part in it."""
    return user_frames(error) or "".join(traceback.format_exception(type(error), error, error.__traceback__))


def user_frames(error: BaseException) -> str:
    """The traceback from a user's own file on; none, if no such file had a part in it.

    What is above is the same for every failure.
    """
    shown = traceback.TracebackException.from_exception(error)
    own = [index for index, frame in enumerate(shown.stack) if not _is_ours(frame.filename)]
    if not own:
        return ""
    del shown.stack[: own[0]]
    return "".join(shown.format())


def _is_ours(file: str) -> bool:
    """Whether a frame is of pixmake's, or of what Python itself puts around it."""
    if file.startswith(("<frozen ", _STANDARD_LIBRARY)):
        return "site-packages" not in file
    return file.startswith(_PACKAGE)
