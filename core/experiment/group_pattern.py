"""The `groups` of a configuration: a CSV file, or a pattern of the file names of images that belong together.

A pattern is a regular expression with one capture group, whose text is the name of the image's group. It is matched by
RE2 in linear time, so that no pattern can keep the dashboard busy, as one of Python's own expressions could.
"""

import re2

_MAX_LENGTH = 4_096
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def is_csv(groups: str) -> bool:
    """Whether `groups` is the path of a CSV file and not a pattern."""
    return groups.lower().endswith(".csv")


def check_groups(groups: object) -> None:
    """Raise `ValueError` unless this is "" (no groups), the path of a CSV file or a valid pattern."""
    if not isinstance(groups, str) or "\0" in groups or len(groups) > _MAX_LENGTH:
        raise ValueError(f"Expected groups to be a pattern or a CSV file; received {str(groups)[:80]!r}.")
    if groups and not is_csv(groups):
        _compile(groups)


def group_name(pattern: str, path: str) -> str:
    """Return what the pattern captures in the path; "" if it does not match. Raises `ValueError` for a bad pattern."""
    match = _compile(pattern).search(path)
    return (match.group(1) or "") if match else ""


def _compile(pattern: str) -> "re2._Regexp":
    """Compile a pattern; RE2 caches the newest ones."""
    try:
        compiled = re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        raise _invalid(pattern, f"which is no regular expression ({_reason(error)})") from error
    if compiled.groups != 1:
        raise _invalid(pattern, f"which has {compiled.groups} capture groups")
    return compiled


def _invalid(pattern: str, reason: str) -> ValueError:
    return ValueError(
        rf"Expected groups to be a CSV file or a regular expression with one capture group, such as (.+)_\d+; "
        f"received '{pattern[:80]}', {reason}. Put brackets around the part of the name that a group's images share."
    )


def _reason(error: Exception) -> str:
    reason = error.args[0] if isinstance(error, re2.error) else "not valid text"
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
