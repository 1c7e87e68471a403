# SPDX-License-Identifier: Apache-2.0
"""As much of PromQL as the checks of dashboards need: which series an expression selects, with which
matchers, over which range and in which function. Whether it is valid is for Prometheus to say."""

import re
import typing

KEYWORDS = {"and", "or", "unless", "offset", "bool", "inf", "nan", "atan2", "start", "end"}
GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')|(?P<number>\d[\w.]*)'
                   r"|(?P<name>[a-zA-Z_:][\w:]*)|(?P<other>\[[^\]]*\]|\$\{?\w+\}?|=~|!~|!=|==|>=|<=|.))", re.DOTALL)


class Selector(typing.NamedTuple):
    """One selection of series in an expression."""
    metric: str
    matchers: dict  # label: [(operator, value)]
    range: str      # "" of an instant vector
    function: str   # the function or aggregation that it stands in directly; "" for none


def tokens(expression):
    found = []
    for match in TOKEN.finditer(expression):
        if match.lastgroup:
            found.append((match.lastgroup, match[match.lastgroup]))
    return found


def skip_parentheses(parts, position):
    """The position behind the closing one of the parenthesis at `position`."""
    depth = 0
    while position < len(parts):
        depth += {"(": 1, ")": -1}.get(parts[position][1], 0)
        position += 1
        if not depth:
            break
    return position


def read_matchers(parts, position):
    """({label: [(operator, value)]}, the position behind the brace)."""
    matchers = {}
    position += 1
    while parts[position][1] != "}":
        if parts[position][1] == ",":
            position += 1
            continue
        label, operator, value = (parts[position + i][1] for i in range(3))
        matchers.setdefault(label, []).append((operator, value[1:-1]))
        position += 3
    return matchers, position + 1


def selectors(expression):
    """All selections of series, in their order; raises ValueError on what is no expression."""
    try:
        return read_selectors(tokens(expression))
    except (IndexError, TypeError):
        raise ValueError(f"not PromQL: {expression}") from None


def read_selectors(parts):
    found, functions, position = [], [], 0
    while position < len(parts):
        group, text = parts[position]
        following = parts[position + 1][1] if position + 1 < len(parts) else ""
        if group == "name" and text.lower() in GROUPING:
            position = skip_parentheses(parts, position + 1) if following == "(" else position + 1
        elif group == "name" and text.lower() in KEYWORDS:
            position += 1
        elif group == "name" and is_call(parts, position):
            while parts[position][1] != "(":  # sum by (label) (...)
                position += 1
                if parts[position][1] == "(" and parts[position - 1][1].lower() in GROUPING:
                    position = skip_parentheses(parts, position)
            functions.append(text)
            position += 1
        elif group == "name":
            matchers, position = read_matchers(parts, position + 1) if following == "{" else ({}, position + 1)
            behind = parts[position][1] if position < len(parts) else ""
            found.append(Selector(text, matchers, behind[1:-1] if behind[:1] == "[" else "",
                                  functions[-1] if functions else ""))
        else:
            if text == "(":
                functions.append("")
            elif text == ")":
                functions.pop()
            position += 1
    if functions:
        raise ValueError("parentheses that are not closed")
    return found


def is_call(parts, position):
    """Whether the name there is a function or an aggregation."""
    position += 1
    while position < len(parts) and parts[position][1].lower() in GROUPING:
        position = skip_parentheses(parts, position + 1)
    return position < len(parts) and parts[position][1] == "("
